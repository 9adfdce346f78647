//! TOML as tomlkit prints it, as far as lock files, pylock.toml and edits of pyproject.toml need it.

use std::fmt::Write;

/// A string: always in double quotes, on one line.
pub(crate) fn push_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                let code = u32::from(c);
                write!(out, "\\u{code:04x}").expect("a string takes all that is written");
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// A key: bare if that is possible.
pub(crate) fn push_key(key: &str, out: &mut String) {
    let is_bare_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare_char) {
        out.push_str(key);
    } else {
        push_string(key, out);
    }
}

/// `key = "text"` on a line of its own.
pub(crate) fn push_text_line(key: &str, text: &str, out: &mut String) {
    push_key(key, out);
    out.push_str(" = ");
    push_string(text, out);
    out.push('\n');
}

/// `key = true` on a line of its own.
pub(crate) fn push_flag_line(key: &str, flag: bool, out: &mut String) {
    push_key(key, out);
    out.push_str(if flag { " = true\n" } else { " = false\n" });
}

/// `["a", "b"]`
pub(crate) fn push_texts<'a>(texts: impl IntoIterator<Item = &'a str>, out: &mut String) {
    out.push('[');
    for (i, text) in texts.into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push_string(text, out);
    }
    out.push(']');
}

/// `{a = "x", b = true}`, put together member by member.
pub(crate) struct InlineTable<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> InlineTable<'a> {
    pub(crate) fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self {
            out,
            is_empty: true,
        }
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        push_string(text, self.out);
    }

    pub(crate) fn texts<'b>(&mut self, key: &str, texts: impl IntoIterator<Item = &'b str>) {
        self.key(key);
        push_texts(texts, self.out);
    }

    pub(crate) fn yes(&mut self, key: &str) {
        self.key(key);
        self.out.push_str("true");
    }

    /// A value that is written out already.
    pub(crate) fn written(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push_str(value);
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }

    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.out.push_str(", ");
        }
        self.is_empty = false;
        push_key(key, self.out);
        self.out.push_str(" = ");
    }
}

#[cfg(test)]
mod tests {
    use super::{push_key, push_string};

    #[test]
    fn escapes_of_strings() {
        let mut out = String::new();
        push_string("a\"\\\u{8}\t\n\u{c}\r\u{1b}\u{7f}\u{a0}\u{85}é😀", &mut out);
        assert_eq!(
            out,
            "\"a\\\"\\\\\\b\\t\\n\\f\\r\\u001b\\u007f\u{a0}\u{85}é😀\""
        );
    }

    #[test]
    fn keys_are_bare_if_they_can() {
        for (key, printed) in [
            ("a-B_9", "a-B_9"),
            ("a.b", "\"a.b\""),
            ("", "\"\""),
            ("é", "\"é\""),
        ] {
            let mut out = String::new();
            push_key(key, &mut out);
            assert_eq!(out, printed);
        }
    }
}
