//! Pythons that stand alone: which builds there are, and how one is installed.
//!
//! They are those of python-build-standalone and of PyPy. Which there are, where they lie and what their SHA-256 is
//! comes with the program, in `builds.tsv`, so that nobody has to be asked and nobody has to be trusted. A build is
//! unpacked beside its place and gets there in one step; a run that is killed leaves none that could be taken for whole.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use resolver::cache::Cache;
use resolver::constraint::Constraint;
use resolver::dist::Hash;
use resolver::index::{Index, IndexError, unpack_installation};
use resolver::version::Version;

use super::{Interpreter, PythonError};
use crate::swap::exchange;

/// The builds that come with the program: implementation, version, system, architecture, file, SHA-256. The newest
/// first; of one version for one machine there is one build. Those whose SHA-256 nobody has published come last.
const BUILDS: &str = include_str!("builds.tsv");
const CPYTHON_URL: &str = "https://github.com/astral-sh/python-build-standalone/releases/download";
const PYPY_URL: &str = "https://downloads.python.org/pypy";
/// Poetry: the oldest version that there is without the global lock.
const FIRST_FREE_THREADED: &str = "3.13.0";

/// In the place of a SHA-256: it is not known.
const UNKNOWN: &str = "-";

/// All builds for this machine.
#[derive(Clone, Debug, Default)]
pub struct Builds {
    /// The newest first.
    known: Vec<Build>,
    /// Those that could not be checked, and so are not offered.
    unchecked: Vec<Build>,
}

/// A Python that can be installed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Build {
    /// `cpython` or `pypy`.
    pub implementation: String,
    /// X.Y.Z
    pub version: Version,
    /// Is it one without the global lock?
    pub is_free_threaded: bool,
    /// Its path below the address of its project.
    file: String,
    sha256: String,
}

/// A Python that is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The version as it was written, without `t` at its end.
    pub text: String,
    /// The same.
    pub version: Version,
    /// `cpython` or `pypy`, or what else was written.
    pub implementation: String,
    /// Must it be one without the global lock?
    pub is_free_threaded: bool,
}

/// Why a Python can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StandaloneError {
    /// What was asked for is no version.
    #[error("Invalid Python version requested {0}")]
    Version(String),
    /// There is no build without the global lock of so old a version.
    #[error("Free threading is not supported for Python versions prior to {FIRST_FREE_THREADED}.")]
    NotFreeThreaded,
    /// There is no build of it for this machine.
    #[error("No suitable standalone build found for the requested Python version.")]
    NoBuild,
    /// There is one, but nothing to check it against.
    #[error("No suitable standalone build found for the requested Python version.")]
    Unchecked {
        /// The version that there is.
        version: Version,
        /// Another patch of it that can be had.
        instead: Option<Version>,
    },
    /// The list of builds is not what it should be.
    #[error("`{}`, line {line}, tells of no build of Python", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// It can't be fetched, is not what it should be, or can't be unpacked.
    #[error(transparent)]
    Fetch(#[from] IndexError),
    /// A file can't be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Request {
    /// Reads a version as users write it: `3.12`, `3.12.1`, `3.13t`.
    ///
    /// # Errors
    /// When it is none, or there can be no such Python.
    pub fn parse(
        text: &str,
        implementation: &str,
        is_free_threaded: bool,
    ) -> Result<Self, StandaloneError> {
        let (text, is_free_threaded) = match text.strip_suffix('t') {
            Some(version) => (version, true),
            None => (text, is_free_threaded),
        };
        let version = text
            .parse()
            .map_err(|_| StandaloneError::Version(text.to_owned()))?;
        Ok(Self {
            text: text.to_owned(),
            version,
            implementation: implementation.to_lowercase(),
            is_free_threaded,
        })
    }

    /// Poetry: the folder of a Python that is named in full.
    #[must_use]
    pub fn folder(&self) -> String {
        folder(&self.implementation, &self.version, self.is_free_threaded)
    }

    /// Is it named down to its patch?
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.numbers().is_some_and(|numbers| numbers.len() >= 3)
    }

    fn numbers(&self) -> Option<Vec<u64>> {
        let parts = self.text.split('.');
        parts.map(|part| part.parse().ok()).collect()
    }
}

impl Builds {
    /// Those that come with the program, or those of a list in the same form.
    ///
    /// # Errors
    /// When the list can't be read.
    pub fn read(list: Option<&Path>) -> Result<Self, StandaloneError> {
        let read = list.map(fs::read_to_string).transpose()?;
        let text = read.as_deref().unwrap_or(BUILDS);
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let builds = lines.filter_map(|(at, line)| match Build::parse(line) {
            Some(build) => build.map(Ok),
            None => Some(Err(StandaloneError::List {
                path: list.unwrap_or(Path::new("builds.tsv")).to_owned(),
                line: at + 1,
            })),
        });
        let builds = builds.collect::<Result<Vec<_>, _>>()?.into_iter();
        let (unchecked, known) = builds.partition(|build| build.sha256 == UNKNOWN);
        Ok(Self { known, unchecked })
    }

    /// Those with a version that is allowed, newest first.
    pub fn allowed_by(&self, constraint: &Constraint) -> impl Iterator<Item = &Build> {
        let builds = self.known.iter();
        builds.filter(|build| constraint.allows(&build.version))
    }

    /// The newest build that is meant.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, request: &Request) -> Result<&Build, StandaloneError> {
        let first: Version = FIRST_FREE_THREADED
            .parse()
            .unwrap_or_else(|_| request.version.clone());
        if request.is_free_threaded && request.version < first {
            return Err(StandaloneError::NotFreeThreaded);
        }
        let wanted = request.numbers().ok_or(StandaloneError::NoBuild)?;
        let is_meant = |build: &&Build| {
            let numbers = build.version.as_str().split('.');
            build.implementation == request.implementation
                && build.is_free_threaded == request.is_free_threaded
                && numbers
                    .zip(&wanted)
                    .all(|(have, want)| have.parse() == Ok(*want))
        };
        if let Some(build) = self.known.iter().find(is_meant) {
            return Ok(build);
        }
        let unchecked = self.unchecked.iter().find(is_meant);
        let unchecked = unchecked.ok_or(StandaloneError::NoBuild)?;
        let mut known = self.known.iter();
        let instead = known.find(|build| {
            build.implementation == unchecked.implementation
                && build.is_free_threaded == unchecked.is_free_threaded
                && minor(&build.version).eq(minor(&unchecked.version))
        });
        Err(StandaloneError::Unchecked {
            version: unchecked.version.clone(),
            instead: instead.map(|build| build.version.clone()),
        })
    }
}

impl Build {
    /// Reads a line of the list. `None`: it is not in the right form; `Some(None)`: it is for another machine.
    fn parse(line: &str) -> Option<Option<Self>> {
        let mut fields = line.split('\t');
        let mut field = || fields.next().filter(|field| !field.is_empty());
        let (implementation, version) = (field()?, field()?);
        let (system, architecture) = (field()?, field()?);
        let (file, sha256) = (field()?, field()?);
        let (number, is_free_threaded) = match version.strip_suffix('t') {
            Some(number) => (number, true),
            None => (version, false),
        };
        let version = number.parse().ok()?;
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash && sha256 != UNKNOWN {
            return None;
        }
        let is_here = (system, architecture) == (std::env::consts::OS, std::env::consts::ARCH);
        Some(is_here.then(|| Self {
            implementation: implementation.to_owned(),
            version,
            is_free_threaded,
            file: file.to_owned(),
            sha256: sha256.to_owned(),
        }))
    }

    /// Poetry: the name of its folder among the installed ones.
    #[must_use]
    pub fn folder(&self) -> String {
        folder(&self.implementation, &self.version, self.is_free_threaded)
    }

    /// Where it lies: in its project's place, or by its file name below `mirror`.
    #[must_use]
    pub fn url(&self, mirror: Option<&str>) -> String {
        if let Some(mirror) = mirror {
            return format!("{}/{}", mirror.trim_end_matches('/'), self.file_name());
        }
        let base = match self.implementation.as_str() {
            "pypy" => PYPY_URL,
            _ => CPYTHON_URL,
        };
        format!("{base}/{}", self.file.replace('+', "%2B"))
    }

    fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }

    /// Fetches it and puts it into its folder below `into`, in place of what is there. The result is the folder.
    ///
    /// # Errors
    /// When it can't be fetched, is not what it should be, or can't be unpacked there.
    pub async fn install(
        &self,
        mirror: Option<&str>,
        into: &Path,
        index: &Index,
    ) -> Result<PathBuf, StandaloneError> {
        let hash = Hash::sha256(&*self.sha256);
        let url = self.url(mirror);
        let archive = index
            .download(&url, self.file_name(), &[hash], &|_| {})
            .await?;
        let (into, place) = (into.to_owned(), into.join(self.folder()));
        let put = move || -> Result<PathBuf, StandaloneError> {
            fs::create_dir_all(&into)?;
            let staged = tempfile::Builder::new()
                .prefix(".installing-")
                .tempdir_in(&into)?;
            let unpacked = unpack_installation(&archive, staged.path())?;
            exchange(&unpacked, &place)?;
            Ok(place)
        };
        let done = tokio::task::spawn_blocking(put).await;
        done.map_err(io::Error::from)?
    }
}

/// The executable of the Python in an installed build's folder, if it is there.
#[must_use]
pub fn executable(folder: &Path) -> Option<PathBuf> {
    let programs = match cfg!(windows) {
        true => [folder.to_owned(), folder.join("install")],
        false => [folder.join("bin"), folder.join("install/bin")],
    };
    let names = ["python3", "python", "pypy3"];
    let suffix = std::env::consts::EXE_SUFFIX;
    programs
        .iter()
        .flat_map(|folder| names.map(|name| folder.join(format!("{name}{suffix}"))))
        .find(|path| path.is_file())
}

/// The Python of an installed build's folder; `None` if there is nothing.
///
/// # Errors
/// When it does not run.
pub fn installed(folder: &Path, cache: &Cache) -> Result<Option<Interpreter>, PythonError> {
    if !folder.is_dir() {
        return Ok(None);
    }
    match executable(folder) {
        Some(executable) => Interpreter::query(&executable, cache).map(Some),
        None => Err(PythonError::NotPython {
            executable: folder.to_owned(),
            reason: "there is no executable in it".to_owned(),
        }),
    }
}

/// The first two numbers of a version.
fn minor(version: &Version) -> impl Iterator<Item = &str> {
    version.as_str().split('.').take(2)
}

fn folder(implementation: &str, version: &Version, is_free_threaded: bool) -> String {
    let threaded = if is_free_threaded { "t" } else { "" };
    format!("{implementation}@{version}{threaded}")
}

#[cfg(test)]
mod tests {
    use super::{BUILDS, Build, Builds, Request, StandaloneError};

    #[test]
    fn the_list_is_whole_and_the_newest_come_first() {
        let mut seen = std::collections::BTreeSet::new();
        for line in BUILDS.lines() {
            assert!(Build::parse(line).is_some(), "{line}");
            let what: Vec<&str> = line.split('\t').take(4).collect();
            assert!(seen.insert(what), "{line}");
            let file = line.split('\t').nth(4).unwrap();
            let endings = [".tar.gz", ".tar.bz2", ".tar.zst", ".zip"];
            let is_known = endings.iter().any(|ending| file.ends_with(ending));
            assert!(is_known, "{line}");
        }
        let builds = Builds::read(None).unwrap();
        for kind in ["cpython", "pypy"] {
            let of_kind = builds
                .known
                .iter()
                .filter(|build| build.implementation == kind);
            let versions: Vec<_> = of_kind.map(|build| &build.version).collect();
            assert!(versions.is_sorted_by(|a, b| a >= b), "{kind}");
        }
    }

    fn build(line: &str) -> Build {
        let here = format!("{}\t{}", std::env::consts::OS, std::env::consts::ARCH);
        let line = line.replace("HERE", &here).replace(' ', "\t") + "\t" + &"ab".repeat(32);
        Build::parse(&line).unwrap().unwrap()
    }

    #[test]
    fn builds_are_found_by_any_part_of_their_version() {
        let builds = Builds {
            known: [
                "cpython 3.14.0t HERE 1/a.tar.gz",
                "cpython 3.14.0 HERE 1/b.tar.gz",
                "cpython 3.13.2 HERE 1/c.tar.gz",
                "cpython 3.13.1 HERE 1/d.tar.gz",
                "pypy 3.13.5 HERE e.tar.gz",
            ]
            .map(build)
            .into(),
            unchecked: [
                "cpython 3.13.0 HERE 1/f.tar.gz",
                "cpython 3.7.4 HERE 1/g.tar.gz",
            ]
            .map(build)
            .into(),
        };
        let find = |text: &str, kind: &str, threaded: bool| {
            let request = Request::parse(text, kind, threaded)?;
            builds.find(&request).map(Build::folder)
        };
        for (text, kind, threaded, folder) in [
            ("3", "cpython", false, "cpython@3.14.0"),
            ("3.13", "CPython", false, "cpython@3.13.2"),
            ("3.13.1", "cpython", false, "cpython@3.13.1"),
            ("3.14t", "cpython", false, "cpython@3.14.0t"),
            ("3.14", "cpython", true, "cpython@3.14.0t"),
            ("3.13", "pypy", false, "pypy@3.13.5"),
        ] {
            assert_eq!(find(text, kind, threaded).unwrap(), folder);
        }
        for (text, kind) in [
            ("3.12", "cpython"),
            ("3.14rc1", "cpython"),
            ("v3.14", "cpython"),
            ("3.14", "jython"),
            ("3.13.1t", "cpython"),
        ] {
            let error = find(text, kind, false).unwrap_err();
            assert!(matches!(error, StandaloneError::NoBuild), "{text} {error}");
        }
        for (text, missing, other) in [("3.13.0", "3.13.0", Some("3.13.2")), ("3.7", "3.7.4", None)]
        {
            let error = find(text, "cpython", false).unwrap_err();
            let StandaloneError::Unchecked { version, instead } = error else {
                panic!("{text} {error}");
            };
            assert_eq!(version.as_str(), missing);
            assert_eq!(instead.as_ref().map(|version| version.as_str()), other);
        }
        let error = find("3.12t", "cpython", false).unwrap_err();
        assert!(matches!(error, StandaloneError::NotFreeThreaded));
        let error = find("three", "cpython", false).unwrap_err();
        assert!(matches!(error, StandaloneError::Version(_)));
    }

    #[test]
    fn addresses() {
        let cpython = build("cpython 3.13.2 HERE 20250317/cpython-3.13.2+20250317-x.tar.gz");
        assert_eq!(
            cpython.url(None),
            "https://github.com/astral-sh/python-build-standalone/releases/download/20250317/cpython-3.13.2%2B20250317-x.tar.gz"
        );
        assert_eq!(
            cpython.url(Some("http://mirror/py/")),
            "http://mirror/py/cpython-3.13.2+20250317-x.tar.gz"
        );
        let pypy = build("pypy 3.11.5 HERE pypy3.11-v8-linux64.tar.gz");
        assert_eq!(
            pypy.url(None),
            "https://downloads.python.org/pypy/pypy3.11-v8-linux64.tar.gz"
        );
    }

    #[test]
    fn a_list_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        std::fs::write(&list, "# mine\ncpython\t3.13.1\n").unwrap();
        let error = Builds::read(Some(&list)).unwrap_err().to_string();
        assert!(
            error.ends_with("list`, line 2, tells of no build of Python"),
            "{error}"
        );
        assert!(Builds::read(Some(&folder.path().join("none"))).is_err());
    }
}
