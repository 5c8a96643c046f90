//! The `/v1` routes, the probes and the control plane through the real binary and the real shim.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::http::{get, post, send};
use openclaw_e2e::{GATEWAY_TOKEN, Home, KEY, model, model_only};
use openclaw_fakes::Mode;
use serde_json::{Value, json};

fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

const TOKEN: Option<&str> = Some(GATEWAY_TOKEN);

#[tokio::test(flavor = "multi_thread")]
async fn probes_need_no_credential_and_v1_does() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let base = gateway.base();
    let live = get(&format!("{base}/healthz"), None).await.unwrap();
    assert_eq!((live.status, live.body.as_str()), (200, r#"{"ok":true,"status":"live"}"#));
    assert_eq!(live.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(get(&format!("{base}/readyz"), None).await.unwrap().json()["ready"], true);
    let refused = send(hyper::Method::POST, &format!("{base}/healthz"), None, None).await.unwrap();
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    for token in [None, Some("wrong")] {
        let refused = get(&format!("{base}/v1/models"), token).await.unwrap();
        assert_eq!(refused.status, 401);
        assert_eq!(refused.body, r#"{"error":{"message":"Unauthorized","type":"unauthorized"}}"#);
    }
    let unknown = get(&format!("{base}/v1/nope"), TOKEN).await.unwrap();
    assert_eq!((unknown.status, unknown.body.as_str()), (404, "Not Found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_agents_and_one_can_be_asked_for() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let base = gateway.base();
    let list = get(&format!("{base}/v1/models"), TOKEN).await.unwrap().json();
    let ids: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(ids.starts_with(&["openclaw", "openclaw/default", "openclaw/main"]), "{ids:?}");
    let one = get(&format!("{base}/v1/models/openclaw%2Fmain"), TOKEN).await.unwrap();
    assert_eq!(one.json()["id"], "openclaw/main");
    let bad = get(&format!("{base}/v1/models/nope"), TOKEN).await.unwrap();
    assert_eq!((bad.status, bad.json()["error"]["message"].as_str()), (400, Some("Invalid model id.")));
    let absent = get(&format!("{base}/v1/models/openclaw%2Fnobody"), TOKEN).await.unwrap();
    assert_eq!(absent.status, 404, "{absent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_turn_keeps_its_session() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    let mut request = chat("openclaw", "first words");
    request["user"] = json!("ada");
    let first = post(&url, TOKEN, &request).await.unwrap();
    assert_eq!(first.status, 200, "{first:?}");
    let first = first.json();
    assert!(first["choices"][0]["message"]["content"].as_str().unwrap().contains("first words"), "{first}");
    assert!(first["id"].as_str().unwrap().starts_with("chatcmpl_"), "{first}");
    assert!(first["usage"]["total_tokens"].as_u64() > Some(0), "{first}");
    request["messages"][0]["content"] = json!("second words");
    post(&url, TOKEN, &request).await.unwrap();
    let heard = model.chats()[1].body["messages"].to_string();
    assert!(heard.contains("first words") && heard.contains("second words"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_raw_route_goes_straight_to_the_provider() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    let mut request = chat("fake/echo", "straight");
    request["temperature"] = json!(0.5);
    request["logit_bias"] = json!({ "7": 1 });
    let plain = post(&url, TOKEN, &request).await.unwrap().json();
    assert_eq!(plain["choices"][0]["message"]["content"], "echo: straight");
    assert_eq!(plain["choices"][0]["finish_reason"], "stop");
    let heard = &model.chats()[0];
    assert_eq!(heard.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(heard.body["model"], "echo");
    assert_eq!(heard.body["messages"].as_array().unwrap().len(), 1, "no prompt of ours is added");
    assert_eq!((&heard.body["temperature"], &heard.body["logit_bias"]["7"]), (&json!(0.5), &json!(1)));

    request["stream"] = json!(true);
    request["stream_options"] = json!({ "include_usage": true });
    let stream = post(&url, TOKEN, &request).await.unwrap();
    assert!(stream.header("content-type").unwrap().starts_with("text/event-stream"), "{stream:?}");
    let events = stream.events();
    assert_eq!(events.last(), Some(&"[DONE]"));
    let parsed: Vec<Value> =
        events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let text: String =
        parsed.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "echo: straight");
    assert!(parsed.len() >= 4, "role, text, finish, usage: {parsed:#?}");
    assert!(parsed.last().unwrap()["usage"]["total_tokens"].as_u64() > Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tool_calls_pass_through_both_ways() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    model.set_mode(Mode::ToolCall { name: "weather".into(), arguments: r#"{"city":"Graz"}"#.into() });
    let mut request = chat("fake/echo", "weather?");
    request["tools"] = json!([{ "type": "function", "function": {
        "name": "weather", "description": "Says it", "parameters": { "type": "object", "properties": { "city": { "type": "string" } } },
    } }]);
    let answer = post(&url, TOKEN, &request).await.unwrap().json();
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "weather", "{answer}");
    assert_eq!(call["function"]["arguments"], r#"{"city":"Graz"}"#);
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(model.chats()[0].body["tools"], request["tools"]);
    request["stream"] = json!(true);
    let stream = post(&url, TOKEN, &request).await.unwrap();
    assert!(stream.body.contains(r#""name":"weather""#) && stream.body.contains("tool_calls"), "{stream:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_and_a_misbehaving_backend_are_explained() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    let cases = [
        (json!({ "model": "openclaw" }), 400, "Missing user message in `messages`."),
        (json!({ "model": "openclaw", "messages": [] }), 400, "Missing user message in `messages`."),
        (chat("gpt-4o", "hi"), 400, "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`"),
        (chat("openclaw/nobody", "hi"), 400, "Unknown agent 'nobody'."),
    ];
    for (request, status, text) in cases {
        let answer = post(&url, TOKEN, &request).await.unwrap();
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(message.contains(text.trim_end_matches('.')), "{message}");
    }
    let broken = send(hyper::Method::POST, &url, TOKEN, Some("{bad".into())).await.unwrap();
    assert_eq!(
        (broken.status, broken.json()["error"]["type"].as_str()),
        (400, Some("invalid_request_error"))
    );
    let wrong_verb = get(&url, TOKEN).await.unwrap();
    assert_eq!((wrong_verb.status, wrong_verb.header("allow")), (405, Some("POST")));

    // The provider's own words reach the caller, quickly, without the key.
    let strict = "invalid type: sequence, expected a string";
    let mut parts = chat("fake/echo", "");
    parts["messages"][0]["content"] = json!([{ "type": "text", "text": "in parts" }]);
    for (mode, request, status, text) in [
        (Mode::StringOnly, &parts, 400, strict),
        (Mode::Unauthorized, &chat("fake/echo", "hi"), 401, "Incorrect API key provided"),
        (Mode::ContextOverflow, &chat("fake/echo", "hi"), 400, "context"),
    ] {
        model.set_mode(mode.clone());
        let answer = post(&url, TOKEN, request).await.unwrap();
        assert_eq!(answer.status, status, "{mode:?}: {answer:?}");
        assert!(answer.body.contains(text) && !answer.body.contains(KEY), "{mode:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_string_only_backend_works_once_its_flag_is_set() {
    let model = model().await;
    model.set_mode(Mode::StringOnly);
    let mut config = model_only(&model);
    config["models"]["providers"]["fake"]["models"][0]["compat"] = json!({ "requiresStringContent": true });
    let home = Home::new(config);
    let gateway = home.start().await;
    let mut request = chat("fake/echo", "");
    request["messages"][0]["content"] = json!([{ "type": "text", "text": "in parts" }]);
    let answer = post(&format!("{}/v1/chat/completions", gateway.base()), TOKEN, &request).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("in parts"), "{answer:?}");
}
