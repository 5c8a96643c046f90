//! The ways in which the backend can answer.

use serde::{Deserialize, Serialize};

/// How a chat request is answered. As JSON: `"echo"`, `{"rate-limited": {"retry_after": 1}}` and so on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// `echo: ` and the last user text, word by word if streamed.
    Echo,
    /// This text.
    Say(String),
    /// `count` chunks of text with a pause before each.
    Chunks {
        /// How many.
        count: usize,
        /// The pause.
        delay_ms: u64,
    },
    /// Echo, with a pause before each word if streamed.
    Words {
        /// The pause.
        pause_ms: u64,
    },
    /// A text of several paragraphs with a pause before each word if streamed. Asked to go on behind a part of it, it says the
    /// rest.
    Recite {
        /// The text; by default the echo, and three pieces that repeat it with `piece2-`, `piece3-` and `piece4-` for `mark`.
        text: Option<String>,
        /// The pause.
        pause_ms: u64,
    },
    /// Echo, after a wait.
    Late {
        /// The wait.
        delay_ms: u64,
    },
    /// A call of the tool.
    ToolCall {
        /// The tool.
        name: String,
        /// JSON text.
        arguments: String,
    },
    /// 401 with the vendor's words.
    Unauthorized,
    /// 402 `Insufficient credits`.
    Billing,
    /// 429; with a `Retry-After` in seconds.
    RateLimited {
        /// Seconds; without the header when absent.
        retry_after: Option<u64>,
    },
    /// 429 with the refusal of long contexts.
    LongContext,
    /// 500.
    ServerError,
    /// 529.
    Overloaded,
    /// 404 for the model.
    NoModel,
    /// 400: the conversation is too long.
    ContextOverflow,
    /// Echo for plain text; 400 for lists of content parts, in the words of a strict backend.
    StringOnly,
    /// Takes the request and never answers.
    Hang,
    /// Takes the request and closes the connection.
    Reset,
    /// Cuts the connection in the middle of the answer.
    Cut {
        /// Chunks of text that are sent before.
        after: usize,
    },
    /// 200 with bytes that are no answer.
    Garbage,
    /// 200 with an error in place of the first text.
    ErrorInStream,
    /// 200 and a complete answer without any text.
    Empty,
    /// Any status and body.
    Status {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
}

impl Mode {
    /// What a request for this model gets when nothing was set.
    pub(super) fn of_model(model: &str) -> Self {
        match model {
            "mock-401" => Self::Unauthorized,
            "mock-402" => Self::Billing,
            "mock-429" => Self::RateLimited { retry_after: Some(1) },
            "mock-429-long" => Self::LongContext,
            "mock-500" => Self::ServerError,
            "mock-529" => Self::Overloaded,
            "mock-404" => Self::NoModel,
            "mock-ctx" => Self::ContextOverflow,
            "mock-stringonly" | "mock-stringonly-compat" => Self::StringOnly,
            "mock-hang" => Self::Hang,
            "mock-reset" => Self::Reset,
            "mock-cut" => Self::Cut { after: 3 },
            "mock-garbage" => Self::Garbage,
            "mock-stream-error" => Self::ErrorInStream,
            "mock-empty" => Self::Empty,
            "mock-words" => Self::Words { pause_ms: 40 },
            "mock-recite" => Self::Recite { text: None, pause_ms: 10 },
            "mock-drip" => Self::Chunks { count: 20, delay_ms: 100 },
            "mock-tool" => {
                Self::ToolCall { name: "lookup".to_owned(), arguments: r#"{"query":"weather"}"#.to_owned() }
            }
            _ => Self::Echo,
        }
    }
}
