//! The `Key: value` head of METADATA and WHEEL files, as far as an installation needs it.

/// The first value of a header, as written. Names are compared without regard to case.
pub(crate) fn first(text: &[u8], name: &str) -> Option<String> {
    all(text, name).next()
}

/// All values of a header, in order. Bytes that are not UTF-8 occur in old descriptions and summaries; they are
/// replaced, since no header read here may contain them.
pub(crate) fn all<'a>(text: &'a [u8], name: &'a str) -> impl Iterator<Item = String> + 'a {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty())
        .filter_map(move |line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let (key, value) = (&line[..colon], &line[colon + 1..]);
            key.eq_ignore_ascii_case(name.as_bytes())
                .then(|| String::from_utf8_lossy(value).trim().to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::{all, first};

    #[test]
    fn the_head_ends_at_an_empty_line() {
        let text = b"Name: A.b \r\nTag: x\r\nTAG: y\r\n\r\nTag: z\r\n";
        assert_eq!(first(text, "name").as_deref(), Some("A.b"));
        assert_eq!(all(text, "Tag").collect::<Vec<_>>(), ["x", "y"]);
    }
}
