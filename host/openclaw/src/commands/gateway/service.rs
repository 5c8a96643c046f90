//! `openclaw gateway install|uninstall|start|stop|restart`: the gateway as a service of this user, or, where no service
//! manager runs, the running gateway itself.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use openclaw_config::{SecretResolver, start};
use openclaw_gateway::Running;
use openclaw_protocol::{Scope, restart::RestartRequestParams};
use openclaw_secrets::Secret;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    client::{Client, ClientError, Mode, Target, TargetFlags, block_on},
    context::Context,
    error::CliError,
    output::{print_json, print_line},
    service::{Definition, Service},
};

/// How long a gateway may take to end: longer than its drain.
const END: Duration = Duration::from_secs(15);
/// How long it may take to be there again.
const AGAIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// How long the wish for a restart may travel, in milliseconds.
const ASK_MS: u64 = 3000;

/// Flags of `openclaw gateway install`.
#[derive(Args, Debug)]
pub(crate) struct InstallFlags {
    /// The port that the service is to use (default: as `openclaw gateway`)
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Replace an installed service
    #[arg(long)]
    force: bool,
    /// A program that is started instead and starts the gateway with the arguments it gets
    #[arg(long, value_name = "FILE")]
    wrapper: Option<PathBuf>,
    /// Refused: a service definition holds no secret
    #[arg(long, value_name = "TOKEN", hide = true)]
    token: Option<Secret>,
    /// Accepted for compatibility: this program needs no runtime
    #[arg(long, value_name = "NAME", hide = true)]
    runtime: Option<String>,
    /// Accepted for compatibility: this program needs no runtime
    #[arg(long, value_name = "FILE", hide = true)]
    runtime_path: Option<PathBuf>,
}

/// Flags of `openclaw gateway stop`.
#[derive(Args, Debug)]
pub(crate) struct StopFlags {
    /// Accepted for compatibility: stopping never asks back
    #[arg(long, hide = true)]
    force: bool,
}

/// Flags of `openclaw gateway restart`.
#[derive(Args, Debug)]
pub(crate) struct RestartFlags {
    /// Restart inside the process, with the port open, also where a service manager runs
    #[arg(long)]
    safe: bool,
    /// Accepted for compatibility: a restart never waits longer than its drain
    #[arg(long, hide = true)]
    force: bool,
    /// Accepted for compatibility, as --force
    #[arg(long, hide = true)]
    skip_deferral: bool,
    /// Accepted for compatibility: a restart leaves the definition as it is
    #[arg(long, hide = true)]
    preserve_definition: bool,
    /// Accepted for compatibility, as --force
    #[arg(long, value_name = "DURATION", hide = true)]
    wait: Option<String>,
}

/// What became of a command.
#[derive(Default)]
struct Outcome {
    action: &'static str,
    ok: bool,
    result: &'static str,
    message: String,
    hints: Vec<String>,
    warnings: Vec<String>,
}

impl Outcome {
    fn done(action: &'static str, result: &'static str, message: impl Into<String>) -> Self {
        Self { action, ok: true, result, message: message.into(), ..Self::default() }
    }

    fn failed(action: &'static str, message: impl Into<String>, hints: Vec<String>) -> Self {
        Self { action, message: message.into(), hints, ..Self::default() }
    }

    /// Says it, as text or as the document of openclaw-compat §1.12.
    fn tell(self, service: &Service, context: &Context) -> Result<ExitCode, CliError> {
        let code = if self.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        if !context.json {
            for warning in &self.warnings {
                crate::output::note(&format!("Warning: {warning}"));
            }
            let lines = std::iter::once(self.message).chain(self.hints).collect::<Vec<_>>().join("\n");
            if self.ok {
                print_line(&lines)?;
            } else {
                crate::output::note(&lines.to_string());
            }
            return Ok(code);
        }
        let state = service.state()?;
        let (loaded, not_loaded) = service.words();
        let mut document = json!({"action": self.action, "ok": self.ok});
        let more = [
            ("result", (!self.result.is_empty()).then(|| json!(self.result))),
            (if self.ok { "message" } else { "error" }, Some(json!(self.message))),
            ("hints", (!self.hints.is_empty()).then(|| json!(self.hints))),
            (
                "service",
                Some(json!({
                    "label": service.label(),
                    "loaded": state.enabled,
                    "loadedText": loaded,
                    "notLoadedText": not_loaded,
                })),
            ),
            ("warnings", (!self.warnings.is_empty()).then(|| json!(self.warnings))),
        ];
        if let Value::Object(document) = &mut document {
            document.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        }
        print_json(&document)?;
        Ok(code)
    }
}

pub(super) fn install(flags: &InstallFlags, context: &Context) -> Result<ExitCode, CliError> {
    let service = Service::detect(context)?;
    let outcome = match install_outcome(flags, &service, context) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::failed("install", error.to_string(), Vec::new()),
    };
    outcome.tell(&service, context)
}

fn install_outcome(flags: &InstallFlags, service: &Service, context: &Context) -> Result<Outcome, CliError> {
    let failed = |message: String, hints| Ok(Outcome::failed("install", message, hints));
    if flags.token.is_some() {
        return failed(
            "A service definition holds no secret: whoever may read it would have the token.".to_owned(),
            vec![
                "Put it into the configuration instead: openclaw config set gateway.auth.token <token>"
                    .to_owned(),
            ],
        );
    }
    if let Some(reason) = service.unavailable() {
        return Ok(unavailable("install", reason));
    }
    let config = context.config().cloned().unwrap_or_default();
    let environment = context.environment();
    let secrets = SecretResolver::new(&config, &environment, &context.paths.home);
    let none = start::AuthFlags::default();
    let mut warnings = Vec::new();
    let auth = &config.gateway.auth;
    if auth.mode.is_none() && auth.token.is_some() && auth.password.is_some() {
        return failed(
            "gateway.auth.token and gateway.auth.password are both configured, but gateway.auth.mode is unset."
                .to_owned(),
            vec!["Set gateway.auth.mode to token or password: openclaw config set gateway.auth.mode token".to_owned()],
        );
    }
    match start::client_auth(&none, &config, &secrets) {
        Err(refusal) => return failed(format!("The service could not start: {refusal}"), Vec::new()),
        Ok(found) if auth.token.is_some() || auth.password.is_some() || found.token.is_none() && found.password.is_none() => {}
        Ok(_) => warnings.push(
            "the token or password stands in this shell's environment, which the service does not see. Put it into the \
             configuration: openclaw config set gateway.auth.token <token>"
                .to_owned(),
        ),
    }
    if let Err(refusal) = start::mode_gate(context.loaded().exists, &config, false) {
        return failed(format!("The service would not start. {refusal}"), Vec::new());
    }
    let port = match flags.port {
        Some(port) => port,
        None => start::port(None, &config, &environment)
            .map_err(|refusal| CliError::invalid(refusal.to_string()))?,
    };
    let state = service.state()?;
    if !state.missing && !flags.force {
        let (loaded, not_loaded) = service.words();
        let word = if state.enabled { loaded } else { not_loaded };
        let hints = vec!["Reinstall with: openclaw gateway install --force".to_owned()];
        let message = format!("Gateway service already installed ({word}): {}", service.path().display());
        return Ok(Outcome { hints, ..Outcome::done("install", "already-installed", message) });
    }
    let definition = Definition::new(context, port, flags.wrapper.as_deref())?;
    service.install(&definition)?;
    let message = format!("Installed {} service: {}", service.label(), service.path().display());
    let hints = service.lingering_hint()?.into_iter().chain([format!("Logs: {}", service.logs())]);
    Ok(Outcome { hints: hints.collect(), warnings, ..Outcome::done("install", "installed", message) })
}

pub(super) fn uninstall(context: &Context) -> Result<ExitCode, CliError> {
    let service = Service::detect(context)?;
    let outcome = match service.state()? {
        state if state.missing => Outcome::done("uninstall", "not-loaded", "Gateway service not loaded."),
        _ => match service.uninstall() {
            Ok(()) => {
                Outcome::done("uninstall", "uninstalled", format!("Removed {}.", service.path().display()))
            }
            Err(error) => Outcome::failed("uninstall", error.to_string(), Vec::new()),
        },
    };
    outcome.tell(&service, context)
}

pub(super) fn start(context: &Context) -> Result<ExitCode, CliError> {
    let service = Service::detect(context)?;
    let state = service.state()?;
    let outcome = match openclaw_gateway::running(&context.paths) {
        Some(running) => {
            Outcome::done("start", "already-running", format!("Gateway already running{}.", of(&running)))
        }
        None if service.unavailable().is_none() && !state.missing => match service.start() {
            Ok(()) => Outcome::done("start", "started", format!("Started {} service.", service.label())),
            Err(error) => {
                Outcome::failed("start", error.to_string(), vec![format!("Logs: {}", service.logs())])
            }
        },
        None => match service.unavailable() {
            Some(reason) => unavailable("start", reason),
            None => Outcome::failed("start", "Gateway service not loaded.", start_hints(&service)),
        },
    };
    outcome.tell(&service, context)
}

pub(super) fn stop(_flags: &StopFlags, context: &Context) -> Result<ExitCode, CliError> {
    let service = Service::detect(context)?;
    let state = service.state()?;
    let outcome = if state.is_running() {
        match service.stop() {
            Ok(()) => Outcome::done("stop", "stopped", format!("Stopped {} service.", service.label())),
            Err(error) => Outcome::failed("stop", error.to_string(), Vec::new()),
        }
    } else {
        match openclaw_gateway::running(&context.paths) {
            Some(running) => end(&running, context)?,
            None => {
                let hints = start_hints(&service);
                Outcome { hints, ..Outcome::done("stop", "not-loaded", "Gateway service not loaded.") }
            }
        }
    };
    outcome.tell(&service, context)
}

/// SIGTERM, and the wait for its end.
fn end(running: &Running, context: &Context) -> Result<Outcome, CliError> {
    let Some(pid) = running.pid else { return Ok(out_of_sight("stop", running)) };
    if let Err(outcome) = signal("stop", pid, Signal::TERM) {
        return Ok(*outcome);
    }
    let ended =
        await_that(END, || openclaw_gateway::running(&context.paths).is_none_or(|now| now.pid != Some(pid)))?;
    Ok(if ended {
        Outcome::done("stop", "stopped", format!("Stopped the gateway (pid {pid})."))
    } else {
        let text = format!("The gateway (pid {pid}) did not end within {} s.", END.as_secs());
        Outcome::failed("stop", text, vec![format!("To end it at once: kill -TERM {pid}")])
    })
}

pub(super) fn restart(flags: &RestartFlags, context: &Context) -> Result<ExitCode, CliError> {
    let service = Service::detect(context)?;
    let state = service.state()?;
    let running = openclaw_gateway::running(&context.paths);
    let outcome = if service.unavailable().is_none() && !state.missing && !flags.safe {
        match service.restart() {
            Ok(()) => {
                Outcome::done("restart", "restarted", format!("Restarted {} service.", service.label()))
            }
            Err(error) => {
                Outcome::failed("restart", error.to_string(), vec![format!("Logs: {}", service.logs())])
            }
        }
    } else {
        match running {
            Some(running) => again(&running, context)?,
            None => Outcome::failed("restart", "Gateway service not loaded.", start_hints(&service)),
        }
    };
    audit(context, &outcome);
    outcome.tell(&service, context)
}

/// The wish for a restart inside the process, and the wait until it serves again.
fn again(running: &Running, context: &Context) -> Result<Outcome, CliError> {
    let hints = || vec!["Why: openclaw logs".to_owned()];
    // By a request where this client may ask, which says why a restart is refused; else by the signal.
    let wish =
        RestartRequestParams { reason: Some("openclaw gateway restart".to_owned()), ..Default::default() };
    let asked = Target::resolve(&TargetFlags::default(), context).and_then(|target| {
        let target = target.with_port(running.port);
        let asked = block_on(async {
            let asked = async {
                let mut client = Client::connect(&target, Mode::Cli, &[Scope::Admin], ASK_MS).await?;
                client.call(&wish).await
            };
            Ok(asked.await)
        });
        asked.unwrap_or_else(|error| Err(ClientError::Address(error.to_string())))
    });
    match (asked, running.pid) {
        (Ok(_), _) => {}
        (Err(ClientError::Request(error)), _) if error.message.contains("would be refused") => {
            return Ok(Outcome::failed(
                "restart",
                format!("The gateway goes on as it is: {}", error.message),
                hints(),
            ));
        }
        (Err(_), Some(pid)) => {
            if let Err(outcome) = signal("restart", pid, Signal::USR2) {
                return Ok(*outcome);
            }
        }
        (Err(_), None) => return Ok(out_of_sight("restart", running)),
    }
    let since = running.since;
    let served =
        await_that(AGAIN, || openclaw_gateway::running(&context.paths).is_some_and(|now| now.since > since))?;
    Ok(if served {
        Outcome::done("restart", "restarted", format!("Restarted the gateway{}.", of(running)))
    } else {
        let text =
            format!("The gateway{} was not seen to restart within {} s.", of(running), AGAIN.as_secs());
        Outcome::failed("restart", text, hints())
    })
}

fn of(running: &Running) -> String {
    running.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

fn out_of_sight(action: &'static str, running: &Running) -> Outcome {
    let text = format!(
        "A gateway holds this state directory (port {}), but its process cannot be seen from here: another container or \
         another user runs it.",
        running.port
    );
    Outcome::failed(action, text, vec![format!("Run openclaw gateway {action} where it runs, as its user.")])
}

fn signal(action: &'static str, pid: u32, signal: Signal) -> Result<(), Box<Outcome>> {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let sent = raw.ok_or(rustix::io::Errno::SRCH).and_then(|pid| kill_process(pid, signal));
    match sent {
        // It ended in this moment.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => {
            let text = format!("The gateway (pid {pid}) cannot be signalled: {error}");
            Err(Box::new(Outcome::failed(action, text, vec!["Run this as the gateway's user.".to_owned()])))
        }
    }
}

/// Looks until it holds or the time is over. A lock tells nobody when it is freed.
fn await_that(limit: Duration, holds: impl Fn() -> bool) -> Result<bool, CliError> {
    block_on(async {
        let begun = Instant::now();
        while !holds() {
            if begun.elapsed() >= limit {
                return Ok(false);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(true)
    })
}

fn start_hints(service: &Service) -> Vec<String> {
    let mut hints =
        vec!["Start with: openclaw gateway install".to_owned(), "Start with: openclaw gateway".to_owned()];
    if service.unavailable().is_none() {
        hints.push(format!("Start with: {}", service.start_by_hand()));
    }
    hints
}

/// What to do where no service manager can be asked.
fn unavailable(action: &'static str, reason: &str) -> Outcome {
    let hints = vec![
        format!("systemctl --user: {reason}"),
        "Run the gateway in the foreground instead: openclaw gateway run".to_owned(),
        "On a server without a login session: loginctl enable-linger, then log in again.".to_owned(),
    ];
    Outcome::failed(action, "systemd user services unavailable.", hints)
}

/// A line in `logs/gateway-restart.log`: who restarts a gateway wants to know when. That it cannot be written is no reason
/// to fail.
fn audit(context: &Context, outcome: &Outcome) {
    use std::io::Write as _;
    let folder = context.paths.state_dir.join("logs");
    let at = time::OffsetDateTime::now_utc().format(&time::format_description::well_known::Rfc3339);
    let line = json!({
        "ts": at.unwrap_or_default(), "action": outcome.action, "ok": outcome.ok, "result": outcome.result,
        "message": outcome.message, "by": std::process::id(),
    });
    let written = std::fs::create_dir_all(&folder).and_then(|()| {
        let file = folder.join("gateway-restart.log");
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
        writeln!(file, "{line}")
    });
    drop(written);
}
