//! From the options to a running gateway and to its end: the order of the checks (openclaw-compat §1.2.2), the lock, the
//! port, what is printed, and what happens at a signal.

pub(crate) mod access;
mod environment;
mod files;
mod lock;
mod ports;
mod shutdown;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_access::Access;
use openclaw_config::start::{self, AuthFlags, GatewayAuth, Listen, Refusal};
use openclaw_config::{AuthMode, Basis, Bind, Chosen, Config, ConfigError, Refused, SecretResolver};
use openclaw_protocol::TICK_INTERVAL_MS;
use openclaw_protocol::status::PresenceEntry;
use openclaw_secrets::{Scrubber, Secret};
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
use crate::logging::{Levels, Log, LoggingOptions};
use crate::options::GatewayOptions;
use crate::process::Gateway;
use crate::reload::{self, Reload};
use crate::settings::Settings;
use crate::wiring::{self, Plugins};
use crate::ws::{Hub, SocketLimits, Sockets};
use files::Files;
use lock::{Holder, InstanceLock, LockError, Phase};

/// How long a port that is taken is tried again: its owner may be on its way out.
const PORT_PATIENCE: Duration = Duration::from_millis(600);
const PORT_POLL: Duration = Duration::from_millis(200);

/// What the checks before the first side effect decided.
struct Plan {
    settings: Arc<Settings>,
    /// The file itself is not used; it is put right once this process is the only gateway here.
    refused: Option<Refused>,
    plugins: Arc<Plugins>,
    port: u16,
    bind: Bind,
    listen: Listen,
    auth: GatewayAuth,
    warnings: Vec<String>,
}

/// Runs the gateway to its end. Blocks.
pub(crate) fn run(options: GatewayOptions) -> Result<(), StartError> {
    let began = Instant::now();
    let plan = check(&options)?;
    make_private(&options.paths.state_dir)?;
    // Before the runtime has threads, so that the local time zone can be asked for.
    let log = start_log(&options, &plan.settings.config())?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("gateway").build().map_err(
            |error| StartError::failed(format!("Gateway failed to start: no threads: {error}"), error),
        )?;
    let ended = runtime.block_on(serve(options, plan, log.clone(), began));
    log.close();
    // What still hangs in a blocking call must not hold up the exit.
    runtime.shutdown_background();
    ended
}

/// Everything that can refuse a start without touching anything.
fn check(options: &GatewayOptions) -> Result<Plan, StartError> {
    let mut environment = options.environment.clone();
    let port_flag = options.port.as_deref().map(port).transpose()?;
    let bind_flag = options.bind.as_deref().map(str::parse::<Bind>).transpose()?;
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
    let in_container = in_container();
    let port = start::port(port_flag, &config, env)?;
    let bind = start::bind(bind_flag, &config, in_container);
    let listen = start::listen(bind, &config, in_container, None)?;
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
    let settings = Arc::new(Settings::new(options.paths.clone(), environment, schemas, loaded));
    Ok(Plan { settings, refused, plugins: Arc::new(plugins), port, bind, listen, auth, warnings })
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
    let in_container = in_container();
    let listen = start::listen(start::bind(bind_flag, config, in_container), config, in_container, None)?;
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

/// Whether this process runs in a container, as the usual runtimes mark it.
fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists())
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

/// The asynchronous part: lock, port, parts, listeners, and the wait for a signal.
async fn serve(options: GatewayOptions, plan: Plan, log: Log, began: Instant) -> Result<(), StartError> {
    // Listens from the first moment: a signal during the start must not kill the process half-way.
    let signals = shutdown::Signals::new().map_err(|error| {
        StartError::failed(format!("Gateway failed to start: no signals: {error}"), error)
    })?;
    info!("loading configuration…");
    for warning in &plan.warnings {
        warn!("{warning}");
    }
    info!("resolving authentication…");
    if plan.auth.mode == AuthMode::None {
        warn!("Gateway auth mode=none explicitly configured; all gateway connections are unauthenticated.");
    }
    let holder =
        Holder { pid: std::process::id(), port: plan.port, phase: Phase::Running, created_at: now_ms() };
    let lock = InstanceLock::take(&lock_file(&options.paths.state_dir), holder).await;
    let lock = lock.map_err(|error| refuse_lock(error, &options.paths.state_dir))?;
    let rejection = plan
        .refused
        .as_ref()
        .map(|refused| reload::restore_at_start(&options.paths.config, plan.settings.environment(), refused));
    let listeners = bind(&plan.listen, plan.port).await?;
    let files = Files::raise();
    info!("starting...");
    let mut secrets: Vec<Secret> = plan.auth.secret.iter().cloned().collect();
    secrets.extend(wiring::secrets(&plan.settings, &plan.plugins));
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
    let gateway = Arc::new(Gateway {
        paths: options.paths.clone(),
        options,
        settings: Arc::clone(&plan.settings),
        log,
        access: Access::new(access::rules(access::shared(&plan.auth, &config), &config)),
        devices,
        refusals: crate::ws::Written::default(),
        auth_mode: plan.auth.mode.as_str().to_owned(),
        boot_id: Uuid::new_v4().to_string(),
        started: began,
        listening,
        hub: Arc::new(Hub::new(own_presence())),
        sockets: Sockets::new(SocketLimits::new(plan.settings.environment(), files.sessions)),
        store: parts.store,
        models: parts.answering.models.clone(),
        answering: parts.answering,
        agents: parts.agents,
        messaging: parts.messaging,
        supervisor: parts.supervisor,
        instances: parts.instances,
        plugins: plan.plugins,
        runs: crate::runs::Runs::default(),
        model_choice: Live::new(parts.model_choice),
        model_list: Live::new(http::model_list(config.agents.entries.iter().map(|agent| agent.id.as_str()))),
        reload,
        draining: false.into(),
        memory: crate::rpc::Memory::default(),
        health: tokio::sync::Mutex::default(),
        secrets: secrets.into(),
    });
    let (stop, stopping) = watch::channel(false);
    let served = tokio::spawn(http::serve(
        listeners,
        Arc::clone(&gateway),
        http::router(Arc::clone(&gateway)),
        files.http,
        stopping,
    ));
    announce(&gateway, plan.port, plan.bind, &plan.auth, began);
    wiring::start_channels(&gateway.settings, &gateway.supervisor);
    tokio::spawn(pulse(Arc::clone(&gateway)));
    tokio::spawn(Arc::clone(&gateway.hub).tell_state());
    reload::started(&gateway).await;
    tokio::spawn(reload::watch(Arc::clone(&gateway)));
    shutdown::wait(signals, &gateway, stop, served, lock).await;
    Ok(())
}

fn own_presence() -> PresenceEntry {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    let host = host.unwrap_or_else(|_| "localhost".to_owned());
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

/// Opens the port on all addresses that are required, and on the others where possible.
async fn bind(listen: &Listen, port: u16) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    for &address in &listen.required {
        listeners.push(bind_patiently(address, port).await?);
    }
    for &address in &listen.optional {
        match TcpListener::bind((address, port)).await {
            Ok(listener) => listeners.push(listener),
            Err(error) => tracing::debug!(%address, %error, "not listening on an optional address"),
        }
    }
    Ok(listeners)
}

async fn bind_patiently(address: IpAddr, port: u16) -> Result<TcpListener, StartError> {
    let begun = tokio::time::Instant::now();
    let shown = SocketAddr::new(address, port);
    loop {
        match TcpListener::bind(shown).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if begun.elapsed() >= PORT_PATIENCE {
                    let owners = ports::owners(port);
                    return Err(StartError::Occupied(format!(
                        "Gateway failed to start: another gateway instance is already listening on ws://{shown}\n\
                         If the gateway is supervised, stop it with: openclaw gateway stop\n{}\n\
                         Or choose another port: openclaw gateway --port <port>",
                        ports::diagnose(port, &owners)
                    )));
                }
                tokio::time::sleep(PORT_POLL).await;
            }
            Err(error) => {
                let text = format!(
                    "Gateway failed to start: failed to bind gateway socket on ws://{shown}: {error}"
                );
                return Err(StartError::failed(text, error));
            }
        }
    }
}

fn lock_file(state_dir: &Path) -> PathBuf {
    state_dir.join("gateway.lock")
}

/// The port of the gateway that runs with this state directory, if one does.
pub(crate) fn running_port(state_dir: &Path) -> Option<u16> {
    lock::holder(&lock_file(state_dir)).map(|holder| holder.port)
}

fn refuse_lock(error: LockError, state_dir: &Path) -> StartError {
    match error {
        LockError::Held(Some(holder)) => StartError::Occupied(format!(
            "Gateway failed to start: gateway already running (pid {}); another gateway instance is already listening \
             on ws://127.0.0.1:{} with the state directory {}\n\
             If the gateway is supervised, stop it with: openclaw gateway stop\n\
             To run a second one beside it, give it its own state: OPENCLAW_STATE_DIR=<dir> openclaw gateway --port \
             <port>\n{}",
            holder.pid,
            holder.port,
            state_dir.display(),
            ports::diagnose(holder.port, &ports::owners(holder.port)),
        )),
        LockError::Held(None) => StartError::Occupied(format!(
            "Gateway failed to start: gateway already running with the state directory {}\n\
             If the gateway is supervised, stop it with: openclaw gateway stop",
            state_dir.display()
        )),
        LockError::Io(error) => {
            let text = format!(
                "Gateway failed to start: the lock in {} cannot be taken: {error}",
                state_dir.display()
            );
            StartError::failed(text, error)
        }
    }
}

/// Says where the gateway is, for programs in the log and for people on standard output.
fn announce(gateway: &Gateway, port: u16, bind: Bind, auth: &GatewayAuth, began: Instant) {
    let pid = std::process::id();
    for address in &gateway.listening {
        info!("listening on ws://{address} (PID {pid})");
    }
    let plugins = gateway.plugins.health().loaded;
    let names = if plugins.is_empty() { "none".to_owned() } else { plugins.join(", ") };
    info!(
        "http server listening ({} plugins: {names}; {:.1}s)",
        plugins.len(),
        began.elapsed().as_secs_f64()
    );
    info!("log file: {}", gateway.log.path().display());
    let model = gateway.model_choice.get();
    let mut lines = vec![
        format!("OpenClaw gateway {} is running (PID {pid}).", crate::VERSION),
        format!("  listening on ws://127.0.0.1:{port} (bind {})", bind.as_str()),
        format!("  API          http://127.0.0.1:{port}/v1 (Authorization: Bearer <token>)"),
        format!("  agent model  {} ({})", model.reference, model.detail),
        format!("  log file     {}", gateway.log.path().display()),
    ];
    if let Some(secret) = auth.secret.as_ref().filter(|_| auth.ephemeral) {
        lines.push(format!(
            "  token        {} (made up for this run: no token is configured)",
            secret.expose()
        ));
    }
    lines.push(format!("Try next: {} agent --message \"hello\"", own_name()));
    // Standard output may be closed; the log has said the same.
    drop(io::Write::write_all(&mut io::stdout().lock(), format!("{}\n", lines.join("\n")).as_bytes()));
}

/// How a person types this program: by its name where the shell would find it, else by its path.
fn own_name() -> String {
    let Ok(program) = std::env::current_exe() else { return "openclaw".to_owned() };
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path)
            .any(|folder| folder.join("openclaw").canonicalize().ok() == program.canonicalize().ok())
    });
    if on_path {
        return "openclaw".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    program.strip_prefix(&here).unwrap_or(&program).display().to_string()
}

/// What clients hear while nothing happens: a tick, and the state of health.
async fn pulse(gateway: Arc<Gateway>) {
    let period = Duration::from_millis(TICK_INTERVAL_MS);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    let mut closing = gateway.hub.closing();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = closing.wait_for(|&closing| closing) => return,
        }
        gateway.hub.broadcast("tick", &serde_json::json!({ "ts": now_ms() }));
        if gateway.hub.is_listened_to() {
            let health = gateway.health().await;
            gateway.hub.health_changed(&health);
        }
    }
}
