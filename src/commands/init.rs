//! `mpoetry init`: a `pyproject.toml` for what is there. `new` shares its options and questions.

use std::path::{Path, PathBuf};

use resolver::constraint::Constraint;
use resolver::index::Index;
use resolver::name::PackageName;
use resolver::project::Project;
use resolver::project::layout::{self, Author, Existing, Layout};
use resolver::requirement::{Requirement, Typed};
use resolver::solver;
use toml::{Table, Value};

use crate::console::{ERROR, INFO, NAME, VALUE, WARNING};
use crate::context::Context;
use crate::failure::Failure;
use crate::lookup::{Found, Lookup};
use crate::question;

/// Makes a pyproject.toml in the current folder
///
/// Asks for what options do not say, unless -n is given. Sections that the file has already stay as they are; one that
/// describes a project already is refused. Nothing is written before all dependencies are found.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    details: Details,
}

/// What options say about a project.
#[derive(Debug, clap::Args)]
pub(super) struct Details {
    /// The name of the project
    #[arg(long)]
    name: Option<String>,
    /// One line about it
    #[arg(long)]
    description: Option<String>,
    /// Its author: Name <email>
    #[arg(long)]
    author: Option<String>,
    /// The Pythons that it supports, such as ">=3.11"
    #[arg(long)]
    python: Option<String>,
    /// A package that it requires, as `add` takes it: requests, requests:^2.31
    #[arg(long)]
    dependency: Vec<String>,
    /// A package that its development requires, as `add` takes it
    #[arg(long, value_name = "DEV-DEPENDENCY")]
    dev_dependency: Vec<String>,
    /// Its license, as an SPDX expression: MIT
    #[arg(short, long)]
    license: Option<String>,
}

/// Where a project is made, and how.
pub(super) struct Place<'a> {
    pub(super) root: &'a Path,
    /// Does the package lie in `src`?
    pub(super) in_src: bool,
    /// The file name of the readme.
    pub(super) readme: String,
    /// Is more to be made than pyproject.toml?
    pub(super) is_new: bool,
    /// May questions be asked?
    pub(super) is_interactive: bool,
}

/// # Errors
/// When there is a project already, a dependency is not to be found, or the file can't be written.
pub(crate) fn run(cx: &Context, args: &InitArgs) -> Result<(), Failure> {
    let place = Place {
        root: cx.start(),
        in_src: false,
        readme: "README.md".to_owned(),
        is_new: false,
        is_interactive: cx.is_interactive,
    };
    make(cx, &place, &args.details).map(drop)
}

/// Makes a project; the result is the name of its package. Unlike Poetry, nothing is written before all is known.
pub(super) fn make(cx: &Context, place: &Place<'_>, details: &Details) -> Result<String, Failure> {
    let existing = Existing::read(place.root)?;
    if let Some(existing) = &existing {
        check(existing)?;
    }
    let making = Making { cx, place, details };
    let mut layout = making.describe()?;
    making.require(&mut layout)?;

    let text = layout.added_to(existing.as_ref()).map_err(|error| {
        Failure::caused(error)
            .hint("Remove this section from pyproject.toml, or complete it there by hand.")
    })?;
    // What was there may have been written in a way that nothing can be added to.
    text.parse::<Table>().map_err(Failure::caused)?;
    if place.is_interactive {
        let shown = text.replace("\r\n", "\n");
        cx.console
            .line(format_args!("{INFO}Generated file{INFO:#}\n\n{shown}\n"));
        if !question::confirm(cx.console, "Do you confirm generation?", true)? {
            return Err(Failure::message(format!("{ERROR}Command aborted{ERROR:#}")));
        }
    }
    if place.is_new {
        layout.create(place.root).map_err(Failure::caused)?;
    }
    layout::write(place.root, &text).map_err(Failure::caused)?;
    Ok(layout.package())
}

fn check(existing: &Existing) -> Result<(), Failure> {
    let what = if existing.is_project() {
        "project and/or a poetry section"
    } else if existing.has_build_system() {
        "defined build-system"
    } else {
        return Ok(());
    };
    Err(Failure::plain(format!(
        "A pyproject.toml file with a {what} already exists."
    )))
}

/// A project that is being made.
struct Making<'a> {
    cx: &'a Context<'a>,
    place: &'a Place<'a>,
    details: &'a Details,
}

impl Making<'_> {
    /// What options and answers say, but for dependencies.
    fn describe(&self) -> Result<Layout, Failure> {
        let (cx, details) = (self.cx, self.details);
        if self.place.is_interactive {
            cx.console.line(format_args!(
                "\nThis command will guide you through creating your {INFO}pyproject.toml{INFO:#} config.\n"
            ));
        }
        let name = match filled(&details.name) {
            Some(name) => name,
            None => {
                let folder = self.place.root.file_name().unwrap_or_default();
                let name = Layout::name_for_folder(&folder.to_string_lossy());
                self.answer("Package name", name)?
            }
        };
        let version = self.answer("Version", "0.1.0".to_owned())?;
        let description = match filled(&details.description) {
            Some(description) => description,
            None => self.answer("Description", String::new())?,
        };
        let author = self.author()?;
        let license = match filled(&details.license) {
            Some(license) => license,
            None => self.answer("License", String::new())?,
        };
        let python = match filled(&details.python) {
            Some(python) => python,
            None => self.answer("Compatible Python versions", self.preferred_python()?)?,
        };
        if self.place.is_interactive {
            cx.console.line("");
        }
        let has_readme = self.place.is_new || self.place.root.join(&self.place.readme).exists();
        let layout = Layout {
            name,
            version,
            description,
            author,
            license: Some(license).filter(|license| !license.is_empty()),
            readme: has_readme.then(|| self.place.readme.clone()),
            python,
            in_src: self.place.in_src,
            ..Layout::default()
        };
        if layout.has_usable_name() {
            return Ok(layout);
        }
        let name = &layout.name;
        Err(Failure::new(format!(
            "`{name}` can't be the name of a project: no slash may be in it"
        )))
    }

    /// Asks, if that may be, for what has a default.
    fn answer(&self, question: &str, default: String) -> Result<String, Failure> {
        if !self.place.is_interactive {
            return Ok(default);
        }
        let question = format!("{question} [{VALUE}{default}{NAME}]: ");
        Ok(question::ask(self.cx.console, &question)?.unwrap_or(default))
    }

    /// Poetry: who writes it is who git says.
    fn author(&self) -> Result<Author, Failure> {
        let given = filled(&self.details.author).or_else(author_of_git);
        let read = |text: &str| Author::parse(text);
        if !self.place.is_interactive {
            return given.map_or_else(
                || Ok(Author::default()),
                |text| read(&text).ok_or_else(|| Failure::new(format!("Invalid author: {text}"))),
            );
        }
        let shown = given.as_deref().unwrap_or("None");
        let question = format!("Author [{VALUE}{shown}{NAME}, n to skip]: ");
        question::ask_until(self.cx.console, &question, |answer| {
            match answer.or_else(|| given.clone()).as_deref() {
                None | Some("n" | "no") => Ok(Author::default()),
                Some(text) => read(text).ok_or(
                    "Invalid author string. Must be in the format: John Smith <john@example.com>",
                ),
            }
        })
    }

    /// Poetry: the minor version of the Python that would make an environment, and all later ones.
    fn preferred_python(&self) -> Result<String, Failure> {
        let cx = self.cx;
        let places = crate::environment::places(cx.settings()?, cx.variables());
        let python = places.preferred(&cx.cache()?)?;
        if cx.console.is_verbose() {
            let executable = python.executable.display();
            cx.console.error_line(format_args!("Found: {executable}"));
        }
        Ok(format!(">={}", python.markers.python_version))
    }

    /// Adds what options and answers require.
    fn require(&self, layout: &mut Layout) -> Result<(), Failure> {
        if !self.place.is_interactive
            && self.details.dependency.is_empty()
            && self.details.dev_dependency.is_empty()
        {
            return Ok(());
        }
        let wishes = Wishes::of(self.cx, layout, self.place.root)?;
        let mut has_helped = false;
        let kinds = [
            (&self.details.dependency, "main"),
            (&self.details.dev_dependency, "development"),
        ];
        for (words, kind) in kinds {
            let mut found = wishes.find(words)?;
            let question =
                format!("Would you like to define your {kind} dependencies interactively?");
            if self.place.is_interactive && question::confirm(self.cx.console, &question, true)? {
                if !has_helped {
                    self.cx.console.line(HELP);
                    has_helped = true;
                }
                wishes.ask(&mut found)?;
                self.cx.console.line("");
            }
            let lines = found.iter().map(|requirement| requirement.to_pep508(true));
            match kind {
                "main" => layout.dependencies = lines.collect(),
                _ => layout.dev_dependencies = lines.collect(),
            }
        }
        Ok(())
    }
}

/// Poetry: how dependencies can be typed.
const HELP: &str = "        You can specify a package in the following forms:
          - A single name (requests): this will search for matches on PyPI
          - A name and a constraint (requests@^2.23.0)
          - A git url (git+https://github.com/python-poetry/poetry.git)
          - A git url with a revision         (git+https://github.com/python-poetry/poetry.git#develop)
          - A file path (../my-package/my-package.whl)
          - A directory (../my-package/)
          - A url (https://example.com/packages/my-package-0.1.0.tar.gz)
        ";
/// Poetry: no more words than these make a package.
const MOST_WORDS: usize = 2;
/// Poetry: so many of the releases it finds are spoken of.
const MOST_MATCHES: usize = 10;

/// Looks up what is required, in the index that a project without sources has.
struct Wishes<'a> {
    cx: &'a Context<'a>,
    /// The project as it is so far.
    project: Project,
    index: Index,
    /// Poetry: paths start where the command was given, wherever the project is made.
    current: PathBuf,
}

impl<'a> Wishes<'a> {
    fn of(cx: &'a Context<'a>, layout: &Layout, root: &Path) -> Result<Self, Failure> {
        // Its other fields may be whatever was typed.
        let plain = Layout {
            name: layout.name.clone(),
            version: "0.1.0".to_owned(),
            python: "*".to_owned(),
            ..Layout::default()
        };
        Ok(Self {
            cx,
            project: Project::parse(&plain.manifest(), root)?,
            index: cx.plain_index()?,
            current: std::env::current_dir().map_err(Failure::caused)?,
        })
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            cx: self.cx,
            project: &self.project,
            index: &self.index,
            base: &self.current,
            prereleases: false,
            source: None,
            is_told: true,
        }
    }

    /// What the words of an option mean.
    fn find(&self, words: &[String]) -> Result<Vec<Requirement>, Failure> {
        let mut requirements = Vec::new();
        for found in self.lookup().find(words.iter().map(String::as_str))? {
            insert(&mut requirements, found.requirement(&self.current)?);
        }
        Ok(requirements)
    }

    /// Asks for packages until there are no more.
    fn ask(&self, found: &mut Vec<Requirement>) -> Result<(), Failure> {
        let console = self.cx.console;
        let mut question = "Package to add or search for (leave blank to skip):";
        loop {
            let word = question::ask_until(console, question, |answer| match answer {
                Some(word) if word.split_whitespace().count() > MOST_WORDS => {
                    Err("Invalid package definition.")
                }
                answer => Ok(answer),
            })?;
            let Some(word) = word else {
                return Ok(());
            };
            question = "\nAdd a package (leave blank to skip):";
            let typed = self.lookup().read(&word)?;
            let chosen = if typed.is_direct() || typed.entry.contains_key("version") {
                console.line(format_args!("Adding {INFO}{word}{INFO:#}"));
                Some(self.lookup().named(&word, typed)?)
            } else {
                self.choose(&word, typed)?
            };
            if let Some(chosen) = chosen {
                insert(found, chosen.requirement(&self.current)?);
            }
        }
    }

    /// Poetry: since PyPI can't be searched, the name itself is looked up. What it then counts are releases.
    fn choose(&self, word: &str, typed: Typed) -> Result<Option<Found>, Failure> {
        let console = self.cx.console;
        let name = PackageName::new(typed.name.as_deref().unwrap_or(word));
        let releases = self.releases(&name)?;
        if releases == 0 {
            console.error_line(format_args!("{ERROR}Unable to find package{ERROR:#}"));
            return Ok(None);
        }
        console.line(format_args!(
            "Found {INFO}{releases}{INFO:#} packages matching {NAME}{word}{NAME:#}"
        ));
        if releases > MOST_MATCHES {
            console.line("Showing the first 10 matches");
        }
        let question = "\nEnter package # to add, or the complete package name if it is not listed";
        let Some(chosen) = question::choose(console, question, &[name.to_string()])? else {
            console.line(format_args!("{WARNING}No package selected{WARNING:#}"));
            return Ok(None);
        };
        let question = "Enter the version constraint to require \
                        (or leave blank to use the latest version):";
        let constraint = question::ask_until(console, question, |answer| match answer {
            Some(text) if Constraint::parse(&text).is_err() => {
                Err(format!("Invalid version constraint: {text}"))
            }
            answer => Ok(answer),
        })?;
        let mut found = Found {
            name: chosen,
            entry: typed.entry,
        };
        if let Some(constraint) = constraint {
            let constraint = Value::String(constraint);
            found.entry.insert("version".to_owned(), constraint);
            return Ok(Some(found));
        }
        self.lookup().choose(found).map(Some)
    }

    /// How many releases the index has.
    fn releases(&self, name: &PackageName) -> Result<usize, Failure> {
        let runtime = self.cx.runtime()?;
        Ok(solver::count_releases(
            &self.project,
            name,
            &self.index,
            runtime,
        )?)
    }
}

/// Poetry: what is required twice is required as it was said last, in the first one's place.
fn insert(found: &mut Vec<Requirement>, requirement: Requirement) {
    match found
        .iter_mut()
        .find(|other| other.name == requirement.name)
    {
        Some(other) => *other = requirement,
        None => found.push(requirement),
    }
}

fn filled(option: &Option<String>) -> Option<String> {
    option.clone().filter(|text| !text.is_empty())
}

fn author_of_git() -> Option<String> {
    let get = |key: &str| {
        let mut git = std::process::Command::new("git");
        let output = git.args(["config", "--get", key]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let text = text.trim_end_matches('\n').to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let name = get("user.name")?;
    Some(match get("user.email") {
        Some(email) => format!("{name} <{email}>"),
        None => name,
    })
}
