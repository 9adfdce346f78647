//! What Poetry has to say of a pyproject.toml that it can read.
//!
//! What it can't read at all is up to [`super::validate`]. The order of the findings is Poetry's.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Project;
use super::classifiers::Classifier;
use super::shape::{python_list, python_text};
use super::toml_path::{table_at, text_at, texts_at, value_at};
use crate::name::{ExtraName, PackageName};

/// What is wrong with a pyproject.toml, and what could be better.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Findings {
    /// What does not work, or will be refused.
    pub errors: Vec<String>,
    /// What works today.
    pub warnings: Vec<String>,
}

impl Project {
    /// Looks for all that Poetry's `check` tells of, but for the lock file. `is_license` says whether a text is a licence
    /// expression (PEP 639).
    #[must_use]
    pub fn check(&self, is_license: impl Fn(&str) -> bool) -> Findings {
        let empty = Table::new();
        let mut check = Check {
            project: self,
            standard: table_at(&self.document, &["project"]),
            poetry: table_at(&self.document, &["tool", "poetry"]).unwrap_or(&empty),
            found: Findings::default(),
        };
        check.dev_dependencies();
        check.license(is_license);
        check.standard_classifiers();
        check.redundant_fields();
        check.console_scripts();
        check.dependencies_of_both();
        check.poetry_classifiers();
        check.python();
        check.prereleases();
        check.extras();
        check.scripts_with_extras();
        check.readme_types();
        check.classifiers();
        check.readmes();
        check.sources();
        check.found
    }
}

/// Poetry: the warning about `[tool.poetry.dev-dependencies]`, which every command gives.
pub(super) const DEV_DEPENDENCIES: &str = "The \"poetry.dev-dependencies\" section is deprecated and will be removed in a future version. \
     Use \"poetry.group.dev.dependencies\" instead.";
const LICENSE_CLASSIFIER: &str =
    "License classifiers are deprecated. Use [project.license] instead.";
/// What `[tool.poetry]` and `[project]` both can say: the key in the one and in the other.
const REDUNDANT: [(&str, &str); 15] = [
    ("name", "name"),
    ("version", "version"),
    ("description", "description"),
    ("readme", "readme"),
    ("license", "license"),
    ("authors", "authors"),
    ("maintainers", "maintainers"),
    ("keywords", "keywords"),
    ("classifiers", "classifiers"),
    ("homepage", "urls"),
    ("repository", "urls"),
    ("documentation", "urls"),
    ("urls", "urls"),
    ("plugins", "entry-points"),
    ("extras", "optional-dependencies"),
];
/// Those of them that are good in `[tool.poetry]` if they are named as dynamic, and what to know about that.
const MAY_BE_DYNAMIC: [(&str, &str); 3] = [
    (
        "version",
        "If you want to set the version dynamically via `poetry build --local-version` or you are using a plugin, \
         which sets the version dynamically, you should define the version in [tool.poetry] and add 'version' to \
         [project.dynamic].",
    ),
    (
        "readme",
        "If you want to define multiple readmes, you should define them in [tool.poetry] and add 'readme' to \
         [project.dynamic].",
    ),
    (
        "classifiers",
        "ATTENTION: Per default Poetry determines classifiers for supported Python versions and license \
         automatically. If you define classifiers in [project], you disable the automatic enrichment. In other \
         words, you have to define all classifiers manually. If you want to use Poetry's automatic enrichment of \
         classifiers, you should define them in [tool.poetry] and add 'classifiers' to [project.dynamic].",
    ),
];

struct Check<'a> {
    project: &'a Project,
    standard: Option<&'a Table>,
    poetry: &'a Table,
    found: Findings,
}

impl<'a> Check<'a> {
    fn warn(&mut self, text: impl Into<String>) {
        self.found.warnings.push(text.into());
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.found.errors.push(text.into());
    }

    fn is_in_standard(&self, key: &str) -> bool {
        self.standard.is_some_and(|table| table.contains_key(key))
    }

    fn is_dynamic(&self, key: &str) -> bool {
        let dynamic = self.standard.map(|table| texts_at(table, &["dynamic"]));
        dynamic.is_some_and(|dynamic| dynamic.iter().any(|known| known == key))
    }

    fn dependencies(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        table_at(self.poetry, &["dependencies"])
            .into_iter()
            .flatten()
    }

    fn dev_dependencies(&mut self) {
        if self.poetry.contains_key("dev-dependencies") {
            self.warn(DEV_DEPENDENCIES);
        }
    }

    fn license(&mut self, is_license: impl Fn(&str) -> bool) {
        match self.standard.and_then(|table| table.get("license")) {
            None => {}
            Some(Value::String(text)) if is_license(text) => {}
            Some(Value::String(_)) => self.warn(
                "[project.license] is not a valid SPDX expression. This is deprecated and will raise an error in the future.",
            ),
            Some(_) => self.warn(
                "Defining [project.license] as a table is deprecated. [project.license] should be a valid SPDX license expression. \
                 License files can be referenced in [project.license-files].",
            ),
        }
    }

    fn standard_classifiers(&mut self) {
        if let Some(standard) = self.standard {
            self.license_classifiers(standard);
        }
    }

    fn poetry_classifiers(&mut self) {
        self.license_classifiers(self.poetry);
    }

    fn license_classifiers(&mut self, table: &Table) {
        for classifier in texts_at(table, &["classifiers"]) {
            if classifier.starts_with("License :: ") {
                self.warn(LICENSE_CLASSIFIER);
            }
        }
    }

    fn redundant_fields(&mut self) {
        for (old, new) in REDUNDANT {
            if !self.poetry.contains_key(old) {
                continue;
            }
            let about = MAY_BE_DYNAMIC.iter().find(|(key, _)| *key == old);
            let text = if self.is_in_standard(new) {
                format!(
                    "[project.{new}] and [tool.poetry.{old}] are both set. The latter will be ignored."
                )
            } else if about.is_none() {
                format!("[tool.poetry.{old}] is deprecated. Use [project.{new}] instead.")
            } else if !self.is_dynamic(new) {
                format!(
                    "[tool.poetry.{old}] is set but '{new}' is not in [project.dynamic]. \
                     If it is static use [project.{new}]. \
                     If it is dynamic, add '{new}' to [project.dynamic]."
                )
            } else {
                continue;
            };
            self.warn(about.map_or(text.clone(), |(_, about)| format!("{text}\n{about}")));
        }
    }

    /// Poetry: files stay in `[tool.poetry.scripts]`, since `[project.scripts]` knows none.
    fn console_scripts(&mut self) {
        let scripts = table_at(self.poetry, &["scripts"]).into_iter().flatten();
        let is_console = |(_, script): (&String, &Value)| {
            script.get("type").and_then(Value::as_str) != Some("file")
        };
        if !scripts.into_iter().any(is_console) {
            return;
        }
        self.warn(if self.is_in_standard("scripts") {
            "[project.scripts] is set and there are console scripts in [tool.poetry.scripts]. The latter will be ignored."
        } else {
            "Defining console scripts in [tool.poetry.scripts] is deprecated. Use [project.scripts] instead. \
             ([tool.poetry.scripts] should only be used for scripts of type 'file')."
        });
    }

    fn dependencies_of_both(&mut self) {
        if self.standard.is_none() {
            return;
        }
        let is_said = |key: &str| self.is_in_standard(key) || self.is_dynamic(key);
        let (dependencies, python) = (is_said("dependencies"), is_said("requires-python"));
        if self.poetry.contains_key("dependencies") && !dependencies {
            self.warn(
                "[tool.poetry.dependencies] is set but [project.dependencies] is not and 'dependencies' is not in [project.dynamic]. \
                 You should either migrate [tool.poetry.dependencies] to [project.dependencies] \
                 (if you do not need Poetry-specific features) or add [project.dependencies] in addition to \
                 [tool.poetry.dependencies] or add 'dependencies' to [project.dynamic].",
            );
        }
        if value_at(self.poetry, &["dependencies", "python"]).is_some() && !python {
            self.warn(
                "[tool.poetry.dependencies.python] is set but [project.requires-python] is not set \
                 and 'requires-python' is not in [project.dynamic].",
            );
        }
    }

    fn python(&mut self) {
        if text_at(self.poetry, &["dependencies", "python"]) == Some("*") {
            self.warn(
                "A wildcard Python dependency is ambiguous. Consider specifying a more explicit one.",
            );
        }
    }

    fn prereleases(&mut self) {
        for (name, value) in self.dependencies() {
            if value.get("allows-prereleases").is_some() {
                self.warn(format!(
                    "The \"{name}\" dependency specifies the \"allows-prereleases\" property, which is deprecated. \
                     Use \"allow-prereleases\" instead."
                ));
            }
        }
    }

    fn extras(&mut self) {
        let known: BTreeSet<PackageName> = (self.dependencies())
            .map(|(name, _)| PackageName::new(name))
            .collect();
        let extras = table_at(self.poetry, &["extras"]).into_iter().flatten();
        for (extra, members) in extras {
            let members = members.as_array().into_iter().flatten();
            for member in members.filter_map(Value::as_str) {
                if !known.contains(&PackageName::new(member)) {
                    let extra = ExtraName::new(extra);
                    self.fail(format!(
                        "Cannot find dependency \"{member}\" for extra \"{extra}\" in main dependencies."
                    ));
                }
            }
        }
    }

    fn scripts_with_extras(&mut self) {
        let known = table_at(self.poetry, &["extras"]);
        for (name, script) in table_at(self.poetry, &["scripts"]).into_iter().flatten() {
            let extras = script.as_table().map(|table| texts_at(table, &["extras"]));
            let extras = extras.unwrap_or_default();
            if !extras.is_empty() {
                self.warn(format!(
                    "The script \"{name}\" depends on an extra. Scripts depending on extras are deprecated and support for them \
                     will be removed in a future version of poetry/poetry-core. \
                     See https://packaging.python.org/en/latest/specifications/entry-points/#data-model for details."
                ));
            }
            for extra in extras {
                if !known.is_some_and(|known| known.contains_key(&extra)) {
                    self.fail(format!(
                        "The script \"{name}\" requires extra \"{extra}\" which is not defined."
                    ));
                }
            }
        }
    }

    fn readme_types(&mut self) {
        let readmes = texts_at(self.poetry, &["readme"]);
        let types: BTreeSet<&str> = readmes.iter().map(|file| readme_type(file)).collect();
        if types.len() > 1 {
            let types: Vec<&str> = types.into_iter().collect();
            let types = types.join(", ");
            self.fail(format!(
                "Declared README files must be of same type: found {types}"
            ));
        }
    }

    /// Poetry: those of `[tool.poetry]` count where `[project]` has none.
    fn classifiers(&mut self) {
        let standard = self.standard.map(|table| texts_at(table, &["classifiers"]));
        let given = (standard.filter(|listed| !listed.is_empty()))
            .unwrap_or_else(|| texts_at(self.poetry, &["classifiers"]));
        let given: BTreeSet<String> = given.into_iter().collect();
        let unknown: Vec<&str> = (given.iter().map(String::as_str))
            .filter(|text| Classifier::of(text) == Classifier::Unknown)
            .collect();
        if !unknown.is_empty() {
            let unknown = python_list(&unknown);
            self.fail(format!("Unrecognized classifiers: {unknown}."));
        }
        for old in &given {
            let Classifier::Deprecated(new) = Classifier::of(old) else {
                continue;
            };
            let what_to_do = if new.is_empty() {
                "removed".to_owned()
            } else {
                format!("replaced by {}", python_list(&new))
            };
            let old = python_text(old);
            self.warn(format!(
                "Deprecated classifier {old}. Must be {what_to_do}."
            ));
        }
    }

    fn readmes(&mut self) {
        let mut files = texts_at(self.poetry, &["readme"]);
        files.extend(text_at(self.poetry, &["readme"]).map(str::to_owned));
        let standard = self.standard.and_then(|table| {
            text_at(table, &["readme"]).or_else(|| text_at(table, &["readme", "file"]))
        });
        files.extend(standard.map(str::to_owned));
        for file in files {
            if file.is_empty() {
                self.fail("Declared README file is an empty string.");
            } else if !self.project.root.join(&file).exists() {
                self.fail(format!("Declared README file does not exist: {file}"));
            }
        }
    }

    /// Poetry: looks at the requirements of `[tool.poetry]` but for `dev-dependencies`, and knows sources by their exact
    /// names.
    fn sources(&mut self) {
        let groups = table_at(self.poetry, &["group"]).into_iter().flatten();
        let in_groups = groups
            .filter_map(|(_, group)| group.get("dependencies")?.as_table())
            .flatten();
        let named: BTreeSet<&str> = (self.dependencies().chain(in_groups))
            .flat_map(|(_, value)| super::entries(value))
            .filter_map(|entry| entry.get("source")?.as_str())
            .collect();
        let known = self.project.all_sources();
        for source in named {
            // Poetry: a source that is called PyPI, in whatever case, is `PyPI`.
            let is_it = |known: &str| match known.eq_ignore_ascii_case("pypi") {
                true => source == "PyPI",
                false => known == source,
            };
            if !known.iter().any(|known| is_it(&known.name)) {
                self.fail(format!(
                    "Invalid source \"{source}\" referenced in dependencies."
                ));
            }
        }
    }
}

/// Poetry: what a readme is by the ending of its name.
fn readme_type(file: &str) -> &'static str {
    let extension = std::path::Path::new(file).extension();
    match extension.and_then(|extension| extension.to_str()) {
        Some("rst") => "text/x-rst",
        Some("md" | "markdown") => "text/markdown",
        _ => "text/plain",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Findings;
    use crate::project::Project;

    fn check(text: &str) -> Findings {
        let project = Project::parse(text, Path::new("/nowhere")).unwrap();
        project.check(|text| text == "MIT")
    }

    #[test]
    fn nothing_to_say() {
        for text in [
            "[project]\nname = \"a\"\nversion = \"1\"\nlicense = \"MIT\"\nrequires-python = \">=3.11\"\ndependencies = []\n",
            "[project]\nname = \"a\"\ndynamic = [\"version\", \"classifiers\", \"dependencies\", \"requires-python\"]\n\
             [tool.poetry]\nversion = \"1\"\nclassifiers = [\"Topic :: Utilities\", \"Private :: x\"]\n\
             [tool.poetry.dependencies]\npython = \">=3.11\"\nb = \"*\"\n\
             [tool.poetry.scripts]\nx = {reference = \"x.sh\", type = \"file\"}\n",
            "[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\npython = \"^3.11\"\nb = {version = \"*\", source = \"PyPI\"}\n",
        ] {
            assert_eq!(check(text), Findings::default(), "{text}");
        }
    }

    #[test]
    fn a_wheel_of_errors_in_order() {
        let text = "[tool.poetry]\npackage-mode = false\nreadme = [\"a.md\", \"\"]\nclassifiers = [\"It's\", \"b\\\\\"]\n\
            [tool.poetry.dependencies]\npython = \"^3.11\"\nb = [{version = \"*\", source = \"s\"}]\n\
            [tool.poetry.group.g.dependencies]\nc = {version = \"*\", source = \"pypi\"}\n\
            [tool.poetry.extras]\nE_x = [\"B\", \"c\"]\n\
            [tool.poetry.scripts]\nf = {reference = \"f\", type = \"file\", extras = [\"e-x\"]}\n";
        let expected = [
            "Cannot find dependency \"c\" for extra \"e-x\" in main dependencies.",
            "The script \"f\" requires extra \"e-x\" which is not defined.",
            "Declared README files must be of same type: found text/markdown, text/plain",
            "Unrecognized classifiers: [\"It's\", 'b\\\\'].",
            "Declared README file does not exist: a.md",
            "Declared README file is an empty string.",
            "Invalid source \"pypi\" referenced in dependencies.",
            "Invalid source \"s\" referenced in dependencies.",
        ];
        assert_eq!(check(text).errors, expected);
    }
}
