//! Questions to whoever runs the program.

use std::io::{self, BufRead};

use crate::console::VALUE;
use crate::context::Context;

/// Asks a question whose answer is yes unless someone says otherwise.
///
/// Poetry: it asks on stderr, and takes whatever begins with a `y` for a yes. With `--no-interaction`, and where nothing is
/// there to be read, nobody is asked.
pub(crate) fn confirm(cx: &Context, question: &str) -> bool {
    if !cx.is_interactive {
        return true;
    }
    let prompt = format_args!("{question} (yes/no) [{VALUE}yes{VALUE:#}] ");
    cx.console.prompt(prompt);
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(1..) => {
            let answer = answer.trim();
            answer.is_empty() || answer.starts_with(['y', 'Y'])
        }
        // The line that nobody has ended.
        _ => {
            cx.console.error_line("");
            true
        }
    }
}
