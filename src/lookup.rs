//! What users type in order to name packages, looked up: what they are called, and their latest versions.

use std::path::Path;

use resolver::constraint::Constraint;
use resolver::index::Index;
use resolver::project::{Project, layout};
use resolver::requirement::{Requirement, Typed};
use resolver::solver::{self, Wish};
use toml::{Table, Value};

use crate::console::{BOLD, NAME};
use crate::context::Context;
use crate::failure::Failure;

/// Where packages are looked up, and how.
pub(crate) struct Lookup<'a> {
    pub(crate) cx: &'a Context<'a>,
    /// The project whose sources are asked.
    pub(crate) project: &'a Project,
    pub(crate) index: &'a Index,
    /// Where relative paths start.
    pub(crate) base: &'a Path,
    /// Does a pre-release count like any other?
    pub(crate) prereleases: bool,
    /// The one source to ask.
    pub(crate) source: Option<&'a str>,
    /// Is it told which version was chosen?
    pub(crate) is_told: bool,
}

/// A package that is there.
pub(crate) struct Found {
    /// Its name.
    pub(crate) name: String,
    /// What is said about it, as in `[tool.poetry.dependencies]`.
    pub(crate) entry: Table,
}

impl<'a> Lookup<'a> {
    /// In the sources of the project of a run; what is chosen is told.
    ///
    /// # Errors
    /// When the project or the settings can't be read.
    pub(crate) fn of_run(cx: &'a Context<'a>) -> Result<Self, Failure> {
        let project = cx.project()?;
        Ok(Self {
            cx,
            project,
            index: cx.index()?,
            base: &project.root,
            prereleases: false,
            source: None,
            is_told: true,
        })
    }

    /// What words name. A package of an index that has no version gets its latest one.
    ///
    /// Poetry: all words are understood before the first of them is looked up.
    ///
    /// # Errors
    /// When a word names nothing, or nothing that is there.
    pub(crate) fn find<'w>(
        &self,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Result<Vec<Found>, Failure> {
        let mut understood = Vec::new();
        for word in words {
            let typed = self.read(word)?;
            understood.push((typed.is_direct(), self.named(word, typed)?));
        }
        let found = understood.into_iter().map(|(is_direct, found)| {
            if is_direct {
                Ok(found)
            } else {
                self.choose(found)
            }
        });
        found.collect()
    }

    /// What a word says.
    ///
    /// # Errors
    /// When it names nothing.
    pub(crate) fn read(&self, word: &str) -> Result<Typed, Failure> {
        let home = self.cx.variables().filled("HOME").map(Path::new);
        Ok(Typed::parse(word, self.base, home)?)
    }

    /// The package that a word says this of. What lies at an address or a path tells its name itself.
    ///
    /// # Errors
    /// When nothing is there, or it has no name.
    pub(crate) fn named(&self, word: &str, typed: Typed) -> Result<Found, Failure> {
        let Typed { name, entry } = typed;
        let name = match name {
            Some(name) => name,
            None => {
                let origin = requirement(word, entry.clone(), self.base)?.origin;
                let runtime = self.cx.runtime()?;
                solver::direct_name(self.project, word, origin, self.index, runtime)?.to_string()
            }
        };
        Ok(Found { name, entry })
    }

    /// Finds out how a package of an index is spelt, that it is there, and its latest version if none is wanted.
    ///
    /// # Errors
    /// When there is no such package or version.
    pub(crate) fn choose(&self, found: Found) -> Result<Found, Failure> {
        let Found { name, mut entry } = found;
        let version = entry.get("version").and_then(Value::as_str);
        let constraint = version.map(Constraint::parse).transpose()?;
        let wish = Wish {
            name: &name,
            constraint: constraint.as_ref(),
            prereleases: self.prereleases,
            source: self.source,
        };
        let runtime = self.cx.runtime()?;
        let newest = solver::newest(self.project, &wish, self.index, runtime)
            .map_err(|error| Failure::of_solving(error, &self.project.all_sources()))?;
        let name = newest.name.to_string();
        if constraint.is_none() {
            let version = newest.caret();
            if self.is_told {
                self.cx.console.line(format_args!(
                    "Using version {BOLD}{version}{BOLD:#} for {NAME}{name}{NAME:#}"
                ));
            }
            entry.insert("version".to_owned(), Value::String(version));
        }
        Ok(Found { name, entry })
    }
}

impl Found {
    /// The same as a requirement. Relative paths start at `base`.
    ///
    /// # Errors
    /// When what is said about the package can't be said of any.
    pub(crate) fn requirement(self, base: &Path) -> Result<Requirement, Failure> {
        requirement(&self.name, self.entry, base)
    }
}

fn requirement(name: &str, entry: Table, base: &Path) -> Result<Requirement, Failure> {
    layout::requirement(name, entry, base).map_err(Failure::caused)
}
