//! Puts the parts together: which component serves which account, where a message goes, which model answers. The only
//! place where one crate's types become another's. Order of building is the order of dependence; what fails disables
//! its owner and is logged, unless nothing works without it.

mod accounts;
mod agents;
mod credentials;
mod dialect;
mod driver;
pub(crate) mod evidence;
mod exclusive;
mod instances;
mod kv;
mod media;
mod models;
mod pictures;
mod plugins;
mod providers;
mod replies;
mod restarts;
mod secrets;
mod shims;
mod swap;
mod turns;
mod vendor;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openclaw_agents::Agents;
use openclaw_config::{Account, Channel, Config, Paths};
use openclaw_messaging::{AccountKey, Messaging, Options};
use openclaw_protocol::status::ModelChoice;
use openclaw_store::Store;
use openclaw_supervisor::{Backoff, Supervisor};
use tokio::runtime::{Handle, RuntimeFlavor};
use tracing::info;

pub(crate) use accounts::Naming;
pub(crate) use agents::agent_settings;
pub(crate) use credentials::{Credential, credential};
pub(crate) use driver::account_name;
pub(crate) use instances::Instances;
pub(crate) use media::attach;
pub(crate) use models::{ModelParts, runtime};
pub(crate) use plugins::Plugins;
pub(crate) use secrets::secrets;
pub(crate) use shims::Shims;
pub(crate) use swap::Change;

use crate::error::StartError;
use crate::live::Live;
use crate::settings::{Current, Settings};

/// Everything that runs behind the listeners.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) answering: ModelParts,
    pub(crate) agents: Agents,
    pub(crate) messaging: Messaging,
    pub(crate) supervisor: Supervisor,
    pub(crate) instances: Arc<Instances>,
    pub(crate) model_choice: ModelChoice,
    /// To be set once the gateway is there: those who run channels' turns tell it of them.
    pub(crate) gateway: turns::Late,
}

/// Builds everything and starts to look after the accounts.
pub(crate) async fn build(
    paths: &Paths,
    settings: &Arc<Settings>,
    plugins: &Arc<Live<Plugins>>,
) -> Result<Parts, StartError> {
    let store = Store::open(&paths.database()).await;
    let store =
        store.map_err(|error| StartError::failed(format!("Gateway failed to start: {error}"), error))?;
    let present = plugins.get();
    let answering = ModelParts::new(paths, settings, &present).await?;
    let model_choice = answering.choose(settings, &present).await;
    let models = answering.models.clone();
    let config = settings.config();
    let agents = Agents::new(store.clone(), models.clone(), agent_settings(paths, &config));
    let instances = Arc::new(Instances::default());
    let late = Arc::new(OnceLock::new());
    let gateway = turns::Late::default();
    let runner = turns::ChannelTurns {
        agents: agents.clone(),
        store: store.clone(),
        messaging: Arc::clone(&late),
        gateway: Arc::clone(&gateway),
        restarts: restarts::Restarts::default(),
    };
    let options = Options {
        turn_deadline: agents::turn_timeout(&config) + Duration::from_secs(5),
        ..Options::default()
    };
    let known = channel_settings(&settings.current(), &present);
    let sender: Arc<Instances> = Arc::clone(&instances);
    let messaging = Messaging::start(store.clone(), sender, Arc::new(runner), known, options).await;
    let messaging =
        messaging.map_err(|error| StartError::failed(format!("Gateway failed to start: {error}"), error))?;
    // Nobody else sets it.
    drop(late.set(messaging.clone()));
    let driver = driver::ChannelDriver {
        runtime: answering.runtime.clone(),
        egress: answering.egress.clone(),
        plugins: Arc::clone(plugins),
        settings: Arc::clone(settings),
        messaging: messaging.clone(),
        store: store.clone(),
        instances: Arc::clone(&instances),
        exclusive: exclusive::Exclusive::default(),
    };
    let supervisor = Supervisor::new(Arc::new(driver), Backoff::default());
    Ok(Parts { store, answering, agents, messaging, supervisor, instances, model_choice, gateway })
}

/// The operator wants no channel in this run.
pub(crate) fn channels_are_skipped(settings: &Settings) -> bool {
    settings.environment().get("OPENCLAW_SKIP_CHANNELS").is_some_and(|value| value == "1")
}

/// Looks after every configured account from now on.
pub(crate) fn start_channels(settings: &Settings, supervisor: &Supervisor) {
    if channels_are_skipped(settings) {
        info!("OPENCLAW_SKIP_CHANNELS=1: no channel is started");
        return;
    }
    for channel in &settings.config().channels {
        for account in &channel.accounts {
            supervisor.ensure(&account_name(&AccountKey::new(&channel.id, &account.id)));
        }
    }
}

fn channel_settings(current: &Current, plugins: &Plugins) -> Vec<openclaw_messaging::AccountSettings> {
    let accounts = current.config.channels.iter().flat_map(|channel| {
        channel.accounts.iter().filter_map(|account| account_settings(current, plugins, channel, account))
    });
    accounts.collect()
}

/// What messaging is told about one account. `None` for a channel that no plugin serves; the report says so.
pub(crate) fn account_settings(
    current: &Current,
    plugins: &Plugins,
    channel: &Channel,
    account: &Account,
) -> Option<openclaw_messaging::AccountSettings> {
    let manifest = plugins.channel(&channel.id)?.manifest.as_ref()?;
    accounts::settings(current, manifest, channel, account)
}

/// Does work that resolves secrets. Where that may wait for a disk or a program, this thread's other tasks are handed to
/// another one first; variables and values in the file cost nothing.
pub(crate) fn may_wait<T>(config: &Config, work: impl FnOnce() -> T) -> T {
    let shared = || Handle::try_current().map(|handle| handle.runtime_flavor());
    if config.secrets.may_wait() && matches!(shared(), Ok(RuntimeFlavor::MultiThread)) {
        return tokio::task::block_in_place(work);
    }
    work()
}
