//! What the process is started in: an active environment, and the places where Pythons are.

use std::path::PathBuf;

use installer::python::find::Places;

use crate::settings::Settings;
use crate::variables::Variables;

/// The variables that tell which environment is switched on in the shell.
pub(crate) const ACTIVE: [&str; 3] = ["VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"];

/// Poetry: the environment that is switched on in the shell, but never conda's own. An empty `VIRTUAL_ENV`
/// hides `CONDA_PREFIX`.
pub(crate) fn active(variables: &Variables) -> Option<PathBuf> {
    if variables.get("CONDA_DEFAULT_ENV") == Some("base") {
        return None;
    }
    let named = variables
        .raw("VIRTUAL_ENV")
        .or_else(|| variables.raw("CONDA_PREFIX"))?;
    (!named.is_empty()).then(|| named.into())
}

/// Where Poetry looks for Pythons: `PATH`, and the folders of the programs that install them.
pub(crate) fn places(settings: &Settings, variables: &Variables) -> Places {
    let home = &settings.home;
    let folder = |name: &str, default: &str| {
        let named = variables.filled(name).map(PathBuf::from);
        named.unwrap_or_else(|| home.join(default))
    };
    let data = folder("XDG_DATA_HOME", ".local/share");
    let uv = variables.filled("UV_PYTHON_INSTALL_DIR").map(PathBuf::from);
    let mut installations = vec![
        settings.pythons.clone(),
        folder("ASDF_DATA_DIR", ".asdf").join("installs/python"),
    ];
    if cfg!(target_os = "macos") {
        installations.push("/Library/Frameworks/Python.framework/Versions".into());
    }
    Places {
        path: variables.raw("PATH").unwrap_or_default().to_owned(),
        pyenv: Some(folder("PYENV_ROOT", ".pyenv")),
        installations,
        plain_installations: vec![
            uv.unwrap_or_else(|| data.join("uv/python")),
            folder("RYE_PY_ROOT", ".rye/py"),
        ],
        excluded: variables.filled("VIRTUAL_ENV").map(PathBuf::from),
    }
}
