//! Conversations by command: listed, shown, written down, begun anew, put away and deleted, against the real binary.

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

/// The keys that a list shows, in the order of the alphabet.
async fn listed(home: &Home) -> Vec<String> {
    let list = home.run(&["sessions", "list", "--json"]).await.ok().json();
    let mut keys: Vec<String> = list["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["key"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_put_away_and_deleted_each_by_itself() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = client(&home).await;
    for (number, key) in [KEY, "agent:main:a", "agent:main:b", "agent:main:c"].into_iter().enumerate() {
        client.talk(key, "words", &format!("r{number}")).await;
    }
    let happened = type_in(&home, &["tail", "--session-key", "agent:main:a"]).await.ok().stdout;
    let happened: Vec<_> = happened.lines().collect();
    assert!(happened.len() == 2 && happened[0].ends_with("agent:main:a  asked"), "{happened:?}");
    assert!(
        happened[1].contains("done   fake/echo  ") && !happened.concat().contains("words"),
        "{happened:?}"
    );
    let last = type_in(&home, &["tail", "--tail", "1", "--json"]).await.ok();
    let last = lines(&last.stdout);
    assert_eq!(
        (last.len(), &last[0]["sessionKey"], &last[0]["role"]),
        (1, &json!("agent:main:c"), &json!("assistant"))
    );

    let plan = type_in(&home, &["delete", "agent:main:a", "nowhere", KEY, "--dry-run", "--json"]).await;
    assert_eq!(plan.code, 1, "{plan:?}");
    let plan = plan.json();
    let told = |document: &Value| {
        let results = document["results"].as_array().unwrap().clone();
        results.iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told(&plan), ["deleted", "not_found", "failed"]);
    assert_eq!(
        (&plan["ok"], &plan["operation"], &plan["dryRun"]),
        (&json!(false), &json!("delete"), &json!(true))
    );
    assert_eq!(listed(&home).await.len(), 4, "a dry run does nothing");

    let asked = type_in(&home, &["delete", "agent:main:a"]).await;
    assert!(asked.code == 1 && asked.stderr.contains("--yes"), "{asked:?}");
    let done =
        type_in(&home, &["delete", "agent:main:a", "nowhere", "agent:main:b", "--yes", "--json"]).await;
    assert_eq!(
        (done.code, told(&done.json())),
        (1, vec!["deleted".into(), "not_found".into(), "deleted".into()])
    );
    assert_eq!(listed(&home).await, ["agent:main:c", KEY]);
    let main = type_in(&home, &["delete", "main", "--yes"]).await;
    assert!(main.code == 1 && main.stdout.contains("the main session of its agent stays"), "{main:?}");

    let away = type_in(&home, &["archive", "agent:main:c"]).await.ok().stdout;
    assert_eq!(away.trim(), "agent:main:c: archived");
    assert_eq!(listed(&home).await, [KEY]);
    let shown = type_in(&home, &["show", "agent:main:c"]).await.ok().stdout;
    assert!(shown.contains("words") && shown.contains("archived"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_uses_is_put_away_when_somebody_wants_it() {
    let model = model().await;
    let mut config = model_only(&model);
    config["session"] = json!({ "maintenance": { "mode": "warn", "pruneAfter": "1ms" } });
    let home = Home::new(config);
    let _gateway = home.start().await;
    let mut client = client(&home).await;
    let keys = [KEY, "agent:main:draft", "agent:main:hook:1", "agent:main:chat:direct:7"];
    for (number, key) in keys.into_iter().enumerate() {
        client.talk(key, "words", &format!("r{number}")).await;
    }
    let actions = |document: &Value| {
        let actions = document["actions"].as_array().unwrap().clone();
        let mut told: Vec<String> = actions
            .iter()
            .map(|one| format!("{} {}", one["action"].as_str().unwrap(), one["key"].as_str().unwrap()))
            .collect();
        told.sort();
        told
    };
    let due = ["archive-age agent:main:draft", "prune-age agent:main:hook:1"];
    let warned = type_in(&home, &["cleanup", "--json"]).await.ok().json();
    assert_eq!(
        (actions(&warned), &warned["applied"], &warned["mode"]),
        (due.map(str::to_owned).to_vec(), &json!(false), &json!("warn"))
    );
    let kept = type_in(&home, &["cleanup", "--dry-run", "--active-key", "agent:main:draft", "--json"])
        .await
        .ok()
        .json();
    assert_eq!((actions(&kept).len(), &kept["dryRun"]), (1, &json!(true)));
    assert_eq!(listed(&home).await.len(), 4);

    let done = type_in(&home, &["cleanup", "--enforce", "--json"]).await.ok().json();
    assert_eq!((actions(&done), &done["applied"]), (due.map(str::to_owned).to_vec(), &json!(true)));
    let store = &done["stores"][0];
    assert_eq!(
        (&store["agentId"], &store["beforeCount"], &store["afterCount"], &store["pruned"], &store["capped"]),
        (&json!("main"), &json!(4), &json!(2), &json!(2), &json!(0))
    );
    assert_eq!(listed(&home).await, ["agent:main:chat:direct:7", KEY]);
    assert!(type_in(&home, &["show", "agent:main:draft"]).await.ok().stdout.contains("words"));
    let gone = type_in(&home, &["show", "agent:main:hook:1"]).await;
    assert!(gone.code == 1 && gone.stderr.contains("There is no session"), "{gone:?}");
    let again = type_in(&home, &["cleanup", "--enforce"]).await.ok().stdout;
    assert!(again.contains("main: 2 session(s), now 2"), "{again}");
    let unknown = type_in(&home, &["cleanup", "--agent", "nobody"]).await;
    assert!(unknown.code == 1 && unknown.stderr.contains("unknown agent: nobody"), "{unknown:?}");
}
