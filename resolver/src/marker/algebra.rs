//! Union and intersection of markers.
//!
//! There is no canonical form. What comes out depends on the order of the operands and on the order of the
//! rewritings, and a lock file shows it; so the steps and their order are poetry-core's:
//!
//! * [`Algebra::simplify`] puts the members of a list together as long as two of them make a simpler
//!   one (poetry-core's `MultiMarker.of` and `MarkerUnion.of`).
//! * [`Algebra::normal_form`] distributes, simplifying at every level (`cnf`, `dnf`).
//! * [`Algebra::unite`] takes the shortest of both normal forms and of the plain list (`union`,
//!   `intersection`).
//!
//! `and` and `or` are mirror images but for two places, so there is one set of functions that takes
//! the [`Junction`]. In the comments "joined" means joined by that junction, "dual" by the other.
//!
//! # The guard
//!
//! Simplifying two lists that share members unites what they don't share, which may lead back to the
//! same question. poetry-core notices that a question is asked while it is being answered, and drops
//! the candidate for which it was asked ([`Stuck`] here). The answer to a question thus depends on what is
//! being asked around it. Only answers that were found without the guard's help are kept in the
//! thread's memory. That is enough to make the memory invisible: if answering A leads to B and
//! answering B leads to A, then neither can be answered without the guard, whichever comes first.
//! Once the guard has spoken, the outermost question is answered again without memory, but with
//! what poetry-core would remember if it had just been started ([`Fresh`]).

use rustc_hash::{FxHashMap, FxHashSet};

use super::memo::{self, Joined, Memo};
use super::merge;
use super::node::{Exact, Junction, Kind, Marker, flatten};
use super::python;

/// A question was asked while it was being answered, or it is too big to be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stuck;

/// How many terms distributing may yield. Poetry has no limit, but takes hours for as many.
const MAX_TERMS: usize = 1 << 16;

/// A marker that is still this simple is worth having instead of two.
///
/// Poetry: `python_version >= "3.8" and python_version < "3.10"` is the shape that matters.
const SIMPLE: (usize, usize) = (2, 2);

/// An outermost question and what is being asked on the way to its answer.
#[derive(Default)]
pub(super) struct Algebra {
    asking: Vec<(Junction, Vec<Marker>)>,
    guarded: usize,
    fresh: Option<Fresh>,
}

/// What poetry-core remembers while it answers one question after a start: normal forms, whether the
/// guard had a hand in them or not.
#[derive(Default)]
struct Fresh {
    normal_forms: FxHashMap<(Junction, Marker), Marker>,
}

/// `markers` joined, as simple as poetry-core can say it.
pub(super) fn unite(junction: Junction, markers: &[Marker]) -> Marker {
    Algebra::default().complete(junction, markers)
}

/// `one` and `other` joined.
pub(super) fn combine(junction: Junction, one: &Marker, other: &Marker) -> Marker {
    Algebra::default()
        .combine(junction, one, other)
        .unwrap_or_else(|Stuck| Marker::join(junction, &[one.clone(), other.clone()]))
}

/// `markers` joined and put together where two make a simpler one.
pub(super) fn simplify(junction: Junction, markers: &[Marker]) -> Marker {
    Algebra::default()
        .simplify(junction, markers)
        .unwrap_or_else(|Stuck| Marker::join(junction, markers))
}

/// The conjunctive (`And`) or disjunctive (`Or`) normal form.
pub(super) fn normal_form(junction: Junction, marker: &Marker) -> Marker {
    Algebra::default()
        .normal_form(junction, marker)
        .unwrap_or_else(|Stuck| marker.clone())
}

impl Algebra {
    /// poetry-core's methods `intersect` and `union`. A composite operand comes first.
    fn combine(
        &mut self,
        junction: Junction,
        one: &Marker,
        other: &Marker,
    ) -> Result<Marker, Stuck> {
        if junction.is_neutral(one) {
            return Ok(other.clone());
        }
        if junction.is_absorbing(one) {
            return Ok(one.clone());
        }
        if !one.is_single_like() {
            return self.unite(junction, &[one.clone(), other.clone()]);
        }
        if other.is_single_like() {
            return Ok(merge::merge(junction, one, other)
                .unwrap_or_else(|| Marker::join(junction, &[one.clone(), other.clone()])));
        }
        self.combine(junction, other, one)
    }

    /// poetry-core's functions `intersection` and `union`.
    fn unite(&mut self, junction: Junction, markers: &[Marker]) -> Result<Marker, Stuck> {
        if self.asking.is_empty() {
            return Ok(self.complete(junction, markers));
        }
        let asked = |(active, list): &(Junction, Vec<Marker>)| {
            *active == junction && list.as_slice() == markers
        };
        if self.asking.iter().any(asked) {
            self.guarded += 1;
            return Err(Stuck);
        }
        self.remembering(
            |memo| &mut memo.junctions,
            key(junction, markers),
            |algebra| algebra.unite_guarded(junction, markers),
        )
    }

    /// Answers an outermost question.
    fn complete(&mut self, junction: Junction, markers: &[Marker]) -> Marker {
        let key = key(junction, markers);
        if let Some(known) = memo::recall(|memo| &mut memo.complete_junctions, &key) {
            return known;
        }
        let before = self.guarded;
        let mut answer = self.unite_guarded(junction, markers);
        if self.guarded > before {
            self.fresh = Some(Fresh::default());
            answer = self.unite_guarded(junction, markers);
            self.fresh = None;
            self.guarded = before;
        }
        let answer = answer.unwrap_or_else(|Stuck| unwrap(Marker::join(junction, markers)));
        memo::remember(|memo| &mut memo.complete_junctions, key, answer.clone());
        answer
    }

    fn unite_guarded(&mut self, junction: Junction, markers: &[Marker]) -> Result<Marker, Stuck> {
        self.asking.push((junction, markers.to_vec()));
        let answer = self.shortest(junction, markers);
        self.asking.pop();
        answer
    }

    fn shortest(&mut self, junction: Junction, markers: &[Marker]) -> Result<Marker, Stuck> {
        let plain = unwrap(Marker::join(junction, markers));
        let dual_form = self.normal_form(junction.dual(), &plain)?;
        if dual_form.members(junction.dual()).is_none() {
            return Ok(dual_form);
        }
        let mut candidates = vec![dual_form.clone(), plain];
        match self.normal_form(junction, &dual_form) {
            Ok(form) if form.members(junction).is_none() => return Ok(form),
            // Of forms that are as short the disjunctive one is taken.
            Ok(form) if junction == Junction::Or => candidates.insert(0, form),
            Ok(form) => candidates.insert(1, form),
            // The question will be answered again, so there is no use in going on.
            Err(Stuck) if self.guarded > 0 && self.fresh.is_none() => return Err(Stuck),
            Err(Stuck) => {}
        }
        Ok(candidates
            .into_iter()
            .min_by_key(Marker::complexity)
            .expect("two candidates at least"))
    }

    /// The conjunctive normal form for [`Junction::And`], the disjunctive one for [`Junction::Or`].
    fn normal_form(&mut self, junction: Junction, marker: &Marker) -> Result<Marker, Stuck> {
        let Kind::Join(joined, members) = marker.kind() else {
            return Ok(marker.clone());
        };
        let distributes = *joined != junction;
        let key = (junction, Exact(marker.clone()));
        self.remembering(
            |memo| &mut memo.normal_forms,
            key,
            |algebra| {
                let loose_key = (junction, marker.clone());
                if let Some(known) = algebra
                    .fresh
                    .as_ref()
                    .and_then(|fresh| fresh.normal_forms.get(&loose_key))
                {
                    return Ok(known.clone());
                }
                let mut forms = Vec::with_capacity(members.len());
                for member in members {
                    forms.push(algebra.normal_form(junction, member)?);
                }
                if distributes {
                    forms = algebra.distribute(junction, &forms)?;
                }
                let form = algebra.simplify(junction, &forms)?;
                if let Some(fresh) = &mut algebra.fresh {
                    fresh.normal_forms.insert(loose_key, form.clone());
                }
                Ok(form)
            },
        )
    }

    /// One dual list for each way to pick a member of each form.
    fn distribute(&mut self, junction: Junction, forms: &[Marker]) -> Result<Vec<Marker>, Stuck> {
        let choices: Vec<&[Marker]> = forms
            .iter()
            .map(|form| form.members(junction).unwrap_or(std::slice::from_ref(form)))
            .collect();
        unique_product(&choices)?
            .iter()
            .map(|picked| self.simplify(junction.dual(), picked))
            .collect()
    }

    /// poetry-core's `MultiMarker.of` and `MarkerUnion.of`.
    fn simplify(&mut self, junction: Junction, markers: &[Marker]) -> Result<Marker, Stuck> {
        let mut members = flatten(junction, markers);
        let mut before = Vec::new();
        while members != before {
            before = std::mem::take(&mut members);
            for marker in &before {
                if members.contains(marker) || junction.is_neutral(marker) {
                    continue;
                }
                match self.absorb(junction, &mut members, marker)? {
                    Absorbed::Nowhere => members.push(marker.clone()),
                    Absorbed::Somewhere => members = flatten(junction, &members),
                    Absorbed::Everything => return Ok(junction.absorbing()),
                }
            }
        }
        if members.iter().any(|member| junction.is_absorbing(member)) {
            return Ok(junction.absorbing());
        }
        Ok(match <[Marker; 1]>::try_from(members) {
            Ok([single]) => single,
            Err(none) if none.is_empty() => junction.neutral(),
            Err(several) => Marker::join(junction, &several),
        })
    }

    /// Replaces the first member that makes something simpler with `marker`.
    fn absorb(
        &mut self,
        junction: Junction,
        members: &mut [Marker],
        marker: &Marker,
    ) -> Result<Absorbed, Stuck> {
        let dual = junction.dual();
        for member in members {
            let simpler = if member.members(dual).is_some() {
                self.join_simply(junction, member, marker)?
            } else if marker.members(dual).is_some() {
                self.join_simply(junction, marker, member)?
            } else if !member.is_single_like() {
                None
            } else if junction.is_absorbing(marker) {
                return Ok(Absorbed::Everything);
            } else {
                let merged = merge::merge(junction, member, marker);
                if merged
                    .as_ref()
                    .is_some_and(|merged| junction.is_absorbing(merged))
                {
                    return Ok(Absorbed::Everything);
                }
                merged.filter(|merged| {
                    merged.is_single_like()
                        || junction == Junction::Or && is_simple_join(merged, Junction::And)
                })
            };
            if let Some(simpler) = simpler {
                *member = simpler;
                return Ok(Absorbed::Somewhere);
            }
        }
        Ok(Absorbed::Nowhere)
    }

    /// Looks for something simpler than `composite` (a dual list) joined with `other`: poetry-core's
    /// `union_simplify` and `intersect_simplify`.
    fn join_simply(
        &mut self,
        junction: Junction,
        composite: &Marker,
        other: &Marker,
    ) -> Result<Option<Marker>, Stuck> {
        let dual = junction.dual();
        let ours = composite.members(dual).unwrap_or_default();
        if ours.contains(other) || swallows_python(junction, ours, other) {
            return Ok(Some(other.clone()));
        }
        let Some(theirs) = other.members(dual) else {
            return Ok(None);
        };
        let is_ours = |marker: &&Marker| ours.contains(marker);
        let is_theirs = |marker: &&Marker| theirs.contains(marker);
        if ours.iter().all(|marker| is_theirs(&marker)) {
            return Ok(Some(composite.clone()));
        }
        if theirs.iter().all(|marker| is_ours(&marker)) {
            return Ok(Some(other.clone()));
        }
        let (shared, our_own): (Vec<Marker>, Vec<Marker>) =
            ours.iter().cloned().partition(|marker| is_theirs(&marker));
        if shared.is_empty() {
            return Ok(None);
        }
        let their_own: Vec<Marker> = theirs
            .iter()
            .filter(|marker| !is_ours(marker))
            .cloned()
            .collect();
        let own = [Marker::join(dual, &our_own), Marker::join(dual, &their_own)];
        let rest = self.unite(junction, &own)?;
        let is_simple =
            rest.is_single_like() || junction.is_absorbing(&rest) || is_simple_join(&rest, dual);
        if !is_simple {
            return Ok(None);
        }
        self.combine(dual, &rest, &Marker::join(dual, &shared))
            .map(Some)
    }

    /// Answers from memory if the answer is there, and keeps an answer found without the guard.
    fn remembering<K: Eq + std::hash::Hash>(
        &mut self,
        table: fn(&mut Memo) -> &mut memo::Table<K, Result<Marker, Stuck>>,
        key: K,
        work_out: impl FnOnce(&mut Self) -> Result<Marker, Stuck>,
    ) -> Result<Marker, Stuck> {
        if self.fresh.is_some() {
            return work_out(self);
        }
        if let Some(known) = memo::recall(table, &key) {
            return known;
        }
        let before = self.guarded;
        let answer = work_out(self);
        if self.guarded == before {
            memo::remember(table, key, answer.clone());
        }
        answer
    }
}

/// What became of a marker that was offered to a list.
enum Absorbed {
    /// It has to stand for itself.
    Nowhere,
    /// A member of the list covers it now.
    Somewhere,
    /// The whole list holds everywhere (`or`) or nowhere (`and`).
    Everything,
}

fn key(junction: Junction, markers: &[Marker]) -> Joined {
    (junction, markers.iter().cloned().map(Exact).collect())
}

/// A list of one is its member.
fn unwrap(mut marker: Marker) -> Marker {
    while let Kind::Join(_, members) = marker.kind() {
        let [only] = &**members else { break };
        marker = only.clone();
    }
    marker
}

fn is_simple_join(marker: &Marker, junction: Junction) -> bool {
    marker.members(junction).is_some() && marker.complexity() <= SIMPLE
}

/// Does a python version say more than one that is in the dual list already?
///
/// `python_version >= "3.8" and sys_platform == "linux" or python_version > "3.6"` is
/// `python_version > "3.6"`.
fn swallows_python(junction: Junction, ours: &[Marker], other: &Marker) -> bool {
    let is_python = |marker: &&Marker| {
        marker
            .as_single()
            .is_some_and(|single| single.variable.is_python())
    };
    if !is_python(&other) {
        return false;
    }
    let theirs = python::python_constraint(other);
    ours.iter().filter(is_python).any(|our| {
        let ours = python::python_constraint(our);
        match junction {
            Junction::Or => theirs.allows_all(&ours),
            Junction::And => ours.allows_all(&theirs),
        }
    })
}

/// The cartesian product without those that have the same members as an earlier one.
///
/// Of each prefix, too, only the first one with its members is followed: what a later one leads to
/// has an earlier twin. That keeps the product as small as its result.
fn unique_product(choices: &[&[Marker]]) -> Result<Vec<Vec<Marker>>, Stuck> {
    let mut numbers: FxHashMap<&Marker, usize> = FxHashMap::default();
    let mut markers: Vec<&Marker> = Vec::new();
    let mut terms = vec![Term::default()];
    for choice in choices {
        let mut seen = FxHashSet::default();
        let mut longer = Vec::new();
        for term in &terms {
            for marker in *choice {
                let number = *numbers.entry(marker).or_insert_with(|| {
                    markers.push(marker);
                    markers.len() - 1
                });
                let term = term.with(number);
                if seen.insert(term.members.clone()) {
                    longer.push(term);
                }
            }
            if longer.len() > MAX_TERMS {
                return Err(Stuck);
            }
        }
        terms = longer;
    }
    Ok(terms
        .iter()
        .map(|term| {
            term.picked
                .iter()
                .map(|number| markers[*number].clone())
                .collect()
        })
        .collect())
}

/// Some markers, by number.
#[derive(Clone, Default)]
struct Term {
    /// In the order in which they were picked, each once.
    picked: Vec<usize>,
    /// As a set of bits.
    members: Vec<u64>,
}

impl Term {
    fn with(&self, number: usize) -> Self {
        let (word, bit) = (number / 64, 1 << (number % 64));
        let mut term = self.clone();
        if term.members.len() <= word {
            term.members.resize(word + 1, 0);
        }
        if term.members[word] & bit == 0 {
            term.members[word] |= bit;
            term.picked.push(number);
        }
        term
    }
}

#[cfg(test)]
mod tests {
    use super::{Algebra, Junction, Marker, Stuck, simplify, unique_product, unite};

    fn markers<const COUNT: usize>(texts: [&str; COUNT]) -> [Marker; COUNT] {
        texts.map(|text| Marker::parse(text).unwrap())
    }

    #[test]
    fn a_question_is_not_asked_while_it_is_answered() {
        let list = markers(["os_name == \"nt\" and extra == \"a\"", "extra == \"b\""]);
        let mut algebra = Algebra::default();
        algebra.asking.push((Junction::Or, list.to_vec()));
        assert_eq!(algebra.unite(Junction::Or, &list), Err(Stuck));
        assert!(algebra.unite(Junction::And, &list).is_ok());
    }

    /// What the guard had a hand in is not remembered.
    #[test]
    fn the_guard_leaves_no_traces() {
        let [a, b, c] = markers(["os_name == \"nt\"", "extra == \"b\"", "extra == \"c\""]);
        let with_b = Marker::join(Junction::And, &[a.clone(), b.clone()]);
        let with_c = Marker::join(Junction::And, &[a.clone(), c.clone()]);
        let rest = [b, c].map(|own| Marker::join(Junction::And, &[own]));
        let union = Marker::join(Junction::Or, &[with_b.clone(), with_c.clone()]);

        let mut algebra = Algebra::default();
        algebra.asking.push((Junction::Or, rest.to_vec()));
        assert_eq!(algebra.normal_form(Junction::Or, &union), Err(Stuck));

        let expected = "os_name == \"nt\" and (extra == \"b\" or extra == \"c\")";
        assert_eq!(
            simplify(Junction::Or, &[with_b, with_c]).to_string(),
            expected
        );
        assert_eq!(unite(Junction::Or, &[union]).to_string(), expected);
    }

    #[test]
    fn products_have_each_set_once_in_order() {
        let [a, b, c] = markers(["os_name == \"nt\"", "extra == \"b\"", "extra == \"c\""]);
        let first = [a.clone(), b.clone()];
        let second = [b.clone(), a.clone(), c.clone()];
        let product = unique_product(&[&first, &second]).unwrap();
        assert_eq!(
            product,
            [
                vec![a.clone(), b.clone()],
                vec![a.clone()],
                vec![a, c.clone()],
                vec![b.clone()],
                vec![b, c],
            ]
        );
    }

    #[test]
    fn products_that_nobody_could_read_are_given_up() {
        let choices: Vec<Vec<Marker>> = (0..17)
            .map(|choice| {
                ["a", "b"]
                    .map(|side| Marker::parse(&format!("extra == \"{side}{choice}\"")).unwrap())
                    .to_vec()
            })
            .collect();
        let choices: Vec<&[Marker]> = choices.iter().map(Vec::as_slice).collect();
        assert_eq!(unique_product(&choices), Err(Stuck));
    }
}
