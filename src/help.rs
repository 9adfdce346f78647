//! Help in the form of Poetry's: what a command is for, how it is written, its arguments and options.

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, CommandFactory};

use crate::cli::Cli;
use crate::console::{BOLD, Console, NAME};
use crate::table::fill;

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
    let title = |text: &str| format!("\n{BOLD}{text}:{BOLD:#}");
    let short = text(command.get_about());
    console.line(title("Description"));
    console.line(format_args!("  {short}"));

    let arguments: Vec<&Arg> = command.get_positionals().collect();
    console.line(title("Usage"));
    console.line(format_args!("  {}", usage(name, &arguments)));

    let all = command.get_arguments().chain(whole.get_arguments());
    let options: Vec<&Arg> = all.filter(|option| !option.is_positional()).collect();
    let names = options.iter().map(|option| names_of(option));
    let width = names.map(|names| names.chars().count()).max().unwrap_or(0);
    let row = |name: String, help: String| {
        console.line(format_args!(
            "  {NAME}{}{NAME:#}  {help}",
            fill(&name, width)
        ));
    };
    if !arguments.is_empty() {
        console.line(title("Arguments"));
        for argument in arguments {
            row(argument_name(argument), text(argument.get_help()));
        }
    }
    console.line(title("Options"));
    for option in options {
        row(names_of(option), help_of(option));
    }
    let long = text(command.get_long_about());
    if let Some(more) = long.strip_prefix(&short).map(str::trim)
        && !more.is_empty()
    {
        console.line(title("Help"));
        for line in more.lines() {
            console.line(format_args!("  {line}"));
        }
    }
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
