//! Values as Python prints them, since that is how Poetry prints them.

use std::fmt::Write as _;

use toml::Value;

/// As `json.dumps` writes it: in one line, without letters beyond ASCII.
pub(crate) fn json(value: Option<&Value>) -> String {
    match value {
        None => "null".to_owned(),
        Some(Value::String(text)) => json_text(text),
        Some(Value::Boolean(answer)) => answer.to_string(),
        Some(Value::Array(values)) => {
            let values: Vec<String> = values.iter().map(|value| json(Some(value))).collect();
            format!("[{}]", values.join(", "))
        }
        Some(Value::Table(table)) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", json_text(name), json(Some(value)))
            };
            let members: Vec<String> = table.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        // Poetry fails to print a date.
        Some(Value::Datetime(date)) => json_text(&date.to_string()),
        Some(number) => number.to_string(),
    }
}

fn json_text(text: &str) -> String {
    let mut json = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => json += "\\\"",
            '\\' => json += "\\\\",
            '\n' => json += "\\n",
            '\r' => json += "\\r",
            '\t' => json += "\\t",
            '\u{8}' => json += "\\b",
            '\u{c}' => json += "\\f",
            ' '..='~' => json.push(letter),
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    // Writing to memory does not fail.
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
        }
    }
    json + "\""
}

/// As `str` writes it: a text is itself.
pub(crate) fn str(value: Option<&Value>) -> String {
    match value {
        None => "None".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Boolean(true)) => "True".to_owned(),
        Some(Value::Boolean(false)) => "False".to_owned(),
        Some(Value::Array(values)) => {
            let values: Vec<String> = values.iter().map(repr_value).collect();
            format!("[{}]", values.join(", "))
        }
        Some(Value::Table(table)) => {
            let member =
                |(name, value): (&String, &Value)| format!("{}: {}", repr(name), repr_value(value));
            let members: Vec<String> = table.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        Some(other) => other.to_string(),
    }
}

fn repr_value(value: &Value) -> String {
    match value {
        Value::String(text) => repr(text),
        other => str(Some(other)),
    }
}

/// As `repr` writes a text: in single quotes, unless only these are in it.
pub(crate) fn repr(text: &str) -> String {
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut repr = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\\' => repr += "\\\\",
            '\n' => repr += "\\n",
            '\r' => repr += "\\r",
            '\t' => repr += "\\t",
            _ if letter == quote => repr.extend(['\\', quote]),
            _ if letter.is_control() => {
                // Writing to memory does not fail.
                let _ = write!(repr, "\\x{:02x}", u32::from(letter));
            }
            _ => repr.push(letter),
        }
    }
    repr.push(quote);
    repr
}

#[cfg(test)]
mod tests {
    use toml::Value;

    use super::{json, repr, str};

    /// Recorded from Python 3.11.
    #[test]
    fn values_are_printed_as_python_prints_them() {
        let table: Value = toml::from_str::<toml::Table>(
            "text = \"é \\\"x\\\" \\\\ \\t 🐍\"\nyes = true\nnumber = 7\nhalf = 1.5\nlist = ['a', ['b']]\n[inner]\n",
        )
        .unwrap()
        .into();
        assert_eq!(
            json(Some(&table)),
            "{\"text\": \"\\u00e9 \\\"x\\\" \\\\ \\t \\ud83d\\udc0d\", \"yes\": true, \"number\": 7, \
             \"half\": 1.5, \"list\": [\"a\", [\"b\"]], \"inner\": {}}"
        );
        assert_eq!(
            str(Some(&table)),
            "{'text': 'é \"x\" \\\\ \\t 🐍', 'yes': True, 'number': 7, 'half': 1.5, \
             'list': ['a', ['b']], 'inner': {}}"
        );
        assert_eq!((json(None), str(None)), ("null".into(), "None".into()));
        assert_eq!(repr("it's"), "\"it's\"");
        assert_eq!(repr("it's \"x\""), "'it\\'s \"x\"'");
    }
}
