use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::basis::PluginSchemas;
use crate::basis::testing::{channel, plugins};

const FILE: &str = r#"{
  // kept
  gateway: { mode: "local", port: 18789, auth: { token: "hidden" } },
  channels: { chat: { pin: "1", limit: 3 } },
}
"#;

struct Dir(tempfile::TempDir, PluginSchemas);

impl Dir {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("openclaw.json"), text).unwrap();
        let schema = json!({"additionalProperties": false, "properties": {
            "pin": {"type": "string"}, "limit": {"type": "integer"}, "name": {"type": "string"},
            "groups": {"additionalProperties": {"properties": {"quiet": {"type": "boolean"}}}}}});
        let chat = channel(schema, &["pin"]);
        Self(dir, plugins([("chat", chat)]))
    }

    fn config(&self) -> std::path::PathBuf {
        self.0.path().join("openclaw.json")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.config()).unwrap()
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        get(&Basis::new(&self.config(), &self.1, &BTreeMap::new()), &path.parse().unwrap()).map_err(|error| error.to_string())
    }

    fn set(&self, path: &str, raw: &str) -> Result<Changed, String> {
        self.set_with(path, raw, SetOptions::default())
    }

    fn set_with(&self, path: &str, raw: &str, options: SetOptions) -> Result<Changed, String> {
        let env = BTreeMap::new();
        set(&Basis::new(&self.config(), &self.1, &env), &path.parse().unwrap(), raw, options)
            .map_err(|error| error.to_string())
    }
}

#[test]
fn get_tells_apart_set_unset_and_unknown() {
    let dir = Dir::new(FILE);
    assert_eq!(dir.get("gateway.port"), Ok(json!(18789)));
    assert_eq!(dir.get("gateway.auth"), Ok(json!({"token": REDACTED})));
    assert_eq!(dir.get("gateway.auth.token"), Ok(json!(REDACTED)));
    assert_eq!(dir.get("channels"), Ok(json!({"chat": {"pin": REDACTED, "limit": 3}})));
    let unset = |path: &str| {
        format!(
            "Config path is valid but unset: {path}. The runtime default applies until you set it with openclaw config set {path} <value>."
        )
    };
    for path in [
        "gateway.bind",
        "channels.chat.groups.x.quiet",
        "channels.chat.accounts.a.limit",
        "agents.defaults.models",
    ] {
        assert_eq!(dir.get(path), Err(unset(path)));
    }
    for path in ["nope.nope", "gateway.nope", "channels.chat.nope", "gateway.port.x"] {
        let expected =
            format!("Unknown config path: {path}. Run openclaw config schema to inspect valid paths.");
        assert_eq!(dir.get(path), Err(expected));
    }
}

#[test]
fn set_changes_one_value() {
    let dir = Dir::new(FILE);
    let changed = dir.set("gateway.port", "19000").unwrap();
    assert_eq!(changed.outcome, ChangeOutcome::Updated);
    let shown = changed.outcome.message(&"gateway.port".parse().unwrap(), &dir.config());
    assert_eq!(shown, "Updated gateway.port. Restart the gateway to apply.");
    assert_eq!(dir.text(), FILE.replace("18789", "19000"));
    assert_eq!(dir.set("gateway.port", "19000").unwrap().outcome, ChangeOutcome::NoChange);
    dir.set("gateway.controlUi.allowedOrigins", "[\"http://your-host:18789\"]").unwrap();
    assert_eq!(dir.get("gateway.controlUi.allowedOrigins"), Ok(json!(["http://your-host:18789"])));
    dir.set("models.providers.p.models[0]", "{id: 'm'}").unwrap();
    dir.set("models.providers.p.models[0].compat.requiresStringContent", "true").unwrap();
    assert_eq!(
        dir.get("models.providers.p.models"),
        Ok(json!([{"id": "m", "compat": {"requiresStringContent": true}}]))
    );
    assert!(dir.text().contains("// kept"));
}

#[test]
fn text_stays_text_where_text_is_wanted() {
    let dir = Dir::new(FILE);
    dir.set("gateway.auth.token", "123456").unwrap();
    assert!(dir.text().contains("token: \"123456\""));
    dir.set("channels.chat.pin", "0042").unwrap();
    dir.set("channels.chat.limit", "42").unwrap();
    assert!(dir.text().contains("pin: \"0042\", limit: 42"));
}

#[test]
fn a_refused_change_leaves_the_file() {
    let dir = Dir::new(FILE);
    let check = |path: &str, raw: &str, expected: &str| {
        assert_eq!(dir.set(path, raw).unwrap_err(), expected);
        assert_eq!(dir.text(), FILE);
    };
    check(
        "gateway.port",
        "abc",
        "Config validation failed: gateway.port: Invalid input: expected number, received string",
    );
    check("gateway.bogusKey", "1", "Config validation failed: gateway: Unrecognized key: \"bogusKey\"");
    check("gateway.port.x", "1", "gateway.port is number; x cannot be set in it");
    check(
        "gateway.auth.token",
        REDACTED,
        "Invalid value for gateway.auth.token: __OPENCLAW_REDACTED__ is what `config get` shows instead of a secret, not a value",
    );
    let strict = SetOptions { strict_json: true, dry_run: false };
    assert!(dir.set_with("gateway.bind", "lan", strict).unwrap_err().contains("not valid JSON"));
    let dry = SetOptions { dry_run: true, ..SetOptions::default() };
    let changed = dir.set_with("agents.defaults.timeoutSeconds", "600", dry).unwrap();
    assert_eq!(
        changed.outcome.message(&KeyPath::root(), Path::new("~/.openclaw/openclaw.json")),
        "Dry run successful: 1 update(s) validated against ~/.openclaw/openclaw.json."
    );
    assert_eq!(dir.text(), FILE);
}

#[test]
fn a_fault_of_a_channel_is_a_warning_and_old_faults_can_be_mended_singly() {
    let dir = Dir::new("{gateway: {port: 'a', bogus: 1}}");
    let changed = dir.set("channels.chat.limit", "x").unwrap();
    assert_eq!(changed.warnings, ["channels.chat.limit: Invalid input: expected integer, received string"]);
    assert_eq!(dir.set("gateway.port", "5").unwrap().outcome, ChangeOutcome::Updated);
    let env = BTreeMap::new();
    let removed = unset(&Basis::new(&dir.config(), &dir.1, &env), &"gateway.bogus".parse().unwrap(), false).unwrap();
    assert_eq!(removed.outcome, ChangeOutcome::Removed);
    let report = load(&Basis::new(&dir.config(), &dir.1, &env)).unwrap().report;
    assert_eq!(report.blocking().count(), 0);
    let again = unset(&Basis::new(&dir.config(), &dir.1, &env), &"gateway.bogus".parse().unwrap(), false).unwrap_err();
    assert!(again.to_string().starts_with("Config path not found: gateway.bogus. Nothing was changed."));
}

#[test]
fn a_broken_file_is_named_with_its_place() {
    let dir = Dir::new("{a: 1\n b: 2}");
    let error = dir.get("a").unwrap_err();
    assert_eq!(error, dir.set("gateway.port", "1").unwrap_err());
    assert!(
        error.contains("openclaw.json: line 2, column 2: expected `,` or `}` after the value, found `b`"),
        "{error}"
    );
}
