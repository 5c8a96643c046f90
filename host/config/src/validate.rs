//! Judges a text against the known keys and the channels' schemas. It reports everything that is wrong at once, each
//! with its place; it never stops at the first issue and never changes anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::channel;
use crate::env::{Env, LayeredEnv};
use crate::json5::{self, Kind, Node, Span, position};
use crate::model::Config;
use crate::path::{KeyPath, Step};
use crate::redact::is_resolved_place;
use crate::report::{Issue, Owner, Report};
use crate::secret_ref::{self, SecretInput, SecretRef};
use crate::sections::ROOT;
use crate::shape::{Field, Shape, nearest};
use crate::substitute::substitute;

/// What a channel's plugin says about its section.
#[derive(Clone, Debug)]
pub struct ChannelSchema {
    /// A JSON Schema for the section of one account, that is without `accounts` and `defaultAccount`. The host's own
    /// keys `enabled` and `name` need not be in it.
    pub schema: Arc<Value>,
    /// The keys of the section whose values are secrets.
    pub secrets: Vec<String>,
}

/// The installed channels by id.
pub type ChannelSchemas = BTreeMap<String, ChannelSchema>;

/// Judges a whole text. `env` gives the variables for `${VAR}`; `schemas` knows the installed channels. Schemas of
/// channels that have no section are not touched.
#[must_use]
pub fn validate(text: &str, schemas: &ChannelSchemas, env: &dyn Env) -> Report {
    let mut root = match json5::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let issue = Issue {
                path: KeyPath::root().to_string(),
                message: error.message,
                line: error.line,
                column: error.column,
                owner: Owner::Gateway,
            };
            return Report { issues: vec![issue], ..Report::default() };
        }
    };
    let mut judge = Judge { text, report: Report::default(), unusable: Vec::new() };
    let vars = env_vars(&root);
    judge.substitute(&mut root, &KeyPath::root(), &LayeredEnv { real: env, defaults: &vars }, schemas);
    judge.check(&root, &ROOT, &KeyPath::root(), schemas);
    if matches!(root.kind, Kind::Object(_)) {
        if let Some(channels) = root.member("channels") {
            channel::check(&mut judge, &channels.value, schemas);
        }
        if let Some(secrets) = root.member("secrets") {
            secret_ref::check(&mut judge, &secrets.value);
        }
        let mut document = root.to_value();
        for path in &judge.unusable {
            take_out(&mut document, path);
        }
        judge.report.config = Some(Config::from_value(&document));
    }
    judge.report.issues.sort_by_key(|issue| (issue.line, issue.column));
    judge.report
}

/// Collects what is found while the tree is walked.
pub(crate) struct Judge<'t> {
    text: &'t str,
    report: Report,
    /// Values of a wrong type: the typed view does without them, so that one bad value does not hide its neighbours
    /// from commands that work on an invalid file.
    unusable: Vec<KeyPath>,
}

impl Judge<'_> {
    pub(crate) fn issue(&mut self, path: &KeyPath, span: Span, message: String) {
        let issue = self.found(path, span, message);
        if !self.report.issues.contains(&issue) {
            self.report.issues.push(issue);
        }
    }

    fn unusable(&mut self, path: &KeyPath, span: Span, message: String) {
        self.unusable.push(path.clone());
        self.issue(path, span, message);
    }

    pub(crate) fn warning(&mut self, path: &KeyPath, span: Span, message: String) {
        let warning = self.found(path, span, message);
        self.report.warnings.push(warning);
    }

    fn found(&self, path: &KeyPath, span: Span, message: String) -> Issue {
        let (line, column) = position(self.text, span.start);
        Issue { path: path.to_string(), message, line, column, owner: Owner::of(path) }
    }

    /// Replaces `${VAR}` in every string of the tree, but not where the whole string is a reference to a secret: that
    /// is resolved on use, and what the variable holds is never read as another reference.
    fn substitute(&mut self, node: &mut Node, path: &KeyPath, env: &dyn Env, schemas: &ChannelSchemas) {
        match &mut node.kind {
            Kind::String(text) => {
                let mut missing = Vec::new();
                let replaced = substitute(text, env, |name| missing.push(name.to_owned())).into_owned();
                if SecretRef::short(text).is_none() || !is_resolved_place(path, schemas) {
                    *text = replaced;
                }
                for name in missing {
                    let message =
                        format!("environment variable {name} is not set; ${{{name}}} stays as it is written");
                    self.warning(path, node.span, message);
                }
            }
            Kind::Array(items) => {
                for (n, item) in items.iter_mut().enumerate() {
                    self.substitute(&mut item.value, &path.index(n), env, schemas);
                }
            }
            Kind::Object(members) => {
                for member in members {
                    self.substitute(&mut member.value, &path.key(&member.key), env, schemas);
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
    }

    fn check(&mut self, node: &Node, shape: &Shape, path: &KeyPath, schemas: &ChannelSchemas) {
        match (shape, &node.kind) {
            (Shape::Any, _) | (Shape::Bool, Kind::Bool(_)) => {}
            (Shape::Secret, Kind::String(_) | Kind::Object(_)) => self.check_secret(node, path),
            (Shape::Text | Shape::TextOr(_), Kind::String(_)) => {}
            (Shape::Int(least, most), Kind::Number(number)) => match number.as_i64() {
                Some(value) if value < *least => {
                    self.unusable(path, node.span, format!("Too small: expected number to be >={least}"));
                }
                Some(value) if value > *most => {
                    self.unusable(path, node.span, format!("Too big: expected number to be <={most}"));
                }
                Some(_) => {}
                None => {
                    self.unusable(path, node.span, "Invalid input: expected int, received number".to_owned())
                }
            },
            (Shape::Word(words), Kind::String(word)) => {
                if !words.contains(&word.as_str()) {
                    let options: Vec<String> = words.iter().map(|option| format!("\"{option}\"")).collect();
                    let message = format!("Invalid option: expected one of {}", options.join("|"));
                    self.unusable(path, node.span, message);
                }
            }
            (Shape::List(inner), Kind::Array(items)) => {
                for (n, item) in items.iter().enumerate() {
                    self.check(&item.value, inner, &path.index(n), schemas);
                }
            }
            (Shape::Map(inner), Kind::Object(members)) => {
                for member in members {
                    self.check(&member.value, inner, &path.key(&member.key), schemas);
                }
            }
            (Shape::TextOr(inner), Kind::Object(_)) => self.check(node, inner, path, schemas),
            (Shape::Object(fields), Kind::Object(_)) => self.check_fields(node, fields, path, schemas),
            (Shape::Open(fields), Kind::Object(members)) => {
                for member in members {
                    let known = fields.iter().map(|field| field.name);
                    match fields.iter().find(|field| field.name == member.key) {
                        Some(field) => {
                            self.check(&member.value, &field.shape, &path.key(&member.key), schemas)
                        }
                        None if nearest(&member.key, known.clone()).is_some() => {
                            self.warning(path, member.key_span, unrecognized(&member.key, known));
                        }
                        None => {}
                    }
                }
            }
            (shape, kind) => {
                let message =
                    format!("Invalid input: expected {}, received {}", expected(shape), received(kind));
                self.unusable(path, node.span, message);
            }
        }
    }

    fn check_fields(&mut self, node: &Node, fields: &[Field], path: &KeyPath, schemas: &ChannelSchemas) {
        let Kind::Object(members) = &node.kind else { return };
        for member in members {
            let inner = path.key(&member.key);
            match fields.iter().find(|field| field.name == member.key) {
                Some(Field { legacy: Some(advice), .. }) => {
                    self.warning(&inner, member.key_span, (*advice).to_owned());
                }
                Some(field) => self.check(&member.value, &field.shape, &inner, schemas),
                // Older files have the channels' sections at the root.
                None if path.steps().is_empty() && schemas.contains_key(&member.key) => {
                    let message =
                        format!("\"{0}\" is not used here. Use \"channels.{0}\" instead.", member.key);
                    self.warning(&inner, member.key_span, message);
                }
                None => {
                    let known = fields.iter().map(|field| field.name);
                    self.issue(path, member.key_span, unrecognized(&member.key, known));
                }
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            if node.member(field.name).is_none() {
                let message =
                    format!("Invalid input: expected {}, received undefined", expected(&field.shape));
                self.issue(&path.key(field.name), node.span, message);
            }
        }
    }

    /// Text, or a reference by the grammar.
    fn check_secret(&mut self, node: &Node, path: &KeyPath) {
        if let Err(advice) = SecretInput::parse(&node.to_value()) {
            self.unusable(path, node.span, format!("Invalid input: {advice}"));
        }
    }
}

/// Removes the value at `path`, or the whole list that it is in.
fn take_out(document: &mut Value, path: &KeyPath) {
    let Some((last, parents)) = path.steps().split_last() else { return };
    let mut at = document;
    for step in parents {
        let Step::Key(key) = step else { return };
        if at.get(key).is_some_and(Value::is_array) {
            return take_out_key(at, key);
        }
        match at.get_mut(key) {
            Some(next) => at = next,
            None => return,
        }
    }
    if let Step::Key(key) = last {
        take_out_key(at, key);
    }
}

fn take_out_key(object: &mut Value, key: &str) {
    if let Some(map) = object.as_object_mut() {
        map.shift_remove(key);
    }
}

/// The text for a key that nobody knows.
pub(crate) fn unrecognized<'n>(key: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    match nearest(key, known) {
        Some(near) => format!("Unrecognized key: \"{key}\" (did you mean \"{near}\"?)"),
        None => format!("Unrecognized key: \"{key}\""),
    }
}

fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any => "value",
        Shape::Text | Shape::Secret | Shape::Word(_) => "string",
        Shape::TextOr(_) => "string or object",
        Shape::Bool => "boolean",
        Shape::Int(..) => "number",
        Shape::List(_) => "array",
        Shape::Map(_) | Shape::Object(_) | Shape::Open(_) => "object",
    }
}

pub(crate) fn received(kind: &Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool(_) => "boolean",
        Kind::Number(_) => "number",
        Kind::String(_) => "string",
        Kind::Array(_) => "array",
        Kind::Object(_) => "object",
    }
}

/// `env.vars`, as far as it is well formed.
fn env_vars(root: &Node) -> BTreeMap<String, String> {
    let vars = root.member("env").and_then(|env| env.value.member("vars"));
    match vars.map(|vars| &vars.value.kind) {
        Some(Kind::Object(members)) => members
            .iter()
            .filter_map(|member| match &member.value.kind {
                Kind::String(value) => Some((member.key.clone(), value.clone())),
                _ => None,
            })
            .collect(),
        _ => BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(text: &str) -> Report {
        let schema = json!({"type": "object", "additionalProperties": false, "properties": {
            "token": {"type": "string"}, "limit": {"type": "integer"}, "dmPolicy": {"enum": ["open", "pairing"]},
            "allowFrom": {"type": "array"}, "groups": {"additionalProperties": {"type": "object"}}}});
        let chat = ChannelSchema { schema: Arc::new(schema), secrets: vec!["token".to_owned()] };
        let env = BTreeMap::from([("PORT".to_owned(), "x".to_owned()), ("SET".to_owned(), "set".to_owned())]);
        validate(text, &BTreeMap::from([("chat".to_owned(), chat)]), &env)
    }

    fn check(text: &str, expected: &[&str]) {
        let shown = |issue: &Issue| format!("{}:{} {issue}", issue.line, issue.column);
        assert_eq!(report(text).issues.iter().map(shown).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn texts_are_those_of_the_original() {
        check(
            "{ gateway: { mode: \"local\", port: \"abc\", bogus: 1 } }",
            &[
                "1:35 gateway.port: Invalid input: expected number, received string",
                "1:42 gateway: Unrecognized key: \"bogus\"",
            ],
        );
        check("{gateway: {bogusKey: 1}}", &["1:12 gateway: Unrecognized key: \"bogusKey\""]);
        check("{gateway: {prot: 1}}", &["1:12 gateway: Unrecognized key: \"prot\" (did you mean \"port\"?)"]);
        check(
            "{\n  gatway: {}\n}",
            &["2:3 <root>: Unrecognized key: \"gatway\" (did you mean \"gateway\"?)"],
        );
        check("{gateway: {port: 0}}", &["1:18 gateway.port: Too small: expected number to be >=1"]);
        check("{gateway: {port: 70000}}", &["1:18 gateway.port: Too big: expected number to be <=65535"]);
        check("{gateway: {port: 1.5}}", &["1:18 gateway.port: Invalid input: expected int, received number"]);
        check(
            "{gateway: {mode: 'x'}}",
            &["1:18 gateway.mode: Invalid option: expected one of \"local\"|\"remote\""],
        );
        check("[]", &["1:1 <root>: Invalid input: expected object, received array"]);
        check(
            "{a: 1",
            &[
                "1:6 <root>: expected `,` or `}` after the value, found the end of the text: the `{` at line 1, column 1 is not closed",
            ],
        );
        check(
            "{models: {providers: {p: {models: [{name: 'x'}], headers: {a: 1}}}}}",
            &[
                "1:36 models.providers.p.models[0].id: Invalid input: expected string, received undefined",
                "1:63 models.providers.p.headers.a: Invalid input: expected string, received number",
            ],
        );
    }

    #[test]
    fn every_known_key_is_accepted() {
        let text = r#"{ $schema: "x", meta: {a: 1}, tools: {}, hooks: 5, gateway: {auth: {token: {source: "env",
            provider: "default", id: "T"}}, tls: {}, reload: {mode: "hybrid"}},
            agents: {defaults: {model: "a/b", models: {"a/b": {params: {context1m: true}}}, heartbeat: {}},
            entries: {main: {model: {primary: "a/b", fallbacks: ["c/d"]}}}}, channels: {chat: {enabled: true}} }"#;
        check(text, &[]);
        assert!(report(text).warnings.is_empty());
    }

    #[test]
    fn a_channel_is_judged_by_its_schema_and_disables_only_itself() {
        let text = r#"{channels: {chat: {token: 5, tokn: "x", accounts: {a: {limit: "y"}, b: {limit: 1}}},
            other: {x: 1}, defaults: {}}}"#;
        check(
            text,
            &[
                "1:27 channels.chat.token: Invalid input: expected string, received number",
                "1:30 channels.chat: Unrecognized key: \"tokn\" (did you mean \"token\"?)",
                "1:63 channels.chat.accounts.a.limit: Invalid input: expected integer, received string",
            ],
        );
        let report = report(text);
        assert_eq!(report.blocking().count(), 0);
        assert_eq!(report.disabled().keys().collect::<Vec<_>>(), [&Owner::Channel("chat".to_owned())]);
        assert_eq!(
            report.warnings[0].to_string(),
            "channels.other: no installed plugin serves this channel; it does not run"
        );
    }

    #[test]
    fn a_reference_in_a_channel_is_judged_and_stays_one() {
        let text =
            "{channels: {chat: {token: 'secretref-env:KEY', accounts: {a: {}, b: {token: '${SET}'}}}}}";
        check(
            text,
            &[
                "1:27 channels.chat.token: Invalid input: this spelling of a reference is retired; write {source: \"env\", provider: \"default\", id: \"KEY\"}",
            ],
        );
        let config = report(text).config.unwrap();
        assert_eq!(config.channels[0].accounts[1].section["token"], "${SET}");
    }

    #[test]
    fn an_open_channel_needs_the_star() {
        check(
            "{channels: {chat: {dmPolicy: 'open', allowFrom: ['1']}}}",
            &[
                "1:49 channels.chat.allowFrom: channels.chat.dmPolicy=\"open\" requires channels.chat.allowFrom to include \"*\"",
            ],
        );
        check("{channels: {chat: {dmPolicy: 'open', allowFrom: ['*']}}}", &[]);
        check("{channels: {chat: {dmPolicy: 'open', accounts: {a: {allowFrom: ['*']}}}}}", &[]);
    }

    #[test]
    fn compat_flags_of_the_shim_pass_and_typing_errors_are_told() {
        let text =
            "{models: {providers: {p: {models: [{id: 'm', compat: {anything: 1, supportTools: false}}]}}}}";
        check(text, &[]);
        let expected = "models.providers.p.models[0].compat: Unrecognized key: \"supportTools\" (did you mean \"supportsTools\"?)";
        assert_eq!(report(text).warnings[0].to_string(), expected);
        check(
            "{models: {providers: {p: {models: [{id: 'm', compat: {supportsTools: 'no'}}]}}}}",
            &[
                "1:70 models.providers.p.models[0].compat.supportsTools: Invalid input: expected boolean, received string",
            ],
        );
    }

    #[test]
    fn old_spellings_are_told_and_not_used() {
        let report = report("{gateway: {token: 'secret'}, chat: {token: 'x'}}");
        assert!(report.is_valid());
        assert_eq!(
            report.warnings[0].message,
            "Found \"gateway.token\" in config. Use \"gateway.auth.token\" instead."
        );
        assert_eq!(report.warnings[1].message, "\"chat\" is not used here. Use \"channels.chat\" instead.");
        assert!(report.config.unwrap().gateway.auth.token.is_none());
    }

    #[test]
    fn variables_are_put_in_before_judging() {
        let report = report(
            "{env: {vars: {B: 'from-file', SET: 'not me'}}, gateway: {customBindHost: '${SET}-${B}', bind: '${NOPE}'}}",
        );
        let config = report.config.as_ref().unwrap();
        assert_eq!(config.gateway.custom_bind_host.as_deref(), Some("set-from-file"));
        assert_eq!(
            report.warnings[0].message,
            "environment variable NOPE is not set; ${NOPE} stays as it is written"
        );
        assert_eq!(report.issues[0].path, "gateway.bind");
    }
}
