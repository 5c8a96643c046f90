//! A guest's own log lines: `openclaw:plugin/log`, and what it writes to stdout and stderr.
//!
//! A guest's words are data: they are cut, stripped of control characters, scrubbed of secrets and counted. A guest that
//! floods loses lines, never the host's time.

use std::time::Instant;

use openclaw_secrets::Scrubber;

use super::Guest;
use super::quota::Verdict;
use crate::bindings::channel::openclaw::plugin::log;
use crate::error::shown;

/// Longest message, and longest name and value of a field, in bytes: a line has at most 22 KiB.
const LINE: usize = 4096;
const NAME: usize = 64;
const VALUE: usize = 1 << 10;
/// Most fields of one line.
const FIELDS: usize = 16;
impl Guest {
    /// Writes one line of this instance's log.
    pub(crate) fn write_log(&mut self, level: log::Level, message: &str, fields: &[(String, String)]) {
        match self.log.take(Instant::now()) {
            Verdict::Granted(0) => {}
            Verdict::Granted(dropped) => {
                tracing::warn!(plugin = %self.label, dropped, "log lines were dropped: the plugin wrote too many");
            }
            // Counted by the budget. No reason to call the account degraded: it works as well as before.
            Verdict::Refused(_) => return,
        }
        let mut line = clean(message, &self.scrubber);
        for (name, value) in fields.iter().take(FIELDS) {
            let name = clean_to(name, NAME, &self.scrubber);
            let value = clean_to(value, VALUE, &self.scrubber);
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
    clean_to(text, LINE, scrubber)
}

fn clean_to(text: &str, limit: usize, scrubber: &Scrubber) -> String {
    shown(text, limit, scrubber).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
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
    use openclaw_secrets::Secret;

    use super::*;

    #[test]
    fn a_secret_is_taken_out_before_the_line_is_cut() {
        let scrubber = Scrubber::new(&[Secret::from("12345:secret-value")]);
        let line = clean(&format!("{}12345:secret-value", "x".repeat(LINE - 8)), &scrubber);
        assert!(line.ends_with("x***"), "{line}");
        assert_eq!(clean("a\nb\u{1b}c", &scrubber), "a b c");
        assert_eq!(clean_to(&"y".repeat(100), NAME, &scrubber).len(), NAME);
    }
}
