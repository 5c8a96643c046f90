//! The ways in which a request can go wrong.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::header::HeaderValue;
use serde_json::json;

use crate::server::{self, Cut, Reply};

/// What a rate limit holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// This route on this channel.
    User,
    /// Every request of the bot.
    Global,
    /// This route on this channel, because of others.
    Shared,
}

/// One fault of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscordFault {
    /// 429 with the vendor's headers and body. Nothing is done.
    Limited {
        /// For what.
        scope: LimitScope,
        /// For how long.
        retry_after: Duration,
    },
    /// Any refusal of the vendor. Nothing is done.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The vendor's own code.
        code: u64,
        /// The vendor's words.
        message: String,
    },
    /// A page of what stands in front of the vendor, with this status. Nothing is done.
    Page(u16),
    /// Takes the request and never answers. Nothing is done.
    Hang,
    /// Closes the connection without an answer. Nothing is done.
    Cut,
    /// Does what was asked and closes the connection before the answer: the caller cannot know.
    DoneThenCut,
    /// Does what was asked and answers with this status, as when a proxy lost the answer.
    DoneThenPage(u16),
    /// Does what was asked and answers after this time.
    Slow(Duration),
    /// 200 with bytes that are no answer. Nothing is done.
    Garbage,
}

impl DiscordFault {
    /// Answers in place of `proper`, which is polled only if the fault lets the request have its effect.
    pub(super) async fn play(
        self,
        proper: impl Future<Output = Response<Reply>>,
    ) -> Result<Response<Reply>, Cut> {
        match self {
            Self::Limited { scope, retry_after } => Ok(limited(scope, retry_after)),
            Self::Refuse { status, code, message } => Ok(refusal(status, code, &message)),
            Self::Page(status) => Ok(page(status)),
            Self::Hang => std::future::pending().await,
            Self::Cut => Err(Cut),
            Self::DoneThenCut => {
                drop(proper.await);
                Err(Cut)
            }
            Self::DoneThenPage(status) => {
                drop(proper.await);
                Ok(page(status))
            }
            Self::Slow(pause) => {
                let answer = proper.await;
                tokio::time::sleep(pause).await;
                Ok(answer)
            }
            Self::Garbage => {
                Ok(server::reply(200, "application/json", Bytes::from_static(b"{\"id\":\xff<html>")))
            }
        }
    }
}

fn page(status: u16) -> Response<Reply> {
    server::reply(status, "text/html", format!("<html><h1>{status}</h1></html>"))
}

/// The vendor's shape of a refusal.
pub(super) fn refusal(status: u16, code: u64, message: &str) -> Response<Reply> {
    server::json(status, &json!({"code": code, "message": message}))
}

/// 429.
pub(super) fn limited(scope: LimitScope, retry_after: Duration) -> Response<Reply> {
    let seconds = retry_after.as_secs_f64();
    let global = scope == LimitScope::Global;
    let body = json!({"message": "You are being rate limited.", "retry_after": seconds, "global": global});
    let mut response = server::json(429, &body);
    // The header counts whole seconds.
    set(&mut response, "retry-after", &(seconds.ceil() as u64).to_string());
    let word = match scope {
        LimitScope::User => "user",
        LimitScope::Global => "global",
        LimitScope::Shared => "shared",
    };
    set(&mut response, "x-ratelimit-scope", word);
    if global {
        set(&mut response, "x-ratelimit-global", "true");
    }
    response
}

/// Sets a header.
pub(super) fn set(response: &mut Response<Reply>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
