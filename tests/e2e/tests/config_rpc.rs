//! The `config.*` methods through the WebSocket of the real binary: what they show, what they change, what they refuse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use futures::{SinkExt, StreamExt};
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, KEY, SOON, TOKEN};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Fits into no place that is known to hold a secret.
const NOTE: &str = "// the old model, kept by hand";

/// The configuration as a person wrote it.
fn text(home: &Home) -> String {
    format!(
        r#"{{
  {NOTE}
  // never write {KEY} here
  gateway: {{ mode: 'local', port: {}, bind: 'loopback', auth: {{ mode: 'token', token: '{GATEWAY_TOKEN}' }} }},
  models: {{
    providers: {{
      fake: {{
        baseUrl: 'http://127.0.0.1:9/{KEY}/v1', // not the usual place of a key
        apiKey: '{KEY}',
        models: [ {{ id: 'echo', name: 'Echo' }}, {{ id: 'other', name: 'Other' }} ],
      }},
    }},
  }},
  agents: {{ defaults: {{ model: {{ primary: 'fake/echo' }} }} }},
  channels: {{ telegram: {{ enabled: false, botToken: '{TOKEN}', allowFrom: ['1', '2'], }} }},
  logging: {{ file: '{}' }},
}}
"#,
        home.port(),
        home.state().join("gateway.log").display()
    )
}

/// A gateway with that configuration.
async fn started() -> (Home, Gateway) {
    let home = Home::empty();
    std::fs::write(home.config_path(), text(&home)).unwrap();
    let gateway = home.start().await;
    (home, gateway)
}

/// A connection with some scopes.
struct Connection(WebSocketStream<TcpStream>);

impl Connection {
    async fn open(home: &Home, scopes: &[&str]) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
        let url = format!("ws://127.0.0.1:{}/", home.port());
        let mut connection = Self(client_async(url, stream).await.unwrap().0);
        let client = json!({"id": "cli", "version": "1", "platform": "linux", "mode": "cli"});
        let params = json!({"minProtocol": 4, "maxProtocol": 4, "client": client, "role": "operator",
            "scopes": scopes, "auth": {"token": GATEWAY_TOKEN}});
        connection.call("connect", params).await.unwrap();
        connection
    }

    async fn admin(home: &Home) -> Self {
        Self::open(home, &["operator.admin"]).await
    }

    /// The payload, or the error.
    async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let request = json!({"type": "req", "id": "r", "method": method, "params": params});
        self.0.send(Message::text(request.to_string())).await.unwrap();
        let answered = async {
            loop {
                let Message::Text(text) = self.0.next().await.unwrap().unwrap() else { continue };
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["type"] == "res" {
                    return if frame["ok"] == true {
                        Ok(frame["payload"].clone())
                    } else {
                        Err(frame["error"].clone())
                    };
                }
            }
        };
        tokio::time::timeout(SOON, answered).await.expect("no answer")
    }

    async fn get(&mut self) -> Value {
        self.call("config.get", json!({})).await.unwrap()
    }

    async fn hash(&mut self) -> String {
        self.get().await["hash"].as_str().unwrap().to_owned()
    }

    /// A patch of what the file says now.
    async fn patch(&mut self, raw: &str, more: Value) -> Result<Value, Value> {
        let mut params = json!({"raw": raw, "baseHash": self.hash().await});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("config.patch", params).await
    }
}

fn file(home: &Home) -> String {
    std::fs::read_to_string(home.config_path()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_has_no_secret_in_it() {
    let (home, _gateway) = started().await;
    let mut client = Connection::open(&home, &["operator.read"]).await;
    let shown = client.get().await;
    let everything = shown.to_string();
    for secret in [KEY, TOKEN, GATEWAY_TOKEN] {
        assert!(!everything.contains(secret), "{secret} in {shown:#}");
    }
    let raw = shown["raw"].as_str().unwrap();
    assert!(raw.contains(NOTE) && raw.contains("// never write *** here"), "{raw}");
    assert_eq!(shown["config"]["gateway"]["auth"]["token"], "__OPENCLAW_REDACTED__");
    assert_eq!(shown["parsed"]["models"]["providers"]["fake"]["baseUrl"], "__OPENCLAW_REDACTED__");
    assert_eq!((&shown["exists"], &shown["valid"]), (&json!(true), &json!(true)));
    assert_eq!((&shown["issues"], &shown["legacyIssues"]), (&json!([]), &json!([])));
    assert_eq!(shown["hash"], shown["appliedConfigHash"]);
    assert_eq!(shown["hash"].as_str().unwrap().len(), 64);

    // The same over the command line; and a broken file is told, not shown.
    let call = home.run(&["gateway", "call", "config.get"]).await.ok().json();
    assert_eq!(call["hash"], shown["hash"]);
    let error = client.call("config.get", json!({"bogus": 1})).await.unwrap_err();
    assert_eq!(error["message"], "invalid config.get params: at root: unexpected property 'bogus'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_needs_to_have_seen_the_file_and_changes_only_what_it_says() {
    let (home, _gateway) = started().await;
    let mut client = Connection::admin(&home).await;
    let before = file(&home);
    let patch = r#"{agents: {defaults: {model: {primary: "fake/other"}}}}"#;
    let missing = client.call("config.patch", json!({"raw": patch})).await.unwrap_err();
    assert_eq!(missing["code"], "INVALID_REQUEST");
    assert_eq!(missing["message"], "config base hash required; re-run config.get and retry");
    let stale = client.call("config.patch", json!({"raw": patch, "baseHash": "deadbeef"})).await.unwrap_err();
    assert_eq!(stale["code"], "INVALID_REQUEST");
    assert_eq!(stale["message"], "config changed since last load; re-run config.get and retry");
    assert_eq!(file(&home), before);

    let same = client.patch(r#"{gateway: {bind: "loopback"}}"#, json!({"note": "n"})).await.unwrap();
    assert_eq!((&same["ok"], &same["noop"], &same["changedPaths"]), (&json!(true), &json!(true), &json!([])));
    assert_eq!(file(&home), before);

    let done = client.patch(patch, json!({})).await.unwrap();
    assert_eq!(done["changedPaths"], json!(["agents.defaults.model.primary"]));
    assert_eq!((done.get("noop"), done.get("pendingRestart")), (None, None));
    assert_eq!(done["config"]["models"]["providers"]["fake"]["apiKey"], "__OPENCLAW_REDACTED__");
    assert_eq!(file(&home), before.replace("'fake/echo'", "\"fake/other\""));
    let now = client.get().await;
    assert_eq!((&done["hash"], &now["appliedConfigHash"]), (&now["hash"], &now["hash"]));

    // What waits for a restart is said.
    let done = client.patch("{gateway: {bind: 'auto'}}", json!({})).await.unwrap();
    assert_eq!(done["pendingRestart"], json!(["gateway.bind"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_handed_back_gets_its_secrets_again() {
    let (home, _gateway) = started().await;
    let mut client = Connection::admin(&home).await;
    let seen = client.get().await;
    let raw = seen["raw"].as_str().unwrap().replace("bind: 'loopback'", "bind: 'auto'");
    let written = client.call("config.set", json!({"raw": raw, "baseHash": seen["hash"]})).await.unwrap();
    assert_eq!(written["changedPaths"], json!(["gateway.bind"]));
    let now = file(&home);
    assert!(now.contains(NOTE) && !now.contains("__OPENCLAW_REDACTED__"), "{now}");
    for kept in [format!("http://127.0.0.1:9/{KEY}/v1"), TOKEN.to_owned(), GATEWAY_TOKEN.to_owned()] {
        assert!(now.contains(&kept), "{kept} is gone:\n{now}");
    }
    let patch = r#"{hooks: {token: "__OPENCLAW_REDACTED__"}}"#;
    let error = client.patch(patch, json!({})).await.unwrap_err();
    assert_eq!(error["details"]["code"], "CONFIG_VALUE_INVALID");
    assert_eq!(file(&home), now);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_list_loses_an_entry_unasked() {
    let (home, _gateway) = started().await;
    let mut client = Connection::admin(&home).await;
    let before = file(&home);
    let shorter = "{channels: {telegram: {allowFrom: ['1']}}}";
    let error = client.patch(shorter, json!({})).await.unwrap_err();
    assert_eq!(error["code"], "INVALID_REQUEST");
    assert!(error["message"].as_str().unwrap().contains("channels.telegram.allowFrom"), "{error}");
    assert_eq!(file(&home), before);
    client.patch(shorter, json!({"replacePaths": ["channels.telegram.allowFrom"]})).await.unwrap();
    assert_eq!(file(&home), before.replace("['1', '2']", "['1' ]"));
    // Entries with an id are merged by it.
    let other = "{models: {providers: {fake: {models: [{id: 'other', name: 'Another'}]}}}}";
    client.patch(other, json!({})).await.unwrap();
    assert_eq!(
        file(&home),
        before.replace("['1', '2']", "['1' ]").replace("name: 'Other'", "name: \"Another\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_could_not_run_with_is_not_written() {
    let (home, _gateway) = started().await;
    let mut client = Connection::admin(&home).await;
    let before = file(&home);
    let apply = async |client: &mut Connection, raw: &str| {
        let base = client.hash().await;
        client.call("config.apply", json!({"raw": raw, "baseHash": base})).await.unwrap_err()
    };
    let invalid = apply(&mut client, &before.replace("port: ", "prot: ")).await;
    assert_eq!(
        (&invalid["code"], &invalid["message"]),
        (&json!("INVALID_REQUEST"), &json!("invalid config"))
    );
    let issue = &invalid["details"]["issues"][0];
    assert_eq!(issue["path"], "gateway");
    assert!(issue["message"].as_str().unwrap().contains("prot"), "{issue}");
    let syntax = apply(&mut client, "{ bad").await;
    assert!(syntax["message"].as_str().unwrap().starts_with("SyntaxError: JSON5: "), "{syntax}");
    let lost = apply(&mut client, "{gateway: {mode: 'local'}}").await;
    assert_eq!(
        (&lost["code"], &lost["details"]["code"]),
        (&json!("INVALID_REQUEST"), &json!("CONFIG_WRITE_REJECTED"))
    );
    assert!(lost["message"].as_str().unwrap().contains("size-drop:"), "{lost}");
    let error = client.patch("[1]", json!({})).await.unwrap_err();
    assert_eq!(error["message"], "config.patch raw must be an object");
    assert_eq!(file(&home), before);
    // A broken section of one channel is accepted with a warning, and told again by the next look.
    let done = client.patch("{channels: {telegram: {dmPolicy: 'sometimes'}}}", json!({})).await.unwrap();
    assert!(done["warnings"][0].as_str().unwrap().starts_with("channels.telegram.dmPolicy: "), "{done}");
    let shown = client.get().await;
    assert_eq!(shown["valid"], true);
    assert_eq!(shown["warnings"][0]["path"], "channels.telegram.dmPolicy");
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_asks_for_read_and_writing_for_admin() {
    let (home, _gateway) = started().await;
    let mut reader = Connection::open(&home, &["operator.read"]).await;
    for method in ["config.set", "config.patch", "config.apply"] {
        let error = reader.call(method, json!({"raw": "{}"})).await.unwrap_err();
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!("FORBIDDEN"), &json!("missing scope: operator.admin"))
        );
    }
    let mut nobody = Connection::open(&home, &[]).await;
    for method in ["config.get", "config.schema", "config.schema.lookup"] {
        let error = nobody.call(method, json!({})).await.unwrap_err();
        assert_eq!(error["message"], "missing scope: operator.read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_told_whole_and_by_place() {
    let (home, _gateway) = started().await;
    let mut client = Connection::open(&home, &["operator.read"]).await;
    let policy =
        client.call("config.schema.lookup", json!({"path": "channels.telegram.dmPolicy"})).await.unwrap();
    let keys: Vec<&String> = policy.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["path", "schema", "reloadKind", "hint", "hintPath", "children"]);
    assert_eq!(policy["path"], "channels.telegram.dmPolicy");
    assert_eq!(policy["schema"]["type"], "string");
    assert_eq!(policy["schema"]["enum"], json!(["pairing", "allowlist", "open", "disabled"]));
    assert_eq!((&policy["hintPath"], &policy["children"]), (&policy["path"], &json!([])));
    assert_eq!(policy["hint"]["advanced"], false);
    let port = client.call("config.schema.lookup", json!({"path": "gateway.port"})).await.unwrap();
    assert_eq!((&port["reloadKind"], &port["schema"]["maximum"]), (&json!("restart"), &json!(65_535)));
    let unknown = client.call("config.schema.lookup", json!({"path": "gateway.prot"})).await.unwrap_err();
    assert_eq!(unknown["code"], "INVALID_REQUEST");
    assert!(unknown["message"].as_str().unwrap().contains("gateway.prot"), "{unknown}");
    let whole = client.call("config.schema", json!({})).await.unwrap();
    assert_eq!(whole["schema"]["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(whole["uiHints"]["gateway.auth.token"]["sensitive"], true);
    assert!(whole["version"].is_string() && whole["generatedAt"].is_string());
    assert_eq!(whole, client.call("config.schema", json!({})).await.unwrap(), "built once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_31st_change_in_a_minute_is_sent_away() {
    let (home, _gateway) = started().await;
    let mut client = Connection::admin(&home).await;
    let patch = json!({"raw": "{}", "baseHash": client.hash().await});
    for _ in 0..30 {
        client.call("config.patch", patch.clone()).await.unwrap();
    }
    let error = client.call("config.patch", patch.clone()).await.unwrap_err();
    assert_eq!((&error["code"], &error["retryable"]), (&json!("UNAVAILABLE"), &json!(true)));
    assert!(
        error["message"].as_str().unwrap().starts_with("rate limit exceeded for config.patch; retry after ")
    );
    assert!((1..=60_000).contains(&error["retryAfterMs"].as_u64().unwrap()), "{error}");
    client.call("config.set", json!({"raw": file(&home), "baseHash": patch["baseHash"]})).await.unwrap();
    client.get().await;
}
