//! `mpoetry publish`.

use std::sync::{Arc, Mutex};

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Fixture, Request, Server, tls_door, tls_file};

/// A repository that takes uploads, and keeps them.
struct Repository {
    server: Server,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Repository {
    /// The answers come one after the other; the last one stays.
    fn answering(answers: &[(u16, &str)]) -> Self {
        let answers: Vec<(u16, String)> = answers
            .iter()
            .map(|(status, text)| (*status, (*text).to_owned()))
            .collect();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let server = Server::start(Arc::new(move |request: &Request| {
            let mut kept = kept.lock().expect("no panic");
            kept.push(request.clone());
            let (status, text) = &answers[kept.len().min(answers.len()) - 1];
            Answer::new(*status, text.as_bytes())
        }));
        Self { server, seen }
    }

    fn uploads(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic").clone()
    }
}

/// A project that was built, and a repository `loc` for it.
fn built(repository: &Repository) -> Fixture {
    let mut fx = Fixture::project(
        "[project]\nname = \"Demo.Pkg\"\nversion = \"1.0\"\ndescription = \"A démo\"\n\
         requires-python = \">=3.9\"\nkeywords = [\"k1\", \"k2\"]\nreadme = \"README.md\"\n\
         dependencies = [\"attrs>=20\", \"six\"]\n[project.urls]\nHome = \"https://h\"\n\
         [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n",
    );
    fx.write("demo_pkg.py", "x = 1\n");
    fx.write("README.md", "# Hi\n");
    let address = repository.server.address();
    fx.set(
        "POETRY_REPOSITORIES_LOC_URL",
        &format!("http://{address}/legacy"),
    );
    fx.mpoetry(["build"]).success();
    fx
}

/// The value of a field of a form.
fn field(request: &Request, name: &str) -> Vec<String> {
    let body = String::from_utf8_lossy(&request.body);
    let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let values = body.split(&head).skip(1);
    values
        .map(|rest| rest.split("\r\n--").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn archives_are_uploaded_with_their_metadata() {
    let repository = Repository::answering(&[(200, "")]);
    let mut fx = built(&repository);
    fx.set("POETRY_HTTP_BASIC_LOC_USERNAME", "me");
    fx.set("POETRY_HTTP_BASIC_LOC_PASSWORD", "pw");
    insta::assert_snapshot!(fx.mpoetry(["publish", "-r", "loc"]), @"
    exit: 0
    ----- stdout -----

    Publishing Demo.Pkg (1.0) to loc
    ----- stderr -----
     - Uploading demo_pkg-1.0.tar.gz 0%
     - Uploading demo_pkg-1.0.tar.gz 100% - Uploading demo_pkg-1.0-py3-none-any.whl 0%
     - Uploading demo_pkg-1.0-py3-none-any.whl 100%
    ");
    let uploads = repository.uploads();
    assert_eq!(uploads.len(), 2);
    for (upload, file, kind, python) in [
        (&uploads[0], "demo_pkg-1.0.tar.gz", "sdist", "source"),
        (
            &uploads[1],
            "demo_pkg-1.0-py3-none-any.whl",
            "bdist_wheel",
            "py3",
        ),
    ] {
        assert_eq!(
            (upload.method.as_str(), upload.path.as_str()),
            ("POST", "/legacy/")
        );
        let login = format!("Basic {}", BASE64.encode(b"me:pw"));
        assert_eq!(upload.header("authorization"), Some(login.as_str()));
        let content = std::fs::read(fx.path("dist").join(file)).expect("an archive");
        let sha256 = HEXLOWER.encode(&Sha256::digest(&content));
        for (name, values) in [
            (":action", vec!["file_upload"]),
            ("protocol_version", vec!["1"]),
            ("sha256_digest", vec![sha256.as_str()]),
            ("filetype", vec![kind]),
            ("pyversion", vec![python]),
            ("metadata_version", vec!["2.4"]),
            ("name", vec!["Demo.Pkg"]),
            ("version", vec!["1.0"]),
            ("summary", vec!["A démo"]),
            ("keywords", vec!["k1, k2"]),
            ("requires_dist", vec!["attrs (>=20)", "six"]),
            ("requires_python", vec![">=3.9"]),
            ("project_urls", vec!["Home, https://h"]),
            ("description_content_type", vec!["text/markdown"]),
            ("description", vec!["# Hi\n\n"]),
        ] {
            assert_eq!(field(upload, name), values, "{name} of {file}");
        }
        assert_eq!(field(upload, "md5_digest")[0].len(), 32);
        assert_eq!(field(upload, "blake2_256_digest")[0].len(), 64);
        let head = format!("name=\"content\"; filename=\"{file}\"\r\n");
        let body = &upload.body;
        let has = |bytes: &[u8]| body.windows(bytes.len()).any(|part| part == bytes);
        assert!(has(head.as_bytes()) && has(&content), "{file}");
    }
}

#[test]
fn options_count_more_than_a_token_and_that_more_than_a_password() {
    let repository = Repository::answering(&[(200, "")]);
    let mut fx = built(&repository);
    fx.set("POETRY_HTTP_BASIC_LOC_USERNAME", "me");
    fx.set("POETRY_HTTP_BASIC_LOC_PASSWORD", "pw");
    fx.set("POETRY_PYPI_TOKEN_LOC", "tok");
    fx.mpoetry(["publish", "-r", "loc", "-u", "half"]).success();
    fx.mpoetry(["publish", "-r", "loc", "-u", "you", "-p", "x"])
        .success();
    let uploads = repository.uploads();
    let logins: Vec<&str> = uploads
        .iter()
        .filter_map(|upload| upload.header("authorization"))
        .collect();
    let login = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
    let (token, options) = (login("__token__:tok"), login("you:x"));
    assert_eq!(logins, [&token, &token, &options, &options]);
}

#[test]
fn a_dry_run_sends_nothing() {
    let repository = Repository::answering(&[(200, "")]);
    let fx = built(&repository);
    insta::assert_snapshot!(fx.mpoetry(["publish", "-r", "loc", "--dry-run"]), @"
    exit: 0
    ----- stdout -----

    Publishing Demo.Pkg (1.0) to loc
    ----- stderr -----
     - Uploading demo_pkg-1.0.tar.gz 0%
     - Uploading demo_pkg-1.0.tar.gz 100% - Uploading demo_pkg-1.0-py3-none-any.whl 0%
     - Uploading demo_pkg-1.0-py3-none-any.whl 100%
    ");
    assert!(repository.uploads().is_empty());
}

#[test]
fn a_repository_that_refuses_is_quoted() {
    let repository = Repository::answering(&[(403, "not 'you'\n")]);
    let fx = built(&repository);
    insta::assert_snapshot!(fx.mpoetry(["publish", "-r", "loc"]), @r#"
    exit: 1
    ----- stdout -----

    Publishing Demo.Pkg (1.0) to loc
    ----- stderr -----
     - Uploading demo_pkg-1.0.tar.gz 0%
     - Uploading demo_pkg-1.0.tar.gz 100%
    HTTP Error 403: Forbidden | b"not 'you'\n"

    User and password come from `--username` and `--password`, or a token from `pypi-token.loc` or POETRY_PYPI_TOKEN_LOC, or both from `http-basic.loc` or POETRY_HTTP_BASIC_LOC_USERNAME and POETRY_HTTP_BASIC_LOC_PASSWORD. A token or a password that is in none of these is looked for in the keyring.
    "#);
    assert_eq!(repository.uploads().len(), 1);

    let repository = Repository::answering(&[(301, "")]);
    let fx = built(&repository);
    let outcome = fx.mpoetry(["publish", "-r", "loc"]);
    assert_eq!(outcome.code, Some(1));
    let last = outcome.stderr.lines().last();
    let expected = "Redirects are not supported. Is the URL missing a trailing slash?";
    assert_eq!(last, Some(expected));
}

#[test]
fn files_that_exist_can_be_passed_over() {
    let repository = Repository::answering(&[(409, ""), (400, "File already exists."), (200, "")]);
    let fx = built(&repository);
    insta::assert_snapshot!(fx.mpoetry(["publish", "-r", "loc", "--skip-existing"]), @"
    exit: 0
    ----- stdout -----

    Publishing Demo.Pkg (1.0) to loc
    ----- stderr -----
     - Uploading demo_pkg-1.0.tar.gz 0%
     - Uploading demo_pkg-1.0.tar.gz 100%
     - Uploading demo_pkg-1.0.tar.gz File exists. Skipping - Uploading demo_pkg-1.0-py3-none-any.whl 0%
     - Uploading demo_pkg-1.0-py3-none-any.whl 100%
     - Uploading demo_pkg-1.0-py3-none-any.whl File exists. Skipping
    ");
    let repository = Repository::answering(&[(409, "")]);
    let outcome = built(&repository).mpoetry(["publish", "-r", "loc"]);
    assert!(
        outcome
            .stderr
            .ends_with("100%\nHTTP Error 409: Conflict | b''\n"),
        "{outcome}"
    );
}

#[test]
fn old_servers_hear_of_a_project_first() {
    let repository = Repository::answering(&[(400, "name was ever registered"), (200, "")]);
    let fx = built(&repository);
    fx.mpoetry(["publish", "-r", "loc"]).success();
    let uploads = repository.uploads();
    let actions: Vec<String> = uploads
        .iter()
        .flat_map(|upload| field(upload, ":action"))
        .collect();
    assert_eq!(
        actions,
        ["file_upload", "submit", "file_upload", "file_upload"]
    );
}

#[test]
fn nothing_to_publish_and_nowhere_to() {
    let repository = Repository::answering(&[(200, "")]);
    let mut fx = built(&repository);
    insta::assert_snapshot!(fx.mpoetry(["publish", "--dist-dir", "nowhere"]), @"
    exit: 1
    ----- stderr -----
    No files to publish. Run poetry build first or use the --build option.
    ");
    insta::assert_snapshot!(fx.mpoetry(["publish", "-r", "nope"]), @"
    exit: 1
    ----- stdout -----

    ----- stderr -----

    Repository nope is not defined

    Its address is looked for in the setting `repositories.nope.url` and in the variable POETRY_REPOSITORIES_NOPE_URL.
    ");
    fx.set("POETRY_REPOSITORIES_DOWN_URL", "http://127.0.0.1:1/");
    let outcome = fx.mpoetry(["publish", "-r", "down"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("0%\nError connecting to repository\n"),
        "{outcome}"
    );
    fx.edit(
        "pyproject.toml",
        "[build-system]",
        "[tool.poetry]\npackage-mode = false\n[build-system]",
    );
    insta::assert_snapshot!(fx.mpoetry(["publish"]), @"
    exit: 1
    ----- stderr -----
    Publishing a package is not possible in non-package mode.
    ");
}

#[test]
fn a_package_is_built_first_if_so_wished() {
    let repository = Repository::answering(&[(200, "")]);
    let fx = built(&repository);
    fx.edit("demo_pkg.py", "1", "2");
    insta::assert_snapshot!(fx.mpoetry(["publish", "-r", "loc", "--build"]), @"
    exit: 0
    ----- stdout -----
    Warning: There are 2 files ready for publishing in dist. Build anyway!
    Building Demo.Pkg (1.0)
    Building sdist
      - Building sdist
      - Built demo_pkg-1.0.tar.gz
    Building wheel
      - Building wheel
      - Built demo_pkg-1.0-py3-none-any.whl

    Publishing Demo.Pkg (1.0) to loc
    ----- stderr -----
     - Uploading demo_pkg-1.0.tar.gz 0%
     - Uploading demo_pkg-1.0.tar.gz 100% - Uploading demo_pkg-1.0-py3-none-any.whl 0%
     - Uploading demo_pkg-1.0-py3-none-any.whl 100%
    ");
    let content = std::fs::read(fx.path("dist/demo_pkg-1.0.tar.gz")).expect("an archive");
    let sha256 = HEXLOWER.encode(&Sha256::digest(&content));
    assert_eq!(field(&repository.uploads()[0], "sha256_digest"), [sha256]);
}

/// A program `keyring` that has what is in the folder beside it: a file for each service and user.
#[cfg(unix)]
fn with_keyring(fx: &mut Fixture, entries: &[(&str, &str)]) {
    use std::os::unix::fs::PermissionsExt;
    let folder = fx.top().join("bin");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, secret) in entries {
        std::fs::write(folder.join(name), secret).expect("a file");
    }
    let program = folder.join("keyring");
    let script = "#!/bin/sh\ncase \"$1\" in\n--list-backends) echo keyring.backends.Vault ;;\n\
                  get) cat \"$(dirname \"$0\")/$2=$3\" ;;\n*) exit 1 ;;\nesac\n";
    std::fs::write(&program, script).expect("a program");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("a program");
    fx.set(
        "PATH",
        &format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()),
    );
}

/// In the order of Poetry: what the configuration says counts more than the keyring, and a token more than a password.
#[cfg(unix)]
#[test]
fn the_keyring_knows_tokens_and_passwords() {
    let repository = Repository::answering(&[(200, "")]);
    let mut fx = built(&repository);
    let publish = |fx: &Fixture| {
        fx.mpoetry(["publish", "-r", "loc"]).success();
        let uploads = repository.uploads();
        let last = uploads.last().expect("an upload");
        let login = last.header("authorization").unwrap_or_default();
        let login = login.strip_prefix("Basic ").unwrap_or_default();
        let login = BASE64.decode(login.as_bytes()).expect("base64");
        String::from_utf8(login).expect("text")
    };
    with_keyring(&mut fx, &[]);
    assert_eq!(publish(&fx), "");
    fx.set("POETRY_HTTP_BASIC_LOC_USERNAME", "me");
    with_keyring(&mut fx, &[("poetry-repository-loc=me", "kept")]);
    assert_eq!(publish(&fx), "me:kept");
    with_keyring(&mut fx, &[("poetry-repository-loc=__token__", "tok")]);
    assert_eq!(publish(&fx), "__token__:tok");
    fx.set("POETRY_KEYRING_ENABLED", "false");
    assert_eq!(publish(&fx), "");
    fx.set("POETRY_KEYRING_ENABLED", "true");
    fx.set("POETRY_PYPI_TOKEN_LOC", "own");
    assert_eq!(publish(&fx), "__token__:own");
}

#[test]
fn certificates_are_those_of_the_options() {
    let repository = Repository::answering(&[(200, "")]);
    let mut fx = built(&repository);
    fx.set("POETRY_REQUESTS_TIMEOUT", "5");
    let authority = tls_file("authority.pem").display().to_string();
    let own = tls_file("client.pem").display().to_string();
    for wants_certificate in [false, true] {
        let door = tls_door(repository.server.address(), wants_certificate);
        fx.set(
            "POETRY_REPOSITORIES_LOC_URL",
            &format!("https://{door}/legacy"),
        );
        let publish = |options: &[&str]| {
            let words = [&["publish", "-r", "loc"], options].concat();
            fx.mpoetry_with("", &words)
        };
        assert_eq!(publish(&[]).code, Some(1));
        assert_eq!(publish(&["--cert", &own]).code, Some(1));
        if wants_certificate {
            assert_eq!(publish(&["--cert", &authority]).code, Some(1));
        } else {
            publish(&["--cert", &authority]).success();
        }
        let before = repository.uploads().len();
        publish(&["--cert", &authority, "--client-cert", &own]).success();
        assert_eq!(repository.uploads().len(), before + 2);
    }
}
