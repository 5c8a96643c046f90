//! `/v1/responses` (compat §4.8): the same questions and answers as a chat request, in items instead of messages.

mod file;
mod item;
mod request;
mod writer;

pub use request::ResponsesBody;
pub use writer::ResponsesWriter;
