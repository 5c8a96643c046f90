//! What could not be sent or read, by command: the real binary, a vendor that fails, and an operator who decides.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use openclaw_e2e::control::Connection;
use openclaw_e2e::{Home, Ran, SOON, TOKEN, eventually, fakes, model, model_only, open};
use openclaw_fakes::{FakeTelegram, Fault};
use serde_json::{Value, json};

async fn admin(home: &Home) -> Connection {
    Connection::open(home, &["operator.admin", "operator.read", "operator.write"]).await
}

/// A message for the room 1, with its text as its key.
fn message(text: &str) -> Value {
    json!({ "channel": "telegram", "to": "1", "message": text, "idempotencyKey": text })
}

/// What the vendor took with this text.
fn arrived(telegram: &FakeTelegram, text: &str) -> usize {
    let sent = telegram.messages(TOKEN);
    sent.iter().filter(|sent| sent.method == "sendMessage" && sent.text.contains(text)).count()
}

async fn type_in(home: &Home, words: &[&str]) -> Ran {
    home.run(&[&["channels", "dead-letters"], words].concat()).await
}

async fn listed(home: &Home) -> Value {
    type_in(home, &["list", "--json"]).await.ok().json()
}

/// The id of the only dead letter with this text.
fn id_of(list: &Value, text: &str) -> String {
    let letters = list["letters"].as_array().unwrap();
    let mut found = letters.iter().filter(|letter| letter["text"].as_str().unwrap().contains(text));
    let id = found.next().unwrap_or_else(|| panic!("no dead letter {text:?}: {list:#}"))["id"].clone();
    assert!(found.next().is_none(), "{list:#}");
    id.as_str().unwrap().to_owned()
}

fn refuse(description: String) -> Fault {
    Fault::Refuse { status: 400, description }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_is_listed_shown_sent_again_and_dropped() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let gateway = home.start().await;
    assert!(telegram.wait_for_poll(TOKEN, SOON).await);
    let nothing = type_in(&home, &["list"]).await.ok().stdout;
    assert_eq!(nothing.trim(), "No dead letters.");
    assert!(!home.run(&["status"]).await.ok().stdout.contains("Dead letters"));

    // A refusal that repeats the credential, an answer that says nothing, and none before the end.
    let mut client = admin(&home).await;
    telegram.fault(TOKEN, "sendMessage", refuse(format!("Bad Request: chat not found, {TOKEN}")), 1);
    client.refused("send", message("refused")).await;
    telegram.fault(TOKEN, "sendMessage", Fault::Page(502), 1);
    client.refused("send", message("answered with 502")).await;
    telegram.fault(TOKEN, "sendMessage", Fault::Hang, 1);
    client.ask("send", message("left hanging")).await;
    eventually("it is in flight", async || {
        let calls = telegram.calls(TOKEN);
        calls.iter().any(|(_, params)| params.to_string().contains("left hanging"))
    })
    .await;
    gateway.kill().await;
    let _gateway = home.start().await;

    let list = listed(&home).await;
    assert_eq!(list["counts"], json!({ "failed": 1, "ambiguous": 2, "expired": 0, "unread": 0 }), "{list:#}");
    assert_eq!((&list["total"], list["letters"].as_array().unwrap().len()), (&json!(3), 3));
    let (refused, page, hung) =
        (id_of(&list, "refused"), id_of(&list, "answered with 502"), id_of(&list, "left hanging"));
    let kind = |id: &str| {
        let letters = list["letters"].as_array().unwrap();
        letters.iter().find(|letter| letter["id"] == id).unwrap()["kind"].clone()
    };
    assert_eq!(
        (kind(&refused), kind(&page), kind(&hung)),
        (json!("failed"), json!("ambiguous"), json!("ambiguous"))
    );
    let one =
        type_in(&home, &["list", "--limit", "1", "--channel", "telegram", "--account", "default"]).await.ok();
    assert!(one.stdout.contains("Dead letters: 3") && one.stdout.contains("2 more"), "{one:?}");
    assert!(one.stdout.lines().all(|line| line.chars().count() <= 80), "{one:?}");
    let other = type_in(&home, &["list", "--account", "other"]).await.ok().stdout;
    assert_eq!(other.trim(), "No dead letters.");
    let status = home.run(&["status"]).await.ok().stdout;
    assert!(
        status.contains("Dead letters") && status.contains("3 (openclaw channels dead-letters list)"),
        "{status}"
    );
    let status = home.run(&["status", "--json"]).await.ok().json();
    assert_eq!(status["outbox"]["deadLetters"], 3, "{status:#}");
    let channels = home.run(&["channels", "status"]).await.ok().stdout;
    assert!(
        channels.contains("dead letters:3") && channels.contains("3 dead letter(s): openclaw"),
        "{channels}"
    );

    let shown = type_in(&home, &["show", &refused, "--json"]).await.ok();
    let detail = shown.json();
    assert_eq!((&detail["code"], &detail["send"]["attempts"]), (&json!("http_400"), &json!(1)), "{detail:#}");
    assert_eq!((&detail["room"], &detail["send"]["requestKey"]), (&json!("1"), &json!("refused")));
    assert!(detail["detail"].as_str().unwrap().contains("chat not found"), "{detail:#}");
    assert!(!shown.stdout.contains(TOKEN), "{shown:?}");
    let shown = type_in(&home, &["show", &hung]).await.ok().stdout;
    assert!(
        shown.contains("(ambiguous)") && shown.contains("interrupted: ") && shown.contains("twice"),
        "{shown}"
    );

    // What was refused goes once more; what may have arrived does so only on purpose.
    let retried = type_in(&home, &["retry", &refused]).await.ok().stdout;
    assert!(retried.contains("1 part waits to be sent by telegram account \"default\""), "{retried}");
    eventually("it is sent", async || arrived(&telegram, "refused") == 1).await;
    let why = type_in(&home, &["retry", &page]).await;
    assert_eq!(why.code, 1);
    assert!(why.stderr.contains("appear twice") && why.stderr.contains("--yes"), "{why:?}");
    let why = type_in(&home, &["retry", &page, "--json"]).await.json();
    assert_eq!(why["error"]["code"], "CONFIRMATION_REQUIRED", "{why}");
    assert_eq!(arrived(&telegram, "answered with 502"), 0);
    let retried = type_in(&home, &["retry", &page, "--yes", "--json"]).await.ok().json();
    assert_eq!((&retried["id"], &retried["queued"]), (&json!(page), &json!(1)));
    eventually("it is sent", async || arrived(&telegram, "answered with 502") == 1).await;
    eventually("both are off the list", async || listed(&home).await["total"] == 1).await;
    // Whoever asked with the key hears that it arrived, and nothing goes out twice.
    let mut client = admin(&home).await;
    client.call("send", message("refused")).await.unwrap();
    assert_eq!(arrived(&telegram, "refused"), 1);

    let why = type_in(&home, &["drop", &hung]).await;
    assert!(why.code == 1 && why.stderr.contains("--yes"), "{why:?}");
    let dropped = type_in(&home, &["drop", &hung, "--yes"]).await.ok().stdout;
    assert_eq!(dropped.trim(), format!("Forgot {hung} of telegram account \"default\"."));
    assert_eq!(listed(&home).await["total"], 0);
    assert_eq!(arrived(&telegram, "left hanging"), 0);

    // What is gone is told with its code and what to type.
    for (words, code, told) in [
        (["show", hung.as_str()], "DEAD_LETTER_OVER", "it was dropped"),
        (["retry", hung.as_str()], "DEAD_LETTER_OVER", "it was dropped"),
        (["show", refused.as_str()], "DEAD_LETTER_OVER", "it was sent"),
        (["retry", "send-9999"], "DEAD_LETTER_GONE", "dead-letters list"),
        (["show", "unread-9999"], "DEAD_LETTER_GONE", "dead-letters list"),
        (["drop", "9999"], "DEAD_LETTER_ID", "send-17"),
    ] {
        let why = type_in(&home, &[words[0], words[1], "--json"]).await;
        assert_eq!(why.code, 1, "{words:?}");
        let why = why.json();
        assert_eq!(why["error"]["details"]["code"], code, "{words:?}: {why:#}");
        assert!(why["error"]["message"].as_str().unwrap().contains(told), "{words:?}: {why:#}");
    }
    let configuration =
        |path: &Path| path.file_name().unwrap().to_string_lossy().starts_with("openclaw.json");
    for (path, bytes) in home.files().into_iter().filter(|(path, _)| !configuration(path)) {
        let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert!(!found, "the token stands in {}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_decides() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    let mut reader = Connection::open(&home, &["operator.read"]).await;
    let list = reader.call("channels.deadLetters.list", json!({})).await.unwrap();
    assert_eq!((&list["letters"], &list["total"]), (&json!([]), &json!(0)));
    for method in ["channels.deadLetters.retry", "channels.deadLetters.drop"] {
        let refused = reader.refused(method, json!({ "id": "send-1" })).await;
        assert_eq!(refused, "missing scope: operator.admin", "{method}");
    }
    let refused = reader.refused("channels.deadLetters.list", json!({ "limit": 501 })).await;
    assert!(refused.contains("at /limit: must be <= 500"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_is_shown_and_forgotten() {
    let model = model().await;
    let mut config = model_only(&model);
    config["channels"] = json!({ "echo": { "accounts": {
        "poison": { "token": "t", "root": "http://127.0.0.1:9", "mode": "poison" },
    } } });
    let home = Home::new(config);
    let folder = home.state().join("plugins").join("echo");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["plugin.toml", "component.wasm"] {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins/echo").join(file);
        std::fs::copy(built, folder.join(file)).expect("the echo guest is not built: run `cargo xtask test`");
    }
    let _gateway = home.start().await;
    eventually("it is set aside", async || listed(&home).await["counts"]["unread"] == 1).await;
    let list = listed(&home).await;
    let letter = &list["letters"][0];
    assert_eq!((&letter["kind"], &letter["accountId"]), (&json!("unread"), &json!("poison")), "{list:#}");
    let id = letter["id"].as_str().unwrap().to_owned();
    let shown = type_in(&home, &["show", &id]).await.ok().stdout;
    assert!(
        shown.contains("crashed the component twice") && shown.contains("cannot be tried again"),
        "{shown}"
    );
    let why = type_in(&home, &["retry", &id, "--yes", "--json"]).await.json();
    assert_eq!(why["error"]["details"]["code"], "DEAD_LETTER_UNREAD", "{why:#}");
    type_in(&home, &["drop", &id, "--yes"]).await.ok();
    assert_eq!(listed(&home).await["total"], 0);
    let channels = home.run(&["channels", "status", "--json"]).await.ok().json();
    let facts = &channels["channelAccounts"]["echo"][0];
    assert_eq!(
        (&facts["supervision"]["setAside"], &facts["deadLetters"]),
        (&json!(0), &Value::Null),
        "{facts:#}"
    );
}

/// T13: a hundred callers, one message, and a restart between.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sends_with_one_key_are_one_message_also_across_a_restart() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let mut gateway = home.start().await;
    assert!(telegram.wait_for_poll(TOKEN, SOON).await);
    let mut receipts = Vec::new();
    for life in 0..2 {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let mut client = admin(&home).await;
            callers.spawn(async move {
                let mut asked = Vec::new();
                for _ in 0..10 {
                    asked.push(client.ask("send", message("only once")).await);
                }
                let mut receipts = Vec::new();
                for id in asked {
                    let frame =
                        client.until(|frame| frame["type"] == "res" && frame["id"] == id.as_str()).await;
                    receipts.push(frame["payload"]["messageId"].clone());
                }
                receipts
            });
        }
        receipts.extend(callers.join_all().await.into_iter().flatten());
        if life == 0 {
            gateway.kill().await;
            gateway = home.start().await;
        }
    }
    assert_eq!(receipts.len(), 200);
    assert!(receipts[0].is_string() && receipts.iter().all(|id| *id == receipts[0]), "{receipts:?}");
    assert_eq!(arrived(&telegram, "only once"), 1);
    // Killed while it was being sent: everybody hears that nobody knows, and nothing goes out by itself.
    telegram.fault(TOKEN, "sendMessage", Fault::Hang, 1);
    let mut client = admin(&home).await;
    client.ask("send", message("in flight")).await;
    eventually("it is in flight", async || {
        telegram.calls(TOKEN).iter().any(|(_, params)| params.to_string().contains("in flight"))
    })
    .await;
    gateway.kill().await;
    let _gateway = home.start().await;
    let mut client = admin(&home).await;
    for _ in 0..10 {
        let why = client.refused("send", message("in flight")).await;
        assert!(why.contains("may or may not") && why.contains("interrupted"), "{why}");
    }
    assert_eq!(arrived(&telegram, "in flight"), 0);
}
