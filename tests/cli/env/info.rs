//! `mpoetry env info`.

use crate::cli::locked_service;
use crate::support::{Fixture, python};

#[test]
fn info_without_an_environment() {
    let fx = locked_service();
    let _gone = std::fs::remove_dir_all(fx.path(".venv")); // Poetry makes one to lock
    insta::assert_snapshot!(fx.mpoetry(["env", "info", "--path"]), @"exit: 1");
    insta::assert_snapshot!(fx.mpoetry(["env", "info", "-e"]), @"exit: 1");
    assert_eq!(fx.mpoetry(["env", "info"]).code, Some(0));
    assert!(!fx.exists(".venv"));
}

#[test]
fn info_of_an_environment() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    insta::assert_snapshot!(fx.mpoetry(["env", "info", "--path"]), @"
    exit: 0
    ----- stdout -----
    [root]/.venv
    ");
    insta::assert_snapshot!(fx.mpoetry(["env", "info", "--executable"]), @"
    exit: 0
    ----- stdout -----
    [root]/.venv/bin/python
    ");
    let outcome = fx.mpoetry(["env", "info"]).success();
    assert_eq!(outcome.stdout, expected(&fx), "{outcome}");
}

/// Everything that `env info` tells, as Python tells it.
fn expected(fx: &Fixture) -> String {
    let script = r#"
import os, platform, sys
base = os.path.realpath(sys._base_executable)
print(f"""
Virtualenv
Python:         {platform.python_version()}
Implementation: {platform.python_implementation()}
Path:           [root]/.venv
Executable:     [root]/.venv/bin/python
Valid:          True

Base
Platform:   {sys.platform}
OS:         {os.name}
Python:     {platform.python_version()}
Path:       {sys.base_prefix}
Executable: {base}""")
"#;
    fx.run(fx.command(&python().executable).args(["-c", script]))
        .success()
        .stdout
}
