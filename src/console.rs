//! Words on the screen: which stream, how loud, in which colours.
//!
//! Everything a user sees goes through here (or through [`crate::progress`], which uses it), so that
//! `--quiet`, `-v`, `--ansi`, `--no-ansi` and `NO_COLOR` hold everywhere.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use resolver::sync::lock;
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
    /// What waits until it may be said; `None` if everything is said at once.
    kept_back: Mutex<Option<Vec<Piece>>>,
    /// Who says it while somebody works, if not the one who has something to say. Shared with those that keep back.
    speaker: Arc<Mutex<Option<Sender<Piece>>>>,
}

/// A piece of text as it is written.
type Piece = (Stream, String);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stream {
    Out,
    Err,
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
            kept_back: Mutex::default(),
            speaker: Arc::default(),
        }
    }

    /// Does `work`, and has another thread say what there is to say meanwhile, all of it before this returns: a file or a
    /// pipe may take its time, and nobody who works should wait for that. A terminal is quick, and may be drawn on; what
    /// the libraries tell with `-vv` has its place between what is said here.
    pub(crate) fn beside<T>(&self, work: impl FnOnce() -> T) -> T {
        if self.is_quiet() || self.is_animated() || self.is_very_verbose() {
            return work();
        }
        let (sender, pieces) = mpsc::channel::<Piece>();
        std::thread::scope(|threads| {
            threads.spawn(move || self.say_all(&pieces));
            *lock(&self.speaker) = Some(sender);
            let done = work();
            *lock(&self.speaker) = None;
            done
        })
    }

    /// Says everything that comes, in as few pieces as it comes in time.
    fn say_all(&self, pieces: &Receiver<Piece>) {
        let mut next = pieces.recv().ok();
        while let Some((stream, mut text)) = next {
            next = None;
            while let Ok((other, more)) = pieces.try_recv() {
                if other != stream {
                    next = Some((other, more));
                    break;
                }
                text += &more;
            }
            self.put(stream, &text);
            next = next.or_else(|| pieces.recv().ok());
        }
    }

    /// One like this that says nothing before [`Console::speak_up`].
    pub(crate) fn kept_back(&self) -> Self {
        Self {
            verbosity: self.verbosity,
            out: self.out,
            err: self.err,
            said: Mutex::default(),
            kept_back: Mutex::new(Some(Vec::new())),
            speaker: Arc::clone(&self.speaker),
        }
    }

    /// Says what was kept back, and from now on everything at once.
    pub(crate) fn speak_up(&self) {
        let mut kept_back = lock(&self.kept_back);
        for (stream, text) in kept_back.take().into_iter().flatten() {
            self.say(stream, text);
        }
    }

    /// All lines so far, with their colours.
    pub(crate) fn said(&self) -> Vec<Said> {
        lock(&self.said).clone()
    }

    /// What was said so far is none of what follows.
    pub(crate) fn start_anew(&self) {
        lock(&self.said).clear();
    }

    /// Says a line again that was said in another run.
    pub(crate) fn repeat(&self, said: &Said) {
        match said {
            Said::Out(text) => self.line(text),
            Said::Err(text) => self.error_line(text),
        }
    }

    fn note(&self, said: Said) {
        lock(&self.said).push(said);
    }

    /// Writes a text as it is, now or when it may be said.
    fn write(&self, stream: Stream, text: String) {
        match lock(&self.kept_back).as_mut() {
            Some(kept_back) => kept_back.push((stream, text)),
            None => self.say(stream, text),
        }
    }

    fn say(&self, stream: Stream, text: String) {
        match lock(&self.speaker).as_ref() {
            // It listens as long as there is a sender.
            Some(speaker) => drop(speaker.send((stream, text))),
            None => self.put(stream, &text),
        }
    }

    /// At once: stderr has no buffer, and other processes may write to it as well. A reader that went away
    /// (`mpoetry … | head`) is no failure of ours.
    fn put(&self, stream: Stream, text: &str) {
        match stream {
            Stream::Out => {
                let mut out = AutoStream::new(io::stdout(), self.out);
                out.write_all(text.as_bytes()).ok();
                out.flush().ok();
            }
            Stream::Err => {
                let mut err = AutoStream::new(io::stderr(), self.err);
                err.write_all(text.as_bytes()).ok();
            }
        }
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
            && lock(&self.kept_back).is_none()
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
            let text = text.to_string();
            self.write(Stream::Out, format!("{text}\n"));
            self.note(Said::Out(text));
        }
    }

    /// Words on stderr, with a line end.
    pub(crate) fn error_line(&self, text: impl Display) {
        if !self.is_quiet() {
            let text = text.to_string();
            self.write(Stream::Err, format!("{text}\n"));
            self.note(Said::Err(text));
        }
    }

    /// The beginning of a line on stdout, which [`Console::line`] ends.
    pub(crate) fn begin_line(&self, text: impl Display) {
        if !self.is_quiet() {
            self.write(Stream::Out, text.to_string());
        }
    }

    /// Words on stderr that an answer may follow on the same line.
    pub(crate) fn prompt(&self, text: impl Display) {
        if !self.is_quiet() {
            self.write(Stream::Err, text.to_string());
        }
    }

    /// A warning on stderr.
    pub(crate) fn warning(&self, text: impl Display) {
        self.error_line(format_args!("{WARNING}{text}{WARNING:#}"));
    }
}
