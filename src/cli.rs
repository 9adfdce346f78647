//! The command line: global options, commands, and Poetry's words for what is wrong with it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::arguments::Words;
use crate::commands::{
    about, add, affected, build, bundle, cache, check, completions, config, debug, env, export,
    graph, help, init, install, list, lock, new, publish, python, remove, run, search, self_,
    shell, show, source, sync, update, version,
};
use crate::console::{BOLD, Console, INFO, NAME, VALUE};
use crate::failure::Failure;

/// Poetry: the version whose behaviour we have; projects ask for it with `requires-poetry`, scripts with
/// `--version`.
pub(crate) use resolver::lock::POETRY_VERSION;

/// Manages the dependencies, environments and bundles of Python projects, as Poetry does
#[derive(Debug, Parser)]
#[command(
    name = "mpoetry",
    disable_version_flag = true,
    disable_help_flag = true,
    disable_help_subcommand = true,
    args_override_self = true,
    subcommand_required = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Options of all commands.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that may stand before or after the command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Show help: of the command, or the list of commands
    #[arg(short, long, action = clap::ArgAction::HelpShort, global = true)]
    help: Option<bool>,
    /// Say nothing at all, not even what went wrong
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Show the version of Poetry that this program stands for
    #[arg(short = 'V', long, global = true)]
    version: bool,
    /// Use colours, wherever the output goes
    #[arg(long, global = true)]
    ansi: bool,
    /// Use no colours
    #[arg(long, global = true)]
    no_ansi: bool,
    /// Ask no questions, take the defaults
    #[arg(short, long, global = true)]
    pub(crate) no_interaction: bool,
    /// Don't tell which plugins the project wants: there are none
    #[arg(long, global = true)]
    pub(crate) no_plugins: bool,
    /// Ask indexes again instead of trusting what is cached of their answers
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
    /// The project's folder; other paths stay relative to where you are
    #[arg(short = 'P', long, value_name = "PROJECT", global = true)]
    project: Option<PathBuf>,
    /// Go to this folder first; all paths are relative to it
    #[arg(short = 'C', long, value_name = "DIRECTORY", global = true)]
    directory: Option<PathBuf>,
    /// Say more: -v for details, -vv for more of them, -vvv to debug
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    About(about::AboutArgs),
    Add(Box<add::AddArgs>),
    Affected(affected::AffectedArgs),
    Build(build::BuildArgs),
    Bundle(Box<bundle::BundleArgs>),
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    #[command(hide = true, name = completions::CANDIDATES)]
    Candidates(completions::CandidatesArgs),
    Check(check::CheckArgs),
    #[command(hide = true)]
    Completions(completions::CompletionsArgs),
    Config(config::ConfigArgs),
    #[command(subcommand)]
    Debug(debug::DebugCommand),
    #[command(subcommand)]
    Env(env::EnvCommand),
    Export(export::ExportArgs),
    Graph(graph::GraphArgs),
    Help(help::HelpArgs),
    Init(init::InitArgs),
    Install(install::InstallArgs),
    List(list::ListArgs),
    Lock(lock::LockArgs),
    New(new::NewArgs),
    Publish(publish::PublishArgs),
    #[command(subcommand)]
    Python(python::PythonCommand),
    Remove(remove::RemoveArgs),
    Run(run::RunArgs),
    Search(search::SearchArgs),
    #[command(subcommand, name = "self")]
    Self_(self_::SelfCommand),
    Shell(shell::ShellArgs),
    Show(show::ShowArgs),
    #[command(subcommand)]
    Source(source::SourceCommand),
    Sync(sync::SyncArgs),
    Update(update::UpdateArgs),
    Version(version::VersionArgs),
}

/// Prints the version as Poetry does, since scripts look for it; with `-v` our own as well.
pub(crate) fn print_version(console: &Console) {
    console.line(poetry_version());
    if console.is_verbose() {
        let own = env!("CARGO_PKG_VERSION");
        console.line(format_args!(
            "mpoetry ({BOLD}version {VALUE}{own}{VALUE:#}{BOLD:#})"
        ));
    }
}

fn poetry_version() -> String {
    format!("{BOLD}Poetry{BOLD:#} (version {NAME}{POETRY_VERSION}{NAME:#})")
}

/// Parses the words. `None`: all was said already (help, or the list of commands).
///
/// # Errors
/// With Poetry's words, when they don't fit.
pub(crate) fn parse(words: Words, console: &Console) -> Result<Option<Cli>, Failure> {
    let program = std::iter::once(OsString::from("mpoetry"));
    let arguments: Vec<OsString> = program.chain(words.arguments).collect();
    if words.command.is_empty() {
        let options = Cli::command().subcommand_required(false);
        let options = options.arg_required_else_help(false);
        return match options.try_get_matches_from(arguments) {
            Err(error) if error.kind() != ErrorKind::DisplayHelp => Err(misused(&error, "")),
            _ => {
                print_overview(console);
                Ok(None)
            }
        };
    }
    // Defining all commands takes longer than what some of them have to do.
    let alone = words.command.first().and_then(|name| alone(name));
    if let Some(definition) = alone
        && let Ok(matches) = definition.try_get_matches_from(arguments.clone())
        && let Ok(cli) = Cli::from_arg_matches(&matches)
    {
        return Ok(Some(cli));
    }
    let definition = Cli::command();
    let name = known_command(&definition, &words.command)?;
    let parsed = definition
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok(Some(cli)),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            crate::help::print(console, &name);
            Ok(None)
        }
        Err(error) => Err(misused(&error, &name)),
    }
}

/// The definition of the program as if it had only the command of this name, for those that are called most. Whatever does
/// not fit it is read, and told, by the whole definition.
fn alone(name: &str) -> Option<clap::Command> {
    type Define = fn(clap::Command) -> clap::Command;
    let (name, define): (&'static str, Define) = match name {
        "bundle" => ("bundle", bundle::BundleArgs::augment_args),
        "install" => ("install", install::InstallArgs::augment_args),
        "lock" => ("lock", lock::LockArgs::augment_args),
        "run" => ("run", run::RunArgs::augment_args),
        "sync" => ("sync", sync::SyncArgs::augment_args),
        _ => return None,
    };
    let program = clap::Command::new("mpoetry")
        .disable_version_flag(true)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true);
    let command = define(clap::Command::new(name));
    Some(Globals::augment_args(program).subcommand(command))
}

/// An option that lacks its value.
///
/// Poetry: with global ones the program exits as Python's own parser does.
pub(crate) fn lacks_value(option: &str) -> Failure {
    Failure::new(without_value(option)).of_usage()
}

fn without_value(option: &str) -> String {
    format!("The \"{option}\" option requires a value")
}

/// The failure for what clap found with `command`.
fn misused(error: &clap::Error, command: &str) -> Failure {
    let failure = Failure::new(fault(error, command));
    let option = argument_of(error);
    let option = option_of(&option).trim_start_matches('-');
    let mut global = Cli::command();
    global.build();
    let is_global = global
        .get_arguments()
        .any(|it| it.get_long() == Some(option));
    match error.kind() {
        // As `lacks_value`.
        ErrorKind::InvalidValue | ErrorKind::TooManyValues if is_global => failure.of_usage(),
        _ => failure,
    }
}

fn argument_of(error: &clap::Error) -> String {
    word_of(error, ContextKind::InvalidArg)
}

/// The name of an option; clap adds the placeholder of its value (`--only <GROUPS>`), or dots if it may be repeated.
fn option_of(argument: &str) -> &str {
    argument
        .split([' ', '=', '[', '.'])
        .next()
        .unwrap_or_default()
}

fn word_of(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

/// Poetry's words for a fault that clap found with `command`.
fn fault(error: &clap::Error, command: &str) -> String {
    let argument = argument_of(error);
    let option = option_of(&argument);
    let value = word_of(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            format!("The option \"{argument}\" does not exist")
        }
        ErrorKind::UnknownArgument => match expected_arguments(command) {
            None => format!("No arguments expected for \"{command}\" command, got \"{argument}\""),
            Some(expected) => format!(
                "Too many arguments to \"{command}\" command, expected arguments {expected}"
            ),
        },
        ErrorKind::MissingRequiredArgument if argument.starts_with('-') => {
            format!("The option \"{option}\" is required")
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = argument
                .trim_matches(['<', '>', '.', '[', ']'])
                .to_lowercase();
            format!("Not enough arguments (missing: \"{missing}\")")
        }
        ErrorKind::InvalidValue if value.is_empty() => without_value(option),
        ErrorKind::InvalidValue => {
            let valid = word_of(error, ContextKind::ValidValue);
            format!(
                "\"{value}\" is an invalid value for the \"{option}\" option (valid are: {valid})"
            )
        }
        ErrorKind::TooManyValues => format!("The \"{option}\" option does not accept a value"),
        // None of Poetry's cases: clap's own first line.
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        }
    }
}

/// The names of a command's arguments in quotes, if it takes some.
fn expected_arguments(command: &str) -> Option<String> {
    let mut found = Cli::command();
    for name in command.split(' ') {
        found = found.find_subcommand(name)?.clone();
    }
    let names: Vec<String> = found
        .get_positionals()
        .flat_map(|argument| argument.get_value_names().unwrap_or_default())
        .map(|name| format!("\"{}\"", name.to_lowercase()))
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// Poetry: commands of it and of its official plugins. Those that are not ours yet are refused by name, so that nobody
/// takes them for typing errors.
const POETRY_COMMANDS: &[&str] = &["build-project", "check-project"];
const DOCUMENTATION: &str = "https://python-poetry.org/docs/cli/";

/// The name of the command that these words begin with.
pub(crate) fn known_command(
    definition: &clap::Command,
    words: &[String],
) -> Result<String, Failure> {
    let first = words.first().map_or("", String::as_str);
    let two = words.get(1).map(|second| format!("{first} {second}"));
    let two = two.unwrap_or_default();
    let known = commands(definition);
    for name in [two.as_str(), first] {
        if known.iter().any(|command| command.name == name) {
            return Ok(name.to_owned());
        }
        if POETRY_COMMANDS.contains(&name) {
            return Err(not_yet(name));
        }
    }
    let in_namespace = format!("{first} ");
    let is_namespace = |name: &str| name.starts_with(&in_namespace);
    if known.iter().any(|command| is_namespace(&command.name)) {
        let near = known.iter().filter(|command| is_namespace(&command.name));
        let what =
            format!("The requested command does not exist in the {NAME}{first}{NAME:#} namespace.");
        return Err(no_such_command(&what, near, &format!("#{first}")));
    }
    if POETRY_COMMANDS.iter().any(|name| is_namespace(name)) {
        return Err(not_yet(first));
    }
    let near = known.iter();
    let near = near.filter(|command| !command.is_hidden && is_near(first, &command.name));
    let what = format!("The requested command {NAME}{first}{NAME:#} does not exist.");
    Err(no_such_command(&what, near, ""))
}

fn not_yet(name: &str) -> Failure {
    Failure::new(format!(
        "The command \"{name}\" is not supported by mpoetry yet; \
         use Poetry for it: both work on the same project, lock file and environment."
    ))
}

fn no_such_command<'a>(
    what: &str,
    near: impl Iterator<Item = &'a Listed>,
    section: &str,
) -> Failure {
    let mut text = what.to_owned();
    let near: Vec<String> = near
        .map(|command| format!("\n    {NAME}{}{NAME:#}: {}", command.name, command.about))
        .collect();
    if !near.is_empty() {
        text += &format!("\n\nDid you mean one of these perhaps?{}", near.concat());
    }
    text += &format!("\n\n{BOLD}Documentation: {BOLD:#}{INFO}{DOCUMENTATION}{section}{INFO:#}");
    Failure::message(text)
}

/// Poetry: a third of the letters may differ, or the name is part of the command's.
fn is_near(name: &str, command: &str) -> bool {
    command.contains(name) || 3 * strsim::levenshtein(name, command) <= name.chars().count()
}

/// A command as the overview lists it.
#[derive(Debug)]
struct Listed {
    /// With its namespace.
    name: String,
    about: String,
    /// Is it one that lists leave out?
    is_hidden: bool,
}

/// All our commands by name; those in namespaces last, as Poetry lists them.
fn commands(definition: &clap::Command) -> Vec<Listed> {
    let mut plain = Vec::new();
    let mut in_namespaces = Vec::new();
    for command in definition.get_subcommands() {
        // `bundle` is a command by itself, too.
        if !command.has_subcommands() || command.get_positionals().next().is_some() {
            plain.push(listed(String::new(), command));
        }
        let namespace = format!("{} ", command.get_name());
        in_namespaces.extend(
            command
                .get_subcommands()
                .map(|sub| listed(namespace.clone(), sub)),
        );
    }
    plain.append(&mut in_namespaces);
    plain
}

fn listed(namespace: String, command: &clap::Command) -> Listed {
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    Listed {
        name: namespace + command.get_name(),
        about,
        is_hidden: command.is_hide_set(),
    }
}

/// What `mpoetry` alone and `mpoetry list` print, in the form of Poetry's `list`.
pub(crate) fn print_overview(console: &Console) {
    print_head(console);
    print_commands(console, &commands(&Cli::command()));
}

/// As [`print_overview`], but with the commands of one namespace alone.
///
/// # Errors
/// When there are none.
pub(crate) fn print_namespace(console: &Console, namespace: &str) -> Result<(), Failure> {
    let mut commands = commands(&Cli::command());
    commands.retain(|command| {
        command
            .name
            .split_once(' ')
            .is_some_and(|it| it.0 == namespace)
    });
    if commands.is_empty() {
        let text = format!("There are no commands in the \"{namespace}\" namespace.");
        return Err(Failure::new(text));
    }
    print_head(console);
    console.line(format_args!(
        "\n{BOLD}Available commands for the \"{namespace}\" namespace:{BOLD:#}"
    ));
    let width = commands
        .iter()
        .map(|command| command.name.len())
        .max()
        .unwrap_or(0);
    for Listed { name, about, .. } in &commands {
        console.line(format_args!("  {NAME}{name:<width$}{NAME:#}  {about}"));
    }
    Ok(())
}

/// What stands before the commands.
fn print_head(console: &Console) {
    console.line(poetry_version());
    console.line(format_args!(
        "\n{BOLD}Usage:{BOLD:#}\n  command [options] [arguments]"
    ));
    console.line(format_args!("\n{BOLD}Options:{BOLD:#}"));
    for option in Cli::command().get_arguments() {
        let help = option
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let names = crate::help::names_of(option);
        console.line(format_args!("  {VALUE}{names:<27}{VALUE:#}{help}"));
    }
}

fn print_commands(console: &Console, commands: &[Listed]) {
    console.line(format_args!("\n{BOLD}Available commands:{BOLD:#}"));
    let commands: Vec<&Listed> = commands
        .iter()
        .filter(|command| !command.is_hidden)
        .collect();
    let width = commands
        .iter()
        .map(|command| command.name.len())
        .max()
        .unwrap_or(0);
    let mut group = "";
    for Listed { name, about, .. } in commands {
        let namespace = name.split_once(' ').map_or("", |(namespace, _)| namespace);
        if namespace != group {
            console.line(format_args!("\n {VALUE}{namespace}{VALUE:#}"));
            group = namespace;
        }
        console.line(format_args!("  {NAME}{name:<width$}{NAME:#}  {about}"));
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, alone, parse};
    use crate::arguments::Words;
    use crate::console::Console;

    fn fault(line: &str) -> String {
        let words = Words::read(line.split_whitespace().map(Into::into).collect());
        let console = Console::new(words.output);
        let text = parse(words, &console).expect_err(line).text();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_alone_is_what_it_is_among_all() {
        let all = Cli::command();
        let options = |command: &clap::Command| -> Vec<String> {
            let arguments = command.get_arguments();
            arguments.map(|it| format!("{it:?}")).collect()
        };
        let settings = |command: &clap::Command| {
            [
                command.is_disable_version_flag_set(),
                command.is_disable_help_flag_set(),
                command.is_disable_help_subcommand_set(),
                command.is_args_override_self(),
            ]
        };
        let mut found = 0;
        for command in all.get_subcommands() {
            let name = command.get_name();
            let Some(alone) = alone(name) else {
                continue;
            };
            let only = alone.get_subcommands().next().unwrap();
            assert_eq!(only.get_name(), name);
            // Where they differ, there is too much to look at.
            assert!(options(only) == options(command), "{name}");
            assert!(options(&alone) == options(&all), "{name}");
            assert_eq!(settings(&alone), settings(&all), "{name}");
            assert_eq!(
                only.get_subcommands().count(),
                command.get_subcommands().count(),
                "{name}"
            );
            found += 1;
        }
        assert_eq!(found, 5);
    }

    #[test]
    fn faults_are_told_in_the_words_of_poetry() {
        for (line, expected) in [
            ("lock --nope", "The option \"--nope\" does not exist"),
            ("lock --nope=3", "The option \"--nope\" does not exist"),
            ("lock -x", "The option \"-x\" does not exist"),
            (
                "lock --no-update",
                "The option \"--no-update\" does not exist",
            ),
            (
                "lock foo",
                "No arguments expected for \"lock\" command, got \"foo\"",
            ),
            (
                "env info foo",
                "No arguments expected for \"env info\" command, got \"foo\"",
            ),
            (
                "env use 3.11 3.12",
                "Too many arguments to \"env use\" command, expected arguments \"python\"",
            ),
            ("env use", "Not enough arguments (missing: \"python\")"),
            ("install --only", "The \"--only\" option requires a value"),
            ("install -E", "The \"--extras\" option requires a value"),
            ("lock -C", "The \"--directory\" option requires a value"),
            (
                "install --no-root=3",
                "The \"--no-root\" option does not accept a value",
            ),
            ("affected", "The option \"--since\" is required"),
            ("run", "Not enough arguments (missing: \"args\")"),
            ("run -x cmd", "The option \"-x\" does not exist"),
            ("--nope", "The option \"--nope\" does not exist"),
            ("-x", "The option \"-x\" does not exist"),
            ("--nope lock", "The option \"--nope\" does not exist"),
            ("-C", "The \"--directory\" option requires a value"),
        ] {
            assert_eq!(fault(line), expected, "{line}");
        }
    }

    #[test]
    fn unknown_commands_get_suggestions_and_known_ones_a_clear_no() {
        assert_eq!(
            fault("instal"),
            "The requested command instal does not exist.\n\n\
             Did you mean one of these perhaps?\n    install: Installs the project's dependencies\n    \
             python install: Installs a Python that stands alone\n    \
             self install: Tells that there is nothing to install\n\n\
             Documentation: https://python-poetry.org/docs/cli/"
        );
        assert_eq!(
            fault("foo"),
            "The requested command foo does not exist.\n\n\
             Documentation: https://python-poetry.org/docs/cli/"
        );
        assert!(
            fault("env").starts_with("The requested command does not exist in the env namespace.")
        );
        assert!(fault("env").ends_with("https://python-poetry.org/docs/cli/#env"));
        for command in ["build-project", "check-project"] {
            let expected = format!("The command \"{command}\" is not supported by mpoetry yet;");
            assert!(fault(command).starts_with(&expected), "{command}");
        }
    }

    #[test]
    fn options_stand_anywhere_and_in_bundles() {
        for line in [
            "-qn lock",
            "lock -qn",
            "-v install -vv --only=main -Ea",
            "install --no-root --no-root",
            "lock -P . --no-cache --no-plugins",
            "env -n info -pe",
            "run -v -- python -V",
        ] {
            let words = Words::read(line.split_whitespace().map(Into::into).collect());
            let console = Console::new(words.output);
            assert!(parse(words, &console).is_ok(), "{line}");
        }
    }
}
