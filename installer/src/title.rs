//! What a locked package is called in front of users, and for pip.

use std::fmt::Write;
use std::path::Path;

use resolver::lock::{LockedPackage, LockedSource, SourceKind};
use serde_json::Value;

use crate::build::ConfigSettings;
use crate::wheel::file_url;

/// Poetry: a version, and for what comes from no index where it comes from. `folder` is that of the lock file.
#[must_use]
pub fn full_version(package: &LockedPackage, folder: &Path) -> String {
    let version = &package.version;
    let Some(source) = &package.source else {
        return version.to_string();
    };
    match source.kind {
        SourceKind::Legacy => version.to_string(),
        SourceKind::Url => format!("{version} {}", source.url),
        SourceKind::Directory | SourceKind::File => {
            let path = resolver::path::normalize(&folder.join(&source.url));
            format!("{version} {}", path.display())
        }
        SourceKind::Git => {
            let commit = source.resolved_reference.as_ref();
            let commit = commit.or(source.reference.as_ref());
            let commit = short_commit(commit.map_or("", String::as_str));
            format!("{version} {commit}")
        }
    }
}

/// Poetry: seven letters of a whole commit.
#[must_use]
pub fn short_commit(reference: &str) -> &str {
    if reference.len() == 40 {
        reference.get(..7).unwrap_or(reference)
    } else {
        reference
    }
}

/// Poetry: the command by which users can see that a build fails without it, too.
pub(crate) fn pip_command(
    package: &LockedPackage,
    folder: &Path,
    settings: Option<&ConfigSettings>,
) -> String {
    let mut command = "pip wheel --no-cache-dir --use-pep517".to_owned();
    if package.develop {
        command += " --editable";
    }
    for (key, value) in settings.into_iter().flatten() {
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values.iter().filter_map(Value::as_str) {
            let _ = write!(command, " --config-settings='{key}={value}'");
        }
    }
    format!("{command} \"{}\"", requirement(package, folder))
}

fn requirement(package: &LockedPackage, folder: &Path) -> String {
    let name = &package.name;
    let Some(source) = &package.source else {
        return format!("{name} (=={})", package.version);
    };
    let path = resolver::path::normalize(&folder.join(&source.url));
    match source.kind {
        SourceKind::Legacy => format!("{name} (=={})", package.version),
        SourceKind::Url => format!("{name} @ {}", source.url),
        SourceKind::Directory if package.develop => path.display().to_string(),
        SourceKind::Directory | SourceKind::File => format!("{name} @ {}", file_url(&path)),
        SourceKind::Git if package.develop => {
            let inside = subdirectory(source, "&");
            format!("{}#egg={name}{inside}", git_url(source))
        }
        SourceKind::Git => {
            let inside = subdirectory(source, "#");
            format!("{name} @ {}{inside}", git_url(source))
        }
    }
}

fn git_url(source: &LockedSource) -> String {
    let commit = source.resolved_reference.as_ref();
    let commit = commit.or(source.reference.as_ref());
    let url = resolver::git_url::without_credentials(&source.url);
    format!("git+{url}@{}", commit.map_or("HEAD", String::as_str))
}

fn subdirectory(source: &LockedSource, mark: &str) -> String {
    source
        .subdirectory
        .as_ref()
        .map_or_else(String::new, |inside| format!("{mark}subdirectory={inside}"))
}
