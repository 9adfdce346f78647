//! `env use`: another Python for the project.

use std::path::{Path, PathBuf};

use installer::environment::Environment;
use installer::environment::choices::Choice;
use installer::python::{Interpreter, PythonError};
use resolver::project::Project;

use super::create::InPlaceOf;
use super::{CREATION_IS_OFF, Environments, Located, minor};
use crate::console::Console;
use crate::failure::Failure;

impl Environments {
    /// The Python that a user names by path, command or version.
    ///
    /// # Errors
    /// When there is none, or it can't be run.
    pub(crate) fn named(&self, name: &str) -> Result<Interpreter, Failure> {
        self.places
            .named(name, &self.cache)
            .map_err(|error| match error {
                PythonError::NoneFound => {
                    Failure::new(format!("Could not find the python executable {name}"))
                }
                other => Failure::caused(other),
            })
    }

    /// Makes the project use this Python, in an environment that is made if need be. The result is the environment that
    /// is used now.
    ///
    /// # Errors
    /// When the project does not support the Python, or the environment can't be made.
    pub(crate) fn select(
        &self,
        python: &Interpreter,
        project: &Project,
        console: &Console,
    ) -> Result<PathBuf, Failure> {
        if self.is_in_project() {
            self.select_in_project(python, project, console)?;
        } else {
            self.select_central(python, project, console)?;
        }
        match self.locate()? {
            Located::Environment(root) => Ok(root),
            Located::Absent | Located::System => Err(Failure::new(CREATION_IS_OFF)),
        }
    }

    /// Poetry: while another environment is active, a project's own `.venv` is made again if it has another Python, but
    /// not made if there is none; the active one stays in use.
    fn select_in_project(
        &self,
        python: &Interpreter,
        project: &Project,
        console: &Console,
    ) -> Result<(), Failure> {
        let root = self.in_project();
        let fits = self.is_made_with(&root, python);
        let is_there = root.is_dir();
        if fits || (!is_there && self.active.is_some() && self.chosen()?.is_none()) {
            return self.ensure(project, console).map(|_| ());
        }
        self.create_with(python, &root, project, console)
    }

    fn select_central(
        &self,
        python: &Interpreter,
        project: &Project,
        console: &Console,
    ) -> Result<(), Failure> {
        let choice = Choice {
            minor: minor(python),
            patch: python.version.to_string(),
        };
        let is_other_patch =
            |before: Choice| before.minor == choice.minor && before.patch != choice.patch;
        let root = self.central(&choice.minor);
        // Poetry: it goes by the note alone. Without one, an environment of another patch would stay.
        let is_stale = self.chosen()?.is_some_and(is_other_patch);
        if is_stale || !self.is_made_with(&root, python) {
            self.create_with(python, &root, project, console)?;
        }
        let noted = self.choices().set(&self.base_name(), &choice);
        noted.map_err(Failure::caused)
    }

    /// Poetry: where creation is off it would note the choice, and go on with another Python.
    fn create_with(
        &self,
        python: &Interpreter,
        root: &Path,
        project: &Project,
        console: &Console,
    ) -> Result<(), Failure> {
        if !self.virtualenvs.create {
            return Err(Failure::new(CREATION_IS_OFF));
        }
        let version = &python.version;
        if !project.python_constraint.allows(version) {
            let wanted = &project.python_versions;
            return Err(Failure::new(format!(
                "The specified Python version ({version}) is not supported by the project ({wanted}).\n\
                 Please choose a compatible version or loosen the python constraint specified in the \
                 pyproject.toml file."
            )));
        }
        let in_place_of = match Environment::open(root, &self.cache) {
            Ok(Some(_)) => InPlaceOf::Whole,
            _ if root.is_dir() => InPlaceOf::Broken(root),
            _ => InPlaceOf::Nothing,
        };
        self.begin_with(python, in_place_of, console)?.finish()?;
        Ok(())
    }

    /// Is there a whole environment of this very version?
    fn is_made_with(&self, root: &Path, python: &Interpreter) -> bool {
        let found = Environment::open(root, &self.cache).ok().flatten();
        found.is_some_and(|environment| environment.interpreter.version == python.version)
    }
}
