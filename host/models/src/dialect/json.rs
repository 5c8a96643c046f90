//! Pieces of JSON, appended by hand: every chunk of every stream passes here.

use std::io::Write as _;

pub(super) fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn number(out: &mut Vec<u8>, value: u64) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value}");
}

pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    // A string can always be serialised, and writing to a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}
