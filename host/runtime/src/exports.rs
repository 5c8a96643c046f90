//! What a channel component exports, whichever version of the contract it was built against: one set of calls for the
//! driver, which knows no versions.

use wasmtime::Store;
use wasmtime::component::{Accessor, Instance, InstancePre};

use crate::bindings::channel_types::{
    Failure, File, Identity, Outbound, Outcome, Reaction, Revision, Start, Target,
};
use crate::bindings::webhook::exports::openclaw::plugin::webhook::{Request, Response};
use crate::bindings::{channel, edit, react, send_media, typing, webhook};
use crate::capability::Guest;
use crate::contract::Version;
use crate::{Features, v0_1_0};

/// Where the exports are, found once for each component.
#[derive(Clone)]
pub(crate) enum ExportIndices {
    Current {
        channel: channel::ChannelPluginIndices,
        edit: Option<edit::WithEditIndices>,
        react: Option<react::WithReactIndices>,
        send_media: Option<send_media::WithSendMediaIndices>,
        typing: Option<typing::WithTypingIndices>,
        webhook: Option<webhook::WithWebhookIndices>,
    },
    Older(v0_1_0::Indices),
}

/// The exports of one instance.
pub(crate) enum Exports {
    Current {
        channel: channel::ChannelPlugin,
        edit: Option<edit::WithEdit>,
        react: Option<react::WithReact>,
        send_media: Option<send_media::WithSendMedia>,
        typing: Option<typing::WithTyping>,
        webhook: Option<webhook::WithWebhook>,
    },
    Older(v0_1_0::Exports),
}

impl ExportIndices {
    pub(crate) fn new(version: Version, pre: &InstancePre<Guest>) -> wasmtime::Result<Self> {
        match version {
            Version::Current => Ok(Self::Current {
                channel: channel::ChannelPluginIndices::new(pre)?,
                edit: edit::WithEditIndices::new(pre).ok(),
                react: react::WithReactIndices::new(pre).ok(),
                send_media: send_media::WithSendMediaIndices::new(pre).ok(),
                typing: typing::WithTypingIndices::new(pre).ok(),
                webhook: webhook::WithWebhookIndices::new(pre).ok(),
            }),
            Version::V0_1_0 => v0_1_0::Indices::new(pre).map(Self::Older),
        }
    }

    pub(crate) fn features(&self) -> Features {
        match self {
            Self::Current { channel: _, edit, react, send_media, typing, webhook } => Features {
                edit: edit.is_some(),
                react: react.is_some(),
                send_media: send_media.is_some(),
                typing: typing.is_some(),
                webhook: webhook.is_some(),
                ..Features::default()
            },
            Self::Older(indices) => Features { typing: indices.typing.is_some(), ..Features::default() },
        }
    }

    pub(crate) fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<Exports> {
        match self {
            Self::Current { channel, edit, react, send_media, typing, webhook } => Ok(Exports::Current {
                channel: channel.load(&mut *store, instance)?,
                edit: edit.as_ref().map(|edit| edit.load(&mut *store, instance)).transpose()?,
                react: react.as_ref().map(|react| react.load(&mut *store, instance)).transpose()?,
                send_media: send_media.as_ref().map(|files| files.load(&mut *store, instance)).transpose()?,
                typing: typing.as_ref().map(|typing| typing.load(&mut *store, instance)).transpose()?,
                webhook: webhook.as_ref().map(|webhook| webhook.load(&mut *store, instance)).transpose()?,
            }),
            Self::Older(indices) => indices.load(store, instance).map(Exports::Older),
        }
    }
}

impl Exports {
    pub(crate) async fn run(
        &self,
        accessor: &Accessor<Guest>,
        start: Start,
    ) -> wasmtime::Result<Result<(), Failure>> {
        match self {
            Self::Current { channel, .. } => {
                channel.openclaw_plugin_channel().call_run(accessor, start).await
            }
            Self::Older(exports) => exports.run(accessor, start).await,
        }
    }

    pub(crate) async fn send(
        &self,
        accessor: &Accessor<Guest>,
        outbound: Outbound,
    ) -> wasmtime::Result<Outcome> {
        match self {
            Self::Current { channel, .. } => {
                channel.openclaw_plugin_channel().call_send(accessor, outbound).await
            }
            Self::Older(exports) => exports.send(accessor, outbound).await,
        }
    }

    /// `None` when the component has no such export.
    pub(crate) async fn send_media(
        &self,
        accessor: &Accessor<Guest>,
        outbound: Outbound,
        media: Vec<File>,
    ) -> wasmtime::Result<Option<Outcome>> {
        match self {
            Self::Current { send_media: Some(files), .. } => {
                files.openclaw_plugin_send_media().call_send(accessor, outbound, media).await.map(Some)
            }
            Self::Current { send_media: None, .. } | Self::Older(_) => Ok(None),
        }
    }

    /// `None` when the component has no such export.
    pub(crate) async fn edit(
        &self,
        accessor: &Accessor<Guest>,
        revision: Revision,
    ) -> wasmtime::Result<Option<Outcome>> {
        match self {
            Self::Current { edit: Some(edit), .. } => {
                edit.openclaw_plugin_edit().call_apply(accessor, revision).await.map(Some)
            }
            Self::Current { edit: None, .. } | Self::Older(_) => Ok(None),
        }
    }

    /// `None` when the component has no such export.
    pub(crate) async fn react(
        &self,
        accessor: &Accessor<Guest>,
        reaction: Reaction,
    ) -> wasmtime::Result<Option<Result<(), Failure>>> {
        match self {
            Self::Current { react: Some(react), .. } => {
                react.openclaw_plugin_react().call_set(accessor, reaction).await.map(Some)
            }
            Self::Current { react: None, .. } | Self::Older(_) => Ok(None),
        }
    }

    pub(crate) async fn probe(
        &self,
        accessor: &Accessor<Guest>,
    ) -> wasmtime::Result<Result<Identity, Failure>> {
        match self {
            Self::Current { channel, .. } => channel.openclaw_plugin_channel().call_probe(accessor).await,
            Self::Older(exports) => exports.probe(accessor).await,
        }
    }

    /// `None` when the component has no such export.
    pub(crate) async fn typing(
        &self,
        accessor: &Accessor<Guest>,
        target: Target,
    ) -> wasmtime::Result<Option<Result<(), Failure>>> {
        match self {
            Self::Current { typing: Some(typing), .. } => {
                typing.openclaw_plugin_typing().call_notify(accessor, target).await.map(Some)
            }
            Self::Current { typing: None, .. } => Ok(None),
            Self::Older(exports) => exports.typing(accessor, target).await,
        }
    }

    /// `None` when the component has no such export.
    pub(crate) async fn webhook(
        &self,
        accessor: &Accessor<Guest>,
        request: Request,
    ) -> wasmtime::Result<Option<Response>> {
        match self {
            Self::Current { webhook: Some(webhook), .. } => {
                webhook.openclaw_plugin_webhook().call_handle(accessor, request).await.map(Some)
            }
            Self::Current { webhook: None, .. } | Self::Older(_) => Ok(None),
        }
    }
}
