//! The texts of a requirement.
use std::path::Path;

use super::{Origin, Requirement};
use crate::constraint::Constraint;
use crate::git_url::without_credentials;
use crate::marker::{GenericConstraint, Marker};
use crate::name::ExtraName;

impl Requirement {
    /// `name` or `name[a,b]`: what the solver solves for.
    #[must_use]
    pub fn complete_name(&self) -> String {
        with_extras(self.name.as_str(), &self.extras)
    }

    /// The same with the name as written.
    #[must_use]
    pub fn complete_pretty_name(&self) -> String {
        with_extras(&self.pretty_name, &self.extras)
    }

    /// What Poetry shows as the constraint: for a git repository what is checked out.
    #[must_use]
    pub fn shown_constraint(&self) -> String {
        let Origin::Git {
            branch, tag, rev, ..
        } = &self.origin
        else {
            return self.pretty_constraint.clone();
        };
        let references = [("branch", branch), ("tag", tag), ("rev", rev)];
        references
            .into_iter()
            .find_map(|(kind, reference)| reference.as_ref().map(|text| format!("{kind} {text}")))
            .unwrap_or_default()
    }

    /// The PEP 508 text, with or without the `extra` parts of its marker (poetry-core's `to_pep_508`).
    #[must_use]
    pub fn to_pep508(&self, with_extras: bool) -> String {
        let base = self.base_pep508();
        let marker = if with_extras {
            self.marker.clone()
        } else {
            self.marker.without_extras()
        };
        let mut parts = Vec::new();
        if !marker.is_any() && !marker.is_empty() {
            parts.push(marker.to_string());
        }
        if with_extras && !self.in_extras.is_empty() && !marker.mentions_extra() {
            parts.push(extras_marker(&self.in_extras));
        }
        match parts.as_slice() {
            [] => base,
            [only] => format!("{base} ; {only}"),
            _ => {
                let parts: Vec<String> = parts.iter().map(|part| format!("({part})")).collect();
                format!("{base} ; {}", parts.join(" and "))
            }
        }
    }

    /// The PEP 508 text without a marker.
    #[must_use]
    pub fn base_pep508(&self) -> String {
        let name = self.complete_pretty_name();
        let place = |address: &str, subdirectory: &Option<String>| {
            let fragment = match subdirectory {
                Some(subdirectory) => format!("#subdirectory={subdirectory}"),
                None => String::new(),
            };
            format!("{name} @ {address}{fragment}")
        };
        match &self.origin {
            Origin::Index { .. } => match self.specifier() {
                Some(specifier) => format!("{name} ({specifier})"),
                None => name,
            },
            Origin::Directory { .. } => place(&self.path_url(), &None),
            Origin::File { subdirectory, .. } => place(&self.path_url(), subdirectory),
            Origin::Url { url, subdirectory } => place(url, subdirectory),
            Origin::Git {
                url, subdirectory, ..
            } => {
                let reference = match self.origin.git_reference() {
                    Some(reference) => format!("@{reference}"),
                    None => String::new(),
                };
                place(&format!("git+{url}{reference}"), subdirectory)
            }
        }
    }

    /// What Poetry prints in messages: like [`Self::base_pep508`], but with the constraint of what is not
    /// from an index, and without passwords.
    #[must_use]
    pub fn describe(&self) -> String {
        let text = self.base_pep508();
        let shown = without_credentials(&text);
        match shown.split_once('@') {
            Some((name, address)) if self.origin.is_direct() => {
                format!(
                    "{} ({}) @ {}",
                    name.trim(),
                    self.pretty_constraint,
                    address.trim()
                )
            }
            _ => shown.to_string(),
        }
    }

    /// The constraint as a specifier; `None` if it is any version.
    fn specifier(&self) -> Option<String> {
        match &self.constraint {
            Constraint::Version(version) => Some(format!("=={version}")),
            union @ Constraint::Union(_) => Some(
                if union.excludes_single_version() || union.excludes_single_wildcard_range() {
                    union.to_string()
                } else {
                    split_and_print(&self.pretty_constraint)
                },
            ),
            constraint if constraint.is_any() => None,
            constraint => Some(constraint.to_string()),
        }
    }

    /// The `file:` URL of a directory or file; empty for others.
    #[must_use]
    pub(crate) fn path_url(&self) -> String {
        self.origin
            .full_path()
            .map_or_else(String::new, |path| path_to_url(&path))
    }
}

fn with_extras(name: &str, extras: &[ExtraName]) -> String {
    if extras.is_empty() {
        return name.to_owned();
    }
    let extras: Vec<&str> = extras.iter().map(ExtraName::as_str).collect();
    format!("{name}[{}]", extras.join(","))
}

/// Poetry: a union that is not just `!=` is cut at its commas, and each piece is read and printed on its own.
fn split_and_print(constraint: &str) -> String {
    let pieces: Vec<String> = constraint
        .split(',')
        .map(|piece| {
            Constraint::parse(piece).map_or_else(|_| piece.to_owned(), |parsed| parsed.to_string())
        })
        .collect();
    pieces.join(",")
}

fn extras_marker(extras: &[ExtraName]) -> String {
    let extras: Vec<&str> = extras.iter().map(ExtraName::as_str).collect();
    GenericConstraint::parse(&extras.join(" || ")).map_or_else(
        |_| String::new(),
        |extras| Marker::nested_generic("extra", &extras),
    )
}

/// A `file:` URL, quoted as Python does it.
fn path_to_url(path: &Path) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
    const QUOTED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'_')
        .remove(b'.')
        .remove(b'-')
        .remove(b'~');
    let path = path.as_os_str().as_encoded_bytes();
    format!("file://{}", percent_encode(path, QUOTED))
}
