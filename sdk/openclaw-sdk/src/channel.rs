//! The exports of a channel component. Owns the traits to implement and the macros that export them.

pub use crate::bindings::channel::exports::openclaw::plugin::channel::{Guest as Channel, Identity, Start};
pub use crate::bindings::channel::openclaw::plugin::types::{
    ChatKind, Conversation, Failure, FailureKind, File, Message, Outbound, Outcome, Quote, Reaction, Receipt,
    Revision, Sender, SenderKind, Target,
};
pub use crate::bindings::edit::exports::openclaw::plugin::edit::Guest as Edit;
pub use crate::bindings::react::exports::openclaw::plugin::react::Guest as React;
pub use crate::bindings::send_media::exports::openclaw::plugin::send_media::Guest as SendMedia;
pub use crate::bindings::typing::exports::openclaw::plugin::typing::Guest as Typing;
pub use crate::bindings::webhook::exports::openclaw::plugin::webhook::{
    Guest as Webhook, Method as WebhookMethod, Request as WebhookRequest, Response as WebhookResponse,
};

/// Exports a type that implements [`Channel`]: required of every channel component.
#[macro_export]
macro_rules! export_channel {
    ($channel:ident) => {
        $crate::bindings::channel::export_channel_world!(
            $channel with_types_in $crate::bindings::channel
        );
    };
}

/// Exports a type that implements [`SendMedia`]: optional.
#[macro_export]
macro_rules! export_send_media {
    ($channel:ident) => {
        $crate::bindings::send_media::export_send_media_world!(
            $channel with_types_in $crate::bindings::send_media
        );
    };
}

/// Exports a type that implements [`Edit`]: optional.
#[macro_export]
macro_rules! export_edit {
    ($channel:ident) => {
        $crate::bindings::edit::export_edit_world!($channel with_types_in $crate::bindings::edit);
    };
}

/// Exports a type that implements [`React`]: optional.
#[macro_export]
macro_rules! export_react {
    ($channel:ident) => {
        $crate::bindings::react::export_react_world!($channel with_types_in $crate::bindings::react);
    };
}

/// Exports a type that implements [`Typing`]: optional.
#[macro_export]
macro_rules! export_typing {
    ($channel:ident) => {
        $crate::bindings::typing::export_typing_world!(
            $channel with_types_in $crate::bindings::typing
        );
    };
}

/// Exports a type that implements [`Webhook`]: optional, for the `[[webhook]]` routes of the manifest.
#[macro_export]
macro_rules! export_webhook {
    ($channel:ident) => {
        $crate::bindings::webhook::export_webhook_world!(
            $channel with_types_in $crate::bindings::webhook
        );
    };
}
