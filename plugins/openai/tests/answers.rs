//! What comes back, streamed and whole, cut in every way.
#![allow(clippy::panic, reason = "the helpers of a test fail by panicking")]

use openclaw_plugin_openai::Decoder;
use openclaw_sdk::provider::{
    Chunk, Decoder as _, Failure, FailureReason, FinishReason, ToolCallDelta, Usage,
};

fn decode(stream: bool, content_type: &str, pieces: &[&[u8]]) -> Result<Vec<Chunk>, Failure> {
    let decoder = Decoder::new(stream, content_type.into());
    let mut chunks = Vec::new();
    for piece in pieces {
        chunks.extend(decoder.push(piece.to_vec())?);
    }
    chunks.extend(decoder.finish()?);
    Ok(chunks)
}

fn stream(text: &str) -> Result<Vec<Chunk>, Failure> {
    decode(true, "text/event-stream; charset=utf-8", &[text.as_bytes()])
}

fn good(result: Result<Vec<Chunk>, Failure>) -> Vec<Chunk> {
    result.unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn bad(result: Result<Vec<Chunk>, Failure>) -> Failure {
    result.err().unwrap_or_else(|| panic!("a failure was expected"))
}

const STREAM: &str = concat!(
    ": OPENROUTER PROCESSING\n\n",
    "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé \\ud83d\\ude00\"},\"logprobs\":null}]}\n\n",
    "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"another choice\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\n",
    "data: \"delta\":{\"content\":\"llo\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n",
    "data: [DONE]\n\n",
);

fn expected() -> Vec<Chunk> {
    vec![
        Chunk::Reasoning("hm".into()),
        Chunk::Text("Hé 😀".into()),
        Chunk::Text("llo".into()),
        Chunk::Finish(FinishReason::Stop),
        Chunk::Usage(Usage { input_tokens: 10, output_tokens: 4, cached_tokens: 3, reasoning_tokens: 2 }),
    ]
}

#[test]
fn a_stream_cut_anywhere() {
    assert_eq!(good(stream(STREAM)), expected());
    let bytes = STREAM.as_bytes();
    for cut in 0..bytes.len() {
        let (left, right) = bytes.split_at(cut);
        assert_eq!(good(decode(true, "text/event-stream", &[left, right])), expected(), "cut at {cut}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(good(decode(true, "", &single)), expected());
}

/// Chunks come with the push that completes them: nothing waits for the end.
#[test]
fn chunks_are_not_held_back() {
    let decoder = Decoder::new(true, "text/event-stream".into());
    let event = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    assert_eq!(good(decoder.push(event.to_vec())), [Chunk::Text("a".into())]);
}

#[test]
fn calls_of_tools_come_in_pieces() {
    let delta = |index, id: Option<&str>, name: Option<&str>, arguments: &str| {
        Chunk::ToolCall(ToolCallDelta {
            index,
            id: id.map(str::to_owned),
            name: name.map(str::to_owned),
            arguments: arguments.into(),
        })
    };
    let text = concat!(
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"go\",\"arguments\":{\"b\": 1}}}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
    );
    assert_eq!(
        good(stream(text)),
        [
            delta(0, Some("c1"), Some("look"), ""),
            delta(0, None, None, "{\"a\""),
            delta(1, Some("c2"), Some("go"), "{\"b\": 1}"),
            Chunk::Finish(FinishReason::ToolCalls),
        ]
    );
}

#[test]
fn odd_servers_are_understood() {
    let check = |text: &str, expected: &[Chunk]| assert_eq!(good(stream(text)), expected, "{text}");
    let said = |words: &str| Chunk::Text(words.into());
    let stop = || Chunk::Finish(FinishReason::Stop);
    // No reason, only the mark.
    check("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n", &[said("a"), stop()]);
    // No mark, only the reason; and no blank line at the end.
    check(
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"eos\"}]}",
        &[said("a"), stop()],
    );
    // The reason twice; a text in parts; nulls everywhere; `error: null`.
    let parts = "data: {\"error\":null,\"usage\":null,\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},\"b\"],\"tool_calls\":null,\"refusal\":null},\"finish_reason\":\"length\"}]}\n\n";
    let twice = format!("{parts}data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"length\"}}]}}\n\n");
    check(&twice, &[said("ab"), Chunk::Finish(FinishReason::Length)]);
    check(
        "data: {\"choices\":[{\"delta\":{\"refusal\":\"no\",\"reasoning\":\"r\"},\"finish_reason\":\"content_filter\"}]}\n\n",
        &[
            Chunk::Reasoning("r".into()),
            Chunk::Refusal("no".into()),
            Chunk::Finish(FinishReason::ContentFilter),
        ],
    );
}

/// Servers that rename a key send the old and the new one for a while, mostly with `null` in both.
#[test]
fn two_names_of_the_same_thing_are_said_once() {
    let check = |message: &str, expected: &[Chunk]| {
        let event = format!(
            "data: {{\"choices\":[{{\"delta\":{message},\"message\":null,\"finish_reason\":\"stop\"}}]}}\n\n"
        );
        let whole =
            format!("{{\"choices\":[{{\"delta\":null,\"message\":{message},\"finish_reason\":\"stop\"}}]}}");
        assert_eq!(good(stream(&event)), expected, "{event}");
        assert_eq!(good(decode(false, "application/json", &[whole.as_bytes()])), expected, "{whole}");
    };
    let (said, stop) = (Chunk::Text("a".into()), Chunk::Finish(FinishReason::Stop));
    check("{\"content\":\"a\",\"reasoning\":null,\"reasoning_content\":null}", &[said.clone(), stop.clone()]);
    let reasoning = Chunk::Reasoning("r".into());
    for message in [
        "{\"content\":\"a\",\"reasoning\":\"r\",\"reasoning_content\":\"r\"}",
        "{\"content\":\"a\",\"reasoning\":\"r\",\"reasoning_content\":null}",
    ] {
        check(message, &[reasoning.clone(), said.clone(), stop.clone()]);
    }
}

#[test]
fn a_stream_that_goes_wrong() {
    let check = |text: &str, reason, words: &str| {
        let failure = bad(stream(text));
        assert_eq!(failure.reason, reason, "{failure:?}");
        assert!(failure.message.contains(words), "{failure:?}");
    };
    let begun = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    check(begun, FailureReason::Timeout, "ended before it was finished");
    check(
        &format!("{begun}data: {{\"choices\":[{{\"del"),
        FailureReason::Timeout,
        "ended before it was finished",
    );
    check("", FailureReason::Timeout, "ended before");
    check("data: [DONE]\n\n", FailureReason::EmptyResponse, "without saying anything");
    check("data: <html>\n\n", FailureReason::ServerError, "not understood");
    check(
        &format!("{begun}data: {{\"error\":{{\"message\":\"Overloaded\",\"code\":529}}}}\n\n"),
        FailureReason::Overloaded,
        "Overloaded",
    );
    check("data: {\"error\":\"model exploded\"}\n\n", FailureReason::ServerError, "model exploded");
    check(
        "data: {\"error\":{\"message\":\"slow down\",\"code\":\"429\"}}\n\n",
        FailureReason::RateLimit,
        "slow down",
    );
    check(
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n",
        FailureReason::ServerError,
        "error",
    );
    check("{\"error\":{\"message\":\"no stream for you\"}}", FailureReason::ServerError, "no stream for you");
    check(&format!("data: {}", "x".repeat(2 << 20)), FailureReason::ServerError, "more than 1048576 bytes");
}

const WHOLE: &str = r#"{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi","reasoning_content":"hm",
  "tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
  "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;

#[test]
fn a_whole_answer() {
    let call =
        ToolCallDelta { index: 0, id: Some("c1".into()), name: Some("look".into()), arguments: "{}".into() };
    let usage = Usage { input_tokens: 1, output_tokens: 2, cached_tokens: 0, reasoning_tokens: 0 };
    let expected = [
        Chunk::Reasoning("hm".into()),
        Chunk::Text("hi".into()),
        Chunk::ToolCall(call),
        Chunk::Finish(FinishReason::ToolCalls),
        Chunk::Usage(usage),
    ];
    let (left, right) = WHOLE.as_bytes().split_at(70);
    assert_eq!(good(decode(false, "application/json", &[left, right])), expected);
    assert_eq!(
        good(decode(true, "application/json", &[left, right])),
        expected,
        "asked for a stream, got none"
    );
    assert_eq!(
        good(decode(true, "text/event-stream", &[left, right])),
        expected,
        "announced a stream, sent none"
    );
    assert_eq!(good(decode(false, "", &[WHOLE.as_bytes()])), expected);
    assert_eq!(
        good(decode(false, "text/event-stream", &[STREAM.as_bytes()])).len(),
        5,
        "a stream nobody asked for"
    );
}

#[test]
fn a_whole_answer_that_goes_wrong() {
    let check = |text: &str, reason| {
        assert_eq!(bad(decode(false, "application/json", &[text.as_bytes()])).reason, reason, "{text}")
    };
    check("", FailureReason::Timeout);
    check(&WHOLE[..100], FailureReason::Timeout);
    check("<html>", FailureReason::ServerError);
    check(r#"{"choices":[]}"#, FailureReason::EmptyResponse);
    check(r#"{"error":{"message":"x","code":"insufficient_quota"}}"#, FailureReason::Billing);
}

/// Whatever bytes come, however they are cut: an answer or a failure, never a panic.
#[test]
fn garbage_never_panics() {
    const BITS: [&str; 14] = [
        "data: ",
        "\n\n",
        "\r\n",
        "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}",
        "[DONE]",
        "{",
        "}",
        "\"",
        "null",
        "{\"choices\":{}}",
        "{\"choices\":[{\"delta\":5}]}",
        "\u{0}",
        "é",
        ":",
    ];
    let mut state = 3_u64;
    let mut roll = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % sides
    };
    for _ in 0..5_000 {
        let text: String = (0..roll(12)).filter_map(|_| BITS.get(roll(BITS.len())).copied()).collect();
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1 + roll(7)).collect();
        let _ = decode(roll(2) == 0, "", &pieces);
    }
}
