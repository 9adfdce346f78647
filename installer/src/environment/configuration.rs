//! `pyvenv.cfg` (PEP 405).

use std::path::{Path, PathBuf};

use fs_err as fs;

/// The keys of a `pyvenv.cfg`, in lower case, with their values.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    keys: Vec<(String, String)>,
}

impl Configuration {
    /// Reads the file in an environment's folder; `None` if it has none.
    pub(crate) fn read(root: &Path) -> Option<Self> {
        let text = fs::read_to_string(root.join("pyvenv.cfg")).ok()?;
        Some(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let pair = |line: &str| {
            let (key, value) = line.split_once('=')?;
            Some((key.trim().to_lowercase(), value.trim().to_owned()))
        };
        Self {
            keys: text.lines().filter_map(pair).collect(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.keys
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Does the environment show the base installation's packages?
    pub(crate) fn sees_system(&self) -> bool {
        self.get("include-system-site-packages")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The base installation's interpreter. `executable` is the environment's own, which mostly is a link to it.
    pub(crate) fn base(&self, executable: &Path) -> Option<PathBuf> {
        let home = Path::new(self.get("home")?);
        let resolved = fs::canonicalize(executable).ok()?;
        let root = fs::canonicalize(executable.parent()?.parent()?).ok()?;
        if !resolved.starts_with(&root) {
            return Some(resolved);
        }
        let named = ["base-executable", "executable"]
            .iter()
            .filter_map(|key| self.get(key))
            .map(PathBuf::from);
        let minor = self
            .get("version_info")
            .or_else(|| self.get("version"))
            .map(|version| {
                let numbers: Vec<&str> = version.split('.').take(2).collect();
                home.join(format!("python{}", numbers.join(".")))
            });
        let plain = ["python3", "python"].iter().map(|name| home.join(name));
        named
            .chain(minor)
            .chain(plain)
            .find(|candidate| candidate.is_file())
    }
}
