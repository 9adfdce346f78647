//! Settings, resolved once: defaults ← `config.toml` ← `auth.toml` ← `poetry.toml` ← `POETRY_*` ← flags.
//!
//! Keys, files and variables are Poetry's, so that a machine or a CI job that is set up for Poetry needs
//! nothing more. Ours are `MPOETRY_PYPI_URL`, `MPOETRY_CACHE_DIR`, `MPOETRY_PYTHON_BUILDS` and what begins with
//! `MPOETRY_REMOTE_CACHE`.

mod installer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use ::installer::build::ConfigSettings;
use ::installer::fetch::BinaryPolicy;
use resolver::name::PackageName;

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
    #[error("Invalid TOML file {}: {}", .path.display(), .source.message())]
    Syntax {
        path: PathBuf,
        source: toml::de::Error,
    },
    /// A value is of no use for its key.
    #[error("\"{value}\" is an invalid value for {key}")]
    Value { key: String, value: String },
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
    /// PEM files with more root certificates.
    pub(crate) certificates: Vec<PathBuf>,
    /// `repositories.<name>.url`
    pub(crate) repositories: BTreeMap<String, String>,
    /// `http-basic.<name>`: user and password.
    pub(crate) credentials: BTreeMap<String, (String, String)>,
    /// What this machine says of the remote cache.
    pub(crate) remote_cache: RemoteCache,
    /// `pypi-token.<name>`, by the name as variables have it.
    pub(crate) tokens: BTreeMap<String, String>,
    /// `repositories.<name>.url`, by the name as variables have it.
    pub(crate) upload_urls: BTreeMap<String, String>,
    /// `certificates.<name>`, by the name as variables have it.
    pub(crate) repository_certificates: BTreeMap<String, RepositoryCertificates>,
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

/// The settings `certificates.<name>.*`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct RepositoryCertificates {
    /// A PEM file of whom to trust.
    pub(crate) cert: Option<PathBuf>,
    /// `cert = false`: the server is not checked at all.
    pub(crate) verify: bool,
    /// A PEM file to show to the server.
    pub(crate) client_cert: Option<PathBuf>,
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

const PYPI_URL: &str = "https://pypi.org/";
/// Poetry: its `POETRY_REQUESTS_TIMEOUT`, in seconds.
const TIMEOUT: u64 = 15;
/// Poetry: its HTTP client tries five times again, whatever `requests.max-retries` says.
const RETRIES: usize = 5;
/// A value that names its own key must not go round for ever.
const DEEPEST_REFERENCE: usize = 4;
/// Poetry: these change what is installed or locked. Where they are set, the user must know that they
/// have no effect yet.
const UNHEEDED: [&str; 3] = [
    "solver.min-release-age",
    "solver.min-release-age-exclude",
    "virtualenvs.use-poetry-python",
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
        let named = |name| variables.filled(name).map(|path| expand_home(path, &home));
        // Poetry: on Windows its cache is a folder of its folder.
        let cache = base.cache_dir().join("pypoetry");
        let cache = if cfg!(windows) {
            cache.join("Cache")
        } else {
            cache
        };
        let config = named("POETRY_CONFIG_DIR");
        let data = named("POETRY_HOME");
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
        let mut files = toml::Table::new();
        let beside = project.map(|folder| folder.join("poetry.toml"));
        let global = [
            places.config.join("config.toml"),
            places.config.join("auth.toml"),
        ];
        for path in global.into_iter().chain(beside) {
            merge(&mut files, read(&path)?);
        }
        Layers {
            files,
            variables,
            places,
        }
        .settings()
    }
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
            certificates: self.certificates(),
            repositories: self.repositories(),
            credentials: self.credentials(),
            remote_cache: self.remote_cache(),
            tokens: self.tokens(),
            upload_urls: self.upload_urls(),
            repository_certificates: self.repository_certificates(),
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
        let key = "POETRY_REQUESTS_TIMEOUT";
        self.variables.filled(key).map_or(Ok(TIMEOUT), |text| {
            text.parse().map_err(|_| SettingsError::Value {
                key: key.to_owned(),
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

    /// The variables that Python's HTTP clients and OpenSSL know, and `certificates.<name>.cert`.
    fn certificates(&self) -> Vec<PathBuf> {
        let variables = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
        let named = variables
            .iter()
            .filter_map(|name| self.variables.filled(name));
        let mut files: Vec<PathBuf> = named.map(PathBuf::from).collect();
        let repositories = self.repository_certificates().into_values();
        files.extend(repositories.filter_map(|certificates| certificates.cert));
        files.dedup();
        files
    }

    /// Poetry: one variable of this kind makes it forget all repositories of the files.
    fn repositories(&self) -> BTreeMap<String, String> {
        let from_variables: BTreeMap<String, String> = self
            .variables
            .iter()
            .filter_map(|(variable, url)| {
                let name = variable
                    .strip_prefix("POETRY_REPOSITORIES_")?
                    .strip_suffix("_URL")?;
                Some((name.to_lowercase().replace('_', "-"), url.to_owned()))
            })
            .collect();
        if !from_variables.is_empty() {
            return from_variables;
        }
        let names = self.names_below("repositories");
        let urls = names.into_iter().filter_map(|name| {
            let url = self
                .file_value(&["repositories", &name, "url"])?
                .as_str()?
                .to_owned();
            Some((name, url))
        });
        urls.collect()
    }

    /// Names in variables are upper case with `_`, so a source finds its own by writing its name so.
    fn credentials(&self) -> BTreeMap<String, (String, String)> {
        let mut credentials = BTreeMap::new();
        for name in self.names_below("http-basic") {
            let part = |part| self.file_value(&["http-basic", &name, part])?.as_str();
            if let Some(user) = part("username") {
                let password = part("password").unwrap_or_default();
                let pair = (user.to_owned(), password.to_owned());
                credentials.insert(variable_part(&name), pair);
            }
        }
        for (variable, value) in self.variables.iter() {
            let Some(rest) = variable.strip_prefix("POETRY_HTTP_BASIC_") else {
                continue;
            };
            if let Some(name) = rest.strip_suffix("_USERNAME") {
                credentials.entry(name.to_owned()).or_default().0 = value.to_owned();
            } else if let Some(name) = rest.strip_suffix("_PASSWORD") {
                credentials.entry(name.to_owned()).or_default().1 = value.to_owned();
            }
        }
        credentials
    }

    /// Names as [`variable_part`] writes them.
    fn tokens(&self) -> BTreeMap<String, String> {
        let mut tokens = BTreeMap::new();
        for name in self.names_below("pypi-token") {
            let token = self.file_value(&["pypi-token", &name]);
            if let Some(token) = token.and_then(toml::Value::as_str) {
                tokens.insert(variable_part(&name), token.to_owned());
            }
        }
        for (variable, token) in self.variables.iter() {
            if let Some(name) = variable.strip_prefix("POETRY_PYPI_TOKEN_") {
                tokens.insert(name.to_owned(), token.to_owned());
            }
        }
        tokens.retain(|_, token| !token.is_empty());
        tokens
    }

    /// Poetry: `cert` is a file, or `false` for no checks at all; `verify` is an older name for it.
    fn repository_certificates(&self) -> BTreeMap<String, RepositoryCertificates> {
        let in_variables = self.variables.iter().filter_map(|(variable, _)| {
            let rest = variable.strip_prefix("POETRY_CERTIFICATES_")?;
            let mut endings = ["_CLIENT_CERT", "_CERT", "_VERIFY"].into_iter();
            endings.find_map(|ending| Some(rest.strip_suffix(ending)?.to_owned()))
        });
        let read = |name: String| {
            let path = |key: &str| self.path(&format!("certificates.{name}.{key}"));
            let is = |text: &str| {
                let is = |key| path(key).is_some_and(|path| path == Path::new(text));
                is("verify") || is("cert")
            };
            let certificates = RepositoryCertificates {
                cert: path("cert").filter(|_| !is("true") && !is("false")),
                verify: !is("false"),
                client_cert: path("client-cert"),
            };
            (variable_part(&name), certificates)
        };
        // What variables say counts more, and both are looked up by either name.
        let names = self.names_below("certificates").into_iter();
        names
            .chain(in_variables)
            .fold(BTreeMap::new(), |mut all, name| {
                let (name, certificates) = read(name);
                all.entry(name).or_insert(certificates);
                all
            })
    }

    /// Poetry: who looks for one repository finds it in variables and files.
    fn upload_urls(&self) -> BTreeMap<String, String> {
        let names = self.names_below("repositories").into_iter();
        let in_files = names.filter_map(|name| {
            let url = self.file_value(&["repositories", &name, "url"])?.as_str()?;
            Some((variable_part(&name), url.to_owned()))
        });
        let in_variables = self.variables.iter().filter_map(|(variable, url)| {
            let rest = variable.strip_prefix("POETRY_REPOSITORIES_")?;
            Some((rest.strip_suffix("_URL")?.to_owned(), url.to_owned()))
        });
        in_files.chain(in_variables).collect()
    }

    fn unheeded(&self) -> Vec<&'static str> {
        let is_set = |key: &&str| match self.text(key).as_deref() {
            Some(text) => !["", "0", "false", ":none:"].contains(&text),
            None => {
                let value = self.file_value(&key.split('.').collect::<Vec<_>>());
                value.is_some_and(|value| match value {
                    toml::Value::Table(table) => !table.is_empty(),
                    toml::Value::Array(array) => !array.is_empty(),
                    _ => false,
                })
            }
        };
        UNHEEDED.into_iter().filter(is_set).collect()
    }

    /// The variable of a key.
    fn variable(&self, key: &str) -> Option<&str> {
        let variable = format!("POETRY_{}", variable_part(key));
        self.variables.get(&variable)
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
        match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(SettingsError::Value {
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

    fn names_below(&self, key: &str) -> Vec<String> {
        let table = self.files.get(key).and_then(toml::Value::as_table);
        table
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default()
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
    text.parse().map_err(|source| SettingsError::Syntax {
        path: path.to_owned(),
        source,
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
        assert!(settings.unheeded.is_empty());
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
    fn credentials_come_from_files_and_variables() {
        let auth = "[http-basic.my-repo]\nusername = 'u'\npassword = 'p'\n";
        let machine = Machine::new("[repositories.my-repo]\nurl = 'https://r/'\n", auth, "");
        let settings = machine.settings([("POETRY_HTTP_BASIC_MY_REPO_PASSWORD", "q")]);
        let pair = ("u".to_owned(), "q".to_owned());
        assert_eq!(settings.credentials.get("MY_REPO"), Some(&pair));
        assert_eq!(settings.repositories["my-repo"], "https://r/");
        let settings = machine.settings([("POETRY_REPOSITORIES_OTHER_ONE_URL", "https://o/")]);
        assert_eq!(
            settings.repositories.keys().collect::<Vec<_>>(),
            ["other-one"]
        );
    }

    #[test]
    fn tokens_and_certificates_of_repositories() {
        let config = "[certificates.a]\ncert = '~/ca.pem'\nclient-cert = '/c.pem'\n[certificates.b]\ncert = false\n";
        let auth = "[pypi-token]\nmy-repo = 'one'\npypi = 'two'\n";
        let machine = Machine::new(config, auth, "");
        let settings = machine.settings([("POETRY_PYPI_TOKEN_MY_REPO", "three")]);
        let tokens: Vec<(&str, &str)> = settings
            .tokens
            .iter()
            .map(|(name, token)| (name.as_str(), token.as_str()))
            .collect();
        assert_eq!(tokens, [("MY_REPO", "three"), ("PYPI", "two")]);
        let [a, b] = ["A", "B"].map(|name| &settings.repository_certificates[name]);
        assert_eq!(a.cert.as_deref(), Some(Path::new("/home/me/ca.pem")));
        assert_eq!(a.client_cert.as_deref(), Some(Path::new("/c.pem")));
        assert!(a.verify && !b.verify && b.cert.is_none());
        assert_eq!(settings.certificates, [Path::new("/home/me/ca.pem")]);
        let settings = machine.settings([("POETRY_CERTIFICATES_C_CERT", "false")]);
        assert!(!settings.repository_certificates["C"].verify);
    }

    #[test]
    fn repositories_to_upload_to_are_found_one_by_one() {
        let config =
            "[repositories.my-repo]\nurl = 'https://r/'\n[repositories.b]\nurl = 'https://b/'\n";
        let machine = Machine::new(config, "", "");
        let settings = machine.settings([("POETRY_REPOSITORIES_B_URL", "https://other/")]);
        assert_eq!(settings.upload_urls["MY_REPO"], "https://r/");
        assert_eq!(settings.upload_urls["B"], "https://other/");
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
        let config = "[virtualenvs]\nuse-poetry-python = true\n[solver]\nmin-release-age = 0\n";
        let machine = Machine::new(config, "", "");
        assert_eq!(
            machine.settings([]).unheeded,
            ["virtualenvs.use-poetry-python"]
        );
        let settings = machine.settings([("POETRY_SOLVER_MIN_RELEASE_AGE", "7")]);
        assert_eq!(
            settings.unheeded,
            ["solver.min-release-age", "virtualenvs.use-poetry-python"]
        );
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
