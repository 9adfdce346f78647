//! Questions to the user: written to stderr, answered by a line on stdin, be that a terminal or a file.

use std::fmt::Display;
use std::io;

use crate::console::{Console, ERROR, NAME, VALUE};
use crate::failure::Failure;

/// Poetry: how often a choice may be wrong.
const ATTEMPTS: usize = 3;

/// Asks for a line. `None`: the line was empty.
///
/// # Errors
/// When nobody is there to answer.
pub(crate) fn ask(console: &Console, question: &str) -> Result<Option<String>, Failure> {
    console.prompt(format_args!("{NAME}{question}{NAME:#} "));
    read()
}

/// Asks until `check` has no objection to the answer, which it turns into what is wanted.
///
/// # Errors
/// When nobody is there to answer.
pub(crate) fn ask_until<T, E: Display>(
    console: &Console,
    question: &str,
    check: impl Fn(Option<String>) -> Result<T, E>,
) -> Result<T, Failure> {
    loop {
        match check(ask(console, question)?) {
            Ok(answer) => return Ok(answer),
            Err(objection) => object(console, objection),
        }
    }
}

/// Asks for a yes or a no. Poetry: what begins with y is a yes, all other words are no.
///
/// # Errors
/// When nobody is there to answer.
pub(crate) fn confirm(console: &Console, question: &str, default: bool) -> Result<bool, Failure> {
    let shown = if default { "yes" } else { "no" };
    console.prompt(format_args!(
        "{NAME}{question} (yes/no){NAME:#} [{VALUE}{shown}{VALUE:#}] "
    ));
    let answer = read()?;
    Ok(answer.map_or(default, |answer| answer.starts_with(['y', 'Y'])))
}

/// Asks for one of some words, by number or as it is. `None`: the line was empty.
///
/// # Errors
/// When nobody is there to answer, or all answers were wrong.
pub(crate) fn choose(
    console: &Console,
    question: &str,
    words: &[String],
) -> Result<Option<String>, Failure> {
    // Poetry: to choose nothing is one of the choices.
    let shown: Vec<&str> = words.iter().map(String::as_str).chain([""]).collect();
    let width = (shown.len() - 1).to_string().len();
    let lines = shown.iter().enumerate();
    let lines: Vec<String> = lines
        .map(|(at, word)| format!(" [{VALUE}{at:>0$}{VALUE:#}] {word}", width + 1))
        .collect();
    let list = lines.join("\n");
    let mut objection = String::new();
    for _ in 0..ATTEMPTS {
        if !objection.is_empty() {
            object(console, &objection);
        }
        console.error_line(format_args!(
            "{NAME}{question}{NAME:#} [{VALUE}{VALUE:#}]:\n{list}"
        ));
        console.prompt(" > ");
        let Some(answer) = read()? else {
            return Ok(None);
        };
        let by_number = answer.parse().ok().and_then(|at: usize| shown.get(at));
        match shown.iter().find(|word| **word == answer).or(by_number) {
            Some(word) => return Ok((!word.is_empty()).then(|| (*word).to_owned())),
            None => objection = format!("Value \"{answer}\" is invalid"),
        }
    }
    Err(Failure::new(objection))
}

fn object(console: &Console, objection: impl Display) {
    console.error_line(format_args!("{ERROR}{objection}{ERROR:#}"));
}

/// Unlike Poetry, which asks for ever, this ends where the input does.
fn read() -> Result<Option<String>, Failure> {
    let mut line = String::new();
    let count = io::stdin().read_line(&mut line).map_err(Failure::caused)?;
    if count == 0 {
        return Err(Failure::new("Aborted").hint(
            "There was no answer on stdin; with -n, questions are answered by their defaults.",
        ));
    }
    let answer = line.trim();
    Ok((!answer.is_empty()).then(|| answer.to_owned()))
}
