//! The support code does what it says; otherwise the tests that stand on it prove nothing.

use std::time::{Duration, Instant};

use super::archive::Member;
use super::container::Container;
use super::fixture::Fixture;
use super::index::{Archive as _, Fault, File, Index, MetadataFile, PYPI};
use super::mirror;
use super::python::python;
use super::sdist::Sdist;
use super::server::ask;
use super::tree::Tree;
use super::wheel::Wheel;

const JSON: &str = "Accept: application/vnd.pypi.simple.v1+json";

fn get(index: &Index, path: &str, headers: &str) -> (u16, String, String) {
    let (status, head, body) = ask(index.socket(), &format!("GET {path}\n{headers}"));
    (status, head, String::from_utf8_lossy(&body).into_owned())
}

fn page(index: &Index, path: &str) -> serde_json::Value {
    let (status, _, body) = get(index, path, JSON);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

#[test]
fn index_shows_files_as_json_and_html() {
    let index = Index::start();
    let wheel = Wheel::new("Some_Pkg", "1.0")
        .requires_python(">=3.9,<4")
        .requires("b");
    index
        .publish(&wheel)
        .uploaded("2024-02-03T04:05:06Z")
        .yanked("broken");
    index.publish(&Sdist::new("Some_Pkg", "1.0"));

    let json = page(&index, "/simple/some-pkg/");
    let file = &json["files"][0];
    assert_eq!(file["filename"], "some_pkg-1.0-py3-none-any.whl");
    assert_eq!(file["requires-python"], ">=3.9,<4");
    assert_eq!(file["upload-time"], "2024-02-03T04:05:06Z");
    assert_eq!(file["yanked"], "broken");
    assert_eq!(
        file["core-metadata"]["sha256"].as_str().map(str::len),
        Some(64)
    );
    assert_eq!(file["size"], wheel.bytes().len());
    assert_eq!(json["files"][1]["filename"], "some_pkg-1.0.tar.gz");
    assert_eq!(json["files"][1]["core-metadata"], false);

    let (_, head, html) = get(&index, "/simple/some-pkg/", "");
    assert!(head.contains("text/html"), "{head}");
    let sha256 = file["hashes"]["sha256"].as_str().expect("a hash");
    assert!(
        html.contains(&format!("none-any.whl#sha256={sha256}\"")),
        "{html}"
    );
    assert!(
        html.contains("data-requires-python=\"&gt;=3.9,&lt;4\""),
        "{html}"
    );
    assert!(html.contains("data-yanked=\"broken\""), "{html}");

    index.speak_html_only();
    let (_, head, _) = get(&index, "/simple/some-pkg/", JSON);
    assert!(head.contains("text/html"), "{head}");
    assert_eq!(get(&index, "/simple/some-pkg", "").0, 301);
    assert_eq!(get(&index, "/simple/other/", "").0, 404);
}

#[test]
fn index_serves_metadata_in_three_ways() {
    let index = Index::start();
    let wheel = Wheel::new("a", "1.0").requires("b>=1");
    let published = index.publish(&wheel);
    let path = "/files/simple/a/a-1.0-py3-none-any.whl.metadata";
    let announced = || page(&index, "/simple/a/")["files"][0]["core-metadata"].is_object();

    assert!(announced());
    assert!(get(&index, path, "").2.contains("Requires-Dist: b>=1\n"));
    published.metadata_file(MetadataFile::Served);
    assert!(!announced());
    assert_eq!(get(&index, path, "").0, 200);
    published.metadata_file(MetadataFile::Absent);
    assert!(!announced());
    assert_eq!(get(&index, path, "").0, 404);
}

#[test]
fn index_answers_ranges_and_revalidation() {
    let index = Index::start();
    let wheel = Wheel::new("a", "1.0");
    let bytes = wheel.bytes();
    index.publish(&wheel);
    let path = "/files/simple/a/a-1.0-py3-none-any.whl";
    let range = |range: &str| ask(index.socket(), &format!("GET {path}\nRange: bytes={range}"));

    let (status, head, body) = range("2-5");
    assert_eq!((status, body.as_slice()), (206, &bytes[2..6]));
    assert!(
        head.contains(&format!("content-range: bytes 2-5/{}", bytes.len())),
        "{head}"
    );
    assert_eq!(range("-4").2, &bytes[bytes.len() - 4..]);
    assert_eq!(range("10-").2, &bytes[10..]);
    assert_eq!(range("999999-").0, 416);
    let (status, head, body) = ask(index.socket(), &format!("HEAD {path}"));
    assert_eq!((status, body.len()), (200, 0));
    assert!(
        head.contains(&format!("content-length: {}", bytes.len())),
        "{head}"
    );
    index.refuse_ranges();
    assert_eq!(range("2-5").0, 200);

    index.page_lifetime("max-age=600, public");
    let (_, head, _) = get(&index, "/simple/a/", JSON);
    assert!(
        head.contains("cache-control: max-age=600, public"),
        "{head}"
    );
    let etag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("a tag");
    let (status, _, body) = get(
        &index,
        "/simple/a/",
        &format!("{JSON}\nIf-None-Match: {etag}"),
    );
    assert_eq!((status, body.as_str()), (304, ""));
    index.publish(&Wheel::new("a", "2.0"));
    let again = get(
        &index,
        "/simple/a/",
        &format!("{JSON}\nIf-None-Match: {etag}"),
    );
    assert_eq!(again.0, 200);
}

#[test]
fn index_fails_on_demand_and_remembers() {
    let index = Index::start();
    let wheel = Wheel::new("a", "1.0");
    let bytes = wheel.bytes();
    index.publish(&wheel);
    let path = "/files/simple/a/a-1.0-py3-none-any.whl";
    let download = || ask(index.socket(), &format!("GET {path}"));

    index.fail("/simple/a/", Fault::Status(503), 2);
    let statuses = [(); 3].map(|()| get(&index, "/simple/a/", "").0);
    assert_eq!(statuses, [503, 503, 200]);
    index.fail(path, Fault::BreakOff(10), 1);
    let (_, head, body) = download();
    assert!(
        head.contains(&format!("content-length: {}", bytes.len())),
        "{head}"
    );
    assert_eq!(body, &bytes[..10]);
    index.fail(path, Fault::Garble, 1);
    let garbled = download().2;
    assert_eq!(garbled.len(), bytes.len());
    assert_ne!(garbled, bytes);
    index.fail(path, Fault::HangUp, 1);
    assert_eq!(download().0, 0);
    index.fail(path, Fault::Slow(Duration::from_millis(80)), 1);
    let start = Instant::now();
    assert_eq!(download().2, bytes);
    assert!(start.elapsed() >= Duration::from_millis(80));

    index.forget_requests();
    index.require_login("/private/", "me", "secret");
    index.publish_to("private", &Wheel::new("b", "1.0"));
    assert_eq!(get(&index, "/private/simple/b/", "").0, 401);
    let login = "Authorization: Basic bWU6c2VjcmV0";
    assert_eq!(get(&index, "/private/simple/b/", login).0, 200);
    assert_eq!(get(&index, "/simple/b/", "").0, 404);
    index.serve("/any/path", "bytes");
    assert_eq!(get(&index, "/any/path", "").2, "bytes");
    assert_eq!(
        index.requests(),
        [
            "GET /private/simple/b/ 401",
            "GET /private/simple/b/ 200",
            "GET /simple/b/ 404",
            "GET /any/path 200"
        ]
    );
    assert!(index.raw_requests()[1].header("authorization").is_some());
}

#[test]
fn index_can_lie_about_files() {
    let index = Index::start();
    index.add(PYPI, "b", File::named("b-1.0-py3-none-any.whl"));
    assert_eq!(
        page(&index, "/simple/b/")["files"][0]["hashes"],
        serde_json::json!({})
    );
    assert_eq!(
        get(&index, "/files/simple/b/b-1.0-py3-none-any.whl", "").0,
        404
    );

    let published = index.publish(&Wheel::new("a", "1.0"));
    published.hash("md5", "00").serve_instead("nonsense");
    assert_eq!(
        page(&index, "/simple/a/")["files"][0]["hashes"]["md5"],
        "00"
    );
    assert_eq!(
        get(&index, "/files/simple/a/a-1.0-py3-none-any.whl", "").2,
        "nonsense"
    );
    published.without_hashes().not_served();
    assert_eq!(
        page(&index, "/simple/a/")["files"][0]["hashes"],
        serde_json::json!({})
    );
    assert_eq!(
        get(&index, "/files/simple/a/a-1.0-py3-none-any.whl", "").0,
        404
    );
}

#[test]
fn stopped_index_refuses_connections() {
    let mut index = Index::start();
    let address = index.socket();
    index.stop();
    assert!(std::net::TcpStream::connect(address).is_err());
}

/// Python's own zip, tar and pip readers have the last word about what the builders write.
#[test]
fn archives_are_what_python_expects() {
    let fx = Fixture::empty();
    let wheel = Wheel::new("Some-Pkg", "1.0")
        .summary("Words")
        .file("some_pkg.py", "print('hello')\n")
        .executable("some_pkg_data/tool", "#!/bin/sh\n")
        .data("scripts", "old-tool", "#!python\n")
        .tag("py2.py3-none-any")
        .build_tag("2")
        .requires("a; extra == 'x'")
        .extra("x")
        .entry_point("console_scripts", "hello", "some_pkg:main");
    assert_eq!(wheel.filename(), "some_pkg-1.0-2-py2.py3-none-any.whl");
    assert_eq!(wheel.bytes(), wheel.clone().bytes());
    fx.write("wheel.zip", wheel.bytes());
    let sdist = Sdist::new("a", "1.0")
        .metadata_version("1.2")
        .requires_python(">=3.8")
        .requires("b")
        .file("setup.py", "")
        .file("/../evil.py", "")
        .link("lib", "/etc");
    fx.write("a.tar.gz", sdist.bytes());
    fx.write(
        "look.py",
        "import tarfile, zipfile\n\
         z = zipfile.ZipFile('wheel.zip')\n\
         assert z.testzip() is None\n\
         for i in z.infolist(): print(oct(i.external_attr >> 16), i.filename)\n\
         for n in z.namelist()[3:]: print(z.read(n).decode())\n\
         for m in tarfile.open('a.tar.gz'): print(m.name, m.linkname)\n\
         print(tarfile.open('a.tar.gz').extractfile('a-1.0/PKG-INFO').read().decode())\n",
    );
    let outcome = fx.run(fx.command(&python().executable).arg("look.py"));
    insta::assert_snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    0o100644 some_pkg.py
    0o100755 some_pkg_data/tool
    0o100755 some_pkg-1.0.data/scripts/old-tool
    0o100644 some_pkg-1.0.dist-info/METADATA
    0o100644 some_pkg-1.0.dist-info/WHEEL
    0o100644 some_pkg-1.0.dist-info/entry_points.txt
    0o100644 some_pkg-1.0.dist-info/RECORD
    Metadata-Version: 2.1
    Name: Some-Pkg
    Version: 1.0
    Summary: Words
    Requires-Dist: a; extra == 'x'
    Provides-Extra: x

    Wheel-Version: 1.0
    Generator: fixture
    Root-Is-Purelib: true
    Tag: py2-none-any
    Tag: py3-none-any

    [console_scripts]
    hello = some_pkg:main

    some_pkg.py,sha256=A-aT2fL2h-D0Djao33_LTRwil0ASt8KlXAAOsw8wWCQ,15
    some_pkg_data/tool,sha256=qAdtPSjSHgIBKyDq99v3VAmmJ3E0Q5Al8oLjaOMwWr8,10
    some_pkg-1.0.data/scripts/old-tool,sha256=NKJyCC0fONcaYytG9mysca37TZf8wBDISvRNAW-78pQ,9
    some_pkg-1.0.dist-info/METADATA,sha256=TlT485oYaaoriLFVrbrwKbWi2TDLGP03A5gv_cn7Oag,114
    some_pkg-1.0.dist-info/WHEEL,sha256=Dr3L1vcpyfdtchY_NLdHGB973aP7qkIaXD39kIUISPQ,96
    some_pkg-1.0.dist-info/entry_points.txt,sha256=IxZpgtArYaio-2T9sbnRD7kDQzzg8kl8p1Ndlpj2WXA,40
    some_pkg-1.0.dist-info/RECORD,,

    a-1.0/PKG-INFO 
    a-1.0/setup.py 
    ../evil.py 
    a-1.0/lib /etc
    Metadata-Version: 1.2
    Name: a
    Version: 1.0
    Summary: The a package
    Requires-Python: >=3.8
    Requires-Dist: b
    ");
}

#[test]
fn hostile_wheels_keep_their_bad_members() {
    let fx = Fixture::empty();
    let mut broken = Member::file("a/b.py", "1");
    broken.bad_checksum = true;
    let wheel = Wheel::new("a", "1.0")
        .without_dist_info()
        .unrecorded(Member::file("../evil.py", ""))
        .unrecorded(Member::file("a/__init__.py", ""))
        .unrecorded(broken);
    fx.write("wheel.zip", wheel.bytes());
    let code = "import zipfile; z = zipfile.ZipFile('wheel.zip'); print(z.namelist(), z.testzip())";
    let outcome = fx.run(fx.command(&python().executable).args(["-c", code]));
    insta::assert_snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    ['a/__init__.py', '../evil.py', 'a/__init__.py', 'a/b.py'] a/b.py
    ");
    assert_eq!(wheel.metadata(), None);
}

#[test]
fn fixture_scrubs_and_shields() {
    let mut fx = Fixture::project("[project]\nname = 'x'\n");
    fx.set("GREETING", "hello");
    let address = fx.index().source_url("private");
    let script = format!("pwd; echo $HOME {address} $GREETING >&2; echo ${{USER-nobody}}; exit 3");
    let outcome = fx.run(fx.command("/bin/sh").args(["-c", &script]));
    insta::assert_snapshot!(outcome, @"
    exit: 3
    ----- stdout -----
    [root]
    nobody
    ----- stderr -----
    [temp]/home [index]/private/simple/ hello
    ");
}

#[test]
fn trees_tell_what_changed() {
    let fx = Fixture::empty();
    for name in ["same", "rewritten", "changed", "folder/removed"] {
        fx.write(name, "1");
    }
    std::os::unix::fs::symlink("same", fx.path("link")).expect("a link");
    let before = fx.snapshot_tree();
    fx.assert_unchanged(&before);
    std::thread::sleep(Duration::from_millis(20));
    fx.write("rewritten", "1");
    fx.edit("changed", "1", "2");
    fx.remove("folder/removed");
    fx.remove("link");
    fx.write("link", "1");
    fx.write("added", "1");
    let lines = before.differences(&fx.snapshot_tree());
    let expected = [
        "changed changed",
        "removed folder/removed",
        "changed link",
        "rewritten rewritten",
        "added added",
    ];
    assert_eq!(lines, expected);
    assert_eq!(
        before.files(),
        ["changed", "folder/removed", "link", "rewritten", "same"]
    );
    assert_eq!(Tree::of(&fx.path("folder")).files(), Vec::<&str>::new());
    assert!(fx.exists("same") && !fx.exists("other"));
    assert_eq!(
        fx.list("."),
        ["added", "changed", "folder", "link", "rewritten", "same"]
    );
}

/// Wheels that lie ready, as a bundle would leave them: proves the stand-ins and the container, without mpoetry.
#[test]
fn stand_ins_make_the_services_run() {
    let fx = Fixture::named("monorepo");
    let wheels = mirror::newest(|name, wheel| match name {
        "numpy" => wheel.filename().starts_with("numpy-1"),
        "structlog" => wheel.filename().starts_with("structlog-24"),
        "idna" | "pika" | "requests" | "certifi" | "urllib3" | "charset-normalizer" => true,
        _ => false,
    });
    let service = "stack/service-worker";
    for wheel in &wheels {
        fx.write(
            &format!("{service}/dist/deps/{}", wheel.filename()),
            wheel.bytes(),
        );
    }
    for (name, version) in [("libmq", "1.2.0"), ("libtelemetry", "0.3.0")] {
        let path = format!("{name}/__init__.py");
        let wheel = Wheel::new(name, version).file(&path, fx.read(&format!("libs/{name}/{path}")));
        fx.write(
            &format!("{service}/dist/deps/{}", wheel.filename()),
            wheel.bytes(),
        );
    }
    let main = fx.read(&format!("{service}/service_worker/main.py"));
    let wheel = Wheel::new("service-worker", "1.0.4")
        .requires("libmq")
        .file("service_worker/main.py", main);
    fx.write(
        &format!("{service}/dist/{}", wheel.filename()),
        wheel.bytes(),
    );

    let container = Container::build(&fx, service).unwrap_or_else(|outcome| panic!("{outcome}"));
    assert_eq!(
        container.pip("check").success().stdout,
        "No broken requirements found.\n"
    );
    let expected = fx.read("tools/expected.txt");
    let line = expected
        .lines()
        .find(|line| line.starts_with("OK service-worker"));
    assert_eq!(Some(container.run().success().stdout.trim_end()), line);
}

/// A wheel that is missing from the bundle must not be looked for in an index.
#[test]
fn container_has_no_index() {
    let fx = Fixture::named("monorepo");
    let service = "stack/service-worker";
    fx.write(
        &format!("{service}/dist/deps/a-1.0-py3-none-any.whl"),
        Wheel::new("a", "1.0").bytes(),
    );
    let wheel = Wheel::new("service-worker", "1.0.4").requires("libmq");
    fx.write(
        &format!("{service}/dist/{}", wheel.filename()),
        wheel.bytes(),
    );
    let Err(outcome) = Container::build(&fx, service) else {
        panic!("pip found libmq somewhere");
    };
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.contains("libmq"), "{outcome}");
    assert_eq!(fx.index().requests(), Vec::<String>::new());
}
