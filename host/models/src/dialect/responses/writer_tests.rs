use super::*;
use crate::types::ToolCallDelta;

fn whole(answer: &Answer) -> Value {
    let mut out = Vec::new();
    ResponsesWriter::new("openclaw").whole(answer, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// The events of a stream: the name of each, and its data. Checks what all of them have in common.
fn events(text: &[u8]) -> Vec<(String, Value)> {
    let text = std::str::from_utf8(text).unwrap();
    let body = text.strip_suffix("data: [DONE]\n\n").unwrap();
    let mut events = Vec::new();
    for (index, event) in body.split_terminator("\n\n").enumerate() {
        let (name, data) = event.split_once("\ndata: ").unwrap();
        let name = name.strip_prefix("event: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(
            (data["type"].as_str(), data["sequence_number"].as_u64()),
            (Some(name), Some(index as u64))
        );
        events.push((name.to_owned(), data));
    }
    events
}

fn stream(chunks: &[Chunk]) -> Vec<(String, Value)> {
    let mut writer = ResponsesWriter::new("openclaw");
    let mut out = Vec::new();
    for chunk in chunks {
        writer.chunk(chunk, &mut out);
    }
    writer.end(&mut out);
    events(&out)
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.strip_prefix("response.").unwrap()).collect()
}

fn piece(id: Option<&str>, arguments: &str) -> Chunk {
    let (id, name) = (id.map(str::to_owned), id.map(|_| "f".to_owned()));
    Chunk::ToolCall(ToolCallDelta { index: 0, id, name, arguments: arguments.to_owned() })
}

#[test]
fn a_response_has_the_shape_of_the_original() {
    let usage = Usage { input_tokens: 10, output_tokens: 33, cached_tokens: 2, reasoning_tokens: 1 };
    let answer = Answer { text: "hi".into(), usage: Some(usage), ..Answer::default() };
    let mut response = whole(&answer);
    assert!(response["id"].as_str().unwrap().starts_with("resp_"), "{response}");
    let message = response["output"][0]["id"].take();
    assert!(message.as_str().unwrap().starts_with("msg_"), "{message}");
    let created = response["created_at"].clone();
    let id = response["id"].clone();
    assert_eq!(
        response,
        json!({
            "id": id, "object": "response", "created_at": created, "status": "completed", "model": "openclaw",
            "output": [{
                "type": "message", "id": null, "role": "assistant",
                "content": [{"type": "output_text", "text": "hi", "annotations": []}],
                "phase": "final_answer", "status": "completed",
            }],
            "usage": {
                "input_tokens": 10, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
                "output_tokens": 33, "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 43,
            },
        })
    );
}

#[test]
fn calls_follow_what_was_said() {
    let call = ToolCall { id: "c".into(), name: "f".into(), arguments: "{}".into() };
    let silent = whole(&Answer { tool_calls: vec![call.clone()], ..Answer::default() });
    assert_eq!(silent["output"].as_array().unwrap().len(), 1);
    let item = &silent["output"][0];
    assert_eq!(
        (&item["type"], &item["call_id"], &item["name"]),
        (&json!("function_call"), &json!("c"), &json!("f"))
    );
    let both = whole(&Answer { text: "let me see".into(), tool_calls: vec![call], ..Answer::default() });
    assert_eq!(
        (&both["output"][0]["phase"], &both["output"][1]["arguments"]),
        (&json!("commentary"), &json!("{}"))
    );
}

#[test]
fn an_end_that_is_none_is_said() {
    let cut = whole(&Answer { text: "x".into(), finish: Some(FinishReason::Length), ..Answer::default() });
    assert_eq!((&cut["status"], &cut["output"][0]["status"]), (&json!("incomplete"), &json!("incomplete")));
    assert_eq!(cut["incomplete_details"], json!({"reason": "max_output_tokens"}));
    let given_up =
        whole(&Answer { text: "x".into(), finish: Some(FinishReason::Error), ..Answer::default() });
    assert_eq!((&given_up["status"], &given_up["error"]["code"]), (&json!("failed"), &json!("server_error")));
    assert_eq!(whole(&Answer::default())["output"][0]["content"][0]["text"], "No response from OpenClaw.");
    let mut out = Vec::new();
    ResponsesWriter::new("m").refused(&ErrorBody::invalid_request("why"), &mut out);
    let refused: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&refused["status"], &refused["output"]), (&json!("failed"), &json!([])));
    assert_eq!(refused["error"], json!({"code": "invalid_request_error", "message": "why"}));
}

#[test]
fn a_stream_has_the_documented_events_in_their_order() {
    let events = stream(&[
        Chunk::Text(String::new()),
        Chunk::Reasoning("hm".into()),
        Chunk::Text("a\n".into()),
        Chunk::Text("b".into()),
        Chunk::Finish(FinishReason::Stop),
        Chunk::Usage(Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() }),
    ]);
    assert_eq!(
        names(&events),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed"
        ]
    );
    assert_eq!((&events[4].1["delta"], &events[6].1["text"]), (&json!("a\n"), &json!("a\nb")));
    let last = &events[9].1["response"];
    assert_eq!(last["id"], events[0].1["response"]["id"]);
    assert_eq!((&last["output"][0], &last["usage"]["total_tokens"]), (&events[8].1["item"], &json!(3)));
}

#[test]
fn streamed_calls_are_items_of_their_own() {
    let alone = stream(&[piece(Some("c"), ""), piece(None, "{}"), Chunk::Finish(FinishReason::ToolCalls)]);
    assert_eq!(
        names(&alone),
        ["created", "in_progress", "output_item.added", "output_item.done", "completed"]
    );
    assert_eq!((&alone[3].1["output_index"], &alone[3].1["item"]["arguments"]), (&json!(0), &json!("{}")));
    let after_words = stream(&[Chunk::Text("x".into()), piece(Some("c"), "{}")]);
    assert_eq!(names(&after_words)[8..], ["output_item.added", "output_item.done", "completed"]);
    assert_eq!(after_words[9].1["output_index"], 1);
    assert_eq!(after_words[10].1["response"]["output"][1]["call_id"], "c");
}

#[test]
fn other_endings_of_a_stream() {
    let cut = stream(&[Chunk::Text("x".into()), Chunk::Finish(FinishReason::Length)]);
    assert_eq!(names(&cut).last(), Some(&"incomplete"));
    let nothing = stream(&[]);
    assert_eq!(nothing[4].1["delta"], "No response from OpenClaw.");
    let mut writer = ResponsesWriter::new("m");
    let mut out = Vec::new();
    writer.chunk(&Chunk::Text("half".into()), &mut out);
    writer.failed(&ErrorBody::invalid_request("it broke"), &mut out);
    let failed = events(&out);
    let response = &failed.last().unwrap().1["response"];
    assert_eq!((&response["status"], &response["error"]["message"]), (&json!("failed"), &json!("it broke")));
    assert_eq!(
        (&response["output"][0]["status"], &response["output"][0]["content"][0]["text"]),
        (&json!("incomplete"), &json!("half"))
    );
}
