//! What is installed in an environment.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fs_err as fs;
use resolver::name::PackageName;
use resolver::version::Version;
use rustc_hash::FxHashSet;

use super::{Environment, EnvironmentError, Installed};
use crate::wheel::{first_header, metadata_file};

/// Name and version are among the first lines of METADATA; what follows may be long.
const HEAD: u64 = 2048;

/// Lists an environment's distributions by name. What has no METADATA with a name and a version is no distribution;
/// of two with the same name the first counts, as for Python.
pub(super) fn list(environment: &Environment) -> Result<Vec<Installed>, EnvironmentError> {
    let mut found = Vec::new();
    read_folder(&environment.site_packages(), false, |_| true, &mut found)?;
    if environment.sees_system() {
        for folder in system_folders(environment) {
            read_folder(&folder, true, |_| true, &mut found)?;
        }
    }
    let mut seen = FxHashSet::default();
    found.retain(|installed| seen.insert(installed.name.clone()));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Finds some of an environment's own distributions, by the names of their folders; the others are not read.
pub(super) fn find(
    environment: &Environment,
    names: &FxHashSet<&PackageName>,
) -> Result<Vec<Installed>, EnvironmentError> {
    let is_wanted = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.split('-').next().unwrap_or(&stem);
        names.contains(&PackageName::new(name))
    };
    let mut found = Vec::new();
    read_folder(&environment.site_packages(), false, is_wanted, &mut found)?;
    Ok(found)
}

fn read_folder(
    folder: &Path,
    is_system: bool,
    is_wanted: impl Fn(&Path) -> bool,
    found: &mut Vec<Installed>,
) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if ["dist-info", "egg-info", "egg-link"]
            .map(OsStr::new)
            .contains(&path.extension().unwrap_or_default())
            && is_wanted(&path)
        {
            paths.push(path);
        }
    }
    // A `.dist-info` before what is older.
    let is_legacy = |path: &Path| path.extension() != Some("dist-info".as_ref());
    paths.sort_by(|a, b| (is_legacy(a), a).cmp(&(is_legacy(b), b)));
    found.extend(paths.into_iter().filter_map(|path| read(path, is_system)));
    Ok(())
}

fn read(dist_info: PathBuf, is_system: bool) -> Option<Installed> {
    let path = metadata_file(&dist_info)?;
    let (pretty_name, version) = match read_head(&path).ok().as_deref().and_then(name_and_version) {
        Some(found) => found,
        None => name_and_version(&fs::read(&path).ok()?)?,
    };
    let direct_url = std::fs::read(dist_info.join("direct_url.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let is_legacy = dist_info.extension() != Some("dist-info".as_ref());
    let is_whole = is_system || is_legacy || dist_info.join("RECORD").is_file();
    Some(Installed {
        name: PackageName::new(&pretty_name),
        pretty_name,
        version,
        dist_info,
        direct_url,
        is_system,
        is_whole,
    })
}

fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(usize::try_from(HEAD).unwrap_or_default());
    fs::File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    // The last line may be cut.
    let whole = head
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    head.truncate(whole);
    Ok(head)
}

fn name_and_version(text: &[u8]) -> Option<(String, Version)> {
    let name = first_header(text, "Name").filter(|name| !name.is_empty())?;
    let version = Version::from_str(&first_header(text, "Version")?).ok()?;
    Some((name, version))
}

/// The base installation's own folders, in the order of its search path. Debian's Python has two of another name.
fn system_folders(environment: &Environment) -> Vec<PathBuf> {
    let interpreter = &environment.interpreter;
    let library = interpreter.library();
    let base = &interpreter.base_prefix;
    let mut folders = Vec::new();
    if base == Path::new("/usr") {
        folders.push(PathBuf::from(format!(
            "/usr/local/lib/{library}/dist-packages"
        )));
        folders.push(PathBuf::from("/usr/lib/python3/dist-packages"));
    }
    folders.push(base.join("lib").join(library).join("site-packages"));
    folders
}
