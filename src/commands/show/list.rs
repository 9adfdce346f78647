//! `show`: the list of packages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use installer::title::full_version;
use resolver::constraint::Constraint;
use resolver::lock::{LockedPackage, SourceKind, required_by};
use resolver::name::PackageName;
use resolver::solver;
use serde::Serialize;

use super::{Locked, ShowArgs};
use crate::console::{BOLD, NAME, VALUE, WARNING};
use crate::context::Context;
use crate::failure::Failure;
use crate::json;
use crate::table::fill;

const MISSING: Style = AnsiColor::Red.on_default();
/// Not for this system.
const UNFIT: Style = AnsiColor::Black.on_default().bold();
/// Where there are no colours.
const MISSING_MARK: &str = " (!)";
const FROM: &str = " from ";
/// Poetry: there are descriptions only where there is room for this much of them.
const DESCRIPTION: usize = 24;
/// Spaces between columns.
const GAPS: usize = 3;

/// # Errors
/// When what is locked does not satisfy the project, or an index fails.
pub(super) fn show(cx: &Context, args: &ShowArgs, locked: &Locked<'_>) -> Result<(), Failure> {
    let list = List::of(cx, args, locked)?;
    if args.is_json() {
        cx.console.line(json::to_line(&list.facts()));
        return Ok(());
    }
    let room = match args.no_truncate {
        true => usize::MAX,
        false => cx.console.width(cx.variables()),
    };
    let columns = list.columns(room);
    for row in list.shown() {
        cx.console.line(list.line(row, &columns));
    }
    Ok(())
}

/// What is to be shown.
struct List<'a> {
    rows: Vec<Row<'a>>,
    args: &'a ShowArgs,
    /// Are names that are not installed marked by a colour?
    is_coloured: bool,
}

/// A package.
struct Row<'a> {
    package: &'a LockedPackage,
    version: String,
    is_required: bool,
    is_installed: bool,
    is_top_level: bool,
    latest: Option<Latest>,
    /// Those that require it, by name.
    parents: Vec<&'a str>,
}

/// The latest version of a package.
#[derive(Clone)]
struct Latest {
    version: String,
    change: Change,
}

/// What lies between two versions.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Change {
    None,
    /// By the rules of semantic versions, it should do no harm.
    Compatible,
    Any,
}

/// Widths of columns, and which of them there are.
struct Columns {
    name: usize,
    version: Option<usize>,
    latest: Option<usize>,
    parents: Option<usize>,
    description: Option<usize>,
}

impl<'a> List<'a> {
    fn of(cx: &Context, args: &'a ShowArgs, locked: &'a Locked<'_>) -> Result<Self, Failure> {
        let root = &locked.project.root;
        let packages = &locked.lockfile.packages;
        let surroundings = cx.surroundings()?;
        let is_required = locked.required(cx, &surroundings)?;
        let installed: BTreeSet<PackageName> = match &surroundings.environment {
            None => BTreeSet::new(),
            Some(environment) => {
                let installed = environment.installed()?.into_iter();
                installed.map(|installed| installed.name).collect()
            }
        };
        let mut rows: Vec<Row<'_>> = Vec::new();
        for package in packages {
            let is_required = is_required(package);
            if !is_required && !args.all {
                continue;
            }
            let mut requirements = locked.project.requirements();
            rows.push(Row {
                package,
                version: shown_version(package, root),
                is_required,
                is_installed: installed.contains(&package.name),
                is_top_level: requirements.any(|requirement| package.satisfies(requirement, root)),
                latest: None,
                parents: match args.why {
                    true => required_by(packages, &package.name).into_keys().collect(),
                    false => Vec::new(),
                },
            });
        }
        if args.shows_latest() {
            find_latest(cx, locked, &mut rows)?;
        }
        Ok(Self {
            rows,
            args,
            is_coloured: cx.console.is_coloured(),
        })
    }

    fn is_outdated(&self, row: &Row<'_>) -> bool {
        !self.args.outdated
            || row
                .latest
                .as_ref()
                .is_none_or(|it| it.change != Change::None)
    }

    /// The rows that are shown.
    fn shown(&self) -> impl Iterator<Item = &Row<'a>> {
        let is_asked_for = |row: &&Row<'a>| !self.args.top_level || row.is_top_level;
        let rows = self.rows.iter().filter(is_asked_for);
        rows.filter(|row| self.is_outdated(row))
    }

    fn mark(&self, row: &Row<'_>) -> &'static str {
        match !row.is_installed && !self.is_coloured {
            true => MISSING_MARK,
            false => "",
        }
    }

    /// Poetry: `--top-level` does not make columns narrower.
    fn columns(&self, room: usize) -> Columns {
        let rows = || self.rows.iter().filter(|row| self.is_outdated(row));
        let length = |text: &str| text.chars().count();
        let widest = |width: &dyn Fn(&Row<'_>) -> usize| rows().map(width).max().unwrap_or(0);
        let name = widest(&|row| length(&row.package.pretty_name) + self.mark(row).len());
        let version = widest(&|row| length(&row.version));
        let latest = widest(&|row| row.latest.as_ref().map_or(0, |it| length(&it.version)));
        let parents_width = match self.args.why {
            true => widest(&|row| FROM.len() + length(&row.parents.join(","))),
            false => 0,
        };
        let all = name + version + latest + parents_width;
        let fits = |width: usize, more: usize| width + more <= room;
        Columns {
            name,
            version: fits(name + version, GAPS).then_some(version),
            latest: fits(name + version + latest, GAPS).then_some(latest),
            parents: (self.args.why && fits(all, GAPS)).then_some(parents_width),
            description: fits(all, DESCRIPTION).then(|| room - all - GAPS - 1),
        }
    }

    fn line(&self, row: &Row<'_>, columns: &Columns) -> String {
        let (colour, mark) = match (row.is_required, row.is_installed) {
            (false, _) => (UNFIT, ""),
            (true, true) => (NAME, ""),
            (true, false) => (MISSING, self.mark(row)),
        };
        let name = fill(&row.package.pretty_name, columns.name - mark.len());
        let mut line = format!("{colour}{name}{mark}{colour:#}");
        if let Some(width) = columns.version {
            let version = fill(&row.version, width);
            line += &format!(" {BOLD}{version}{BOLD:#}");
        }
        if let (Some(latest), Some(width)) = (&row.latest, columns.latest) {
            let colour = latest.change.colour();
            let version = fill(&latest.version, width);
            line += &format!(" {colour}{version}{colour:#}");
        }
        if let Some(width) = columns.parents {
            line += &match row.parents.is_empty() {
                true => fill("", width),
                false => fill(&format!("{FROM}{}", row.parents.join(",")), width),
            };
        }
        if let Some(width) = columns.description {
            line.push(' ');
            line += &cut(&row.package.description, width);
        }
        line
    }

    /// What `--format json` tells.
    fn facts(&self) -> Vec<Facts<'_>> {
        self.shown().map(Facts::of).collect()
    }
}

/// Poetry: of several locked versions of one package, the last one's findings count for all.
fn find_latest(cx: &Context, locked: &Locked<'_>, rows: &mut [Row<'_>]) -> Result<(), Failure> {
    let project = &locked.project;
    let packages: Vec<&LockedPackage> = rows.iter().map(|row| row.package).collect();
    let (index, runtime) = (cx.index()?, cx.runtime()?);
    let found = solver::latest(project, &packages, index, runtime)?;
    let mut by_name = BTreeMap::new();
    for (package, latest) in packages.iter().zip(found) {
        let latest = latest.as_ref().unwrap_or(package);
        let latest = Latest {
            version: shown_version(latest, &project.root),
            change: Change::between(package, latest, &project.root),
        };
        by_name.insert(&package.pretty_name, latest);
    }
    for row in rows {
        row.latest = by_name.get(&row.package.pretty_name).cloned();
    }
    Ok(())
}

impl Change {
    fn between(package: &LockedPackage, latest: &LockedPackage, folder: &Path) -> Self {
        if full_version(latest, folder) == full_version(package, folder) {
            return Self::None;
        }
        let compatible = Constraint::parse(&format!("^{}", package.version));
        match compatible.is_ok_and(|compatible| compatible.allows(&latest.version)) {
            true => Self::Compatible,
            false => Self::Any,
        }
    }

    /// Poetry: red is what could be had without a risk.
    fn colour(self) -> Style {
        match self {
            Self::None => VALUE,
            Self::Compatible => MISSING,
            Self::Any => WARNING,
        }
    }
}

/// Poetry: here paths are shown relative to the project.
fn shown_version(package: &LockedPackage, folder: &Path) -> String {
    match &package.source {
        Some(source) if matches!(source.kind, SourceKind::Directory | SourceKind::File) => {
            let path = resolver::path::normalize(&folder.join(&source.url));
            let path = resolver::path::relative(&path, folder);
            format!("{} {path}", package.version)
        }
        _ => full_version(package, folder),
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    kept + "..."
}

/// What `--format json` tells of a package.
#[derive(Serialize)]
struct Facts<'a> {
    name: &'a str,
    installed_status: &'static str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required_by: Vec<&'a str>,
    description: &'a str,
}

impl<'a> Facts<'a> {
    fn of(row: &'a Row<'a>) -> Self {
        Self {
            name: &row.package.pretty_name,
            installed_status: match row.is_installed {
                true => "installed",
                false => "not-installed",
            },
            version: &row.version,
            latest_version: row.latest.as_ref().map(|latest| latest.version.as_str()),
            required_by: row.parents.clone(),
            description: &row.package.description,
        }
    }
}
