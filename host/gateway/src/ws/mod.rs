//! The WebSocket control plane: upgrade, handshake, sessions, events. What a method does is `rpc`'s business, who may
//! connect is `openclaw-access`'s.

mod gauge;
mod handshake;
mod hub;
mod outbound;
mod owner;
mod refusals;
mod session;
pub(crate) mod standing;
mod upgrade;

#[cfg(test)]
pub(crate) use hub::testing;
pub(crate) use hub::{Client, Hub};
pub(crate) use owner::upgrade_owner;
pub(crate) use refusals::Written;
pub(crate) use upgrade::{Sockets, is_upgrade, upgrade};
