//! Which file of a release tells its metadata, and how it is read.
//!
//! All wheels of a release ought to say the same, and in practice they do not. Poetry's rule, which decides what ends
//! up in the lock: a wheel for every Python alone is believed; wheels for Python 2 and for 3 are read both and joined;
//! then any pure wheel; then the first wheel with a platform; then the first sdist.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use url::Url;

use super::client::blocking;
use super::error::host;
use super::page::status_error;
use super::release::Wanted;
use super::{FileKind, Index, IndexError, IndexFile, digest, merge, range, sdist, source, wheel};
use crate::metadata::Metadata;

const LARGEST_METADATA: u64 = 64 << 20;

enum Choice<'a> {
    One(&'a IndexFile),
    /// One for Python 2, one for Python 3.
    Two(&'a IndexFile, &'a IndexFile),
}

/// The metadata of a release from its files. Yanked ones count only if the whole release is `yanked`.
pub(super) async fn metadata(
    wanted: &Wanted<'_>,
    files: &[IndexFile],
    yanked: bool,
) -> Result<Metadata, IndexError> {
    let files = files.iter().filter(|file| yanked || file.yanked.is_none());
    match choose(files) {
        Some(Choice::One(file)) => of_file(wanted, file).await,
        Some(Choice::Two(two, three)) => {
            let (two, three) = (of_file(wanted, two).await?, of_file(wanted, three).await?);
            merge::merge(two, &three).map_err(|reason| IndexError::Requirements {
                package: wanted.name.to_string(),
                version: wanted.version.to_string(),
                reason,
            })
        }
        None => Err(IndexError::NoMetadata {
            package: wanted.name.to_string(),
            version: wanted.version.to_string(),
        }),
    }
}

/// Would the metadata of a release be read from parts of wheels alone? Only if their hosts have given parts before.
pub(super) fn is_read_by_parts(index: &Index, files: &[IndexFile]) -> bool {
    let yanked = files.iter().all(|file| file.yanked.is_some());
    let files = files.iter().filter(|file| yanked || file.yanked.is_none());
    let gives_parts = |file: &IndexFile| {
        let url = source::parse(&file.url);
        file.kind == FileKind::Wheel && url.is_ok_and(|url| index.ranges().are_given(&host(&url)))
    };
    match choose(files) {
        Some(Choice::One(file)) => gives_parts(file),
        Some(Choice::Two(two, three)) => gives_parts(two) && gives_parts(three),
        None => false,
    }
}

fn choose<'a>(files: impl Iterator<Item = &'a IndexFile>) -> Option<Choice<'a>> {
    let (mut any, mut two, mut three) = (None, None, None);
    let (mut platform, mut sdist) = (None, None);
    let mut has_wheel = false;
    for file in files {
        if file.kind == FileKind::Sdist {
            // Poetry: a `.tgz` is listed but never read.
            let is_read = !file.filename.ends_with(".tgz");
            sdist = sdist.or(Some(file).filter(|_| is_read));
            continue;
        }
        has_wheel = true;
        let Some([python, abi, system]) = tags(&file.filename) else {
            continue;
        };
        match (python, abi, system) {
            ("py2.py3", "none", "any") => any = Some(file),
            ("py2", "none", "any") => two = Some(file),
            (_, "none", "any") => three = Some(file),
            _ => platform = platform.or(Some(file)),
        }
    }
    if has_wheel {
        if let (None, Some(two), Some(three)) = (any, two, three) {
            return Some(Choice::Two(two, three));
        }
        if let Some(file) = any.or(three).or(two).or(platform) {
            return Some(Choice::One(file));
        }
    }
    sdist.map(Choice::One)
}

/// The compressed tags at the end of a wheel's name.
fn tags(filename: &str) -> Option<[&str; 3]> {
    let mut parts = filename.strip_suffix(".whl")?.rsplitn(4, '-');
    let (platform, abi, python) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().map(|_| [python, abi, platform])
}

async fn of_file(wanted: &Wanted<'_>, file: &IndexFile) -> Result<Metadata, IndexError> {
    if file.core_metadata.is_some()
        && let Some(metadata) = served_metadata(wanted, file).await?
    {
        return Ok(metadata);
    }
    match file.kind {
        FileKind::Wheel => of_wheel(wanted, file).await,
        FileKind::Sdist => of_sdist(wanted, file).await,
    }
}

/// The `.metadata` file beside a file (PEP 658). `None` if it is not there, can't be read, or is not what was announced.
///
/// # Errors
/// When the host can't be reached.
pub(super) async fn served_metadata(
    wanted: &Wanted<'_>,
    file: &IndexFile,
) -> Result<Option<Metadata>, IndexError> {
    let index = wanted.index;
    let url = source::parse(&file.url)?;
    if url.scheme() == "file" {
        return Ok(None);
    }
    let address = metadata_address(&url);
    let answer = index
        .http()
        .get(&address, &HeaderMap::new(), LARGEST_METADATA)
        .await?;
    let is_there = answer.status == StatusCode::OK;
    if !is_there {
        if answer.status.is_client_error() {
            return Ok(None);
        }
        return Err(status_error(&answer));
    }
    if let Some(Some(hash)) = &file.core_metadata
        && !digest::fits(&answer.body, hash)
    {
        tracing::warn!(
            file = file.filename,
            "served metadata does not fit its hash, ignored"
        );
        return Ok(None);
    }
    match Metadata::parse(&answer.body) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) => {
            tracing::warn!(file = file.filename, %error, "served metadata ignored");
            Ok(None)
        }
    }
}

fn metadata_address(url: &Url) -> Url {
    let mut address = url.clone();
    address.set_query(None);
    address.set_path(&format!("{}.metadata", url.path()));
    address
}

/// By ranges, else whole.
async fn of_wheel(wanted: &Wanted<'_>, file: &IndexFile) -> Result<Metadata, IndexError> {
    let url = source::parse(&file.url)?;
    let index = wanted.index;
    let is_lazy = index.settings().lazy_wheels && url.scheme() != "file";
    if is_lazy && !index.ranges().are_refused(&host(&url)) {
        let content = range::metadata(index.http(), &url, &file.filename).await?;
        index.ranges().note(host(&url), content.is_some());
        match content.map(|content| Metadata::parse(&content)) {
            Some(Ok(metadata)) => return Ok(metadata),
            Some(Err(error)) => tracing::debug!(file = file.filename, %error, "reading it whole"),
            None => {}
        }
    }
    let path = wanted.download(file).await?;
    blocking(move || wheel::read(&path)).await
}

async fn of_sdist(wanted: &Wanted<'_>, file: &IndexFile) -> Result<Metadata, IndexError> {
    let path = wanted.download(file).await?;
    let (cache, builder) = (wanted.index.cache().clone(), wanted.index.builder());
    let mut metadata = blocking(move || sdist::read(&path, &cache, builder.as_deref())).await?;
    // Old sdists do not name themselves.
    if metadata.name.is_empty() {
        metadata.name = wanted.name.to_string();
    }
    if metadata.version.is_empty() {
        metadata.version = wanted.version.to_string();
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::{Choice, choose, is_read_by_parts, metadata_address};
    use crate::cache::Cache;
    use crate::index::filename::Spelling;
    use crate::index::{FileKind, Index, IndexFile, IndexSettings};

    fn file(filename: &str) -> IndexFile {
        let is_wheel = filename.ends_with(".whl");
        IndexFile {
            filename: filename.to_owned(),
            url: String::new(),
            version: Spelling::of(filename)
                .or(Spelling::of_tgz(filename))
                .unwrap()
                .parse_version()
                .unwrap(),
            kind: if is_wheel {
                FileKind::Wheel
            } else {
                FileKind::Sdist
            },
            hashes: Vec::new(),
            requires_python: None,
            yanked: None,
            core_metadata: None,
            size: None,
            upload_time: None,
        }
    }

    #[test]
    fn the_file_that_poetry_would_read_is_chosen() {
        let linux = "a-1-cp311-cp311-linux_x86_64.whl";
        let windows = "a-1-cp311-cp311-win_amd64.whl";
        let (any, two, three) = (
            "a-1-py2.py3-none-any.whl",
            "a-1-py2-none-any.whl",
            "a-1-py3-none-any.whl",
        );
        let sdist = "a-1.tar.gz";
        for (names, expected) in [
            (&[sdist, linux, two, three, any][..], &[any][..]),
            (&[sdist, linux, three, two], &[two, three]),
            (&[windows, three, sdist], &[three]),
            (&[windows, two, sdist], &[two]),
            (&[windows, linux, sdist], &[windows]),
            (&["a-1.tgz", sdist, "a-1.zip"], &[sdist]),
            (&["a-1.tgz"], &[]),
        ] {
            let files: Vec<IndexFile> = names.iter().map(|name| file(name)).collect();
            let chosen = match choose(files.iter()) {
                Some(Choice::One(one)) => vec![&one.filename],
                Some(Choice::Two(one, other)) => vec![&one.filename, &other.filename],
                None => Vec::new(),
            };
            assert_eq!(chosen, expected, "{names:?}");
        }
    }

    #[test]
    fn parts_are_read_where_they_were_given_before() {
        let index = Index::new(IndexSettings::default(), Cache::new("unused"), None);
        let at = |host: &str, filename: &str| IndexFile {
            url: format!("https://{host}/{filename}"),
            ..file(filename)
        };
        let wheel = [
            at("one", "a-1.tar.gz"),
            at("one", "a-1-py3-none-any.whl"),
            at("two", "a-1-cp311-cp311-win_amd64.whl"),
        ];
        assert!(!is_read_by_parts(&index, &wheel));
        index.ranges().note("two".to_owned(), true);
        assert!(!is_read_by_parts(&index, &wheel), "another wheel is read");
        index.ranges().note("one".to_owned(), true);
        assert!(is_read_by_parts(&index, &wheel));
        assert!(
            !is_read_by_parts(&index, &wheel[..1]),
            "an sdist has no parts"
        );
        index.ranges().note("one".to_owned(), false);
        index.ranges().note("one".to_owned(), true);
        assert!(
            !is_read_by_parts(&index, &wheel),
            "its host has refused once"
        );
    }

    #[test]
    fn metadata_lies_beside_the_file() {
        let url = "https://host/a-1.whl?sig=x".parse().unwrap();
        assert_eq!(
            metadata_address(&url).as_str(),
            "https://host/a-1.whl.metadata"
        );
    }
}
