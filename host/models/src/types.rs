//! The host's own copy of `wit/0.2.0/provider.wit`: plain data, converted to a component's types by whoever runs it.

use crate::thinking::ThinkingWish;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions of the operator.
    System,
    /// Instructions of the developer; some backends know only [`Role::System`].
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// One piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// An `https:` or `data:` URL.
    Image(String),
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One text.
    Text(String),
    /// Several pieces.
    Parts(Vec<Part>),
}

impl Content {
    /// All text of the message, its parts joined by line breaks; images are left out.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => {
                let texts = parts.iter().filter_map(|part| match part {
                    Part::Text(text) => Some(text.as_str()),
                    Part::Image(_) => None,
                });
                texts.collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// A call that the model asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The model's id of the call.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// JSON text, exactly as the model wrote it; not necessarily valid.
    pub arguments: String,
}

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// `None` only where a message consists of tool calls.
    pub content: Option<Content>,
    /// The speaker's name.
    pub name: Option<String>,
    /// Only for [`Role::Assistant`].
    pub tool_calls: Vec<ToolCall>,
    /// Only for [`Role::Tool`]: the call that this answers.
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message of plain text.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self {
            role,
            content: Some(Content::Text(text.into())),
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }
}

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// A JSON Schema as JSON text.
    pub parameters: Option<String>,
    /// Whether arguments must fit the schema exactly.
    pub strict: Option<bool>,
}

/// Which tool the model should call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Function(String),
}

/// What is asked of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatRequest {
    /// The provider's own model id. Set by the host from the target; the caller may leave it empty.
    pub model: String,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The tools on offer.
    pub tools: Vec<Tool>,
    /// Which of them to call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether the answer should come piece by piece.
    pub stream: bool,
    /// Upper bound of the answer's length in tokens.
    pub max_tokens: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// At most four texts that end the answer.
    pub stop: Vec<String>,
    /// Parameters that the host does not read: name and JSON text.
    pub extra: Vec<(String, String)>,
    /// How hard to think; a target that thinks says it in its own words. `None`: nothing is said.
    pub thinking: Option<ThinkingWish>,
    /// The model's `compat` section as JSON. Set by the host from the target.
    pub compat: String,
}

/// The HTTP verb of a shim's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// What a shim wants sent. It names no host and holds no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShimRequest {
    /// The verb.
    pub method: Method,
    /// Appended to the path of `baseUrl`; begins with `/`.
    pub path: String,
    /// Headers of the dialect.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A piece of a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCallDelta {
    /// Which call of this answer the piece belongs to, from 0.
    pub index: u32,
    /// In the first piece of a call.
    pub id: Option<String>,
    /// In the first piece of a call.
    pub name: Option<String>,
    /// The next piece of the arguments.
    pub arguments: String,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// The part of `input_tokens` that came from the provider's cache.
    pub cached_tokens: u64,
    /// The part of `output_tokens` that was reasoning.
    pub reasoning_tokens: u64,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It reached the length limit.
    Length,
    /// It wants tools called.
    ToolCalls,
    /// The provider withheld the rest.
    ContentFilter,
    /// The provider gave up.
    Error,
}

/// One piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Text of the answer.
    Text(String),
    /// Text of the model's reasoning.
    Reasoning(String),
    /// Text of a refusal.
    Refusal(String),
    /// A piece of a tool call.
    ToolCall(ToolCallDelta),
    /// What it cost so far.
    Usage(Usage),
    /// The end.
    Finish(FinishReason),
}

/// What went wrong, by what the host can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// The credential was refused.
    Auth,
    /// The account has run out of money.
    Billing,
    /// Too many requests.
    RateLimit,
    /// The provider has too much to do.
    Overloaded,
    /// The conversation is longer than the model's window.
    ContextOverflow,
    /// No such model.
    ModelNotFound,
    /// The request is wrong for this backend; no other key or retry will help.
    Format,
    /// No answer in time, or the connection broke.
    Timeout,
    /// The provider is broken.
    ServerError,
    /// The answer holds nothing.
    EmptyResponse,
    /// None of the others.
    Unknown,
}

impl FailureReason {
    /// The word that logs, errors and the decision record use for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::ContextOverflow => "context_overflow",
            Self::ModelNotFound => "model_not_found",
            Self::Format => "format",
            Self::Timeout => "timeout",
            Self::ServerError => "server_error",
            Self::EmptyResponse => "empty_response",
            Self::Unknown => "unknown",
        }
    }
}

/// A classified failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the host can do.
    pub reason: FailureReason,
    /// The provider's own code, for instance `rate_limit_exceeded`; at most 64 bytes.
    pub code: String,
    /// The provider's own words, at most 4 KiB.
    pub message: String,
    /// What the answer asked for, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// A request for vectors, in the terms of every dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbeddingsRequest {
    /// The provider's own model id. Set by the host from the target.
    pub model: String,
    /// 1 to 128 texts, none of them empty.
    pub input: Vec<String>,
    /// The wished length of the vectors.
    pub dimensions: Option<u32>,
    /// Parameters that the host does not read: name and JSON text.
    pub extra: Vec<(String, String)>,
}

/// Vectors, as a provider made them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// One for each text, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that the provider counted; 0 when it does not say.
    pub input_tokens: u64,
}

/// A model that a provider offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelEntry {
    /// The provider's own id.
    pub id: String,
    /// Tokens that fit into one request, where the provider says so.
    pub context_window: Option<u32>,
}
