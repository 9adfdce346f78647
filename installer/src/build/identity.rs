//! What decides the bytes of a wheel that a back end builds.
//!
//! Two machines may take each other's wheel only if all of this is the same on both: the source, the back end with its
//! resolved requirements and settings, the interpreter and its platform, the variables that builds are known to heed,
//! and where something is compiled, the compiler and the system.
//!
//! Paths are no part of it: object files are kept free of them, and sources lie where their content says.

use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::backend::BuildSystem;
use super::rules::Rules;
use super::{BuildError, BuildFrontend};

/// Part of every identity: raise it when builds here change what wheels are like.
const GENERATION: &str = "mpoetry wheel 1";

/// Variables that compilers and well-known back ends heed. The date of the files is told apart by itself.
const VARIABLES: [&str; 22] = [
    "AR",
    "ARCHFLAGS",
    "CARGO_BUILD_TARGET",
    "CC",
    "CFLAGS",
    "CPATH",
    "CPPFLAGS",
    "CXX",
    "CXXFLAGS",
    "C_INCLUDE_PATH",
    "DISTUTILS_USE_SDK",
    "FC",
    "FFLAGS",
    "LDFLAGS",
    "LDSHARED",
    "LIBRARY_PATH",
    "MACOSX_DEPLOYMENT_TARGET",
    "MATURIN_PEP517_ARGS",
    "PBR_VERSION",
    "PKG_CONFIG_PATH",
    "RUSTFLAGS",
    "_PYTHON_HOST_PLATFORM",
];
/// Beginnings of names of others.
const FAMILIES: [&str; 4] = ["CMAKE_", "HATCH_", "SETUPTOOLS_", "SKBUILD_"];

/// What a compiler reads.
const COMPILED: [&str; 15] = [
    "c", "cc", "cpp", "cu", "cxx", "f", "f90", "for", "go", "m", "mm", "pxd", "pyx", "rs", "swg",
];
/// A requirement that writes C by itself.
const WRITES_C: &str = "cffi";

impl BuildFrontend {
    /// The identity of the wheel that would be built from `source`, whose content has this name: a SHA-256 in hex.
    ///
    /// # Errors
    /// When the requirements of the back end can't be resolved.
    pub(super) fn identity(
        &self,
        content: &str,
        system: &BuildSystem,
        source: &Path,
        rules: Rules<'_>,
    ) -> Result<String, BuildError> {
        let python = self.python();
        let requirements = self
            .isolation()?
            .resolved(source, &system.requires, rules)?;
        let compiler = match is_compiled(source, system) {
            true => self.compiler(),
            false => "",
        };
        let backend_path = system.backend_path.join("\n");
        let rules = json!([rules.config_settings, rules.constraints]).to_string();
        let epoch = format!("{:?}", self.timestamp());
        let variables = self.heeded_variables();
        let mut hasher = Sha256::new();
        for part in [
            GENERATION,
            content,
            &system.backend,
            &backend_path,
            &requirements,
            &rules,
            &python.tags.own(),
            &python.platform,
            &epoch,
            &variables,
            compiler,
        ] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Ok(HEXLOWER.encode(&hasher.finalize()))
    }

    fn heeded_variables(&self) -> String {
        let all = self.shared.variables.get().into_iter().flatten();
        let mut heeded: Vec<String> = all
            .filter(|(name, _)| is_heeded(name))
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        heeded.sort();
        heeded.concat()
    }

    /// The compilers of this machine, and its system, whose libraries are linked to.
    fn compiler(&self) -> &str {
        self.shared.compiler.get_or_init(|| {
            let variables = self.shared.variables.get().into_iter().flatten();
            let named = variables.filter(|(name, _)| name == "CC");
            let cc = named.map(|(_, value)| value.as_str()).next_back();
            let release = fs_err::read_to_string("/etc/os-release").unwrap_or_default();
            let release: Vec<&str> = release
                .lines()
                .filter(|line| line.starts_with("ID=") || line.starts_with("VERSION_ID="))
                .collect();
            [
                version_of(cc.unwrap_or("cc")),
                version_of("rustc"),
                release.join("\n"),
            ]
            .join("\n")
        })
    }
}

fn is_heeded(name: &str) -> bool {
    VARIABLES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// May a compiler have its say?
fn is_compiled(source: &Path, system: &BuildSystem) -> bool {
    let is_source = |path: &Path| {
        let extension = path.extension().and_then(|it| it.to_str());
        extension.is_some_and(|it| COMPILED.contains(&it.to_ascii_lowercase().as_str()))
    };
    system.requires.iter().any(|it| it.starts_with(WRITES_C))
        || WalkDir::new(source)
            .into_iter()
            .filter_map(Result::ok)
            .any(|entry| is_source(entry.path()))
}

/// The first line that a compiler says of itself; empty if there is none.
fn version_of(command: &str) -> String {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or(command);
    let output = Command::new(program)
        .args(words)
        .arg("--version")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or_default().to_owned()
}
