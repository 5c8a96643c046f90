use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::basis::PluginSchemas;
use crate::basis::testing::{channel, plugins};
use crate::secret_ref::REDACTED;
use crate::{get, last_good_path, load, read_value};

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
        self.basis(|basis| get(basis, &path.parse().unwrap())).map_err(|error| error.to_string())
    }

    fn basis<T>(&self, act: impl FnOnce(&Basis<'_>) -> T) -> T {
        act(&Basis::new(&self.config(), &self.1, &BTreeMap::new()))
    }

    fn change(&self, asks: &[Ask], options: &ChangeOptions) -> Result<Changed, String> {
        self.basis(|basis| change(basis, asks, options)).map_err(|error| error.to_string())
    }

    fn set(&self, path: &str, raw: &str) -> Result<Changed, String> {
        self.set_with(path, raw, false, &ChangeOptions::default())
    }

    fn set_with(
        &self,
        path: &str,
        raw: &str,
        strict: bool,
        options: &ChangeOptions,
    ) -> Result<Changed, String> {
        let path: KeyPath = path.parse().unwrap();
        let value = read_value(raw, &path, strict, &self.1.channels).map_err(|error| error.to_string())?;
        self.change(&[Ask::Set { path, value, replace: false }], options)
    }

    fn unset(&self, path: &str) -> Result<Changed, String> {
        self.change(&[Ask::Remove { path: path.parse().unwrap() }], &ChangeOptions::default())
    }

    fn replace(&self, text: &str, force: bool) -> Result<Changed, String> {
        let options = ChangeOptions { force, stamp: "T".to_owned(), ..ChangeOptions::default() };
        self.basis(|basis| replace(basis, text, &options)).map_err(|error| error.to_string())
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
    assert!(changed.changed && matches!(changed.written, Written::Replaced { .. }));
    assert_eq!((changed.paths, changed.effect), (vec!["gateway.port".parse().unwrap()], Effect::Restart));
    assert_eq!(dir.text(), FILE.replace("18789", "19000"));
    let again = dir.set("gateway.port", "19000").unwrap();
    assert!(!again.changed && again.written == Written::Unchanged);
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
    let strict = dir.set_with("gateway.bind", "lan", true, &ChangeOptions::default());
    assert!(strict.unwrap_err().contains("not valid JSON"));
    let dry = ChangeOptions { dry_run: true, ..ChangeOptions::default() };
    let changed = dir.set_with("gateway.auth.token", "another", false, &dry).unwrap();
    assert!(changed.changed && changed.written == Written::Unchanged);
    assert!(changed.diff.contains(REDACTED) && changed.diff.contains("-  gateway:"), "{}", changed.diff);
    assert!(!changed.diff.contains("hidden") && !changed.diff.contains("another"), "{}", changed.diff);
    assert_eq!(dir.text(), FILE);
}

#[test]
fn a_fault_of_a_channel_is_a_warning_and_old_faults_can_be_mended_singly() {
    let dir = Dir::new("{gateway: {port: 'a', bogus: 1}}");
    let changed = dir.set("channels.chat.limit", "x").unwrap();
    assert_eq!(changed.warnings, ["channels.chat.limit: Invalid input: expected integer, received string"]);
    assert!(dir.set("gateway.port", "5").unwrap().changed);
    assert!(dir.unset("gateway.bogus").unwrap().changed);
    assert!(dir.basis(load).unwrap().report.is_valid());
    let again = dir.unset("gateway.bogus").unwrap_err();
    assert!(again.starts_with("Config path not found: gateway.bogus. Nothing was changed."), "{again}");
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

#[test]
fn what_a_file_may_not_lose_is_refused_and_kept_for_inspection() {
    let long = FILE.replace("// kept", &format!("// {}", "kept ".repeat(200)));
    let dir = Dir::new(&long);
    let refused = dir.unset("gateway.mode").unwrap_err();
    assert!(
        refused.starts_with("Config write rejected: ") && refused.contains("(gateway-mode-removed)."),
        "{refused}"
    );
    let small = "{gateway: {mode: 'local'}}";
    let refused = dir.replace(small, false).unwrap_err();
    assert!(
        refused.contains(&format!("(size-drop:{}->26). Rejected payload saved to ", long.len())),
        "{refused}"
    );
    let saved = dir.0.path().join("openclaw.json.rejected.T");
    assert_eq!(std::fs::read_to_string(&saved).unwrap(), small);
    assert_eq!(dir.text(), long);
    assert!(
        dir.replace("{gateway: {}}", true).unwrap_err().contains("gateway-mode-removed"),
        "never without a mode"
    );
    assert!(dir.replace(small, true).unwrap().changed);
    assert_eq!(dir.text(), small);
    let vouched = std::fs::read_to_string(last_good_path(&dir.config())).unwrap();
    assert_eq!(vouched, small, "or a running gateway would put the long one back");
}

#[test]
fn a_whole_file_gets_its_secrets_back() {
    let dir = Dir::new(FILE);
    let shown = FILE.replace("hidden", REDACTED).replace("18789", "5").replace("// kept", "// new");
    assert!(dir.replace(&shown, false).unwrap().changed);
    assert_eq!(dir.text(), FILE.replace("18789", "5").replace("// kept", "// new"));
    let nothing = format!("{{gateway: {{mode: 'local', remote: {{token: '{REDACTED}'}}}}}}");
    assert!(dir.replace(&nothing, false).unwrap_err().contains("gateway.remote.token"));
    std::fs::write(dir.config(), "{broken").unwrap();
    assert!(
        dir.replace("{gateway: {mode: 'local'}}", false)
            .unwrap_err()
            .contains("unreadable-config-before-write")
    );
    assert!(dir.replace("{gateway: {mode: 'local'}}", true).unwrap().changed);
}

#[test]
fn an_edit_goes_into_the_file_that_holds_the_place() {
    let dir = Dir::new("{gateway: {mode: 'local'}, agents: {$include: './agents.json5'}}");
    let included = dir.0.path().join("agents.json5");
    std::fs::write(&included, "{ /* mine */ defaults: { workspace: 'w' } }").unwrap();
    let main = dir.text();
    let changed = dir.set("agents.defaults.workspace", "x").unwrap();
    assert_eq!(
        (changed.file.file_name().unwrap().to_str(), changed.effect),
        (Some("agents.json5"), Effect::Hot)
    );
    assert_eq!(std::fs::read_to_string(&included).unwrap(), "{ /* mine */ defaults: { workspace: \"x\" } }");
    assert_eq!(dir.text(), main);
    assert!(dir.set("agents.defaults.worksapce", "x").unwrap_err().contains("did you mean \"workspace\""));
    let both = [
        Ask::Set { path: "agents.defaults.workspace".parse().unwrap(), value: json!("y"), replace: false },
        Ask::Set { path: "gateway.port".parse().unwrap(), value: json!(5), replace: false },
    ];
    let refused = dir.change(&both, &ChangeOptions::default()).unwrap_err();
    assert!(refused.contains("different files (agents.defaults.workspace and gateway.port)"), "{refused}");
    let refused = dir.unset("agents").unwrap_err();
    assert!(!refused.is_empty() && dir.text() == main, "{refused}");
}

#[test]
fn many_edits_are_one_write() {
    let dir = Dir::new(FILE);
    let asks = [
        Ask::Patch {
            patch: json!({"gateway": {"port": 5, "bind": "lan"}, "channels": {"chat": {"limit": null}}}),
            replace_paths: Vec::new(),
            merge_by_id: false,
        },
        Ask::Set { path: "gateway.port".parse().unwrap(), value: json!(6), replace: false },
    ];
    let changed = dir.change(&asks, &ChangeOptions::default()).unwrap();
    assert_eq!((changed.edits, changed.effect), (4, Effect::Restart));
    assert_eq!(
        dir.get("gateway"),
        Ok(json!({"mode": "local", "port": 6, "auth": {"token": REDACTED}, "bind": "lan"}))
    );
    assert_eq!(dir.get("channels.chat"), Ok(json!({"pin": REDACTED})));
}

#[test]
fn expectations_hold_or_nothing_happens() {
    let dir = Dir::new(FILE);
    let expecting = |path: &str, value: Option<Value>| {
        let options =
            ChangeOptions { expect: Some((path.parse().unwrap(), value)), ..ChangeOptions::default() };
        dir.set_with("gateway.port", "5", false, &options).map(|changed| changed.changed)
    };
    let refused = Err("gateway.port is not what was expected; nothing was changed".to_owned());
    assert_eq!(expecting("gateway.port", Some(json!(1))), refused);
    assert_eq!(expecting("gateway.port", None), refused);
    assert_eq!(expecting("gateway.port", Some(json!(18789))), Ok(true));
    assert_eq!(expecting("gateway.bind", None), Ok(false));
    let stale = ChangeOptions { base: Some("0".repeat(64)), ..ChangeOptions::default() };
    assert!(
        dir.set_with("gateway.port", "7", false, &stale).unwrap_err().contains("changed since last load")
    );
}

#[test]
fn the_base_is_all_files_that_the_caller_saw() {
    let dir = Dir::new("{gateway: {port: 1}, channels: {$include: 'chat.json'}}");
    let chat = dir.0.path().join("chat.json");
    std::fs::write(&chat, "{chat: {limit: 3}}").unwrap();
    let revision = || dir.basis(|basis| load(basis).unwrap().revision());
    let set = |path: &str, base: String| {
        let options = ChangeOptions { base: Some(base), ..ChangeOptions::default() };
        dir.set_with(path, "7", false, &options)
    };
    let seen = revision();
    let changed = set("channels.chat.limit", seen.clone()).unwrap();
    assert_eq!((changed.file, changed.restart), (chat.canonicalize().unwrap(), Vec::new()));
    assert!(set("gateway.port", seen).unwrap_err().contains("changed since last load"));
    let changed = set("gateway.port", revision()).unwrap();
    assert_eq!(changed.restart, changed.paths);
    assert!(set("gateway.port", String::new()).unwrap_err().contains("changed since last load"));
    std::fs::remove_file(dir.config()).unwrap();
    assert_eq!(set("gateway.port", String::new()).unwrap().written, Written::Created);
}

#[test]
fn a_managed_file_is_not_touched() {
    let dir = Dir::new(FILE);
    let env = BTreeMap::from([("OPENCLAW_CONFIG_READONLY".to_owned(), "1".to_owned())]);
    let config = dir.config();
    let basis = Basis::new(&config, &dir.1, &env);
    let ask = [Ask::Remove { path: "gateway.port".parse().unwrap() }];
    assert_eq!(change(&basis, &ask, &ChangeOptions::default()).unwrap_err().code(), "CONFIG_READONLY");
    let dry = ChangeOptions { dry_run: true, ..ChangeOptions::default() };
    assert!(change(&basis, &ask, &dry).unwrap().changed);
}

#[test]
fn an_included_file_that_somebody_saves_meanwhile_is_not_overwritten() {
    let dir = Dir::new("{gateway: {mode: 'local'}, agents: {$include: './agents.json5'}}");
    let included = dir.0.path().canonicalize().unwrap().join("agents.json5");
    let seen = "{defaults: {workspace: 'w'}}";
    std::fs::write(&included, seen).unwrap();
    let saved = "{defaults: {workspace: 'mine'}}";
    let made = dir.basis(|basis| {
        make(basis, &ChangeOptions::default(), |_| {
            std::fs::write(&included, saved).unwrap();
            let file = Some((included.clone(), crate::read::hash(seen)));
            Ok(Draft { file, text: "{defaults: {workspace: 'theirs'}}".to_owned(), edits: 1 })
        })
    });
    assert_eq!(made.unwrap_err().code(), "CONFIG_CHANGED");
    assert_eq!(std::fs::read_to_string(&included).unwrap(), saved);
}
