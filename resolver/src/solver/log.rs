//! What a search tells to whoever wants to follow it: facts, decisions, conflicts, times.
//!
//! Poetry: its words at `-vv`. The number at the front, which there counts attempts, here counts runs: several go on at
//! once.

use std::time::Instant;

use super::answers::{Answers, Completed, Task};
use super::node::Node;
use super::overrides::Run;
use super::term::Incompatibility;

/// The beginning of a run.
pub(crate) fn run(run: &Run) {
    let number = run.number;
    if !run.marker.is_any() {
        tracing::info!("{number:>4}: solving for {}", run.marker);
    }
}

/// The end of a run's search that began then.
pub(crate) fn took(run: &Run, began: Instant) {
    let (number, seconds) = (run.number, began.elapsed().as_secs_f64());
    tracing::info!("{number:>4}: version solving took {seconds:.3} seconds");
}

/// What a node that is decided requires.
pub(crate) fn decided(answers: &Answers<'_>, node: &Node, completed: &Completed) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let Answers { task, run, .. } = answers;
    let (number, title) = (run.number, title(task, node, completed));
    for edge in completed.edges.iter() {
        let requirement = &edge.now;
        let (name, range) = (requirement.complete_name(), &requirement.pretty_constraint);
        tracing::info!("{number:>4}: fact: {title} depends on {name} ({range})");
    }
    tracing::info!("{number:>4}: selecting {title}");
}

/// The search starts again, by Poetry's rules.
pub(crate) fn conflicts(run: &Run) {
    let number = run.number;
    tracing::info!(
        "{number:>4}: requirements are in conflict, so it starts again, by Poetry's rules"
    );
}

/// A conflict, what was learned from it, and how many decisions stand.
pub(crate) fn conflict(run: &Run, learned: &Incompatibility, decisions: usize) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let terms: Vec<String> = learned
        .terms
        .iter()
        .map(|term| {
            let not = if term.positive { "" } else { "not " };
            let demand = &term.demand;
            format!("{not}{} ({})", demand.node, demand.shown_constraint())
        })
        .collect();
    let (number, terms) = (run.number, terms.join(" and "));
    tracing::info!("{number:>4}: conflict: never {terms}; back to decision {decisions}");
}

fn title(task: &Task<'_>, node: &Node, completed: &Completed) -> String {
    match &completed.package {
        None => format!("{} ({})", task.title, task.version),
        Some(package) => format!("{node} ({})", package.version),
    }
}
