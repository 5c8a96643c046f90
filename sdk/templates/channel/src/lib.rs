//! A channel for a vendor that is asked for what is new. `protocol` says what to ask and how to read the answers; the
//! prepared shell does the rest: admitting, acknowledging, waiting after failures, and ending when it is asked to.
//!
//! The vendor's API, to be replaced by yours. The gateway adds the token to every request.
//!
//! - `GET /me` → `{"id": "bot", "name": "A bot"}`
//! - `GET /messages?after=N&wait=25` → `{"messages": [{"id": 8, "room": "lobby", "direct": false, "author": {"id": "ada", "name":
//!   "Ada"}, "text": "hello", "at": 1700000000000}]}`: those with an id above N, oldest first. It may be held open for
//!   `wait` seconds while there are none.
//! - `POST /messages` with `{"room": "lobby", "text": "hello"}` → `{"id": 9}`
//!
//! 401 says that the token is refused, 429 with `retry-after` that there were too many requests.

mod protocol;

pub use protocol::Protocol;

use openclaw_sdk::long_poll::LongPolling;

openclaw_sdk::export_account!(LongPolling<Protocol>);

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
