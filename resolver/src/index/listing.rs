//! A project page in either form, and which of its files count.

use url::Url;

use super::filename::Spelling;
use super::{FileKind, IndexFile, Page};
use crate::dist::Hash;
use crate::name::PackageName;
use crate::version::Version;

/// A file as a page lists it, before anyone has looked at its name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Link {
    pub(crate) filename: String,
    /// As written, perhaps relative.
    pub(crate) url: String,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) requires_python: Option<String>,
    pub(crate) yanked: Option<String>,
    pub(crate) core_metadata: Option<Option<Hash>>,
    pub(crate) size: Option<u64>,
    pub(crate) upload_time: Option<String>,
}

/// Keeps the files of this project that have a readable version and an address of the network. `base` is what
/// relative addresses start from. `is_pypi`: the files of a release are those that PyPI lists for it.
pub(crate) fn page(links: Vec<Link>, project: &PackageName, base: &Url, is_pypi: bool) -> Page {
    let mut page = Page::default();
    let mut late = Vec::new();
    let mut last: Option<(String, Version)> = None;
    for link in links {
        let Some(spelling) = Spelling::of(&link.filename) else {
            late.push(link);
            continue;
        };
        if !spelling.is_of(project.as_str()) {
            tracing::debug!(
                project = project.as_str(),
                file = link.filename,
                "not its file"
            );
            continue;
        }
        // Files of one release follow each other, so most versions are parsed once.
        let version = match &last {
            Some((text, version)) if text == spelling.version => version.clone(),
            _ => {
                let Some(version) = spelling.parse_version() else {
                    tracing::debug!(file = link.filename, "unreadable version");
                    continue;
                };
                last = Some((spelling.version.to_owned(), version.clone()));
                version
            }
        };
        let kind = spelling.kind;
        page.files.extend(file(link, version, kind, base));
    }
    if is_pypi {
        add_tgz(&mut page, late, project, base);
    }
    page
}

/// Poetry: a `.tgz` belongs to the files of a release on PyPI, but does not make one.
fn add_tgz(page: &mut Page, links: Vec<Link>, project: &PackageName, base: &Url) {
    for link in links {
        let Some(spelling) = Spelling::of_tgz(&link.filename) else {
            continue;
        };
        if !spelling.is_of(project.as_str()) {
            continue;
        }
        let Some(version) = spelling.parse_version() else {
            continue;
        };
        if page.files.iter().any(|file| file.version == version) {
            page.files
                .extend(file(link, version, FileKind::Sdist, base));
        }
    }
}

fn file(link: Link, version: Version, kind: FileKind, base: &Url) -> Option<IndexFile> {
    Some(IndexFile {
        url: absolute(&link.url, base)?,
        filename: link.filename,
        version,
        kind,
        hashes: link.hashes,
        requires_python: link.requires_python.filter(|text| !text.is_empty()),
        yanked: link.yanked,
        core_metadata: link.core_metadata,
        size: link.size,
        upload_time: link.upload_time,
    })
}

/// The address without fragment; `None` if it leads out of the network (or out of the index's folder).
fn absolute(url: &str, base: &Url) -> Option<String> {
    let tame = |byte: u8| {
        byte.is_ascii_graphic()
            && !matches!(
                byte,
                b'#' | b'"' | b'<' | b'>' | b'`' | b'\\' | b'{' | b'}' | b'|' | b'^'
            )
    };
    // The usual case needs no parsing: pages have thousands of files.
    if url.starts_with("https://") && url.bytes().all(tame) {
        return Some(url.to_owned());
    }
    let mut url = base.join(url).ok()?;
    url.set_fragment(None);
    let allowed = matches!(url.scheme(), "http" | "https") || url.scheme() == base.scheme();
    if !allowed {
        tracing::debug!(
            scheme = url.scheme(),
            "file with an address out of the network"
        );
    }
    allowed.then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::{Link, absolute, page};
    use crate::name::PackageName;

    #[test]
    fn addresses_are_made_absolute_and_stay_in_the_network() {
        let base = "https://host/simple/a/".parse().unwrap();
        for (given, expected) in [
            ("https://files/x.whl", Some("https://files/x.whl")),
            (
                "../../files/x.whl#sha256=00",
                Some("https://host/files/x.whl"),
            ),
            ("/files/a b.whl", Some("https://host/files/a%20b.whl")),
            ("//other/x.whl", Some("https://other/x.whl")),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("https://", None),
        ] {
            let expected = expected.map(str::to_owned);
            // The shortcut does not look twice at addresses that no request would survive.
            if given != "https://" {
                assert_eq!(absolute(given, &base), expected, "{given}");
            }
        }
    }

    #[test]
    fn only_readable_files_of_the_project_count() {
        let link = |filename: &str| Link {
            filename: filename.to_owned(),
            url: format!("https://host/{filename}"),
            ..Link::default()
        };
        let links = || {
            [
                "kitpkg-banana!!-py3-none-any.whl",
                "kitpkg-1.0.exe",
                "kitpkg.tar.gz",
                "Kit.Pkg-1.0.tar.gz",
                "kit_pkg-1.0.tgz",
                "kit_pkg-2.0.tgz",
                "kit_pkg-1.0-py2.7.egg",
                "otherpkg-1.0-py3-none-any.whl",
                "kit_pkg-1.0-py3-none-any.whl",
                "../../x-1.0-py3-none-any.whl",
            ]
            .map(link)
            .to_vec()
        };
        let project = PackageName::new("kit-pkg");
        let base = "https://host/simple/kit-pkg/".parse().unwrap();
        let names = |is_pypi| {
            let files = page(links(), &project, &base, is_pypi).files;
            files
                .into_iter()
                .map(|file| file.filename)
                .collect::<Vec<_>>()
        };
        let plain = ["Kit.Pkg-1.0.tar.gz", "kit_pkg-1.0-py3-none-any.whl"];
        assert_eq!(names(false), plain);
        assert_eq!(names(true), [&plain[..], &["kit_pkg-1.0.tgz"]].concat());
    }
}
