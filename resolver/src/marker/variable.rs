//! The variables and operators of PEP 508 markers.

use std::fmt;

/// A variable that markers ask about (PEP 508), with its canonical spelling.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants are PEP 508's variables")]
pub enum Variable {
    ImplementationName,
    ImplementationVersion,
    OsName,
    PlatformMachine,
    PlatformPythonImplementation,
    PlatformRelease,
    PlatformSystem,
    PlatformVersion,
    PythonFullVersion,
    PythonVersion,
    SysPlatform,
    Extra,
}

/// How many variables there are.
pub(super) const VARIABLES: usize = 12;

/// Every accepted spelling; the legacy ones (PEP 345) are read, but printed in the new form. No
/// spelling starts with another one, so the order does not matter to the parser.
pub(super) const SPELLINGS: [(&str, Variable); 18] = [
    ("implementation_name", Variable::ImplementationName),
    ("implementation_version", Variable::ImplementationVersion),
    ("os_name", Variable::OsName),
    ("platform_machine", Variable::PlatformMachine),
    (
        "platform_python_implementation",
        Variable::PlatformPythonImplementation,
    ),
    ("platform_release", Variable::PlatformRelease),
    ("platform_system", Variable::PlatformSystem),
    ("platform_version", Variable::PlatformVersion),
    ("python_full_version", Variable::PythonFullVersion),
    ("python_version", Variable::PythonVersion),
    ("sys_platform", Variable::SysPlatform),
    ("extra", Variable::Extra),
    ("os.name", Variable::OsName),
    ("sys.platform", Variable::SysPlatform),
    ("platform.version", Variable::PlatformVersion),
    ("platform.machine", Variable::PlatformMachine),
    (
        "platform.python_implementation",
        Variable::PlatformPythonImplementation,
    ),
    (
        "python_implementation",
        Variable::PlatformPythonImplementation,
    ),
];

impl Variable {
    /// The variable with this canonical name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        SPELLINGS[..VARIABLES]
            .iter()
            .find(|(spelling, _)| *spelling == name)
            .map(|(_, variable)| *variable)
    }

    /// Its canonical name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        SPELLINGS[self as usize].0
    }

    /// Is it `python_version` or `python_full_version`?
    #[must_use]
    pub fn is_python(self) -> bool {
        matches!(self, Self::PythonVersion | Self::PythonFullVersion)
    }

    /// Are its values compared as versions?
    pub(super) fn is_version(self) -> bool {
        self.is_python() || self == Self::PlatformRelease
    }
}

// `as_str` reads the table at the variant's place.
const _: () = {
    let mut place = 0;
    while place < VARIABLES {
        assert!(SPELLINGS[place].1 as usize == place);
        place += 1;
    }
};

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A comparison in a marker.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Compatible,
    Arbitrary,
    In,
    NotIn,
}

/// Longer spellings before those they start with.
const OPERATORS: [(&str, Operator); 10] = [
    ("===", Operator::Arbitrary),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("~=", Operator::Compatible),
    (">=", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("not in", Operator::NotIn),
    ("in", Operator::In),
];

impl Operator {
    pub(super) fn as_str(self) -> &'static str {
        OPERATORS
            .iter()
            .find(|(_, operator)| *operator == self)
            .map_or("==", |(text, _)| *text)
    }

    /// Takes an operator off the front of a marker's text.
    pub(super) fn strip_from(text: &str) -> Option<(Self, &str)> {
        OPERATORS
            .iter()
            .find_map(|(spelling, operator)| Some((*operator, text.strip_prefix(spelling)?)))
    }

    /// Splits the text of a constraint, such as `>=3.8` or `linux`, into operator and operand.
    /// Words need a blank behind them, and an operand is never empty: `>` alone is an operand.
    pub(super) fn split_constraint(text: &str) -> Option<(Self, &str)> {
        let found = OPERATORS.iter().find_map(|(spelling, operator)| {
            let rest = text.strip_prefix(spelling)?;
            let is_word = matches!(operator, Self::In | Self::NotIn);
            let operand = operand(rest)?;
            (!is_word || rest.starts_with(' ')).then_some((*operator, operand))
        });
        found.or_else(|| Some((Self::Equal, operand(text)?)))
    }

    /// The operator that holds exactly when this one does not; `~=` has none.
    pub(super) fn inverse(self) -> Option<Self> {
        Some(match self {
            Self::Equal | Self::Arbitrary => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::In => Self::NotIn,
            Self::NotIn => Self::In,
            Self::Compatible => return None,
        })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The operand behind an operator: without leading blanks, but never empty.
///
/// Poetry: of nothing but blanks the last one is the operand, so `os_name == ""` is printed as
/// `os_name == " "`.
fn operand(text: &str) -> Option<&str> {
    let trimmed = text.trim_start();
    if trimmed.is_empty() {
        let last = text.chars().next_back()?;
        return Some(&text[text.len() - last.len_utf8()..]);
    }
    (!trimmed.contains('\n')).then_some(trimmed)
}

#[cfg(test)]
mod tests {
    use super::{Operator, Variable};

    #[test]
    fn constraints_split_into_operator_and_operand() {
        for (text, expected) in [
            (">=3.8", (Operator::GreaterEqual, "3.8")),
            ("== x", (Operator::Equal, "x")),
            ("linux", (Operator::Equal, "linux")),
            ("inux", (Operator::Equal, "inux")),
            ("in a b", (Operator::In, "a b")),
            ("not in a", (Operator::NotIn, "a")),
            ("== ", (Operator::Equal, " ")),
            (">=", (Operator::Greater, "=")),
        ] {
            assert_eq!(Operator::split_constraint(text), Some(expected), "{text}");
        }
        assert_eq!(Operator::split_constraint(""), None);
    }

    #[test]
    fn only_canonical_names_are_names() {
        assert_eq!(Variable::named("os_name"), Some(Variable::OsName));
        assert_eq!(Variable::named("os.name"), None);
        assert_eq!(Variable::PythonVersion.to_string(), "python_version");
    }
}
