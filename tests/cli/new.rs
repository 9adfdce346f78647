//! `mpoetry new`.

use crate::support::{Fixture, Wheel};

/// A place with a Python 3.11 or newer, whose minor version is not of interest, and with what git knows of a person.
pub(super) fn place() -> Fixture {
    let mut fx = Fixture::empty();
    let config = fx.top().join("gitconfig");
    std::fs::write(&config, "[user]\n\tname = A B\n\temail = a@b.c\n")
        .expect("what the test has made");
    fx.set(
        "GIT_CONFIG_GLOBAL",
        config.to_str().expect("what the test has made"),
    );
    fx
}

/// The files and folders without anything in them, by their paths.
fn files(fx: &Fixture, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in fx.list(folder) {
        let path = format!("{folder}/{name}");
        match fx.path(&path).is_dir() {
            true => found.extend(files(fx, &path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn a_project_with_its_package_in_src() {
    let fx = place();
    insta::assert_snapshot!(fx.mpoetry(["new", "My.Demo_Pkg", "--python", ">=3.11"]), @"
    exit: 0
    ----- stdout -----
    Created package my_demo_pkg in My.Demo_Pkg
    ");
    insta::assert_snapshot!(files(&fx, "My.Demo_Pkg").join("\n"), @"
    My.Demo_Pkg/README.md
    My.Demo_Pkg/pyproject.toml
    My.Demo_Pkg/src/my_demo_pkg/__init__.py
    My.Demo_Pkg/tests/__init__.py
    ");
    insta::assert_snapshot!(fx.read("My.Demo_Pkg/pyproject.toml"), @r#"
    [project]
    name = "my-demo-pkg"
    version = "0.1.0"
    description = ""
    authors = [
        {name = "A B",email = "a@b.c"}
    ]
    readme = "README.md"
    requires-python = ">=3.11"
    dependencies = [
    ]

    [tool.poetry]
    packages = [{include = "my_demo_pkg", from = "src"}]

    [build-system]
    requires = ["poetry-core>=2.0.0,<3.0.0"]
    build-backend = "poetry.core.masonry.api"
    "#);
    // It is a project that can be worked with.
    fx.mpoetry_in("My.Demo_Pkg", ["lock"]).success();
}

#[test]
fn a_flat_project_with_all_that_options_say() {
    let fx = place();
    insta::assert_snapshot!(
        fx.mpoetry(["new", "a/demo", "--flat", "--name", "acme.tools", "--readme", "RST", "--description", "A \"d\"",
            "--author", "Jane Roe", "--license", "MIT", "--python", "^3.10"]),
        @"
    exit: 0
    ----- stdout -----
    Created package acme.tools in a/demo
    ");
    insta::assert_snapshot!(files(&fx, "a").join("\n"), @"
    a/demo/README.rst
    a/demo/acme/tools/__init__.py
    a/demo/pyproject.toml
    a/demo/tests/__init__.py
    ");
    insta::assert_snapshot!(fx.read("a/demo/pyproject.toml"), @r#"
    [project]
    name = "acme-tools"
    version = "0.1.0"
    description = "A \"d\""
    authors = [
        {name = "Jane Roe"}
    ]
    license = "MIT"
    readme = "README.rst"
    requires-python = "^3.10"
    dependencies = [
    ]

    [tool.poetry]
    packages = [{include = "acme"}]

    [build-system]
    requires = ["poetry-core>=2.0.0,<3.0.0"]
    build-backend = "poetry.core.masonry.api"
    "#);
    // Where the name tells the package, nothing is said about it, and a blank line stays.
    fx.mpoetry(["new", "plain", "--flat"]).success();
    let text = fx.read("plain/pyproject.toml");
    assert!(
        text.contains("dependencies = [\n]\n\n\n[build-system]"),
        "{text}"
    );
}

#[test]
fn versions_of_dependencies_are_looked_up() {
    let fx = place();
    for version in ["1.16.0", "1.17.0", "2.0a1"] {
        fx.index().publish(&Wheel::new("six", version));
    }
    fx.index().publish(&Wheel::new("requests", "2.31.0"));
    fx.write(
        "lib/pyproject.toml",
        "[project]\nname = \"my-lib\"\nversion = \"1.0\"\n",
    );
    insta::assert_snapshot!(
        fx.mpoetry(["new", "demo", "--dependency", "Six", "--dependency", "requests[socks]>=2,<3",
            "--dependency", "./lib", "--dev-dependency", "six==1.16.0"]),
        @"
    exit: 0
    ----- stdout -----
    Using version ^1.17.0 for six
    Created package demo in demo
    ");
    let text = fx.read("demo/pyproject.toml");
    let root = fx.root().display().to_string();
    let (_, lists) = text
        .split_once("\ndependencies")
        .expect("what the test has made");
    let (lists, _) = lists.split_once("\n[tool").expect("what the test has made");
    insta::assert_snapshot!(lists.replace(&root, "[root]"), @r#"
     = [
        "six (>=1.17.0,<2.0.0)",
        "requests[socks] (>=2,<3)",
        "my-lib @ file://[root]/lib"
    ]

    [dependency-groups]
    dev = [
        "six (==1.16.0)"
    ]
    "#);
}

#[test]
fn nothing_is_made_where_something_is_wrong() {
    let fx = place();
    fx.index().publish(&Wheel::new("six", "1.17.0"));
    fx.write("full/.hidden", "");
    fx.write("file", "");
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["new", "full"]), @"
    exit: 1
    ----- stderr -----

    Destination [root]/full exists and is not empty. Did you mean `poetry init`?
    ");
    insta::assert_snapshot!(fx.mpoetry(["new", "demo", "--author", "Jane <Roe"]), @"
    exit: 1
    ----- stderr -----

    Invalid author: Jane <Roe
    ");
    insta::assert_snapshot!(fx.mpoetry(["new", "demo", "--dependency", "six@^99"]), @"
    exit: 1
    ----- stderr -----

    Could not find a matching version of package six
    ");
    insta::assert_snapshot!(fx.mpoetry(["new", "demo", "--dependency", "none"]), @"
    exit: 1
    ----- stderr -----

    Could not find a matching version of package none
    ");
    insta::assert_snapshot!(fx.mpoetry(["new", "demo", "--name", "../demo"]), @"
    exit: 1
    ----- stderr -----

    `../demo` can't be the name of a project: no slash may be in it
    ");
    insta::assert_snapshot!(fx.mpoetry(["new"]), @r#"
    exit: 1
    ----- stderr -----

    Not enough arguments (missing: "path")
    "#);
    assert_eq!(fx.mpoetry(["new", "file"]).code, Some(1));
    fx.assert_unchanged(&before);
}

#[test]
fn an_empty_folder_is_filled() {
    let fx = place();
    std::fs::create_dir(fx.path("sub")).expect("what the test has made");
    insta::assert_snapshot!(fx.mpoetry_in("sub", ["new", ".", "--src"]), @"
    exit: 0
    ----- stdout -----
    Created package sub in .
    ----- stderr -----
    The --src option is now the default and will be removed in a future version.
    ");
    assert_eq!(
        fx.list("sub"),
        ["README.md", "pyproject.toml", "src", "tests"]
    );
}

#[test]
fn without_git_the_author_is_to_be_filled_in() {
    let fx = Fixture::empty();
    fx.mpoetry(["new", "demo"]).success();
    let text = fx.read("demo/pyproject.toml");
    assert!(
        text.contains("{name = \"Your Name\",email = \"you@example.com\"}"),
        "{text}"
    );
}
