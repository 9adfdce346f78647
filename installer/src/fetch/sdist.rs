//! Unpacking source distributions.
//!
//! An archive from somewhere else may try to write outside of the folder it is unpacked to. The rules are those of
//! PEP 721's data filter and stricter where that costs no honest archive: no absolute names, no `..`, nothing but
//! files, folders and links, links only to things inside, nothing written through a link, no owners, no special bits.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use fs_err as fs;
use tar::EntryType;

/// More than this is no source code.
const LARGEST: u64 = 8 << 30;

/// Why an sdist can't be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SdistError {
    /// A member breaks a rule.
    #[error("member `{member}` of `{file}` {reason}")]
    Member {
        /// The archive.
        file: String,
        /// The member's name.
        member: String,
        /// The broken rule.
        reason: &'static str,
    },
    /// The archive can't be read.
    #[error("`{file}` can't be unpacked")]
    Archive {
        /// The archive.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is of a kind that is not known.
    #[error("`{file}` is neither a .tar.gz nor a .zip archive")]
    UnknownKind {
        /// The archive.
        file: String,
    },
}

/// Unpacks an archive into an empty folder. Returns the project's folder: the only one at the top, or the top.
pub(crate) fn unpack(archive: &Path, file: &str, target: &Path) -> Result<PathBuf, SdistError> {
    let unpacker = Unpacker {
        file,
        root: target,
        links: Vec::new(),
        written: 0,
    };
    let broken = |source| SdistError::Archive {
        file: file.to_owned(),
        source,
    };
    let input = fs::File::open(archive).map_err(broken)?;
    if file.ends_with(".tar.gz") || file.ends_with(".tgz") {
        unpacker.tar(MultiGzDecoder::new(io::BufReader::new(input)))?;
    } else if file.ends_with(".tar") {
        unpacker.tar(io::BufReader::new(input))?;
    } else if file.ends_with(".zip") {
        unpacker.zip(input)?;
    } else {
        return Err(SdistError::UnknownKind {
            file: file.to_owned(),
        });
    }
    project_folder(target).map_err(broken)
}

fn project_folder(target: &Path) -> io::Result<PathBuf> {
    let entries: Vec<_> = fs::read_dir(target)?.collect::<io::Result<_>>()?;
    match &entries[..] {
        [only] if only.file_type()?.is_dir() => Ok(only.path()),
        _ => Ok(target.to_owned()),
    }
}

struct Unpacker<'a> {
    file: &'a str,
    root: &'a Path,
    /// Symbolic links are made last, so that nothing can be written through them.
    links: Vec<(PathBuf, PathBuf)>,
    written: u64,
}

impl Unpacker<'_> {
    fn broken(&self, source: io::Error) -> SdistError {
        SdistError::Archive {
            file: self.file.to_owned(),
            source,
        }
    }

    fn refuse(&self, member: &Path, reason: &'static str) -> SdistError {
        SdistError::Member {
            file: self.file.to_owned(),
            member: member.display().to_string(),
            reason,
        }
    }

    fn tar(mut self, input: impl Read) -> Result<(), SdistError> {
        let mut archive = tar::Archive::new(input);
        let entries = archive.entries().map_err(|error| self.broken(error))?;
        for entry in entries {
            let mut entry = entry.map_err(|error| self.broken(error))?;
            self.tar_entry(&mut entry)?;
        }
        // To the end: the checksum of the compressed stream comes last.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| self.broken(error))?;
        self.make_links()
    }

    fn tar_entry(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), SdistError> {
        let name = entry
            .path()
            .map_err(|error| self.broken(error))?
            .into_owned();
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        let Some(path) = self.target(&name)? else {
            return Ok(());
        };
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
                self.write(&name, &path, entry, executable)
            }
            EntryType::Directory => fs::create_dir_all(&path).map_err(|error| self.broken(error)),
            EntryType::Symlink | EntryType::Link => {
                let link = entry.link_name().map_err(|error| self.broken(error))?;
                let link = link
                    .ok_or_else(|| self.refuse(&name, "is a link to nowhere"))?
                    .into_owned();
                if kind == EntryType::Link {
                    return self.hard_link(&name, &path, &link);
                }
                self.links.push((path, link));
                Ok(())
            }
            _ => Err(self.refuse(&name, "is neither a file nor a folder")),
        }
    }

    /// Where a member goes; `None` for the top itself.
    fn target(&self, name: &Path) -> Result<Option<PathBuf>, SdistError> {
        let mut path = self.root.to_owned();
        let mut is_top = true;
        for part in name.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(part) if !part.to_string_lossy().contains(['\\', '\0']) => {
                    path.push(part);
                    is_top = false;
                }
                _ => return Err(self.refuse(name, "has a name that is not a plain relative path")),
            }
        }
        if self
            .links
            .iter()
            .any(|(link, _)| path.starts_with(link) && &path != link)
        {
            return Err(self.refuse(name, "would be written through a link"));
        }
        Ok((!is_top).then_some(path))
    }

    fn write(
        &mut self,
        name: &Path,
        path: &Path,
        content: &mut impl Read,
        executable: bool,
    ) -> Result<(), SdistError> {
        // Of a member that is there twice the last one counts.
        self.links.retain(|(link, _)| link != path);
        let written = (|| {
            fs::create_dir_all(path.parent().unwrap_or(self.root))?;
            if path.symlink_metadata().is_ok() {
                fs::remove_file(path)?;
            }
            let mut file = crate::wheel::create_file(path, executable)?;
            io::copy(&mut content.take(LARGEST - self.written + 1), &mut file)
        })();
        self.written += written.map_err(|error| self.broken(error))?;
        if self.written > LARGEST {
            return Err(self.refuse(name, "makes the archive too large"));
        }
        Ok(())
    }

    /// A second name for a file that came before, made as a copy.
    fn hard_link(&mut self, name: &Path, path: &Path, link: &Path) -> Result<(), SdistError> {
        let outside = || self.refuse(name, "is a link to something outside");
        let source = self.target(link)?.ok_or_else(outside)?;
        let is_file = source
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            return Err(self.refuse(name, "is a link to no file of the archive"));
        }
        if source == path {
            return Ok(());
        }
        let mut content = fs::File::open(&source).map_err(|error| self.broken(error))?;
        let metadata = content.metadata().map_err(|error| self.broken(error))?;
        self.write(name, path, &mut content, is_executable(&metadata))
    }

    fn make_links(&self) -> Result<(), SdistError> {
        let root = fs::canonicalize(self.root).map_err(|error| self.broken(error))?;
        let name = |path: &'_ PathBuf| path.strip_prefix(self.root).unwrap_or(path).to_owned();
        for (path, link) in &self.links {
            if link.is_absolute() {
                return Err(self.refuse(&name(path), "is a link to something outside"));
            }
            symlink(link, path).map_err(|error| self.broken(error))?;
        }
        for (path, link) in &self.links {
            let name = name(path);
            let inside = match fs::canonicalize(path) {
                Ok(resolved) => resolved.starts_with(&root),
                // A link to nothing may stay, as long as its text does not lead out.
                Err(_) => !leads_out(&name, link),
            };
            if !inside {
                return Err(self.refuse(&name, "is a link to something outside"));
            }
        }
        Ok(())
    }

    fn zip(mut self, mut input: fs::File) -> Result<(), SdistError> {
        let mut bytes = Vec::new();
        input
            .read_to_end(&mut bytes)
            .map_err(|error| self.broken(error))?;
        crate::wheel::read_zip(&bytes, |name, mode, content| {
            let name = Path::new(name);
            match self.target(name) {
                Ok(Some(path)) => self.write(name, &path, &mut &content[..], mode & 0o111 != 0),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .map_err(|error| self.broken(io::Error::other(error)))??;
        Ok(())
    }
}

/// Does the text of a link, read without looking at the disk, climb above the top?
fn leads_out(name: &Path, link: &Path) -> bool {
    let mut depth = name.components().count().saturating_sub(1);
    for part in link.components() {
        match part {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    false
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    fs::create_dir_all(link.parent().unwrap_or(Path::new(".")))?;
    fs_err::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    let source = link.parent().unwrap_or(Path::new(".")).join(target);
    fs::copy(source, link).map(|_| ())
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::unpack;

    /// A tar.gz of members: kind, name, content or link target.
    fn archive(members: &[(char, &str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (kind, name, text) in members {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            // Written by hand: the library would refuse bad names.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            let content: &[u8] = match kind {
                'f' => text.as_bytes(),
                _ => {
                    header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
                    &[]
                }
            };
            header.set_entry_type(match kind {
                'f' => tar::EntryType::Regular,
                's' => tar::EntryType::Symlink,
                'h' => tar::EntryType::Link,
                'd' => tar::EntryType::Directory,
                _ => tar::EntryType::Fifo,
            });
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content).unwrap();
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&builder.into_inner().unwrap()).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Result<tempfile::TempDir, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.tar.gz"), bytes).unwrap();
        let target = folder.path().join("x/y/target");
        std::fs::create_dir_all(&target).unwrap();
        match unpack(&folder.path().join("a.tar.gz"), "a.tar.gz", &target) {
            Ok(project) => {
                assert_eq!(project, target.join("p-1"));
                Ok(folder)
            }
            Err(error) => {
                let outside = ["x/evil", "x/y/evil", "evil"].map(|name| folder.path().join(name));
                assert!(outside.iter().all(|path| !path.exists()));
                Err(error.to_string())
            }
        }
    }

    #[test]
    fn honest_archives_are_unpacked() {
        let folder = unpacked(&archive(&[
            ('d', "p-1/", ""),
            ('f', "./p-1/a.py", "old"),
            ('f', "p-1/a.py", "new"),
            ('h', "p-1/hard.py", "p-1/a.py"),
            ('s', "p-1/soft.py", "a.py"),
            ('s', "p-1/dangling", "nothing"),
            ('f', "p-1/sub/b.py", "b"),
        ]))
        .unwrap();
        let read = |name: &str| {
            std::fs::read_to_string(folder.path().join("x/y/target/p-1").join(name)).unwrap()
        };
        assert_eq!(
            [
                read("a.py"),
                read("hard.py"),
                read("soft.py"),
                read("sub/b.py")
            ],
            ["new", "new", "new", "b"]
        );
    }

    #[test]
    fn hostile_archives_are_refused() {
        let cases: [&[(char, &str, &str)]; 10] = [
            &[('f', "../evil", "x")],
            &[('f', "p-1/../../evil", "x")],
            &[('f', "/evil-absolute", "x")],
            &[('s', "p-1/l", "/etc/passwd")],
            &[('s', "p-1/l", "../../../evil")],
            &[('s', "p-1/l", "../.."), ('f', "p-1/l/evil", "x")],
            &[('h', "p-1/h", "/etc/passwd")],
            &[('h', "p-1/h", "p-1/missing")],
            &[('s', "p-1/l", "../.."), ('h', "p-1/h", "p-1/l/victim")],
            &[('p', "p-1/pipe", "")],
        ];
        for members in cases {
            assert!(unpacked(&archive(members)).is_err(), "{members:?}");
        }
    }

    #[test]
    fn a_wrong_checksum_at_the_end_is_seen() {
        let mut bytes = archive(&[('f', "p-1/a.py", "x")]);
        let at = bytes.len() - 8;
        bytes[at] ^= 1;
        assert!(unpacked(&bytes).is_err());
        assert!(!Path::new("/evil-absolute").exists());
    }
}
