//! `mpoetry env …`, and where environments are.

mod activate;
mod creation;
mod info;
mod list;
mod place;
mod prompt;
mod remove;
mod use_;

use std::path::PathBuf;

use data_encoding::BASE64URL;
use sha2::{Digest, Sha256};

use crate::support::{Fixture, OtherPython, Outcome, python, version};

/// A project with central environments, and two Pythons: the one of the tests is first on `PATH`.
struct Project {
    fx: Fixture,
    other: OtherPython,
    /// X.Y.Z of the first.
    version: String,
}

const CENTRAL: &str = "home/.cache/pypoetry/virtualenvs";

impl Project {
    fn new() -> Self {
        Self::of(Fixture::project(
            "[project]\nname = \"My.Demo\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
             [tool.poetry]\npackage-mode = false\n",
        ))
    }

    fn of(mut fx: Fixture) -> Self {
        let other = OtherPython::in_folder(&fx.top().join("other"));
        let folder = |path: &PathBuf| {
            path.parent()
                .expect("a program in a folder")
                .display()
                .to_string()
        };
        let (first, last) = (folder(&python().executable), folder(&other.executable));
        fx.set("PATH", &format!("{first}:/usr/bin:/bin:{last}"));
        let version = version(&python().executable);
        Self { fx, other, version }
    }

    /// What central environments of the project are named after.
    fn base(&self) -> String {
        let digest = Sha256::digest(self.fx.root().as_os_str().as_encoded_bytes());
        format!("my-demo-{}", &BASE64URL.encode(&digest)[..8])
    }

    fn minor(&self) -> &str {
        minor(&self.version)
    }

    fn central(&self, minor: &str) -> PathBuf {
        let name = format!("{}-py{minor}", self.base());
        self.fx.top().join(CENTRAL).join(name)
    }

    /// Of both Pythons, the environments that are there.
    fn present(&self) -> [bool; 2] {
        [self.minor(), minor(&self.other.version)].map(|minor| self.central(minor).exists())
    }

    fn choices(&self) -> String {
        let path = self.fx.top().join(CENTRAL).join("envs.toml");
        match std::fs::read_to_string(path) {
            Ok(text) => self.labelled(&text),
            Err(_) => "none".to_owned(),
        }
    }

    fn use_this(&self) -> Outcome {
        self.use_python(&python().executable.display().to_string())
    }

    fn use_other(&self) -> Outcome {
        self.use_python(&self.other.executable.display().to_string())
    }

    fn use_python(&self, name: &str) -> Outcome {
        self.run(&["env", "use", name])
    }

    fn run(&self, words: &[&str]) -> Outcome {
        let outcome = self.fx.mpoetry_with("", words);
        Outcome {
            stdout: self.labelled(&outcome.stdout),
            stderr: self.labelled(&outcome.stderr),
            ..outcome
        }
    }

    /// Names and versions that differ from machine to machine, replaced.
    fn labelled(&self, text: &str) -> String {
        let base = self.base();
        let (this, other) = (&self.version, &self.other.version);
        [
            (base.as_str(), "[base]"),
            ("[temp]/home/.cache/pypoetry/virtualenvs", "[central]"),
            (this, "[this.patch]"),
            (other, "[other.patch]"),
            (minor(this), "[this]"),
            (minor(other), "[other]"),
        ]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

fn minor(version: &str) -> &str {
    version.rsplit_once('.').expect("X.Y.Z").0
}
