//! Files that more than one distribution brings: when they are installed, one overwrites the other.

use std::collections::BTreeMap;

use resolver::name::PackageName;

use super::BundleError;

/// Who brings which file.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// Are different files of one name no error?
    allowed: bool,
    /// Whose file it is, and what tells its content from others, by path.
    owners: BTreeMap<String, (PackageName, String)>,
    /// Paths that two distributions bring, and whether all of these files are the same.
    shared: BTreeMap<(PackageName, PackageName), Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    first: String,
    others: usize,
    is_different: bool,
}

impl Owners {
    /// Nobody has anything yet. `allowed`: different files of one name are no error.
    pub(super) fn new(allowed: bool) -> Self {
        Self {
            allowed,
            ..Self::default()
        }
    }

    /// Notes that a distribution brings a file. Is it the first to do so? `content` is the same for the same content.
    ///
    /// # Errors
    /// When another one brings a different file of this name.
    pub(super) fn claim(
        &mut self,
        path: &str,
        owner: &PackageName,
        content: &str,
    ) -> Result<bool, BundleError> {
        let Some((first, known)) = self.owners.get(path) else {
            let mine = (owner.clone(), content.to_owned());
            self.owners.insert(path.to_owned(), mine);
            return Ok(true);
        };
        let is_different = known != content;
        if is_different && !self.allowed {
            return Err(BundleError::Overlap {
                path: path.to_owned(),
                first: first.clone(),
                second: owner.clone(),
            });
        }
        let pair = (first.clone(), owner.clone());
        let shared = self.shared.entry(pair).or_default();
        if shared.first.is_empty() {
            path.clone_into(&mut shared.first);
        } else {
            shared.others += 1;
        }
        shared.is_different |= is_different;
        Ok(false)
    }

    /// What the user should know, a sentence for every two distributions.
    pub(super) fn warnings(&self) -> Vec<String> {
        let shared = self.shared.iter();
        shared
            .map(|((first, second), shared)| {
                let others = match shared.others {
                    0 => String::new(),
                    1 => " and another file".to_owned(),
                    count => format!(" and {count} other files"),
                };
                let different = match shared.is_different {
                    true => ", and not the same: one of them will be lost",
                    false => "",
                };
                format!(
                    "`{first}` and `{second}` both bring `{}`{others}{different}",
                    shared.first
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Owners;

    #[test]
    fn two_distributions_are_told_once() {
        let mut owners = Owners::new(false);
        let mut claim = |path: &str, owner: &str, content: &str| {
            let claimed = owners.claim(path, &owner.into(), content);
            claimed.map_err(|error| error.to_string())
        };
        assert_eq!(claim("x", "a", "1"), Ok(true));
        assert_eq!(claim("y", "a", "1"), Ok(true));
        assert_eq!(claim("z", "a", "1"), Ok(true));
        assert_eq!(claim("x", "b", "1"), Ok(false));
        assert_eq!(claim("y", "b", "1"), Ok(false));
        assert_eq!(claim("y", "c", "1"), Ok(false));
        let told = "`a` and `b` both bring `z`, and not the same".to_owned();
        assert_eq!(claim("z", "b", "2"), Err(told));
        assert_eq!(
            owners.warnings(),
            [
                "`a` and `b` both bring `x` and another file",
                "`a` and `c` both bring `y`"
            ]
        );
    }
}
