//! `mpoetry add`: add requirements to `pyproject.toml`, lock and install them.

use resolver::name::{GroupName, PackageName};
use resolver::project::Project;
use resolver::project::edit::{Destination, Entry, Manifest};
use toml::Value;

use super::relock::Relock;
use crate::console::{BOLD, ERROR, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::lookup::{Found, Lookup};

/// Adds dependencies to pyproject.toml, locks and installs them
///
/// A package is written as
///
///   requests                                its latest version, and what is compatible with it
///   requests@^2.31, "requests>=2.31,<3"     a name and a constraint
///   "requests[socks]@^2.31"                 with extras
///   git+https://example.com/lib.git@v1      a branch, a tag or a commit of a git repository
///   git+ssh://git@example.com/lib.git#v1    the same by way of SSH
///   git+https://example.com/lib.git#subdirectory=lib
///   ../lib                                  a folder with a project
///   ../lib-1.0-py3-none-any.whl             a wheel or an sdist
///   https://example.com/lib-1.0.tar.gz      the same from anywhere
///
/// Nothing is changed if the dependencies can't be resolved or installed. A folder is written down by its path from the
/// project, so that others find it, too.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AddArgs {
    /// The packages to add
    #[arg(required = true, value_name = "NAME")]
    name: Vec<String>,
    /// The dependency group to add them to
    #[arg(short = 'G', long, default_value = "main", hide_default_value = true)]
    group: String,
    /// Add them to the group `dev`: short for -G dev
    #[arg(short = 'D', long)]
    dev: bool,
    /// Install a path or git dependency as editable
    #[arg(short = 'e', long)]
    editable: bool,
    /// Extras of the package that are wanted, separated by spaces
    #[arg(short = 'E', long)]
    extras: Vec<String>,
    /// Add them as optional dependencies, for this extra of the project
    #[arg(long, value_name = "EXTRA")]
    optional: Option<String>,
    /// The Python versions that they are for, such as ^3.12
    #[arg(long)]
    python: Option<String>,
    /// The platforms that they are for, such as win32 or linux
    #[arg(long)]
    platform: Option<String>,
    /// The environments that they are for, as an environment marker
    #[arg(long)]
    markers: Option<String>,
    /// The source to take them from
    #[arg(long)]
    source: Option<String>,
    /// Accept pre-releases
    #[arg(long)]
    allow_prereleases: bool,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the lock file and install nothing
    #[arg(long)]
    lock: bool,
}

/// # Errors
/// When a package is not to be found, or the requirements can't be satisfied or installed.
pub(crate) fn run(cx: &Context, args: &AddArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    // Poetry: the environment is made before any option is looked at.
    let environment = (!args.lock).then(|| cx.environment()).transpose()?;
    args.check()?;
    let destination = args.destination();
    let mut manifest = Manifest::read(&project.root)?;
    let mut present = Vec::new();
    let mut words = Vec::new();
    for word in &args.name {
        let is_present = manifest.has(destination, word)?;
        if is_present { &mut present } else { &mut words }.push(word.as_str());
    }
    tell_present(cx, project, &present);
    if words.is_empty() {
        cx.console.line("Nothing to add.");
        return Ok(());
    }
    if args.optional.is_some() && !manifest.has_lines(destination) {
        cx.console.warning(
            "Optional dependencies will not be added to extras in legacy mode. \
             Consider converting your project to use the [project] section.",
        );
    }

    let additions = args.choose(cx, &words)?;
    for Found { name, entry } in &additions {
        args.check_addition(project, name, entry)?;
        manifest.add(destination, name, entry)?;
    }
    let mut edited = Project::parse(&manifest.text(), &project.root)?;
    for Found { name, entry } in &additions {
        if let Some(typed) = entry.get("version").and_then(Value::as_str) {
            edited.show_typed(&PackageName::new(name), typed);
        }
    }
    let edited = cx.of_edited(edited);
    cx.console.line("");
    let names = additions.iter().map(|added| PackageName::new(&added.name));
    let relock = Relock::of_edit(edited.project()?, names, args.dry_run, cx.console)?;
    relock.run(&edited, environment)?;
    if !args.dry_run {
        manifest.save()?;
    }
    Ok(())
}

/// Poetry: what is there already is left alone, unless a version is named.
fn tell_present(cx: &Context, project: &Project, words: &[&str]) {
    if words.is_empty() {
        return;
    }
    let file = project.root.join("pyproject.toml");
    let file = file.display();
    cx.console.line(format_args!(
        "The following packages are already present in the pyproject.toml ({BOLD}{file}{BOLD:#}) and will be skipped:\n"
    ));
    for word in words {
        cx.console.line(format_args!("  - {NAME}{word}{NAME:#}"));
    }
    cx.console.line(
        "\nIf you want to update it to the latest compatible version, you can use `poetry update package`.\n\
         If you prefer to upgrade it to the latest available version, you can use `poetry add package@latest`.\n",
    );
}

impl AddArgs {
    fn check(&self) -> Result<(), Failure> {
        if !self.extras.is_empty() && self.name.len() > 1 {
            return Err(Failure::new(
                "You can only specify one package when using the --extras option",
            ));
        }
        if self.optional.is_some() && self.group() != GroupName::main().as_str() {
            return Err(Failure::new(
                "You can only add optional dependencies to the main group",
            ));
        }
        Ok(())
    }

    fn group(&self) -> &str {
        if self.dev { "dev" } else { &self.group }
    }

    fn destination(&self) -> Destination<'_> {
        Destination {
            group: self.group(),
            extra: self.optional.as_deref(),
        }
    }

    /// What the words mean: names and versions are looked up.
    fn choose(&self, cx: &Context, words: &[&str]) -> Result<Vec<Found>, Failure> {
        let lookup = Lookup {
            prereleases: self.allow_prereleases,
            source: self.source.as_deref(),
            ..Lookup::of_run(cx)?
        };
        let found = lookup.find(words.iter().copied())?;
        let found = found.into_iter().map(|found| Found {
            entry: self.with_options(found.entry),
            ..found
        });
        Ok(found.collect())
    }

    /// Poetry: what options say comes after what the word says, in this order.
    fn with_options(&self, mut entry: Entry) -> Entry {
        let is_direct = entry.contains_key("git") || entry.contains_key("path");
        let mut say = |key: &str, value: Value| {
            entry.insert(key.to_owned(), value);
        };
        if self.optional.is_some() {
            say("optional", Value::Boolean(true));
        }
        if self.allow_prereleases {
            say("allow-prereleases", Value::Boolean(true));
        }
        if !self.extras.is_empty() {
            let extras = self
                .extras
                .iter()
                .flat_map(|value| value.split_whitespace());
            let extras = extras.map(|extra| Value::String(extra.to_owned()));
            say("extras", Value::Array(extras.collect()));
        }
        if self.editable && is_direct {
            say("develop", Value::Boolean(true));
        }
        let texts = [
            ("python", &self.python),
            ("platform", &self.platform),
            ("markers", &self.markers),
            ("source", &self.source),
        ];
        for (key, text) in texts {
            if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
                say(key, Value::String(text.clone()));
            }
        }
        entry
    }

    fn check_addition(&self, project: &Project, name: &str, entry: &Entry) -> Result<(), Failure> {
        let reason = if self.editable && !entry.contains_key("develop") {
            format!(
                "\n{ERROR}Failed to add packages. Only vcs/path dependencies support editable installs. \
                 {ERROR:#}{NAME}{name}{NAME:#}{ERROR} is neither.{ERROR:#}"
            )
        } else if project.package_name() == Some(PackageName::new(name)) {
            format!(
                "{ERROR}Cannot add dependency on {ERROR:#}{NAME}{name}{NAME:#}\
                 {ERROR} to project with the same name.{ERROR:#}"
            )
        } else {
            return Ok(());
        };
        Err(Failure::message(reason).hint("No changes were applied."))
    }
}
