//! The index client against a server that does what servers do.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may fail loudly; clippy only excuses the tests themselves"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "helpers are called with values made in place"
)]

#[path = "support/server.rs"]
mod server;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use data_encoding::HEXLOWER;
use resolver::cache::{Bucket, Cache};
use resolver::dist::{Hash, HashedFile, Priority, Source};
use resolver::index::{Access, Builder, Index, IndexError, IndexSettings, Page, Place, Release};
use resolver::metadata::Metadata;
use resolver::name::PackageName;
use serde_json::{Value, json};
use server::{Reply, Server};
use sha2::{Digest, Sha256, Sha512};

/// A server, a cache, and sources that point at the server.
struct World {
    server: Server,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            server: Server::start(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn settings(&self) -> IndexSettings {
        IndexSettings {
            pypi_url: self.server.url.clone(),
            offline: false,
            no_cache: false,
            timeout: 5,
            retries: 2,
            connections: 8,
            user_agent: "test".to_owned(),
            ..IndexSettings::default()
        }
    }

    fn cache(&self) -> Cache {
        Cache::new(self.folder.path().join("cache"))
    }

    fn index(&self) -> Index {
        self.index_with(self.settings(), None)
    }

    fn index_with(&self, settings: IndexSettings, builder: Option<Arc<dyn Builder>>) -> Index {
        Index::new(settings, self.cache(), builder)
    }

    fn offline(&self) -> Index {
        let offline = true;
        let settings = self.settings();
        self.index_with(
            IndexSettings {
                offline,
                ..settings
            },
            None,
        )
    }

    /// The server as a named source.
    fn named(&self) -> Source {
        Source {
            name: "work".to_owned(),
            url: Some(format!("{}simple", self.server.url)),
            priority: Priority::Primary,
        }
    }

    fn page(&self, project: &str, files: &[Value]) {
        self.server
            .route(&format!("/simple/{project}/"), [Reply::json(page(files))]);
    }

    fn file(&self, name: &str, body: &[u8]) {
        let reply = Reply {
            ranges: true,
            ..Reply::file(body)
        };
        self.server.route(&format!("/files/{name}"), [reply]);
    }

    fn metadata(&self, name: &str, text: &str) {
        let path = format!("/files/{name}.metadata");
        self.server.route(&path, [Reply::file(text)]);
    }
}

fn pypi() -> Source {
    Source {
        name: "PyPI".to_owned(),
        url: None,
        priority: Priority::Primary,
    }
}

fn page(files: &[Value]) -> String {
    json!({"meta": {"api-version": "1.1"}, "name": "a", "files": files}).to_string()
}

/// An entry of a page; `more` is merged in.
fn entry(name: &str, content: &[u8], more: Value) -> Value {
    let mut entry = json!({
        "filename": name,
        "url": format!("../../files/{name}"),
        "hashes": {"sha256": sha256(content)},
    });
    let more = more.as_object().unwrap().clone();
    entry.as_object_mut().unwrap().extend(more);
    entry
}

fn sha256(content: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(content))
}

fn metadata_text(version: &str, more: &str) -> String {
    format!("Metadata-Version: 2.1\nName: A\nVersion: {version}\n{more}")
}

/// A wheel whose METADATA is `text`, with `padding` bytes of other content before (or after) it.
fn wheel(text: &str, padding: usize, metadata_first: bool) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let noise: Vec<u8> = (0..padding)
        .map(|n| (n * n % 251) as u8 ^ (n / 7) as u8)
        .collect();
    let stored = options.compression_method(zip::CompressionMethod::Stored);
    let mut members = [
        ("a/data", noise.as_slice(), stored),
        ("a-1.0.dist-info/METADATA", text.as_bytes(), options),
    ];
    if metadata_first {
        members.reverse();
    }
    for (name, content, options) in members {
        archive.start_file(name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn sdist(files: &[(&str, &str)]) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, format!("a-1.0/{name}"), content.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A page of little more than the largest size, mostly blanks and thus small as it is sent.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..=128 {
        encoder.write_all(&blanks).unwrap();
    }
    encoder.write_all(page(&[]).as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn names(page: &Page) -> Vec<&str> {
    page.files
        .iter()
        .map(|file| file.filename.as_str())
        .collect()
}

async fn find_page(index: &Index, source: &Source, name: &str) -> Option<Arc<Page>> {
    index.page(source, &PackageName::new(name)).await.unwrap()
}

async fn find_release(index: &Index, source: &Source) -> Result<Arc<Release>, IndexError> {
    let found = index
        .release(source, &PackageName::new("a"), &"1.0".parse().unwrap())
        .await;
    found.map(|release| release.expect("the release is there"))
}

const PURE: &str = "a-1.0-py3-none-any.whl";
const SDIST: &str = "a-1.0.tar.gz";

#[tokio::test]
async fn a_json_page_is_read_and_asked_for_once() {
    let world = World::new();
    let files = [
        entry(
            PURE,
            b"x",
            json!({"requires-python": ">=3.8", "yanked": "no"}),
        ),
        entry("b-1.0.tar.gz", b"x", json!({})),
        entry(
            SDIST,
            b"x",
            json!({"url": "https://files.example/a.tar.gz"}),
        ),
    ];
    world.page("a", &files);
    let index = world.index();
    let (source, name) = (pypi(), PackageName::new("A"));
    let (one, two) = tokio::join!(index.page(&source, &name), index.page(&source, &name));
    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert!(Arc::ptr_eq(&one, &two));
    assert_eq!(names(&one), [PURE, SDIST]);
    assert_eq!(
        one.files[0].url,
        format!("{}files/{PURE}", world.server.url)
    );
    assert_eq!(one.files[0].yanked.as_deref(), Some("no"));
    assert_eq!(one.files[1].url, "https://files.example/a.tar.gz");
    assert_eq!(
        find_page(&index, &pypi(), "unknown").await.map(|_| ()),
        None
    );
    assert_eq!(world.server.log().len(), 2);
    assert!(
        world.server.log()[0]
            .header("accept")
            .unwrap()
            .contains(";q=")
    );
}

#[tokio::test]
async fn an_html_page_is_read() {
    let world = World::new();
    let html = format!(
        r#"<base href="/files/"><a href="{PURE}#sha256=AB" data-requires-python="&gt;=3.8">x</a>"#
    );
    world
        .server
        .route("/simple/a/", [Reply::new(200, "text/html", html)]);
    let page = find_page(&world.index(), &world.named(), "a")
        .await
        .unwrap();
    assert_eq!(
        page.files[0].url,
        format!("{}files/{PURE}", world.server.url)
    );
    assert_eq!(page.files[0].hashes, [Hash::sha256("ab")]);
    assert_eq!(page.files[0].requires_python.as_deref(), Some(">=3.8"));
}

#[tokio::test]
async fn a_mirror_of_pypi_is_asked_again_for_json() {
    let world = World::new();
    let html = format!("<a href=\"/files/{PURE}\">x</a>");
    let html = || Reply::new(200, "text/html", html.clone());
    let json = Reply::json(page(&[entry(PURE, b"x", json!({"size": 7}))]));
    world.server.route("/simple/a/", [html(), json.clone()]);
    let index = world.index();
    let page = find_page(&index, &pypi(), "a").await.unwrap();
    assert_eq!(page.files[0].size, Some(7));
    assert_eq!(world.server.take_paths().len(), 2);
    // One that has nothing else is believed, and then not asked again.
    world.server.route("/simple/a/", [html()]);
    let index = world.index();
    for requests in [3, 1] {
        let name = if requests == 3 { "a" } else { "b" };
        world.server.route(&format!("/simple/{name}/"), [html()]);
        assert!(find_page(&index, &pypi(), name).await.is_some());
        assert_eq!(world.server.take_paths().len(), requests);
    }
    // A named source may answer as it likes.
    assert!(find_page(&index, &world.named(), "a").await.is_some());
    assert_eq!(world.server.take_paths().len(), 1);
}

#[tokio::test]
async fn pages_of_unknown_protocols_and_forms_are_refused() {
    let world = World::new();
    let newer = r#"{"meta": {"api-version": "2.0"}, "files": []}"#;
    let newer_html = r#"<meta name="pypi:repository-version" content="2.0">"#;
    for (reply, expected) in [
        (Reply::json(newer), "version 2.0"),
        (Reply::new(200, "text/html", newer_html), "version 2.0"),
        (Reply::new(200, "image/png", "<a>"), "image/png"),
        (Reply::json("[1]"), "can't be read"),
        (
            Reply::json("[1]").header("Content-Encoding", "gzip"),
            "can't be read",
        ),
        (
            Reply::json(bomb()).header("Content-Encoding", "gzip"),
            "sends more than 134217728 bytes",
        ),
        (Reply::json("[".repeat(100_000)), "can't be read"),
        (Reply::status(403), "refuses access"),
        (Reply::status(401), "refuses access"),
        (Reply::status(418), "status 418"),
        (Reply::status(304), "status 304"),
        (Reply::status(302), "without saying where"),
        (
            Reply::status(302).header("Location", "/simple/a/"),
            "in a loop",
        ),
        (
            Reply::status(302).header("Location", "file:///etc/passwd"),
            "out of the network",
        ),
    ] {
        world.server.route("/simple/a/", [reply]);
        let result = world.index().page(&pypi(), &PackageName::new("a")).await;
        let text = result.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_fresh_page_is_not_asked_for_again_and_an_old_one_is_revalidated() {
    let world = World::new();
    let reply = || Reply::json(page(&[entry(SDIST, b"x", json!({}))]));
    let old = reply()
        .header("Cache-Control", "max-age=0")
        .header("ETag", "\"one\"");
    let fresh = reply().header("Cache-Control", "max-age=600");
    world.server.route("/simple/old/", [old]);
    world.server.route("/simple/a/", [fresh]);
    for round in 0..3 {
        let index = world.index();
        assert!(find_page(&index, &pypi(), "old").await.is_some());
        assert_eq!(
            names(&find_page(&index, &pypi(), "a").await.unwrap()),
            [SDIST]
        );
        let expected: &[&str] = if round == 0 {
            &["/simple/old/", "/simple/a/"]
        } else {
            &["/simple/old/"]
        };
        let log = world.server.log();
        assert_eq!(
            log[0].header("if-none-match"),
            (round > 0).then_some("\"one\"")
        );
        assert_eq!(world.server.take_paths(), expected);
    }
    // What is told apart is the index, not the name of the source.
    assert!(
        find_page(&world.index(), &world.named(), "a")
            .await
            .is_some()
    );
    assert_eq!(world.server.take_paths(), ["/simple/a/"]);
    let no_cache = true;
    let settings = IndexSettings {
        no_cache,
        ..world.settings()
    };
    assert!(
        find_page(&world.index_with(settings, None), &pypi(), "a")
            .await
            .is_some()
    );
    assert_eq!(world.server.take_paths(), ["/simple/a/"]);
}

#[tokio::test]
async fn offline_the_cache_answers_or_nobody() {
    let world = World::new();
    let reply = Reply::json(page(&[entry(SDIST, b"x", json!({}))]));
    world
        .server
        .route("/simple/a/", [reply.header("Cache-Control", "max-age=0")]);
    let index = world.offline();
    let error = index
        .page(&pypi(), &PackageName::new("a"))
        .await
        .unwrap_err();
    assert!(matches!(error, IndexError::Offline { .. }), "{error}");
    assert!(find_page(&world.index(), &pypi(), "a").await.is_some());
    assert_eq!(world.server.take_paths().len(), 1);
    assert!(find_page(&world.offline(), &pypi(), "a").await.is_some());
    assert_eq!(world.server.take_paths().len(), 0);
}

#[tokio::test]
async fn a_damaged_cache_entry_is_a_miss() {
    let world = World::new();
    let reply = Reply::json(page(&[entry(SDIST, b"x", json!({}))]));
    world
        .server
        .route("/simple/a/", [reply.header("Cache-Control", "max-age=600")]);
    find_page(&world.index(), &pypi(), "a").await.unwrap();
    for file in files_below(&world.cache().bucket(Bucket::Index)) {
        let content = std::fs::read(&file).unwrap();
        std::fs::write(&file, &content[..content.len() / 2]).unwrap();
    }
    assert_eq!(
        names(&find_page(&world.index(), &pypi(), "a").await.unwrap()),
        [SDIST]
    );
    assert_eq!(world.server.take_paths().len(), 2);
}

#[tokio::test]
async fn a_page_that_vanishes_under_a_running_program_is_asked_for_again() {
    let world = World::new();
    let wheel = entry(PURE, b"p", json!({"core-metadata": true}));
    let reply = Reply::json(page(&[wheel]));
    world
        .server
        .route("/simple/a/", [reply.header("Cache-Control", "max-age=600")]);
    world.metadata(PURE, &metadata_text("1.0", "Summary: S\n"));
    let index = world.index();
    find_page(&index, &pypi(), "a").await.unwrap();
    for file in files_below(&world.cache().bucket(Bucket::Index)) {
        std::fs::remove_file(&file).unwrap();
    }
    let release = find_release(&index, &pypi()).await.unwrap();
    assert_eq!(release.metadata.summary, "S");
    let metadata = format!("/files/{PURE}.metadata");
    assert_eq!(
        world.server.take_paths(),
        ["/simple/a/", "/simple/a/", &metadata]
    );
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    assert!(folder.ends_with("archives-v1") || !found.is_empty() || !folder.is_dir());
    found
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let world = World::new();
    let good = Reply::json(page(&[entry(SDIST, b"x", json!({}))]));
    let cut = Reply {
        cut: Some(20),
        ..good.clone()
    };
    for bad in [
        Reply::status(503),
        Reply::status(429).header("Retry-After", "1"),
        cut,
    ] {
        world
            .server
            .route("/simple/a/", [bad.clone(), good.clone()]);
        let start = Instant::now();
        find_page(&world.index(), &pypi(), "a").await.unwrap();
        assert_eq!(world.server.take_paths().len(), 2, "{bad:?}");
        if bad.status == 429 {
            assert!(start.elapsed().as_millis() >= 1000);
        }
    }
}

#[tokio::test]
async fn what_does_not_pass_is_an_error_and_not_a_missing_project() {
    let world = World::new();
    let day = Reply::status(429).header("Retry-After", "86400");
    world.server.route("/simple/a/", [day]);
    let start = Instant::now();
    let error = world
        .index()
        .page(&pypi(), &PackageName::new("a"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            IndexError::Busy {
                code: 429,
                seconds: 86_400,
                ..
            }
        ),
        "{error}"
    );
    assert!(start.elapsed().as_secs() < 5);
    world.server.take_paths();
    world.server.route("/simple/a/", [Reply::status(500)]);
    let error = world
        .index()
        .page(&pypi(), &PackageName::new("a"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, IndexError::Status { code: 500, .. }),
        "{error}"
    );
    assert_eq!(world.server.take_paths().len(), 3);
    let settings = IndexSettings {
        // Nobody listens on port 1.
        pypi_url: "http://127.0.0.1:1/".to_owned(),
        retries: 0,
        ..world.settings()
    };
    let index = world.index_with(settings, None);
    let error = index
        .page(&pypi(), &PackageName::new("a"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "All attempts to connect to 127.0.0.1:1 failed."
    );
}

#[tokio::test]
async fn a_login_goes_to_its_host_only_and_is_never_shown() {
    let world = World::new();
    let other = Server::start();
    let login = Some("Basic bWU6czNjcmV0".to_owned());
    let closed = |reply: Reply| Reply {
        login: login.clone(),
        ..reply
    };
    let files = [entry(SDIST, b"content", json!({}))];
    world
        .server
        .route("/simple/a/", [closed(Reply::json(page(&files)))]);
    let elsewhere = Reply::status(302).header("Location", format!("{}blob", other.url));
    world
        .server
        .route(&format!("/files/{SDIST}"), [closed(elsewhere)]);
    other.route("/blob", [Reply::file("content")]);

    let with_login = world.server.url.replace("http://", "http://me:s3cret@");
    let source = Source {
        url: Some(format!("{with_login}simple/")),
        ..world.named()
    };
    let index = world.index();
    let page = find_page(&index, &source, "a").await.unwrap();
    let file = &page.files[0];
    assert!(!file.url.contains("s3cret"));
    let path = index
        .download(&file.url, SDIST, &file.hashes, &|_| {})
        .await
        .unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"content");
    assert_eq!(other.log()[0].header("authorization"), None);

    let settings = IndexSettings {
        access: Access {
            places: vec![Place::with_login(&world.server.url, "me", "s3cret")],
            ..Access::default()
        },
        ..world.settings()
    };
    let index = world.index_with(settings, None);
    assert!(find_page(&index, &world.named(), "a").await.is_some());

    let error = world
        .index()
        .page(&world.named(), &PackageName::new("b"))
        .await;
    assert!(error.unwrap().is_none());
    let wrong = Source {
        url: Some(source.url.unwrap().replace("s3cret", "wr0ng")),
        ..world.named()
    };
    let settings = IndexSettings {
        no_cache: true,
        ..world.settings()
    };
    let index = world.index_with(settings, None);
    let error = index
        .page(&wrong, &PackageName::new("a"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, IndexError::Unauthorized { code: 401, .. }),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("wr0ng"));
}

#[tokio::test]
async fn an_authorization_of_the_asker_stands_for_the_login_and_stays_with_its_host() {
    let world = World::new();
    let other = Server::start();
    let elsewhere = Reply::status(307).header("Location", format!("{}there", other.url));
    let here = Reply::status(307).header("Location", "/here");
    world.server.route("/away", [elsewhere]);
    world.server.route("/near", [here]);
    let teapot = Reply::status(418).header("X-Kind", "green");
    world.server.route("/here", [teapot]);
    other.route("/there", [Reply::file("content")]);
    let login = |url: &str| Place::with_login(url, "me", "s3cret");
    let settings = IndexSettings {
        access: Access {
            places: vec![login(&world.server.url)],
            ..Access::default()
        },
        ..world.settings()
    };
    let index = world.index_with(settings, None);
    let headers = [("authorization", "Bearer token"), ("accept", "x/y")];

    let url = format!("{}near", world.server.url);
    let reply = index.ask(&url, &headers, 1 << 10).await.unwrap();
    assert_eq!(
        (reply.status, reply.header("x-kind").next()),
        (418, Some("green"))
    );
    let url = format!("{}away", world.server.url);
    let reply = index.ask(&url, &headers, 1 << 10).await.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (200, &b"content"[..]));
    for request in world.server.log() {
        assert_eq!(request.header("authorization"), Some("Bearer token"));
        assert_eq!(request.header("accept"), Some("x/y"));
    }
    assert_eq!(world.server.log().len(), 3);
    assert_eq!(other.log()[0].header("authorization"), None);

    // Without one the login goes as ever.
    index.ask(&url, &[], 1 << 10).await.unwrap();
    assert_eq!(
        world.server.log()[3].header("authorization"),
        Some("Basic bWU6czNjcmV0")
    );
    let error = index.ask(&url, &headers, 3).await.unwrap_err();
    assert!(
        matches!(error, IndexError::TooLarge { limit: 3, .. }),
        "{error}"
    );
    let error = index
        .ask(&url, &[("authorization", "a\nb")], 3)
        .await
        .unwrap_err();
    assert!(matches!(error, IndexError::Address { .. }), "{error}");
}

#[tokio::test]
async fn pypi_metadata_comes_from_the_first_upload_announced_or_not() {
    let world = World::new();
    let late = "a-1.0-cp311-cp311-linux_x86_64.whl";
    let files = [
        entry(
            late,
            b"l",
            json!({"upload-time": "2024-02-01T00:00:00Z", "requires-python": ">=3.7"}),
        ),
        entry(
            PURE,
            b"p",
            json!({"upload-time": "2024-01-01T00:00:00Z", "yanked": true}),
        ),
        entry(SDIST, b"s", json!({"upload-time": "2023-01-01T00:00:00Z"})),
        entry("a-1.0.tgz", b"t", json!({})),
        entry("a-2.0.tgz", b"t", json!({})),
    ];
    world.page("a", &files);
    world.metadata(
        PURE,
        &metadata_text("1.0", "Summary: S\nRequires-Dist: b>=1\nRequires-Dist: c\n"),
    );
    let release = find_release(&world.index(), &pypi()).await.unwrap();
    assert_eq!(release.metadata.summary, "S");
    assert_eq!(release.metadata.name, "A");
    assert_eq!(release.metadata.requires_dist, ["b>=1", "c"]);
    assert_eq!(release.metadata.requires_python.as_deref(), Some(">=3.7"));
    assert_eq!(release.yanked, None);
    let files: Vec<&str> = release
        .files
        .iter()
        .map(|file| file.file.as_str())
        .collect();
    assert_eq!(files, [late, PURE, SDIST, "a-1.0.tgz"]);
    assert_eq!(release.files[1].hash, Hash::sha256(sha256(b"p")));
    // Where nothing is announced, the description is asked for at the same time, and not waited for.
    let mut asked = world.server.take_paths();
    asked.retain(|path| path != "/pypi/a/1.0/json");
    assert_eq!(
        asked,
        ["/simple/a/".to_owned(), format!("/files/{PURE}.metadata")]
    );

    // Metadata is known for ever, the page is not.
    find_release(&world.index(), &pypi()).await.unwrap();
    assert_eq!(world.server.take_paths(), ["/simple/a/"]);
    let locked: Vec<HashedFile> = release.files.iter().rev().cloned().collect();
    let (name, version) = (PackageName::new("a"), "1.0".parse().unwrap());
    let index = world.index();
    let found = index
        .locked_release(&pypi(), &name, &version, &locked)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.metadata, release.metadata);
    assert!(world.server.take_paths().is_empty());
    let known = index.release_files(&pypi(), &name, &version).await.unwrap();
    let address = format!("{}files/{PURE}", world.server.url);
    assert!(known.iter().any(|file| file.url == address));
    assert!(world.server.take_paths().is_empty());
    index
        .locked_release(&pypi(), &name, &version, &locked[1..])
        .await
        .unwrap();
    assert_eq!(world.server.take_paths(), ["/simple/a/"]);
    assert!(
        index
            .release(&pypi(), &name, &"3.0".parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_release_that_changed_is_read_again() {
    let world = World::new();
    world.page("a", &[entry(PURE, b"p", json!({}))]);
    world.metadata(PURE, &metadata_text("1.0", "Requires-Dist: old\n"));
    let release = find_release(&world.index(), &pypi()).await.unwrap();
    assert_eq!(release.metadata.requires_dist, ["old"]);
    world.page("a", &[entry(PURE, b"q", json!({"yanked": "bad"}))]);
    world.metadata(PURE, &metadata_text("1.0", "Requires-Dist: new\n"));
    let release = find_release(&world.index(), &pypi()).await.unwrap();
    assert_eq!(release.metadata.requires_dist, ["new"]);
    assert_eq!(release.yanked.as_deref(), Some("bad"));
}

#[tokio::test]
async fn without_served_metadata_a_range_of_the_wheel_is_read() {
    let text = metadata_text(
        "1.0",
        "Summary: S\nRequires-Dist: b\nRequires-Python: >=3.9\n",
    );
    // The metadata in the tail; the metadata before the tail; a wheel that is all tail.
    for (padding, first, requests) in [(200_000, false, 1), (200_000, true, 2), (100, false, 1)] {
        let world = World::new();
        let content = wheel(&text, padding, first);
        world.page("a", &[entry(PURE, &content, json!({}))]);
        world.file(PURE, &content);
        let release = find_release(&world.index(), &pypi()).await.unwrap();
        assert_eq!(release.metadata.requires_dist, ["b"]);
        assert_eq!(release.metadata.requires_python.as_deref(), Some(">=3.9"));
        // Poetry: the summary of PyPI's own description, which is empty here.
        assert_eq!(release.metadata.summary, "");
        let paths = world.server.take_paths();
        let wheel_path = format!("/files/{PURE}");
        assert_eq!(
            paths.iter().filter(|path| **path == wheel_path).count(),
            requests
        );
    }
}

#[tokio::test]
async fn without_ranges_the_wheel_is_fetched_once() {
    let world = World::new();
    let content = wheel(&metadata_text("1.0", "Requires-Dist: b\n"), 200_000, false);
    let other = wheel(&metadata_text("2.0", "Requires-Dist: c\n"), 200_000, false);
    let second = "a-2.0-py3-none-any.whl";
    world.page(
        "a",
        &[
            entry(PURE, &content, json!({})),
            entry(second, &other, json!({})),
        ],
    );
    world
        .server
        .route(&format!("/files/{PURE}"), [Reply::file(content)]);
    world
        .server
        .route(&format!("/files/{second}"), [Reply::file(other)]);
    let index = world.index();
    assert_eq!(
        find_release(&index, &pypi())
            .await
            .unwrap()
            .metadata
            .requires_dist,
        ["b"]
    );
    world.server.take_paths();
    let name = PackageName::new("a");
    index
        .release(&pypi(), &name, &"2.0".parse().unwrap())
        .await
        .unwrap();
    // It is known by now that this host has no ranges. The first two are asked for at the same time.
    let mut asked = world.server.take_paths();
    asked[..2].sort();
    assert_eq!(
        asked,
        [
            format!("/files/{second}.metadata"),
            "/pypi/a/2.0/json".to_owned(),
            format!("/files/{second}")
        ]
    );
}

#[tokio::test]
async fn a_release_without_served_metadata_is_described_by_its_page() {
    let world = World::new();
    let content = wheel(&metadata_text("1.0", "Requires-Dist: b\n"), 10, false);
    world.page("a", &[entry(PURE, &content, json!({}))]);
    world.file(PURE, &content);
    let info = json!({"info": {
        "summary": "What a does", "requires_dist": null, "requires_python": ">=3.9"
    }});
    let route = "/pypi/a/1.0/json";
    (world.server).route(route, [Reply::json(info.to_string())]);
    let release = find_release(&world.index(), &pypi()).await.unwrap();
    assert_eq!(release.metadata.summary, "What a does");
    assert_eq!(release.metadata.requires_python.as_deref(), Some(">=3.9"));
    // The page knows nothing of requirements, so they are the wheel's.
    assert_eq!(release.metadata.requires_dist, ["b"]);
}

/// What a release says must not depend on which others were looked at before.
#[tokio::test]
async fn metadata_that_many_releases_lack_is_asked_for_again() {
    let world = World::new();
    let told = metadata_text("1.0", "Summary: Told\n");
    let content = wheel(&metadata_text("1.0", ""), 10, false);
    let index = world.index();
    for project in 0..20 {
        let file = format!("p{project}-1.0-py3-none-any.whl");
        world.page(&format!("p{project}"), &[entry(&file, &content, json!({}))]);
        world.file(&file, &content);
        if project == 19 {
            world.file(&format!("{file}.metadata"), told.as_bytes());
        }
        let name = PackageName::new(&format!("p{project}"));
        let release = index
            .release(&pypi(), &name, &"1.0".parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        let summary = if project == 19 { "Told" } else { "" };
        assert_eq!(release.metadata.summary, summary, "p{project}");
    }
}

#[tokio::test]
async fn a_named_source_is_read_by_its_links() {
    let world = World::new();
    let text = metadata_text(
        "1.0",
        "Summary: From the wheel\nRequires-Dist: b\nRequires-Python: >=3.9\n",
    );
    let content = wheel(&text, 10, false);
    let linux = "a-1.0-cp311-cp311-linux_x86_64.whl";
    let sha512 = HEXLOWER.encode(&Sha512::digest(b"s"));
    let files = [
        entry(linux, b"l", json!({"yanked": "gone"})),
        entry(PURE, &content, json!({"requires-python": ">=2"})),
        entry(
            SDIST,
            b"s",
            json!({"hashes": {"md5": "00", "sha256": "11", "sha512": sha512}}),
        ),
        entry("a-1.0.tgz", b"t", json!({})),
    ];
    world.page("a", &files);
    world.file(PURE, &content);
    world.metadata(PURE, "unannounced, so nobody asks");
    let release = find_release(&world.index(), &world.named()).await.unwrap();
    assert_eq!(release.metadata.summary, "From the wheel");
    assert_eq!(release.metadata.requires_python.as_deref(), Some(">=3.9"));
    let files: Vec<String> = release
        .files
        .iter()
        .map(|file| format!("{} {}", file.file, file.hash))
        .collect();
    let expected = [
        format!("{PURE} sha256:{}", sha256(&content)),
        format!("{SDIST} sha512:{sha512}"),
    ];
    assert_eq!(files, expected);
    assert!(
        !world
            .server
            .take_paths()
            .iter()
            .any(|path| path.ends_with(".metadata"))
    );
}

#[tokio::test]
async fn announced_metadata_must_fit_its_hash() {
    let text = metadata_text("1.0", "Requires-Dist: served\n");
    for (hash, expected) in [
        (sha256(text.as_bytes()), "served"),
        ("1".repeat(64), "inside"),
    ] {
        let world = World::new();
        let content = wheel(&metadata_text("1.0", "Requires-Dist: inside\n"), 10, false);
        let announced = json!({"core-metadata": {"sha256": hash}});
        world.page("a", &[entry(PURE, &content, announced)]);
        world.file(PURE, &content);
        world.metadata(PURE, &text);
        for source in [world.named(), pypi()] {
            let release = find_release(&world.index(), &source).await.unwrap();
            assert_eq!(release.metadata.requires_dist, [expected]);
        }
    }
    // Promised and not there.
    let world = World::new();
    let content = wheel(&metadata_text("1.0", "Requires-Dist: inside\n"), 10, false);
    world.page(
        "a",
        &[entry(PURE, &content, json!({"core-metadata": true}))],
    );
    world.file(PURE, &content);
    let release = find_release(&world.index(), &world.named()).await.unwrap();
    assert_eq!(release.metadata.requires_dist, ["inside"]);
}

#[tokio::test]
async fn wheels_for_two_and_three_are_joined() {
    let world = World::new();
    let (two, three) = ("a-1.0-py2-none-any.whl", "a-1.0-py3-none-any.whl");
    let old = metadata_text(
        "1.0",
        "Summary: S\nRequires-Dist: both (>=1)\nRequires-Dist: futures\nRequires-Python: >=2.7,<3\n",
    );
    let new = metadata_text(
        "1.0",
        "Requires-Dist: both>=1\nRequires-Dist: modern\nRequires-Python: >=3.6\n",
    );
    let announced = json!({"core-metadata": true});
    world.page(
        "a",
        &[
            entry(two, b"2", announced.clone()),
            entry(three, b"3", announced),
        ],
    );
    world.metadata(two, &old);
    world.metadata(three, &new);
    let release = find_release(&world.index(), &world.named()).await.unwrap();
    assert_eq!(
        release.metadata.requires_dist,
        [
            "both (>=1)",
            "futures ; python_version == \"2.7\"",
            "modern ; python_version >= \"3\"",
        ]
    );
    assert_eq!(
        release.metadata.requires_python.as_deref(),
        Some(">=2.7,<3 || >=3.6")
    );
    assert_eq!(release.metadata.summary, "S");
}

#[tokio::test]
async fn a_file_without_hash_is_fetched_to_compute_one() {
    let world = World::new();
    let content = wheel(&metadata_text("1.0", ""), 10, false);
    for hashes in [
        json!({}),
        json!({"md5": "d41d8cd98f00b204e9800998ecf8427e"}),
    ] {
        world.page("a", &[entry(PURE, &content, json!({"hashes": hashes}))]);
        world.file(PURE, &content);
        let release = find_release(&world.index(), &world.named()).await.unwrap();
        assert_eq!(release.files[0].hash, Hash::sha256(sha256(&content)));
    }
}

struct Back;

impl Builder for Back {
    fn metadata(&self, directory: &Path) -> Result<Metadata, String> {
        let script = std::fs::read_to_string(directory.join("setup.py"));
        let version = script.map_err(|error| error.to_string())?;
        let text = metadata_text(&version, "Requires-Dist: built\n");
        Metadata::parse(text.as_bytes()).map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn sdists_tell_by_themselves_or_are_built() {
    let told = "Metadata-Version: 2.2\nName: a\nVersion: 1.0\nRequires-Dist: told\n";
    let silent = "Metadata-Version: 1.1\nName: a\nVersion: 1.0\nSummary: S\n";
    let project = "[project]\nname = \"a\"\nversion = \"1.0\"\ndependencies = [\"static>=1\"]\n";
    for (files, expected) in [
        (&[("PKG-INFO", told), ("setup.py", "1.0")][..], "told"),
        (&[("PKG-INFO", silent), ("setup.py", "1.0")], "built"),
        (&[("setup.py", "1.0")], "built"),
        (
            &[
                ("PKG-INFO", silent),
                ("pyproject.toml", project),
                ("setup.py", "1.0"),
            ],
            "static (>=1)",
        ),
    ] {
        let world = World::new();
        let content = sdist(files);
        world.page("a", &[entry(SDIST, &content, json!({}))]);
        world.file(SDIST, &content);
        let index = world.index_with(world.settings(), Some(Arc::new(Back)));
        for source in [world.named(), pypi()] {
            let release = find_release(&index, &source).await.unwrap();
            assert_eq!(release.metadata.requires_dist, [expected]);
        }
        let path = index
            .cached_archive(SDIST, &[Hash::sha256(sha256(&content))])
            .unwrap();
        let metadata = index.archive_metadata(&path).await.unwrap();
        assert_eq!(metadata.requires_dist, [expected]);
        // Nothing of the unpacked tree stays.
        let builds = world.cache().bucket(Bucket::Builds);
        let left = std::fs::read_dir(builds).map_or(0, Iterator::count);
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn an_sdist_that_can_not_be_built_says_so() {
    let world = World::new();
    let content = sdist(&[("README", "")]);
    world.page("a", &[entry(SDIST, &content, json!({}))]);
    world.file(SDIST, &content);
    let index = world.index_with(world.settings(), Some(Arc::new(Back)));
    let error = find_release(&index, &pypi()).await.unwrap_err();
    assert!(matches!(error, IndexError::Build { .. }), "{error}");
    assert!(error.to_string().contains(SDIST));
}

#[tokio::test]
async fn downloads_are_checked_kept_and_not_repeated() {
    let world = World::new();
    let content = vec![7; 300_000];
    world.file(SDIST, &content);
    let url = format!("{}files/{SDIST}", world.server.url);
    let index = world.index();
    let good = [Hash::sha256(sha256(&content))];
    let seen = AtomicU64::new(0);
    let progress = |count| {
        seen.fetch_add(count, Ordering::Relaxed);
    };
    let wrong = [Hash::sha256("0".repeat(64))];
    let error = index
        .download(&url, SDIST, &wrong, &|_| {})
        .await
        .unwrap_err();
    let IndexError::HashMismatch {
        file,
        expected,
        got,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (file.as_str(), &expected[..], got),
        (SDIST, &wrong[..], &good[0])
    );
    assert!(files_below(&world.cache().bucket(Bucket::Archives)).is_empty());

    world.server.take_paths();
    let path = index.download(&url, SDIST, &good, &progress).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content);
    assert_eq!(seen.load(Ordering::Relaxed), content.len() as u64);
    assert_eq!(
        index.download(&url, SDIST, &good, &progress).await.unwrap(),
        path
    );
    assert_eq!(
        world
            .offline()
            .download(&url, SDIST, &good, &progress)
            .await
            .unwrap(),
        path
    );
    assert_eq!(world.server.take_paths().len(), 1);
    assert_eq!(index.cached_archive(SDIST, &good), Some(path.clone()));
    assert_eq!(index.cached_archive("other.tar.gz", &good), None);

    // By another hash: one request, then it is known under that one too.
    let sha512: Hash = format!("sha512:{}", HEXLOWER.encode(&Sha512::digest(&content)))
        .parse()
        .unwrap();
    let by_other = std::slice::from_ref(&sha512);
    assert_eq!(
        index
            .download(&url, SDIST, by_other, &progress)
            .await
            .unwrap(),
        path
    );
    assert_eq!(index.cached_archive(SDIST, by_other), Some(path));
    let weak = ["md5:00".parse().unwrap()];
    let error = index
        .download(&url, SDIST, &weak, &progress)
        .await
        .unwrap_err();
    assert!(matches!(error, IndexError::WeakHash { .. }), "{error}");
    let error = index
        .download(&url, "../evil", &good, &progress)
        .await
        .unwrap_err();
    assert!(matches!(error, IndexError::Address { .. }), "{error}");
}

#[tokio::test]
async fn a_broken_download_is_tried_again_and_counted_once() {
    let world = World::new();
    let content = vec![7; 200_000];
    let whole = Reply::file(content.clone());
    let cut = Reply {
        cut: Some(100_000),
        ..whole.clone()
    };
    world
        .server
        .route("/files/x.whl", [cut.clone(), Reply::status(502), whole]);
    let url = format!("{}files/x.whl", world.server.url);
    let seen = AtomicU64::new(0);
    let progress = |count| {
        seen.fetch_add(count, Ordering::Relaxed);
    };
    let index = world.index();
    let hashes = [Hash::sha256(sha256(&content))];
    index
        .download(&url, "x.whl", &hashes, &progress)
        .await
        .unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), content.len() as u64);
    world.server.route("/files/y.whl", [cut]);
    let url = format!("{}files/y.whl", world.server.url);
    let error = index.download(&url, "y.whl", &hashes, &|_| {}).await;
    // The content is in the cache already, but not under this name.
    assert!(
        matches!(error, Err(IndexError::Unreachable { .. })),
        "{error:?}"
    );
    let files = files_below(&world.cache().bucket(Bucket::Archives));
    assert_eq!(files.len(), 1, "{files:?}");
}

#[tokio::test]
async fn an_index_may_be_a_folder() {
    let world = World::new();
    let folder = world.folder.path().join("index");
    std::fs::create_dir_all(folder.join("a")).unwrap();
    let content = wheel(&metadata_text("1.0", "Requires-Dist: b\n"), 10, false);
    std::fs::write(folder.join(PURE), &content).unwrap();
    let html = format!("<a href=\"../{PURE}\">a</a>");
    std::fs::write(folder.join("a/index.html"), html).unwrap();
    let source = Source {
        url: Some(format!("file://{}", folder.display())),
        ..world.named()
    };
    let index = world.index();
    let release = find_release(&index, &source).await.unwrap();
    assert_eq!(release.metadata.requires_dist, ["b"]);
    assert_eq!(release.files[0].hash, Hash::sha256(sha256(&content)));
    assert!(find_page(&index, &source, "b").await.is_none());
}

#[tokio::test]
async fn a_bad_certificate_file_fails_secure_connections() {
    let world = World::new();
    let path = world.folder.path().join("ca.pem");
    std::fs::write(&path, "no certificate").unwrap();
    for path in [path, "/nowhere/ca.pem".into()] {
        let settings = IndexSettings {
            pypi_url: "https://127.0.0.1:9/".to_owned(),
            access: Access {
                roots: Some(path),
                ..Access::default()
            },
            ..world.settings()
        };
        let index = Index::new(settings, world.cache(), None);
        let error = index.page(&pypi(), &"any".into()).await.unwrap_err();
        assert!(matches!(error, IndexError::Certificate { .. }), "{error}");
    }
}

/// Asks the real PyPI. Run by hand: `cargo test -p resolver --test index -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the network"]
async fn the_real_index_answers() {
    let world = World::new();
    let settings = IndexSettings {
        pypi_url: "https://pypi.org/".to_owned(),
        timeout: 15,
        ..world.settings()
    };
    for round in ["cold", "warm"] {
        let index = world.index_with(settings.clone(), None);
        for name in ["six", "boto3", "numpy", "no-such-project-of-ours"] {
            let start = Instant::now();
            let page = find_page(&index, &pypi(), name).await;
            let count = page.map(|page| page.files.len());
            println!(
                "{round} page of {name}: {count:?} files in {:?}",
                start.elapsed()
            );
        }
        for (name, version) in [
            ("six", "1.16.0"),
            ("requests", "2.32.3"),
            ("numpy", "2.1.0"),
            ("docopt", "0.6.2"),
            ("isort", "4.3.4"),
            ("pyyaml", "6.0.2"),
        ] {
            let start = Instant::now();
            let name = PackageName::new(name);
            let release = index
                .release(&pypi(), &name, &version.parse().unwrap())
                .await
                .unwrap();
            let release = release.unwrap();
            println!(
                "{round} {name} {version}: {} files, {:?} in {:?}",
                release.files.len(),
                release.metadata,
                start.elapsed()
            );
            assert!(!release.files.is_empty());
        }
    }
}

/// What PyPI says of one release.
fn description(url: &str) -> String {
    let file = json!({
        "filename": PURE, "url": url, "digests": {"md5": "00", "sha256": sha256(b"p")}, "size": 1,
        "requires_python": ">=3.9", "yanked": true, "yanked_reason": "broken",
        "upload_time_iso_8601": "2026-01-02T03:04:05.678901Z"
    });
    json!({"info": {}, "urls": [file]}).to_string()
}

#[tokio::test]
async fn the_files_of_a_release_are_told_without_its_projects_page() {
    let world = World::new();
    let (name, version) = (PackageName::new("a"), "1.0".parse().unwrap());
    let url = format!("{}files/{PURE}", world.server.url);
    world
        .server
        .route("/pypi/a/1.0/json", [Reply::json(description(&url))]);
    let index = world.index();
    for _ in 0..2 {
        let files = index.release_files(&pypi(), &name, &version).await.unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!((&files[0].filename[..], &files[0].url), (PURE, &url));
        assert!(files[0].hashes.contains(&Hash::sha256(sha256(b"p"))));
        assert_eq!(files[0].yanked.as_deref(), Some("broken"));
        assert_eq!(files[0].requires_python.as_deref(), Some(">=3.9"));
    }
    assert_eq!(world.server.take_paths(), ["/pypi/a/1.0/json"]);
    // A named source has pages only.
    let files = index.release_files(&world.named(), &name, &version).await;
    assert!(files.is_none());
    assert!(world.server.take_paths().is_empty());
}

/// A mirror may pass on descriptions whose files its users can't reach, or have none at all.
#[tokio::test]
async fn what_a_mirror_can_not_tell_is_asked_for_once() {
    let elsewhere = description("https://files.example.org/a-1.0-py3-none-any.whl");
    for answer in [Some(elsewhere), Some("<html>".to_owned()), None] {
        let world = World::new();
        if let Some(answer) = answer {
            world
                .server
                .route("/pypi/a/1.0/json", [Reply::json(answer)]);
        }
        let index = world.index();
        for project in ["a", "b"] {
            let name = PackageName::new(project);
            let version = "1.0".parse().unwrap();
            let files = index.release_files(&pypi(), &name, &version).await;
            assert!(files.is_none());
        }
        assert_eq!(world.server.take_paths(), ["/pypi/a/1.0/json"]);
    }
}
