//! `mpoetry config`: show and change settings.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use resolver::name::PackageName;
use toml::Value;

use crate::console::{BOLD, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::keyring::Keyring;
use crate::python_text;
use crate::settings::keys::{Key, boolean_of};
use crate::settings::{
    AUTH_FILE, CONFIG_FILE, Configuration, Keep, LOCAL_FILE, Listed, SECRET, SettingsFile,
    installer,
};

/// Manages configuration settings
///
/// Without a value it shows the one of a key, with one it changes it: for you, or with --local for the project.
/// Besides the keys that --list shows there are
///
///   repositories.NAME URL
///   http-basic.NAME USER [PASSWORD]
///   pypi-token.NAME TOKEN
///   certificates.NAME.cert FILE, certificates.NAME.client-cert FILE
///   installer.build-config-settings.PACKAGE JSON...
///
/// Three keys are kept for Poetry and change nothing here: installer.builtin-uninstall and system-git-client, since
/// pip never removes a package and git is always the system's; and virtualenvs.use-poetry-python, since there is no
/// Python that mpoetry runs on.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ConfigArgs {
    /// Setting key
    key: Option<String>,
    /// Setting value
    value: Vec<String>,
    /// List configuration settings
    #[arg(long)]
    list: bool,
    /// Unset configuration setting
    #[arg(long)]
    unset: bool,
    /// Set or get from the project's local configuration
    #[arg(long)]
    local: bool,
    /// Migrate outdated configuration settings
    #[arg(long)]
    migrate: bool,
}

/// # Errors
/// When a key is unknown, a value is of no use, or a file can't be read or written.
pub(crate) fn run(cx: &Context, args: &ConfigArgs) -> Result<(), Failure> {
    if args.migrate {
        migrate(cx, args.local)?;
    }
    let places = cx.places()?;
    let project = Nearby::of(cx)?;
    let root = project.root.as_deref();
    let configuration = Configuration::read(places, root, &project.sources, cx.variables())?;
    SettingsFile::ensure(&places.config.join(CONFIG_FILE))?;
    let Some(key) = args.key.as_deref().filter(|_| !args.list) else {
        if args.list {
            print(cx, &configuration.list()?);
        }
        return Ok(());
    };
    match args.value.as_slice() {
        [] if !args.unset => show(cx, &configuration, key),
        [_, ..] if args.unset => Err(Failure::new(
            "You can not combine a setting value with --unset",
        )),
        values => {
            let file = if args.local {
                project.local_file(cx)?
            } else {
                places.config.join(CONFIG_FILE)
            };
            let change = Change {
                cx,
                configuration: &configuration,
                file: SettingsFile::read(file)?,
                key,
                values,
            };
            change.make()
        }
    }
}

/// The project that the settings are of, if there is one.
#[derive(Default)]
struct Nearby {
    root: Option<PathBuf>,
    /// Names and URLs.
    sources: Vec<(String, String)>,
}

impl Nearby {
    /// Poetry: where a project can't be used there is none.
    fn of(cx: &Context) -> Result<Self, Failure> {
        if cx.root().is_err() {
            return Ok(Self::default());
        }
        // What is no TOML is a fault nevertheless.
        cx.manifest()?;
        let Ok(project) = cx.project() else {
            return Ok(Self::default());
        };
        let sources = project.document.get("tool").and_then(|tool| {
            let sources = tool.get("poetry")?.get("source")?.as_array()?;
            Some(sources.iter().filter_map(|source| {
                let text = |key| Some(source.get(key)?.as_str()?.to_owned());
                Some((text("name")?, text("url")?))
            }))
        });
        Ok(Self {
            root: Some(project.root.clone()),
            sources: sources.into_iter().flatten().collect(),
        })
    }

    /// Poetry: without a project, settings for it go to the current folder.
    fn local_file(&self, cx: &Context) -> Result<PathBuf, Failure> {
        let folder = self.root.as_deref().unwrap_or_else(|| cx.start());
        Ok(folder.join(LOCAL_FILE))
    }
}

fn print(cx: &Context, all: &[Listed]) {
    for Listed { key, raw, value } in all {
        let meant = match value {
            Some(Value::Array(values)) => Some(Value::String(in_brackets(values))),
            other => other.clone(),
        };
        let (shown, remark) = match raw {
            _ if key.starts_with("repositories.") => (raw, None),
            Some(Value::String(_)) if *raw != meant => {
                (raw, Some(python_text::str(meant.as_ref())))
            }
            _ => (&meant, None),
        };
        let shown = python_text::json(shown.as_ref());
        let remark = remark.map_or(String::new(), |remark| format!("  # {remark}"));
        cx.console.line(format_args!(
            "{NAME}{key}{NAME:#} = {BOLD}{shown}{BOLD:#}{remark}"
        ));
    }
}

/// Poetry: the texts of a list without quotes.
fn in_brackets(values: &[Value]) -> String {
    let texts = values.iter().map(|value| match value {
        Value::String(text) => text.clone(),
        other => python_text::json(Some(other)),
    });
    format!("[{}]", texts.collect::<Vec<_>>().join(", "))
}

fn show(cx: &Context, configuration: &Configuration<'_>, key: &str) -> Result<(), Failure> {
    let section = key.split('.').next().unwrap_or_default();
    if SECRET.contains(&section) {
        return Err(Failure::new(format!("Expected a value for {key} setting.")));
    }
    if let Some(rest) = key.strip_prefix(CONFIG_SETTINGS) {
        return show_config_settings(cx, configuration, rest);
    }
    let value = match repository(key) {
        Some(None) => {
            let all = configuration.get(&["repositories"])?;
            python_text::str(Some(&all.unwrap_or(Value::Table(toml::Table::new()))))
        }
        Some(Some(Repository { name, part })) => {
            let found = configuration.get(&["repositories", name])?;
            let found = found.ok_or_else(|| no_repository(name))?;
            match part {
                Some(part) => found.get(part).map(|value| python_text::str(Some(value))),
                None => Some(python_text::str(Some(&found))),
            }
            .unwrap_or_default()
        }
        None => {
            let path: Vec<&str> = key.split('.').collect();
            if Key::find(key).is_none() {
                return Err(Failure::new(format!("There is no {key} setting.")));
            }
            match configuration.get(&path)? {
                Some(Value::String(text)) => text,
                other => python_text::json(other.as_ref()),
            }
        }
    };
    cx.console.line(value);
    Ok(())
}

const CONFIG_SETTINGS: &str = "installer.build-config-settings";

fn show_config_settings(
    cx: &Context,
    configuration: &Configuration<'_>,
    rest: &str,
) -> Result<(), Failure> {
    let package = rest
        .strip_prefix('.')
        .and_then(|rest| rest.split('.').next());
    let Some(package) = package.filter(|package| !package.is_empty()) else {
        let all = configuration.list_config_settings()?;
        if all.is_empty() {
            cx.console
                .line("No packages configured with build config settings.");
        }
        print(cx, &all);
        return Ok(());
    };
    let package = PackageName::new(package);
    let [section, table] = ["installer", "build-config-settings"];
    match configuration.get(&[section, table, package.as_str()])? {
        Some(Value::Table(settings)) if !settings.is_empty() => {
            let settings = Value::Table(settings);
            cx.console.line(python_text::json(Some(&settings)));
        }
        _ => cx.console.line(format_args!(
            "No build config settings configured for {NAME}{package}{NAME:#}."
        )),
    }
    Ok(())
}

/// A key below `repositories`.
struct Repository<'a> {
    name: &'a str,
    part: Option<&'a str>,
}

/// Poetry: the ways to write `repositories` and `repositories.<name>[.url]`. `None`: it is something else.
fn repository(key: &str) -> Option<Option<Repository<'_>>> {
    let (section, rest) = match key.split_once('.') {
        Some((section, rest)) => (section, Some(rest)),
        None => (key, None),
    };
    if !["repositories", "repos", "repo"].contains(&section) {
        return None;
    }
    let Some(rest) = rest else { return Some(None) };
    if rest.is_empty() {
        return None;
    }
    Some(Some(match rest.rsplit_once('.') {
        Some((name, part @ "url")) if !name.is_empty() => Repository {
            name,
            part: Some(part),
        },
        _ => Repository {
            name: rest,
            part: None,
        },
    }))
}

fn no_repository(name: &str) -> Failure {
    Failure::new(format!("There is no {name} repository defined"))
}

/// A change that is asked for; without values something is taken away.
struct Change<'a> {
    cx: &'a Context<'a>,
    configuration: &'a Configuration<'a>,
    file: SettingsFile,
    key: &'a str,
    values: &'a [String],
}

impl Change<'_> {
    fn make(mut self) -> Result<(), Failure> {
        let key = self.key;
        if let Some(known) = Key::find(key) {
            return self.of_key(known);
        }
        if let Some(repository) = repository(key) {
            return self.of_repository(repository.as_ref());
        }
        if let Some(name) = rest_after(key, "http-basic.") {
            return self.of_password(name);
        }
        if let Some(name) = rest_after(key, "pypi-token.") {
            return self.of_token(name);
        }
        if let Some(rest) = rest_after(key, "certificates.") {
            for part in ["cert", "client-cert"] {
                let name = rest
                    .strip_suffix(part)
                    .and_then(|rest| rest.strip_suffix('.'));
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    return self.of_certificate(name, part);
                }
            }
        }
        let package = rest_after(key, CONFIG_SETTINGS).and_then(|rest| rest.strip_prefix('.'));
        let package = package.and_then(|rest| rest.split('.').next());
        if let Some(package) = package.filter(|package| !package.is_empty()) {
            return self.of_config_settings(&PackageName::new(package));
        }
        Err(Failure::new(format!("Setting {key} does not exist")))
    }

    fn of_key(&mut self, key: &Key) -> Result<(), Failure> {
        let path: Vec<&str> = key.name.split('.').collect();
        match self.values {
            [] => self.file.remove(&path)?,
            [value] => self.file.set(&path, &key.parse(value)?)?,
            _ => return Err(Failure::new("You can only pass one value.")),
        }
        Ok(())
    }

    fn of_repository(&mut self, repository: Option<&Repository<'_>>) -> Result<(), Failure> {
        let Some(Repository { name, part }) = repository else {
            return Err(Failure::new("You cannot remove the [repositories] section"));
        };
        match self.values {
            [] => {
                let found = self.configuration.get(&["repositories", name])?;
                found.ok_or_else(|| no_repository(name))?;
                let path = ["repositories", name].into_iter().chain(*part);
                self.file.remove(&path.collect::<Vec<_>>())?;
            }
            [url] => {
                let url = Value::String(url.clone());
                self.file.set(&["repositories", name, "url"], &url)?;
            }
            _ => {
                return Err(Failure::new(
                    "You must pass the url. \
                     Example: poetry config repositories.foo https://bar.com",
                ));
            }
        }
        Ok(())
    }

    fn of_password(&self, name: &str) -> Result<(), Failure> {
        let asked;
        let (user, password) = match self.values {
            [] => return self.forget_password(name),
            [user] => {
                asked = self.ask_password(name)?;
                (user, &asked)
            }
            [user, password] => (user, password),
            more => {
                return Err(Failure::new(format!(
                    "Expected one or two arguments (username, password), got {}",
                    more.len()
                )));
            }
        };
        let mut entry = vec![("username", Value::String(user.clone()))];
        let keyring = self.keyring()?;
        if !keyring.is_some_and(|keyring| keyring.set_password(name, user, password)) {
            self.warn_of_plain_text();
            entry.push(("password", Value::String(password.clone())));
        }
        self.auth_file()?
            .set_table(&["http-basic", name], entry, Keep::Nothing)?;
        Ok(())
    }

    fn forget_password(&self, name: &str) -> Result<(), Failure> {
        // Poetry: without a user there is nothing to forget.
        let user = self.configuration.get(&["http-basic", name, "username"])?;
        let Some(Value::String(user)) = user else {
            return Ok(());
        };
        if let Some(keyring) = self.keyring()? {
            keyring.remove_password(name, &user);
        }
        self.auth_file()?.remove(&["http-basic", name])?;
        Ok(())
    }

    fn of_token(&self, name: &str) -> Result<(), Failure> {
        let keyring = self.keyring()?;
        let path = ["pypi-token", name];
        match self.values {
            [] => match keyring {
                Some(keyring) if !keyring.remove_token(name) => {
                    // It may be in the file from the times before the keyring.
                    let mut file = self.auth_file()?;
                    if file.get(&path).is_none() {
                        return Err(Failure::new(format!(
                            "Unable to delete the password for poetry-repository-{name} from the key ring"
                        )));
                    }
                    file.remove(&path)?;
                }
                Some(_) => {}
                None => self.auth_file()?.remove(&path)?,
            },
            [token] => {
                if !keyring.is_some_and(|keyring| keyring.set_token(name, token)) {
                    self.warn_of_plain_text();
                    let token = Value::String(token.clone());
                    self.auth_file()?.set(&path, &token)?;
                }
            }
            more => {
                return Err(Failure::new(format!(
                    "Expected only one argument (token), got {}",
                    more.len()
                )));
            }
        }
        Ok(())
    }

    fn of_certificate(&self, name: &str, part: &str) -> Result<(), Failure> {
        let path = ["certificates", name, part];
        let mut file = self.auth_file()?;
        match self.values {
            [] => file.remove(&path)?,
            [value] => {
                let answer = boolean_of(value).filter(|_| part == "cert");
                let value = answer.map_or_else(|| Value::String(value.clone()), Value::Boolean);
                file.set(&path, &value)?;
            }
            _ => return Err(Failure::new("You must pass exactly 1 value")),
        }
        Ok(())
    }

    fn of_config_settings(&mut self, package: &PackageName) -> Result<(), Failure> {
        let path = ["installer", "build-config-settings", package.as_str()];
        if self.values.is_empty() {
            self.file.remove(&path)?;
            return Ok(());
        }
        let mut all = Vec::new();
        for text in self.values {
            let settings = installer::from_json(text).ok_or_else(|| {
                Failure::new(format!(
                    "Invalid build config setting '{text}'. \
                     It must be a valid JSON with each property a string or a list of strings."
                ))
            })?;
            all.push(settings);
        }
        let pairs = all
            .iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), Value::try_from(value).ok()?)));
        self.file.set_table(&path, pairs, Keep::All)?;
        Ok(())
    }

    /// The keyring, if it is switched on and keeps secrets.
    fn keyring(&self) -> Result<Option<Keyring>, Failure> {
        // A setting that is of no use elsewhere is no reason to refuse a password.
        let is_on = self.configuration.get(&["keyring", "enabled"])?;
        let is_on = is_on == Some(Value::Boolean(true));
        let keyring = is_on.then(|| Keyring::find(self.cx.variables())).flatten();
        Ok(keyring.filter(Keyring::is_available))
    }

    fn auth_file(&self) -> Result<SettingsFile, Failure> {
        let path = self.cx.places()?.config.join(AUTH_FILE);
        Ok(SettingsFile::read(path)?)
    }

    fn warn_of_plain_text(&self) {
        self.cx
            .console
            .warning("Using a plaintext file to store credentials");
    }

    /// Asks for a password; a pipe may hold it as well.
    fn ask_password(&self, name: &str) -> Result<String, Failure> {
        let unanswered = || {
            Failure::new(format!(
                "There is no password for http-basic.{name}. Give it after the user name, or without -n when it is \
                 asked for."
            ))
        };
        if !self.cx.is_interactive {
            return Err(unanswered());
        }
        if io::stdin().is_terminal() {
            return rpassword::prompt_password("Password: ").map_err(Failure::caused);
        }
        read_line()?.ok_or_else(unanswered)
    }
}

/// The rest of a key, if there is one.
fn rest_after<'a>(key: &'a str, beginning: &str) -> Option<&'a str> {
    key.strip_prefix(beginning).filter(|rest| !rest.is_empty())
}

/// The next line of stdin without its end; `None` if there is none.
fn read_line() -> Result<Option<String>, Failure> {
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line).map_err(Failure::caused)?;
    let line = line.trim_end_matches(['\n', '\r']).to_owned();
    Ok((read > 0).then_some(line))
}

/// A key that has another name, or another meaning, than it once had.
struct Migration {
    old: &'static str,
    new: &'static str,
    /// The new value. `Ok(None)`: it need not be set any more.
    value: fn(&Value) -> Result<Option<Value>, Failure>,
}

/// Poetry: its migrations.
const MIGRATIONS: [Migration; 2] = [
    Migration {
        old: "experimental.system-git-client",
        new: "system-git-client",
        value: |old| Ok(Some(old.clone())),
    },
    Migration {
        old: "virtualenvs.prefer-active-python",
        new: "virtualenvs.use-poetry-python",
        value: |old| match old {
            Value::Boolean(true) => Ok(None),
            Value::Boolean(false) => Ok(Some(Value::Boolean(true))),
            other => Err(Failure::new(format!(
                "{} is an invalid value for virtualenvs.prefer-active-python",
                python_text::json(Some(other))
            ))),
        },
    },
];

fn migrate(cx: &Context, is_local: bool) -> Result<(), Failure> {
    let path = if is_local {
        let path = cx.root()?.join(LOCAL_FILE);
        if !path.exists() {
            return Err(Failure::new("No local config file found"));
        }
        path
    } else {
        cx.places()?.config.join(CONFIG_FILE)
    };
    let mut file = SettingsFile::read(path)?;
    cx.console.line("Checking for required migrations ...");
    let mut changes = Vec::new();
    for Migration { old, new, value } in &MIGRATIONS {
        let old_path: Vec<&str> = old.split('.').collect();
        let Some(before) = file.get(&old_path) else {
            continue;
        };
        let after = value(&before)?;
        let before = python_text::json(Some(&before));
        let meaning = match &after {
            Some(after) => python_text::json(Some(after)),
            None => "Not explicit set".to_owned(),
        };
        cx.console.line(format_args!(
            "{NAME}{old}{NAME:#} = {BOLD}{before}{BOLD:#} -> {NAME}{new}{NAME:#} = {BOLD}{meaning}{BOLD:#}"
        ));
        changes.push((old_path, new.split('.').collect::<Vec<_>>(), after));
    }
    if changes.is_empty() {
        cx.console.line("Already up to date.");
        return Ok(());
    }
    if cx.is_interactive && !is_confirmed(cx)? {
        return Ok(());
    }
    for (old, new, value) in changes {
        file.remove(&old)?;
        if let Some(value) = value {
            file.set(&new, &value)?;
        }
    }
    cx.console.line("Config migration successfully done.");
    Ok(())
}

/// No answer is a no.
fn is_confirmed(cx: &Context) -> Result<bool, Failure> {
    cx.console
        .error_line("Proceed with migration?:  (yes/no) [no] ");
    let answer = read_line()?.unwrap_or_default();
    Ok(answer.trim_start().to_lowercase().starts_with('y'))
}
