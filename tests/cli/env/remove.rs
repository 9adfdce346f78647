//! `mpoetry env remove`.

use super::{CENTRAL, Project, minor};
use crate::support::python;

#[test]
fn nothing_named_nothing_removed() {
    let project = Project::new();
    project.use_this().success();
    insta::assert_snapshot!(project.run(&["env", "remove"]), @"
    exit: 0
    ----- stdout -----
    No virtualenv provided.
    ");
    assert_eq!(project.present(), [true, false]);
}

#[test]
fn all_of_them_and_the_choice() {
    let project = Project::new();
    project.use_this().success();
    project.use_other().success();
    insta::assert_snapshot!(project.run(&["env", "remove", "--all"]), @"
    exit: 0
    ----- stdout -----
    Deleted virtualenv: [central]/[base]-py[this]
    Deleted virtualenv: [central]/[base]-py[other]
    ");
    assert_eq!(project.present(), [false, false]);
    assert_eq!(project.choices(), "");
    insta::assert_snapshot!(project.run(&["env", "remove", "--all"]), @"exit: 0");
}

#[test]
fn by_name() {
    let project = Project::new();
    project.use_other().success();
    project.use_this().success();
    let name = format!("{}-py{}", project.base(), minor(&project.other.version));
    insta::assert_snapshot!(project.run(&["env", "remove", &name]), @"
    exit: 0
    ----- stdout -----
    Deleted virtualenv: [central]/[base]-py[other]
    ");
    assert_eq!(project.present(), [true, false]);
    // The other one is chosen still.
    insta::assert_snapshot!(project.choices(), @r#"
    [[base]]
    minor = "[this]"
    patch = "[this.patch]"
    "#);
    insta::assert_snapshot!(project.run(&["env", "remove", &name]), @r#"
    exit: 1
    ----- stderr -----

    Environment "[base]-py[other]" does not exist.
    "#);
    let name = format!("{}-py{}", project.base(), project.minor());
    project.run(&["env", "remove", &name]).success();
    assert_eq!(project.choices(), "");
}

#[test]
fn by_python() {
    let project = Project::new();
    project.use_this().success();
    let version = project.version.clone();
    let command = format!("python{}", project.minor());
    for name in [project.minor(), &version, &command, "python"] {
        project.use_this().success();
        let outcome = project.run(&["env", "remove", name]).success();
        assert_eq!(
            outcome.stdout, "Deleted virtualenv: [central]/[base]-py[this]\n",
            "{name}"
        );
        assert_eq!(
            (project.choices().as_str(), project.present()),
            ("", [false, false])
        );
    }
    insta::assert_snapshot!(project.run(&["env", "remove", &command]), @r#"
    exit: 1
    ----- stderr -----

    Environment "[base]-py[this]" does not exist.
    "#);
}

#[test]
fn by_the_path_of_its_own_python() {
    let project = Project::new();
    project.use_this().success();
    let own = project.central(project.minor()).join("bin/python");
    let foreign = python().executable.display().to_string();
    let outcome = project.run(&["env", "remove", &foreign]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .ends_with(" doesn't belong to this project.\n"),
        "{outcome}"
    );
    insta::assert_snapshot!(project.run(&["env", "remove", own.to_str().unwrap()]), @"
    exit: 0
    ----- stdout -----
    Deleted virtualenv: [central]/[base]-py[this]
    ");
}

/// Poetry starts the Python to hear its version, and fails where it is gone or stands behind a shim of pyenv.
#[test]
fn by_the_version_of_a_python_that_does_not_run() {
    let mut project = Project::new();
    project.use_other().success();
    project.fx.set("PATH", "/nowhere");
    let version = minor(&project.other.version).to_owned();
    insta::assert_snapshot!(project.run(&["env", "remove", &version]), @"
    exit: 0
    ----- stdout -----
    Deleted virtualenv: [central]/[base]-py[other]
    ");
    assert_eq!(project.present(), [false, false]);
}

#[test]
fn another_projects_environment_stays() {
    let project = Project::new();
    let foreign = project.fx.top().join(CENTRAL).join("foo-12345678-py3.11");
    std::fs::create_dir_all(&foreign).unwrap();
    insta::assert_snapshot!(project.run(&["env", "remove", "foo-12345678-py3.11"]), @"
    exit: 1
    ----- stderr -----

    Env foo-12345678-py[this] doesn't belong to this project.
    ");
    project.run(&["env", "remove", "--all"]).success();
    assert!(foreign.exists());
}

/// Poetry finds no such Python before it looks for the environment.
#[test]
fn the_first_that_is_not_there_ends_it() {
    let project = Project::new();
    project.use_this().success();
    project.use_other().success();
    let (this, other) = (project.minor(), minor(&project.other.version));
    insta::assert_snapshot!(project.run(&["env", "remove", this, "3.2", other]), @r#"
    exit: 1
    ----- stdout -----
    Deleted virtualenv: [central]/[base]-py[this]
    ----- stderr -----

    Environment "[base]-py3.2" does not exist.
    "#);
    assert_eq!(project.present(), [false, true]);
}

/// Poetry's text is that of the system call that fails.
#[test]
fn what_is_neither_an_environment_nor_a_python() {
    let project = Project::new();
    insta::assert_snapshot!(project.run(&["env", "remove", "nope"]), @"
    exit: 1
    ----- stderr -----

    Could not find the python executable nope
    ");
}

#[test]
fn the_one_in_the_project() {
    let mut project = Project::new();
    project.use_this().success();
    project.fx.write(".venv/any", "");
    insta::assert_snapshot!(project.run(&["env", "remove"]), @"
    exit: 0
    ----- stdout -----
    No virtualenv provided.
    ");
    assert!(project.fx.exists(".venv"));
    project.fx.set("POETRY_VIRTUALENVS_IN_PROJECT", "true");
    insta::assert_snapshot!(project.run(&["env", "remove"]), @"
    exit: 0
    ----- stdout -----
    Deleted virtualenv: [root]/.venv
    ");
    assert!(!project.fx.exists(".venv"));
    // With that setting, `--all` means no central ones.
    insta::assert_snapshot!(project.run(&["env", "remove", "--all"]), @"exit: 0");
    assert_eq!(project.present(), [true, false]);
    assert_eq!(project.choices(), "");
}

/// `env list` calls it so; Poetry looks for a Python with this name.
#[test]
fn the_one_in_the_project_by_name() {
    let project = Project::new();
    project.fx.write(".venv/any", "");
    insta::assert_snapshot!(project.run(&["env", "remove", ".venv"]), @"
    exit: 0
    ----- stdout -----
    Deleted virtualenv: [root]/.venv
    ");
}

#[test]
fn of_a_link_only_the_link() {
    let mut project = Project::new();
    project.fx.write("target/mine", "");
    std::os::unix::fs::symlink(project.fx.path("target"), project.fx.path(".venv")).unwrap();
    project.fx.set("POETRY_VIRTUALENVS_IN_PROJECT", "true");
    insta::assert_snapshot!(project.run(&["env", "remove"]), @"
    exit: 0
    ----- stdout -----
    Deleted virtualenv: [root]/.venv
    ");
    assert!(!project.fx.exists(".venv") && project.fx.exists("target/mine"));
}
