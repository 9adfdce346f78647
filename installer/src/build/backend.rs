//! `[build-system]`, and calls of a back end's hooks in a child process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use resolver::project::parse_toml;
use serde_json::{Value, json};
use toml::Table;

use super::{BuildError, write_atomically};

/// The program that runs in the build environment.
const RUNNER: &str = include_str!("runner.py");

/// When files of an archive were made, if nobody says otherwise: 2016-01-01, as in poetry-core's wheels.
pub(crate) const SOURCE_DATE_EPOCH: i64 = 1_451_606_400;

/// A back end and what it needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BuildSystem {
    pub(crate) requires: Vec<String>,
    pub(crate) backend: String,
    pub(crate) backend_path: Vec<String>,
}

impl BuildSystem {
    /// Reads the build system of a source tree. A tree without one is setuptools' (PEP 517, PEP 518).
    ///
    /// # Errors
    /// When pyproject.toml can't be read, its table breaks a rule, or there is neither it nor setup.py nor setup.cfg.
    pub(crate) fn read(source: &Path) -> Result<Self, BuildError> {
        let file = source.join("pyproject.toml");
        let Some(document) = read_toml(&file)? else {
            if ["setup.py", "setup.cfg"]
                .iter()
                .any(|name| source.join(name).is_file())
            {
                return Ok(Self::default());
            }
            return Err(BuildError::NoProject {
                path: source.to_owned(),
            });
        };
        let Some(value) = document.get("build-system") else {
            return Ok(Self::default());
        };
        Self::from_value(value).map_err(|reason| BuildError::BuildSystem { path: file, reason })
    }

    /// Reads the value of `build-system`. Without `build-backend` it is setuptools', with the requirements given.
    fn from_value(value: &toml::Value) -> Result<Self, String> {
        let table = value.as_table().ok_or("it must be a table")?;
        let requires = texts(table, "requires")?.ok_or("`requires` is missing")?;
        let backend = match table.get("build-backend") {
            Some(value) => value
                .as_str()
                .ok_or("`build-backend` must be a string")?
                .to_owned(),
            None => Self::default().backend,
        };
        let known = ["requires", "build-backend", "backend-path"];
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("`{key}` is unknown"));
        }
        Ok(Self {
            requires,
            backend,
            backend_path: texts(table, "backend-path")?.unwrap_or_default(),
        })
    }
}

/// An array of strings; `None` if the key is not there.
fn texts(table: &Table, key: &str) -> Result<Option<Vec<String>>, String> {
    let Some(value) = table.get(key) else {
        return Ok(None);
    };
    let texts = value.as_array().and_then(|values| {
        values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect()
    });
    match texts {
        Some(texts) => Ok(Some(texts)),
        None => Err(format!("`{key}` must be an array of strings")),
    }
}

impl Default for BuildSystem {
    fn default() -> Self {
        Self {
            requires: vec!["setuptools >= 40.8.0".to_owned()],
            backend: "setuptools.build_meta:__legacy__".to_owned(),
            backend_path: Vec::new(),
        }
    }
}

/// Parses a TOML file; `None` if it does not exist.
fn read_toml(file: &Path) -> Result<Option<Table>, BuildError> {
    let text = match fs_err::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    parse_toml(&text)
        .map(Some)
        .map_err(|source| BuildError::Toml {
            path: file.to_owned(),
            source,
        })
}

/// A back end, ready to be called.
pub(crate) struct Backend<'a> {
    pub(crate) system: &'a BuildSystem,
    /// Python of the build environment.
    pub(crate) python: PathBuf,
    pub(crate) source: &'a Path,
    pub(crate) source_date_epoch: Option<i64>,
}

impl Backend<'_> {
    /// Calls a hook. `None` if the back end does not have it.
    ///
    /// # Errors
    /// When it fails; the error holds all that it printed.
    pub(crate) fn call(&self, hook: &str, arguments: &Value) -> Result<Option<Value>, BuildError> {
        let folder = tempfile::Builder::new()
            .prefix("mpoetry-build-")
            .tempdir()?;
        let file = |name: &str| folder.path().join(name);
        let (runner, request, result) =
            (file("runner.py"), file("request.json"), file("result.json"));
        write_atomically(&runner, RUNNER.as_bytes(), 0o644)?;
        let body = json!({
            "backend": self.system.backend,
            "backend_path": self.system.backend_path,
            "hook": hook,
            "arguments": arguments,
            "flags": self.compiler_flags(),
        });
        write_atomically(&request, body.to_string().as_bytes(), 0o644)?;

        let log = fs_err::File::create(file("output.log"))?;
        let mut command = Command::new(&self.python);
        command
            .arg(&runner)
            .arg(&request)
            .arg(&result)
            .current_dir(self.source)
            .stdin(Stdio::null())
            .stdout(log.file().try_clone()?)
            .stderr(log.file().try_clone()?)
            // What a back end makes shall depend on its sources only.
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME")
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONUNBUFFERED", "1")
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        if let Some(seconds) = self.source_date_epoch {
            command.env("SOURCE_DATE_EPOCH", seconds.to_string());
        }
        let began = Instant::now();
        let status = command.status();
        let (backend, took) = (&self.system.backend, began.elapsed().as_millis());
        tracing::debug!(
            "{backend}: {hook} of {} took {took} ms",
            self.source.display()
        );
        let failed =
            |status: Option<std::process::ExitStatus>, output: String| BuildError::Backend {
                source_tree: self.source.to_owned(),
                hook: hook.to_owned(),
                status,
                output,
            };
        let output = || {
            String::from_utf8_lossy(&fs_err::read(file("output.log")).unwrap_or_default())
                .into_owned()
        };
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(failed(Some(status), output())),
            Err(error) => return Err(failed(None, error.to_string())),
        }
        let answer = fs_err::read(&result)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .ok_or_else(|| failed(None, output()))?;
        if let Some(reason) = answer.get("unavailable").and_then(Value::as_str) {
            return Err(BuildError::Unavailable {
                source_tree: self.source.to_owned(),
                backend: self.system.backend.clone(),
                reason: reason.to_owned(),
            });
        }
        Ok(answer.get("value").cloned())
    }

    /// Keeps the path of the source tree out of object files.
    fn compiler_flags(&self) -> String {
        let source = self.source.to_string_lossy();
        // Flags are split at blanks.
        if cfg!(windows) || source.contains(char::is_whitespace) {
            return String::new();
        }
        format!("-ffile-prefix-map={source}=.")
    }
}
