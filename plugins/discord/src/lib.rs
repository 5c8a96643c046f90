//! Discord, by the gateway (version 10, JSON over one websocket) and the REST API.
//!
//! The session with the gateway is a state machine without I/O (`gateway`), and everything else is plain functions over the
//! SDK's `Host`, so all of it is tested natively. The component never sees the bot token: it sends an identify without one,
//! and the host puts it in on the way out, there and into the header of each request.

mod account;
mod api;
mod audit;
mod config;
mod edit;
mod gateway;
mod inbound;
mod intents;
mod mention;
mod outcome;
mod probe;
mod react;
mod receive;
mod rest;
mod rooms;
mod send;
mod snowflake;
mod table;
mod target;
mod typing;

#[cfg(test)]
mod model;
#[cfg(test)]
mod script;

openclaw_sdk::export_account!(account::Discord, edit, react, typing);
