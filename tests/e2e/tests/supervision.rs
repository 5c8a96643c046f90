//! One account's trouble, restart or new component is nobody else's affair: proven with the echo guest, which misbehaves
//! on request, and the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use openclaw_e2e::control::Connection;
use openclaw_e2e::http::get;
use openclaw_e2e::{GATEWAY_TOKEN, Home, TOKEN, eventually, fakes, model, model_only, open};
use openclaw_fakes::Fault;
use serde_json::{Value, json};

/// What a restart may take (T5).
const QUICK: Duration = Duration::from_millis(200);

/// An installation in which the echo guest serves these accounts.
async fn echoing(accounts: &[&str]) -> (Home, openclaw_fakes::FakeOpenai) {
    let model = model().await;
    let mut config = model_only(&model);
    // Nobody listens there: the mode `echo` asks for nothing.
    let account = |name: &str| json!({ "token": "t", "root": "http://127.0.0.1:9", "mode": mode_of(name) });
    let accounts: serde_json::Map<_, _> =
        accounts.iter().map(|name| ((*name).to_owned(), account(name))).collect();
    config["channels"] = json!({ "echo": { "accounts": accounts } });
    config["gateway"]["reload"] = json!({ "debounceMs": 50 });
    let home = Home::new(config);
    let folder = installed(&home);
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["plugin.toml", "component.wasm"] {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins/echo").join(file);
        std::fs::copy(built, folder.join(file)).expect("the echo guest is not built: run `cargo xtask test`");
    }
    (home, model)
}

/// An account may be named after what it does.
fn mode_of(account: &str) -> &str {
    if account == "poison" { account } else { "echo" }
}

fn installed(home: &Home) -> PathBuf {
    home.state().join("plugins").join("echo")
}

/// Puts another component in the place of the echo guest's, as an installer does.
fn replace(home: &Home, bytes: &[u8]) {
    let draft = home.state().join("draft.wasm");
    std::fs::write(&draft, bytes).unwrap();
    std::fs::rename(draft, installed(home).join("component.wasm")).unwrap();
}

/// The echo guest with another digest: a custom section more.
fn another(home: &Home, name: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(installed(home).join("component.wasm")).unwrap();
    let length = u8::try_from(name.len()).unwrap();
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}

async fn admin(home: &Home) -> Connection {
    Connection::open(home, &["operator.admin"]).await
}

/// The facts of one account.
async fn account(client: &mut Connection, channel: &str, account: &str) -> Value {
    let status = client.call("channels.status", json!({})).await.unwrap();
    let accounts = status["channelAccounts"][channel].as_array().unwrap().clone();
    accounts.into_iter().find(|found| found["accountId"] == account).unwrap()
}

async fn ready(client: &mut Connection, name: &str) {
    eventually(&format!("{name} is ready"), async || {
        account(client, "echo", name).await["lifecycle"] == "ready"
    })
    .await;
}

fn message(account: &str, room: &str, text: &str, key: &str) -> Value {
    json!({ "channel": "echo", "accountId": account, "to": room, "message": text, "idempotencyKey": key })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_drains_one_account_and_no_other_one_notices() {
    let (home, _model) = echoing(&["a", "b"]).await;
    let _gateway = home.start().await;
    let mut client = admin(&home).await;
    ready(&mut client, "a").await;
    ready(&mut client, "b").await;
    // Four conversations of the other account keep sending all the while.
    let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut senders = Vec::new();
    for room in 0..4 {
        let mut sender = admin(&home).await;
        let (over, sent) = (Arc::clone(&over), Arc::clone(&sent));
        senders.push(tokio::spawn(async move {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let message =
                    message("b", &format!("room {room}"), "sleep:20", &format!("b-{room}-{number}"));
                sender.call("send", message).await.unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    eventually("the other account is busy", async || sent.load(Ordering::Relaxed) > 8).await;
    let target = json!({ "channel": "echo", "accountId": "a" });
    for _ in 0..10 {
        let before = sent.load(Ordering::Relaxed);
        let done = client.call("channels.restart", target.clone()).await.unwrap();
        assert_eq!(done["restarted"], true, "{done}");
        let took = Duration::from_millis(done["durationMs"].as_u64().unwrap());
        assert!(took < QUICK, "a restart took {took:?}");
        ready(&mut client, "a").await;
        eventually("the other one goes on", async || sent.load(Ordering::Relaxed) > before).await;
    }
    // What is in flight gets its receipt first.
    let mut slow = admin(&home).await;
    let slow = tokio::spawn(async move { slow.call("send", message("a", "r", "sleep:600", "slow")).await });
    eventually("it is in flight", async || {
        let page =
            get(&format!("http://127.0.0.1:{}/metrics", home.port()), Some(GATEWAY_TOKEN)).await.unwrap();
        page.body.contains(r#"openclaw_channel_account_outbox{channel="echo",account="a",state="sending"} 1"#)
    })
    .await;
    client.call("channels.restart", target.clone()).await.unwrap();
    assert_eq!(slow.await.unwrap().unwrap()["messageId"], "600");
    // By command, too. What is stopped stays stopped, and what is sent meanwhile waits.
    let run = async |verb: &str| home.run(&["channels", verb, "echo", "--account", "a"]).await.ok().stdout;
    assert!(run("restart").await.starts_with("Restarted echo account \"a\""));
    assert_eq!(run("stop").await.trim(), "Stopped echo account \"a\".");
    let why = client.refused("send", message("a", "r", "hello", "waits")).await;
    assert!(why.contains("waits in the outbox"), "{why}");
    assert_eq!(account(&mut client, "echo", "a").await["lifecycle"], "disabled");
    assert_eq!(run("start").await.trim(), "Started echo account \"a\".");
    ready(&mut client, "a").await;
    let receipt = client.call("send", message("a", "r", "hello", "waits")).await.unwrap();
    assert_eq!(receipt["messageId"], "5");
    over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    let other = account(&mut client, "echo", "b").await;
    assert_eq!(other["supervision"]["starts"], 1, "{other}");
    assert_eq!(other["lifecycle"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_crashes_the_component_is_set_aside_and_takes_no_other_with_it() {
    let (home, _model) = echoing(&["a", "b"]).await;
    let _gateway = home.start().await;
    let mut client = admin(&home).await;
    ready(&mut client, "a").await;
    for round in 1..=2 {
        let poison = message("a", "r", "trap", &format!("poison {round}"));
        let why = client.refused("send", poison.clone()).await;
        assert!(why.contains("component_crashed") && why.contains("not sent again"), "{why}");
        // The next one goes out as soon as the instance is there again.
        let next = message("a", "r", "hello", &format!("next {round}"));
        eventually("the account sends again", async || client.call("send", next.clone()).await.is_ok()).await;
        // Whoever asks again hears how it ended, and nothing is sent.
        let why = client.refused("send", poison).await;
        assert!(why.contains("component_crashed"), "{why}");
        let facts = account(&mut client, "echo", "a").await;
        assert_eq!(facts["supervision"]["crashes"], round, "{facts}");
        assert_eq!(facts["supervision"]["lastCrashSuspect"], "send");
        assert_eq!(facts["supervision"]["breaker"], "closed");
        assert_eq!(facts["ambiguousSends"], round);
        assert!(facts["supervision"]["lastCrash"].as_str().unwrap().contains("crashed"), "{facts}");
    }
    let other = account(&mut client, "echo", "b").await;
    assert_eq!((&other["supervision"]["starts"], &other["supervision"]["crashes"]), (&json!(1), &json!(0)));
    let shown = home.run(&["channels", "status"]).await.ok().stdout;
    assert!(shown.contains("crashes:2, crashed:") && shown.contains("unconfirmed:2"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_keeps_its_thread_is_counted_where_people_look() {
    let (home, _model) = echoing(&["a"]).await;
    let _gateway = home.start().await;
    let mut client = admin(&home).await;
    ready(&mut client, "a").await;
    client.call("send", message("a", "r", "spin:700", "spin")).await.unwrap();
    eventually("the strike is counted", async || {
        account(&mut client, "echo", "a").await["supervision"]["strikes"] == 1
    })
    .await;
    assert!(home.run(&["channels", "status"]).await.ok().stdout.contains("strikes:1"));
    eventually("the strike is logged", async || home.log().contains("kept its thread for over 250 ms")).await;
    let page = get(&format!("http://127.0.0.1:{}/metrics", home.port()), Some(GATEWAY_TOKEN)).await.unwrap();
    for row in [
        r#"openclaw_channel_account_strikes_total{channel="echo",account="a"} 1"#,
        r#"openclaw_channel_account_state{channel="echo",account="a",state="ready"} 1"#,
        r#"openclaw_channel_account_breaker{channel="echo",account="a",state="closed"} 1"#,
        r#"openclaw_channel_account_starts_total{channel="echo",account="a"} 1"#,
    ] {
        assert!(page.body.contains(row), "no {row}:\n{}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_component_is_taken_into_use_and_a_bad_one_is_not() {
    let (home, _model) = echoing(&["a", "b"]).await;
    let _gateway = home.start().await;
    let mut client = admin(&home).await;
    ready(&mut client, "a").await;
    ready(&mut client, "b").await;
    let digest = async |client: &mut Connection| {
        let status = client.call("plugins.status", json!({})).await.unwrap();
        let plugins = status["plugins"].as_array().unwrap().clone();
        plugins.into_iter().find(|plugin| plugin["id"] == "echo").unwrap()
    };
    let first = digest(&mut client).await["digest"].clone();
    // By itself, once the file lies there.
    let next = another(&home, "second");
    replace(&home, &next);
    eventually("the new component is used", async || digest(&mut client).await["digest"] != first).await;
    for name in ["a", "b"] {
        eventually("it was started anew", async || {
            let facts = account(&mut client, "echo", name).await;
            facts["supervision"]["starts"] == 2 && facts["lifecycle"] == "ready"
        })
        .await;
    }
    let second = digest(&mut client).await["digest"].clone();
    // One that does not load changes nothing that runs, and says why.
    replace(&home, b"\0asm this is no component");
    eventually("the bad one is refused", async || {
        digest(&mut client).await["error"].as_str().is_some_and(|why| why.contains("not a valid component"))
    })
    .await;
    let shown = digest(&mut client).await;
    assert_eq!(
        (&shown["digest"], &shown["status"], &shown["instances"]),
        (&second, &json!("loaded"), &json!(2))
    );
    let refused = home.run(&["plugins", "reload", "echo"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stdout.contains("echo: not replaced: ") && refused.stdout.contains("it goes on"),
        "{refused:?}"
    );
    let receipt = client.call("send", message("a", "r", "hello", "still there")).await.unwrap();
    assert_eq!(receipt["messageId"], "5");
    // And by command, before the watch has noticed or after it.
    replace(&home, &next);
    eventually("the old one is back on disk", async || {
        home.run(&["plugins", "reload", "echo", "--json"]).await.json()["plugins"][0]["change"] == "unchanged"
    })
    .await;
    assert_eq!(digest(&mut client).await.get("error"), None);
    let manifest = installed(&home).join("plugin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("0.1.0\"\nwit", "0.1.1\"\nwit");
    std::fs::write(&manifest, text).unwrap();
    eventually("the new manifest is used", async || {
        home.run(&["plugins", "reload"]).await.ok();
        digest(&mut client).await["version"] == "0.1.1"
    })
    .await;
    for name in ["a", "b"] {
        eventually("it was started anew, once", async || {
            let facts = account(&mut client, "echo", name).await;
            facts["supervision"]["starts"] == 3 && facts["lifecycle"] == "ready"
        })
        .await;
    }
    let unknown = home.run(&["plugins", "reload", "nothing"]).await;
    assert!(unknown.code != 0 && unknown.stderr.contains("unknown plugin: nothing"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_comes_goes_and_is_switched_off_beside_a_running_gateway() {
    let (home, _model) = echoing(&["a"]).await;
    let away = home.state().join("away");
    std::fs::rename(installed(&home), &away).unwrap();
    let _gateway = home.start().await;
    let mut client = admin(&home).await;
    let why = account(&mut client, "echo", "a").await["lifecycleReason"].clone();
    assert!(why.as_str().unwrap().contains("plugin"), "{why}");
    std::fs::rename(&away, installed(&home)).unwrap();
    ready(&mut client, "a").await;
    let set = async |client: &mut Connection, enabled: bool| {
        let params = json!({ "pluginId": "echo", "enabled": enabled });
        client.call("plugins.setEnabled", params).await.unwrap()
    };
    assert_eq!(
        set(&mut client, false).await,
        json!({ "ok": true, "pluginId": "echo", "enabled": false, "changed": true })
    );
    assert_eq!(account(&mut client, "echo", "a").await["lifecycle"], "disabled");
    assert_eq!(set(&mut client, true).await["changed"], true);
    ready(&mut client, "a").await;
    std::fs::rename(installed(&home), &away).unwrap();
    eventually("the account is not served any more", async || {
        account(&mut client, "echo", "a").await["lifecycle"] == "disabled"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_fails_spends_five_messages_and_not_all_of_them() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    let other = "888000:other-bot-token-for-tests";
    telegram.add_bot(other, "other_bot");
    config["channels"]["telegram"]["accounts"] =
        json!({ "default": { "botToken": TOKEN }, "other": { "botToken": other } });
    let home = Home::new(config);
    let _gateway = home.start().await;
    let mut client = admin(&home).await;
    for name in ["default", "other"] {
        eventually("it is ready", async || {
            account(&mut client, "telegram", name).await["lifecycle"] == "ready"
        })
        .await;
    }
    let message = |account: &str, number: usize| {
        json!({ "channel": "telegram", "accountId": account, "to": number.to_string(),
            "message": format!("message {number}"), "idempotencyKey": format!("{account}-{number}") })
    };
    telegram.fault(TOKEN, "sendMessage", Fault::Page(502), 5);
    for number in 1..=5 {
        let why = client.refused("send", message("default", number)).await;
        assert!(why.contains("may or may not"), "{why}");
    }
    // The sixth is not spent on a vendor that is down.
    let why = client.refused("send", message("default", 6)).await;
    assert!(why.contains("held_back") && why.contains("waits in the outbox"), "{why}");
    let facts = account(&mut client, "telegram", "default").await;
    assert_eq!((&facts["supervision"]["breaker"], &facts["lifecycle"]), (&json!("open"), &json!("ready")));
    assert_eq!(facts["healthState"], "breaker-open");
    let wait = facts["supervision"]["breakerUntil"].as_u64().unwrap()
        - facts["supervision"]["breakerSince"].as_u64().unwrap();
    assert_eq!(wait, 60_000);
    let shown = home.run(&["channels", "status", "--probe"]).await.ok().stdout;
    assert!(shown.contains("health:breaker-open") && shown.contains("messages wait, since"), "{shown}");
    // The other account has its own.
    client.call("send", message("other", 6)).await.unwrap();
    assert_eq!(account(&mut client, "telegram", "other").await["supervision"]["breaker"], "closed");
    // A person who acts is believed, and what waited goes out.
    let target = json!({ "channel": "telegram", "accountId": "default" });
    client.call("channels.restart", target).await.unwrap();
    eventually("the sixth is sent", async || client.call("send", message("default", 6)).await.is_ok()).await;
    assert_eq!(account(&mut client, "telegram", "default").await["supervision"]["breaker"], "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crashes_an_account_twice_is_set_aside_unread_and_the_account_goes_on() {
    let (home, _model) = echoing(&["poison", "a"]).await;
    let _gateway = home.start().await;
    let mut client = admin(&home).await;
    eventually("it is set aside", async || {
        account(&mut client, "echo", "poison").await["supervision"]["setAside"] == 1
    })
    .await;
    ready(&mut client, "poison").await;
    let facts = account(&mut client, "echo", "poison").await["supervision"].clone();
    assert_eq!((&facts["crashes"], &facts["lastCrashSuspect"]), (&json!(2), &json!("input")), "{facts}");
    assert!(home.log().contains("set aside unread: 1: reading it crashed the component twice"));
    let shown = home.run(&["channels", "status"]).await.ok().stdout;
    assert!(shown.contains("set aside unread:1"), "{shown}");
    // What was given up stays behind: the next instance begins after it.
    client.call("channels.restart", json!({ "channel": "echo", "accountId": "poison" })).await.unwrap();
    ready(&mut client, "poison").await;
    let facts = account(&mut client, "echo", "poison").await["supervision"].clone();
    assert_eq!((&facts["crashes"], &facts["setAside"]), (&json!(2), &json!(1)), "{facts}");
    assert_eq!(account(&mut client, "echo", "a").await["supervision"]["crashes"], 0);
}
