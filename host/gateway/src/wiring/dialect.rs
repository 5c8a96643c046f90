//! Between a provider shim's types and the models' own: field by field, nothing is decided.

use openclaw_models as models;
use openclaw_runtime::dialect as wit;

/// A request for a shim. Copies the texts: the component's memory is elsewhere anyway.
pub(super) fn request(request: &models::ChatRequest) -> wit::ChatRequest {
    wit::ChatRequest {
        model: request.model.clone(),
        messages: request.messages.iter().map(message).collect(),
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: request.tool_choice.as_ref().map(tool_choice),
        stream: request.stream,
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        top_p: request.top_p,
        stop: request.stop.clone(),
        extra: request.extra.clone(),
        compat: request.compat.clone(),
    }
}

fn message(message: &models::Message) -> wit::Message {
    wit::Message {
        role: match message.role {
            models::Role::System => wit::Role::System,
            models::Role::Developer => wit::Role::Developer,
            models::Role::User => wit::Role::User,
            models::Role::Assistant => wit::Role::Assistant,
            models::Role::Tool => wit::Role::Tool,
        },
        content: message.content.as_ref().map(content),
        name: message.name.clone(),
        tool_calls: message
            .tool_calls
            .iter()
            .map(|call| wit::ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            })
            .collect(),
        tool_call_id: message.tool_call_id.clone(),
    }
}

fn content(content: &models::Content) -> wit::Content {
    match content {
        models::Content::Text(text) => wit::Content::Text(text.clone()),
        models::Content::Parts(parts) => wit::Content::Parts(
            parts
                .iter()
                .map(|part| match part {
                    models::Part::Text(text) => wit::Part::Text(text.clone()),
                    models::Part::Image(url) => wit::Part::Image(url.clone()),
                })
                .collect(),
        ),
    }
}

fn tool(tool: &models::Tool) -> wit::Tool {
    wit::Tool {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters: tool.parameters.clone(),
        strict: tool.strict,
    }
}

fn tool_choice(choice: &models::ToolChoice) -> wit::ToolChoice {
    match choice {
        models::ToolChoice::Auto => wit::ToolChoice::Auto,
        models::ToolChoice::None => wit::ToolChoice::None,
        models::ToolChoice::Required => wit::ToolChoice::Required,
        models::ToolChoice::Function(name) => wit::ToolChoice::Function(name.clone()),
    }
}

/// What a shim wants sent.
pub(super) fn http_request(request: wit::HttpRequest) -> models::ShimRequest {
    models::ShimRequest {
        method: match request.method {
            wit::Method::Get => models::Method::Get,
            wit::Method::Post => models::Method::Post,
        },
        path: request.path,
        headers: request.headers,
        body: request.body,
    }
}

/// A request for vectors.
pub(super) fn embeddings_request(request: &models::EmbeddingsRequest) -> wit::EmbeddingsRequest {
    wit::EmbeddingsRequest {
        model: request.model.clone(),
        input: request.input.clone(),
        dimensions: request.dimensions,
        extra: request.extra.clone(),
    }
}

/// What a shim wants sent for it.
pub(super) fn embeddings_post(post: wit::EmbeddingsPost) -> models::ShimRequest {
    models::ShimRequest {
        method: models::Method::Post,
        path: post.path,
        headers: post.headers,
        body: post.body,
    }
}

/// What a shim made of the answer.
pub(super) fn embeddings(answer: wit::EmbeddingsAnswer) -> models::Embeddings {
    models::Embeddings { vectors: answer.vectors, input_tokens: answer.input_tokens }
}

/// What a shim made of bytes.
pub(super) fn chunk(chunk: wit::Chunk) -> models::Chunk {
    match chunk {
        wit::Chunk::Text(text) => models::Chunk::Text(text),
        wit::Chunk::Reasoning(text) => models::Chunk::Reasoning(text),
        wit::Chunk::Refusal(text) => models::Chunk::Refusal(text),
        wit::Chunk::ToolCall(delta) => models::Chunk::ToolCall(models::ToolCallDelta {
            index: delta.index,
            id: delta.id,
            name: delta.name,
            arguments: delta.arguments,
        }),
        wit::Chunk::Usage(usage) => models::Chunk::Usage(models::Usage {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cached_tokens: usage.cached_tokens,
            reasoning_tokens: usage.reasoning_tokens,
        }),
        wit::Chunk::Finish(reason) => models::Chunk::Finish(match reason {
            wit::FinishReason::Stop => models::FinishReason::Stop,
            wit::FinishReason::Length => models::FinishReason::Length,
            wit::FinishReason::ToolCalls => models::FinishReason::ToolCalls,
            wit::FinishReason::ContentFilter => models::FinishReason::ContentFilter,
            wit::FinishReason::Error => models::FinishReason::Error,
        }),
    }
}

/// A shim's verdict on an answer.
pub(super) fn failure(failure: wit::Failure) -> models::Failure {
    models::Failure {
        reason: match failure.reason {
            wit::FailureReason::Auth => models::FailureReason::Auth,
            wit::FailureReason::Billing => models::FailureReason::Billing,
            wit::FailureReason::RateLimit => models::FailureReason::RateLimit,
            wit::FailureReason::Overloaded => models::FailureReason::Overloaded,
            wit::FailureReason::ContextOverflow => models::FailureReason::ContextOverflow,
            wit::FailureReason::ModelNotFound => models::FailureReason::ModelNotFound,
            wit::FailureReason::Format => models::FailureReason::Format,
            wit::FailureReason::Timeout => models::FailureReason::Timeout,
            wit::FailureReason::ServerError => models::FailureReason::ServerError,
            wit::FailureReason::EmptyResponse => models::FailureReason::EmptyResponse,
            wit::FailureReason::Unknown => models::FailureReason::Unknown,
        },
        code: failure.code,
        message: failure.message,
        retry_after_ms: failure.retry_after_ms,
    }
}

/// A model that a provider offers.
pub(super) fn model(model: wit::Model) -> models::ModelEntry {
    models::ModelEntry { id: model.id, context_window: model.context_window }
}
