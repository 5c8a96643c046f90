//! What is asked, and how answers are read, however they are cut.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use openclaw_sdk::provider::{
    ChatRequest, Chunk, Content, Decoder as _, Failure, FailureReason, FinishReason, Message, Part, Provider,
    Role,
};
use serde_json::{Value, json};

use crate::{Decoder, Shim};

fn message(role: Role, content: Content) -> Message {
    Message { role, content: Some(content), name: None, tool_calls: Vec::new(), tool_call_id: None }
}

fn request(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        model: "small".into(),
        messages,
        tools: Vec::new(),
        tool_choice: None,
        stream: true,
        max_tokens: Some(9),
        temperature: None,
        top_p: None,
        stop: Vec::new(),
        extra: Vec::new(),
        compat: String::new(),
    }
}

fn read(stream: bool, pieces: &[&[u8]]) -> Result<Vec<Chunk>, Failure> {
    let decoder = Decoder::new(stream, String::new());
    let mut chunks = Vec::new();
    for piece in pieces {
        chunks.extend(decoder.push(piece.to_vec())?);
    }
    chunks.extend(decoder.finish()?);
    Ok(chunks)
}

#[test]
fn a_conversation_is_asked_for() {
    let parts = Content::Parts(vec![Part::Text("hel".into()), Part::Text("lo".into())]);
    let asked = Shim::prepare(request(vec![
        message(Role::System, Content::Text("be brief".into())),
        message(Role::User, parts),
    ]));
    let asked = asked.unwrap();
    assert_eq!(asked.path, "/chat/completions");
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let messages = json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]);
    assert_eq!(body, json!({"model": "small", "messages": messages, "stream": true, "max_tokens": 9}));
}

#[test]
fn what_the_dialect_cannot_say_is_refused() {
    let image = Content::Parts(vec![Part::Image("https://example.com/a.png".into())]);
    for refused in [message(Role::User, image), message(Role::Tool, Content::Text("4".into()))] {
        let failure = Shim::prepare(request(vec![refused])).unwrap_err();
        assert_eq!(failure.reason, FailureReason::Format);
    }
}

#[test]
fn a_stream_is_read_however_it_is_cut() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"}}]}\r\n\n: hi\ndata: {\"choices\":[{\"delta\":{\"content\":\"llo\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let expected =
        vec![Chunk::Text("h\u{e9}".into()), Chunk::Text("llo".into()), Chunk::Finish(FinishReason::Stop)];
    for cut in 0..stream.len() {
        let (left, right) = stream.as_bytes().split_at(cut);
        assert_eq!(read(true, &[left, right]).unwrap(), expected, "cut at {cut}");
    }
}

#[test]
fn a_whole_answer_and_a_cut_one() {
    let whole = br#"{"choices":[{"message":{"content":"hi"},"finish_reason":"length"}]}"#;
    let expected = vec![Chunk::Text("hi".into()), Chunk::Finish(FinishReason::Length)];
    assert_eq!(read(false, &[whole]).unwrap(), expected);
    assert_eq!(read(false, &[&whole[..30]]).unwrap_err().code, "bad_answer");
    assert_eq!(read(true, &[b"data: {\"choices\":[]}\n\n"]).unwrap_err().code, "truncated");
    assert_eq!(read(true, &[&vec![b'x'; 5 << 20]]).unwrap_err().code, "too_long");
}

#[test]
fn refusals_are_told_apart() {
    let headers = vec![("Retry-After".to_owned(), "3".to_owned())];
    let limited = Shim::classify(429, headers, b"slow down".to_vec());
    assert_eq!((limited.reason, limited.retry_after_ms), (FailureReason::RateLimit, Some(3_000)));
    assert_eq!(Shim::classify(401, Vec::new(), Vec::new()).reason, FailureReason::Auth);
    assert_eq!(Shim::classify(500, Vec::new(), Vec::new()).reason, FailureReason::ServerError);
}

#[test]
fn models_are_listed() {
    let models = Shim::decode_models(br#"{"data": [{"id": "small"}]}"#.to_vec()).unwrap();
    assert_eq!(models[0].id, "small");
    assert_eq!(Shim::decode_models(b"?".to_vec()).unwrap_err().code, "bad_answer");
}
