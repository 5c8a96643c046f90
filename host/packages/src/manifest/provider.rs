//! `[provider]`: which dialects a shim speaks and who is known to speak them.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Fault, fault};
use crate::grant::fixed_origin_problem;

/// `[provider]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Provider {
    /// Values of `models.providers.<id>.api` that this shim serves.
    pub api: Vec<String>,
    /// `[[provider.known]]`, most preferred first.
    #[serde(default)]
    pub known: Vec<KnownProvider>,
    /// `[[provider.local]]`, most preferred first.
    #[serde(default)]
    pub local: Vec<LocalProvider>,
}

/// `[[provider.known]]`: a provider that needs no more than a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KnownProvider {
    /// The provider id.
    pub id: String,
    /// Where it answers.
    pub base_url: String,
    /// Variables that may hold the key, most preferred first.
    #[serde(default)]
    pub env: Vec<String>,
    /// The model to use when none is chosen.
    pub default_model: Option<String>,
    /// Flags for the shim, below those that the operator sets for a model: keys as in `compat` of the configuration.
    #[serde(default)]
    pub compat: Map<String, Value>,
    /// For people.
    pub label: Option<String>,
}

/// `[[provider.local]]`: a server that may be running on this machine and needs no key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LocalProvider {
    /// The provider id.
    pub id: String,
    /// Where it answers.
    pub base_url: String,
    /// For people.
    pub label: Option<String>,
}

impl Provider {
    pub(super) fn first_fault(&self) -> Option<Fault> {
        if self.api.is_empty() {
            return fault("provider.api", "is empty".to_owned(), "name the dialects that the shim speaks");
        }
        self.known.iter().enumerate().find_map(|(n, known)| {
            let problem = fixed_origin_problem(&known.base_url)?;
            fault(format!("provider.known[{n}].base-url"), problem.to_owned(), "write https://host/path")
        })
    }
}
