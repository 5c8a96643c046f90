//! A channel for a notice board that calls the gateway: the example of the author's guide.
//!
//! - The board sends each new note as a signed `POST`: `{"id": 8, "board": "kitchen", "author": {"id": "ada", "name": "Ada"}, "text":
//!   "Who has the key?", "at": 1700000000000}`. It comes again until the answer is 204. The gateway checks the signature.
//! - `GET /me` → `{"id": "bot", "name": "A bot"}`
//! - `POST /boards/<board>/notes` with `{"text": "It hangs by the door.", "answers": 8}` → `{"id": 9}`

mod protocol;

pub use protocol::Board;

use openclaw_sdk::webhook::Hooked;

openclaw_sdk::export_account!(Hooked<Board>, webhook);

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests;
