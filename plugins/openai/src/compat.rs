//! What a particular backend cannot take (`compat` of a model in the configuration). Keys that this dialect does not
//! act on are ignored.

use serde::Deserialize;

/// The flags that this dialect honours; absent keys have the behaviour of OpenAI itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Compat {
    /// `messages[].content` has to be a plain string.
    pub(crate) requires_string_content: bool,
    /// `Some(false)`: the backend breaks on tools.
    supports_tools: Option<bool>,
    /// `Some(false)`: `stream_options` is refused.
    supports_usage_in_streaming: Option<bool>,
    /// `Some(false)`: the role `developer` is refused.
    supports_developer_role: Option<bool>,
    /// Messages may have no key but `role` and `content`.
    pub(crate) strict_message_keys: bool,
    max_tokens_field: MaxTokensField,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MaxTokensField {
    #[default]
    MaxCompletionTokens,
    MaxTokens,
}

impl Compat {
    /// Reads the configuration; empty means no flags.
    pub(crate) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        if json.is_empty() { Ok(Self::default()) } else { serde_json::from_str(json) }
    }

    pub(crate) fn tools(&self) -> bool {
        self.supports_tools != Some(false)
    }

    /// Whether calls and results of tools have to become plain text.
    pub(crate) fn flattens_tools(&self) -> bool {
        !self.tools() || self.strict_message_keys
    }

    pub(crate) fn usage_in_streaming(&self) -> bool {
        self.supports_usage_in_streaming != Some(false)
    }

    pub(crate) fn developer_role(&self) -> bool {
        self.supports_developer_role != Some(false)
    }

    pub(crate) fn max_tokens_field(&self) -> &'static str {
        match self.max_tokens_field {
            MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
            MaxTokensField::MaxTokens => "max_tokens",
        }
    }
}
