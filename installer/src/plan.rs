//! What to do to an environment: Lockfile × Selection × Environment → operations.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use resolver::lock::{LockedPackage, LockedSource, Lockfile, SourceKind};
use resolver::marker::MarkerEnvironment;
use resolver::name::{ExtraName, GroupName, PackageName};
use resolver::version::Version;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

use crate::environment::Installed;
use crate::trees::TreeState;

/// Which part of a lock is wanted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selection {
    /// Dependency groups.
    pub groups: BTreeSet<GroupName>,
    /// Extras of the root project.
    pub extras: BTreeSet<ExtraName>,
}

/// Things a plan is made from besides lock, selection and environment.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// `sync`: remove what is not wanted.
    pub synchronize: bool,
    /// Packages of the lock before this one: those that are in it no more are removed.
    pub locked_before: BTreeSet<PackageName>,
    /// The root project, which is never removed.
    pub root: Option<PackageName>,
    /// Folder of the lock file: relative paths of path dependencies start there.
    pub folder: std::path::PathBuf,
    /// Installed from folders, as far as that is known: do they still hold what is installed?
    pub trees: BTreeMap<PackageName, TreeState>,
    /// `--no-directory`: leave out directory packages.
    pub skip_directories: bool,
}

/// One step.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Install a package that is not there.
    Install(LockedPackage),
    /// Replace an installed package.
    Update {
        /// What is there.
        from: Installed,
        /// What is wanted.
        to: LockedPackage,
    },
    /// Remove a package.
    Uninstall(Installed),
    /// Nothing to do, with Poetry's reason.
    Skip {
        /// The package.
        package: LockedPackage,
        /// Why.
        reason: SkipReason,
    },
}

/// When an operation is done, among those of the same depth.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Turn {
    /// At once.
    First,
    /// With those of the same repository one after the other.
    Repository,
    /// Alone: it stays where its sources are, or is a clone in the environment.
    Editable,
}

/// Why an operation is skipped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SkipReason {
    /// "Already installed"
    AlreadyInstalled,
    /// "Not required"
    NotRequired,
}

/// All steps, in Poetry's order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The steps.
    pub operations: Vec<Operation>,
}

impl Operation {
    /// The name of its package.
    #[must_use]
    pub fn name(&self) -> &PackageName {
        match self {
            Self::Install(package)
            | Self::Update { to: package, .. }
            | Self::Skip { package, .. } => &package.name,
            Self::Uninstall(installed) => &installed.name,
        }
    }

    /// The package that it brings in, if it does.
    #[must_use]
    pub fn brings_in(&self) -> Option<&LockedPackage> {
        match self {
            Self::Install(package) | Self::Update { to: package, .. } => Some(package),
            Self::Uninstall(_) | Self::Skip { .. } => None,
        }
    }

    /// Poetry: only what changes an environment has a place in its order.
    fn depth(&self) -> i64 {
        match self {
            Self::Install(package) | Self::Update { to: package, .. } => package.depth,
            Self::Skip {
                package,
                reason: SkipReason::NotRequired,
            } => package.depth,
            Self::Uninstall(_) | Self::Skip { .. } => 0,
        }
    }

    /// When it is done, among operations of the same depth.
    ///
    /// Poetry: repositories follow what needs none, and what is editable is built when everything else is there.
    #[must_use]
    pub fn turn(&self) -> Turn {
        let (Self::Install(package)
        | Self::Update { to: package, .. }
        | Self::Skip { package, .. }) = self
        else {
            return Turn::First;
        };
        match package.source.as_ref().map(|source| source.kind) {
            Some(SourceKind::Directory | SourceKind::Git) if package.develop => Turn::Editable,
            Some(SourceKind::Git) => Turn::Repository,
            _ => Turn::First,
        }
    }

    /// The version that will be there, or the one that will be gone.
    #[must_use]
    pub fn version(&self) -> &Version {
        match self {
            Self::Install(package)
            | Self::Update { to: package, .. }
            | Self::Skip { package, .. } => &package.version,
            Self::Uninstall(installed) => &installed.version,
        }
    }
}

impl Plan {
    /// Decides; touches nothing.
    #[must_use]
    pub fn new(
        lockfile: &Lockfile,
        selection: &Selection,
        markers: &MarkerEnvironment,
        installed: &[Installed],
        options: &PlanOptions,
    ) -> Self {
        let planner = Planner {
            installed: installed.iter().map(|found| (&found.name, found)).collect(),
            options,
        };
        let mut wanted = FxHashSet::default();
        let mut operations = Vec::new();
        for package in &lockfile.packages {
            if package.is_wanted(&selection.groups, markers, &selection.extras) {
                wanted.insert(&package.name);
                operations.extend(planner.wanted(package));
            } else if package.optional {
                operations.extend(planner.not_required(package));
            }
        }
        // Poetry: what others need comes before them, as far as that is known.
        let order = |operation: &Operation| (Reverse(operation.depth()), operation.turn());
        operations.sort_by(|a, b| {
            (order(a).cmp(&order(b)))
                .then_with(|| a.name().cmp(b.name()))
                .then_with(|| a.version().cmp(b.version()))
        });
        let locked = lockfile.packages.iter().map(|package| &package.name);
        let mut all = planner.removals(installed, &wanted, &locked.collect());
        all.append(&mut operations);
        Self { operations: all }
    }

    /// Is this `.dist-info` one of a distribution that is changed, but not the one that is replaced or removed?
    #[must_use]
    pub fn leaves(&self, name: &PackageName, dist_info: &Path) -> bool {
        self.operations.iter().any(|operation| {
            let known = match operation {
                Operation::Install(_) => None,
                Operation::Update { from: known, .. } | Operation::Uninstall(known) => Some(known),
                Operation::Skip { .. } => return false,
            };
            operation.name() == name && known.is_none_or(|known| known.dist_info != dist_info)
        })
    }

    /// What is wrong with the first package that is to be installed from a path and can't be: the path leads nowhere, or
    /// to something else. `folder` is that of the lock file.
    ///
    /// Poetry: nothing is done then.
    #[must_use]
    pub fn missing_source(&self, folder: &Path) -> Option<String> {
        let mut packages = self.operations.iter().filter_map(Operation::brings_in);
        packages.find_map(|package| missing_source(package, folder))
    }

    /// Is there anything to do?
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.operations
            .iter()
            .any(|operation| !matches!(operation, Operation::Skip { .. }))
    }
}

fn missing_source(package: &LockedPackage, folder: &Path) -> Option<String> {
    let source = package.source.as_ref()?;
    let path = resolver::path::normalize(&folder.join(&source.url));
    let (name, shown) = (&package.pretty_name, path.display());
    let is_project = || {
        ["pyproject.toml", "setup.py"]
            .iter()
            .any(|file| path.join(file).exists())
    };
    match source.kind {
        SourceKind::Directory | SourceKind::File if !path.exists() => {
            Some(format!("Path {shown} for {name} does not exist"))
        }
        SourceKind::Directory if path.is_file() => Some(format!(
            "{shown} for {name} is a file, expected a directory"
        )),
        SourceKind::Directory if !is_project() => Some(format!(
            "Directory {shown} for {name} does not seem to be a Python package"
        )),
        SourceKind::File if path.is_dir() => Some(format!(
            "{shown} for {name} is a directory, expected a file"
        )),
        _ => None,
    }
}

struct Planner<'a> {
    installed: FxHashMap<&'a PackageName, &'a Installed>,
    options: &'a PlanOptions,
}

impl Planner<'_> {
    fn wanted(&self, package: &LockedPackage) -> Option<Operation> {
        let Some(&installed) = self.installed.get(&package.name) else {
            let left_out = self.options.skip_directories
                && package
                    .source
                    .as_ref()
                    .is_some_and(|source| source.kind == SourceKind::Directory);
            return (!left_out).then(|| Operation::Install(package.clone()));
        };
        Some(if self.is_up_to_date(package, installed) {
            Operation::Skip {
                package: package.clone(),
                reason: SkipReason::AlreadyInstalled,
            }
        } else {
            Operation::Update {
                from: installed.clone(),
                to: package.clone(),
            }
        })
    }

    /// Poetry: what only an extra that was not asked for needs is skipped aloud, and left alone if it is there.
    fn not_required(&self, package: &LockedPackage) -> Option<Operation> {
        if self.installed.contains_key(&package.name) {
            return None;
        }
        let left_out = self.options.skip_directories
            && package
                .source
                .as_ref()
                .is_some_and(|source| source.kind == SourceKind::Directory);
        (!left_out).then(|| Operation::Skip {
            package: package.clone(),
            reason: SkipReason::NotRequired,
        })
    }

    fn is_up_to_date(&self, package: &LockedPackage, installed: &Installed) -> bool {
        if let Some(state) = self.options.trees.get(&package.name) {
            return *state == TreeState::Same;
        }
        let origin = InstalledOrigin::of(installed);
        if !installed.is_whole || package.version != installed.version {
            return false;
        }
        let kind = package.source.as_ref().map(|source| source.kind);
        let may_be_editable = matches!(kind, Some(SourceKind::Directory | SourceKind::Git));
        if may_be_editable && package.develop != origin.develop {
            return false;
        }
        match (&package.source, origin.kind) {
            // Poetry: an environment does not tell which index something came from, so that a switch between
            // indexes is not seen.
            (None, None) => true,
            (Some(source), None) => source.kind == SourceKind::Legacy,
            (None, Some(_)) => false,
            (Some(source), Some(kind)) => {
                kind == source.kind && origin.is_same(source, &self.options.folder)
            }
        }
    }

    /// What is locked no more, and what `sync` removes. Poetry: removals come first, by name.
    fn removals(
        &self,
        installed: &[Installed],
        wanted: &FxHashSet<&PackageName>,
        locked: &FxHashSet<&PackageName>,
    ) -> Vec<Operation> {
        let options = self.options;
        let is_dropped =
            |name: &PackageName| options.locked_before.contains(name) && !locked.contains(name);
        let is_preserved =
            |name: &PackageName| name.as_str() == "pip" || Some(name) == options.root.as_ref();
        let is_unwanted = |name: &PackageName| {
            options.synchronize && !wanted.contains(name) && !is_preserved(name)
        };
        let mut unwanted: Vec<&Installed> = installed
            .iter()
            .filter(|found| !found.is_system)
            .filter(|found| is_dropped(&found.name) || is_unwanted(&found.name))
            .collect();
        unwanted.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.version.cmp(&b.version)));
        unwanted
            .into_iter()
            .cloned()
            .map(Operation::Uninstall)
            .collect()
    }
}

/// Where something installed came from, as its `direct_url.json` tells.
#[derive(Debug, Default)]
struct InstalledOrigin {
    kind: Option<SourceKind>,
    url: String,
    reference: Option<String>,
    resolved_reference: Option<String>,
    subdirectory: Option<String>,
    develop: bool,
}

impl InstalledOrigin {
    fn of(installed: &Installed) -> Self {
        let Some(direct) = &installed.direct_url else {
            return Self::default();
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let url = text(&direct["url"]).unwrap_or_default();
        let subdirectory = text(&direct["subdirectory"]);
        let path = || {
            url.strip_prefix("file://")
                .map(|path| percent_decode_str(path).decode_utf8_lossy().into_owned())
        };
        if direct.get("archive_info").is_some() {
            let (kind, url) = path().map_or((SourceKind::Url, url.clone()), |path| {
                (SourceKind::File, path)
            });
            Self {
                kind: Some(kind),
                url,
                subdirectory,
                ..Self::default()
            }
        } else if let Some(info) = direct.get("dir_info") {
            Self {
                kind: Some(SourceKind::Directory),
                url: path().unwrap_or_default(),
                develop: info["editable"].as_bool().unwrap_or_default(),
                subdirectory,
                ..Self::default()
            }
        } else if let Some(info) = direct.get("vcs_info") {
            let commit = text(&info["commit_id"]);
            Self {
                kind: Some(SourceKind::Git),
                reference: text(&info["requested_revision"]).or_else(|| commit.clone()),
                resolved_reference: commit,
                url,
                subdirectory,
                ..Self::default()
            }
        } else {
            Self::default()
        }
    }

    /// Poetry: commits decide before references, and a reference may be the beginning of the other one.
    fn is_same(&self, source: &LockedSource, folder: &Path) -> bool {
        let wanted = match source.kind {
            SourceKind::Directory | SourceKind::File => {
                resolve(folder, &source.url).to_string_lossy().into_owned()
            }
            SourceKind::Git | SourceKind::Legacy | SourceKind::Url => source.url.clone(),
        };
        if wanted != self.url || filled(&source.subdirectory) != filled(&self.subdirectory) {
            return false;
        }
        let (wanted, found) = (
            filled(&source.resolved_reference),
            filled(&self.resolved_reference),
        );
        if wanted.is_some() && wanted == found {
            return true;
        }
        let differ = wanted.is_some() && found.is_some();
        match (filled(&source.reference), filled(&self.reference)) {
            (None, None) => true,
            (Some(wanted), Some(found)) => {
                (wanted.starts_with(found) || found.starts_with(wanted)) && !differ
            }
            _ => false,
        }
    }
}

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// A path of a lock file, absolute, with symlinks resolved as far as it exists.
pub(crate) fn resolve(folder: &Path, path: &str) -> PathBuf {
    resolver::path::resolve(&folder.join(path))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::str::FromStr;

    use resolver::lock::LockMetadata;
    use resolver::marker::Marker;
    use serde_json::json;

    use super::*;

    fn locked(name: &str, version: &str) -> LockedPackage {
        LockedPackage {
            name: PackageName::new(name),
            pretty_name: name.to_owned(),
            version: Version::from_str(version).unwrap(),
            description: String::new(),
            optional: false,
            python_versions: "*".to_owned(),
            groups: vec![GroupName::main()],
            markers: BTreeMap::new(),
            files: Vec::new(),
            develop: false,
            requirements: Vec::new(),
            extras: BTreeMap::new(),
            source: None,
            depth: 0,
        }
    }

    fn source(kind: SourceKind, url: &str) -> LockedSource {
        LockedSource {
            kind,
            url: url.to_owned(),
            reference: None,
            resolved_reference: None,
            subdirectory: None,
        }
    }

    fn installed(name: &str, version: &str, direct_url: Value) -> Installed {
        Installed {
            name: PackageName::new(name),
            pretty_name: name.to_owned(),
            version: Version::from_str(version).unwrap(),
            dist_info: PathBuf::from(format!("/site/{name}-{version}.dist-info")),
            direct_url: Some(direct_url).filter(|value| !value.is_null()),
            is_system: false,
            is_whole: true,
        }
    }

    /// A short text for each operation.
    fn plan(
        packages: Vec<LockedPackage>,
        there: &[Installed],
        options: &PlanOptions,
    ) -> Vec<String> {
        let lockfile = Lockfile {
            packages,
            extras: BTreeMap::new(),
            metadata: LockMetadata {
                lock_version: "2.1".to_owned(),
                python_versions: "*".to_owned(),
                content_hash: None,
                generated_by: None,
            },
        };
        let selection = Selection {
            groups: [GroupName::main()].into(),
            ..Selection::default()
        };
        let markers = MarkerEnvironment {
            sys_platform: "linux".to_owned(),
            ..MarkerEnvironment::default()
        };
        let plan = Plan::new(&lockfile, &selection, &markers, there, options);
        let text = |operation: &Operation| {
            let (name, version) = (operation.name(), operation.version());
            match operation {
                Operation::Install(_) => format!("install {name} {version}"),
                Operation::Update { from, .. } => {
                    format!("update {name} {} {version}", from.version)
                }
                Operation::Uninstall(_) => format!("remove {name} {version}"),
                Operation::Skip { reason, .. } => format!("skip {name} {reason:?}"),
            }
        };
        plan.operations.iter().map(text).collect()
    }

    fn nothing() -> Value {
        Value::Null
    }

    #[test]
    fn versions_decide() {
        let there = [
            installed("b", "1.0", nothing()),
            installed("c", "1.0.0", nothing()),
        ];
        let packages = vec![locked("c", "1.0"), locked("b", "2.0"), locked("a", "1")];
        assert_eq!(
            plan(packages, &there, &PlanOptions::default()),
            ["install a 1", "update b 1.0 2.0", "skip c AlreadyInstalled"]
        );
    }

    /// What others need comes first, as far as a resolution told it; of what has nothing to do only what an extra
    /// would need has a place.
    #[test]
    fn the_deepest_come_first() {
        let at = |name: &str, depth: i64| LockedPackage {
            depth,
            ..locked(name, "1")
        };
        let mut extra = at("x", 1);
        extra.optional = true;
        extra.groups.clear();
        let packages = vec![at("a", 0), at("b", 1), at("c", 2), at("d", 2), extra];
        let there = [installed("d", "1", nothing())];
        assert_eq!(
            plan(packages, &there, &PlanOptions::default()),
            [
                "install c 1",
                "install b 1",
                "skip x NotRequired",
                "install a 1",
                "skip d AlreadyInstalled"
            ]
        );
    }

    #[test]
    fn what_is_locked_no_more_is_removed() {
        let there = ["gone", "other", "pip", "z"].map(|name| installed(name, "1", nothing()));
        let options = PlanOptions {
            locked_before: ["gone", "never", "z"].map(PackageName::new).into(),
            ..PlanOptions::default()
        };
        assert_eq!(
            plan(vec![locked("z", "1")], &there, &options),
            ["remove gone 1", "skip z AlreadyInstalled"]
        );
    }

    #[test]
    fn what_is_not_wanted_is_left_alone_unless_synchronizing() {
        let there = ["pip", "root", "z", "left", "dev"].map(|name| installed(name, "1", nothing()));
        let mut system = installed("system", "1", nothing());
        system.is_system = true;
        let there = [&there[..], &[system]].concat();
        let mut dev = locked("dev", "1");
        dev.groups = vec![GroupName::new("dev")];
        let packages = || vec![locked("a", "1"), locked("z", "1"), dev.clone()];
        let mut options = PlanOptions {
            root: Some(PackageName::new("root")),
            ..PlanOptions::default()
        };
        assert_eq!(
            plan(packages(), &there, &options),
            ["install a 1", "skip z AlreadyInstalled"]
        );
        options.synchronize = true;
        assert_eq!(
            plan(packages(), &there, &options),
            [
                "remove dev 1",
                "remove left 1",
                "install a 1",
                "skip z AlreadyInstalled"
            ]
        );
    }

    #[test]
    fn packages_of_other_systems_are_silent_and_those_of_other_extras_are_not() {
        let mut windows = locked("windows", "1");
        windows.markers = [(
            GroupName::main(),
            Marker::parse("sys_platform == \"win32\"").unwrap(),
        )]
        .into();
        let mut optional = locked("optional", "1");
        optional.optional = true;
        optional.markers = [(GroupName::main(), Marker::parse("extra == \"x\"").unwrap())].into();
        let packages = || vec![windows.clone(), optional.clone()];
        assert_eq!(
            plan(packages(), &[], &PlanOptions::default()),
            ["skip optional NotRequired"]
        );
        let there = [
            installed("windows", "1", nothing()),
            installed("optional", "1", nothing()),
        ];
        assert!(plan(packages(), &there, &PlanOptions::default()).is_empty());
        let options = PlanOptions {
            synchronize: true,
            ..PlanOptions::default()
        };
        assert_eq!(
            plan(packages(), &there, &options),
            ["remove optional 1", "remove windows 1"]
        );
    }

    #[test]
    fn directories_can_be_left_out_but_not_forgotten() {
        let mut library = locked("library", "1");
        library.source = Some(source(SourceKind::Directory, "../library"));
        let options = PlanOptions {
            folder: PathBuf::from("/repo/service"),
            skip_directories: true,
            ..PlanOptions::default()
        };
        assert!(plan(vec![library.clone()], &[], &options).is_empty());
        let there = [installed("library", "0", nothing())];
        assert_eq!(
            plan(vec![library], &there, &options),
            ["update library 0 1"]
        );
    }

    #[test]
    fn origins_decide() {
        let directory = |editable: bool| {
            let info = if editable {
                json!({"editable": true})
            } else {
                json!({})
            };
            json!({"url": "file:///repo/my%20lib", "dir_info": info})
        };
        let git = |commit: &str, revision: &str| {
            json!({
                "url": "https://e.org/r.git",
                "vcs_info": {"vcs": "git", "requested_revision": revision, "commit_id": commit}
            })
        };
        let git_source = |commit: &str, reference: &str| LockedSource {
            reference: Some(reference.to_owned()),
            resolved_reference: Some(commit.to_owned()),
            ..source(SourceKind::Git, "https://e.org/r.git")
        };
        let legacy = source(SourceKind::Legacy, "https://e.org/simple");
        let path = source(SourceKind::Directory, "../my lib");
        let archive = json!({"url": "https://e.org/a.whl", "archive_info": {}});
        let file = json!({"url": "file:///repo/a.whl", "archive_info": {}});
        for (wanted, develop, found, up_to_date) in [
            (None, false, nothing(), true),
            (Some(legacy.clone()), false, nothing(), true),
            (None, false, directory(false), false),
            (Some(legacy), false, archive.clone(), false),
            (Some(path.clone()), false, nothing(), false),
            (Some(path.clone()), false, directory(false), true),
            (Some(path.clone()), true, directory(false), false),
            (Some(path.clone()), true, directory(true), true),
            (Some(path), false, directory(true), false),
            (
                Some(source(SourceKind::Directory, "../other")),
                false,
                directory(false),
                false,
            ),
            (
                Some(source(SourceKind::Url, "https://e.org/a.whl")),
                false,
                archive.clone(),
                true,
            ),
            (
                Some(source(SourceKind::Url, "https://e.org/b.whl")),
                false,
                archive,
                false,
            ),
            (
                Some(source(SourceKind::File, "../a.whl")),
                false,
                file,
                true,
            ),
            (
                Some(git_source("c1", "main")),
                false,
                git("c1", "main"),
                true,
            ),
            (Some(git_source("c1", "main")), false, git("c1", "v1"), true),
            (
                Some(git_source("c2", "main")),
                false,
                git("c1", "main"),
                false,
            ),
            (Some(git_source("c1", "main")), false, nothing(), false),
        ] {
            let mut package = locked("p", "1");
            let text = format!("{wanted:?} {develop} {found}");
            package.source = wanted;
            package.develop = develop;
            let options = PlanOptions {
                folder: PathBuf::from("/repo/service"),
                ..PlanOptions::default()
            };
            let operations = plan(vec![package], &[installed("p", "1", found)], &options);
            let expected = if up_to_date {
                "skip p AlreadyInstalled"
            } else {
                "update p 1 1"
            };
            assert_eq!(operations, [expected], "{text}");
        }
    }

    /// What is known of a folder counts more than what the lock calls its version.
    #[test]
    fn folders_are_asked_first() {
        let mut package = locked("a", "1");
        package.source = Some(source(SourceKind::Directory, "/lib"));
        let there = installed("a", "2", json!({"url": "file:///lib", "dir_info": {}}));
        for (state, expected) in [
            (None, "update a 2 1"),
            (Some(TreeState::Changed), "update a 2 1"),
            (Some(TreeState::Same), "skip a AlreadyInstalled"),
        ] {
            let name = PackageName::new("a");
            let options = PlanOptions {
                trees: state.map(|state| (name, state)).into_iter().collect(),
                ..PlanOptions::default()
            };
            let there = std::slice::from_ref(&there);
            assert_eq!(plan(vec![package.clone()], there, &options), [expected]);
        }
    }

    #[test]
    fn repositories_follow_files_and_editable_packages_everything() {
        let from = |name: &str, kind, develop| LockedPackage {
            source: Some(source(kind, "/somewhere")),
            develop,
            ..locked(name, "1")
        };
        let packages = vec![
            from("a", SourceKind::Directory, true),
            from("b", SourceKind::Git, true),
            from("c", SourceKind::Git, false),
            from("d", SourceKind::Directory, false),
            locked("e", "1"),
        ];
        let told = plan(packages, &[], &PlanOptions::default());
        let expected = ["d", "e", "c", "a", "b"].map(|name| format!("install {name} 1"));
        assert_eq!(told, expected);
    }
}
