//! The exports of a provider component. Owns the traits to implement and the macro that exports them.

pub use crate::bindings::provider::exports::openclaw::plugin::provider::{
    ChatRequest, Chunk, Content, Decoder as DecoderHandle, Failure, FailureReason, FinishReason,
    Guest as Provider, GuestDecoder as Decoder, HttpRequest, Message, Method, Model, Part, Role, Tool,
    ToolCall, ToolCallDelta, ToolChoice, Usage,
};

/// Exports a type that implements [`Provider`].
#[macro_export]
macro_rules! export_provider {
    ($provider:ident) => {
        $crate::bindings::provider::export_provider_world!(
            $provider with_types_in $crate::bindings::provider
        );
    };
}
