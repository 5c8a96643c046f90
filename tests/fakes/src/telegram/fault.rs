//! The ways in which a call can go wrong.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::header::CONTENT_LENGTH;
use serde_json::json;
use tokio::sync::mpsc;

use super::methods;
use crate::server::{self, Cut, Reply};

/// One fault of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `parameters.retry_after` in seconds. Nothing is done.
    TooManyRequests {
        /// Seconds.
        retry_after: u64,
    },
    /// Any refusal of the vendor. Nothing is done.
    Refuse {
        /// `error_code` and the HTTP status.
        status: u16,
        /// `description`
        description: String,
    },
    /// A proxy's page with this status. Nothing is done.
    Page(u16),
    /// 401, as for a token that was revoked. Nothing is done.
    Unauthorized,
    /// Takes the request and never answers. Nothing is done.
    Hang,
    /// Closes the connection without an answer. Nothing is done.
    Cut,
    /// Does what was asked and closes the connection before the answer: the caller cannot know.
    DoneThenCut,
    /// Does what was asked and answers a byte at a time with this pause, in milliseconds.
    Drip(u64),
    /// 200 with bytes that are no answer. Nothing is done.
    Garbage,
}

impl Fault {
    /// Answers in place of `proper`, which is polled only if the fault lets the call have its effect.
    pub(super) async fn play(
        self,
        proper: impl Future<Output = Response<Reply>>,
    ) -> Result<Response<Reply>, Cut> {
        match self {
            Self::TooManyRequests { retry_after } => Ok(server::json(
                429,
                &json!({
                    "ok": false, "error_code": 429,
                    "description": format!("Too Many Requests: retry after {retry_after}"),
                    "parameters": {"retry_after": retry_after},
                }),
            )),
            Self::Refuse { status, description } => Ok(methods::refusal(status, &description)),
            Self::Page(status) => {
                Ok(server::reply(status, "text/html", format!("<html><h1>{status} Bad Gateway</h1></html>")))
            }
            Self::Unauthorized => Ok(methods::refusal(401, "Unauthorized")),
            Self::Hang => std::future::pending().await,
            Self::Cut => Err(Cut),
            Self::DoneThenCut => {
                drop(proper.await);
                Err(Cut)
            }
            Self::Drip(pause) => Ok(drip(proper.await, Duration::from_millis(pause)).await),
            Self::Garbage => {
                Ok(server::reply(200, "application/json", Bytes::from_static(b"{\"ok\":tru\xff\xfe<html>")))
            }
        }
    }
}

async fn drip(proper: Response<Reply>, pause: Duration) -> Response<Reply> {
    let (mut head, body) = proper.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (pieces, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for at in 0..whole.len() {
            tokio::time::sleep(pause).await;
            if pieces.send(Ok(whole.slice(at..=at))).await.is_err() {
                return;
            }
        }
    });
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Reply::Pieces(receiver))
}
