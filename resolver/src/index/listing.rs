//! A project page in either form, and which of its files count.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use url::Url;

use super::filename::Spelling;
use crate::name::PackageName;
use crate::version::Version;

/// A file as a page lists it. Its texts are the page's own, where they need no change: pages have thousands of files,
/// of which a few are ever looked at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Link<'a> {
    pub(crate) filename: Cow<'a, str>,
    /// As written, perhaps relative; absolute in what [`releases`] returns.
    pub(crate) url: Cow<'a, str>,
    pub(crate) hashes: Vec<LinkHash<'a>>,
    pub(crate) requires_python: Option<Cow<'a, str>>,
    pub(crate) yanked: Option<Cow<'a, str>>,
    pub(crate) core_metadata: Option<Option<LinkHash<'a>>>,
    pub(crate) size: Option<u64>,
    pub(crate) upload_time: Option<Cow<'a, str>>,
}

/// A hash of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LinkHash<'a> {
    pub(crate) algorithm: Cow<'a, str>,
    /// In lower case.
    pub(crate) hex: Cow<'a, str>,
}

/// A release that a page lists.
pub(crate) struct Listed<'a> {
    pub(crate) version: Version,
    /// In the page's order.
    pub(crate) files: Vec<Link<'a>>,
}

/// The releases, newest first, with the files of this project that have a readable version and an address of the
/// network. `base` is what relative addresses start from. `is_pypi`: the files of a release are those that PyPI lists
/// for it.
pub(crate) fn releases<'a>(
    links: Vec<Link<'a>>,
    project: &PackageName,
    base: &Url,
    is_pypi: bool,
) -> Vec<Listed<'a>> {
    let mut releases = Releases::default();
    let mut late = Vec::new();
    // Files of one release follow each other, so most versions are parsed once.
    let mut last: Option<(String, Version)> = None;
    for link in links {
        let Some(spelling) = Spelling::of(&link.filename) else {
            late.push(link);
            continue;
        };
        if !spelling.is_of(project.as_str()) {
            tracing::debug!(
                project = project.as_str(),
                file = &*link.filename,
                "not its file"
            );
            continue;
        }
        if last
            .as_ref()
            .is_none_or(|(text, _)| text != spelling.version)
        {
            let Some(version) = spelling.parse_version() else {
                tracing::debug!(file = &*link.filename, "unreadable version");
                continue;
            };
            last = Some((spelling.version.to_owned(), version));
        }
        if let (Some((_, version)), Some(link)) = (&last, absolute(link, base)) {
            releases.add(version, link);
        }
    }
    if is_pypi {
        releases.add_tgz(late, project, base);
    }
    let mut releases = releases.all;
    releases.sort_by(|a, b| b.version.cmp(&a.version));
    releases
}

#[derive(Default)]
struct Releases<'a> {
    all: Vec<Listed<'a>>,
    places: FxHashMap<Version, usize>,
}

impl<'a> Releases<'a> {
    fn add(&mut self, version: &Version, link: Link<'a>) {
        if let Some(last) = self.all.last_mut()
            && last.version == *version
        {
            last.files.push(link);
            return;
        }
        let place = *self.places.entry(version.clone()).or_insert(self.all.len());
        if place == self.all.len() {
            self.all.push(Listed {
                version: version.clone(),
                files: Vec::new(),
            });
        }
        self.all[place].files.push(link);
    }

    /// Poetry: a `.tgz` belongs to the files of a release on PyPI, but does not make one.
    fn add_tgz(&mut self, links: Vec<Link<'a>>, project: &PackageName, base: &Url) {
        for link in links {
            let version = Spelling::of_tgz(&link.filename)
                .filter(|spelling| spelling.is_of(project.as_str()))
                .and_then(|spelling| spelling.parse_version());
            if let Some(version) = version
                && self.places.contains_key(&version)
                && let Some(link) = absolute(link, base)
            {
                self.add(&version, link);
            }
        }
    }
}

/// The link with an absolute address; `None` if it leads nowhere that counts.
fn absolute<'a>(mut link: Link<'a>, base: &Url) -> Option<Link<'a>> {
    link.url = absolute_address(link.url, base)?;
    link.requires_python.take_if(|text| text.is_empty());
    Some(link)
}

/// The address without fragment; `None` if it leads out of the network (or out of the index's folder).
fn absolute_address<'a>(url: Cow<'a, str>, base: &Url) -> Option<Cow<'a, str>> {
    let tame = |byte: u8| {
        byte.is_ascii_graphic()
            && !matches!(
                byte,
                b'#' | b'"' | b'<' | b'>' | b'`' | b'\\' | b'{' | b'}' | b'|' | b'^'
            )
    };
    // The usual case needs no parsing, which takes a fifth of the time for a whole page.
    let is_absolute = url.starts_with("https://") || url.starts_with("http://");
    if is_absolute && url.bytes().all(tame) {
        return Some(url);
    }
    let mut url = base.join(&url).ok()?;
    url.set_fragment(None);
    let allowed = matches!(url.scheme(), "http" | "https") || url.scheme() == base.scheme();
    if !allowed {
        tracing::debug!(
            scheme = url.scheme(),
            "file with an address out of the network"
        );
    }
    allowed.then(|| Cow::Owned(url.into()))
}

#[cfg(test)]
mod tests {
    use super::{Link, absolute_address, releases};
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
            let address = absolute_address(given.into(), &base);
            // The shortcut does not look twice at addresses that no request would survive.
            if given != "https://" {
                assert_eq!(address.as_deref(), expected, "{given}");
            }
        }
    }

    #[test]
    fn only_readable_files_of_the_project_count() {
        let link = |filename: &str| Link {
            filename: filename.to_owned().into(),
            url: format!("https://host/{filename}").into(),
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
            let releases = releases(links(), &project, &base, is_pypi);
            let files = releases.into_iter().flat_map(|release| release.files);
            files
                .map(|file| file.filename.into_owned())
                .collect::<Vec<_>>()
        };
        let plain = ["Kit.Pkg-1.0.tar.gz", "kit_pkg-1.0-py3-none-any.whl"];
        assert_eq!(names(false), plain);
        assert_eq!(names(true), [&plain[..], &["kit_pkg-1.0.tgz"]].concat());
    }
}
