//! Questions to whoever runs the program.

use std::io::{self, BufRead};

use crate::console::{INFO, VALUE};
use crate::context::Context;

/// The answer of who says nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// Asks a question that is answered by yes or no.
///
/// Poetry: it asks on stderr, and takes whatever begins with a `y` for a yes. With `--no-interaction`, and where nothing is
/// there to be read, nobody is asked.
pub(crate) fn confirm(cx: &Context, question: &str, default: Answer) -> bool {
    let by_default = default == Answer::Yes;
    if !cx.is_interactive {
        return by_default;
    }
    let word = if by_default { "yes" } else { "no" };
    let prompt = format_args!("{INFO}{question} (yes/no){INFO:#} [{VALUE}{word}{VALUE:#}] ");
    cx.console.prompt(prompt);
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(1..) => match answer.trim() {
            "" => by_default,
            answer => answer.starts_with(['y', 'Y']),
        },
        // The line that nobody has ended.
        _ => {
            cx.console.error_line("");
            by_default
        }
    }
}
