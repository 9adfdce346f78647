//! Words on the screen: which stream, how loud, in which colours.
//!
//! Everything a user sees goes through here (or through [`crate::progress`], which uses it), so that
//! `--quiet`, `-v`, `--ansi`, `--no-ansi` and `NO_COLOR` hold everywhere.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use resolver::unchanged::Said;

use crate::variables::Variables;

/// Poetry: its `<info>` style.
pub(crate) const INFO: Style = AnsiColor::Blue.on_default();
/// Poetry: its `<c1>` style, for names.
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
/// Poetry: its `<comment>` style, for values.
pub(crate) const VALUE: Style = AnsiColor::Green.on_default();
/// Poetry: its `<warning>` style.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
/// Poetry: its `<error>` style.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Poetry: its `<b>` style.
pub(crate) const BOLD: Style = Style::new().bold();
/// Poetry: its `dark` option.
pub(crate) const DARK: Style = Style::new().dimmed();

/// How much is said.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Verbosity {
    /// Nothing at all, not even errors.
    Quiet,
    /// What Poetry says by default.
    #[default]
    Normal,
    /// `-v`
    Verbose,
    /// `-vv`
    VeryVerbose,
    /// `-vvv`
    Debug,
}

/// What the command line says about output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Output {
    /// `-q`, `-v`, `-vv`, `-vvv`.
    pub(crate) verbosity: Verbosity,
    /// `--ansi` or `--no-ansi`.
    pub(crate) colours: Option<bool>,
}

/// The two output streams.
#[derive(Debug)]
pub(crate) struct Console {
    verbosity: Verbosity,
    out: ColorChoice,
    err: ColorChoice,
    said: Mutex<Vec<Said>>,
}

impl Console {
    /// A console on the streams of the process.
    pub(crate) fn new(output: Output) -> Self {
        let (out, err) = match output.colours {
            Some(true) => (ColorChoice::AlwaysAnsi, ColorChoice::AlwaysAnsi),
            Some(false) => (ColorChoice::Never, ColorChoice::Never),
            None => (
                AutoStream::choice(&io::stdout()),
                AutoStream::choice(&io::stderr()),
            ),
        };
        Self {
            verbosity: output.verbosity,
            out,
            err,
            said: Mutex::default(),
        }
    }

    /// All lines so far, with their colours.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was said so far is none of what follows.
    pub(crate) fn start_anew(&self) {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Says a line again that was said in another run.
    pub(crate) fn repeat(&self, said: &Said) {
        match said {
            Said::Out(text) => self.line(text),
            Said::Err(text) => self.error_line(text),
        }
    }

    fn note(&self, said: Said) {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(said);
    }

    /// Is anything said at all?
    pub(crate) fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// `-v` or more.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbosity >= Verbosity::Verbose
    }

    /// `-vv` or more.
    pub(crate) fn is_very_verbose(&self) -> bool {
        self.verbosity >= Verbosity::VeryVerbose
    }

    /// `-vvv`.
    pub(crate) fn is_debug(&self) -> bool {
        self.verbosity >= Verbosity::Debug
    }

    /// May something be drawn over and over? Only where someone looks at it, colours are not off, and nothing is told
    /// on the way.
    pub(crate) fn is_animated(&self) -> bool {
        !self.is_quiet()
            && !self.is_very_verbose()
            && self.out != ColorChoice::Never
            && io::stdout().is_terminal()
            && io::stderr().is_terminal()
    }

    /// Are there colours on stderr?
    pub(crate) fn is_error_coloured(&self) -> bool {
        self.err != ColorChoice::Never
    }

    /// Are there colours on stdout?
    pub(crate) fn is_coloured(&self) -> bool {
        self.out != ColorChoice::Never
    }

    /// How many columns a line on stdout may have.
    ///
    /// Poetry: `COLUMNS` counts more than the terminal; without either it is 80.
    pub(crate) fn width(&self, variables: &Variables) -> usize {
        let told = variables
            .filled("COLUMNS")
            .and_then(|text| text.parse().ok());
        let of_terminal = || {
            let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
            Some(usize::from(width.0))
        };
        told.filter(|&width| width > 0)
            .or_else(of_terminal)
            .unwrap_or(80)
    }

    /// Data or words on stdout, with a line end.
    pub(crate) fn line(&self, text: impl Display) {
        if !self.is_quiet() {
            // A reader that went away (`mpoetry … | head`) is no failure of ours.
            let text = text.to_string();
            AutoStream::new(io::stdout(), self.out)
                .write_all(
                    format!(
                        "{text}
"
                    )
                    .as_bytes(),
                )
                .ok();
            self.note(Said::Out(text));
        }
    }

    /// Words on stderr, with a line end.
    pub(crate) fn error_line(&self, text: impl Display) {
        if !self.is_quiet() {
            // At once: stderr has no buffer, and other processes may write to it as well.
            let text = text.to_string();
            AutoStream::new(io::stderr(), self.err)
                .write_all(
                    format!(
                        "{text}
"
                    )
                    .as_bytes(),
                )
                .ok();
            self.note(Said::Err(text));
        }
    }

    /// The beginning of a line on stdout, which [`Console::line`] ends.
    pub(crate) fn begin_line(&self, text: impl Display) {
        if !self.is_quiet() {
            let mut out = AutoStream::new(io::stdout(), self.out);
            out.write_all(text.to_string().as_bytes()).ok();
            out.flush().ok();
        }
    }

    /// Words on stderr that an answer may follow on the same line.
    pub(crate) fn prompt(&self, text: impl Display) {
        if !self.is_quiet() {
            AutoStream::new(io::stderr(), self.err)
                .write_all(text.to_string().as_bytes())
                .ok();
        }
    }

    /// A warning on stderr.
    pub(crate) fn warning(&self, text: impl Display) {
        self.error_line(format_args!("{WARNING}{text}{WARNING:#}"));
    }
}
