//! METADATA and PKG-INFO, as poetry-core writes them.

use std::path::{Path, PathBuf};

use icu_normalizer::ComposingNormalizerBorrowed;
use resolver::project::Project;
use resolver::version::Version;
use toml::{Table, Value};

use super::files::posix;
use super::glob::{glob, walk};
use super::license::{License, normalize_expression};
use super::manifest::{invalid, project_table, tool_poetry, truthy};
use super::python::PythonRange;
use super::requires::Requires;
use crate::build::BuildError;

/// The values of METADATA, in the order in which they are printed.
#[derive(Clone, Debug, Default)]
pub(super) struct CoreMetadata {
    name: String,
    version: String,
    summary: String,
    license: Option<String>,
    license_expression: Option<String>,
    /// Relative to the project, with `/`, sorted.
    pub(super) license_files: Vec<String>,
    keywords: String,
    author: Person,
    maintainer: Person,
    requires_python: Option<String>,
    classifiers: Vec<String>,
    provides_extra: Vec<String>,
    requires_dist: Vec<String>,
    project_urls: Vec<String>,
    content_type: Option<String>,
    description: Option<String>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Person {
    name: Option<String>,
    email: Option<String>,
}

impl CoreMetadata {
    /// Gathers everything from a project's manifest and the files it names.
    ///
    /// # Errors
    /// When a value can't be used or a file is missing.
    pub(super) fn read(project: &Project) -> Result<Self, BuildError> {
        let (standard, poetry) = (project_table(project), tool_poetry(project));
        let root = fs_err::canonicalize(&project.root)?;
        let name = project
            .name
            .clone()
            .ok_or_else(|| invalid("the project has no name"))?;
        let license = LicenseFields::read(standard, poetry, &root)?;
        let python = PythonRange::read(project)?;
        let requires = Requires::read(project);
        let (description, content_type) = readme(standard, poetry, &root)?;
        Ok(Self {
            version: normalized_version(project)?,
            summary: first_text(standard, poetry, "description").unwrap_or_default(),
            license: license.named.as_ref().map(|license| license.id.clone()),
            license_expression: license.expression,
            license_files: license.files,
            keywords: first_list(standard, poetry, "keywords").join(","),
            author: person(standard, poetry, "authors")?,
            maintainer: person(standard, poetry, "maintainers")?,
            classifiers: classifiers(standard, poetry, &python, license.named.as_ref()),
            requires_python: python.requires_python,
            provides_extra: requires.extras,
            requires_dist: requires.requires_dist,
            project_urls: project_urls(standard, poetry),
            content_type,
            description,
            name,
        })
    }

    /// The text of METADATA.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "Metadata-Version: 2.4\nName: {}\nVersion: {}\nSummary: {}\n",
            self.name, self.version, self.summary
        );
        let mut field = |name: &str, value: &str| text.push_str(&format!("{name}: {value}\n"));
        if let Some(license) = &self.license {
            field("License", &indented(license));
        } else if let Some(expression) = &self.license_expression {
            field("License-Expression", expression);
        }
        for file in &self.license_files {
            field("License-File", file);
        }
        let optional = [
            ("Keywords", Some(&self.keywords)),
            ("Author", self.author.name.as_ref()),
            ("Author-email", self.author.email.as_ref()),
            ("Maintainer", self.maintainer.name.as_ref()),
            ("Maintainer-email", self.maintainer.email.as_ref()),
            ("Requires-Python", self.requires_python.as_ref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                field(name, value);
            }
        }
        for (name, values) in [
            ("Classifier", &self.classifiers),
            ("Provides-Extra", &self.provides_extra),
            ("Requires-Dist", &self.requires_dist),
            ("Project-URL", &self.project_urls),
        ] {
            values.iter().for_each(|value| field(name, value));
        }
        if let Some(content_type) = &self.content_type {
            field("Description-Content-Type", content_type);
        }
        if let Some(description) = &self.description {
            text.push_str(&format!("\n{description}\n"));
        }
        text
    }
}

/// The version of the project in PEP 440's normal form.
///
/// # Errors
/// When there is none or it is no version.
pub(super) fn normalized_version(project: &Project) -> Result<String, BuildError> {
    let version = project
        .version
        .as_deref()
        .ok_or_else(|| invalid("the project has no version"))?;
    let version: Version = version.parse().map_err(|_| {
        let name = project.package_name().map_or_else(String::new, Into::into);
        invalid(format!("Invalid version '{version}' on package {name}"))
    })?;
    Ok(version.to_string())
}

/// `key` of `[project]` or else of `[tool.poetry]`.
fn first<'a>(
    standard: Option<&'a Table>,
    poetry: Option<&'a Table>,
    key: &str,
) -> Option<&'a Value> {
    truthy(standard, key).or_else(|| truthy(poetry, key))
}

fn first_text(standard: Option<&Table>, poetry: Option<&Table>, key: &str) -> Option<String> {
    Some(first(standard, poetry, key)?.as_str()?.to_owned())
}

fn first_list(standard: Option<&Table>, poetry: Option<&Table>, key: &str) -> Vec<String> {
    texts(first(standard, poetry, key))
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|value| Some(value.as_str()?.to_owned()))
        .collect()
}

/// Poetry: only the first author and the first maintainer make it into the metadata.
fn person(
    standard: Option<&Table>,
    poetry: Option<&Table>,
    key: &str,
) -> Result<Person, BuildError> {
    let text = match truthy(standard, key).and_then(Value::as_array) {
        Some(people) => people.first().and_then(|person| {
            let part = |key| {
                person
                    .get(key)
                    .and_then(Value::as_str)
                    .filter(|s| !s.is_empty())
            };
            match (part("name"), part("email")) {
                (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
                (name, email) => name.or(email).map(str::to_owned),
            }
        }),
        None => texts(truthy(poetry, key)).into_iter().next(),
    };
    let Some(text) = text else {
        return Ok(Person::default());
    };
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&text);
    parse_person(&composed).ok_or_else(|| {
        invalid(format!(
            "Invalid {} string. Must be in the format: John Smith <john@example.com>",
            key.trim_end_matches('s')
        ))
    })
}

/// Splits `Name <email>`. A text without `<` and `>` is a name, even if it is an address.
fn parse_person(text: &str) -> Option<Person> {
    let Some(bracket) = text.find(['<', '>']) else {
        return (!text.is_empty()).then(|| Person {
            name: Some(text.to_owned()),
            email: None,
        });
    };
    let name = text[..bracket].strip_suffix(' ')?;
    let email = text[bracket..].strip_prefix('<')?.strip_suffix('>')?;
    (!name.is_empty() && !email.is_empty()).then(|| Person {
        name: Some(name.to_owned()),
        email: Some(email.to_owned()),
    })
}

/// What the manifest says of licences.
struct LicenseFields {
    expression: Option<String>,
    named: Option<License>,
    files: Vec<String>,
}

impl LicenseFields {
    fn read(
        standard: Option<&Table>,
        poetry: Option<&Table>,
        root: &Path,
    ) -> Result<Self, BuildError> {
        let patterns = standard.and_then(|table| table.get("license-files"));
        let (mut expression, mut file) = (None, None);
        let mut raw: Option<String>;
        match truthy(standard, "license") {
            Some(Value::String(text)) => {
                expression = normalize_expression(text);
                raw = expression.is_none().then(|| text.clone());
            }
            Some(Value::Table(_)) if patterns.is_some() => {
                return Err(invalid(
                    "[project.license] must be of type string if [project.license-files] is defined.",
                ));
            }
            Some(Value::Table(table)) => {
                raw = truthy(Some(table), "text").and_then(|text| Some(text.as_str()?.to_owned()));
                if raw.is_none()
                    && let Some(name) = truthy(Some(table), "file").and_then(Value::as_str)
                {
                    raw = Some(license_text(&root.join(name))?);
                    file = Some(root.join(name));
                }
            }
            _ => raw = truthy(poetry, "license").and_then(|text| Some(text.as_str()?.to_owned())),
        }
        let files = match patterns {
            Some(patterns) => listed_license_files(root, &texts(Some(patterns)))?,
            None => default_license_files(root, file)?,
        };
        Ok(Self {
            expression,
            named: raw
                .filter(|text| !text.is_empty())
                .map(|text| License::by_id(&text)),
            files,
        })
    }
}

fn license_text(path: &Path) -> Result<String, BuildError> {
    if !path.exists() {
        let path = path.display();
        return Err(invalid(format!("Poetry: license file '{path}' not found")));
    }
    read_text(path)
}

/// `[project.license-files]`: just these, and each pattern must match.
fn listed_license_files(root: &Path, patterns: &[String]) -> Result<Vec<String>, BuildError> {
    let mut files = Vec::new();
    for pattern in patterns {
        let refused = |reason: &str| {
            invalid(format!(
                "Invalid entry in [project.license-files]: '{pattern}' ({reason})"
            ))
        };
        if pattern.contains('\\') {
            return Err(refused("Path delimiters must be forward slashes."));
        }
        if pattern.split('/').any(|part| part == "..") {
            return Err(refused("'..' must not be used."));
        }
        let before = files.len();
        files.extend(
            glob(root, pattern)?
                .into_iter()
                .filter(|path| path.is_file()),
        );
        if files.len() == before {
            return Err(invalid(format!(
                "No files found for license file glob pattern '{pattern}'"
            )));
        }
    }
    Ok(relative_names(root, &files))
}

fn default_license_files(root: &Path, named: Option<PathBuf>) -> Result<Vec<String>, BuildError> {
    let mut files = Vec::from_iter(named);
    for pattern in ["COPYING*", "LICEN[SC]E*", "AUTHORS*", "NOTICE*"] {
        files.extend(glob(root, pattern)?);
    }
    files.extend(walk(&root.join("LICENSES")));
    files.retain(|path| path.is_file());
    Ok(relative_names(root, &files))
}

fn relative_names(root: &Path, files: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = files
        .iter()
        .filter_map(|path| Some(posix(path.strip_prefix(root).ok()?)))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Joined descriptions and their content type.
fn readme(
    standard: Option<&Table>,
    poetry: Option<&Table>,
    root: &Path,
) -> Result<(Option<String>, Option<String>), BuildError> {
    let mut given_type = None;
    let files: Vec<String> = match truthy(standard, "readme") {
        Some(Value::String(file)) => vec![file.clone()],
        Some(Value::Table(table)) => {
            let part = |key| table.get(key).and_then(Value::as_str).map(str::to_owned);
            let content_type = part("content-type")
                .ok_or_else(|| invalid("[project.readme] has no `content-type`"))?;
            match (part("file"), part("text")) {
                (Some(file), _) => {
                    given_type = Some(content_type);
                    vec![file]
                }
                (None, Some(text)) if !text.is_empty() => {
                    return Ok((Some(text), Some(content_type)));
                }
                (None, _) => return Ok((None, Some(content_type))),
            }
        }
        _ => match truthy(poetry, "readme") {
            Some(Value::String(file)) => vec![file.clone()],
            files => texts(files)
                .into_iter()
                .filter(|file| !file.is_empty())
                .collect(),
        },
    };
    let Some(first) = files.first() else {
        return Ok((None, None));
    };
    let content_type = given_type.unwrap_or_else(|| content_type(first).to_owned());
    let descriptions: Vec<String> = files
        .iter()
        .map(|file| readme_text(&root.join(file)))
        .collect::<Result<_, _>>()?;
    Ok((Some(descriptions.join("\n")), Some(content_type)))
}

fn readme_text(path: &Path) -> Result<String, BuildError> {
    let shown = path.display();
    if !path.exists() {
        return Err(invalid(format!("Readme path `{shown}` does not exist.")));
    }
    if path.is_dir() {
        return Err(invalid(format!("Readme path `{shown}` is a directory.")));
    }
    read_text(path)
}

/// The files, below the project's folder, that its metadata are made from besides the manifest: readmes and licences.
pub(crate) fn files_read(project: &Project) -> Result<Vec<String>, BuildError> {
    let mut files = readme_files(project);
    files.extend(CoreMetadata::read(project)?.license_files);
    Ok(files)
}

/// The files that the readme fields name.
pub(crate) fn readme_files(project: &Project) -> Vec<String> {
    match truthy(project_table(project), "readme") {
        Some(Value::String(file)) => vec![file.clone()],
        Some(readme) => Vec::from_iter(
            readme
                .get("file")
                .and_then(|file| Some(file.as_str()?.to_owned())),
        ),
        None => match truthy(tool_poetry(project), "readme") {
            Some(Value::String(file)) => vec![file.clone()],
            files => texts(files)
                .into_iter()
                .filter(|file| !file.is_empty())
                .collect(),
        },
    }
}

fn content_type(file: &str) -> &'static str {
    match Path::new(file)
        .extension()
        .and_then(|suffix| suffix.to_str())
    {
        Some("rst") => "text/x-rst",
        Some("md" | "markdown") => "text/markdown",
        _ => "text/plain",
    }
}

/// Reads a text as Python does: all line ends become `\n`.
fn read_text(path: &Path) -> Result<String, BuildError> {
    Ok(fs_err::read_to_string(path)?
        .replace("\r\n", "\n")
        .replace('\r', "\n"))
}

/// Continuation lines are indented by the width of `License: `, also empty ones.
fn indented(text: &str) -> String {
    const ENDS: [char; 10] = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}',
        '\u{2029}',
    ];
    let indented: String = text
        .split_inclusive(ENDS)
        .map(|line| format!("         {line}"))
        .collect();
    indented.trim().to_owned()
}

/// Poetry: classifiers are enriched with Python versions and the licence unless `[project]` gives them.
fn classifiers(
    standard: Option<&Table>,
    poetry: Option<&Table>,
    python: &PythonRange,
    license: Option<&License>,
) -> Vec<String> {
    const PYTHON: &str = "Programming Language :: Python";
    if let Some(given) = truthy(standard, "classifiers") {
        return texts(Some(given));
    }
    let versions: Vec<String> = python
        .classified_versions
        .iter()
        .map(|version| format!("{PYTHON} :: {version}"))
        .collect();
    let mut others = texts(truthy(poetry, "classifiers"));
    others.extend(license.map(|license| license.classifier.clone()));
    others.retain(|classifier| !versions.contains(classifier));
    others.sort();
    others.dedup();
    let place = others.partition_point(|classifier| classifier.as_str() <= PYTHON);
    others.splice(place..place, versions);
    others
}

/// Poetry: sorted by their first character only, otherwise in order of the manifest after the three known ones.
fn project_urls(standard: Option<&Table>, poetry: Option<&Table>) -> Vec<String> {
    const KNOWN: [&str; 3] = ["Homepage", "Repository", "Documentation"];
    let mut known = [None, None, None];
    let mut custom: Vec<(&str, &str)> = Vec::new();
    if let Some(urls) = truthy(standard, "urls").and_then(Value::as_table) {
        for (name, url) in urls {
            let Some(url) = url.as_str() else { continue };
            let lower = name.to_lowercase();
            match KNOWN.iter().position(|known| known.to_lowercase() == lower) {
                Some(index) => known[index] = Some(url),
                None => custom.push((name, url)),
            }
        }
    } else {
        for (index, name) in KNOWN.iter().enumerate() {
            known[index] = truthy(poetry, &name.to_lowercase()).and_then(Value::as_str);
        }
        let urls = poetry.and_then(|poetry| poetry.get("urls")?.as_table());
        for (name, url) in urls.into_iter().flatten() {
            let Some(url) = url.as_str() else { continue };
            // A custom name may repeat one of the three; it takes its place then.
            match KNOWN.iter().position(|known| known == name) {
                Some(index) if known[index].is_some() => known[index] = Some(url),
                _ => custom.push((name, url)),
            }
        }
    }
    let mut urls: Vec<String> = KNOWN
        .iter()
        .zip(known)
        .filter_map(|(name, url)| Some((*name, url?)))
        .filter(|(_, url)| !url.is_empty())
        .chain(custom)
        .map(|(name, url)| format!("{name}, {url}"))
        .collect();
    urls.sort_by_key(|url| url.chars().next());
    urls
}

#[cfg(test)]
mod tests {
    use super::{Person, content_type, indented, parse_person};

    #[test]
    fn people_are_split_at_the_bracket() {
        let person = |name: &str, email: Option<&str>| {
            Some(Person {
                name: Some(name.to_owned()),
                email: email.map(str::to_owned),
            })
        };
        let cases = [
            ("Ann B. <a@x>", person("Ann B.", Some("a@x"))),
            ("a@x", person("a@x", None)),
            ("A <a>b>", person("A", Some("a>b"))),
            ("A  <a>", person("A ", Some("a"))),
            ("A<a>", None),
            ("<a@x>", None),
            (" <a@x>", None),
            ("A <>", None),
            ("A <a@x> b", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_person(text), expected, "{text}");
        }
    }

    #[test]
    fn license_lines_are_indented() {
        assert_eq!(
            indented("a\n\nb\u{c}c\n"),
            "a\n         \n         b\u{c}         c"
        );
    }

    #[test]
    fn content_types_follow_the_suffix() {
        for (file, expected) in [
            ("README.md", "text/markdown"),
            ("README.markdown", "text/markdown"),
            ("README.rst", "text/x-rst"),
            ("README", "text/plain"),
            ("README.MD", "text/plain"),
        ] {
            assert_eq!(content_type(file), expected, "{file}");
        }
    }
}
