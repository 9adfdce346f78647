//! Which kinds of files may be installed: the settings `installer.no-binary` and `installer.only-binary`.

use std::collections::BTreeSet;

use resolver::name::PackageName;

/// The packages that one of the two settings is about.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PackageFilter {
    /// `:all:`
    pub all: bool,
    /// `:none:`
    pub none: bool,
    /// Packages by name.
    pub names: BTreeSet<PackageName>,
}

/// Both settings. The default allows everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BinaryPolicy {
    /// Packages that are not installed from wheels.
    pub no_binary: PackageFilter,
    /// Packages that are not installed from sdists.
    pub only_binary: PackageFilter,
}

impl PackageFilter {
    /// Poetry: `:all:` counts more than `:none:`, and that more than names.
    fn covers(&self, name: &PackageName) -> bool {
        self.all || (!self.none && self.names.contains(name))
    }
}

impl BinaryPolicy {
    /// May this package be installed from a file of this name?
    #[must_use]
    pub(crate) fn allows(&self, name: &PackageName, file: &str) -> bool {
        let (against, other) = if file.ends_with(".whl") {
            (&self.no_binary, &self.only_binary)
        } else {
            (&self.only_binary, &self.no_binary)
        };
        // Poetry: what names a package counts more than what is said of all.
        let is_refused =
            against.names.contains(name) || (against.covers(name) && !other.names.contains(name));
        !is_refused
    }
}

#[cfg(test)]
mod tests {
    use resolver::name::PackageName;

    use super::{BinaryPolicy, PackageFilter};

    fn filter(words: &[&str]) -> PackageFilter {
        PackageFilter {
            all: words.contains(&":all:"),
            none: words.contains(&":none:"),
            names: (words.iter())
                .filter(|word| !word.starts_with(':'))
                .map(|word| PackageName::new(word))
                .collect(),
        }
    }

    /// What may be installed of `six`.
    fn allowed(no_binary: &[&str], only_binary: &[&str]) -> &'static str {
        let policy = BinaryPolicy {
            no_binary: filter(no_binary),
            only_binary: filter(only_binary),
        };
        let six = PackageName::new("six");
        match (
            policy.allows(&six, "six-1.0-py3-none-any.whl"),
            policy.allows(&six, "six-1.0.tar.gz"),
        ) {
            (true, true) => "both",
            (true, false) => "wheel",
            (false, true) => "sdist",
            (false, false) => "nothing",
        }
    }

    /// Recorded from Poetry.
    #[test]
    fn a_name_counts_more_than_all() {
        for (no_binary, only_binary, expected) in [
            (&[][..], &[][..], "both"),
            (&["six"], &[], "sdist"),
            (&["other"], &[], "both"),
            (&[":all:"], &[], "sdist"),
            (&[":none:"], &[], "both"),
            (&[":none:", "six"], &[], "sdist"),
            (&[":all:", ":none:"], &[], "sdist"),
            (&[], &["six"], "wheel"),
            (&[], &[":all:"], "wheel"),
            (&[":all:"], &["six"], "wheel"),
            (&["six"], &[":all:"], "sdist"),
            (&[":all:"], &[":all:"], "nothing"),
            (&["six"], &["six"], "nothing"),
            (&[":all:"], &["other"], "sdist"),
        ] {
            let found = allowed(no_binary, only_binary);
            assert_eq!(found, expected, "{no_binary:?} {only_binary:?}");
        }
    }
}
