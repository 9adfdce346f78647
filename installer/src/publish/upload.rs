//! One request, and what its answer says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use hyper::ext::ReasonPhrase;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Certificate, Client, ClientBuilder, Identity, Response};

use super::form::Encoded;
use super::{PublishError, Repository, Trust};

/// A form is sent in pieces of this size, so that there is progress to tell of.
const PIECE: usize = 64 * 1024;

pub(super) struct Uploader {
    client: Client,
    url: reqwest::Url,
    login: Option<(String, String)>,
    patience: Duration,
}

impl Uploader {
    pub(super) fn new(repository: &Repository) -> Result<Self, PublishError> {
        let address = |reason: String| PublishError::Address {
            url: repository.url.clone(),
            reason,
        };
        let url: reqwest::Url = repository
            .url
            .parse()
            .map_err(|error| address(format!("{error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(address("it is not http or https".to_owned()));
        }
        let patience = Duration::from_secs(repository.timeout.max(1));
        let builder = Client::builder()
            .user_agent(&repository.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(patience);
        let builder = trusting(builder, repository, url.scheme() == "https")?;
        let client = builder
            .build()
            .map_err(|error| PublishError::Unreachable(Box::new(error)))?;
        Ok(Self {
            client,
            url,
            login: repository.login.clone(),
            patience,
        })
    }

    /// Posts a form and hears the whole answer.
    ///
    /// # Errors
    /// When the server can't be reached, or nothing happens for too long.
    pub(super) async fn send(
        &self,
        form: &Encoded,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Answer, PublishError> {
        let sent = Arc::new(AtomicU64::new(0));
        let mut request = self
            .client
            .post(self.url.clone())
            .header(
                CONTENT_TYPE,
                format!("multipart/form-data; boundary={}", form.boundary),
            )
            .header(CONTENT_LENGTH, form.len())
            .body(body(form, &sent));
        if let Some((user, password)) = &self.login {
            request = request.basic_auth(user, Some(password));
        }
        tokio::select! {
            answer = answer(request) => answer,
            () = self.watch(&sent, progress) => Err(PublishError::Stalled {
                seconds: self.patience.as_secs(),
            }),
        }
    }

    /// Tells of progress, and ends if there was none for too long.
    async fn watch(&self, sent: &AtomicU64, progress: &(dyn Fn(u64) + Sync)) {
        const TICK: Duration = Duration::from_millis(100);
        let mut last = (0, Duration::ZERO);
        while last.1 < self.patience {
            tokio::time::sleep(TICK).await;
            let now = sent.load(Ordering::Relaxed);
            last = match now == last.0 {
                true => (now, last.1 + TICK),
                false => (now, Duration::ZERO),
            };
            progress(now);
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, PublishError> {
    let unreachable = |error: reqwest::Error| {
        // The address may hold a password.
        PublishError::Unreachable(Box::new(error.without_url()))
    };
    let response = request.send().await.map_err(unreachable)?;
    let (status, reason) = (response.status().as_u16(), reason(&response));
    let body = response.bytes().await.map_err(unreachable)?;
    Ok(Answer {
        status,
        reason,
        body,
    })
}

/// The words of the status, as the server says them if it does.
fn reason(response: &Response) -> String {
    let said = response.extensions().get::<ReasonPhrase>();
    let said = said.map(|said| String::from_utf8_lossy(said.as_bytes()).into_owned());
    let usual = response.status().canonical_reason();
    said.unwrap_or_else(|| usual.unwrap_or_default().to_owned())
}

/// The form in pieces; `sent` counts the bytes that were handed over.
fn body(form: &Encoded, sent: &Arc<AtomicU64>) -> Body {
    let mut pieces: Vec<Bytes> = Vec::new();
    for part in &form.parts {
        let mut rest = part.clone();
        while !rest.is_empty() {
            pieces.push(rest.split_to(PIECE.min(rest.len())));
        }
    }
    let sent = Arc::clone(sent);
    let pieces = pieces.into_iter().map(move |piece| {
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok::<_, std::io::Error>(piece)
    });
    Body::wrap_stream(stream::iter(pieces))
}

fn trusting(
    mut builder: ClientBuilder,
    repository: &Repository,
    is_secure: bool,
) -> Result<ClientBuilder, PublishError> {
    if !is_secure {
        // Without this, the certificates of the system would be read for nothing.
        return Ok(builder.tls_certs_only([]));
    }
    builder = match &repository.trust {
        Trust::System(files) => {
            let mut roots = Vec::new();
            for file in files {
                roots.append(&mut certificates(file)?);
            }
            builder.tls_certs_merge(roots)
        }
        Trust::Only(file) => builder.tls_certs_only(certificates(file)?),
        Trust::Anybody => builder.tls_danger_accept_invalid_certs(true),
    };
    let Some(file) = &repository.client_certificate else {
        return Ok(builder);
    };
    let identity = Identity::from_pem(&read(file)?)
        .map_err(|error| certificate_error(file, &with_causes(&error)))?;
    Ok(builder.identity(identity))
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, PublishError> {
    let roots = Certificate::from_pem_bundle(&read(file)?)
        .map_err(|error| certificate_error(file, &with_causes(&error)))?;
    if roots.is_empty() {
        return Err(certificate_error(file, "it holds no certificate"));
    }
    Ok(roots)
}

fn read(file: &Path) -> Result<Vec<u8>, PublishError> {
    std::fs::read(file).map_err(|error| certificate_error(file, &error.to_string()))
}

fn certificate_error(file: &Path, reason: &str) -> PublishError {
    PublishError::Certificate {
        path: file.to_owned(),
        reason: reason.to_owned(),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What a server says to a form.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    reason: String,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Does it want to hear of the project first?
    pub(super) fn wants_registration(&self) -> bool {
        self.status == 400 && self.text().contains("was ever registered")
    }

    /// Does it say that it has such a file already?
    ///
    /// Poetry: there is no status for it, so each kind of server says it in its own words: pypiserver by 409 alone;
    /// PyPI and Google ("already exist"), Nexus (the next two), GitLab ("already been taken") and Artifactory.
    pub(super) fn says_it_exists(&self) -> bool {
        const WORDS: [(u16, &str); 5] = [
            (400, "already exist"),
            (400, "updating asset"),
            (400, "cannot be updated"),
            (400, "already been taken"),
            (403, "overwrite artifact"),
        ];
        let said = (self.reason.clone() + &self.text()).to_lowercase();
        let says = |(status, words): (u16, &str)| self.status == status && said.contains(words);
        self.status == 409 || WORDS.into_iter().any(says)
    }
}

impl From<Answer> for PublishError {
    fn from(answer: Answer) -> Self {
        Self::Refused {
            status: answer.status,
            body: python_bytes(&answer.body),
            reason: answer.reason,
        }
    }
}

/// Poetry: an answer is shown as Python shows bytes.
fn python_bytes(bytes: &[u8]) -> String {
    let quote = match bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        true => '"',
        false => '\'',
    };
    let mut text = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => {
                if char::from(byte) == quote {
                    text.push('\\');
                }
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::{Answer, python_bytes};

    #[test]
    fn bytes_are_shown_as_python_shows_them() {
        for (bytes, shown) in [
            (&b"OK"[..], "b'OK'"),
            (b"nope 'q' \xff\n", "b\"nope 'q' \\xff\\n\""),
            (b"'\"\\", "b'\\'\"\\\\'"),
        ] {
            assert_eq!(python_bytes(bytes), shown);
        }
    }

    #[test]
    fn files_that_exist_are_told_in_many_ways() {
        let answer = |status, reason: &str, body: &'static str| Answer {
            status,
            reason: reason.to_owned(),
            body: body.into(),
        };
        assert!(answer(409, "Conflict", "").says_it_exists());
        assert!(answer(400, "File already exists. See x", "").says_it_exists());
        assert!(answer(400, "Bad Request", "name has ALREADY been taken").says_it_exists());
        assert!(answer(403, "Forbidden", "not allowed to overwrite artifact").says_it_exists());
        assert!(!answer(403, "Forbidden", "already exists").says_it_exists());
        assert!(!answer(400, "Bad Request", "wrong").says_it_exists());
    }
}
