//! `mpoetry env use`.

use super::Project;
use crate::support::Fixture;

#[test]
fn a_choice_is_noted_and_environments_stay_side_by_side() {
    let project = Project::new();
    insta::assert_snapshot!(project.use_this(), @"
    exit: 0
    ----- stdout -----
    Using virtualenv: [central]/[base]-py[this]
    ----- stderr -----
    Creating virtualenv [base]-py[this] in [central]
    ");
    insta::assert_snapshot!(project.choices(), @r#"
    [[base]]
    minor = "[this]"
    patch = "[this.patch]"
    "#);
    insta::assert_snapshot!(project.use_other(), @"
    exit: 0
    ----- stdout -----
    Using virtualenv: [central]/[base]-py[other]
    ----- stderr -----
    Creating virtualenv [base]-py[other] in [central]
    ");
    insta::assert_snapshot!(project.choices(), @r#"
    [[base]]
    minor = "[other]"
    patch = "[other.patch]"
    "#);
    assert_eq!(project.present(), [true, true]);
    insta::assert_snapshot!(project.run(&["env", "info", "-p"]), @"
    exit: 0
    ----- stdout -----
    [central]/[base]-py[other]
    ");
    // Back again: nothing is made.
    insta::assert_snapshot!(project.use_this(), @"
    exit: 0
    ----- stdout -----
    Using virtualenv: [central]/[base]-py[this]
    ");
    insta::assert_snapshot!(project.run(&["env", "use", "system"]), @"
    exit: 0
    ----- stderr -----
    Deactivating virtualenv: [central]/[base]-py[this]
    ");
    assert_eq!(project.choices(), "");
    assert_eq!(project.present(), [true, true]);
    insta::assert_snapshot!(project.run(&["env", "use", "system"]), @"exit: 0");
}

/// Entries of other projects, and what people wrote beside them, stay as they are.
#[test]
fn the_choices_of_other_projects_stay() {
    let project = Project::new();
    let others = "# mine\n[a-12345678]\nminor = \"3.9\"\npatch = \"3.9.1\"\n";
    project
        .fx
        .write("../home/.cache/pypoetry/virtualenvs/envs.toml", others);
    project.use_this().success();
    insta::assert_snapshot!(project.choices(), @r#"
    # mine
    [a-12345678]
    minor = "3.9"
    patch = "3.9.1"

    [[base]]
    minor = "[this]"
    patch = "[this.patch]"
    "#);
    project.run(&["env", "use", "system"]).success();
    assert_eq!(project.choices(), format!("{others}\n"));
}

#[test]
fn pythons_are_named_by_command_and_version() {
    let project = Project::new();
    let (version, minor) = (&project.other.version, super::minor(&project.other.version));
    for name in [
        minor,
        version,
        &format!("python{minor}"),
        &format!("cpython@{minor}"),
    ] {
        project.run(&["env", "use", "system"]).success();
        let outcome = project.use_python(name).success();
        assert_eq!(
            outcome.stdout, "Using virtualenv: [central]/[base]-py[other]\n",
            "{name}"
        );
    }
}

#[test]
fn a_python_that_is_not_there() {
    let project = Project::new();
    insta::assert_snapshot!(project.use_python("9.9"), @"
    exit: 1
    ----- stderr -----

    Could not find the python executable 9.9
    ");
    for name in ["nope", "./nope", "/nope/python", ".", ""] {
        let outcome = project.use_python(name);
        let expected = format!("\nCould not find the python executable {name}\n");
        assert_eq!((outcome.code, outcome.stderr), (Some(1), expected));
    }
    assert_eq!(project.choices(), "none");
}

#[test]
fn a_python_that_the_project_does_not_support() {
    let project = Project::new();
    project.use_this().success();
    let before = project.choices();
    let excluded = format!("requires-python = \"!={}\"", project.other.version);
    project
        .fx
        .edit("pyproject.toml", "requires-python = \">=3.11\"", &excluded);
    insta::assert_snapshot!(project.use_other(), @"
    exit: 1
    ----- stderr -----

    The specified Python version ([other.patch]) is not supported by the project (!=[other.patch]).
    Please choose a compatible version or loosen the python constraint specified in the pyproject.toml file.
    ");
    assert_eq!(project.choices(), before);
    assert_eq!(project.present(), [true, false]);
}

/// Here Poetry passes on what Python says of a process that failed.
#[test]
fn a_program_that_is_no_python() {
    let project = Project::new();
    let outcome = project.use_python("/bin/false");
    assert_eq!(outcome.code, Some(1), "{outcome}");
    insta::assert_snapshot!(project.use_python("/bin/true"), @"
    exit: 1
    ----- stderr -----

    `/bin/true` is no usable Python: it does not tell about itself
    ");
    assert_eq!(project.choices(), "none");
}

#[test]
fn an_environment_in_the_project_is_made_again_and_not_noted() {
    let mut project = Project::new();
    project.fx.set("POETRY_VIRTUALENVS_IN_PROJECT", "true");
    project.fx.write(".venv", "a file");
    insta::assert_snapshot!(project.use_this(), @"
    exit: 0
    ----- stdout -----
    Using virtualenv: [root]/.venv
    ----- stderr -----
    [root]/.venv is not a virtual environment but a file. Removing it.
    Creating virtualenv my-demo in [root]/.venv
    ");
    project.fx.write(".venv/mine", "");
    insta::assert_snapshot!(project.use_this(), @"
    exit: 0
    ----- stdout -----
    Using virtualenv: [root]/.venv
    ");
    assert!(project.fx.exists(".venv/mine"));
    insta::assert_snapshot!(project.use_other(), @"
    exit: 0
    ----- stdout -----
    Using virtualenv: [root]/.venv
    ----- stderr -----
    Recreating virtualenv my-demo in [root]/.venv
    ");
    assert!(!project.fx.exists(".venv/mine"));
    assert_eq!(project.choices(), "none");
}

/// The same minor, another patch: the note tells.
#[test]
fn another_patch_makes_the_environment_anew() {
    let project = Project::new();
    project.use_this().success();
    let note = |patch: &str| {
        let path = "../home/.cache/pypoetry/virtualenvs/envs.toml";
        let (base, minor) = (project.base(), project.minor());
        let text = format!("[{base}]\nminor = \"{minor}\"\npatch = \"{patch}\"\n");
        project.fx.write(path, text);
    };
    let mine = project.central(project.minor()).join("mine");
    std::fs::write(&mine, "").unwrap();
    note(&project.version);
    project.use_this().success();
    assert!(mine.exists());
    note(&format!("{}.99", project.minor()));
    insta::assert_snapshot!(project.use_this(), @"
    exit: 0
    ----- stdout -----
    Using virtualenv: [central]/[base]-py[this]
    ----- stderr -----
    Recreating virtualenv [base]-py[this] in [central]/[base]-py[this]
    ");
    assert!(!mine.exists());
    insta::assert_snapshot!(project.choices(), @r#"
    [[base]]
    minor = "[this]"
    patch = "[this.patch]"
    "#);
}

#[test]
fn a_choice_whose_environment_is_gone_is_forgotten() {
    let project = Project::new();
    project.use_other().success();
    std::fs::remove_dir_all(project.central(super::minor(&project.other.version))).unwrap();
    insta::assert_snapshot!(project.run(&["env", "info", "-p"]), @"exit: 1");
    assert_eq!(project.choices(), "");
}

/// Poetry leaves the chosen one broken, and makes one for another Python, with every command anew.
#[test]
fn a_chosen_environment_that_is_broken_is_mended() {
    let project = Project::new();
    project.use_other().success();
    let root = project.central(super::minor(&project.other.version));
    std::fs::remove_file(root.join("bin/python")).unwrap();
    std::fs::remove_file(root.join("bin/python3")).unwrap();
    insta::assert_snapshot!(project.run(&["run", "true"]), @"
    exit: 0
    ----- stderr -----
    The virtual environment found in [central]/[base]-py[other] seems to be broken.
    Recreating virtualenv [base]-py[other] in [central]/[base]-py[other]
    ");
    insta::assert_snapshot!(project.run(&["run", "true"]), @"exit: 0");
    assert_eq!(project.present(), [false, true]);
}

/// Poetry notes the choice, if it can, and goes on with another Python.
#[test]
fn where_creation_is_off_nothing_can_be_chosen() {
    let mut project = Project::new();
    project.fx.set("POETRY_VIRTUALENVS_CREATE", "false");
    insta::assert_snapshot!(project.use_other(), @"
    exit: 1
    ----- stderr -----

    Poetry cannot switch to a compatible Python version because virtualenv creation is disabled.
    ");
    assert_eq!(project.choices(), "none");
}

#[test]
fn words_that_do_not_fit() {
    let project = Project::new();
    insta::assert_snapshot!(project.run(&["env", "use"]), @r#"
    exit: 1
    ----- stderr -----

    Not enough arguments (missing: "python")
    "#);
    insta::assert_snapshot!(project.run(&["env", "use", "a", "b"]), @r#"
    exit: 1
    ----- stderr -----

    Too many arguments to "env use" command, expected arguments "python"
    "#);
    let elsewhere = Fixture::empty();
    insta::assert_snapshot!(elsewhere.mpoetry(["env", "use", "3.11"]), @"
    exit: 1
    ----- stderr -----

    Poetry could not find a pyproject.toml file in [root] or its parents
    ");
}

#[test]
fn a_broken_file_of_choices_is_named() {
    let project = Project::new();
    project
        .fx
        .write("../home/.cache/pypoetry/virtualenvs/envs.toml", "[a");
    for words in [&["env", "info", "-p"][..], &["env", "use", "system"]] {
        let outcome = project.run(words);
        let start = "\nInvalid TOML file [central]/envs.toml: ";
        assert!(outcome.stderr.starts_with(start), "{outcome}");
        assert_eq!(outcome.code, Some(1));
    }
}
