//! `mpoetry python list`: which Pythons there are.

use std::path::{Path, PathBuf};

use installer::python::Interpreter;
use installer::python::standalone::{Build, Builds};
use resolver::constraint::Constraint;
use resolver::version::Version;

use super::{failure, invalid};
use crate::console::{BOLD, INFO, NAME, VALUE, WARNING};
use crate::context::Context;
use crate::environment;
use crate::failure::Failure;

/// Lists the Pythons of this machine, and those that can be installed
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only this version, such as 3.12 or 3.12.1
    // The global option has the plain name.
    #[arg(id = "python-version", value_name = "VERSION")]
    version: Option<String>,
    /// Also those that `python install` can fetch
    #[arg(short, long)]
    all: bool,
    /// Only those without the global lock
    #[arg(short = 't', long)]
    free_threaded: bool,
    /// Only cpython, or only pypy
    #[arg(short, long)]
    implementation: Option<String>,
    /// Only those that `python install` has installed or can install
    #[arg(short, long)]
    managed: bool,
}

/// A line of the table.
struct Row {
    version: Version,
    implementation: String,
    is_free_threaded: bool,
    /// `None`: it can be fetched.
    executable: Option<PathBuf>,
}

/// # Errors
/// When the version is none, or the list of builds can't be read.
pub(crate) fn run(cx: &Context, args: &ListArgs) -> Result<(), Failure> {
    let constraint = match &args.version {
        None => Constraint::any(),
        Some(version) => wanted(version).ok_or_else(|| invalid(version))?,
    };
    let settings = cx.settings()?;
    let places = environment::places(settings, cx.variables());
    let found = places.all_names(&cx.cache()?);
    let is_wanted = |row: &Row| {
        let wanted = &args.implementation;
        constraint.allows(&row.version)
            && wanted
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(&row.implementation))
            && (row.is_free_threaded || !args.free_threaded)
    };
    let mut rows: Vec<Row> = found.into_iter().map(Row::of).filter(is_wanted).collect();
    if args.all {
        let builds = Builds::read(settings.python_builds.as_deref()).map_err(failure)?;
        // Poetry: of what can be fetched, it shows all kinds.
        rows.extend(builds.allowed_by(&constraint).map(Row::of_build));
    }
    // Poetry: a reversed sort that keeps the order of what is equal.
    rows.sort_by(|a, b| b.key().cmp(&a.key()));
    if args.managed {
        rows.retain(|row| row.is_managed(&settings.pythons));
    }
    print(cx, &rows, &settings.pythons);
    Ok(())
}

/// Poetry: a version with fewer than three numbers stands for all that begin with it.
fn wanted(version: &str) -> Option<Constraint> {
    let is_partial = version.matches('.').count() < 2;
    let text = if is_partial {
        format!("~{version}")
    } else {
        version.to_owned()
    };
    Constraint::parse(&text).ok()
}

impl Row {
    fn of(python: Interpreter) -> Self {
        Self {
            is_free_threaded: python.is_free_threaded(),
            implementation: python.markers.platform_python_implementation.to_lowercase(),
            version: python.version,
            executable: Some(python.executable),
        }
    }

    fn of_build(build: &Build) -> Self {
        Self {
            version: build.version.clone(),
            implementation: build.implementation.clone(),
            is_free_threaded: build.is_free_threaded,
            executable: None,
        }
    }

    fn key(&self) -> (&Version, &str, bool) {
        (&self.version, &self.implementation, self.is_free_threaded)
    }

    fn is_managed(&self, pythons: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let executable = self.executable.as_deref();
        executable.is_none_or(|path| real(path).starts_with(real(pythons)))
    }

    /// The texts of its cells, with their colours.
    fn cells(&self, pythons: &Path) -> [(String, anstyle::Style); 4] {
        let threaded = if self.is_free_threaded { "t" } else { "" };
        let implementation = match self.implementation.as_str() {
            "cpython" => "CPython",
            "pypy" => "PyPy",
            other => other,
        };
        let (manager, colour) = match self.is_managed(pythons) {
            true => ("Poetry", INFO),
            false => ("System", WARNING),
        };
        let place = match &self.executable {
            Some(path) => (path.display().to_string(), VALUE),
            None => ("Available for download".to_owned(), anstyle::Style::new()),
        };
        [
            (format!("{}{threaded}", self.version), NAME),
            (implementation.to_owned(), BOLD),
            (manager.to_owned(), colour),
            place,
        ]
    }
}

/// Poetry: its `compact` table has a blank on both sides of each cell, and fills the last one too.
fn print(cx: &Context, rows: &[Row], pythons: &Path) {
    if rows.is_empty() {
        cx.console.line("No Python installations found.");
        return;
    }
    let header = anstyle::AnsiColor::Magenta.on_default().bold();
    let titles = ["Version", "Implementation", "Manager", "Path"];
    let titles = titles.map(|title| (title.to_owned(), header));
    let lines: Vec<[(String, anstyle::Style); 4]> = std::iter::once(titles)
        .chain(rows.iter().map(|row| row.cells(pythons)))
        .collect();
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].0.chars().count());
        cells.max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    for line in &lines {
        let cells = line.iter().zip(widths).map(|((text, style), width)| {
            let gap = " ".repeat(width - text.chars().count());
            format!(" {style}{text}{style:#}{gap}")
        });
        cx.console
            .line(format_args!("{} ", cells.collect::<String>()));
    }
}
