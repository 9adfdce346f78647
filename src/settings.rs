//! Settings, resolved once: defaults ← `config.toml` ← `auth.toml` ← `poetry.toml` ← `POETRY_*` ← flags.
//!
//! Keys, files and variables are Poetry's, so that a machine or a CI job that is set up for Poetry needs
//! nothing more. Each variable may also be written `MPOETRY_*`, which wins. Ours alone are `MPOETRY_PYPI_URL`,
//! `MPOETRY_CACHE_DIR`, `MPOETRY_PYTHON_BUILDS` and what begins with `MPOETRY_REMOTE_CACHE`.

mod file;
pub(crate) mod installer;
pub(crate) mod keys;
mod listing;
mod sources;

pub(crate) use file::{Keep, SettingsFile};
pub(crate) use listing::{Configuration, Listed, SECRET};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use ::installer::build::ConfigSettings;
use ::installer::fetch::BinaryPolicy;
use resolver::index::MinReleaseAge;
use resolver::name::PackageName;
use resolver::project::{TomlFault, parse_toml};

use self::keys::python_int;
use self::sources::Named;
use crate::variables::Variables;

/// Why settings can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A file is there but can't be read.
    #[error("could not read `{}`", .path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Poetry: how it tells of any broken TOML file.
    #[error("Invalid TOML file {}: {fault}", .path.display())]
    Syntax { path: PathBuf, fault: TomlFault },
    /// A value is of no use for its key.
    #[error("\"{value}\" is an invalid value for {key}")]
    Value { key: String, value: String },
    /// Poetry: how it tells that a text is no number.
    #[error(
        "invalid literal for int() with base 10: {}",
        crate::python_text::repr(text)
    )]
    NoNumber { text: String },
    /// Something stands where a table is needed.
    #[error("`{key}` is no table in {}", .path.display())]
    NoTable { key: String, path: PathBuf },
    /// A file can't be written.
    #[error("could not write `{}`", .path.display())]
    Unwritable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// There is no home directory and no variable that stands for it.
    #[error(
        "could not find a home directory; set POETRY_CACHE_DIR, POETRY_CONFIG_DIR and POETRY_DATA_DIR"
    )]
    NoHome,
}

/// The folders of the platform that Poetry uses.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Of `config.toml` and `auth.toml`.
    pub(crate) config: PathBuf,
    /// Default of `cache-dir`.
    pub(crate) cache: PathBuf,
    /// Default of `data-dir`.
    pub(crate) data: PathBuf,
    /// What `~` stands for.
    pub(crate) home: PathBuf,
}

/// All settings that something reads.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Root of our own cache: `MPOETRY_CACHE_DIR`, else `mpoetry` in Poetry's `cache-dir`.
    pub(crate) cache: PathBuf,
    /// How environments are made, and where.
    pub(crate) virtualenvs: Virtualenvs,
    /// Where Pythons that Poetry installed lie.
    pub(crate) pythons: PathBuf,
    /// Another list of Pythons that can be installed.
    pub(crate) python_builds: Option<PathBuf>,
    /// Another place to fetch them from.
    pub(crate) python_mirror: Option<String>,
    /// What `~` stands for.
    pub(crate) home: PathBuf,
    /// Stands for `https://pypi.org/`; ends with `/`.
    pub(crate) pypi_url: String,
    /// Seconds before a request counts as failed.
    pub(crate) timeout: u64,
    /// How often a failed request is tried again.
    pub(crate) retries: usize,
    /// Threads that unpack and link.
    pub(crate) workers: usize,
    /// Which kinds of files may be installed.
    pub(crate) binary_policy: BinaryPolicy,
    /// What build back ends are told, by package.
    pub(crate) config_settings: BTreeMap<PackageName, ConfigSettings>,
    /// Choose from a lock file by resolving again, instead of by the groups and markers in it.
    pub(crate) re_resolve: bool,
    /// What this machine says of the remote cache.
    pub(crate) remote_cache: RemoteCache,
    /// `pypi-token.<name>`
    pub(crate) tokens: Named,
    /// `repositories.<name>.url`, one by one.
    pub(crate) upload_urls: Named,
    /// May a part of a wheel be fetched to read its metadata?
    pub(crate) lazy_wheels: bool,
    /// How old a release must be to be taken.
    pub(crate) min_release_age: MinReleaseAge,
    /// Root certificates that count instead of the system's.
    pub(crate) roots: Option<PathBuf>,
    /// The same, besides the system's.
    pub(crate) more_roots: Option<PathBuf>,
    /// The files that `.netrc` may be.
    pub(crate) netrc: Vec<PathBuf>,
    /// May passwords be looked for in the keyring?
    pub(crate) keyring: bool,
    /// `repositories.<name>.url`, in the order of the file.
    pub(crate) repositories: Vec<(String, String)>,
    /// `http-basic.<name>`
    pub(crate) http_basic: Named,
    /// `certificates.<name>`
    pub(crate) certificates: Named,
    /// Settings that are set but that nothing here heeds.
    pub(crate) unheeded: Vec<&'static str>,
}

/// The variables `MPOETRY_REMOTE_CACHE` and `MPOETRY_REMOTE_CACHE_*`.
#[derive(Clone, Default)]
pub(crate) struct RemoteCache {
    /// Its folder or URL; empty: none, whatever the repository says.
    pub(crate) address: Option<String>,
    /// `TOKEN`: a bearer token for its server.
    pub(crate) token: Option<String>,
    /// `WRITE`: put there what is built.
    pub(crate) write: bool,
    /// `DOWNLOADS`: ask it for third-party wheels.
    pub(crate) downloads: Option<bool>,
}

/// A token is shown to nobody.
impl std::fmt::Debug for RemoteCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteCache").finish_non_exhaustive()
    }
}

/// The settings `virtualenvs.*`.
#[derive(Clone, Debug)]
pub(crate) struct Virtualenvs {
    pub(crate) create: bool,
    /// `None`: only where a `.venv` is there already.
    pub(crate) in_project: Option<bool>,
    pub(crate) path: PathBuf,
    /// A template with `{project_name}` and `{python_version}`.
    pub(crate) prompt: String,
    pub(crate) always_copy: bool,
    pub(crate) no_pip: bool,
    pub(crate) system_site_packages: bool,
    /// Options that only virtualenv knows.
    pub(crate) foreign_options: Vec<String>,
}

/// In the folder of the configuration.
pub(crate) const CONFIG_FILE: &str = "config.toml";
/// In the folder of the configuration, for what others must not see.
pub(crate) const AUTH_FILE: &str = "auth.toml";
/// Beside `pyproject.toml`.
pub(crate) const LOCAL_FILE: &str = "poetry.toml";
const PYPI_URL: &str = "https://pypi.org/";
/// Poetry: its `POETRY_REQUESTS_TIMEOUT`, in seconds.
const TIMEOUT: u64 = 15;
/// Poetry: its HTTP client tries five times again, whatever `requests.max-retries` says.
const RETRIES: usize = 5;
/// A value that names its own key must not go round for ever.
const DEEPEST_REFERENCE: usize = 4;
/// Keys of Poetry that change nothing here, why, and whether that is worth a warning where they are set.
///
/// All others do what they say.
const WITHOUT_EFFECT: [(&str, &str, bool); 3] = [
    (
        "installer.builtin-uninstall",
        "packages are never removed by pip",
        false,
    ),
    (
        "system-git-client",
        "it is always the system's git that is used",
        false,
    ),
    (
        "virtualenvs.use-poetry-python",
        "mpoetry is no Python program, so there is no Python of its own to prefer",
        true,
    ),
];

/// Options of virtualenv that are heeded, or that ask for what is always so.
const VIRTUALENV_OPTIONS: [&str; 9] = [
    "always-copy",
    "copies",
    "no-download",
    "no-periodic-update",
    "no-pip",
    "no-setuptools",
    "no-wheel",
    "symlinks",
    "system-site-packages",
];

impl Places {
    /// Those of this platform, or the ones that variables name.
    ///
    /// # Errors
    /// When there is no home directory.
    pub(crate) fn of_platform(variables: &Variables) -> Result<Self, SettingsError> {
        let base = directories::BaseDirs::new().ok_or(SettingsError::NoHome)?;
        let home = base.home_dir().to_owned();
        let named = |name| {
            let path = variables.filled_setting(name);
            path.map(|path| expand_home(path, &home))
        };
        // Poetry: on Windows its cache is a folder of its folder.
        let cache = base.cache_dir().join("pypoetry");
        let cache = if cfg!(windows) {
            cache.join("Cache")
        } else {
            cache
        };
        let config = named("CONFIG_DIR");
        let data = named("HOME");
        Ok(Self {
            config: config.unwrap_or_else(|| base.config_dir().join("pypoetry")),
            cache,
            data: data.unwrap_or_else(|| base.data_dir().join("pypoetry")),
            home,
        })
    }
}

impl Settings {
    /// Reads the files and puts the layers together. `project` is the folder of `pyproject.toml`.
    ///
    /// # Errors
    /// When a file is broken, or a value is of no use.
    pub(crate) fn resolve(
        places: &Places,
        project: Option<&Path>,
        variables: &Variables,
    ) -> Result<Self, SettingsError> {
        Layers {
            files: read_all(places, project)?,
            variables,
            places,
        }
        .settings()
    }

    /// Poetry: tells which keys are set that change nothing, and why.
    pub(crate) fn unheeded(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let keys = self.unheeded.iter();
        keys.filter_map(|key| {
            let (_, reason, _) = WITHOUT_EFFECT.iter().find(|(name, ..)| name == key)?;
            Some((*key, *reason))
        })
    }
}

/// `config.toml`, over it `auth.toml`, over it the project's `poetry.toml`.
fn read_all(places: &Places, project: Option<&Path>) -> Result<toml::Table, SettingsError> {
    let mut files = toml::Table::new();
    let global = [
        places.config.join(CONFIG_FILE),
        places.config.join(AUTH_FILE),
    ];
    let beside = project.map(|folder| folder.join(LOCAL_FILE));
    for path in global.into_iter().chain(beside) {
        merge(&mut files, read(&path)?);
    }
    Ok(files)
}

/// What values are looked up in.
struct Layers<'a> {
    files: toml::Table,
    variables: &'a Variables,
    places: &'a Places,
}

impl Layers<'_> {
    fn settings(&self) -> Result<Settings, SettingsError> {
        let cache_dir = self
            .path("cache-dir")
            .unwrap_or_else(|| self.places.cache.clone());
        let own_cache = self.variables.filled("MPOETRY_CACHE_DIR");
        let own_cache = own_cache.map(|path| expand_home(path, &self.places.home));
        let data_dir = self
            .path("data-dir")
            .unwrap_or_else(|| self.places.data.clone());
        let pythons = self.path("python.installation-dir");
        let retries = self.number("requests.max-retries")?.unwrap_or(0);
        Ok(Settings {
            cache: own_cache.unwrap_or_else(|| cache_dir.join("mpoetry")),
            virtualenvs: self.virtualenvs(&cache_dir),
            pythons: pythons.unwrap_or_else(|| data_dir.join("python")),
            python_builds: self
                .variables
                .filled("MPOETRY_PYTHON_BUILDS")
                .map(PathBuf::from),
            // Poetry: the variable of its installer of Pythons.
            python_mirror: self
                .variables
                .filled("PBS_INSTALLER_BASE_URL")
                .map(str::to_owned),
            home: self.places.home.clone(),
            pypi_url: self.pypi_url(),
            timeout: self.timeout()?,
            retries: RETRIES.max(retries),
            workers: self.workers()?,
            binary_policy: self.binary_policy()?,
            config_settings: self.config_settings()?,
            re_resolve: self.boolean("installer.re-resolve").unwrap_or(false),
            lazy_wheels: self.boolean("solver.lazy-wheel").unwrap_or(true),
            min_release_age: self.min_release_age()?,
            roots: self.roots(),
            more_roots: self.variables.filled("SSL_CERT_FILE").map(PathBuf::from),
            netrc: self.netrc(),
            keyring: self.boolean("keyring.enabled").unwrap_or(true),
            repositories: self.repositories(),
            remote_cache: self.remote_cache(),
            tokens: self.tokens(),
            upload_urls: self.named("repositories", &["url"]),
            http_basic: self.named("http-basic", &["username", "password"]),
            certificates: self.named("certificates", &["cert", "client-cert", "verify"]),
            unheeded: self.unheeded(),
        })
    }

    fn remote_cache(&self) -> RemoteCache {
        let part = |part: &str| format!("MPOETRY_REMOTE_CACHE{part}");
        let choice = |name: &str| Some(is_true(self.variables.filled(&part(name))?));
        RemoteCache {
            address: self.variables.get(&part("")).map(str::to_owned),
            token: self.variables.filled(&part("_TOKEN")).map(str::to_owned),
            write: choice("_WRITE") == Some(true),
            downloads: choice("_DOWNLOADS"),
        }
    }

    fn virtualenvs(&self, cache_dir: &Path) -> Virtualenvs {
        let path = self.path("virtualenvs.path");
        let prompt = self.text("virtualenvs.prompt");
        let option = |name: &str| self.boolean(&format!("virtualenvs.options.{name}"));
        Virtualenvs {
            create: self.boolean("virtualenvs.create").unwrap_or(true),
            in_project: self.boolean("virtualenvs.in-project"),
            path: path.unwrap_or_else(|| cache_dir.join("virtualenvs")),
            prompt: prompt.unwrap_or_else(|| "{project_name}-py{python_version}".to_owned()),
            // Both are virtualenv's names for it.
            always_copy: option("always-copy") == Some(true) || option("copies") == Some(true),
            no_pip: option("no-pip").unwrap_or(false),
            system_site_packages: option("system-site-packages").unwrap_or(false),
            foreign_options: self.foreign_options(),
        }
    }

    /// Poetry: whatever is in the table becomes an option of virtualenv, unless it is false.
    fn foreign_options(&self) -> Vec<String> {
        let table = self.file_value(&["virtualenvs", "options"]);
        let options = table.and_then(toml::Value::as_table).into_iter().flatten();
        options
            .filter(|(_, value)| value.as_bool() != Some(false))
            .map(|(name, _)| name.clone())
            .filter(|name| !VIRTUALENV_OPTIONS.contains(&name.as_str()))
            .collect()
    }

    fn pypi_url(&self) -> String {
        let url = self
            .variables
            .filled("MPOETRY_PYPI_URL")
            .unwrap_or(PYPI_URL);
        format!("{}/", url.trim_end_matches('/'))
    }

    fn timeout(&self) -> Result<u64, SettingsError> {
        let text = self.variables.filled_setting("REQUESTS_TIMEOUT");
        text.map_or(Ok(TIMEOUT), |text| {
            text.parse().map_err(|_| SettingsError::Value {
                key: "POETRY_REQUESTS_TIMEOUT".to_owned(),
                value: text.to_owned(),
            })
        })
    }

    fn workers(&self) -> Result<usize, SettingsError> {
        let key = "installer.max-workers";
        let wanted = self.number(key)?;
        if wanted == Some(0) {
            return Err(SettingsError::Value {
                key: key.to_owned(),
                value: "0".to_owned(),
            });
        }
        if self.boolean("installer.parallel") == Some(false) {
            return Ok(1);
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(wanted.map_or(cores, |wanted| wanted.min(cores)))
    }

    fn unheeded(&self) -> Vec<&'static str> {
        let keys = WITHOUT_EFFECT.into_iter();
        let warned_of = keys.filter_map(|(key, _, is_warned_of)| is_warned_of.then_some(key));
        warned_of
            .filter(|key| self.boolean(key) == Some(true))
            .collect()
    }

    /// The variable of a key.
    fn variable(&self, key: &str) -> Option<&str> {
        self.variables.setting(&variable_part(key))
    }

    /// The value of a key as text, from its variable or a file, with `{other-key}` filled in.
    fn text(&self, key: &str) -> Option<String> {
        self.text_at(key, 0)
    }

    fn text_at(&self, key: &str, depth: usize) -> Option<String> {
        if depth > DEEPEST_REFERENCE {
            return None;
        }
        let raw = match self.variable(key) {
            Some(text) => text.to_owned(),
            None => match self.file_value(&key.split('.').collect::<Vec<_>>())? {
                toml::Value::String(text) => text.clone(),
                toml::Value::Table(_) | toml::Value::Array(_) => return None,
                other => other.to_string(),
            },
        };
        Some(self.fill_in(&raw, depth))
    }

    /// Poetry: `{key}` in a value stands for that key's value; what is no key stays.
    fn fill_in(&self, text: &str, depth: usize) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once('{') {
            let Some((key, after)) = from.split_once('}') else {
                break;
            };
            filled.push_str(before);
            match self.reference(key, depth + 1) {
                Some(value) => filled.push_str(&value),
                None => {
                    filled.push('{');
                    filled.push_str(key);
                    filled.push('}');
                }
            }
            rest = after;
        }
        filled + rest
    }

    fn reference(&self, key: &str, depth: usize) -> Option<String> {
        let default = match key {
            "cache-dir" => Some(&self.places.cache),
            "data-dir" => Some(&self.places.data),
            _ => None,
        };
        self.text_at(key, depth)
            .or_else(|| default.map(|path| path.display().to_string()))
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key)
            .map(|text| expand_home(&text, &self.places.home))
    }

    /// Poetry: in a variable all but `true` and `1` is false.
    fn boolean(&self, key: &str) -> Option<bool> {
        self.text(key).map(|text| is_true(&text))
    }

    fn number(&self, key: &str) -> Result<Option<usize>, SettingsError> {
        let Some(text) = self.text(key) else {
            return Ok(None);
        };
        match python_int(&text).and_then(|number| usize::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(SettingsError::Value {
                key: key.to_owned(),
                value: text,
            }),
        }
    }

    fn file_value(&self, path: &[&str]) -> Option<&toml::Value> {
        let (last, tables) = path.split_last()?;
        let mut table = &self.files;
        for name in tables {
            table = table.get(*name)?.as_table()?;
        }
        table.get(*last)
    }
}

/// How a name or key is written in the name of a variable.
pub(crate) fn variable_part(name: &str) -> String {
    name.to_uppercase().replace(['-', '.'], "_")
}

/// A file that is not there is empty.
fn read(path: &Path) -> Result<toml::Table, SettingsError> {
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(toml::Table::new()),
        Err(source) => {
            return Err(SettingsError::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    };
    tracing::debug!("settings are read from {}", path.display());
    parse_toml(&text).map_err(|fault| SettingsError::Syntax {
        path: path.to_owned(),
        fault,
    })
}

/// Lays `upper` over `lower`, table by table.
fn merge(lower: &mut toml::Table, upper: toml::Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

fn expand_home(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with(['/', '\\']) => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}

fn is_true(text: &str) -> bool {
    ["true", "1"].contains(&text.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Places, Settings, SettingsError};
    use crate::variables::Variables;

    struct Machine {
        folder: tempfile::TempDir,
    }

    impl Machine {
        fn new(config: &str, auth: &str, project: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let write = |path: &str, text: &str| {
                let path = folder.path().join(path);
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                fs_err::write(path, text).unwrap();
            };
            write("config/config.toml", config);
            write("config/auth.toml", auth);
            write("project/poetry.toml", project);
            Self { folder }
        }

        fn path(&self, path: &str) -> PathBuf {
            self.folder.path().join(path)
        }

        fn try_settings(&self, variables: &Variables) -> Result<Settings, SettingsError> {
            let places = Places {
                config: self.path("config"),
                cache: "/cache".into(),
                data: "/data".into(),
                home: "/home/me".into(),
            };
            Settings::resolve(&places, Some(&self.path("project")), variables)
        }

        fn settings<const N: usize>(&self, variables: [(&str, &str); N]) -> Settings {
            self.try_settings(&variables.into()).unwrap()
        }
    }

    #[test]
    fn without_files_all_is_default() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine { folder };
        let settings = machine.settings([]);
        assert_eq!(settings.cache, Path::new("/cache/mpoetry"));
        assert_eq!(settings.virtualenvs.path, Path::new("/cache/virtualenvs"));
        assert_eq!(settings.virtualenvs.in_project, None);
        assert!(settings.virtualenvs.create);
        assert_eq!(
            settings.virtualenvs.prompt,
            "{project_name}-py{python_version}"
        );
        assert_eq!(settings.pythons, Path::new("/data/python"));
        assert_eq!(settings.pypi_url, "https://pypi.org/");
        assert_eq!((settings.timeout, settings.retries), (15, 5));
        assert_eq!(settings.unheeded().count(), 0);
    }

    #[test]
    fn each_layer_covers_the_one_below() {
        let config = "cache-dir = '/a'\n[virtualenvs]\nin-project = false\ncreate = false\n";
        let machine = Machine::new(config, "", "[virtualenvs]\nin-project = true\n");
        let settings = machine.settings([]);
        assert_eq!(settings.virtualenvs.in_project, Some(true));
        assert!(!settings.virtualenvs.create, "the rest of the table stays");
        assert_eq!(settings.virtualenvs.path, Path::new("/a/virtualenvs"));

        let variables = [
            ("POETRY_VIRTUALENVS_IN_PROJECT", "no"),
            ("POETRY_CACHE_DIR", "/b"),
        ];
        let settings = machine.settings(variables);
        assert_eq!(
            settings.virtualenvs.in_project,
            Some(false),
            "all but true and 1 is false"
        );
        assert_eq!(settings.cache, Path::new("/b/mpoetry"));
        assert_eq!(settings.virtualenvs.path, Path::new("/b/virtualenvs"));
    }

    #[test]
    fn our_own_cache_is_apart_from_the_environments() {
        let machine = Machine::new("", "", "");
        let variables = [
            ("MPOETRY_CACHE_DIR", "/own"),
            ("MPOETRY_PYPI_URL", "http://mirror/x"),
        ];
        let settings = machine.settings(variables);
        assert_eq!(settings.cache, Path::new("/own"));
        assert_eq!(settings.virtualenvs.path, Path::new("/cache/virtualenvs"));
        assert_eq!(settings.pypi_url, "http://mirror/x/");
    }

    #[test]
    fn values_may_name_other_keys_and_the_home_directory() {
        let config =
            "[virtualenvs]\npath = '{cache-dir}/v/{nope}'\n[python]\ninstallation-dir='~/py'";
        let machine = Machine::new(config, "", "");
        let settings = machine.settings([("POETRY_CACHE_DIR", "/b")]);
        assert_eq!(settings.virtualenvs.path, Path::new("/b/v/{nope}"));
        assert_eq!(settings.pythons, Path::new("/home/me/py"));
        let settings = machine.settings([("POETRY_CACHE_DIR", "{cache-dir}/x")]);
        assert!(settings.virtualenvs.path.starts_with("/cache"));
    }

    #[test]
    fn what_is_known_of_a_source_comes_from_files_and_variables() {
        let auth = "[http-basic.my-repo]\nusername = 'u'\npassword = 'p'\n\
                    [certificates.my-repo]\ncert = '~/ca'\n[certificates.open]\ncert = false\n";
        let machine = Machine::new("[repositories.my-repo]\nurl = 'https://r/'\n", auth, "");
        let settings = machine.settings([
            ("POETRY_HTTP_BASIC_MY_REPO_PASSWORD", "q"),
            ("POETRY_HTTP_BASIC_TOKEN_PASSWORD", "t"),
            ("POETRY_CERTIFICATES_MY_REPO_CLIENT_CERT", "/me.pem"),
        ]);
        let login = |settings: &Settings, name: &str| {
            let place = settings.place(name, "https://r/");
            (place.user, place.password)
        };
        let pair = |user: &str, password: &str| (Some(user.to_owned()), Some(password.to_owned()));
        assert_eq!(login(&settings, "my-repo"), pair("u", "q"));
        assert_eq!(login(&settings, "token"), pair("", "t"));
        assert_eq!(login(&settings, "other"), (None, None));
        let trust = settings.place("my-repo", "https://r/").trust;
        assert_eq!(trust.roots.as_deref(), Some(Path::new("/home/me/ca")));
        assert_eq!(trust.client.as_deref(), Some(Path::new("/me.pem")));
        assert!(settings.place("open", "https://r/").trust.is_blind);
        let own = [
            ("MPOETRY_HTTP_BASIC_MY_REPO_USERNAME", "mine"),
            ("POETRY_HTTP_BASIC_MY_REPO_USERNAME", "theirs"),
        ];
        assert_eq!(login(&machine.settings(own), "my-repo"), pair("mine", "p"));

        let name_and_url = |name: &str, url: &str| vec![(name.to_owned(), url.to_owned())];
        assert_eq!(settings.repositories, name_and_url("my-repo", "https://r/"));
        let settings = machine.settings([("POETRY_REPOSITORIES_OTHER_ONE_URL", "https://o/")]);
        assert_eq!(
            settings.repositories,
            name_and_url("other-one", "https://o/")
        );
    }

    #[test]
    fn the_age_of_releases_has_exceptions() {
        let config = "[solver]\nmin-release-age = 7\nmin-release-age-exclude = ['Six']\n";
        let machine = Machine::new(config, "", "");
        let age = machine
            .settings([(
                "POETRY_SOLVER_MIN_RELEASE_AGE_EXCLUDE_SOURCE",
                "pypi, https://x",
            )])
            .min_release_age;
        assert_eq!(age.days, 7);
        assert!(age.packages.contains("six"));
        assert_eq!(age.sources, ["pypi", "https://x"]);
        let age = machine
            .settings([
                ("POETRY_SOLVER_MIN_RELEASE_AGE_EXCLUDE", "a,B_c"),
                ("MPOETRY_SOLVER_MIN_RELEASE_AGE", "3"),
            ])
            .min_release_age;
        assert_eq!(age.days, 3);
        assert!(age.packages.contains("b-c") && !age.packages.contains("six"));
    }

    #[test]
    fn workers_follow_parallel_and_max_workers() {
        let machine = Machine::new("[installer]\nmax-workers = 1\n", "", "");
        assert_eq!(machine.settings([]).workers, 1);
        let serial = [
            ("POETRY_INSTALLER_PARALLEL", "false"),
            ("POETRY_INSTALLER_MAX_WORKERS", "8"),
        ];
        assert_eq!(machine.settings(serial).workers, 1);
        let faulty = machine.try_settings(&[("POETRY_INSTALLER_MAX_WORKERS", "many")].into());
        let text = faulty.unwrap_err().to_string();
        assert_eq!(
            text,
            "\"many\" is an invalid value for installer.max-workers"
        );
    }

    #[test]
    fn options_that_only_virtualenv_knows_are_told_apart() {
        let options = "[virtualenvs.options]\ncopies = true\nno-wheel = true\nseeder = 'pip'\n\
                       clear = false\nno-vcs-ignore = true\n";
        let machine = Machine::new(options, "", "");
        let virtualenvs = machine.settings([]).virtualenvs;
        assert!(virtualenvs.always_copy);
        assert_eq!(virtualenvs.foreign_options, ["seeder", "no-vcs-ignore"]);
    }

    #[test]
    fn settings_without_effect_are_told() {
        let config = "system-git-client = true\n[virtualenvs]\nuse-poetry-python = true\n";
        let machine = Machine::new(config, "", "");
        let told = |settings: Settings| settings.unheeded().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(
            told(machine.settings([])),
            ["virtualenvs.use-poetry-python"]
        );
        let off = [("POETRY_VIRTUALENVS_USE_POETRY_PYTHON", "false")];
        assert!(told(machine.settings(off)).is_empty());
    }

    #[test]
    fn a_broken_file_is_named() {
        let machine = Machine::new("[virtualenvs\n", "", "");
        let text = machine
            .try_settings(&Variables::default())
            .unwrap_err()
            .to_string();
        assert!(text.starts_with("Invalid TOML file "), "{text}");
        assert!(text.contains("config.toml: "), "{text}");
    }
}
