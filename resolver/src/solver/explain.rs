//! Why there is no solution, in the words Poetry's users know.
//!
//! PubGrub proves that there is none by deriving, from facts about the index and the requirements, smaller and
//! smaller incompatibilities, down to "the root can't be". The explanation walks that derivation from its facts
//! to its end, one line for each step, and numbers the lines that are referred to later.

use std::collections::BTreeMap;
use std::sync::Arc;

use itertools::Itertools;
use pubgrub::{DerivationTree, External, Term, VersionSet};
use rustc_hash::FxHashMap;

use crate::constraint::Constraint;
use crate::marker::Marker;

use super::node::{Node, Releases};
use super::overrides::{Overrides, Run};
use super::provider::{Provider, Task, Unavailable};

type Tree = DerivationTree<Node, Releases, Unavailable>;

/// Poetry: a clash between requirements that never apply together is none. If one stands behind the failure,
/// the run is split by its marker; the way out is tried only after all others.
pub(crate) fn marker_split(
    tree: &Tree,
    provider: &Provider<'_>,
    run: &Run,
) -> Option<Vec<Overrides>> {
    let mut by_name: BTreeMap<Node, Vec<(Constraint, Marker)>> = BTreeMap::new();
    for external in externals(tree) {
        let External::FromDependencyOf(from, releases, on, _) = external else {
            continue;
        };
        if matches!(on, Node::Probe | Node::Root) {
            continue;
        }
        for (release, edge) in provider.requirements_of(from, on) {
            if releases.contains(&release) {
                let world = edge.transitive().without_extras().intersect(&run.marker);
                let requirement = edge.requirement.get();
                let bare = Node::Package(requirement.name.clone(), Arc::default());
                by_name
                    .entry(bare)
                    .or_default()
                    .push((requirement.constraint.clone(), world));
            }
        }
    }
    for requirements in by_name.values() {
        for ((constraint, here), (other, there)) in requirements.iter().tuple_combinations() {
            let clash = constraint.intersect(other).is_empty();
            if clash && !here.is_empty() && !there.is_empty() && here.intersect(there).is_empty() {
                return Some(run.split_by_marker(here));
            }
        }
    }
    None
}

/// The explanation of a failure: Poetry's lines, and its advice if pythons are the reason.
pub(crate) fn explain(tree: &Tree, task: &Task<'_>, run: &Run) -> String {
    let mut graph = Graph {
        title: task.title.clone(),
        facts: Vec::new(),
        shared: FxHashMap::default(),
    };
    let root = graph.add(tree);
    let mut writer = Writer {
        graph: &graph,
        uses: vec![0; graph.facts.len()],
        root,
        lines: Vec::new(),
        numbers: BTreeMap::new(),
    };
    writer.count(root);
    let mut text = python_preamble(tree, run);
    if graph.facts[root].causes.is_some() {
        writer.visit(root, false);
    } else {
        writer.write(
            root,
            format!("Because {}, version solving failed.", graph.text(root)),
            false,
        );
    }
    text.extend(writer.finished());
    text.extend(python_advice(tree, run));
    text.join("\n")
}

fn externals(tree: &Tree) -> Vec<&External<Node, Releases, Unavailable>> {
    match tree {
        DerivationTree::External(external) => vec![external],
        DerivationTree::Derived(derived) => {
            let mut all = externals(&derived.cause1);
            all.extend(externals(&derived.cause2));
            all
        }
    }
}

/// Packages refused because of their pythons: name and Requires-Python.
fn refused_pythons(tree: &Tree) -> Vec<(&Node, &str)> {
    externals(tree)
        .into_iter()
        .filter_map(|external| match external {
            External::Custom(node, _, Unavailable::Python(python)) => Some((node, python.as_str())),
            _ => None,
        })
        .unique()
        .collect()
}

fn python_preamble(tree: &Tree, run: &Run) -> Vec<String> {
    let refused = refused_pythons(tree);
    if refused.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "The current project's supported Python range ({}) is not compatible with some of the required packages \
         Python requirement:",
        run.python
    )];
    for (node, python) in refused {
        let supported =
            Constraint::parse_marker_version(python).unwrap_or_else(|_| Constraint::any());
        lines.push(format!(
            "  - {node} requires Python {python}, so it will not be installable for Python {}",
            run.python.difference(&supported)
        ));
    }
    lines.push(String::new());
    lines
}

fn python_advice(tree: &Tree, run: &Run) -> Vec<String> {
    let refused = refused_pythons(tree);
    if refused.is_empty() {
        return Vec::new();
    }
    let solutions: Vec<String> = refused
        .into_iter()
        .map(|(node, python)| {
            let supported =
                Constraint::parse_marker_version(python).unwrap_or_else(|_| Constraint::any());
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

/// Why an incompatibility holds.
#[derive(Clone, Debug)]
enum Reason {
    Root,
    NoVersions,
    Requires,
    Python(String),
    Derived,
}

/// An incompatibility: terms that can't all hold.
#[derive(Clone, Debug)]
struct Fact {
    terms: Vec<(Node, bool, Releases)>,
    reason: Reason,
    causes: Option<(usize, usize)>,
}

/// The derivation as a graph: causes that are used twice are one fact.
struct Graph {
    title: String,
    facts: Vec<Fact>,
    shared: FxHashMap<usize, usize>,
}

impl Graph {
    fn add(&mut self, tree: &Tree) -> usize {
        let fact = match tree {
            DerivationTree::External(external) => external_fact(external),
            DerivationTree::Derived(derived) => {
                if let Some(&known) = derived.shared_id.and_then(|id| self.shared.get(&id)) {
                    return known;
                }
                let causes = Some((self.add(&derived.cause1), self.add(&derived.cause2)));
                let mut terms: Vec<_> = derived
                    .terms
                    .iter()
                    .map(|(node, term)| match term {
                        Term::Positive(releases) => (node.clone(), true, releases.clone()),
                        Term::Negative(releases) => (node.clone(), false, releases.clone()),
                    })
                    .collect();
                // The root always holds; leaving it out reads better.
                if terms.len() > 1 {
                    terms.retain(|(node, positive, _)| !(*positive && *node == Node::Root));
                }
                terms.sort_by(|(a, x, _), (b, y, _)| y.cmp(x).then_with(|| a.cmp(b)));
                Fact {
                    terms,
                    reason: Reason::Derived,
                    causes,
                }
            }
        };
        let place = self.facts.len();
        self.facts.push(fact);
        if let DerivationTree::Derived(derived) = tree
            && let Some(id) = derived.shared_id
        {
            self.shared.insert(id, place);
        }
        place
    }

    fn is_derived(&self, fact: usize) -> bool {
        self.facts[fact].causes.is_some()
    }

    /// `name (constraint)`, or the project's name for the root.
    fn terse(&self, (node, _, releases): &(Node, bool, Releases), allow_every: bool) -> String {
        let constraint = releases.to_constraint();
        match node {
            Node::Root => self.title.clone(),
            _ if allow_every && constraint.is_any() => format!("every version of {node}"),
            _ => format!("{node} ({constraint})"),
        }
    }

    fn positives(&self, fact: usize) -> Vec<&(Node, bool, Releases)> {
        self.facts[fact]
            .terms
            .iter()
            .filter(|(_, positive, _)| *positive)
            .collect()
    }

    fn negatives(&self, fact: usize) -> Vec<&(Node, bool, Releases)> {
        self.facts[fact]
            .terms
            .iter()
            .filter(|(_, positive, _)| !*positive)
            .collect()
    }

    fn is_failure(&self, fact: usize) -> bool {
        matches!(
            self.facts[fact].terms.as_slice(),
            [] | [(Node::Root, true, _)]
        )
    }

    fn list(&self, terms: &[&(Node, bool, Releases)], between: &str) -> String {
        terms
            .iter()
            .map(|term| self.terse(term, false))
            .join(between)
    }

    fn text(&self, fact: usize) -> String {
        let terms = &self.facts[fact].terms;
        match (&self.facts[fact].reason, terms.as_slice()) {
            (Reason::Requires, [from, on]) => {
                format!(
                    "{} depends on {}",
                    self.terse(from, true),
                    self.terse(on, false)
                )
            }
            (Reason::Python(python), [term, ..]) => {
                format!("{} requires Python {python}", self.terse(term, true))
            }
            (Reason::NoVersions, [(node, _, releases), ..]) => {
                format!("no versions of {node} match {releases}")
            }
            (Reason::Root, _) => self.title.clone(),
            _ if self.is_failure(fact) => "version solving failed".to_owned(),
            (_, [(node, positive, _)]) => {
                format!(
                    "{node} is {}",
                    if *positive { "forbidden" } else { "required" }
                )
            }
            _ => self.derived_text(fact),
        }
    }

    fn derived_text(&self, fact: usize) -> String {
        let positives = self.positives(fact);
        let negatives = self.negatives(fact);
        match (positives.as_slice(), negatives.as_slice()) {
            ([a, b], []) => {
                let name = |term: &(Node, bool, Releases)| {
                    if term.2.to_constraint().is_any() {
                        term.0.to_string()
                    } else {
                        self.terse(term, false)
                    }
                };
                format!("{} is incompatible with {}", name(a), name(b))
            }
            ([], [a, b]) => format!(
                "either {} or {}",
                self.terse(a, false),
                self.terse(b, false)
            ),
            (_, []) => format!("one of {} must be false", self.list(&positives, " or ")),
            ([], _) => format!("one of {} must be true", self.list(&negatives, " or ")),
            ([only], _) => {
                format!(
                    "{} requires {}",
                    self.terse(only, true),
                    self.list(&negatives, " or ")
                )
            }
            _ => format!(
                "if {} then {}",
                self.list(&positives, " and "),
                self.list(&negatives, " or ")
            ),
        }
    }

    /// Two facts in one clause, as briefly as they allow.
    fn both(&self, a: usize, b: usize, line_a: Option<usize>, line_b: Option<usize>) -> String {
        self.requires_both(a, b, line_a, line_b)
            .or_else(|| self.requires_through(a, b, line_a, line_b))
            .or_else(|| self.requires_forbidden(a, b, line_a, line_b))
            .unwrap_or_else(|| {
                let line =
                    |line: Option<usize>| line.map(|l| format!("\n {l}")).unwrap_or_default();
                format!(
                    "{}{}\n and {}{}",
                    self.text(a),
                    line(line_a),
                    self.text(b),
                    line(line_b)
                )
            })
    }

    fn requires_both(
        &self,
        a: usize,
        b: usize,
        line_a: Option<usize>,
        line_b: Option<usize>,
    ) -> Option<String> {
        if self.facts[a].terms.len() == 1 || self.facts[b].terms.len() == 1 {
            return None;
        }
        let (&[ours], &[theirs]) = (self.positives(a).as_slice(), self.positives(b).as_slice())
        else {
            return None;
        };
        if ours.0 != theirs.0 || ours.2 != theirs.2 {
            return None;
        }
        let declared = matches!(
            (&self.facts[a].reason, &self.facts[b].reason),
            (Reason::Requires, Reason::Requires)
        );
        Some(format!(
            "{} {} both {}{} and {}{}",
            self.terse(ours, true),
            if declared { "depends on" } else { "requires" },
            self.list(&self.negatives(a), " or "),
            reference(line_a),
            self.list(&self.negatives(b), " or "),
            reference(line_b),
        ))
    }

    fn requires_through(
        &self,
        a: usize,
        b: usize,
        line_a: Option<usize>,
        line_b: Option<usize>,
    ) -> Option<String> {
        if self.facts[a].terms.len() == 1 || self.facts[b].terms.len() == 1 {
            return None;
        }
        let leads = |from: usize, to: usize| match (
            self.negatives(from).as_slice(),
            self.positives(to).as_slice(),
        ) {
            (&[negative], &[positive]) => {
                negative.0 == positive.0 && negative.2.subset_of(&positive.2)
            }
            _ => false,
        };
        let (prior, latter, prior_line, latter_line) = if leads(a, b) {
            (a, b, line_a, line_b)
        } else if leads(b, a) {
            (b, a, line_b, line_a)
        } else {
            return None;
        };
        Some(format!(
            "{}{}{} which {} {}{}",
            self.beginning(prior),
            self.list(&self.negatives(prior), " or "),
            reference(prior_line),
            self.verb(latter),
            self.list(&self.negatives(latter), " or "),
            reference(latter_line),
        ))
    }

    fn requires_forbidden(
        &self,
        a: usize,
        b: usize,
        line_a: Option<usize>,
        line_b: Option<usize>,
    ) -> Option<String> {
        let (prior, latter, prior_line, latter_line) = if self.facts[a].terms.len() == 1 {
            (b, a, line_b, line_a)
        } else if self.facts[b].terms.len() == 1 {
            (a, b, line_a, line_b)
        } else {
            return None;
        };
        let forbidden = self.facts[latter].terms.first()?;
        let &[negative] = self.negatives(prior).as_slice() else {
            return None;
        };
        if negative.0 != forbidden.0 || !forbidden.1 || !negative.2.subset_of(&forbidden.2) {
            return None;
        }
        let why = match &self.facts[latter].reason {
            Reason::Python(python) => format!("which requires Python {python}"),
            Reason::NoVersions => "which doesn't match any versions".to_owned(),
            _ => "which is forbidden".to_owned(),
        };
        let prior_line = prior_line
            .map(|line| format!("({line}) "))
            .unwrap_or_default();
        Some(format!(
            "{}{} {prior_line}{why}{}",
            self.beginning(prior),
            self.terse(forbidden, false),
            reference(latter_line),
        ))
    }

    fn verb(&self, fact: usize) -> &'static str {
        if matches!(self.facts[fact].reason, Reason::Requires) {
            "depends on"
        } else {
            "requires"
        }
    }

    fn beginning(&self, fact: usize) -> String {
        match self.positives(fact).as_slice() {
            &[only] => format!("{} {} ", self.terse(only, true), self.verb(fact)),
            many => format!("if {} then ", self.list(many, " or ")),
        }
    }
}

fn reference(line: Option<usize>) -> String {
    line.map(|line| format!(" ({line})")).unwrap_or_default()
}

fn external_fact(external: &External<Node, Releases, Unavailable>) -> Fact {
    let (terms, reason) = match external {
        External::NotRoot(node, release) => (
            vec![(node.clone(), false, Releases::only(release))],
            Reason::Root,
        ),
        External::NoVersions(node, releases) => (
            vec![(node.clone(), true, releases.clone())],
            Reason::NoVersions,
        ),
        External::FromDependencyOf(from, releases, on, wanted) => (
            vec![
                (from.clone(), true, releases.clone()),
                (on.clone(), false, wanted.clone()),
            ],
            Reason::Requires,
        ),
        External::Custom(node, releases, Unavailable::Python(python)) => (
            vec![(node.clone(), true, releases.clone())],
            Reason::Python(python.clone()),
        ),
    };
    Fact {
        terms,
        reason,
        causes: None,
    }
}

/// Writes the lines of an explanation.
struct Writer<'g> {
    graph: &'g Graph,
    uses: Vec<usize>,
    root: usize,
    lines: Vec<(String, Option<usize>)>,
    numbers: BTreeMap<usize, usize>,
}

impl Writer<'_> {
    fn count(&mut self, fact: usize) {
        self.uses[fact] += 1;
        if self.uses[fact] == 1
            && let Some((a, b)) = self.graph.facts[fact].causes
        {
            self.count(a);
            self.count(b);
        }
    }

    fn write(&mut self, fact: usize, message: String, numbered: bool) {
        let number = numbered.then(|| {
            let number = self.numbers.len() + 1;
            self.numbers.insert(fact, number);
            number
        });
        self.lines.push((message, number));
    }

    fn visit(&mut self, fact: usize, conclusion: bool) {
        let Some((a, b)) = self.graph.facts[fact].causes else {
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
            (false, false) => format!("Because {}, {text}.", self.graph.both(a, b, None, None)),
        };
        self.write(fact, message, numbered);
    }

    fn conclude_two(&mut self, a: usize, b: usize, conjunction: &str, text: &str) -> String {
        let (line_a, line_b) = (self.numbers.get(&a).copied(), self.numbers.get(&b).copied());
        match (line_a, line_b) {
            (Some(_), Some(_)) => {
                format!("Because {}, {text}.", self.graph.both(a, b, line_a, line_b))
            }
            (Some(line), None) | (None, Some(line)) => {
                let (with, without) = if line_a.is_some() { (a, b) } else { (b, a) };
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
        derived: usize,
        fact: usize,
        conjunction: &str,
        text: &str,
    ) -> String {
        if let Some(&line) = self.numbers.get(&derived) {
            return format!(
                "Because {}, {text}.",
                self.graph.both(fact, derived, None, Some(line))
            );
        }
        if let Some((inner, inner_fact)) = self.collapsible(derived) {
            self.visit(inner, false);
            let both = self.graph.both(inner_fact, fact, None, None);
            return format!("{conjunction} because {both}, {text}.");
        }
        self.visit(derived, false);
        format!("{conjunction} because {}, {text}.", self.graph.text(fact))
    }

    /// A step used once, from one derived and one plain fact, needs no line of its own.
    fn collapsible(&self, fact: usize) -> Option<(usize, usize)> {
        let (a, b) = self.graph.facts[fact].causes?;
        let (derived, plain) = match (self.graph.is_derived(a), self.graph.is_derived(b)) {
            (true, false) => (a, b),
            (false, true) => (b, a),
            _ => return None,
        };
        (self.uses[fact] == 1 && !self.numbers.contains_key(&derived)).then_some((derived, plain))
    }

    fn is_single_line(&self, fact: usize) -> bool {
        self.graph.facts[fact]
            .causes
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
