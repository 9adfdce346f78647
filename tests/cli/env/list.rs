//! `mpoetry env list`.

use super::Project;

#[test]
fn nothing_to_list() {
    let project = Project::new();
    insta::assert_snapshot!(project.run(&["env", "list"]), @"exit: 0");
    insta::assert_snapshot!(project.run(&["env", "list", "--full-path"]), @"exit: 0");
}

#[test]
fn the_one_that_is_used_is_marked() {
    let mut project = Project::new();
    project.use_other().success();
    project.use_this().success();
    insta::assert_snapshot!(project.run(&["env", "list"]), @"
    exit: 0
    ----- stdout -----
    [base]-py[this] (Activated)
    [base]-py[other]
    ");
    insta::assert_snapshot!(project.run(&["env", "list", "--full-path"]), @"
    exit: 0
    ----- stdout -----
    [central]/[base]-py[this] (Activated)
    [central]/[base]-py[other]
    ");
    project.use_other().success();
    insta::assert_snapshot!(project.run(&["env", "list"]), @"
    exit: 0
    ----- stdout -----
    [base]-py[this]
    [base]-py[other] (Activated)
    ");
    // One in the project comes first, and is used unless the setting says no.
    project.fx.write(".venv/any", "");
    insta::assert_snapshot!(project.run(&["env", "list"]), @"
    exit: 0
    ----- stdout -----
    .venv (Activated)
    [base]-py[this]
    [base]-py[other]
    ");
    project.fx.set("POETRY_VIRTUALENVS_IN_PROJECT", "false");
    insta::assert_snapshot!(project.run(&["env", "list"]), @"
    exit: 0
    ----- stdout -----
    [base]-py[this]
    [base]-py[other] (Activated)
    ");
}

/// What is active elsewhere is no environment of the project, and then none of its own is used.
#[test]
fn an_active_one_is_not_listed() {
    let mut project = Project::new();
    project.use_this().success();
    project.run(&["env", "use", "system"]).success();
    let active = project.fx.top().join("other").display().to_string();
    project.fx.set("VIRTUAL_ENV", &active);
    insta::assert_snapshot!(project.run(&["env", "list"]), @"
    exit: 0
    ----- stdout -----
    [base]-py[this]
    ");
    project.use_this().success();
    insta::assert_snapshot!(project.run(&["env", "list"]), @"
    exit: 0
    ----- stdout -----
    [base]-py[this] (Activated)
    ");
}

/// Other projects' environments have another hash, or another name.
#[test]
fn only_those_of_the_project_are_listed() {
    let project = Project::new();
    project.use_this().success();
    for name in [
        "my-demo-12345678-py3.11",
        "my-demo-py3.11",
        "other-12345678-py3.11",
    ] {
        let folder = project.fx.top().join(super::CENTRAL).join(name);
        std::fs::create_dir(folder).unwrap();
    }
    insta::assert_snapshot!(project.run(&["env", "list"]), @"
    exit: 0
    ----- stdout -----
    [base]-py[this] (Activated)
    ");
}
