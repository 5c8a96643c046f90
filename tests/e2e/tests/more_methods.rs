//! Methods beside the main road: what one session used, what a channel can do by name, an account that is logged out, and a
//! message in place of another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::control::Connection;
use openclaw_e2e::{Home, SOON, TOKEN, eventually, fakes, model, model_only, open};
use openclaw_fakes::Mode;
use serde_json::{Value, json};

const ADMIN: &[&str] = &["operator.admin"];

#[tokio::test(flavor = "multi_thread")]
async fn what_one_session_used_is_told_answer_by_answer() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    let key = "agent:main:used";
    for run in ["one", "two"] {
        client.talk(key, run, run).await;
    }
    let line = client.call("sessions.usage.timeseries", json!({"key": key})).await.unwrap();
    let points = line["points"].as_array().unwrap();
    assert_eq!(points.len(), 2, "{line}");
    let tokens = |point: &Value| point["totalTokens"].as_u64().unwrap();
    assert!(tokens(&points[0]) > 0, "{line}");
    assert_eq!(points[1]["cumulativeTokens"].as_u64().unwrap(), tokens(&points[0]) + tokens(&points[1]));
    assert_eq!(points[0]["cost"], 0);
    let logs = client.call("sessions.usage.logs", json!({"key": key, "limit": 3})).await.unwrap();
    let logs = logs["logs"].as_array().unwrap().clone();
    let short: Vec<_> =
        logs.iter().map(|line| (line["role"].as_str().unwrap(), line["content"].as_str().unwrap())).collect();
    assert_eq!(short, [("assistant", "echo: one"), ("user", "two"), ("assistant", "echo: two")]);
    assert_eq!((logs[2]["tokens"].as_u64(), logs[1].get("tokens")), (Some(tokens(&points[1])), None));
    let refused = client.refused("sessions.usage.logs", json!({})).await;
    assert_eq!(refused, "key is required for logs");
    let nothing = json!({"key": "agent:main:nothing"});
    assert_eq!(
        client.refused("sessions.usage.timeseries", nothing.clone()).await,
        "No transcript found for session: agent:main:nothing"
    );
    assert_eq!(client.call("sessions.usage.logs", nothing).await.unwrap(), json!({"logs": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_takes_the_place_of_another() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    model.script([Mode::Hang, Mode::Echo]);
    let say = |message: &str| json!({"key": "main", "message": message, "idempotencyKey": message});
    client.call("sessions.send", say("first")).await.unwrap();
    assert!(model.wait_for(1, SOON).await);
    let ack = client.call("sessions.steer", say("second")).await.unwrap();
    assert_eq!(ack, json!({"runId": "second", "status": "started", "interruptedActiveRun": true}));
    assert_eq!(client.end_of("first").await["state"], "aborted");
    assert_eq!(client.end_of("second").await["message"]["content"][0]["text"], "echo: second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_does_by_name_what_it_can() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    let action = |action: &str, params: Value| json!({"channel": "telegram", "action": action, "params": params, "idempotencyKey": "k1"});
    let send = action("send", json!({"to": "777001", "message": "by name"}));
    assert!(telegram.wait_for_poll(TOKEN, 4 * SOON).await);
    let sent = client.call("message.action", send.clone()).await.unwrap();
    assert_eq!((&sent["channel"], &sent["runId"]), (&json!("telegram"), &json!("k1")), "{sent}");
    assert_eq!(client.call("message.action", send).await.unwrap(), sent);
    let texts: Vec<_> = telegram.messages(TOKEN).iter().map(|sent| sent.text.clone()).collect();
    assert_eq!(texts, ["by name"], "a repetition sends nothing");
    for (params, expected) in [
        (action("react", json!({})), "Channel telegram does not support action react."),
        (action("send", json!({"message": "x"})), "send requires a target: name it with `to`"),
        (
            action("send", json!({"to": "1", "message": "x", "media": "http://x"})),
            "send: media is not supported by this gateway yet; send the text alone, or a file as buffer (base64), \
             filename and contentType",
        ),
    ] {
        assert_eq!(client.refused("message.action", params).await, expected);
    }
    let mut elsewhere = action("send", json!({"to": "1", "message": "x"}));
    elsewhere["channel"] = json!("pigeon");
    assert_eq!(client.refused("message.action", elsewhere).await, "unsupported channel: pigeon");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_logged_out_has_no_credential_left() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    let mut writer = Connection::open(&home, &["operator.write"]).await;
    let which = json!({"channel": "telegram"});
    let refused = writer.refused("channels.logout", which.clone()).await;
    assert_eq!(refused, "missing scope: operator.admin");
    let mut admin = Connection::open(&home, ADMIN).await;
    let expected = |cleared: bool| {
        json!({"channel": "telegram", "accountId": "default", "cleared": cleared, "envToken": false,
            "loggedOut": true})
    };
    assert_eq!(admin.call("channels.logout", which.clone()).await.unwrap(), expected(true));
    let file = std::fs::read_to_string(home.config_path()).unwrap();
    assert!(file.contains("telegram") && !file.contains(TOKEN), "{file}");
    eventually("the account is down", async || {
        let status = admin.call("channels.status", json!({})).await.unwrap();
        status["channelAccounts"]["telegram"][0]["running"] != true
    })
    .await;
    assert_eq!(admin.call("channels.logout", which).await.unwrap(), expected(false));
    let unknown = admin.refused("channels.logout", json!({"channel": "pigeon"})).await;
    assert!(unknown.contains("pigeon"), "{unknown}");
}
