//! The Discord server keeps the vendor's rules: tests that lean on it prove something only if it does.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that panics has failed, which is right"
)]

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use openclaw_fakes::{DiscordFault, DiscordTalker, FakeDiscord, LimitScope};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const TOKEN: &str = "FAKE.TOKEN";
const INTENTS: u64 = 46_601;
const SEND: &str = "POST /channels/{}/messages";

struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    root: String,
    token: &'static str,
}

impl Caller {
    async fn try_call(&self, method: &str, path: &str, params: Value) -> Option<(u16, HeaderMap, Value)> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v10{path}", self.root))
            .header("authorization", format!("Bot {}", self.token))
            .header("user-agent", "DiscordBot (https://example.org, 1)")
            .body(Full::new(params.to_string().into()));
        let response = self.client.request(request.unwrap()).await.ok()?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some((head.status.as_u16(), head.headers, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    async fn call(&self, method: &str, path: &str, params: Value) -> (u16, HeaderMap, Value) {
        self.try_call(method, path, params).await.unwrap()
    }

    async fn send(&self, channel: u64, params: Value) -> (u16, HeaderMap, Value) {
        self.call("POST", &format!("/channels/{channel}/messages"), params).await
    }
}

async fn server() -> (FakeDiscord, Caller) {
    let server = FakeDiscord::start().await.unwrap();
    server.add_bot(TOKEN, 1_000, "claw");
    server.set_identify_gap(TOKEN, Duration::ZERO);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let caller = Caller { client, root: server.api_root(), token: TOKEN };
    (server, caller)
}

fn room() -> DiscordTalker {
    DiscordTalker::in_channel(10, 20, 7, "ada")
}

/// A connection to the gateway.
struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What the server said.
#[derive(Debug)]
enum Said {
    Frame(Value),
    Closed(Option<u16>),
}

impl Socket {
    async fn open(server: &FakeDiscord) -> Self {
        let url = format!("{}?v=10&encoding=json", server.gateway_url());
        let mut socket = Self(tokio_tungstenite::connect_async(url).await.unwrap().0);
        assert_eq!(socket.frame().await["op"], 10);
        socket
    }

    /// Open, identified, and past READY.
    async fn begun(server: &FakeDiscord, intents: u64) -> (Self, Value) {
        let mut socket = Self::open(server).await;
        socket.identify(TOKEN, intents).await;
        let ready = socket.frame().await;
        assert_eq!((ready["t"].as_str(), ready["s"].as_u64()), (Some("READY"), Some(1)), "{ready}");
        (socket, ready["d"].clone())
    }

    async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn identify(&mut self, token: &str, intents: u64) {
        let properties = json!({"os": "linux", "browser": "test", "device": "test"});
        self.send(json!({"op": 2, "d": {"token": token, "intents": intents, "properties": properties}}))
            .await;
    }

    async fn resume(&mut self, session: &Value, sequence: u64) {
        self.send(json!({"op": 6, "d": {"token": TOKEN, "session_id": session, "seq": sequence}})).await;
    }

    async fn next(&mut self) -> Said {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Said::Frame(serde_json::from_str(text.as_str()).unwrap());
                }
                Some(Ok(Message::Close(frame))) => return Said::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Said::Closed(None),
            }
        }
    }

    async fn frame(&mut self) -> Value {
        match self.next().await {
            Said::Frame(frame) => frame,
            closed @ Said::Closed(_) => panic!("{closed:?}"),
        }
    }

    async fn closed(&mut self) -> Option<u16> {
        match self.next().await {
            Said::Closed(code) => code,
            frame @ Said::Frame(_) => panic!("{frame:?}"),
        }
    }
}

#[tokio::test]
async fn a_session_hears_what_is_said() {
    let (server, _) = server().await;
    server.add_place(TOKEN, &DiscordTalker::in_thread(10, 20, 30, 7, "ada"));
    let (mut socket, ready) = Socket::begun(&server, INTENTS).await;
    assert_eq!(ready["user"]["id"], "1000");
    assert_eq!(ready["resume_gateway_url"], server.gateway_url());
    let guild = socket.frame().await;
    assert_eq!(guild["t"], "GUILD_CREATE");
    assert_eq!(guild["d"]["threads"][0]["parent_id"], "20");
    let id = server.say(TOKEN, &room(), "hi <@1000>").unwrap();
    let heard = socket.frame().await;
    assert_eq!((heard["t"].as_str(), heard["s"].as_u64()), (Some("MESSAGE_CREATE"), Some(3)));
    assert_eq!((&heard["d"]["id"], &heard["d"]["mentions"][0]["id"]), (&json!(id), &json!("1000")));
    server.edit(TOKEN, &id, "better");
    let edited = socket.frame().await;
    assert_eq!(
        (edited["t"].as_str(), edited["d"]["content"].as_str()),
        (Some("MESSAGE_UPDATE"), Some("better"))
    );
    socket.send(json!({"op": 1, "d": 4})).await;
    assert_eq!(socket.frame().await["op"], 11);
    assert_eq!((server.heartbeats(TOKEN), server.connected(TOKEN)), (1, 1));
}

#[tokio::test]
async fn a_resume_replays_what_was_missed() {
    let (server, _) = server().await;
    let (mut socket, ready) = Socket::begun(&server, INTENTS).await;
    let ada = DiscordTalker::private(7, "ada");
    server.say(TOKEN, &ada, "one");
    assert_eq!(socket.frame().await["s"], 2);
    server.cut(TOKEN);
    assert_eq!(socket.closed().await, None);
    for text in ["two", "three"] {
        server.say(TOKEN, &ada, text);
    }
    let mut socket = Socket::open(&server).await;
    socket.resume(&ready["session_id"], 2).await;
    for (number, text) in [(3, Some("two")), (4, Some("three")), (5, None)] {
        let frame = socket.frame().await;
        assert_eq!((frame["s"].as_u64(), frame["d"]["content"].as_str()), (Some(number), text));
    }
    // A number that the session has not reached.
    let mut other = Socket::open(&server).await;
    other.resume(&ready["session_id"], 99).await;
    assert_eq!(other.closed().await, Some(4007));
    // Closed by the client in good order: the session is gone.
    socket
        .0
        .close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame {
            code: 1000.into(),
            reason: "".into(),
        }))
        .await
        .unwrap();
    while let Said::Frame(_) = socket.next().await {}
    let mut socket = Socket::open(&server).await;
    socket.resume(&ready["session_id"], 5).await;
    assert_eq!(socket.frame().await, json!({"op": 9, "d": false}));
}

#[tokio::test]
async fn who_may_not_identify_is_closed_with_the_code() {
    let (server, _) = server().await;
    let refused = async |token: &str, intents: u64| {
        let mut socket = Socket::open(&server).await;
        socket.identify(token, intents).await;
        socket.closed().await
    };
    assert_eq!(refused("WRONG", INTENTS).await, Some(4004));
    assert_eq!(refused(TOKEN, 1 << 40).await, Some(4013));
    server.allow_intents(TOKEN, 0);
    assert_eq!(refused(TOKEN, INTENTS).await, Some(4014));
    server.refuse_identify(TOKEN, 4011);
    assert_eq!(refused(TOKEN, 1).await, Some(4011));
    server.revoke(TOKEN);
    assert_eq!(refused(TOKEN, 1).await, Some(4004));
    assert_eq!(server.identifies(TOKEN).len(), 4, "of this bot");
}

#[tokio::test]
async fn identifies_are_rationed() {
    let (server, caller) = server().await;
    server.set_identify_gap(TOKEN, Duration::from_secs(5));
    let _first = Socket::begun(&server, 1).await;
    let mut second = Socket::open(&server).await;
    second.identify(TOKEN, 1).await;
    assert_eq!(second.frame().await["op"], 9);
    server.set_identify_gap(TOKEN, Duration::ZERO);
    server.set_remaining(TOKEN, 0);
    second.identify(TOKEN, 1).await;
    assert_eq!(second.frame().await["op"], 9);
    let (_, _, bot) = caller.call("GET", "/gateway/bot", json!({})).await;
    assert_eq!(
        (&bot["session_start_limit"]["remaining"], &bot["url"]),
        (&json!(0), &json!(server.gateway_url()))
    );
}

#[tokio::test]
async fn frames_that_are_wrong_close_the_connection() {
    let (server, _) = server().await;
    let closes = async |frame: Value| {
        let mut socket = Socket::open(&server).await;
        socket.send(frame).await;
        socket.closed().await
    };
    assert_eq!(closes(json!({"op": 99})).await, Some(4001));
    assert_eq!(closes(json!("x")).await, Some(4002));
    assert_eq!(
        closes(json!({"op": 2, "d": {"token": TOKEN, "intents": 1}})).await,
        Some(4002),
        "no properties"
    );
    assert_eq!(closes(json!({"op": 1, "d": "x".repeat(5_000)})).await, Some(4002));
    assert_eq!(closes(json!({"op": 3, "d": {}})).await, Some(4003));
    let (mut socket, _) = Socket::begun(&server, 1).await;
    socket.identify(TOKEN, 1).await;
    assert_eq!(socket.closed().await, Some(4005));
    let mut socket = Socket::open(&server).await;
    for _ in 0..121 {
        socket.send(json!({"op": 1, "d": null})).await;
    }
    let code = loop {
        match socket.next().await {
            Said::Closed(code) => break code,
            Said::Frame(_) => {}
        }
    };
    assert_eq!(code, Some(4008));
}

#[tokio::test]
async fn the_faults_of_a_connection() {
    let (server, _) = server().await;
    let (mut socket, ready) = Socket::begun(&server, 1).await;
    server.set_acks(TOKEN, false);
    socket.send(json!({"op": 1, "d": 1})).await;
    server.reconnect(TOKEN);
    assert_eq!(socket.frame().await["op"], 7, "and no ACK before it");
    server.invalidate(TOKEN, true);
    assert_eq!(socket.frame().await, json!({"op": 9, "d": true}));
    server.raw(TOKEN, "\"odd\"");
    assert_eq!(socket.frame().await, json!("odd"));
    server.close(TOKEN, 4000);
    assert_eq!(socket.closed().await, Some(4000));
    let mut socket = Socket::open(&server).await;
    socket.resume(&ready["session_id"], 1).await;
    assert_eq!(socket.frame().await["t"], "RESUMED");
    server.close(TOKEN, 4009);
    assert_eq!(socket.closed().await, Some(4009));
    let mut socket = Socket::open(&server).await;
    socket.resume(&ready["session_id"], 1).await;
    assert_eq!(socket.frame().await["d"], false, "the session is gone");
    assert_eq!(server.resumes(TOKEN).len(), 2);
}

#[tokio::test]
async fn content_is_hidden_from_who_did_not_ask_for_it() {
    let (server, _) = server().await;
    let (mut socket, _) = Socket::begun(&server, 13_833).await;
    for (talker, text, shown) in [
        (room(), "secret", ""),
        (room(), "hey <@1000>", "hey <@1000>"),
        (DiscordTalker::private(7, "ada"), "private", "private"),
    ] {
        server.say(TOKEN, &talker, text);
        assert_eq!(socket.frame().await["d"]["content"], shown);
    }
}

#[tokio::test]
async fn messages_are_checked_and_known_by_their_nonce() {
    let (server, caller) = server().await;
    server.add_place(TOKEN, &room());
    server.set_limit(TOKEN, 100, Duration::from_secs(5));
    let params = json!({"content": "hello", "nonce": "n1", "enforce_nonce": true});
    let (status, _, first) = caller.send(20, params.clone()).await;
    assert_eq!((status, first["content"].as_str()), (200, Some("hello")));
    assert_eq!(caller.send(20, params).await.2["id"], first["id"]);
    assert_eq!(server.messages(TOKEN).len(), 1);
    for (params, code) in [
        (json!({"content": " "}), 50_006),
        (json!({"content": "x".repeat(2_001)}), 50_035),
        (json!({"content": "x", "nonce": "n".repeat(26)}), 50_035),
        (json!({"content": "x", "message_reference": {"message_id": "1"}}), 50_035),
    ] {
        assert_eq!(caller.send(20, params).await.2["code"], code);
    }
    let gone = json!({"content": "x", "message_reference": {"message_id": "1", "fail_if_not_exists": false}});
    assert_eq!(caller.send(20, gone).await.0, 200);
    assert_eq!(caller.send(21, json!({"content": "x"})).await.2["code"], 10_003);
    server.hide(TOKEN, 20);
    assert_eq!(caller.send(20, json!({"content": "x"})).await.2["code"], 50_001);
    let (_, _, private) = caller.call("POST", "/users/@me/channels", json!({"recipient_id": "7"})).await;
    assert_eq!(private["type"], 1);
    let path = format!("/channels/{}/typing", private["id"].as_str().unwrap());
    assert_eq!(caller.call("POST", &path, json!({})).await.0, 204);
}

#[tokio::test]
async fn a_channel_takes_so_many_messages_in_a_time() {
    let (server, caller) = server().await;
    server.add_place(TOKEN, &room());
    server.set_limit(TOKEN, 2, Duration::from_secs(60));
    let said =
        |headers: &HeaderMap, name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, headers, _) = caller.send(20, json!({"content": "1"})).await;
    assert_eq!((status, said(&headers, "x-ratelimit-remaining").as_deref()), (200, Some("1")));
    caller.send(20, json!({"content": "2"})).await;
    let (status, headers, body) = caller.send(20, json!({"content": "3"})).await;
    assert_eq!((status, said(&headers, "x-ratelimit-scope").as_deref()), (429, Some("user")));
    assert!(body["retry_after"].as_f64().unwrap() > 50.0 && said(&headers, "retry-after").is_some());
    assert_eq!(server.messages(TOKEN).len(), 2);
}

#[tokio::test]
async fn the_faults_of_a_request() {
    let (server, caller) = server().await;
    server.add_place(TOKEN, &room());
    let hello = || json!({"content": "hello", "nonce": "n", "enforce_nonce": true});
    let global = DiscordFault::Limited { scope: LimitScope::Global, retry_after: Duration::from_millis(650) };
    server.fault(TOKEN, SEND, global, 1);
    let (status, headers, body) = caller.send(20, hello()).await;
    assert_eq!((status, &body["global"], &body["retry_after"]), (429, &json!(true), &json!(0.65)));
    assert!(headers["x-ratelimit-global"] == "true" && headers["retry-after"] == "1");
    server.fault(TOKEN, SEND, DiscordFault::Page(502), 1);
    assert_eq!(caller.send(20, hello()).await.0, 502);
    let refused = DiscordFault::Refuse { status: 403, code: 50_013, message: "Missing Permissions".into() };
    server.fault(TOKEN, SEND, refused, 1);
    assert_eq!(caller.send(20, hello()).await.2["code"], 50_013);
    server.fault(TOKEN, SEND, DiscordFault::Cut, 1);
    assert!(caller.try_call("POST", "/channels/20/messages", hello()).await.is_none());
    assert!(server.messages(TOKEN).is_empty());
    server.fault(TOKEN, SEND, DiscordFault::DoneThenCut, 1);
    assert!(caller.try_call("POST", "/channels/20/messages", hello()).await.is_none());
    assert_eq!(caller.send(20, hello()).await.0, 200);
    assert_eq!(server.messages(TOKEN).len(), 1, "done once");
    let stranger = Caller { token: "WRONG", ..caller };
    assert_eq!(stranger.call("GET", "/users/@me", json!({})).await.0, 401);
}

#[tokio::test]
async fn own_messages_are_edited_within_a_limit_of_their_own() {
    let (server, caller) = server().await;
    let said = server.say(TOKEN, &room(), "somebody's").unwrap();
    let channel = 20;
    let (_, _, sent) =
        caller.call("POST", &format!("/channels/{channel}/messages"), json!({"content": "one"})).await;
    let id = sent["id"].as_str().unwrap().to_owned();
    let path = |id: &str| format!("/channels/{channel}/messages/{id}");
    let edit = async |id: &str, text: &str| {
        let (status, _, body) = caller.call("PATCH", &path(id), json!({"content": text})).await;
        (status, body["code"].as_u64().unwrap_or_default())
    };
    assert_eq!(edit(&id, "two").await, (200, 0));
    assert_eq!(server.visible(TOKEN), [(id.clone(), "two".to_owned())]);
    assert_eq!(edit(&said, "mine").await, (403, 50_005));
    assert_eq!(edit("1", "x").await, (404, 10_008));
    assert_eq!(edit(&id, " ").await, (400, 50_006));
    assert_eq!(edit(&id, &"x".repeat(2_001)).await, (400, 50_035));
    assert_eq!(edit(&id, "six").await.0, 429, "five in a time");
    assert_eq!(server.edits(TOKEN).len(), 1);
}

#[tokio::test]
async fn reactions_are_set_and_taken_away() {
    let (server, caller) = server().await;
    let said = server.say(TOKEN, &room(), "hello").unwrap();
    let channel = 20;
    let react = async |method: &str, message: &str, emoji: &str| {
        let path = format!("/channels/{channel}/messages/{message}/reactions/{emoji}/@me");
        caller.call(method, &path, Value::Null).await.0
    };
    assert_eq!(react("PUT", &said, "%F0%9F%91%8D").await, 204);
    assert_eq!(react("DELETE", &said, "%F0%9F%91%8D").await, 204);
    assert_eq!((react("PUT", "1", "%F0%9F%91%8D").await, react("PUT", &said, "smile").await), (404, 400));
    let done: Vec<String> = server.reactions(TOKEN).into_iter().map(|(method, ..)| method).collect();
    assert_eq!(done, ["PUT", "DELETE"]);
}
