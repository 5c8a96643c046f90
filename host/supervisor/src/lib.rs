//! The life of each account: states and back-off. Knows no wasmtime and no vendor; it starts and stops
//! instances through a [`Driver`], so that every rule here is tested with a fake one in virtual time.
//!
//! Invariants, each with a test:
//! - one account's trouble never delays or suppresses another: each has a task and a back-off of its own;
//! - silence is not failure: only an instance that ended, or refused to start, counts;
//! - it never gives up: after any number of failures there is a next attempt, and its time is shown. What waits for a
//!   person (a refused credential) is told apart, and still tried again when asked.

mod account;
mod backoff;
mod driver;
mod state;

pub use account::{AccountHandle, Supervisor};
pub use backoff::Backoff;
pub use driver::{Driver, End, Health, Running, StartError};
pub use state::{State, Status};
