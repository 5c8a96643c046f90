//! `config.get`: the configuration that the gateway reads, without its secrets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{call::Call, scope::Scope, shape::Field};

/// Parameters of `config.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigGetParams {}

impl Call for ConfigGetParams {
    const METHOD: &'static str = "config.get";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[];
    type Reply = ConfigGet;
}

/// The answer to `config.get`. Secrets read `__OPENCLAW_REDACTED__`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigGet {
    /// The file.
    pub path: String,
    /// Whether there is one.
    pub exists: bool,
    /// Whether it can be used.
    pub valid: bool,
    /// What it says.
    pub config: Value,
    /// Changes with the file; a writer hands it back as proof of what it read.
    pub hash: String,
    /// What is wrong with it.
    pub issues: Vec<ConfigIssue>,
}

/// Something that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigIssue {
    /// Dotted.
    pub path: String,
    /// For people.
    pub message: String,
}
