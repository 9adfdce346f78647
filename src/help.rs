//! Help in the form of Poetry's: what a command is for, how it is written, its arguments and options.

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, CommandFactory};

use crate::cli::Cli;
use crate::console::{BOLD, Console, NAME};
use crate::table::{fill, wrap};
use crate::variables::Variables;

/// The heading of options that Poetry's command of the same name does not have.
pub(crate) const OURS: &str = "Options that mpoetry adds";

/// Lines of running text are no longer than this, however wide the terminal is.
const LONGEST_LINE: usize = 100;
/// Narrower columns can't be read; rather a line is too long for the terminal.
const NARROWEST_COLUMN: usize = 40;

/// Prints the help of a command, which may have a namespace.
pub(crate) fn print(console: &Console, name: &str) {
    let whole = Cli::command();
    let mut command = &whole;
    for word in name.split(' ') {
        let Some(found) = command.find_subcommand(word) else {
            return;
        };
        command = found;
    }
    let screen = console.width(&Variables::of_process());
    let title = |text: &str| format!("\n{BOLD}{text}:{BOLD:#}");
    let short = text(command.get_about());
    console.line(title("Description"));
    console.line(format_args!("  {short}"));

    let arguments: Vec<&Arg> = command.get_positionals().collect();
    console.line(title("Usage"));
    console.line(format_args!("  {}", usage(name, &arguments)));

    let all = command.get_arguments().chain(whole.get_arguments());
    let options = all.filter(|option| !option.is_positional());
    let (ours, options): (Vec<&Arg>, Vec<&Arg>) =
        options.partition(|option| option.get_help_heading() == Some(OURS));
    let names = options.iter().chain(&ours).map(|option| names_of(option));
    let width = names.map(|names| names.chars().count()).max().unwrap_or(0);
    let row = |name: String, help: &str| {
        let column = screen.saturating_sub(width + 4).max(NARROWEST_COLUMN);
        let mut lines = wrap(help, column).into_iter();
        let first = lines.next().unwrap_or_default();
        let name = fill(&name, width);
        console.line(format_args!("  {NAME}{name}{NAME:#}  {first}"));
        for line in lines {
            console.line(format_args!("  {:width$}  {line}", ""));
        }
    };
    if !arguments.is_empty() {
        console.line(title("Arguments"));
        for argument in arguments {
            row(argument_name(argument), &text(argument.get_help()));
        }
    }
    for (heading, options) in [("Options", options), (OURS, ours)] {
        if !options.is_empty() {
            console.line(title(heading));
        }
        for option in options {
            row(names_of(option), &help_of(option));
        }
    }
    let long = text(command.get_long_about());
    if let Some(more) = long.strip_prefix(&short).map(str::trim)
        && !more.is_empty()
    {
        console.line(title("Help"));
        for line in flow(more, screen.min(LONGEST_LINE) - 2) {
            console.line(format_args!("  {line}"));
        }
    }
}

/// Text in lines of `width`. Lines that begin with a space (examples, lists) stay as they are.
fn flow(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut paragraph = String::new();
    for line in text.lines().chain([""]) {
        if !line.is_empty() && !line.starts_with(' ') {
            paragraph = format!("{paragraph} {line}");
            continue;
        }
        if !paragraph.is_empty() {
            lines.extend(wrap(&paragraph, width));
            paragraph.clear();
        }
        lines.push(line.to_owned());
    }
    // The empty line that ended the last paragraph.
    lines.pop();
    lines
}

/// `show [options] [--] [<package>]`
fn usage(name: &str, arguments: &[&Arg]) -> String {
    let mut usage = format!("{name} [options]");
    if !arguments.is_empty() {
        usage += " [--]";
    }
    for argument in arguments {
        let name = argument_name(argument);
        usage += &match (argument.is_required_set(), takes_many(argument)) {
            (true, false) => format!(" <{name}>"),
            (true, true) => format!(" <{name}>..."),
            (false, false) => format!(" [<{name}>]"),
            (false, true) => format!(" [<{name}>...]"),
        };
    }
    usage
}

fn argument_name(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    names
        .first()
        .map_or_else(|| argument.get_id().to_string(), |name| name.to_lowercase())
}

/// `-f, --format=FORMAT`
pub(crate) fn names_of(option: &Arg) -> String {
    let long = option.get_long().unwrap_or_default();
    let short = match option.get_short() {
        // Poetry: it says here how often it may be given.
        Some('v') => "-v|vv|vvv, ".to_owned(),
        Some(short) => format!("-{short}, "),
        None => "    ".to_owned(),
    };
    let takes_value = option.get_action().takes_values();
    let values = option.get_value_names().filter(|_| takes_value);
    let value = values.map_or_else(String::new, |names| format!("={}", names.join(" ")));
    format!("{short}--{long}{value}")
}

fn help_of(option: &Arg) -> String {
    let mut help = text(option.get_help());
    if option.get_action().takes_values() && takes_many(option) {
        help += " (multiple values allowed)";
    }
    for default in option.get_default_values() {
        if option.get_action().takes_values() {
            help += &format!(" [default: \"{}\"]", default.display());
        }
    }
    help
}

fn takes_many(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
}

/// What clap keeps of a help text.
fn text(styled: Option<&StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::flow;

    #[test]
    fn paragraphs_flow_and_examples_stay() {
        let text = "One two\nthree four.\n\n  a   b c d e f g h i\n  x\nFive.";
        let expected = [
            "One two three",
            "four.",
            "",
            "  a   b c d e f g h i",
            "  x",
            "Five.",
        ];
        assert_eq!(flow(text, 13), expected);
        assert_eq!(flow("", 13), Vec::<String>::new());
    }
}
