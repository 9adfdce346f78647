//! Wheels and editable wheels of poetry-core projects: same members, order, modes, dates and contents as
//! poetry-core 2.5.0 gives them. Only the compressed bytes may differ, because its zlib is another one.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use resolver::project::Project;
use resolver::tag::Tags;

use super::entry_points::{EntryPoints, script_files};
use super::files::{Format, Module, module_name, posix};
use super::manifest::invalid;
use super::metadata::{CoreMetadata, normalized_version};
use super::python::PythonRange;
use crate::build::archive::{Archive, EXECUTABLE, GENERATED, Member, Packing, REGULAR, Timestamp};
use crate::build::{BuildError, Kind, write_atomically};

/// The `Generator` that WHEEL names: the builder whose rules are followed.
const GENERATOR: &str = "poetry-core 2.5.0";

/// Names and tag of a project's wheel.
pub(crate) struct WheelName {
    distribution: String,
    version: String,
    tag: Cow<'static, str>,
    is_pure: bool,
}

impl WheelName {
    /// # Errors
    /// When the project has no name, or no valid version or range of Pythons.
    pub(crate) fn of(project: &Project) -> Result<Self, BuildError> {
        let package = project
            .package_name()
            .ok_or_else(|| invalid("the project has no name"))?;
        let python = PythonRange::read(project)?;
        Ok(Self {
            distribution: module_name(package.as_str()),
            version: normalized_version(project)?,
            tag: Cow::Borrowed(if python.supports_python2 {
                "py2.py3-none-any"
            } else {
                "py3-none-any"
            }),
            is_pure: true,
        })
    }

    /// The same for what a build script may have compiled for one interpreter.
    pub(crate) fn for_interpreter(self, tags: &Tags) -> Self {
        let tag = tags.iter().next().map(|tag| tag.to_string());
        Self {
            tag: tag.map_or(self.tag, Cow::Owned),
            is_pure: false,
            ..self
        }
    }

    /// `<distribution>-<version>-<tag>.whl`
    pub(crate) fn file(&self) -> String {
        format!("{}-{}-{}.whl", self.distribution, self.version, self.tag)
    }

    /// `<distribution>-<version>.dist-info`
    pub(crate) fn dist_info(&self) -> String {
        format!("{}-{}.dist-info", self.distribution, self.version)
    }

    /// `<distribution>-<version>`
    pub(crate) fn sdist(&self) -> String {
        format!("{}-{}", self.distribution, self.version)
    }

    fn data(&self) -> String {
        format!("{}-{}.data", self.distribution, self.version)
    }
}

/// A file of the dist-info folder.
pub(crate) struct DistInfoFile {
    /// Relative to the folder.
    pub(crate) name: PathBuf,
    pub(crate) content: Vec<u8>,
    /// With the file type's bits.
    pub(crate) mode: u32,
}

/// The files of dist-info but RECORD, in the order of archives.
///
/// # Errors
/// When the manifest can't be used or a licence file can't be read.
pub(crate) fn dist_info_files(
    project: &Project,
    wheel: &WheelName,
) -> Result<Vec<DistInfoFile>, BuildError> {
    let metadata = CoreMetadata::read(project)?;
    let generated = |name: &str, text: String| DistInfoFile {
        name: name.into(),
        content: text.into_bytes(),
        mode: REGULAR,
    };
    let (tag, is_pure) = (&wheel.tag, wheel.is_pure);
    let mut files = vec![
        generated("METADATA", metadata.text()),
        generated(
            "WHEEL",
            format!(
                "Wheel-Version: 1.0\nGenerator: {GENERATOR}\nRoot-Is-Purelib: {is_pure}\nTag: {tag}\n"
            ),
        ),
    ];
    files.extend(
        EntryPoints::read(project)?
            .text()
            .map(|text| generated("entry_points.txt", text)),
    );
    for license in &metadata.license_files {
        let path = project.root.join(license);
        files.push(DistInfoFile {
            name: Path::new("licenses").join(license),
            mode: normalized_mode(&path)?,
            content: fs_err::read(path)?,
        });
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

/// The text of METADATA.
///
/// # Errors
/// When the manifest can't be used or a file it names is missing.
pub(crate) fn metadata_text(project: &Project) -> Result<String, BuildError> {
    Ok(CoreMetadata::read(project)?.text())
}

/// Builds the wheel of `project` into the folder `output` and returns its path.
///
/// # Errors
/// When the manifest or a file can't be used.
pub(crate) fn build_wheel(
    project: &Project,
    kind: Kind,
    output: &Path,
    timestamp: Timestamp,
) -> Result<PathBuf, BuildError> {
    let wheel = WheelContent::read(project, kind)?;
    let path = output.join(wheel.name.file());
    let bytes = wheel.pack(Packing::Deflated, timestamp, &path)?;
    write_atomically(&path, &bytes, 0o644)?;
    Ok(path)
}

/// All that goes into a wheel, but RECORD, in the order of the archive.
pub(crate) struct WheelContent {
    pub(crate) name: WheelName,
    pub(crate) members: Vec<Member>,
    /// The files of the project that are members.
    pub(crate) sources: Vec<PathBuf>,
}

impl WheelContent {
    /// # Errors
    /// When the manifest or a file can't be used.
    pub(crate) fn read(project: &Project, kind: Kind) -> Result<Self, BuildError> {
        if !project.package_mode {
            return Err(BuildError::NonPackageMode);
        }
        let name = WheelName::of(project)?;
        let module = Module::find(project, Some(Format::Wheel))?;
        let (mut members, mut sources) = (Vec::new(), Vec::new());
        match kind {
            Kind::Wheel => {
                for file in module.files(project, Format::Wheel)? {
                    members.push(member(&file.path, posix(&file.name))?);
                    sources.push(file.path);
                }
            }
            Kind::Editable => {
                let (name, text) = pth(project, &module)?;
                members.push(Member {
                    name,
                    content: text.into_bytes(),
                    mode: GENERATED,
                });
            }
        }
        for script in script_files(project)? {
            let file = script.file_name().unwrap_or_default().to_string_lossy();
            members.push(member(&script, format!("{}/scripts/{file}", name.data()))?);
        }
        let dist_info = name.dist_info();
        for file in dist_info_files(project, &name)? {
            members.push(Member {
                name: format!("{dist_info}/{}", posix(&file.name)),
                content: file.content,
                mode: file.mode,
            });
        }
        Ok(Self {
            name,
            members,
            sources,
        })
    }

    /// The bytes of the wheel. `path` is named in errors.
    ///
    /// # Errors
    /// When it is too large.
    pub(crate) fn pack(
        &self,
        packing: Packing,
        timestamp: Timestamp,
        path: &Path,
    ) -> Result<Vec<u8>, BuildError> {
        let record = format!("{}/RECORD", self.name.dist_info());
        Archive::pack(&self.members, &record, GENERATED, packing, timestamp, path)
    }
}

/// The name and the text of the `.pth` file of an editable install: one folder a line.
///
/// # Errors
/// When a folder is gone.
pub(crate) fn editable_pth(project: &Project) -> Result<(String, String), BuildError> {
    // Poetry: the editable builder counts the packages of all formats.
    pth(project, &Module::find(project, None)?)
}

fn pth(project: &Project, module: &Module) -> Result<(String, String), BuildError> {
    let package = project
        .package_name()
        .ok_or_else(|| invalid("the project has no name"))?;
    let text = module
        .bases()?
        .iter()
        .map(|base| format!("{}\n", posix_absolute(base)))
        .collect();
    Ok((format!("{}.pth", module_name(package.as_str())), text))
}

fn posix_absolute(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn member(path: &Path, name: String) -> Result<Member, BuildError> {
    Ok(Member {
        name,
        content: fs_err::read(path)?,
        mode: normalized_mode(path)?,
    })
}

/// Only the owner's executable bit counts; everything else is made equal.
pub(super) fn normalized_mode(path: &Path) -> Result<u32, BuildError> {
    let permissions = fs_err::metadata(path)?.permissions();
    Ok(if is_executable(&permissions) {
        EXECUTABLE
    } else {
        REGULAR
    })
}

/// May its owner execute it?
#[cfg(unix)]
pub(crate) fn is_executable(permissions: &std::fs::Permissions) -> bool {
    std::os::unix::fs::PermissionsExt::mode(permissions) & 0o100 != 0
}

/// Nobody can tell here.
#[cfg(not(unix))]
pub(crate) fn is_executable(_: &std::fs::Permissions) -> bool {
    false
}
