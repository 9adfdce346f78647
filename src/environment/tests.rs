//! Where the project's environment is looked for.

use std::path::{Path, PathBuf};

use resolver::cache::Cache;

use installer::python::find::Places;

use super::{Environments, Located, active};
use crate::settings::Virtualenvs;
use crate::variables::Variables;

fn environments<const N: usize>(root: &Path, variables: [(&str, &str); N]) -> Environments {
    Environments {
        root: root.to_owned(),
        name: "demo".to_owned(),
        virtualenvs: Virtualenvs {
            create: true,
            in_project: None,
            path: root.join("virtualenvs"),
            prompt: String::new(),
            always_copy: false,
            no_pip: false,
            system_site_packages: false,
            foreign_options: Vec::new(),
        },
        active: active(&Variables::from(variables)),
        places: Places::default(),
        cache: Cache::new(root.join("cache")),
    }
}

fn locate(environments: &Environments) -> Located {
    environments.locate().unwrap()
}

#[test]
fn an_active_environment_wins_over_all_but_env_use() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let place = |variables: &[(&'static str, &'static str)]| match *variables {
        [one] => locate(&environments(root, [one])),
        [one, two] => locate(&environments(root, [one, two])),
        _ => unreachable!("the cases below have one or two"),
    };
    let at = |path: &str| Located::Environment(PathBuf::from(path));
    assert_eq!(place(&[("VIRTUAL_ENV", "/v")]), at("/v"));
    assert_eq!(place(&[("CONDA_PREFIX", "/c")]), at("/c"));
    assert_eq!(
        place(&[("VIRTUAL_ENV", "/v"), ("CONDA_PREFIX", "/c")]),
        at("/v")
    );
    assert_eq!(
        place(&[("VIRTUAL_ENV", ""), ("CONDA_PREFIX", "/c")]),
        Located::Absent
    );
    let base = [("CONDA_DEFAULT_ENV", "base"), ("CONDA_PREFIX", "/c")];
    assert_eq!(place(&base), Located::Absent);

    let chosen = environments(root, [("VIRTUAL_ENV", "/v")]);
    let central = chosen.central("3.9");
    fs_err::create_dir_all(&central).unwrap();
    let table = format!(
        "[{}]\nminor = \"3.9\"\npatch = \"3.9.1\"\n",
        chosen.base_name()
    );
    fs_err::write(root.join("virtualenvs/envs.toml"), table).unwrap();
    assert_eq!(locate(&chosen), Located::Environment(central));
}

#[test]
fn a_dot_venv_counts_unless_in_project_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut environments = environments(folder.path(), []);
    assert_eq!(locate(&environments), Located::Absent);
    let inside = folder.path().join(".venv");
    fs_err::create_dir(&inside).unwrap();
    assert_eq!(locate(&environments), Located::Environment(inside.clone()));
    environments.virtualenvs.in_project = Some(false);
    assert_eq!(locate(&environments), Located::Absent);
    environments.virtualenvs.create = false;
    assert_eq!(locate(&environments), Located::System);
    environments.virtualenvs.in_project = Some(true);
    assert_eq!(locate(&environments), Located::Environment(inside));
}
