//! `/v1/responses` through the real binary and the real shim.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::http::{Answer, post};
use openclaw_e2e::{GATEWAY_TOKEN, Home, model, model_only};
use openclaw_fakes::Mode;
use serde_json::{Value, json};

const TOKEN: Option<&str> = Some(GATEWAY_TOKEN);

/// The events of a stream, checked for what all of them have: the name in the line and in the data, and the end mark.
fn events(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"), "{answer:?}");
    let body = answer.body.strip_suffix("data: [DONE]\n\n").unwrap();
    let parse = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    };
    body.split_terminator("\n\n").map(parse).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap().strip_prefix("response.").unwrap())
        .collect();
    names.dedup();
    names
}

const IN_ORDER: [&str; 9] = [
    "created",
    "in_progress",
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
    "completed",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_model_answers_whole_and_in_events() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/responses", gateway.base());
    let mut request = json!({
        "model": "fake/echo", "input": "three short words", "instructions": "be brief", "max_output_tokens": 50,
        "store": false, "metadata": { "a": "b" }, "reasoning": { "effort": "low" }, "truncation": "auto",
    });
    let whole = post(&url, TOKEN, &request).await.unwrap();
    assert_eq!(whole.status, 200, "{whole:?}");
    let whole = whole.json();
    assert_eq!((&whole["object"], &whole["status"]), (&json!("response"), &json!("completed")));
    assert_eq!(whole["output"][0]["content"][0]["text"], "echo: three short words");
    assert_eq!(whole["usage"]["input_tokens"], 10);
    let heard = &model.chats()[0].body;
    assert_eq!(heard["messages"][0], json!({ "role": "system", "content": "be brief" }));
    assert!(heard.get("store").is_none() && heard.get("metadata").is_none(), "{heard}");

    request["stream"] = json!(true);
    let streamed = post(&url, TOKEN, &request).await.unwrap();
    let events = events(&streamed);
    assert_eq!(names(&events), IN_ORDER);
    let text: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(text, "echo: three short words");
    let last = &events.last().unwrap()["response"];
    assert_eq!(
        (&last["id"], &last["output"][0]["content"][0]["text"]),
        (&events[0]["response"]["id"], &json!(text))
    );
    assert!(last["usage"]["output_tokens"].as_u64() > Some(0), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_their_results_go_round_with_a_model() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/responses", gateway.base());
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let mut request = json!({
        "model": "fake/echo", "input": [{ "role": "user", "content": "weather?" }],
        "tools": [{ "type": "function", "name": "weather", "parameters": parameters }],
        "tool_choice": { "type": "function", "name": "weather" },
    });
    model.set_mode(Mode::ToolCall { name: "weather".into(), arguments: r#"{"city":"Graz"}"#.into() });
    let asked = post(&url, TOKEN, &request).await.unwrap().json();
    let call = &asked["output"][0];
    assert_eq!((&call["type"], &call["name"]), (&json!("function_call"), &json!("weather")), "{asked}");
    assert_eq!(call["arguments"], r#"{"city":"Graz"}"#);
    let heard = &model.chats()[0].body;
    assert_eq!(heard["tools"][0]["function"]["parameters"], parameters);
    assert_eq!(heard["tool_choice"]["function"]["name"], "weather");

    request["stream"] = json!(true);
    let events = events(&post(&url, TOKEN, &request).await.unwrap());
    assert_eq!(
        names(&events),
        ["created", "in_progress", "output_item.added", "output_item.done", "completed"]
    );
    assert_eq!(events[3]["item"]["arguments"], r#"{"city":"Graz"}"#);

    // The client appends what it got, as its library does, and the result.
    model.set_mode(Mode::Echo);
    let mut input = request["input"].as_array().unwrap().clone();
    input.extend(asked["output"].as_array().unwrap().iter().cloned());
    input.push(json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "sunny" }));
    let again = json!({ "model": "fake/echo", "input": input });
    let answer = post(&url, TOKEN, &again).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let heard = model.chats().last().unwrap().body["messages"].clone();
    assert_eq!(heard[1]["tool_calls"][0]["id"], heard[2]["tool_call_id"], "{heard}");
    assert_eq!((&heard[2]["role"], &heard[2]["content"]), (&json!("tool"), &json!("sunny")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_goes_on_from_an_earlier_answer() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/responses", gateway.base());
    let first = post(&url, TOKEN, &json!({ "model": "openclaw", "input": "first words" })).await.unwrap();
    assert_eq!(first.status, 200, "{first:?}");
    let first = first.json();
    assert_eq!((&first["output"][0]["phase"], &first["model"]), (&json!("final_answer"), &json!("openclaw")));
    let second = json!({
        "model": "openclaw", "input": "second words", "previous_response_id": first["id"], "stream": true,
    });
    let second = events(&post(&url, TOKEN, &second).await.unwrap());
    assert_eq!(names(&second), IN_ORDER);
    let heard = model.chats()[1].body["messages"].to_string();
    assert!(heard.contains("first words") && heard.contains("second words"), "{heard}");

    // An open call waits for its result behind the answer that made it.
    model.set_mode(Mode::ToolCall { name: "look".into(), arguments: "{}".into() });
    let tools = json!([{ "type": "function", "name": "look" }]);
    let id = &second.last().unwrap()["response"]["id"];
    let calling = json!({ "model": "openclaw", "input": "look", "previous_response_id": id, "tools": tools });
    let calling = post(&url, TOKEN, &calling).await.unwrap().json();
    assert_eq!(calling["output"][0]["name"], "look", "{calling}");
    model.set_mode(Mode::Echo);
    let output =
        json!([{ "type": "function_call_output", "call_id": calling["output"][0]["call_id"], "output": "" }]);
    let result = json!({ "model": "openclaw", "input": output, "previous_response_id": calling["id"], "tools": tools });
    assert_eq!(post(&url, TOKEN, &result).await.unwrap().status, 200);
    let heard = model.chats().last().unwrap().body["messages"].clone();
    let roles: Vec<&str> =
        heard.as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
    assert_eq!(roles[roles.len() - 3..], ["user", "assistant", "tool"], "{heard}");

    let unknown = json!({ "model": "openclaw", "input": "x", "previous_response_id": "resp_nope" });
    let unknown = post(&url, TOKEN, &unknown).await.unwrap();
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["code"]),
        (400, &json!("previous_response_not_found"))
    );
    let without_agent = json!({ "model": "fake/echo", "input": "x", "previous_response_id": first["id"] });
    let without_agent = post(&url, TOKEN, &without_agent).await.unwrap();
    assert!(
        without_agent.status == 400 && without_agent.body.contains("needs an agent"),
        "{without_agent:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn images_reach_the_model_and_addresses_do_not() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/responses", gateway.base());
    let with = |image: &str| {
        let parts =
            json!([{ "type": "input_text", "text": "look" }, { "type": "input_image", "image_url": image }]);
        json!({ "model": "openclaw", "input": [{ "role": "user", "content": parts }] })
    };
    let shown = post(&url, TOKEN, &with("data:image/png;base64,iVBORw0KGgo=")).await.unwrap();
    assert_eq!(shown.status, 200, "{shown:?}");
    let heard = model.chats()[0].body["messages"].clone();
    let last = heard.as_array().unwrap().last().unwrap();
    assert_eq!(last["content"][1]["image_url"]["url"], "data:image/png;base64,iVBORw0KGgo=", "{last}");
    let refused = post(&url, TOKEN, &with("https://example.com/cat.png")).await.unwrap();
    assert!(refused.status == 400 && refused.body.contains("images.allowUrl"), "{refused:?}");
    let mut file = with("data:image/png;base64,AA==");
    file["input"][0]["content"][1] = json!({ "type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,c2VjcmV0IHBsYW4=" });
    assert_eq!(post(&url, TOKEN, &file).await.unwrap().status, 200);
    let heard = model.chats().last().unwrap().body["messages"][0].to_string();
    assert!(heard.contains("secret plan") && heard.contains("EXTERNAL_UNTRUSTED_CONTENT"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_responses_that_failed() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/responses", gateway.base());
    for (mode, status, code, words) in [
        (Mode::Unauthorized, 401, "authentication_error", "401 Incorrect API key provided"),
        (Mode::RateLimited { retry_after: Some(9) }, 429, "rate_limit_error", "Rate limit reached"),
        (Mode::ContextOverflow, 400, "invalid_request_error", "maximum context length"),
        (Mode::ServerError, 502, "api_error", "500 The server had an error"),
    ] {
        for stream in [false, true] {
            model.set_mode(mode.clone());
            let request = json!({ "model": "fake/echo", "input": "x", "stream": stream });
            let answer = post(&url, TOKEN, &request).await.unwrap();
            let body = answer.json();
            assert_eq!(
                (answer.status, &body["status"], &body["object"]),
                (status, &json!("failed"), &json!("response"))
            );
            assert_eq!(body["error"]["code"], code, "{body}");
            assert!(body["error"]["message"].as_str().unwrap().contains(words), "{body}");
            assert_eq!(answer.header("retry-after"), (status == 429).then_some("9"));
        }
    }
    model.set_mode(Mode::Cut { after: 3 });
    let request = json!({ "model": "fake/echo", "input": "x", "stream": true });
    let events = events(&post(&url, TOKEN, &request).await.unwrap());
    let last = &events.last().unwrap()["response"];
    assert_eq!((names(&events).last(), &last["status"]), (Some(&"failed"), &json!("failed")));
    assert_eq!(last["output"][0]["content"][0]["text"], "word0 word1 word2 ", "{last}");
    let bad = post(&url, TOKEN, &json!({ "model": "openclaw" })).await.unwrap();
    assert_eq!(
        bad.json()["error"],
        json!({ "message": "Missing user message in `input`.", "type": "invalid_request_error" })
    );
}
