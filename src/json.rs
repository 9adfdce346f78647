//! JSON in the form that Poetry prints.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The text of a value on one line.
///
/// Poetry: as Python prints it, with spaces after commas and colons, and in ASCII.
pub(crate) fn to_line(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, OfPython);
    // Strings and maps of strings can always be written.
    value.serialize(&mut serializer).ok();
    String::from_utf8(bytes).unwrap_or_default()
}

struct OfPython;

impl Formatter for OfPython {
    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        to.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        to.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        for c in text.chars() {
            if matches!(c, ' '..='~') {
                write!(to, "{c}")?;
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::to_line;

    #[test]
    fn json_looks_as_in_python() {
        let value = serde_json::json!({"a": ["x\"\n", "é\u{1f40d}\u{7f}"], "b": {}});
        let expected = r#"{"a": ["x\"\n", "\u00e9\ud83d\udc0d\u007f"], "b": {}}"#;
        assert_eq!(to_line(&value), expected);
    }
}
