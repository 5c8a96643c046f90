//! Conversations by command: listed, shown, written down and begun anew, against the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::control::Connection;
use openclaw_e2e::{Home, Ran, model, model_only};
use serde_json::{Value, json};

const KEY: &str = "agent:main:main";

async fn client(home: &Home) -> Connection {
    Connection::open(home, &["operator.admin", "operator.read", "operator.write"]).await
}

async fn type_in(home: &Home, words: &[&str]) -> Ran {
    home.run(&[&["sessions"], words].concat()).await
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a line of an export says.
fn said(line: &Value) -> &str {
    let content = &line["message"]["content"];
    content.as_str().unwrap_or_else(|| content[0]["text"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_listed_shown_written_down_and_begun_anew() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let nothing = home.run(&["sessions"]).await.ok().stdout;
    assert!(nothing.contains("Sessions listed: 0") && nothing.contains("No sessions."), "{nothing}");

    let mut client = client(&home).await;
    client.talk(KEY, "the first words", "r1").await;
    client.talk("agent:main:other", "elsewhere", "r2").await;
    let list = home.run(&["sessions", "list", "--json"]).await.ok().json();
    assert_eq!(
        (&list["count"], &list["totalCount"], &list["limitApplied"]),
        (&json!(2), &json!(2), &json!(100))
    );
    assert!(list["sessions"][0]["ageMs"].is_u64() && list["activeMinutes"].is_null(), "{list:#}");
    let short = home.run(&["sessions", "--limit", "1", "--json"]).await.ok().json();
    assert_eq!((&short["count"], &short["hasMore"]), (&json!(1), &json!(true)), "{short:#}");
    let found = type_in(&home, &["list", "--search", "other", "--limit", "all"]).await.ok().stdout;
    assert!(found.contains("Sessions listed: 1") && found.contains("agent:main:other"), "{found}");

    let shown = type_in(&home, &["show", KEY]).await.ok().stdout;
    assert!(shown.contains("user:\n  the first words") && shown.contains("assistant:\n"), "{shown}");
    let detail = type_in(&home, &["show", KEY, "--json"]).await.ok().json();
    assert_eq!(detail["session"]["key"], KEY);
    assert_eq!(detail["messages"][0], json!({ "role": "user", "text": "the first words" }));
    // By the id of its transcript, and by the short name of the main session.
    let id = detail["session"]["sessionId"].as_str().unwrap().to_owned();
    for name in [id.as_str(), "main"] {
        assert_eq!(
            type_in(&home, &["show", name, "--json"]).await.ok().json()["session"]["key"],
            KEY,
            "{name}"
        );
    }
    for command in ["show", "reset", "export"] {
        let unknown = type_in(&home, &[command, "nowhere", "--json"]).await;
        assert_eq!(unknown.code, 1, "{command}");
        let unknown = unknown.json();
        assert_eq!(unknown["error"]["code"], "SESSION_UNKNOWN", "{command}: {unknown:#}");
        assert!(unknown["error"]["message"].as_str().unwrap().contains("openclaw sessions list"));
    }

    let written = type_in(&home, &["export", KEY]).await.ok().stdout;
    let written = lines(&written);
    assert_eq!(
        (&written[0]["type"], &written[0]["key"], &written[0]["id"]),
        (&json!("session"), &json!(KEY), &json!(id))
    );
    assert_eq!((written.len(), said(&written[1])), (3, "the first words"));
    assert_eq!(
        (&written[1]["message"]["role"], &written[2]["message"]["role"]),
        (&json!("user"), &json!("assistant"))
    );
    assert!(written[1]["timestamp"].as_str().unwrap().ends_with('Z'), "{written:#?}");

    let file = home.state().join("talk.md");
    let path = file.to_str().unwrap();
    let told = type_in(&home, &["export", KEY, "--output", path]).await.ok().stdout;
    assert!(told.starts_with("Wrote 2 message(s) of agent:main:main to "), "{told}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("# Session agent:main:main\n") && text.contains("\n\nthe first words\n"),
        "{text}"
    );
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777,
        0o600
    );
    let refused = type_in(&home, &["export", KEY, "--output", path, "--format", "jsonl", "--json"]).await;
    assert_eq!((refused.code, refused.json()["error"]["code"].clone()), (1, json!("FILE_EXISTS")));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "it is left alone");
    let told =
        type_in(&home, &["export", KEY, "--output", path, "--format", "jsonl", "--force", "--json"]).await;
    let told = told.ok().json();
    assert_eq!((&told["ok"], &told["messages"], &told["format"]), (&json!(true), &json!(2), &json!("jsonl")));
    assert_eq!(lines(&std::fs::read_to_string(&file).unwrap()).len(), 3);

    let asked = type_in(&home, &["reset", KEY]).await;
    assert!(
        asked.code == 1 && asked.stderr.contains("--yes") && asked.stderr.contains("export it first"),
        "{asked:?}"
    );
    assert_eq!(type_in(&home, &["show", KEY, "--json"]).await.ok().json()["session"]["sessionId"], json!(id));
    let anew = type_in(&home, &["reset", KEY, "--yes", "--json"]).await.ok().json();
    assert_eq!((&anew["ok"], &anew["key"]), (&json!(true), &json!(KEY)));
    assert_ne!(anew["entry"]["sessionId"], json!(id));
    let empty = type_in(&home, &["show", KEY]).await.ok().stdout;
    assert!(empty.contains("Nothing was said yet."), "{empty}");
    assert_eq!(lines(&type_in(&home, &["export", KEY]).await.ok().stdout).len(), 1);
    let other = type_in(&home, &["show", "agent:main:other"]).await.ok().stdout;
    assert!(other.contains("elsewhere"), "the other one is untouched: {other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_is_written_down_whole_and_in_order() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = client(&home).await;
    client.talk(KEY, "first", "r1").await;
    // More than one answer of the gateway holds, and one that is longer than a page tells.
    let long = "ä".repeat(600_000);
    for number in 0..1_100 {
        let text = if number == 700 { long.clone() } else { format!("note {number}") };
        client.call("chat.inject", json!({ "sessionKey": KEY, "message": text })).await.unwrap();
    }
    let file = home.state().join("long.jsonl");
    let told = type_in(&home, &["export", KEY, "-o", file.to_str().unwrap(), "--json"]).await.ok().json();
    assert_eq!((&told["messages"], &told["truncatedMessages"]), (&json!(1_102), &json!(0)), "{told:#}");
    let written = lines(&std::fs::read_to_string(&file).unwrap());
    let order: Vec<u64> = written[1..].iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(order, (1..=1_102).collect::<Vec<_>>());
    assert_eq!(said(&written[1]), "first");
    for (place, line) in written[3..].iter().enumerate() {
        match place {
            700 => assert!(said(line) == long, "{} characters", said(line).chars().count()),
            _ => assert_eq!(said(line), format!("note {place}")),
        }
    }
}
