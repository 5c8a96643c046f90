//! Vectors through a real server and a plain shim: what is asked, what is retried, what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is right"
)]

mod support;

use openclaw_fakes::{FakeOpenai, Mode, embedding};
use openclaw_models::{EmbeddingsRequest, FailureReason};
use support::{KEY, models, section};

fn request(input: &[&str]) -> EmbeddingsRequest {
    let input = input.iter().map(|text| (*text).to_owned()).collect();
    EmbeddingsRequest { input, ..EmbeddingsRequest::default() }
}

#[tokio::test]
async fn texts_become_vectors_in_their_order() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.require_key(KEY);
    let (models, _) = models(vec![section("p", &backend)]);
    let target = models.catalog().embedding_target(Some("p"), "e").unwrap();
    let answer = models.embed(request(&["one two", "three"]), &target).await.unwrap();
    assert_eq!(answer.vectors, [embedding("one two", 8), embedding("three", 8)]);
    assert_eq!(answer.input_tokens, 3);
    let asked = &backend.embeddings()[0].body;
    assert_eq!(asked, &serde_json::json!({"model": "e", "input": ["one two", "three"]}));
}

#[tokio::test]
async fn a_model_may_name_its_provider_itself() {
    let backend = FakeOpenai::start().await.unwrap();
    let (models, _) = models(vec![section("p", &backend), section("q", &backend)]);
    let catalog = models.catalog();
    let check = |provider: Option<&str>, model: &str, expected: Result<&str, &str>| {
        let found = catalog.embedding_target(provider, model).map(|target| target.to_string());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(why), Err(expected)) => assert!(why.to_string().contains(expected), "{why}"),
            (found, _) => assert_eq!(found.map_err(|why| why.to_string()), Ok(String::new())),
        }
    };
    check(Some("p"), "e", Ok("p/e"));
    check(Some("p"), "vendor/e", Ok("p/vendor/e"));
    check(Some("p"), "q/e", Ok("q/e"));
    check(None, "Q/e", Ok("q/e"));
    check(None, "e", Err("\"e\" is neither"));
    check(Some("nope"), "e", Err("no provider \"nope\""));
}

#[tokio::test(start_paused = true)]
async fn the_same_model_is_asked_again_and_no_other() {
    let backend = FakeOpenai::start().await.unwrap();
    let (models, _) = models(vec![section("p", &backend)]);
    let target = models.catalog().resolve("p/e").unwrap();
    backend.script([Mode::ServerError, Mode::Overloaded]);
    assert!(models.embed(request(&["x"]), &target).await.is_ok());
    assert_eq!(backend.embeddings().len(), 3);
    backend.clear();
    backend.set_mode(Mode::ServerError);
    let error = models.embed(request(&["x"]), &target).await.unwrap_err();
    assert_eq!((error.reason(), error.status), (FailureReason::ServerError, Some(500)));
    assert_eq!(backend.embeddings().len(), 3);
    for (mode, reason) in [
        (Mode::Unauthorized, FailureReason::Auth),
        (Mode::RateLimited { retry_after: Some(30) }, FailureReason::RateLimit),
        (Mode::ContextOverflow, FailureReason::ContextOverflow),
    ] {
        backend.clear();
        backend.set_mode(mode);
        let error = models.embed(request(&["x"]), &target).await.unwrap_err();
        assert_eq!((error.reason(), backend.embeddings().len()), (reason, 1));
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_texts_is_none() {
    let backend = FakeOpenai::start().await.unwrap();
    let (models, shims) = models(vec![section("p", &backend)]);
    let target = models.catalog().resolve("p/e").unwrap();
    backend.script([Mode::Empty, Mode::Empty, Mode::Empty]);
    let error = models.embed(request(&["x"]), &target).await.unwrap_err();
    assert!(error.to_string().contains("answered 1 texts with 0 vectors"), "{error}");
    backend.script([Mode::Garbage, Mode::Garbage, Mode::Garbage]);
    let error = models.embed(request(&["x"]), &target).await.unwrap_err();
    assert_eq!((error.reason(), error.failure.code.as_str()), (FailureReason::ServerError, "garbage"));
    // A shim that crashes over an answer is replaced once.
    backend.clear();
    shims.crashes.lock().unwrap().push("decode");
    assert!(models.embed(request(&["x"]), &target).await.is_ok());
    assert_eq!(backend.embeddings().len(), 2);
}
