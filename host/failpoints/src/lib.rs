//! Failpoints: places in the host at which a test may have it panic or die. Owns the table of their names and what is asked of
//! them; knows nothing of what happens there.
//!
//! Without the feature `on`, [`failpoint!`] is nothing and the program does not look at the environment. With it,
//! `OPENCLAW_FAILPOINTS` says what happens, as orders separated by `;` or line breaks:
//!
//! | order | what happens |
//! |---|---|
//! | `store.write=panic` | the task that passes the point next panics; whoever passes it later does not |
//! | `store.write=panic@3` | the one that passes it third |
//! | `store.write=abort`, `store.write=abort@3` | the process ends at once, and nothing is tidied up |
//! | `store.committed=abort` | the same, at a point where a panic is not asked for ([`DEATHS`]) |
//! | `hurry` | what the gateway does now and then it does every quarter of a second |
//!
//! `@<path>` in its place names a file with such orders, which is read again whenever it has changed: so a running gateway is told
//! of the next point. What is not an order is said on standard error.

mod names;
#[cfg(any(test, feature = "on"))]
mod orders;
#[cfg(feature = "on")]
mod passing;

#[cfg(not(feature = "on"))]
use std::time::Duration;

pub use names::{DEATHS, NAMES, is_known};
#[cfg(feature = "on")]
pub use passing::{announce, hurried, pass};

/// A place at which a test may have the task panic or the process die; its name stands in [`NAMES`] or [`DEATHS`].
#[cfg(feature = "on")]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {{
        const { assert!($crate::is_known($name), "the name is not in the table of openclaw-failpoints") };
        $crate::pass($name);
    }};
}

/// A place at which a test may have the task panic or the process die; its name stands in [`NAMES`] or [`DEATHS`].
#[cfg(not(feature = "on"))]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {{
        const { assert!($crate::is_known($name), "the name is not in the table of openclaw-failpoints") };
    }};
}

/// Says what is not understood of what is asked for. Call it at the start.
#[cfg(not(feature = "on"))]
pub const fn announce() {}

/// The pause between two rounds of something that happens now and then: shorter where `hurry` is asked for.
#[cfg(not(feature = "on"))]
pub const fn hurried(period: Duration) -> Duration {
    period
}
