//! Making environments: for which Python, where, and what is said about it.

use std::path::{Path, PathBuf};

use installer::environment::{CreateOptions, Environment, Opened};
use installer::python::Interpreter;
use installer::python::find::{Choice, ChoiceError};
use resolver::project::Project;

use super::prompt::prompt;
use super::{Environments, minor};
use crate::console::{Console, NAME};
use crate::failure::Failure;

/// What an environment is made in place of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum InPlaceOf<'a> {
    /// Nothing that is known of.
    Nothing,
    /// What was found but is broken. It may be in another place.
    Broken(&'a Path),
    /// A whole one, of another Python.
    Whole,
}

impl Environments {
    /// Begins an environment where the project has its own. One that is whole already is only replaced if that is meant.
    pub(super) fn begin_with(
        &self,
        interpreter: &Interpreter,
        in_place_of: InPlaceOf<'_>,
        console: &Console,
    ) -> Result<Opened, Failure> {
        let minor = minor(interpreter);
        let (name, root, shown) = self.target(&minor);
        let (options, cache) = (self.options(&minor)?, &self.cache);
        let was_there = root.is_dir();
        if let InPlaceOf::Broken(broken) = in_place_of
            && broken != root
            && let Ok(Some(environment)) = Environment::open(&root, cache)
        {
            // Poetry: it would make the project's own one again, too. That one is whole, and what was found is another.
            warn_of_broken(broken, console);
            return Ok(Opened::Whole(Box::new(environment)));
        }
        remove_file(&root, console)?;
        let announce = || {
            self.warn_of_options(console);
            if let InPlaceOf::Broken(broken) = in_place_of
                && was_there
            {
                warn_of_broken(broken, console);
            }
            let (verb, place) = if was_there {
                ("Recreating", &root)
            } else {
                ("Creating", &shown)
            };
            let place = place.display();
            console.error_line(format_args!(
                "{verb} virtualenv {NAME}{name}{NAME:#} in {place}"
            ));
        };
        if in_place_of == InPlaceOf::Whole {
            announce();
            let made = Environment::create(&root, interpreter, &options, cache)?;
            return Ok(Opened::Whole(Box::new(made)));
        }
        let opened = Environment::open_or_begin(&root, interpreter, &options, cache, announce);
        Ok(opened?)
    }

    /// An environment of this Python in a folder that is no project's: the one that is there, unless that has another
    /// Python or shall be `cleared`.
    ///
    /// # Errors
    /// When it can't be made.
    pub(crate) fn create_at(
        &self,
        root: &Path,
        interpreter: &Interpreter,
        cleared: bool,
    ) -> Result<Environment, Failure> {
        let options = self.options(&minor(interpreter))?;
        let known = Environment::open(root, &self.cache).ok().flatten();
        let fits = known.filter(|known| known.interpreter.version == interpreter.version);
        match fits.filter(|_| !cleared) {
            Some(environment) => Ok(environment),
            None => Ok(Environment::create(
                root,
                interpreter,
                &options,
                &self.cache,
            )?),
        }
    }

    /// Name and folder of the environment for a Python, and the folder that is named when it is made.
    fn target(&self, minor: &str) -> (String, PathBuf, PathBuf) {
        if self.is_in_project() {
            return (self.name.clone(), self.in_project(), self.in_project());
        }
        let root = self.central(minor);
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        (name.into_owned(), root, self.virtualenvs.path.clone())
    }

    fn warn_of_options(&self, console: &Console) {
        for option in &self.virtualenvs.foreign_options {
            console.warning(format_args!(
                "Warning: the setting virtualenvs.options.{option} is not supported by mpoetry and has no effect."
            ));
        }
    }

    fn options(&self, minor: &str) -> Result<CreateOptions, Failure> {
        Ok(CreateOptions {
            prompt: prompt(&self.virtualenvs.prompt, &self.name, minor)?,
            system_site_packages: self.virtualenvs.system_site_packages,
            no_pip: self.virtualenvs.no_pip,
            always_copy: self.virtualenvs.always_copy,
        })
    }

    /// The Python to make an environment with: the preferred one if it fits, else the newest that does.
    pub(super) fn choose(
        &self,
        project: &Project,
        console: &Console,
    ) -> Result<Interpreter, Failure> {
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
}

fn warn_of_broken(root: &Path, console: &Console) {
    let root = root.display();
    console.warning(format_args!(
        "The virtual environment found in {root} seems to be broken."
    ));
}

/// Poetry: a file that is in the way of an environment goes.
fn remove_file(root: &Path, console: &Console) -> Result<(), Failure> {
    if !root.is_file() {
        return Ok(());
    }
    let file = root.display();
    console.warning(format_args!(
        "{file} is not a virtual environment but a file. Removing it."
    ));
    fs_err::remove_file(root).map_err(Failure::caused)
}
