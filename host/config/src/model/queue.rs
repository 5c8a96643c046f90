//! `messages.queue` and `messages.inbound`: what becomes of messages that come at once, or while a turn runs.

use std::collections::BTreeMap;

use serde_json::Value;

/// `messages.inbound`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbound {
    /// How long a text waits for more of its sender, in milliseconds; 0 for not at all.
    pub debounce_ms: Option<u64>,
    /// The same by channel.
    pub by_channel: BTreeMap<String, u64>,
}

/// `messages.queue`; words as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// `steer`, `followup`, `collect` or `interrupt`.
    pub mode: Option<String>,
    /// The same by channel.
    pub by_channel: BTreeMap<String, String>,
    /// How long `collect` waits for more, in milliseconds.
    pub debounce_ms: Option<u64>,
    /// The same by channel.
    pub debounce_ms_by_channel: BTreeMap<String, u64>,
    /// How many messages of a conversation may wait.
    pub cap: Option<usize>,
    /// `old`, `new` or `summarize`.
    pub drop: Option<String>,
}

impl Inbound {
    pub(super) fn of(section: Option<&Value>) -> Self {
        let part = |key: &str| section.and_then(|section| section.get(key));
        Self {
            debounce_ms: part("debounceMs").and_then(Value::as_u64),
            by_channel: by_channel(part("byChannel"), Value::as_u64),
        }
    }

    /// What is said about a channel; `None` leaves it to the channel.
    #[must_use]
    pub fn debounce_of(&self, channel: &str) -> Option<u64> {
        self.by_channel.get(channel).copied().or(self.debounce_ms)
    }
}

impl Queue {
    pub(super) fn of(section: Option<&Value>) -> Self {
        let part = |key: &str| section.and_then(|section| section.get(key));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            mode: part("mode").and_then(text),
            by_channel: by_channel(part("byChannel"), text),
            debounce_ms: part("debounceMs").and_then(Value::as_u64),
            debounce_ms_by_channel: by_channel(part("debounceMsByChannel"), Value::as_u64),
            cap: part("cap").and_then(Value::as_u64).and_then(|cap| usize::try_from(cap).ok()),
            drop: part("drop").and_then(text),
        }
    }

    /// The mode of a channel.
    #[must_use]
    pub fn mode_of(&self, channel: &str) -> Option<&str> {
        self.by_channel.get(channel).or(self.mode.as_ref()).map(String::as_str)
    }

    /// How long `collect` waits in a channel, in milliseconds.
    #[must_use]
    pub fn debounce_of(&self, channel: &str) -> Option<u64> {
        self.debounce_ms_by_channel.get(channel).copied().or(self.debounce_ms)
    }
}

fn by_channel<T>(section: Option<&Value>, read: impl Fn(&Value) -> Option<T>) -> BTreeMap<String, T> {
    let entries = section.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(channel, value)| Some((channel.clone(), read(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Config;

    #[test]
    fn a_channels_own_word_comes_first() {
        let config = Config::from_value(&json!({"messages": {
            "inbound": {"debounceMs": 2000, "byChannel": {"chat": 0}},
            "queue": {"mode": "collect", "byChannel": {"chat": "interrupt"}, "debounceMsByChannel": {"chat": 1000}, "cap": 5,
                      "drop": "old"},
        }}));
        let (inbound, queue) = (&config.messages.inbound, &config.messages.queue);
        assert_eq!((inbound.debounce_of("chat"), inbound.debounce_of("other")), (Some(0), Some(2000)));
        assert_eq!((queue.mode_of("chat"), queue.mode_of("other")), (Some("interrupt"), Some("collect")));
        assert_eq!((queue.debounce_of("chat"), queue.debounce_of("other")), (Some(1000), None));
        assert_eq!((queue.cap, queue.drop.as_deref()), (Some(5), Some("old")));
        let empty = Config::default();
        assert_eq!(
            (empty.messages.inbound.debounce_of("chat"), empty.messages.queue.mode_of("chat")),
            (None, None)
        );
    }
}
