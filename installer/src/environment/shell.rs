//! Shells: which script switches an environment on in them, and how words are quoted.

use std::path::Path;

use super::SCRIPTS;
use crate::wheel::shell_quoted;

/// A family of shells with one activation script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shell {
    /// bash, zsh, dash, ksh and all others that read `. script`.
    Posix,
    /// fish
    Fish,
    /// csh and tcsh
    Csh,
    /// Nushell
    Nu,
    /// PowerShell, on any system
    PowerShell,
    /// xonsh
    Xonsh,
}

impl Shell {
    /// The family of a program; what is not known is taken for a POSIX shell.
    #[must_use]
    pub fn named(program: &str) -> Self {
        match program {
            "fish" => Self::Fish,
            "csh" | "tcsh" => Self::Csh,
            "nu" => Self::Nu,
            "powershell" | "pwsh" => Self::PowerShell,
            "xonsh" => Self::Xonsh,
            _ => Self::Posix,
        }
    }

    /// The name of its activation script.
    #[must_use]
    pub fn script(self) -> &'static str {
        match self {
            Self::Posix => "activate",
            Self::Fish => "activate.fish",
            Self::Csh => "activate.csh",
            Self::Nu => "activate.nu",
            Self::PowerShell => "activate.ps1",
            Self::Xonsh => "activate.xsh",
        }
    }

    /// The path of its activation script in an environment, as a word of the command line: quoted if it has to be.
    #[must_use]
    pub fn script_word(self, root: &Path) -> String {
        let path = root.join(SCRIPTS).join(self.script());
        let path = path.to_string_lossy();
        // What needs no quotes in POSIX shells needs none in others.
        match shell_quoted(&path) {
            plain if plain == path => plain,
            posix if self == Self::Posix => posix,
            _ => self.quoted(&path),
        }
    }

    /// A text that stands for itself in the shell, in quotes wherever an unquoted word is no text.
    pub(super) fn quoted(self, text: &str) -> String {
        match self {
            Self::Posix => shell_quoted(text),
            Self::Fish => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            // It expands `!` even between quotes.
            Self::Csh => format!("'{}'", text.replace('\'', "'\"'\"'").replace('!', "\\!")),
            Self::Nu if text.contains('\'') => {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Self::Nu => format!("'{text}'"),
            Self::PowerShell => format!("'{}'", text.replace('\'', "''")),
            Self::Xonsh => python_quoted(text),
        }
    }
}

/// A Python string literal.
pub(super) fn python_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Shell;

    #[test]
    fn words_are_quoted_as_their_shell_wants_it() {
        for (shell, path, word) in [
            ("bash", "/a-b/.venv", "/a-b/.venv/bin/activate"),
            ("bash", "/a b", "'/a b/bin/activate'"),
            ("zsh", "/it's", r#"'/it'"'"'s/bin/activate'"#),
            ("", "/a b", "'/a b/bin/activate'"),
            ("fish", "/a", "/a/bin/activate.fish"),
            ("fish", r"/it's \", r"'/it\'s \\/bin/activate.fish'"),
            ("tcsh", "/a !b", r"'/a \!b/bin/activate.csh'"),
            ("nu", "/a b", "'/a b/bin/activate.nu'"),
            ("nu", "/it's", r#""/it's/bin/activate.nu""#),
            ("pwsh", "/it's", "'/it''s/bin/activate.ps1'"),
            ("xonsh", "/it's", r#""/it's/bin/activate.xsh""#),
        ] {
            let shell = Shell::named(shell);
            assert_eq!(shell.script_word(Path::new(path)), word, "{shell:?}");
        }
    }
}
