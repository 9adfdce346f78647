//! `RECORD`: the list of a distribution's files (PEP 376, PEP 427).

use std::fmt::Write;

use super::manifest::StoredFile;

/// A row of RECORD.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordEntry {
    /// The path as written, with `/`.
    pub path: String,
    /// Algorithm and digest (URL-safe base64 without padding), if given.
    pub hash: Option<(String, String)>,
    /// Bytes, if given. Signed, since the format's own reader takes any whole number.
    pub size: Option<i64>,
}

/// A RECORD that can't be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("row {row} of RECORD is invalid: {reason}")]
pub struct RecordError {
    /// Which row, from 0.
    pub row: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl RecordEntry {
    /// Reads the three fields of a row.
    ///
    /// # Errors
    /// With a short reason, when the path is empty or hash or size don't follow the format.
    pub fn from_fields(path: &str, hash: &str, size: &str) -> Result<Self, String> {
        if path.is_empty() {
            return Err("`path` cannot be empty".to_owned());
        }
        let hash = match hash.split_once('=') {
            Some((algorithm, digest)) => Some((algorithm.to_owned(), digest.to_owned())),
            None if hash.is_empty() => None,
            None => return Err("`hash` does not follow the required format".to_owned()),
        };
        let size = match size.trim() {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| "`size` cannot be non-integer".to_owned())?,
            ),
        };
        Ok(Self {
            path: path.to_owned(),
            hash,
            size,
        })
    }
}

/// Splits a RECORD into rows of three fields: path, hash, size. Backslashes in paths become slashes. The fields
/// themselves are not looked at; see [`RecordEntry::from_fields`].
///
/// # Errors
/// When a row has not exactly three fields.
pub fn parse_rows(text: &str) -> Result<Vec<[String; 3]>, RecordError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for (row, fields) in reader.records().enumerate() {
        let fields = fields.map_err(|error| RecordError {
            row,
            reason: error.to_string(),
        })?;
        let (Some(path), Some(hash), Some(size), 3) =
            (fields.get(0), fields.get(1), fields.get(2), fields.len())
        else {
            return Err(RecordError {
                row,
                reason: format!("expected 3 elements, got {}", fields.len()),
            });
        };
        rows.push([path.replace('\\', "/"), hash.to_owned(), size.to_owned()]);
    }
    Ok(rows)
}

/// A file as the RECORD of an installed distribution lists it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The path inside its scheme; rows are sorted by it.
    pub(crate) path: String,
    /// What stands before it: the way from site-packages to the scheme's folder.
    pub(crate) prefix: String,
    /// `sha256=…` and the size; `None` for RECORD itself.
    pub(crate) content: Option<(String, u64)>,
}

impl Written {
    /// A file that lies in site-packages just as it was unpacked.
    pub(super) fn unchanged(file: &StoredFile) -> Self {
        Self {
            path: file.path().to_owned(),
            prefix: String::new(),
            content: Some((file.hash.clone(), file.size)),
        }
    }
}

/// The text of an installed RECORD: sorted by the path inside the scheme, without what comes before it.
pub(crate) fn installed_text(mut files: Vec<Written>) -> String {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut text = String::new();
    for file in files {
        push_field(&mut text, &format!("{}{}", file.prefix, file.path));
        match file.content {
            Some((hash, size)) => {
                let _ = writeln!(text, ",{hash},{size}");
            }
            None => text.push_str(",,\n"),
        }
    }
    text
}

/// Poetry: the row of `direct_url.json` is added to a finished RECORD, at its end, with CRLF and without hash.
pub(crate) fn direct_url_row(dist_info: &str) -> String {
    let mut row = String::new();
    push_field(&mut row, &format!("{dist_info}/direct_url.json"));
    row.push_str(",,\r\n");
    row
}

/// Quotes only where the CSV needs it.
fn push_field(text: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    use super::{Written, installed_text};

    #[test]
    fn rows_are_sorted_by_the_path_inside_the_scheme() {
        let file = |path: &str, prefix: &str| Written {
            path: path.to_owned(),
            prefix: prefix.to_owned(),
            content: Some(("sha256=x".to_owned(), 1)),
        };
        let record = Written {
            content: None,
            ..file("n-1.dist-info/RECORD", "")
        };
        let files = vec![
            file("zz", "../../../bin/"),
            file("n/a,\"b\".py", ""),
            record,
            file("a", "./"),
        ];
        assert_eq!(
            installed_text(files),
            "./a,sha256=x,1\nn-1.dist-info/RECORD,,\n\"n/a,\"\"b\"\".py\",sha256=x,1\n../../../bin/zz,sha256=x,1\n"
        );
    }
}
