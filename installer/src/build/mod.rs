//! Wheels from sources: a native builder for poetry-core projects, and a PEP 517 front end for all others.
//!
//! A poetry-core project without build script needs no Python to be built: `native` follows its rules. Every other
//! project is built by its own back end, in a child process (`backend`), with Python from an environment that holds
//! just its build requirements (`isolation`).

pub(crate) mod archive;
pub(crate) mod backend;
mod error;
mod identity;
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
use resolver::runtime::Runtime;
use resolver::version::Version;
use serde_json::{Value, json};

use self::archive::{Packing, Timestamp};
pub(crate) use self::archive::{RecordRow, record_text};
use self::backend::{Backend, BuildSystem, SOURCE_DATE_EPOCH};
pub use self::error::BuildError;
use self::isolation::Isolation;
pub(crate) use self::isolation::is_complete;
pub use self::native::POETRY_CORE;
pub(crate) use self::native::wheel::is_executable;
use self::rules::Rules;
pub use self::rules::{BuildRules, ConfigSettings};
use crate::python::Interpreter;
use crate::share::{Share, Wanted};

/// Is a text a licence expression (PEP 639)?
#[must_use]
pub fn is_license_expression(text: &str) -> bool {
    native::license::normalize_expression(text).is_some()
}

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

/// A source whose content is known, so that a wheel which was built from it elsewhere will do.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The project's name.
    pub(crate) name: &'a PackageName,
    /// Its version; `None`: whatever it says.
    pub(crate) version: Option<&'a Version>,
    /// What tells this source from all others, and is the same on all machines.
    pub(crate) content: &'a str,
    /// Called if it really has to be built.
    pub(crate) building: &'a dyn Fn(),
}

/// A wheel or sdist that a back end made.
struct Made {
    path: PathBuf,
    /// Were more requirements installed than pyproject.toml names? They were not known before.
    asked_for_more: bool,
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
    runtime: Runtime,
    index: OnceLock<Index>,
    sources: OnceLock<Vec<Source>>,
    rules: OnceLock<BuildRules>,
    source_date_epoch: OnceLock<i64>,
    share: OnceLock<Arc<Share>>,
    variables: OnceLock<Vec<(String, String)>>,
    compiler: OnceLock<String>,
}

impl BuildFrontend {
    /// A front end that builds for `python`. The index is given later by [`BuildFrontend::connect`], because
    /// the index itself needs a [`Builder`].
    #[must_use]
    pub fn new(cache: Cache, python: Arc<Interpreter>, runtime: Runtime) -> Self {
        Self {
            shared: Arc::new(Shared {
                cache,
                python,
                runtime,
                index: OnceLock::new(),
                sources: OnceLock::new(),
                rules: OnceLock::new(),
                source_date_epoch: OnceLock::new(),
                share: OnceLock::new(),
                variables: OnceLock::new(),
                compiler: OnceLock::new(),
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

    /// Gives it the store of wheels that machines share. The first call counts.
    pub fn set_share(&self, share: Arc<Share>) {
        self.shared.share.get_or_init(|| share);
    }

    /// The store of wheels that machines share, if it is asked for wheels from elsewhere, too.
    pub(crate) fn downloads(&self) -> Option<&Share> {
        let share = self.shared.share.get()?;
        share.has_downloads().then_some(&**share)
    }

    /// Tells it the environment variables that back ends see. The first call counts.
    pub fn set_variables(&self, variables: Vec<(String, String)>) {
        self.shared.variables.get_or_init(|| variables);
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

    /// The same for a source whose content is known: the wheel may come from the store that machines share.
    ///
    /// # Errors
    /// As [`BuildFrontend::wheel`].
    pub(crate) fn wheel_of_known(
        &self,
        known: Known<'_>,
        source: &Path,
        output: &Path,
    ) -> Result<PathBuf, BuildError> {
        let rules = self.rules().of(known.name);
        let native = native_project(source)?.filter(|_| rules.config_settings.is_none());
        match self.shared.share.get().filter(|_| native.is_none()) {
            Some(share) => self.shared_wheel(share, known, rules, source, output),
            None => {
                (known.building)();
                self.wheel_by(rules, source, Kind::Wheel, output)
            }
        }
    }

    fn shared_wheel(
        &self,
        share: &Share,
        known: Known<'_>,
        rules: Rules<'_>,
        source: &Path,
        output: &Path,
    ) -> Result<PathBuf, BuildError> {
        let system = BuildSystem::read(source)?;
        let key = self.identity(known.content, &system, source, rules)?;
        let wanted = Wanted {
            name: known.name,
            version: known.version,
            tags: &self.shared.python.tags,
        };
        if let Some(wheel) = share.find(&key, wanted, output) {
            return Ok(wheel);
        }
        (known.building)();
        let made = self.foreign_archive(rules, source, "wheel", output)?;
        if made.asked_for_more {
            tracing::debug!("{} is not shared: its back end asks for more", known.name);
        } else {
            share.publish(&key, wanted, &made.path);
        }
        Ok(made.path)
    }

    fn wheel_by(
        &self,
        rules: Rules<'_>,
        source: &Path,
        kind: Kind,
        output: &Path,
    ) -> Result<PathBuf, BuildError> {
        // What settings mean is the back end's own business.
        let native = native_project(source)?.filter(|_| rules.config_settings.is_none());
        if let Some(project) = native {
            return native::wheel::build_wheel(&project, kind, output, self.timestamp());
        }
        let made = self.foreign_archive(rules, source, kind.hook(), output)?;
        Ok(made.path)
    }

    /// The bytes of a wheel of a project that takes no back end of its own, as it is installed and then forgotten.
    ///
    /// # Errors
    /// When it is too large.
    pub(crate) fn pack_to_install(
        &self,
        wheel: &native::wheel::WheelContent,
    ) -> Result<Vec<u8>, BuildError> {
        let path = wheel.name.file();
        wheel.pack(Packing::Stored, self.timestamp(), Path::new(&path))
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
        let made = self.archive_of(&system, rules, &project.root, what.hook(), output)?;
        Ok(made.path)
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

    fn isolation(&self) -> Result<Isolation<'_>, BuildError> {
        let shared = &self.shared;
        Ok(Isolation {
            cache: &shared.cache,
            python: &shared.python,
            index: shared.index.get().ok_or(BuildError::NoIndex)?,
            sources: shared.sources.get_or_init(pypi),
            runtime: &shared.runtime,
            ancestors: &self.ancestors,
            frontend: self,
        })
    }

    fn build_python(
        &self,
        source: &Path,
        requirements: &[String],
        rules: Rules<'_>,
    ) -> Result<PathBuf, BuildError> {
        self.isolation()?.python(source, requirements, rules)
    }

    /// Prepares the back end of a source tree for one of its hooks. Tells whether it asked for more requirements than
    /// pyproject.toml has.
    fn backend<'a>(
        &self,
        system: &'a BuildSystem,
        source: &'a Path,
        what: &str,
        rules: Rules<'_>,
    ) -> Result<(Backend<'a>, bool), BuildError> {
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
        let asked_for_more = requirements.len() > before;
        if asked_for_more {
            backend.python = self.build_python(source, &requirements, rules)?;
        }
        Ok((backend, asked_for_more))
    }

    /// Has the back end build an archive: `what` is `wheel`, `editable` or `sdist`.
    fn foreign_archive(
        &self,
        rules: Rules<'_>,
        source: &Path,
        what: &str,
        output: &Path,
    ) -> Result<Made, BuildError> {
        self.archive_of(&BuildSystem::read(source)?, rules, source, what, output)
    }

    fn archive_of(
        &self,
        system: &BuildSystem,
        rules: Rules<'_>,
        source: &Path,
        what: &str,
        output: &Path,
    ) -> Result<Made, BuildError> {
        let source = fs_err::canonicalize(source)?;
        let (backend, asked_for_more) = self.backend(system, &source, what, rules)?;
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
        Ok(Made {
            path,
            asked_for_more,
        })
    }

    fn foreign_metadata(&self, source: &Path) -> Result<Vec<u8>, BuildError> {
        let source = fs_err::canonicalize(source)?;
        let system = BuildSystem::read(&source)?;
        let (backend, _) = self.backend(&system, &source, "wheel", Rules::default())?;
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
        archive::read_metadata(&wheel.path)
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
