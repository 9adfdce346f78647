//! Stores that are honest, that lie, and that fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXLOWER;
use resolver::cache::Cache;
use resolver::index::IndexSettings;
use resolver::name::PackageName;
use resolver::tag::{Tag, Tags};
use resolver::version::Version;
use sha2::{Digest, Sha256};

use super::{Access, Share, ShareSettings, Wanted};
use crate::wheel::tests::{Builder, FILE};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A machine: a cache, and somewhere to put wheels.
struct Machine {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    name: PackageName,
    version: Version,
    tags: Tags,
}

impl Machine {
    fn new() -> Self {
        // Another test may have been faster.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), Builder::new().build()).unwrap();
        Self {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            name: PackageName::new("some-pkg"),
            version: "1.0".parse().unwrap(),
            tags: Tags::new(vec![Tag::new("py3", "none", "any")]),
            folder,
        }
    }

    fn settings(&self, address: &str, access: Access) -> ShareSettings {
        ShareSettings {
            address: address.to_owned(),
            folder: self.folder.path().to_owned(),
            token: None,
            access,
            downloads: false,
            http: IndexSettings {
                pypi_url: "http://127.0.0.1:1/".to_owned(),
                offline: false,
                no_cache: false,
                timeout: 1,
                retries: 1,
                connections: 4,
                user_agent: "test".to_owned(),
                ..IndexSettings::default()
            },
            variables: Vec::new(),
        }
    }

    fn open(&self, settings: &ShareSettings) -> Share {
        let cache = Cache::new(self.folder.path().join("cache"));
        Share::new(settings, cache, self.runtime.handle().clone()).unwrap()
    }

    fn share(&self, address: &str, access: Access) -> Share {
        self.open(&self.settings(address, access))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            name: &self.name,
            version: Some(&self.version),
            tags: &self.tags,
        }
    }

    fn wheel(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    fn find(&self, share: &Share) -> Option<PathBuf> {
        let output = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        share.find(KEY, self.wanted(), &output)
    }
}

fn record(bytes: &[u8]) -> serde_json::Value {
    serde_json::json!({
        "format": 1,
        "name": "some-pkg",
        "version": "1.0",
        "file": FILE,
        "sha256": HEXLOWER.encode(&Sha256::digest(bytes)),
        "size": bytes.len(),
    })
}

#[test]
fn a_folder_gives_back_what_it_was_given() {
    let machine = Machine::new();
    let store = machine.folder.path().join("store");
    let address = format!("file://{}", store.display());
    let share = machine.share(&address, Access::Write);
    // Nobody has written anything yet.
    assert_eq!(machine.find(&share), None);
    share.publish(KEY, machine.wanted(), &machine.wheel());
    assert_eq!(share.take_warnings(), Vec::<String>::new());

    let share = machine.share("store", Access::Read);
    let found = machine.find(&share).unwrap();
    assert_eq!(found.file_name().unwrap(), FILE);
    assert_eq!(
        std::fs::read(found).unwrap(),
        std::fs::read(machine.wheel()).unwrap()
    );
    assert!(
        share
            .find(&KEY.replace('0', "1"), machine.wanted(), &store)
            .is_none()
    );
    assert_eq!(share.take_warnings(), Vec::<String>::new());

    // Nothing lies around, and everybody may read what is there.
    for kind in ["ac", "cas"] {
        let entries: Vec<_> = std::fs::read_dir(store.join(kind)).unwrap().collect();
        assert_eq!(entries.len(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = entries[0].as_ref().unwrap().metadata().unwrap();
            assert_eq!(metadata.permissions().mode() & 0o444, 0o444);
        }
    }
}

#[test]
fn signatures_in_addresses_are_not_shown() {
    let error = std::io::Error::other("no answer from (https://host/a?sig=secret) in\n3 seconds?");
    assert_eq!(
        super::with_causes(&error),
        "no answer from (https://host/a in 3 seconds?"
    );
}

#[test]
fn nothing_is_written_without_leave() {
    let machine = Machine::new();
    let share = machine.share("store", Access::Read);
    share.publish(KEY, machine.wanted(), &machine.wheel());
    assert!(!machine.folder.path().join("store").exists());
    let server = Server::start(|_| Answer::new(200, ""));
    let share = machine.share(&server.url(""), Access::Read);
    share.publish(KEY, machine.wanted(), &machine.wheel());
    assert_eq!(server.log().len(), 0);
}

#[test]
fn a_folder_that_is_not_there_is_told_once() {
    let machine = Machine::new();
    let share = machine.share("store", Access::Read);
    assert!(machine.find(&share).is_none());
    assert!(machine.find(&share).is_none());
    let warnings = share.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("is left alone"), "{warnings:?}");
}

/// What is no wheel that others would take is not given to them.
#[test]
fn only_sound_wheels_are_written() {
    let machine = Machine::new();
    let share = machine.share("store", Access::Write);
    std::fs::write(machine.wheel(), "no wheel").unwrap();
    share.publish(KEY, machine.wanted(), &machine.wheel());
    assert!(!machine.folder.path().join("store").exists());
}

/// Each record or wheel that is not what was asked for, with a part of what is said of it.
#[test]
fn lies_are_passed_over_and_told_once() {
    let honest = Builder::new().build();
    let other = Builder::new().add("some_pkg/evil.py", "").build();
    let foreign = {
        let mut wheel = Builder::new();
        let metadata = "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n\n";
        wheel.add("some_pkg-1.0.dist-info/METADATA", metadata);
        wheel.build()
    };
    let with = |key: &str, value: serde_json::Value| {
        let mut record = record(&honest);
        record[key] = value;
        record.to_string().into_bytes()
    };
    let of = |bytes: &[u8]| record(bytes).to_string().into_bytes();
    let cases: Vec<(Vec<u8>, Vec<u8>, &str)> = vec![
        (b"<html>".to_vec(), honest.clone(), "expected value"),
        (vec![b' '; 100_000], honest.clone(), "more than 65536 bytes"),
        (with("format", 2.into()), honest.clone(), "its format is 2"),
        (
            with("name", "other".into()),
            honest.clone(),
            "it names other 1.0",
        ),
        (
            with("version", "2.0".into()),
            honest.clone(),
            "it names some-pkg 2.0",
        ),
        (
            with("file", "some_pkg-2.0-py3-none-any.whl".into()),
            honest.clone(),
            "it names some-pkg 1.0 as some_pkg-2.0",
        ),
        (
            with("file", "some_pkg-1.0-py3-none-win32.whl".into()),
            honest.clone(),
            "does not fit this interpreter",
        ),
        (
            with("file", "../some_pkg-1.0-py3-none-any.whl".into()),
            honest.clone(),
            "no plain one",
        ),
        (
            with("sha256", "../../etc/passwd".into()),
            honest.clone(),
            "its sha256 is none",
        ),
        (of(&honest), other, "its bytes have the sha256"),
        (of(&honest), Vec::new(), "its bytes have the sha256"),
        (of(b"PK no wheel"), b"PK no wheel".to_vec(), FILE),
        (of(&foreign), foreign.clone(), "its METADATA names `other`"),
    ];
    for (record, wheel, reason) in cases {
        for kind in ["server", "folder"] {
            let machine = Machine::new();
            let (record, wheel) = (record.clone(), wheel.clone());
            let server;
            let address = if kind == "server" {
                server = Server::start(move |asked| match asked.path.contains("/ac/") {
                    true => Answer::new(200, record.clone()),
                    false => Answer::new(200, wheel.clone()),
                });
                server.url("")
            } else {
                let store = machine.folder.path().join("store");
                fill(&store, &record, &wheel);
                "store".to_owned()
            };
            let share = machine.share(&address, Access::Read);
            assert_eq!(machine.find(&share), None, "{reason} ({kind})");
            assert_eq!(machine.find(&share), None, "{reason} ({kind})");
            let warnings = share.take_warnings();
            assert_eq!(warnings.len(), 1, "{reason} ({kind}): {warnings:?}");
            assert!(warnings[0].contains(reason), "{reason}: {warnings:?}");
            assert!(litter(&machine).is_empty(), "{:?}", litter(&machine));
        }
    }
}

/// A record, and below the name that it gives, bytes.
fn fill(store: &Path, record: &[u8], wheel: &[u8]) {
    for kind in ["ac", "cas"] {
        std::fs::create_dir_all(store.join(kind)).unwrap();
    }
    std::fs::write(store.join("ac").join(KEY), record).unwrap();
    let value: serde_json::Value = serde_json::from_slice(record).unwrap_or_default();
    if let Some(sha256) = value["sha256"].as_str().filter(|it| it.len() == 64) {
        std::fs::write(store.join("cas").join(sha256), wheel).unwrap();
    }
}

/// Temporary files in the cache.
fn litter(machine: &Machine) -> Vec<PathBuf> {
    let archives = machine.folder.path().join("cache/archives-v1");
    let entries = std::fs::read_dir(archives).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A wheel that has gone while its record is still there is nothing to speak of.
#[test]
fn a_forgotten_wheel_is_a_miss() {
    let machine = Machine::new();
    let server = Server::start(|asked| match asked.path.contains("/ac/") {
        true => Answer::new(200, record(b"gone").to_string()),
        false => Answer::new(404, ""),
    });
    let share = machine.share(&server.url(""), Access::Read);
    assert_eq!(machine.find(&share), None);
    assert_eq!(share.take_warnings(), Vec::<String>::new());
}

/// Each kind of failure: one line, and no further request.
#[test]
fn a_server_that_fails_is_left_alone() {
    type Failing = fn(&Asked) -> Answer;
    let cases: [(&str, Failing, &str); 6] = [
        ("error", |_| Answer::new(500, "oops"), "status 500"),
        ("refusal", |_| Answer::new(403, ""), "refuses access"),
        ("loop", |_| Answer::new(302, "").to("/again"), "in a loop"),
        (
            "truncated",
            |_| Answer::new(200, "{}").promising(99),
            "All attempts",
        ),
        ("silent", |_| Answer::new(200, "").late(4), "All attempts"),
        (
            "odd",
            |_| Answer::new(302, "").to("ftp://x/"),
            "out of the network",
        ),
    ];
    for (case, failing, reason) in cases {
        let machine = Machine::new();
        let server = Server::start(failing);
        let share = machine.share(&server.url("user:secret@"), Access::Write);
        assert_eq!(machine.find(&share), None, "{case}");
        let asked = server.log().len();
        assert!(asked > 0);
        assert_eq!(machine.find(&share), None, "{case}");
        share.publish(KEY, machine.wanted(), &machine.wheel());
        assert_eq!(server.log().len(), asked, "{case}");
        let warnings = share.take_warnings();
        assert_eq!(warnings.len(), 1, "{case}: {warnings:?}");
        assert!(warnings[0].contains(reason), "{case}: {warnings:?}");
        assert!(!warnings[0].contains("secret"), "{case}: {warnings:?}");
    }
}

/// A server that lets us read but not write is still read from.
#[test]
fn a_server_that_takes_nothing_is_still_read() {
    let machine = Machine::new();
    let bytes = Builder::new().build();
    let server = Server::start(move |asked| match asked.method.as_str() {
        "GET" if asked.path.contains("/ac/") => Answer::new(200, record(&bytes).to_string()),
        "GET" => Answer::new(200, bytes.clone()),
        // It must not be followed: who knows where the wheel would go.
        "PUT" => Answer::new(307, "").to("/elsewhere"),
        _ => Answer::new(404, ""),
    });
    let share = machine.share(&server.url(""), Access::Write);
    share.publish(KEY, machine.wanted(), &machine.wheel());
    share.publish(KEY, machine.wanted(), &machine.wheel());
    let warnings = share.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("nothing more is written"));
    assert!(machine.find(&share).is_some());
    let lines = server.log();
    let writes = lines.iter().filter(|it| it.method == "PUT");
    assert_eq!(writes.count(), 1);
    assert!(lines.iter().all(|it| it.path != "/elsewhere"));
}

/// Reading may be sent elsewhere, as buckets do it. Our token stays here.
#[test]
fn a_token_is_not_taken_along() {
    let machine = Machine::new();
    let bytes = Builder::new().build();
    let wheel = bytes.clone();
    let elsewhere = Server::start(move |_| Answer::new(200, wheel.clone()));
    let target = elsewhere.url("");
    let server = Server::start(move |asked| match asked.path.contains("/ac/") {
        true => Answer::new(200, record(&bytes).to_string()),
        false => Answer::new(302, "").to(&target),
    });
    let mut settings = machine.settings(&server.url(""), Access::Read);
    settings.token = Some("t0ken".to_owned());
    let share = machine.open(&settings);
    assert!(
        machine.find(&share).is_some(),
        "{:?}",
        share.take_warnings()
    );
    let has_token = |asked: &Asked| {
        asked
            .head
            .to_lowercase()
            .contains("authorization: bearer t0ken")
    };
    assert!(server.log().iter().all(has_token));
    assert_eq!(elsewhere.log().len(), 1);
    assert!(!elsewhere.log().iter().any(has_token));
}

#[test]
fn without_a_network_no_server_is_asked() {
    let machine = Machine::new();
    let server = Server::start(|_| Answer::new(404, ""));
    let mut settings = machine.settings(&server.url(""), Access::Write);
    settings.http.offline = true;
    let share = machine.open(&settings);
    assert_eq!(machine.find(&share), None);
    share.publish(KEY, machine.wanted(), &machine.wheel());
    assert_eq!(server.log().len(), 0);
    assert_eq!(share.take_warnings(), Vec::<String>::new());

    settings.address = "store".to_owned();
    let share = machine.open(&settings);
    share.publish(KEY, machine.wanted(), &machine.wheel());
    assert!(machine.find(&share).is_some());
}

/// Many machines at once write the same and read what is there.
#[test]
fn a_folder_bears_many_at_once() {
    let machines: Vec<Machine> = (0..8).map(|_| Machine::new()).collect();
    let store = machines[0].folder.path().join("store");
    let address = store.display().to_string();
    std::thread::scope(|scope| {
        for machine in &machines {
            let address = &address;
            scope.spawn(move || {
                let share = machine.share(address, Access::Write);
                for _ in 0..20 {
                    share.publish(KEY, machine.wanted(), &machine.wheel());
                    assert!(machine.find(&share).is_some());
                }
                assert_eq!(share.take_warnings(), Vec::<String>::new());
            });
        }
    });
}

/// A request.
#[derive(Clone, Debug)]
struct Asked {
    method: String,
    path: String,
    head: String,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
    location: Option<String>,
    length: Option<usize>,
    wait: Duration,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
            location: None,
            length: None,
            wait: Duration::ZERO,
        }
    }

    fn to(mut self, location: &str) -> Self {
        self.location = Some(location.to_owned());
        self
    }

    fn promising(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    fn late(mut self, seconds: u64) -> Self {
        self.wait = Duration::from_secs(seconds);
        self
    }
}

/// A server with a connection for each request.
struct Server {
    address: String,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (shared, answer) = (Arc::clone(&log), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                // A client that goes away ends its connection, not the test.
                std::thread::spawn(move || drop(serve(&stream.unwrap(), &shared, &*answer)));
            }
        });
        Self { address, log }
    }

    fn url(&self, login: &str) -> String {
        format!("http://{login}{}/store", self.address)
    }

    fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: &TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&Asked) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let lower = head.to_lowercase();
    let length = lower.split("content-length:").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
    reader.read_exact(&mut vec![0; length.unwrap_or(0)])?;
    let mut words = head.split(' ').map(str::to_owned);
    let asked = Asked {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        head,
    };
    let answer = answer(&asked);
    let body = match asked.method.as_str() {
        "HEAD" => Vec::new(),
        _ => answer.body,
    };
    log.lock().unwrap().push(asked);
    std::thread::sleep(answer.wait);
    let length = answer.length.unwrap_or(body.len());
    let location = answer.location.map(|it| format!("Location: {it}\r\n"));
    write!(
        stream,
        "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {length}\r\n{}\r\n",
        answer.status,
        location.unwrap_or_default()
    )?;
    stream.write_all(&body)
}
