use super::*;
use crate::types::{Content, Part};

fn parse(body: &Value) -> Result<ResponsesBody, String> {
    ResponsesBody::parse(body.to_string().as_bytes()).map_err(|bad| bad.0)
}

fn messages(input: &Value) -> Vec<Message> {
    parse(&json!({"model": "m", "input": input})).unwrap().chat.request.messages
}

#[test]
fn a_full_request_becomes_a_chat_request() {
    let body = parse(&json!({
        "model": "p/m", "instructions": "be brief", "input": "hi", "stream": true, "max_output_tokens": 9,
        "temperature": 0.5, "top_p": 1, "user": "ada", "previous_response_id": "resp_1", "parallel_tool_calls": false,
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        "max_tool_calls": 1, "reasoning": {"effort": "low"}, "metadata": {"a": "b"}, "store": false,
        "truncation": "auto", "include": [], "service_tier": "auto",
    }))
    .unwrap();
    assert_eq!(body.previous.as_deref(), Some("resp_1"));
    let ChatBody { model, user, request, .. } = body.chat;
    assert_eq!((model.as_str(), user.as_deref(), request.stream), ("p/m", Some("ada"), true));
    assert_eq!(request.messages, [Message::text(Role::System, "be brief"), Message::text(Role::User, "hi")]);
    assert_eq!((request.max_tokens, request.temperature, request.top_p), (Some(9), Some(0.5), Some(1.0)));
    assert_eq!(request.tools[0].parameters.as_deref(), Some(r#"{"type":"object"}"#));
    assert_eq!(request.tool_choice, Some(ToolChoice::Function("f".to_owned())));
    let format = r#"{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#;
    let extra = [("parallel_tool_calls", "false"), ("response_format", format)];
    assert_eq!(request.extra, extra.map(|(name, json)| (name.to_owned(), json.to_owned())));
}

#[test]
fn items_become_messages() {
    let read = messages(&json!([
        {"role": "developer", "content": "rules"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "weather?"}]},
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "phase": "commentary",
            "content": [{"type": "output_text", "text": "let me see", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {"type": "function_call_output", "call_id": "c2", "output": ""},
        {"type": "item_reference", "id": "x"},
    ]));
    let roles: Vec<Role> = read.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::Developer, Role::User, Role::Assistant, Role::Tool, Role::Tool]);
    assert_eq!(read[1].content, Some(Content::Text("weather?".to_owned())));
    let calls: Vec<&str> = read[2].tool_calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(calls, ["c1", "c2"]);
    assert_eq!(read[4].tool_call_id.as_deref(), Some("c2"));
    let alone = messages(&json!([
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "a"}]},
    ]));
    assert_eq!((alone[0].role, alone[0].content.as_ref()), (Role::Assistant, None));
    assert_eq!(alone[1].content, Some(Content::Text("a".to_owned())));
}

#[test]
fn images_and_files_come_with_the_request() {
    let read = messages(&json!([{"role": "user", "content": [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
        {"type": "input_image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}},
        {"type": "input_image", "source": {"type": "url", "url": "https://a/b.png"}},
        {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,aGVsbG8="},
    ]}]));
    let system = read[0].content.as_ref().unwrap().to_text();
    assert_eq!(read[0].role, Role::System);
    assert!(system.starts_with("<<<EXTERNAL_UNTRUSTED_CONTENT id=\""), "{system}");
    assert!(
        system.contains("\nFile: a.txt\n---\nhello\n<<<END_EXTERNAL_UNTRUSTED_CONTENT id=\""),
        "{system}"
    );
    let Some(Content::Parts(parts)) = &read[1].content else { panic!("{read:?}") };
    let urls = ["data:image/png;base64,AA==", "data:image/jpeg;base64,AA==", "https://a/b.png"];
    assert_eq!(parts[1..], urls.map(|url| Part::Image(url.to_owned())));
    let only_a_file = messages(&json!([{"role": "user", "content": [{"type": "input_file",
        "source": {"type": "base64", "media_type": "text/csv; charset=utf-8", "data": "YQ==", "filename": "x"}}]}]));
    assert_eq!(only_a_file[1].content, Some(Content::Text("User sent file(s) with no text.".to_owned())));
}

#[test]
fn a_bad_request_is_explained() {
    let check = |body: Value, expected: &str| {
        let found = parse(&body).unwrap_err();
        assert!(found.contains(expected), "{body}: {found}");
    };
    let item = |item: Value| json!({"input": [{"role": "user", "content": "x"}, item]});
    let part = |part: Value| json!({"input": [{"role": "user", "content": [part]}]});
    check(json!({"model": "m"}), "Missing user message in `input`.");
    check(json!({"input": 7}), "`input` must be a string or an array of items.");
    check(json!({"input": []}), "Missing user message in `input`.");
    check(json!({"input": [{"role": "system", "content": "x"}]}), "Missing user message in `input`.");
    check(json!({"input": "x", "max_output_tokens": 0}), "Invalid `max_output_tokens`.");
    check(json!({"input": "x", "temperature": 3}), "Invalid `temperature`.");
    check(json!({"input": "x", "background": true}), "`background` is not supported.");
    check(json!({"input": "x", "conversation": "c"}), "`conversation` is not supported.");
    check(json!({"input": "x", "tools": [{"type": "web_search"}]}), "tools of type `web_search`");
    check(json!({"input": "x", "tools": [{"type": "function"}]}), "Tool name cannot be empty");
    check(json!({"input": "x", "tool_choice": "sometimes"}), "`tool_choice` to be auto, none, required");
    check(
        json!({"input": "x", "tool_choice": "required"}),
        "tool_choice=required but no tools were provided",
    );
    check(item(json!({"role": "king", "content": "x"})), "input[1]: unknown role `king`");
    check(item(json!({"type": "computer_call"})), "input[1]: items of type `computer_call`");
    check(item(json!({"type": "function_call_output", "output": "x"})), "input[1]: `call_id` is missing");
    check(part(json!({"type": "input_audio"})), "content of type `input_audio`");
    check(part(json!({"type": "input_image", "image_url": "http://a"})), "must be an https: or data: URL");
    check(part(json!({"type": "input_image", "file_id": "f"})), "`file_id` is not supported");
    check(part(json!({"type": "input_file", "file_url": "https://a"})), "files are not fetched");
    let file = |media: &str, data: &str| {
        part(json!({"type": "input_file", "source": {"type": "base64", "media_type": media, "data": data}}))
    };
    check(file("application/pdf", "AA=="), "files of type `application/pdf` are not read");
    check(file("text/plain", "/w=="), "no UTF-8 text");
    check(file("text/plain", "!"), "no base64");
    let nine = vec![json!({"type": "input_image", "image_url": "https://a"}); 9];
    check(json!({"input": [{"role": "user", "content": nine}]}), "too many images (9)");
    assert!(ResponsesBody::parse(b"{bad").is_err());
}
