//! What an error means, by status and words (compatibility specification §8.5).

use openclaw_plugin_openai::OpenAi;
use openclaw_sdk::provider::{Failure, FailureReason, Provider};

fn classify(status: u16, body: &str) -> Failure {
    OpenAi::classify(status, Vec::new(), body.as_bytes().to_vec())
}

fn error(code: &str, message: &str) -> String {
    format!(r#"{{"error":{{"message":"{message}","type":"t","code":"{code}"}}}}"#)
}

#[test]
fn reasons() {
    use FailureReason as R;
    let check =
        |status, body: &str, reason| assert_eq!(classify(status, body).reason, reason, "{status} {body}");
    check(401, &error("invalid_api_key", "Incorrect API key provided: sk-mock***"), R::Auth);
    check(403, "", R::Auth);
    check(401, &error("x", "Your credit balance is too low"), R::Billing);
    check(402, &error("x", "Insufficient credits"), R::Billing);
    check(402, &error("x", "Usage limit reached, try again in 2h"), R::RateLimit);
    check(404, &error("model_not_found", "The model `nope` does not exist"), R::ModelNotFound);
    check(404, "404 page not found", R::ModelNotFound);
    check(
        400,
        &error("x", "The model `nope` does not exist or you do not have access to it."),
        R::ModelNotFound,
    );
    check(429, &error("rate_limit_exceeded", "Rate limit reached"), R::RateLimit);
    check(429, &error("insufficient_quota", "You exceeded your current quota"), R::Billing);
    check(429, &error("x", "The engine is currently overloaded"), R::Overloaded);
    check(529, "", R::Overloaded);
    check(503, &error("x", "Overloaded"), R::Overloaded);
    check(400, &error("context_length_exceeded", "too long"), R::ContextOverflow);
    check(400, &error("x", "This model's maximum context length is 8192 tokens"), R::ContextOverflow);
    check(400, &error("x", "the request exceeds the available context size"), R::ContextOverflow);
    check(413, "", R::ContextOverflow);
    check(400, &error("x", "messages[0].content: invalid type: sequence, expected a string"), R::Format);
    check(422, r#"{"detail":[{"msg":"field required"}]}"#, R::Format);
    for status in [408, 499, 504, 522, 524] {
        check(status, "", R::Timeout);
    }
    for status in [500, 502, 503] {
        check(status, "<html>bad gateway</html>", R::ServerError);
    }
    check(302, "", R::Unknown);
}

#[test]
fn the_providers_own_words() {
    let check = |body: &str, code: &str, message: &str| {
        let failure = classify(400, body);
        assert_eq!((failure.code.as_str(), failure.message.as_str()), (code, message), "{body}");
    };
    let serde = "messages[0].content: invalid type: sequence, expected a string";
    check(&error("invalid_request", serde), "invalid_request", serde);
    check(&format!(r#"{{"error":"{serde}"}}"#), "http_400", serde);
    check(serde, "http_400", serde);
    check(r#"{"object":"error","message":"no","type":"BadRequestError","code":400}"#, "400", "no");
    check(r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#, "400", "no");
    check(r#"{"detail":"no"}"#, "http_400", "no");
    check(r#"{"detail":[{"msg":"field required"}]}"#, "http_400", r#"[{"msg":"field required"}]"#);
    check(
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"too hot"}}}"#,
        "400",
        "Provider returned error: too hot",
    );
    check("", "http_400", "HTTP 400 without a body");
    check(r#"{"error":{"type":"t","message":"no","code":null}}"#, "t", "no");
}

#[test]
fn bounds_hold() {
    let failure = classify(400, &error(&"c".repeat(500), &"é".repeat(9000)));
    assert!(failure.code.len() <= 64 && failure.message.len() <= 4096);
    assert_eq!(classify(400, "\u{fffd}").message, "\u{fffd}");
}

#[test]
fn when_to_come_back() {
    let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
    let body = error("rate_limit_exceeded", "Please try again in 1.2s.");
    let failure = OpenAi::classify(429, headers, body.clone().into_bytes());
    assert_eq!(failure.retry_after_ms, Some(7_000));
    assert_eq!(classify(429, &body).retry_after_ms, Some(1_200));
    assert_eq!(classify(429, "").retry_after_ms, None);
}
