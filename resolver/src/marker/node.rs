//! The tree that a marker is, its equality and its printed form.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::generic::{Atom, GenericConstraint};
use super::single::{Domain, Single};
use super::variable::Variable;

/// An environment marker (PEP 508). Cheap to clone; equality respects the order of operands, as in Poetry.
#[derive(Clone)]
pub struct Marker(Arc<Node>);

struct Node {
    hash: u64,
    complexity: Complexity,
    kind: Kind,
}

/// How complicated a marker is: the number of comparisons, then the number of comparisons where an
/// `Kind::Atomic` counts as one.
pub type Complexity = (usize, usize);

/// What joins the members of a composite marker.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Junction {
    And,
    Or,
}

#[derive(Debug)]
pub(super) enum Kind {
    Any,
    Empty,
    Single(Single),
    /// Several comparisons of one variable that are handled as one.
    Atomic(Atomic),
    Join(Junction, Box<[Marker]>),
}

/// `sys_platform == "linux" or sys_platform == "darwin"`, or `… != … and … != …`.
#[derive(Debug)]
pub(super) struct Atomic {
    pub(super) variable: Variable,
    pub(super) junction: Junction,
    pub(super) constraint: GenericConstraint,
}

impl Junction {
    /// The other one.
    pub(super) fn dual(self) -> Self {
        match self {
            Self::And => Self::Or,
            Self::Or => Self::And,
        }
    }

    /// The member that changes nothing.
    pub(super) fn neutral(self) -> Marker {
        match self {
            Self::And => Marker::any(),
            Self::Or => Marker::empty(),
        }
    }

    /// The member that decides everything.
    pub(super) fn absorbing(self) -> Marker {
        self.dual().neutral()
    }

    /// Is it the member that changes nothing?
    pub(super) fn is_neutral(self, marker: &Marker) -> bool {
        match self {
            Self::And => marker.is_any(),
            Self::Or => marker.is_empty(),
        }
    }

    /// Is it the member that decides everything?
    pub(super) fn is_absorbing(self, marker: &Marker) -> bool {
        self.dual().is_neutral(marker)
    }
}

impl Atomic {
    pub(super) fn new(
        variable: Variable,
        junction: Junction,
        constraint: GenericConstraint,
    ) -> Self {
        debug_assert!(constraint.atoms().is_some(), "it holds plain comparisons");
        Self {
            variable,
            junction,
            constraint,
        }
    }

    /// Holds when this does not.
    pub(super) fn invert(&self) -> Self {
        let constraint = self
            .constraint
            .invert()
            .expect("plain comparisons can be inverted");
        Self::new(self.variable, self.junction.dual(), constraint)
    }

    fn atoms(&self) -> Vec<&Atom> {
        self.constraint.atoms().unwrap_or_default()
    }
}

impl Marker {
    /// Holds everywhere; prints as the empty text.
    #[must_use]
    pub fn any() -> Self {
        Self::new(Kind::Any)
    }

    /// Holds nowhere; prints as `<empty>`.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Kind::Empty)
    }

    /// Holds it everywhere?
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self.kind(), Kind::Any)
    }

    /// Holds it nowhere?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.kind(), Kind::Empty)
    }

    pub(super) fn single(single: Single) -> Self {
        Self::new(Kind::Single(single))
    }

    pub(super) fn atomic(atomic: Atomic) -> Self {
        Self::new(Kind::Atomic(atomic))
    }

    /// Joins markers without simplifying anything; a list of one stays a list.
    pub(super) fn join(junction: Junction, members: &[Self]) -> Self {
        let members = flatten(junction, members);
        Self::new(Kind::Join(junction, members.into()))
    }

    fn new(kind: Kind) -> Self {
        Self(Arc::new(Node {
            hash: hash(&kind),
            complexity: complexity(&kind),
            kind,
        }))
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// How complicated it is; of equal markers Poetry takes the least complicated one.
    #[must_use]
    pub fn complexity(&self) -> Complexity {
        self.0.complexity
    }

    /// The members, if it is joined so.
    pub(super) fn members(&self, junction: Junction) -> Option<&[Self]> {
        match self.kind() {
            Kind::Join(joined, members) if *joined == junction => Some(members),
            _ => None,
        }
    }

    /// The comparison, if it is just one.
    pub(super) fn as_single(&self) -> Option<&Single> {
        match self.kind() {
            Kind::Single(single) => Some(single),
            _ => None,
        }
    }

    /// The variable, if it is about one variable and handled as one comparison.
    pub(super) fn variable(&self) -> Option<Variable> {
        match self.kind() {
            Kind::Single(single) => Some(single.variable),
            Kind::Atomic(atomic) => Some(atomic.variable),
            _ => None,
        }
    }

    /// Is it handled as one comparison?
    pub(super) fn is_single_like(&self) -> bool {
        self.variable().is_some()
    }

    /// The values for which it holds, if it is handled as one comparison.
    pub(super) fn domain(&self) -> Option<Domain> {
        match self.kind() {
            Kind::Single(single) => Some(single.domain.clone()),
            Kind::Atomic(atomic) => Some(Domain::Texts(atomic.constraint.clone())),
            _ => None,
        }
    }

    /// Is it the same node by node? Unlike `==` it tells swapped comparisons apart.
    fn exactly_equals(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true;
        }
        self.0.hash == other.0.hash
            && match (self.kind(), other.kind()) {
                (Kind::Single(one), Kind::Single(two)) => one.exactly_equals(two),
                (Kind::Join(junction, ours), Kind::Join(other_junction, theirs)) => {
                    junction == other_junction
                        && ours.len() == theirs.len()
                        && ours.iter().zip(theirs).all(|(a, b)| a.exactly_equals(b))
                }
                _ => self == other,
            }
    }

    /// A number that equal markers share.
    pub(super) fn hash_code(&self) -> u64 {
        self.0.hash
    }
}

/// Pulls up the members of members that are joined the same way; each member is kept once.
pub(super) fn flatten(junction: Junction, members: &[Marker]) -> Vec<Marker> {
    let mut flat = Vec::with_capacity(members.len());
    flatten_into(&mut flat, junction, members);
    flat
}

fn flatten_into(flat: &mut Vec<Marker>, junction: Junction, members: &[Marker]) {
    for member in members {
        if let Some(inner) = member.members(junction) {
            flatten_into(flat, junction, inner);
        } else if !flat.contains(member) {
            flat.push(member.clone());
        }
    }
}

fn complexity(kind: &Kind) -> Complexity {
    match kind {
        Kind::Any | Kind::Empty | Kind::Single(_) => (1, 1),
        Kind::Atomic(atomic) => (atomic.atoms().len(), 1),
        Kind::Join(_, members) => members
            .iter()
            .map(Marker::complexity)
            .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1)),
    }
}

fn hash(kind: &Kind) -> u64 {
    let mut hasher = FxHasher::default();
    std::mem::discriminant(kind).hash(&mut hasher);
    match kind {
        Kind::Any | Kind::Empty => {}
        Kind::Single(single) => {
            (single.variable, single.operator, &single.value).hash(&mut hasher);
        }
        Kind::Atomic(atomic) => {
            (atomic.variable, atomic.junction, &atomic.constraint).hash(&mut hasher);
        }
        Kind::Join(junction, members) => (junction, members).hash(&mut hasher),
    }
    hasher.finish()
}

impl PartialEq for Marker {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true;
        }
        self.0.hash == other.0.hash
            && match (self.kind(), other.kind()) {
                (Kind::Any, Kind::Any) | (Kind::Empty, Kind::Empty) => true,
                (Kind::Single(one), Kind::Single(two)) => one.loosely_equals(two),
                (Kind::Atomic(one), Kind::Atomic(two)) => {
                    one.variable == two.variable
                        && one.junction == two.junction
                        && one.constraint == two.constraint
                }
                (Kind::Join(junction, ours), Kind::Join(other_junction, theirs)) => {
                    junction == other_junction && ours == theirs
                }
                _ => false,
            }
    }
}

impl Eq for Marker {}

impl Hash for Marker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Debug for Marker {
    /// The tree, which the printed form hides in part.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        match self.kind() {
            Kind::Any => list.entry(&"any"),
            Kind::Empty => list.entry(&"empty"),
            Kind::Single(single) => list
                .entries(["single", single.variable.as_str(), single.operator.as_str()])
                .entry(&single.value)
                .entry(&single.domain.to_string())
                .entries(single.swapped.then_some("swapped")),
            Kind::Atomic(atomic) => list
                .entries([atomic.junction.atomic_name(), atomic.variable.as_str()])
                .entry(&atomic.atoms()),
            Kind::Join(junction, members) => list.entry(&junction.name()).entry(members),
        };
        list.finish()
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Any => Ok(()),
            Kind::Empty => f.write_str("<empty>"),
            Kind::Single(single) => single.fmt(f),
            Kind::Atomic(atomic) => atomic.fmt(f),
            Kind::Join(junction, members) => {
                for (place, member) in members.iter().enumerate() {
                    if place > 0 {
                        f.write_str(junction.word())?;
                    }
                    if *junction == Junction::And && !member.stands_in_conjunction() {
                        write!(f, "({member})")?;
                    } else {
                        member.fmt(f)?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl Junction {
    fn name(self) -> &'static str {
        match self {
            Self::And => "multi",
            Self::Or => "union",
        }
    }

    fn atomic_name(self) -> &'static str {
        match self {
            Self::And => "atomic-multi",
            Self::Or => "atomic-union",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::And => " and ",
            Self::Or => " or ",
        }
    }
}

impl Marker {
    /// Can it stand beside an `and` without parentheses?
    ///
    /// Poetry: any and empty have parentheses, which shows as `()` in badly simplified markers.
    fn stands_in_conjunction(&self) -> bool {
        match self.kind() {
            Kind::Single(_) => true,
            Kind::Atomic(atomic) => atomic.junction == Junction::And,
            Kind::Join(junction, _) => *junction == Junction::And,
            Kind::Any | Kind::Empty => false,
        }
    }
}

impl fmt::Display for Atomic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, atom) in self.atoms().into_iter().enumerate() {
            if place > 0 {
                f.write_str(self.junction.word())?;
            }
            let comparison = atom.comparison.as_str();
            write!(f, "{} {comparison} \"{}\"", self.variable, atom.value)?;
        }
        Ok(())
    }
}

/// A marker as the key of a table: equal only to the very same marker.
#[derive(Clone, Debug)]
pub(super) struct Exact(pub(super) Marker);

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.0.exactly_equals(&other.0)
    }
}

impl Eq for Exact {}

impl Hash for Exact {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash_code());
    }
}
