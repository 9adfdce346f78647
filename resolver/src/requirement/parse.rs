//! Reading PEP 508 lines as poetry-core does, with its liberties: `^` and the like are refused, versions are
//! read as constraints, and anything with an `@` may also be a local path.
use std::path::Path;

use percent_encoding::percent_decode_str;

use super::{Origin, Requirement, RequirementFault};
use crate::constraint::Constraint;
use crate::git_url::GitUrl;
use crate::marker::{Marker, MarkerFault};
use crate::name::ExtraName;
use crate::path::posix;
use crate::version::is_space;

type Fault = (String, RequirementFault);

pub(super) fn parse(line: &str, base: Option<&Path>) -> Result<Requirement, Fault> {
    let line = without_comment(line);
    let mut scanner = Scanner { text: &line, at: 0 };
    let name = scanner.name().ok_or_else(|| scanner.unexpected())?;
    let extras = scanner.extras()?;
    let mut requirement = if scanner.take("@") {
        let url = scanner.url()?;
        direct(name, url, base).map_err(invalid)?
    } else {
        let text = scanner.constraint()?;
        Requirement::new(name, constraint(&text).map_err(invalid)?)
    };
    requirement.extras = extras;
    if scanner.take(";") {
        let marker = marker(scanner.rest())?;
        requirement.set_marker(marker);
    } else if !scanner.rest().is_empty() {
        return Err(scanner.unexpected());
    }
    Ok(requirement)
}

fn invalid(reason: String) -> Fault {
    (reason, RequirementFault::Requirement)
}

/// Poetry: what stands between ` #` and the next ` ;` is a comment.
fn without_comment(line: &str) -> String {
    let Some((line, comment)) = line.split_once(" #") else {
        return line.trim_matches(is_space).to_owned();
    };
    let line = line.trim_matches(is_space);
    match comment.split_once(" ;") {
        Some((_, marker)) => format!("{line} ;{marker}"),
        None => line.to_owned(),
    }
}

fn constraint(text: &str) -> Result<Constraint, String> {
    let Ok(constraint) = Constraint::parse(text) else {
        return Err(format!("invalid version constraint \"{text}\""));
    };
    if constraint.is_empty() {
        return Err(format!("unsatisfiable requirement: \"{text}\""));
    }
    Ok(constraint)
}

fn marker(text: &str) -> Result<Marker, Fault> {
    let text = text.trim_matches([' ', '\t']);
    // These mean something to Poetry elsewhere, but not in a requirement.
    if matches!(text, "" | "*" | "<empty>") {
        return Err(invalid("there is no marker after the `;`".to_owned()));
    }
    Marker::parse(text).map_err(|error| {
        let fault = match error.fault {
            MarkerFault::Grammar => RequirementFault::Requirement,
            MarkerFault::Comparison => RequirementFault::Marker,
        };
        (error.to_string(), fault)
    })
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// What is left, without the blanks in front.
    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t']);
        self.at = self.text.len() - rest.len();
        rest
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), Fault> {
        if self.take(text) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn unexpected(&mut self) -> Fault {
        self.rest();
        let column = self.text[..self.at].chars().count() + 1;
        if self.at == self.text.len() {
            return invalid("it ends too early".to_owned());
        }
        invalid(format!("unexpected character at column {column}"))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn name(&mut self) -> Option<&'a str> {
        let begins_well = self.rest().starts_with(|c: char| c.is_ascii_alphanumeric());
        begins_well
            .then(|| self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
    }

    /// `[a, b]`, sorted, each once.
    fn extras(&mut self) -> Result<Vec<ExtraName>, Fault> {
        let mut extras = Vec::new();
        if !self.take("[") || self.take("]") {
            return Ok(extras);
        }
        loop {
            let extra = self.name().ok_or_else(|| self.unexpected())?;
            extras.push(ExtraName::new(extra));
            if !self.take(",") {
                break;
            }
        }
        self.expect("]")?;
        extras.sort();
        extras.dedup();
        Ok(extras)
    }

    fn url(&mut self) -> Result<&'a str, Fault> {
        match self.take_while(|c| c != ' ') {
            "" => Err(self.unexpected()),
            url => Ok(url),
        }
    }

    /// Specifiers, perhaps in parentheses, as one text; `*` if there are none.
    fn constraint(&mut self) -> Result<String, Fault> {
        let has_parenthesis = self.take("(");
        let mut specifiers = Vec::new();
        if has_parenthesis || self.rest().starts_with(['~', '=', '!', '<', '>']) {
            loop {
                specifiers.push(self.specifier()?);
                if !self.take(",") {
                    break;
                }
            }
        }
        if has_parenthesis {
            self.expect(")")?;
        }
        Ok(if specifiers.is_empty() {
            "*".to_owned()
        } else {
            specifiers.join(",")
        })
    }

    /// An operator and all up to the next comma, semicolon, blank or parenthesis.
    fn specifier(&mut self) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let operator = ["~=", "==", "!=", "<=", ">=", "<", ">"]
            .into_iter()
            .find(|operator| rest.starts_with(operator))
            .ok_or_else(|| self.unexpected())?;
        let version = rest[operator.len()..].trim_start_matches(is_space);
        let end = version
            .find(|c| matches!(c, ',' | ';' | ')') || is_space(c))
            .unwrap_or(version.len());
        let length = rest.len() - version.len() + end;
        self.at += length;
        Ok(&rest[..length])
    }
}

/// A requirement on what lies at a URL or path.
fn direct(name: &str, url: &str, base: Option<&Path>) -> Result<Requirement, String> {
    let address = Address::split(url);
    let wheel = wheel(&address)?;
    let (name, version) = match &wheel {
        Some((name, version)) => (name.as_str(), version.as_deref()),
        None => (name, None),
    };
    let mut requirement = Requirement::new(name, Constraint::any());
    requirement.allows_prereleases = Some(true);
    requirement.origin = origin(url, &address, base)?;
    if let Some(version) = version {
        // Poetry: the version in a wheel's name counts, but is not printed.
        requirement.constraint = Constraint::parse(version).map_err(|error| error.to_string())?;
    }
    Ok(requirement)
}

/// A URL taken apart as Python's `urlsplit` does.
struct Address<'a> {
    /// Lower case; empty if it has none.
    scheme: String,
    host: &'a str,
    path: &'a str,
    query: &'a str,
    /// What follows `#subdirectory=` or `&subdirectory=`.
    subdirectory: Option<String>,
}

impl<'a> Address<'a> {
    fn split(url: &'a str) -> Self {
        let is_scheme = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        };
        let (scheme, rest) = match url.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => (String::new(), url),
        };
        let (rest, _) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        Self {
            scheme,
            host,
            path,
            query,
            subdirectory: subdirectory(url),
        }
    }

    /// Without the fragment.
    fn without_fragment(&self) -> String {
        let Self {
            scheme,
            host,
            path,
            query,
            ..
        } = self;
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{host}{path}{mark}{query}")
    }
}

fn subdirectory(url: &str) -> Option<String> {
    let after = |mark: &str| url.find(mark).map(|at| (at, &url[at + mark.len()..]));
    let (_, text) = [after("#subdirectory="), after("&subdirectory=")]
        .into_iter()
        .flatten()
        .min()?;
    Some(text.split('&').next().unwrap_or_default().to_owned())
}

fn origin(url: &str, address: &Address<'_>, base: Option<&Path>) -> Result<Origin, String> {
    let git = |url: &str, rev, subdirectory| {
        let url = GitUrl::parse(url)
            .map_err(|error| error.to_string())?
            .address();
        Ok(Origin::Git {
            url,
            branch: None,
            tag: None,
            rev,
            commit: None,
            subdirectory,
            develop: false,
        })
    };
    if address.path.is_empty() && (address.scheme.is_empty() || address.host.is_empty()) {
        return Err(format!("invalid URL \"{url}\""));
    }
    match address.scheme.as_str() {
        scheme if scheme.starts_with("git+") => {
            let parsed = GitUrl::parse(url).map_err(|error| error.to_string())?;
            git(&parsed.address(), parsed.rev, parsed.subdirectory)
        }
        // Poetry: a revision gets lost without the `git+`.
        "git" => git(&address.without_fragment(), None, None),
        "http" | "https" if address.host.is_empty() => {
            Err(format!("{url} does not seem like a valid url"))
        }
        "http" | "https" => Ok(Origin::Url {
            url: address.without_fragment(),
            subdirectory: address.subdirectory.clone(),
        }),
        "file" => {
            // Python puts these together in another way than it took them apart.
            let is_odd = !url.starts_with("file://")
                || url.ends_with(['#', '?'])
                || address.path.ends_with(';')
                || (address.host.is_empty() && address.path.starts_with("//"));
            if is_odd || !matches!(address.host, "" | "localhost") {
                return Err(format!("invalid URL \"{url}\""));
            }
            let path = decoded(&decoded(address.path));
            // Poetry: the fragment of a URL with `../` in it gets lost.
            let subdirectory = address
                .subdirectory
                .clone()
                .filter(|_| !url.contains("../"));
            Ok(path_origin(&path, base, subdirectory))
        }
        _ => Ok(path_origin(url, base, None)),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A file or a directory; of what does not exist, what has a suffix is a file.
fn path_origin(path: &str, base: Option<&Path>, subdirectory: Option<String>) -> Origin {
    let base = base.unwrap_or_else(|| Path::new("")).to_owned();
    let full_path = base.join(path);
    let is_file = if full_path.exists() {
        full_path.is_file()
    } else {
        has_suffix(path)
    };
    if is_file {
        return Origin::File {
            path: posix(path),
            base,
            subdirectory,
        };
    }
    let path = match subdirectory {
        Some(subdirectory) if !subdirectory.is_empty() => format!("{path}/{subdirectory}"),
        _ => path.to_owned(),
    };
    Origin::Directory {
        path: posix(&path),
        base,
        develop: false,
    }
}

/// Has the last part of the path a dot that neither begins nor ends it?
fn has_suffix(path: &str) -> bool {
    let path = posix(path);
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rfind('.')
        .is_some_and(|dot| dot > 0 && dot + 1 < name.len())
}

/// Name and version in the name of the wheel that the address points to, if it does.
///
/// Poetry: the name ends at the first dash, even if that is too early.
fn wheel(address: &Address<'_>) -> Result<Option<(String, Option<String>)>, String> {
    let path = address.path.trim_end_matches('/');
    let name = path
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or(address.host);
    let name = decoded(name);
    if name.contains(['/', '\\']) {
        return Err(format!("Invalid filename: '{name}'"));
    }
    let Some(stem) = name.strip_suffix(".whl").filter(|stem| !stem.is_empty()) else {
        return Ok(None);
    };
    let parts: Vec<&str> = stem.split('-').collect();
    if parts.len() < 4 || parts.iter().any(|part| part.is_empty()) {
        return Err(format!("Invalid wheel name: {name}"));
    }
    let has_version = parts[1].starts_with(|c: char| c.is_ascii_digit());
    // A version has at least two characters and leaves three tags.
    let version = (2..=parts.len() - 3)
        .map(|end| parts[1..end].join("-"))
        .find(|version| has_version && version.len() >= 2);
    Ok(Some((parts[0].to_owned(), version)))
}
