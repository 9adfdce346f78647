//! A bundle in one file that Python runs: `python service.pyz`.
//!
//! The archive holds the tree of all layers. Data files and C extensions can't be used from within an archive, so the
//! first start unpacks it into a folder of the user's cache that is named after the content; later ones only look that
//! the folder is there.

use fs_err as fs;

use super::BundleError;
use super::contents::{Content, Layer, OutputFile};
use super::unpacked::searched_layers;
use crate::build::archive::{Archive, EXECUTABLE, Member, REGULAR, Timestamp};
use crate::wheel::first_name;

/// What runs first.
const MAIN: &str = "__main__.py";

/// How a program is started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// As by `python -m`.
    Module(String),
    /// A function of a module, which is called without arguments and whose result is the exit code.
    Function {
        /// The module.
        module: String,
        /// The function, maybe with dots.
        function: String,
    },
}

impl Entry {
    /// From `module` or `module:function`; `None` if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_dotted = |text: &str| {
            text.split('.').all(|part| {
                let mut letters = part.chars();
                letters
                    .next()
                    .is_some_and(|c| c.is_alphabetic() || c == '_')
                    && letters.all(|c| c.is_alphanumeric() || c == '_')
            })
        };
        match text.split_once(':') {
            Some((module, function)) if is_dotted(module) && is_dotted(function) => {
                Some(Self::Function {
                    module: module.to_owned(),
                    function: function.to_owned(),
                })
            }
            None if is_dotted(text) => Some(Self::Module(text.to_owned())),
            _ => None,
        }
    }

    /// The words that start it where its modules are found.
    pub(super) fn command(&self) -> [String; 3] {
        let (option, what) = match self {
            Self::Module(module) => ("-m", module.clone()),
            Self::Function { module, function } => {
                let import = first_name(function);
                let code =
                    format!("import sys; from {module} import {import}; sys.exit({function}())");
                ("-c", code)
            }
        };
        ["python".to_owned(), option.to_owned(), what]
    }

    fn code(&self) -> String {
        match self {
            Self::Module(module) => format!(
                "    import runpy\n    runpy.run_module({module:?}, run_name=\"__main__\", alter_sys=True)\n"
            ),
            Self::Function { module, function } => {
                let import = first_name(function);
                format!("    from {module} import {import}\n    sys.exit({function}())\n")
            }
        }
    }
}

/// The archive of a tree, with the line that makes it a command.
///
/// # Errors
/// When a file can't be read, or the archive would be too large for its format.
pub(super) fn file(
    name: &str,
    files: &[(Layer, OutputFile)],
    entry: &Entry,
    python: &str,
    timestamp: Timestamp,
) -> Result<OutputFile, BundleError> {
    let mut members = Vec::with_capacity(files.len() + 1);
    let mut digests = String::new();
    for (_, file) in files {
        digests += &format!("{} {}\n", file.sha256, file.name);
        members.push(Member {
            name: format!("app/{}", file.name),
            content: match &file.content {
                Content::Bytes(bytes) => bytes.clone(),
                Content::File(path) => fs::read(path)?,
            },
            mode: if file.executable { EXECUTABLE } else { REGULAR },
        });
    }
    let digest = OutputFile::new("", digests.as_str()).sha256;
    let stem = name.trim_end_matches(".pyz");
    members.push(Member {
        name: MAIN.to_owned(),
        content: bootstrap(&format!("{stem}-{}", &digest[..16]), entry).into_bytes(),
        mode: REGULAR,
    });
    members.sort_by(|one, other| one.name.cmp(&other.name));
    let packed = Archive::plain(&members, timestamp, name.as_ref());
    let packed = packed.map_err(|source| BundleError::build(&stem.into(), source))?;
    let mut bytes = format!("#!/usr/bin/env {python}\n").into_bytes();
    bytes.extend_from_slice(&packed);
    Ok(OutputFile::new(name, bytes).executable(true))
}

/// The program that unpacks the archive, if that was not done before, and starts what is in it.
fn bootstrap(folder: &str, entry: &Entry) -> String {
    let layers = searched_layers();
    let start = entry.code();
    format!(
        r#"import os
import shutil
import site
import sys
import tempfile
import zipfile


def unpacked():
    base = os.environ.get("MPOETRY_ZIPAPP_DIR")
    if not base:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(cache, "mpoetry-zipapps")
    try:
        os.makedirs(base, exist_ok=True)
        return unpacked_in(base)
    except OSError:
        # No home, or a read-only one.
        import atexit

        base = tempfile.mkdtemp(prefix="mpoetry-zipapp-")
        atexit.register(shutil.rmtree, base, ignore_errors=True)
        return unpacked_in(base)


def unpacked_in(base):
    target = os.path.join(base, "{folder}")
    if os.path.isdir(target):
        return target
    staged = tempfile.mkdtemp(prefix=".unpacking-", dir=base)
    try:
        with zipfile.ZipFile(os.path.dirname(os.path.abspath(__file__))) as archive:
            for member in archive.infolist():
                if member.filename.startswith("app/"):
                    path = archive.extract(member, staged)
                    os.chmod(path, member.external_attr >> 16 & 0o777)
        try:
            os.rename(os.path.join(staged, "app"), target)
        except OSError:
            # Another start was faster.
            if not os.path.isdir(target):
                raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return target


def main():
    top = unpacked()
    layers = [os.path.join(top, layer) for layer in ({layers})]
    sys.path[:1] = layers
    for layer in layers:
        site.addsitedir(layer)
{start}

if __name__ == "__main__":
    main()
"#
    )
}

#[cfg(test)]
mod tests {
    use super::Entry;

    #[test]
    fn entries_are_modules_or_functions() {
        assert_eq!(Entry::parse("a.b"), Some(Entry::Module("a.b".to_owned())));
        let function = Entry::Function {
            module: "a.b".to_owned(),
            function: "App.run".to_owned(),
        };
        assert_eq!(Entry::parse("a.b:App.run"), Some(function));
        for text in ["", "a.", "a b", "a:b:c", "1a", "a:"] {
            assert_eq!(Entry::parse(text), None, "{text}");
        }
    }
}
