//! `session.reset*`: when a session begins anew by itself. Which policy holds where is decided here; when it has expired is
//! for agents to say.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The wait of `idle` where nobody says how long, in minutes.
const IDLE_MINUTES: u64 = 60;
/// The hour of `daily` where nobody says which.
const HOUR: u8 = 4;

/// `session.reset`, or one of `session.resetByType` and `session.resetByChannel`, as far as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Reset {
    /// What ends a session.
    pub mode: Option<ResetMode>,
    /// The hour of the day, 0 to 23, local time.
    pub at_hour: Option<u8>,
    /// Minutes without a message.
    pub idle_minutes: Option<u64>,
}

/// `session.reset.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetMode {
    /// Nothing does.
    None,
    /// An hour of the day; with `idleMinutes` these too, whichever comes first.
    Daily,
    /// A time without messages.
    Idle,
}

/// `session.resetByType`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ResetByType {
    /// Direct messages.
    pub direct: Option<Reset>,
    /// An older spelling of `direct`.
    pub dm: Option<Reset>,
    /// Groups.
    pub group: Option<Reset>,
    /// Threads and topics.
    pub thread: Option<Reset>,
}

/// What kind of conversation a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// One person, or nobody else's channel.
    Direct,
    /// A group or a room.
    Group,
    /// A thread or topic of one.
    Thread,
}

/// When a session begins anew; whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResetPolicy {
    /// At this hour of each day, local time.
    pub at_hour: Option<u8>,
    /// After so many minutes without a message.
    pub idle_minutes: Option<u64>,
}

/// Everything that `session` says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resets {
    /// `session.reset`
    pub all: Option<Reset>,
    /// `session.resetByType`
    pub by_type: ResetByType,
    /// `session.resetByChannel`
    pub by_channel: BTreeMap<String, Reset>,
    /// `session.idleMinutes`, an older spelling.
    pub idle_minutes: Option<u64>,
}

impl Resets {
    /// The policy of a session of this kind: what is said about its channel, else about its kind, else about all.
    #[must_use]
    pub fn policy(&self, kind: SessionKind, channel: Option<&str>) -> ResetPolicy {
        let by_channel = channel.and_then(|channel| self.by_channel.get(channel)).copied();
        let by_type = match kind {
            SessionKind::Direct => self.by_type.direct.or(self.by_type.dm),
            SessionKind::Group => self.by_type.group,
            SessionKind::Thread => self.by_type.thread,
        };
        let own = by_channel.or(by_type).unwrap_or_default();
        let base = match by_channel {
            Some(_) => Reset::default(),
            None => self.all.unwrap_or_default(),
        };
        // The older key alone is about all; beside the newer ones it is their missing number.
        let idle = own.idle_minutes.or(base.idle_minutes).or(self.idle_minutes);
        let hour = own.at_hour.or(base.at_hour);
        match own.mode.or(base.mode) {
            Some(ResetMode::None) => ResetPolicy::default(),
            Some(ResetMode::Daily) => ResetPolicy { at_hour: Some(hour.unwrap_or(HOUR)), idle_minutes: idle },
            Some(ResetMode::Idle) => {
                ResetPolicy { at_hour: None, idle_minutes: Some(idle.unwrap_or(IDLE_MINUTES)) }
            }
            // What is written without a mode is meant.
            None => ResetPolicy { at_hour: hour, idle_minutes: idle },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Config;

    #[test]
    fn the_nearest_word_says_when() {
        let check = |session: &Value, kind, channel, hour: Option<u8>, idle: Option<u64>| {
            let config = Config::from_value(&json!({ "session": session }));
            let found = config.session.resets().policy(kind, channel);
            assert_eq!(
                found,
                ResetPolicy { at_hour: hour, idle_minutes: idle },
                "{session} {kind:?} {channel:?}"
            );
        };
        let direct = SessionKind::Direct;
        check(&json!({}), direct, None, None, None);
        check(&json!({"reset": {"mode": "daily"}}), direct, None, Some(4), None);
        check(
            &json!({"reset": {"mode": "daily", "atHour": 0, "idleMinutes": 5}}),
            direct,
            None,
            Some(0),
            Some(5),
        );
        check(&json!({"reset": {"mode": "idle"}}), direct, None, None, Some(60));
        check(&json!({"reset": {"mode": "none", "idleMinutes": 5}}), direct, None, None, None);
        check(&json!({"reset": {"idleMinutes": 5}}), direct, None, None, Some(5));
        check(&json!({"idleMinutes": 7}), direct, None, None, Some(7));
        check(&json!({"idleMinutes": 7, "reset": {"mode": "idle"}}), direct, None, None, Some(7));
        let all = json!({
            "reset": {"mode": "daily", "atHour": 6},
            "resetByType": {"dm": {"mode": "idle", "idleMinutes": 240}, "thread": {"atHour": 3}, "group": {"mode": "none"}},
            "resetByChannel": {"chat": {"mode": "idle", "idleMinutes": 10}},
        });
        check(&all, direct, None, None, Some(240));
        check(&all, SessionKind::Thread, Some("other"), Some(3), None);
        check(&all, SessionKind::Group, Some("other"), None, None);
        check(&all, SessionKind::Group, Some("chat"), None, Some(10));
    }
}
