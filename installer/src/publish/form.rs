//! The form that is posted for a file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use blake2::Blake2b;
use blake2::digest::consts::U32;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use flate2::read::GzDecoder;
use md5::{Digest, Md5};
use resolver::metadata::Headers;
use sha2::Sha256;

use super::{PublishError, file_name};

/// Fields of core metadata and what the upload API calls them. Those with `false` can be there once.
const FIELDS: [(&str, &str, bool); 29] = [
    ("metadata-version", "metadata_version", false),
    ("name", "name", false),
    ("version", "version", false),
    ("dynamic", "dynamic", true),
    ("platform", "platform", true),
    ("supported-platform", "supported_platform", true),
    ("summary", "summary", false),
    (
        "description-content-type",
        "description_content_type",
        false,
    ),
    ("home-page", "home_page", false),
    ("download-url", "download_url", false),
    ("author", "author", false),
    ("author-email", "author_email", false),
    ("maintainer", "maintainer", false),
    ("maintainer-email", "maintainer_email", false),
    ("license", "license", false),
    ("license-expression", "license_expression", false),
    ("license-file", "license_file", true),
    ("classifier", "classifiers", true),
    ("requires-dist", "requires_dist", true),
    ("requires-python", "requires_python", false),
    ("requires-external", "requires_external", true),
    ("provides-extra", "provides_extra", true),
    ("provides-dist", "provides_dist", true),
    ("obsoletes-dist", "obsoletes_dist", true),
    ("import-name", "import_names", true),
    ("import-namespace", "import_namespaces", true),
    ("requires", "requires", true),
    ("provides", "provides", true),
    ("obsoletes", "obsoletes", true),
];

/// What there is to say of a file, and the file.
pub(super) struct Form {
    fields: Vec<(&'static str, String)>,
    file: String,
    content: Bytes,
    sha256: String,
}

/// A form as it is posted.
pub(super) struct Encoded {
    pub(super) boundary: String,
    /// One after the other.
    pub(super) parts: Vec<Bytes>,
}

impl Encoded {
    /// Its length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }
}

impl Form {
    /// Reads a wheel or an sdist.
    ///
    /// # Errors
    /// When it is neither, or has no metadata.
    pub(super) fn of(path: &Path) -> Result<Self, PublishError> {
        let file = file_name(path);
        let (kind, python, metadata) = if file.ends_with(".whl") {
            ("bdist_wheel", python_of(&file), wheel_metadata(path)?)
        } else {
            ("sdist", Some("source"), sdist_metadata(path)?)
        };
        let content = Bytes::from(fs_err::read(path)?);
        let sha256 = HEXLOWER.encode(&Sha256::digest(&content));
        let mut fields = vec![
            ("md5_digest", HEXLOWER.encode(&Md5::digest(&content))),
            ("sha256_digest", sha256.clone()),
            (
                "blake2_256_digest",
                HEXLOWER.encode(&Blake2b::<U32>::digest(&content)),
            ),
            ("filetype", kind.to_owned()),
        ];
        fields.extend(python.map(|python| ("pyversion", python.to_owned())));
        fields.extend(metadata_fields(&Headers::read(&metadata)));
        Ok(Self {
            fields,
            file,
            content,
            sha256,
        })
    }

    /// To upload the file.
    pub(super) fn upload(&self) -> Encoded {
        let boundary = self.boundary();
        let mut head = self.head("file_upload", &boundary);
        head += &format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.file
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Encoded {
            parts: vec![head.into(), self.content.clone(), tail.into()],
            boundary,
        }
    }

    /// To register the project.
    pub(super) fn registration(&self) -> Encoded {
        let boundary = self.boundary();
        let text = self.head("submit", &boundary) + &format!("--{boundary}--\r\n");
        Encoded {
            parts: vec![text.into()],
            boundary,
        }
    }

    fn head(&self, action: &str, boundary: &str) -> String {
        let last = [
            (":action", action.to_owned()),
            ("protocol_version", "1".to_owned()),
        ];
        let fields = self.fields.iter().chain(&last);
        fields
            .map(|(name, value)| {
                format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                )
            })
            .collect()
    }

    /// A line that no file holds its own digest in.
    fn boundary(&self) -> String {
        format!("mpoetry-{}", &self.sha256[..32])
    }
}

/// The fields of the form that tell core metadata.
///
/// Poetry: a field that must not be repeated but is, is left out; so are links two of which have one name.
fn metadata_fields(headers: &Headers) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    for (header, name, may_repeat) in FIELDS {
        let values: Vec<&str> = headers.all(header).collect();
        if may_repeat || values.len() == 1 {
            fields.extend(values.iter().map(|&value| (name, value.to_owned())));
        }
    }
    let keywords: Vec<&str> = headers.all("keywords").collect();
    if let [keywords] = keywords[..] {
        let keywords: Vec<&str> = keywords.split(',').map(str::trim).collect();
        fields.push(("keywords", keywords.join(", ")));
    }
    fields.extend(
        links(headers)
            .into_iter()
            .map(|link| ("project_urls", link)),
    );
    let description: Vec<&str> = headers
        .all("description")
        .chain((!headers.body.is_empty()).then_some(headers.body.as_str()))
        .collect();
    if let [description] = description[..] {
        fields.push(("description", description.to_owned()));
    }
    fields
}

/// `name, address`
fn links(headers: &Headers) -> Vec<String> {
    let links: Vec<(&str, &str)> = headers
        .all("project-url")
        .map(|link| link.split_once(',').unwrap_or((link, "")))
        .map(|(name, address)| (name.trim(), address.trim()))
        .collect();
    let mut names: Vec<&str> = links.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return Vec::new();
    }
    let texts = links.iter();
    texts
        .map(|(name, address)| format!("{name}, {address}"))
        .collect()
}

/// The Python tag in a wheel's name.
fn python_of(file: &str) -> Option<&str> {
    let mut parts = file.strip_suffix(".whl")?.rsplit('-');
    parts.nth(2)
}

fn wheel_metadata(path: &Path) -> Result<String, PublishError> {
    let wrong = |reason: String| archive_error(path, reason);
    let file = fs_err::File::open(path)?;
    let mut archive =
        zip::ZipArchive::new(file).map_err(|error| wrong(format!("it is no wheel: {error}")))?;
    let name = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| is_metadata_of_wheel(name))
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| wrong("METADATA not found in wheel".to_owned()))?;
    let mut member = archive
        .by_name(&name)
        .map_err(|error| wrong(error.to_string()))?;
    read(&mut member, path)
}

fn is_metadata_of_wheel(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(folder, file)| folder.ends_with(".dist-info") && file == "METADATA")
}

fn sdist_metadata(path: &Path) -> Result<String, PublishError> {
    let wrong = |error: std::io::Error| archive_error(path, format!("it is no sdist: {error}"));
    let file: File = fs_err::File::open(path)?.into();
    let mut archive = tar::Archive::new(GzDecoder::new(std::io::BufReader::new(file)));
    for member in archive.entries().map_err(wrong)? {
        let mut member = member.map_err(wrong)?;
        let name: PathBuf = member.path().map_err(wrong)?.into_owned();
        if name.components().count() == 2 && name.ends_with("PKG-INFO") {
            return read(&mut member, path);
        }
    }
    Err(archive_error(
        path,
        "PKG-INFO not found in sdist".to_owned(),
    ))
}

fn read(member: &mut impl Read, path: &Path) -> Result<String, PublishError> {
    let mut bytes = Vec::new();
    member
        .read_to_end(&mut bytes)
        .map_err(|error| archive_error(path, error.to_string()))?;
    String::from_utf8(bytes)
        .map_err(|_| archive_error(path, "its metadata is not UTF-8".to_owned()))
}

fn archive_error(path: &Path, reason: String) -> PublishError {
    PublishError::Archive {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use resolver::metadata::Headers;

    use super::{metadata_fields, python_of};

    fn fields(text: &str) -> Vec<String> {
        let fields = metadata_fields(&Headers::read(text));
        fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn metadata_become_fields_of_the_api() {
        let text = "Metadata-Version: 2.4\nName: a\nKeywords: x,y\nLicense: one\n         two\n\
                    Classifier: A\nClassifier: B\nLicense-File: L\nProject-URL: Home,https://h\nNope: 1\n\n# Hi\n\n";
        assert_eq!(
            fields(text),
            [
                "metadata_version=2.4",
                "name=a",
                "license=one\n         two",
                "license_file=L",
                "classifiers=A",
                "classifiers=B",
                "keywords=x, y",
                "project_urls=Home, https://h",
                "description=# Hi\n\n",
            ]
        );
    }

    #[test]
    fn what_is_said_twice_is_left_out() {
        assert_eq!(fields("Name: a\nName: b\n"), [""; 0]);
        let links = "Project-URL: A, https://1\nProject-URL: A, https://2\n";
        assert_eq!(fields(links), [""; 0]);
        assert_eq!(fields("Description: x\n\nbody"), [""; 0]);
    }

    #[test]
    fn python_tags_of_wheels() {
        assert_eq!(python_of("a-1-py3-none-any.whl"), Some("py3"));
        assert_eq!(
            python_of("a-1-2-cp311-cp311-linux_x86_64.whl"),
            Some("cp311")
        );
    }
}
