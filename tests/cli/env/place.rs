//! Which environment is used: an active one, one in the project, a central one, or none.

use super::Project;
use crate::support::python;

impl Project {
    /// `env info -p`.
    fn place(&self) -> String {
        let outcome = self.run(&["env", "info", "-p"]);
        match outcome.code {
            Some(0) => outcome.stdout.trim_end().to_owned(),
            _ => "none".to_owned(),
        }
    }
}

#[test]
fn an_active_environment_is_used_unless_another_was_chosen() {
    let mut project = Project::new();
    assert_eq!(project.place(), "none");
    project.fx.set("VIRTUAL_ENV", "/active");
    assert_eq!(project.place(), "/active");
    project.fx.write(".venv/any", "");
    assert_eq!(project.place(), "/active");
    project.fx.remove(".venv");
    project.use_other().success();
    assert_eq!(project.place(), "[central]/[base]-py[other]");
    project.fx.write(".venv/any", "");
    assert_eq!(project.place(), "[root]/.venv");
}

#[test]
fn conda_counts_but_not_its_base() {
    for (variables, place) in [
        (&[("CONDA_PREFIX", "/conda")][..], "/conda"),
        (&[("CONDA_PREFIX", "")], "none"),
        (
            &[("CONDA_PREFIX", "/conda"), ("CONDA_DEFAULT_ENV", "base")],
            "none",
        ),
        (
            &[("CONDA_PREFIX", "/conda"), ("CONDA_DEFAULT_ENV", "mine")],
            "/conda",
        ),
        (
            &[("CONDA_PREFIX", "/conda"), ("VIRTUAL_ENV", "/active")],
            "/active",
        ),
        (&[("CONDA_PREFIX", "/conda"), ("VIRTUAL_ENV", "")], "none"),
        (
            &[("VIRTUAL_ENV", "/active"), ("CONDA_DEFAULT_ENV", "base")],
            "none",
        ),
    ] {
        let mut project = Project::new();
        for (name, value) in variables {
            project.fx.set(name, value);
        }
        assert_eq!(project.place(), place, "{variables:?}");
    }
}

#[test]
fn a_folder_in_the_project_counts_unless_the_setting_says_no() {
    let mut project = Project::new();
    project.fx.write(".venv", "a file");
    assert_eq!(project.place(), "none");
    project.fx.remove(".venv");
    project.fx.write(".venv/any", "");
    assert_eq!(project.place(), "[root]/.venv");
    project.fx.set("POETRY_VIRTUALENVS_CREATE", "false");
    assert_eq!(project.place(), "[root]/.venv");
    project.fx.set("POETRY_VIRTUALENVS_IN_PROJECT", "false");
    assert_eq!(project.place(), "none");
}

#[test]
fn the_environment_is_told_on_demand() {
    let project = Project::new();
    for _ in 0..2 {
        let words = project.run(&["-v", "run", "true"]).success().stderr;
        let told = words.lines().filter(|line| line.starts_with("Using"));
        let expected = "Using virtualenv: [central]/[base]-py[this]";
        assert_eq!(told.collect::<Vec<_>>(), [expected], "{words}");
    }
}

/// What is active but gone does not cost the project's own environment. Poetry makes that one again.
#[test]
fn an_active_environment_that_is_gone() {
    let mut project = Project::new();
    project.fx.set("VIRTUAL_ENV", "/gone");
    insta::assert_snapshot!(project.run(&["run", "true"]), @"
    exit: 0
    ----- stderr -----
    Creating virtualenv [base]-py[this] in [central]
    ");
    let mine = project.central(project.minor()).join("mine");
    std::fs::write(&mine, "").unwrap();
    insta::assert_snapshot!(project.run(&["run", "true"]), @"
    exit: 0
    ----- stderr -----
    The virtual environment found in /gone seems to be broken.
    ");
    assert!(mine.exists());
}

#[test]
fn an_environment_whose_python_the_project_does_not_support() {
    let project = Project::new();
    project.use_this().success();
    project.fx.edit("pyproject.toml", ">=3.11", ">=3.97");
    insta::assert_snapshot!(project.run(&["run", "true"]), @r#"
    exit: 1
    ----- stderr -----

    Current Python version ([this.patch]) is not allowed by the project (>=3.97).
    Please change python executable via the "env use" command.
    "#);
    insta::assert_snapshot!(project.run(&["env", "activate"]), @r#"
    exit: 1
    ----- stderr -----

    Current Python version ([this.patch]) is not allowed by the project (>=3.97).
    Please change python executable via the "env use" command.
    "#);
    assert_eq!(project.place(), "[central]/[base]-py[this]");
}

#[test]
fn without_a_python_that_fits_there_is_none() {
    let project = Project::new();
    project.fx.edit("pyproject.toml", ">=3.11", ">=3.99");
    insta::assert_snapshot!(project.run(&["run", "true"]), @r#"
    exit: 1
    ----- stderr -----
    The currently activated Python version [this.patch] is not supported by the project (>=3.99).
    Trying to find and use a compatible version. 

    Poetry was unable to find a compatible version. If you have one, you can explicitly use it via the "env use" command.
    "#);
    assert_eq!(project.present(), [false, false]);
}

/// The newest that fits is taken, not the nearest.
#[test]
fn another_python_is_found_when_the_first_does_not_fit() {
    let project = Project::new();
    let excluded = format!("requires-python = \"!={}\"", project.version);
    project
        .fx
        .edit("pyproject.toml", "requires-python = \">=3.11\"", &excluded);
    // Poetry has found those of the machine, too.
    if std::env::var_os("MPOETRY_TEST_PROGRAM").is_none() {
        insta::assert_snapshot!(project.run(&["run", "true"]), @"
        exit: 0
        ----- stderr -----
        The currently activated Python version [this.patch] is not supported by the project (!=[this.patch]).
        Trying to find and use a compatible version. 
        Using python[other] ([other.patch])
        Creating virtualenv [base]-py[other] in [central]
        ");
        assert_eq!(project.present(), [false, true]);
    }
}

/// pyenv's shims are asked which Python they stand for; what is not switched on is found among its versions.
#[test]
fn pythons_of_pyenv() {
    let mut project = Project::new();
    let root = project.fx.top().join("pyenv");
    project.fx.set("PYENV_ROOT", root.to_str().unwrap());
    let shim = |name: &str, script: &str| {
        let path = format!("../pyenv/shims/{name}");
        project.fx.write(&path, format!("#!/bin/sh\n{script}\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(project.fx.path(&path), mode).unwrap();
    };
    let this = python().executable.display().to_string();
    let other = project.other.executable.display().to_string();
    shim("python", &format!("exec {other} \"$@\""));
    shim(
        "python3",
        "echo 'pyenv: python3: command not found' >&2; exit 127",
    );
    let versions = root.join("versions");
    std::fs::create_dir_all(&versions).unwrap();
    let home = python().executable.parent().unwrap().parent().unwrap();
    std::os::unix::fs::symlink(home, versions.join("this")).unwrap();
    project
        .fx
        .set("PATH", &format!("{}/shims:/bin", root.display()));
    project.run(&["run", "true"]).success();
    assert_eq!(project.present(), [false, true], "{this}");
    // Poetry gives up at the shim.
    let named = project.use_python("python3").success();
    assert_eq!(
        named.stdout,
        "Using virtualenv: [central]/[base]-py[this]\n"
    );
}
