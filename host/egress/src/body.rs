//! The body of an answer, piece by piece. Owns the read deadlines and the size limit; buffers nothing by itself.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::client::Limits;
use crate::error::{EgressError, root_cause};

/// A body being received. Dropping it early closes the connection.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    deadline: Instant,
    limits: Limits,
    received: u64,
}

impl Body {
    pub(crate) fn new(incoming: Incoming, deadline: Instant, limits: Limits) -> Result<Self, EgressError> {
        match incoming.size_hint().exact() {
            Some(announced) if announced > limits.max_response => {
                Err(EgressError::too_large(limits.max_response))
            }
            _ => Ok(Self { incoming, deadline, limits, received: 0 }),
        }
    }

    /// Waits for the next piece; `None` after the last. Safe to cancel.
    ///
    /// # Errors
    /// `Interrupted` when the connection broke before the end, `Timeout` when a deadline ran out, `TooLarge` when the
    /// limit was passed. After an error the body must be dropped.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        loop {
            let silence = Instant::now() + self.limits.idle;
            let Ok(frame) = timeout_at(self.deadline.min(silence), self.incoming.frame()).await else {
                return Err(self.limits.expired(self.deadline));
            };
            let data = match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    return Err(EgressError::interrupted(format!(
                        "the answer broke off: {}",
                        root_cause(&error)
                    )));
                }
                // Trailers say nothing that anybody here reads.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => data,
                    _ => continue,
                },
            };
            self.received += data.len() as u64;
            if self.received > self.limits.max_response {
                return Err(EgressError::too_large(self.limits.max_response));
            }
            return Ok(Some(data));
        }
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// As [`Body::chunk`].
    pub async fn collect(mut self) -> Result<Bytes, EgressError> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        // Most answers fit one read: they are handed on as they are.
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(next) = self.chunk().await? {
            whole.extend_from_slice(&next);
        }
        Ok(whole.freeze())
    }

    /// Reads at most `limit` bytes and forgets the rest: for the bodies of refusals.
    ///
    /// # Errors
    /// As [`Body::chunk`], but a body that breaks off yields what came before.
    pub async fn collect_prefix(mut self, limit: usize) -> Result<Bytes, EgressError> {
        let mut prefix = BytesMut::new();
        while prefix.len() < limit {
            match self.chunk().await {
                Ok(Some(piece)) => prefix.extend_from_slice(&piece),
                Ok(None) => break,
                Err(error) if prefix.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        prefix.truncate(limit);
        Ok(prefix.freeze())
    }
}
