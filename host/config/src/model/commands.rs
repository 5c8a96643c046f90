//! `commands.*`: who may give commands in a chat.

use std::collections::BTreeMap;

use serde_json::Value;

/// `commands.*`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// `false`: a signal does not restart the gateway. Unset means that it does.
    pub restart: Option<bool>,
    /// Owners, as `<channel>:<id>`, or an id alone, which holds on every channel.
    pub owner_allow_from: Vec<String>,
    /// Who may give commands, by channel; `*` for channels that are not named. Unset: whoever is let in.
    pub allow_from: Option<BTreeMap<String, Vec<String>>>,
}

impl Commands {
    pub(super) fn of(section: Option<&Value>) -> Self {
        let part = |key: &str| section.and_then(|section| section.get(key));
        let lists = |lists: &Value| {
            let lists = lists.as_object()?.iter();
            Some(lists.map(|(channel, list)| (channel.clone(), ids(list))).collect())
        };
        Self {
            restart: part("restart").and_then(Value::as_bool),
            owner_allow_from: part("ownerAllowFrom").map(ids).unwrap_or_default(),
            allow_from: part("allowFrom").and_then(lists),
        }
    }

    /// Who may give commands on a channel. `None`: whoever is let in.
    #[must_use]
    pub fn allowed_on(&self, channel: &str) -> Option<&[String]> {
        let lists = self.allow_from.as_ref()?;
        // A channel that is in no list has been forgotten, and lets nobody in.
        Some(lists.get(channel).or_else(|| lists.get("*")).map_or(&[], Vec::as_slice))
    }

    /// The ids of the owners on a channel. `is_channel` tells a channel's id from the first half of a sender's.
    #[must_use]
    pub fn owners_on(&self, channel: &str, is_channel: impl Fn(&str) -> bool) -> Vec<String> {
        let entries = self.owner_allow_from.iter().filter(|entry| *entry != "*");
        let own = entries.filter_map(|entry| match entry.split_once(':') {
            Some((at, id)) if at.eq_ignore_ascii_case(channel) => Some(id.trim()),
            Some((at, _)) if is_channel(&at.to_ascii_lowercase()) => None,
            Some(_) | None => Some(entry.as_str()),
        });
        own.filter(|id| !id.is_empty()).map(str::to_owned).collect()
    }
}

/// Ids may be written as numbers.
fn ids(list: &Value) -> Vec<String> {
    let id = |id: &Value| match id {
        Value::String(id) => Some(id.trim().to_owned()),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    list.as_array().into_iter().flatten().filter_map(id).filter(|id| !id.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_holds_for_its_channel_and_a_missing_one_lets_nobody_command() {
        let read = |section: Value| Commands::of(Some(&section));
        let lists = read(json!({"allowFrom": {"*": ["u1"], "chat": [7, " u2 "]}}));
        assert_eq!(lists.allowed_on("chat"), Some(["7".to_owned(), "u2".to_owned()].as_slice()));
        assert_eq!(lists.allowed_on("other"), Some(["u1".to_owned()].as_slice()));
        assert_eq!(read(json!({"allowFrom": {"chat": []}})).allowed_on("other"), Some([].as_slice()));
        assert_eq!(read(json!({})).allowed_on("chat"), None);
        assert_eq!(Commands::of(None), Commands::default());
    }

    #[test]
    fn an_owner_is_one_of_a_channel_or_of_all() {
        let commands =
            Commands::of(Some(&json!({"ownerAllowFrom": ["Chat:u1", "other:u2", 7, "x:y", "*", "chat:"]})));
        let found = commands.owners_on("chat", |id| ["chat", "other"].contains(&id));
        assert_eq!(found, ["u1", "7", "x:y"]);
    }
}
