//! A new project: its folders and its pyproject.toml, as `new` and `init` make them.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use toml::{Table, Value};

use super::read;
use super::{DeclarationError, Declared, ProjectError};
use crate::file;
use crate::lock::toml_text::{push_string, push_text_line};
use crate::name::{GroupName, normalize};
use crate::requirement::Requirement;

/// What is known of a project that is to be made.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Its name as given. Between dots lie the names of nested packages.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line about it.
    pub description: String,
    /// Who writes it.
    pub author: Author,
    /// A license expression, if one was given.
    pub license: Option<String>,
    /// The file name of its readme, if it has one.
    pub readme: Option<String>,
    /// The Pythons it supports.
    pub python: String,
    /// What it requires, in lines of PEP 508.
    pub dependencies: Vec<String>,
    /// The same for the group `dev`.
    pub dev_dependencies: Vec<String>,
    /// Does the package lie in `src`?
    pub in_src: bool,
}

/// A person.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Author {
    name: String,
    email: Option<String>,
}

impl Default for Author {
    /// Poetry: whoever leaves out the author gets one to fill in.
    fn default() -> Self {
        Self {
            name: "Your Name".to_owned(),
            email: Some("you@example.com".to_owned()),
        }
    }
}

impl Author {
    /// Reads `Name <email>` or `Name`. `None`: it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = |name: &str| !name.is_empty() && !name.contains(['<', '>']);
        if is_name(text) {
            return Some(Self {
                name: text.to_owned(),
                email: None,
            });
        }
        let (name, email) = text.strip_suffix('>')?.split_once(" <")?;
        (is_name(name) && !email.is_empty()).then(|| Self {
            name: name.to_owned(),
            email: Some(email.to_owned()),
        })
    }
}

/// A pyproject.toml that is there before the project is.
#[derive(Clone, Debug)]
pub struct Existing {
    text: String,
    table: Table,
}

impl Existing {
    /// Reads the one in `root`, if there is one.
    ///
    /// # Errors
    /// When it can't be read, or is no TOML.
    pub fn read(root: &Path) -> Result<Option<Self>, ProjectError> {
        let path = root.join("pyproject.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let table = read::parse(&path, &text)?;
        Ok(Some(Self { text, table }))
    }

    /// Poetry: is it that of a project? One in `[project]` needs a name and a version for that.
    #[must_use]
    pub fn is_project(&self) -> bool {
        let tool = self.table.get("tool");
        if tool.is_some_and(|tool| tool.get("poetry").is_some()) {
            return true;
        }
        let Some(project) = self.table.get("project") else {
            return false;
        };
        let has = |key| project.get(key).is_some_and(is_filled);
        has("name") && has("version") && !has("dynamic")
    }

    /// Does it name a build back end?
    #[must_use]
    pub fn has_build_system(&self) -> bool {
        self.table.get("build-system").is_some_and(is_filled)
    }
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Table(table) => !table.is_empty(),
        _ => true,
    }
}

/// What `entry` would require if it stood under `name` in `[tool.poetry.dependencies]`. Relative paths start at `base`.
///
/// # Errors
/// When it is no requirement.
pub fn requirement(name: &str, entry: Table, base: &Path) -> Result<Requirement, DeclarationError> {
    let entry = Value::Table(entry);
    Declared::read(name, &entry, &GroupName::main(), base).map(|declared| declared.requirement)
}

/// Why a pyproject.toml can't be extended.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Key \"{0}\" already exists.")]
pub struct SectionExists(pub String);

/// Poetry: the back end that new projects name.
const BUILD_SYSTEM: &str = "\
[build-system]
requires = [\"poetry-core>=2.0.0,<3.0.0\"]
build-backend = \"poetry.core.masonry.api\"
";

impl Layout {
    /// The name of a project that lies in the folder of this name.
    ///
    /// Poetry: a name without any Latin letter or digit stays as it is.
    #[must_use]
    pub fn name_for_folder(folder: &str) -> String {
        let mut name = String::new();
        for c in folder.chars() {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                name.push(c);
            } else if !name.ends_with('-') {
                name.push('-');
            }
        }
        match name.trim_matches(['-', '.', '_']) {
            "" => folder.to_lowercase(),
            name => normalize(name),
        }
    }

    /// Is the name one that can be that of a folder?
    #[must_use]
    pub fn has_usable_name(&self) -> bool {
        !self.name.contains(['/', '\\', '\0'])
    }

    /// The package's import name: `acme.tools`.
    #[must_use]
    pub fn package(&self) -> String {
        self.modules().join(".")
    }

    fn modules(&self) -> Vec<String> {
        let parts = self.name.split('.').map(module_name);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// Makes the folders and files beside pyproject.toml.
    ///
    /// # Errors
    /// When one can't be made.
    pub fn create(&self, root: &Path) -> io::Result<()> {
        let mut package = root.to_owned();
        if self.in_src {
            package.push("src");
        }
        package.extend(self.modules());
        let tests = root.join("tests");
        for folder in [&package, &tests] {
            fs::create_dir_all(folder)?;
        }
        let readme = self.readme.iter().map(|name| root.join(name));
        let files = [package.join("__init__.py"), tests.join("__init__.py")];
        files
            .into_iter()
            .chain(readme)
            .try_for_each(|path: PathBuf| fs::File::create_new(path).map(drop))
    }

    /// The text of pyproject.toml, in the form that Poetry gives it.
    #[must_use]
    pub fn manifest(&self) -> String {
        let mut out = "[project]\n".to_owned();
        push_text_line("name", &normalize(&self.name), &mut out);
        push_text_line("version", &self.version, &mut out);
        push_text_line("description", &self.description, &mut out);
        self.push_author(&mut out);
        if let Some(license) = &self.license {
            push_text_line("license", license, &mut out);
        }
        if let Some(readme) = &self.readme {
            push_text_line("readme", readme, &mut out);
        }
        push_text_line("requires-python", &self.python, &mut out);
        push_lines("dependencies", &self.dependencies, &mut out);
        out.push('\n');
        if !self.dev_dependencies.is_empty() {
            out.push_str("[dependency-groups]\n");
            push_lines("dev", &self.dev_dependencies, &mut out);
            out.push('\n');
        }
        if let Some((package, from)) = self.package_include() {
            out.push_str("[tool.poetry]\npackages = [{include = ");
            push_string(&package, &mut out);
            if let Some(from) = from {
                out.push_str(", from = ");
                push_string(from, &mut out);
            }
            out.push_str("}]\n");
        }
        // Poetry: where there is nothing to say in `[tool.poetry]`, the blank line after it stays.
        out.push('\n');
        out + BUILD_SYSTEM
    }

    fn push_author(&self, out: &mut String) {
        out.push_str("authors = [\n    {name = ");
        push_string(&self.author.name, out);
        if let Some(email) = &self.author.email {
            // Poetry: no blank after the comma.
            out.push_str(",email = ");
            push_string(email, out);
        }
        out.push_str("}\n]\n");
    }

    /// What `packages` has to say: the outermost package and its folder. `None` where the name of the project tells it.
    fn package_include(&self) -> Option<(String, Option<&'static str>)> {
        let outermost = self.modules().into_iter().next()?;
        if self.in_src {
            return Some((outermost, Some("src")));
        }
        (module_name(&self.name) != outermost).then_some((outermost, None))
    }

    /// The whole text of pyproject.toml, behind what is there already and with its line ends.
    ///
    /// # Errors
    /// When that has one of the sections.
    pub fn added_to(&self, existing: Option<&Existing>) -> Result<String, SectionExists> {
        let Some(Existing { text, table }) = existing else {
            return Ok(self.manifest());
        };
        let groups = (!self.dev_dependencies.is_empty()).then_some("dependency-groups");
        let mut sections = ["project", "build-system"].into_iter().chain(groups);
        if let Some(section) = sections.find(|section| table.contains_key(*section)) {
            return Err(SectionExists(section.to_owned()));
        }
        // Poetry: one blank line before them, but after a last line without an end none.
        let ends_with_blank_line = text.ends_with("\n\n") || text.ends_with("\n\r\n");
        let gap = match text.is_empty() || ends_with_blank_line {
            true => "",
            false => "\n",
        };
        let added = format!("{gap}{}", self.manifest());
        let added = match text.contains("\r\n") {
            true => added.replace('\n', "\r\n"),
            false => added,
        };
        Ok(format!("{text}{added}"))
    }
}

/// Writes a pyproject.toml: at once or not at all, with the mode it had.
///
/// # Errors
/// When it can't be written.
pub fn write(root: &Path, text: &str) -> io::Result<()> {
    file::replace(&root.join("pyproject.toml"), text.as_bytes())
}

/// The name of the module that a project or a part of its name stands for.
fn module_name(name: &str) -> String {
    normalize(name).replace('-', "_")
}

fn push_lines(key: &str, lines: &[String], out: &mut String) {
    out.push_str(key);
    out.push_str(" = [\n");
    for (at, line) in lines.iter().enumerate() {
        out.push_str("    ");
        push_string(line, out);
        out.push_str(if at + 1 < lines.len() { ",\n" } else { "\n" });
    }
    out.push_str("]\n");
}

#[cfg(test)]
mod tests {
    use super::{Author, Existing, Layout};

    #[test]
    fn names_of_folders_become_names_of_projects() {
        for (folder, name) in [
            ("My_Demo.Pkg", "my-demo-pkg"),
            ("dé mo!x", "d-mo-x"),
            ("--a--", "a"),
            ("a  b", "a-b"),
            ("日本", "日本"),
            ("ÄÖ", "äö"),
        ] {
            assert_eq!(Layout::name_for_folder(folder), name);
        }
    }

    #[test]
    fn authors_have_a_name_and_perhaps_an_address() {
        for (text, name, email) in [
            ("A B <a@b.c>", "A B", Some("a@b.c")),
            ("A B", "A B", None),
            ("A <b <c>", "A", Some("b <c")),
        ] {
            let author = Author::parse(text).unwrap();
            assert_eq!((&*author.name, author.email.as_deref()), (name, email));
        }
        for text in ["", "A <b", "A<b@c>", "<b@c>", "A <>", "A > <b>"] {
            assert_eq!(Author::parse(text), None, "{text}");
        }
    }

    #[test]
    fn packages_are_told_where_the_name_does_not_tell_them() {
        for (name, in_src, package, include) in [
            ("Foo_Bar", false, "foo_bar", None),
            (
                "Foo_Bar",
                true,
                "foo_bar",
                Some("{include = \"foo_bar\", from = \"src\"}"),
            ),
            (
                "acme.Tools",
                false,
                "acme.tools",
                Some("{include = \"acme\"}"),
            ),
            ("a..b", false, "a.b", Some("{include = \"a\"}")),
        ] {
            let layout = Layout {
                name: name.to_owned(),
                in_src,
                ..Layout::default()
            };
            assert_eq!(layout.package(), package);
            let manifest = layout.manifest();
            match include {
                Some(include) => assert!(manifest.contains(include), "{manifest}"),
                None => assert!(!manifest.contains("[tool.poetry]"), "{manifest}"),
            }
        }
    }

    #[test]
    fn sections_are_appended_after_a_blank_line() {
        let layout = Layout {
            name: "a".to_owned(),
            ..Layout::default()
        };
        let added = |text: &str| {
            let existing = Existing {
                text: text.to_owned(),
                table: text.parse().unwrap(),
            };
            let whole = layout.added_to(Some(&existing));
            whole.map(|whole| whole.split_once("[project]").unwrap().0.to_owned())
        };
        for (before, start) in [
            ("", ""),
            ("x = 1\n", "x = 1\n\n"),
            ("x = 1\n\n\n", "x = 1\n\n\n"),
            ("x = 1", "x = 1\n"),
            ("x = 1\r\n", "x = 1\r\n\r\n"),
        ] {
            assert_eq!(added(before).unwrap(), start);
        }
        let error = added("[project]\n").unwrap_err().to_string();
        assert_eq!(error, "Key \"project\" already exists.");
    }
}
