//! Licences: SPDX expressions (PEP 639), and the identifiers and classifiers of older manifests.
//!
//! `licenses.tsv` holds, per line: SPDX identifier; `e` if it may stand in an expression; the trove classifier
//! without `License :: ` (empty: `Other/Proprietary License`); the full name if it names this licence alone.

const LICENSES: &str = include_str!("licenses.tsv");
const EXCEPTIONS: &str = include_str!("exceptions.txt");

/// A licence as older manifests name it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct License {
    /// SPDX identifier if there is one, else the text as given.
    pub(super) id: String,
    /// Its trove classifier.
    pub(super) classifier: String,
}

/// One line of the table.
struct Row<'a> {
    id: &'a str,
    in_expressions: bool,
    classifier: &'a str,
    name: &'a str,
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    LICENSES.lines().filter_map(|line| {
        let mut columns = line.split('\t');
        Some(Row {
            id: columns.next()?,
            in_expressions: columns.next()? == "e",
            classifier: columns.next()?,
            name: columns.next()?,
        })
    })
}

impl License {
    /// Looks up an identifier or full name, whatever its case. Unknown texts stand for themselves.
    pub(super) fn by_id(text: &str) -> Self {
        let lower = text.to_lowercase();
        let known = rows().find(|row| {
            row.id.to_lowercase() == lower
                || (!row.name.is_empty() && row.name.to_lowercase() == lower)
        });
        let (id, classifier) = match known {
            Some(row) => (row.id, row.classifier),
            None if lower == "proprietary" => ("Proprietary", ""),
            None => (text, ""),
        };
        let classifier = match classifier {
            "" => "Other/Proprietary License",
            classifier => classifier,
        };
        Self {
            id: id.to_owned(),
            classifier: format!("License :: {classifier}"),
        }
    }
}

/// Brings an SPDX expression into its normal form: identifiers as the list spells them, operators in capitals.
/// `None` if it is no valid expression.
pub(crate) fn normalize_expression(text: &str) -> Option<String> {
    let padded = text.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = padded.split_whitespace().collect();
    let mut reader = Reader {
        tokens: &tokens,
        output: Vec::new(),
    };
    reader.alternatives()?;
    if !reader.tokens.is_empty() {
        return None;
    }
    Some(
        reader
            .output
            .join(" ")
            .replace("( ", "(")
            .replace(" )", ")"),
    )
}

/// Reads tokens off the front and collects their normal form.
struct Reader<'a> {
    tokens: &'a [&'a str],
    output: Vec<String>,
}

impl Reader<'_> {
    fn takes(&mut self, word: &str) -> bool {
        match self.tokens.split_first() {
            Some((token, rest)) if token.eq_ignore_ascii_case(word) => {
                self.tokens = rest;
                self.output.push(word.to_owned());
                true
            }
            _ => false,
        }
    }

    /// Terms joined by `AND` or `OR`; their precedence does not show in the normal form.
    fn alternatives(&mut self) -> Option<()> {
        loop {
            self.term()?;
            if !self.takes("OR") && !self.takes("AND") {
                return Some(());
            }
        }
    }

    fn term(&mut self) -> Option<()> {
        if self.takes("(") {
            self.alternatives()?;
            return self.takes(")").then_some(());
        }
        let (&token, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        self.output.push(license_id(token)?);
        if self.takes("WITH") {
            let (&token, rest) = self.tokens.split_first()?;
            self.tokens = rest;
            let exception = EXCEPTIONS
                .lines()
                .find(|id| id.eq_ignore_ascii_case(token))?;
            self.output.push(exception.to_owned());
        }
        Some(())
    }
}

fn license_id(token: &str) -> Option<String> {
    const REFERENCE: &str = "LicenseRef-";
    if let Some(prefix) = token.get(..REFERENCE.len())
        && prefix.eq_ignore_ascii_case(REFERENCE)
    {
        let name = &token[REFERENCE.len()..];
        let is_valid = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
        return is_valid.then(|| format!("{REFERENCE}{name}"));
    }
    let (id, suffix) = match token.strip_suffix('+') {
        Some(id) => (id, "+"),
        None => (token, ""),
    };
    let row = rows().find(|row| row.in_expressions && row.id.eq_ignore_ascii_case(id))?;
    Some(format!("{}{suffix}", row.id))
}

#[cfg(test)]
mod tests {
    use super::{License, normalize_expression};

    #[test]
    fn identifiers_and_names_are_found_in_any_case() {
        // Recorded from poetry-core 2.5.0.
        let cases = [
            ("mit", "MIT", "License :: OSI Approved :: MIT License"),
            (
                "apache license 2.0",
                "Apache-2.0",
                "License :: OSI Approved :: Apache Software License",
            ),
            (
                "proprietary",
                "Proprietary",
                "License :: Other/Proprietary License",
            ),
            ("My own", "My own", "License :: Other/Proprietary License"),
            ("0bsd", "0BSD", "License :: OSI Approved"),
            (
                "GPL-3.0+",
                "GPL-3.0+",
                "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)",
            ),
            (
                "CC0-1.0",
                "CC0-1.0",
                "License :: CC0 1.0 Universal (CC0 1.0) Public Domain Dedication",
            ),
        ];
        for (text, id, classifier) in cases {
            let license = License::by_id(text);
            assert_eq!(
                (license.id.as_str(), license.classifier.as_str()),
                (id, classifier),
                "{text}"
            );
        }
    }

    #[test]
    fn expressions_are_normalised_or_refused() {
        let cases = [
            ("mit", Some("MIT")),
            ("mit or  apache-2.0", Some("MIT OR Apache-2.0")),
            (
                "mit and (apache-2.0 or bsd-2-clause)",
                Some("MIT AND (Apache-2.0 OR BSD-2-Clause)"),
            ),
            (
                "gpl-2.0+ with classpath-exception-2.0",
                Some("GPL-2.0+ WITH Classpath-exception-2.0"),
            ),
            ("licenseref-My.Own", Some("LicenseRef-My.Own")),
            ("(mit", None),
            ("mit)", None),
            ("", None),
            ("()", None),
            ("mit mit", None),
            ("mit or", None),
            ("mit with mit", None),
            ("Use-it-after-midnight", None),
            ("licenseref-a_b", None),
            ("proprietary", None),
        ];
        for (text, expected) in cases {
            assert_eq!(normalize_expression(text).as_deref(), expected, "{text}");
        }
    }
}
