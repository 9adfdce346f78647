//! A first look at the words after the program's name, before clap sees them.
//!
//! Poetry does the same: what concerns output must be known before anything can go wrong, and `run` hands
//! all words from its first one on to the child.

use std::ffi::{OsStr, OsString};

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
}

/// Global options that take a value.
const LONG_WITH_VALUE: [&str; 2] = ["--directory", "--project"];
const SHORT_WITH_VALUE: [char; 2] = ['C', 'P'];
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
            let wants_value = words.look_at(&word);
            words.arguments.push(word);
            if ends_options {
                break;
            }
            if wants_value {
                words.arguments.extend(rest.next());
            }
        }
        words.arguments.extend(rest);
        words
    }

    fn is_running(&self) -> bool {
        self.command.first().is_some_and(|first| first == RUN)
    }

    /// Takes notice of one word. Is the next one its value?
    fn look_at(&mut self, word: &OsStr) -> bool {
        let text = word.to_string_lossy();
        if text.starts_with("--") {
            self.look_at_long(&text)
        } else if is_option(word) {
            self.look_at_shorts(&text[1..])
        } else {
            self.command.push(text.into_owned());
            false
        }
    }

    fn look_at_long(&mut self, option: &str) -> bool {
        match option {
            "--quiet" => self.output.verbosity = Verbosity::Quiet,
            "--verbose" => self.raise_verbosity(1),
            "--ansi" => self.output.colours = Some(true),
            "--no-ansi" => self.output.colours = Some(false),
            "--version" => self.version = true,
            _ => return LONG_WITH_VALUE.contains(&option),
        }
        false
    }

    /// Options in one bundle; the first that takes a value ends it.
    fn look_at_shorts(&mut self, bundle: &str) -> bool {
        let mut verbose = 0;
        let mut wants_value = false;
        for (at, short) in bundle.char_indices() {
            match short {
                'q' => self.output.verbosity = Verbosity::Quiet,
                'V' => self.version = true,
                'v' => verbose += 1,
                'n' | 'h' => {}
                _ => {
                    // What follows an option of a command may be its value.
                    let is_last = at + 1 == bundle.len();
                    wants_value = SHORT_WITH_VALUE.contains(&short) && is_last;
                    break;
                }
            }
        }
        self.raise_verbosity(verbose);
        wants_value
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
            ("-C -v lock", Verbosity::Normal),
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
}
