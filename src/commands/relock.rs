//! What `add`, `remove` and `update` have in common: resolve, install what has changed, write the lock file.

use std::collections::BTreeSet;

use installer::environment::Environment;
use installer::plan::{PlanOptions, Selection};
use resolver::lock::Lockfile;
use resolver::name::{GroupName, PackageName};
use resolver::project::Project;
use resolver::solver::Request;

use super::install::{self, How, Removal};
use super::lock;
use crate::console::{Console, INFO};
use crate::context::Context;
use crate::failure::Failure;
use crate::selection::{DefaultGroups, GroupArgs};

/// A resolution that changes what is locked, and what is installed.
pub(crate) struct Relock {
    /// What was locked before.
    pub(crate) previous: Option<Lockfile>,
    /// What of it may change.
    pub(crate) request: Request,
    /// What is installed.
    pub(crate) groups: BTreeSet<GroupName>,
    /// What is removed besides that which is locked no more.
    pub(crate) removal: Removal,
    /// Tell it, and do nothing.
    pub(crate) dry_run: bool,
    /// Tell what is skipped, too.
    pub(crate) verbose: bool,
}

impl Relock {
    /// What follows an edit of pyproject.toml that is about these packages: their latest versions are taken, and
    /// everything else stays as it is locked.
    ///
    /// # Errors
    /// When there is a lock file that can't be read.
    pub(crate) fn of_edit(
        project: &Project,
        packages: impl IntoIterator<Item = PackageName>,
        dry_run: bool,
        console: &Console,
    ) -> Result<Self, Failure> {
        let groups = GroupArgs::default().choose(project, DefaultGroups::NotOptional, console)?;
        Ok(Self {
            previous: Lockfile::read(&project.root)?,
            request: Request::latest(packages),
            groups,
            removal: Removal::Nothing,
            dry_run,
            verbose: dry_run || console.is_verbose(),
        })
    }

    /// Does it, with words. Without an environment nothing is installed.
    ///
    /// # Errors
    /// When the requirements can't be satisfied, or something can't be installed. The lock file is as it was then.
    pub(crate) fn run(
        self,
        cx: &Context,
        environment: Option<&Environment>,
    ) -> Result<(), Failure> {
        let project = cx.project()?;
        cx.console
            .line(format_args!("{INFO}Updating dependencies{INFO:#}"));
        let previous = self.previous.as_ref();
        let (lockfile, _) = cx.resolve_noting(project, previous, &self.request)?;
        let dry_run = self.dry_run;
        if let Some(environment) = environment {
            self.bring(cx, environment, &lockfile)?;
        }
        if !dry_run {
            lock::write(cx, &lockfile)?;
        }
        Ok(())
    }

    /// Brings the environment to what was resolved.
    fn bring(
        self,
        cx: &Context,
        environment: &Environment,
        lockfile: &Lockfile,
    ) -> Result<(), Failure> {
        let project = cx.project()?;
        install::tell_finding(cx);
        let options = PlanOptions {
            synchronize: self.removal == Removal::Unwanted,
            locked_before: names(self.previous.as_ref()),
            root: project.package_name(),
            folder: project.root.clone(),
            ..PlanOptions::default()
        };
        let selection = Selection {
            groups: self.groups,
            extras: BTreeSet::new(),
        };
        let how = How {
            draft: None,
            dry_run: self.dry_run,
            verbose: self.verbose,
            compile: false,
        };
        install::bring(cx, environment, lockfile, &selection, options, how)?;
        Ok(())
    }
}

/// What is locked.
pub(crate) fn names(lockfile: Option<&Lockfile>) -> BTreeSet<PackageName> {
    let packages = lockfile.iter().flat_map(|lockfile| &lockfile.packages);
    packages.map(|package| package.name.clone()).collect()
}
