//! Log records: from a `tracing` event to a JSON line in the file of the day and a line on the console. Every string
//! passes the redactor before it leaves. Never blocks the caller and never holds a secret of its own.

mod file;
mod record;
mod tail;
mod writer;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use openclaw_secrets::{Scrubber, redact_line};
use serde_json::Value;
use time::{OffsetDateTime, UtcOffset};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

pub(crate) use tail::tail;

use file::{Place, Rolling};
use record::{Origin, Statement};
use writer::{Sink, Writer};

/// How records are written.
#[derive(Debug)]
pub(crate) struct LoggingOptions {
    /// `logging.file`: one fixed file instead of one a day.
    pub(crate) file: Option<PathBuf>,
    /// `logging.maxFileBytes`.
    pub(crate) max_file_bytes: Option<u64>,
    pub(crate) profile: Option<String>,
    pub(crate) levels: Levels,
    pub(crate) color: bool,
}

/// The lowest levels that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Levels {
    pub(crate) file: LevelFilter,
    pub(crate) console: LevelFilter,
}

/// The handle that the process keeps: where the records go, and the values that must never be in them.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    place: Place,
    offset: UtcOffset,
    scrubber: Arc<RwLock<Scrubber>>,
    levels: Arc<RwLock<Levels>>,
    file: Option<Writer>,
    console: Writer,
}

impl Log {
    /// Starts the writers and becomes the process's `tracing` subscriber. Call it while the process has one thread:
    /// the local time zone cannot be asked for later, and UTC is used then.
    ///
    /// # Errors
    /// When a thread cannot be started or another subscriber is installed. A log file that cannot be opened is no
    /// error: the console says so and goes on alone.
    pub(crate) fn start(options: LoggingOptions) -> io::Result<Log> {
        let offset = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname")
            .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned());
        let origin = Arc::new(Origin { hostname });
        let clock = Clock { offset };
        let place = match options.file {
            Some(path) => Place::Fixed(path),
            None => Place::Daily { dir: Place::default_dir()?, profile: options.profile },
        };
        let console = Writer::spawn("log-console", Console { clock })?;
        let opened =
            Rolling::open(place.clone(), options.max_file_bytes.unwrap_or(file::ROTATE_AT), clock.now());
        let file = match opened {
            Ok(rolling) => {
                Some(Writer::spawn("log-file", LogFile { rolling, clock, origin: Arc::clone(&origin) })?)
            }
            Err(error) => {
                let path = place.path(clock.now());
                console.line(format!(
                    "cannot write the log file {}: {error}; logging to the console only\n",
                    path.display()
                ));
                None
            }
        };
        let levels = Arc::new(RwLock::new(options.levels));
        let log = Log { place, offset, scrubber: Arc::default(), levels, file, console };
        let layer = RecordLayer { log: log.clone(), clock, origin, color: options.color };
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
            .map_err(io::Error::other)?;
        crate::panics::watch();
        Ok(log)
    }

    /// From now on takes these values out of every record, however they are spelt.
    pub(crate) fn protect(&self, scrubber: Scrubber) {
        if let Ok(mut current) = self.scrubber.write() {
            *current = scrubber;
        }
    }

    /// Other levels from now on.
    pub(crate) fn set_levels(&self, levels: Levels) {
        *self.levels.write().unwrap_or_else(PoisonError::into_inner) = levels;
        // What was found not to be written may be written now.
        tracing::callsite::rebuild_interest_cache();
    }

    fn levels(&self) -> Levels {
        *self.levels.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that records go to now.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.path(OffsetDateTime::now_utc().to_offset(self.offset))
    }

    /// Waits (bounded) until everything said so far is written.
    pub(crate) fn close(&self) {
        if let Some(file) = &self.file {
            file.close();
        }
        self.console.close();
    }

    fn clean(&self, text: &str) -> String {
        let line = redact_line(text);
        match self.scrubber.read() {
            Ok(scrubber) => scrubber.scrub(&line).into_owned(),
            // Poisoned only by a panic inside `protect`, where the old value is still whole.
            Err(poisoned) => poisoned.into_inner().scrub(&line).into_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    offset: UtcOffset,
}

impl Clock {
    fn now(self) -> OffsetDateTime {
        OffsetDateTime::now_utc().to_offset(self.offset)
    }
}

struct RecordLayer {
    log: Log,
    clock: Clock,
    origin: Arc<Origin>,
    color: bool,
}

impl<S: Subscriber> Layer<S> for RecordLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let levels = self.log.levels();
        let widest = levels.file.max(levels.console);
        // Libraries are heard only when something is wrong: their detail is about connections, not about us.
        let limit =
            if metadata.target().starts_with("openclaw") { widest } else { widest.min(LevelFilter::WARN) };
        metadata.is_event() && *metadata.level() <= limit
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let levels = self.log.levels();
        Some(levels.file.max(levels.console))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        let levels = self.log.levels();
        let mut said = Statement::default();
        event.record(&mut said);
        said.message = self.log.clean(&said.message);
        for value in said.fields.values_mut() {
            if let Value::String(text) = value {
                *text = self.log.clean(text);
            }
        }
        let subsystem = said.subsystem.take();
        let subsystem =
            subsystem.as_deref().unwrap_or_else(|| record::subsystem_of(event.metadata().target()));
        let at = self.clock.now();
        if let Some(file) = self.log.file.as_ref().filter(|_| level <= levels.file) {
            let mut line = record::to_json(&self.origin, at, level, subsystem, &said);
            line.push('\n');
            file.line(line);
        }
        if level <= levels.console {
            self.log.console.line(record::to_console(at, level, subsystem, &said, self.color));
        }
    }
}

struct LogFile {
    rolling: Rolling,
    clock: Clock,
    origin: Arc<Origin>,
}

impl Sink for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.rolling.write(lines, self.clock.now())
    }

    fn dropped(&self, count: u64) -> String {
        let said = dropped(count);
        record::to_json(&self.origin, self.clock.now(), tracing::Level::WARN, "logging", &said) + "\n"
    }
}

/// Stderr, so that stdout stays for what a person asked for.
struct Console {
    clock: Clock,
}

impl Sink for Console {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        io::stderr().lock().write_all(lines)
    }

    fn dropped(&self, count: u64) -> String {
        record::to_console(self.clock.now(), tracing::Level::WARN, "logging", &dropped(count), false)
    }
}

fn dropped(count: u64) -> Statement {
    Statement {
        message: format!("{count} log lines were dropped before this one: the log could not keep up"),
        ..Statement::default()
    }
}
