//! Entry points and the small scripts that start them.

use serde::{Deserialize, Serialize};

/// A console or GUI script from `entry_points.txt`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct EntryPoint {
    /// The command's name.
    pub name: String,
    /// The module to import.
    pub module: String,
    /// The attribute to call, maybe with dots.
    pub attribute: String,
    /// Is it from `gui_scripts`?
    pub gui: bool,
}

/// An `entry_points.txt` that can't be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line} of entry_points.txt is invalid: {reason}")]
pub struct EntryPointError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads the `console_scripts` and `gui_scripts` of an `entry_points.txt`, in its order. The format is the INI dialect
/// of Python's `configparser` with `=` as the only delimiter.
///
/// # Errors
/// When the text is no INI, a name or section is there twice, or a script's value is not `module:attribute`.
pub fn parse_entry_points(text: &str) -> Result<Vec<EntryPoint>, EntryPointError> {
    let mut parser = Parser::default();
    for (index, line) in text.lines().enumerate() {
        parser.line(index + 1, line)?;
    }
    parser.finish()
}

#[derive(Default)]
struct Parser {
    sections: Vec<String>,
    seen: rustc_hash::FxHashSet<(usize, String)>,
    options: Vec<Pending>,
    /// Indentation of the last option, if a more indented line would go on with it.
    open: Option<usize>,
}

struct Pending {
    line: usize,
    section: usize,
    name: String,
    value: String,
}

impl Parser {
    fn line(&mut self, number: usize, line: &str) -> Result<(), EntryPointError> {
        let fail = |reason: String| {
            Err(EntryPointError {
                line: number,
                reason,
            })
        };
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) {
            return Ok(());
        }
        if trimmed.is_empty() {
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        if let (Some(open), Some(option)) = (self.open, self.options.last_mut())
            && indent > open
        {
            option.value.push('\n');
            option.value.push_str(trimmed);
            return Ok(());
        }
        if let Some(name) = trimmed
            .strip_prefix('[')
            .and_then(|rest| rest.rsplit_once(']'))
        {
            let name = name.0.to_owned();
            if self.sections.contains(&name) {
                return fail(format!("section `{name}` is there twice"));
            }
            self.sections.push(name);
            self.open = None;
            return Ok(());
        }
        let Some(section) = self.sections.len().checked_sub(1) else {
            return fail("there is no section yet".to_owned());
        };
        let Some((name, value)) = trimmed.split_once('=') else {
            return fail(format!("`{trimmed}` is no option"));
        };
        let name = name.trim_end().to_owned();
        if name.is_empty() {
            return fail("an option has no name".to_owned());
        }
        if !self.seen.insert((section, name.clone())) {
            return fail(format!("`{name}` is there twice"));
        }
        self.open = Some(indent);
        self.options.push(Pending {
            line: number,
            section,
            name,
            value: value.trim().to_owned(),
        });
        Ok(())
    }

    fn finish(self) -> Result<Vec<EntryPoint>, EntryPointError> {
        let mut scripts = Vec::new();
        for option in self.options {
            let gui = match self.sections[option.section].as_str() {
                "console_scripts" => false,
                "gui_scripts" => true,
                _ => continue,
            };
            let Some((module, attribute)) = object_reference(&option.value) else {
                return Err(EntryPointError {
                    line: option.line,
                    reason: format!("`{}` is not of the form `module:attribute`", option.value),
                });
            };
            scripts.push(EntryPoint {
                module: module.to_owned(),
                attribute: attribute.to_owned(),
                name: option.name,
                gui,
            });
        }
        Ok(scripts)
    }
}

/// Splits `module:attribute [extras]`; the extras, which nobody uses any more, are dropped.
fn object_reference(value: &str) -> Option<(&str, &str)> {
    let (module, rest) = value.split_once(':')?;
    let rest = rest.trim_start();
    let end = rest.find(|c| !is_dotted(c)).unwrap_or(rest.len());
    let (attribute, extras) = rest.split_at(end);
    let extras = extras.trim();
    let module = module.trim_end();
    let fits = !module.is_empty()
        && !attribute.is_empty()
        && module.chars().all(is_dotted)
        && (extras.is_empty()
            || extras.starts_with('[') && extras.ends_with(']') && !extras.contains('\n'));
    fits.then_some((module, attribute))
}

fn is_dotted(c: char) -> bool {
    c == '.' || c == '_' || c.is_alphanumeric()
}

/// The text of a script that calls an entry point with `interpreter`.
#[must_use]
pub fn script_text(interpreter: &str, module: &str, attribute: &str) -> String {
    let import = first_name(attribute);
    let shebang = shebang(interpreter);
    format!(
        r#"{shebang}
# -*- coding: utf-8 -*-
import re
import sys
from {module} import {import}
if __name__ == "__main__":
    sys.argv[0] = re.sub(r"(-script\.pyw|\.exe)?$", "", sys.argv[0])
    sys.exit({attribute}())
"#
    )
}

/// What has to be imported from a module to reach an attribute, which may have dots.
pub(crate) fn first_name(attribute: &str) -> &str {
    attribute.split('.').next().unwrap_or(attribute)
}

/// The first line (or lines) of a script for `interpreter`, without the last line end. Kernels cut long lines and
/// split at blanks; such interpreters are started by a text that is both a shell script and Python.
#[must_use]
pub fn shebang(interpreter: &str) -> String {
    const LONGEST: usize = 127;
    if !interpreter.contains(' ') && interpreter.len() + "#!\n".len() <= LONGEST {
        return format!("#!{interpreter}");
    }
    format!(
        "#!/bin/sh\n'''exec' {} \"$0\" \"$@\"\n' '''",
        shell_quoted(interpreter)
    )
}

/// A text as one word of a POSIX shell.
pub(crate) fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r#"'"'"'"#))
}

/// A script of a wheel's `.data/scripts`, with a first line that starts with `#!python` replaced by one for the
/// environment's interpreter. Its arguments are dropped, and long paths are not treated specially, as in the
/// reference.
#[must_use]
pub fn rewrite_shebang<'a>(script: &'a [u8], interpreter: &str) -> std::borrow::Cow<'a, [u8]> {
    if !script.starts_with(b"#!python") {
        return script.into();
    }
    let rest = match script.iter().position(|&byte| byte == b'\n') {
        Some(end) => &script[end + 1..],
        None => &[],
    };
    let mut text = format!("#!{interpreter}\n").into_bytes();
    text.extend_from_slice(rest);
    text.into()
}

/// May a wheel put a file of this name beside the interpreter? Names that would replace the interpreter itself or
/// something that users source into their shell are kept from it.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let name = name.to_lowercase();
    let stem = name.strip_suffix(".exe").unwrap_or(&name);
    let interpreter = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| {
            rest.chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'w' | 't' | 'd'))
        })
    };
    let sourced = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest == "_this.py")
    };
    interpreter("python")
        || interpreter("pypy")
        || sourced("activate")
        || sourced("deactivate")
        || stem == "pyvenv.cfg"
}

#[cfg(test)]
mod tests {
    use super::{is_reserved, parse_entry_points, rewrite_shebang};

    #[test]
    fn a_more_indented_line_goes_on_with_the_value() {
        let scripts = parse_entry_points("[console_scripts]\na = m:f\n    [x]\n").unwrap();
        assert_eq!(
            (scripts[0].module.as_str(), scripts[0].attribute.as_str()),
            ("m", "f")
        );
    }

    #[test]
    fn only_python_shebangs_are_rewritten() {
        let rewritten = |text: &'static str| {
            String::from_utf8(rewrite_shebang(text.as_bytes(), "/v/python").into()).unwrap()
        };
        assert_eq!(rewritten("#!python -E\nx\n"), "#!/v/python\nx\n");
        assert_eq!(rewritten("#!pythonw\r\nx"), "#!/v/python\nx");
        assert_eq!(
            rewritten("#!/usr/bin/env python\nx"),
            "#!/usr/bin/env python\nx"
        );
        assert_eq!(rewritten("#!python"), "#!/v/python\n");
    }

    #[test]
    fn interpreter_and_activation_names_are_reserved() {
        for name in [
            "python",
            "Python3",
            "python3.11",
            "pythonw.exe",
            "python3.13t",
            "activate",
            "activate.fish",
            "pypy3",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in [
            "python-config",
            "pythonic",
            "py",
            "ipython",
            "activate-global",
            "pip",
        ] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
