//! Environments as they are made.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::Project;
use crate::support::{Outcome, program, python};

impl Project {
    /// A project whose environment is in its folder, made with these options.
    fn with_options(options: &str) -> Self {
        let project = Self::new();
        let settings =
            format!("[virtualenvs]\nin-project = true\n\n[virtualenvs.options]\n{options}");
        project.fx.write("poetry.toml", settings);
        project
    }

    fn python(&self, code: &str) -> Outcome {
        self.run(&["run", "python", "-c", code])
    }
}

/// Poetry's have a `pip-3.x` besides.
#[test]
fn a_fresh_environment() {
    let project = Project::with_options("");
    insta::assert_snapshot!(project.python("import sys; print(sys.prefix, sys.flags.isolated)"), @"
    exit: 0
    ----- stdout -----
    [root]/.venv 0
    ----- stderr -----
    Creating virtualenv my-demo in [root]/.venv
    ");
    let programs: Vec<String> = project
        .fx
        .list(".venv/bin")
        .into_iter()
        .filter(|name| !name.starts_with("pip-"))
        .map(|name| {
            let path = project.fx.path(".venv/bin").join(&name);
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            match path.read_link() {
                Ok(target) => format!("{name} -> {}", target.display()),
                Err(_) => format!("{mode:o} {name}"),
            }
        })
        .collect();
    let base = python().executable.canonicalize().unwrap();
    let programs = programs
        .join("\n")
        .replace(base.to_str().unwrap(), "[base python]");
    insta::assert_snapshot!(project.labelled(&programs), @"
    644 activate
    644 activate.csh
    644 activate.fish
    644 activate.nu
    644 activate.ps1
    644 activate.xsh
    644 activate_this.py
    644 deactivate.csh
    755 pip
    755 pip3
    755 pip[this]
    python -> [base python]
    python3 -> python
    python[this] -> python
    ");
    assert_eq!(project.fx.list(".venv/include"), [""; 0]);
    assert_eq!(
        project.fx.read(".venv/.gitignore").lines().last(),
        Some("*")
    );
    let tag = project.fx.read(".venv/CACHEDIR.TAG");
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
    let pip = project.run(&["run", "pip", "--version"]).success().stdout;
    assert!(
        pip.contains("[root]/.venv/lib/python[this]/site-packages/pip"),
        "{pip}"
    );
    insta::assert_snapshot!(project.run(&["run", "pip", "list", "--format=freeze", "--exclude=pip"]), @"exit: 0");
}

#[test]
fn options_of_the_settings() {
    let project = Project::with_options("no-pip = true\n");
    project.python("").success();
    let packages = format!(".venv/lib/python{}/site-packages", project.minor());
    assert_eq!(project.fx.list(&packages), [""; 0]);

    let project = Project::with_options("always-copy = true\nsystem-site-packages = true\n");
    let code =
        "import sys; print(sys.prefix, [p for p in sys.path if p.endswith('-packages')][-1])";
    let outcome = project.python(code).success();
    assert!(outcome.stdout.starts_with("[root]/.venv "), "{outcome}");
    assert!(!outcome.stdout.contains("/.venv/lib"), "{outcome}");
    for name in ["python", "python3"] {
        let path = project.fx.path(".venv/bin").join(name);
        assert!(path.symlink_metadata().unwrap().is_file(), "{name}");
    }
}

/// Poetry passes them on to virtualenv, which refuses what it does not know.
#[test]
fn options_that_only_virtualenv_knows() {
    let project = Project::with_options("seeder = \"pip\"\nno-setuptools = true\nclear = false\n");
    insta::assert_snapshot!(project.run(&["run", "true"]), @"
    exit: 0
    ----- stderr -----
    Warning: the setting virtualenvs.options.seeder is not supported by mpoetry and has no effect.
    Creating virtualenv my-demo in [root]/.venv
    ");
}

#[test]
fn what_is_in_the_way_gives_way() {
    let project = Project::with_options("");
    project.fx.write(".venv", "a file");
    insta::assert_snapshot!(project.run(&["run", "true"]), @"
    exit: 0
    ----- stderr -----
    [root]/.venv is not a virtual environment but a file. Removing it.
    Creating virtualenv my-demo in [root]/.venv
    ");
    std::fs::remove_file(project.fx.path(".venv/bin/python")).unwrap();
    std::fs::remove_file(project.fx.path(".venv/bin/python3")).unwrap();
    project.fx.write(".venv/mine", "");
    insta::assert_snapshot!(project.run(&["run", "true"]), @"
    exit: 0
    ----- stderr -----
    The virtual environment found in [root]/.venv seems to be broken.
    Recreating virtualenv my-demo in [root]/.venv
    ");
    assert!(!project.fx.exists(".venv/mine"));
    project.fx.remove(".venv");
    std::fs::create_dir(project.fx.path(".venv")).unwrap();
    insta::assert_snapshot!(project.run(&["run", "true"]), @"
    exit: 0
    ----- stderr -----
    The virtual environment found in [root]/.venv seems to be broken.
    Recreating virtualenv my-demo in [root]/.venv
    ");
}

/// What a link leads to is not emptied.
#[test]
fn a_link_to_what_is_no_environment_gives_way() {
    let project = Project::with_options("");
    project.fx.write("target/mine", "");
    std::os::unix::fs::symlink(project.fx.path("target"), project.fx.path(".venv")).unwrap();
    insta::assert_snapshot!(project.run(&["run", "true"]), @"
    exit: 0
    ----- stderr -----
    The virtual environment found in [root]/.venv seems to be broken.
    Recreating virtualenv my-demo in [root]/.venv
    ");
    assert!(project.fx.exists("target/mine"));
    assert!(!project.fx.path(".venv").is_symlink());
}

/// Whatever a killed creation leaves, the next command uses it only if it is whole.
#[test]
fn a_creation_that_is_killed() {
    let project = Project::with_options("");
    let check = "import sys, pip; assert sys.prefix == sys.argv[1], sys.prefix";
    let root = project.fx.path(".venv");
    for delay in 0..20 {
        if root.exists() {
            std::fs::remove_dir_all(&root).unwrap();
        }
        let mut child = project
            .fx
            .command(program())
            .args(["run", "true"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(3 * delay));
        child.kill().unwrap();
        child.wait().unwrap();
        let words = ["run", "python", "-c", check, root.to_str().unwrap()];
        project.run(&words).success();
        assert!(is_clean(&root));
    }
}

/// One makes the environment, the others wait for it. Poetry's fall over one another.
#[test]
fn many_creations_at_once() {
    let project = Project::with_options("");
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let run = || project.run(&["run", "python", "-c", "import pip, sys; print(sys.prefix)"]);
        let runs: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut made = 0;
    for outcome in outcomes {
        let outcome = outcome.success();
        assert_eq!(outcome.stdout, "[root]/.venv\n", "{outcome}");
        made += outcome.stderr.matches("reating virtualenv").count();
    }
    assert_eq!(made, 1);
    assert!(is_clean(&project.fx.path(".venv")));
}

/// Locks and parts of files are gone.
fn is_clean(root: &Path) -> bool {
    let names = |folder: &Path| std::fs::read_dir(folder).expect("a folder").flatten();
    names(root)
        .chain(names(&root.join("bin")))
        .all(|entry| !entry.file_name().to_string_lossy().contains(".mpoetry"))
}
