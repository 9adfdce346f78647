//! Who the user is at an index, and whom to trust there.

use std::sync::Arc;

use data_encoding::BASE64;

use crate::support::{Answer, Fixture, Outcome, Request, Server, Wheel, ask, tls_door, tls_file};

const SECRET: &str = "pass-word";

/// A project that needs `secret` from a source at this address of the index.
fn project(fx: &Fixture, url: &str) {
    fx.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"x\"\nversion = \"1\"\nrequires-python = \">=3.11\"\n\
             dependencies = [\"secret\"]\n[tool.poetry]\npackage-mode = false\n\
             [[tool.poetry.source]]\nname = \"our-own\"\nurl = \"{url}\"\npriority = \"primary\"\n"
        ),
    );
}

/// The index wants `me` and the secret.
fn private() -> Fixture {
    let fx = Fixture::empty();
    let index = fx.index();
    index.publish_to("private", &Wheel::new("secret", "1.0"));
    index.require_login("/private/", "me", SECRET);
    index.require_login("/files/private/", "me", SECRET);
    project(&fx, &index.source_url("private"));
    fx
}

/// Refused at first; locked and installed after `set`, without telling the secret to anybody.
fn opens(set: impl FnOnce(&mut Fixture)) {
    let mut fx = private();
    refused(&fx);
    set(&mut fx);
    let locked = fx.mpoetry(["lock", "-vvv"]).success();
    let installed = fx.mpoetry(["install", "-vvv"]).success();
    for text in [
        locked.to_string(),
        installed.to_string(),
        fx.read("poetry.lock"),
    ] {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains(&BASE64.encode(format!("me:{SECRET}").as_bytes())));
    }
}

fn refused(fx: &Fixture) -> Outcome {
    let outcome = fx.mpoetry(["lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("refuses access (status 401)"),
        "{outcome}"
    );
    outcome
}

#[test]
fn a_package_to_add_tells_where_logins_come_from_too() {
    let fx = private();
    let manifest = fx.read("pyproject.toml").replace("\"secret\"", "");
    fx.write("pyproject.toml", manifest);
    let outcome = fx.mpoetry(["add", "secret", "--lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.stderr, refused_words(&fx), "{outcome}");
}

/// What `lock` says, too.
fn refused_words(fx: &Fixture) -> String {
    project(fx, &fx.index().source_url("private"));
    refused(fx).stderr
}

#[test]
fn logins_come_from_auth_toml() {
    opens(|fx| {
        let set = ["config", "http-basic.our-own", "me", SECRET];
        assert!(!fx.mpoetry(set).success().to_string().contains(SECRET));
    });
}

#[test]
fn logins_come_from_variables_ours_before_poetrys() {
    opens(|fx| {
        fx.set("POETRY_HTTP_BASIC_OUR_OWN_USERNAME", "me");
        fx.set("POETRY_HTTP_BASIC_OUR_OWN_PASSWORD", "wrong");
        refused(fx);
        fx.set("MPOETRY_HTTP_BASIC_OUR_OWN_PASSWORD", SECRET);
    });
}

#[test]
fn logins_come_from_the_address_of_a_source() {
    opens(|fx| {
        let with_login = fx.index().source_url("private");
        let with_login = with_login.replace("http://", &format!("http://me:{SECRET}@"));
        fx.set("POETRY_REPOSITORIES_OUR_OWN_URL", &with_login);
    });
}

#[test]
fn logins_come_from_netrc() {
    opens(|fx| {
        let path = fx.top().join("home/.netrc");
        std::fs::write(&path, "machine 127.0.0.1 login me password wrong\n")
            .expect("what the test has made");
        refused(fx);
        let other = fx.top().join("other-netrc");
        let text =
            format!("machine elsewhere login x password y\ndefault login me password {SECRET}\n");
        std::fs::write(&other, text).expect("what the test has made");
        fx.set("NETRC", &other.display().to_string());
    });
}

/// PyPI and what stands for it may want a login, too.
#[test]
fn pypi_has_a_login_if_it_is_given_one() {
    for from_netrc in [true, false] {
        let mut fx = Fixture::project(
            "[project]\nname = \"x\"\nversion = \"1\"\nrequires-python = \">=3.11\"\n\
             dependencies = [\"secret\"]\n[tool.poetry]\npackage-mode = false\n",
        );
        fx.index().publish(&Wheel::new("secret", "1.0"));
        fx.index().require_login("/", "me", SECRET);
        refused(&fx);
        if from_netrc {
            let text = format!("machine 127.0.0.1\nlogin me\npassword {SECRET}\n");
            std::fs::write(fx.top().join("home/.netrc"), text).expect("what the test has made");
        } else {
            fx.set("POETRY_HTTP_BASIC_PYPI_USERNAME", "me");
            fx.set("POETRY_HTTP_BASIC_PYPI_PASSWORD", SECRET);
        }
        fx.mpoetry(["lock"]).success();
    }
}

/// A program `keyring` that keeps one entry in a file and writes down what it is asked.
const KEYRING: &str = r#"#!/bin/sh
echo "$@" >> "$KEYRING_LOG"
case "$1 $2 $3" in
  "--list-backends  ") echo "keyring.backends.fail.Keyring (priority: 0)"; echo "keyring.backends.Vault (priority: 5)" ;;
  "get poetry-repository-our-own me") cat "$KEYRING_LOG.entry" ;;
  "set poetry-repository-our-own me") cat > "$KEYRING_LOG.entry" ;;
  "del poetry-repository-our-own me") rm "$KEYRING_LOG.entry" ;;
  "--mode creds get") test "$4" = "$KEYRING_HOST" && printf 'me\npass-word\n' ;;
  *) exit 1 ;;
esac
"#;

fn with_keyring(fx: &mut Fixture) {
    let folder = fx.top().join("bin");
    std::fs::create_dir(&folder).expect("a file of the fixture");
    let program = folder.join("keyring");
    std::fs::write(&program, KEYRING).expect("a file of the fixture");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, executable).expect("a file of the fixture");
    }
    let beside = crate::support::python()
        .executable
        .parent()
        .expect("a program in a folder");
    let path = format!("{}:{}:/usr/bin:/bin", folder.display(), beside.display());
    fx.set("PATH", &path);
    let log = fx.top().join("keyring").display().to_string();
    fx.set("KEYRING_LOG", &log);
}

fn asked(fx: &Fixture) -> String {
    std::fs::read_to_string(fx.top().join("keyring")).unwrap_or_default()
}

#[cfg(unix)]
#[test]
fn passwords_go_to_the_keyring_and_come_from_there() {
    opens(|fx| {
        with_keyring(fx);
        let set = ["config", "http-basic.our-own", "me", SECRET];
        let outcome = fx.mpoetry(set).success();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
        let auth = std::fs::read_to_string(fx.top().join("config/auth.toml"))
            .expect("what the test has made");
        assert_eq!(auth, "[http-basic.our-own]\nusername = \"me\"\n");
        assert!(
            !asked(fx).contains(SECRET),
            "arguments can be seen by everybody"
        );
        fx.set("POETRY_KEYRING_ENABLED", "false");
        let before = asked(fx);
        refused(fx);
        assert_eq!(asked(fx), before);
        fx.set("POETRY_KEYRING_ENABLED", "true");
    });
}

#[cfg(unix)]
#[test]
fn the_keyring_is_asked_for_hosts_that_refuse_access() {
    opens(|fx| {
        with_keyring(fx);
        let host = fx.index().socket().to_string();
        fx.set("KEYRING_HOST", &host);
    });
    let mut fx = private();
    with_keyring(&mut fx);
    refused(&fx);
    let services = asked(&fx).replace(&fx.index().address(), "[index]");
    let services = services.replace(&fx.index().socket().to_string(), "[host]");
    insta::assert_snapshot!(services, @"
    get poetry-repository-our-own __poetry_source_empty_username__
    --mode creds get [index]/private/simple
    --mode creds get [host]
    ");
    // An index that lets everybody in costs no look into the keyring.
    let mut fx = Fixture::empty();
    fx.index().publish_to("open", &Wheel::new("secret", "1.0"));
    project(&fx, &fx.index().source_url("open"));
    with_keyring(&mut fx);
    fx.mpoetry(["lock"]).success();
    assert_eq!(asked(&fx), "");
}

#[cfg(unix)]
#[test]
fn a_keyring_that_keeps_nothing_is_none() {
    let mut fx = private();
    with_keyring(&mut fx);
    fx.set("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring");
    let outcome = fx.mpoetry(["config", "http-basic.our-own", "me", SECRET]);
    let expected = "Using a plaintext file to store credentials\n";
    assert_eq!(outcome.success().stderr, expected);
    fx.mpoetry(["lock"]).success();
}

/// Requests go through the proxy, whose password is told to nobody.
#[test]
fn a_proxy_is_used_as_variables_say() {
    let mut fx = Fixture::empty();
    fx.index().publish_to("open", &Wheel::new("secret", "1.0"));
    project(&fx, "http://index.invalid/open/simple");
    let inside = fx.index().socket();
    let proxy = Server::start(Arc::new(move |request: &Request| {
        let login = request.header("proxy-authorization");
        let expected = format!("Basic {}", BASE64.encode(b"me:pass-word"));
        if login != Some(expected.as_str()) {
            return Answer::new(407, "");
        }
        let path = request.path.replace("http://index.invalid", "");
        let (status, head, body) = ask(inside, &format!("GET {path}"));
        let kind = head
            .lines()
            .find_map(|line| line.strip_prefix("content-type: "));
        Answer::new(status, body).header("content-type", kind.unwrap_or_default())
    }));
    fx.set(
        "HTTP_PROXY",
        &format!("http://me:{SECRET}@{}", proxy.address()),
    );
    fx.set("NO_PROXY", "127.0.0.1");
    let outcome = fx.mpoetry(["lock", "-vvv"]).success();
    assert!(!outcome.to_string().contains(SECRET), "{outcome}");
    let lock = fx.read("poetry.lock");
    assert!(
        lock.contains("url = \"http://index.invalid/open/simple\""),
        "{lock}"
    );

    fx.set("HTTP_PROXY", &format!("http://me:{SECRET}@127.0.0.1:1"));
    fx.set(
        "MPOETRY_CACHE_DIR",
        &fx.top().join("empty").display().to_string(),
    );
    let outcome = fx.mpoetry(["lock", "-vvv", "--regenerate"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(!outcome.to_string().contains(SECRET), "{outcome}");
}

/// The index behind a door with a certificate that no system trusts.
fn secure(wants_certificate: bool) -> Fixture {
    let fx = Fixture::empty();
    fx.index().publish_to("open", &Wheel::new("secret", "1.0"));
    let door = tls_door(fx.index().socket(), wants_certificate);
    project(&fx, &format!("https://{door}/open/simple"));
    fx
}

fn distrusted(fx: &Fixture) {
    let outcome = fx.mpoetry(["lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("no secure connection to `127.0.0.1:"),
        "{outcome}"
    );
}

#[test]
fn certificates_count_where_they_are_set() {
    let authority = tls_file("authority.pem").display().to_string();
    type Set<'a> = &'a dyn Fn(&mut Fixture);
    let by_command = |value: &'static str| {
        move |fx: &mut Fixture| {
            let key = "certificates.our-own.cert";
            let authority = tls_file("authority.pem").display().to_string();
            let value = if value.is_empty() { &authority } else { value };
            fx.mpoetry_with("", &["config", key, value]).success();
        }
    };
    let by_variable = |name: &'static str| {
        let authority = authority.clone();
        move |fx: &mut Fixture| fx.set(name, &authority)
    };
    for set in [
        &by_command("") as Set<'_>,
        &by_command("false"),
        &by_variable("POETRY_CERTIFICATES_OUR_OWN_CERT"),
        &by_variable("REQUESTS_CA_BUNDLE"),
        &by_variable("CURL_CA_BUNDLE"),
        &by_variable("SSL_CERT_FILE"),
    ] {
        let mut fx = secure(false);
        fx.set("POETRY_CERTIFICATES_OTHER_CERT", &authority);
        distrusted(&fx);
        set(&mut fx);
        fx.mpoetry(["lock"]).success();
    }
}

#[test]
fn a_certificate_of_the_user_is_shown_to_who_wants_it() {
    let mut fx = secure(true);
    let authority = tls_file("authority.pem").display().to_string();
    fx.set("REQUESTS_CA_BUNDLE", &authority);
    fx.set("POETRY_REQUESTS_TIMEOUT", "1");
    let outcome = fx.mpoetry(["lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let own = tls_file("client.pem").display().to_string();
    let key = "certificates.our-own.client-cert";
    fx.mpoetry_with("", &["config", key, &own]).success();
    fx.mpoetry(["lock"]).success();
    fx.set("POETRY_CERTIFICATES_OUR_OWN_CLIENT_CERT", &authority);
    let outcome = fx.mpoetry(["lock", "--regenerate", "--no-cache"]);
    assert!(
        outcome.stderr.contains("authority.pem` can't be used: "),
        "{outcome}"
    );
}
