//! Puts the parts together: which component serves which account, where a message goes, which model answers. The only
//! place where one crate's types become another's. Order of building is the order of dependence; what fails disables
//! its owner and is logged, unless nothing works without it.

mod accounts;
mod dialect;
mod driver;
mod instances;
mod plugins;
mod providers;
mod shims;
mod turns;
mod vendor;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openclaw_agents::{AgentSettings, Agents};
use openclaw_config::{Config, Env, Paths};
use openclaw_egress::{Egress, Network, Options as EgressOptions};
use openclaw_messaging::{AccountKey, Messaging, Options};
use openclaw_models::{
    BaseUrl, Catalog, DEMO_MODEL, DEMO_PROVIDER, Dialect, Model, Models, Origin, Provider, choose,
};
use openclaw_protocol::status::{ModelChoice, ModelSource};
use openclaw_runtime::{Runtime, RuntimeOptions};
use openclaw_secrets::Secret;
use openclaw_store::Store;
use openclaw_supervisor::{Backoff, Supervisor};
use tokio::runtime::{Handle, RuntimeFlavor};
use tracing::{info, warn};

pub(crate) use accounts::{Credential, credential};
pub(crate) use driver::account_name;
pub(crate) use instances::Instances;
pub(crate) use plugins::Plugins;
pub(crate) use shims::Shims;

use crate::demo;
use crate::error::StartError;
use crate::settings::Settings;

/// The deadline of a turn when `agents.defaults.timeoutSeconds` is not set (openclaw-compat §5.6).
const TURN_TIMEOUT: Duration = Duration::from_secs(600);
/// The longest deadline of a turn: beyond what the clock can express there is none.
const LONGEST_TURN: Duration = Duration::from_secs(365 * 24 * 3600);

/// The dialect that the demonstration speaks.
const DEMO_API: &str = "openai-completions";

/// Everything that runs behind the listeners.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) models: Models,
    pub(crate) shims: Arc<Shims>,
    pub(crate) agents: Agents,
    pub(crate) messaging: Messaging,
    pub(crate) supervisor: Supervisor,
    pub(crate) instances: Arc<Instances>,
    pub(crate) model_choice: ModelChoice,
}

/// What it takes to ask a model.
pub(crate) struct ModelParts {
    pub(crate) models: Models,
    pub(crate) shims: Arc<Shims>,
    runtime: Runtime,
    egress: Egress,
    dialects: Vec<Dialect>,
}

/// The runtime, the provider shims and the catalog of models.
pub(crate) async fn models(
    paths: &Paths,
    settings: &Settings,
    plugins: &Plugins,
) -> Result<ModelParts, StartError> {
    let egress = Egress::new(EgressOptions::default());
    let runtime = Runtime::new(RuntimeOptions {
        cache_dir: paths.cache_dir(),
        guest_threads: 0,
        coredump_on_trap: false,
    });
    let runtime =
        runtime.map_err(|error| StartError::failed(format!("Gateway failed to start: {error}"), error))?;
    let shims = Arc::new(Shims::new(runtime.clone(), plugins.load_providers(&runtime).await));
    let dialects = providers::dialects(plugins.provider_manifests());
    let catalog = catalog(settings, &dialects);
    for problem in catalog.problems() {
        warn!(subsystem = "models", "a provider is not used: {problem}");
    }
    let models = Models::new(egress.clone(), Arc::clone(&shims) as _, catalog);
    Ok(ModelParts { models, shims, runtime, egress, dialects })
}

/// Builds everything and starts to look after the accounts.
pub(crate) async fn build(
    paths: &Paths,
    settings: &Arc<Settings>,
    plugins: &Arc<Plugins>,
) -> Result<Parts, StartError> {
    let store = Store::open(&paths.database()).await;
    let store =
        store.map_err(|error| StartError::failed(format!("Gateway failed to start: {error}"), error))?;
    let parts = models(paths, settings, plugins).await?;
    let model_choice = choose_model(settings, &parts).await;
    let ModelParts { models, shims, runtime, egress, .. } = parts;
    let config = settings.config();
    let agents = Agents::new(store.clone(), models.clone(), agent_settings(paths, &config));
    let instances = Arc::new(Instances::default());
    let late = Arc::new(OnceLock::new());
    let runner = turns::ChannelTurns { agents: agents.clone(), messaging: Arc::clone(&late) };
    let options =
        Options { turn_deadline: turn_timeout(&config) + Duration::from_secs(5), ..Options::default() };
    let known = channel_settings(&config, plugins);
    let sender: Arc<Instances> = Arc::clone(&instances);
    let messaging = Messaging::start(store.clone(), sender, Arc::new(runner), known, options).await;
    let messaging =
        messaging.map_err(|error| StartError::failed(format!("Gateway failed to start: {error}"), error))?;
    // Nobody else sets it.
    drop(late.set(messaging.clone()));
    let driver = driver::ChannelDriver {
        runtime,
        egress,
        plugins: Arc::clone(plugins),
        settings: Arc::clone(settings),
        messaging: messaging.clone(),
        instances: Arc::clone(&instances),
    };
    let supervisor = Supervisor::new(Arc::new(driver), Backoff::default());
    Ok(Parts { store, models, shims, agents, messaging, supervisor, instances, model_choice })
}

/// Looks after every configured account from now on.
pub(crate) fn start_channels(settings: &Settings, supervisor: &Supervisor) {
    let skip = settings.environment().get("OPENCLAW_SKIP_CHANNELS").is_some_and(|value| value == "1");
    if skip {
        info!("OPENCLAW_SKIP_CHANNELS=1: no channel is started");
        return;
    }
    for channel in &settings.config().channels {
        for account in &channel.accounts {
            supervisor.ensure(&account_name(&AccountKey::new(&channel.id, &account.id)));
        }
    }
}

fn channel_settings(config: &Config, plugins: &Plugins) -> Vec<openclaw_messaging::AccountSettings> {
    let mut known = Vec::new();
    for channel in &config.channels {
        let found = plugins.channel(&channel.id);
        if let Some(absent) = found.and_then(|found| found.absence()) {
            warn!("channels.{} is not served: {absent}", channel.id);
        }
        let Some(manifest) = found.and_then(|found| found.manifest.as_ref()) else {
            warn!(
                "channels.{0} is not served: no plugin for it is present (see: openclaw plugins list)",
                channel.id
            );
            continue;
        };
        known.extend(
            channel
                .accounts
                .iter()
                .filter_map(|account| accounts::settings(config, manifest, channel, account)),
        );
    }
    known
}

fn turn_timeout(config: &Config) -> Duration {
    let set = config.agents.defaults.timeout_seconds.map(Duration::from_secs);
    set.map_or(TURN_TIMEOUT, |set| set.min(LONGEST_TURN))
}

/// The agents of the configuration, the default one first.
fn agent_settings(paths: &Paths, config: &Config) -> openclaw_agents::Settings {
    let agents = &config.agents;
    let default = agents.default_id();
    let mut entries: Vec<_> = agents.entries.iter().collect();
    entries.sort_by_key(|agent| agent.id != default);
    let place = |written: &Option<String>| written.as_deref().map(|path| paths.expand(path));
    let shared: PathBuf = place(&agents.defaults.workspace).unwrap_or_else(|| paths.workspace());
    let agents = entries.into_iter().map(|agent| AgentSettings {
        id: agent.id.to_lowercase(),
        workspace: place(&agent.workspace).unwrap_or_else(|| shared.clone()),
        model: agents.model_of(agent),
    });
    openclaw_agents::Settings {
        agents: agents.collect(),
        timeout: turn_timeout(config),
        version: crate::VERSION.to_owned(),
    }
}

/// Which model answers when nobody says otherwise; starts the demonstration when there is no other.
pub(crate) async fn choose_model(settings: &Settings, parts: &ModelParts) -> ModelChoice {
    let choice = choose(&parts.models, &*parts.shims).await;
    let current = parts.models.catalog();
    let id = choice.reference.split_once('/').map_or("", |(id, _)| id);
    let source = match current.provider(id).map(|provider| &provider.origin) {
        Some(Origin::Config) => ModelSource::Config,
        Some(Origin::Environment(_)) => ModelSource::Environment,
        Some(Origin::Local) => ModelSource::Local,
        Some(Origin::Demo) => ModelSource::Demo,
        None if id == DEMO_PROVIDER => ModelSource::Demo,
        None => ModelSource::Config,
    };
    if current.default_choice().primary.is_none() {
        let mut catalog = catalog(settings, &parts.dialects);
        if source == ModelSource::Demo {
            match demo_provider(&parts.dialects).await {
                Ok(provider) => catalog.add_demo(provider),
                Err(why) => warn!(subsystem = "models", "the built-in demonstration cannot start: {why}"),
            }
        }
        catalog.set_default(choice.reference.clone());
        parts.models.set_catalog(catalog);
    }
    info!("agent model: {} ({})", choice.reference, choice.reason);
    ModelChoice { reference: choice.reference, source, detail: choice.reason }
}

fn catalog(settings: &Settings, dialects: &[Dialect]) -> Catalog {
    let config = settings.config();
    may_wait(&config, || Catalog::new(&config, &settings.secrets(&config), dialects))
}

/// Does work that resolves secrets. Where that may wait for a disk or a program, this thread's other tasks are handed to
/// another one first; variables and values in the file cost nothing.
fn may_wait<T>(config: &Config, work: impl FnOnce() -> T) -> T {
    let shared = || Handle::try_current().map(|handle| handle.runtime_flavor());
    if config.secrets.may_wait() && matches!(shared(), Ok(RuntimeFlavor::MultiThread)) {
        return tokio::task::block_in_place(work);
    }
    work()
}

async fn demo_provider(dialects: &[Dialect]) -> Result<Provider, String> {
    let demo = demo::start(demo::advice(&providers::variables(dialects)))
        .await
        .map_err(|error| error.to_string())?;
    let base_url = BaseUrl::parse(&demo.base_url).map_err(str::to_owned)?;
    let provider = Provider::new(DEMO_PROVIDER, DEMO_API, base_url, Network::OperatorNamed, Origin::Demo);
    let model =
        Model { id: DEMO_MODEL.to_owned(), name: Some("Built-in demo".to_owned()), ..Model::default() };
    Ok(Provider { models: vec![model], ..provider.with_key(Some(demo.key)) })
}

/// Every secret that the configuration or the environment holds for models and channels, for the log.
pub(crate) fn secrets(settings: &Settings, plugins: &Plugins) -> Vec<Secret> {
    let config = settings.config();
    may_wait(&config, || secrets_of(&config, settings, plugins))
}

fn secrets_of(config: &Config, settings: &Settings, plugins: &Plugins) -> Vec<Secret> {
    let resolver = settings.secrets(config);
    let env = resolver.env();
    let known = plugins.provider_manifests().filter_map(|manifest| manifest.provider.as_ref());
    let variables = known.flat_map(|provider| &provider.known).flat_map(|known| &known.env);
    let mut secrets: Vec<Secret> =
        variables.filter_map(|name| env.non_blank(name)).map(|key| Secret::from(key.trim())).collect();
    for provider in &config.models.providers {
        let place = format!("models.providers.{}", provider.id);
        let inputs = provider.api_key.iter().chain(provider.headers.values());
        secrets.extend(inputs.filter_map(|input| input.resolve(&resolver, &place).ok().flatten()));
    }
    for channel in &config.channels {
        let Some(manifest) = plugins.channel(&channel.id).and_then(|found| found.manifest.as_ref()) else {
            continue;
        };
        for account in &channel.accounts {
            secrets.extend(accounts::secrets(manifest, channel, account, &resolver));
        }
    }
    secrets
}
