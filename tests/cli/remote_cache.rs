//! The remote cache: what one machine has built, others take.

use std::fs;
use std::path::Path;

use super::monorepo::monorepo;
use crate::support::{Fixture, Nginx, Outcome, Sdist, Store, Wheel, program};

const ML: &str = "stack/service-ml";

/// The monorepo with the service locked whose library needs a build back end.
fn locked() -> Fixture {
    let fx = monorepo();
    fx.mpoetry_in(ML, ["lock"]).success();
    fx
}

/// Runs a command on a machine: it has a cache of its own.
fn on(fx: &Fixture, machine: &str, folder: &str, arguments: &[&str]) -> Outcome {
    let mut command = fx.command(program());
    command
        .args(arguments)
        .current_dir(fx.path(folder))
        .env("MPOETRY_CACHE_DIR", fx.top().join(machine));
    fx.run(&mut command)
}

/// Bundles on a machine. Returns the outcome, and the list of the wheels' hashes.
fn bundle(fx: &Fixture, machine: &str, options: &[&str]) -> (Outcome, String) {
    if fx.exists(&format!("{ML}/dist")) {
        fx.remove(&format!("{ML}/dist"));
    }
    fx.index().forget_requests();
    let outcome = on(fx, machine, "", &[&["bundle", ML], options].concat()).success();
    let hashes = fx.read(&format!("{ML}/dist/requirements.txt"));
    (outcome, hashes)
}

/// Was the library built? Then its back end was installed, too.
#[track_caller]
fn is_built(fx: &Fixture, outcome: &Outcome) -> bool {
    let built = outcome.stdout.contains("Building libfast");
    let installed = fx
        .index()
        .requests()
        .iter()
        .any(|line| line.contains("setuptools") && line.contains(".whl 200"));
    assert_eq!(built, installed, "{outcome}\n{:?}", fx.index().requests());
    built
}

/// What is on stderr, without what Poetry says of old spellings.
#[cfg(feature = "buckets")]
fn said(outcome: &Outcome) -> String {
    let lines = outcome.stderr.lines();
    lines
        .filter(|line| !line.contains("is deprecated"))
        .collect()
}

/// All files below a folder, by path.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_second_machine_builds_nothing() {
    let fx = locked();
    let store = fx.top().join("store");
    fs::create_dir(&store).expect("a folder");
    let remote = ["--remote-cache", &store.display().to_string()];

    let (outcome, hashes) = bundle(&fx, "one", &remote);
    assert!(is_built(&fx, &outcome));
    assert_eq!(files(&store), Vec::<String>::new(), "nobody said: write");

    let (outcome, again) = bundle(
        &fx,
        "two",
        &[&remote[..], &["--remote-cache-write"]].concat(),
    );
    assert!(is_built(&fx, &outcome));
    assert_eq!(again, hashes);
    // A record and a wheel. What poetry-core builds is quicker built than fetched.
    assert_eq!(files(&store).len(), 2);

    let (outcome, again) = bundle(&fx, "three", &remote);
    assert!(!is_built(&fx, &outcome), "{outcome}");
    assert_eq!(again, hashes);
    assert_eq!(outcome.stderr, "");

    // Another folder for the same sources is the same to everybody.
    fs::rename(fx.path("libs"), fx.path("moved")).expect("a new place");
    fx.edit(
        &format!("{ML}/pyproject.toml"),
        "../../libs/",
        "../../moved/",
    );
    on(&fx, "three", ML, &["lock"]).success();
    let (outcome, again) = bundle(&fx, "four", &remote);
    assert!(!is_built(&fx, &outcome), "{outcome}");
    assert_eq!(again, hashes);

    // Other sources are others.
    fx.edit("moved/libfast/setup.py", "from", "\nfrom");
    let (outcome, _) = bundle(&fx, "five", &remote);
    assert!(is_built(&fx, &outcome));
}

#[test]
fn environments_of_bundles_take_part() {
    let fx = locked();
    let store = fx.top().join("store").display().to_string();
    let venv = |machine: &str, options: &[&str]| {
        fx.index().forget_requests();
        let folder = fx.top().join(machine).join("venv").display().to_string();
        let words = ["bundle", "venv", &folder, "--remote-cache", &store];
        on(&fx, machine, ML, &[&words[..], options].concat()).success();
        let asked = fx.index().requests();
        asked
            .iter()
            .any(|line| line.contains("setuptools") && line.contains(".whl 200"))
    };
    assert!(venv("one", &["--remote-cache-write"]), "it is built");
    assert_eq!(files(Path::new(&store)).len(), 2);
    assert!(!venv("two", &[]), "it is taken");
}

#[test]
fn what_decides_the_bytes_decides_what_is_taken() {
    let mut fx = locked();
    let store = fx.top().join("store").display().to_string();
    let (outcome, _) = bundle(
        &fx,
        "one",
        &["--remote-cache", &store, "--remote-cache-write"],
    );
    assert!(is_built(&fx, &outcome));
    fx.set("MPOETRY_REMOTE_CACHE", &store);
    assert!(!is_built(&fx, &bundle(&fx, "two", &[]).0));

    // A new release of the back end.
    fx.index().publish(&Wheel::new("wheel", "99.0"));
    assert!(is_built(&fx, &bundle(&fx, "three", &[]).0));
    // Where it was built already, it stays as it is, and nobody is asked.
    assert!(!is_built(&fx, &bundle(&fx, "two", &[]).0));
    fx.set("MPOETRY_REMOTE_CACHE_WRITE", "true");
    assert!(is_built(&fx, &bundle(&fx, "four", &[]).0));
    assert!(!is_built(&fx, &bundle(&fx, "five", &[]).0));
    fx.set("CFLAGS", "-O3");
    assert!(is_built(&fx, &bundle(&fx, "six", &[]).0));
}

#[test]
fn a_server_is_only_written_to_if_that_is_asked_for() {
    let fx = locked();
    let store = Store::start();
    store.require("Basic Y2k6c2VjcmV0"); // ci:secret
    let url = store.url("ci:secret@");
    let remote = ["--remote-cache", &url];

    let (outcome, _) = bundle(&fx, "one", &remote);
    assert!(is_built(&fx, &outcome));
    let requests = store.take_requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].starts_with("GET /cache/ac/"), "{requests:?}");

    let write = [&remote[..], &["--remote-cache-write", "-vvv"]].concat();
    let (outcome, hashes) = bundle(&fx, "two", &write);
    let methods: Vec<String> = (store.take_requests().iter())
        .map(|line| line.split('/').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(methods, ["GET ", "HEAD ", "PUT ", "PUT "]);
    assert!(!outcome.to_string().contains("secret"), "{outcome}");
    for bytes in store.objects().values() {
        assert!(!String::from_utf8_lossy(bytes).contains("secret"));
    }

    let (outcome, again) = bundle(&fx, "three", &remote);
    assert!(!is_built(&fx, &outcome), "{outcome}");
    assert_eq!(again, hashes);
    assert_eq!(outcome.stderr, "");

    // Without the password: one line, without it and without a failure.
    let url = store.url("ci:wrong-secret@");
    let (outcome, again) = bundle(&fx, "four", &["--remote-cache", &url]);
    assert!(is_built(&fx, &outcome));
    assert_eq!(again, hashes);
    let text = outcome.stderr.replace(&store.url(""), "[store]");
    let text: String = text.chars().filter(|it| !it.is_ascii_digit()).collect();
    let text = text.split("/ac/").next().unwrap_or_default();
    assert_eq!(
        text,
        "Warning: the remote cache [store]/ can't be used, and is left alone from here on: `[store]"
    );
    assert!(!outcome.to_string().contains("wrong-secret"), "{outcome}");
}

#[test]
fn a_token_may_come_from_the_environment() {
    let mut fx = locked();
    let store = Store::start();
    store.require("Bearer t0ken");
    fx.set("MPOETRY_REMOTE_CACHE", &store.url(""));
    fx.set("MPOETRY_REMOTE_CACHE_TOKEN", "t0ken");
    fx.set("MPOETRY_REMOTE_CACHE_WRITE", "1");
    let (first, _) = bundle(&fx, "one", &["-vvv"]);
    let (outcome, _) = bundle(&fx, "two", &[]);
    assert!(!is_built(&fx, &outcome), "{outcome}");
    assert_eq!(outcome.stderr, "");
    assert!(!first.to_string().contains("t0ken"), "{first}");
}

/// A repository may have one for all who work on it, but can't make them all write to it.
#[test]
fn a_repository_may_name_it() {
    let mut fx = locked();
    fx.write(
        "pyproject.toml",
        "[tool.mpoetry]\nroot = true\nremote-cache = \"the-store\"\nremote-cache-write = true\n",
    );
    fs::create_dir(fx.path("the-store")).expect("a folder");
    bundle(&fx, "one", &[]);
    assert_eq!(fx.list("the-store"), Vec::<String>::new());
    bundle(&fx, "two", &["--remote-cache-write"]);
    assert_eq!(fx.list("the-store"), ["ac", "cas"]);
    assert!(!is_built(&fx, &bundle(&fx, "three", &[]).0));

    // A machine may have none all the same.
    fx.set("MPOETRY_REMOTE_CACHE", "");
    assert!(is_built(&fx, &bundle(&fx, "four", &[]).0));

    fx.write(
        "pyproject.toml",
        "[tool.mpoetry]\nroot = true\nremote-cache = 5\n",
    );
    let outcome = on(&fx, "five", "", &["bundle", ML]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("\"5\" is an invalid value for tool.mpoetry.remote-cache"),
        "{outcome}"
    );
}

/// Wrong bytes are told once, built here, and replaced by whoever may write.
#[test]
fn what_is_damaged_is_passed_over_and_replaced() {
    let fx = locked();
    let store = Store::start();
    let url = store.url("");
    let read = ["--remote-cache", url.as_str()];
    let write = ["--remote-cache", &url, "--remote-cache-write"];
    let (_, hashes) = bundle(&fx, "one", &write);
    for (kind, machine) in [("cas", "two"), ("ac", "three")] {
        store.change(kind, |bytes| bytes[0] ^= 0xff);
        let (outcome, again) = bundle(&fx, &format!("{machine}-a"), &read);
        assert!(is_built(&fx, &outcome));
        assert_eq!(again, hashes);
        assert_eq!(outcome.stderr.matches("Warning:").count(), 1, "{outcome}");
        let beginning = format!("Warning: {kind}/");
        assert!(outcome.stderr.starts_with(&beginning), "{outcome}");

        bundle(&fx, &format!("{machine}-b"), &write);
        let (outcome, again) = bundle(&fx, &format!("{machine}-c"), &read);
        assert!(!is_built(&fx, &outcome), "{outcome}");
        assert_eq!(again, hashes);
    }
}

#[test]
fn a_store_that_is_down_or_unknown_stops_nobody() {
    let fx = locked();
    let mut store = Store::start();
    store.stop();
    let mut addresses = vec![
        store.url(""),
        "no/such/folder".to_owned(),
        "gopher://host/".to_owned(),
    ];
    if !cfg!(feature = "buckets") {
        addresses.push("s3://bucket/x".to_owned());
    }
    for address in &addresses {
        let machine = address.split(':').next().unwrap_or_default();
        let machine = machine.split('/').next().unwrap_or_default();
        let options = ["--remote-cache", address];
        let (outcome, _) = bundle(&fx, machine, &options);
        assert!(is_built(&fx, &outcome));
        assert_eq!(outcome.stderr.matches("Warning:").count(), 1, "{outcome}");
        let about = "Warning: the remote cache ";
        assert!(outcome.stderr.starts_with(about), "{outcome}");
    }
}

/// A back end that never makes the same wheel twice.
pub(super) fn sdist() -> Sdist {
    let backend = include_str!("../fixtures/backend.py").replace(
        "json.dumps(config_settings)",
        "json.dumps(__import__('time').time_ns())",
    );
    let manifest = "[project]\nname = \"tool\"\nversion = \"1.0\"\n\
        [build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";
    Sdist::new("tool", "1.0")
        .file("pyproject.toml", manifest)
        .file("backend.py", backend)
        .file("tool/__init__.py", "")
}

fn application() -> Fixture {
    let fx = Fixture::project(
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
         dependencies = [\"tool\", \"plain\"]\n\n[tool.poetry]\npackage-mode = false\n",
    );
    fx.write("poetry.toml", "[virtualenvs]\nin-project = true\n");
    fx.index().publish(&sdist());
    fx.index().publish(&Wheel::new("plain", "1.0"));
    fx.mpoetry(["lock"]).success();
    fx
}

/// What the back end wrote into the wheel of `tool` that is installed.
fn stamp(fx: &Fixture) -> String {
    let code = "import pathlib, tool; print(pathlib.Path(tool.__file__).with_name('told.json').read_text())";
    let outcome = fx.mpoetry(["run", "python", "-c", code]).success();
    outcome.stdout
}

/// Installs into a new environment.
fn install(fx: &Fixture, machine: &str, options: &[&str]) -> (Outcome, String) {
    if fx.exists(".venv") {
        fx.remove(".venv");
    }
    fx.index().forget_requests();
    let outcome = on(fx, machine, "", &[&["install"], options].concat()).success();
    (outcome, stamp(fx))
}

#[test]
fn wheels_of_sdists_are_shared_by_installs_and_bundles() {
    let fx = application();
    let store = fx.top().join("store").display().to_string();
    let read = ["--remote-cache", store.as_str()];
    let write = ["--remote-cache", &store, "--remote-cache-write"];
    let (outcome, first) = install(&fx, "one", &write);
    assert!(!outcome.stderr.contains("Warning:"), "{outcome}");
    let (outcome, second) = install(&fx, "two", &read);
    assert!(!outcome.stderr.contains("Warning:"), "{outcome}");
    assert_eq!(first, second);
    let (_, third) = install(&fx, "three", &[]);
    assert_ne!(first, third);

    let bundled = on(&fx, "four", "", &[&["bundle", "."], &read[..]].concat()).success();
    assert!(!bundled.stdout.contains("Building"), "{bundled}");
    let bundled = on(&fx, "five", "", &["bundle", "."]).success();
    assert!(bundled.stdout.contains("Building tool"), "{bundled}");
}

/// With the index gone, a machine that has nothing installs from what others have fetched and built.
#[test]
fn fetched_wheels_are_shared_if_that_is_asked_for() {
    let mut fx = application();
    let store = Store::start();
    let url = store.url("");
    let options = ["--remote-cache", url.as_str(), "--remote-cache-downloads"];
    let write = [&options[..], &["--remote-cache-write"]].concat();
    let (_, first) = install(&fx, "one", &write);
    // A wheel, an sdist, and what was built from it.
    assert_eq!(store.objects().len(), 4);

    let (_, second) = install(&fx, "two", &options);
    assert_eq!(first, second);
    assert_eq!(fx.index().requests(), Vec::<String>::new());

    store.take_requests();
    install(&fx, "three", &["--remote-cache", &url]);
    // The record of `tool`, and its wheel.
    assert_eq!(store.take_requests().len(), 2);

    // A store that has other bytes changes nothing but who is asked.
    store.change("cas", |bytes| bytes.truncate(20));
    let (outcome, _) = install(&fx, "four", &options);
    assert_eq!(outcome.stderr.matches("Warning:").count(), 1, "{outcome}");
    assert_ne!(fx.index().requests(), Vec::<String>::new());

    install(&fx, "five", &write);
    fx.index_mut().stop();
    let (outcome, _) = install(&fx, "six", &options);
    assert!(!outcome.stderr.contains("Warning:"), "{outcome}");
}

#[test]
fn a_real_nginx_serves() {
    let fx = locked();
    let Some(nginx) = Nginx::start(&fx.top().join("nginx")) else {
        println!("skipped: there is no nginx on this machine");
        return;
    };
    let url = nginx.url();
    let remote = ["--remote-cache", url.as_str()];
    let (outcome, hashes) = bundle(
        &fx,
        "one",
        &[&remote[..], &["--remote-cache-write"]].concat(),
    );
    assert!(is_built(&fx, &outcome));
    assert_eq!(outcome.stderr, "");
    let (outcome, again) = bundle(&fx, "two", &remote);
    assert!(!is_built(&fx, &outcome), "{outcome}");
    assert_eq!(again, hashes);
    assert_eq!(files(&fx.top().join("nginx/data/wheels/cas")).len(), 1);

    // The same folder, without the server.
    let folder = fx.top().join("nginx/data/wheels").display().to_string();
    let (outcome, again) = bundle(&fx, "three", &["--remote-cache", &folder]);
    assert!(!is_built(&fx, &outcome), "{outcome}");
    assert_eq!(again, hashes);
}

/// By hand: `moto_server -p 5555`, then with `--features buckets` and `MPOETRY_TEST_S3=127.0.0.1:5555`.
#[cfg(feature = "buckets")]
#[test]
#[ignore = "needs a server that speaks S3"]
fn a_bucket_serves() {
    use std::io::{Read, Write};

    let server = std::env::var("MPOETRY_TEST_S3").expect("host and port");
    let ask = |method: &str, path: &str, body: &str| {
        let mut stream = std::net::TcpStream::connect(&server).expect("the server listens");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {server}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.contains(" 200 "), "{answer}");
        answer
    };
    ask("PUT", "/wheels", "");

    let mut fx = locked();
    fx.set("AWS_ENDPOINT", &format!("http://{server}"));
    fx.set("AWS_ALLOW_HTTP", "true");
    fx.set("AWS_REGION", "us-east-1");
    fx.set("AWS_ACCESS_KEY_ID", "an-id");
    fx.set("AWS_SECRET_ACCESS_KEY", "a-secret");
    let prefix = fx.top().file_name().expect("a name").display().to_string();
    let url = format!("s3://wheels/{prefix}");
    let remote = ["--remote-cache", url.as_str()];
    let objects = || -> Vec<String> {
        let list = ask("GET", &format!("/wheels?list-type=2&prefix={prefix}/"), "");
        let keys = list.split("<Key>").skip(1);
        keys.filter_map(|rest| Some(rest.split_once('<')?.0.to_owned()))
            .collect()
    };
    let (outcome, _) = bundle(&fx, "none", &remote);
    assert!(is_built(&fx, &outcome));
    assert_eq!(objects(), Vec::<String>::new(), "nobody said: write");
    let (outcome, hashes) = bundle(
        &fx,
        "one",
        &[&remote[..], &["--remote-cache-write"]].concat(),
    );
    assert!(is_built(&fx, &outcome));
    assert_eq!(said(&outcome), "");
    assert_eq!(objects().len(), 2);
    let (outcome, again) = bundle(&fx, "two", &remote);
    assert!(!is_built(&fx, &outcome), "{outcome}");
    assert_eq!(again, hashes);

    let wheel = objects().into_iter().find(|name| name.contains("/cas/"));
    ask(
        "PUT",
        &format!("/wheels/{}", wheel.expect("a wheel")),
        "evil",
    );
    let (outcome, again) = bundle(&fx, "damaged", &remote);
    assert!(is_built(&fx, &outcome));
    assert_eq!(again, hashes);
    assert!(
        outcome
            .stderr
            .contains("is not what it should be, and is passed over"),
        "{outcome}"
    );
    let (outcome, _) = bundle(
        &fx,
        "repairs",
        &[&remote[..], &["--remote-cache-write"]].concat(),
    );
    assert!(is_built(&fx, &outcome));
    assert!(!is_built(&fx, &bundle(&fx, "repaired", &remote).0));

    let nowhere = ["--remote-cache", "s3://nothing-here/x"];
    let (outcome, _) = bundle(&fx, "three", &nowhere);
    assert!(is_built(&fx, &outcome));
    assert_eq!(said(&outcome), "");
    let (outcome, _) = bundle(
        &fx,
        "four",
        &[&nowhere[..], &["--remote-cache-write"]].concat(),
    );
    assert_eq!(outcome.stderr.matches("Warning:").count(), 1, "{outcome}");
    fx.set("AWS_ENDPOINT", "http://127.0.0.1:1");
    let (outcome, _) = bundle(&fx, "five", &remote);
    assert_eq!(outcome.stderr.matches("Warning:").count(), 1, "{outcome}");
    assert!(!outcome.to_string().contains("a-secret"), "{outcome}");
}
