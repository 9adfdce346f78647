//! A first look at the words after the program's name, before clap sees them.
//!
//! Poetry does the same: what concerns output must be known before anything can go wrong, and `run` hands
//! all words from its first one on to the child.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::console::{Output, Verbosity};

/// The words after the program's name, looked over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Words {
    /// For clap; `run` has a `--` before the child's words.
    pub(crate) arguments: Vec<OsString>,
    /// The words up to the end of options that are neither options nor their values; of `run` only itself.
    pub(crate) command: Vec<String>,
    /// `-q`, `-v`, `--ansi`, `--no-ansi`.
    pub(crate) output: Output,
    /// `-V`, `--version`.
    pub(crate) version: bool,
    /// `-C`, `--directory`.
    pub(crate) directory: Option<PathBuf>,
    /// `-P`, `--project`.
    pub(crate) project: Option<PathBuf>,
    /// The one of these that has no value: what follows is another option, or nothing.
    pub(crate) lacks_value: Option<Folder>,
}

/// A global option that names a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Folder {
    Directory,
    Project,
}

impl Folder {
    const ALL: [Self; 2] = [Self::Directory, Self::Project];

    pub(crate) fn long(self) -> &'static str {
        match self {
            Self::Directory => "--directory",
            Self::Project => "--project",
        }
    }

    fn short(self) -> char {
        match self {
            Self::Directory => 'C',
            Self::Project => 'P',
        }
    }
}

/// Poetry: all words from the first one after this command are the child's.
const RUN: &str = "run";

impl Words {
    /// Looks the words over.
    pub(crate) fn read(arguments: Vec<OsString>) -> Self {
        let mut words = Self::default();
        let mut rest = arguments.into_iter();
        while let Some(word) = rest.next() {
            if words.is_running() && (word == "--" || !is_option(&word)) {
                words.arguments.push("--".into());
                words.arguments.extend((word != "--").then_some(word));
                break;
            }
            let ends_options = word == "--";
            let open = words.look_at(&word);
            words.arguments.push(word);
            if ends_options {
                break;
            }
            if let Some(folder) = open {
                let value = rest.next();
                match value.as_ref().filter(|value| !is_option(value)) {
                    Some(value) => words.go_to(folder, value),
                    None => words.lacks_value = words.lacks_value.or(Some(folder)),
                }
                words.arguments.extend(value);
            }
        }
        words.arguments.extend(rest);
        words
    }

    fn go_to(&mut self, folder: Folder, path: &OsStr) {
        // Poetry: an empty path is none.
        let path = (!path.is_empty()).then(|| path.into());
        match folder {
            Folder::Directory => self.directory = path,
            Folder::Project => self.project = path,
        }
    }

    fn is_running(&self) -> bool {
        self.command.first().is_some_and(|first| first == RUN)
    }

    /// Takes notice of one word. The option whose value is the next one, if there is one.
    fn look_at(&mut self, word: &OsStr) -> Option<Folder> {
        let text = word.to_string_lossy();
        if text.starts_with("--") {
            self.look_at_long(word, &text)
        } else if is_option(word) {
            self.look_at_shorts(word, &text)
        } else {
            self.command.push(text.into_owned());
            None
        }
    }

    fn look_at_long(&mut self, word: &OsStr, option: &str) -> Option<Folder> {
        match option {
            "--quiet" => self.output.verbosity = Verbosity::Quiet,
            "--verbose" => self.raise_verbosity(1),
            "--ansi" => self.output.colours = Some(true),
            "--no-ansi" => self.output.colours = Some(false),
            "--version" => self.version = true,
            _ => {
                let name = option.split('=').next().unwrap_or_default();
                let folder = Folder::ALL.into_iter().find(|it| it.long() == name)?;
                if option == name {
                    return Some(folder);
                }
                self.go_to(folder, &tail(word, name.len() + 1));
            }
        }
        None
    }

    /// Options in one bundle; the first that takes a value ends it.
    fn look_at_shorts(&mut self, word: &OsStr, bundle: &str) -> Option<Folder> {
        let mut verbose = 0;
        let mut open = None;
        for (at, short) in bundle.char_indices().skip(1) {
            match short {
                'q' => self.output.verbosity = Verbosity::Quiet,
                'V' => self.version = true,
                'v' => verbose += 1,
                'n' | 'h' => {}
                _ => {
                    // What follows an option of a command may be its value.
                    let is_last = at + 1 == bundle.len();
                    let folder = Folder::ALL.into_iter().find(|it| it.short() == short);
                    match folder {
                        Some(folder) if !is_last => self.go_to(folder, &tail(word, at + 1)),
                        _ => open = folder,
                    }
                    break;
                }
            }
        }
        self.raise_verbosity(verbose);
        open
    }

    /// Poetry: quiet wins over verbose.
    fn raise_verbosity(&mut self, by: usize) {
        let now = self.output.verbosity;
        if now != Verbosity::Quiet && by > 0 {
            let level = match by {
                1 => Verbosity::Verbose,
                2 => Verbosity::VeryVerbose,
                _ => Verbosity::Debug,
            };
            self.output.verbosity = now.max(level);
        }
    }
}

/// A word without its first bytes, which are ASCII.
fn tail(word: &OsStr, from: usize) -> OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(word.as_bytes().get(from..).unwrap_or_default()).to_owned()
    }
    #[cfg(not(unix))]
    {
        let text = word.to_string_lossy();
        text.get(from..).unwrap_or_default().into()
    }
}

/// A lone `-` is a word.
fn is_option(word: &OsStr) -> bool {
    word.len() > 1 && word.as_encoded_bytes().starts_with(b"-")
}

#[cfg(test)]
mod tests {
    use super::Words;
    use crate::console::Verbosity;

    fn read(line: &str) -> Words {
        Words::read(line.split_whitespace().map(Into::into).collect())
    }

    fn rewritten(line: &str) -> String {
        read(line)
            .arguments
            .join(" ".as_ref())
            .into_string()
            .unwrap()
    }

    #[test]
    fn run_hands_the_words_of_the_child_on() {
        for (line, expected) in [
            ("run python -V", "run -- python -V"),
            ("run -v python -v", "run -v -- python -v"),
            ("run -- python -V", "run -- python -V"),
            ("-C run run echo -n", "-C run run -- echo -n"),
            ("-nC run run echo", "-nC run run -- echo"),
            (
                "--project=run run -P x echo -- y",
                "--project=run run -P x -- echo -- y",
            ),
            ("run", "run"),
            ("run -q", "run -q"),
            ("run - x", "run -- - x"),
            ("lock -- run x", "lock -- run x"),
            ("install --only run", "install --only run"),
        ] {
            assert_eq!(rewritten(line), expected, "{line}");
        }
    }

    #[test]
    fn the_options_of_a_child_are_not_ours() {
        let words = read("run python -V -q");
        assert!(!words.version);
        assert_eq!(words.output.verbosity, Verbosity::Normal);
        assert_eq!(words.command, ["run"]);
        assert!(read("lock -V").version);
        assert!(read("-nV").version);
        assert!(!read("lock -- -V").version);
    }

    #[test]
    fn verbosity_is_counted_in_one_bundle_and_quiet_wins() {
        for (line, expected) in [
            ("lock", Verbosity::Normal),
            ("-v lock", Verbosity::Verbose),
            ("lock -vv", Verbosity::VeryVerbose),
            ("lock -nvvv", Verbosity::Debug),
            ("lock --verbose", Verbosity::Verbose),
            ("-vq lock", Verbosity::Quiet),
            ("-q lock -v", Verbosity::Quiet),
            ("-C dir -v lock", Verbosity::Verbose),
            ("-vC dir lock", Verbosity::Verbose),
            ("install -Eserver", Verbosity::Normal),
        ] {
            assert_eq!(read(line).output.verbosity, expected, "{line}");
        }
    }

    #[test]
    fn command_words_leave_out_options_and_their_values() {
        assert_eq!(read("-C dir env -n info").command, ["env", "info"]);
        assert_eq!(read("-Cdir lock").command, ["lock"]);
    }

    #[test]
    fn folders_are_known_before_all_else() {
        let folders = |line| {
            let words = read(line);
            let shown =
                |path: Option<std::path::PathBuf>| path.map(|path| path.display().to_string());
            (shown(words.directory), shown(words.project))
        };
        let some = |path: &str| Some(path.to_owned());
        for (line, directory, project) in [
            ("-C a lock -P b", some("a"), some("b")),
            ("-vCa --project=b lock", some("a"), some("b")),
            ("-C a -C b --directory= lock", None, None),
            ("lock -Ca=b", some("a=b"), None),
            ("run -P a python -C b", None, some("a")),
        ] {
            assert_eq!(folders(line), (directory, project), "{line}");
        }
        for (line, option) in [
            ("-C", Some("--directory")),
            ("lock -P", Some("--project")),
            ("-vP --dry-run -C", Some("--project")),
            ("-C -- lock", Some("--directory")),
            ("run python -C", None),
            ("-C - lock", None),
        ] {
            let lacking = read(line).lacks_value;
            assert_eq!(lacking.map(super::Folder::long), option, "{line}");
        }
    }
}
