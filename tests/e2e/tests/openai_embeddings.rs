//! `/v1/embeddings` and `infer embedding create` through the real binary and the real shim.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use hyper::Method;
use openclaw_e2e::http::{get, post, send_with};
use openclaw_e2e::{GATEWAY_TOKEN, Home, KEY, model, model_only};
use openclaw_fakes::{FakeOpenai, Mode, embedding};
use serde_json::{Value, json};

const TOKEN: Option<&str> = Some(GATEWAY_TOKEN);

/// A gateway's configuration with a model for vectors.
fn configured(model: &FakeOpenai) -> Value {
    let mut config = model_only(model);
    config["memory"] = json!({ "search": { "provider": "fake", "model": "embed" } });
    config
}

fn vectors(answer: &Value) -> Vec<Vec<f32>> {
    let entries = answer["data"].as_array().unwrap().iter();
    entries.map(|entry| serde_json::from_value(entry["embedding"].clone()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_and_a_model_make_vectors() {
    let model = model().await;
    let home = Home::new(configured(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/embeddings", gateway.base());
    let request = json!({ "model": "openclaw/default", "input": ["alpha beta", "gamma"], "user": "ada" });
    let answer = post(&url, TOKEN, &request).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(vectors(&answer), [embedding("alpha beta", 8), embedding("gamma", 8)]);
    assert_eq!((&answer["model"], &answer["object"]), (&json!("openclaw/default"), &json!("list")));
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 3, "total_tokens": 3 }));
    assert_eq!((&answer["data"][1]["index"], &answer["data"][1]["object"]), (&json!(1), &json!("embedding")));
    let heard = &model.embeddings()[0];
    assert_eq!(heard.body, json!({ "model": "embed", "input": ["alpha beta", "gamma"] }));
    assert_eq!(heard.header("authorization"), Some(&*format!("Bearer {KEY}")));

    // Straight to a model: nothing has to be configured, and what the provider knows is passed on.
    let request = json!({
        "model": "fake/other", "input": "alpha", "dimensions": 3, "encoding_format": "base64", "user": "ada",
    });
    let answer = post(&url, TOKEN, &request).await.unwrap().json();
    let packed: Vec<u8> = embedding("alpha", 3).iter().flat_map(|number| number.to_le_bytes()).collect();
    assert_eq!(answer["data"][0]["embedding"].as_str().map(decode), Some(packed));
    let heard = &model.embeddings()[1].body;
    assert_eq!(heard, &json!({ "model": "other", "input": ["alpha"], "dimensions": 3, "user": "ada" }));

    // A header picks another model for the agent.
    let bearer = format!("Bearer {GATEWAY_TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("x-openclaw-model", "third")];
    let body = json!({ "model": "openclaw", "input": "x" }).to_string();
    let answer = send_with(Method::POST, &url, &headers, Some(body)).await.unwrap();
    assert_eq!((answer.status, &model.embeddings()[2].body["model"]), (200, &json!("third")), "{answer:?}");
}

/// Standard base64, for the test alone.
fn decode(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').chars() {
        bits = (bits << 6) | u32::try_from(ALPHABET.find(letter).unwrap()).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_with_the_right_status() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/embeddings", gateway.base());
    let ask = |model: &str| json!({ "model": model, "input": "x" });
    let cases = [
        (ask("openclaw"), 400, "Set memory.search.model to <provider>/<model>".to_lowercase()),
        (ask("openclaw/nobody"), 400, "unknown agent 'nobody'.".to_owned()),
        (ask("gpt-4o"), 400, "invalid `model`. use `openclaw` or `openclaw/<agentid>`.".to_owned()),
        (ask("nope/x"), 400, "no provider \"nope\" is configured".to_owned()),
        (json!({ "input": "x" }), 400, "missing `model`.".to_owned()),
        (json!({ "model": "openclaw", "input": [] }), 400, "at least one non-empty string".to_owned()),
        (json!({ "model": "fake/e", "input": vec!["x"; 129] }), 400, "too many inputs (max 128).".to_owned()),
    ];
    for (request, status, text) in cases {
        let answer = post(&url, TOKEN, &request).await.unwrap();
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, error["type"].as_str()),
            (status, Some("invalid_request_error")),
            "{answer:?}"
        );
        assert!(error["message"].as_str().unwrap().to_lowercase().contains(&text), "{answer:?}");
    }
    assert!(model.embeddings().is_empty());
    assert_eq!(post(&url, None, &ask("fake/e")).await.unwrap().status, 401);
    let wrong_verb = get(&url, TOKEN).await.unwrap();
    assert_eq!((wrong_verb.status, wrong_verb.header("allow")), (405, Some("POST")));
    for (mode, status, text) in [
        (Mode::Unauthorized, 401, "401 Incorrect API key provided"),
        (Mode::Billing, 402, "402 Insufficient credits"),
        (Mode::RateLimited { retry_after: Some(7) }, 429, "Rate limit reached"),
        (Mode::NoModel, 404, "does not exist"),
        (Mode::Garbage, 502, "not understood"),
        (Mode::ErrorInStream, 502, "currently overloaded"),
        (Mode::Empty, 502, "answered 1 texts with 0 vectors"),
        (Mode::Reset, 504, ""),
    ] {
        model.set_mode(mode.clone());
        let answer = post(&url, TOKEN, &ask("fake/e")).await.unwrap();
        assert_eq!(answer.status, status, "{mode:?}: {answer:?}");
        assert!(answer.body.contains(text) && !answer.body.contains(KEY), "{mode:?}: {answer:?}");
        let wait = matches!(mode, Mode::RateLimited { .. }).then_some("7");
        assert_eq!(answer.header("retry-after"), wait, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_on_the_command_line() {
    let model = model().await;
    let home = Home::new(configured(&model));
    let command = ["infer", "embedding", "create", "--text", "alpha", "--text", "beta", "--json"];
    let made = home.run(&command).await.ok().json();
    assert_eq!(
        (&made["ok"], &made["capability"], &made["transport"]),
        (&json!(true), &json!("embedding.create"), &json!("local"))
    );
    assert_eq!((&made["provider"], &made["model"]), (&json!("fake"), &json!("embed")));
    assert_eq!((&made["outputs"][1]["text"], &made["outputs"][1]["dimensions"]), (&json!("beta"), &json!(8)));
    let vector: Vec<f32> = serde_json::from_value(made["outputs"][0]["embedding"].clone()).unwrap();
    assert_eq!(vector, embedding("alpha", 8));
    let plain = home.run(&["infer", "embedding", "create", "--text", "a", "--model", "fake/m"]).await.ok();
    assert!(
        plain.stdout.starts_with("embedding.create via local\nprovider: fake\nmodel: m\noutputs: 1\n"),
        "{plain:?}"
    );
    let bad = home.run(&["infer", "embedding", "create", "--text", "a", "--model", "m"]).await;
    assert!(
        bad.code == 1 && bad.stderr.contains("Model overrides must use the form <provider/model>."),
        "{bad:?}"
    );
    model.set_mode(Mode::Unauthorized);
    let refused = home.run(&command).await;
    assert!(
        refused.code == 1 && format!("{refused:?}").contains("401 Incorrect API key provided"),
        "{refused:?}"
    );
}
