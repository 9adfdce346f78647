//! Which release `add` means by a mere name, and which package by a mere address.
//!
//! Poetry looks at what the sources offer and at nothing else: neither at the project's pythons, nor at what the
//! release would require. Whether it fits is up to the resolution that follows.

use crate::constraint::Constraint;
use crate::index::Index;
use crate::name::PackageName;
use crate::project::Project;
use crate::requirement::{Origin, Requirement};
use crate::version::Version;

use super::node::Releases;
use super::world::{Sources, World};
use super::{Locked, Request, SolveError};

/// A package that is to be added.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// Its name as written.
    pub name: &'a str,
    /// The versions it may have, if that is said.
    pub constraint: Option<&'a Constraint>,
    /// Does a pre-release count like any other?
    pub prereleases: bool,
    /// The one source to ask.
    pub source: Option<&'a str>,
}

/// The release that is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Newest {
    /// The package, as it is written into a pyproject.toml.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
}

impl Newest {
    /// What is required of a package that was added without a constraint, as `[tool.poetry.dependencies]` says it:
    /// `^2.1`. Parsed, and printed by [`Requirement::to_pep508`](crate::requirement::Requirement::to_pep508), it is what
    /// `[project]` says: `name (>=2.1,<3.0)`.
    #[must_use]
    pub fn caret(&self) -> String {
        format!("^{}", self.version.without_local())
    }
}

/// Finds out what the package behind an address or a path is called. `typed` stands for its name in errors. Blocks.
///
/// # Errors
/// When there is none, or it does not tell its name.
pub fn direct_name(
    project: &Project,
    typed: &str,
    origin: Origin,
    index: &Index,
    runtime: &tokio::runtime::Handle,
) -> Result<PackageName, SolveError> {
    let requirement = Requirement {
        pretty_name: typed.to_owned(),
        origin,
        ..Requirement::new("", Constraint::any())
    };
    let (locked, request) = (Locked::default(), Request::default());
    let world = World::new(project, &locked, &request, index, runtime, &());
    Ok(world.read_direct(&requirement)?.name)
}

/// Counts the releases of a package that a mere name can mean. Blocks.
///
/// # Errors
/// When a source fails.
pub fn count_releases(
    project: &Project,
    name: &PackageName,
    index: &Index,
    runtime: &tokio::runtime::Handle,
) -> Result<usize, SolveError> {
    let any = Constraint::any();
    let wanted = Releases::of(&any);
    let sources = Sources::new(project, index);
    let found = runtime.block_on(sources.find(name, None, &wanted, None))?;
    Ok(found.len())
}

/// Finds the newest release of a package, over all versions that the project's sources offer: the newest stable one, or
/// the newest of all if pre-releases count or there are only such. Blocks.
///
/// # Errors
/// When there is none, or a source fails.
pub fn newest(
    project: &Project,
    wish: &Wish<'_>,
    index: &Index,
    runtime: &tokio::runtime::Handle,
) -> Result<Newest, SolveError> {
    let name = PackageName::new(wish.name);
    let any = Constraint::any();
    let wanted = Releases::of(wish.constraint.unwrap_or(&any));
    let prereleases = wish.prereleases.then_some(true);
    let sources = Sources::new(project, index);
    if let Some(source) = wish.source
        && sources.source(source).is_none()
    {
        return Err(SolveError::UnknownSource(source.to_owned()));
    }
    let found = runtime.block_on(sources.find(&name, wish.source, &wanted, prereleases))?;
    let mut versions: Vec<Version> = found.iter().map(|one| one.version().clone()).collect();
    // One source may have stable releases where another has none.
    if !wish.prereleases && versions.iter().any(Version::is_stable) {
        versions.retain(Version::is_stable);
    }
    let newest = versions.into_iter().reduce(|best, other| {
        // Poetry: of equal versions the one on the first source counts.
        if other > best { other } else { best }
    });
    match newest {
        Some(version) => Ok(Newest { name, version }),
        None => Err(SolveError::NoMatch {
            name: wish.name.to_owned(),
        }),
    }
}
