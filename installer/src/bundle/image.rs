//! What a service's own Dockerfile tells: the image it starts from, and how the service is started.

use std::path::Path;

use resolver::tag::{Libc, Platform};

use super::Target;
use super::contents::BundledWheel;

/// The parts of a Dockerfile that matter to a bundle.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Dockerfile {
    /// The image of its last stage.
    pub(super) from: Option<String>,
    /// Its last CMD or ENTRYPOINT instruction, as written.
    pub(super) start: Option<String>,
}

impl Dockerfile {
    /// Reads `Dockerfile` in a folder; what can't be read says nothing.
    pub(super) fn read(folder: &Path) -> Self {
        match fs_err::read_to_string(folder.join("Dockerfile")) {
            Ok(text) => Self::parse(&text),
            Err(_) => Self::default(),
        }
    }

    fn parse(text: &str) -> Self {
        let mut dockerfile = Self::default();
        for line in text.lines() {
            let line = line.trim();
            let (instruction, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            match instruction.to_ascii_uppercase().as_str() {
                "FROM" => {
                    let image = rest.split_whitespace().find(|word| !word.starts_with("--"));
                    dockerfile.from = image.map(str::to_owned);
                    dockerfile.start = None;
                }
                "CMD" | "ENTRYPOINT" => dockerfile.start = Some(line.to_owned()),
                _ => {}
            }
        }
        dockerfile
    }

    /// The words of the command that it starts, if they are written as a list.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        let (_, words) = self.start.as_ref()?.split_once(char::is_whitespace)?;
        serde_json::from_str(words.trim()).ok()
    }

    /// The module of `CMD ["python", "-m", "module", …]`.
    pub(super) fn module(&self) -> Option<String> {
        match self.words()?.as_slice() {
            [python, option, module, ..] if python.contains("python") && option == "-m" => {
                Some(module.clone())
            }
            _ => None,
        }
    }

    /// Why a bundle does not fit the image, one sentence each.
    pub(super) fn warnings(&self, target: &Target, wheels: &[BundledWheel]) -> Vec<String> {
        let Some(image) = &self.from else {
            return Vec::new();
        };
        // Of other images nothing is known.
        let name = image.rsplit('/').next().unwrap_or(image);
        let name = name.split('@').next().unwrap_or(name);
        let Some(tag) = name.strip_prefix("python") else {
            return Vec::new();
        };
        let tag = tag.strip_prefix(':').unwrap_or(tag);
        let bound: Vec<&BundledWheel> = wheels
            .iter()
            .filter(|wheel| !wheel.file.ends_with("-none-any.whl"))
            .collect();
        let Some(example) = bound.first() else {
            return Vec::new();
        };
        let mut warnings = Vec::new();
        let minor = target.minor();
        let first = tag.split('-').next().unwrap_or_default();
        let mut numbers = first.split('.');
        let major = numbers
            .next()
            .filter(|number| number.parse::<u32>().is_ok());
        match (major, numbers.next()) {
            (Some(major), Some(number)) => {
                let found = format!("{major}.{number}");
                let of_abi3 = |wheel: &&BundledWheel| wheel.file.contains("-abi3-");
                if found != minor && !bound.iter().all(of_abi3) {
                    warnings.push(format!(
                        "the Dockerfile starts from `{image}`, but this bundle is for Python {minor} ({}); \
                         try `--python {found}`",
                        example.file
                    ));
                }
            }
            _ => warnings.push(format!(
                "the Dockerfile starts from `{image}`, which moves to other versions of Python by itself, \
                 but this bundle is for Python {minor} ({}); name it: `python:{minor}-slim`",
                example.file
            )),
        }
        let is_musl = match &target.platform {
            Some(Platform::Linux { libc, .. }) => matches!(libc, Libc::Musl(..)),
            Some(_) => return warnings,
            None => (target.tags.platforms().iter()).any(|it| it.starts_with("musllinux")),
        };
        if tag.contains("alpine") != is_musl {
            let (needs, machine) = if is_musl {
                ("glibc", "manylinux_2_28")
            } else {
                ("musl", "musllinux_1_2")
            };
            warnings.push(format!(
                "the Dockerfile starts from `{image}`, whose C library is {needs}, which this bundle is not for ({}); \
                 try `--platform {machine}_<machine>`",
                example.file
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::Dockerfile;
    use crate::bundle::Target;
    use crate::bundle::contents::{BundledWheel, Layer, Origin};
    use crate::bundle::tests::interpreter;

    #[test]
    fn the_last_stage_counts() {
        let text = "FROM python:3.12 AS build\nCMD x\n\nfrom --platform=linux/arm64 python:3.11-slim AS end\n\
                    CMD [\"python\", \"-m\", \"worker.main\"]\n";
        let dockerfile = Dockerfile::parse(text);
        assert_eq!(dockerfile.from.as_deref(), Some("python:3.11-slim"));
        assert_eq!(dockerfile.module().as_deref(), Some("worker.main"));
        assert_eq!(
            Dockerfile::parse("FROM a\nCMD python -m x\n").module(),
            None
        );
    }

    #[test]
    fn images_that_do_not_fit_are_told() {
        let wheel = |file: &str| BundledWheel {
            name: "a".into(),
            version: "1".to_owned(),
            layer: Layer::ThirdParty,
            file: file.to_owned(),
            sha256: String::new(),
            origin: Origin::Url(String::new()),
            groups: Vec::new(),
            requires: Vec::new(),
        };
        let linux = Target::named(Some("linux/arm64"), Some("3.11"), &interpreter()).unwrap();
        let count = |image: &str, file: &str| {
            let dockerfile = Dockerfile::parse(&format!("FROM {image}\n"));
            dockerfile.warnings(&linux, &[wheel(file)]).len()
        };
        let own = "a-1-cp311-cp311-manylinux_2_17_aarch64.whl";
        let stable = "a-1-cp38-abi3-manylinux_2_17_aarch64.whl";
        for (image, file, expected) in [
            ("python:3.11-slim", own, 0),
            ("docker.io/library/python:3.11.4@sha256:00", own, 0),
            ("python:3.12-slim", own, 1),
            ("python:3.12-slim", stable, 0),
            ("python:slim", own, 1),
            ("python", own, 1),
            ("python:3-slim", own, 1),
            ("python:3.11-alpine", own, 1),
            ("python:3.12-alpine", own, 2),
            ("python:slim", "a-1-py3-none-any.whl", 0),
            ("debian:bookworm", own, 0),
        ] {
            assert_eq!(count(image, file), expected, "{image}");
        }
    }
}
