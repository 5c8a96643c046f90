//! What others report about their presence (`system-event`): machines and programs that are not connected, or say more of
//! themselves than their connection does. Bounded in number, in size and in time; who is connected is the hub's to know.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openclaw_protocol::status::PresenceEntry;
use openclaw_protocol::system::SystemEventParams;
use tokio::time::Instant;

use crate::clock::now_ms;

/// Reports that are kept; beyond it the one that was renewed longest ago is forgotten.
const MOST: usize = 200;
/// How long a report counts.
const TTL: Duration = Duration::from_secs(300);
/// Characters of one field.
const CHARS: usize = 256;
/// Words of one list.
const WORDS: usize = 32;
/// The tag that says that nothing is known of the last input any more.
const NO_INPUT: &str = "system-presence-clear-last-input";
/// Reasons that say nothing new.
const USUAL: [&str; 4] = ["heartbeat", "connect", "launch", "instances-refresh"];

/// All reports.
#[derive(Debug, Default)]
pub(crate) struct Reports(Mutex<Vec<Report>>);

#[derive(Debug)]
struct Report {
    key: String,
    at: Instant,
    entry: PresenceEntry,
}

/// What a report changed.
#[derive(Debug, PartialEq)]
pub(crate) struct Changed {
    /// By which reports of one sender are known.
    pub(crate) key: String,
    pub(crate) now: PresenceEntry,
    before: PresenceEntry,
}

impl Reports {
    /// Keeps what a sender says of itself; what it leaves out stays as it was.
    pub(crate) fn update(&self, event: &SystemEventParams) -> Changed {
        let told = told(event);
        let key = key(&told);
        let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        reports.retain(|report| now - report.at < TTL);
        let known = reports.iter().position(|report| report.key == key);
        let before = known.map(|known| reports.swap_remove(known).entry).unwrap_or_default();
        let mut entry = merged(&before, told);
        if event.tags.iter().flatten().any(|tag| tag == NO_INPUT) {
            entry.last_input_seconds = None;
        }
        if reports.len() >= MOST {
            let oldest = (0..reports.len()).min_by_key(|&index| reports.get(index).map(|report| report.at));
            drop(oldest.map(|oldest| reports.swap_remove(oldest)));
        }
        reports.push(Report { key: key.clone(), at: now, entry: entry.clone() });
        Changed { key, now: entry, before }
    }

    /// Joins the reports to the entries of those who are connected.
    pub(crate) fn join(&self, entries: &mut Vec<PresenceEntry>) {
        let reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for report in reports.iter().filter(|report| report.at.elapsed() < TTL) {
            let same = |entry: &&mut PresenceEntry| {
                let is = |id: &Option<String>| {
                    id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(&report.key))
                };
                is(&entry.device_id) || is(&entry.instance_id)
            };
            match entries.iter_mut().find(same) {
                Some(entry) => *entry = merged(entry, report.entry.clone()),
                None => entries.push(report.entry.clone()),
            }
        }
        entries.truncate(MOST);
    }
}

impl Changed {
    /// The line that a session reads of it; `None` when nothing changed that matters. `named` says that the line before it
    /// was about the same sender.
    pub(crate) fn line(&self, named: bool) -> Option<String> {
        let (now, before) = (&self.now, &self.before);
        let who = now.host != before.host || now.ip != before.ip;
        let reason = now.reason.as_deref().unwrap_or_default().to_lowercase();
        let usual = reason.starts_with("periodic") || USUAL.contains(&reason.as_str());
        let word = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        let mut parts = Vec::new();
        if now.version != before.version {
            parts.push(format!("app {}", word(&now.version, "unknown")));
        }
        if now.mode != before.mode {
            parts.push(format!("mode {}", word(&now.mode, "unknown")));
        }
        if now.reason != before.reason && !usual {
            parts.push(format!("reason {}", word(&now.reason, "event")));
        }
        if parts.is_empty() && !who {
            return None;
        }
        if who || !named {
            let ip = now.ip.as_deref().map(|ip| format!(" ({ip})")).unwrap_or_default();
            parts.insert(0, format!("Node: {}{ip}", word(&now.host, "Unknown")));
        }
        Some(parts.join(" · "))
    }
}

/// What an event says of its sender, cut to its bounds.
fn told(event: &SystemEventParams) -> PresenceEntry {
    let text = short(Some(event.text.trim()));
    let read = text.as_deref().map(from_line).unwrap_or_default();
    let field = |given: &Option<String>, read: Option<String>| short(given.as_deref()).or(read);
    let words = |given: &Option<Vec<String>>| {
        let words =
            given.iter().flatten().take(WORDS).filter_map(|word| short(Some(word))).collect::<Vec<_>>();
        Some(words).filter(|words| !words.is_empty())
    };
    let seconds = event.last_input_seconds.filter(|seconds| *seconds >= 0.0);
    PresenceEntry {
        host: field(&event.host, read.host),
        ip: field(&event.ip, read.ip),
        version: field(&event.version, read.version),
        platform: field(&event.platform, None),
        device_family: field(&event.device_family, None),
        model_identifier: field(&event.model_identifier, None),
        mode: field(&event.mode, read.mode),
        last_input_seconds: seconds.map(|seconds| seconds as u64).or(read.last_input_seconds),
        reason: field(&event.reason, read.reason),
        device_id: field(&event.device_id, None),
        instance_id: field(&event.instance_id, None),
        roles: words(&event.roles),
        scopes: words(&event.scopes),
        text,
        ts: now_ms(),
    }
}

fn short(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| text.chars().take(CHARS).collect())
}

/// `Node: <host> (<ip>) · app <version> · last input <n>s ago · mode <mode> · reason <reason>`, as older programs say it.
fn from_line(line: &str) -> PresenceEntry {
    let read = || {
        let (host, rest) = line.strip_prefix("Node:")?.split_once('(')?;
        let (ip, rest) = rest.split_once(')')?;
        let mut parts = rest.split('·').map(str::trim).filter(|part| !part.is_empty());
        let mut part = |word: &str| parts.next()?.strip_prefix(word).map(|text| text.trim().to_owned());
        let version = part("app ")?;
        let seconds = part("last input ")?.strip_suffix("s ago")?.parse().ok()?;
        let (mode, reason) = (part("mode ")?, part("reason ")?);
        Some(PresenceEntry {
            host: Some(host.trim().to_owned()),
            ip: Some(ip.trim().to_owned()),
            version: Some(version),
            last_input_seconds: Some(seconds),
            mode: Some(mode),
            reason: Some(reason),
            ..PresenceEntry::default()
        })
    };
    read().unwrap_or_default()
}

/// By which reports of one sender are known: its device, its instance, its host, its address, or what it says.
fn key(told: &PresenceEntry) -> String {
    let ids = [&told.device_id, &told.instance_id, &told.host, &told.ip];
    let id = ids.into_iter().flatten().map(|id| id.trim().to_lowercase()).find(|id| !id.is_empty());
    id.unwrap_or_else(|| told.text.iter().flat_map(|text| text.chars().take(64)).collect())
}

/// `new` with what it does not say filled in from `old`.
fn merged(old: &PresenceEntry, new: PresenceEntry) -> PresenceEntry {
    let words = |old: &Option<Vec<String>>, new: Option<Vec<String>>| match (old, new) {
        (Some(old), Some(new)) => {
            let mut all = old.clone();
            all.extend(new.into_iter().filter(|word| !old.contains(word)));
            all.truncate(WORDS);
            Some(all)
        }
        (old, new) => new.or_else(|| old.clone()),
    };
    let old_one = |field: &Option<String>| field.clone();
    PresenceEntry {
        host: new.host.or_else(|| old_one(&old.host)),
        ip: new.ip.or_else(|| old_one(&old.ip)),
        version: new.version.or_else(|| old_one(&old.version)),
        platform: new.platform.or_else(|| old_one(&old.platform)),
        device_family: new.device_family.or_else(|| old_one(&old.device_family)),
        model_identifier: new.model_identifier.or_else(|| old_one(&old.model_identifier)),
        mode: new.mode.or_else(|| old_one(&old.mode)),
        last_input_seconds: new.last_input_seconds.or(old.last_input_seconds),
        reason: new.reason.or_else(|| old_one(&old.reason)),
        text: new.text.or_else(|| old_one(&old.text)),
        device_id: new.device_id.or_else(|| old_one(&old.device_id)),
        instance_id: new.instance_id.or_else(|| old_one(&old.instance_id)),
        roles: words(&old.roles, new.roles),
        scopes: words(&old.scopes, new.scopes),
        ts: new.ts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> SystemEventParams {
        SystemEventParams { text: text.to_owned(), ..SystemEventParams::default() }
    }

    #[test]
    fn a_line_of_an_older_program_is_read() {
        let reports = Reports::default();
        let line = "Node: mac (10.0.0.2) · app 1.2 · last input 7s ago · mode local · reason launch";
        let changed = reports.update(&event(line));
        let now = &changed.now;
        assert_eq!(
            (changed.key.as_str(), now.ip.as_deref(), now.last_input_seconds),
            ("mac", Some("10.0.0.2"), Some(7))
        );
        assert_eq!(changed.line(false).as_deref(), Some("Node: mac (10.0.0.2) · app 1.2 · mode local"));
        // The same again is no news; another version is.
        assert_eq!(reports.update(&event(line)).line(true), None);
        let newer = line.replace("1.2", "1.3").replace("launch", "crash");
        assert_eq!(reports.update(&event(&newer)).line(true).as_deref(), Some("app 1.3 · reason crash"));
        let mut cleared = event("Node: mac");
        cleared.host = Some("mac".to_owned());
        cleared.tags = Some(vec![NO_INPUT.to_owned()]);
        let now = reports.update(&cleared).now;
        assert_eq!((now.version.as_deref(), now.last_input_seconds), (Some("1.3"), None));
    }

    #[tokio::test(start_paused = true)]
    async fn reports_join_what_is_connected_and_are_bounded() {
        let reports = Reports::default();
        let mut own = event("here");
        own.instance_id = Some("I-1".to_owned());
        own.reason = Some("x".repeat(CHARS + 1));
        reports.update(&own);
        let connected = PresenceEntry {
            host: Some("client".to_owned()),
            instance_id: Some("i-1".to_owned()),
            ..PresenceEntry::default()
        };
        let mut entries = vec![connected];
        reports.join(&mut entries);
        assert_eq!((entries.len(), entries[0].host.as_deref()), (1, Some("client")));
        assert_eq!(entries[0].reason.as_ref().unwrap().len(), CHARS);
        for number in 0..MOST + 5 {
            reports.update(&event(&format!("event {number}")));
        }
        let mut entries = Vec::new();
        reports.join(&mut entries);
        assert_eq!(entries.len(), MOST);
        tokio::time::advance(TTL).await;
        let mut entries = Vec::new();
        reports.join(&mut entries);
        assert!(entries.is_empty());
    }
}
