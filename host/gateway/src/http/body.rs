//! Reads a request's body within its bounds of size and time (openclaw-compat §4.3). Knows no format.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt;
use openclaw_models::dialect::ErrorBody;
use tokio::time::{Instant, timeout, timeout_at};

use super::reply;

/// How long a body may take that comes at no rate at all.
const PATIENCE: Duration = Duration::from_secs(30);
/// What comes faster than this, in bytes a second, gets the time that it needs.
const RATE: u64 = 16 * 1024;
/// So much of a body that is too long is taken, and forgotten, within so long: a client sees no answer that comes while it still
/// writes into a connection that is closed behind it.
const FORGOTTEN: usize = 8 << 20;
const LINGER: Duration = Duration::from_secs(2);

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBody {
    /// 413
    TooLarge,
    /// 408
    TooSlow,
    /// 400: the client broke off, or the framing is wrong.
    Broken,
}

impl From<NoBody> for ErrorBody {
    fn from(why: NoBody) -> ErrorBody {
        match why {
            NoBody::TooLarge => reply::too_large(),
            NoBody::TooSlow => reply::body_timeout(),
            NoBody::Broken => ErrorBody::invalid_request("The request body could not be read."),
        }
    }
}

/// The whole body, of at most `limit` bytes.
pub(super) async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, NoBody> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        // Who asks first has sent nothing yet.
        if !headers.contains_key(EXPECT) {
            forget(body).await;
        }
        return Err(NoBody::TooLarge);
    }
    let begun = Instant::now();
    let mut read = Vec::with_capacity(announced.unwrap_or_default().min(64 * 1024));
    let mut whole = None;
    loop {
        let earned = Duration::from_secs(read.len() as u64 / RATE);
        match timeout_at(begun + PATIENCE + earned, body.frame()).await {
            Err(_) => return Err(NoBody::TooSlow),
            Ok(None) => return Ok(whole.unwrap_or_else(|| Bytes::from(read))),
            Ok(Some(Err(_))) => return Err(NoBody::Broken),
            Ok(Some(Ok(frame))) => {
                let Ok(piece) = frame.into_data() else { continue };
                if read.len() + piece.len() > limit {
                    forget(body).await;
                    return Err(NoBody::TooLarge);
                }
                // Most bodies come in one piece, which need not be copied.
                if read.is_empty() && announced == Some(piece.len()) {
                    whole = Some(piece);
                } else {
                    read.extend_from_slice(&piece);
                }
            }
        }
    }
}

async fn forget(mut body: Body) {
    let mut left = FORGOTTEN;
    let rest = async {
        while left > 0
            && let Some(Ok(frame)) = body.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // What comes later than that is the client's loss.
    timeout(LINGER, rest).await.ok();
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const LIMIT: usize = 1 << 20;

    #[tokio::test]
    async fn bodies_are_bounded_in_size() {
        let mut announced = HeaderMap::new();
        announced.insert(CONTENT_LENGTH, http::HeaderValue::from(LIMIT + 1));
        assert_eq!(read(&announced, Body::empty(), LIMIT).await, Err(NoBody::TooLarge));
        let long = Body::from(vec![b' '; LIMIT + 1]);
        assert_eq!(read(&HeaderMap::new(), long, LIMIT).await, Err(NoBody::TooLarge));
        assert_eq!(read(&HeaderMap::new(), Body::from("{}"), LIMIT).await.unwrap(), "{}");
        announced.insert(CONTENT_LENGTH, http::HeaderValue::from(2));
        assert_eq!(read(&announced, Body::from("{}"), LIMIT).await.unwrap(), "{}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_long_is_taken_for_a_while() {
        let begun = Instant::now();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, http::HeaderValue::from(LIMIT + 1));
        assert_eq!(read(&headers, trickle(LIMIT, 1), LIMIT).await, Err(NoBody::TooLarge));
        assert!((1..=2).contains(&begun.elapsed().as_secs()), "all of it had come");
        let begun = Instant::now();
        assert_eq!(read(&headers, trickle(1, 1000), LIMIT).await, Err(NoBody::TooLarge));
        assert_eq!(begun.elapsed(), LINGER);
        headers.insert(EXPECT, http::HeaderValue::from_static("100-continue"));
        let begun = Instant::now();
        assert_eq!(read(&headers, trickle(1, 1000), LIMIT).await, Err(NoBody::TooLarge));
        assert_eq!(begun.elapsed(), Duration::ZERO, "it has sent nothing yet");
    }

    /// Pieces of this size, one a second.
    fn trickle(size: usize, pieces: usize) -> Body {
        let pieces = futures::stream::unfold(0, move |sent| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            (sent < pieces).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'x'; size])), sent + 1))
        });
        Body::from_stream(pieces)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_half_a_minute_and_more_only_for_what_comes() {
        let begun = Instant::now();
        let endless = Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(read(&HeaderMap::new(), endless, LIMIT).await, Err(NoBody::TooSlow));
        assert_eq!(begun.elapsed(), PATIENCE);
        assert_eq!(read(&HeaderMap::new(), trickle(1, 1000), LIMIT).await, Err(NoBody::TooSlow));
        assert!(begun.elapsed() < 3 * PATIENCE);
        let slow_but_steady = trickle(16 * 1024, 60);
        assert_eq!(
            read(&HeaderMap::new(), slow_but_steady, LIMIT).await.map(|body| body.len()),
            Ok(60 * 16 * 1024)
        );
    }
}
