//! A package index on 127.0.0.1.
//!
//! It speaks what real indexes speak: PEP 691 JSON to those who ask for it and PEP 503 HTML to others, PEP 658 metadata
//! (announced, served without announcement, or absent), ranges, `ETag` with 304, cache lifetimes and basic
//! authentication. It also fails on demand, and it remembers every request.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::server::{Answer, Request, Server};

/// What can be published: a wheel or an sdist.
pub(crate) trait Archive {
    fn project(&self) -> &str;
    fn filename(&self) -> String;
    fn bytes(&self) -> Vec<u8>;
    /// The text of its METADATA, if an index would serve it.
    fn metadata(&self) -> Option<String>;
    /// Its Requires-Python.
    fn python(&self) -> Option<String>;
}

/// How the index treats a file's PEP 658 metadata.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MetadataFile {
    Announced,
    /// There, but the page does not say so.
    Served,
    Absent,
}

/// A file on a project page.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) filename: String,
    /// `None`: the page names it, but a download is a 404.
    pub(crate) bytes: Option<Vec<u8>>,
    /// By algorithm, as the page says them.
    pub(crate) hashes: BTreeMap<String, String>,
    pub(crate) metadata: Option<String>,
    pub(crate) metadata_file: MetadataFile,
    pub(crate) requires_python: Option<String>,
    /// The reason; maybe empty.
    pub(crate) yanked: Option<String>,
    /// RFC 3339.
    pub(crate) upload_time: Option<String>,
}

impl File {
    /// A file that is only named.
    pub(crate) fn named(filename: &str) -> Self {
        Self {
            filename: filename.to_owned(),
            bytes: None,
            hashes: BTreeMap::new(),
            metadata: None,
            metadata_file: MetadataFile::Announced,
            requires_python: None,
            yanked: None,
            upload_time: None,
        }
    }

    fn of(archive: &impl Archive) -> Self {
        let bytes = archive.bytes();
        let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
        Self {
            bytes: Some(bytes),
            hashes: BTreeMap::from([("sha256".to_owned(), sha256)]),
            metadata: archive.metadata(),
            requires_python: archive.python(),
            ..Self::named(&archive.filename())
        }
    }

    /// The metadata as the page shows them to readers: `false`, `true`, or its hash.
    fn announcement(&self) -> Value {
        match &self.metadata {
            Some(text) if self.metadata_file == MetadataFile::Announced => {
                json!({"sha256": HEXLOWER.encode(&Sha256::digest(text))})
            }
            _ => json!(false),
        }
    }
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Status(u16),
    /// The connection breaks after this many bytes of the body.
    BreakOff(usize),
    /// The right length, but one byte is another.
    Garble,
    HangUp,
    Slow(Duration),
    /// Another answer: status, one header, body.
    Answer(u16, (&'static str, &'static str), &'static str),
}

#[derive(Clone, Debug)]
struct Trap {
    part_of_path: String,
    fault: Fault,
    times: usize,
}

/// Where the pages lie that stand for PyPI's; those of another source lie at `<source>/simple`.
pub(crate) const PYPI: &str = "simple";

struct State {
    address: String,
    /// Files by the folder of the source's pages and normalised project name.
    projects: BTreeMap<(String, String), Vec<File>>,
    /// What lies at any other path.
    others: BTreeMap<String, Vec<u8>>,
    html_only: bool,
    ranges: bool,
    page_lifetime: String,
    /// User and password by the beginning of the path.
    logins: BTreeMap<String, (String, String)>,
    traps: Vec<Trap>,
    log: Vec<(Request, u16)>,
}

/// The index; dropping it closes its port.
pub(crate) struct Index {
    state: Arc<Mutex<State>>,
    server: Server,
}

impl Index {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            address: String::new(),
            projects: BTreeMap::new(),
            others: BTreeMap::new(),
            html_only: false,
            ranges: true,
            page_lifetime: "max-age=0".to_owned(),
            logins: BTreeMap::new(),
            traps: Vec::new(),
            log: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let server = Server::start(Arc::new(move |request: &Request| {
            let mut state = shared
                .lock()
                .expect("no test panics while it holds the index");
            let answer = state.answer(request);
            state.log.push((request.clone(), answer.status));
            answer
        }));
        let index = Self { state, server };
        index.state().address = index.address();
        index
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no request panics while it holds the index")
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end: what [`super::Fixture`] scrubs.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Stands for `https://pypi.org/`.
    pub(crate) fn url(&self) -> String {
        format!("{}/", self.address())
    }

    /// The address that a `[[tool.poetry.source]]` would give.
    pub(crate) fn source_url(&self, source: &str) -> String {
        format!("{}/{source}/simple/", self.address())
    }

    pub(crate) fn socket(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Publishes on PyPI; the answer allows to change how the page shows the file.
    pub(crate) fn publish(&self, archive: &impl Archive) -> Published<'_> {
        self.add(PYPI, archive.project(), File::of(archive))
    }

    /// Publishes on another source.
    pub(crate) fn publish_to(&self, source: &str, archive: &impl Archive) -> Published<'_> {
        self.add(
            &format!("{source}/simple"),
            archive.project(),
            File::of(archive),
        )
    }

    /// Puts any file on a project's page below `folder`.
    pub(crate) fn add(&self, folder: &str, project: &str, file: File) -> Published<'_> {
        let page = (folder.to_owned(), normalise(project));
        let filename = file.filename.clone();
        let mut state = self.state();
        let files = state.projects.entry(page.clone()).or_default();
        files.retain(|other| other.filename != filename);
        files.push(file);
        drop(state);
        Published {
            index: self,
            page,
            filename,
        }
    }

    /// Serves bytes at any other path, which begins with `/`.
    pub(crate) fn serve(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.state().others.insert(path.to_owned(), bytes.into());
    }

    /// Makes the next `times` requests whose path contains `part_of_path` go wrong.
    pub(crate) fn fail(&self, part_of_path: &str, fault: Fault, times: usize) {
        self.state().traps.push(Trap {
            part_of_path: part_of_path.to_owned(),
            fault,
            times,
        });
    }

    /// Asks for a name and a password below a path.
    pub(crate) fn require_login(&self, beginning: &str, user: &str, password: &str) {
        let login = (user.to_owned(), password.to_owned());
        self.state().logins.insert(beginning.to_owned(), login);
    }

    /// No JSON, even for those who ask.
    pub(crate) fn speak_html_only(&self) {
        self.state().html_only = true;
    }

    /// Answers range requests with the whole file.
    pub(crate) fn refuse_ranges(&self) {
        self.state().ranges = false;
    }

    /// The `Cache-Control` of pages and metadata; `max-age=0` unless told otherwise, so that a test can publish
    /// between two commands. PyPI says `max-age=600, public`.
    pub(crate) fn page_lifetime(&self, cache_control: &str) {
        cache_control.clone_into(&mut self.state().page_lifetime);
    }

    /// All requests so far as `GET /simple/a/ 200`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let state = self.state();
        let lines = state.log.iter();
        lines
            .map(|(it, status)| format!("{} {} {status}", it.method, it.path))
            .collect()
    }

    /// All requests so far with their headers.
    pub(crate) fn raw_requests(&self) -> Vec<Request> {
        self.state()
            .log
            .iter()
            .map(|(request, _)| request.clone())
            .collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.state().log.clear();
    }

    /// Closes the port.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }
}

/// A file that was just published.
pub(crate) struct Published<'a> {
    index: &'a Index,
    page: (String, String),
    filename: String,
}

impl Published<'_> {
    fn change(&self, change: impl FnOnce(&mut File)) -> &Self {
        let mut state = self.index.state();
        let files = state.projects.get_mut(&self.page).expect("published");
        let file = files.iter_mut().find(|file| file.filename == self.filename);
        change(file.expect("published"));
        self
    }

    pub(crate) fn metadata_file(&self, how: MetadataFile) -> &Self {
        self.change(|file| file.metadata_file = how)
    }

    /// Serves another text as its metadata, hashed as announced.
    pub(crate) fn metadata(&self, text: &str) -> &Self {
        self.change(|file| file.metadata = Some(text.to_owned()))
    }

    /// Makes the page say which Pythons the file is for, whatever the file itself says.
    pub(crate) fn requires_python(&self, specifier: &str) -> &Self {
        self.change(|file| file.requires_python = Some(specifier.to_owned()))
    }

    pub(crate) fn yanked(&self, reason: &str) -> &Self {
        self.change(|file| file.yanked = Some(reason.to_owned()))
    }

    pub(crate) fn uploaded(&self, time: &str) -> &Self {
        self.change(|file| file.upload_time = Some(time.to_owned()))
    }

    /// Makes the page say this hash, right or wrong.
    pub(crate) fn hash(&self, algorithm: &str, hex: &str) -> &Self {
        self.change(|file| {
            file.hashes.insert(algorithm.to_owned(), hex.to_owned());
        })
    }

    pub(crate) fn without_hashes(&self) -> &Self {
        self.change(|file| file.hashes.clear())
    }

    /// Serves other bytes than those whose hash the page says.
    pub(crate) fn serve_instead(&self, bytes: impl Into<Vec<u8>>) -> &Self {
        self.change(|file| file.bytes = Some(bytes.into()))
    }

    /// Lets the page name the file, but not serve it.
    pub(crate) fn not_served(&self) -> &Self {
        self.change(|file| file.bytes = None)
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        let fault = self.next_fault(&request.path);
        if let Some(Fault::Status(status)) = fault {
            return Answer::new(status, "");
        }
        if let Some(Fault::Answer(status, (name, value), body)) = fault {
            return Answer::new(status, body).header(name, value);
        }
        let mut answer = self.honest_answer(request);
        match fault {
            Some(Fault::BreakOff(bytes)) => answer.break_off_after = Some(bytes),
            Some(Fault::HangUp) => answer.hang_up = true,
            Some(Fault::Slow(delay)) => answer.delay = delay,
            Some(Fault::Garble) => {
                let middle = answer.body.len() / 2;
                answer.body[middle] ^= 0xff;
            }
            Some(Fault::Status(_) | Fault::Answer(..)) | None => {}
        }
        answer
    }

    fn next_fault(&mut self, path: &str) -> Option<Fault> {
        let wanted = |trap: &&mut Trap| trap.times > 0 && path.contains(&trap.part_of_path);
        let trap = self.traps.iter_mut().find(wanted)?;
        trap.times = trap.times.saturating_sub(1);
        Some(trap.fault)
    }

    fn honest_answer(&self, request: &Request) -> Answer {
        if !self.may_enter(request) {
            return Answer::new(401, "").header("www-authenticate", "Basic realm=\"index\"");
        }
        let path = request.path.split(['?', '#']).next().unwrap_or_default();
        if let Some(bytes) = self.others.get(path) {
            return Answer::new(200, bytes.clone());
        }
        if let Some(rest) = path.strip_prefix("/files/") {
            return self.file(rest, request);
        }
        let trimmed = path.trim_matches('/');
        let Some((folder, project)) = trimmed.rsplit_once('/') else {
            return Answer::new(404, "");
        };
        if !path.ends_with('/') {
            return Answer::new(301, "").header("location", format!("{path}/"));
        }
        let key = (folder.to_owned(), project.to_owned());
        let Some(files) = self.projects.get(&key) else {
            return Answer::new(404, "");
        };
        let accepts = request.header("accept").unwrap_or_default();
        let (kind, body) =
            if accepts.contains("application/vnd.pypi.simple.v1+json") && !self.html_only {
                (
                    "application/vnd.pypi.simple.v1+json",
                    self.json_page(&key, files),
                )
            } else {
                ("text/html; charset=utf-8", html_page(&key, files))
            };
        let answer = Answer::new(200, body)
            .header("content-type", kind)
            .header("vary", "Accept");
        self.revalidated(request, answer)
    }

    fn may_enter(&self, request: &Request) -> bool {
        let needed = self
            .logins
            .iter()
            .find(|(path, _)| request.path.starts_with(path.as_str()));
        let Some((_, (user, password))) = needed else {
            return true;
        };
        let expected = format!(
            "Basic {}",
            BASE64.encode(format!("{user}:{password}").as_bytes())
        );
        request.header("authorization") == Some(expected.as_str())
    }

    /// Adds what caches want to know; 304 if the client has it already.
    fn revalidated(&self, request: &Request, answer: Answer) -> Answer {
        let tag = format!(
            "\"{}\"",
            &HEXLOWER.encode(&Sha256::digest(&answer.body))[..16]
        );
        let fresh = request
            .header("if-none-match")
            .is_some_and(|sent| sent.contains(&tag));
        let answer = if fresh { Answer::new(304, "") } else { answer };
        answer
            .header("etag", tag)
            .header("cache-control", self.page_lifetime.clone())
    }

    /// `<folder>/<project>/<filename>`
    fn file(&self, path: &str, request: &Request) -> Answer {
        let mut parts = path.rsplitn(3, '/');
        let (Some(filename), Some(project), Some(folder)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Answer::new(404, "");
        };
        let files = self.projects.get(&(folder.to_owned(), project.to_owned()));
        let find = |name: &str| files?.iter().find(|file| file.filename == name);
        if let Some(file) = filename.strip_suffix(".metadata").and_then(find) {
            return match (&file.metadata, file.metadata_file) {
                (None, _) | (_, MetadataFile::Absent) => Answer::new(404, ""),
                (Some(text), _) => self.revalidated(request, Answer::new(200, text.clone())),
            };
        }
        let Some(bytes) = find(filename).and_then(|file| file.bytes.as_ref()) else {
            return Answer::new(404, "");
        };
        let answer = match request.header("range").filter(|_| self.ranges) {
            Some(range) => part(bytes, range),
            None => Answer::new(200, bytes.clone()),
        };
        let answer = answer.header("cache-control", "max-age=365000000, immutable, public");
        if self.ranges {
            answer.header("accept-ranges", "bytes")
        } else {
            answer
        }
    }

    fn json_page(&self, page: &(String, String), files: &[File]) -> String {
        let entry = |file: &File| {
            let mut entry = json!({
                "filename": file.filename,
                "url": format!("{}{}", self.address, file_path(page, &file.filename)),
                "hashes": file.hashes,
                "core-metadata": file.announcement(),
                "data-dist-info-metadata": file.announcement(),
                "yanked": file.yanked.as_ref().map_or(json!(false), |reason| match reason.as_str() {
                    "" => json!(true),
                    reason => json!(reason),
                }),
            });
            if let Some(bytes) = &file.bytes {
                entry["size"] = json!(bytes.len());
            }
            if let Some(specifier) = &file.requires_python {
                entry["requires-python"] = json!(specifier);
            }
            if let Some(time) = &file.upload_time {
                entry["upload-time"] = json!(time);
            }
            entry
        };
        let entries: Vec<Value> = files.iter().map(entry).collect();
        json!({"meta": {"api-version": "1.1"}, "name": page.1, "files": entries}).to_string()
    }
}

fn file_path((folder, project): &(String, String), filename: &str) -> String {
    format!("/files/{folder}/{project}/{filename}")
}

/// PEP 503, with addresses relative to the page.
fn html_page(address: &(String, String), files: &[File]) -> String {
    let up = "../".repeat(address.0.split('/').count() + 1);
    let mut page = "<!DOCTYPE html>\n<html><body>\n".to_owned();
    for file in files {
        let strongest = file.hashes.iter().next_back();
        let hash = strongest
            .map(|(name, hex)| format!("#{name}={hex}"))
            .unwrap_or_default();
        let path = file_path(address, &file.filename);
        let path = path.trim_start_matches('/');
        write!(page, "<a href=\"{up}{path}{hash}\"").expect("writing to memory");
        if let Some(specifier) = &file.requires_python {
            let text = specifier.replace('<', "&lt;").replace('>', "&gt;");
            write!(page, " data-requires-python=\"{text}\"").expect("writing to memory");
        }
        if let Some(reason) = &file.yanked {
            write!(page, " data-yanked=\"{reason}\"").expect("writing to memory");
        }
        if let Some(sha256) = file.announcement()["sha256"].as_str() {
            write!(page, " data-core-metadata=\"sha256={sha256}\"").expect("writing to memory");
        }
        writeln!(page, ">{}</a><br>", file.filename).expect("writing to memory");
    }
    page + "</body></html>\n"
}

/// One range: `bytes=0-9`, `bytes=10-` or `bytes=-10`.
fn part(bytes: &[u8], range: &str) -> Answer {
    let total = bytes.len();
    let Some((start, end)) = bounds(range, total) else {
        return Answer::new(416, "").header("content-range", format!("bytes */{total}"));
    };
    Answer::new(206, &bytes[start..end]).header(
        "content-range",
        format!("bytes {start}-{}/{total}", end - 1),
    )
}

fn bounds(range: &str, total: usize) -> Option<(usize, usize)> {
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (start, last) {
        ("", suffix) => (total.saturating_sub(suffix.parse().ok()?), total),
        (start, "") => (start.parse().ok()?, total),
        (start, last) => (start.parse().ok()?, last.parse::<usize>().ok()? + 1),
    };
    (start < end.min(total)).then_some((start, end.min(total)))
}

/// PEP 503.
pub(crate) fn normalise(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}
