//! Poetry's search, for requirements in conflict.
//!
//! PubGrub in the order of Poetry's steps: where it goes back to, what it learns, and in which order it then takes
//! up what was undone decide which of several solutions is found first, and how the reasons for finding none read.
//! It looks at more than pubgrub's interface shows, so it is written out here. It asks the same questions of
//! the same [`Answers`], and all metadata that it needs first was gathered by the search before it.
//!
//! The steps, and the words for them, are those of the PubGrub description: *propagate* what follows from
//! incompatibilities that are almost satisfied; *decide* on a release of the most urgent package; on a *conflict*
//! find its root cause, go back to where that can be avoided, and remember it.

use std::rc::Rc;
use std::sync::Arc;

use pubgrub::VersionSet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::constraint::Constraint;
use crate::marker::Marker;
use crate::requirement::Requirement;

use super::answers::{Answers, Choice, Completed, Halt, Rank, Unavailable, source_of};
use super::candidates::Candidates;
use super::complete::{Edge, Reached, package_requirement};
use super::log;
use super::node::{INDEX, Node, OriginId, Release, Releases};
use super::package::Decided;
use super::term::{Cause, Demand, Incompatibility, IncompatibilityId, NodeId, Relation, Term};
use super::{FxIndexMap, SolveError};

/// How a search ended.
pub(crate) enum Ending {
    /// The decisions, in order.
    Solved(Vec<Decided>),
    /// There is no solution, by reason of this.
    Unsolvable(Failure),
}

/// Incompatibilities, the last of which shows that there is no solution.
pub(crate) struct Failure {
    pub(crate) incompatibilities: Vec<Incompatibility>,
    pub(crate) root: IncompatibilityId,
}

/// Something that was found to hold, in order.
struct Assignment {
    term: Term,
    /// What holds of the node by now.
    all: Term,
    level: usize,
    /// `None`: it was decided.
    cause: Option<IncompatibilityId>,
}

/// What holds so far.
#[derive(Default)]
struct Partial {
    assignments: Vec<Assignment>,
    /// Places in `assignments` by node.
    of_node: FxHashMap<NodeId, Vec<usize>>,
    decisions: FxIndexMap<NodeId, (Node, Completed)>,
    /// Poetry: its order breaks ties, and changes when something is taken back.
    positive: FxIndexMap<NodeId, Term>,
    negative: FxHashMap<NodeId, Term>,
}

impl Partial {
    fn level(&self) -> usize {
        self.decisions.len()
    }

    fn assign(&mut self, term: Term, cause: Option<IncompatibilityId>) {
        let place = self.assignments.len();
        self.of_node.entry(term.node()).or_default().push(place);
        let all = self.register(&term);
        self.assignments.push(Assignment {
            term,
            all,
            level: self.level(),
            cause,
        });
    }

    fn register(&mut self, term: &Term) -> Term {
        let node = term.node();
        if let Some(known) = self.positive.get_mut(&node) {
            // Propagation never derives what contradicts a term.
            if let Some(both) = known.intersect(term) {
                *known = both;
            }
            return known.clone();
        }
        let both = match self.negative.get(&node) {
            None => term.clone(),
            Some(known) => term.intersect(known).unwrap_or_else(|| term.clone()),
        };
        if both.positive {
            self.negative.remove(&node);
            self.positive.insert(node, both.clone());
        } else {
            self.negative.insert(node, both.clone());
        }
        both
    }

    fn backtrack(&mut self, level: usize) {
        let mut touched: FxHashSet<NodeId> = FxHashSet::default();
        while let Some(last) = self.assignments.pop_if(|last| last.level > level) {
            let node = last.term.node();
            if last.cause.is_none() {
                self.decisions.pop();
            }
            if let Some(places) = self.of_node.get_mut(&node) {
                places.pop();
            }
            touched.insert(node);
        }
        self.positive.retain(|node, _| !touched.contains(node));
        self.negative.retain(|node, _| !touched.contains(node));
        let kept = std::mem::take(&mut self.assignments);
        for Assignment { term, all, .. } in &kept {
            let node = term.node();
            if !touched.contains(&node) {
                continue;
            }
            if all.positive {
                self.negative.remove(&node);
                self.positive.insert(node, all.clone());
            } else {
                self.negative.insert(node, all.clone());
            }
        }
        self.assignments = kept;
    }

    fn relation(&self, term: &Term) -> Relation {
        let known = self.positive.get(&term.node());
        known
            .or_else(|| self.negative.get(&term.node()))
            .map_or(Relation::Overlapping, |known| known.relation(term))
    }

    /// The first assignment by which, with all before it, a term is satisfied.
    fn satisfier(&self, term: &Term) -> usize {
        let places = &self.of_node[&term.node()];
        let apart = |place: &usize| {
            let found = &self.assignments[*place].term;
            !term.positive
                && found.positive
                && term.demand.node != Node::Root
                && !found.demand.same_package(&term.demand)
        };
        // What holds gets only narrower.
        let first = places.partition_point(|place| !self.assignments[*place].all.satisfies(term));
        // Poetry: a package from elsewhere is not the one that must not be.
        let elsewhere = places
            .iter()
            .take(first)
            .copied()
            .find(|place| apart(place));
        elsewhere.unwrap_or_else(|| places[first])
    }
}

/// What makes requirements ask for the same candidates.
type Place = (OriginId, crate::name::PackageName);

/// Candidates as they were listed, with the demand they were listed for.
type Shelved = (Rc<Demand>, Arc<Candidates>);

/// Poetry: candidates are looked up once for each name and then only narrowed down, until nothing is left or what
/// was decided is taken back.
#[derive(Default)]
struct Shelf {
    listed: FxHashMap<Place, Vec<Shelved>>,
    by_level: FxHashMap<usize, Vec<Place>>,
    /// What was found for a constraint.
    found: FxHashMap<(Place, Constraint), Shelved>,
}

impl Shelf {
    fn find(
        &mut self,
        answers: &Answers<'_>,
        demand: &Rc<Demand>,
        level: usize,
    ) -> Result<Shelved, SolveError> {
        let place: Place = (demand.origin, demand.requirement.name.clone());
        let key = (place, demand.constraint().clone());
        let found = match self.found.get(&key) {
            Some(found) => found.clone(),
            None => {
                let found = self.look(answers, demand, &key.0)?;
                self.found.insert(key.clone(), found.clone());
                found
            }
        };
        let (place, _) = key;
        let stack = self.listed.entry(place.clone()).or_default();
        let is_known = stack
            .last()
            .is_some_and(|(_, last)| Arc::ptr_eq(last, &found.1));
        if !is_known {
            stack.push(found.clone());
            self.by_level.entry(level).or_default().push(place);
        }
        Ok(found)
    }

    fn look(
        &self,
        answers: &Answers<'_>,
        demand: &Rc<Demand>,
        place: &Place,
    ) -> Result<Shelved, SolveError> {
        if let Some((first, known)) = self.listed.get(place).and_then(|stack| stack.last()) {
            let fitting = known.filter(|version| demand.constraint().allows(version));
            if !fitting.is_empty() {
                return Ok((Rc::clone(first), Arc::new(fitting)));
            }
        }
        let wanted = Releases::of(demand.constraint());
        let listed = answers.listed(&demand.requirement, &wanted)?;
        Ok((Rc::clone(demand), Arc::new(listed)))
    }

    fn clear_level(&mut self, level: usize) {
        for place in self.by_level.remove(&level).into_iter().flatten() {
            self.found.clear();
            if let Some(stack) = self.listed.get_mut(&place) {
                stack.pop();
            }
        }
    }
}

/// A search in progress.
pub(crate) struct Search<'a> {
    answers: &'a Answers<'a>,
    incompatibilities: Vec<Incompatibility>,
    ids: FxHashMap<Node, NodeId>,
    /// Incompatibilities by the nodes they are about.
    about: FxHashMap<NodeId, Vec<IncompatibilityId>>,
    contradicted: FxHashSet<IncompatibilityId>,
    contradicted_at: FxHashMap<usize, Vec<IncompatibilityId>>,
    partial: Partial,
    shelf: Shelf,
    /// Poetry: computed once for each constraint on a node.
    ranks: FxHashMap<(NodeId, OriginId, Constraint), Rank>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(answers: &'a Answers<'a>) -> Self {
        Self {
            answers,
            incompatibilities: Vec::new(),
            ids: FxHashMap::default(),
            about: FxHashMap::default(),
            contradicted: FxHashSet::default(),
            contradicted_at: FxHashMap::default(),
            partial: Partial::default(),
            shelf: Shelf::default(),
            ranks: FxHashMap::default(),
        }
    }

    /// Searches to the end.
    ///
    /// # Errors
    /// When the run has to be split, or something can't be read.
    pub(crate) fn run(mut self) -> Result<Ending, Halt> {
        let root = Term::new(self.root_demand(), false);
        self.add(Incompatibility::new(vec![root], Cause::Root)?);
        let mut next = self.id(&Node::Root);
        loop {
            if let Some(root) = self.propagate(next)? {
                return Ok(Ending::Unsolvable(Failure {
                    incompatibilities: self.incompatibilities,
                    root,
                }));
            }
            match self.decide()? {
                Some(node) => next = node,
                None => break,
            }
        }
        let decisions = self.partial.decisions.into_iter();
        Ok(Ending::Solved(
            decisions
                .filter_map(|(_, (node, completed))| Decided::new(node, &completed))
                .collect(),
        ))
    }

    fn id(&mut self, node: &Node) -> NodeId {
        if let Some(known) = self.ids.get(node) {
            return *known;
        }
        let id = self.ids.len();
        self.ids.insert(node.clone(), id);
        id
    }

    fn root_demand(&mut self) -> Rc<Demand> {
        let task = self.answers.task;
        let version = task.version.parse();
        let constraint = version.map_or_else(|_| Constraint::any(), Constraint::Version);
        Demand::new(
            (Node::Root, self.id(&Node::Root)),
            INDEX,
            Arc::new(Requirement::new(&task.title, constraint)),
            Marker::any(),
        )
    }

    fn add(&mut self, incompatibility: Incompatibility) -> IncompatibilityId {
        let id = self.incompatibilities.len();
        for term in &incompatibility.terms {
            let about = self.about.entry(term.node()).or_default();
            if about.last() != Some(&id) {
                about.push(id);
            }
        }
        self.incompatibilities.push(incompatibility);
        id
    }

    /// Derives all that follows from a change to `node`. Returns the proof if there is no solution.
    fn propagate(&mut self, node: NodeId) -> Result<Option<IncompatibilityId>, Halt> {
        let mut changed = vec![node];
        while let Some(node) = changed.pop() {
            let Some(conflict) = self.derive_all(node, &mut changed) else {
                continue;
            };
            let cause = self.resolve(conflict)?;
            if self.incompatibilities[cause].is_failure() {
                return Ok(Some(cause));
            }
            changed.clear();
            if let Derivation::Changed(node) = self.derive(cause) {
                changed.push(node);
            }
        }
        Ok(None)
    }

    /// Derives what follows from the incompatibilities about a node. Returns one that is in conflict with what holds.
    fn derive_all(&mut self, node: NodeId, changed: &mut Vec<NodeId>) -> Option<IncompatibilityId> {
        let about = std::mem::take(self.about.entry(node).or_default());
        let mut conflict = None;
        // The newest say most, because conflicts teach ever more general things.
        for id in about.iter().rev() {
            if self.contradicted.contains(id) {
                continue;
            }
            match self.derive(*id) {
                Derivation::Nothing => {}
                Derivation::Changed(node) if changed.contains(&node) => {}
                Derivation::Changed(node) => changed.push(node),
                Derivation::Conflict => {
                    conflict = Some(*id);
                    break;
                }
            }
        }
        self.about.insert(node, about);
        conflict
    }

    /// If all terms but one are satisfied, the negation of that one follows.
    fn derive(&mut self, id: IncompatibilityId) -> Derivation {
        let mut unsatisfied: Option<&Term> = None;
        for term in &self.incompatibilities[id].terms {
            match self.partial.relation(term) {
                Relation::Disjoint => {
                    self.contradict(id);
                    return Derivation::Nothing;
                }
                Relation::Overlapping if unsatisfied.is_some() => return Derivation::Nothing,
                Relation::Overlapping => unsatisfied = Some(term),
                Relation::Subset => {}
            }
        }
        let Some(term) = unsatisfied else {
            return Derivation::Conflict;
        };
        let follows = term.inverse();
        self.contradict(id);
        let node = follows.node();
        self.partial.assign(follows, Some(id));
        Derivation::Changed(node)
    }

    fn contradict(&mut self, id: IncompatibilityId) {
        self.contradicted.insert(id);
        let level = self.partial.level();
        self.contradicted_at.entry(level).or_default().push(id);
    }

    /// Finds the root cause of a conflict, and goes back to where it can be avoided.
    fn resolve(&mut self, conflict: IncompatibilityId) -> Result<IncompatibilityId, Halt> {
        let mut id = conflict;
        while !self.incompatibilities[id].is_failure() {
            let latest = self.latest(id);
            let satisfier = &self.partial.assignments[latest.satisfier];
            let Some(cause) = satisfier
                .cause
                .filter(|_| latest.previous_level >= satisfier.level)
            else {
                let learned = &self.incompatibilities[id];
                log::conflict(self.answers.run, learned, latest.previous_level);
                self.go_back(latest.previous_level);
                if id != conflict {
                    let learned = &self.incompatibilities[id];
                    for term in &learned.terms {
                        self.about.entry(term.node()).or_default().push(id);
                    }
                }
                return Ok(id);
            };
            let terms = &self.incompatibilities[id].terms;
            let others = (terms.iter().enumerate()).filter(|(place, _)| *place != latest.term);
            let mut joined: Vec<Term> = others.map(|(_, term)| term.clone()).collect();
            let reasons = self.incompatibilities[cause].terms.iter();
            joined.extend(
                reasons
                    .filter(|term| !term.same_demand(&satisfier.term))
                    .cloned(),
            );
            // The satisfier may satisfy the term only together with what was known before it.
            if let Some(rest) = latest.difference.map(|rest| rest.inverse())
                && !rest.same_demand(&satisfier.term)
            {
                joined.push(rest);
            }
            let incompatibility = Incompatibility::new(joined, Cause::Derived(id, cause))?;
            id = self.incompatibilities.len();
            // Not yet among those that are looked at: only the last of them is worth it.
            self.incompatibilities.push(incompatibility);
        }
        Ok(id)
    }

    /// The term of a satisfied incompatibility that was satisfied last.
    fn latest(&self, id: IncompatibilityId) -> Latest {
        let assignments = &self.partial.assignments;
        let mut latest: Option<Latest> = None;
        // Poetry: at least the root stays decided.
        let mut previous_level = 1;
        for (place, term) in self.incompatibilities[id].terms.iter().enumerate() {
            let satisfier = self.partial.satisfier(term);
            match &latest {
                Some(known) if known.satisfier >= satisfier => {
                    previous_level = previous_level.max(assignments[satisfier].level);
                    continue;
                }
                Some(known) => {
                    previous_level = previous_level.max(assignments[known.satisfier].level);
                }
                None => {}
            }
            let difference = assignments[satisfier].term.difference(term);
            if let Some(rest) = &difference {
                let before = self.partial.satisfier(&rest.inverse());
                previous_level = previous_level.max(assignments[before].level);
            }
            latest = Some(Latest {
                term: place,
                satisfier,
                difference,
                previous_level,
            });
        }
        let latest = latest.expect("only a failure has no terms");
        Latest {
            previous_level,
            ..latest
        }
    }

    fn go_back(&mut self, level: usize) {
        for undone in (level + 1..=self.partial.level()).rev() {
            for id in self.contradicted_at.remove(&undone).into_iter().flatten() {
                self.contradicted.remove(&id);
            }
            self.shelf.clear_level(undone);
        }
        self.partial.backtrack(level);
    }

    /// Decides on a release of the most urgent package, or finds that it can't be decided yet. Returns the node whose
    /// incompatibilities are to be looked at, `None` if all is decided.
    fn decide(&mut self) -> Result<Option<NodeId>, Halt> {
        let Some(demand) = self.most_urgent() else {
            return Ok(None);
        };
        let (node, id) = (demand.node.clone(), demand.id);
        if node == Node::Root {
            let completed = self.answers.complete_root()?;
            let root = self.root_demand();
            self.adopt(&root, completed);
            return Ok(Some(id));
        }
        let (choice, first) = self.choose(&demand)?;
        let Some(package) = choice.best else {
            let none = Term::new(demand, true);
            self.add(Incompatibility::new(vec![none], Cause::NoVersions)?);
            return Ok(Some(id));
        };
        let release = package.release();
        let reached = Reached {
            transitive: demand.transitive.clone(),
            python: self.answers.task.world.python_of(&first.requirement),
            source: source_of(&first.requirement).map(str::to_owned),
        };
        match self.answers.complete(&node, &release, &reached)? {
            Ok(completed) => {
                let package = package_demand((node, id), &release, &completed);
                self.adopt(&package, completed);
            }
            Err(Unavailable::Python(python)) => {
                let completed = Completed {
                    package: Some(package),
                    edges: Arc::default(),
                };
                let package = Term::new(package_demand((node, id), &release, &completed), true);
                self.add(Incompatibility::new(vec![package], Cause::Python(python))?);
            }
        }
        Ok(Some(id))
    }

    /// Takes note of what a release requires, and decides on it unless that is excluded already.
    fn adopt(&mut self, package: &Rc<Demand>, completed: Completed) {
        let mut conflict = false;
        for edge in completed.edges.iter() {
            let required = Term::new(self.edge_demand(edge), false);
            conflict |= required.node() == package.id
                || self.partial.relation(&required) == Relation::Subset;
            self.add(Incompatibility {
                terms: vec![Term::new(Rc::clone(package), true), required],
                cause: Cause::Requires,
            });
        }
        if !conflict {
            log::decided(self.answers, &package.node, &completed);
            self.partial
                .decisions
                .insert(package.id, (package.node.clone(), completed));
            self.partial
                .assign(Term::new(Rc::clone(package), true), None);
        }
    }

    fn edge_demand(&mut self, edge: &Edge) -> Rc<Demand> {
        let origin = self.answers.origin(&edge.now);
        let requirement = Arc::clone(&edge.now);
        let node = (edge.to.clone(), self.id(&edge.to));
        Demand::new(node, origin, requirement, edge.transitive())
    }

    fn most_urgent(&mut self) -> Option<Rc<Demand>> {
        let open: Vec<Rc<Demand>> = self
            .partial
            .positive
            .iter()
            .filter(|(node, _)| !self.partial.decisions.contains_key(*node))
            .map(|(_, term)| Rc::clone(&term.demand))
            .collect();
        let ranked = open.into_iter().map(|demand| (self.rank(&demand), demand));
        // Of equals the first.
        ranked
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, demand)| demand)
    }

    /// What can't be read counts as nothing; it is reported when it is decided on.
    fn rank(&mut self, demand: &Rc<Demand>) -> Rank {
        if demand.node == Node::Root {
            return Rank::ROOT;
        }
        if let Some(known) = demand.rank.get() {
            return *known;
        }
        let key = (demand.id, demand.origin, demand.constraint().clone());
        if let Some(known) = self.ranks.get(&key) {
            return *demand.rank.get_or_init(|| *known);
        }
        let rank = match self.choose(demand) {
            Ok((choice, _)) => self
                .answers
                .rank(&demand.node, &demand.requirement, &choice),
            Err(_) => Rank::NO_CHOICE,
        };
        self.ranks.insert(key, rank);
        *demand.rank.get_or_init(|| rank)
    }

    /// What may be chosen for a demand, and the demand that its candidates were first listed for.
    fn choose(&mut self, demand: &Rc<Demand>) -> Result<(Choice, Rc<Demand>), SolveError> {
        if self.answers.may_be_settled(&demand.requirement) {
            let mut wanted = Releases::of(demand.constraint());
            if demand.is_direct() {
                // The one release at that place, unless it has been ruled out.
                wanted = wanted.intersection(&self.answers.direct_releases(&demand.requirement));
            }
            if let Some(choice) = self.answers.settled(&demand.requirement, &wanted)? {
                return Ok((choice, Rc::clone(demand)));
            }
        }
        let level = self.partial.level();
        let (first, listed) = self.shelf.find(self.answers, demand, level)?;
        let choice = self
            .answers
            .choice_among(&demand.requirement.name, &listed)?;
        Ok((choice, first))
    }
}

/// What came of looking at an incompatibility.
enum Derivation {
    Nothing,
    Changed(NodeId),
    Conflict,
}

/// The term that was satisfied last.
struct Latest {
    /// Its place in the incompatibility.
    term: usize,
    satisfier: usize,
    /// What of the satisfier goes beyond the term.
    difference: Option<Term>,
    /// The level at which all else was satisfied.
    previous_level: usize,
}

/// A release as a demand on just it.
fn package_demand(
    (node, id): (Node, NodeId),
    release: &Release,
    completed: &Completed,
) -> Rc<Demand> {
    let package = completed
        .package
        .as_ref()
        .expect("only the root is no package");
    let requirement = package_requirement(package, node.extras());
    let transitive = requirement.marker.clone();
    Demand::new(
        (node, id),
        release.origin,
        Arc::new(requirement),
        transitive,
    )
}
