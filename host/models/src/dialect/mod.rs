//! The gateway's own `/v1` dialect, both ways: request bodies into a [`crate::ChatRequest`], and chunks into the bytes of an
//! answer. Owns the wire formats of compat §4.6 to §4.8 and their limits; knows no HTTP and no model.

mod embeddings;
mod error_body;
mod json;
mod request;
mod response;
mod responses;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::answer::Answer;
use crate::types::Chunk;

pub use embeddings::{EmbeddingsBody, MAX_BODY as MAX_EMBEDDINGS_BODY};
pub use error_body::ErrorBody;
pub use request::{BadRequest, ChatBody, MAX_BODY, MAX_IMAGES};
pub use response::ChatWriter;
pub use responses::{ResponsesBody, ResponsesWriter};

/// What compat §4.6 has in place of an empty reply.
pub const NO_RESPONSE: &str = "No response from OpenClaw.";

/// Writes one answer in one of the dialects. All methods append to a buffer of the caller's, which may be reused.
pub trait Writer: Send + 'static {
    /// The whole answer as one JSON object.
    fn whole(&self, answer: &Answer, out: &mut Vec<u8>);

    /// The body of an answer that has not begun and failed.
    fn refused(&self, error: &ErrorBody, out: &mut Vec<u8>);

    /// One chunk of a stream; writes nothing where it says nothing yet.
    fn chunk(&mut self, chunk: &Chunk, out: &mut Vec<u8>);

    /// The end of a stream.
    fn end(&mut self, out: &mut Vec<u8>);

    /// A failure in the middle of a stream, and its end.
    fn failed(&mut self, error: &ErrorBody, out: &mut Vec<u8>);
}

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
