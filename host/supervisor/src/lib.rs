//! The life of each account: states, back-off and breaker. Knows no wasmtime and no vendor; it starts and stops
//! instances through a [`Driver`], so that every rule here is tested with a fake one in virtual time.
//!
//! Invariants, each with a test:
//! - one account's trouble never delays or suppresses another: each has a task and a back-off of its own;
//! - silence is not failure: only an instance that ended or refused to start, and a message that failed, count;
//! - back-off spaces starts, the breaker holds messages back, and neither does the other's work (`breaker`);
//! - it never gives up: after any number of failures there is a next attempt, and its time is shown. What waits for a
//!   person (a refused credential) is told apart, and still tried again when asked.

mod account;
mod backoff;
mod breaker;
mod driver;
mod state;

pub use account::{AccountHandle, Supervisor};
pub use backoff::Backoff;
pub use breaker::{Breaker, Circuit, FAILURES, HOLD, Outcome, Pass};
pub use driver::{Attempt, Driver, End, Health, Running, StartError};
pub use state::{Crash, State, Status};
