//! Owns how hard a model is asked to think: the levels that people choose, and the word that one model has for each. Never sends
//! a word to a model that the configuration does not call a reasoning one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

/// The parameter of the `/v1` dialect that carries the word.
pub(crate) const PARAMETER: &str = "reasoning_effort";

/// A level, from none to all. The words are those of the configuration and the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thinking {
    /// Not at all, where the model can be told so.
    Off,
    /// The least.
    Minimal,
    /// Little.
    Low,
    /// As usual.
    Medium,
    /// As much as most models can.
    High,
    /// More, where the model has it.
    Xhigh,
    /// As the provider thinks fit.
    Adaptive,
    /// The most, where the model has it.
    Max,
    /// The same as `max` here.
    Ultra,
}

/// Every level with its word.
const LEVELS: [(Thinking, &str); 9] = [
    (Thinking::Off, "off"),
    (Thinking::Minimal, "minimal"),
    (Thinking::Low, "low"),
    (Thinking::Medium, "medium"),
    (Thinking::High, "high"),
    (Thinking::Xhigh, "xhigh"),
    (Thinking::Adaptive, "adaptive"),
    (Thinking::Max, "max"),
    (Thinking::Ultra, "ultra"),
];
/// What models have that do not say what they have, from little to much.
const USUAL: [&str; 4] = ["minimal", "low", "medium", "high"];

/// A word that is no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid thinkingLevel \"{0}\" (use off|minimal|low|medium|high|xhigh|adaptive|max|ultra)")]
pub struct UnknownLevel(pub String);

impl FromStr for Thinking {
    type Err = UnknownLevel;

    /// The level of a word, in any case; also of what people write for it.
    fn from_str(word: &str) -> Result<Self, UnknownLevel> {
        let plain = word.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        let plain = match plain.as_str() {
            "x-high" | "extra-high" => "xhigh",
            "highest" | "on" => "high",
            "none" | "disabled" => "off",
            plain => plain,
        };
        let known = LEVELS.into_iter().find(|(_, spelt)| *spelt == plain);
        known.map(|(level, _)| level).ok_or_else(|| UnknownLevel(word.trim().to_owned()))
    }
}

impl fmt::Display for Thinking {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = LEVELS.into_iter().find(|(level, _)| level == self).map_or("", |(_, word)| word);
        formatter.write_str(word)
    }
}

/// How hard to think, of which a model's own default may say more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThinkingWish {
    /// Somebody said so: for this message, this session or this agent.
    pub said: Option<Thinking>,
    /// Where neither that nor the model's own parameters say anything.
    pub usual: Thinking,
}

/// What one model that thinks can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThinkingWords {
    /// The provider's own word for a level; `None`: the model cannot be told this level (`thinkingLevelMap`).
    own: BTreeMap<String, Option<String>>,
    /// `compat.supportedReasoningEfforts`; empty: the usual ones.
    supported: Vec<String>,
    /// `compat.supportsReasoningEffort: false`.
    deaf: bool,
}

impl ThinkingWords {
    /// Reads what the configuration says of a model that thinks.
    #[must_use]
    pub fn new(own: &BTreeMap<String, Option<String>>, compat: &Map<String, Value>) -> Self {
        let supported =
            compat.get("supportedReasoningEfforts").and_then(Value::as_array).into_iter().flatten();
        Self {
            own: own.clone(),
            supported: supported.filter_map(Value::as_str).map(str::to_owned).collect(),
            deaf: compat.get("supportsReasoningEffort").and_then(Value::as_bool) == Some(false),
        }
    }

    /// The word for a level; `None`: nothing is said, and the model does as it likes. A level that the model lacks becomes the
    /// nearest one below, or else the least.
    pub(crate) fn word(&self, level: Thinking) -> Option<String> {
        if self.deaf {
            return None;
        }
        if let Some(own) = self.own.get(&level.to_string()) {
            return own.clone();
        }
        let has = |word: &str| self.supported.iter().any(|supported| supported == word);
        match level {
            Thinking::Off => has("none").then(|| "none".to_owned()),
            Thinking::Adaptive => None,
            level => {
                let all: Vec<&str> = match self.supported.is_empty() {
                    true => USUAL.to_vec(),
                    false => self.supported.iter().map(String::as_str).collect(),
                };
                let ranked = all.iter().filter_map(|word| Some((word.parse::<Thinking>().ok()?, *word)));
                let mut ranked: Vec<_> = ranked.filter(|(level, _)| *level != Thinking::Off).collect();
                ranked.sort_unstable();
                let below = ranked.iter().rev().find(|(has, _)| *has <= level);
                below.or_else(|| ranked.first()).map(|(_, word)| (*word).to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn levels_are_read_as_people_write_them() {
        let check = |word: &str, expected: &str| {
            assert_eq!(word.parse::<Thinking>().map(|level| level.to_string()), Ok(expected.to_owned()));
        };
        check("High", "high");
        check(" extra high ", "xhigh");
        check("x_high", "xhigh");
        check("none", "off");
        check("highest", "high");
        assert_eq!("hard".parse::<Thinking>(), Err(UnknownLevel("hard".to_owned())));
        for (level, word) in LEVELS {
            assert_eq!(word.parse(), Ok(level));
        }
    }

    #[test]
    fn a_model_is_told_the_nearest_word_that_it_has() {
        let check = |compat: Value, own: &[(&str, Option<&str>)], level, expected: Option<&str>| {
            let own =
                own.iter().map(|(level, word)| ((*level).to_owned(), word.map(str::to_owned))).collect();
            let words = ThinkingWords::new(&own, compat.as_object().unwrap());
            assert_eq!(words.word(level).as_deref(), expected, "{compat} {level}");
        };
        check(json!({}), &[], Thinking::Low, Some("low"));
        check(json!({}), &[], Thinking::Max, Some("high"));
        check(json!({}), &[], Thinking::Off, None);
        check(json!({}), &[], Thinking::Adaptive, None);
        let more = json!({"supportedReasoningEfforts": ["none", "medium", "xhigh"]});
        check(more.clone(), &[], Thinking::Off, Some("none"));
        check(more.clone(), &[], Thinking::High, Some("medium"));
        check(more.clone(), &[], Thinking::Ultra, Some("xhigh"));
        check(more, &[], Thinking::Minimal, Some("medium"));
        check(json!({"supportsReasoningEffort": false}), &[], Thinking::High, None);
        check(json!({}), &[("high", Some("deep")), ("low", None)], Thinking::High, Some("deep"));
        check(json!({}), &[("high", Some("deep")), ("low", None)], Thinking::Low, None);
    }
}
