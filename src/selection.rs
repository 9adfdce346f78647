//! Which groups and extras are wanted: the options that `install`, `sync` and `bundle` share.

use std::collections::{BTreeMap, BTreeSet};

use resolver::name::{ExtraName, GroupName};
use resolver::project::Project;

use crate::console::Console;
use crate::failure::Failure;

/// Options that choose dependency groups.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct GroupArgs {
    /// Leave out these dependency groups, separated by commas
    #[arg(long, value_name = "GROUPS")]
    without: Vec<String>,
    /// Add these optional dependency groups, separated by commas
    #[arg(long, value_name = "GROUPS")]
    with: Vec<String>,
    /// Take these dependency groups and no others, separated by commas
    #[arg(long, value_name = "GROUPS")]
    only: Vec<String>,
}

/// Options that choose extras.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ExtraArgs {
    /// Add these extras of the project, separated by spaces
    #[arg(short = 'E', long, value_name = "EXTRAS")]
    pub(crate) extras: Vec<String>,
    /// Add all extras of the project
    #[arg(long)]
    pub(crate) all_extras: bool,
}

/// Which groups are taken when no option says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DefaultGroups {
    /// Poetry: all that are not optional.
    NotOptional,
    /// A deployment needs the main group alone.
    Main,
}

impl GroupArgs {
    /// Is any of them given?
    pub(crate) fn is_given(&self) -> bool {
        !(self.with.is_empty() && self.without.is_empty() && self.only.is_empty())
    }

    /// The groups wanted of `project`.
    ///
    /// # Errors
    /// When the project lacks one that is named.
    pub(crate) fn choose(
        &self,
        project: &Project,
        default: DefaultGroups,
        console: &Console,
    ) -> Result<BTreeSet<GroupName>, Failure> {
        self.check(project)?;
        let only = names(&self.only);
        if !only.is_empty() {
            if !(self.with.is_empty() && self.without.is_empty()) {
                console.warning(
                    "The `--with` and `--without` options are ignored \
                     when used along with the `--only` option.",
                );
            }
            return Ok(only);
        }
        let mut groups: BTreeSet<GroupName> = match default {
            DefaultGroups::NotOptional => {
                let groups = project.groups.iter().filter(|group| !group.optional);
                groups.map(|group| group.name.clone()).collect()
            }
            DefaultGroups::Main => [GroupName::main()].into(),
        };
        groups.extend(names(&self.with));
        let without = names(&self.without);
        groups.retain(|group| !without.contains(group));
        Ok(groups)
    }

    /// Poetry: faulty names are told as they were written, each with the options that hold it.
    fn check(&self, project: &Project) -> Result<(), Failure> {
        let mut faulty: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let options = [
            ("only", &self.only),
            ("with", &self.with),
            ("without", &self.without),
        ];
        for (option, values) in options {
            for written in words(values) {
                let name = GroupName::new(written);
                let is_main = name == GroupName::main();
                if !is_main && !project.groups.iter().any(|group| group.name == name) {
                    let options = faulty.entry(written).or_default();
                    if !options.contains(&option) {
                        options.push(option);
                    }
                }
            }
        }
        if faulty.is_empty() {
            return Ok(());
        }
        let told = faulty.iter().map(|(name, options)| {
            let options: Vec<String> = options.iter().map(|option| format!("--{option}")).collect();
            format!("{name} (via {})", options.join(", "))
        });
        let told: Vec<String> = told.collect();
        Err(Failure::new(format!(
            "Group(s) not found: {}",
            told.join(", ")
        )))
    }
}

impl ExtraArgs {
    /// The extras that are named, as written; an extra of the project must be among `known`.
    ///
    /// # Errors
    /// When one is not.
    pub(crate) fn choose<'a>(
        &self,
        known: impl Iterator<Item = &'a ExtraName> + Clone,
    ) -> Result<BTreeSet<ExtraName>, Failure> {
        if self.all_extras {
            return Ok(known.cloned().collect());
        }
        let words = self.extras.iter();
        let words = words.flat_map(|value| value.split_whitespace());
        let wanted: BTreeSet<ExtraName> = words.map(ExtraName::new).collect();
        let unknown: Vec<&str> = wanted
            .iter()
            .filter(|extra| !known.clone().any(|known| known == *extra))
            .map(ExtraName::as_str)
            .collect();
        if unknown.is_empty() {
            return Ok(wanted);
        }
        let unknown = unknown.join(", ");
        Err(Failure::new(format!("Extra [{unknown}] is not specified.")))
    }
}

/// All groups of a project, the optional ones too.
pub(crate) fn all_groups(project: &Project) -> BTreeSet<GroupName> {
    project
        .groups
        .iter()
        .map(|group| group.name.clone())
        .collect()
}

/// Poetry: a value may hold several names, separated by commas.
fn words(values: &[String]) -> impl Iterator<Item = &str> {
    values
        .iter()
        .flat_map(|value| value.split(',').map(str::trim))
}

fn names(values: &[String]) -> BTreeSet<GroupName> {
    words(values).map(GroupName::new).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{Args, FromArgMatches};
    use resolver::name::ExtraName;
    use resolver::project::Project;

    use super::{DefaultGroups, ExtraArgs, GroupArgs, all_groups};
    use crate::console::{Console, Output, Verbosity};
    use crate::failure::Failure;

    fn parse<A: Args + FromArgMatches>(words: &[&str]) -> A {
        let command = A::augment_args(clap::Command::new("test"));
        let matches = command.get_matches_from([&["test"], words].concat());
        A::from_arg_matches(&matches).unwrap()
    }

    fn project() -> Project {
        let text = "[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\nx = \"*\"\n\
            [tool.poetry.group.Dev_Tools.dependencies]\n\
            [tool.poetry.group.docs]\noptional = true\n[tool.poetry.group.docs.dependencies]\n";
        Project::parse(text, Path::new("/repo")).unwrap()
    }

    fn groups(words: &[&str], default: DefaultGroups) -> Result<Vec<String>, String> {
        let quiet = Console::new(Output {
            verbosity: Verbosity::Quiet,
            colours: None,
        });
        let chosen = parse::<GroupArgs>(words).choose(&project(), default, &quiet);
        let chosen = chosen.map_err(|failure| failure.text())?;
        Ok(chosen.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn groups_are_chosen_as_poetry_does() {
        let install = |words| groups(words, DefaultGroups::NotOptional).unwrap().join(" ");
        assert_eq!(install(&[]), "dev-tools main");
        assert_eq!(install(&["--with", "docs"]), "dev-tools docs main");
        assert_eq!(
            install(&["--without", "dev.tools, main", "--with=docs"]),
            "docs"
        );
        assert_eq!(
            install(&["--only", "docs,dev-tools", "--with", "main"]),
            "dev-tools docs"
        );
        assert_eq!(
            groups(&["--with", "docs"], DefaultGroups::Main).unwrap(),
            ["docs", "main"]
        );
        assert_eq!(all_groups(&project()).len(), 3);
    }

    #[test]
    fn unknown_groups_are_told_as_written() {
        let fault = groups(
            &["--with", "No,xx", "--only", "xx"],
            DefaultGroups::NotOptional,
        );
        let expected = "Group(s) not found: No (via --with), xx (via --only, --with)";
        assert_eq!(fault.unwrap_err(), expected);
    }

    #[test]
    fn extras_are_words_separated_by_spaces() {
        let known = [ExtraName::new("a"), ExtraName::new("b-c")];
        let choose = |words: &[&str]| -> Result<Vec<String>, Failure> {
            let chosen = parse::<ExtraArgs>(words).choose(known.iter())?;
            Ok(chosen.iter().map(ToString::to_string).collect())
        };
        assert_eq!(choose(&["-E", "a B_C"]).unwrap(), ["a", "b-c"]);
        assert_eq!(choose(&["--all-extras"]).unwrap(), ["a", "b-c"]);
        assert_eq!(
            choose(&["--extras=a,x"]).unwrap_err().text(),
            "Extra [a,x] is not specified."
        );
    }
}
