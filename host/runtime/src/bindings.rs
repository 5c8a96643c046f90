//! Bindings generated from `wit/0.2.0/`, and the names under which the rest of the host sees them.
//!
//! Nothing is written by hand here: a shape that looks wrong is wrong in the WIT.

#![allow(missing_docs, reason = "generated; the documentation stands in wit/")]
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, reason = "generated")]

pub(crate) mod channel {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "channel-plugin",
        imports: { default: trappable },
        exports: { default: async | store },
    });
}

pub(crate) mod typing {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "with-typing",
        with: { "openclaw:plugin/types@0.2.0": crate::bindings::channel::openclaw::plugin::types },
        exports: { default: async | store },
    });
}

pub(crate) mod send_media {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "with-send-media",
        with: { "openclaw:plugin/types@0.2.0": crate::bindings::channel::openclaw::plugin::types },
        exports: { default: async | store },
    });
}

pub(crate) mod edit {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "with-edit",
        with: { "openclaw:plugin/types@0.2.0": crate::bindings::channel::openclaw::plugin::types },
        exports: { default: async | store },
    });
}

pub(crate) mod react {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "with-react",
        with: { "openclaw:plugin/types@0.2.0": crate::bindings::channel::openclaw::plugin::types },
        exports: { default: async | store },
    });
}

pub(crate) mod webhook {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "with-webhook",
        exports: { default: async | store },
    });
}

pub(crate) mod provider {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "provider-plugin",
    });
}

pub(crate) mod embeddings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "with-embeddings",
    });
}

/// What a channel component and the host say to each other.
pub mod channel_types {
    pub use super::channel::exports::openclaw::plugin::channel::{Identity, Start};
    pub use super::channel::openclaw::plugin::types::{
        ChatKind, Conversation, Failure, FailureKind, File, Message, Outbound, Outcome, Quote, Reaction,
        Receipt, Revision, Sender, SenderKind, Target,
    };
    pub use super::webhook::exports::openclaw::plugin::webhook::{
        Method as WebhookMethod, Request as WebhookRequest, Response as WebhookResponse,
    };
}

/// What a provider shim and the host say to each other.
pub mod provider_types {
    pub use super::embeddings::exports::openclaw::plugin::embeddings::{
        EmbeddingsAnswer, EmbeddingsPost, EmbeddingsRequest,
    };
    pub use super::provider::exports::openclaw::plugin::provider::{
        ChatRequest, Chunk, Content, Failure, FailureReason, FinishReason, HttpRequest, Message, Method,
        Model, Part, Role, Tool, ToolCall, ToolCallDelta, ToolChoice, Usage,
    };
}
