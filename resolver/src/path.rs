//! Paths: resolved, and relative to each other.

use std::path::{Component, Path, PathBuf};

/// The path with its links followed as far as it exists; the rest is tidied by its letters alone.
#[must_use]
pub fn resolve(path: &Path) -> PathBuf {
    if let Ok(resolved) = path.canonicalize() {
        return resolved;
    }
    let tidy = normalize(path);
    match (tidy.parent(), tidy.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => resolve(parent).join(name),
        _ => tidy,
    }
}

/// The path without `.` and `..`, by its letters alone.
#[must_use]
pub fn normalize(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(tidy.components().next_back(), Some(Component::Normal(_))) =>
            {
                tidy.pop();
            }
            Component::ParentDir if tidy.has_root() => {}
            part => tidy.push(part),
        }
    }
    tidy
}

/// The way from the folder `from` to `path`, with `/` between the parts; `.` if they are the same. Both are resolved
/// first.
#[must_use]
pub fn relative(path: &Path, from: &Path) -> String {
    let (path, from) = (resolve(path), resolve(from));
    let shared = (path.components())
        .zip(from.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| "..".to_owned());
    let down = (path.components().skip(shared))
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() {
        return ".".to_owned();
    }
    parts.join("/")
}

/// The path as Python's pathlib prints it: `/` between the parts, no `.` parts, none at the end.
#[must_use]
pub fn posix(path: &str) -> String {
    let mut text = String::new();
    for component in Path::new(path).components() {
        match component {
            Component::RootDir => text.push('/'),
            Component::CurDir => {}
            part => {
                if !text.is_empty() && !text.ends_with('/') {
                    text.push('/');
                }
                text.push_str(&part.as_os_str().to_string_lossy());
            }
        }
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{normalize, relative};

    #[test]
    fn ways_between_folders() {
        for (path, from, way) in [
            ("/nowhere/libs/a", "/nowhere/services/x", "../../libs/a"),
            ("/nowhere/services/x/b", "/nowhere/services/x", "b"),
            ("/nowhere/services/x", "/nowhere/services/x", "."),
            ("/nowhere/a/../b", "/nowhere/b/c", ".."),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(from)), way, "{path}");
        }
    }

    #[test]
    fn tidied_by_letters() {
        for (path, tidy) in [
            ("/a/./b/../c", "/a/c"),
            ("/../a", "/a"),
            ("../../a/..", "../.."),
        ] {
            assert_eq!(normalize(Path::new(path)), Path::new(tidy), "{path}");
        }
    }
}
