//! Telegram, by the Bot API over long polling.
//!
//! The protocol is plain functions and a loop over the SDK's `Host`, so all of it is tested natively. The component never
//! sees the bot token: it asks the grant `api` for `/getMe`, and the host puts `/bot<token>` in front.

mod account;
mod api;
mod attachment;
mod call;
mod config;
mod edit;
mod format;
mod id;
mod inbound;
mod mention;
mod outcome;
mod poll;
mod probe;
mod react;
mod send;
mod target;
mod typing;
mod upload;

#[cfg(test)]
mod model;
#[cfg(test)]
mod script;

openclaw_sdk::export_account!(account::Telegram, edit, react, send_media, typing);
