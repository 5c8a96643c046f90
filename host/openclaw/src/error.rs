//! What can go wrong in a command, and how it is said: text on stderr, or one JSON document on stdout.

use std::{path::PathBuf, process::ExitCode};

use openclaw_gateway::StartError;
use serde_json::{Value, json};

use crate::client::ClientError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What was asked cannot be done; the text says what to ask instead.
    #[error("{0}")]
    Invalid(String),
    /// As `Invalid`, with further keys beside `error` for `--json`.
    #[error("{text}")]
    Detailed {
        /// For people.
        text: String,
        /// A stable word for programs.
        code: &'static str,
        /// For programs; an object.
        extra: Value,
    },
    /// The gateway could not be asked, or answered with an error.
    #[error("{0}")]
    Gateway(Box<ClientError>),
    /// The configuration could not be read or written.
    #[error("{0}")]
    Config(#[from] openclaw_config::ConfigError),
    /// The gateway refused to start.
    #[error("{0}")]
    Start(#[from] StartError),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Output could not be written; a closed pipe is no failure.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        Self::Gateway(Box::new(error))
    }
}

impl CliError {
    /// A failure in a sentence.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    /// Says what happened and returns the exit code.
    pub(crate) fn report(self, as_json: bool) -> ExitCode {
        if let Self::Output(error) = &self
            && error.kind() == std::io::ErrorKind::BrokenPipe
        {
            return ExitCode::SUCCESS;
        }
        let code = match &self {
            Self::Start(error) => error.exit_code(),
            _ => 1,
        };
        if let Self::Gateway(error) = &self
            && let Some(line) = error.log_line()
        {
            crate::output::note(&line.to_string());
        }
        if as_json {
            // Whoever has gone hears of no failure either.
            crate::output::print_line(&format!("{:#}", self.to_json())).ok();
        } else {
            crate::output::note(&self.to_string());
        }
        ExitCode::from(code)
    }

    /// The document for `--json`.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Gateway(error) => error.to_json(),
            Self::Detailed { text, code, extra } => {
                let mut document = failure(text, Some(code));
                if let (Some(document), Some(extra)) = (document.as_object_mut(), extra.as_object()) {
                    document.extend(extra.clone());
                }
                document
            }
            Self::Config(error) => failure(&error.to_string(), Some(error.code())),
            Self::Invalid(_) | Self::Start(_) | Self::File { .. } | Self::Output(_) => {
                failure(&self.to_string(), None)
            }
        }
    }
}

fn failure(message: &str, code: Option<&str>) -> Value {
    let mut error = json!({"type": "cli_error", "message": message});
    if let (Some(code), Some(error)) = (code, error.as_object_mut()) {
        error.insert("code".to_owned(), json!(code));
    }
    json!({"ok": false, "error": error})
}
