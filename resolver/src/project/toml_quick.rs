//! The TOML that lock files and nearly all manifests are written in, read several times as fast as all of TOML.
//!
//! Known are tables and arrays of tables, plain and quoted keys, strings on one line, whole numbers, `true` and `false`,
//! arrays, and tables in braces. Whatever else there is, and whatever is wrong, is left to the reader of all TOML: the
//! answer is then `None`, never an error and never another document.

use rustc_hash::FxHashSet;
use toml::map::Entry;
use toml::{Table, Value};

/// Values inside of values, at most. The reader of all TOML has a limit of its own, which is higher.
const DEEPEST: usize = 32;

/// The document, if it is one of those that are known here.
pub(super) fn read(text: &str) -> Option<Table> {
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
    };
    let mut headers = Headers::default();
    let mut root = Table::new();
    reader.pairs(&mut root)?;
    while reader.take(b'[') {
        let is_array = reader.take(b'[');
        let path = reader.path()?;
        if !reader.take(b']') || (is_array && !reader.take(b']')) {
            return None;
        }
        reader.line_end()?;
        let table = match is_array {
            true => headers.element(&mut root, path)?,
            false => headers.table(&mut root, path)?,
        };
        reader.pairs(table)?;
    }
    (reader.at == reader.bytes.len()).then_some(root)
}

/// What was made by headers. Only that may get more by others: a table in braces is closed.
#[derive(Default)]
struct Headers {
    /// Keys of each, one a line. Keys of arrays stand for their last element.
    tables: FxHashSet<String>,
    arrays: FxHashSet<String>,
}

impl Headers {
    /// The new table of a header `[…]`.
    fn table<'t>(&mut self, root: &'t mut Table, path: Vec<String>) -> Option<&'t mut Table> {
        let (parent, name, key) = self.parent(root, path)?;
        // One that is there may have been made on the way to another. That is rare.
        let Entry::Vacant(place) = parent.entry(key) else {
            return None;
        };
        self.tables.insert(name);
        place.insert(Value::Table(Table::new())).as_table_mut()
    }

    /// The new element of a header `[[…]]`.
    fn element<'t>(&mut self, root: &'t mut Table, path: Vec<String>) -> Option<&'t mut Table> {
        let (parent, name, key) = self.parent(root, path)?;
        let elements = match parent.entry(key) {
            Entry::Vacant(place) => place.insert(Value::Array(Vec::new())),
            Entry::Occupied(place) => {
                if !self.arrays.contains(&name) {
                    return None;
                }
                place.into_mut()
            }
        };
        let elements = elements.as_array_mut()?;
        elements.push(Value::Table(Table::new()));
        let inside = name.clone() + "\n";
        self.tables.retain(|other| !other.starts_with(&inside));
        self.arrays.retain(|other| !other.starts_with(&inside));
        self.arrays.insert(name);
        elements.last_mut()?.as_table_mut()
    }

    /// The table that the last key of a path is in, the name of the whole path, and that key.
    fn parent<'t>(
        &mut self,
        root: &'t mut Table,
        mut path: Vec<String>,
    ) -> Option<(&'t mut Table, String, String)> {
        let last = path.pop()?;
        let mut name = String::new();
        let mut table = root;
        for key in path {
            // A line end in a key would make one name of two.
            if key.contains('\n') {
                return None;
            }
            name += &key;
            table = match table.entry(key) {
                Entry::Vacant(place) => {
                    self.tables.insert(name.clone());
                    place.insert(Value::Table(Table::new())).as_table_mut()?
                }
                Entry::Occupied(place) => match place.into_mut() {
                    Value::Table(table) if self.tables.contains(&name) => table,
                    Value::Array(elements) if self.arrays.contains(&name) => {
                        elements.last_mut()?.as_table_mut()?
                    }
                    _ => return None,
                },
            };
            name.push('\n');
        }
        name += &last;
        (!last.contains('\n')).then_some((table, name, last))
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Spaces and a comment. `None`: it holds what comments must not hold.
    fn comment(&mut self) -> Option<()> {
        self.spaces();
        if self.take(b'#') {
            while let Some(byte) = self.peek().filter(|byte| *byte != b'\n') {
                (!is_control(byte)).then_some(())?;
                self.at += 1;
            }
        }
        Some(())
    }

    /// What may stand behind a value or header: nothing but a comment.
    fn line_end(&mut self) -> Option<()> {
        self.comment()?;
        (self.take(b'\n') || self.at == self.bytes.len()).then_some(())
    }

    /// Spaces, line ends and comments.
    fn blank(&mut self) -> Option<()> {
        loop {
            self.comment()?;
            if !self.take(b'\n') {
                return Some(());
            }
        }
    }

    /// Keys with their values, up to the next header or the end.
    fn pairs(&mut self, table: &mut Table) -> Option<()> {
        loop {
            self.blank()?;
            if matches!(self.peek(), None | Some(b'[')) {
                return Some(());
            }
            self.pair(table, 0)?;
            self.line_end()?;
        }
    }

    fn pair(&mut self, table: &mut Table, depth: usize) -> Option<()> {
        let key = self.key()?;
        self.spaces();
        if !self.take(b'=') {
            return None;
        }
        self.spaces();
        let value = self.value(depth)?;
        let Entry::Vacant(place) = table.entry(key) else {
            return None;
        };
        place.insert(value);
        Some(())
    }

    /// Keys between dots.
    fn path(&mut self) -> Option<Vec<String>> {
        let mut path = Vec::new();
        loop {
            self.spaces();
            path.push(self.key()?);
            self.spaces();
            if !self.take(b'.') {
                return Some(path);
            }
        }
    }

    fn key(&mut self) -> Option<String> {
        if self.take(b'"') {
            return self.quoted(b'"');
        }
        let begin = self.at;
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        while self.peek().is_some_and(is_bare) {
            self.at += 1;
        }
        (self.at > begin).then(|| self.text[begin..self.at].to_owned())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let begin = self.at;
        self.at += 1;
        Some(match self.bytes.get(begin)? {
            quote @ (b'"' | b'\'') => Value::String(self.quoted(*quote)?),
            b'[' => Value::Array(self.array(depth)?),
            b'{' => Value::Table(self.braces(depth)?),
            b't' => self.word("rue", true)?,
            b'f' => self.word("alse", false)?,
            b'1'..=b'9' => {
                while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    self.at += 1;
                }
                // Anything but a whole number goes on.
                let ends = matches!(
                    self.peek(),
                    None | Some(b' ' | b'\t' | b'\n' | b',' | b']' | b'}' | b'#')
                );
                let number = self.text[begin..self.at].parse().ok();
                Value::Integer(number.filter(|_| ends)?)
            }
            _ => return None,
        })
    }

    fn word(&mut self, rest: &str, value: bool) -> Option<Value> {
        let is_it = self.bytes[self.at..].starts_with(rest.as_bytes());
        self.at += rest.len();
        is_it.then_some(Value::Boolean(value))
    }

    /// The rest of a text in these quotes. In double ones a backslash escapes.
    fn quoted(&mut self, quote: u8) -> Option<String> {
        // Three quotes begin a text of several lines; two are an empty one.
        if self.bytes[self.at..].starts_with(&[quote, quote]) {
            return None;
        }
        let begin = self.at;
        loop {
            match self.peek()? {
                byte if byte == quote => {
                    let text = self.text[begin..self.at].to_owned();
                    self.at += 1;
                    return Some(text);
                }
                b'\\' if quote == b'"' => return self.escaped(begin),
                byte if is_control(byte) => return None,
                _ => self.at += 1,
            }
        }
    }

    /// The same from the first backslash on.
    fn escaped(&mut self, mut begin: usize) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.peek()? {
                b'"' => {
                    text += &self.text[begin..self.at];
                    self.at += 1;
                    return Some(text);
                }
                b'\\' => {
                    text += &self.text[begin..self.at];
                    text.push(match self.bytes.get(self.at + 1)? {
                        b'"' => '"',
                        b'\\' => '\\',
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        _ => return None,
                    });
                    self.at += 2;
                    begin = self.at;
                }
                byte if is_control(byte) => return None,
                _ => self.at += 1,
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            self.blank()?;
            if self.take(b']') {
                return Some(values);
            }
            values.push(self.value(depth + 1)?);
            self.blank()?;
            if !self.take(b',') {
                return self.take(b']').then_some(values);
            }
        }
    }

    /// The rest of a table in braces, on one line.
    fn braces(&mut self, depth: usize) -> Option<Table> {
        let mut table = Table::new();
        self.spaces();
        if self.take(b'}') {
            return Some(table);
        }
        loop {
            self.spaces();
            self.pair(&mut table, depth + 1)?;
            self.spaces();
            if !self.take(b',') {
                return self.take(b'}').then_some(table);
            }
        }
    }
}

/// Is it one of those that must be escaped?
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toml::Table;

    use super::read;

    /// In the order of the text, which two equal tables need not have.
    fn in_order(table: &Table) -> String {
        format!("{table:?}")
    }

    fn check(text: &str) -> bool {
        let Some(quick) = read(text) else {
            return false;
        };
        match text.parse::<Table>() {
            Ok(whole) => assert_eq!(in_order(&quick), in_order(&whole), "{text}"),
            Err(error) => panic!("{error} in\n{text}"),
        }
        true
    }

    const LOCK: &str = r#"# This file is automatically @generated by Poetry 2.5.1 and should not be changed by hand.

[[package]]
name = "a"
version = "1.0"
description = "It says \"hello\" — in \\ UTF-8"
optional = false
python-versions = ">=3.9"
groups = ["main", "dev"]
files = [
    {file = "a-1.0-py3-none-any.whl", hash = "sha256:aa"}, # the wheel
    {file = "a-1.0.tar.gz", hash = "sha256:bb"},
]

[package.dependencies]
b = {version = ">=1", extras = ["x"], markers = "python_version < \"3.10\""}
"c.d" = [
    {version = "1", optional = true},
    {version = "2"}
]

[package.dependencies.e]
optional = true
version = '*'

[package.extras]
x = ["y (>=1) ; os_name == 'nt'"]

[[package]]
name = "b"
version = "2"
files = []
[package.source]
type = "git"

[extras]

[metadata]
lock-version = "2.1"
number = 12
"#;

    #[test]
    fn locks_and_usual_manifests_are_known() {
        assert!(check(LOCK));
        assert!(check(""));
        assert!(check("a = 1"));
        assert!(check(
            "[a.b]\nx = true # said\n[a.c]\n[a.b.c]\n[[d]]\n[[d]]\n[[d.e]]\n[d.e.f]\n"
        ));
    }

    #[test]
    fn what_is_wrong_is_left_to_the_other_reader() {
        for text in [
            "a = 1\na = 2",
            "[a]\n[a]",
            "a = {b = 1}\n[a.c]",
            "a = [{b = 1}]\n[[a]]",
            "a = [{b = 1}]\n[a.c]",
            "[[a]]\nb = {}\n[a.b.c]",
            "[[a]]\n[a.b]\n[[a]]\nb = {}\n[a.b.c]",
            "[[a]]\n[a]",
            "[a]\n[[a]]",
            "a = {b = 1, b = 2}",
            "a = \"x",
            "a = \"\\q\"",
            "a = \"\u{7f}\"",
            "# \u{1}\n",
            "a = truely",
            "a = 01",
            "a = 1_",
            "a = 99999999999999999999",
            "a = [1 2]",
            "a = 1 b = 2",
            "[a] b = 1",
            "a",
            "[a",
            "[[a]",
            "= 1",
            "\u{feff}\u{feff}a = 1",
        ] {
            assert!(text.parse::<Table>().is_err(), "{text}");
            assert!(read(text).is_none(), "{text}");
        }
    }

    /// Pieces of documents, good and bad in all orders.
    fn piece() -> impl Strategy<Value = String> {
        let pieces = [
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            "=",
            ",",
            ".",
            "\n",
            " ",
            "\t",
            "#",
            "\"",
            "'",
            "\\",
            "\\n",
            "\\u00e9",
            "a",
            "b",
            "a.b",
            "\"a b\"",
            "'c'",
            "\"\"",
            "\"\"\"",
            "''",
            "'''",
            "true",
            "false",
            "1",
            "12",
            "0",
            "-1",
            "1.5",
            "1e3",
            "0x1",
            "1979-05-27",
            "inf",
            "é",
            "\r",
            "\u{1}",
            "\u{7f}",
            "a = 1\n",
            "b = \"x\"\n",
            "a = {b = 1}\n",
            "a = [{b = 1}]\n",
            "[a]\n",
            "[a.b]\n",
            "[a.b.c]\n",
            "[[a]]\n",
            "[[a.b]]\n",
            "[b]\n",
            "a.b = 1\n",
            "c = [\n  1,\n  2, # x\n]\n",
            "c = {a = [1, {b = \"\"}], d = {}}\n",
        ];
        proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn no_document_is_read_as_another(pieces in proptest::collection::vec(piece(), 0..14)) {
            check(&pieces.concat());
        }

        #[test]
        fn no_lock_is_read_as_another(
            edits in proptest::collection::vec((0..LOCK.len(), 0..9_usize, piece()), 0..3)
        ) {
            let mut text = LOCK.to_owned();
            for (place, length, piece) in edits {
                let begin = (0..=place.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
                let end = (begin + length..=text.len()).find(|at| text.is_char_boundary(*at));
                text.replace_range(begin..end.unwrap_or(text.len()), &piece);
            }
            check(&text);
        }
    }
}
