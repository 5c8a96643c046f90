//! The exports of a provider component. Owns the traits to implement and the macros that export them.

pub use crate::bindings::embeddings::exports::openclaw::plugin::embeddings::{
    EmbeddingsAnswer, EmbeddingsPost, EmbeddingsRequest, Guest as Embeddings,
};
pub use crate::bindings::provider::exports::openclaw::plugin::provider::{
    ChatRequest, Chunk, Content, Decoder as DecoderHandle, Failure, FailureReason, FinishReason,
    Guest as Provider, GuestDecoder as Decoder, HttpRequest, Message, Method, Model, Part, Role, Tool,
    ToolCall, ToolCallDelta, ToolChoice, Usage,
};

/// Exports a type that implements [`Provider`]: required of every provider component.
#[macro_export]
macro_rules! export_provider {
    ($provider:ident) => {
        $crate::bindings::provider::export_provider_world!(
            $provider with_types_in $crate::bindings::provider
        );
    };
}

/// Exports a type that implements [`Embeddings`]: optional.
#[macro_export]
macro_rules! export_embeddings {
    ($provider:ident) => {
        $crate::bindings::embeddings::export_embeddings_world!(
            $provider with_types_in $crate::bindings::embeddings
        );
    };
}
