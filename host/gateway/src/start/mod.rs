//! From the options to a running gateway: the order of the checks (openclaw-compat §1.2.2) and how the parts are brought
//! up. What the process holds around it (locks, port, signals) is `process`'s.

pub(crate) mod access;
mod addresses;
mod announce;
mod environment;
mod files;
mod force;
mod lock;
mod notify;
mod occupant;
mod ports;
mod process;
mod restart;
mod running;
mod shutdown;
mod sockets;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_access::Access;
use openclaw_config::start::{self, AuthFlags, GatewayAuth, Listen, Refusal};
use openclaw_config::{AuthMode, Basis, Bind, Chosen, Config, ConfigError, Refused, SecretResolver};
use openclaw_failpoints::{failpoint, hurried};
use openclaw_protocol::TICK_INTERVAL_MS;
use openclaw_protocol::status::PresenceEntry;
use openclaw_secrets::{Scrubber, Secret};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;
use tracing::{info, warn};
use uuid::Uuid;

use crate::clock::now_ms;
use crate::devices::Devices;
use crate::error::StartError;
use crate::http;
use crate::live::Live;
use crate::local::{self, LocalSocket};
use crate::logging::{Levels, Log, LoggingOptions};
use crate::options::GatewayOptions;
use crate::panics::enduring;
use crate::process::Gateway;
use crate::reload::{self, Reload, SeenPlugins};
use crate::settings::Settings;
use crate::wiring::{self, Plugins};
use crate::ws::{Hub, SocketLimits};
use announce::announce;
use files::Files;
use notify::Notifier;
pub use ports::Owner;
pub(crate) use ports::{diagnose, hints, owners};
use process::Process;
pub(crate) use restart::{Promise, Restarter};
pub use running::Running;
use running::refuse_lock;
pub(crate) use running::running;
use shutdown::Order;
use sockets::Sockets;

/// What the checks before the first side effect decided.
struct Plan {
    settings: Arc<Settings>,
    /// The file itself is not used; it is put right once this process is the only gateway here.
    refused: Option<Refused>,
    plugins: Arc<Live<Plugins>>,
    /// The plugins' files, as they were before any was read.
    seen_plugins: SeenPlugins,
    port: u16,
    bind: Bind,
    listen: Listen,
    auth: GatewayAuth,
    warnings: Vec<String>,
}

/// What a round takes from the process.
struct Host {
    options: Arc<GatewayOptions>,
    log: Log,
    notifier: Notifier,
    restarter: Restarter,
    began: Instant,
    /// To be told when the gateway serves.
    up: tokio::sync::oneshot::Sender<()>,
}

/// Runs the gateway to its end. Blocks.
pub(crate) fn run(options: GatewayOptions) -> Result<(), StartError> {
    let began = Instant::now();
    openclaw_failpoints::announce();
    // Until the signals are listened to, each has its usual effect: nothing is begun that had to be ended in order.
    let sockets = Sockets::inherited()?;
    let plan = check(&options, &sockets.passed())?;
    make_private(&options.paths.state_dir)?;
    // Before the runtime has threads, so that the local time zone can be asked for.
    let log = start_log(&options, &plan.settings.config())?;
    let keeper = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        StartError::failed(format!("Gateway failed to start: no event loop: {error}"), error)
    })?;
    let notifier = Notifier::new(&options.environment);
    let process = Process { options: Arc::new(options), log: log.clone(), sockets, notifier };
    let ended = keeper.block_on(process::live(process, plan, began));
    log.close();
    // What still hangs in a blocking call must not hold up the exit.
    keeper.shutdown_background();
    ended
}

/// Everything that can refuse a start without touching anything. `passed` is where the sockets of a service manager
/// listen, if it has opened any.
fn check(options: &GatewayOptions, passed: &[SocketAddr]) -> Result<Plan, StartError> {
    let mut environment = options.environment.clone();
    let port_flag = options.port.as_deref().map(port).transpose()?;
    let bind_flag = options.bind.as_deref().map(str::parse::<Bind>).transpose()?;
    let seen_plugins = SeenPlugins::look(&options.paths.state_dir);
    let plugins = Plugins::discover(&options.paths.state_dir);
    let schemas = plugins.schemas();
    let read = |environment: &BTreeMap<String, String>| -> Result<(Chosen, Config), StartError> {
        let basis = Basis::new(&options.paths.config, &schemas, environment);
        let chosen = openclaw_config::load_for_start(&basis, options.allow_unconfigured)?;
        start::validity_gate(&options.paths.config, &chosen.loaded.report)?;
        let config = chosen.loaded.report.config.clone().unwrap_or_default();
        Ok((chosen, config))
    };
    let (mut chosen, mut config) = read(&environment)?;
    let mut warnings = Vec::new();
    match environment::from_login_shell(&environment, &config, &plugins) {
        Ok(found) if found.is_empty() => {}
        Ok(found) => {
            environment.extend(found);
            // The file may refer to what has come in.
            (chosen, config) = read(&environment)?;
        }
        Err(why) => warnings.push(why),
    }
    let Chosen { loaded, refused } = chosen;
    let env = &environment;
    let configured = start::port(port_flag, &config, env)?;
    let port = passed.first().map_or(configured, SocketAddr::port);
    let (bind, listen) = addresses::resolve(bind_flag, &config, passed)?;
    start::mode_gate(loaded.source.is_some(), &config, options.allow_unconfigured)
        .map_err(|refusal| name_the_copy(refusal, &options.paths.config))?;
    let secrets = SecretResolver::new(&config, env, &options.paths.home);
    let auth = start::auth(&auth_flags(options)?, &config, &secrets, &listen)?;
    start::bind_gate(bind, &listen, &auth, &loaded.report)?;
    plugins.restrict(&config.plugins);
    let disabled = loaded.report.disabled();
    let said = loaded.report.warnings.iter().chain(disabled.into_values());
    warnings.extend(said.map(|issue| format!("configuration: {issue} ({})", issue.place())));
    warnings.extend(loaded.report.moved.iter().map(|moved| {
        format!("configuration: an older spelling is read as the newer one: {moved} (to rewrite it: openclaw doctor --fix)")
    }));
    warnings.extend_from_slice(plugins.complaints());
    let dangerous = dangerous(&loaded.report.document);
    if !dangerous.is_empty() {
        warnings.push(format!("security warning: dangerous config flags enabled: {}", dangerous.join(", ")));
    }
    let settings = Arc::new(Settings::new(options.paths.clone(), environment, schemas, loaded));
    let plugins = Arc::new(Live::new(plugins));
    Ok(Plan { settings, refused, plugins, seen_plugins, port, bind, listen, auth, warnings })
}

/// The switches that say of themselves that they are dangerous, as far as they are on.
fn dangerous(document: &Value) -> Vec<String> {
    fn walk(value: &Value, place: &str, found: &mut Vec<String>) {
        let Some(object) = value.as_object() else { return };
        for (key, value) in object {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            if key.starts_with("dangerously") && value.as_bool() == Some(true) {
                found.push(format!("{place}=true"));
            }
            walk(value, &place, found);
        }
    }
    let mut found = Vec::new();
    walk(document, "", &mut found);
    found
}

/// A file that is gone may have left a copy behind; whether it shall come back is a person's to say.
fn name_the_copy(mut refusal: Refusal, config: &Path) -> Refusal {
    let copy = openclaw_config::last_good_path(config);
    if !config.exists() && copy.exists() {
        refusal.lines.push(format!(
            "The last good configuration is at {}: openclaw doctor --fix puts it back.",
            copy.display()
        ));
    }
    refusal
}

fn auth_flags(options: &GatewayOptions) -> Result<AuthFlags, ConfigError> {
    let mode = options.auth_mode.as_deref().map(str::parse::<AuthMode>).transpose()?;
    Ok(AuthFlags { mode, token: options.token.clone(), password: options.password.clone() })
}

/// What clients have to prove by another configuration than that of the start, under the same flags.
pub(crate) fn auth_of(
    options: &GatewayOptions,
    settings: &Settings,
    config: &Config,
) -> Result<GatewayAuth, StartError> {
    let bind_flag = options.bind.as_deref().map(str::parse::<Bind>).transpose()?;
    let (_, listen) = addresses::resolve(bind_flag, config, &[])?;
    let secrets = settings.secrets(config);
    wiring::may_wait(config, || {
        start::auth(&auth_flags(options)?, config, &secrets, &listen).map_err(StartError::from)
    })
}

fn port(text: &str) -> Result<u16, StartError> {
    let port = text.trim().parse().ok().filter(|&port: &u16| port != 0);
    port.ok_or_else(|| {
        StartError::Configuration(format!("Invalid --port: \"{text}\" (use a number from 1 to 65535)"))
    })
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> StartError {
        StartError::Configuration(refusal.to_string())
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> StartError {
        StartError::Configuration(error.to_string())
    }
}

/// Makes the state directory, or tightens its mode.
fn make_private(dir: &Path) -> Result<(), StartError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)));
    made.map_err(|error| {
        let text = format!(
            "Gateway failed to start: the state directory {} cannot be used: {error}. Make it writable for this user, \
             or choose another with OPENCLAW_STATE_DIR.",
            dir.display()
        );
        StartError::failed(text, error)
    })
}

fn start_log(options: &GatewayOptions, config: &Config) -> Result<Log, StartError> {
    let log = Log::start(LoggingOptions {
        file: config.logging.file.as_deref().map(|path| options.paths.expand(path)),
        max_file_bytes: config.logging.max_file_bytes,
        profile: options.paths.profile.clone(),
        levels: log_levels(options, config),
        color: options.color,
    });
    log.map_err(|error| StartError::failed(format!("Gateway failed to start: no log: {error}"), error))
}

/// What is logged: by the flags, else by the configuration.
pub(crate) fn log_levels(options: &GatewayOptions, config: &Config) -> Levels {
    let level = |word: Option<&str>, otherwise: LevelFilter| {
        word.and_then(|word| word.parse().ok()).unwrap_or(otherwise)
    };
    let flag = options.log_level.as_deref();
    let verbose = if options.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    Levels {
        file: level(flag.or(config.logging.level.as_deref()), LevelFilter::INFO),
        console: level(flag.or(config.logging.console_level.as_deref()), verbose),
    }
}

/// One round: the parts are brought up, and at an order the gateway is drained.
async fn serve(
    host: Host,
    plan: Plan,
    sockets: Vec<std::net::TcpListener>,
    mut orders: watch::Receiver<Order>,
) -> Result<(), StartError> {
    let notifier = host.notifier.clone();
    let seen_plugins = plan.seen_plugins.clone();
    let mut early = orders.clone();
    let up = tokio::select! {
        up = bring_up(host, plan, sockets) => up?,
        // Nobody has been served yet: what is half up is let go.
        _ = early.wait_for(|order| *order != Order::Run) => return Ok(()),
    };
    // From here on there may be clients: the end is a drain.
    reload::started(&up.gateway).await;
    crate::system_events::started(&up.gateway);
    let gateway = Arc::clone(&up.gateway);
    enduring("following the configuration", move || reload::watch(Arc::clone(&gateway)));
    let gateway = Arc::clone(&up.gateway);
    enduring("following the plugins", move || {
        reload::watch_plugins(Arc::clone(&gateway), seen_plugins.clone())
    });
    // Nobody waits any more where the process is on its way down.
    let _ = up.told.send(());
    notifier.say(&format!("READY=1\nSTATUS=serving\nMAINPID={}", std::process::id()));
    let alive = enduring("giving signs of life", move || notifier.clone().stay_alive());
    // The process is gone without an order only where nobody is left to give one.
    let order = orders.wait_for(|order| *order != Order::Run).await.map_or(Order::Stop, |order| *order);
    shutdown::drain(&up.gateway, up.stop, up.served, order).await;
    alive.abort();
    Ok(())
}

/// A gateway that serves.
struct Up {
    gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<()>,
    /// Hears that it serves.
    told: tokio::sync::oneshot::Sender<()>,
}

/// Parts, listeners, and what runs beside them.
async fn bring_up(host: Host, plan: Plan, sockets: Vec<std::net::TcpListener>) -> Result<Up, StartError> {
    let Host { options, log, restarter, began, up: told, .. } = host;
    let listeners = sockets.into_iter().map(TcpListener::from_std).collect::<std::io::Result<Vec<_>>>();
    let listeners = listeners.map_err(|error| {
        StartError::failed(format!("Gateway failed to start: the port cannot be used: {error}"), error)
    })?;
    for warning in &plan.warnings {
        warn!("{warning}");
    }
    info!("resolving authentication…");
    if plan.auth.mode == AuthMode::None {
        warn!("Gateway auth mode=none explicitly configured; all gateway connections are unauthenticated.");
    }
    let rejection = plan
        .refused
        .as_ref()
        .map(|refused| reload::restore_at_start(&options.paths.config, plan.settings.environment(), refused));
    // The gateway is of use without it; only repairs are not.
    let local = LocalSocket::open(&options.paths.state_dir).inspect_err(|why| warn!("{why}")).ok();
    let tls = http::load_tls(&options.paths, &plan.settings.config())?;
    let hooks = load_hooks(&plan)?;
    let files = Files::raise();
    info!("starting...");
    let mut secrets: Vec<Secret> = plan.auth.secret.iter().cloned().collect();
    let found = wiring::secrets(&plan.settings, &plan.plugins.get());
    secrets.extend(found.values);
    log.protect(Scrubber::new(&secrets));
    let parts = wiring::build(&options.paths, &plan.settings, &plan.plugins).await?;
    let devices = Devices::open(parts.store.clone()).await.map_err(|error| {
        StartError::failed(
            format!("Gateway failed to start: the paired devices cannot be read: {error}"),
            error,
        )
    })?;
    let listening: Vec<SocketAddr> =
        listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let config = plan.settings.config();
    let reload = Reload::new(&options.paths.config, plan.settings.current(), rejection);
    let answering = &parts.answering;
    let model_list = http::model_list(&config, &answering.models.catalog(), &*answering.shims);
    let gateway = Arc::new(Gateway {
        paths: options.paths.clone(),
        options,
        settings: Arc::clone(&plan.settings),
        log,
        access: Access::new(access::rules(access::shared(&plan.auth, &config), &config, &listening)),
        devices,
        refusals: crate::ws::Written::default(),
        auth_mode: plan.auth.mode.as_str().to_owned(),
        boot_id: Uuid::new_v4().to_string(),
        started: began,
        listening,
        tls,
        places: http::Places::new(files.http),
        metrics: crate::metrics::Metrics::default(),
        storing: http::Storing::default(),
        hooks,
        hub: Arc::new(Hub::new(own_presence())),
        sockets: crate::ws::Sockets::new(SocketLimits::new(plan.settings.environment(), files.sessions)),
        store: parts.store,
        models: parts.answering.models.clone(),
        answering: parts.answering,
        agents: parts.agents,
        messaging: parts.messaging,
        supervisor: parts.supervisor,
        instances: parts.instances,
        plugins: plan.plugins,
        runs: crate::runs::Runs::default(),
        wakes: crate::wakes::Wakes::default(),
        model_choice: Live::new(parts.model_choice),
        model_list: Live::new(model_list),
        reload,
        restarter,
        draining: false.into(),
        memory: crate::rpc::Memory::default(),
        health: tokio::sync::Mutex::default(),
        secrets: secrets.into(),
        lacking_secrets: Live::new(found.lacking),
    });
    // Nobody else sets it.
    drop(parts.gateway.set(Arc::downgrade(&gateway)));
    let (stop, stopping) = watch::channel(false);
    let served = tokio::spawn(http::serve(
        listeners,
        Arc::clone(&gateway),
        http::router(Arc::clone(&gateway)),
        stopping,
    ));
    if let Some(local) = local {
        tokio::spawn(local::serve(local, Arc::clone(&gateway), stop.subscribe()));
    }
    announce(&gateway, plan.port, plan.bind, &plan.auth, began);
    wiring::start_channels(&gateway.settings, &gateway.supervisor);
    let ticking = Arc::clone(&gateway);
    enduring("the tick", move || pulse(Arc::clone(&ticking)));
    let kept = Arc::clone(&gateway);
    enduring("looking after sessions", move || crate::rpc::upkeep::keep_up(Arc::clone(&kept)));
    let hub = Arc::clone(&gateway.hub);
    enduring("telling what changed", move || Arc::clone(&hub).tell_state());
    // Nothing is waited for between the first client and here: what was begun is never just let go.
    Ok(Up { gateway, stop, served, told })
}

fn load_hooks(plan: &Plan) -> Result<http::Hooks, StartError> {
    let own = access::shared(&plan.auth, &plan.settings.config());
    http::Hooks::load(&plan.settings, &own)
        .map_err(|why| StartError::Configuration(format!("Gateway failed to start: {why}")))
}

fn own_presence() -> PresenceEntry {
    let host = crate::machine::hostname();
    PresenceEntry {
        text: Some(format!("Gateway: {host} · app {} · mode gateway · reason self", crate::VERSION)),
        host: Some(host),
        version: Some(crate::VERSION.to_owned()),
        platform: Some(std::env::consts::OS.to_owned()),
        mode: Some("gateway".to_owned()),
        reason: Some("self".to_owned()),
        instance_id: Some(Uuid::new_v4().to_string()),
        ..PresenceEntry::default()
    }
}

/// What clients hear while nothing happens: a tick, and the state of health.
async fn pulse(gateway: Arc<Gateway>) {
    let period = hurried(Duration::from_millis(TICK_INTERVAL_MS));
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    let mut closing = gateway.hub.closing();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = closing.wait_for(|&closing| closing) => return,
        }
        failpoint!("gateway.tick");
        gateway.hub.broadcast("tick", &serde_json::json!({ "ts": now_ms() }));
        if gateway.hub.is_listened_to() {
            let health = gateway.health().await;
            gateway.hub.health_changed(&health);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_that_call_themselves_dangerous_are_named() {
        let document = serde_json::json!({
            "gateway": {"controlUi": {"dangerouslyDisableDeviceAuth": true, "dangerouslyOther": false}},
            "channels": {"chat": {"accounts": {"a": {"dangerouslyAllowNameMatching": true}}}},
        });
        let expected = [
            "gateway.controlUi.dangerouslyDisableDeviceAuth=true",
            "channels.chat.accounts.a.dangerouslyAllowNameMatching=true",
        ];
        assert_eq!(dangerous(&document), expected);
    }
}
