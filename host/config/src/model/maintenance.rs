//! `session.maintenance`: when sessions that nobody uses are put away. What is put away is for the gateway to say.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// Sessions that were not used for so long are put away, unless the file says otherwise.
const PRUNE_AFTER: Duration = Duration::from_secs(30 * DAY);
/// Sessions of an agent, unless the file says otherwise.
const MAX_ENTRIES: usize = 5_000;
const DAY: u64 = 24 * 3600;

/// `session.maintenance`, as far as it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Maintenance {
    /// Whether anything is done.
    pub mode: MaintenanceMode,
    /// A time such as `30d`; a number counts days.
    pub prune_after: Option<Value>,
    /// Sessions of an agent that are not put away.
    pub max_entries: Option<usize>,
    /// A time within which a session that was used stays; `false` for none.
    pub preserve_recent: Option<Value>,
}

/// `session.maintenance.mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaintenanceMode {
    /// Sessions are put away.
    #[default]
    Enforce,
    /// The log says how many would be.
    Warn,
}

impl MaintenanceMode {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
        }
    }
}

/// The rules that come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpkeepRules {
    /// Put away what was not used for so long; `None`: nothing is put away for its age.
    pub prune_after: Option<Duration>,
    /// Sessions of an agent that are not put away.
    pub max_entries: usize,
    /// What was used within this time is not put away because there are too many.
    pub preserve_recent: Option<Duration>,
}

impl Maintenance {
    /// The rules. A time that nobody can read puts nothing away.
    #[must_use]
    pub fn rules(&self) -> UpkeepRules {
        UpkeepRules {
            prune_after: self.prune_after.as_ref().map_or(Some(PRUNE_AFTER), time),
            max_entries: self.max_entries.unwrap_or(MAX_ENTRIES),
            preserve_recent: self.preserve_recent.as_ref().and_then(time),
        }
    }
}

/// A time such as `12h`, `30d` or `2w`; a number counts days.
fn time(value: &Value) -> Option<Duration> {
    let text = match value {
        Value::Number(days) => days.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let digits = text.find(|sign: char| !(sign.is_ascii_digit() || sign == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "" | "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    };
    let time = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
    (!time.is_zero()).then_some(time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_written_has_its_default_and_what_cannot_be_read_puts_nothing_away() {
        let check = |section: Value, prune_after: Option<u64>, max_entries, preserve_recent: Option<u64>| {
            let rules = Maintenance::deserialize(&section).unwrap().rules();
            let expected = UpkeepRules {
                prune_after: prune_after.map(Duration::from_secs),
                max_entries,
                preserve_recent: preserve_recent.map(Duration::from_secs),
            };
            assert_eq!(rules, expected, "{section}");
        };
        check(json!({}), Some(30 * DAY), 5_000, None);
        check(json!({"pruneAfter": "12h", "maxEntries": 3}), Some(12 * 3600), 3, None);
        check(json!({"pruneAfter": 7, "preserveRecent": "2w"}), Some(7 * DAY), 5_000, Some(14 * DAY));
        check(json!({"pruneAfter": "1.5d", "preserveRecent": false}), Some(DAY * 3 / 2), 5_000, None);
        for unread in ["soon", "", "0d", "-1d", "1.2.3d"] {
            check(json!({"pruneAfter": unread}), None, 5_000, None);
        }
    }
}
