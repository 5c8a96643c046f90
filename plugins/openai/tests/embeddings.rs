//! Vectors: what goes out, and every way in which they come back. The answers are recorded as their servers send them.
#![allow(clippy::panic, reason = "the helpers of a test fail by panicking")]

use openclaw_plugin_openai::OpenAi;
use openclaw_sdk::provider::{Embeddings as _, EmbeddingsAnswer, EmbeddingsRequest};
use serde_json::{Value, json};

fn request(input: &[&str]) -> EmbeddingsRequest {
    EmbeddingsRequest {
        model: "text-embedding-3-small".into(),
        input: input.iter().map(|text| (*text).to_owned()).collect(),
        dimensions: None,
        extra: Vec::new(),
    }
}

fn body(request: EmbeddingsRequest) -> Value {
    let prepared = OpenAi::prepare_embeddings(request).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(prepared.path, "/embeddings");
    serde_json::from_slice(&prepared.body).unwrap_or_else(|error| panic!("{error}"))
}

fn decode(body: &str) -> Result<EmbeddingsAnswer, String> {
    OpenAi::decode_embeddings(body.as_bytes().to_vec())
}

fn vectors(body: &str) -> (Vec<Vec<f32>>, u64) {
    let answer = decode(body).unwrap_or_else(|why| panic!("{why}"));
    (answer.vectors, answer.input_tokens)
}

#[test]
fn a_request_says_what_was_asked_and_no_more() {
    let plain = body(request(&["alpha", "b\"eta"]));
    assert_eq!(plain, json!({"model": "text-embedding-3-small", "input": ["alpha", "b\"eta"]}));
    let full = body(EmbeddingsRequest {
        dimensions: Some(256),
        extra: [("user", "\"u\""), ("encoding_format", "\"base64\""), ("model", "\"other\"")]
            .map(|(name, json)| (name.to_owned(), json.to_owned()))
            .into(),
        ..request(&["x"])
    });
    let expected = json!({"model": "text-embedding-3-small", "input": ["x"], "dimensions": 256, "user": "u"});
    assert_eq!(full, expected);
    let broken = EmbeddingsRequest { extra: vec![("user".into(), "{".into())], ..request(&["x"]) };
    let why = OpenAi::prepare_embeddings(broken).map(|post| post.path).unwrap_err();
    assert!(why.starts_with("`user` is not JSON"), "{why}");
}

#[test]
fn answers_of_many_servers_are_read() {
    // One answer in each file.
    let recorded = [
        (include_str!("embeddings/openai.json"), vec![vec![0.5, -0.25], vec![0.0, 1.0]], 8),
        (include_str!("embeddings/base64.json"), vec![vec![0.5, -0.25]], 3),
        (include_str!("embeddings/out-of-order.json"), vec![vec![1.0], vec![2.0], vec![3.0]], 0),
        (include_str!("embeddings/no-index.json"), vec![vec![1.0], vec![2.0]], 7),
    ];
    for (body, expected, tokens) in recorded {
        assert_eq!(vectors(body), (expected, tokens), "{body}");
    }
}

#[test]
fn what_is_no_answer_is_explained() {
    let check = |body: &str, expected: &str| {
        let why = decode(body).map(|answer| answer.vectors).unwrap_err();
        assert!(why.contains(expected), "{body}: {why}");
    };
    check("<html>", "the provider's answer is not understood");
    check(r#"{"data":[{"embedding":"AAA"}]}"#, "not understood");
    check(r#"{"data":[{"embedding":"AAAAAAA="}]}"#, "numbers or base64");
    check(r#"{"data":[{"embedding":[1,"two"]}]}"#, "not understood");
    check(r#"{"data":[{"index":0}]}"#, "missing field `embedding`");
    check(r#"{"error":{"message":"model is loading","type":"server_error"}}"#, "model is loading");
    let long = format!("{{\"data\":[{{\"embedding\":[{}0]}}]}}", "0,".repeat(65_536));
    check(&long, "invalid length");
    assert_eq!(vectors("{}"), (Vec::new(), 0));
}
