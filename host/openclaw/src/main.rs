//! openclaw.
fn main() {}
