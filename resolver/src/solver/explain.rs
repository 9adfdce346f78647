//! Why there is no solution, in the words Poetry's users know.
//!
//! PubGrub proves that there is none by deriving, from facts about the index and the requirements, smaller and
//! smaller incompatibilities, down to "the root can't be". The explanation walks that derivation from its facts
//! to its end, one line for each step, and numbers the lines that are referred to later.

use std::collections::BTreeMap;

use itertools::Itertools;

use crate::constraint::Constraint;
use crate::name::PackageName;

use super::FxIndexMap;
use super::answers::Task;
use super::overrides::{Overrides, Run};
use super::search::Failure;
use super::term::{Cause, Demand, Incompatibility, IncompatibilityId, Term};

/// Poetry: a clash between requirements that never apply together is none. If one stands behind the failure,
/// the run is split by its marker; the way out is tried only after all others.
pub(crate) fn marker_split(failure: &Failure, run: &Run) -> Option<Vec<Overrides>> {
    let mut by_name: FxIndexMap<&PackageName, Vec<&Demand>> = FxIndexMap::default();
    for plain in failure.plain() {
        if let (Cause::Requires, [_, required]) = (&plain.cause, plain.terms.as_slice()) {
            let demand = &required.demand;
            by_name
                .entry(&demand.requirement.name)
                .or_default()
                .push(demand);
        }
    }
    let applies = |demand: &Demand| {
        let own = demand.requirement.marker.without_extras();
        let along = demand.transitive.without_extras().intersect(&own);
        along.intersect(&run.marker)
    };
    for demands in by_name.values() {
        for (one, other) in demands.iter().tuple_combinations() {
            if !one.constraint().intersect(other.constraint()).is_empty() {
                continue;
            }
            let (here, there) = (applies(one), applies(other));
            if !here.is_empty() && !there.is_empty() && here.intersect(&there).is_empty() {
                return Some(run.split_by_marker(&here));
            }
        }
    }
    None
}

/// The explanation of a failure: Poetry's lines, and its advice if pythons are the reason.
pub(crate) fn explain(failure: &Failure, task: &Task<'_>, run: &Run) -> String {
    let mut writer = Writer {
        graph: Graph {
            title: &task.title,
            facts: &failure.incompatibilities,
        },
        uses: vec![0; failure.incompatibilities.len()],
        root: failure.root,
        lines: Vec::new(),
        numbers: BTreeMap::new(),
    };
    writer.count(failure.root);
    let mut text = python_preamble(failure, run);
    if writer.graph.is_derived(failure.root) {
        writer.visit(failure.root, false);
    } else {
        let text = writer.graph.text(failure.root);
        writer.write(
            failure.root,
            format!("Because {text}, version solving failed."),
            false,
        );
    }
    text.extend(writer.finished());
    text.extend(python_advice(failure, run));
    text.join("\n")
}

impl Failure {
    /// The incompatibilities that the failure follows from and that follow from nothing themselves, in the order
    /// in which they were joined.
    fn plain(&self) -> Vec<&Incompatibility> {
        let mut found = Vec::new();
        let mut seen = vec![false; self.incompatibilities.len()];
        let mut open = vec![self.root];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut seen[id], true) {
                continue;
            }
            let incompatibility = &self.incompatibilities[id];
            match incompatibility.cause {
                Cause::Derived(conflict, other) => open.extend([other, conflict]),
                _ => found.push(incompatibility),
            }
        }
        found
    }
}

/// Packages refused because of their pythons: name and Requires-Python.
fn refused_pythons(failure: &Failure) -> Vec<(&PackageName, &str)> {
    failure
        .plain()
        .into_iter()
        .filter_map(|plain| match (&plain.cause, plain.terms.as_slice()) {
            (Cause::Python(python), [term]) => {
                Some((&term.demand.requirement.name, python.as_str()))
            }
            _ => None,
        })
        .unique()
        .collect()
}

fn python_preamble(failure: &Failure, run: &Run) -> Vec<String> {
    let refused = refused_pythons(failure);
    if refused.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "The current project's supported Python range ({}) is not compatible with some of the required packages \
         Python requirement:",
        run.python
    )];
    for (node, python) in refused {
        let supported = Constraint::parse(python).unwrap_or_else(|_| Constraint::any());
        lines.push(format!(
            "  - {node} requires Python {python}, so it will not be installable for Python {}",
            run.python.difference(&supported)
        ));
    }
    lines.push(String::new());
    lines
}

fn python_advice(failure: &Failure, run: &Run) -> Vec<String> {
    let refused = refused_pythons(failure);
    if refused.is_empty() {
        return Vec::new();
    }
    let solutions: Vec<String> = refused
        .into_iter()
        .map(|(node, python)| {
            let supported = Constraint::parse(python).unwrap_or_else(|_| Constraint::any());
            format!(
                "For {node}, a possible solution would be to set the `python` property to \"{}\"",
                run.python.intersect(&supported)
            )
        })
        .collect();
    let page = "https://python-poetry.org/docs/dependency-specification";
    vec![format!(
        "\n  * Check your dependencies Python requirement: The Python requirement can be specified via the `python` \
         or `markers` properties\n\n    {}\n\n    {page}/#python-restricted-dependencies,\n    \
         {page}/#using-environment-markers\n",
        solutions.join("\n")
    )]
}

/// The derivation as a graph.
struct Graph<'f> {
    title: &'f str,
    facts: &'f [Incompatibility],
}

impl<'f> Graph<'f> {
    fn causes(&self, fact: IncompatibilityId) -> Option<(IncompatibilityId, IncompatibilityId)> {
        match self.facts[fact].cause {
            Cause::Derived(conflict, other) => Some((conflict, other)),
            _ => None,
        }
    }

    fn is_derived(&self, fact: IncompatibilityId) -> bool {
        self.causes(fact).is_some()
    }

    fn requires(&self, fact: IncompatibilityId) -> bool {
        matches!(self.facts[fact].cause, Cause::Requires)
    }

    /// `name (constraint)`, or the project's name for the root.
    fn terse(&self, term: &Term, allow_every: bool) -> String {
        let requirement = &term.demand.requirement;
        if allow_every && term.constraint().is_any() {
            return format!("every version of {}", requirement.complete_name());
        }
        if term.demand.node == super::node::Node::Root {
            return self.title.to_owned();
        }
        if requirement.origin.is_direct() {
            return requirement.describe();
        }
        let name = requirement.complete_pretty_name();
        format!("{name} ({})", term.demand.shown_constraint())
    }

    fn positives(&self, fact: IncompatibilityId) -> Vec<&'f Term> {
        let terms = self.facts[fact].terms.iter();
        terms.filter(|term| term.positive).collect()
    }

    fn negatives(&self, fact: IncompatibilityId) -> Vec<&'f Term> {
        let terms = self.facts[fact].terms.iter();
        terms.filter(|term| !term.positive).collect()
    }

    fn list(&self, terms: &[&Term], between: &str) -> String {
        let terms = terms.iter();
        terms.map(|term| self.terse(term, false)).join(between)
    }

    fn text(&self, fact: IncompatibilityId) -> String {
        let incompatibility = &self.facts[fact];
        match (&incompatibility.cause, incompatibility.terms.as_slice()) {
            (Cause::Requires, [from, on]) => {
                let (from, on) = (self.terse(from, true), self.terse(on, false));
                format!("{from} depends on {on}")
            }
            (Cause::Python(python), [term, ..]) => {
                format!("{} requires Python {python}", self.terse(term, true))
            }
            (Cause::NoVersions, [term, ..]) => {
                let name = &term.demand.requirement.name;
                format!("no versions of {name} match {}", term.constraint())
            }
            (Cause::Root, _) => self.title.to_owned(),
            _ if incompatibility.is_failure() => "version solving failed".to_owned(),
            (_, [term]) => {
                let verb = if term.positive {
                    "forbidden"
                } else {
                    "required"
                };
                format!("{} is {verb}", term.demand.requirement.name)
            }
            _ => self.derived_text(fact),
        }
    }

    fn derived_text(&self, fact: IncompatibilityId) -> String {
        let positives = self.positives(fact);
        let negatives = self.negatives(fact);
        match (positives.as_slice(), negatives.as_slice()) {
            ([a, b], []) => {
                let name = |term: &Term| {
                    if term.constraint().is_any() {
                        term.demand.requirement.name.to_string()
                    } else {
                        self.terse(term, false)
                    }
                };
                format!("{} is incompatible with {}", name(a), name(b))
            }
            ([], [a, b]) => {
                let (a, b) = (self.terse(a, false), self.terse(b, false));
                format!("either {a} or {b}")
            }
            (_, []) => format!("one of {} must be false", self.list(&positives, " or ")),
            ([], _) => format!("one of {} must be true", self.list(&negatives, " or ")),
            ([only], _) => {
                let (only, others) = (self.terse(only, true), self.list(&negatives, " or "));
                format!("{only} requires {others}")
            }
            _ => {
                let (all, one) = (
                    self.list(&positives, " and "),
                    self.list(&negatives, " or "),
                );
                format!("if {all} then {one}")
            }
        }
    }

    /// Two facts in one clause, as briefly as they allow.
    fn both(&self, a: Cited, b: Cited) -> String {
        self.requires_both(a, b)
            .or_else(|| self.requires_through(a, b))
            .or_else(|| self.requires_forbidden(a, b))
            .unwrap_or_else(|| {
                let line = |cited: Cited| cited.line.map(|l| format!("\n {l}")).unwrap_or_default();
                let (first, second) = (self.text(a.fact), self.text(b.fact));
                format!("{first}{}\n and {second}{}", line(a), line(b))
            })
    }

    fn has_one_term(&self, fact: IncompatibilityId) -> bool {
        self.facts[fact].terms.len() == 1
    }

    fn requires_both(&self, a: Cited, b: Cited) -> Option<String> {
        if self.has_one_term(a.fact) || self.has_one_term(b.fact) {
            return None;
        }
        let (&[ours], &[theirs]) = (
            self.positives(a.fact).as_slice(),
            self.positives(b.fact).as_slice(),
        ) else {
            return None;
        };
        if !ours.same_demand(theirs) {
            return None;
        }
        let verb = if self.requires(a.fact) && self.requires(b.fact) {
            "depends on"
        } else {
            "requires"
        };
        Some(format!(
            "{} {verb} both {}{} and {}{}",
            self.terse(ours, true),
            self.list(&self.negatives(a.fact), " or "),
            a.reference(),
            self.list(&self.negatives(b.fact), " or "),
            b.reference(),
        ))
    }

    fn requires_through(&self, a: Cited, b: Cited) -> Option<String> {
        if self.has_one_term(a.fact) || self.has_one_term(b.fact) {
            return None;
        }
        let leads = |from: Cited, to: Cited| match (
            self.negatives(from.fact).as_slice(),
            self.positives(to.fact).as_slice(),
        ) {
            (&[negative], &[positive]) => negative.inverse().satisfies(positive),
            _ => false,
        };
        let (prior, latter) = if leads(a, b) {
            (a, b)
        } else if leads(b, a) {
            (b, a)
        } else {
            return None;
        };
        Some(format!(
            "{}{}{} which {} {}{}",
            self.beginning(prior.fact),
            self.list(&self.negatives(prior.fact), " or "),
            prior.reference(),
            self.verb(latter.fact),
            self.list(&self.negatives(latter.fact), " or "),
            latter.reference(),
        ))
    }

    fn requires_forbidden(&self, a: Cited, b: Cited) -> Option<String> {
        let (prior, latter) = if self.has_one_term(a.fact) {
            (b, a)
        } else if self.has_one_term(b.fact) {
            (a, b)
        } else {
            return None;
        };
        let forbidden = self.facts[latter.fact].terms.first()?;
        let &[negative] = self.negatives(prior.fact).as_slice() else {
            return None;
        };
        if !negative.inverse().satisfies(forbidden) {
            return None;
        }
        let why = match &self.facts[latter.fact].cause {
            Cause::Python(python) => format!("which requires Python {python}"),
            Cause::NoVersions => "which doesn't match any versions".to_owned(),
            _ => "which is forbidden".to_owned(),
        };
        let prior_line = prior.line.map(|line| format!("({line}) "));
        Some(format!(
            "{}{} {}{why}{}",
            self.beginning(prior.fact),
            self.terse(forbidden, false),
            prior_line.unwrap_or_default(),
            latter.reference(),
        ))
    }

    fn verb(&self, fact: IncompatibilityId) -> &'static str {
        if self.requires(fact) {
            "depends on"
        } else {
            "requires"
        }
    }

    fn beginning(&self, fact: IncompatibilityId) -> String {
        match self.positives(fact).as_slice() {
            &[only] => format!("{} {} ", self.terse(only, true), self.verb(fact)),
            many => format!("if {} then ", self.list(many, " or ")),
        }
    }
}

/// A fact, and the number of its line if it has one.
#[derive(Clone, Copy)]
struct Cited {
    fact: IncompatibilityId,
    line: Option<usize>,
}

impl Cited {
    fn plain(fact: IncompatibilityId) -> Self {
        Self { fact, line: None }
    }

    fn reference(self) -> String {
        self.line
            .map(|line| format!(" ({line})"))
            .unwrap_or_default()
    }
}

/// Writes the lines of an explanation.
struct Writer<'f> {
    graph: Graph<'f>,
    uses: Vec<usize>,
    root: usize,
    lines: Vec<(String, Option<usize>)>,
    numbers: BTreeMap<usize, usize>,
}

impl Writer<'_> {
    fn count(&mut self, fact: IncompatibilityId) {
        self.uses[fact] += 1;
        if self.uses[fact] == 1
            && let Some((a, b)) = self.graph.causes(fact)
        {
            self.count(a);
            self.count(b);
        }
    }

    fn write(&mut self, fact: IncompatibilityId, message: String, numbered: bool) {
        let number = numbered.then(|| {
            let number = self.numbers.len() + 1;
            self.numbers.insert(fact, number);
            number
        });
        self.lines.push((message, number));
    }

    fn cite(&self, fact: IncompatibilityId) -> Cited {
        let line = self.numbers.get(&fact).copied();
        Cited { fact, line }
    }

    fn visit(&mut self, fact: IncompatibilityId, conclusion: bool) {
        let Some((a, b)) = self.graph.causes(fact) else {
            return;
        };
        let numbered = conclusion || self.uses[fact] > 1;
        let conjunction = if conclusion || fact == self.root {
            "So,"
        } else {
            "And"
        };
        let text = self.graph.text(fact);
        let message = match (self.graph.is_derived(a), self.graph.is_derived(b)) {
            (true, true) => self.conclude_two(a, b, conjunction, &text),
            (true, false) => self.conclude_one(a, b, conjunction, &text),
            (false, true) => self.conclude_one(b, a, conjunction, &text),
            (false, false) => {
                let both = self.graph.both(Cited::plain(a), Cited::plain(b));
                format!("Because {both}, {text}.")
            }
        };
        self.write(fact, message, numbered);
    }

    fn conclude_two(
        &mut self,
        a: IncompatibilityId,
        b: IncompatibilityId,
        conjunction: &str,
        text: &str,
    ) -> String {
        let (cited_a, cited_b) = (self.cite(a), self.cite(b));
        match (cited_a.line, cited_b.line) {
            (Some(_), Some(_)) => {
                format!("Because {}, {text}.", self.graph.both(cited_a, cited_b))
            }
            (Some(line), None) | (None, Some(line)) => {
                let (with, without) = if cited_a.line.is_some() {
                    (a, b)
                } else {
                    (b, a)
                };
                self.visit(without, false);
                format!(
                    "{conjunction} because {} ({line}), {text}.",
                    self.graph.text(with)
                )
            }
            (None, None) if self.is_single_line(a) || self.is_single_line(b) => {
                let (first, second) = if self.is_single_line(b) {
                    (a, b)
                } else {
                    (b, a)
                };
                self.visit(first, false);
                self.visit(second, false);
                format!("Thus, {text}.")
            }
            (None, None) => {
                self.visit(a, true);
                self.lines.push((String::new(), None));
                self.visit(b, false);
                format!(
                    "{conjunction} because {} ({}), {text}",
                    self.graph.text(a),
                    self.numbers[&a]
                )
            }
        }
    }

    fn conclude_one(
        &mut self,
        derived: IncompatibilityId,
        fact: IncompatibilityId,
        conjunction: &str,
        text: &str,
    ) -> String {
        let cited = self.cite(derived);
        if cited.line.is_some() {
            let both = self.graph.both(Cited::plain(fact), cited);
            return format!("Because {both}, {text}.");
        }
        if let Some((inner, inner_fact)) = self.collapsible(derived) {
            self.visit(inner, false);
            let both = self
                .graph
                .both(Cited::plain(inner_fact), Cited::plain(fact));
            return format!("{conjunction} because {both}, {text}.");
        }
        self.visit(derived, false);
        format!("{conjunction} because {}, {text}.", self.graph.text(fact))
    }

    /// A step used once, from one derived and one plain fact, needs no line of its own.
    fn collapsible(&self, fact: IncompatibilityId) -> Option<(usize, usize)> {
        let (a, b) = self.graph.causes(fact)?;
        let (derived, plain) = match (self.graph.is_derived(a), self.graph.is_derived(b)) {
            (true, false) => (a, b),
            (false, true) => (b, a),
            _ => return None,
        };
        (self.uses[fact] == 1 && !self.numbers.contains_key(&derived)).then_some((derived, plain))
    }

    fn is_single_line(&self, fact: IncompatibilityId) -> bool {
        self.graph
            .causes(fact)
            .is_some_and(|(a, b)| !self.graph.is_derived(a) && !self.graph.is_derived(b))
    }

    fn finished(self) -> Vec<String> {
        let padding = self
            .numbers
            .values()
            .max()
            .map_or(0, |last| format!("({last}) ").len());
        let mut finished: Vec<String> = Vec::new();
        let mut last_was_empty = false;
        for (message, number) in self.lines {
            if message.is_empty() {
                if !last_was_empty {
                    finished.push(String::new());
                }
                last_was_empty = true;
                continue;
            }
            last_was_empty = false;
            let number = number
                .map(|number| format!("({number})"))
                .unwrap_or_default();
            finished.push(format!("{number:padding$}{message}"));
        }
        finished
    }
}
