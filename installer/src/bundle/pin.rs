//! Requirements between the wheels of a bundle.
//!
//! The wheel of a library says `Requires-Dist: libmq`, or even `libmq @ file:///home/…`. In a container the first
//! makes pip ask the index for a stranger's `libmq`, the second fails. So each requirement of something that the
//! repository itself provides is pinned to the version in the bundle: `libmq (==1.2.0)`.

use std::collections::BTreeMap;

use resolver::lock::LockedPackage;
use resolver::name::{GroupName, PackageName};

/// Which requirements of the repository's wheels are pinned.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pin {
    /// Those of what the repository provides.
    #[default]
    Local,
    /// None; of what the repository provides only the name is left.
    None,
    /// All: of what is from elsewhere to the lock's versions, with the lock's markers.
    All,
}

impl Pin {
    /// Its word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::None => "none",
            Self::All => "all",
        }
    }
}

/// What requirements are pinned to.
#[derive(Clone, Debug, Default)]
pub(super) struct Pins {
    /// Versions of what the repository provides; without one its name alone is written.
    local: BTreeMap<PackageName, Option<String>>,
    /// Versions of what is from elsewhere, each with the marker under which the lock wants it.
    elsewhere: BTreeMap<PackageName, Vec<(String, Option<String>)>>,
}

impl Pins {
    /// Under `pin`, for the main group of a lock with these packages from elsewhere.
    pub(super) fn new<'p>(
        pin: Pin,
        local: BTreeMap<PackageName, String>,
        elsewhere: impl Iterator<Item = &'p LockedPackage>,
    ) -> Self {
        let versions = |version| (pin != Pin::None).then_some(version);
        let mut pins = Self {
            local: (local.into_iter())
                .map(|(name, version)| (name, versions(version)))
                .collect(),
            elsewhere: BTreeMap::new(),
        };
        for package in elsewhere.filter(|_| pin == Pin::All) {
            let marker = package.markers.get(&GroupName::main());
            let marker = marker.filter(|marker| !marker.is_any());
            let pinned = (package.version.to_string(), marker.map(ToString::to_string));
            pins.elsewhere
                .entry(package.name.clone())
                .or_default()
                .push(pinned);
        }
        pins
    }

    /// METADATA with its requirements pinned. Everything else stays as it is, byte for byte.
    pub(super) fn apply(&self, metadata: &[u8]) -> Vec<u8> {
        rewrite(metadata, |field, value| {
            if !field.eq_ignore_ascii_case("requires-dist") {
                return None;
            }
            self.pin(value)
        })
    }

    /// The requirement with the versions of the bundle, one line for each; `None` if it is about something else and
    /// leads nowhere on this machine.
    fn pin(&self, requirement: &str) -> Option<Vec<String>> {
        let end = requirement
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(requirement.len());
        let (written, rest) = requirement.split_at(end);
        let rest = rest.trim_start();
        let (extras, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((extras, rest)) => (format!("[{extras}]"), rest.trim_start()),
            None => (String::new(), rest),
        };
        let is_address = rest.starts_with('@');
        let marker = if is_address {
            // In an address, a semicolon starts a marker only after a blank (PEP 508).
            rest.split_once(" ;").map(|(_, marker)| marker)
        } else {
            rest.split_once(';').map(|(_, marker)| marker)
        };
        let marker = marker.map(str::trim);
        let line = |version: &str, marker: Option<&str>| {
            let marker = marker.map_or_else(String::new, |marker| format!(" ; {marker}"));
            format!("{written}{extras}{version}{marker}")
        };
        let name = PackageName::new(written);
        if let Some(version) = self.local.get(&name) {
            let version = version
                .as_ref()
                .map_or_else(String::new, |v| format!(" (=={v})"));
            return Some(vec![line(&version, marker)]);
        }
        if let Some(versions) = self.elsewhere.get(&name) {
            let pinned = versions.iter().map(|(version, locked)| {
                let both = match (marker, locked) {
                    (Some(own), Some(locked)) => Some(format!("({own}) and ({locked})")),
                    (Some(own), None) => Some(own.to_owned()),
                    (None, locked) => locked.clone(),
                };
                line(&format!(" (=={version})"), both.as_deref())
            });
            return Some(pinned.collect());
        }
        let leads_here = is_address && rest[1..].trim_start().starts_with("file:");
        leads_here.then(|| vec![line("", marker)])
    }
}

/// METADATA with another version.
pub(super) fn with_version(metadata: &[u8], version: &str) -> Vec<u8> {
    rewrite(metadata, |field, _| {
        field
            .eq_ignore_ascii_case("version")
            .then(|| vec![version.to_owned()])
    })
}

/// Core metadata in which `change` gives some fields other values.
fn rewrite(metadata: &[u8], change: impl Fn(&str, &str) -> Option<Vec<String>>) -> Vec<u8> {
    let mut output = Vec::with_capacity(metadata.len());
    let mut in_headers = true;
    for line in metadata.split_inclusive(|&byte| byte == b'\n') {
        let changed = std::str::from_utf8(line)
            .ok()
            .filter(|_| in_headers)
            .and_then(|text| {
                let (field, value) = text.split_once(':')?;
                let end = &text[text.trim_end_matches(['\r', '\n']).len()..];
                let values = change(field, value.trim())?;
                let lines = values.iter().map(|value| format!("{field}: {value}{end}"));
                Some(lines.collect::<String>())
            });
        match changed {
            Some(changed) => output.extend_from_slice(changed.as_bytes()),
            None => output.extend_from_slice(line),
        }
        // The description follows after an empty line.
        in_headers = in_headers && !line.trim_ascii().is_empty();
    }
    output
}

/// The values of Requires-Dist.
pub(super) fn requires_dist(metadata: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(metadata)
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| {
            let (field, value) = line.split_once(':')?;
            field
                .eq_ignore_ascii_case("requires-dist")
                .then(|| value.trim().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use resolver::name::PackageName;

    use super::{Pin, Pins, requires_dist, with_version};

    fn pins(pin: Pin) -> Pins {
        let local = [("libmq", "1.2.0"), ("lib-models", "2.0.1+local")]
            .map(|(name, version)| (PackageName::new(name), version.to_owned()));
        Pins::new(pin, local.into(), std::iter::empty())
    }

    fn pinned(pins: &Pins, requirement: &str) -> Vec<String> {
        requires_dist(&pins.apply(format!("Requires-Dist: {requirement}\n").as_bytes()))
    }

    #[test]
    fn without_pins_only_names_are_left() {
        let pins = pins(Pin::None);
        assert_eq!(
            pinned(&pins, "libmq[tls] (>=1) ; extra == 'x'"),
            ["libmq[tls] ; extra == 'x'"]
        );
        assert_eq!(pinned(&pins, "requests (>=2)"), ["requests (>=2)"]);
    }

    /// What the lock wants in several versions is required once for each, under the lock's markers.
    #[test]
    fn all_requirements_may_be_pinned() {
        let mut pins = pins(Pin::All);
        let versions = [
            ("1.26.4", "python_version < \"3.12\""),
            ("2.1.0", "python_version >= \"3.12\""),
        ];
        let versions =
            versions.map(|(version, marker)| (version.to_owned(), Some(marker.to_owned())));
        pins.elsewhere
            .insert(PackageName::new("numpy"), versions.into());
        let once = vec![("2.32.3".to_owned(), None)];
        pins.elsewhere.insert(PackageName::new("requests"), once);
        assert_eq!(
            pinned(&pins, "numpy>=1 ; sys_platform == 'linux'"),
            [
                "numpy (==1.26.4) ; (sys_platform == 'linux') and (python_version < \"3.12\")",
                "numpy (==2.1.0) ; (sys_platform == 'linux') and (python_version >= \"3.12\")"
            ]
        );
        assert_eq!(
            pinned(&pins, "requests[socks] (>=2)"),
            ["requests[socks] (==2.32.3)"]
        );
        assert_eq!(pinned(&pins, "libmq"), ["libmq (==1.2.0)"]);
    }

    #[test]
    fn a_version_is_replaced_in_the_headers_only() {
        let text = b"Metadata-Version: 2.4\nVersion: 1.0\n\nVersion: 1.0\n";
        let expected = "Metadata-Version: 2.4\nVersion: 1.0+g12\n\nVersion: 1.0\n";
        assert_eq!(
            String::from_utf8(with_version(text, "1.0+g12")).unwrap(),
            expected
        );
    }

    #[test]
    fn requirements_of_the_repository_are_pinned() {
        let cases = [
            ("libmq", "libmq (==1.2.0)"),
            ("libmq (>=1.0,<2.0)", "libmq (==1.2.0)"),
            ("libmq>=1", "libmq (==1.2.0)"),
            (
                "LibMQ[tls,http] (>=1) ; extra == \"x\"",
                "LibMQ[tls,http] (==1.2.0) ; extra == \"x\"",
            ),
            (
                "libmq[tls]; python_version < '3'",
                "libmq[tls] (==1.2.0) ; python_version < '3'",
            ),
            (
                "lib_models @ file:///repo/libs/lib;models",
                "lib_models (==2.0.1+local)",
            ),
            (
                "lib.models @ file:///repo/libs/lib ; sys_platform == \"linux\"",
                "lib.models (==2.0.1+local) ; sys_platform == \"linux\"",
            ),
            (
                "other @ file:///repo/other ; extra == \"o\"",
                "other ; extra == \"o\"",
            ),
            (
                "other @ https://e.org/other-1.0.zip",
                "other @ https://e.org/other-1.0.zip",
            ),
            ("libmq2 (>=1)", "libmq2 (>=1)"),
            (
                "requests[socks] (>=2.0) ; python_version < \"3.12\"",
                "requests[socks] (>=2.0) ; python_version < \"3.12\"",
            ),
        ];
        for (requirement, expected) in cases {
            let before = format!(
                "Metadata-Version: 2.4\nName: a\nRequires-Dist: {requirement}\n\nRequires-Dist: libmq\n"
            );
            let after = format!(
                "Metadata-Version: 2.4\nName: a\nRequires-Dist: {expected}\n\nRequires-Dist: libmq\n"
            );
            let pinned = pins(Pin::Local).apply(before.as_bytes());
            assert_eq!(String::from_utf8(pinned.clone()).unwrap(), after);
            assert_eq!(requires_dist(&pinned), [expected]);
        }
    }

    #[test]
    fn nothing_else_changes() {
        let text = b"Name: a\r\nSummary: \xff\r\nrequires-dist:requests\r\n\r\nlibmq\r\n";
        assert_eq!(pins(Pin::Local).apply(text), text);
        let pinned = pins(Pin::Local).apply(b"Name: a\r\nRequires-Dist: libmq\r\n");
        assert_eq!(pinned, b"Name: a\r\nRequires-Dist: libmq (==1.2.0)\r\n");
    }
}
