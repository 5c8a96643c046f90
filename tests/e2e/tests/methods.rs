//! Every read method of the control plane, on a fresh gateway: what a reader gets, and that others get nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use futures::{SinkExt, StreamExt};
use openclaw_e2e::control;
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, SOON, config, fakes};
use openclaw_protocol::{METHODS, Permission, Scope};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A connection with some scopes.
struct Connection {
    socket: WebSocketStream<TcpStream>,
    hello: Value,
}

impl Connection {
    async fn open(home: &Home, scopes: &[&str]) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
        let url = format!("ws://127.0.0.1:{}/", home.port());
        let socket = client_async(url, stream).await.unwrap().0;
        let mut connection = Self { socket, hello: Value::Null };
        let client = json!({"id": "cli", "version": "1", "platform": "linux", "mode": "cli"});
        let params = json!({"minProtocol": 4, "maxProtocol": 4, "client": client, "role": "operator",
            "scopes": scopes, "auth": {"token": GATEWAY_TOKEN}});
        connection.hello = connection.call("connect", params).await.unwrap();
        connection
    }

    /// The payload, or the error.
    async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        match self.ask(method, params).await {
            Ok(answer) => answer,
            Err(close) => panic!("{method}: the connection was closed: {close:?}"),
        }
    }

    /// The answer, or how the connection ended instead.
    async fn ask(&mut self, method: &str, params: Value) -> Result<Result<Value, Value>, Option<CloseFrame>> {
        let request = json!({"type": "req", "id": "r", "method": method, "params": params});
        if self.socket.send(Message::text(request.to_string())).await.is_err() {
            return Err(None);
        }
        tokio::time::timeout(SOON, self.answer()).await.expect("no answer")
    }

    async fn answer(&mut self) -> Result<Result<Value, Value>, Option<CloseFrame>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["type"] == "res" {
                        let ok = frame["ok"] == true;
                        return Ok(if ok {
                            Ok(frame["payload"].clone())
                        } else {
                            Err(frame["error"].clone())
                        });
                    }
                }
                Some(Ok(Message::Close(close))) => return Err(close),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}

async fn started() -> (Home, Gateway) {
    let (telegram, model) = fakes().await;
    let home = Home::new(config(&telegram, &model));
    let gateway = home.start().await;
    (home, gateway)
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// What each read method answers at least, for a gateway that nobody has talked to yet.
const READS: &[(&str, &str, &[&str])] = &[
    (
        "health",
        "{}",
        &[
            "ok",
            "ts",
            "durationMs",
            "plugins",
            "configReload",
            "channels",
            "channelOrder",
            "channelLabels",
            "heartbeatSeconds",
            "defaultAgentId",
            "agents",
            "sessions",
        ],
    ),
    (
        "status",
        "{}",
        &[
            "runtimeVersion",
            "heartbeat",
            "channelSummary",
            "queuedSystemEvents",
            "degradedSecretOwners",
            "degradedPlugins",
            "tasks",
            "taskAudit",
            "sessions",
            "processMemory",
            "pid",
        ],
    ),
    ("system-presence", "{}", &[]),
    (
        "channels.status",
        "{}",
        &[
            "ts",
            "channelOrder",
            "channelLabels",
            "channelDetailLabels",
            "channelMeta",
            "channels",
            "channelAccounts",
            "channelDefaultAccountId",
            "statusIssues",
        ],
    ),
    ("models.list", "{}", &["models"]),
    ("models.list", r#"{"view": "provider-config", "includeDetails": true}"#, &["models"]),
    ("models.authStatus", "{}", &["ts", "providers", "providerCapabilities"]),
    ("usage.status", "{}", &["updatedAt", "providers"]),
    ("usage.cost", r#"{"days": 30}"#, &["updatedAt", "days", "daily", "totals"]),
    (
        "diagnostics.stability",
        r#"{"limit": 1000, "type": "telemetry.exporter"}"#,
        &["generatedAt", "capacity", "count", "dropped", "events", "summary"],
    ),
    ("diagnostics.lanes", "{}", &["ts", "lanes", "dynamic"]),
    ("logs.tail", "{}", &["file", "cursor", "size", "lines"]),
    ("plugins.list", "{}", &["plugins", "diagnostics", "mutationAllowed"]),
    (
        "plugins.inspect",
        r#"{"pluginId": "telegram"}"#,
        &["ok", "plugin", "source", "declared", "reviewToken", "grants"],
    ),
    ("plugins.status", "{}", &["plugins"]),
    ("gateway.restart.preflight", "{}", &["safe", "counts", "blockers", "summary"]),
    (
        "chat.history",
        r#"{"sessionKey": "agent:main:main"}"#,
        &["sessionKey", "messages", "pendingInputs", "offset", "hasMore", "totalMessages", "defaults"],
    ),
    (
        "chat.startup",
        r#"{"sessionKey": "agent:main:main"}"#,
        &["sessionKey", "messages", "pendingInputs", "defaults", "metadata"],
    ),
    ("chat.metadata", "{}", &["models", "commands"]),
    (
        "chat.message.get",
        r#"{"sessionKey": "agent:main:main", "messageId": "x"}"#,
        &["ok", "unavailableReason"],
    ),
    ("agents.list", "{}", &["defaultId", "mainKey", "scope", "agents"]),
    ("agent.identity.get", "{}", &["agentId", "name"]),
    (
        "sessions.list",
        "{}",
        &["ts", "path", "count", "totalCount", "limitApplied", "hasMore", "defaults", "sessions"],
    ),
    ("sessions.preview", r#"{"keys": ["agent:main:main"]}"#, &["ts", "previews"]),
    ("sessions.describe", r#"{"key": "agent:main:main"}"#, &["session"]),
    ("sessions.get", r#"{"key": "agent:main:main"}"#, &["messages"]),
    ("sessions.resolve", r#"{"key": "agent:main:main", "allowMissing": true}"#, &["ok"]),
    ("sessions.search", r#"{"query": "x"}"#, &["results"]),
    ("sessions.usage", "{}", &["updatedAt", "startDate", "endDate", "sessions", "totals", "aggregates"]),
    ("sessions.usage.timeseries", r#"{"key": "agent:main:used"}"#, &["sessionId", "points"]),
    ("sessions.usage.logs", r#"{"key": "agent:main:main"}"#, &["logs"]),
    ("sessions.subscribe", "{}", &["subscribed"]),
    ("sessions.messages.subscribe", r#"{"key": "agent:main:main"}"#, &["subscribed", "key"]),
    ("sessions.messages.unsubscribe", r#"{"key": "agent:main:main"}"#, &["subscribed", "key"]),
    ("gateway.identity.get", "{}", &["deviceId", "publicKey"]),
    (
        "system.info",
        "{}",
        &[
            "machineName",
            "hostname",
            "platform",
            "release",
            "arch",
            "osLabel",
            "nodeVersion",
            "pid",
            "uptimeMs",
            "cpuCount",
            "memoryTotalBytes",
            "memoryFreeBytes",
        ],
    ),
    ("commands.list", "{}", &["commands"]),
    ("tools.catalog", "{}", &["agentId", "profiles", "groups"]),
    ("tools.effective", r#"{"sessionKey": "agent:main:main"}"#, &["agentId", "profile", "groups"]),
    ("last-heartbeat", "{}", &[]),
    (
        "cron.list",
        r#"{"includeDisabled": false, "limit": 200, "offset": 0}"#,
        &["jobs", "snapshotRevision", "total", "offset", "limit", "hasMore", "nextOffset"],
    ),
    ("channels.deadLetters.list", r#"{"limit": 1}"#, &["ts", "letters", "counts", "total"]),
    ("channels.why", r#"{"limit": 1}"#, &["ts", "messages"]),
    ("cron.status", "{}", &["enabled", "storePath", "jobs", "nextWakeAtMs"]),
    ("node.list", "{}", &["ts", "nodes"]),
    ("skills.status", r#"{"agentId": "main"}"#, &["workspaceDir", "managedSkillsDir", "agentId", "skills"]),
    ("hooks.status", "{}", &["workspaceDir", "managedHooksDir", "hooks"]),
    ("tasks.list", "{}", &["tasks"]),
    ("environments.list", "{}", &["environments"]),
    ("users.list", "{}", &["profiles"]),
    ("users.prefs.get", r#"{"keys": ["a"]}"#, &["status"]),
    ("audit.activity.list", "{}", &["events"]),
    ("doctor.memory.status", r#"{"probe": false}"#, &["agentId", "searchRuntimeRegistered", "embedding"]),
    (
        "config.get",
        "{}",
        &["path", "exists", "raw", "parsed", "valid", "config", "hash", "issues", "warnings"],
    ),
    ("config.schema", "{}", &["schema", "uiHints", "version"]),
    ("config.schema.lookup", r#"{"path": "gateway.port"}"#, &["path", "schema"]),
];

#[tokio::test]
async fn a_reader_can_read_everything_and_nobody_else_can() {
    let (home, _gateway) = started().await;
    let mut admin = Connection::open(&home, &["operator.admin"]).await;
    admin.call("sessions.create", json!({"key": "agent:main:used"})).await.unwrap();
    let mut reader = Connection::open(&home, &["operator.read"]).await;
    let mut nobody = Connection::open(&home, &[]).await;
    for (method, params, expected) in READS {
        let params: Value = serde_json::from_str(params).unwrap();
        let answer = reader.call(method, params.clone()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{method}: {error}"));
        let found = keys(&answer);
        let missing: Vec<_> = expected.iter().filter(|key| !found.contains(key)).collect();
        assert!(missing.is_empty(), "{method} lacks {missing:?}: {answer}");
        let refused = nobody.call(method, params).await;
        if *method == "health" {
            assert!(refused.is_ok());
            continue;
        }
        let refused = refused.unwrap_err();
        assert_eq!(
            (&refused["code"], &refused["message"]),
            (&json!("FORBIDDEN"), &json!("missing scope: operator.read"))
        );
        let details = json!({"code": "MISSING_SCOPE", "missingScope": "operator.read",
            "requiredScopes": ["operator.read"]});
        assert_eq!(refused["details"], details, "{method}");
    }
    let read = |permission| {
        matches!(
            permission,
            Permission::Anyone | Permission::Scope(Scope::Read) | Permission::AtLeast(Scope::Read)
        )
    };
    // Of these two there is nothing to read here; whoever may ask hears why.
    let about_nothing = ["users.self", "channels.deadLetters.get"];
    let untried =
        METHODS.iter().filter(|method| read(method.permission) && !about_nothing.contains(&method.name));
    let untried: Vec<_> = untried
        .map(|method| method.name)
        .filter(|name| !READS.iter().any(|(tried, ..)| tried == name))
        .collect();
    assert!(untried.is_empty(), "add these to READS: {untried:?}");
    let error = reader.call("users.self", json!({})).await.unwrap_err();
    assert_eq!(error["message"], "users.self requires an authenticated user");
    let letter = json!({"id": "send-1"});
    let error = reader.call("channels.deadLetters.get", letter.clone()).await.unwrap_err();
    assert_eq!(error["details"]["code"], "DEAD_LETTER_GONE");
    let error = nobody.call("channels.deadLetters.get", letter).await.unwrap_err();
    assert_eq!(error["message"], "missing scope: operator.read");
}

#[tokio::test]
async fn every_method_is_refused_to_whoever_lacks_its_scope() {
    let (home, _gateway) = started().await;
    for held in Scope::ALL {
        let mut client = Connection::open(&home, &[held.as_str()]).await;
        for method in METHODS {
            let Some(needed) = method.permission.floor().filter(|needed| !held.covers(*needed)) else {
                continue;
            };
            // The scope is judged before the parameters.
            let refused = client.call(method.name, json!({"\u{1}": 1})).await.unwrap_err();
            let details = json!({"code": "MISSING_SCOPE", "missingScope": needed.as_str(),
                "requiredScopes": [needed.as_str()]});
            assert_eq!(
                (&refused["code"], &refused["message"], &refused["details"]),
                (&json!("FORBIDDEN"), &json!(format!("missing scope: {}", needed.as_str())), &details),
                "{} with {}",
                method.name,
                held.as_str()
            );
        }
        // A client that only lacks scopes is not cut off for it.
        client.call("health", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn every_method_of_the_table_is_answered_and_only_those_are_advertised() {
    let (home, _gateway) = started().await;
    let mut admin = Connection::open(&home, &["operator.admin"]).await;
    for method in METHODS.iter().filter(|method| method.permission != Permission::Node) {
        let Err(error) = admin.call(method.name, json!({"\u{1}": 1})).await else {
            // `wake` takes any key; it needs others.
            panic!("{}: an unknown parameter was accepted", method.name);
        };
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("invalid {} params: ", method.name)), "{message}");
    }
    let advertised: Vec<&str> = admin.hello["features"]["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let expected: Vec<&str> =
        METHODS.iter().filter(|method| method.advertised).map(|method| method.name).collect();
    assert_eq!(advertised, expected);
    let error = admin.call("cron.add", json!({})).await.unwrap_err();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("INVALID_REQUEST"), &json!("unknown method: cron.add"))
    );
    let mut reader = Connection::open(&home, &["operator.read"]).await;
    let error = reader.call("cron.add", json!({})).await.unwrap_err();
    assert_eq!(error["message"], "missing scope: operator.admin");
}

#[tokio::test]
async fn who_lets_senders_in_makes_no_owner_and_sees_no_code() {
    let (home, _gateway) = started().await;
    let mut porter = Connection::open(&home, &["operator.pairing"]).await;
    let mut refused = async |method: &str, params: Value, expected: &str| {
        assert_eq!(porter.call(method, params).await.unwrap_err()["message"], expected, "{method}");
    };
    let request = json!({"channel": "telegram", "accountId": "default", "requestId": "none"});
    refused("channels.pairing.approve", request.clone(), "pending DM access request no longer exists").await;
    let mut owner = request;
    owner["bootstrapCommandOwner"] = json!(true);
    refused("channels.pairing.approve", owner, "missing scope: operator.admin").await;
    refused("channels.pairing.codes", json!({}), "missing scope: operator.admin").await;
    let code = json!({"channel": "telegram", "code": "ABCD2345"});
    refused("channels.pairing.approveCode", code, "missing scope: operator.admin").await;
}

#[tokio::test]
async fn a_client_that_keeps_calling_what_its_role_forbids_is_cut_off() {
    let (home, _gateway) = started().await;
    let mut admin = Connection::open(&home, &["operator.admin"]).await;
    let refused = json!("unauthorized role: operator");
    for _ in 0..10 {
        assert_eq!(admin.call("skills.bins", json!({})).await.unwrap_err()["message"], refused);
    }
    admin.call("health", json!({})).await.unwrap();
    for _ in 0..10 {
        assert_eq!(admin.call("skills.bins", json!({})).await.unwrap_err()["message"], refused);
    }
    assert_eq!(admin.call("skills.bins", json!({})).await.unwrap_err()["message"], refused);
    let close = admin.answer().await.unwrap_err().expect("a close frame");
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "repeated unauthorized calls"));
}

#[tokio::test]
async fn what_is_told_from_outside_waits_for_the_next_turn() {
    let (home, _gateway) = started().await;
    let mut admin = Connection::open(&home, &["operator.admin"]).await;
    let told = json!({"ok": true});
    let wake = json!({"mode": "next-heartbeat", "text": "the build is done", "anything": 1});
    assert_eq!(admin.call("wake", wake).await.unwrap(), told);
    assert_eq!(admin.call("system-event", json!({"text": "the disk is full"})).await.unwrap(), told);
    let status = admin.call("status", json!({})).await.unwrap();
    assert_eq!(status["queuedSystemEvents"], json!(["the build is done", "the disk is full"]));
    let mut refused = async |method: &str, params: Value, expected: &str| {
        assert_eq!(admin.call(method, params).await.unwrap_err()["message"], expected);
    };
    refused("system-event", json!({"text": " "}), "text required").await;
    let nowhere = json!({"text": "x", "wake": true, "sessionKey": "agent:main:nowhere"});
    refused("system-event", nowhere, "Unknown or archived session \"agent:main:nowhere\"").await;
    refused("wake", json!({"mode": "now", "text": "x", "agentId": "ghost"}), "unknown agent id \"ghost\"")
        .await;
    refused(
        "wake",
        json!({"mode": "soon", "text": ""}),
        "invalid wake params: at /mode: must be equal to constant; at /mode: must match a schema in anyOf; at /text: must \
         not have fewer than 1 characters",
    )
    .await;
    refused("set-heartbeats", json!({}), "invalid set-heartbeats params: enabled (boolean) required").await;
}

#[tokio::test]
async fn another_name_is_no_way_around_the_limit() {
    let (home, _gateway) = started().await;
    let mut admin = Connection::open(&home, &["operator.admin"]).await;
    for _ in 0..30 {
        let refused = admin.call("config.patch", json!({})).await.unwrap_err();
        assert_eq!(refused["code"], "INVALID_REQUEST", "{refused}");
    }
    let mut other = control::Connection::open(&home, &["operator.admin"]).await;
    for (name, refused) in [
        ("the same program", admin.call("config.patch", json!({})).await),
        ("another program", other.call("config.patch", json!({})).await),
    ] {
        let refused = refused.unwrap_err();
        assert!(refused["message"].as_str().unwrap().starts_with("rate limit exceeded"), "{name}: {refused}");
        assert_eq!((&refused["code"], &refused["retryable"]), (&json!("UNAVAILABLE"), &json!(true)));
    }
}

#[tokio::test]
async fn a_secret_that_is_gone_is_a_warning_that_status_explains() {
    let (telegram, model) = fakes().await;
    let mut config = config(&telegram, &model);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "key-in-a-file").unwrap();
    config["secrets"] =
        json!({"providers": {"disk": {"source": "file", "path": file.path(), "mode": "singleValue"}}});
    config["models"]["providers"]["other"] = json!({"baseUrl": model.base_url(), "models": [{"id": "m"}],
        "apiKey": {"source": "file", "provider": "disk", "id": "value"}});
    let home = Home::new(config);
    let _gateway = home.start().await;
    let mut admin = Connection::open(&home, &["operator.admin"]).await;
    assert_eq!(
        admin.call("secrets.reload", json!({})).await.unwrap(),
        json!({"ok": true, "warningCount": 0})
    );
    let gone = file.path().to_owned();
    drop(file);
    assert_eq!(
        admin.call("secrets.reload", json!({})).await.unwrap(),
        json!({"ok": true, "warningCount": 1})
    );
    let status = admin.call("status", json!({})).await.unwrap();
    let owner = &status["degradedSecretOwners"][0];
    assert_eq!((&owner["ownerKind"], &owner["ownerId"]), (&json!("provider"), &json!("other")));
    assert_eq!(owner["paths"], json!(["models.providers.other.apiKey"]));
    let auth = admin.call("models.authStatus", json!({})).await.unwrap();
    let other = auth["providers"].as_array().unwrap().iter().find(|one| one["provider"] == "other").unwrap();
    assert_eq!(other["status"], "missing");
    std::fs::write(&gone, "another-key").unwrap();
    assert_eq!(
        admin.call("secrets.reload", json!({})).await.unwrap(),
        json!({"ok": true, "warningCount": 0})
    );
    std::fs::remove_file(gone).unwrap();
}
