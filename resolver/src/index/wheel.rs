//! Metadata in a wheel on disk.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use super::IndexError;
use super::filename::Spelling;
use crate::metadata::Metadata;
use crate::name::normalize;

/// METADATA is text; what is larger is an attack.
const LARGEST_METADATA: u64 = 64 << 20;

/// Reads the metadata of a wheel. Blocks.
///
/// # Errors
/// When it is no ZIP archive, or has no metadata.
pub(super) fn read(path: &Path) -> Result<Metadata, IndexError> {
    let file = file_name(path);
    let content = content(path, &file)?;
    Metadata::parse_distribution(&content).map_err(|source| IndexError::Metadata { file, source })
}

fn content(path: &Path, file: &str) -> Result<Vec<u8>, IndexError> {
    let wrong = |reason: String| IndexError::archive(file, reason);
    let opened = fs_err::File::open(path)
        .map_err(|error| IndexError::file(format!("`{file}` can't be read"), error))?;
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(opened)).map_err(|error| {
        wrong(format!(
            "it is no ZIP archive, or not a whole one ({error})"
        ))
    })?;
    // A name that can't be read is not the one that is looked for.
    let names: Vec<Cow<'_, str>> = archive.file_names().filter_map(Result::ok).collect();
    let name = metadata_name(names.iter().map(|name| &**name), file)
        .ok_or_else(|| wrong("it has no `dist-info/METADATA`".to_owned()))?
        .to_owned();
    let member = archive
        .by_name(&name)
        .map_err(|error| wrong(error.to_string()))?;
    let mut content = Vec::new();
    member
        .take(LARGEST_METADATA)
        .read_to_end(&mut content)
        .map_err(|error| wrong(error.to_string()))?;
    Ok(content)
}

/// The member that holds the metadata: that of the `dist-info` folder with the wheel's name, or the only one.
pub(super) fn metadata_name<'a>(
    names: impl Iterator<Item = &'a str>,
    filename: &str,
) -> Option<&'a str> {
    let mut found: Vec<&str> = names.filter(|name| info_folder(name).is_some()).collect();
    found.sort_unstable();
    found.dedup();
    if let [only] = found[..] {
        return Some(only);
    }
    let wheel = Spelling::of(filename)?;
    let is_of = |folder: &str| {
        let name = folder.rsplit_once('-').map_or(folder, |(name, _)| name);
        normalize(name) == normalize(wheel.name)
    };
    found
        .into_iter()
        .find(|name| info_folder(name).is_some_and(is_of))
}

/// `a-1.0` from `a-1.0.dist-info/METADATA`
fn info_folder(name: &str) -> Option<&str> {
    let folder = name.strip_suffix(".dist-info/METADATA")?;
    (!folder.contains('/')).then_some(folder)
}

pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::metadata_name;

    #[test]
    fn the_wheels_own_metadata_is_found() {
        let one = ["a/x.py", "a-1.dist-info/METADATA", "a-1.dist-info/RECORD"];
        let file = "a-1-py3-none-any.whl";
        assert_eq!(metadata_name(one.into_iter(), file), Some(one[1]));
        let vendored = [
            "b/c-1.dist-info/METADATA",
            "A-1.dist-info/METADATA",
            "c-1.dist-info/METADATA",
        ];
        assert_eq!(metadata_name(vendored.into_iter(), file), Some(vendored[1]));
        assert_eq!(metadata_name(["a/x.py"].into_iter(), file), None);
    }
}
