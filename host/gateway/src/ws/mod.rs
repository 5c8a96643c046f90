//! The WebSocket control plane: upgrade, handshake, sessions, events. What a method does is `rpc`'s business, who may
//! connect is `openclaw-access`'s.

mod handshake;
mod hub;
mod link;
mod outbound;
mod owner;
mod refusals;
mod session;
mod sockets;
pub(crate) mod standing;
mod subscriptions;
mod upgrade;

#[cfg(test)]
pub(crate) use hub::testing;
pub(crate) use hub::{Client, Hub};
pub(crate) use owner::upgrade_owner;
pub(crate) use refusals::Written;
pub(crate) use sockets::{SocketLimits, Sockets};
pub(crate) use upgrade::{is_upgrade, upgrade};
