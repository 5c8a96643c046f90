//! The Bot API server keeps the vendor's rules: tests that lean on it prove something only if it does.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is right"
)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use openclaw_fakes::{FakeTelegram, Fault, Talker};
use serde_json::{Value, json};

const TOKEN: &str = "123456:TEST";
const SOON: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    root: String,
}

impl Caller {
    async fn try_call(&self, token: &str, method: &str, params: Value) -> Option<(u16, Value)> {
        let request = Request::post(format!("{}/bot{token}/{method}", self.root));
        let request = request.body(Full::new(params.to_string().into())).unwrap();
        let response = self.client.request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    async fn call(&self, method: &str, params: Value) -> (u16, Value) {
        self.try_call(TOKEN, method, params).await.unwrap()
    }

    /// The description of a refusal.
    async fn refusal(&self, method: &str, params: Value) -> String {
        let (status, body) = self.call(method, params).await;
        assert_eq!(
            (body["ok"].as_bool(), body["error_code"].as_u64()),
            (Some(false), Some(u64::from(status)))
        );
        body["description"].as_str().unwrap().to_owned()
    }

    async fn updates(&self, params: Value) -> Vec<i64> {
        let (status, body) = self.call("getUpdates", params).await;
        assert_eq!(status, 200, "{body}");
        body["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|update| update["update_id"].as_i64().unwrap())
            .collect()
    }
}

async fn server() -> (FakeTelegram, Caller, Talker) {
    let server = FakeTelegram::start().await.unwrap();
    server.add_bot(TOKEN, "fake_bot");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let caller = Caller { client, root: server.api_root() };
    (server, caller, Talker::private(777_001, "alice"))
}

#[tokio::test]
async fn offsets_confirm_and_forget() {
    let (server, caller, alice) = server().await;
    let ids: Vec<i64> =
        (0..5).map(|index| server.say(TOKEN, &alice, &format!("m{index}")).unwrap()).collect();
    assert_eq!(caller.updates(json!({"limit": 2})).await, ids[..2]);
    assert_eq!(caller.updates(json!({})).await, ids);
    assert_eq!(caller.updates(json!({"offset": ids[2]})).await, ids[2..]);
    assert_eq!(caller.updates(json!({})).await, ids[2..], "what was confirmed does not come back");
    assert_eq!(caller.updates(json!({"offset": -1})).await, ids[4..]);
    assert_eq!(server.unconfirmed(TOKEN), 1);
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_update() {
    let (server, caller, alice) = server().await;
    let polling = tokio::spawn(async move { caller.updates(json!({"timeout": 30})).await });
    assert!(server.wait_for_poll(TOKEN, SOON).await);
    let id = server.say(TOKEN, &alice, "now").unwrap();
    assert_eq!(polling.await.unwrap(), [id]);
    assert_eq!((server.polls(TOKEN), server.most_polls(TOKEN)), (0, 1));
}

#[tokio::test]
async fn of_two_polls_the_earlier_one_loses() {
    let (server, caller, alice) = server().await;
    server.set_conflict_delay(Duration::from_millis(50));
    let (first, second) = (caller.clone(), caller);
    let earlier = tokio::spawn(async move { first.refusal("getUpdates", json!({"timeout": 30})).await });
    assert!(server.wait_for_poll(TOKEN, SOON).await);
    let later = tokio::spawn(async move { second.updates(json!({"timeout": 30})).await });
    assert_eq!(
        earlier.await.unwrap(),
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    );
    let id = server.say(TOKEN, &alice, "x").unwrap();
    assert_eq!(later.await.unwrap(), [id]);
    assert_eq!(server.most_polls(TOKEN), 2);
}

#[tokio::test]
async fn a_webhook_and_a_poll_exclude_each_other() {
    let (_server, caller, _) = server().await;
    caller.call("setWebhook", json!({"url": "https://x"})).await;
    let refusal = caller.refusal("getUpdates", json!({})).await;
    assert!(
        refusal.starts_with("Conflict: can't use getUpdates method while webhook is active"),
        "{refusal}"
    );
    caller.call("deleteWebhook", json!({})).await;
    assert!(caller.updates(json!({})).await.is_empty());
}

#[tokio::test]
async fn tokens_are_known_unknown_or_revoked() {
    let (server, caller, _) = server().await;
    let (status, body) = caller.call("getMe", json!({})).await;
    assert_eq!(
        (status, &body["result"]["id"], &body["result"]["username"]),
        (200, &json!(123_456), &json!("fake_bot"))
    );
    assert_eq!(caller.try_call("1:OTHER", "getMe", json!({})).await.unwrap().0, 404);
    assert_eq!(caller.call("noSuchMethod", json!({})).await.0, 404);
    let polling = caller.clone();
    let polling = tokio::spawn(async move { polling.refusal("getUpdates", json!({"timeout": 30})).await });
    assert!(server.wait_for_poll(TOKEN, SOON).await);
    server.revoke(TOKEN);
    assert_eq!(polling.await.unwrap(), "Unauthorized");
    assert_eq!(caller.refusal("getMe", json!({})).await, "Unauthorized");
}

#[tokio::test]
async fn messages_are_judged_as_the_vendor_judges_them() {
    let (server, caller, _) = server().await;
    let send = |params: Value| caller.refusal("sendMessage", params);
    let html = |text: &str| json!({"chat_id": 7, "text": text, "parse_mode": "HTML"});
    assert_eq!(send(json!({"text": "x"})).await, "Bad Request: chat_id is empty");
    assert_eq!(send(json!({"chat_id": "nobody", "text": "x"})).await, "Bad Request: chat not found");
    assert_eq!(send(json!({"chat_id": 7, "text": " \n"})).await, "Bad Request: message text is empty");
    assert_eq!(send(html("<b></b>")).await, "Bad Request: message text is empty");
    // 4,096 UTF-16 units after the markup is gone: an emoji counts as two.
    assert_eq!(
        send(json!({"chat_id": 7, "text": "😀".repeat(2049)})).await,
        "Bad Request: message is too long"
    );
    assert_eq!(
        send(html("<b>x")).await,
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\" at byte offset 0"
    );
    let longest = format!("<b>{}</b>&amp;", "x".repeat(4095));
    let (status, body) = caller.call("sendMessage", html(&longest)).await;
    assert_eq!((status, body["result"]["message_id"].as_i64()), (200, Some(1)));
    let sent = server.messages(TOKEN);
    assert_eq!((sent.len(), sent[0].chat_id.as_str()), (1, "7"));
    assert!(sent[0].text.ends_with("x&"));
}

#[tokio::test]
async fn faults_happen_as_often_as_they_were_ordered() {
    let (server, caller, _) = server().await;
    let message = json!({"chat_id": 7, "text": "x"});
    server.fault(TOKEN, "sendMessage", Fault::TooManyRequests { retry_after: 7 }, 1);
    let (status, body) = caller.call("sendMessage", message.clone()).await;
    assert_eq!((status, &body["parameters"]["retry_after"]), (429, &json!(7)));
    assert_eq!(body["description"], "Too Many Requests: retry after 7");

    server.fault(TOKEN, "sendMessage", Fault::Cut, 1);
    assert_eq!(caller.try_call(TOKEN, "sendMessage", message.clone()).await, None);
    assert!(server.messages(TOKEN).is_empty());
    server.fault(TOKEN, "sendMessage", Fault::DoneThenCut, 1);
    assert_eq!(caller.try_call(TOKEN, "sendMessage", message.clone()).await, None);
    assert_eq!(server.messages(TOKEN).len(), 1);

    server.fault(TOKEN, "sendMessage", Fault::Garbage, 1);
    assert_eq!(caller.call("sendMessage", message.clone()).await, (200, Value::Null));
    server.fault(TOKEN, "sendMessage", Fault::Page(502), 1);
    assert_eq!(caller.call("sendMessage", message.clone()).await.0, 502);
    server.fault(TOKEN, "getMe", Fault::Drip(1), 1);
    assert_eq!(caller.call("getMe", json!({})).await.1["ok"], json!(true));

    server.fault(TOKEN, "getMe", Fault::Hang, 1);
    let hanging = caller.call("getMe", json!({}));
    assert!(tokio::time::timeout(Duration::from_millis(100), hanging).await.is_err());
    assert_eq!(caller.call("sendMessage", message).await.0, 200);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_poll() {
    let (server, caller, _) = server().await;
    let polling = tokio::spawn(async move { caller.updates(json!({"timeout": 30})).await });
    assert!(server.wait_for_poll(TOKEN, SOON).await);
    polling.abort();
    let begun = Instant::now();
    while server.polls(TOKEN) > 0 {
        assert!(begun.elapsed() < SOON, "the poll is still pending");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn waiting_for_a_message_sees_it_whenever_it_came() {
    let (server, caller, _) = server().await;
    let waiting = server.wait_for(TOKEN, SOON, |sent| sent.iter().find(|sent| sent.text == "late").cloned());
    let (found, _) = tokio::join!(waiting, caller.call("sendMessage", json!({"chat_id": 7, "text": "late"})));
    assert_eq!(found.unwrap().message_id, 1);
    let never = server.wait_for(TOKEN, Duration::from_millis(20), |sent| (sent.len() > 1).then_some(()));
    assert_eq!(never.await, None);
}

#[tokio::test]
async fn messages_are_edited_once_they_are_there_and_change() {
    let (server, caller, _) = server().await;
    let (_, sent) = caller.call("sendMessage", json!({"chat_id": 1, "text": "one"})).await;
    let id = sent["result"]["message_id"].clone();
    let edit = |text: &str| json!({"chat_id": 1, "message_id": id, "text": text});
    assert!(caller.refusal("editMessageText", edit("one")).await.contains("message is not modified"));
    assert_eq!(caller.call("editMessageText", edit("two")).await.1["result"]["text"], "two");
    assert_eq!(server.visible(TOKEN), [(id.as_i64().unwrap(), "two".to_owned())]);
    let elsewhere = json!({"chat_id": 2, "message_id": id, "text": "x"});
    let gone = "Bad Request: message to edit not found";
    assert_eq!(caller.refusal("editMessageText", elsewhere).await, gone);
    assert_eq!(caller.refusal("editMessageText", edit(" ")).await, "Bad Request: message text is empty");
    server.delete(TOKEN, id.as_i64().unwrap());
    assert_eq!(caller.refusal("editMessageText", edit("three")).await, gone);
}

#[tokio::test]
async fn reactions_are_of_the_vendors_own_set() {
    let (server, caller, alice) = server().await;
    server.say(TOKEN, &alice, "hello").unwrap();
    let react = |id: i64, emoji: &str| json!({"chat_id": 777_001, "message_id": id, "reaction": [{"type": "emoji", "emoji": emoji}]});
    assert_eq!(caller.call("setMessageReaction", react(1, "👍")).await.0, 200);
    assert_eq!(caller.refusal("setMessageReaction", react(1, "🦞")).await, "Bad Request: REACTION_INVALID");
    let unknown = caller.refusal("setMessageReaction", react(9, "👍")).await;
    assert_eq!(unknown, "Bad Request: message to react not found");
    caller.call("setMessageReaction", json!({"chat_id": 777_001, "message_id": 1, "reaction": []})).await;
    assert_eq!(server.reactions(TOKEN), [(1, Some("👍".to_owned())), (1, None)]);
}
