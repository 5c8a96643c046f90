//! Judges a text against the known keys and the channels' schemas. It reports everything that is wrong at once, each
//! with its place; it never stops at the first issue and never changes anything.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::basis::{Basis, ChannelSchemas};
use crate::env::{Env, LayeredEnv};
use crate::include::{Texts, compose};
use crate::json5::{Kind, Node, Span};
use crate::migrate::migrate;
use crate::model::Config;
use crate::path::{KeyPath, Step};
use crate::redact::is_resolved_place;
use crate::report::{Issue, Owner, Place, Report};
use crate::secret_ref::{self, SecretRef};
use crate::sections::ROOT;
use crate::substitute::substitute;
use crate::unused::unused_keys;
use crate::{channel, provider};

/// Judges a whole text with all that it includes. Schemas of plugins that have no section are not touched.
#[must_use]
pub fn validate(text: &str, basis: &Basis<'_>) -> Report {
    let composed = match compose(text, basis) {
        Ok(composed) => composed,
        Err(error) => {
            let issue = Issue {
                path: KeyPath::root().to_string(),
                message: error.message,
                file: None,
                line: error.line,
                column: error.column,
                owner: Owner::Gateway,
            };
            return Report { issues: vec![issue], ..Report::default() };
        }
    };
    let mut root = composed.root;
    let mut judge = Judge { texts: composed.texts, report: Report::default(), unusable: Vec::new() };
    for fault in composed.faults {
        judge.issue(&fault.path, fault.span, fault.message);
    }
    let channels = &basis.plugins.channels;
    judge.report.moved = migrate(&mut root, channels);
    for moved in &mut judge.report.moved {
        let (file, line, column) = judge.texts.place(moved.span);
        moved.place = Place { file: file.map(ToOwned::to_owned), line, column };
    }
    let vars = env_vars(&root);
    judge.substitute(&mut root, &KeyPath::root(), &LayeredEnv { real: basis.env, defaults: &vars }, channels);
    judge.check(&root, &ROOT, &KeyPath::root(), channels);
    if matches!(root.kind, Kind::Object(_)) {
        if let Some(channel_sections) = root.member("channels") {
            channel::check(&mut judge, &channel_sections.value, channels);
        }
        if let Some(secrets) = root.member("secrets") {
            secret_ref::check(&mut judge, &secrets.value);
        }
        if let Some(models) = root.member("models") {
            provider::check(&mut judge, &models.value, &basis.plugins.providers);
        }
        let mut usable = root.to_value();
        judge.report.document = usable.clone();
        for path in &judge.unusable {
            take_out(&mut usable, path);
        }
        judge.report.config = Some(Config::from_value(&usable));
    }
    for (path, span) in unused_keys(&root) {
        let unused = judge.found(&path, span, "accepted, not used by this gateway".to_owned());
        judge.report.unused.push(unused);
    }
    judge.report.issues.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    if let Some(config) = &mut judge.report.config {
        for issue in &judge.report.issues {
            if let Owner::Provider(id) = &issue.owner {
                let why = format!("{issue} ({})", issue.place());
                config.models.disabled.entry(id.clone()).or_insert(why);
            }
        }
    }
    (judge.report.included, judge.report.wanted) = judge.texts.into_files();
    judge.report
}

/// As many issues are told of the gateway's own part, and as many of all others: nobody reads more.
const MOST_ISSUES: usize = 200;

/// Collects what is found while the tree is walked.
pub(crate) struct Judge<'t> {
    texts: Texts<'t>,
    report: Report,
    /// Values of a wrong type: the typed view does without them, so that one bad value does not hide its neighbours
    /// from commands that work on an invalid file.
    unusable: Vec<KeyPath>,
}

impl Judge<'_> {
    pub(crate) fn issue(&mut self, path: &KeyPath, span: Span, message: String) {
        let ours = Owner::of(path) == Owner::Gateway;
        let known = self.report.issues.iter().filter(|issue| (issue.owner == Owner::Gateway) == ours);
        if known.count() >= MOST_ISSUES {
            return;
        }
        let issue = self.found(path, span, message);
        if !self.report.issues.contains(&issue) {
            self.report.issues.push(issue);
        }
    }

    pub(crate) fn unusable(&mut self, path: &KeyPath, span: Span, message: String) {
        self.unusable.push(path.clone());
        self.issue(path, span, message);
    }

    pub(crate) fn warning(&mut self, path: &KeyPath, span: Span, message: String) {
        let warning = self.found(path, span, message);
        self.report.warnings.push(warning);
    }

    fn found(&self, path: &KeyPath, span: Span, message: String) -> Issue {
        let (file, line, column) = self.texts.place(span);
        Issue {
            path: path.to_string(),
            message,
            file: file.map(ToOwned::to_owned),
            line,
            column,
            owner: Owner::of(path),
        }
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
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::basis::PluginSchemas;
    use crate::basis::testing::{channel, plugins};

    fn report(text: &str) -> Report {
        let schema = json!({"type": "object", "additionalProperties": false, "properties": {
            "token": {"type": "string"}, "limit": {"type": "integer"}, "dmPolicy": {"enum": ["open", "pairing"]},
            "allowFrom": {"type": "array"}, "groups": {"additionalProperties": {"type": "object"}}}});
        let plugins = plugins([("chat", channel(schema, &["token"]))]);
        let env = BTreeMap::from([("PORT".to_owned(), "x".to_owned()), ("SET".to_owned(), "set".to_owned())]);
        validate(text, &Basis::new(Path::new("openclaw.json"), &plugins, &env))
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
        let text = r#"{ $schema: "x", meta: {a: 1}, tools: {}, hooks: {}, gateway: {auth: {token: {source: "env",
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
                "2:13 channels.other: no installed plugin serves this channel (see: openclaw plugins list)",
            ],
        );
        let report = report(text);
        assert!(report.is_valid(), "the gateway runs without them");
        let disabled = ["chat", "other"].map(|id| Owner::Channel(id.to_owned()));
        assert_eq!(report.disabled().into_keys().collect::<Vec<_>>(), disabled);
        check("{channels: {other: {enabled: false}}}", &[]);
    }

    #[test]
    fn a_provider_is_judged_by_the_schema_of_its_dialect() {
        check(
            "{models: {providers: {p: {region: 'there'}, q: {api: 'unheard-of', models: []}}}}",
            &[
                "1:35 models.providers.p.region: Invalid option: expected one of \"here\"",
                "1:45 models.providers.q: no installed plugin speaks \"unheard-of\" (see: openclaw plugins list)",
            ],
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
    fn old_spellings_are_read_as_the_new_ones() {
        let report = report("{gateway: {token: 'secret'}, chat: {token: 'x'}, session: {idleMinutes: 3}}");
        assert!(report.is_valid());
        assert_eq!(
            report.warnings[0].message,
            "Found \"gateway.token\" in config. Use \"gateway.auth.token\" instead."
        );
        let moved: Vec<String> = report.moved.iter().map(ToString::to_string).collect();
        assert_eq!(
            moved,
            ["Moved session.idleMinutes → session.reset.idleMinutes.", "Moved chat → channels.chat."]
        );
        let config = report.config.unwrap();
        assert!(config.gateway.auth.token.is_none(), "a credential is never taken from a guess");
        assert_eq!(config.channel("chat").unwrap().accounts[0].section, json!({"token": "x"}));
    }

    #[test]
    fn an_included_file_is_judged_in_its_own_place() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("gateway.json5"), "{\n  prot: 1,\n}").unwrap();
        let config = dir.path().join("openclaw.json");
        let (plugins, env) = (PluginSchemas::default(), BTreeMap::new());
        let report = validate(
            "{gateway: {$include: './gateway.json5'}, channels: {chat: {$include: './none.json5'}}}",
            &Basis::new(&config, &plugins, &env),
        );
        let shown: Vec<String> = report.issues.iter().map(ToString::to_string).collect();
        let missing = "channels.chat.$include: the included file ./none.json5 does not exist";
        assert!(shown.iter().any(|issue| issue == missing), "{shown:?}");
        let unknown = report.blocking().next().unwrap();
        assert_eq!(unknown.to_string(), "gateway: Unrecognized key: \"prot\" (did you mean \"port\"?)");
        assert!(unknown.place().ends_with("gateway.json5, line 2, column 3"), "{}", unknown.place());
        assert_eq!(report.included.len(), 1);
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
