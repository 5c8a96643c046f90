//! The session with Discord's gateway, as a state machine: what happened goes in, what is to be done comes out. Owns the
//! protocol of version 10; it does no I/O and never looks into an event.

mod close;
mod cursor;
mod session;

pub(crate) use cursor::Cursor;
pub(crate) use session::{Dispatch, Effect, Session};
