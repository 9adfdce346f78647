//! Who is needed where, told in two ways that must agree: by the markers and groups that a lock gives to packages, and
//! by walking over requirements from the project on.

use std::collections::BTreeSet;

use resolver::lock::{LockedPackage, Lockfile};
use resolver::marker::MarkerEnvironment;
use resolver::name::{ExtraName, GroupName};
use resolver::project::Project;
use resolver::requirement::Requirement;
use resolver::version::Version;

/// An environment, and what is asked for there.
struct Wish {
    environment: MarkerEnvironment,
    groups: BTreeSet<GroupName>,
    extras: BTreeSet<ExtraName>,
}

/// What differs between the two, in all sampled environments.
pub(crate) fn differences(project: &Project, lockfile: &Lockfile) -> Vec<String> {
    let mut differences = Vec::new();
    for wish in wishes(project) {
        let mut by_markers = BTreeSet::new();
        for (place, package) in lockfile.packages.iter().enumerate() {
            if package.is_wanted(&wish.groups, &wish.environment, &wish.extras) {
                by_markers.insert(place);
            }
        }
        let by_walking = walk(project, lockfile, &wish, &by_markers);
        let name = |place: &usize| {
            let package = &lockfile.packages[*place];
            format!("{} {}", package.name, package.version)
        };
        let lost: Vec<String> = by_walking.difference(&by_markers).map(name).collect();
        let idle: Vec<String> = by_markers.difference(&by_walking).map(name).collect();
        if !lost.is_empty() || !idle.is_empty() {
            differences.push(format!(
                "python {} on {} with {:?} {:?}: missing {lost:?}, not needed {idle:?}",
                wish.environment.python_full_version,
                wish.environment.sys_platform,
                wish.groups,
                wish.extras,
            ));
        }
    }
    differences
}

fn wishes(project: &Project) -> Vec<Wish> {
    let groups: Vec<GroupName> = project.groups.iter().map(|g| g.name.clone()).collect();
    let extras: Vec<ExtraName> = project.extras.keys().cloned().collect();
    let mut asked: Vec<(BTreeSet<GroupName>, BTreeSet<ExtraName>)> = vec![
        (groups.iter().cloned().collect(), BTreeSet::new()),
        (
            groups.iter().cloned().collect(),
            extras.iter().cloned().collect(),
        ),
    ];
    asked.extend(
        groups
            .iter()
            .map(|group| ([group.clone()].into(), BTreeSet::new())),
    );
    asked.extend(
        extras
            .iter()
            .map(|extra| ([GroupName::main()].into(), [extra.clone()].into())),
    );
    let mut wishes = Vec::new();
    for environment in environments() {
        let python: Version = environment.python_full_version.parse().unwrap();
        if !project.python_constraint.allows(&python) {
            continue;
        }
        wishes.extend(asked.iter().map(|(groups, extras)| Wish {
            environment: environment.clone(),
            groups: groups.clone(),
            extras: extras.clone(),
        }));
    }
    wishes
}

fn environments() -> impl Iterator<Item = MarkerEnvironment> {
    let platforms = [
        ("linux", "posix", "Linux", "x86_64"),
        ("linux", "posix", "Linux", "aarch64"),
        ("darwin", "posix", "Darwin", "arm64"),
        ("win32", "nt", "Windows", "AMD64"),
    ];
    let pythons = [
        "3.7.17", "3.8.0", "3.8.20", "3.9.5", "3.10.13", "3.11.0", "3.11.7", "3.12.1", "3.13.0",
        "3.14.2",
    ];
    let implementations = [("cpython", "CPython"), ("pypy", "PyPy")];
    itertools::iproduct!(platforms, pythons, implementations).map(
        |((sys, os, system, machine), python, (lower, implementation))| {
            let minor = python.rsplit_once('.').unwrap().0;
            MarkerEnvironment {
                implementation_name: lower.to_owned(),
                implementation_version: python.to_owned(),
                os_name: os.to_owned(),
                platform_machine: machine.to_owned(),
                platform_python_implementation: implementation.to_owned(),
                platform_release: "6.1.0".to_owned(),
                platform_system: system.to_owned(),
                platform_version: "1".to_owned(),
                python_full_version: python.to_owned(),
                python_version: minor.to_owned(),
                sys_platform: sys.to_owned(),
            }
        },
    )
}

/// The packages that are reached from the project. Where several versions of one name are locked and fit a
/// requirement, it is for the markers to say which of them is meant.
fn walk(
    project: &Project,
    lockfile: &Lockfile,
    wish: &Wish,
    by_markers: &BTreeSet<usize>,
) -> BTreeSet<usize> {
    let fits = |place: &usize, requirement: &Requirement| {
        let package: &LockedPackage = &lockfile.packages[*place];
        package.name == requirement.name
            && (requirement.origin.is_direct() || requirement.constraint.allows(&package.version))
    };
    let mut open: Vec<Requirement> = Vec::new();
    for group in project
        .groups
        .iter()
        .filter(|group| wish.groups.contains(&group.name))
    {
        for requirement in &group.requirements {
            let extras: Vec<ExtraName> = wish.extras.iter().cloned().collect();
            let asked = requirement.in_extras.is_empty()
                || requirement
                    .in_extras
                    .iter()
                    .any(|extra| extras.contains(extra));
            if asked
                && requirement
                    .marker
                    .holds(Some(&wish.environment), Some(&extras))
            {
                open.push(requirement.clone());
            }
        }
    }
    let mut seen: BTreeSet<(usize, Vec<ExtraName>)> = BTreeSet::new();
    while let Some(requirement) = open.pop() {
        let fitting = (0..lockfile.packages.len()).filter(|place| fits(place, &requirement));
        let fitting: Vec<usize> = fitting.collect();
        let meant: Vec<usize> = match fitting.as_slice() {
            [only] => vec![*only],
            many => many
                .iter()
                .copied()
                .filter(|place| by_markers.contains(place))
                .collect(),
        };
        for place in meant {
            if !seen.insert((place, requirement.extras.clone())) {
                continue;
            }
            let package = &lockfile.packages[place];
            let extras = extras_of(package, &requirement.extras);
            let needed = package.requirements.iter().filter(|required| {
                required
                    .marker
                    .holds(Some(&wish.environment), Some(&extras))
                    && (required.in_extras.is_empty()
                        || required
                            .in_extras
                            .iter()
                            .any(|extra| extras.contains(extra)))
            });
            open.extend(needed.cloned());
        }
    }
    seen.into_iter().map(|(place, _)| place).collect()
}

/// The extras asked for, and those that they ask for of the package itself.
fn extras_of(package: &LockedPackage, asked: &[ExtraName]) -> Vec<ExtraName> {
    let mut all: Vec<ExtraName> = asked.to_vec();
    let mut next = 0;
    while let Some(extra) = all.get(next).cloned() {
        next += 1;
        for line in package.extras.get(&extra).into_iter().flatten() {
            let Ok(requirement) = Requirement::parse(line, None) else {
                continue;
            };
            if requirement.name == package.name {
                let more = requirement.extras.into_iter();
                all.extend(
                    more.filter(|extra| !all.contains(extra))
                        .collect::<Vec<_>>(),
                );
            }
        }
    }
    all
}
