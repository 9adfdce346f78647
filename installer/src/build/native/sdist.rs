//! Source distributions of poetry-core projects.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use resolver::project::Project;
use rustc_hash::FxHashSet;

use super::entry_points::script_files;
use super::files::{Format, Module, posix};
use super::manifest::invalid;
use super::metadata::{CoreMetadata, readme_files};
use super::wheel::{WheelName, normalized_mode};
use crate::build::{BuildError, write_atomically};

/// Builds the sdist of `project` into the folder `output` and returns its path. `mtime` is the date of all members
/// and of the archive, in seconds since 1970.
///
/// # Errors
/// When the manifest or a file can't be used.
pub(crate) fn build_sdist(
    project: &Project,
    output: &Path,
    mtime: u32,
) -> Result<PathBuf, BuildError> {
    if !project.package_mode {
        return Err(BuildError::NonPackageMode);
    }
    let stem = WheelName::of(project)?.sdist();
    let metadata = CoreMetadata::read(project)?;
    let mut tar = tar::Builder::new(Vec::new());
    for file in sources(project, &metadata)? {
        let mode = normalized_mode(&file.0)? & 0o777;
        let name = format!("{stem}/{}", posix(&file.1));
        append(&mut tar, &name, &fs_err::read(&file.0)?, mode, mtime)?;
    }
    let text = metadata.text();
    append(
        &mut tar,
        &format!("{stem}/PKG-INFO"),
        text.as_bytes(),
        0o644,
        mtime,
    )?;
    let bytes = gzip(&padded(tar.into_inner()?), &format!("{stem}.tar"), mtime)?;
    let path = output.join(format!("{stem}.tar.gz"));
    write_atomically(&path, &bytes, 0o644)?;
    Ok(path)
}

/// The files of an sdist, each with its place in the project, by that.
fn sources(
    project: &Project,
    metadata: &CoreMetadata,
) -> Result<Vec<(PathBuf, PathBuf)>, BuildError> {
    let root = fs_err::canonicalize(&project.root)?;
    let module = Module::find(project, Some(Format::Sdist))?;
    let selected = module.files(project, Format::Sdist)?;
    let mut paths: Vec<PathBuf> = selected.into_iter().map(|file| file.path).collect();
    let named = metadata
        .license_files
        .iter()
        .cloned()
        .chain(readme_files(project));
    let mut extra: Vec<PathBuf> = named.map(|name| root.join(name)).collect();
    extra.push(root.join("pyproject.toml"));
    extra.extend(super::build_script(project).map(|script| root.join(script)));
    extra.extend(script_files(project)?);
    for path in extra {
        if path.exists() {
            paths.push(fs_err::canonicalize(path)?);
        }
    }
    let mut seen = FxHashSet::default();
    paths.retain(|path| seen.insert(path.clone()));
    let mut files = paths
        .into_iter()
        .map(|path| match path.strip_prefix(&root) {
            Ok(name) => Ok((path.clone(), name.to_owned())),
            Err(_) => Err(BuildError::OutsideProject {
                folder: root.clone(),
                path,
            }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    files.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(files)
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    name: &str,
    content: &[u8],
    mode: u32,
    mtime: u32,
) -> Result<(), BuildError> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(mode);
    header.set_mtime(mtime.into());
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(content.len() as u64);
    // Names that the old field can't hold go into an extended header, as in Python's PAX format.
    if !name.is_ascii() || name.len() > 100 || header.set_path(name).is_err() {
        tar.append_pax_extensions([("path", name.as_bytes())])?;
        let short: String = name
            .chars()
            .map(|c| if c.is_ascii() { c } else { '?' })
            .collect();
        let short = short
            .get(..short.len().min(100))
            .unwrap_or(&short)
            .to_owned();
        header.set_path(&short).map_err(|_| {
            invalid(format!(
                "`{name}` can't be the name of a file in an archive"
            ))
        })?;
    }
    header.set_cksum();
    Ok(tar.append(&header, content)?)
}

/// Python's `tarfile` fills its archives up to whole records.
fn padded(mut tar: Vec<u8>) -> Vec<u8> {
    const RECORD: usize = 10_240;
    tar.resize(tar.len().div_ceil(RECORD) * RECORD, 0);
    tar
}

/// Compresses as Python's `gzip` does: level 9, with the name of the archive inside.
fn gzip(content: &[u8], name: &str, mtime: u32) -> Result<Vec<u8>, BuildError> {
    let mut bytes = vec![0x1f, 0x8b, 8, 8];
    bytes.extend_from_slice(&mtime.to_le_bytes());
    bytes.extend_from_slice(&[2, 255]);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    let mut encoder = DeflateEncoder::new(bytes, Compression::best());
    encoder.write_all(content)?;
    let mut bytes = encoder.finish()?;
    let mut checksum = Crc::new();
    checksum.update(content);
    bytes.extend_from_slice(&checksum.sum().to_le_bytes());
    bytes.extend_from_slice(&checksum.amount().to_le_bytes());
    Ok(bytes)
}
