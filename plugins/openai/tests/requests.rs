//! What goes out, for what the gateway asks.
#![allow(clippy::panic, reason = "the helpers of a test fail by panicking")]

use openclaw_plugin_openai::OpenAi;
use openclaw_sdk::provider::{
    ChatRequest, Content, FailureReason, Message, Method, Part, Provider, Role, Tool, ToolCall, ToolChoice,
};
use serde_json::{Value, json};

fn message(role: Role, content: Option<Content>) -> Message {
    Message { role, content, name: None, tool_calls: Vec::new(), tool_call_id: None }
}

fn text(role: Role, words: &str) -> Message {
    message(role, Some(Content::Text(words.into())))
}

fn request(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        model: "gpt-4o".into(),
        messages,
        tools: Vec::new(),
        tool_choice: None,
        stream: false,
        max_tokens: None,
        temperature: None,
        top_p: None,
        stop: Vec::new(),
        extra: Vec::new(),
        compat: String::new(),
    }
}

fn body(request: ChatRequest) -> Value {
    let prepared = OpenAi::prepare(request).unwrap_or_else(|failure| panic!("{failure:?}"));
    serde_json::from_slice(&prepared.body).unwrap_or_else(|error| panic!("{error}"))
}

fn with_tools() -> ChatRequest {
    let call = ToolCall { id: "c1".into(), name: "look".into(), arguments: "{\"a\": 1".into() };
    let asked = Message { tool_calls: vec![call], ..message(Role::Assistant, None) };
    let answer = Message { tool_call_id: Some("c1".into()), ..text(Role::Tool, "sunny") };
    ChatRequest {
        tools: vec![Tool {
            name: "look".into(),
            description: Some("Looks.".into()),
            parameters: Some("{\"type\":\"object\",  \"properties\":{}}".into()),
            strict: Some(true),
        }],
        tool_choice: Some(ToolChoice::Function("look".into())),
        extra: vec![("parallel_tool_calls".into(), "false".into())],
        ..request(vec![text(Role::User, "weather?"), asked, answer])
    }
}

#[test]
fn the_request_line() {
    let prepared = OpenAi::prepare(request(vec![text(Role::User, "hi")])).unwrap_or_else(|f| panic!("{f:?}"));
    assert_eq!((prepared.method, prepared.path.as_str()), (Method::Post, "/chat/completions"));
    let header =
        |name: &str| prepared.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    assert_eq!(header("accept").as_deref(), Some("application/json"));
    let stream = OpenAi::prepare(ChatRequest { stream: true, ..request(Vec::new()) })
        .unwrap_or_else(|f| panic!("{f:?}"));
    assert!(stream.headers.contains(&("accept".into(), "text/event-stream".into())));
}

#[test]
fn a_plain_question() {
    let sent = body(request(vec![text(Role::System, "be \"brief\"\n"), text(Role::User, "hi 😀")]));
    assert_eq!(
        sent,
        json!({"model": "gpt-4o", "messages": [
            {"role": "system", "content": "be \"brief\"\n"}, {"role": "user", "content": "hi 😀"}]})
    );
}

#[test]
fn all_parameters() {
    let sent = body(ChatRequest {
        stream: true,
        max_tokens: Some(99),
        temperature: Some(0.5),
        top_p: Some(1.0),
        stop: vec!["END".into()],
        extra: vec![
            ("seed".into(), "7".into()),
            ("response_format".into(), "{\"type\": \"json_object\"}".into()),
            ("model".into(), "\"another\"".into()),
        ],
        ..request(vec![text(Role::Developer, "x")])
    });
    assert_eq!(
        sent,
        json!({"model": "gpt-4o", "messages": [{"role": "developer", "content": "x"}], "stream": true,
            "stream_options": {"include_usage": true}, "max_completion_tokens": 99, "temperature": 0.5, "top_p": 1.0,
            "stop": ["END"], "seed": 7, "response_format": {"type": "json_object"}})
    );
}

/// Numbers and spaces in a caller's own parameters arrive as they were written.
#[test]
fn extra_parameters_are_copied_verbatim() {
    let exact = "{ \"a\" : 1.50, \"b\":[ 12345678901234567890 ] }";
    let extra = vec![("metadata".to_owned(), exact.to_owned())];
    let prepared =
        OpenAi::prepare(ChatRequest { extra, ..request(Vec::new()) }).unwrap_or_else(|f| panic!("{f:?}"));
    let text = String::from_utf8(prepared.body).unwrap_or_default();
    assert!(text.contains(&format!("\"metadata\":{exact}")), "{text}");
}

#[test]
fn tools_and_their_results() {
    let sent = body(with_tools());
    assert_eq!(sent["tools"][0]["type"], "function");
    assert_eq!(
        sent["tools"][0]["function"],
        json!({"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {}}, "strict": true})
    );
    assert_eq!(sent["tool_choice"], json!({"type": "function", "function": {"name": "look"}}));
    assert_eq!(sent["parallel_tool_calls"], json!(false));
    assert_eq!(
        sent["messages"][1],
        json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"a\": 1"}}]})
    );
    assert_eq!(sent["messages"][2], json!({"role": "tool", "content": "sunny", "tool_call_id": "c1"}));
    for (choice, word) in
        [(ToolChoice::Auto, "auto"), (ToolChoice::None, "none"), (ToolChoice::Required, "required")]
    {
        assert_eq!(body(ChatRequest { tool_choice: Some(choice), ..with_tools() })["tool_choice"], word);
    }
}

#[test]
fn parts_stay_parts_unless_the_backend_wants_strings() {
    let parts =
        vec![Part::Text("look".into()), Part::Image("https://x.y/i.png".into()), Part::Text("there".into())];
    let asked = || request(vec![message(Role::User, Some(Content::Parts(parts.clone())))]);
    assert_eq!(
        body(asked())["messages"][0]["content"],
        json!([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://x.y/i.png"}},
            {"type": "text", "text": "there"}])
    );
    let compat = r#"{"requiresStringContent": true, "somethingElse": 5}"#.to_owned();
    assert_eq!(body(ChatRequest { compat, ..asked() })["messages"][0]["content"], "look\n[image]\nthere");
}

#[test]
fn a_backend_without_tools_is_told_in_words() {
    for compat in
        [r#"{"supportsTools": false}"#, r#"{"supportsTools": false, "requiresStringContent": true}"#]
    {
        let sent = body(ChatRequest { compat: compat.into(), ..with_tools() });
        assert!(sent.get("tools").is_none() && sent.get("tool_choice").is_none());
        assert!(sent.get("parallel_tool_calls").is_none());
        assert_eq!(
            sent["messages"][1],
            json!({"role": "assistant", "content": "[Called look with {\"a\": 1]"})
        );
        assert_eq!(sent["messages"][2], json!({"role": "user", "content": "[Result of c1]\nsunny"}));
    }
}

#[test]
fn other_flags_of_backends() {
    let with = |compat: &str, request: ChatRequest| body(ChatRequest { compat: compat.into(), ..request });
    let named = || request(vec![Message { name: Some("ada".into()), ..text(Role::Developer, "x") }]);
    assert_eq!(with(r#"{"supportsDeveloperRole": false}"#, named())["messages"][0]["role"], "system");
    assert_eq!(with("{}", named())["messages"][0]["name"], "ada");
    assert!(with(r#"{"strictMessageKeys": true}"#, named())["messages"][0].get("name").is_none());
    let strict = with(r#"{"strictMessageKeys": true}"#, with_tools());
    for message in strict["messages"].as_array().into_iter().flatten() {
        let keys: Vec<&String> = message.as_object().map(|map| map.keys().collect()).unwrap_or_default();
        assert_eq!(keys, ["role", "content"]);
    }
    let limited = ChatRequest { max_tokens: Some(5), ..named() };
    assert_eq!(with(r#"{"maxTokensField": "max_tokens"}"#, limited)["max_tokens"], 5);
    let stream = || ChatRequest { stream: true, ..named() };
    assert!(with(r#"{"supportsUsageInStreaming": false}"#, stream()).get("stream_options").is_none());
    let own = ChatRequest {
        extra: vec![("stream_options".into(), r#"{"include_usage":false}"#.into())],
        ..stream()
    };
    assert_eq!(with("", own)["stream_options"], json!({"include_usage": false}));
}

#[test]
fn what_is_not_json_is_refused_before_it_is_sent() {
    let check = |request: ChatRequest, words: &str| {
        let failure = OpenAi::prepare(request).err().unwrap_or_else(|| panic!("{words}"));
        assert_eq!(failure.reason, FailureReason::Format);
        assert!(failure.message.contains(words), "{}", failure.message);
    };
    check(
        ChatRequest { extra: vec![("seed".into(), "7,".into())], ..request(Vec::new()) },
        "`seed` is not JSON",
    );
    check(ChatRequest { compat: "[]x".into(), ..request(Vec::new()) }, "the model's compat");
    let mut broken = with_tools();
    broken.tools.iter_mut().for_each(|tool| tool.parameters = Some("{".into()));
    check(broken, "`parameters` is not JSON");
}

#[test]
fn the_list_of_models() {
    let prepared = OpenAi::prepare_models();
    assert_eq!((prepared.method, prepared.path.as_str()), (Method::Get, "/models"));
    let ids = |body: &str| {
        let models =
            OpenAi::decode_models(body.as_bytes().to_vec()).unwrap_or_else(|failure| panic!("{failure:?}"));
        models.into_iter().map(|model| (model.id, model.context_window)).collect::<Vec<_>>()
    };
    assert_eq!(
        ids(r#"{"object":"list","data":[{"id":"a","object":"model"},{"id":"b","max_model_len":8192}]}"#),
        [("a".to_owned(), None), ("b".to_owned(), Some(8192))]
    );
    assert_eq!(ids(r#"[{"id":"a","context_length":5}]"#), [("a".to_owned(), Some(5))]);
    assert_eq!(ids(r#"[{"id":"a","max_model_len":7,"context_length":5}]"#), [("a".to_owned(), Some(5))]);
    assert_eq!(ids(r#"{"object":"list","data":null}"#), []);
    assert!(OpenAi::decode_models(b"<html>".to_vec()).is_err());
}
