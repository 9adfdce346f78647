//! Plugins of Poetry: there are none here, but what the best known ones do can be had.

use clap::CommandFactory;
use resolver::name::PackageName;
use resolver::project::Project;

use crate::cli::Cli;

/// A plugin that people install into Poetry.
pub(crate) struct Plugin {
    pub(crate) name: &'static str,
    /// The version whose behaviour is that of the command; empty if there is none.
    pub(crate) version: &'static str,
    pub(crate) description: &'static str,
    stand_in: StandIn,
}

/// What there is instead of a plugin.
enum StandIn {
    /// A command of the same name.
    Command(&'static str),
    /// Something that does the same.
    Other(&'static str),
}

const KNOWN: [Plugin; 9] = [
    Plugin {
        name: "poetry-plugin-bundle",
        version: "1.8.0",
        description: "Bundles a service with all that it needs",
        stand_in: StandIn::Command("bundle"),
    },
    Plugin {
        name: "poetry-plugin-export",
        version: "1.10.1",
        description: "Writes the lock file in the formats of other tools",
        stand_in: StandIn::Command("export"),
    },
    Plugin {
        name: "poetry-plugin-shell",
        version: "1.0.1",
        description: "Starts a shell with the environment switched on",
        stand_in: StandIn::Command("shell"),
    },
    Plugin {
        name: "poetry-multiproject-plugin",
        version: "",
        description: "",
        stand_in: StandIn::Other(
            "`mpoetry bundle` makes the wheels of a service and of its libraries",
        ),
    },
    Plugin {
        name: "poetry-polylith-plugin",
        version: "",
        description: "",
        stand_in: StandIn::Other(
            "`mpoetry bundle` makes the wheels of a service and of its libraries",
        ),
    },
    Plugin {
        name: "poetry-plugin-up",
        version: "",
        description: "",
        stand_in: StandIn::Other(
            "`mpoetry update` takes the latest versions that pyproject.toml allows, \
             `mpoetry add name@latest` the latest of all",
        ),
    },
    Plugin {
        name: "poetry-plugin-dotenv",
        version: "",
        description: "",
        stand_in: StandIn::Other(DOTENV),
    },
    Plugin {
        name: "poetry-dotenv-plugin",
        version: "",
        description: "",
        stand_in: StandIn::Other(DOTENV),
    },
    Plugin {
        name: "poetry-plugin-pypi-mirror",
        version: "",
        description: "",
        stand_in: StandIn::Other("the variable MPOETRY_PYPI_URL names a mirror of PyPI"),
    },
];

const DOTENV: &str =
    "let the shell read the file: `(set -a; . ./.env; exec mpoetry run …)`, or use direnv";

/// The plugins that a project wants and that nothing stands in for.
pub(crate) fn missing(project: &Project) -> impl Iterator<Item = &PackageName> {
    let wanted = project.required_plugins.iter();
    wanted.filter(|plugin| Plugin::known(plugin.as_str()).is_none())
}

impl Plugin {
    /// Those whose command this program has.
    pub(crate) fn built_in() -> impl Iterator<Item = &'static Self> {
        KNOWN.iter().filter(|plugin| plugin.command().is_some())
    }

    /// The plugin with this normalised name, if what it does can be had.
    pub(crate) fn known(name: &str) -> Option<&'static Self> {
        KNOWN
            .iter()
            .find(|plugin| plugin.name == name && plugin.stand_in().is_some())
    }

    /// The command that does what it does.
    pub(crate) fn command(&self) -> Option<&'static str> {
        match self.stand_in {
            StandIn::Command(name) => Cli::command().find_subcommand(name).map(|_| name),
            StandIn::Other(_) => None,
        }
    }

    /// What does what it does, in words.
    pub(crate) fn stand_in(&self) -> Option<String> {
        match self.stand_in {
            StandIn::Command(_) => self
                .command()
                .map(|name| format!("`mpoetry {name}` is built in")),
            StandIn::Other(text) => Some(text.to_owned()),
        }
    }
}
