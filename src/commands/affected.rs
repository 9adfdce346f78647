//! `mpoetry affected`: which projects of the repository a change concerns.

use std::collections::BTreeSet;

use resolver::git::{ChangeKind, WorkTreeError};
use resolver::monorepo::{
    Affected, AffectedError, AffectedProjects, Aspect, PackageChange, Part, Purpose, Question,
    Reason, affected,
};
use resolver::name::GroupName;
use resolver::project::workspace::Workspace;
use serde_json::{Value, json};

use super::graph::kind;
use crate::console::{BOLD, DARK, NAME};
use crate::context::Context;
use crate::failure::Failure;

/// Lists the projects of the repository that a change affects, one path a line
///
/// Changes count from where REF and HEAD parted up to the files on disk: what is committed, staged, not staged, and
/// files that git neither knows nor ignores. Nothing is checked out. A project is affected if one of these holds:
///
/// (1) A file of it differs (files of a project inside it are that one's; dist and .venv never count), or its manifest
/// means something else, not if it only looks different. It is new, or was moved.
///
/// (2) Its lock file pins other packages, versions, files, sources or markers for the groups that count, not if only
/// what is said about them differs.
///
/// (3) A project that it needs is affected. Of its own groups those that count lead there, from there on only main. The
/// lock file and the other groups of a library do not concern those who use it.
///
/// (4) A file differs that counts for all projects: `global-inputs = ["tools/**", ...]` in [tool.mpoetry] of the root's
/// pyproject.toml, globs that begin at the root.
///
/// Nothing is printed if nothing is affected. Deleted projects are told on stderr, and with --why and --json among the
/// others.
///
/// The form of --json is {"schema": 1, "base": commit, "projects": [{"name", "path", "version", "kind", "deleted",
/// "reasons": [{"reason", ...}]}]}. A reason is "files" or "global-inputs" (with "files": [{"path", "change"}]),
/// "manifest", "lock" (with "packages": [{"name", "before", "after", "differs"}]), "lock-file" (it is new, gone or can't
/// be compared; with "change"), "dependency" (with "way": [path, ...], whose last one changed), "new", "moved" (with
/// "from") or "deleted". A change is "added", "changed" or "deleted".
#[derive(Debug, clap::Args)]
pub(crate) struct AffectedArgs {
    /// The branch, tag or commit to compare with, such as origin/main
    #[arg(long, value_name = "REF")]
    since: String,
    /// Compare with this commit instead of HEAD and the files on disk
    #[arg(long, value_name = "REF")]
    head: Option<String>,
    /// Only services: projects that no other project of the repository needs, in any of its groups
    #[arg(long)]
    services: bool,
    /// Tell why
    #[arg(long)]
    why: bool,
    /// Print the answer with its reasons as JSON
    #[arg(long)]
    json: bool,
    /// What the answer is for; for a bundle only main counts, and what goes into wheels
    #[arg(long = "for", value_name = "PURPOSE", value_enum)]
    purpose: Option<For>,
    /// Only these dependency groups count, separated by commas
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    only: Vec<String>,
    /// These dependency groups do not count
    #[arg(
        long,
        value_name = "GROUPS",
        value_delimiter = ',',
        conflicts_with = "only"
    )]
    without: Vec<String>,
}

/// What may be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum For {
    Bundle,
}

/// # Errors
/// When git can't tell what has changed, or there is no such group.
pub(crate) fn run(cx: &Context, args: &AffectedArgs) -> Result<(), Failure> {
    let purpose = match args.purpose {
        Some(For::Bundle) => Purpose::Bundle,
        None => Purpose::Anything,
    };
    let mut answer = find(cx, &args.since, args.head.as_deref(), args.part(), purpose)?;
    if args.services {
        answer.projects.retain(|project| project.is_service);
    }
    if args.json {
        let text = serde_json::to_string_pretty(&document(&answer)).map_err(Failure::caused)?;
        cx.console.line(text);
        return Ok(());
    }
    let deleted = answer.projects.iter().filter(|project| project.is_deleted);
    let deleted: BTreeSet<&str> = deleted.map(|project| project.path.as_str()).collect();
    for project in &answer.projects {
        let path = &project.path;
        if args.why {
            explain(cx, project, &deleted);
        } else if project.is_deleted {
            cx.console.error_line(format_args!("deleted: {path}"));
        } else {
            cx.console.line(path);
        }
    }
    Ok(())
}

impl AffectedArgs {
    fn part(&self) -> Part {
        let names = |words: &[String]| -> BTreeSet<GroupName> {
            words
                .iter()
                .map(|word| GroupName::new(word.trim()))
                .collect()
        };
        if !self.only.is_empty() {
            Part::Only(names(&self.only))
        } else if self.purpose == Some(For::Bundle) {
            Part::Only([GroupName::main()].into())
        } else if !self.without.is_empty() {
            Part::Without(names(&self.without))
        } else {
            Part::All
        }
    }
}

/// Asks which projects are affected, from anywhere in the repository.
///
/// # Errors
/// As [`run`].
pub(super) fn find(
    cx: &Context,
    since: &str,
    head: Option<&str>,
    part: Part,
    purpose: Purpose,
) -> Result<AffectedProjects, Failure> {
    let start = cx.start();
    let root = Workspace::find_root(start).unwrap_or_else(|| start.to_owned());
    let question = Question {
        root: &root,
        since,
        head,
        part,
        purpose,
    };
    affected(&question).map_err(failure)
}

fn failure(error: AffectedError) -> Failure {
    let shallow = "Fetch more of it: `git fetch --unshallow`, or `git fetch --deepen 100`; in a CI job let the \
                   checkout take the whole history (actions/checkout: `fetch-depth: 0`).";
    let advice = match &error {
        AffectedError::WorkTree(WorkTreeError::Unknown {
            near, is_shallow, ..
        }) => match near.as_slice() {
            [] if *is_shallow => Some(
                "Only a part of the history is here. Fetch the branch first: `git fetch origin <branch>`, \
                 and name it `origin/<branch>`."
                    .to_owned(),
            ),
            [] => None,
            near => {
                let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
                Some(format!("Did you mean {}?", names.join(" or ")))
            }
        },
        AffectedError::WorkTree(WorkTreeError::NoMergeBase {
            is_shallow: true, ..
        }) => Some(shallow.to_owned()),
        _ => None,
    };
    Failure::caused(error).hint_if(advice)
}

fn explain(cx: &Context, project: &Affected, deleted: &BTreeSet<&str>) {
    let path = &project.path;
    cx.console.line(format_args!("{BOLD}{path}{BOLD:#}"));
    for reason in &project.reasons {
        cx.console
            .line(format_args!("  {}", words(reason, deleted)));
    }
}

fn words(reason: &Reason, deleted: &BTreeSet<&str>) -> String {
    match reason {
        Reason::Deleted => "is deleted".to_owned(),
        Reason::New => "is new".to_owned(),
        Reason::Moved { from } => format!("was moved from {from}"),
        Reason::GlobalInputs(files) => format!("global input {}", listed(files.iter().map(file))),
        Reason::Manifest => "pyproject.toml changed".to_owned(),
        Reason::Files(files) => listed(files.iter().map(file)),
        Reason::Lock(packages) => {
            format!("poetry.lock: {}", listed(packages.iter().map(package)))
        }
        Reason::LockFile(change) => format!("poetry.lock {}", past(*change)),
        Reason::Dependency(way) => {
            let is_deleted = way
                .last()
                .is_some_and(|last| deleted.contains(last.as_str()));
            let change = if is_deleted { "is deleted" } else { "changed" };
            let way: Vec<String> = way
                .iter()
                .map(|path| format!("{NAME}{path}{NAME:#}"))
                .collect();
            format!("needs {}, which {change}", way.join(", which needs "))
        }
    }
}

/// How many of a list are told.
const LISTED: usize = 3;

fn listed(words: impl ExactSizeIterator<Item = String>) -> String {
    let more = words.len().saturating_sub(LISTED);
    let told: Vec<String> = words.take(LISTED).collect();
    let told = told.join(", ");
    match more {
        0 => told,
        more => format!("{told} {DARK}and {more} more{DARK:#}"),
    }
}

fn file((path, change): &(String, ChangeKind)) -> String {
    format!("{path} {}", past(*change))
}

fn past(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Added => "added",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Modified => "changed",
    }
}

fn package(change: &PackageChange) -> String {
    let name = &change.name;
    match (&change.before, &change.after) {
        (Some(before), None) => format!("{name} {before} removed"),
        (None, Some(after)) => format!("{name} {after} added"),
        (Some(before), Some(after)) if before != after => format!("{name} {before} -> {after}"),
        (_, version) => {
            let version = version.as_deref().unwrap_or_default();
            format!("{name} {version} ({})", aspect(change.aspect))
        }
    }
}

fn aspect(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Version => "version",
        Aspect::Source => "source",
        Aspect::Files => "files",
        Aspect::Need => "groups or markers",
    }
}

fn document(answer: &AffectedProjects) -> Value {
    let projects = answer.projects.iter().map(|project| {
        json!({
            "name": project.name.as_str(),
            "path": project.path,
            "version": project.version,
            "kind": kind(project.is_service),
            "deleted": project.is_deleted,
            "reasons": project.reasons.iter().map(entry).collect::<Vec<_>>(),
        })
    });
    json!({
        "schema": 1,
        "base": answer.base,
        "projects": projects.collect::<Vec<_>>(),
    })
}

fn entry(reason: &Reason) -> Value {
    match reason {
        Reason::Deleted => json!({"reason": "deleted"}),
        Reason::New => json!({"reason": "new"}),
        Reason::Moved { from } => json!({"reason": "moved", "from": from}),
        Reason::GlobalInputs(files) => {
            json!({"reason": "global-inputs", "files": file_entries(files)})
        }
        Reason::Manifest => json!({"reason": "manifest"}),
        Reason::Files(files) => json!({"reason": "files", "files": file_entries(files)}),
        Reason::Lock(packages) => {
            let packages = packages.iter().map(|change| {
                json!({
                    "name": change.name.as_str(),
                    "before": change.before,
                    "after": change.after,
                    "differs": aspect(change.aspect),
                })
            });
            json!({"reason": "lock", "packages": packages.collect::<Vec<_>>()})
        }
        Reason::LockFile(change) => json!({"reason": "lock-file", "change": past(*change)}),
        Reason::Dependency(way) => json!({"reason": "dependency", "way": way}),
    }
}

fn file_entries(files: &[(String, ChangeKind)]) -> Vec<Value> {
    let entries = files.iter();
    entries
        .map(|(path, change)| json!({"path": path, "change": past(*change)}))
        .collect()
}
