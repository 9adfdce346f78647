//! Which environment a project uses, by Poetry's rules, and what is said when one is made.

use std::path::{Path, PathBuf};

use installer::environment::{CreateOptions, Environment, location};
use installer::python::Interpreter;
use installer::python::find::{Choice, ChoiceError, Places};
use resolver::cache::Cache;
use resolver::constraint::Constraint;
use resolver::project::Project;

use crate::console::{Console, NAME};
use crate::failure::Failure;
use crate::settings::{Settings, Virtualenvs};
use crate::variables::Variables;

/// All that decides about a project's environments.
#[derive(Clone, Debug)]
pub(crate) struct Environments {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// Its normalised name.
    pub(crate) name: String,
    pub(crate) virtualenvs: Virtualenvs,
    /// The environment that is switched on in the shell.
    pub(crate) active: Option<PathBuf>,
    /// Where Pythons are looked for.
    pub(crate) places: Places,
    pub(crate) cache: Cache,
}

/// The environment a project uses now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Located {
    /// This folder, which may be broken.
    Environment(PathBuf),
    /// It has none yet.
    Absent,
    /// `virtualenvs.create = false`: the base installation itself.
    System,
}

/// Poetry: the text of environments whose Python does not fit.
const USE_ANOTHER: &str = "Please change python executable via the \"env use\" command.";
const CREATION_IS_OFF: &str = "Poetry cannot switch to a compatible Python version \
    because virtualenv creation is disabled.";

impl Environments {
    /// Finds the project's environment without asking any Python, unless its place depends on one.
    ///
    /// # Errors
    /// When no Python is found, but only its version could tell the place.
    pub(crate) fn locate(&self) -> Result<Located, Failure> {
        // Poetry: `env use` overrules an environment that happens to be active.
        let chosen = self.chosen_minor();
        if let (Some(active), None) = (&self.active, &chosen) {
            return Ok(Located::Environment(active.clone()));
        }
        let in_project = self.in_project();
        // Poetry: a `.venv` that is there counts unless the setting says no.
        if self.virtualenvs.in_project != Some(false) && in_project.is_dir() {
            return Ok(Located::Environment(in_project));
        }
        if !self.virtualenvs.create {
            return Ok(Located::System);
        }
        // Poetry: with `in-project` set, a central environment still counts while it is there.
        let minor = match chosen {
            Some(minor) => minor,
            None if !self.virtualenvs.path.is_dir() => return Ok(Located::Absent),
            None => minor(&self.preferred()?),
        };
        let central = self.central(&minor);
        Ok(if central.exists() {
            Located::Environment(central)
        } else {
            Located::Absent
        })
    }

    /// Opens the project's environment; makes it if there is none, or if it is broken.
    ///
    /// # Errors
    /// When no Python fits the project, or the environment can't be made.
    pub(crate) fn ensure(
        &self,
        project: &Project,
        console: &Console,
    ) -> Result<Environment, Failure> {
        let broken = match self.locate()? {
            Located::System => {
                let interpreter = self.preferred()?;
                let root = interpreter.prefix.clone();
                let environment = Environment { root, interpreter };
                check_python(&environment, project, CREATION_IS_OFF)?;
                return Ok(environment);
            }
            Located::Absent => None,
            Located::Environment(root) => match Environment::open(&root, &self.cache)? {
                Some(environment) => {
                    check_python(&environment, project, USE_ANOTHER)?;
                    return Ok(environment);
                }
                None => Some(root),
            },
        };
        let interpreter = self.choose(project, console)?;
        self.create(&interpreter, broken.as_deref(), console)
    }

    /// The Python to build with: the one of the environment that is there, or one that could make it.
    ///
    /// # Errors
    /// When there is none at all.
    pub(crate) fn interpreter(&self, wanted: &Constraint) -> Result<Interpreter, Failure> {
        if let Located::Environment(root) = self.locate()?
            && let Some(environment) = Environment::open(&root, &self.cache)?
        {
            return Ok(environment.interpreter);
        }
        match self.places.choose(wanted, &self.cache) {
            Ok(choice) => Ok(choice.interpreter),
            // Most builds care little.
            Err(_) => self.preferred(),
        }
    }

    fn create(
        &self,
        interpreter: &Interpreter,
        broken: Option<&Path>,
        console: &Console,
    ) -> Result<Environment, Failure> {
        let minor = minor(interpreter);
        let in_project = location::is_in_project(self.virtualenvs.in_project, &self.root);
        let (name, root, shown) = if in_project {
            (self.name.clone(), self.in_project(), self.in_project())
        } else {
            let root = self.central(&minor);
            let name = root
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (name, root, self.virtualenvs.path.clone())
        };
        if root.is_dir() {
            // `Environment::create` clears the folder.
            if let Some(broken) = broken {
                let broken = broken.display();
                console.warning(format_args!(
                    "The virtual environment found in {broken} seems to be broken."
                ));
            }
            let root = root.display();
            console.error_line(format_args!(
                "Recreating virtualenv {NAME}{name}{NAME:#} in {root}"
            ));
        } else {
            if root.is_file() {
                let file = root.display();
                console.warning(format_args!(
                    "{file} is not a virtual environment but a file. Removing it."
                ));
                fs_err::remove_file(&root).map_err(Failure::caused)?;
            }
            let shown = shown.display();
            console.error_line(format_args!(
                "Creating virtualenv {NAME}{name}{NAME:#} in {shown}"
            ));
        }
        let options = CreateOptions {
            prompt: prompt(&self.virtualenvs.prompt, &self.name, &minor)?,
            system_site_packages: self.virtualenvs.system_site_packages,
            no_pip: self.virtualenvs.no_pip,
            always_copy: self.virtualenvs.always_copy,
        };
        Ok(Environment::create(
            &root,
            interpreter,
            &options,
            &self.cache,
        )?)
    }

    /// The Python to make an environment with: the preferred one if it fits, else the newest that does.
    fn choose(&self, project: &Project, console: &Console) -> Result<Interpreter, Failure> {
        let passed_over = |version| {
            console.warning(format_args!(
                "The currently activated Python version {version} is not supported by the project \
                 ({}).\nTrying to find and use a compatible version. ",
                project.python_versions
            ));
        };
        match self.places.choose(&project.python_constraint, &self.cache) {
            Ok(Choice {
                interpreter,
                passed_over: None,
            }) => Ok(interpreter),
            Ok(Choice {
                interpreter,
                passed_over: Some(preferred),
            }) => {
                passed_over(preferred);
                let program = interpreter.executable.file_name().unwrap_or_default();
                let (program, version) = (program.to_string_lossy(), &interpreter.version);
                console.error_line(format_args!("Using {NAME}{program}{NAME:#} ({version})"));
                Ok(interpreter)
            }
            Err(ChoiceError::NoneFits { preferred }) => {
                passed_over(preferred.clone());
                Err(Failure::caused(ChoiceError::NoneFits { preferred }))
            }
            Err(error) => Err(Failure::caused(error)),
        }
    }

    /// Poetry: the Python that the shell would start, whatever its version.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn preferred(&self) -> Result<Interpreter, Failure> {
        Ok(self.places.preferred(&self.cache)?)
    }

    fn in_project(&self) -> PathBuf {
        location::in_project(&self.root)
    }

    fn central(&self, minor: &str) -> PathBuf {
        location::central(&self.virtualenvs.path, &self.base_name(), minor)
    }

    fn base_name(&self) -> String {
        location::base_name(&self.name, &self.root)
    }

    /// What `env use` has chosen for this project, e.g. `3.12`.
    fn chosen_minor(&self) -> Option<String> {
        let text = fs_err::read_to_string(self.virtualenvs.path.join("envs.toml")).ok()?;
        let table: toml::Table = text.parse().ok()?;
        let minor = table.get(&self.base_name())?.get("minor")?.as_str()?;
        Some(minor.trim().to_owned())
    }
}

/// Poetry: the environment that is switched on in the shell, but never conda's own. An empty `VIRTUAL_ENV`
/// hides `CONDA_PREFIX`.
pub(crate) fn active(variables: &Variables) -> Option<PathBuf> {
    if variables.get("CONDA_DEFAULT_ENV") == Some("base") {
        return None;
    }
    let named = variables
        .raw("VIRTUAL_ENV")
        .or_else(|| variables.raw("CONDA_PREFIX"))?;
    (!named.is_empty()).then(|| named.into())
}

/// Where Poetry looks for Pythons: `PATH`, and the folders of the programs that install them.
pub(crate) fn places(settings: &Settings, variables: &Variables) -> Places {
    let home = &settings.home;
    let folder = |name: &str, default: &str| {
        let named = variables.filled(name).map(PathBuf::from);
        named.unwrap_or_else(|| home.join(default))
    };
    let data = folder("XDG_DATA_HOME", ".local/share");
    let uv = variables.filled("UV_PYTHON_INSTALL_DIR").map(PathBuf::from);
    Places {
        path: variables.raw("PATH").unwrap_or_default().to_owned(),
        pyenv: Some(folder("PYENV_ROOT", ".pyenv")),
        installations: vec![
            settings.pythons.clone(),
            uv.unwrap_or_else(|| data.join("uv/python")),
            folder("RYE_HOME", ".rye").join("py"),
            folder("ASDF_DATA_DIR", ".asdf").join("installs/python"),
        ],
        excluded: variables.filled("VIRTUAL_ENV").map(PathBuf::from),
    }
}

/// `bin/python` of an environment.
pub(crate) fn python_of(root: &Path) -> PathBuf {
    scripts_of(root).join(if cfg!(windows) {
        "python.exe"
    } else {
        "python"
    })
}

/// The folder of an environment's programs.
pub(crate) fn scripts_of(root: &Path) -> PathBuf {
    root.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

fn check_python(environment: &Environment, project: &Project, advice: &str) -> Result<(), Failure> {
    let version = &environment.interpreter.version;
    if project.python_constraint.allows(version) {
        return Ok(());
    }
    let wanted = &project.python_versions;
    Err(Failure::new(format!(
        "Current Python version ({version}) is not allowed by the project ({wanted}).\n{advice}"
    )))
}

/// `3.12` of 3.12.1.
fn minor(interpreter: &Interpreter) -> String {
    interpreter.markers.python_version.clone()
}

/// Poetry: the prompt's template is Python's `str.format` with two names.
fn prompt(template: &str, name: &str, minor: &str) -> Result<String, Failure> {
    let mut prompt = String::new();
    let mut rest = template.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '{' | '}' if rest.peek() == Some(&letter) => {
                rest.next();
                prompt.push(letter);
            }
            '{' => {
                let variable: String = rest.by_ref().take_while(|&letter| letter != '}').collect();
                match variable.as_str() {
                    "project_name" => prompt.push_str(name),
                    "python_version" => prompt.push_str(minor),
                    _ => {
                        return Err(Failure::new(format!(
                            "Invalid template variable '{variable}' in 'virtualenvs.prompt' \
                             setting.\nValid variables are: {{project_name}}, {{python_version}}"
                        )));
                    }
                }
            }
            letter => prompt.push(letter),
        }
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use resolver::cache::Cache;

    use installer::python::find::Places;

    use super::{Environments, Located, active, prompt};
    use crate::settings::Virtualenvs;
    use crate::variables::Variables;

    fn environments<const N: usize>(root: &Path, variables: [(&str, &str); N]) -> Environments {
        Environments {
            root: root.to_owned(),
            name: "demo".to_owned(),
            virtualenvs: Virtualenvs {
                create: true,
                in_project: None,
                path: root.join("virtualenvs"),
                prompt: String::new(),
                always_copy: false,
                no_pip: false,
                system_site_packages: false,
            },
            active: active(&Variables::from(variables)),
            places: Places::default(),
            cache: Cache::new(root.join("cache")),
        }
    }

    fn locate(environments: &Environments) -> Located {
        environments.locate().unwrap()
    }

    #[test]
    fn an_active_environment_wins_over_all_but_env_use() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let place = |variables: &[(&'static str, &'static str)]| match *variables {
            [one] => locate(&environments(root, [one])),
            [one, two] => locate(&environments(root, [one, two])),
            _ => unreachable!("the cases below have one or two"),
        };
        let at = |path: &str| Located::Environment(PathBuf::from(path));
        assert_eq!(place(&[("VIRTUAL_ENV", "/v")]), at("/v"));
        assert_eq!(place(&[("CONDA_PREFIX", "/c")]), at("/c"));
        assert_eq!(
            place(&[("VIRTUAL_ENV", "/v"), ("CONDA_PREFIX", "/c")]),
            at("/v")
        );
        assert_eq!(
            place(&[("VIRTUAL_ENV", ""), ("CONDA_PREFIX", "/c")]),
            Located::Absent
        );
        let base = [("CONDA_DEFAULT_ENV", "base"), ("CONDA_PREFIX", "/c")];
        assert_eq!(place(&base), Located::Absent);

        let chosen = environments(root, [("VIRTUAL_ENV", "/v")]);
        let central = chosen.central("3.9");
        fs_err::create_dir_all(&central).unwrap();
        let table = format!(
            "[{}]\nminor = \"3.9\"\npatch = \"3.9.1\"\n",
            chosen.base_name()
        );
        fs_err::write(root.join("virtualenvs/envs.toml"), table).unwrap();
        assert_eq!(locate(&chosen), Located::Environment(central));
    }

    #[test]
    fn a_dot_venv_counts_unless_in_project_is_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut environments = environments(folder.path(), []);
        assert_eq!(locate(&environments), Located::Absent);
        let inside = folder.path().join(".venv");
        fs_err::create_dir(&inside).unwrap();
        assert_eq!(locate(&environments), Located::Environment(inside.clone()));
        environments.virtualenvs.in_project = Some(false);
        assert_eq!(locate(&environments), Located::Absent);
        environments.virtualenvs.create = false;
        assert_eq!(locate(&environments), Located::System);
        environments.virtualenvs.in_project = Some(true);
        assert_eq!(locate(&environments), Located::Environment(inside));
    }

    #[test]
    fn prompts_are_templates() {
        let made = |template| prompt(template, "demo", "3.12").map_err(|failure| failure.text());
        assert_eq!(
            made("{project_name}-py{python_version}").unwrap(),
            "demo-py3.12"
        );
        assert_eq!(made("{{{project_name}}}").unwrap(), "{demo}");
        let fault = made("{foo}").unwrap_err();
        assert!(
            fault.starts_with("Invalid template variable 'foo' in 'virtualenvs.prompt' setting.")
        );
    }
}
