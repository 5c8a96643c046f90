//! The shape of one log record, in the file (JSON) and on the console. Pure: no clock, no file, no lock.
//!
//! The file format is the original's, so that its readers understand it: numbered arguments, `_meta`, `time`,
//! `hostname`, `message`. The subsystem stands in `"0"` as JSON text inside JSON.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;
use tracing::Level;
use tracing::field::{Field, Visit};

/// Bytes of one message that are kept; the rest is cut and marked.
const MESSAGE_MAX: usize = 64 * 1024;

/// What one `tracing` event said, before it has a time.
#[derive(Debug, Default)]
pub(super) struct Statement {
    pub(super) message: String,
    pub(super) subsystem: Option<String>,
    pub(super) fields: Map<String, Value>,
}

impl Visit for Statement {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field.name(), Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), Value::String(value.to_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), json!(value));
    }
}

impl Statement {
    fn put(&mut self, name: &str, value: Value) {
        match (name, value) {
            ("message", Value::String(text)) => self.message = cut(text),
            ("subsystem", Value::String(text)) => self.subsystem = Some(text),
            (_, Value::String(text)) => {
                self.fields.insert(name.to_owned(), Value::String(cut(text)));
            }
            (_, value) => {
                self.fields.insert(name.to_owned(), value);
            }
        }
    }

    /// The message with its fields behind it, as people read and search it: the literal stays first.
    pub(super) fn line(&self) -> String {
        let mut line = self.message.clone();
        for (name, value) in &self.fields {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(name);
            line.push('=');
            match value {
                Value::String(text) => line.push_str(text),
                other => line.push_str(&other.to_string()),
            }
        }
        line
    }
}

/// Cuts at a character boundary at or before `MESSAGE_MAX` bytes.
fn cut(mut text: String) -> String {
    if text.len() > MESSAGE_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_MAX));
        text.push('…');
    }
    text
}

/// The subsystem of an event that names none: the crate it comes from, without the common prefix.
pub(super) fn subsystem_of(target: &str) -> &str {
    let krate = target.split("::").next().unwrap_or(target);
    krate.strip_prefix("openclaw_").unwrap_or(krate)
}

/// What a record says about the process that wrote it.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) hostname: String,
}

/// One line of the log file, without its line feed.
pub(super) fn to_json(
    origin: &Origin,
    at: OffsetDateTime,
    level: Level,
    subsystem: &str,
    said: &Statement,
) -> String {
    let name = json!({ "subsystem": subsystem }).to_string();
    let line = said.line();
    let mut record = Map::new();
    record.insert("0".to_owned(), Value::String(name.clone()));
    if said.fields.is_empty() {
        record.insert("1".to_owned(), Value::String(said.message.clone()));
    } else {
        record.insert("1".to_owned(), Value::Object(said.fields.clone()));
        record.insert("2".to_owned(), Value::String(said.message.clone()));
    }
    let (id, word) = level_name(level);
    record.insert(
        "_meta".to_owned(),
        json!({
            "runtime": "rust",
            "hostname": origin.hostname,
            "name": name,
            "date": utc(at),
            "logLevelId": id,
            "logLevelName": word,
        }),
    );
    record.insert("time".to_owned(), Value::String(local(at)));
    record.insert("hostname".to_owned(), Value::String(origin.hostname.clone()));
    record.insert("message".to_owned(), Value::String(line));
    for key in ["channel", "account", "agent_id", "session_id", "plugin"] {
        if let Some(value) = said.fields.get(key) {
            record.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(record).to_string()
}

/// One line for the console, with its line feed: `<local time> [<subsystem>] <message>`, the level only when it matters.
pub(super) fn to_console(
    at: OffsetDateTime,
    level: Level,
    subsystem: &str,
    said: &Statement,
    color: bool,
) -> String {
    let (tint, plain) = if color { (tint(level), "\u{1b}[0m") } else { ("", "") };
    let word = match level {
        Level::ERROR => "error: ",
        Level::WARN => "warning: ",
        _ => "",
    };
    // One record is one line, whatever a person or a vendor put into it.
    let line = said.line().replace(char::is_control, " ");
    format!("{} [{subsystem}] {tint}{word}{line}{plain}\n", local(at))
}

fn tint(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "",
        _ => "\u{1b}[2m",
    }
}

/// Numbers and names of the original's logger.
fn level_name(level: Level) -> (u8, &'static str) {
    match level {
        Level::TRACE => (1, "TRACE"),
        Level::DEBUG => (2, "DEBUG"),
        Level::INFO => (3, "INFO"),
        Level::WARN => (4, "WARN"),
        Level::ERROR => (5, "ERROR"),
    }
}

fn local(at: OffsetDateTime) -> String {
    let format = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3][offset_hour sign:mandatory]:[offset_minute]"
    );
    at.format(&format).unwrap_or_default()
}

fn utc(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.to_offset(time::UtcOffset::UTC).format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn said(message: &str, fields: &[(&str, Value)]) -> Statement {
        let mut said = Statement { message: message.to_owned(), ..Statement::default() };
        for (name, value) in fields {
            said.put(name, value.clone());
        }
        said
    }

    #[test]
    fn a_record_has_the_shape_that_readers_of_the_original_expect() {
        let origin = Origin { hostname: "vm".to_owned() };
        let at = datetime!(2026-08-22 10:00:00.25 +02:00);
        let check = |said: Statement, expected: Value| {
            let line = to_json(&origin, at, Level::INFO, "gateway", &said);
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
        };
        let meta = json!({"runtime": "rust", "hostname": "vm", "name": "{\"subsystem\":\"gateway\"}",
            "date": "2026-08-22T08:00:00.250Z", "logLevelId": 3, "logLevelName": "INFO"});
        check(
            said("starting...", &[]),
            json!({"0": "{\"subsystem\":\"gateway\"}", "1": "starting...", "_meta": meta,
                "time": "2026-08-22T10:00:00.250+02:00", "hostname": "vm", "message": "starting..."}),
        );
        check(
            said("pairing request", &[("channel", json!("c")), ("n", json!(2))]),
            json!({"0": "{\"subsystem\":\"gateway\"}", "1": {"channel": "c", "n": 2}, "2": "pairing request",
                "_meta": meta, "time": "2026-08-22T10:00:00.250+02:00", "hostname": "vm",
                "message": "pairing request channel=c n=2", "channel": "c"}),
        );
    }

    #[test]
    fn the_console_names_the_subsystem_and_only_troublesome_levels() {
        let at = datetime!(2026-08-22 10:00:00 UTC);
        let check = |level, expected: &str| {
            assert_eq!(to_console(at, level, "ws", &said("m", &[]), false), expected);
        };
        check(Level::INFO, "2026-08-22T10:00:00.000+00:00 [ws] m\n");
        check(Level::WARN, "2026-08-22T10:00:00.000+00:00 [ws] warning: m\n");
        let forged = to_console(at, Level::INFO, "ws", &said("a\n2026 [gateway] b", &[]), false);
        assert_eq!(forged, "2026-08-22T10:00:00.000+00:00 [ws] a 2026 [gateway] b\n");
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let long = said("", &[("message", json!("ä".repeat(MESSAGE_MAX)))]);
        assert!(long.message.ends_with("ä…"));
        assert!(long.message.len() <= MESSAGE_MAX + '…'.len_utf8());
    }

    #[test]
    fn the_subsystem_is_the_crate() {
        let check = |target, expected| assert_eq!(subsystem_of(target), expected);
        check("openclaw_gateway::ws::session", "gateway");
        check("gateway/ws", "gateway/ws");
        check("hyper::proto", "hyper");
    }
}
