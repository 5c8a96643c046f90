//! Measuring, splitting and reading text for chat vendors.
//!
//! Owns the length units that vendors count in, the safe places to cut a text, the fence-aware splitters, tables for
//! vendors that have none, and names in a text. It never renders markup, does no I/O and depends on nothing, so that host and guests share one implementation.

#![forbid(unsafe_code)]

mod block;
mod boundary;
mod fence;
mod lines;
mod measure;
mod names;
mod paragraphs;
mod shorten;
mod split;
mod table;

pub use block::{Bounds, Break, OpenCode};
pub use boundary::cut;
pub use lines::split_lines;
pub use measure::{Unit, length};
pub use names::{behind, mentions};
pub use paragraphs::split_paragraphs;
pub use shorten::shortened;
pub use split::split;
pub use table::{aligned, rewrite_tables};
