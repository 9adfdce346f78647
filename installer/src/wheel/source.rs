//! From an archive to a checked list of files.

use std::str::FromStr;

use resolver::name::PackageName;
use resolver::version::Version;
use rustc_hash::{FxHashMap, FxHashSet};

use super::archive::{Archive, ArchiveError, Member};
use super::inflate::Inflaters;
use super::input::Input;
use super::manifest::Scheme;
use super::record::{RecordEntry, parse_rows};
use super::{EntryPoint, WheelError, headers, is_reserved, parse_entry_points};

const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;

/// A wheel that passed all checks that need no more than its tables and its `.dist-info`.
pub(super) struct Source<'a> {
    pub(super) archive: Archive<'a>,
    pub(super) file: String,
    pub(super) distribution: String,
    pub(super) name: PackageName,
    pub(super) version: Version,
    pub(super) dist_info: String,
    pub(super) root: Scheme,
    pub(super) entry_points: Vec<EntryPoint>,
    pub(super) record_issues: Vec<String>,
    pub(super) skipped: Vec<String>,
    pub(super) placed: Vec<Placed>,
}

/// A member and where it goes.
pub(super) struct Placed {
    /// Its index among the archive's members.
    member: usize,
    pub(super) scheme: Scheme,
    pub(super) path: String,
    pub(super) executable: bool,
    /// What RECORD says about its content.
    pub(super) recorded: Option<RecordEntry>,
}

impl<'a> Source<'a> {
    /// Reads and checks a wheel. `file` is its file name, which tells name and version.
    pub(super) fn open(
        file: &str,
        archive: Input<'a>,
        inflaters: &'a Inflaters,
    ) -> Result<Self, WheelError> {
        let archive =
            Archive::open(archive, inflaters).map_err(|error| archive_error(file, error))?;
        let checker = Checker {
            file,
            archive: &archive,
        };
        let (distribution, version) = checker.file_name()?;
        let dist_info = checker.dist_info(&distribution)?;
        let version = checker.metadata(&dist_info, &distribution, &version)?;
        let root = checker.wheel(&dist_info)?;
        let entry_points = checker.entry_points(&dist_info)?;
        let record = checker.record(&dist_info)?;
        let data = checker.data_folder(&distribution, &dist_info);
        let mut issues = Vec::new();
        let mut skipped = Vec::new();
        let placed = checker.place(&dist_info, &data, root, record, &mut issues, &mut skipped)?;
        checker.refuse_collisions(&placed)?;
        Ok(Self {
            file: file.to_owned(),
            name: PackageName::new(&distribution),
            distribution,
            version,
            dist_info,
            root,
            entry_points,
            record_issues: issues,
            skipped,
            placed,
            archive,
        })
    }

    /// The member of the archive that becomes this file.
    pub(super) fn member(&self, placed: &Placed) -> &Member {
        &self.archive.members[placed.member]
    }
}

pub(super) fn archive_error(file: &str, error: ArchiveError) -> WheelError {
    let file = file.to_owned();
    match error.member {
        Some(member) => WheelError::Member {
            file,
            member,
            reason: error.reason,
        },
        None => WheelError::Archive {
            file,
            reason: error.reason,
        },
    }
}

struct Checker<'a> {
    file: &'a str,
    archive: &'a Archive<'a>,
}

impl Checker<'_> {
    fn invalid(&self, reason: impl Into<String>) -> WheelError {
        WheelError::Invalid {
            file: self.file.to_owned(),
            reason: reason.into(),
        }
    }

    fn bad_member(&self, member: &str, reason: impl Into<String>) -> WheelError {
        WheelError::Member {
            file: self.file.to_owned(),
            member: member.to_owned(),
            reason: reason.into(),
        }
    }

    /// Distribution and version as the file name writes them.
    fn file_name(&self) -> Result<(String, String), WheelError> {
        let stem = self.file.strip_suffix(".whl");
        let parts: Vec<&str> = stem
            .map(|stem| stem.split('-').collect())
            .unwrap_or_default();
        if !(parts.len() == 5 || parts.len() == 6) || parts.iter().any(|part| part.is_empty()) {
            return Err(self.invalid("its file name is not that of a wheel"));
        }
        Ok((parts[0].to_owned(), parts[1].to_owned()))
    }

    /// The one `.dist-info` folder, which must belong to the distribution.
    fn dist_info(&self, distribution: &str) -> Result<String, WheelError> {
        let mut found: Vec<&str> = self
            .archive
            .members
            .iter()
            .filter_map(|member| member.name.split_once('/').map(|(top, _)| top))
            .filter(|top| top.ends_with(".dist-info"))
            .collect();
        found.sort_unstable();
        found.dedup();
        let [dist_info] = found[..] else {
            return Err(self.invalid(format!(
                "it has {} .dist-info folders in place of one",
                found.len()
            )));
        };
        let stem = dist_info.strip_suffix(".dist-info").unwrap_or(dist_info);
        let (name, _) = stem.rsplit_once('-').unwrap_or((stem, ""));
        if PackageName::new(name) != PackageName::new(distribution) {
            return Err(self.invalid(format!("`{dist_info}` belongs to another project")));
        }
        Ok(dist_info.to_owned())
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, WheelError> {
        let Some(member) = self
            .archive
            .members
            .iter()
            .find(|member| member.name == path)
        else {
            return Ok(None);
        };
        let bytes = self
            .archive
            .bytes(member)
            .map_err(|error| archive_error(self.file, error))?;
        Ok(Some(bytes))
    }

    fn read_required(&self, path: &str) -> Result<Vec<u8>, WheelError> {
        self.read(path)?
            .ok_or_else(|| self.invalid(format!("it has no `{path}`")))
    }

    /// Checks that METADATA tells the same name and version as the file name; returns the version as METADATA writes
    /// it.
    fn metadata(&self, dist_info: &str, name: &str, version: &str) -> Result<Version, WheelError> {
        let text = self.read_required(&format!("{dist_info}/METADATA"))?;
        let field = |field: &str| {
            headers::first(&text, field)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| self.invalid(format!("its METADATA has no {field}")))
        };
        let (found_name, found_version) = (field("Name")?, field("Version")?);
        if PackageName::new(&found_name) != PackageName::new(name) {
            return Err(self.invalid(format!("its METADATA names `{found_name}`")));
        }
        let unreadable = headers::all(&text, "Requires-Dist").find(|line| !names_a_project(line));
        if let Some(line) = unreadable {
            return Err(self.invalid(format!(
                "its METADATA has `{line}` as a requirement, which is none"
            )));
        }
        let parse =
            |text: &str| Version::from_str(text).map_err(|error| self.invalid(error.to_string()));
        let found = parse(&found_version)?;
        if found != parse(&version.replace('_', "-"))? {
            return Err(self.invalid(format!("its METADATA has version `{found_version}`")));
        }
        Ok(found)
    }

    /// Reads WHEEL: is the format known, and where does the root go?
    fn wheel(&self, dist_info: &str) -> Result<Scheme, WheelError> {
        let text = self.read_required(&format!("{dist_info}/WHEEL"))?;
        let version = headers::first(&text, "Wheel-Version").unwrap_or_default();
        if !version.starts_with("1.") {
            return Err(self.invalid(format!(
                "Incompatible Wheel-Version {version}, only support version 1.x wheels."
            )));
        }
        let pure = headers::first(&text, "Root-Is-Purelib").is_some_and(|value| value == "true");
        Ok(if pure {
            Scheme::Purelib
        } else {
            Scheme::Platlib
        })
    }

    fn entry_points(&self, dist_info: &str) -> Result<Vec<EntryPoint>, WheelError> {
        let Some(bytes) = self.read(&format!("{dist_info}/entry_points.txt"))? else {
            return Ok(Vec::new());
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| self.invalid("its entry_points.txt is not UTF-8"))?;
        let scripts = parse_entry_points(&text).map_err(|source| WheelError::EntryPoints {
            file: self.file.to_owned(),
            source,
        })?;
        for script in &scripts {
            let reason = if !is_plain_component(&script.name) {
                "is no plain file name"
            } else if is_reserved(&script.name) {
                "would replace a file of the environment itself"
            } else {
                continue;
            };
            return Err(self.invalid(format!("its entry point `{}` {reason}", script.name)));
        }
        Ok(scripts)
    }

    /// RECORD by path.
    fn record(&self, dist_info: &str) -> Result<FxHashMap<String, [String; 3]>, WheelError> {
        let bytes = self.read_required(&format!("{dist_info}/RECORD"))?;
        let text = String::from_utf8(bytes).map_err(|_| self.invalid("its RECORD is not UTF-8"))?;
        let rows = parse_rows(&text).map_err(|source| WheelError::Record {
            file: self.file.to_owned(),
            source,
        })?;
        Ok(rows.into_iter().map(|row| (row[0].clone(), row)).collect())
    }

    /// The `.data` folder: named like the file name says, or like `.dist-info` if only that one is there.
    fn data_folder(&self, distribution: &str, dist_info: &str) -> String {
        let version = self.file.split('-').nth(1).unwrap_or_default();
        let by_file = format!("{distribution}-{version}.data");
        let by_dist_info = dist_info.replace(".dist-info", ".data");
        let has = |folder: &str| {
            self.archive.members.iter().any(|member| {
                member
                    .name
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
            })
        };
        if !has(&by_file) && has(&by_dist_info) {
            by_dist_info
        } else {
            by_file
        }
    }

    /// Decides for each member whether and where it is installed, and compares it with RECORD as far as names go.
    fn place(
        &self,
        dist_info: &str,
        data: &str,
        root: Scheme,
        mut record: FxHashMap<String, [String; 3]>,
        issues: &mut Vec<String>,
        skipped: &mut Vec<String>,
    ) -> Result<Vec<Placed>, WheelError> {
        let mut placed = Vec::with_capacity(self.archive.members.len());
        for (index, member) in self.archive.members.iter().enumerate() {
            let executable = self.check_member(member)?;
            if member.is_directory() {
                continue;
            }
            let row = record.remove(&member.name);
            let in_dist_info = member
                .name
                .strip_prefix(dist_info)
                .and_then(|rest| rest.strip_prefix('/'));
            let recorded = self.compare(member, row, in_dist_info, issues)?;
            // RECORD is written anew; a direct_url.json in a wheel would tell lies about where it came from.
            if matches!(in_dist_info, Some("RECORD" | "direct_url.json")) {
                continue;
            }
            if member
                .name
                .split('/')
                .rev()
                .skip(1)
                .any(|part| part == "__pycache__")
            {
                skipped.push(member.name.clone());
                continue;
            }
            let (scheme, path) = self.destination(member, data, root)?;
            placed.push(Placed {
                member: index,
                scheme,
                path,
                // Unlike Poetry, which leaves a script alone that some build tool stored without its bit.
                executable: executable || scheme == Scheme::Scripts,
                recorded,
            });
        }
        Ok(placed)
    }

    /// Refuses names that could leave the target folder or mean different things to different systems, and anything
    /// that is not a plain file or folder. Says whether a file is executable.
    fn check_member(&self, member: &Member) -> Result<bool, WheelError> {
        let name = member.name.strip_suffix('/').unwrap_or(&member.name);
        if !name.split('/').all(is_plain_component) {
            return Err(
                self.bad_member(&member.name, "has a name that is not a plain relative path")
            );
        }
        match member.mode & S_IFMT {
            0 => Ok(false),
            S_IFREG => Ok(member.mode & 0o111 != 0),
            _ if member.is_directory() => Ok(false),
            _ => Err(self.bad_member(&member.name, "is neither a file nor a folder")),
        }
    }

    /// The sentences that Poetry's wheel library has about a member and its row.
    fn compare(
        &self,
        member: &Member,
        row: Option<[String; 3]>,
        in_dist_info: Option<&str>,
        issues: &mut Vec<String>,
    ) -> Result<Option<RecordEntry>, WheelError> {
        let (file, name) = (self.file, &member.name);
        let signature = in_dist_info
            .and_then(|path| path.rsplit('/').next())
            .is_some_and(|last| matches!(last, "RECORD.p7s" | "RECORD.jws"));
        if signature {
            if row.is_some() {
                issues.push(format!(
                    "In {file}, digital signature file {name} is incorrectly contained in RECORD."
                ));
            }
            return Ok(None);
        }
        let Some([path, hash, size]) = row else {
            issues.push(format!("In {file}, {name} is not mentioned in RECORD"));
            return Ok(None);
        };
        let entry = RecordEntry::from_fields(&path, &hash, &size).map_err(|reason| {
            self.bad_member(name, format!("has an invalid row in RECORD: {reason}"))
        })?;
        if in_dist_info == Some("RECORD") {
            if entry.hash.is_some() || entry.size.is_some() {
                issues.push(format!(
                    "In {file}, RECORD file incorrectly contains hash / size."
                ));
            }
        } else if entry.hash.is_none() || entry.size.is_none() {
            issues.push(format!(
                "In {file}, hash / size of {name} is not included in RECORD"
            ));
        }
        Ok(Some(entry))
    }

    fn destination(
        &self,
        member: &Member,
        data: &str,
        root: Scheme,
    ) -> Result<(Scheme, String), WheelError> {
        let name = member.name.as_str();
        let Some(inside) = name
            .strip_prefix(data)
            .and_then(|rest| rest.strip_prefix('/'))
        else {
            return Ok((root, name.to_owned()));
        };
        let (scheme, path) = inside
            .split_once('/')
            .and_then(|(scheme, path)| Some((Scheme::from_name(scheme)?, path)))
            .ok_or_else(|| {
                self.bad_member(name, "is not contained in a valid .data subdirectory")
            })?;
        let reserved = match scheme {
            Scheme::Scripts => is_reserved(path.split('/').next().unwrap_or(path)),
            Scheme::Data => reserved_in_environment(path),
            Scheme::Purelib | Scheme::Platlib | Scheme::Headers => false,
        };
        if reserved {
            return Err(self.bad_member(name, "would replace a file of the environment itself"));
        }
        Ok((scheme, path.to_owned()))
    }

    /// No two files at one place, and no file where another one needs a folder.
    fn refuse_collisions(&self, placed: &[Placed]) -> Result<(), WheelError> {
        let shared = |scheme: Scheme| match scheme {
            Scheme::Platlib => Scheme::Purelib,
            other => other,
        };
        let files: FxHashSet<(Scheme, &str)> = placed
            .iter()
            .map(|file| (shared(file.scheme), file.path.as_str()))
            .collect();
        if files.len() != placed.len() {
            return Err(self.invalid("it puts two files into the same place"));
        }
        for file in placed {
            let folders = file.path.match_indices('/').map(|(at, _)| &file.path[..at]);
            for folder in folders {
                if files.contains(&(shared(file.scheme), folder)) {
                    return Err(self.bad_member(
                        &self.archive.members[file.member].name,
                        format!("needs a folder where the wheel has the file `{folder}`"),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// One name of a path: not empty, not `.` or `..`, no separators of any system, no drive, no control characters, not
/// longer than file systems allow.
fn is_plain_component(name: &str) -> bool {
    let is_drive = matches!(name.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic());
    !matches!(name, "" | "." | "..")
        && name.len() <= 255
        && !is_drive
        && !name.contains(['/', '\\', '\0'])
        && !name.chars().any(char::is_control)
}

/// Does a requirement begin with the name of a project? One that does not can't be read by anybody. What comes after
/// the name is left to those who resolve it: many old packages have small faults there.
fn names_a_project(requirement: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let rest = requirement.trim_start_matches(is_name);
    requirement.starts_with(|c: char| c.is_ascii_alphanumeric())
        && (rest.is_empty()
            || rest.starts_with(|c: char| c.is_whitespace() || "[(<>=!~;@".contains(c)))
}

/// May `.data/data` not write here? It starts at the environment's root, where the interpreter and its configuration
/// are.
fn reserved_in_environment(path: &str) -> bool {
    let lower = path.to_lowercase();
    match lower.split_once('/') {
        None => {
            matches!(
                lower.as_str(),
                "pyvenv.cfg" | "bin" | "scripts" | "lib" | "lib64"
            ) || lower.starts_with(".mpoetry")
        }
        Some(("bin" | "scripts", rest)) => is_reserved(rest.split('/').next().unwrap_or(rest)),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_plain_component, reserved_in_environment};

    #[test]
    fn components_that_mean_more_than_a_name_are_refused() {
        for bad in ["", ".", "..", "a\\b", "C:", "a\0b", "a\nb"] {
            assert!(!is_plain_component(bad), "{bad:?}");
        }
        assert!(!is_plain_component(&"n".repeat(256)));
        for good in [
            "a",
            "...",
            ".hidden",
            "a,\"b\".txt",
            "déjà",
            "a:b",
            "aux.py",
        ] {
            assert!(is_plain_component(good), "{good:?}");
        }
    }

    #[test]
    fn the_environments_own_files_are_reserved() {
        for bad in [
            "pyvenv.cfg",
            "PyVenv.cfg",
            "bin/python",
            "bin/activate",
            "Scripts/python.exe",
            "bin",
        ] {
            assert!(reserved_in_environment(bad), "{bad}");
        }
        for good in ["bin/tool", "share/doc/x", "etc/jupyter/a.json", "lib/x.so"] {
            assert!(!reserved_in_environment(good), "{good}");
        }
    }
}
