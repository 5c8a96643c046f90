//! Owns secret values: holding them without showing them, comparing them, and taking them out of text that people
//! or logs will see. Never decides who may read a secret, and never reads one from a file, a variable or the network.

mod pattern;
mod scrub;
mod secret;

pub use pattern::redact_line;
pub use scrub::{PATH_SEGMENT, Scrubber};
pub use secret::Secret;

/// What stands in place of anything that was taken out.
pub const MASK: &str = "***";
