//! Starts and watches the instance of one account for the supervisor: configuration, secrets, grants and cursor in, a
//! running component out. Each start reads what holds at that moment; when to start is the supervisor's decision.

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use openclaw_config::{Account, Channel, Config, Env as _};
use openclaw_egress::Egress;
use openclaw_failpoints::failpoint;
use openclaw_messaging as messaging;
use openclaw_messaging::{AccountKey, Messaging};
use openclaw_packages::{
    AccountSecrets, GrantError, Manifest, ResolvedEndpoint, ResolvedGrant, ResolvedProcess, ResolvedWebhook,
    SecretProblem,
};
use openclaw_runtime::{
    Admission, AdmitError, ChannelInstance, ChannelSetup, Exit, Facts, Inbox, Limits, Runtime, Unreadable,
    guest,
};
use openclaw_store::Store;
use openclaw_supervisor::{Attempt, Driver, End, Health, Running, StartError};
use tokio::sync::watch;
use tokio::time::timeout_at;
use tracing::{info, warn};

use super::accounts;
use super::credentials::{self, Lookup};
use super::evidence;
use super::exclusive::{Exclusive, Held};
use super::instances::Instances;
use super::kv::AccountKv;
use super::may_wait;
use super::media::{self, AccountMedia};
use super::plugins::{Plugins, Unusable};
use crate::live::Live;
use crate::panics::enduring;
use crate::settings::Settings;

/// Everything that a start needs.
pub(crate) struct ChannelDriver {
    pub(crate) runtime: Runtime,
    pub(crate) egress: Egress,
    pub(crate) plugins: Arc<Live<Plugins>>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) messaging: Messaging,
    pub(crate) store: Store,
    pub(crate) instances: Arc<Instances>,
    pub(crate) exclusive: Exclusive,
}

impl ChannelDriver {
    fn secrets(
        &self,
        manifest: &Manifest,
        config: &Config,
        channel: &Channel,
        account: &Account,
    ) -> Result<AccountSecrets, StartError> {
        let resolver = self.settings.secrets(config);
        let lookup = Lookup { secrets: &resolver, place: format!("channels.{}", channel.id) };
        let default_account = channel.default_account == account.id;
        let collected = may_wait(config, || {
            AccountSecrets::collect(manifest, &account.section, default_account, &lookup)
        });
        collected.map_err(|problem| match problem {
            SecretProblem::Missing { .. } | SecretProblem::Unresolved { .. } | SecretProblem::File { .. } => {
                StartError::AuthRequired(problem.to_string())
            }
        })
    }

    fn reach(
        &self,
        manifest: &Manifest,
        config: &Config,
        account: &Account,
        secrets: &AccountSecrets,
    ) -> Result<Reach, GrantError> {
        let resolver = self.settings.secrets(config);
        let variable = |name: &str| resolver.env().non_blank(name).map(|value| value.trim().to_owned());
        Reach::resolve(manifest, &manifest.with_environment(&account.section, variable), secrets)
    }
}

/// The supervisor's name of an account.
pub(crate) fn account_name(key: &AccountKey) -> String {
    format!("{}/{}", key.channel, key.account)
}

fn account_key(name: &str) -> AccountKey {
    let (channel, account) = name.split_once('/').unwrap_or((name, "default"));
    AccountKey::new(channel, account)
}

#[async_trait]
impl Driver for ChannelDriver {
    async fn start(&self, account: &str, attempt: Attempt) -> Result<Box<dyn Running>, StartError> {
        let key = account_key(account);
        let plugins = self.plugins.get();
        let found =
            plugins.channel(&key.channel).ok_or_else(|| StartError::Disabled(no_plugin(&key.channel)))?;
        let manifest =
            found.manifest.as_ref().ok_or_else(|| StartError::Quarantined(no_plugin(&key.channel)))?;
        let current = self.settings.current();
        let config: &Config = &current.config;
        let channel = config
            .channel(&key.channel)
            .ok_or_else(|| StartError::Disabled(format!("channels.{} is not configured", key.channel)))?;
        let section = channel.account(&key.account).ok_or_else(|| {
            StartError::Disabled(format!("channels.{} has no account {}", key.channel, key.account))
        })?;
        if !section.enabled {
            return Err(StartError::Disabled("disabled in the configuration".to_owned()));
        }
        if let Some(issue) = current.channel_issue(&key.channel) {
            return Err(StartError::Disabled(issue));
        }
        // Before the secrets: nobody is asked for one that nothing would use.
        if let Some(absent) = found.absence() {
            return Err(StartError::Disabled(absent.to_string()));
        }
        let secrets = self.secrets(manifest, config, channel, section)?;
        let held = self.exclusive.take(&key, manifest, &secrets).map_err(StartError::Disabled)?;
        let reach = self
            .reach(manifest, config, section, &secrets)
            .map_err(|error| StartError::AuthRequired(error.to_string()))?;
        let plugin = found.load(&self.runtime).await.map_err(|error| match error {
            Unusable::SwitchedOff(_) | Unusable::Absent(_) => StartError::Disabled(error.to_string()),
            Unusable::Unreadable(why) => StartError::Transient(why),
            Unusable::Broken(why) => StartError::Quarantined(why),
        })?;
        attempt.loaded();
        if let Some(settings) = accounts::settings(&current, manifest, channel, section) {
            self.messaging.configure(settings);
        }
        let cursor =
            self.messaging.cursor(&key).await.map_err(|error| StartError::Transient(error.to_string()))?;
        let setup = ChannelSetup {
            label: account.to_owned(),
            config: credentials::without_secrets(manifest, &section.section),
            cursor,
            crashes: attempt.crashes(),
            grants: reach.grants,
            endpoints: reach.endpoints,
            processes: reach.processes,
            webhooks: reach.webhooks,
            kv: Arc::new(AccountKv::new(self.store.clone(), key.clone(), manifest.limits.kv_bytes)),
            media: Arc::new(AccountMedia::new(self.store.clone(), key.clone(), manifest.limits.media_bytes)),
            scrubber: secrets.scrubber(),
            inbox: Arc::new(AccountInbox {
                account: key.clone(),
                messaging: self.messaging.clone(),
                store: self.store.clone(),
            }),
            egress: self.egress.clone(),
            limits: Limits::from(manifest.limits),
        };
        info!(subsystem = key.channel, "[{}] starting provider", key.account);
        let instance = self
            .runtime
            .start_channel(&plugin, setup)
            .map_err(|error| StartError::Quarantined(error.to_string()))?;
        self.instances.insert(key.clone(), instance.clone(), attempt.breaker().clone());
        let health = watch::Sender::new(Health::Connecting);
        let watched = health.subscribe();
        let followed = Arc::new(Followed {
            key: key.clone(),
            facts: instance.facts(),
            health,
            messaging: self.messaging.clone(),
            attempt,
            within: evidence::within(manifest),
            strikes: AtomicU32::new(0),
        });
        enduring("following an instance", move || Arc::clone(&followed).follow());
        Ok(Box::new(RunningAccount {
            key,
            instance,
            instances: Arc::clone(&self.instances),
            messaging: self.messaging.clone(),
            health: watched,
            _held: held,
        }))
    }
}

fn no_plugin(channel: &str) -> String {
    format!("no usable plugin for the channel `{channel}` is present (see: openclaw plugins list)")
}

/// What an account's component may reach, with the account's values in it.
struct Reach {
    grants: Vec<ResolvedGrant>,
    endpoints: Vec<ResolvedEndpoint>,
    processes: Vec<ResolvedProcess>,
    webhooks: Vec<ResolvedWebhook>,
}

impl Reach {
    fn resolve(
        manifest: &Manifest,
        section: &serde_json::Value,
        secrets: &AccountSecrets,
    ) -> Result<Self, GrantError> {
        let grants = manifest.http.iter().map(|entry| ResolvedGrant::resolve(entry, section, None, secrets));
        let endpoints =
            manifest.websockets.iter().map(|entry| ResolvedEndpoint::resolve(entry, section, secrets));
        let processes = manifest.processes.iter().map(|entry| ResolvedProcess::resolve(entry, section));
        // A program that the operator did not name is one that the component cannot start; it may do without.
        let processes = processes.filter(|process| !matches!(process, Err(GrantError::NoProgram { .. })));
        let webhooks =
            manifest.webhooks.iter().map(|entry| ResolvedWebhook::resolve(entry, section, secrets));
        Ok(Self {
            webhooks: webhooks.collect::<Result<_, _>>()?,
            grants: grants.collect::<Result<_, _>>()?,
            endpoints: endpoints.collect::<Result<_, _>>()?,
            processes: processes.collect::<Result<_, _>>()?,
        })
    }
}

/// An instance whose facts are followed.
struct Followed {
    key: AccountKey,
    facts: watch::Receiver<Facts>,
    health: watch::Sender<Health>,
    messaging: Messaging,
    attempt: Attempt,
    /// How long the vendor is silent at most.
    within: Option<Duration>,
    /// How many the supervisor has heard of.
    strikes: AtomicU32,
}

impl Followed {
    /// Turns what the component says of its connection into the supervisor's health, until the instance ends. An account
    /// that can send again wakes what waits for it.
    async fn follow(self: Arc<Self>) {
        let Followed { key, health, messaging, attempt, within, .. } = self.as_ref();
        let mut facts = self.facts.clone();
        loop {
            failpoint!("supervisor.follow");
            let (now, counted, again) = {
                let facts = facts.borrow_and_update();
                let again = evidence::look_again(&facts, *within);
                (evidence::health(&facts, *within), facts.strikes, again)
            };
            let strikes = self.strikes.swap(counted, Ordering::Relaxed);
            if counted > strikes {
                warn!(
                    subsystem = key.channel,
                    strikes = counted,
                    "[{}] the component kept its thread for over 250 ms; it is ended when that lasts 2 s",
                    key.account
                );
                attempt.struck(counted - strikes);
            }
            let ready = matches!(now, Health::Ready);
            let changed = health.send_if_modified(|health| {
                let changed = *health != now;
                *health = now;
                changed
            });
            if changed && ready {
                info!(subsystem = key.channel, "[{}] connected", key.account);
                wake(messaging, key).await;
            }
            let changed = match again {
                Some(at) => timeout_at(at, facts.changed()).await.unwrap_or(Ok(())),
                None => facts.changed().await,
            };
            if changed.is_err() {
                return;
            }
        }
    }
}

async fn wake(messaging: &Messaging, key: &AccountKey) {
    if let Err(error) = messaging.wake(key).await {
        warn!(account = %key, code = error.code(), "waiting messages are not woken: {error}");
    }
}

struct RunningAccount {
    key: AccountKey,
    instance: ChannelInstance,
    instances: Arc<Instances>,
    messaging: Messaging,
    health: watch::Receiver<Health>,
    /// Nobody else may use its credential for as long as it lives.
    _held: Held,
}

impl Drop for RunningAccount {
    /// Whoever looked after it is gone, perhaps by a panic: without its handles the instance ends.
    fn drop(&mut self) {
        self.instances.remove(&self.key);
    }
}

#[async_trait]
impl Running for RunningAccount {
    fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    async fn ended(&self) -> End {
        let exit = self.instance.exited().await;
        self.instances.remove(&self.key);
        let end = match crash(&exit) {
            Some(why) => End::Crashed { why, place: self.place().await },
            None => end(exit),
        };
        let (End::Failed(why) | End::AuthRequired(why) | End::Crashed { why, .. }) = &end;
        warn!(subsystem = self.key.channel, "[{}] provider ended: {why}", self.key.account);
        end
    }

    async fn resume(&self) {
        wake(&self.messaging, &self.key).await;
    }

    async fn stop(&self, grace: Duration) {
        // New sends are turned away at once; those that are under way get the grace.
        self.instances.remove(&self.key);
        self.instance.stop(grace).await;
        info!(subsystem = self.key.channel, "[{}] stopped", self.key.account);
    }
}

impl RunningAccount {
    /// Tells how far the account has read: the cursor is the vendor's affair, but whether it has moved is not.
    async fn place(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // A vendor without cursors is told apart by its last message alone.
        self.messaging.activity(&self.key).last_inbound_at.hash(&mut hasher);
        match self.messaging.cursor(&self.key).await {
            Ok(cursor) => cursor.hash(&mut hasher),
            Err(error) => warn!(account = %self.key, code = error.code(), "its place is not read: {error}"),
        }
        hasher.finish()
    }
}

/// How the component crashed, in one line for people, if it did.
pub(super) fn crash(exit: &Exit) -> Option<String> {
    match exit {
        Exit::Stopped | Exit::Returned | Exit::Failed(_) => None,
        Exit::Trapped { reason, .. } => Some(format!("the component crashed: {}", one_line(reason))),
        Exit::Runaway => Some("the component computed for too long without a pause".to_owned()),
        Exit::Unresponsive(call) => Some(format!("the component did not answer `{call}` in time")),
    }
}

/// How long the reason of a crash may be in a table; all of it is in the log.
const REASON: usize = 400;

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(REASON) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// How an instance that did not crash ended.
fn end(exit: Exit) -> End {
    match exit {
        Exit::Failed(failure) if matches!(failure.kind, guest::FailureKind::Unauthorised) => {
            End::AuthRequired(format!("{} ({})", failure.detail, failure.code))
        }
        Exit::Failed(failure) => End::Failed(format!("{} ({})", failure.detail, failure.code)),
        Exit::Returned => End::Failed("the component ended its run without an error".to_owned()),
        _ => End::Failed("the instance was stopped".to_owned()),
    }
}

/// One account's way into messaging.
struct AccountInbox {
    account: AccountKey,
    messaging: Messaging,
    store: Store,
}

impl Inbox for AccountInbox {
    fn admit(
        &self,
        message: guest::Message,
        cursor: Option<Vec<u8>>,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, AdmitError>> + Send + '_>> {
        Box::pin(async move {
            let media = media::carried(&self.store, &self.account, &message).await?;
            match self.messaging.admit(&self.account, super::vendor::message(message, media), cursor).await {
                Ok(messaging::Admission::Accepted) => Ok(Admission::Accepted),
                Ok(messaging::Admission::Duplicate) => Ok(Admission::Duplicate),
                Err(refused) => Err(admit_error(refused)),
            }
        })
    }

    fn set_aside(
        &self,
        Unreadable { id, reason, raw }: Unreadable,
        cursor: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AdmitError>> + Send + '_>> {
        Box::pin(async move {
            let stored = self.messaging.set_aside(&self.account, id, reason, raw, cursor);
            stored.await.map_err(admit_error)
        })
    }
}

fn admit_error(error: messaging::AdmitError) -> AdmitError {
    match error {
        messaging::AdmitError::Invalid(why) => AdmitError::Invalid(why),
        messaging::AdmitError::Unavailable(after_ms) => AdmitError::Unavailable(after_ms),
    }
}
