//! Why the gateway did not start, in words for people and as an exit code. Never printed here: the caller does.

/// A refused or failed start. `Display` is the whole text for stderr, several lines long where that helps.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration or the flags have to change first; trying again as it is cannot help.
    #[error("{0}")]
    Configuration(String),
    /// Something else holds what the gateway needs: the port or the state directory.
    #[error("{0}")]
    Occupied(String),
    /// The machine did not let the gateway start.
    #[error("{text}")]
    Failed {
        /// What happened, where, and what to do next.
        text: String,
        /// What the system said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl StartError {
    /// The exit code of `openclaw gateway`: 78 (`EX_CONFIG`, which keeps a service manager from trying again) for a
    /// refused configuration, otherwise 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Configuration(_) => 78,
            StartError::Occupied(_) | StartError::Failed { .. } => 1,
        }
    }

    pub(crate) fn failed(
        text: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StartError {
        StartError::Failed { text: text.into(), source: Some(source.into()) }
    }
}
