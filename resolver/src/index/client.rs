//! The HTTP client: connections, logins, redirects, retries, limits.
//!
//! Redirects are followed here and not by the library below, so that every hop gets the login of its own host and
//! nothing else: an `Authorization` that comes with a request ends where the redirect leaves its host, and stands for
//! the login that would go there. Whatever is transient is tried again: the whole exchange, body included, because connections break
//! in the middle too.

use crate::sync::lock;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Client, Identity, Method, RequestBuilder, Response, StatusCode};
use rustc_hash::FxHashMap;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::access::Trust;
use super::credentials::{Credentials, Login};
use super::error::{host, shown};
use super::{IndexError, IndexSettings};

const MAX_REDIRECTS: usize = 10;
/// Poetry: the statuses that are tried again.
const TRANSIENT: [u16; 6] = [429, 500, 501, 502, 503, 504];
/// Poetry: the wait before the n-th further try is n times this.
const BACKOFF: Duration = Duration::from_millis(500);
/// A server that asks for a longer wait is taken for dead.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a time-out is followed by another try: each costs the whole time.
const TRIES_AFTER_TIMEOUT: usize = 2;
/// An answer has this many time-outs plus its size at this speed to arrive.
const PATIENCE: u32 = 4;
const SLOWEST_BYTES_PER_SECOND: u64 = 1024;

/// A client that is made when it is needed.
type LateClient = OnceCell<Result<Client, IndexError>>;

/// Makes requests. One per [`super::Index`].
pub(crate) struct Http {
    settings: Arc<IndexSettings>,
    pub(crate) credentials: Credentials,
    /// Clients for secure connections, by what they trust.
    secure: Mutex<FxHashMap<Trust, Arc<LateClient>>>,
    plain: LateClient,
    direction: Direction,
    gates: Mutex<FxHashMap<String, Arc<Semaphore>>>,
}

/// Which way bodies go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    /// From the hosts.
    Down,
    /// To them. While a body goes up nothing can be read, so that a time limit of reading means nothing.
    Up,
}

/// An answer whose body has not been read yet.
pub(crate) struct Opened {
    pub(crate) response: Response,
    /// The address that answered, after redirects.
    pub(crate) url: Url,
    started: Instant,
    /// Held until the body is read: it bounds what is in flight.
    _permit: OwnedSemaphorePermit,
}

impl Opened {
    /// Tells of a GET whose body has been read, for the log.
    pub(crate) fn tell(&self, received: u64) {
        self.tell_of(&Method::GET, received);
    }

    fn tell_of(&self, method: &Method, received: u64) {
        // Made only if somebody listens: there are many requests.
        tracing::debug!(
            "{method} {}: {}, {received} bytes in {} ms",
            shown(&self.url),
            self.response.status().as_u16(),
            self.started.elapsed().as_millis()
        );
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The address that answered, after redirects.
    pub(crate) url: Url,
    pub(crate) body: Vec<u8>,
}

/// A failed try.
pub(crate) struct Failure {
    error: IndexError,
    /// How often at most it is tried again; 0 is final.
    tries: usize,
    /// How long the server wants us to wait.
    wait: Option<Duration>,
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Self {
            error,
            tries: 0,
            wait: None,
        }
    }
}

impl Http {
    pub(crate) fn new(settings: Arc<IndexSettings>) -> Self {
        Self::of(settings, Direction::Down)
    }

    pub(crate) fn of(settings: Arc<IndexSettings>, direction: Direction) -> Self {
        Self {
            direction,
            credentials: Credentials::new(&settings.access),
            secure: Mutex::default(),
            plain: OnceCell::new(),
            gates: Mutex::default(),
            settings,
        }
    }

    /// Fetches `url` whole, with retries. Any status that is not transient is an answer.
    ///
    /// # Errors
    /// When the host can't be reached, keeps failing, or sends more than `limit` bytes.
    pub(crate) async fn get(
        &self,
        url: &Url,
        headers: &HeaderMap,
        limit: u64,
    ) -> Result<Answer, IndexError> {
        self.retrying(|| Box::pin(self.exchange(url, headers, limit)))
            .await
    }

    async fn exchange(
        &self,
        url: &Url,
        headers: &HeaderMap,
        limit: u64,
    ) -> Result<Answer, Failure> {
        let mut opened = self.open(url, headers).await?;
        // Put together at the end: growing by and by, a page of megabytes would be moved a dozen times.
        let (mut chunks, mut received) = (Vec::new(), 0);
        while let Some(chunk) = self.next_chunk(&mut opened, received).await? {
            received += chunk.len() as u64;
            if received > limit {
                let url = shown(&opened.url);
                return Err(IndexError::TooLarge { url, limit }.into());
            }
            chunks.push(chunk);
        }
        opened.tell(received);
        Ok(Answer {
            status: opened.response.status(),
            headers: std::mem::take(opened.response.headers_mut()),
            url: opened.url,
            body: chunks.concat(),
        })
    }

    /// Runs `exchange` until it succeeds, fails for good, or has been tried often enough.
    pub(crate) async fn retrying<'a, T>(
        &self,
        exchange: impl Fn() -> BoxFuture<'a, Result<T, Failure>>,
    ) -> Result<T, IndexError> {
        let mut retries: u32 = 0;
        loop {
            let failure = match exchange().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let limit = failure.tries.min(self.settings.retries);
            let wait = failure.wait.unwrap_or(BACKOFF * (retries + 1));
            if retries as usize >= limit {
                return Err(failure.error);
            }
            if wait > LONGEST_WAIT {
                return Err(too_long(failure.error, wait));
            }
            tracing::debug!("{}; trying again in {wait:?}", failure.error);
            tokio::time::sleep(wait).await;
            retries += 1;
        }
    }

    /// Sends a request, follows redirects, and returns the first answer that is none.
    pub(crate) async fn open(&self, url: &Url, headers: &HeaderMap) -> Result<Opened, Failure> {
        self.refuse_offline(url)?;
        let mut target = url.clone();
        let mut headers = headers.clone();
        for _ in 0..=MAX_REDIRECTS {
            let opened = self.send(Method::GET, &target, &headers, None).await?;
            if !opened.response.status().is_redirection()
                || opened.response.status() == StatusCode::NOT_MODIFIED
            {
                return Ok(opened);
            }
            opened.tell(0);
            let next = redirect_target(&opened)?;
            if next.origin() != target.origin() {
                headers.remove(AUTHORIZATION);
            }
            target = next;
        }
        Err(redirect_error(url, "in a loop").into())
    }

    /// Asks whether `url` is there, with retries. Redirects are answers like others.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub(crate) async fn head(&self, url: &Url) -> Result<StatusCode, IndexError> {
        let ask = || self.status_of(Method::HEAD, url, None);
        self.retrying(|| Box::pin(ask())).await
    }

    /// Sends a body to `url`, with retries. Redirects are answers like others: where the body goes is not for the
    /// host to say.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub(crate) async fn put(
        &self,
        url: &Url,
        body: bytes::Bytes,
    ) -> Result<StatusCode, IndexError> {
        let bring = || self.status_of(Method::PUT, url, Some(body.clone()));
        self.retrying(|| Box::pin(bring())).await
    }

    /// One exchange of which only the status counts.
    async fn status_of(
        &self,
        method: Method,
        url: &Url,
        body: Option<bytes::Bytes>,
    ) -> Result<StatusCode, Failure> {
        self.refuse_offline(url)?;
        let opened = self
            .send(method.clone(), url, &HeaderMap::new(), body)
            .await?;
        opened.tell_of(&method, 0);
        Ok(opened.response.status())
    }

    fn refuse_offline(&self, url: &Url) -> Result<(), IndexError> {
        if self.settings.offline {
            return Err(IndexError::Offline { what: shown(url) });
        }
        Ok(())
    }

    /// One request, one answer.
    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Option<bytes::Bytes>,
    ) -> Result<Opened, Failure> {
        let url = self.credentials.strip(url);
        let permit = self.enter(&url).await;
        let client = self.client(&url).await?;
        let request = || {
            let request = client.request(method.clone(), url.clone());
            let request = request.headers(headers.clone());
            match &body {
                Some(body) => {
                    let allowed = self.allowed(body.len() as u64);
                    request.timeout(allowed).body(body.clone())
                }
                None => request,
            }
        };
        // Whoever brings a login of his own wants no other.
        let is_free = !headers.contains_key(AUTHORIZATION);
        let login = match is_free {
            true => self.credentials.login(&url).await,
            false => None,
        };
        let started = Instant::now();
        let mut response = ask(request(), &url, login.as_ref()).await?;
        if is_free
            && is_refusal(response.status())
            && let Some(other) = self.credentials.other_login(&url, login.as_ref()).await
        {
            response = ask(request(), &url, Some(&other)).await?;
        }
        if TRANSIENT.contains(&response.status().as_u16()) {
            return Err(Failure {
                tries: usize::MAX,
                wait: retry_after(response.headers(), SystemTime::now()),
                error: IndexError::Status {
                    url: shown(&url),
                    code: response.status().as_u16(),
                },
            });
        }
        Ok(Opened {
            response,
            url,
            started,
            _permit: permit,
        })
    }

    /// The next part of a body of which `received` bytes are there.
    pub(crate) async fn next_chunk(
        &self,
        opened: &mut Opened,
        received: u64,
    ) -> Result<Option<bytes::Bytes>, Failure> {
        let chunk = match opened.response.chunk().await {
            Ok(chunk) => chunk,
            Err(error) => return Err(connection_failure(&opened.url, error)),
        };
        // A time-out for every read alone would wait for ever on a server that sends a byte now and then.
        let allowed = self.allowed(received);
        if chunk.is_some() && opened.started.elapsed() > allowed {
            return Err(IndexError::Slow {
                url: shown(&opened.url),
                seconds: allowed.as_secs(),
            }
            .into());
        }
        Ok(chunk)
    }

    /// How long a body of this length may take.
    fn allowed(&self, length: u64) -> Duration {
        Duration::from_secs(self.settings.timeout) * PATIENCE
            + Duration::from_secs(length / SLOWEST_BYTES_PER_SECOND)
    }

    /// Waits for a free place among the requests to a host.
    async fn enter(&self, url: &Url) -> OwnedSemaphorePermit {
        let gate = {
            let mut gates = lock(&self.gates);
            let places = self.settings.connections.max(1);
            let gate = gates
                .entry(host(url))
                .or_insert_with(|| Arc::new(Semaphore::new(places)));
            Arc::clone(gate)
        };
        gate.acquire_owned()
            .await
            .expect("the gates are never closed")
    }

    /// The client for the scheme of `url`. They differ because loading the root certificates takes a while, and
    /// fails in images that have none, neither of which should concern plain connections.
    async fn client(&self, url: &Url) -> Result<Client, IndexError> {
        match url.scheme() {
            "https" => {
                let trust = self.credentials.trust(url);
                let cell = {
                    let mut cells = lock(&self.secure);
                    Arc::clone(cells.entry(trust.clone()).or_default())
                };
                let (settings, direction) = (Arc::clone(&self.settings), self.direction);
                let build =
                    async || blocking(move || secure_client(&settings, &trust, direction)).await;
                cell.get_or_init(build).await.clone()
            }
            "http" => {
                let build = async || plain_client(&self.settings, self.direction);
                self.plain.get_or_init(build).await.clone()
            }
            scheme => Err(IndexError::Address {
                url: shown(url),
                reason: format!("`{scheme}` is not http or https"),
            }),
        }
    }
}

async fn ask(
    mut request: RequestBuilder,
    url: &Url,
    login: Option<&Login>,
) -> Result<Response, Failure> {
    if let Some(login) = login {
        request = login.clone().authorize(request);
    }
    let answer = request.send().await;
    answer.map_err(|error| connection_failure(url, error))
}

/// Does another login perhaps help?
fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Runs work on the threads for computing, of which there are as many as cores. (The threads of [`blocking`] have no
/// such bound, and fifty pages that are read at once need fifty times the memory.)
pub(crate) async fn computing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let work = move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // Nobody waits any more if sending fails.
        drop(sender.send(result));
    };
    if rayon::current_thread_index().is_some() {
        // From here the work would go to the pool of this very thread, all of whose threads may be waiting as it is.
        tokio::task::spawn(async { rayon::spawn(work) });
    } else {
        rayon::spawn(work);
    }
    match receiver.await {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => unreachable!("the work always ends with an answer"),
    }
}

/// Runs file work off the threads that wait for the network.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down: nobody waits for this any more.
        Err(_) => std::future::pending().await,
    }
}

/// Poetry: the certificates of a place count instead of all others, those that variables name (`roots`) instead of
/// the system's.
fn secure_client(
    settings: &IndexSettings,
    trust: &Trust,
    direction: Direction,
) -> Result<Client, IndexError> {
    let access = &settings.access;
    let mut builder = builder(settings, direction);
    builder = if trust.is_blind {
        builder
            .tls_certs_only([])
            .tls_danger_accept_invalid_certs(true)
    } else if let Some(path) = trust.roots.as_ref().or(access.roots.as_ref()) {
        builder.tls_certs_only(read_certificates(path)?)
    } else {
        let mut more = Vec::new();
        for path in &access.more_roots {
            more.extend(read_certificates(path)?);
        }
        builder.tls_certs_merge(more)
    };
    if let Some(path) = &trust.client {
        builder = builder.identity(read_identity(path)?);
    }
    builder
        .build()
        .map_err(|error| IndexError::NoRootCertificates {
            reason: innermost(&error),
        })
}

fn plain_client(settings: &IndexSettings, direction: Direction) -> Result<Client, IndexError> {
    let builder = builder(settings, direction).tls_certs_only([]);
    builder.build().map_err(|error| IndexError::Tls {
        host: "any host".to_owned(),
        reason: innermost(&error),
    })
}

fn builder(settings: &IndexSettings, direction: Direction) -> reqwest::ClientBuilder {
    // The program chooses the provider; where nobody has chosen (tests), this is it.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let timeout = Duration::from_secs(settings.timeout.max(1));
    let builder = Client::builder()
        .user_agent(&settings.user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(timeout)
        .pool_max_idle_per_host(settings.connections)
        // The library's windows bound a download to some megabytes per round trip.
        .http2_initial_stream_window_size(8 << 20)
        .http2_initial_connection_window_size(32 << 20);
    match direction {
        Direction::Down => builder.read_timeout(timeout),
        Direction::Up => builder,
    }
}

/// All certificates in a file, or in the files of a folder, of which some may be of another kind.
fn read_certificates(path: &Path) -> Result<Vec<Certificate>, IndexError> {
    let wrong = |reason: String| wrong_certificate(path, reason);
    let mut roots = Vec::new();
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| wrong(error.to_string()))?;
        for entry in entries.flatten() {
            let pem = std::fs::read(entry.path()).unwrap_or_default();
            roots.extend(Certificate::from_pem_bundle(&pem).unwrap_or_default());
        }
    } else {
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        roots = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(innermost(&error)))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

/// The user's own certificate and its key.
fn read_identity(path: &Path) -> Result<Identity, IndexError> {
    let wrong = |reason: String| wrong_certificate(path, reason);
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    Identity::from_pem(&pem).map_err(|error| wrong(innermost(&error)))
}

fn wrong_certificate(path: &Path, reason: String) -> IndexError {
    IndexError::Certificate {
        path: path.to_owned(),
        reason,
    }
}

fn redirect_target(opened: &Opened) -> Result<Url, IndexError> {
    let location = opened.response.headers().get(LOCATION);
    let Some(location) = location.and_then(|value| value.to_str().ok()) else {
        return Err(redirect_error(&opened.url, "without saying where"));
    };
    let target = opened
        .url
        .join(location)
        .map_err(|_| redirect_error(&opened.url, "to an invalid address"))?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err(redirect_error(&opened.url, "out of the network"));
    }
    Ok(target)
}

fn redirect_error(url: &Url, reason: &str) -> IndexError {
    IndexError::Redirect {
        url: shown(url),
        reason: reason.to_owned(),
    }
}

fn too_long(error: IndexError, wait: Duration) -> IndexError {
    match error {
        IndexError::Status { url, code } => IndexError::Busy {
            url,
            code,
            seconds: wait.as_secs(),
        },
        other => other,
    }
}

/// How long a server wants us to wait, in seconds or until a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date that is past allows another try at once.
    Some(date.duration_since(now).unwrap_or_default())
}

/// What it means that a request, or the reading of its body, failed.
fn connection_failure(url: &Url, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if let Some(reason) = certificate_problem(&error) {
        let host = host(url);
        return IndexError::Tls { host, reason }.into();
    }
    if is_damaged_encoding(&error) {
        return IndexError::Unreadable {
            url: shown(url),
            reason: innermost(&error),
        }
        .into();
    }
    let tries = if error.is_timeout() {
        TRIES_AFTER_TIMEOUT
    } else {
        usize::MAX
    };
    Failure {
        error: IndexError::Unreachable {
            host: host(url),
            url: shown(url),
            source: Arc::new(error),
        },
        tries,
        wait: None,
    }
}

/// Is the body not what its `Content-Encoding` says? (One that ends too early also fails to decode.)
fn is_damaged_encoding(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput};
    causes(error).any(|cause| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| matches!(error.kind(), InvalidData | InvalidInput))
    })
}

/// A certificate does not become valid by asking again.
fn certificate_problem(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(|cause| {
        let error = tls_error(cause.downcast_ref::<io::Error>()?)?;
        let about_certificate = matches!(
            error,
            rustls::Error::InvalidCertificate(_)
                | rustls::Error::NoCertificatesPresented
                | rustls::Error::AlertReceived(_)
        );
        about_certificate.then(|| error.to_string())
    })
}

/// What TLS has to say lies in an error of input and output, or in one that lies in such a one.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<rustls::Error>() {
        Some(error) => Some(error),
        None => tls_error(inner.downcast_ref::<io::Error>()?),
    }
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let first: Option<&(dyn std::error::Error + 'static)> = Some(error);
    std::iter::successors(first, |cause| cause.source())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::retry_after;

    #[test]
    fn a_server_tells_seconds_or_a_date() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            let wait = retry_after(&headers, now);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
