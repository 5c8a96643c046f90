//! Judges the sections of `channels` by their plugins' JSON Schemas, account by account, in the same words as the
//! rest of the file.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, ValidationError};
use serde_json::{Map, Value};

use crate::json5::{Kind, Node, Span};
use crate::model::{HOST_KEYS, NOT_CHANNELS, laid_over};
use crate::path::{KeyPath, Step};
use crate::secret_ref::SecretInput;
use crate::validate::{ChannelSchema, ChannelSchemas, Judge, received, unrecognized};

/// The longest text of a schema's own error.
const LONGEST_MESSAGE: usize = 300;

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
        match schemas.get(&member.key) {
            Some(schema) => Section { path, node: &member.value }.check(judge, schema),
            None => {
                let message = "no installed plugin serves this channel; it does not run".to_owned();
                judge.warning(&path, member.key_span, message);
            }
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
        let schema = &*channel.schema;
        let validator = match jsonschema::options().with_draft(Draft::Draft202012).build(schema) {
            Ok(validator) => validator,
            Err(error) => {
                let message = format!("the plugin's own schema is broken: {}", shorten(&error.to_string()));
                judge.issue(&self.path, self.node.span, message);
                return;
            }
        };
        for account in self.accounts() {
            let mut value = account.merged();
            account.check_open(judge, &value);
            account.check_secrets(judge, &value, &channel.secrets);
            for key in HOST_KEYS {
                value.remove(*key);
            }
            let value = Value::Object(value);
            for error in validator.iter_errors(&value) {
                account.tell(judge, schema, &value, &error);
            }
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
        let (path, mut at) = match &self.own {
            Some((path, own)) if own.member(first).is_some() => (path, *own),
            _ => (&self.section.path, self.section.node),
        };
        let mut key = at.span;
        for step in rest.steps() {
            let next = match (&at.kind, step) {
                (Kind::Object(_), Step::Key(key)) => {
                    at.member(key).map(|member| (member.key_span, &member.value))
                }
                (Kind::Array(items), step) => {
                    step.as_index().and_then(|n| items.get(n)).map(|item| (item.value.span, &item.value))
                }
                _ => None,
            };
            // What is missing is told at the place where it would be.
            let Some((key_span, value)) = next else { break };
            (key, at) = (key_span, value);
        }
        Place { path: path.join(rest), value: at.span, key }
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

    fn tell(&self, judge: &mut Judge<'_>, schema: &Value, value: &Value, error: &ValidationError<'_>) {
        let rest = KeyPath::from_pointer(error.instance_path().as_str(), value);
        let mut say = |rest: &KeyPath, message: String| {
            let place = self.place(rest);
            judge.issue(&place.path, place.value, message);
        };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let known = known_keys(schema, error);
                for key in unexpected {
                    let place = self.place(&rest.key(key));
                    judge.issue(&place.path.parent(), place.key, unrecognized(key, known.iter().copied()));
                }
            }
            ValidationErrorKind::Type { kind } => {
                let expected = match kind {
                    TypeKind::Single(one) => one.to_string(),
                    TypeKind::Multiple(many) => {
                        many.iter().map(|one| one.to_string()).collect::<Vec<_>>().join("|")
                    }
                };
                let received = match error.instance().as_ref() {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                say(&rest, format!("Invalid input: expected {expected}, received {received}"));
            }
            ValidationErrorKind::Enum { options } => {
                let options: Vec<String> =
                    options.as_array().into_iter().flatten().map(Value::to_string).collect();
                say(&rest, format!("Invalid option: expected one of {}", options.join("|")));
            }
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                say(&rest.key(key), "Invalid input: a value is required, received undefined".to_owned());
            }
            // The value itself may be a secret.
            _ => say(&rest, format!("Invalid input: {}", shorten(&error.masked().to_string()))),
        }
    }
}

/// Where something stands in the file.
struct Place {
    path: KeyPath,
    value: Span,
    key: Span,
}

/// The names beside the `additionalProperties` that refused another one.
fn known_keys<'s>(schema: &'s Value, error: &ValidationError<'_>) -> Vec<&'s str> {
    let keyword = error.schema_path().as_str();
    let object = keyword.rsplit_once('/').map_or("", |(object, _)| object);
    let properties = schema.pointer(&format!("{object}/properties")).and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn shorten(message: &str) -> String {
    message.chars().take(LONGEST_MESSAGE).collect()
}
