//! Pulling base images: the distribution API, as far as reading goes.
//!
//! A registry that wants to know who asks says so in a challenge. It is answered with the login itself (`Basic`) or with
//! a token that the registry's token server gives for the login, or for none (`Bearer`). Whatever arrives is checked
//! against its digest; a tag is only believed once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fs_err as fs;
use futures_util::future::try_join_all;
use resolver::index::{Index, IndexError, IndexSettings, Reply};
use resolver::sync::lock;
use serde::Deserialize;

use super::base::{BaseImage, choose};
use super::document::{self, Descriptor, Document};
use super::login::Logins;
use super::store::Store;
use super::{Digest, OciError, Platform, Reference, Reporter};

/// The name of a blob in the cache of archives.
const BLOB: &str = "blob";
/// The name of a manifest or index there.
const DOCUMENT: &str = "manifest.json";
const LARGEST_ANSWER: u64 = 1 << 20;

/// Pulls an image for a platform; what is in the cache is not asked for.
///
/// # Errors
/// When the registry can't be reached, refuses, does not have it, or sends something else.
pub(super) async fn pull(
    index: &Index,
    logins: &Logins,
    reference: &Reference,
    platform: &Platform,
    reporter: &dyn Reporter,
) -> Result<BaseImage, OciError> {
    // The logins of package indexes are none of a registry's business, even on the same host.
    let settings = IndexSettings {
        access: index.settings().access.without_logins(),
        ..index.settings().clone()
    };
    let registry = Registry {
        index: Index::new(settings, index.cache().clone(), None),
        logins,
        reference,
        reporter,
        authorization: Mutex::default(),
    };
    registry.image(platform).await
}

struct Registry<'a> {
    index: Index,
    logins: &'a Logins,
    reference: &'a Reference,
    reporter: &'a dyn Reporter,
    /// What the registry wants to see, once it has said so.
    authorization: Mutex<Option<String>>,
}

impl Registry<'_> {
    async fn image(&self, platform: &Platform) -> Result<BaseImage, OciError> {
        let (mut bytes, mut digest) = match &self.reference.digest {
            Some(digest) => (self.document(digest).await?, digest.clone()),
            None => self.tagged().await?,
        };
        if let Document::Index(index) =
            Document::parse(&bytes, &self.manifest_url(&digest.to_string()))?
        {
            digest = choose(&index, self.reference, platform)?.digest;
            bytes = self.document(&digest).await?;
        }
        let url = self.manifest_url(&digest.to_string());
        let Document::Manifest(manifest) = Document::parse(&bytes, &url)? else {
            return Err(OciError::document(url, "it is an index in an index"));
        };
        let mut blobs: BTreeMap<&Digest, &Descriptor> = BTreeMap::new();
        blobs.extend(manifest.layers.iter().map(|layer| (&layer.digest, layer)));
        blobs.insert(&manifest.config.digest, &manifest.config);
        let pulled = try_join_all(blobs.into_values().map(|blob| self.blob(blob))).await?;
        let store = Store::Pulled(pulled.into_iter().collect());
        let image = self.reference.to_string();
        let base = BaseImage::new(store, manifest, digest, &image, platform)?;
        Ok(BaseImage {
            // The digest has an annotation of its own.
            name: Some(
                Reference {
                    digest: None,
                    ..self.reference.clone()
                }
                .to_string(),
            ),
            ..base
        })
    }

    fn manifest_url(&self, wanted: &str) -> String {
        format!(
            "{}/{}/manifests/{wanted}",
            self.reference.api(),
            self.reference.name
        )
    }

    /// What the tag stands for at the moment.
    async fn tagged(&self) -> Result<(Vec<u8>, Digest), OciError> {
        let url = self.manifest_url(&self.reference.wanted());
        let reply = self.ask(&url).await?;
        match reply.status {
            200 => {}
            401 | 403 => return Err(self.unauthorized()),
            404 => return Err(self.not_found()),
            status => return Err(answer(&url, format!("its status is {status}"))),
        }
        let digest = Digest::of(&reply.body);
        let told = reply.header("docker-content-digest").next();
        let told = told.and_then(|text| text.parse::<Digest>().ok());
        if let Some(told) = told.filter(|told| *told != digest) {
            return Err(damaged(url, told.to_string(), digest.to_string()));
        }
        Ok((reply.body, digest))
    }

    /// A manifest or an index of this digest.
    async fn document(&self, digest: &Digest) -> Result<Vec<u8>, OciError> {
        let url = self.manifest_url(&digest.to_string());
        let is_right = |path: &Path| Ok(Digest::of(&fs::read(path)?) == *digest);
        let path = self
            .fetch(&url, DOCUMENT, digest, &|_| {}, is_right)
            .await?;
        Ok(fs::read(path)?)
    }

    async fn blob(&self, blob: &Descriptor) -> Result<(Digest, PathBuf), OciError> {
        let (api, name) = (self.reference.api(), &self.reference.name);
        let url = format!("{api}/{name}/blobs/{}", blob.digest);
        let progress = |bytes| self.reporter.pulling(self.reference, bytes);
        // Its digest is looked at when it is copied.
        let is_right = |path: &Path| Ok(fs::metadata(path)?.len() == blob.size);
        let path = self
            .fetch(&url, BLOB, &blob.digest, &progress, is_right)
            .await?;
        Ok((blob.digest.clone(), path))
    }

    /// Brings a file into the cache. One that is there but damaged is fetched again.
    async fn fetch(
        &self,
        url: &str,
        filename: &str,
        digest: &Digest,
        progress: &(dyn Fn(u64) + Send + Sync),
        is_right: impl Fn(&Path) -> Result<bool, OciError>,
    ) -> Result<PathBuf, OciError> {
        let hashes = [digest.hash()];
        if let Some(path) = self.index.cached_archive(filename, &hashes) {
            if is_right(&path)? {
                return Ok(path);
            }
            fs::remove_file(&path)?;
        }
        let download = async || {
            let authorization = self.authorization();
            let mut headers = vec![("accept", ACCEPTED)];
            headers.extend(
                authorization
                    .as_deref()
                    .map(|value| ("authorization", value)),
            );
            let index = &self.index;
            index
                .download_asking(url, filename, &hashes, &headers, progress)
                .await
        };
        let mut result = download().await;
        if let Err(IndexError::Unauthorized { code: 401, .. }) = result {
            // Nobody has asked yet, or the token is too old. The challenge comes with an answer that is small.
            self.ask(&self.manifest_url(&self.reference.wanted()))
                .await?;
            result = download().await;
        }
        match result {
            Ok(path) if is_right(&path)? => Ok(path),
            Ok(path) => {
                let size = fs::metadata(path)?.len();
                Err(answer(
                    url,
                    format!("its {size} bytes are not as many as the manifest says"),
                ))
            }
            Err(IndexError::Unauthorized { .. }) => Err(self.unauthorized()),
            Err(IndexError::Status { code: 404, .. }) if filename == DOCUMENT => {
                Err(self.not_found())
            }
            Err(IndexError::HashMismatch { got, .. }) => {
                Err(damaged(url.to_owned(), digest.to_string(), got.to_string()))
            }
            Err(error) => Err(self.cannot_pull(error)),
        }
    }

    /// Asks for a manifest, and once more if there is a challenge that can be answered.
    async fn ask(&self, url: &str) -> Result<Reply, OciError> {
        let first = self.ask_once(url, self.authorization()).await?;
        if first.status != 401 {
            return Ok(first);
        }
        let Some(authorization) = self.authorize(&first).await? else {
            return Ok(first);
        };
        *lock(&self.authorization) = Some(authorization.clone());
        self.ask_once(url, Some(authorization)).await
    }

    async fn ask_once(&self, url: &str, authorization: Option<String>) -> Result<Reply, OciError> {
        let mut headers = vec![("accept", ACCEPTED)];
        headers.extend(
            authorization
                .as_deref()
                .map(|value| ("authorization", value)),
        );
        let reply = self.index.ask(url, &headers, document::LARGEST).await;
        reply.map_err(|error| self.cannot_pull(error))
    }

    fn authorization(&self) -> Option<String> {
        let known = lock(&self.authorization);
        known.clone()
    }

    /// The answer to a challenge; `None` if there is no challenge, or no login that answers it.
    async fn authorize(&self, reply: &Reply) -> Result<Option<String>, OciError> {
        let challenges: Vec<Challenge> = reply
            .header("www-authenticate")
            .flat_map(challenges)
            .collect();
        let of = |scheme: &str| {
            challenges
                .iter()
                .find(|it| it.scheme.eq_ignore_ascii_case(scheme))
        };
        let login = self
            .logins
            .of(self.reference)
            .map(super::login::Login::header);
        let Some(bearer) = of("bearer") else {
            return Ok(login.filter(|_| of("basic").is_some()));
        };
        let url = self.token_url(bearer)?;
        let headers: Vec<(&str, &str)> = login
            .iter()
            .map(|login| ("authorization", login.as_str()))
            .collect();
        let reply = self.index.ask(&url, &headers, LARGEST_ANSWER).await;
        let reply = reply.map_err(|error| self.cannot_pull(error))?;
        // What comes after `?` is long and of no interest.
        let shown = url.split('?').next().unwrap_or(&url);
        match reply.status {
            200 => {}
            400 | 401 | 403 => return Err(self.unauthorized()),
            status => return Err(answer(shown, format!("its status is {status}"))),
        }
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        // The error's own text may quote the token.
        let token = serde_json::from_slice::<Token>(&reply.body).ok();
        let token = token.and_then(|answer| answer.token.or(answer.access_token));
        let token = token.ok_or_else(|| answer(shown, "it has no token".to_owned()))?;
        Ok(Some(format!("Bearer {token}")))
    }

    fn token_url(&self, challenge: &Challenge) -> Result<String, OciError> {
        let api = self.reference.api();
        let realm = challenge.parameters.get("realm").map_or("", String::as_str);
        let is_secure = realm.starts_with("https://");
        let is_plain = realm.starts_with("http://") && api.starts_with("http://");
        if !is_secure && !is_plain {
            let reason = format!("it sends to a token server at `{realm}`, which is not https");
            return Err(answer(&api, reason));
        }
        let scope = format!("repository:{}:pull", self.reference.name);
        let scope = challenge.parameters.get("scope").unwrap_or(&scope);
        let service = challenge.parameters.get("service");
        let mut query: Vec<String> = Vec::new();
        query.extend(service.map(|service| format!("service={}", encoded(service))));
        query.extend(
            scope
                .split(' ')
                .map(|scope| format!("scope={}", encoded(scope))),
        );
        let separator = if realm.contains('?') { '&' } else { '?' };
        Ok(format!("{realm}{separator}{}", query.join("&")))
    }

    fn unauthorized(&self) -> OciError {
        OciError::Unauthorized {
            reference: self.reference.clone(),
            has_login: self.logins.of(self.reference).is_some(),
        }
    }

    fn not_found(&self) -> OciError {
        OciError::NotFound {
            reference: self.reference.clone(),
        }
    }

    fn cannot_pull(&self, source: IndexError) -> OciError {
        OciError::Pull {
            reference: self.reference.clone(),
            source: Box::new(source),
        }
    }
}

/// Manifests in all forms that are read; blobs are bytes, of whatever kind.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json, */*;q=0.5";

fn answer(url: &str, reason: String) -> OciError {
    OciError::Answer {
        url: url.to_owned(),
        reason,
    }
}

fn damaged(place: String, expected: String, got: String) -> OciError {
    OciError::Damaged {
        place,
        what: "the digest",
        expected,
        got,
    }
}

fn encoded(text: &str) -> impl std::fmt::Display + '_ {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

/// What a registry wants to see.
#[derive(Debug, Eq, PartialEq)]
struct Challenge {
    scheme: String,
    /// By lower-case name.
    parameters: BTreeMap<String, String>,
}

/// The challenges of a `WWW-Authenticate` header (RFC 9110, 11.6.1).
fn challenges(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let end = rest.find([' ', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        match (value, challenges.last_mut()) {
            (Some(value), Some(challenge)) => {
                let (value, after) = parameter_value(value);
                challenge
                    .parameters
                    .insert(word.to_ascii_lowercase(), value);
                rest = after;
            }
            // A parameter of nothing.
            (Some(value), None) => rest = parameter_value(value).1,
            (None, _) => {
                challenges.push(Challenge {
                    scheme: word.to_owned(),
                    parameters: BTreeMap::new(),
                });
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', ',']);
    }
    challenges
}

/// A quoted text or a word, and what follows.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, character)| character)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::{Challenge, challenges};

    fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
        let parameters = parameters.iter();
        Challenge {
            scheme: scheme.to_owned(),
            parameters: parameters
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn challenges_are_read() {
        let docker = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = challenge(
            "Bearer",
            &[
                ("realm", "https://auth.docker.io/token"),
                ("service", "registry.docker.io"),
                ("scope", "repository:a/b:pull,push"),
            ],
        );
        assert_eq!(challenges(docker), [expected]);
        assert_eq!(
            challenges(r#"Basic Realm = "a \"b\"" , Negotiate, bearer realm=x, error=y"#),
            [
                challenge("Basic", &[("realm", "a \"b\"")]),
                challenge("Negotiate", &[]),
                challenge("bearer", &[("realm", "x"), ("error", "y")]),
            ]
        );
        assert_eq!(challenges(r#"realm="x""#), []);
        assert_eq!(
            challenges(r#"Basic realm="x"#),
            [challenge("Basic", &[("realm", "x")])]
        );
        assert_eq!(challenges("=, ="), []);
    }
}
