//! What the updater logs as a warning or an error goes to the event log, too.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::super::budget::{Budget, Grant};
use super::{EventLog, Kind};

/// Writes warnings and errors to the event log.
pub struct EventLogLayer {
    log: Arc<EventLog>,
    budget: Mutex<Budget>,
}

impl EventLogLayer {
    #[must_use]
    pub fn new(log: Arc<EventLog>) -> Self {
        Self { log, budget: Mutex::new(Budget::new(Instant::now())) }
    }
}

impl<S: Subscriber> Layer<S> for EventLogLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let kind = match *event.metadata().level() {
            Level::ERROR => Kind::Error,
            Level::WARN => Kind::Warning,
            _ => return,
        };
        let grant = self.budget.lock().unwrap_or_else(PoisonError::into_inner).ask(Instant::now());
        let mut text = Text::default();
        event.record(&mut text);
        let text = match grant {
            Grant::Write => text.whole(),
            Grant::WriteAsTheLast => {
                format!("{}\n\nThis is much in an hour; what follows is left out for the rest of it.", text.whole())
            }
            Grant::Drop => return,
        };
        // Where the event log does not work, there is no other place to say so.
        let _ = self.log.report(kind, &text);
    }
}

/// The sentence of an event, and its fields below.
#[derive(Default)]
struct Text {
    sentence: String,
    fields: String,
}

impl Text {
    fn whole(self) -> String {
        if self.fields.is_empty() { self.sentence } else { format!("{}\n{}", self.sentence, self.fields) }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.sentence, "{value:?}"),
            name => write!(self.fields, "\n{name}: {value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
