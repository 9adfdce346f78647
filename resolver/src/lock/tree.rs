//! Who requires whom among the packages of a lock file.
//!
//! A tree can be much larger than the lock it is of, so it is walked, branch by branch, and never held as a whole.

use indexmap::IndexMap;

use super::LockedPackage;
use crate::name::PackageName;
use crate::requirement::Requirement;

/// The packages that require `name`, by their names as printed, with the constraints.
///
/// Poetry: of several requirements on one package the last one is shown.
#[must_use]
pub fn required_by<'a>(
    packages: &'a [LockedPackage],
    name: &PackageName,
) -> IndexMap<&'a str, String> {
    let constraint = |package: &'a LockedPackage| {
        let mut requirements = package.requirements.iter().rev();
        let requirement = requirements.find(|requirement| requirement.name == *name)?;
        Some((package.pretty_name.as_str(), requirement.shown_constraint()))
    };
    packages.iter().filter_map(constraint).collect()
}

/// A walk through all that a package requires, directly or not; parents come before what they require, which comes in the
/// order of its names.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    packages: &'a [LockedPackage],
    /// The names on the way to the current branch, the package's own first.
    way: Vec<&'a PackageName>,
    /// What is left to walk, one list for each name on the way.
    left: Vec<std::vec::IntoIter<&'a Requirement>>,
}

/// One requirement in a tree.
#[derive(Clone, Debug)]
pub struct Branch<'a> {
    /// What is required.
    pub requirement: &'a Requirement,
    /// For each level from the top: are there more branches below this one? Its length is the branch's depth.
    pub goes_on: Vec<bool>,
    /// Is its package on the way already? Then nothing below it is walked.
    pub is_cycle: bool,
}

impl<'a> Tree<'a> {
    /// All that `package` requires, among `packages`.
    #[must_use]
    pub fn of(package: &'a LockedPackage, packages: &'a [LockedPackage]) -> Self {
        Self::through(package, packages, |_| true)
    }

    /// As [`Tree::of`], but only the ways on which `package` requires `name` itself.
    #[must_use]
    pub fn to(
        package: &'a LockedPackage,
        packages: &'a [LockedPackage],
        name: &PackageName,
    ) -> Self {
        Self::through(package, packages, |requirement| requirement.name == *name)
    }

    fn through(
        package: &'a LockedPackage,
        packages: &'a [LockedPackage],
        is_shown: impl Fn(&Requirement) -> bool,
    ) -> Self {
        let mut first = sorted(package);
        first.retain(|requirement| is_shown(requirement));
        Self {
            packages,
            way: vec![&package.name],
            left: vec![first.into_iter()],
        }
    }
}

impl<'a> Iterator for Tree<'a> {
    type Item = Branch<'a>;

    fn next(&mut self) -> Option<Branch<'a>> {
        let requirement = loop {
            match self.left.last_mut()?.next() {
                Some(requirement) => break requirement,
                None => {
                    self.left.pop();
                    self.way.pop();
                }
            }
        };
        let goes_on = self.left.iter().map(|left| left.len() > 0).collect();
        // Poetry: what the package itself requires is no cycle, even if it is the package.
        let is_cycle = self.left.len() > 1 && self.way.contains(&&requirement.name);
        if !is_cycle {
            let mut packages = self.packages.iter();
            let package = packages.find(|package| package.name == requirement.name);
            self.way.push(&requirement.name);
            self.left
                .push(package.map(sorted).unwrap_or_default().into_iter());
        }
        Some(Branch {
            requirement,
            goes_on,
            is_cycle,
        })
    }
}

fn sorted(package: &LockedPackage) -> Vec<&Requirement> {
    let mut requirements: Vec<&Requirement> = package.requirements.iter().collect();
    requirements.sort_by(|a, b| a.name.cmp(&b.name));
    requirements
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Tree, required_by};
    use crate::lock::Lockfile;
    use crate::name::PackageName;

    /// `a` → `b`, `c`; `b` → `A` again, `c`; `d` → itself.
    fn lockfile() -> Lockfile {
        let package = |name: &str, requirements: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1\"\npython-versions = \"*\"\n[package.dependencies]\n{requirements}\n"
            )
        };
        let text = [
            package("a", "c = \"<3\"\nb = \"*\""),
            package(
                "B",
                "A = \">=1\"\nc = [{version = \">1\"}, {version = \"!=2\"}]",
            ),
            package("c", ""),
            package("d", "d = {version = \"*\", extras = [\"x\"]}"),
            "[metadata]\nlock-version = \"2.1\"\n".to_owned(),
        ];
        Lockfile::parse(&text.concat(), Path::new("/repo")).unwrap()
    }

    fn shown(tree: Tree<'_>) -> Vec<String> {
        let branches = tree.map(|branch| {
            let bars = branch
                .goes_on
                .iter()
                .map(|more| if *more { '|' } else { '.' });
            let mark = if branch.is_cycle { "!" } else { "" };
            let requirement = branch.requirement;
            let (name, constraint) = (&requirement.name, requirement.shown_constraint());
            format!("{} {name} {constraint}{mark}", bars.collect::<String>())
        });
        branches.collect()
    }

    #[test]
    fn trees_end_where_they_come_back_to_themselves() {
        let packages = lockfile().packages;
        let expected = ["| b *", "|| a >=1!", "|| c >1", "|. c !=2", ". c <3"];
        assert_eq!(shown(Tree::of(&packages[0], &packages)), expected);
        let expected = [". d *", ".. d *!"];
        assert_eq!(shown(Tree::of(&packages[3], &packages)), expected);
    }

    #[test]
    fn one_way_of_a_tree() {
        let packages = lockfile().packages;
        let c = PackageName::new("c");
        let expected = [". c <3"];
        assert_eq!(shown(Tree::to(&packages[0], &packages, &c)), expected);
    }

    #[test]
    fn the_other_direction() {
        let packages = lockfile().packages;
        let found = required_by(&packages, &PackageName::new("C"));
        let found: Vec<(&str, &str)> = found.iter().map(|(k, v)| (*k, v.as_str())).collect();
        assert_eq!(found, [("a", "<3"), ("B", "!=2")]);
    }
}
