//! `mpoetry init`.

use super::new::place;
use crate::support::{Fixture, Outcome, Wheel, program};

const PYTHON: [&str; 2] = ["--python", ">=3.11"];

/// Runs `init` with these lines on its stdin.
fn answered(fx: &Fixture, lines: &[&str]) -> Outcome {
    let answers = fx.top().join("answers");
    std::fs::write(
        &answers,
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    )
    .expect("what the test has made");
    let mut command = fx.command(program());
    command.arg("init").args(PYTHON);
    fx.run(command.stdin(std::fs::File::open(&answers).expect("what the test has made")))
}

#[test]
fn a_file_for_what_is_there() {
    let fx = place();
    fx.write("My_Lib/README.md", "");
    let [option, value] = PYTHON;
    insta::assert_snapshot!(fx.mpoetry_in("My_Lib", ["init", "-n", option, value]), @"exit: 0");
    assert_eq!(fx.list("My_Lib"), ["README.md", "pyproject.toml"]);
    insta::assert_snapshot!(fx.read("My_Lib/pyproject.toml"), @r#"
    [project]
    name = "my-lib"
    version = "0.1.0"
    description = ""
    authors = [
        {name = "A B",email = "a@b.c"}
    ]
    readme = "README.md"
    requires-python = ">=3.11"
    dependencies = [
    ]


    [build-system]
    requires = ["poetry-core>=2.0.0,<3.0.0"]
    build-backend = "poetry.core.masonry.api"
    "#);
    // The preferred Python's minor version is the oldest that is supported.
    std::fs::create_dir(fx.path("other")).expect("what the test has made");
    fx.mpoetry(["init", "-n", "-P", "other"]).success();
    let text = fx.read("other/pyproject.toml");
    assert!(text.contains("\nrequires-python = \">=3."), "{text}");
}

#[test]
fn sections_are_added_to_what_is_there() {
    let fx = place();
    fx.write(
        "pyproject.toml",
        "# mine\r\n[tool.black]\r\nline-length = 1\r\n",
    );
    fx.mpoetry(["init", "-n", "--name", "a.b", "--python", "^3.11"])
        .success();
    let text = fx.read("pyproject.toml");
    assert!(text.starts_with(
        "# mine\r\n[tool.black]\r\nline-length = 1\r\n\r\n[project]\r\nname = \"a-b\"\r\n"
    ));
    assert!(
        text.contains("\r\n[tool.poetry]\r\npackages = [{include = \"a\"}]\r\n\r\n[build-system]")
    );
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
}

#[test]
fn projects_and_foreign_sections_stay_as_they_are() {
    let fx = place();
    fx.index().publish(&Wheel::new("six", "1.17.0"));
    for (text, expected) in [
        (
            "[tool.poetry]\n",
            "A pyproject.toml file with a project and/or a poetry section already exists.\n",
        ),
        (
            "[project]\nname = \"a\"\nversion = \"1\"\n",
            "A pyproject.toml file with a project and/or a poetry section already exists.\n",
        ),
        (
            "[build-system]\nrequires = []\n",
            "A pyproject.toml file with a defined build-system already exists.\n",
        ),
        (
            "[project]\nname = \"a\"\n",
            "\nKey \"project\" already exists.\n",
        ),
        (
            "[dependency-groups]\ndev = []\n",
            "\nKey \"dependency-groups\" already exists.\n",
        ),
        ("[broken\n", "\nInvalid TOML file [root]/pyproject.toml: "),
    ] {
        fx.write("pyproject.toml", text);
        let outcome = fx.mpoetry(["init", "-n", "--dev-dependency", "six"]);
        assert_eq!(outcome.code, Some(1), "{text}: {outcome}");
        assert!(outcome.stderr.starts_with(expected), "{text}: {outcome}");
        assert_eq!(fx.read("pyproject.toml"), text);
    }
}

#[test]
fn questions_are_answered_by_lines_of_stdin() {
    let fx = place();
    let outcome = answered(
        &fx,
        &[
            "my.pkg",
            "2.0",
            "A thing",
            "bad <",
            "C D <c@d.e>",
            "MIT",
            "no",
            "no",
            "",
        ],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let manifest = fx.read("pyproject.toml");
    let said = "\nThis command will guide you through creating your pyproject.toml config.\n\n\nGenerated file\n\n";
    assert_eq!(outcome.stdout, format!("{said}{manifest}\n\n"));
    let asked = "Package name [repo]:  Version [0.1.0]:  Description []:  Author [A B <a@b.c>, n to skip]:  \
        Invalid author string. Must be in the format: John Smith <john@example.com>\n\
        Author [A B <a@b.c>, n to skip]:  License []:  \
        Would you like to define your main dependencies interactively? (yes/no) [yes] \
        Would you like to define your development dependencies interactively? (yes/no) [yes] \
        Do you confirm generation? (yes/no) [yes] ";
    assert_eq!(outcome.stderr, asked);
    let (head, _) = manifest
        .split_once("\nrequires-python")
        .expect("what the test has made");
    insta::assert_snapshot!(head, @r#"
    [project]
    name = "my-pkg"
    version = "2.0"
    description = "A thing"
    authors = [
        {name = "C D",email = "c@d.e"}
    ]
    license = "MIT"
    "#);
    assert!(
        manifest.contains("packages = [{include = \"my\"}]"),
        "{manifest}"
    );
}

#[test]
fn dependencies_are_asked_for_until_there_are_no_more() {
    let fx = place();
    for version in ["1.16.0", "1.17.0"] {
        fx.index().publish(&Wheel::new("six", version));
    }
    fx.index().publish(&Wheel::new("attrs", "25.1.0"));
    let defaults = ["", "", "", "", ""];
    let packages = [
        "y",
        "a b c",
        "none",
        "six",
        "0",
        "",
        "attrs@^25",
        "",
        "y",
        "six",
        "six",
        "^1.10",
        "",
        "y",
    ];
    let outcome = answered(&fx, &[&defaults[..], &packages].concat()).success();
    for line in [
        "Found 2 packages matching six\n",
        "Using version ^1.17.0 for six\n",
        "Adding attrs@^25\n",
    ] {
        assert!(outcome.stdout.contains(line), "{outcome}");
    }
    for line in [
        "Invalid package definition.\n",
        "Unable to find package\n",
        " [ 0] six\n [ 1] \n > ",
    ] {
        assert!(outcome.stderr.contains(line), "{outcome}");
    }
    let text = fx.read("pyproject.toml");
    let (_, lists) = text
        .split_once("\ndependencies")
        .expect("what the test has made");
    let (lists, _) = lists
        .split_once("\n\n[build")
        .expect("what the test has made");
    insta::assert_snapshot!(lists, @r#"
     = [
        "six (>=1.17.0,<2.0.0)",
        "attrs (>=25,<26)"
    ]

    [dependency-groups]
    dev = [
        "six (>=1.10,<2.0)"
    ]
    "#);
}

/// Poetry asks again and again when there is no answer.
#[test]
fn nothing_is_written_without_a_yes() {
    let fx = place();
    let outcome = answered(&fx, &["", "", "", "n", "", "n", "n", "no"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .stdout
            .contains("{name = \"Your Name\",email = \"you@example.com\"}"),
        "{outcome}"
    );
    assert!(
        outcome.stderr.ends_with("[yes] Command aborted\n"),
        "{outcome}"
    );
    let outcome = answered(&fx, &["a"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.contains("\nAborted\n"), "{outcome}");
    assert_eq!(fx.list(""), Vec::<String>::new());
}

#[test]
fn questions_are_asked_on_a_terminal() {
    let fx = place();
    let mut command = fx.command(program());
    command.args(["new", "demo", "-i", "--flat"]).args(PYTHON);
    let outcome = fx.on_terminal(&["", "3.0", "", "", "", "n", "n", "y"], &command);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(
        outcome.stdout.ends_with("Created package demo in demo\n"),
        "{outcome}"
    );
    assert!(
        fx.read("demo/pyproject.toml")
            .contains("\nversion = \"3.0\"\n")
    );
    // Without -i there is nothing to answer.
    let mut command = fx.command(program());
    command.args(["new", "other"]);
    let outcome = fx.on_terminal(&[], &command).success();
    assert_eq!(outcome.stdout, "Created package other in other\n");
}

#[test]
fn options_answer_the_questions() {
    let fx = place();
    for (name, versions) in [("web", ["1.0", "1.4"]), ("check", ["2.0", "3.1"])] {
        for version in versions {
            fx.index().publish(&Wheel::new(name, version));
        }
    }
    let [option, value] = PYTHON;
    let outcome = fx.mpoetry([
        "init",
        "-n",
        "--name=my-shop",
        "--description",
        "Sells \"things\"",
        "--author",
        "C D <c@d.e>",
        option,
        value,
        "--dependency=Web",
        "--dependency",
        "check:<3",
        "--dev-dependency",
        "check@^3",
        "-l",
        "MIT",
    ]);
    insta::assert_snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    Using version ^1.4 for web
    ");
    insta::assert_snapshot!(fx.read("pyproject.toml"), @r#"
    [project]
    name = "my-shop"
    version = "0.1.0"
    description = "Sells \"things\""
    authors = [
        {name = "C D",email = "c@d.e"}
    ]
    license = "MIT"
    requires-python = ">=3.11"
    dependencies = [
        "web (>=1.4,<2.0)",
        "check (<3)"
    ]

    [dependency-groups]
    dev = [
        "check (>=3,<4)"
    ]


    [build-system]
    requires = ["poetry-core>=2.0.0,<3.0.0"]
    build-backend = "poetry.core.masonry.api"
    "#);
}
