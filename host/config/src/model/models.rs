//! `models.*`

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::gateway::secret;
use crate::secret_ref::SecretInput;

/// `models.*`
#[derive(Clone, Debug, Default)]
pub struct Models {
    /// `models.providers`, in the order of the file: the first is preferred when a choice is left open.
    pub providers: Vec<Provider>,
    /// Providers that are not used because of a fault in their sections, and what is wrong.
    pub disabled: BTreeMap<String, String>,
}

/// `models.providers.<id>`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Provider {
    /// The key in the map.
    #[serde(skip)]
    pub id: String,
    /// Where the provider answers. Unset: the default of the provider's manifest.
    pub base_url: Option<String>,
    /// The credential.
    #[serde(deserialize_with = "secret")]
    pub api_key: Option<SecretInput>,
    /// The dialect, for instance `openai-completions`.
    pub api: Option<String>,
    /// Further headers for every request; values may be secrets.
    #[serde(deserialize_with = "secret_map")]
    pub headers: BTreeMap<String, SecretInput>,
    /// How long one request may take, in seconds.
    pub timeout_seconds: Option<u64>,
    /// The models it offers.
    pub models: Vec<Model>,
}

/// `models.providers.<id>.models[]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Model {
    /// The provider's own id.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// Overrides the provider's dialect.
    pub api: Option<String>,
    /// Tokens that fit into one request.
    pub context_window: Option<u64>,
    /// Tokens of one answer.
    pub max_tokens: Option<u64>,
    /// What the model takes, where it is said: `text`, `image` and so on.
    pub input: Option<Vec<String>>,
    /// It thinks, and can be told how hard.
    pub reasoning: bool,
    /// The provider's own words for the levels of thinking; `null` where it has none.
    pub thinking_level_map: BTreeMap<String, Option<String>>,
    /// Handed to the shim as it is.
    pub compat: Option<Map<String, Value>>,
    /// Further parameters for every request.
    pub params: Option<Map<String, Value>>,
}

impl Models {
    /// The sections as they stand; who is out because of a fault is the report's to say.
    pub(super) fn from_section(section: Option<&Value>) -> Self {
        let providers = section
            .and_then(|section| section.get("providers"))
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(id, value)| {
                let mut provider = Provider::deserialize(value).ok()?;
                provider.id.clone_from(id);
                Some(provider)
            })
            .collect();
        Self { providers, disabled: BTreeMap::new() }
    }
}

fn secret_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, SecretInput>, D::Error> {
    let map = BTreeMap::<String, Value>::deserialize(deserializer)?;
    Ok(map.into_iter().filter_map(|(name, value)| Some((name, SecretInput::from_value(&value)?))).collect())
}
