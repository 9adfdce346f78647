//! Which files of a project go into its wheel and its sdist: `packages`, `include`, `exclude`, what git ignores.

use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use resolver::project::Project;
use rustc_hash::FxHashSet;
use toml::{Table, Value};

use super::glob::{glob, walk};
use super::ignored::ignored_among;
use super::manifest::{invalid, tool_poetry};
use crate::build::BuildError;

/// A kind of archive, as `format` keys name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Sdist,
    Wheel,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Sdist => "sdist",
            Self::Wheel => "wheel",
        }
    }
}

/// A file that goes into an archive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct SelectedFile {
    /// Where it is, links resolved.
    pub(super) path: PathBuf,
    /// Its name in the archive, with `/`.
    pub(super) name: PathBuf,
}

/// What `packages` and `include` say, for one format.
pub(super) struct Module {
    root: PathBuf,
    packages: Vec<Package>,
    includes: Vec<Vec<PathBuf>>,
}

/// One entry of `packages`, looked up.
struct Package {
    /// The folder its path in a wheel is relative to: the project's, or `from` in it.
    base: PathBuf,
    /// Was `from` given?
    has_source: bool,
    /// `to`
    target: Option<String>,
    elements: Vec<PathBuf>,
    /// Are the elements everything below one folder? Then folders among them need not be walked again.
    is_walked: bool,
}

impl Module {
    /// Finds what the manifest names. `format: None` counts the entries of all formats.
    ///
    /// # Errors
    /// When nothing is found, or what is found is no Python code.
    pub(super) fn find(project: &Project, format: Option<Format>) -> Result<Self, BuildError> {
        let root = fs_err::canonicalize(&project.root)?;
        let poetry = tool_poetry(project);
        let wanted = |formats: &[String]| {
            format.is_none_or(|format| formats.iter().any(|name| name == format.name()))
        };

        let mut packages = Vec::new();
        for entry in list(poetry, "packages")? {
            let entry = entry
                .as_table()
                .ok_or_else(|| invalid("[tool.poetry.packages] must hold tables"))?;
            if wanted(&formats(entry, &["sdist", "wheel"])) {
                let include = text(entry, "include").ok_or_else(|| {
                    invalid("an entry of [tool.poetry.packages] has no `include`")
                })?;
                packages.push(Package::find(
                    &root,
                    include,
                    text(entry, "from"),
                    text(entry, "to"),
                )?);
            }
        }
        if packages.is_empty() {
            packages.push(Self::default_package(project, &root)?);
        }

        let mut includes = Vec::new();
        for entry in list(poetry, "include")? {
            // Poetry: a plain entry is for sdists only.
            let (pattern, formats) = match entry {
                Value::String(pattern) => (pattern.as_str(), vec!["sdist".to_owned()]),
                Value::Table(entry) => (
                    text(entry, "path").ok_or_else(|| {
                        invalid("an entry of [tool.poetry.include] has no `path`")
                    })?,
                    formats(entry, &["sdist"]),
                ),
                _ => return Err(invalid("[tool.poetry.include] must hold strings or tables")),
            };
            if wanted(&formats) {
                includes.push(glob(&root, pattern)?);
            }
        }
        Ok(Self {
            root,
            packages,
            includes,
        })
    }

    /// The module named like the project, in its folder or in `src`.
    fn default_package(project: &Project, root: &Path) -> Result<Package, BuildError> {
        let package = project
            .package_name()
            .ok_or_else(|| invalid("the project has no name"))?;
        let module = module_name(package.as_str());
        for source in [None, Some("src")] {
            let base = source.map_or_else(|| root.to_owned(), |source| root.join(source));
            let directory = base.join(&module);
            let file = base.join(format!("{module}.py"));
            match (directory.is_dir(), file.is_file()) {
                (true, true) => return Err(BuildError::AmbiguousModule { directory, file }),
                (true, false) => return Package::find(root, &module, source, None),
                (false, true) => return Package::find(root, &format!("{module}.py"), source, None),
                (false, false) => {}
            }
        }
        Err(BuildError::ModuleNotFound {
            package: package.to_string(),
        })
    }

    /// The folders an editable install puts on Python's path, links resolved, each once.
    ///
    /// # Errors
    /// When a folder can't be resolved.
    pub(super) fn bases(&self) -> Result<Vec<PathBuf>, BuildError> {
        let mut bases = Vec::new();
        for package in &self.packages {
            let base = fs_err::canonicalize(&package.base)?;
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        Ok(bases)
    }

    /// The files for one format, by path: links resolved, each file once.
    ///
    /// # Errors
    /// When a link leads out of the project, or a file is gone.
    pub(super) fn files(
        &self,
        project: &Project,
        format: Format,
    ) -> Result<Vec<SelectedFile>, BuildError> {
        let mut files = IndexMap::new();
        for package in &self.packages {
            let in_wheel = format == Format::Wheel;
            let source_root = if in_wheel && package.has_source {
                fs_err::canonicalize(&package.base)?
            } else {
                self.root.clone()
            };
            let target = package.target.as_deref().filter(|_| in_wheel);
            let mut add = |path: &Path| -> Result<(), BuildError> {
                let path = fs_err::canonicalize(path)?;
                relative(&path, &self.root)?;
                let name = relative(&path, &source_root)?;
                let name = target.map_or_else(|| name.to_owned(), |to| Path::new(to).join(name));
                files
                    .entry(path.clone())
                    .or_insert(SelectedFile { path, name });
                Ok(())
            };
            for element in &package.elements {
                if !element.is_dir() {
                    add(element)?;
                } else if !package.is_walked || element.is_symlink() {
                    walk(element)
                        .iter()
                        .filter(|path| !path.is_dir())
                        .try_for_each(|path| add(path))?;
                }
            }
        }
        let excluded = self.excluded(project, files.keys())?;
        files.retain(|path, _| relative(path, &self.root).is_ok_and(|name| !excluded.holds(name)));
        for element in self
            .includes
            .iter()
            .flatten()
            .filter(|path| !in_cache(path))
        {
            let is_directory = element.is_dir();
            let found = if is_directory {
                walk(element)
            } else {
                vec![element.clone()]
            };
            for path in found.iter().filter(|path| !path.is_dir()) {
                let path = fs_err::canonicalize(path)?;
                let name = relative(&path, &self.root)?.to_owned();
                // Poetry: a file that `include` names itself is never left out.
                if !is_directory || !excluded.holds(&name) {
                    files
                        .entry(path.clone())
                        .or_insert(SelectedFile { path, name });
                }
            }
        }
        files.sort_unstable_keys();
        Ok(files.into_values().collect())
    }

    /// What `exclude` names, and which of the files git ignores, less what `include` names.
    fn excluded<'f>(
        &self,
        project: &Project,
        files: impl Iterator<Item = &'f PathBuf>,
    ) -> Result<Excluded, BuildError> {
        let own: Vec<String> = files.filter_map(|file| self.own_name(file)).collect();
        let mut names = ignored_among(&self.root, own.iter().map(String::as_str));
        for entry in list(tool_poetry(project), "exclude")? {
            let pattern = entry
                .as_str()
                .ok_or_else(|| invalid("[tool.poetry.exclude] must hold strings"))?;
            for path in glob(&self.root, pattern)? {
                names.extend(self.names_below(&path));
            }
        }
        for path in self.includes.iter().flatten() {
            for name in self.names_below(path) {
                names.remove(&name);
            }
        }
        Ok(Excluded { names })
    }

    /// The project-relative names of a file, or of all files below a folder.
    fn names_below(&self, path: &Path) -> Vec<String> {
        let files = if path.is_dir() {
            walk(path)
                .into_iter()
                .filter(|path| path.is_file())
                .collect()
        } else {
            vec![path.to_owned()]
        };
        files
            .iter()
            .filter_map(|file| self.own_name(file))
            .collect()
    }

    /// The project-relative name of a file.
    fn own_name(&self, file: &Path) -> Option<String> {
        Some(posix(file.strip_prefix(&self.root).ok()?))
    }
}

impl Package {
    fn find(
        root: &Path,
        include: &str,
        source: Option<&str>,
        target: Option<&str>,
    ) -> Result<Self, BuildError> {
        let base = source.map_or_else(|| root.to_owned(), |source| root.join(source));
        let mut elements = glob(&base, include)?;
        let Some(first) = elements.first().cloned() else {
            return Err(BuildError::EmptyPackage {
                pattern: base.join(include),
            });
        };
        let is_walked = elements.len() == 1 && first.is_dir();
        // The name decides whether a package may hold nothing but type stubs.
        let named = if is_walked {
            Some(first.as_path())
        } else {
            first.parent()
        };
        if is_walked {
            elements = walk(&first);
        }
        if (is_walked || elements.len() > 1) && !holds_code(&elements, named) {
            return Err(BuildError::NotAPackage {
                name: file_name(&first),
            });
        }
        Ok(Self {
            base,
            has_source: source.is_some(),
            target: target.map(str::to_owned),
            elements,
            is_walked,
        })
    }
}

/// Poetry: a package needs a `.py` file somewhere, unless it is a stub package (PEP 561).
fn holds_code(elements: &[PathBuf], package: Option<&Path>) -> bool {
    let has_suffix = |path: &PathBuf, suffix: &str| path.extension().is_some_and(|e| e == suffix);
    let is_stub_only = package.is_some_and(|path| file_name(path).ends_with("-stubs"))
        && elements
            .iter()
            .filter(|path| path.is_file())
            .all(|path| has_suffix(path, "pyi") || file_name(path) == "py.typed");
    is_stub_only || elements.iter().any(|path| has_suffix(path, "py"))
}

/// Names of files that stay out.
struct Excluded {
    names: FxHashSet<String>,
}

impl Excluded {
    /// Is the file, or a folder above it, left out? `file` is relative to the project.
    fn holds(&self, file: &Path) -> bool {
        in_cache(file)
            || file.extension().is_some_and(|extension| extension == "pyc")
            || file
                .ancestors()
                .filter(|path| !path.as_os_str().is_empty())
                .any(|path| self.names.contains(posix(path).as_str()))
    }
}

/// Does it lie in a `__pycache__`?
fn in_cache(path: &Path) -> bool {
    path.components()
        .any(|part| part == Component::Normal("__pycache__".as_ref()))
}

/// `path` without `folder` in front.
fn relative<'a>(path: &'a Path, folder: &Path) -> Result<&'a Path, BuildError> {
    path.strip_prefix(folder)
        .map_err(|_| BuildError::OutsideProject {
            path: path.to_owned(),
            folder: folder.to_owned(),
        })
}

/// A path with `/` between its parts.
pub(super) fn posix(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

/// The importable name that belongs to a normalised distribution name; also its form in file names.
pub(crate) fn module_name(package: &str) -> String {
    package.replace('-', "_")
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The array `key` of `[tool.poetry]`; empty if missing.
fn list<'a>(poetry: Option<&'a Table>, key: &str) -> Result<&'a [Value], BuildError> {
    match poetry.and_then(|poetry| poetry.get(key)) {
        None => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        Some(_) => Err(invalid(format!("[tool.poetry.{key}] must be an array"))),
    }
}

fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}

/// `format` of an entry: a string or a list.
fn formats(entry: &Table, default: &[&str]) -> Vec<String> {
    match entry.get("format") {
        Some(Value::String(format)) => vec![format.clone()],
        Some(Value::Array(formats)) => formats
            .iter()
            .filter_map(|format| Some(format.as_str()?.to_owned()))
            .collect(),
        _ => default.iter().map(|&name| name.to_owned()).collect(),
    }
}
