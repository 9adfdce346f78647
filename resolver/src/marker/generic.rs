//! Constraints on text: which values of a variable such as `sys_platform` are meant.
//!
//! The variables that are no versions are compared as text. poetry-core models what a marker says about
//! one of them as a small set algebra over `==`, `!=`, `in` and `not in` ("is a substring of the
//! variable"), and so do we. It is not complete: it simplifies what it recognises and keeps the rest
//! as lists. What it recognises, and in which order it lists, decides what a lock file says, so
//! both follow poetry-core.
//!
//! `extra` is different from the others: it has several values at the same time ("which extras
//! are asked for?"), so that `== "a"` and `== "b"` can both hold. See [`Values`].

use std::fmt;

/// How many values the variable has at one time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Values {
    /// One, like a platform.
    One,
    /// Any number of them, like the extras that are asked for.
    Several,
}

/// A comparison of text.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Comparison {
    /// The variable is the text.
    Equal,
    /// The variable is not the text.
    NotEqual,
    /// The text is a part of the variable.
    In,
    /// The text is no part of the variable.
    NotIn,
}

impl Comparison {
    /// The operator as written in a marker.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }

    fn inverse(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::In => Self::NotIn,
            Self::NotIn => Self::In,
        }
    }
}

/// One comparison with one text.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Atom {
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub value: Box<str>,
    /// What it is compared with has one value or several.
    pub values: Values,
}

/// A set of texts, or of sets of texts if the variable has [`Values::Several`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum GenericConstraint {
    /// Everything.
    Any,
    /// Nothing.
    Empty,
    /// What one comparison says.
    Atom(Atom),
    /// What all of the comparisons say.
    All(Vec<Atom>),
    /// What one of the constraints says; each of them is an atom or a list of atoms.
    Either(Vec<Self>),
}

/// A text that is no generic constraint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("could not parse constraint: {text}")]
pub struct GenericConstraintError {
    /// The text as given.
    pub text: String,
    /// It can be read, but says something that can't be asked about an extra.
    pub(super) unsupported: bool,
}

impl GenericConstraint {
    /// Parses a constraint such as `linux || darwin` or `!=win32`.
    ///
    /// # Errors
    /// When a part of the text is empty.
    pub fn parse(text: &str) -> Result<Self, GenericConstraintError> {
        Self::parse_for(Values::One, text)
    }

    /// Parses a constraint on a variable with one or with several values.
    ///
    /// # Errors
    /// When a part of the text is empty, or can't be said about several values.
    pub fn parse_for(values: Values, text: &str) -> Result<Self, GenericConstraintError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let mut alternatives = split_alternatives(text.trim())
            .into_iter()
            .map(|alternative| conjunction(values, alternative))
            .collect::<Result<Vec<_>, _>>()?;
        if alternatives.len() == 1 {
            return Ok(alternatives.swap_remove(0));
        }
        Ok(Self::Either(alternatives))
    }

    /// Is it everything?
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Is it nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Does it hold for a variable with this one value?
    #[must_use]
    pub fn allows(&self, value: &str) -> bool {
        self.holds(&|atom| atom.allows(value))
    }

    /// Does it hold, if each comparison holds as told?
    pub(super) fn holds(&self, atom_holds: &impl Fn(&Atom) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Empty => false,
            Self::Atom(atom) => atom_holds(atom),
            Self::All(atoms) => atoms.iter().all(atom_holds),
            Self::Either(members) => members.iter().any(|member| member.holds(atom_holds)),
        }
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, _) => other.clone(),
            (Self::Empty, _) => Self::Empty,
            (Self::Atom(ours), Self::Atom(theirs)) => ours.intersect(theirs),
            (Self::All(ours), Self::All(theirs)) => intersect_lists(ours, theirs),
            (Self::All(ours), Self::Atom(atom)) => intersect_list_with_atom(ours, atom),
            (Self::Either(ours), _) => intersect_union(ours, other),
            (Self::Atom(_) | Self::All(_), _) => other.intersect(self),
        }
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, _) => Self::Any,
            (Self::Empty, _) => other.clone(),
            (Self::Atom(ours), Self::Atom(theirs)) => ours.union(theirs),
            // Keeps the order of the operands.
            (Self::Atom(_), Self::Either(_)) => union_of_union(std::slice::from_ref(self), other),
            (Self::All(ours), Self::All(theirs)) => unite_lists(ours, theirs),
            (Self::All(ours), Self::Atom(atom)) => unite_list_with_atom(ours, atom),
            (Self::Either(ours), _) => union_of_union(ours, other),
            (Self::Atom(_) | Self::All(_), _) => other.union(self),
        }
    }

    /// What is not in it; `None` for a union that holds lists, which nobody needs.
    pub(super) fn invert(&self) -> Option<Self> {
        Some(match self {
            Self::Any => Self::Empty,
            Self::Empty => Self::Any,
            Self::Atom(atom) => Self::Atom(atom.invert()),
            Self::All(atoms) => {
                Self::Either(atoms.iter().map(|atom| Self::Atom(atom.invert())).collect())
            }
            Self::Either(_) => Self::All(self.atoms()?.iter().map(|atom| atom.invert()).collect()),
        })
    }

    /// The comparisons of a list or of a union of plain comparisons.
    pub(super) fn atoms(&self) -> Option<Vec<&Atom>> {
        match self {
            Self::Any | Self::Empty => None,
            Self::Atom(atom) => Some(vec![atom]),
            Self::All(atoms) => Some(atoms.iter().collect()),
            Self::Either(members) => members
                .iter()
                .map(|member| match member {
                    Self::Atom(atom) => Some(atom),
                    _ => None,
                })
                .collect(),
        }
    }
}

impl Atom {
    fn new(values: Values, comparison: Comparison, value: &str) -> Self {
        Self {
            comparison,
            value: value.into(),
            values,
        }
    }

    /// Does it hold for a variable with this one value?
    #[must_use]
    pub fn allows(&self, value: &str) -> bool {
        match self.comparison {
            Comparison::Equal => *self.value == *value,
            Comparison::NotEqual => *self.value != *value,
            Comparison::In => value.contains(&*self.value),
            Comparison::NotIn => !value.contains(&*self.value),
        }
    }

    fn invert(&self) -> Self {
        Self {
            comparison: self.comparison.inverse(),
            ..self.clone()
        }
    }

    fn contradicts(&self, other: &Self) -> bool {
        self.value == other.value && self.comparison != other.comparison
    }

    fn allows_all(&self, other: &Self) -> bool {
        use Comparison::{Equal, In, NotEqual, NotIn};
        match (self.comparison, other.comparison) {
            (_, Equal) => self.allows(&other.value),
            (In, In) => other.value.contains(&*self.value),
            (NotIn | NotEqual, NotIn) => self.value.contains(&*other.value),
            _ => self == other,
        }
    }

    fn allows_any(&self, other: &Self) -> bool {
        use Comparison::{Equal, In, NotIn};
        match (self.comparison, other.comparison) {
            (Equal, _) => other.allows(&self.value),
            (_, Equal) => self.allows(&other.value),
            (In, NotIn) => !self.value.contains(&*other.value),
            (NotIn, In) => !other.value.contains(&*self.value),
            _ => true,
        }
    }

    fn intersect(&self, other: &Self) -> GenericConstraint {
        let both = || GenericConstraint::All(vec![self.clone(), other.clone()]);
        if self == other {
            return GenericConstraint::Atom(self.clone());
        }
        if self.values == Values::Several {
            if self.contradicts(other) {
                return GenericConstraint::Empty;
            }
            return both();
        }
        if self.allows_all(other) {
            return GenericConstraint::Atom(other.clone());
        }
        if other.allows_all(self) {
            return GenericConstraint::Atom(self.clone());
        }
        if !self.allows_any(other) || !other.allows_any(self) {
            return GenericConstraint::Empty;
        }
        both()
    }

    fn union(&self, other: &Self) -> GenericConstraint {
        if self == other {
            return GenericConstraint::Atom(self.clone());
        }
        if self.values == Values::Several {
            if self.contradicts(other) {
                return GenericConstraint::Any;
            }
        } else {
            if self.allows_all(other) {
                return GenericConstraint::Atom(self.clone());
            }
            if other.allows_all(self) {
                return GenericConstraint::Atom(other.clone());
            }
            if self.unites_to_any(other) {
                return GenericConstraint::Any;
            }
        }
        GenericConstraint::Either(vec![
            GenericConstraint::Atom(self.clone()),
            GenericConstraint::Atom(other.clone()),
        ])
    }

    fn unites_to_any(&self, other: &Self) -> bool {
        use Comparison::{In, NotEqual, NotIn};
        match (self.comparison, other.comparison) {
            (NotEqual, NotEqual) => true,
            (In, NotEqual | NotIn) if other.value.contains(&*self.value) => true,
            (_, In) if self.value.contains(&*other.value) => true,
            _ => self.invert() == *other,
        }
    }
}

fn list(atoms: Vec<Atom>) -> GenericConstraint {
    match <[Atom; 1]>::try_from(atoms) {
        Ok([atom]) => GenericConstraint::Atom(atom),
        Err(atoms) => GenericConstraint::All(atoms),
    }
}

fn either(mut members: Vec<GenericConstraint>) -> GenericConstraint {
    if members.len() == 1 {
        return members.swap_remove(0);
    }
    GenericConstraint::Either(members)
}

fn values_of(atoms: &[Atom]) -> Values {
    atoms.first().map_or(Values::One, |atom| atom.values)
}

fn is_subset<T: PartialEq>(some: &[T], all: &[T]) -> bool {
    some.iter().all(|member| all.contains(member))
}

fn intersect_lists(ours: &[Atom], theirs: &[Atom]) -> GenericConstraint {
    if values_of(ours) == Values::Several {
        let both = || ours.iter().chain(theirs);
        if both().any(|atom| both().any(|other| atom.contradicts(other))) {
            return GenericConstraint::Empty;
        }
    }
    let mut atoms = ours.to_vec();
    atoms.extend(theirs.iter().filter(|atom| !ours.contains(atom)).cloned());
    GenericConstraint::All(atoms)
}

fn intersect_list_with_atom(ours: &[Atom], atom: &Atom) -> GenericConstraint {
    if ours.contains(atom) {
        return GenericConstraint::All(ours.to_vec());
    }
    if ours.iter().any(|our| our.value == atom.value) {
        return GenericConstraint::Empty;
    }
    if atom.comparison == Comparison::Equal && values_of(ours) == Values::One {
        return GenericConstraint::Atom(atom.clone());
    }
    let mut atoms = ours.to_vec();
    atoms.push(atom.clone());
    GenericConstraint::All(atoms)
}

fn unite_lists(ours: &[Atom], theirs: &[Atom]) -> GenericConstraint {
    if values_of(ours) == Values::Several {
        if is_subset(ours, theirs) {
            return GenericConstraint::All(ours.to_vec());
        }
        if is_subset(theirs, ours) {
            return GenericConstraint::All(theirs.to_vec());
        }
        return GenericConstraint::Either(vec![
            GenericConstraint::All(ours.to_vec()),
            GenericConstraint::All(theirs.to_vec()),
        ]);
    }
    let common: Vec<Atom> = ours
        .iter()
        .filter(|atom| theirs.contains(atom))
        .cloned()
        .collect();
    if common.is_empty() {
        return GenericConstraint::Any;
    }
    list(common)
}

fn unite_list_with_atom(ours: &[Atom], atom: &Atom) -> GenericConstraint {
    if ours.contains(atom) {
        return GenericConstraint::Atom(atom.clone());
    }
    let known = ours.iter().any(|our| our.value == atom.value);
    let others = || ours.iter().filter(|our| our.value != atom.value).cloned();
    if values_of(ours) == Values::Several {
        let mut members: Vec<GenericConstraint> = if ours.len() == 2 && known {
            others().map(GenericConstraint::Atom).collect()
        } else {
            vec![GenericConstraint::All(ours.to_vec())]
        };
        members.push(GenericConstraint::Atom(atom.clone()));
        return GenericConstraint::Either(members);
    }
    if !known {
        if atom.comparison == Comparison::NotEqual {
            return GenericConstraint::Any;
        }
        return GenericConstraint::All(ours.to_vec());
    }
    list(others().collect())
}

fn intersect_union(ours: &[GenericConstraint], other: &GenericConstraint) -> GenericConstraint {
    let unchanged = || GenericConstraint::Either(ours.to_vec());
    let mut members = Members::default();
    match other {
        GenericConstraint::Any => return unchanged(),
        GenericConstraint::Empty => return GenericConstraint::Empty,
        GenericConstraint::Atom(atom) if atom.values == Values::Several && ours.contains(other) => {
            return other.clone();
        }
        GenericConstraint::Atom(_) | GenericConstraint::Either(_) => {
            let theirs = match other {
                GenericConstraint::Either(theirs) => theirs.as_slice(),
                _ => std::slice::from_ref(other),
            };
            if is_subset(ours, theirs) {
                return unchanged();
            }
            if is_subset(theirs, ours) {
                return either(theirs.to_vec());
            }
            for our in ours {
                for their in theirs {
                    members.add(our.intersect(their));
                }
            }
        }
        GenericConstraint::All(theirs) => {
            for our in ours {
                let both = theirs.iter().fold(our.clone(), |both, atom| {
                    both.intersect(&GenericConstraint::Atom(atom.clone()))
                });
                members.add(both);
            }
        }
    }
    if members.0.is_empty() {
        return GenericConstraint::Empty;
    }
    either(members.0)
}

/// Members of a union to be: no empty ones, none twice, no list that is another one's permutation.
#[derive(Default)]
struct Members(Vec<GenericConstraint>);

impl Members {
    fn add(&mut self, member: GenericConstraint) {
        if !member.is_empty() && !self.0.iter().any(|known| same_members(known, &member)) {
            self.0.push(member);
        }
    }
}

fn same_members(one: &GenericConstraint, other: &GenericConstraint) -> bool {
    match (one, other) {
        (GenericConstraint::All(one), GenericConstraint::All(other)) => {
            is_subset(one, other) && is_subset(other, one)
        }
        _ => one == other,
    }
}

fn union_of_union(ours: &[GenericConstraint], other: &GenericConstraint) -> GenericConstraint {
    match other {
        GenericConstraint::Any => GenericConstraint::Any,
        GenericConstraint::Empty => GenericConstraint::Either(ours.to_vec()),
        GenericConstraint::Either(theirs) if *theirs == *ours => other.clone(),
        GenericConstraint::Either(theirs) => unite_members(ours, theirs),
        GenericConstraint::Atom(_) => unite_members(ours, std::slice::from_ref(other)),
        GenericConstraint::All(theirs) => unite_union_with_list(ours, theirs, other),
    }
}

fn unite_members(ours: &[GenericConstraint], theirs: &[GenericConstraint]) -> GenericConstraint {
    let mut from_ours = Vec::new();
    let mut from_theirs = Vec::new();
    let mut merged = Vec::new();
    for their in theirs {
        for our in ours {
            let union = our.union(their);
            match union {
                GenericConstraint::Any => return GenericConstraint::Any,
                GenericConstraint::Atom(_) if union == *our => add_once(&mut from_ours, union),
                GenericConstraint::Atom(_) if union == *their => add_once(&mut from_theirs, union),
                GenericConstraint::Atom(_) => add_once(&mut merged, union),
                _ => {
                    add_once(&mut from_ours, our.clone());
                    add_once(&mut from_theirs, their.clone());
                }
            }
        }
    }
    let mut members = from_ours;
    for member in from_theirs.into_iter().chain(merged) {
        add_once(&mut members, member);
    }
    either(members)
}

fn add_once(members: &mut Vec<GenericConstraint>, member: GenericConstraint) {
    if !members.contains(&member) {
        members.push(member);
    }
}

fn unite_union_with_list(
    ours: &[GenericConstraint],
    theirs: &[Atom],
    other: &GenericConstraint,
) -> GenericConstraint {
    let our_atoms: Vec<&Atom> = ours
        .iter()
        .filter_map(|our| match our {
            GenericConstraint::Atom(atom) => Some(atom),
            _ => None,
        })
        .collect();
    // (A or B) or (A and D) is A or B.
    if our_atoms.iter().any(|atom| theirs.contains(atom)) {
        return GenericConstraint::Either(ours.to_vec());
    }
    // (A or B) or (not A and D) is A or B or D.
    let rest: Vec<GenericConstraint> = theirs
        .iter()
        .filter(|their| !our_atoms.iter().any(|atom| atom.union(their).is_any()))
        .map(|their| GenericConstraint::Atom(their.clone()))
        .collect();
    if rest.len() == theirs.len() {
        let mut members = ours.to_vec();
        members.push(other.clone());
        return either(members);
    }
    if rest.is_empty() {
        return GenericConstraint::Any;
    }
    union_of_union(ours, &GenericConstraint::Either(rest))
}

/// Splits at `|` and `||`, with the blanks around them.
fn split_alternatives(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((part, behind)) = rest.split_once('|') {
        parts.push(part.trim_end());
        rest = behind.strip_prefix('|').unwrap_or(behind).trim_start();
    }
    parts.push(rest);
    parts
}

fn conjunction(values: Values, text: &str) -> Result<GenericConstraint, GenericConstraintError> {
    let mut parts = text.split(',').map(|part| parse_atom(values, part.trim()));
    let first = parts.next().expect("splitting gives at least one part")?;
    parts.try_fold(GenericConstraint::Atom(first), |all, part| {
        Ok(all.intersect(&GenericConstraint::Atom(part?)))
    })
}

fn parse_atom(values: Values, text: &str) -> Result<Atom, GenericConstraintError> {
    let error = |unsupported| GenericConstraintError {
        text: text.to_owned(),
        unsupported,
    };
    if let Some((value, comparison)) = split_substring_test(text) {
        if values == Values::Several {
            return Err(error(true));
        }
        return Ok(Atom::new(values, comparison, value.trim()));
    }
    let (comparison, value) = split_comparison(text);
    if value.is_empty() || values == Values::Several && value.contains(char::is_whitespace) {
        return Err(error(false));
    }
    Ok(Atom::new(values, comparison, value))
}

/// Reads `'text' in` and `"text" not in`, the substring tests of a marker without their variable.
pub(super) fn split_substring_test(text: &str) -> Option<(&str, Comparison)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, operator) = text[1..].rsplit_once(quote)?;
    let comparison = match operator.trim_start().to_ascii_lowercase().as_str() {
        "in" => Comparison::In,
        "not in" | "not\tin" => Comparison::NotIn,
        _ => return None,
    };
    (!value.is_empty()).then_some((value, comparison))
}

/// Splits off `==` (also as `=` or `===`) or `!=`; nothing means `==`. An operator with nothing
/// behind it is a value.
fn split_comparison(text: &str) -> (Comparison, &str) {
    let operators = [
        ("!=", Comparison::NotEqual),
        ("===", Comparison::Equal),
        ("==", Comparison::Equal),
        ("=", Comparison::Equal),
    ];
    operators
        .into_iter()
        .find_map(|(operator, comparison)| {
            let value = text.strip_prefix(operator)?.trim();
            (!value.is_empty()).then_some((comparison, value))
        })
        .unwrap_or((Comparison::Equal, text))
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries([self.comparison.as_str(), &self.value])
            .finish()
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = &self.value;
        match self.comparison {
            Comparison::Equal => write!(f, "{value}"),
            Comparison::NotEqual => write!(f, "!={value}"),
            Comparison::In | Comparison::NotIn => {
                write!(f, "'{value}' {}", self.comparison.as_str())
            }
        }
    }
}

impl fmt::Display for GenericConstraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Empty => Ok(()),
            Self::Atom(atom) => atom.fmt(f),
            Self::All(atoms) => join(f, atoms, ", "),
            Self::Either(members) => join(f, members, " || "),
        }
    }
}

fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, parts: &[T], glue: &str) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(glue)?;
        }
        part.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{GenericConstraint, Values};

    fn text(text: &str) -> GenericConstraint {
        GenericConstraint::parse(text).unwrap()
    }

    fn extra(text: &str) -> GenericConstraint {
        GenericConstraint::parse_for(Values::Several, text).unwrap()
    }

    #[test]
    fn constraints_print_as_they_are_read() {
        for printed in [
            "*",
            "linux",
            "!=linux",
            "linux || darwin",
            "!=linux, !=darwin",
            "'win' in",
        ] {
            assert_eq!(text(printed).to_string(), printed);
        }
        assert_eq!(text("==linux|!= darwin").to_string(), "linux || !=darwin");
        assert_eq!(text("=== linux").to_string(), "linux");
    }

    #[test]
    fn what_says_nothing_is_refused() {
        for wrong in ["", "linux || ", ",linux"] {
            assert!(GenericConstraint::parse(wrong).is_err(), "{wrong}");
        }
        let unsupported = GenericConstraint::parse_for(Values::Several, "'a' in").unwrap_err();
        assert!(unsupported.unsupported);
    }

    #[test]
    fn a_variable_with_one_value_is_one_thing() {
        assert!(text("linux").intersect(&text("darwin")).is_empty());
        assert!(text("!=linux").union(&text("!=darwin")).is_any());
        assert_eq!(text("linux").intersect(&text("!=darwin")), text("linux"));
        assert_eq!(text("'win' in").intersect(&text("win32")), text("win32"));
        assert!(text("'win' in").union(&text("'win' not in")).is_any());
    }

    #[test]
    fn a_variable_with_several_values_can_be_all_of_them() {
        assert_eq!(extra("a").intersect(&extra("b")).to_string(), "a, b");
        assert_eq!(extra("!=a").union(&extra("!=b")).to_string(), "!=a || !=b");
        assert!(extra("a").intersect(&extra("!=a")).is_empty());
        assert!(extra("a, b").intersect(&extra("!=a, c")).is_empty());
        assert!(extra("a").union(&extra("!=a")).is_any());
    }
}
