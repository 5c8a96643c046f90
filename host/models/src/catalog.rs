//! Which providers and models exist, and what a reference such as `provider/model` means. Built anew from each
//! configuration; never talks to a provider.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openclaw_config::{Config, Env, ModelChoice, Provider as Section, SecretError, SecretResolver};
use openclaw_egress::Network;
use openclaw_egress::http::{HeaderName, HeaderValue};
use openclaw_secrets::Secret;
use serde_json::{Map, Value};

use crate::provider::{BaseUrl, Model, Origin, Placement, Provider, Target};
use crate::thinking::ThinkingWords;

/// The dialect of a provider whose section has a `baseUrl` and no `api`.
const DEFAULT_API: &str = "openai-completions";

/// What the manifest of one shim says about the providers that speak its dialect.
#[derive(Clone, Debug, Default)]
pub struct Dialect {
    /// The API kind, for instance `openai-completions`.
    pub api: String,
    /// Where keys go.
    pub placement: Placement,
    /// Providers on the internet.
    pub known: Vec<Known>,
    /// Servers that people run on their own machine.
    pub local: Vec<Local>,
}

/// A provider that a manifest knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its id in references and in `models.providers`.
    pub id: String,
    /// Other spellings of the id.
    pub aliases: Vec<String>,
    /// Where it answers.
    pub base_url: String,
    /// Environment variables that may hold its key, the first one wins.
    pub env: Vec<String>,
    /// Asked when nothing else is configured.
    pub default_model: Option<String>,
    /// Below the `compat` of each of its models.
    pub compat: Map<String, Value>,
}

/// A local server that a manifest knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Its id in references and in `models.providers`.
    pub id: String,
    /// Where it answers.
    pub base_url: String,
}

/// Something in the configuration that keeps a provider from being used. The others are not affected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {text}")]
pub struct Problem {
    /// The path in the configuration.
    pub place: String,
    /// What is wrong with it and what to do.
    pub text: String,
}

/// A reference that leads to no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// Not `<provider>/<model>`, and not an alias or the id of a configured model.
    #[error(
        "\"{0}\" is neither <provider>/<model> nor a known alias or model id (see: openclaw models list)"
    )]
    UnknownModel(String),
    /// No such provider.
    #[error(
        "no provider \"{0}\" is configured (set models.providers.{0}.baseUrl, or see: openclaw models list)"
    )]
    UnknownProvider(String),
    /// The provider needs a key and has none.
    #[error("provider \"{provider}\" has no key (set {env}, or models.providers.{provider}.apiKey)")]
    NoKey {
        /// The provider.
        provider: String,
        /// The environment variable that would hold the key.
        env: String,
    },
    /// The provider's section cannot be used.
    #[error("provider \"{provider}\" cannot be used: {problem}")]
    Broken {
        /// The provider.
        provider: String,
        /// Why.
        problem: Problem,
    },
    /// Nothing is configured and nothing was chosen.
    #[error("no model is configured (openclaw config set agents.defaults.model <provider>/<model>)")]
    NothingChosen,
}

/// All providers, aliases and parameters of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    providers: Vec<Arc<Provider>>,
    aliases: BTreeMap<String, String>,
    provider_aliases: BTreeMap<String, String>,
    model_params: BTreeMap<String, Map<String, Value>>,
    missing_keys: BTreeMap<String, String>,
    problems: Vec<(String, Problem)>,
    default: ModelChoice,
}

impl Catalog {
    /// Reads the catalog out of a configuration and what the plugins know. Never fails: what cannot be used is among
    /// the [`Catalog::problems`].
    #[must_use]
    pub fn new(config: &Config, secrets: &SecretResolver<'_>, dialects: &[Dialect]) -> Self {
        let mut catalog =
            Self { default: config.agents.defaults.model.clone().unwrap_or_default(), ..Self::default() };
        for (id, why) in &config.models.disabled {
            let problem =
                Problem { place: format!("models.providers.{id}"), text: format!("is not used: {why}") };
            catalog.problems.push((id.to_ascii_lowercase(), problem));
        }
        let usable = |section: &&Section| !config.models.disabled.contains_key(&section.id);
        for section in config.models.providers.iter().filter(usable) {
            let id = section.id.to_ascii_lowercase();
            match from_section(section, secrets, dialects) {
                Ok(provider) => catalog.providers.push(Arc::new(provider)),
                Err(problem) => catalog.problems.push((id, problem)),
            }
        }
        for dialect in dialects {
            for known in &dialect.known {
                for alias in &known.aliases {
                    catalog.provider_aliases.insert(alias.to_ascii_lowercase(), known.id.clone());
                }
                catalog.add_known(known, dialect, &secrets.env());
            }
            for local in &dialect.local {
                catalog.add_local(local, dialect);
            }
        }
        for (reference, entry) in &config.agents.defaults.models {
            if let Some(alias) = &entry.alias {
                catalog.aliases.insert(alias.to_ascii_lowercase(), reference.clone());
            }
            if let Some(params) = &entry.params {
                catalog.model_params.insert(reference.clone(), params.clone());
            }
        }
        catalog
    }

    fn add_known(&mut self, known: &Known, dialect: &Dialect, env: &dyn Env) {
        if self.mentions(&known.id) {
            return;
        }
        let found = known.env.iter().find_map(|name| Some((name, env.non_blank(name)?)));
        let Some((name, key)) = found else {
            self.missing_keys.insert(known.id.clone(), known.env.first().cloned().unwrap_or_default());
            return;
        };
        let Ok(base_url) = BaseUrl::parse(&known.base_url) else { return };
        let origin = Origin::Environment(name.clone());
        let mut provider = Provider::new(&known.id, &dialect.api, base_url, Network::Public, origin)
            .with_key(Some(Secret::from(key.trim())));
        provider.placement = dialect.placement.clone();
        provider.default_model.clone_from(&known.default_model);
        provider.compat = json(&known.compat);
        self.providers.push(Arc::new(provider));
    }

    fn add_local(&mut self, local: &Local, dialect: &Dialect) {
        if self.mentions(&local.id) {
            return;
        }
        let Ok(base_url) = BaseUrl::parse(&local.base_url) else { return };
        let mut provider =
            Provider::new(&local.id, &dialect.api, base_url, Network::OperatorNamed, Origin::Local);
        provider.placement = dialect.placement.clone();
        self.providers.push(Arc::new(provider));
    }

    /// Adds the gateway's own demonstration endpoint.
    pub fn add_demo(&mut self, demo: Provider) {
        self.providers.push(Arc::new(Provider { origin: Origin::Demo, ..demo }));
    }

    /// Sets what is asked when the configuration names no model.
    pub fn set_default(&mut self, reference: String) {
        self.default = ModelChoice { primary: Some(reference), fallbacks: Vec::new() };
    }

    fn mentions(&self, id: &str) -> bool {
        self.provider(id).is_some() || self.problems.iter().any(|(broken, _)| broken == id)
    }

    /// The provider with this id, in lower case.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    /// All providers: the configured ones first, in their order.
    #[must_use]
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// Short names of models, and what they stand for.
    #[must_use]
    pub fn aliases(&self) -> &BTreeMap<String, String> {
        &self.aliases
    }

    /// What keeps configured providers from being used.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().map(|(_, problem)| problem)
    }

    /// What is asked when nobody says otherwise.
    #[must_use]
    pub fn default_choice(&self) -> &ModelChoice {
        &self.default
    }

    /// What `reference` means: `<provider>/<model>` split at the first slash, an alias, or the id of a configured
    /// model (compat §8.1).
    ///
    /// # Errors
    /// Says what is missing and what to type.
    pub fn resolve(&self, reference: &str) -> Result<Target, Unresolved> {
        let reference = reference.trim();
        if let Some(aliased) = self.aliases.get(&reference.to_ascii_lowercase()) {
            return match aliased.split_once('/') {
                Some((provider, model)) => self.target(provider, model),
                None => Err(Unresolved::UnknownModel(aliased.clone())),
            };
        }
        match reference.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                self.target(provider, model)
            }
            _ => self.bare(reference),
        }
    }

    /// Whether a word of a sentence means a model: an alias, a model of a configured provider, or the id of a configured model.
    /// [`Catalog::resolve`] takes more: there somebody surely names one.
    #[must_use]
    pub fn names(&self, word: &str) -> bool {
        let known = self.aliases.contains_key(&word.to_ascii_lowercase()) || word.contains('/');
        let listed =
            || self.providers.iter().any(|provider| provider.models.iter().any(|listed| listed.id == word));
        if known { self.resolve(word).is_ok() } else { listed() }
    }

    fn target(&self, provider: &str, model: &str) -> Result<Target, Unresolved> {
        let spelled = provider.to_ascii_lowercase();
        let id = if self.mentions(&spelled) {
            &spelled
        } else {
            self.provider_aliases.get(&spelled).unwrap_or(&spelled)
        };
        if let Some(provider) = self.provider(id) {
            return Ok(self.complete(provider, model));
        }
        if let Some((_, problem)) = self.problems.iter().find(|(broken, _)| broken == id) {
            return Err(Unresolved::Broken { provider: id.clone(), problem: problem.clone() });
        }
        match self.missing_keys.get(id) {
            Some(env) => Err(Unresolved::NoKey { provider: id.clone(), env: env.clone() }),
            None => Err(Unresolved::UnknownProvider(id.clone())),
        }
    }

    /// A model id alone: the provider that lists it, else the provider of the default model.
    fn bare(&self, model: &str) -> Result<Target, Unresolved> {
        let lists = |provider: &&Arc<Provider>| provider.models.iter().any(|listed| listed.id == model);
        if let Some(provider) = self.providers.iter().find(lists) {
            return Ok(self.complete(provider, model));
        }
        match self.default.primary.as_deref().and_then(|primary| primary.split_once('/')) {
            Some((provider, _)) if !model.is_empty() && !model.contains('/') => self.target(provider, model),
            _ => Err(Unresolved::UnknownModel(model.to_owned())),
        }
    }

    fn complete(&self, provider: &Arc<Provider>, model: &str) -> Target {
        let mut target = Target::new(Arc::clone(provider), model);
        if let Some(listed) = provider.models.iter().find(|listed| listed.id == model) {
            target.text_only = listed.text_only;
            target.compat.clone_from(&listed.compat);
            target.thinking.clone_from(&listed.thinking);
            target.params.clone_from(&listed.params);
        }
        if let Some(params) = self.model_params.get(&target.reference()) {
            target.params.extend(params.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        target
    }

    /// The models to try for `choice`, in order; its open primary is the catalog's default. A fallback that leads
    /// nowhere is left out, with a line in the log.
    ///
    /// # Errors
    /// When the primary leads nowhere and no fallback does better.
    pub fn targets(&self, choice: &ModelChoice) -> Result<Vec<Target>, Unresolved> {
        let (primary, fallbacks) = match &choice.primary {
            Some(primary) => (Some(primary), &choice.fallbacks),
            None => (self.default.primary.as_ref(), &self.default.fallbacks),
        };
        let primary = primary.ok_or(Unresolved::NothingChosen).and_then(|primary| self.resolve(primary));
        let mut targets = Vec::with_capacity(1 + fallbacks.len());
        let mut missing = None;
        for candidate in
            std::iter::once(primary).chain(fallbacks.iter().map(|fallback| self.resolve(fallback)))
        {
            match candidate {
                Ok(target) => targets.push(target),
                Err(why) => {
                    tracing::warn!(reason = %why, "model skipped");
                    missing.get_or_insert(why);
                }
            }
        }
        match missing {
            Some(why) if targets.is_empty() => Err(why),
            _ => Ok(targets),
        }
    }
}

/// Builds a provider from its section of the configuration, completed by what a manifest knows of the same id.
fn from_section(
    section: &Section,
    secrets: &SecretResolver<'_>,
    dialects: &[Dialect],
) -> Result<Provider, Problem> {
    let env = secrets.env();
    let place = |key: &str| format!("models.providers.{}.{key}", section.id);
    let id = section.id.to_ascii_lowercase();
    let known = dialects.iter().find_map(|dialect| Some((dialect, find(dialect, &id)?)));

    let configured = section.base_url.as_deref();
    let base_url = configured.or(known.map(|(_, known)| known.base_url)).ok_or_else(|| Problem {
        place: place("baseUrl"),
        text: "is missing: no plugin knows this provider's address".to_owned(),
    })?;
    let base_url =
        BaseUrl::parse(base_url).map_err(|why| Problem { place: place("baseUrl"), text: why.to_owned() })?;
    let api =
        section.api.as_deref().or(known.map(|(dialect, _)| dialect.api.as_str())).unwrap_or(DEFAULT_API);
    // An address that the operator wrote down is trusted to be local; one that a manifest brings is not.
    let network = if configured.is_some() || known.is_some_and(|(_, known)| known.local) {
        Network::OperatorNamed
    } else {
        Network::Public
    };

    let mut provider = Provider::new(&id, api, base_url, network, Origin::Config);
    let key = match &section.api_key {
        Some(input) => {
            input.resolve(secrets, &place("apiKey")).map_err(|why| no_secret(place("apiKey"), &why))?
        }
        None => known
            .and_then(|(_, known)| known.env.iter().find_map(|name| env.non_blank(name)))
            .map(Secret::from),
    };
    provider = provider.with_key(key);
    if let Some(dialect) = dialects.iter().find(|dialect| dialect.api == api) {
        provider.placement = dialect.placement.clone();
    }
    provider.default_model = known.and_then(|(_, known)| known.default_model.map(str::to_owned));
    for (name, input) in &section.headers {
        let place = place(&format!("headers.{name}"));
        let problem = |text: String| Problem { place: place.clone(), text };
        let value = input.resolve(secrets, &place).map_err(|why| no_secret(place.clone(), &why))?;
        let Some(value) = value else { continue };
        let name: HeaderName = name.parse().map_err(|_| problem("is not the name of a header".to_owned()))?;
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| problem("holds a character that no header may hold".to_owned()))?;
        value.set_sensitive(true);
        provider.headers.insert(name, value);
    }
    if let Some(seconds) = section.timeout_seconds {
        provider.timeout = Duration::from_secs(seconds);
        provider.idle = provider.timeout;
    }
    // Another dialect has other flags.
    let defaults = known.filter(|(dialect, _)| dialect.api == api).and_then(|(_, known)| known.compat);
    let defaults = defaults.cloned().unwrap_or_default();
    provider.compat = json(&defaults);
    provider.models = section.models.iter().map(|listed| model(listed, &defaults)).collect();
    Ok(provider)
}

/// A secret without a value. Most errors begin with the place, which the problem says already.
fn no_secret(place: String, why: &SecretError) -> Problem {
    let text = why.to_string();
    let text = text.strip_prefix(&place).unwrap_or(&text).trim_start().to_owned();
    Problem { place, text }
}

fn model(section: &openclaw_config::Model, defaults: &Map<String, Value>) -> Model {
    let mut compat = defaults.clone();
    compat.extend(section.compat.clone().unwrap_or_default());
    Model {
        id: section.id.clone(),
        name: section.name.clone(),
        context_window: section.context_window,
        text_only: section.input.as_ref().is_some_and(|input| input.iter().all(|takes| takes != "image")),
        thinking: section.reasoning.then(|| ThinkingWords::new(&section.thinking_level_map, &compat)),
        compat: json(&compat),
        params: section.params.clone().unwrap_or_default(),
    }
}

/// A `compat` section as shims take it.
fn json(compat: &Map<String, Value>) -> String {
    if compat.is_empty() { String::new() } else { Value::Object(compat.clone()).to_string() }
}

/// What a manifest knows of one provider id.
#[derive(Clone, Copy)]
struct Facts<'a> {
    base_url: &'a str,
    env: &'a [String],
    default_model: Option<&'a str>,
    compat: Option<&'a Map<String, Value>>,
    local: bool,
}

fn find<'a>(dialect: &'a Dialect, id: &str) -> Option<Facts<'a>> {
    let known = dialect.known.iter().find(|known| known.id == id).map(|known| Facts {
        base_url: &known.base_url,
        env: &known.env,
        default_model: known.default_model.as_deref(),
        compat: Some(&known.compat),
        local: false,
    });
    let local = || {
        let local = dialect.local.iter().find(|local| local.id == id)?;
        Some(Facts { base_url: &local.base_url, env: &[], default_model: None, compat: None, local: true })
    };
    known.or_else(local)
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
