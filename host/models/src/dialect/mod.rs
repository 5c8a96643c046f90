//! The gateway's own `/v1/chat/completions`, both ways: a request body into a [`crate::ChatRequest`], and chunks into the
//! bytes of the answer. Owns the wire format of compat §4.6 and its limits; knows no HTTP and no model.

mod request;
mod response;

pub use request::{BadRequest, ChatBody, MAX_BODY, MAX_IMAGES};
pub use response::{ErrorBody, Writer};
