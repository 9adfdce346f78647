//! All of Poetry's command line is understood: `tests/vectors/commands.json` lists its commands, those of its plugins,
//! their arguments and options.
//!
//! That each option does what it says is shown where its command is tested. Two commands are missing, see [`MISSING`];
//! the options in [`WITHOUT_EFFECT`] are taken but change nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{locked_service, service};
use crate::support::{Fixture, Outcome};

/// Commands that are refused by name, and why. Nobody has them without having asked for their plugin.
const MISSING: [(&str, &str); 2] = [
    (
        "build-project",
        "of the plugin for monorepos: `build` and `bundle` take libraries of the repository by themselves",
    ),
    (
        "check-project",
        "of the same plugin: it runs mypy on what the command above has put together",
    ),
];

/// Options that change nothing, by command, and why.
const WITHOUT_EFFECT: [(&str, &[&str], &str); 8] = [
    ("export", &["--dev"], "it has no effect in Poetry either"),
    (
        "new",
        &["--src"],
        "deprecated by Poetry, too: it is the default",
    ),
    (
        "self add",
        &[
            "--editable",
            "--extras",
            "--source",
            "--allow-prereleases",
            "--dry-run",
        ],
        "mpoetry has no environment of its own that anything could be added to",
    ),
    (
        "self install",
        &["--sync", "--dry-run"],
        "there is no such environment",
    ),
    ("self lock", &["--regenerate"], "nor a lock file for it"),
    (
        "self remove",
        &["--dry-run"],
        "there is no such environment",
    ),
    ("self sync", &["--dry-run"], "there is no such environment"),
    (
        "self update",
        &["--preview", "--dry-run"],
        "how mpoetry is updated is told, not done",
    ),
];

#[derive(Deserialize)]
struct Reference {
    /// Those that all commands have.
    options: Vec<Opt>,
    commands: BTreeMap<String, Command>,
}

#[derive(Deserialize)]
struct Command {
    #[serde(default)]
    hidden: bool,
    arguments: Vec<Argument>,
    options: Vec<Opt>,
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    list: bool,
}

#[derive(Deserialize)]
struct Opt {
    long: String,
    short: Option<String>,
    /// Does it take one?
    #[serde(default)]
    value: bool,
    #[serde(default)]
    multiple: bool,
}

fn reference() -> Reference {
    let text = include_str!("../vectors/commands.json");
    serde_json::from_str(text).expect("a list of commands")
}

impl Reference {
    /// The commands that are there.
    fn known(&self) -> impl Iterator<Item = (&str, &Command)> {
        let commands = self.commands.iter();
        commands
            .map(|(name, command)| (name.as_str(), command))
            .filter(|(name, _)| MISSING.iter().all(|(missing, _)| missing != name))
    }
}

impl Command {
    /// `show [options] [--] [<package>]`
    fn usage(&self, name: &str) -> String {
        let mut usage = format!("{name} [options]");
        if !self.arguments.is_empty() {
            usage += " [--]";
        }
        for argument in &self.arguments {
            let many = if argument.list { "..." } else { "" };
            let word = format!("<{}>{many}", argument.name);
            usage += &match argument.required {
                true => format!(" {word}"),
                false => format!(" [{word}]"),
            };
        }
        usage
    }
}

impl Opt {
    /// Every way to give it.
    fn spellings(&self) -> Vec<Vec<String>> {
        let short = self.short.as_deref();
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        if !self.value {
            let shorts = short.into_iter().flat_map(|short| short.split('|'));
            let shorts = shorts.map(|short| format!("-{}", short.trim_start_matches('-')));
            let all = std::iter::once(self.long.clone()).chain(shorts);
            return all.map(|spelling| words(&spelling)).collect();
        }
        let mut all = vec![
            words(&format!("{} value", self.long)),
            words(&format!("{}=value", self.long)),
        ];
        if let Some(short) = short {
            all.push(words(&format!("{short} value")));
            all.push(words(&format!("{short}value")));
        }
        all
    }

    /// Its line in the help of a command, as far as Poetry decides on it.
    fn is_in(&self, help: &str) -> bool {
        let short = match &self.short {
            Some(short) => format!("  {short}, "),
            None => "      ".to_owned(),
        };
        let value = if self.value { "=" } else { " " };
        let beginning = format!("{short}{}{value}", self.long);
        // A long text goes on in lines that begin with more spaces.
        let mut lines = help
            .lines()
            .skip_while(|line| !line.starts_with(&beginning));
        let Some(first) = lines.next() else {
            return false;
        };
        let rest = lines.take_while(|line| line.starts_with("          "));
        let text: Vec<&str> = std::iter::once(first)
            .chain(rest)
            .flat_map(str::split_whitespace)
            .collect();
        text.join(" ").contains("(multiple values allowed)") == self.multiple
    }
}

fn run(fx: &Fixture, name: &str, words: &[String]) -> Outcome {
    let words = words.iter().map(String::as_str);
    let words: Vec<&str> = name.split(' ').chain(words).collect();
    fx.mpoetry_with("", &words)
}

/// Words to give to a command that must understand them, without anything being done: help comes first.
fn with_help(mut words: Vec<String>) -> Vec<String> {
    words.push("--help".to_owned());
    words
}

#[test]
fn each_command_has_help_that_tells_of_all_its_options() {
    let fx = Fixture::empty();
    let reference = reference();
    let list = fx.mpoetry(["list"]).success().stdout;
    let listed: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split("  ").next())
        .collect();
    for (name, command) in reference.known() {
        let outcome = run(&fx, name, &with_help(Vec::new())).success();
        let help = outcome.stdout;
        for option in command.options.iter().chain(&reference.options) {
            assert!(option.is_in(&help), "{name} {}\n{help}", option.long);
        }
        // `plugins` is an argument of `self show` here, not a command.
        if name != "self show plugins" {
            let usage = format!("\nUsage:\n  {}\n", command.usage(name));
            assert!(help.contains(&usage), "{usage}{help}");
            assert_eq!(listed.contains(name), !command.hidden, "{name}\n{list}");
        }
        let description = help.lines().nth(2).unwrap_or_default();
        assert!(description.len() > 10, "{name}: {help}");
    }
}

#[test]
fn each_option_is_taken_in_each_spelling() {
    let fx = Fixture::empty();
    // The folder of `-C value -P value`.
    fx.write("value/value/file", "");
    let reference = reference();
    let globals: Vec<String> = reference
        .options
        .iter()
        // These end the command or silence it.
        .filter(|option| !["--help", "--version", "--quiet"].contains(&&*option.long))
        .flat_map(Opt::spellings)
        .flatten()
        .collect();
    for (name, command) in reference.known() {
        let own = command.options.iter().flat_map(Opt::spellings).flatten();
        // Twice, since the last one counts where there can be only one.
        let options: Vec<String> = own.collect();
        let mut words = [options.clone(), globals.clone(), options].concat();
        // All words after the name of the command that `run` runs are that command's.
        if name != "run" {
            let arguments = command.arguments.iter();
            words.extend(arguments.map(|argument| argument.name.clone()));
        }
        let help = run(&fx, name, &with_help(Vec::new()));
        assert_eq!(run(&fx, name, &with_help(words)), help, "{name}");

        let before = [
            globals.clone(),
            name.split(' ').map(str::to_owned).collect(),
        ]
        .concat();
        let before = with_help(before);
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        assert_eq!(fx.mpoetry_with("", &before), help, "{name}");
    }
}

#[test]
fn what_an_option_lacks_or_has_too_much_is_told() {
    let fx = Fixture::empty();
    for (name, command) in reference().known() {
        for option in &command.options {
            let long = &option.long;
            let (word, fault) = match option.value {
                true => (
                    long.clone(),
                    format!("The \"{long}\" option requires a value"),
                ),
                false => (
                    format!("{long}=value"),
                    format!("The \"{long}\" option does not accept a value"),
                ),
            };
            let outcome = run(&fx, name, &[word]);
            assert_eq!(outcome.code, Some(1), "{outcome}");
            assert_eq!(outcome.stderr, format!("\n{fault}\n"), "{name} {long}");
            assert_eq!(outcome.stdout, "", "{name} {long}");
        }
        let outcome = run(&fx, name, &["--nope".to_owned()]);
        let fault = "\nThe option \"--nope\" does not exist\n";
        assert_eq!(outcome.stderr, fault, "{name}");
        assert_eq!(outcome.code, Some(1), "{name}");
    }
}

#[test]
fn missing_words_and_words_too_many_are_told() {
    let fx = Fixture::empty();
    for (name, command) in reference().known() {
        let first = command.arguments.first();
        if let Some(argument) = first.filter(|argument| argument.required) {
            let missing = &argument.name;
            let outcome = run(&fx, name, &[]);
            let fault = format!("\nNot enough arguments (missing: \"{missing}\")\n");
            assert_eq!(outcome.stderr, fault, "{name}");
            assert_eq!(outcome.code, Some(1), "{name}");
        }
        let takes_all = command.arguments.iter().any(|argument| argument.list);
        if takes_all || name == "self show plugins" {
            continue;
        }
        let names = command.arguments.iter().map(|argument| &argument.name);
        let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
        let fault = match names.as_slice() {
            [] => format!("No arguments expected for \"{name}\" command, got \"word\""),
            names => {
                let names = names.join(" ");
                format!("Too many arguments to \"{name}\" command, expected arguments {names}")
            }
        };
        let words = vec!["word".to_owned(); names.len() + 1];
        let outcome = run(&fx, name, &words);
        assert_eq!(outcome.stderr, format!("\n{fault}\n"), "{name}");
        assert_eq!(outcome.code, Some(1), "{name}");
    }
}

/// Neither list names what is not there.
#[test]
fn what_is_missing_is_refused_by_name() {
    let fx = Fixture::empty();
    let reference = reference();
    for (name, reason) in MISSING {
        assert!(reference.commands.contains_key(name) && !reason.is_empty());
        let outcome = fx.mpoetry([name]);
        let fault = format!("\nThe command \"{name}\" is not supported by mpoetry yet; ");
        assert!(outcome.stderr.starts_with(&fault), "{outcome}");
        assert_eq!(outcome.code, Some(1));
    }
    for (name, options, reason) in WITHOUT_EFFECT {
        let all = &reference.commands[name].options;
        for option in options {
            let is_there = all.iter().any(|other| other.long == *option);
            assert!(is_there && !reason.is_empty(), "{name} {option}");
        }
    }
}

/// A project in a folder of another one.
fn nested() -> Fixture {
    let fx = Fixture::project("[project]\nname = \"outer\"\nversion = \"1.0\"\n");
    fx.write(
        "inner/pyproject.toml",
        "[project]\nname = \"inner\"\nversion = \"2.0\"\n",
    );
    fx
}

#[test]
fn folders_are_chosen_before_and_after_the_command() {
    let fx = nested();
    for (words, version) in [
        (&["version"][..], "outer 1.0\n"),
        (&["-P", "inner", "version"], "inner 2.0\n"),
        (&["version", "--project=inner"], "inner 2.0\n"),
        (&["-C", "inner", "version"], "inner 2.0\n"),
        (&["version", "--directory", "inner"], "inner 2.0\n"),
        // The project is looked for from the folder that was gone to.
        (&["-C", "inner", "version", "-P", ".."], "outer 1.0\n"),
        (&["-nCinner", "version", "-s"], "2.0\n"),
    ] {
        let outcome = fx.mpoetry_with("", words).success();
        assert_eq!(outcome.stdout, version, "{words:?}");
    }
    // Other paths stay relative to where one is with -P, and move along with -C.
    fx.mpoetry(["-P", "inner", "lock"]).success();
    fx.mpoetry(["-P", "inner", "export", "-o", "here.txt"])
        .success();
    fx.mpoetry(["-C", "inner", "export", "-o", "there.txt"])
        .success();
    assert!(fx.exists("here.txt") && fx.exists("inner/there.txt"));
    insta::assert_snapshot!(fx.mpoetry(["-C", "nowhere", "version"]), @"
    exit: 1
    ----- stderr -----

    Specified path 'nowhere' is not a valid directory.
    ");
}

#[test]
fn options_about_words_count_before_and_after_the_command() {
    let mut fx = nested();
    let version = |fx: &Fixture, words: &[&str]| fx.mpoetry_with("", words).success().stdout;
    for quiet in ["-q", "--quiet"] {
        assert_eq!(version(&fx, &[quiet, "version"]), "");
        assert_eq!(version(&fx, &["version", quiet]), "");
        let outcome = fx.mpoetry(["version", "one", "two", quiet]);
        assert_eq!(outcome.to_string(), "exit: 1");
    }
    for words in [["--version", "lock"], ["lock", "-V"]] {
        assert_eq!(version(&fx, &words), "Poetry (version 2.5.1)\n");
    }
    let is_coloured = |text: &str| text.contains("\u{1b}[");
    assert!(is_coloured(&version(&fx, &["--ansi", "version"])));
    assert!(is_coloured(&version(&fx, &["version", "--ansi"])));
    // Without NO_COLOR, so that it is the option that counts.
    fx.set("NO_COLOR", "");
    fx.set("CLICOLOR_FORCE", "1");
    assert!(is_coloured(&version(&fx, &["version"])));
    assert!(!is_coloured(&version(&fx, &["--no-ansi", "version"])));
    assert!(!is_coloured(&version(&fx, &["version", "--no-ansi"])));
}

#[test]
fn more_is_said_with_more_letters() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    let plain = fx.mpoetry(["install"]).success();
    for words in [
        ["-v", "install"],
        ["install", "--verbose"],
        ["install", "-vv"],
        ["-vvv", "install"],
    ] {
        let outcome = fx.mpoetry(words).success();
        let environment = "Using virtualenv: [root]/.venv\n";
        assert!(outcome.stderr.contains(environment), "{outcome}");
        assert!(outcome.stdout.contains("Already installed"), "{outcome}");
    }
    assert!(!plain.to_string().contains("Already installed"), "{plain}");
}

/// Pages that are still fresh are not asked for again, unless one wishes it.
#[test]
fn a_cache_can_be_left_out() {
    let fx = service();
    fx.index().page_lifetime("max-age=600");
    fx.mpoetry(["lock"]).success();
    let pages = |words: &[&str]| {
        fx.index().forget_requests();
        fx.mpoetry_with("", words).success();
        let requests = fx.index().requests();
        requests.iter().filter(|it| it.contains("/simple/")).count()
    };
    assert_eq!(pages(&["lock", "--regenerate"]), 0);
    assert!(pages(&["--no-cache", "lock", "--regenerate"]) > 0);
    assert!(pages(&["lock", "--regenerate", "--no-cache"]) > 0);
    assert_eq!(pages(&["lock", "--regenerate", "--no-plugins"]), 0);
}

#[test]
fn nothing_is_asked_without_interaction() {
    for words in [["-n", "init"], ["init", "--no-interaction"]] {
        let fx = Fixture::empty();
        let outcome = fx.mpoetry(words).success();
        assert_eq!(outcome.stderr, "", "{outcome}");
        assert!(fx.exists("pyproject.toml"));
    }
}

#[test]
fn options_need_no_command_but_must_be_known() {
    let fx = Fixture::empty();
    let overview = fx.mpoetry([]).success();
    assert_eq!(fx.mpoetry(["list"]), overview);
    assert_eq!(fx.mpoetry(["--help"]), overview);
    assert_eq!(fx.mpoetry(["-n", "--no-cache"]), overview);
    insta::assert_snapshot!(fx.mpoetry(["--nope"]), @r#"
    exit: 1
    ----- stderr -----

    The option "--nope" does not exist
    "#);
    insta::assert_snapshot!(fx.mpoetry(["-n", "-P"]), @r#"
    exit: 2
    ----- stderr -----

    The "--project" option requires a value
    "#);
    for words in [
        &["-C", "--dry-run", "lock"][..],
        &["lock", "-P"],
        &["-C", "--", "lock"],
        &["--ansi=1", "lock"],
        &["lock", "--verbose=3"],
    ] {
        let outcome = fx.mpoetry_with("", words);
        assert_eq!(outcome.code, Some(2), "{words:?} {outcome}");
        assert!(outcome.stderr.ends_with(" value\n"), "{outcome}");
    }
}

/// Poetry: a folder that is none is told before all else.
#[test]
fn a_folder_that_is_none_is_told_first() {
    let fx = Fixture::empty();
    for words in [
        &["-C", "nowhere"][..],
        &["-Cnowhere", "--version"],
        &["--directory=nowhere", "lock", "--help"],
        &["lock", "--nope", "-C", "nowhere"],
        &["-C", "nowhere", "nope"],
    ] {
        let outcome = fx.mpoetry_with("", words);
        let text = "\nSpecified path 'nowhere' is not a valid directory.\n";
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (Some(1), text),
            "{words:?}"
        );
        assert_eq!(outcome.stdout, "", "{words:?}");
    }
    insta::assert_snapshot!(fx.mpoetry(["--version", "-P", "nowhere"]), @"
    exit: 1
    ----- stderr -----

    Specified path '[root]/nowhere' is not a valid directory.
    ");
}
