//! Tests of channels without a vendor, a gateway or a clock: native, deterministic, and in virtual time.
//!
//! [`FakeHost`] is the gateway. It plays the vendor from a script ([`FakeHost::answers`] and its like) or by a
//! [`Vendor`] of the test's own, keeps what the account stores, and remembers everything that the account did. Its time
//! passes only when everything waits, so that a test of an hour takes no time.
//!
//! ```
//! use openclaw_sdk::host::Host;
//! use openclaw_sdk::http::{Method, Request};
//! use openclaw_sdk_test::FakeHost;
//!
//! let host = FakeHost::new().answers(503, &[], "busy").answers(200, &[], "ok");
//! let answer = host.finish(async {
//!     loop {
//!         let answer = host.http(Request::new("api", Method::Get, "/me", 1_000)).await.unwrap();
//!         if answer.is_success() {
//!             return answer;
//!         }
//!         host.sleep(60_000).await;
//!     }
//! });
//! assert_eq!(answer.body, b"ok");
//! assert_eq!((host.calls().len(), host.elapsed_ms()), (2, 60_000));
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of it is test code: a panic is how a test fails"
)]

pub mod conformance;
mod fake;
mod network;
mod outbound;
pub mod transcript;
mod vendor;
mod world;

pub use fake::FakeHost;
pub use network::{Downtime, Network};
pub use outbound::outbound;
pub use vendor::{Act, Asked, Opened, Reply, Vendor};
pub use world::{Admitted, Line};
