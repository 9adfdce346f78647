//! What a word of the command line can become: commands and options from clap's definition, and names from the project.
//!
//! It is asked with every key, so nothing here takes time: a plain read of `pyproject.toml`, a look over the lines of
//! `poetry.lock`, no Python and no network. Where something can't be read, there is nothing to propose.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory};
use resolver::dist::Priority;
use resolver::project::workspace::Workspace;
use resolver::version::Bump;
use toml::{Table, Value};

use crate::cli::Cli;
use crate::commands::export::FORMATS;
use crate::context::Context;
use crate::environment::scripts_of;
use crate::settings::keys::KEYS;

/// Something that a word can become.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Candidate {
    pub(crate) value: String,
    /// A line about it; may be empty.
    pub(crate) about: String,
}

/// What the last of the words behind the program's name can become. None: perhaps a file.
pub(crate) fn candidates(cx: &Context, words: &[String]) -> Vec<Candidate> {
    let (current, before) = match words.split_last() {
        Some((current, before)) => (current.as_str(), before),
        None => ("", words),
    };
    let mut root = Cli::command();
    root.build();
    let line = Line::read(&root, before);
    let cx = &line.place(cx);
    let found = match line.open_option {
        Some(option) => values(cx, &line, option, current, ""),
        None if line.is_childs() => Vec::new(),
        None => match current
            .split_once('=')
            .filter(|(name, _)| name.starts_with("--"))
        {
            Some((name, value)) => match line.option(name) {
                Some(option) => values(cx, &line, option, value, &format!("{name}=")),
                None => Vec::new(),
            },
            None if current.starts_with('-') && !line.is_after_options => line.options(),
            None => names(cx, &line, current),
        },
    };
    found
        .into_iter()
        .filter(|candidate| candidate.value.starts_with(current))
        .collect()
}

/// The words before the one that is completed.
struct Line<'a> {
    root: &'a Command,
    /// The command that they name.
    command: &'a Command,
    /// Its name, with its namespace.
    name: Vec<&'a str>,
    /// How many arguments it has so far.
    arguments: usize,
    /// The last word, if it is an option that wants a value.
    open_option: Option<&'a Arg>,
    is_after_options: bool,
    /// `-C` and `-P`.
    folders: Vec<PathBuf>,
}

impl<'a> Line<'a> {
    fn read(root: &'a Command, words: &[String]) -> Self {
        let mut line = Self {
            root,
            command: root,
            name: Vec::new(),
            arguments: 0,
            open_option: None,
            is_after_options: false,
            folders: Vec::new(),
        };
        for word in words {
            line.add(word);
        }
        line
    }

    fn add(&mut self, word: &str) {
        if let Some(option) = self.open_option.take() {
            if ["directory", "project"].contains(&option.get_id().as_str()) {
                self.folders.push(word.into());
            }
        } else if self.is_after_options || !word.starts_with('-') || word == "-" {
            self.add_name(word);
        } else if word == "--" {
            self.is_after_options = true;
        } else {
            self.open_option = self
                .option(word)
                .filter(|option| option.get_action().takes_values());
        }
    }

    fn add_name(&mut self, word: &str) {
        let found = match self.arguments {
            0 => self.command.find_subcommand(word),
            _ => None,
        };
        match found {
            Some(command) => {
                self.command = command;
                self.name.push(command.get_name());
            }
            None => self.arguments += 1,
        }
    }

    /// The option that a word names; of short options in a bundle the last.
    fn option(&self, word: &str) -> Option<&'a Arg> {
        let mut all = self
            .command
            .get_arguments()
            .chain(self.root.get_arguments());
        match word.strip_prefix("--") {
            Some(name) => all.find(|option| option.get_long() == Some(name)),
            None => {
                let last = word.chars().next_back();
                all.find(|option| option.get_short().is_some() && option.get_short() == last)
            }
        }
    }

    /// Poetry: the words behind the first one of `run` are another program's.
    fn is_childs(&self) -> bool {
        self.name == ["run"] && self.arguments > 0
    }

    fn options(&self) -> Vec<Candidate> {
        let own = self.command.get_arguments();
        let global = self.root.get_arguments().filter(|_| !self.name.is_empty());
        let mut seen = BTreeSet::new();
        own.chain(global)
            .filter(|option| !option.is_hide_set())
            .filter_map(|option| Some((option.get_long()?, option)))
            .filter(|(name, _)| seen.insert(*name))
            .map(|(name, option)| Candidate {
                value: format!("--{name}"),
                about: first_line(option.get_help()),
            })
            .collect()
    }

    /// The same run in the folder that the words name.
    fn place<'c>(&self, cx: &Context<'c>) -> Context<'c> {
        let start = self.folders.iter();
        cx.of_project(start.fold(cx.start().to_owned(), |place, folder| place.join(folder)))
    }
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Commands, or values of the next argument.
fn names(cx: &Context, line: &Line<'_>, current: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    if line.arguments == 0 {
        found.extend(commands(line.command));
    }
    let mut arguments = line.command.get_positionals();
    let last = line.command.get_positionals().last();
    let argument = arguments
        .nth(line.arguments)
        .or(last.filter(|last| is_list(last)));
    found
        .extend(argument.map_or_else(Vec::new, |argument| values(cx, line, argument, current, "")));
    found
}

/// The commands in one, or all of them.
fn commands(command: &Command) -> impl Iterator<Item = Candidate> {
    let commands = command.get_subcommands();
    commands
        .filter(|command| !command.is_hide_set())
        .map(|command| Candidate {
            value: command.get_name().to_owned(),
            about: first_line(command.get_about()),
        })
}

fn is_list(argument: &Arg) -> bool {
    matches!(argument.get_action(), clap::ArgAction::Append)
}

/// The values of an option or an argument, each behind `prefix`.
fn values(
    cx: &Context,
    line: &Line<'_>,
    argument: &Arg,
    current: &str,
    prefix: &str,
) -> Vec<Candidate> {
    let possible = argument.get_possible_values();
    let names: Vec<String> = if possible.is_empty() {
        dynamic(cx, line, argument.get_id().as_str())
    } else {
        possible
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect()
    };
    // Names of groups stand one behind another, with commas between them.
    let listed = current.rfind(',').map_or("", |comma| &current[..=comma]);
    names
        .into_iter()
        .map(|name| Candidate {
            value: format!("{prefix}{listed}{name}"),
            about: String::new(),
        })
        .collect()
}

/// The names that a project has for an argument of a command.
fn dynamic(cx: &Context, line: &Line<'_>, argument: &str) -> Vec<String> {
    let manifest = || cx.manifest().ok();
    let names = match (line.name.as_slice(), argument) {
        (_, "with" | "without" | "only" | "group") => manifest().map(groups),
        (_, "extras" | "optional") => manifest().map(extras),
        (_, "source") | (["source", ..], "name") => manifest().map(sources),
        (["completions"], "shell") => of_words(&["bash", "zsh", "fish"]),
        (["version"], "rule") => of_words(&Bump::RULES.map(|(name, _)| name)),
        (["build"], "format") => of_words(&["sdist", "wheel"]),
        (["export"], "format") => of_words(&FORMATS),
        (["source", "add"], "priority") => of_words(&Priority::ALL.map(Priority::as_str)),
        (["config"], "key") => of_words(&KEYS.map(|key| key.name)),
        (["help"], _) if line.arguments == 0 => {
            Some(commands(line.root).map(|command| command.value).collect())
        }
        (["run"], _) => Some(programs(cx)),
        (["bundle"], "services") => Some(services(cx)),
        (["remove"], "name" | "packages") => manifest().map(required),
        (["update" | "show"], "packages" | "package" | "name") => locked(cx),
        (["env", "use" | "remove"], "python") => environments(cx),
        (["python", "remove"], "python") => pythons(cx),
        (["self", ..], "name" | "packages") => {
            let plugins = crate::plugins::Plugin::built_in();
            Some(plugins.map(|plugin| plugin.name.to_owned()).collect())
        }
        (["self", "show"], "package") => of_words(&["plugins"]),
        _ => None,
    };
    names.unwrap_or_default().into_iter().collect()
}

#[expect(clippy::unnecessary_wraps, reason = "as all that stand beside it")]
fn of_words(words: &[&str]) -> Option<BTreeSet<String>> {
    Some(words.iter().map(|&word| word.to_owned()).collect())
}

fn table<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Table> {
    let mut found = table;
    for name in path {
        found = found.get(*name)?.as_table()?;
    }
    Some(found)
}

fn keys(found: Option<&Table>) -> impl Iterator<Item = String> {
    found.into_iter().flat_map(Table::keys).cloned()
}

fn groups(manifest: &Table) -> BTreeSet<String> {
    let legacy = table(manifest, &["tool", "poetry", "dev-dependencies"]).map(|_| "dev".to_owned());
    keys(table(manifest, &["dependency-groups"]))
        .chain(keys(table(manifest, &["tool", "poetry", "group"])))
        .chain(["main".to_owned()])
        .chain(legacy)
        .collect()
}

fn extras(manifest: &Table) -> BTreeSet<String> {
    keys(table(manifest, &["project", "optional-dependencies"]))
        .chain(keys(table(manifest, &["tool", "poetry", "extras"])))
        .collect()
}

fn sources(manifest: &Table) -> BTreeSet<String> {
    let tool = table(manifest, &["tool", "poetry"]);
    let sources = tool.and_then(|tool| tool.get("source")?.as_array());
    let named = sources.into_iter().flatten();
    named
        .filter_map(|source| Some(source.get("name")?.as_str()?.to_owned()))
        .collect()
}

/// What the project itself requires.
fn required(manifest: &Table) -> BTreeSet<String> {
    let lines = |value: &Value| -> Vec<String> {
        let lines = value.as_array().into_iter().flatten();
        lines.filter_map(Value::as_str).map(name_of).collect()
    };
    let project = table(manifest, &["project"]);
    let mut names: BTreeSet<String> = project
        .and_then(|project| project.get("dependencies"))
        .map(lines)
        .into_iter()
        .flatten()
        .collect();
    let groups = table(manifest, &["dependency-groups"])
        .into_iter()
        .flatten();
    names.extend(groups.flat_map(|(_, group)| lines(group)));
    names.extend(keys(table(manifest, &["tool", "poetry", "dependencies"])));
    names.extend(keys(table(
        manifest,
        &["tool", "poetry", "dev-dependencies"],
    )));
    let groups = table(manifest, &["tool", "poetry", "group"])
        .into_iter()
        .flatten();
    for (_, group) in groups {
        names.extend(keys(group.get("dependencies").and_then(Value::as_table)));
    }
    names.remove("python");
    names
}

/// The name at the beginning of a line of PEP 508.
fn name_of(line: &str) -> String {
    let is_in_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let line = line.trim_start();
    line[..line.find(|c| !is_in_name(c)).unwrap_or(line.len())].to_owned()
}

/// The packages in the lock file, by a look at its lines: to read it as a whole takes longer than a key may.
fn locked(cx: &Context) -> Option<BTreeSet<String>> {
    let text = fs_err::read_to_string(cx.root().ok()?.join("poetry.lock")).ok()?;
    let mut lines = text.lines();
    let mut names = BTreeSet::new();
    while let Some(line) = lines.next() {
        if line == "[[package]]" {
            let name = lines.next().and_then(|line| line.strip_prefix("name = \""));
            names.extend(
                name.and_then(|name| name.strip_suffix('"'))
                    .map(str::to_owned),
            );
        }
    }
    Some(names)
}

/// The project's scripts and the programs in its environment.
fn programs(cx: &Context) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Ok(manifest) = cx.manifest() {
        names.extend(keys(table(manifest, &["project", "scripts"])));
        names.extend(keys(table(manifest, &["tool", "poetry", "scripts"])));
    }
    let Ok(environments) = cx.environments() else {
        return names;
    };
    // Which one is used may take a Python to find out.
    for root in environments.all() {
        let programs = std::fs::read_dir(scripts_of(&root)).into_iter().flatten();
        let programs = programs.flatten().map(|entry| entry.file_name());
        names.extend(programs.filter_map(|name| name.into_string().ok()));
    }
    names
}

/// The projects of the repository.
fn services(cx: &Context) -> BTreeSet<String> {
    let Some(root) = Workspace::find_root(cx.start()) else {
        return BTreeSet::new();
    };
    let members = Workspace::discover(&root).members.into_iter();
    members.map(|member| member.name.to_string()).collect()
}

fn environments(cx: &Context) -> Option<BTreeSet<String>> {
    let all = cx.environments().ok()?.all();
    let names = all.iter().filter_map(|root| root.file_name());
    Some(
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect(),
    )
}

/// The Pythons that `python install` has installed.
fn pythons(cx: &Context) -> Option<BTreeSet<String>> {
    let entries = std::fs::read_dir(&cx.settings().ok()?.pythons).ok()?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let versions = names.filter_map(|name| Some(name.strip_prefix("cpython@")?.to_owned()));
    Some(versions.collect())
}
