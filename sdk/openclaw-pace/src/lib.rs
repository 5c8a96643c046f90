//! When to do something: the rate limits that a vendor announces, the edits of a message that grows, and the quiet after a
//! refused credential.
//!
//! Owns the arithmetic alone. It has no clock, no random source and does no I/O: the caller says what time it is, in
//! microseconds of a clock that never goes backwards, so that everything here is tested without waiting.

#![forbid(unsafe_code)]

mod buckets;
mod edits;
mod quiet;

pub use buckets::{Buckets, Limits, Scope};
pub use edits::Edits;
pub use quiet::Quiet;
