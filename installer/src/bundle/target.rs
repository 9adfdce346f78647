//! What a bundle is made for.

use std::str::FromStr;

use resolver::marker::MarkerEnvironment;
use resolver::tag::{Libc, Platform, Tags};
use resolver::version::Version;

use crate::python::Interpreter;

/// The glibc that `linux/<arch>` stands for: that of the oldest images which are still in use.
const COMMON_GLIBC: Libc = Libc::Glibc(2, 28);

/// What a bundle is made for: decides markers and wheels.
#[derive(Clone, Debug)]
pub struct Target {
    /// The variables that markers are evaluated with.
    pub markers: MarkerEnvironment,
    /// Supported wheel tags, best first.
    pub tags: Tags,
    /// Python's version.
    pub python: Version,
    /// In words, e.g. `CPython 3.11.7 on linux-x86_64`.
    pub description: String,
    /// In one word, e.g. `cp311-linux_x86_64`.
    pub label: String,
    /// The machine, if it is not this one.
    pub platform: Option<Platform>,
    /// Is it the interpreter that sources are built with? Otherwise nothing can be built for it.
    pub is_host: bool,
}

/// Why a word names no target.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It is no platform.
    #[error(
        "`{0}` is no platform: it may be linux/amd64, linux/arm64, manylinux_2_28_aarch64, musllinux_1_2_x86_64, \
         macosx_14_0_arm64, win_amd64 and the like"
    )]
    Platform(String),
    /// It is no version of Python.
    #[error("`{0}` is no version of Python: it may be 3.12 or 3.12.4")]
    Python(String),
}

impl Target {
    /// The interpreter itself.
    #[must_use]
    pub fn host(python: &Interpreter) -> Self {
        let platform = python.platform.replace(['-', '.'], "_");
        Self {
            markers: python.markers.clone(),
            tags: python.tags.clone(),
            python: python.version.clone(),
            description: format!(
                "{} {} on {}",
                python.markers.platform_python_implementation, python.version, python.platform
            ),
            label: format!("{}-{platform}", interpreter_tag(&python.version)),
            platform: None,
            is_host: true,
        }
    }

    /// The CPython of a version (`3.12`, `3.12.4`) on a platform: the name of a wheel's platform, or of an image's as
    /// `linux/arm64`, which means glibc 2.28. What is not given is as with `host`, and so is what comes to the same.
    ///
    /// # Errors
    /// When a word is not understood.
    pub fn named(
        platform: Option<&str>,
        python: Option<&str>,
        host: &Interpreter,
    ) -> Result<Self, TargetError> {
        let own = Self::host(host);
        let version = python.map(full_version).transpose()?;
        let same_python = version.as_ref().is_none_or(|(version, is_exact)| {
            let (own, other) = (minor(&host.version), minor(version));
            own == other && (!is_exact || *version == host.version)
        });
        let named = platform.map(parse_platform).transpose()?;
        let same_platform = match (platform, &named) {
            (Some(word), Some(Platform::Linux { arch, .. })) => {
                word.starts_with("linux") && host.platform == format!("linux-{arch}")
            }
            (_, named) => named.is_none(),
        };
        if same_python && same_platform {
            return Ok(own);
        }
        // Of the same minor version, this machine's patch is as good a guess as any.
        let python = match version {
            Some((version, _)) if !same_python => version,
            _ => host.version.clone(),
        };
        let (major, minor) = minor(&python);
        let interpreter = interpreter_tag(&python);
        // The host's own platforms are those of its tags.
        let (markers, platforms, name) = match &named {
            Some(platform) if !same_platform => {
                (markers_of(platform), platform.tags(), name_of(platform))
            }
            _ => {
                let platforms = host.tags.platforms().to_vec();
                let name = host.platform.replace(['-', '.'], "_");
                (host.markers.clone(), platforms, name)
            }
        };
        let cpython = "cpython".to_owned();
        Ok(Self {
            markers: MarkerEnvironment {
                implementation_name: cpython,
                implementation_version: python.to_string(),
                platform_python_implementation: "CPython".to_owned(),
                python_full_version: python.to_string(),
                python_version: format!("{major}.{minor}"),
                ..markers
            },
            tags: Tags::for_cpython((major, minor), false, &platforms),
            description: format!("CPython {python} on {name}"),
            label: format!("{interpreter}-{name}"),
            python,
            platform: named.filter(|_| !same_platform),
            is_host: false,
        })
    }

    /// The command that starts its Python in an image, e.g. `python3.11`.
    #[must_use]
    pub fn command(&self) -> String {
        let (major, minor) = minor(&self.python);
        format!("python{major}.{minor}")
    }

    /// Major and minor version, e.g. `3.11`.
    #[must_use]
    pub fn minor(&self) -> String {
        let (major, minor) = minor(&self.python);
        format!("{major}.{minor}")
    }
}

fn minor(version: &Version) -> (u32, u32) {
    let part = |place: usize| {
        let number = version.release().get(place).map(ToString::to_string);
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    (part(0), part(1))
}

fn interpreter_tag(version: &Version) -> String {
    let (major, minor) = minor(version);
    format!("cp{major}{minor}")
}

/// A version with all three numbers, and whether they were all given.
fn full_version(word: &str) -> Result<(Version, bool), TargetError> {
    let wrong = || TargetError::Python(word.to_owned());
    let version = Version::from_str(word).map_err(|_| wrong())?;
    let numbers = version.release().len();
    let is_full = numbers >= 3;
    let text = if is_full {
        word.to_owned()
    } else {
        format!("{word}.0")
    };
    if !(2..=3).contains(&numbers) || minor(&version).0 != 3 {
        return Err(wrong());
    }
    Ok((Version::from_str(&text).map_err(|_| wrong())?, is_full))
}

fn parse_platform(word: &str) -> Result<Platform, TargetError> {
    let wrong = || TargetError::Platform(word.to_owned());
    if let Some(arch) = word.strip_prefix("linux/") {
        let arch = match arch {
            "amd64" | "x86_64" => "x86_64",
            "arm64" | "arm64/v8" | "aarch64" => "aarch64",
            "arm/v7" => "armv7l",
            "386" => "i686",
            "ppc64le" | "s390x" | "riscv64" => arch,
            _ => return Err(wrong()),
        };
        return Ok(Platform::Linux {
            arch: arch.to_owned(),
            libc: COMMON_GLIBC,
        });
    }
    let linux = |arch: &str, libc| {
        let is_known =
            !arch.is_empty() && arch.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_known
            .then(|| Platform::Linux {
                arch: arch.to_owned(),
                libc,
            })
            .ok_or_else(wrong)
    };
    for (old, minor) in [
        ("manylinux1_", 5),
        ("manylinux2010_", 12),
        ("manylinux2014_", 17),
    ] {
        if let Some(arch) = word.strip_prefix(old) {
            return linux(arch, Libc::Glibc(2, minor));
        }
    }
    let numbered = |rest: &str| -> Option<(u32, u32, String)> {
        let mut parts = rest.splitn(3, '_');
        let version = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((version.0, version.1, parts.next()?.to_owned()))
    };
    if let Some(rest) = word.strip_prefix("manylinux_") {
        let (major, minor, arch) = numbered(rest).ok_or_else(wrong)?;
        return linux(&arch, Libc::Glibc(major, minor));
    }
    if let Some(rest) = word.strip_prefix("musllinux_") {
        let (major, minor, arch) = numbered(rest).ok_or_else(wrong)?;
        return linux(&arch, Libc::Musl(major, minor));
    }
    if let Some(arch) = word.strip_prefix("linux_") {
        return linux(arch, COMMON_GLIBC);
    }
    if let Some(rest) = word.strip_prefix("macosx_") {
        let (major, minor, arch) = numbered(rest).ok_or_else(wrong)?;
        return Ok(Platform::MacOs {
            version: (major, minor),
            arch,
        });
    }
    match word {
        "win_amd64" | "win_arm64" | "win32" => Ok(Platform::Other(word.to_owned())),
        _ => Err(wrong()),
    }
}

/// The name that its best wheels have.
fn name_of(platform: &Platform) -> String {
    match platform {
        Platform::Linux { arch, libc } => match libc {
            Libc::Glibc(major, minor) => format!("manylinux_{major}_{minor}_{arch}"),
            Libc::Musl(major, minor) => format!("musllinux_{major}_{minor}_{arch}"),
            Libc::Unknown => format!("linux_{arch}"),
        },
        Platform::MacOs { version, arch } => format!("macosx_{}_{}_{arch}", version.0, version.1),
        Platform::Other(name) => name.clone(),
    }
}

/// The variables that a platform decides. What a kernel says of itself stays empty: nobody knows it yet.
fn markers_of(platform: &Platform) -> MarkerEnvironment {
    let (os, system, sys, machine) = match platform {
        Platform::Linux { arch, .. } => ("posix", "Linux", "linux", arch.as_str()),
        Platform::MacOs { arch, .. } => ("posix", "Darwin", "darwin", arch.as_str()),
        Platform::Other(name) => {
            let machine = match name.as_str() {
                "win_arm64" => "ARM64",
                "win32" => "x86",
                _ => "AMD64",
            };
            ("nt", "Windows", "win32", machine)
        }
    };
    MarkerEnvironment {
        os_name: os.to_owned(),
        platform_machine: machine.to_owned(),
        platform_system: system.to_owned(),
        sys_platform: sys.to_owned(),
        ..MarkerEnvironment::default()
    }
}

#[cfg(test)]
mod tests {
    use super::Target;
    use crate::bundle::tests::interpreter;

    #[test]
    fn platforms_are_named_as_wheels_or_images_name_them() {
        let host = interpreter();
        for (word, label, best, machine) in [
            (
                "linux/arm64",
                "cp312-manylinux_2_28_aarch64",
                "cp312-cp312-linux_aarch64",
                "aarch64",
            ),
            (
                "manylinux2014_x86_64",
                "cp312-manylinux_2_17_x86_64",
                "cp312-cp312-linux_x86_64",
                "x86_64",
            ),
            (
                "musllinux_1_2_aarch64",
                "cp312-musllinux_1_2_aarch64",
                "cp312-cp312-linux_aarch64",
                "aarch64",
            ),
            (
                "macosx_14_0_arm64",
                "cp312-macosx_14_0_arm64",
                "cp312-cp312-macosx_14_0_arm64",
                "arm64",
            ),
            (
                "win_amd64",
                "cp312-win_amd64",
                "cp312-cp312-win_amd64",
                "AMD64",
            ),
        ] {
            let target = Target::named(Some(word), Some("3.12"), &host).unwrap();
            assert_eq!(target.label, label);
            assert_eq!(target.tags.own(), best);
            assert_eq!(target.markers.platform_machine, machine);
            assert_eq!(target.markers.python_full_version, "3.12.0");
            assert!(!target.is_host);
        }
        for word in ["linux/z80", "manylinux_2_x86_64", "beos", ""] {
            assert!(Target::named(Some(word), None, &host).is_err(), "{word}");
        }
        for word in ["3", "2.7", "x", "3.12.1.1"] {
            assert!(Target::named(None, Some(word), &host).is_err(), "{word}");
        }
    }

    /// musl systems can't run what was built for glibc.
    #[test]
    fn musl_takes_no_manylinux() {
        let target = Target::named(Some("musllinux_1_2_x86_64"), None, &interpreter()).unwrap();
        let platforms = target.tags.platforms();
        assert!(platforms.iter().any(|it| it == "musllinux_1_1_x86_64"));
        assert!(!platforms.iter().any(|it| it.starts_with("manylinux")));
    }

    #[test]
    fn what_comes_to_the_same_is_the_host() {
        let host = interpreter();
        for (platform, python) in [
            (None, None),
            (None, Some("3.11")),
            (None, Some("3.11.7")),
            (Some("linux/amd64"), Some("3.11")),
        ] {
            let target = Target::named(platform, python, &host).unwrap();
            assert!(target.is_host, "{platform:?} {python:?}");
        }
        for (platform, python) in [
            (None, Some("3.12")),
            (None, Some("3.11.2")),
            (Some("manylinux_2_17_x86_64"), None),
        ] {
            let target = Target::named(platform, python, &host).unwrap();
            assert!(!target.is_host, "{platform:?} {python:?}");
        }
    }
}
