//! Globs on paths that need not be on disk any more.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use toml::{Table, Value};

use super::builds_with_poetry;
use crate::project::Project;
use crate::project::toml_path::{table_at, text_at, texts_at, value_at};

/// Globs that begin at one folder; what they find stands for all that is below it.
pub(super) struct Patterns(Gitignore);

impl Patterns {
    /// # Errors
    /// With the glob that can't be read.
    pub(super) fn new<S: AsRef<str>>(globs: impl IntoIterator<Item = S>) -> Result<Self, String> {
        let mut builder = GitignoreBuilder::new("");
        for glob in globs {
            let glob = glob.as_ref();
            let line = format!("/{}", glob.trim_start_matches("./").trim_matches('/'));
            builder.add_line(None, &line).map_err(|_| glob.to_owned())?;
        }
        builder.build().map(Self).map_err(|error| error.to_string())
    }

    /// `path` is a file's, relative to the folder.
    pub(super) fn find(&self, path: &str) -> bool {
        (self.0)
            .matched_path_or_any_parents(path, false)
            .is_ignore()
    }
}

/// Which files of a project a build puts into its wheel, or reads for it.
pub(super) enum WheelFiles {
    /// Nobody knows before it is built.
    Any,
    /// poetry-core's rules.
    Some(Box<Rules>),
}

/// Which files poetry-core packs.
pub(super) struct Rules {
    packages: Patterns,
    excluded: Patterns,
    included: Patterns,
}

/// Poetry: files with these names are licences, wherever the manifest says nothing of them.
const LICENCES: [&str; 5] = ["LICEN[CS]E*", "COPYING*", "AUTHORS*", "NOTICE*", "LICENSES"];

impl WheelFiles {
    pub(super) fn of(project: &Project) -> Self {
        let none = Table::new();
        let poetry = table_at(&project.document, &["tool", "poetry"]).unwrap_or(&none);
        // A script may read what it likes.
        if !builds_with_poetry(project) || poetry.contains_key("build") {
            return Self::Any;
        }
        let patterns = (
            Patterns::new(packages(project, poetry)),
            Patterns::new(texts_at(poetry, &["exclude"])),
            Patterns::new(included(project, poetry)),
        );
        match patterns {
            (Ok(packages), Ok(excluded), Ok(included)) => Self::Some(Box::new(Rules {
                packages,
                excluded,
                included,
            })),
            _ => Self::Any,
        }
    }

    /// Is a file, relative to the project, among them?
    pub(super) fn hold(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Some(rules) => {
                rules.included.find(path)
                    || (rules.packages.find(path) && !rules.excluded.find(path))
            }
        }
    }
}

/// What `packages` names; without it the module called as the project is.
fn packages(project: &Project, poetry: &Table) -> Vec<String> {
    let entries = poetry.get("packages").and_then(Value::as_array);
    let named: Vec<String> = (entries.into_iter().flatten())
        .filter_map(Value::as_table)
        .filter(|entry| is_for_wheels(entry, true))
        .filter_map(|entry| {
            let include = text_at(entry, &["include"])?;
            let from = text_at(entry, &["from"]);
            Some(from.map_or_else(|| include.to_owned(), |from| format!("{from}/{include}")))
        })
        .collect();
    if !named.is_empty() {
        return named;
    }
    let module = project.title().replace('-', "_");
    let file = format!("{module}.py");
    ["", "src/"]
        .iter()
        .flat_map(|folder| [format!("{folder}{module}"), format!("{folder}{file}")])
        .collect()
}

/// Files besides: what `include` names for wheels, and what the metadata is made of.
fn included(project: &Project, poetry: &Table) -> Vec<String> {
    let entries = poetry.get("include").and_then(Value::as_array);
    let entries = (entries.into_iter().flatten())
        .filter_map(Value::as_table)
        .filter(|entry| is_for_wheels(entry, false))
        .filter_map(|entry| text_at(entry, &["path"]).map(str::to_owned));
    let document = &project.document;
    let one = |path: &[&str]| text_at(document, path).map(str::to_owned);
    let readmes = [
        one(&["project", "readme"]),
        one(&["project", "readme", "file"]),
        one(&["project", "license", "file"]),
        one(&["tool", "poetry", "readme"]),
    ];
    let scripts = value_at(poetry, &["scripts"]).and_then(Value::as_table);
    let scripts = (scripts.into_iter().flatten())
        .filter_map(|(_, script)| Some(script.get("reference")?.as_str()?.to_owned()));
    entries
        .chain(readmes.into_iter().flatten())
        .chain(texts_at(poetry, &["readme"]))
        .chain(texts_at(document, &["project", "license-files"]))
        .chain(LICENCES.map(str::to_owned))
        .chain(scripts)
        .collect()
}

/// Poetry: entries without a format are for both kinds of archives in `packages`, and for sdists in `include`.
fn is_for_wheels(entry: &Table, without_format: bool) -> bool {
    match entry.get("format") {
        None => without_format,
        Some(Value::String(format)) => format == "wheel",
        Some(_) => (texts_at(entry, &["format"]).iter()).any(|format| format == "wheel"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Patterns, WheelFiles};
    use crate::project::Project;

    #[test]
    fn globs_begin_at_the_folder_and_hold_what_is_below() {
        let patterns = Patterns::new(["tools", "*.mk", "./ci/**/*.sh", "/x/y/"]).unwrap();
        for (path, found) in [
            ("tools/a/b.txt", true),
            ("more/tools/a", false),
            ("a.mk", true),
            ("more/a.mk", false),
            ("ci/a.sh", true),
            ("ci/deep/er/a.sh", true),
            ("ci/a.txt", false),
            ("x/y/z", true),
            ("x", false),
        ] {
            assert_eq!(patterns.find(path), found, "{path}");
        }
    }

    fn held(more: &str, paths: &[&str]) -> Vec<bool> {
        let text = format!(
            "[tool.poetry]\nname = \"My-App\"\nversion = \"1\"\n{more}\n\
             [build-system]\nrequires = []\nbuild-backend = \"poetry.core.masonry.api\"\n"
        );
        let project = Project::parse(&text, Path::new("/nowhere")).unwrap();
        let files = WheelFiles::of(&project);
        paths.iter().map(|path| files.hold(path)).collect()
    }

    #[test]
    fn files_that_go_into_a_wheel() {
        let paths = [
            "my_app/a/b.py",
            "src/my_app/a.py",
            "my_app.py",
            "tests/test_a.py",
            "README.md",
            "LICENSE.txt",
            "Dockerfile",
        ];
        assert_eq!(
            held("", &paths),
            [true, true, true, false, false, true, false]
        );
        assert_eq!(
            held(
                "readme = \"README.md\"\npackages = [{include = \"other\", from = \"src\"}, {include = \"t\", format = \"sdist\"}]\n\
                 include = [\"Dockerfile\", {path = \"data/*.json\", format = [\"sdist\", \"wheel\"]}]\nexclude = [\"**/*_test.py\"]",
                &[
                    "src/other/a.py",
                    "src/other/a_test.py",
                    "my_app/a.py",
                    "t/a.py",
                    "README.md",
                    "data/x.json",
                    "Dockerfile",
                ]
            ),
            [true, false, false, false, true, true, false]
        );
        let script = "[tool.poetry.build]\nscript = \"build.py\"";
        assert_eq!(held(script, &["anything"]), [true]);
    }
}
