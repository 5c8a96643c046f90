//! Judges the sections of `channels` by their plugins' JSON Schemas, account by account, in the same words as the
//! rest of the file.

use serde_json::{Map, Value};

use crate::basis::{ChannelSchema, ChannelSchemas};
use crate::by_schema::{Place, Schema};
use crate::check::received;
use crate::json5::{Kind, Node};
use crate::model::{HOST_KEYS, NOT_CHANNELS, laid_over};
use crate::path::{KeyPath, Step};
use crate::secret_ref::SecretInput;
use crate::validate::Judge;

pub(crate) fn check(judge: &mut Judge<'_>, channels: &Node, schemas: &ChannelSchemas) {
    let Kind::Object(members) = &channels.kind else { return };
    for member in members.iter().filter(|member| !NOT_CHANNELS.contains(&member.key.as_str())) {
        let path = KeyPath::from_keys(&["channels", &member.key]);
        let Kind::Object(_) = &member.value.kind else {
            let message =
                format!("Invalid input: expected object, received {}", received(&member.value.kind));
            judge.issue(&path, member.value.span, message);
            continue;
        };
        let schema = schemas.get(&member.key);
        if let Some(schema) = schema {
            Section { path: path.clone(), node: &member.value }.check(judge, schema);
        }
        // A channel that is switched off misses nothing.
        let wanted = !matches!(
            member.value.member("enabled").map(|enabled| &enabled.value.kind),
            Some(Kind::Bool(false))
        );
        let missing = match schema {
            Some(schema) => schema.unusable.clone(),
            None => Some("no installed plugin serves this channel (see: openclaw plugins list)".to_owned()),
        };
        if let Some(message) = missing.filter(|_| wanted) {
            judge.issue(&path, member.key_span, message);
        }
    }
}

/// `channels.<id>`
struct Section<'n> {
    path: KeyPath,
    node: &'n Node,
}

/// One account: its own keys over those of the channel.
struct Account<'n> {
    section: &'n Section<'n>,
    /// `accounts.<id>` below the section, and what stands there; `None` for a section without accounts.
    own: Option<(KeyPath, &'n Node)>,
}

impl Section<'_> {
    fn check(&self, judge: &mut Judge<'_>, channel: &ChannelSchema) {
        self.check_host_keys(judge);
        let Some(schema) = Schema::compile(judge, &channel.schema, &self.path, self.node.span) else {
            return;
        };
        for account in self.accounts() {
            let mut value = account.merged();
            account.check_open(judge, &value);
            account.check_secrets(judge, &value, &channel.secrets);
            for key in HOST_KEYS {
                value.remove(*key);
            }
            schema.check(judge, &Value::Object(value), |rest| account.place(rest));
        }
    }

    /// The keys that mean the same for every channel.
    fn check_host_keys(&self, judge: &mut Judge<'_>) {
        let wanted = [
            ("enabled", "boolean"),
            ("name", "string"),
            ("defaultAccount", "string"),
            ("accounts", "object"),
        ];
        for (key, expected) in wanted {
            if let Some(member) = self.node.member(key) {
                let received = received(&member.value.kind);
                if received != expected {
                    let message = format!("Invalid input: expected {expected}, received {received}");
                    judge.issue(&self.path.key(key), member.value.span, message);
                }
            }
        }
    }

    fn accounts(&self) -> Vec<Account<'_>> {
        let accounts = match self.node.member("accounts").map(|accounts| &accounts.value.kind) {
            Some(Kind::Object(members)) => members.as_slice(),
            _ => &[],
        };
        let named = accounts.iter().map(|member| Account {
            section: self,
            own: Some((self.path.key("accounts").key(&member.key), &member.value)),
        });
        let named: Vec<_> = named.collect();
        if named.is_empty() { vec![Account { section: self, own: None }] } else { named }
    }
}

impl Account<'_> {
    fn merged(&self) -> Map<String, Value> {
        let object = |node: &Node| match node.to_value() {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let mut root = object(self.section.node);
        root.shift_remove("accounts");
        root.shift_remove("defaultAccount");
        match &self.own {
            Some((_, own)) => laid_over(&root, &object(own)),
            None => root,
        }
    }

    /// Where `rest` of the merged section really stands: in the account if it has the first key, else in the channel.
    fn place(&self, rest: &KeyPath) -> Place {
        let first = match rest.steps().first() {
            Some(Step::Key(key)) => key.as_str(),
            Some(Step::Index(_)) | None => "",
        };
        let (path, at) = match &self.own {
            Some((path, own)) if own.member(first).is_some() => (path, *own),
            _ => (&self.section.path, self.section.node),
        };
        Place::below(path, at, rest)
    }

    /// A reference must follow the grammar; whether there may be one is the schema's to say.
    fn check_secrets(&self, judge: &mut Judge<'_>, merged: &Map<String, Value>, keys: &[String]) {
        for key in keys {
            let Some(value @ (Value::String(_) | Value::Object(_))) = merged.get(key) else { continue };
            if let Err(advice) = SecretInput::parse(value) {
                let place = self.place(&KeyPath::from_keys(&[key]));
                judge.issue(&place.path, place.value, format!("Invalid input: {advice}"));
            }
        }
    }

    /// Everybody may only be let in on purpose.
    fn check_open(&self, judge: &mut Judge<'_>, merged: &Map<String, Value>) {
        let policy = merged.get("dmPolicy").and_then(Value::as_str);
        let ids = merged.get("allowFrom").and_then(Value::as_array);
        let section = &self.section.path;
        let message = match policy {
            Some("open") if !ids.is_some_and(|ids| ids.iter().any(|id| id == "*")) => {
                format!("{section}.dmPolicy=\"open\" requires {section}.allowFrom to include \"*\"")
            }
            Some("allowlist") if ids.is_none_or(Vec::is_empty) => {
                format!(
                    "{section}.dmPolicy=\"allowlist\" requires {section}.allowFrom to contain at least one sender id"
                )
            }
            _ => return,
        };
        let blamed = if ids.is_some() { "allowFrom" } else { "dmPolicy" };
        let span = self.place(&KeyPath::from_keys(&[blamed])).value;
        judge.issue(&self.place(&KeyPath::from_keys(&["allowFrom"])).path, span, message);
    }
}
