//! Requirements between the wheels of a bundle.
//!
//! The wheel of a library says `Requires-Dist: libmq`, or even `libmq @ file:///home/…`. In a container the first
//! makes pip ask the index for a stranger's `libmq`, the second fails. So each requirement of something that the
//! repository itself provides is pinned to the version in the bundle: `libmq (==1.2.0)`.

use std::collections::BTreeMap;

use resolver::name::PackageName;

/// Versions of what the repository provides.
pub(super) type Pins = BTreeMap<PackageName, String>;

/// METADATA with its in-repo requirements pinned. Everything else stays as it is, byte for byte.
pub(super) fn pin_metadata(metadata: &[u8], pins: &Pins) -> Vec<u8> {
    let mut output = Vec::with_capacity(metadata.len());
    let mut in_headers = true;
    for line in metadata.split_inclusive(|&byte| byte == b'\n') {
        let pinned = std::str::from_utf8(line)
            .ok()
            .filter(|_| in_headers)
            .and_then(|text| {
                let (field, value) = text.split_once(':')?;
                if !field.eq_ignore_ascii_case("requires-dist") {
                    return None;
                }
                let end = &text[text.trim_end_matches(['\r', '\n']).len()..];
                Some(format!("{field}: {}{end}", pin(value.trim(), pins)?))
            });
        match pinned {
            Some(pinned) => output.extend_from_slice(pinned.as_bytes()),
            None => output.extend_from_slice(line),
        }
        // The description follows after an empty line.
        in_headers = in_headers && !line.trim_ascii().is_empty();
    }
    output
}

/// The requirement with the version of the bundle; `None` if it is about something else and leads nowhere on this
/// machine.
fn pin(requirement: &str, pins: &Pins) -> Option<String> {
    let end = requirement
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
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
    let marker = marker.map_or_else(String::new, |marker| format!(" ; {}", marker.trim()));
    match pins.get(&PackageName::new(name)) {
        Some(version) => Some(format!("{name}{extras} (=={version}){marker}")),
        None if is_address && rest[1..].trim_start().starts_with("file:") => {
            Some(format!("{name}{extras}{marker}"))
        }
        None => None,
    }
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

    use super::{Pins, pin_metadata, requires_dist};

    fn pins() -> Pins {
        [("libmq", "1.2.0"), ("lib-models", "2.0.1+local")]
            .map(|(name, version)| (PackageName::new(name), version.to_owned()))
            .into()
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
            let pinned = pin_metadata(before.as_bytes(), &pins());
            assert_eq!(String::from_utf8(pinned.clone()).unwrap(), after);
            assert_eq!(requires_dist(&pinned), [expected]);
        }
    }

    #[test]
    fn nothing_else_changes() {
        let text = b"Name: a\r\nSummary: \xff\r\nrequires-dist:requests\r\n\r\nlibmq\r\n";
        assert_eq!(pin_metadata(text, &pins()), text);
        let pinned = pin_metadata(b"Name: a\r\nRequires-Dist: libmq\r\n", &pins());
        assert_eq!(pinned, b"Name: a\r\nRequires-Dist: libmq (==1.2.0)\r\n");
    }
}
