//! Senders who wait to be let in, as clients of the control plane see and decide about them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::{Home, SOON, TOKEN, config, fakes};
use openclaw_fakes::{FakeTelegram, Talker};
use serde_json::{Value, json};

const OTHER: &str = "222222:another-bots-token";
const GONE: &str = "pending DM access request no longer exists";

async fn call(home: &Home, method: &str, params: Value) -> Value {
    home.run(&["gateway", "call", method, "--params", &params.to_string()]).await.ok().json()
}

/// Calls what must be refused, with these words.
async fn refused(home: &Home, method: &str, params: Value, words: &str) {
    let ran = home.run(&["gateway", "call", method, "--params", &params.to_string()]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains(words), "no `{words}` in:\n{}", ran.stderr);
}

async fn list(home: &Home, params: Value) -> Value {
    call(home, "channels.pairing.list", params).await
}

/// What decides about a request.
fn named(request: &Value) -> Value {
    let part = |key: &str| request[key].clone();
    json!({"channel": part("channel"), "accountId": part("accountId"), "requestId": part("requestId")})
}

/// Lets somebody write, and waits until there are so many answers that contain `words`.
async fn ask(telegram: &FakeTelegram, user: i64, words: &str, answers: usize) {
    telegram.say(TOKEN, &Talker::private(user, "somebody"), "hello bot");
    let told = telegram.wait_for(TOKEN, SOON, |sent| {
        let own = sent.iter().filter(|sent| sent.method == "sendMessage" && sent.text.contains(words));
        (own.count() == answers).then_some(())
    });
    told.await.unwrap_or_else(|| panic!("{user} is not answered: {:#?}", telegram.messages(TOKEN)));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_listed_without_their_codes_and_decided_by_their_id() {
    let (telegram, model) = fakes().await;
    let home = Home::new(config(&telegram, &model));
    let _gateway = home.start().await;
    ask(&telegram, 777_001, "user id: 777001", 1).await;
    ask(&telegram, 777_002, "user id: 777002", 1).await;

    let found = list(&home, json!({})).await;
    let account = json!({"channel": "telegram", "channelLabel": "Telegram", "accountId": "default", "notifySupported": true});
    assert_eq!(found["accounts"], json!([account]));
    assert_eq!(found["limits"], json!({"pendingPerAccount": 3, "ttlMs": 3_600_000}));
    assert_eq!(found["commandOwnerConfigured"], false);
    let (ada, bob) = (&found["requests"][0], &found["requests"][1]);
    assert_eq!((&ada["senderId"], &bob["senderId"]), (&json!("777001"), &json!("777002")));
    assert_eq!(
        (&ada["senderLabel"], &ada["metadata"]["username"]),
        (&json!("telegramUserId"), &json!("somebody"))
    );
    let codes = home.run(&["pairing", "list", "telegram", "--json"]).await.ok().json();
    for request in codes["requests"].as_array().unwrap() {
        assert!(!found.to_string().contains(request["code"].as_str().unwrap()), "a code left: {found}");
    }

    // Dismissed, and a new request with the next message.
    let dismissed = call(&home, "channels.pairing.dismiss", named(bob)).await;
    assert_eq!(dismissed, json!({"requestId": bob["requestId"], "senderId": "777002"}));
    refused(&home, "channels.pairing.dismiss", named(bob), GONE).await;
    refused(&home, "channels.pairing.approve", named(bob), GONE).await;
    ask(&telegram, 777_002, "user id: 777002", 2).await;
    let found = list(&home, json!({"channel": "Telegram", "accountId": "DEFAULT"})).await;
    let again = &found["requests"][1];
    assert_eq!(again["senderId"], "777002");
    assert_ne!(again["requestId"], bob["requestId"]);

    // Let in, told, and made the owner, because there was none.
    let mut first = named(ada);
    (first["notify"], first["bootstrapCommandOwner"]) = (json!(true), json!(true));
    let expected = json!({"requestId": ada["requestId"], "senderId": "777001", "notification": "sent",
        "commandOwnerBootstrap": "configured"});
    assert_eq!(call(&home, "channels.pairing.approve", first.clone()).await, expected);
    assert!(telegram.messages(TOKEN).iter().any(|sent| sent.text.contains("OpenClaw access approved.")));
    refused(&home, "channels.pairing.approve", first, GONE).await;
    let mut second = named(again);
    second["bootstrapCommandOwner"] = json!(true);
    let expected = json!({"requestId": again["requestId"], "senderId": "777002", "notification": "not-requested",
        "commandOwnerBootstrap": "already-configured"});
    assert_eq!(call(&home, "channels.pairing.approve", second).await, expected);
    let found = list(&home, json!({})).await;
    assert_eq!((&found["requests"], &found["commandOwnerConfigured"]), (&json!([]), &json!(true)));
    ask(&telegram, 777_002, "hello bot", 1).await;
    assert_eq!(model.chats().len(), 1, "who is let in is answered by the model");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_decided_at_its_own_account_only() {
    let (telegram, model) = fakes().await;
    telegram.add_bot(OTHER, "other_claw_bot");
    let mut config = config(&telegram, &model);
    let section = &mut config["channels"]["telegram"];
    section.as_object_mut().unwrap().remove("botToken");
    section["accounts"] = json!({
        "work": {"name": "Work", "botToken": TOKEN},
        "home": {"botToken": OTHER},
        "public": {"enabled": false, "botToken": "333333:nobodys", "dmPolicy": "open", "allowFrom": ["*"]},
    });
    let home = Home::new(config);
    let _gateway = home.start().await;
    ask(&telegram, 777_001, "user id: 777001", 1).await;

    let found = list(&home, json!({"channel": "telegram"})).await;
    let accounts: Vec<_> =
        found["accounts"].as_array().unwrap().iter().map(|account| &account["accountId"]).collect();
    assert_eq!(accounts, ["work", "home"], "only accounts that pair");
    let request = &found["requests"][0];
    assert_eq!((&request["accountId"], &request["accountLabel"]), (&json!("work"), &json!("Work")));
    let home_only = list(&home, json!({"accountId": "home"})).await;
    assert_eq!((home_only["accounts"].as_array().unwrap().len(), &home_only["requests"]), (1, &json!([])));

    let with = |key: &str, value: &str| {
        let mut params = named(request);
        params[key] = json!(value);
        params
    };
    for method in ["channels.pairing.approve", "channels.pairing.dismiss"] {
        refused(&home, method, with("requestId", "t2hC0m8a"), GONE).await;
        refused(&home, method, with("accountId", "home"), GONE).await;
        for account in ["public", "nobody"] {
            let words = format!("channel account does not use DM pairing: telegram:{account}");
            refused(&home, method, with("accountId", account), &words).await;
        }
        refused(&home, method, with("channel", "pigeon"), "unknown pairing channel: pigeon").await;
    }
    refused(&home, "channels.pairing.list", json!({"channel": "pigeon"}), "unknown pairing channel: pigeon")
        .await;
    assert_eq!(list(&home, json!({})).await["requests"].as_array().unwrap().len(), 1, "it waits still");
}
