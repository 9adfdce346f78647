//! `env remove`: which environment is meant.

use std::path::{Path, PathBuf};

use installer::environment::Environment;
use installer::python::Interpreter;

use super::{Environments, minor};
use crate::failure::Failure;

impl Environments {
    /// The environment of this project that is named by its name, or by its Python: path, command or version.
    ///
    /// Poetry: it starts the Python that is named to hear its version, and fails where that is a pyenv shim or has gone.
    /// Here the version in the name is enough.
    ///
    /// # Errors
    /// When there is none, or it is another project's.
    pub(crate) fn find(&self, name: &str) -> Result<PathBuf, Failure> {
        // Poetry: it knows central environments by name only.
        let is_named = |root: &PathBuf| root.file_name() == Some(name.as_ref());
        if let Some(root) = self.all().into_iter().find(is_named) {
            return Ok(root);
        }
        let central = if Path::new(name).is_file() {
            self.of_executable(Path::new(name))?
        } else if name.starts_with(&self.base_name()) {
            self.virtualenvs.path.join(name)
        } else if self.is_foreign(name) {
            return Err(foreign(name));
        } else {
            let minor = match minor_in(name) {
                Some(minor) => minor,
                None => minor(&self.named(name)?),
            };
            self.central(&minor)
        };
        if self.all().contains(&central) {
            return Ok(central);
        }
        let name = central.file_name().unwrap_or_default().to_string_lossy();
        Err(Failure::new(format!(
            "Environment \"{name}\" does not exist."
        )))
    }

    /// Removes one of the project's environments, and the choice of it.
    ///
    /// # Errors
    /// When a file can't be removed.
    pub(crate) fn remove(&self, root: &Path) -> Result<(), Failure> {
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        if let Some((_, minor)) = name.rsplit_once("-py") {
            self.forget(Some(minor))?;
        }
        Ok(Environment::remove(root)?)
    }

    fn of_executable(&self, executable: &Path) -> Result<PathBuf, Failure> {
        let interpreter = Interpreter::query(executable, &self.cache)?;
        let name = interpreter.prefix.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        if !name.starts_with(&self.base_name()) {
            return Err(foreign(&name));
        }
        Ok(self.central(&minor(&interpreter)))
    }

    /// Is it the name of another project's environment?
    fn is_foreign(&self, name: &str) -> bool {
        let has_form = name
            .rsplit_once("-py")
            .is_some_and(|(base, _)| base.contains('-'));
        has_form && !name.contains(['/', '\\']) && self.virtualenvs.path.join(name).exists()
    }
}

fn foreign(name: &str) -> Failure {
    Failure::new(format!("Env {name} doesn't belong to this project."))
}

/// X.Y of `3.12`, `3.12.1`, `python3.12`.
fn minor_in(name: &str) -> Option<String> {
    let version = name.strip_prefix("python").unwrap_or(name);
    let numbers: Vec<&str> = version.split('.').collect();
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_version = (2..=3).contains(&numbers.len()) && numbers.iter().all(is_number);
    is_version.then(|| numbers[..2].join("."))
}

#[cfg(test)]
mod tests {
    use super::minor_in;

    #[test]
    fn versions_in_names() {
        for (name, minor) in [
            ("3.12", Some("3.12")),
            ("3.12.1", Some("3.12")),
            ("python3.12", Some("3.12")),
            ("python3", None),
            ("3", None),
            ("pypy3.10", None),
            ("3.", None),
        ] {
            assert_eq!(minor_in(name).as_deref(), minor, "{name}");
        }
    }
}
