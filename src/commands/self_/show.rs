//! `mpoetry self show`: which version this is, and what is built in.

use super::name_of;
use crate::cli::POETRY_VERSION;
use crate::console::{BOLD, INFO, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::plugins::Plugin;

/// Shows the version of this program and what is built in
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// One of them; `plugins` for those plugins of Poetry that are built in
    #[arg(value_name = "PACKAGE")]
    package: Option<String>,
    /// Only what is a plugin elsewhere
    #[arg(long)]
    addons: bool,
    /// Show them as a tree, of which all are roots
    #[arg(short, long)]
    tree: bool,
    /// Not to be had: no index knows the latest version
    #[arg(short, long)]
    latest: bool,
    /// Not to be had: no index knows the latest version
    #[arg(short, long)]
    outdated: bool,
    /// text or json
    #[arg(short, long, default_value = "text")]
    format: String,
}

/// Poetry: the word for a command of its own.
const PLUGINS: &str = "plugins";

/// Something that this program is made of.
struct Part {
    name: &'static str,
    version: &'static str,
    description: &'static str,
}

/// # Errors
/// When there is no such part, or the latest version is asked for.
pub(crate) fn run(cx: &Context, args: &ShowArgs) -> Result<(), Failure> {
    if args.package.as_deref() == Some(PLUGINS) {
        show_plugins(cx);
        return Ok(());
    }
    if !["text", "json"].contains(&args.format.as_str()) {
        return Err(Failure::plain(
            "Error: Invalid output format. Supported formats are: json, text.",
        ));
    }
    if args.latest || args.outdated {
        return Err(Failure::new(
            "The latest version of mpoetry is not known: it is not installed from a package index.",
        )
        .hint("`mpoetry self update` tells how it is updated."));
    }
    let parts = parts(args.addons);
    let Some(package) = &args.package else {
        match args.format.as_str() {
            "json" => cx.console.line(json(&parts)),
            _ => list(cx, &parts, args.tree),
        }
        return Ok(());
    };
    let name = name_of(package);
    let Some(part) = parts.iter().find(|part| part.name == name) else {
        return Err(Failure::new(format!("Package {package} not found")));
    };
    if args.format == "json" {
        cx.console.line(object(part, ""));
        return Ok(());
    }
    let rows = [
        ("name", part.name),
        ("version", part.version),
        ("description", part.description),
    ];
    for (title, text) in rows {
        cx.console
            .line(format_args!(" {INFO}{title:<12}{INFO:#} : {text}"));
    }
    Ok(())
}

fn parts(only_plugins: bool) -> Vec<Part> {
    let own = [
        Part {
            name: "mpoetry",
            version: env!("CARGO_PKG_VERSION"),
            description: env!("CARGO_PKG_DESCRIPTION"),
        },
        Part {
            name: "poetry",
            version: POETRY_VERSION,
            description: "The version of Poetry that mpoetry stands for",
        },
    ];
    let plugins = Plugin::built_in().map(|plugin| Part {
        name: plugin.name,
        version: plugin.version,
        description: plugin.description,
    });
    let own = own.into_iter().filter(|_| !only_plugins);
    own.chain(plugins).collect()
}

fn list(cx: &Context, parts: &[Part], as_tree: bool) {
    let longest = |text: fn(&Part) -> &'static str| {
        parts.iter().map(|part| text(part).len()).max().unwrap_or(0)
    };
    let (names, versions) = match as_tree {
        true => (0, 0),
        false => (longest(|part| part.name), longest(|part| part.version)),
    };
    for Part {
        name,
        version,
        description,
    } in parts
    {
        cx.console.line(format_args!(
            "{NAME}{name:<names$}{NAME:#} {BOLD}{version:<versions$}{BOLD:#} {description}"
        ));
    }
}

fn json(parts: &[Part]) -> String {
    let status = "\"installed_status\": \"installed\", ";
    let objects: Vec<String> = parts.iter().map(|part| object(part, status)).collect();
    format!("[{}]", objects.join(", "))
}

fn object(part: &Part, status: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (name, version) = (quoted(part.name), quoted(part.version));
    let description = quoted(part.description);
    format!("{{\"name\": {name}, {status}\"version\": {version}, \"description\": {description}}}")
}

fn show_plugins(cx: &Context) {
    for plugin in Plugin::built_in() {
        let Plugin {
            name,
            version,
            description,
            ..
        } = plugin;
        let command = plugin.command().unwrap_or_default();
        cx.console.line(format_args!(
            "\n  - {NAME}{name}{NAME:#} ({BOLD}{version}{BOLD:#}) {description}\n      \
             built in as {INFO}{command}{INFO:#}"
        ));
    }
}
