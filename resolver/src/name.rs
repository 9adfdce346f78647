//! Names of packages, extras and dependency groups, normalised once and compared cheaply.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Normalises a name as PEP 503 says: lower case, each run of `-`, `_` and `.` one `-`.
#[must_use]
pub fn normalize(name: &str) -> String {
    let mut normalized = String::with_capacity(name.len());
    let mut separated = false;
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !separated {
                normalized.push('-');
            }
            separated = true;
        } else {
            separated = false;
            normalized.extend(c.to_lowercase());
        }
    }
    normalized
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes any spelling and normalises it.
            #[must_use]
            pub fn new(name: &str) -> Self {
                Self(normalize(name).into())
            }

            /// The normalised text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self::new(&name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().into()
            }
        }
    };
}

name_type! {
    /// A distribution's name in its normalised form (PEP 503).
    PackageName
}
name_type! {
    /// An extra's name in its normalised form (PEP 685).
    ExtraName
}
name_type! {
    /// A dependency group's name in its normalised form (PEP 735).
    GroupName
}

impl GroupName {
    /// The group of a project's own dependencies, which Poetry calls `main`.
    #[must_use]
    pub fn main() -> Self {
        Self::new("main")
    }
}

#[cfg(test)]
mod tests {
    use super::PackageName;

    #[test]
    fn runs_of_separators_become_one_dash() {
        assert_eq!(PackageName::new("Foo__Bar.-baz").as_str(), "foo-bar-baz");
    }
}
