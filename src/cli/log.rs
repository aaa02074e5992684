//! Logs go to standard error: for people, as JSON lines, or as the journal of systemd wants them.

use std::fmt;

use clap::ValueEnum;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format as Layout, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Name of the variable with the filter, for example `debug` or `sent_items_update::ews=trace,info`.
pub const FILTER: &str = "SIU_LOG";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line an event, with time and colours on a terminal; with priorities instead under systemd
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// Starts logging with what `SIU_LOG` says, else with `default`.
pub fn start(format: Format, default: &str) {
    // What it warns of, such as the key of a Kerberos message, nobody can do anything about.
    let default = &format!("{default},sspi=error");
    let text = std::env::var(FILTER).ok().filter(|text| !text.trim().is_empty());
    let (filter, problem) = match text.as_deref().map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(problem)) => (EnvFilter::new(default), Some(problem)),
        None => (EnvFilter::new(default), None),
    };
    // A service of Windows has no standard error that anybody could read.
    #[cfg(windows)]
    if let Some(log) = super::manager::reporting() {
        use tracing_subscriber::layer::SubscriberExt as _;
        use tracing_subscriber::util::SubscriberInitExt as _;
        let layer = crate::service::event_log::EventLogLayer::new(log);
        // As below.
        let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
        return;
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Nobody else in the process has set a subscriber up; were it so, theirs would stay.
    let _ = match format {
        Format::Json => builder.json().flatten_event(true).with_target(false).try_init(),
        Format::Text if under_journal() => builder.event_format(Journal::default()).try_init(),
        Format::Text => builder.with_target(false).with_ansi(coloured()).try_init(),
    };
    if let Some(problem) = problem {
        tracing::warn!(%problem, "{FILTER} is not understood and has no effect");
    }
}

fn coloured() -> bool {
    use std::io::IsTerminal as _;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// systemd says in `JOURNAL_STREAM` which file its journal reads (sd-daemon(3), systemd.exec(5)).
fn under_journal() -> bool {
    #[cfg(unix)]
    {
        let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else { return false };
        rustix::fs::fstat(std::io::stderr()).is_ok_and(|found| stream == format!("{}:{}", found.st_dev, found.st_ino))
    }
    #[cfg(not(unix))]
    false
}

/// The journal has its own times and reads the priority from the line's beginning (sd-daemon(3)).
struct Journal(Layout<Full, ()>);

impl Default for Journal {
    fn default() -> Self {
        Self(Layout::default().without_time().with_level(false).with_target(false).with_ansi(false))
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

/// Priorities of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}
