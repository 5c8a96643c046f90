//! Failover against a backend that misbehaves in every way that the original was seen to handle badly.

mod support;

use std::time::{Duration, Instant};

use openclaw_fakes::{FakeOpenai, Mode};
use openclaw_models::{FailureReason, ModelsError, Unresolved};
use support::{KEY, ask, models, section, targets};

async fn text_of(models: &openclaw_models::Models, references: &[&str]) -> Result<String, ModelsError> {
    let targets = targets(models, references);
    models.chat(ask("hi"), &targets, None, &mut |_| {}).await.map(|reply| reply.answer.text)
}

#[tokio::test]
async fn a_streamed_answer_arrives_whole_with_its_usage() {
    let backend = FakeOpenai::start().await.unwrap();
    let (models, _) = models(vec![section("mock", &backend)]);
    let targets = targets(&models, &["mock/any"]);
    let mut pieces = 0;
    let reply = models.chat(ask("one two three"), &targets, None, &mut |_| pieces += 1).await.unwrap();
    assert_eq!(reply.answer.text, "echo: one two three");
    assert_eq!(reply.answer.usage.unwrap().output_tokens, 4);
    assert!(pieces >= 4, "{pieces}");
    let seen = backend.chats();
    assert_eq!(seen[0].header("authorization"), Some("Bearer sk-test-1234567890"));
    assert_eq!(seen[0].path, "/v1/chat/completions");
    assert_eq!(seen[0].body["model"], "any");
}

/// Every failure of the primary that another model may do better leads to the fallback, at once.
#[tokio::test]
async fn each_outage_of_the_primary_leads_to_the_fallback() {
    let broken = [
        Mode::Unauthorized,
        Mode::Billing,
        Mode::RateLimited { retry_after: Some(30) },
        Mode::RateLimited { retry_after: None },
        Mode::LongContext,
        Mode::ServerError,
        Mode::Overloaded,
        Mode::NoModel,
        Mode::Reset,
        Mode::Garbage,
        Mode::ErrorInStream,
        Mode::Cut { after: 0 },
        Mode::Status { status: 503, body: "<html>".to_owned() },
    ];
    for mode in broken {
        let (primary, fallback) = (FakeOpenai::start().await.unwrap(), FakeOpenai::start().await.unwrap());
        primary.set_mode(mode.clone());
        let (models, _) = models(vec![section("one", &primary), section("two", &fallback)]);
        let begun = Instant::now();
        let text = text_of(&models, &["one/a", "two/b"]).await;
        assert_eq!(text.as_deref(), Ok("echo: hi"), "{mode:?}");
        assert_eq!(primary.chats().len(), 1, "{mode:?}: one call, no retry while there is a fallback");
        assert!(begun.elapsed() < Duration::from_secs(10), "{mode:?} took {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn an_unreachable_primary_leads_to_the_fallback() {
    let fallback = FakeOpenai::start().await.unwrap();
    let mut gone = section("one", &fallback);
    gone.base_url = Some("http://127.0.0.1:1/v1".to_owned());
    let (models, _) = models(vec![gone, section("two", &fallback)]);
    assert_eq!(text_of(&models, &["one/a", "two/b"]).await.unwrap(), "echo: hi");
    let error = text_of(&models, &["one/a"]).await.unwrap_err().to_string();
    assert!(error.contains("no connection: Connection refused"), "{error}");
    assert!(error.contains("models.providers.one.baseUrl"), "{error}");
    assert!(!error.contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_wrong_request_is_not_sent_to_another_model() {
    for (mode, reason, words) in [
        (
            Mode::ContextOverflow,
            FailureReason::ContextOverflow,
            "400 This model's maximum context length is 8192",
        ),
        (
            Mode::Status { status: 400, body: r#"{"error":{"message":"bad tool"}}"#.to_owned() },
            FailureReason::Format,
            "400 bad tool",
        ),
    ] {
        let (primary, fallback) = (FakeOpenai::start().await.unwrap(), FakeOpenai::start().await.unwrap());
        primary.set_mode(mode);
        let (models, _) = models(vec![section("one", &primary), section("two", &fallback)]);
        let error = text_of(&models, &["one/a", "two/b"]).await.unwrap_err();
        assert_eq!(error.last().unwrap().reason(), reason);
        assert!(error.to_string().starts_with(words), "{error}");
        assert_eq!((primary.chats().len(), fallback.chats().len()), (1, 0));
    }
}

#[tokio::test]
async fn nothing_is_tried_again_after_the_first_token() {
    let (primary, fallback) = (FakeOpenai::start().await.unwrap(), FakeOpenai::start().await.unwrap());
    primary.set_mode(Mode::Cut { after: 2 });
    let (models, _) = models(vec![section("one", &primary), section("two", &fallback)]);
    let mut seen = Vec::new();
    let targets = targets(&models, &["one/a", "two/b"]);
    let error =
        models.chat(ask("hi"), &targets, None, &mut |chunk| seen.push(chunk.clone())).await.unwrap_err();
    assert!(!seen.is_empty());
    assert!(error.last().unwrap().delivered);
    assert_eq!(error.last().unwrap().reason(), FailureReason::Timeout);
    assert_eq!((primary.chats().len(), fallback.chats().len()), (1, 0));
}

#[tokio::test]
async fn the_last_candidate_gets_two_quick_retries_within_two_seconds() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.script([Mode::ServerError, Mode::Overloaded]);
    let (models, _) = models(vec![section("mock", &backend)]);
    assert_eq!(text_of(&models, &["mock/a"]).await.unwrap(), "echo: hi");
    assert_eq!(backend.chats().len(), 3);

    backend.clear();
    backend.set_mode(Mode::ServerError);
    let begun = Instant::now();
    let error = text_of(&models, &["mock/a"]).await.unwrap_err();
    assert_eq!(error.to_string(), "500 The server had an error while processing your request.");
    assert_eq!(backend.chats().len(), 3);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// The original sent nine requests in two minutes here, against the `Retry-After` it was given.
#[tokio::test]
async fn a_rate_limit_is_waited_for_when_it_is_short_and_reported_when_it_is_long() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.script([Mode::RateLimited { retry_after: Some(1) }]);
    let (models, _) = models(vec![section("mock", &backend)]);
    let begun = Instant::now();
    assert_eq!(text_of(&models, &["mock/a"]).await.unwrap(), "echo: hi");
    assert!(begun.elapsed() >= Duration::from_secs(1));

    backend.clear();
    backend.set_mode(Mode::RateLimited { retry_after: Some(30) });
    let begun = Instant::now();
    for _ in 0..2 {
        let error = text_of(&models, &["mock/a"]).await.unwrap_err();
        assert_eq!(error.to_string(), "429 Rate limit reached for mock; Retry-After: 30 seconds.");
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(backend.chats().len(), 1, "the provider named its time: it is left alone until then");
    // Another model of the same provider and key is not affected.
    backend.set_mode(Mode::Echo);
    assert_eq!(text_of(&models, &["mock/b"]).await.unwrap(), "echo: hi");
}

/// The original answered `internal error` for a minute after one 401.
#[tokio::test]
async fn a_single_model_that_failed_is_asked_again() {
    let backend = FakeOpenai::start().await.unwrap();
    let (models, _) = models(vec![section("mock", &backend)]);
    backend.set_mode(Mode::Unauthorized);
    let error = text_of(&models, &["mock/a"]).await.unwrap_err();
    assert_eq!(error.to_string(), "401 Incorrect API key provided: sk-mock***");
    backend.set_mode(Mode::Echo);
    assert_eq!(text_of(&models, &["mock/a"]).await.unwrap(), "echo: hi");
    assert!(models.cooldowns().list().is_empty());
}

#[tokio::test]
async fn a_model_that_failed_is_passed_over_while_there_is_another() {
    let (primary, fallback) = (FakeOpenai::start().await.unwrap(), FakeOpenai::start().await.unwrap());
    primary.set_mode(Mode::ServerError);
    let (models, _) = models(vec![section("one", &primary), section("two", &fallback)]);
    for _ in 0..3 {
        assert_eq!(text_of(&models, &["one/a", "two/b"]).await.unwrap(), "echo: hi");
    }
    assert_eq!((primary.chats().len(), fallback.chats().len()), (1, 3));
}

#[tokio::test]
async fn all_failures_are_listed() {
    let (one, two) = (FakeOpenai::start().await.unwrap(), FakeOpenai::start().await.unwrap());
    one.set_mode(Mode::Billing);
    two.set_mode(Mode::Unauthorized);
    let (models, _) = models(vec![section("one", &one), section("two", &two)]);
    let error = text_of(&models, &["one/a", "two/b"]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "All models failed (2): one/a: 402 Insufficient credits (billing) | \
         two/b: 401 Incorrect API key provided: sk-mock*** (auth)"
    );
}

#[tokio::test]
async fn the_long_context_refusal_names_its_three_fixes_and_cools_nothing() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.set_mode(Mode::LongContext);
    let (models, _) = models(vec![section("mock", &backend)]);
    let error = text_of(&models, &["mock/a"]).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("429 Extra usage is required for long context requests. Disable it with:"),
        "{text}"
    );
    for fix in ["params.context1m' false", "eligible for long context", "agents.defaults.model.fallbacks"] {
        assert!(text.contains(fix), "{text}");
    }
    assert_eq!(error.last().unwrap().reason(), FailureReason::RateLimit);
    assert_eq!(backend.chats().len(), 1);
    assert!(models.cooldowns().list().is_empty());
}

#[tokio::test]
async fn an_empty_answer_is_asked_for_once_more() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.script([Mode::Empty]);
    let (models, _) = models(vec![section("mock", &backend)]);
    assert_eq!(text_of(&models, &["mock/a"]).await.unwrap(), "echo: hi");
    backend.set_mode(Mode::Empty);
    let error = text_of(&models, &["mock/a"]).await.unwrap_err();
    assert_eq!(error.last().unwrap().reason(), FailureReason::EmptyResponse);
    assert_eq!(backend.chats().len(), 4);
}

#[tokio::test]
async fn a_shim_that_crashes_before_the_first_token_is_replaced_once() {
    for place in ["prepare", "push"] {
        let backend = FakeOpenai::start().await.unwrap();
        let (models, shims) = models(vec![section("mock", &backend)]);
        shims.crashes.lock().unwrap().push(place);
        assert_eq!(text_of(&models, &["mock/a"]).await.unwrap(), "echo: hi", "{place}");

        shims.crashes.lock().unwrap().extend([place; 10]);
        let error = text_of(&models, &["mock/a"]).await.unwrap_err();
        assert_eq!(error.last().unwrap().failure.code, "shim_crashed", "{place}");
    }
}

#[tokio::test]
async fn a_refusal_survives_the_shim_that_crashes_over_it() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.set_mode(Mode::Unauthorized);
    let (models, shims) = models(vec![section("mock", &backend)]);
    shims.crashes.lock().unwrap().push("classify");
    let error = text_of(&models, &["mock/a"]).await.unwrap_err();
    assert_eq!(
        (error.last().unwrap().status, error.last().unwrap().reason()),
        (Some(401), FailureReason::Auth)
    );
}

#[tokio::test]
async fn a_shim_cannot_leave_the_base_url() {
    let backend = FakeOpenai::start().await.unwrap();
    let (models, shims) = models(vec![section("mock", &backend)]);
    shims.crashes.lock().unwrap().push("path");
    let error = text_of(&models, &["mock/a"]).await.unwrap_err();
    assert_eq!(error.last().unwrap().failure.code, "bad_path");
    assert!(backend.requests().is_empty());
}

#[tokio::test]
async fn the_key_never_shows_in_an_error() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.set_mode(Mode::Status {
        status: 403,
        body: format!(r#"{{"error":{{"message":"key {KEY} is blocked","code":"{KEY}"}}}}"#),
    });
    let (models, _) = models(vec![section("mock", &backend)]);
    let error = text_of(&models, &["mock/a"]).await.unwrap_err();
    assert_eq!(error.to_string(), "403 key *** is blocked");
    assert!(!format!("{error:?}").contains(KEY));
}

#[tokio::test]
async fn a_silent_backend_is_given_up_when_its_time_is_over() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.set_mode(Mode::Hang);
    let mut silent = section("mock", &backend);
    silent.timeout_seconds = Some(1);
    let fallback = FakeOpenai::start().await.unwrap();
    let (models, _) = models(vec![silent, section("two", &fallback)]);
    let begun = Instant::now();
    assert_eq!(text_of(&models, &["mock/a", "two/b"]).await.unwrap(), "echo: hi");
    assert!((Duration::from_secs(1)..Duration::from_secs(15)).contains(&begun.elapsed()));
}

#[tokio::test]
async fn a_string_only_backend_is_quoted_and_explained() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.set_mode(Mode::StringOnly);
    let (models, _) = models(vec![section("mock", &backend)]);
    let mut request = ask("hi");
    let parts = vec![openclaw_models::Part::Text("hi".to_owned())];
    request.messages[0].content = Some(openclaw_models::Content::Parts(parts));
    let error = models.open(request, &targets(&models, &["mock/a"])[0]).await.unwrap_err();
    assert_eq!(error.to_string(), "400 messages[0].content: invalid type: sequence, expected a string");
    assert!(error.hint().unwrap().contains("compat.requiresStringContent"));
}

#[test]
fn references_are_resolved_or_explained() {
    let (models, _) = models(vec![openclaw_config::Provider {
        id: "Mock".to_owned(),
        base_url: Some("http://127.0.0.1:9/v1".to_owned()),
        models: vec![openclaw_config::Model { id: "listed".to_owned(), ..Default::default() }],
        ..Default::default()
    }]);
    let catalog = models.catalog();
    let check = |reference: &str, expected: Result<&str, Unresolved>| {
        let found = catalog.resolve(reference).map(|target| target.reference());
        assert_eq!(found, expected.map(str::to_owned), "{reference}");
    };
    check("MOCK/a/b:c", Ok("mock/a/b:c"));
    check("listed", Ok("mock/listed"));
    check("nope/x", Err(Unresolved::UnknownProvider("nope".to_owned())));
    check("nope", Err(Unresolved::UnknownModel("nope".to_owned())));
    check("/x", Err(Unresolved::UnknownModel("/x".to_owned())));
}
