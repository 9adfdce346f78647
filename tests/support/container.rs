//! Carries out the example services' Dockerfiles without Docker: COPY, RUN and CMD in a folder of their own, with the
//! Python of a fresh virtual environment and no index within reach.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::fixture::{Fixture, Outcome};
use super::python::python;

/// An "image" that was built.
pub(crate) struct Container<'a> {
    fx: &'a Fixture,
    folder: PathBuf,
    command: Vec<String>,
}

impl<'a> Container<'a> {
    /// Builds from `<service>/Dockerfile` with `<service>/dist` as the context. The answer holds everything that the
    /// steps said.
    ///
    /// # Errors
    /// The outcome of the first step that failed.
    pub(crate) fn build(fx: &'a Fixture, service: &str) -> Result<Self, Outcome> {
        let folder = fx.top().join("container").join(service);
        fs::create_dir_all(folder.join("work")).expect("a folder");
        let mut container = Self {
            fx,
            folder,
            command: Vec::new(),
        };
        container.create_venv();
        let context = fx.path(service).join("dist");
        for line in fx.read(&format!("{service}/Dockerfile")).lines() {
            match line.split_once(' ') {
                Some(("COPY", arguments)) => {
                    let (from, to) = arguments.rsplit_once(' ').expect("two places");
                    container.copy(&context.join(from), to);
                }
                Some(("RUN", script)) => {
                    let outcome = container.shell(script);
                    if outcome.code != Some(0) {
                        return Err(outcome);
                    }
                }
                Some(("CMD", words)) => {
                    container.command = serde_json::from_str(words).expect("a list of words");
                }
                _ => assert!(
                    line.is_empty() || line.starts_with("FROM "),
                    "unknown: {line}"
                ),
            }
        }
        Ok(container)
    }

    /// Runs its CMD.
    pub(crate) fn run(&self) -> Outcome {
        let program = self.folder.join("venv/bin").join(&self.command[0]);
        self.fx
            .run(self.surroundings(program).args(&self.command[1..]))
    }

    /// `pip <arguments>` inside.
    pub(crate) fn pip(&self, arguments: &str) -> Outcome {
        self.shell(&format!("pip {arguments}"))
    }

    fn copy(&self, from: &Path, to: &str) {
        let script = format!("cp {} {to}", from.display());
        self.shell(&script).success();
    }

    fn shell(&self, script: &str) -> Outcome {
        self.fx
            .run(self.surroundings("/bin/sh").args(["-c", script]))
    }

    fn surroundings(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let venv = self.folder.join("venv/bin");
        let mut command = self.fx.command(program);
        command
            .current_dir(self.folder.join("work"))
            .env("PATH", format!("{}:/usr/bin:/bin", venv.display()))
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_INDEX_URL", "http://127.0.0.1:9/simple/") // the discard port: nobody answers
            .env("PIP_RETRIES", "0")
            .env("PIP_NO_CACHE_DIR", "1")
            .env_remove("PYTHONDONTWRITEBYTECODE"); // pip is slow without its byte code
        command
    }

    /// A venv whose `pip` runs from ensurepip's wheel: to install one takes longer than the rest of a test.
    fn create_venv(&self) {
        let (python, venv) = (python(), self.folder.join("venv"));
        let mut create = self.fx.command(&python.executable);
        create.args(["-m", "venv"]).arg(&venv);
        let Some(wheel) = &python.pip else {
            self.fx.run(&mut create).success();
            return;
        };
        self.fx.run(create.arg("--without-pip")).success();
        let script = format!(
            "#!/bin/sh\nexec '{}' '{}' \"$@\"\n",
            venv.join("bin/python").display(),
            self.unpacked(wheel).join("pip").display()
        );
        let pip = venv.join("bin/pip");
        fs::write(&pip, script).expect("a file");
        fs::set_permissions(&pip, PermissionsExt::from_mode(0o755)).expect("a script");
    }

    /// The wheel's content, kept between tests together with pip's byte code.
    fn unpacked(&self, wheel: &Path) -> PathBuf {
        let name = wheel.file_stem().expect("a file");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if !target.exists() {
            let staged = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
            let mut unpack = self.fx.command(&python().executable);
            unpack
                .args(["-m", "zipfile", "-e"])
                .arg(wheel)
                .arg(staged.path());
            self.fx.run(&mut unpack).success();
            // Whoever comes first wins; the others' copies are the same.
            if fs::rename(staged.path(), &target).is_ok() {
                let _moved = staged.keep();
            }
        }
        target
    }
}
