//! Wheels from sources: a native builder for poetry-core projects, and a PEP 517 front end for all others.
//!
//! A poetry-core project without build script needs no Python to be built: `native` follows its rules. Every other
//! project is built by its own back end, in a child process (`backend`), with Python from an environment that holds
//! just its build requirements (`isolation`).

pub(crate) mod archive;
pub(crate) mod backend;
mod error;
mod isolation;
pub(crate) mod native;
mod rules;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use resolver::cache::Cache;
use resolver::dist::{Priority, Source};
use resolver::index::{Builder, Index};
use resolver::metadata::Metadata;
use resolver::name::PackageName;
use resolver::project::Project;
use serde_json::{Value, json};

use self::archive::Timestamp;
pub(crate) use self::archive::{RecordRow, record_text};
use self::backend::{Backend, BuildSystem, SOURCE_DATE_EPOCH};
pub use self::error::BuildError;
use self::isolation::Isolation;
pub(crate) use self::native::wheel::is_executable;
use self::rules::Rules;
pub use self::rules::{BuildRules, ConfigSettings};
use crate::python::Interpreter;

/// Which wheel to build.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An ordinary wheel.
    Wheel,
    /// A PEP 660 editable wheel.
    Editable,
}

impl Kind {
    /// The part of the hooks' names that tells the two apart.
    fn hook(self) -> &'static str {
        match self {
            Self::Wheel => "wheel",
            Self::Editable => "editable",
        }
    }
}

/// The two kinds of archives that a project can be built into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Distribution {
    /// The project's sources.
    Sdist,
    /// What is installed.
    Wheel,
}

impl Distribution {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sdist => "sdist",
            Self::Wheel => "wheel",
        }
    }

    /// The part of the hooks' names that tells the two apart.
    fn hook(self) -> &'static str {
        self.name()
    }
}

/// Builds wheels and metadata from source trees. Cheap to clone.
#[derive(Clone)]
pub struct BuildFrontend {
    shared: Arc<Shared>,
    /// Keys of the build environments that are being made for this build, outermost first.
    ancestors: Arc<[String]>,
}

struct Shared {
    cache: Cache,
    python: Arc<Interpreter>,
    runtime: tokio::runtime::Handle,
    index: OnceLock<Index>,
    sources: OnceLock<Vec<Source>>,
    rules: OnceLock<BuildRules>,
    source_date_epoch: OnceLock<i64>,
}

impl BuildFrontend {
    /// A front end that builds for `python`. The index is given later by [`BuildFrontend::connect`], because
    /// the index itself needs a [`Builder`].
    #[must_use]
    pub fn new(cache: Cache, python: Arc<Interpreter>, runtime: tokio::runtime::Handle) -> Self {
        Self {
            shared: Arc::new(Shared {
                cache,
                python,
                runtime,
                index: OnceLock::new(),
                sources: OnceLock::new(),
                rules: OnceLock::new(),
                source_date_epoch: OnceLock::new(),
            }),
            ancestors: Arc::new([]),
        }
    }

    /// Tells it where build requirements come from. The first call counts.
    pub fn connect(&self, index: Index) {
        self.shared.index.get_or_init(|| index);
    }

    /// Tells it the sources that build requirements come from: those of the project that builds are made for, PyPI
    /// included where it counts. Without this, it is PyPI alone. The first call counts.
    pub fn set_sources(&self, sources: Vec<Source>) {
        self.shared.sources.get_or_init(|| sources);
    }

    /// Tells it what is special about some builds. The first call counts.
    pub fn set_rules(&self, rules: BuildRules) {
        self.shared.rules.get_or_init(|| rules);
    }

    /// What is special about some builds.
    pub(crate) fn rules(&self) -> &BuildRules {
        self.shared.rules.get_or_init(BuildRules::default)
    }

    /// Sets the date of files in wheels: the user's `SOURCE_DATE_EPOCH`, in seconds since 1970. The default is
    /// poetry-core's fixed date, 2016-01-01. The first call counts.
    pub fn set_source_date_epoch(&self, seconds: i64) {
        self.shared.source_date_epoch.get_or_init(|| seconds);
    }

    /// The interpreter that it builds for.
    #[must_use]
    pub fn python(&self) -> &Arc<Interpreter> {
        &self.shared.python
    }

    /// Builds the project in `source` and puts the wheel into `output`. poetry-core projects without build script
    /// are built natively, without starting Python. Blocks.
    ///
    /// # Errors
    /// When the project can't be read or its back end fails; the back end's output is part of the error.
    pub fn wheel(&self, source: &Path, kind: Kind, output: &Path) -> Result<PathBuf, BuildError> {
        self.wheel_by(Rules::default(), source, kind, output)
    }

    /// The same for a package whose name is known, so that it is built by the rules for it.
    ///
    /// # Errors
    /// As [`BuildFrontend::wheel`].
    pub fn wheel_of(
        &self,
        name: &PackageName,
        source: &Path,
        kind: Kind,
        output: &Path,
    ) -> Result<PathBuf, BuildError> {
        self.wheel_by(self.rules().of(name), source, kind, output)
    }

    fn wheel_by(
        &self,
        rules: Rules<'_>,
        source: &Path,
        kind: Kind,
        output: &Path,
    ) -> Result<PathBuf, BuildError> {
        match native_project(source)? {
            // What settings mean is the back end's own business.
            Some(project) if rules.config_settings.is_none() => {
                native::wheel::build_wheel(&project, kind, output, self.timestamp())
            }
            _ => self.foreign_archive(rules, source, kind.hook(), output),
        }
    }

    /// Has the back end of `project` build an archive and puts it into `output`. `settings` are the back end's own. A
    /// project that names no back end is poetry-core's. Blocks.
    ///
    /// # Errors
    /// As [`BuildFrontend::wheel`].
    pub fn distribution(
        &self,
        project: &Project,
        what: Distribution,
        settings: &ConfigSettings,
        output: &Path,
    ) -> Result<PathBuf, BuildError> {
        let system = match project.build_system.backend {
            Some(_) => BuildSystem::read(&project.root)?,
            None => native::build_system(),
        };
        let rules = Rules {
            config_settings: (!settings.is_empty()).then_some(settings),
            constraints: None,
        };
        self.archive_of(&system, rules, &project.root, what.hook(), output)
    }

    /// Runs the build script of a project (`[tool.poetry.build]`) in an environment with its build requirements, as
    /// an editable install of the root project does first. Without one nothing happens.
    ///
    /// # Errors
    /// When the requirements can't be installed or the script fails.
    pub fn run_build_script(&self, project: &Project) -> Result<(), BuildError> {
        let Some(script) = native::build_script(project) else {
            return Ok(());
        };
        let requirements = &project.build_system.requires;
        let python = self.build_python(&project.root, requirements, Rules::default())?;
        let path = project.root.join(script);
        let output = std::process::Command::new(python)
            .arg(&path)
            .current_dir(&project.root)
            .stdin(std::process::Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(BuildError::Program {
            program: path.display().to_string(),
            status: Some(output.status),
            output: String::from_utf8_lossy(&text).trim().to_owned(),
        })
    }

    /// The same front end, within the making of these environments.
    fn inside(&self, ancestors: Vec<String>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ancestors: ancestors.into(),
        }
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        timestamp(self.shared.source_date_epoch.get().copied())
    }

    fn build_python(
        &self,
        source: &Path,
        requirements: &[String],
        rules: Rules<'_>,
    ) -> Result<PathBuf, BuildError> {
        let shared = &self.shared;
        let isolation = Isolation {
            cache: &shared.cache,
            python: &shared.python,
            index: shared.index.get().ok_or(BuildError::NoIndex)?,
            sources: shared.sources.get_or_init(pypi),
            runtime: &shared.runtime,
            ancestors: &self.ancestors,
            frontend: self,
        };
        isolation.python(source, requirements, rules)
    }

    /// Prepares the back end of a source tree for one of its hooks.
    fn backend<'a>(
        &self,
        system: &'a BuildSystem,
        source: &'a Path,
        what: &str,
        rules: Rules<'_>,
    ) -> Result<Backend<'a>, BuildError> {
        let mut requirements = system.requires.clone();
        let mut backend = Backend {
            system,
            python: self.build_python(source, &requirements, rules)?,
            source,
            // The archives that are published have the dates that their back ends give them.
            source_date_epoch: (self.shared.source_date_epoch.get().copied())
                .or((what != "sdist").then_some(SOURCE_DATE_EPOCH)),
        };
        let hook = format!("get_requires_for_build_{what}");
        let more = backend.call(&hook, &json!({ "config_settings": rules.settings() }))?;
        let before = requirements.len();
        for requirement in more
            .as_ref()
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if let Some(text) = requirement.as_str()
                && !requirements.iter().any(|known| known == text)
            {
                requirements.push(text.to_owned());
            }
        }
        if requirements.len() > before {
            backend.python = self.build_python(source, &requirements, rules)?;
        }
        Ok(backend)
    }

    /// Has the back end build an archive: `what` is `wheel`, `editable` or `sdist`.
    fn foreign_archive(
        &self,
        rules: Rules<'_>,
        source: &Path,
        what: &str,
        output: &Path,
    ) -> Result<PathBuf, BuildError> {
        self.archive_of(&BuildSystem::read(source)?, rules, source, what, output)
    }

    fn archive_of(
        &self,
        system: &BuildSystem,
        rules: Rules<'_>,
        source: &Path,
        what: &str,
        output: &Path,
    ) -> Result<PathBuf, BuildError> {
        let source = fs_err::canonicalize(source)?;
        let backend = self.backend(system, &source, what, rules)?;
        fs_err::create_dir_all(output)?;
        let folder = tempfile::Builder::new()
            .prefix(".mpoetry-")
            .tempdir_in(output)?;
        let hook = format!("build_{what}");
        let target = if what == "sdist" {
            "sdist_directory"
        } else {
            "wheel_directory"
        };
        let arguments = json!({ target: fs_err::canonicalize(folder.path())?, "config_settings": rules.settings() });
        let name = backend
            .call(&hook, &arguments)?
            .and_then(|value| Some(value.as_str()?.to_owned()))
            .ok_or_else(|| BuildError::MissingHook {
                source_tree: source.clone(),
                backend: system.backend.clone(),
                hook,
            })?;
        let (made, path) = (folder.path().join(&name), output.join(&name));
        if made.parent() != Some(folder.path()) || !made.is_file() {
            return Err(BuildError::NoArchive {
                source_tree: source,
                backend: system.backend.clone(),
                name,
            });
        }
        fs_err::rename(made, &path)?;
        Ok(path)
    }

    fn foreign_metadata(&self, source: &Path) -> Result<Vec<u8>, BuildError> {
        let source = fs_err::canonicalize(source)?;
        let system = BuildSystem::read(&source)?;
        let backend = self.backend(&system, &source, "wheel", Rules::default())?;
        let folder = tempfile::Builder::new()
            .prefix("mpoetry-metadata-")
            .tempdir()?;
        let arguments = json!({
            "metadata_directory": fs_err::canonicalize(folder.path())?,
            "config_settings": null,
        });
        let prepared = backend.call("prepare_metadata_for_build_wheel", &arguments)?;
        if let Some(dist_info) = prepared.as_ref().and_then(Value::as_str) {
            return Ok(fs_err::read(
                folder.path().join(dist_info).join("METADATA"),
            )?);
        }
        let wheel = self.foreign_archive(Rules::default(), &source, "wheel", folder.path())?;
        archive::read_metadata(&wheel)
    }

    fn metadata_of(&self, source: &Path) -> Result<Metadata, BuildError> {
        let bytes = match native_project(source)? {
            Some(project) => native::wheel::metadata_text(&project)?.into_bytes(),
            None => self.foreign_metadata(source)?,
        };
        Ok(Metadata::parse(&bytes)?)
    }
}

impl Builder for BuildFrontend {
    fn metadata(&self, directory: &Path) -> Result<Metadata, String> {
        self.metadata_of(directory)
            .map_err(|error| with_causes(&error))
    }
}

/// The source that counts if none is configured.
fn pypi() -> Vec<Source> {
    vec![Source {
        name: "PyPI".to_owned(),
        url: None,
        priority: Priority::Primary,
    }]
}

/// The message of an error and of all its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Builds an archive of a project as poetry-core does, without starting Python, and puts it into `output`.
/// `local_version` replaces the local part of the version. `source_date_epoch` is the date of all members; without it,
/// poetry-core's fixed ones.
///
/// # Errors
/// When the manifest or a file can't be used.
pub fn build_natively(
    project: &Project,
    what: Distribution,
    local_version: Option<&str>,
    source_date_epoch: Option<i64>,
    output: &Path,
) -> Result<PathBuf, BuildError> {
    let project = match local_version {
        Some(label) => &native::with_local_version(project, label)?,
        None => project,
    };
    match what {
        Distribution::Sdist => {
            let seconds = source_date_epoch.unwrap_or(0);
            native::sdist::build_sdist(project, output, u32::try_from(seconds).unwrap_or(0))
        }
        Distribution::Wheel => {
            native::wheel::build_wheel(project, Kind::Wheel, output, timestamp(source_date_epoch))
        }
    }
}

/// Does `[tool.poetry.build]` want a `setup.py` in sdists? Only poetry-core itself can write that.
#[must_use]
pub fn generates_setup(project: &Project) -> bool {
    native::generates_setup(project)
}

/// The date of members of wheels.
fn timestamp(source_date_epoch: Option<i64>) -> Timestamp {
    source_date_epoch
        .and_then(Timestamp::from_epoch)
        .unwrap_or(Timestamp::DEFAULT)
}

/// Can this project be built natively? Its back end must be poetry-core in a range that admits the release whose
/// rules are followed here, with nothing else required, and without build script.
#[must_use]
pub fn is_native(project: &Project) -> bool {
    native::is_native(project)
}

/// Does `[tool.poetry.build]` name a script? See [`BuildFrontend::run_build_script`].
#[must_use]
pub fn has_build_script(project: &Project) -> bool {
    native::build_script(project).is_some()
}

/// The project in `source`, if it can be built natively. Manifests of other back ends are not looked at closely:
/// what Poetry would call wrong in them does not matter.
pub(crate) fn native_project(source: &Path) -> Result<Option<Project>, BuildError> {
    if BuildSystem::read(source)?.backend != native::BACKEND {
        return Ok(None);
    }
    let project = Project::read(source)?;
    Ok(is_native(&project).then_some(project))
}

/// Writes a file in one step: beside its place first, then renamed.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<(), BuildError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs_err::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".mpoetry-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
