//! Time, as the host lends it.

pub use crate::bindings::channel::openclaw::plugin::clock::{monotonic_us, now_ms, sleep};
