//! Which environment a project uses, by Poetry's rules, and what is said when one is made.

mod create;
mod prompt;
mod remove;
mod select;
mod surroundings;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use installer::environment::choices::{Choice, Choices};
use installer::environment::{Environment, Opened, location};
use installer::python::Interpreter;
use installer::python::find::Places;
use resolver::cache::Cache;
use resolver::constraint::Constraint;
use resolver::project::Project;

pub(crate) use surroundings::{ACTIVE, active, places};

use crate::console::Console;
use crate::environment::create::InPlaceOf;
use crate::failure::Failure;
use crate::settings::Virtualenvs;

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

/// The project's environment for those who only look.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Its Python, or the one that it would be made with.
    pub(crate) interpreter: Interpreter,
    /// `None`: there is no whole one.
    pub(crate) environment: Option<Environment>,
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
        let chosen = self.chosen()?;
        if let (Some(active), None) = (&self.active, &chosen) {
            return Ok(Located::Environment(active.clone()));
        }
        if self.has_in_project() {
            return Ok(Located::Environment(self.in_project()));
        }
        if !self.virtualenvs.create {
            return Ok(Located::System);
        }
        // Poetry: with `in-project` set, a central environment still counts while it is there.
        let minor = match &chosen {
            Some(choice) => choice.minor.clone(),
            None if !self.virtualenvs.path.is_dir() => return Ok(Located::Absent),
            None => minor(&self.preferred()?),
        };
        let central = self.central(&minor);
        if central.exists() {
            return Ok(Located::Environment(central));
        }
        if chosen.is_some() {
            // Poetry: a choice is forgotten when its environment is gone.
            self.forget(None)?;
        }
        Ok(Located::Absent)
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
        Ok(self.begin(project, console)?.finish()?)
    }

    /// As [`Environments::ensure`], but one that has to be made is only begun.
    ///
    /// # Errors
    /// As [`Environments::ensure`].
    pub(crate) fn begin(&self, project: &Project, console: &Console) -> Result<Opened, Failure> {
        let broken = match self.locate()? {
            Located::System => {
                let interpreter = self.preferred()?;
                let root = interpreter.prefix.clone();
                let environment = Environment { root, interpreter };
                check_python(&environment, project, CREATION_IS_OFF)?;
                return Ok(Opened::Whole(Box::new(environment)));
            }
            Located::Absent => None,
            Located::Environment(root) => match Environment::open(&root, &self.cache)? {
                Some(environment) => {
                    check_python(&environment, project, USE_ANOTHER)?;
                    return Ok(Opened::Whole(Box::new(environment)));
                }
                None => Some(root),
            },
        };
        let Some(broken) = broken else {
            let interpreter = self.choose(project, console)?;
            return self.begin_with(&interpreter, InPlaceOf::Nothing, console);
        };
        let interpreter = match self.chosen_again(&broken, project)? {
            Some(interpreter) => interpreter,
            None => self.choose(project, console)?,
        };
        let opened = self.begin_with(&interpreter, InPlaceOf::Broken(&broken), console)?;
        check_python(opened.environment(), project, USE_ANOTHER)?;
        Ok(opened)
    }

    /// Opens the project's environment, or finds the Python that one would be made with. Makes nothing.
    ///
    /// Poetry: it makes an environment first, even for those who only look.
    ///
    /// # Errors
    /// When no Python fits the project.
    pub(crate) fn look(
        &self,
        project: &Project,
        console: &Console,
    ) -> Result<Surroundings, Failure> {
        let (found, advice) = match self.locate()? {
            Located::System => {
                let interpreter = self.preferred()?;
                let root = interpreter.prefix.clone();
                (Some(Environment { root, interpreter }), CREATION_IS_OFF)
            }
            Located::Absent => (None, USE_ANOTHER),
            Located::Environment(root) => (Environment::open(&root, &self.cache)?, USE_ANOTHER),
        };
        if let Some(environment) = &found {
            check_python(environment, project, advice)?;
        }
        let interpreter = match &found {
            Some(environment) => environment.interpreter.clone(),
            None => self.choose(project, console)?,
        };
        Ok(Surroundings {
            interpreter,
            environment: found,
        })
    }

    /// Poetry: it makes an environment for the preferred Python when the chosen one is broken, again and again. Here the
    /// chosen one is mended; if there is no such Python any more, the choice is forgotten.
    fn chosen_again(
        &self,
        broken: &Path,
        project: &Project,
    ) -> Result<Option<Interpreter>, Failure> {
        let Some(choice) = self.chosen()? else {
            return Ok(None);
        };
        if broken != self.central(&choice.minor) {
            return Ok(None);
        }
        let found = [&choice.patch, &choice.minor]
            .into_iter()
            .filter_map(|version| self.places.named(version, &self.cache).ok())
            .find(|python| project.python_constraint.allows(&python.version));
        if found.is_none() {
            self.forget(None)?;
        }
        Ok(found)
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

    /// Poetry: the Python that the shell would start, whatever its version.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn preferred(&self) -> Result<Interpreter, Failure> {
        Ok(self.places.preferred(&self.cache)?)
    }

    /// All environments of the project: its own folder's first, then the central ones by name.
    pub(crate) fn all(&self) -> Vec<PathBuf> {
        let in_project = self.has_in_project().then(|| self.in_project());
        let central = location::all_central(&self.virtualenvs.path, &self.base_name());
        in_project.into_iter().chain(central).collect()
    }

    /// Forgets what `env use` chose, or only if it was this `minor`. The result is the environment that was chosen.
    ///
    /// # Errors
    /// When `envs.toml` can't be read or written.
    pub(crate) fn forget(&self, minor: Option<&str>) -> Result<Option<PathBuf>, Failure> {
        let forgotten = self.choices().forget(&self.base_name(), minor);
        let forgotten = forgotten.map_err(Failure::caused)?;
        Ok(forgotten.map(|minor| self.central(&minor)))
    }

    fn in_project(&self) -> PathBuf {
        location::in_project(&self.root)
    }

    /// Poetry: a `.venv` that is there counts unless the setting says no.
    fn has_in_project(&self) -> bool {
        self.virtualenvs.in_project != Some(false) && self.in_project().is_dir()
    }

    /// Is an environment made in the project?
    fn is_in_project(&self) -> bool {
        location::is_in_project(self.virtualenvs.in_project, &self.root)
    }

    fn central(&self, minor: &str) -> PathBuf {
        location::central(&self.virtualenvs.path, &self.base_name(), minor)
    }

    fn base_name(&self) -> String {
        location::base_name(&self.name, &self.root)
    }

    fn choices(&self) -> Choices {
        Choices::of(&self.virtualenvs.path)
    }

    /// What `env use` has chosen for this project.
    fn chosen(&self) -> Result<Option<Choice>, Failure> {
        let chosen = self.choices().get(&self.base_name());
        chosen.map_err(Failure::caused)
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
