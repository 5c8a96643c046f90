//! A guest's own log lines: `openclaw:plugin/log`, and what it writes to stdout and stderr.
//!
//! A guest's words are data: they are cut, stripped of control characters, scrubbed of secrets and counted. A guest that
//! floods loses lines, never the host's time.

use std::time::{Duration, Instant};

use openclaw_secrets::Scrubber;

use super::Guest;
use crate::bindings::channel::openclaw::plugin::log;

/// Longest message and field value, in bytes.
const LINE: usize = 4096;
/// Most fields of one line.
const FIELDS: usize = 16;
/// Most lines of one instance in one [`WINDOW`].
const LINES: u32 = 600;
const WINDOW: Duration = Duration::from_secs(60);

/// Counts the lines of one instance; beyond the budget they are dropped and the number is told once the window ends.
pub(crate) struct LineBudget {
    window: Instant,
    written: u32,
    dropped: u64,
}

impl LineBudget {
    pub(crate) fn new() -> Self {
        Self { window: Instant::now(), written: 0, dropped: 0 }
    }

    /// Whether one more line may be written now; the second value is how many were dropped before it.
    pub(crate) fn take(&mut self, now: Instant) -> (bool, u64) {
        let mut dropped = 0;
        if now.duration_since(self.window) >= WINDOW {
            dropped = std::mem::take(&mut self.dropped);
            (self.window, self.written) = (now, 0);
        }
        let allowed = self.written < LINES;
        match allowed {
            true => self.written += 1,
            false => self.dropped += 1,
        }
        (allowed, dropped)
    }
}

impl Guest {
    /// Writes one line of this instance's log.
    pub(crate) fn write_log(&mut self, level: log::Level, message: &str, fields: &[(String, String)]) {
        let (allowed, dropped) = self.log.take(Instant::now());
        if dropped > 0 {
            tracing::warn!(plugin = %self.label, dropped, "log lines were dropped: the plugin wrote too many");
        }
        if !allowed {
            return;
        }
        let mut line = clean(message, &self.scrubber);
        for (name, value) in fields.iter().take(FIELDS) {
            let (name, value) = (clean(name, &self.scrubber), clean(value, &self.scrubber));
            line.push_str(&format!(" {name}={value}"));
        }
        let plugin = &*self.label;
        match level {
            log::Level::Debug => tracing::debug!(plugin, "{line}"),
            log::Level::Info => tracing::info!(plugin, "{line}"),
            log::Level::Warn => tracing::warn!(plugin, "{line}"),
            log::Level::Error => tracing::error!(plugin, "{line}"),
        }
    }
}

/// A guest's words as the log may show them.
pub(crate) fn clean(text: &str, scrubber: &Scrubber) -> String {
    let text = crate::error::cut(text, LINE);
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    scrubber.scrub(&visible).into_owned()
}

impl log::Host for Guest {
    fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.write_log(level, &message, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_loses_lines_and_the_number_is_told_once() {
        let mut budget = LineBudget::new();
        let start = budget.window;
        for _ in 0..LINES {
            assert_eq!(budget.take(start), (true, 0));
        }
        assert_eq!(budget.take(start), (false, 0));
        assert_eq!(budget.take(start), (false, 0));
        assert_eq!(budget.take(start + WINDOW), (true, 2));
        assert_eq!(budget.take(start + WINDOW), (true, 0));
    }
}
