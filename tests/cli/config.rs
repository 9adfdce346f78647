//! `config`.

use serde_json::Value;

use crate::support::{Fixture, Wheel};

const KEYS: &str = include_str!("../vectors/config_keys.json");

/// A value to set, as it is shown then, and one for the variable, as it is shown.
fn samples(kind: &str) -> [(&'static str, &'static str); 2] {
    match kind {
        "bool" => [("true", "true"), ("0", "false")],
        "int>0" | "int>=0" => [("3", "3"), ("5", "5")],
        "path" => [
            ("/some//where/", "/some/where"),
            ("/else/where", "/else/where"),
        ],
        "string" => [("a {b}", "a {b}"), ("c", "c")],
        "package-list" => [("A_b", "[\"a-b\"]"), ("true", "[\":all:\"]")],
        "string-list" => [("a, b", "[\"a\", \"b\"]"), ("c", "[\"c\"]")],
        other => panic!("a new kind of key: {other}"),
    }
}

fn shown(fx: &Fixture, key: &str) -> String {
    let outcome = fx.mpoetry(["config", key]).success();
    outcome.stdout.trim_end().to_owned()
}

fn silent(fx: &Fixture, arguments: &[&str]) {
    let outcome = fx.mpoetry_with("", arguments).success();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("", ""),
        "{arguments:?}"
    );
}

#[test]
fn every_key_can_be_set_listed_unset_and_read_from_its_variable() {
    let keys: Value = serde_json::from_str(KEYS).expect("what the test has made");
    let keys = keys["keys"].as_array().expect("what the test has made");
    assert_eq!(keys.len(), 24);
    for entry in keys {
        let text = |name: &str| entry[name].as_str().expect("what the test has made");
        let (key, variable) = (text("key"), text("variable"));
        let [(value, as_shown), (of_variable, as_shown_of_variable)] = samples(text("type"));
        let mut fx = Fixture::project("[project]\nname = \"x\"\nversion = \"1\"\n");
        let before = shown(&fx, key);
        assert_ne!(before, "", "{key}");

        silent(&fx, &["config", key, value]);
        assert_eq!(shown(&fx, key), as_shown, "{key}");
        let list = fx.mpoetry(["config", "--list"]).success().stdout;
        let line = list
            .lines()
            .find(|line| line.starts_with(&format!("{key} = ")));
        let said = line.unwrap_or_else(|| panic!("{key} is not listed:\n{list}"));
        let as_listed = as_shown.replace("[\"", "\"[").replace("\"]", "]\"");
        let as_listed = as_listed.replace("\", \"", ", ");
        assert!(said.contains(as_listed.trim_matches('"')), "{said}");

        silent(&fx, &["config", "--local", key, of_variable]);
        assert_eq!(shown(&fx, key), as_shown_of_variable, "{key}");
        silent(&fx, &["config", "--local", "--unset", key]);
        assert_eq!(fx.read("poetry.toml"), "", "{key}");

        fx.set(variable, of_variable);
        assert_eq!(shown(&fx, key), as_shown_of_variable, "{variable}");
        if key != "cache-dir" {
            // `MPOETRY_CACHE_DIR` is the folder of our own cache.
            fx.set(&format!("M{variable}"), value);
            let own = shown(&fx, key);
            assert!([as_shown, value].contains(&own.as_str()), "{key}: {own}");
            fx.set(&format!("M{variable}"), of_variable);
        }
        silent(&fx, &["config", "--unset", key]);
        fx.set(variable, &before);
        let file = fx.top().join("config/config.toml");
        assert_eq!(
            std::fs::read_to_string(file).expect("what the test has made"),
            "",
            "{key}"
        );
    }
}

#[test]
fn unset_keys_have_their_defaults_again() {
    let fx = Fixture::empty();
    let list = || fx.mpoetry(["config", "--list"]).success();
    let before = list();
    insta::assert_snapshot!(before.stdout.replace("/Library/Application Support", "/.local/share"), @r#"
    cache-dir = "[temp]/home/.cache/pypoetry"
    data-dir = "[temp]/home/.local/share/pypoetry"
    installer.builtin-uninstall = false
    installer.max-workers = null
    installer.no-binary = null
    installer.only-binary = null
    installer.parallel = true
    installer.re-resolve = false
    keyring.enabled = true
    python.installation-dir = "{data-dir}/python"  # [temp]/home/.local/share/pypoetry/python
    requests.max-retries = 0
    solver.lazy-wheel = true
    solver.min-release-age = 0
    solver.min-release-age-exclude = null
    solver.min-release-age-exclude-source = null
    system-git-client = false
    virtualenvs.create = true
    virtualenvs.in-project = null
    virtualenvs.options.always-copy = false
    virtualenvs.options.no-pip = false
    virtualenvs.options.system-site-packages = false
    virtualenvs.path = "{cache-dir}/virtualenvs"  # [temp]/home/.cache/pypoetry/virtualenvs
    virtualenvs.prompt = "{project_name}-py{python_version}"
    virtualenvs.use-poetry-python = false
    "#);
    silent(&fx, &["config", "virtualenvs.create", "false"]);
    assert_ne!(list(), before);
    silent(&fx, &["config", "virtualenvs.create", "--unset"]);
    assert_eq!(list(), before);
}

#[test]
fn values_that_are_of_no_use() {
    let fx = Fixture::empty();
    for (arguments, message) in [
        (
            &["virtualenvs.create", "maybe"][..],
            "\"maybe\" is an invalid value for virtualenvs.create",
        ),
        (
            &["virtualenvs.create", "True"],
            "\"True\" is an invalid value for virtualenvs.create",
        ),
        (
            &["virtualenvs.create", "true", "false"],
            "You can only pass one value.",
        ),
        (
            &["virtualenvs.create", "true", "--unset"],
            "You can not combine a setting value with --unset",
        ),
        (
            &["virtualenvs.path", ""],
            "\"\" is an invalid value for virtualenvs.path",
        ),
        (
            &["requests.max-retries", "abc"],
            "invalid literal for int() with base 10: 'abc'",
        ),
        (
            &["requests.max-retries", "--", "-1"],
            "\"-1\" is an invalid value for requests.max-retries",
        ),
        (
            &["installer.max-workers", "0"],
            "\"0\" is an invalid value for installer.max-workers",
        ),
        (
            &["installer.no-binary", "a,:all:"],
            "\"a,:all:\" is an invalid value for installer.no-binary",
        ),
        (
            &["installer.no-binary", "a.b"],
            "\"a.b\" is an invalid value for installer.no-binary",
        ),
        (
            &["solver.min-release-age-exclude-source", " "],
            "\" \" is an invalid value for solver.min-release-age-exclude-source",
        ),
        (&["nope"], "There is no nope setting."),
        (&["virtualenvs"], "There is no virtualenvs setting."),
        (&["nope", "x"], "Setting nope does not exist"),
        (&["--unset", "nope"], "Setting nope does not exist"),
        (
            &["repository.x", "https://x"],
            "Setting repository.x does not exist",
        ),
        (
            &["certificates.x.nope", "x"],
            "Setting certificates.x.nope does not exist",
        ),
        (
            &["certificates.x.cert", "x", "y"],
            "You must pass exactly 1 value",
        ),
        (
            &["certificates.x.cert"],
            "There is no certificates.x.cert setting.",
        ),
        (
            &["http-basic.x"],
            "Expected a value for http-basic.x setting.",
        ),
        (
            &["http-basic.x", "a", "b", "c"],
            "Expected one or two arguments (username, password), got 3",
        ),
        (
            &["pypi-token.x"],
            "Expected a value for pypi-token.x setting.",
        ),
        (
            &["pypi-token.x", "a", "b"],
            "Expected only one argument (token), got 2",
        ),
        (&["repositories.x"], "There is no x repository defined"),
        (
            &["--unset", "repositories.x"],
            "There is no x repository defined",
        ),
        (
            &["--unset", "repositories"],
            "You cannot remove the [repositories] section",
        ),
        (
            &["repositories.x", "a", "b"],
            "You must pass the url. Example: poetry config repositories.foo https://bar.com",
        ),
        (
            &["installer.build-config-settings.x", "{\"a\": 1}"],
            "Invalid build config setting '{\"a\": 1}'. It must be a valid JSON with each property a string or a list of strings.",
        ),
        (
            &["--migrate", "--local"],
            "Poetry could not find a pyproject.toml file in [root] or its parents",
        ),
    ] {
        let outcome = fx.mpoetry_with("", &[&["config"], arguments].concat());
        let expected = (Some(1), format!("\n{message}\n"));
        assert_eq!((outcome.code, outcome.stderr), expected, "{arguments:?}");
    }
    let file = fx.top().join("config/config.toml");
    assert_eq!(
        std::fs::read_to_string(file).expect("what the test has made"),
        ""
    );
}

#[test]
fn what_is_written_is_what_poetry_writes() {
    let fx = Fixture::empty();
    let read = |name: &str| {
        std::fs::read_to_string(fx.top().join("config").join(name)).unwrap_or_default()
    };
    silent(&fx, &["config", "virtualenvs.in-project", "true"]);
    silent(&fx, &["config", "cache-dir", "{data-dir}/q"]);
    silent(&fx, &["config", "virtualenvs.options.no-pip", "1"]);
    silent(&fx, &["config", "repo.foo", "https://foo.bar/simple"]);
    silent(&fx, &["config", "repositories.my.repo.url", "https://x"]);
    let settings = ["{\"a\": \"b\"}", "{\"c\": [\"d\", \"é\"]}"];
    let key = "installer.build-config-settings.Foo_Bar";
    silent(&fx, &["config", key, settings[0], settings[1]]);
    silent(&fx, &["config", key, "{\"a\": \"x\"}"]);
    insta::assert_snapshot!(read("config.toml"), @r#"
    cache-dir = "{data-dir}/q"

    [virtualenvs]
    in-project = true

    [virtualenvs.options]
    no-pip = true

    [repositories.foo]
    url = "https://foo.bar/simple"

    [repositories."my.repo"]
    url = "https://x"

    [installer.build-config-settings.foo-bar]
    a = "x"
    c = ["d", "é"]
    "#);
    let shown = [
        "repositories",
        "repos.foo",
        "repo.foo.url",
        "cache-dir",
        key,
        "installer.build-config-settings",
    ];
    let shown = shown.map(|key| shown_as(&fx, key)).join("\n");
    insta::assert_snapshot!(shown, @r#"
    repositories: {'foo': {'url': 'https://foo.bar/simple'}, 'my.repo': {'url': 'https://x'}}
    repos.foo: {'url': 'https://foo.bar/simple'}
    repo.foo.url: https://foo.bar/simple
    cache-dir: [temp]/home/.local/share/pypoetry/q
    installer.build-config-settings.Foo_Bar: {"a": "x", "c": ["d", "\u00e9"]}
    installer.build-config-settings: foo-bar.a = "x"
    foo-bar.c = "[d, \u00e9]"
    "#);
    silent(&fx, &["config", "--unset", "repositories.foo"]);
    silent(&fx, &["config", "--unset", key]);
    insta::assert_snapshot!(read("config.toml"), @r#"
    cache-dir = "{data-dir}/q"

    [virtualenvs]
    in-project = true

    [virtualenvs.options]
    no-pip = true

    [repositories."my.repo"]
    url = "https://x"
    "#);

    for arguments in [
        &["http-basic.foo", "user", "pass"][..],
        &["pypi-token.pypi", "tok"],
    ] {
        let outcome = fx.mpoetry_with("", &[&["config"], arguments].concat());
        let expected = "Using a plaintext file to store credentials\n";
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), expected));
    }
    silent(&fx, &["config", "certificates.foo.cert", "/a/b"]);
    silent(&fx, &["config", "certificates.bar.cert", "0"]);
    silent(&fx, &["config", "certificates.foo.client-cert", "/x"]);
    insta::assert_snapshot!(read("auth.toml"), @r#"
    [http-basic.foo]
    username = "user"
    password = "pass"

    [pypi-token]
    pypi = "tok"

    [certificates.foo]
    cert = "/a/b"
    client-cert = "/x"

    [certificates.bar]
    cert = false
    "#);
    let list = fx.mpoetry(["config", "--list"]).success().stdout;
    assert!(!list.contains("pass") && !list.contains("tok\""), "{list}");
    assert!(list.contains("certificates.bar.cert = false\n"), "{list}");
    for key in ["http-basic.foo", "pypi-token.pypi", "certificates.foo.cert"] {
        silent(&fx, &["config", "--unset", key]);
    }
    insta::assert_snapshot!(read("auth.toml"), @r#"
    [certificates.foo]
    client-cert = "/x"

    [certificates.bar]
    cert = false
    "#);
}

fn shown_as(fx: &Fixture, key: &str) -> String {
    format!("{key}: {}", shown(fx, key))
}

#[test]
fn sources_of_the_project_and_variables_are_shown() {
    let mut fx = Fixture::project(
        "[project]\nname = \"x\"\nversion = \"1\"\n\
         [[tool.poetry.source]]\nname = \"My.Src\"\nurl = \"https://host/simple\"\n\
         [[tool.poetry.source]]\nname = \"zed\"\nurl = \"https://zed/simple\"\n",
    );
    silent(&fx, &["config", "repositories.zed", "https://mine"]);
    assert_eq!(
        shown(&fx, "repositories"),
        "{'zed': {'url': 'https://mine'}, 'My.Src': {'url': 'https://host/simple'}}"
    );
    let list = fx.mpoetry(["config", "--list"]).success().stdout;
    for line in [
        "repositories.My.Src = {\"url\": \"https://host/simple\"}\n",
        "repositories.zed.url = \"https://mine\"\n",
    ] {
        assert!(list.contains(line), "{list}");
    }
    fx.set("POETRY_REPOSITORIES_FOO_BAR_URL", "https://q");
    assert_eq!(
        shown(&fx, "repositories"),
        "{'foo-bar': {'url': 'https://q'}}"
    );
    fx.set(
        "POETRY_INSTALLER_BUILD_CONFIG_SETTINGS_A_B",
        "{\"x\": \"y\"}",
    );
    assert_eq!(
        shown(&fx, "installer.build-config-settings"),
        "a-b.x = \"y\""
    );
}

#[test]
fn local_settings_lie_beside_the_project() {
    let fx = Fixture::project("[project]\nname = \"x\"\nversion = \"1\"\n");
    std::fs::create_dir(fx.path("sub")).expect("what the test has made");
    let set = ["config", "--local", "virtualenvs.in-project", "true"];
    fx.mpoetry_in("sub", set).success();
    assert_eq!(fx.read("poetry.toml"), "[virtualenvs]\nin-project = true\n");
    assert_eq!(shown(&fx, "virtualenvs.in-project"), "true");
    // A project that breaks a rule has no settings of its own.
    fx.write("pyproject.toml", "[tool.poetry]\nname = \"x\"\nbogus = 1\n");
    assert_eq!(shown(&fx, "virtualenvs.in-project"), "null");
    fx.write("pyproject.toml", "a = [1\n");
    let outcome = fx.mpoetry(["config", "virtualenvs.in-project"]);
    assert!(
        outcome
            .stderr
            .contains("Invalid TOML file [root]/pyproject.toml: "),
        "{outcome}"
    );
    fx.remove("pyproject.toml");
    fx.write("poetry.toml", "");
    fx.mpoetry_in("sub", ["config", "--local", "cache-dir", "x"])
        .success();
    assert_eq!(fx.read("sub/poetry.toml"), "cache-dir = \"x\"\n");
}

#[test]
fn outdated_keys_are_migrated() {
    let fx = Fixture::empty();
    let file = fx.top().join("config/config.toml");
    std::fs::create_dir_all(file.parent().expect("what the test has made")).unwrap();
    let old =
        "[experimental]\nsystem-git-client = true\n[virtualenvs]\nprefer-active-python = false\n";
    std::fs::write(&file, old).expect("what the test has made");
    // Nobody answers the question.
    insta::assert_snapshot!(fx.mpoetry(["config", "--migrate"]), @"
    exit: 0
    ----- stdout -----
    Checking for required migrations ...
    experimental.system-git-client = true -> system-git-client = true
    virtualenvs.prefer-active-python = false -> virtualenvs.use-poetry-python = true
    ----- stderr -----
    Proceed with migration?:  (yes/no) [no]
    ");
    assert_eq!(
        std::fs::read_to_string(&file).expect("what the test has made"),
        old
    );
    insta::assert_snapshot!(fx.mpoetry(["config", "--migrate", "-n"]), @"
    exit: 0
    ----- stdout -----
    Checking for required migrations ...
    experimental.system-git-client = true -> system-git-client = true
    virtualenvs.prefer-active-python = false -> virtualenvs.use-poetry-python = true
    Config migration successfully done.
    ");
    insta::assert_snapshot!(std::fs::read_to_string(&file).expect("what the test has made"), @"
    system-git-client = true

    [virtualenvs]
    use-poetry-python = true
    ");
    insta::assert_snapshot!(fx.mpoetry(["config", "--migrate", "-n"]), @"
    exit: 0
    ----- stdout -----
    Checking for required migrations ...
    Already up to date.
    ");
    std::fs::write(&file, "[virtualenvs]\nprefer-active-python = true\n")
        .expect("what the test has made");
    insta::assert_snapshot!(fx.mpoetry(["config", "--migrate", "-n", "virtualenvs.create"]), @"
    exit: 0
    ----- stdout -----
    Checking for required migrations ...
    virtualenvs.prefer-active-python = true -> virtualenvs.use-poetry-python = Not explicit set
    Config migration successfully done.
    true
    ");
    assert_eq!(
        std::fs::read_to_string(&file).expect("what the test has made"),
        ""
    );
}

const DATED: &str = "[project]\nname = \"x\"\nversion = \"1\"\nrequires-python = \">=3.11\"\n\
                     dependencies = [\"dated\"]\n[tool.poetry]\npackage-mode = false\n";

/// Versions 1.0 and 2.0 are old, 3.0 has a file from the future.
fn dated() -> Fixture {
    let fx = Fixture::project(DATED);
    for (version, time) in [
        ("1.0", "2020-01-01T00:00:00Z"),
        ("2.0", "2021-01-01T00:00:00.5+02:00"),
        ("3.0", "2100-01-01T00:00:00Z"),
    ] {
        let published = fx.index().publish(&Wheel::new("dated", version));
        published.uploaded(time);
    }
    fx
}

fn locked_version(fx: &Fixture) -> String {
    let lock = fx.read("poetry.lock");
    let line = lock.lines().find(|line| line.starts_with("version = "));
    line.unwrap_or_default().to_owned()
}

#[test]
fn releases_that_are_too_young_are_passed_over() {
    let mut fx = dated();
    fx.set("POETRY_SOLVER_MIN_RELEASE_AGE", "7");
    insta::assert_snapshot!(fx.mpoetry(["lock", "-v"]).success(), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...
    Source (PyPI): The following package versions were ignored due to solver.min-release-age=7
    Source (PyPI): dated: 3.0

    Writing lock file
    ");
    assert_eq!(locked_version(&fx), "version = \"2.0\"");
    // What is locked stays, however young it is now.
    fx.set("POETRY_SOLVER_MIN_RELEASE_AGE", "40000");
    fx.mpoetry(["lock"]).success();
    assert_eq!(locked_version(&fx), "version = \"2.0\"");
    insta::assert_snapshot!(fx.mpoetry(["lock", "--regenerate"]), @"
    exit: 1
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...
    ----- stderr -----
    Source (PyPI): The following package versions were ignored due to solver.min-release-age=40000
    Source (PyPI): dated: 1.0, 2.0, 3.0

    Because x depends on dated (*) which doesn't match any versions, version solving failed.
    ");
    fx.set("POETRY_SOLVER_MIN_RELEASE_AGE_EXCLUDE", "Dated");
    fx.mpoetry(["lock", "--regenerate"]).success();
    assert_eq!(locked_version(&fx), "version = \"3.0\"");
    fx.set("POETRY_SOLVER_MIN_RELEASE_AGE_EXCLUDE", ":all:");
    assert_eq!(fx.mpoetry(["lock", "--regenerate"]).code, Some(1));
    fx.set("POETRY_SOLVER_MIN_RELEASE_AGE_EXCLUDE_SOURCE", "other,pypi");
    fx.mpoetry(["lock", "--regenerate"]).success();
    assert_eq!(locked_version(&fx), "version = \"3.0\"");
}

#[test]
fn without_lazy_wheels_whole_wheels_are_read() {
    let ranges = |lazy: &str| {
        let mut fx = Fixture::project(DATED);
        fx.set("POETRY_SOLVER_LAZY_WHEEL", lazy);
        fx.index()
            .publish(&Wheel::new("dated", "1.0"))
            .metadata_file(crate::support::MetadataFile::Absent);
        fx.mpoetry(["lock"]).success();
        let requests = fx.index().raw_requests();
        let of_wheel = requests.iter().filter(|it| it.path.ends_with(".whl"));
        of_wheel.filter(|it| it.header("range").is_some()).count()
    };
    assert_ne!(ranges("true"), 0);
    assert_eq!(ranges("false"), 0);
}
