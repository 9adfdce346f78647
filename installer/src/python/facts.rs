//! What an interpreter says of itself, and the cache of it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::UNIX_EPOCH;

use fs_err as fs;
use resolver::cache::{Bucket, Cache, entries};
use resolver::marker::MarkerEnvironment;
use resolver::tag::{Libc, Platform, Tags};
use resolver::version::Version;
use serde::{Deserialize, Serialize};

use super::{Interpreter, PythonError};
use crate::environment::Configuration;

/// The script that a Python runs to describe itself.
const PROBE: &str = include_str!("probe.py");

/// Stands before the answer, which other things may come before: `.pth` files of an installation can print.
const MARK: &str = "@facts@";

/// An interpreter's answers, as it gave them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) executable: PathBuf,
    pub(crate) base_executable: PathBuf,
    pub(crate) prefix: PathBuf,
    pub(crate) base_prefix: PathBuf,
    version: String,
    /// `final.0`, as `sys.version_info` ends.
    pub(crate) release_level: String,
    markers: MarkerEnvironment,
    platform: String,
    free_threaded: bool,
    /// `SOABI`, e.g. `cpython-311-x86_64-linux-gnu`.
    abi: Option<String>,
    /// Are pointers 32 bits wide?
    narrow: bool,
    /// `glibc` or `musl`, and its version.
    libc: Option<(String, String)>,
    /// Version and architecture of macOS.
    mac: Option<(String, String)>,
    /// `lib64` where platform-specific modules have a folder of their own.
    pub(crate) platlibdir: String,
}

impl Facts {
    /// Asks an executable, or the cache. The interpreter of a virtual environment inherits from its base.
    pub(crate) fn of(executable: &Path, cache: &Cache) -> Result<Self, PythonError> {
        let executable =
            std::path::absolute(executable).map_err(|source| PythonError::NotRunnable {
                executable: executable.to_owned(),
                source,
            })?;
        match Self::inherited(&executable, cache) {
            Some(facts) => Ok(facts),
            None => Self::of_file(&executable, cache),
        }
    }

    /// The facts of a virtual environment's interpreter, made from those of its base.
    fn inherited(executable: &Path, cache: &Cache) -> Option<Self> {
        let root = executable.parent()?.parent()?;
        let configuration = Configuration::read(root)?;
        let base = configuration.base(executable)?;
        let facts = Self::of_file(&base, cache).ok()?;
        Some(Self {
            executable: executable.to_owned(),
            prefix: root.to_owned(),
            ..facts
        })
    }

    /// The answers of a file that is no environment's. They are cached under the path that the interpreter itself
    /// names: what stands for another Python (pyenv's shims) may stand for yet another one next time, and is asked
    /// each time.
    fn of_file(executable: &Path, cache: &Cache) -> Result<Self, PythonError> {
        let known = key(executable)
            .and_then(|key| cache.read(Bucket::Pythons, &key))
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(facts) = known {
            return Ok(facts);
        }
        let facts = Self::ask(executable)?;
        facts.remember(cache);
        if let Some(named) = facts.of_base() {
            named.remember(cache);
        }
        Ok(facts)
    }

    /// What the base installation's executable would answer, if this is the same file by another name: there is no
    /// need to start it again.
    fn of_base(&self) -> Option<Self> {
        let is_same = self.prefix == self.base_prefix
            && self.executable != self.base_executable
            && fs::canonicalize(&self.executable).is_ok_and(|file| file == self.base_executable);
        is_same.then(|| Self {
            executable: self.base_executable.clone(),
            ..self.clone()
        })
    }

    /// What is cached of interpreters that are gone or have changed, and what can't be read.
    pub(crate) fn of_vanished_interpreters(cache: &Cache) -> io::Result<Vec<PathBuf>> {
        let is_useless = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(bytes) = cache.read(Bucket::Pythons, &name) else {
                return true;
            };
            // Other entries are about the pip that interpreters bring.
            let facts: Result<Self, _> = serde_json::from_slice(&bytes);
            facts.is_ok_and(|facts| key(&facts.executable).as_deref() != Some(&*name))
        };
        let all = entries(&cache.bucket(Bucket::Pythons))?.into_iter();
        Ok(all.filter(is_useless).collect())
    }

    fn remember(&self, cache: &Cache) {
        let Some(key) = key(&self.executable) else {
            return;
        };
        let written = serde_json::to_vec(self)
            .map_err(std::io::Error::other)
            .and_then(|bytes| cache.write(Bucket::Pythons, &key, &bytes));
        if let Err(error) = written {
            tracing::debug!(
                "facts about {} are not cached: {error}",
                self.executable.display()
            );
        }
    }

    /// Starts it, isolated from the user's settings and the current folder.
    fn ask(executable: &Path) -> Result<Self, PythonError> {
        tracing::debug!("asking {} about itself", executable.display());
        let output = Command::new(executable)
            .args(["-I", "-B", "-S", "-c", PROBE])
            // Without it, old builds see macOS 11 and later as 10.16.
            .env("SYSTEM_VERSION_COMPAT", "0")
            .stdin(std::process::Stdio::null())
            .output()
            .map_err(|source| PythonError::NotRunnable {
                executable: executable.to_owned(),
                source,
            })?;
        let unusable = |reason: String| PythonError::NotPython {
            executable: executable.to_owned(),
            reason,
        };
        if !output.status.success() {
            let status = output.status;
            return Err(unusable(match last_words(&output.stderr) {
                words if words.is_empty() => status.to_string(),
                words => format!("{status}: {words}"),
            }));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let answer = text.lines().rev().find_map(|line| line.strip_prefix(MARK));
        let answer = answer.ok_or_else(|| unusable("it does not tell about itself".to_owned()))?;
        serde_json::from_str(answer).map_err(|error| unusable(error.to_string()))
    }

    pub(crate) fn markers(&self) -> &MarkerEnvironment {
        &self.markers
    }

    /// X.Y.Z.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The value that the rest of the program uses.
    pub(crate) fn interpreter(self) -> Result<Interpreter, PythonError> {
        let version = Version::from_str(&self.version).map_err(|error| PythonError::NotPython {
            executable: self.executable.clone(),
            reason: error.to_string(),
        })?;
        Ok(Interpreter {
            tags: self.tags(),
            executable: self.executable,
            base_executable: self.base_executable,
            base_prefix: self.base_prefix,
            prefix: self.prefix,
            version,
            markers: self.markers,
            platform: self.platform,
        })
    }

    fn tags(&self) -> Tags {
        let platforms = self.platforms().tags();
        let mut numbers = self
            .version
            .split('.')
            .map(|part| part.parse().unwrap_or(0));
        let python = (numbers.next().unwrap_or(3), numbers.next().unwrap_or(0));
        match self.markers.implementation_name.as_str() {
            "pypy" => {
                // `pypy310-pp73-x86_64-linux-gnu`: the first two parts are the ABI.
                let abi: Vec<&str> = self
                    .abi
                    .as_deref()
                    .unwrap_or_default()
                    .split('-')
                    .take(2)
                    .collect();
                Tags::for_pypy(python, &abi.join("_"), &platforms)
            }
            _ => Tags::for_cpython(python, self.free_threaded, &platforms),
        }
    }

    fn platforms(&self) -> Platform {
        if let Some((version, architecture)) = &self.mac {
            return Platform::MacOs {
                version: pair(version),
                arch: architecture.clone(),
            };
        }
        let Some(architecture) = self.platform.strip_prefix("linux-") else {
            return Platform::Other(self.platform.clone());
        };
        // A 32-bit Python on a 64-bit kernel.
        let arch = match (self.narrow, architecture) {
            (true, "x86_64") => "i686",
            (true, "aarch64") => "armv8l",
            (_, other) => other,
        };
        let libc = match &self.libc {
            Some((name, version)) => {
                let (major, minor) = pair(version);
                if name == "musl" {
                    Libc::Musl(major, minor)
                } else {
                    Libc::Glibc(major, minor)
                }
            }
            None => Libc::Unknown,
        };
        Platform::Linux {
            arch: arch.to_owned(),
            libc,
        }
    }
}

/// The end of what a program complained about: of a Python, the exception; others may repeat the whole question.
fn last_words(stderr: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(stderr);
    let line = text.trim_end().lines().last().unwrap_or_default().trim();
    line.chars().take(LONGEST).collect()
}

/// Major and minor number of a version text.
fn pair(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// What the answers depend on: the file, and the running system, whose release and version are marker variables.
fn key(executable: &Path) -> Option<String> {
    let resolved = fs::canonicalize(executable).ok()?;
    let metadata = fs::metadata(&resolved).ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let system = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    Some(Cache::digest(&[
        // The unresolved path, too: `sys.executable` is part of the answers.
        &executable.to_string_lossy(),
        &resolved.to_string_lossy(),
        &metadata.len().to_string(),
        &modified.as_nanos().to_string(),
        &system("/proc/sys/kernel/osrelease"),
        &system("/proc/sys/kernel/version"),
        &system("/System/Library/CoreServices/SystemVersion.plist"),
    ]))
}
