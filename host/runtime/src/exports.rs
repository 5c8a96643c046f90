//! What a channel component exports, whichever version of the contract it was built against: one set of calls for the
//! driver, which knows no versions.

use wasmtime::Store;
use wasmtime::component::{Accessor, Instance, InstancePre};

use crate::bindings::channel_types::{Failure, File, Identity, Outbound, Outcome, Start, Target};
use crate::bindings::webhook::exports::openclaw::plugin::webhook::{Request, Response};
use crate::bindings::{channel, send_media, typing, webhook};
use crate::capability::Guest;
use crate::contract::Version;
use crate::{Features, v0_1_0};

/// Where the exports are, found once for each component.
#[derive(Clone)]
pub(crate) enum ExportIndices {
    Current {
        channel: channel::ChannelPluginIndices,
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
                send_media: send_media::WithSendMediaIndices::new(pre).ok(),
                typing: typing::WithTypingIndices::new(pre).ok(),
                webhook: webhook::WithWebhookIndices::new(pre).ok(),
            }),
            Version::V0_1_0 => v0_1_0::Indices::new(pre).map(Self::Older),
        }
    }

    pub(crate) fn features(&self) -> Features {
        let (send_media, typing, webhook) = match self {
            Self::Current { send_media, typing, webhook, .. } => {
                (send_media.is_some(), typing.is_some(), webhook.is_some())
            }
            Self::Older(indices) => (false, indices.typing.is_some(), false),
        };
        Features { send_media, typing, webhook, ..Features::default() }
    }

    pub(crate) fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<Exports> {
        match self {
            Self::Current { channel, send_media, typing, webhook } => Ok(Exports::Current {
                channel: channel.load(&mut *store, instance)?,
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
