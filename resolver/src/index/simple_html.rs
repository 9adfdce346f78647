//! Project pages as HTML (PEP 503, with PEP 592, 629, 658, 714).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use super::listing::{Link, LinkHash};

/// What a page says.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The protocol's version, if the page names it.
    pub(crate) api_version: Option<String>,
    /// What relative addresses start from, if not the page: `<base href>`.
    pub(crate) base: Option<String>,
    pub(crate) links: Vec<Link<'static>>,
}

/// Reads the anchors of a page. HTML has no errors, only pages without anchors.
pub(crate) fn parse(text: &str) -> Listing {
    let mut listing = Listing::default();
    for tag in tags(text) {
        match tag.name.as_str() {
            "a" => listing.links.extend(link(&tag)),
            "base" if listing.base.is_none() => {
                listing.base = tag.value("href").map(Cow::into_owned);
            }
            "meta" if tag.value("name").as_deref() == Some("pypi:repository-version") => {
                listing.api_version = tag.value("content").map(Cow::into_owned);
            }
            _ => {}
        }
    }
    listing
}

fn link(tag: &Tag<'_>) -> Option<Link<'static>> {
    let owned = |name| tag.value(name).map(|value| Cow::Owned(value.into_owned()));
    let url = tag.value("href")?.into_owned();
    let announcement = ["data-core-metadata", "data-dist-info-metadata"]
        .into_iter()
        .find_map(|name| announced(tag, name));
    Some(Link {
        filename: filename(&url)?.into(),
        hashes: fragment_hash(&url).into_iter().collect(),
        requires_python: owned("data-requires-python"),
        yanked: tag
            .has("data-yanked")
            .then(|| owned("data-yanked").unwrap_or_default()),
        core_metadata: announcement,
        size: None,
        upload_time: None,
        url: url.into(),
    })
}

/// `None` if the attribute is missing or says no.
fn announced(tag: &Tag<'_>, name: &str) -> Option<Option<LinkHash<'static>>> {
    if !tag.has(name) {
        return None;
    }
    let value = tag.value(name).unwrap_or_default();
    match value.trim() {
        "false" => None,
        text => Some(parse_hash(text)),
    }
}

/// The last segment of the address, decoded.
fn filename(url: &str) -> Option<String> {
    let path = url.split(['#', '?']).next()?;
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    let name = percent_decode_str(last).decode_utf8().ok()?;
    (!name.is_empty()).then(|| name.into_owned())
}

fn fragment_hash(url: &str) -> Option<LinkHash<'static>> {
    let (_, fragment) = url.split_once('#')?;
    fragment.split('&').find_map(parse_hash)
}

/// `sha256=<hex>`
fn parse_hash(text: &str) -> Option<LinkHash<'static>> {
    let (algorithm, hex) = text.split_once('=')?;
    let known = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
    let is_hash = known.contains(&algorithm)
        && !hex.is_empty()
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| LinkHash {
        algorithm: algorithm.to_owned().into(),
        hex: hex.to_ascii_lowercase().into(),
    })
}

/// What relative addresses on a page start from.
pub(crate) fn base_of(listing: &Listing, page: &Url) -> Url {
    let base = listing
        .base
        .as_deref()
        .and_then(|base| page.join(base).ok());
    base.unwrap_or_else(|| page.clone())
}

/// The text of a page in the encodings that indexes use.
pub(crate) fn decode<'a>(body: &'a [u8], content_type: &str) -> Cow<'a, str> {
    let content_type = content_type.to_ascii_lowercase();
    let is_latin = ["iso-8859-1", "latin-1", "latin1", "windows-1252"]
        .iter()
        .any(|name| content_type.contains(name));
    if is_latin {
        return Cow::Owned(body.iter().map(|&byte| char::from(byte)).collect());
    }
    String::from_utf8_lossy(body)
}

/// An opening tag.
struct Tag<'a> {
    /// In lower case.
    name: String,
    attributes: Vec<(String, Option<&'a str>)>,
}

impl Tag<'_> {
    fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(other, _)| other == name)
    }

    /// The attribute's value with its character references resolved.
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self.attributes.iter().find(|(other, _)| other == name);
        found.and_then(|(_, value)| value.map(unescape))
    }
}

/// All opening tags, in order.
fn tags(text: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('<')? + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = comment.split_once("-->")?.1;
            } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let (tag, after) = read_tag(rest);
                rest = after;
                if matches!(tag.name.as_str(), "script" | "style" | "textarea" | "title") {
                    rest = skip_raw_text(rest, &tag.name);
                }
                return Some(tag);
            }
        }
    })
}

/// Reads from the tag's name to behind its `>`.
fn read_tag(text: &str) -> (Tag<'_>, &str) {
    let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/');
    let (name, mut rest) = split_at(text, is_end);
    let mut tag = Tag {
        name: name.to_ascii_lowercase(),
        attributes: Vec::new(),
    };
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (tag, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, after);
        }
        // A `=` with no name before it is a name, so that this always moves on.
        let skip = usize::from(rest.starts_with('='));
        let end = rest[skip..]
            .find(|c| is_end(c) || c == '=')
            .map_or(rest.len(), |at| at + skip);
        let (name, after) = rest.split_at(end);
        let (value, after) = read_value(after);
        tag.attributes.push((name.to_ascii_lowercase(), value));
        rest = after;
    }
}

fn read_value(text: &str) -> (Option<&str>, &str) {
    let Some(value) = text.trim_ascii_start().strip_prefix('=') else {
        return (None, text);
    };
    let value = value.trim_ascii_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            let (value, after) = quoted.split_once(quote).unwrap_or((quoted, ""));
            return (Some(value), after);
        }
    }
    let (value, after) = split_at(value, |c: char| c.is_ascii_whitespace() || c == '>');
    (Some(value), after)
}

fn split_at(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

/// Skips the content of an element that holds no tags.
fn skip_raw_text<'a>(text: &'a str, name: &str) -> &'a str {
    let end = format!("</{name}");
    let found = text
        .as_bytes()
        .windows(end.len())
        .position(|window| window.eq_ignore_ascii_case(end.as_bytes()));
    found.map_or("", |at| &text[at..])
}

/// Resolves the character references that occur in attributes of index pages.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        result.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((c, length)) => {
                result.push(c);
                rest = &rest[length..];
            }
            None => {
                result.push('&');
                rest = &rest[1..];
            }
        }
    }
    result.push_str(rest);
    Cow::Owned(result)
}

/// The character that a text starting with `&` refers to, and the length of the reference.
fn reference(text: &str) -> Option<(char, usize)> {
    const NAMED: [(&str, char); 6] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
    ];
    let end = text.find(';')?;
    let name = &text[1..end];
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((c, end + 1))
}

#[cfg(test)]
mod tests {
    use super::{LinkHash, base_of, decode, parse};

    fn sha256(hex: &'static str) -> LinkHash<'static> {
        LinkHash {
            algorithm: "sha256".into(),
            hex: hex.into(),
        }
    }

    #[test]
    fn anchors_are_read_in_all_their_spellings() {
        let page = r##"<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1">
            <base href="/files/"><title>Links for <a href="no">a</title>
            <script>"<a href='no'>"</script></head><body><!-- <a href="no"> -->
            <a href="a-1.0.tar.gz#sha256=AB12" data-requires-python="&gt;=3.6, &#60;4">a-1.0.tar.gz</a>
            <A HREF='x/a%2D1.0-py3-none-any.whl#egg=a&sha256=cd' data-yanked DATA-CORE-METADATA="sha256=ef">text</A>
            <a rel=internal href=b-1.0.zip data-yanked="bro&quot;ken" data-dist-info-metadata=true>b</a>
            <a name="no-address"><a href="c-1.0.zip" data-core-metadata="false"/></body></html>"##;
        let listing = parse(page);
        assert_eq!(listing.api_version.as_deref(), Some("1.1"));
        let at = "https://host/simple/a/".parse().unwrap();
        assert_eq!(base_of(&listing, &at).as_str(), "https://host/files/");
        let [first, second, third, fourth] = &listing.links[..] else {
            panic!("{listing:#?}")
        };
        assert_eq!(first.filename, "a-1.0.tar.gz");
        assert_eq!(first.hashes, [sha256("ab12")]);
        assert_eq!(first.requires_python.as_deref(), Some(">=3.6, <4"));
        assert_eq!((&first.yanked, &first.core_metadata), (&None, &None));
        assert_eq!(second.filename, "a-1.0-py3-none-any.whl");
        assert_eq!(second.hashes, [sha256("cd")]);
        assert_eq!(second.yanked.as_deref(), Some(""));
        assert_eq!(second.core_metadata, Some(Some(sha256("ef"))));
        assert_eq!(third.yanked.as_deref(), Some("bro\"ken"));
        assert_eq!(third.core_metadata, Some(None));
        assert_eq!(fourth.core_metadata, None);
    }

    #[test]
    fn broken_pages_end() {
        for page in [
            "<",
            "<a",
            "<a href",
            "<a href=",
            "<a href='",
            "<a =",
            "<!--",
            "<script>",
            "&",
            "<a x=\"&#xFFFFFFFF;\">",
        ] {
            assert!(parse(page).links.is_empty(), "{page}");
        }
    }

    #[test]
    fn old_encodings_are_decoded() {
        assert_eq!(decode(b"caf\xe9", "text/html; charset=ISO-8859-1"), "café");
        assert_eq!(decode("café".as_bytes(), "text/html"), "café");
    }
}
