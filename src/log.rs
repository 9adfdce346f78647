//! What the libraries tell of their work to who asks for it: with `-vv` decisions and times, with `-vvv` requests,
//! caches and commands as well.

use std::fmt;
use std::time::Instant;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::console::{Console, DARK, WARNING};

/// From now on what the libraries tell is written to stderr, as far as the console is that verbose.
pub(crate) fn start(console: &Console) {
    if !console.is_very_verbose() {
        return;
    }
    let level = if console.is_debug() { "debug" } else { "info" };
    let ours = ["mpoetry", "resolver", "installer"].map(|part| format!("{part}={level}"));
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(ours.join(",")))
        .with_ansi(console.is_error_coloured())
        .with_writer(std::io::stderr)
        .event_format(Lines(Instant::now()))
        .init();
}

/// A line each, after the seconds since then.
struct Lines(Instant);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let style = match *event.metadata().level() {
            Level::ERROR | Level::WARN => WARNING,
            _ => DARK,
        };
        let seconds = self.0.elapsed().as_secs_f64();
        if writer.has_ansi_escapes() {
            write!(writer, "{style}[{seconds:7.3}]{style:#} ")?;
        } else {
            write!(writer, "[{seconds:7.3}] ")?;
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
