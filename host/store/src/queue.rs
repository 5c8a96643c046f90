//! Owns the words for what becomes of messages that wait behind a turn: what a person may decide about one session. Never
//! queues anything.

use serde::{Deserialize, Serialize};

/// What becomes of messages that come while a turn of their session runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueMode {
    /// They are given to the agent as soon as it can take them: all together, in its next turn.
    #[default]
    Steer,
    /// Each is a turn of its own.
    Followup,
    /// All together are the next turn, once nobody has written for a while.
    Collect,
    /// The turn that runs is stopped, and the next one is told both.
    Interrupt,
}

impl QueueMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Steer, Self::Followup, Self::Collect, Self::Interrupt];

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Steer => "steer",
            Self::Followup => "followup",
            Self::Collect => "collect",
            Self::Interrupt => "interrupt",
        }
    }

    /// The mode with this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// What becomes of messages beyond those that may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueDrop {
    /// The oldest are told in short.
    #[default]
    Summarize,
    /// The oldest are not told.
    Old,
    /// The newest are not told.
    New,
}

impl QueueDrop {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Summarize, Self::Old, Self::New];

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Summarize => "summarize",
            Self::Old => "old",
            Self::New => "new",
        }
    }

    /// The policy with this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

/// What was decided about one session's queue; what is not means the configuration's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueChoice {
    /// Instead of `messages.queue.mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<QueueMode>,
    /// How long `collect` waits for more, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debounce_ms: Option<u64>,
    /// How many messages of a conversation may wait; at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<usize>,
    /// What becomes of more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<QueueDrop>,
}

impl QueueChoice {
    /// This, completed by what was chosen before.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            mode: self.mode.or(before.mode),
            debounce_ms: self.debounce_ms.or(before.debounce_ms),
            cap: self.cap.or(before.cap),
            drop: self.drop.or(before.drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for mode in QueueMode::ALL {
            assert_eq!(QueueMode::of(mode.as_str()), Some(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
        for policy in QueueDrop::ALL {
            assert_eq!(QueueDrop::of(policy.as_str()), Some(policy));
            assert_eq!(serde_json::to_value(policy).unwrap(), policy.as_str());
        }
        assert_eq!((QueueMode::of("queue"), QueueDrop::of("")), (None, None));
    }

    #[test]
    fn a_choice_is_completed_by_the_one_before() {
        let before = QueueChoice { mode: Some(QueueMode::Collect), cap: Some(3), ..QueueChoice::default() };
        let now =
            QueueChoice { mode: Some(QueueMode::Steer), debounce_ms: Some(5), ..QueueChoice::default() };
        let expected = QueueChoice { cap: Some(3), ..now };
        assert_eq!(now.or(before), expected);
    }
}
