//! `openclaw gateway status`: the service, where the gateway listens, and whether it answers. Collects here; `text` and
//! `document` show it.

mod document;
mod text;

use std::process::ExitCode;

use clap::Args;
use openclaw_config::Bind;
use openclaw_gateway::{PortOwner, Running};
use openclaw_protocol::{
    Scope,
    hello::HelloOk,
    status::{StatusParams, StatusSummary},
};

use super::capability::{Capability, failure_kind};
use crate::{
    client::{Client, ClientError, Mode, PATIENCE_MS, RpcFlags, Target, UrlSource, block_on},
    commands::logs::newest_file,
    context::Context,
    error::CliError,
    output::{print_json, print_line},
    service::{Installed, Other, Service, State},
};

/// Flags of `openclaw gateway status`.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    #[command(flatten)]
    rpc: RpcFlags,
    /// Another port of this machine
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Do not ask the gateway
    #[arg(long)]
    no_probe: bool,
    /// Exit with 1 unless the gateway answers a request
    #[arg(long, conflicts_with = "no_probe")]
    require_rpc: bool,
    /// Look for other services that seem to be gateways
    #[arg(long)]
    deep: bool,
}

/// What the gateway answered.
struct Probe {
    hello: HelloOk,
    /// To a request for its status, which a client may be let in without the right to make.
    status: Result<StatusSummary, ClientError>,
}

/// Everything that is shown.
struct Report<'a> {
    flags: &'a Flags,
    context: &'a Context,
    target: &'a Target,
    /// `None` when nobody asked.
    probe: Option<Result<Probe, ClientError>>,
    service: Service,
    state: State,
    installed: Option<Installed>,
    /// What the installed definition lacks: code and words.
    issues: Vec<(&'static str, String)>,
    /// What the lock says, where it is about the port that is asked.
    running: Option<Running>,
    owners: Vec<PortOwner>,
    others: Vec<Other>,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let mut target = Target::resolve(&flags.rpc.target, context)?;
    if let Some(port) = flags.port {
        target = target.with_port(port);
    }
    let report = collect(flags, context, &target)?;
    if context.json {
        print_json(&report.document())?;
    } else {
        print_line(&report.text())?;
    }
    let failed = flags.require_rpc && report.read().is_none();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn collect<'a>(flags: &'a Flags, context: &'a Context, target: &'a Target) -> Result<Report<'a>, CliError> {
    let probe = if flags.no_probe { None } else { Some(probe(flags, target)?) };
    let service = Service::detect(context)?;
    let state = service.state()?;
    let installed = service.installed();
    let port = flags.port.unwrap_or_else(|| context.port());
    let issues = if installed.is_some() { service.issues(context, port) } else { Vec::new() };
    let is_local = target.source == UrlSource::Local;
    let running =
        openclaw_gateway::running(&context.paths).filter(|running| is_local && running.port == port);
    let owners = if is_local { openclaw_gateway::port_owners(port) } else { Vec::new() };
    let others = if flags.deep { service.others() } else { Vec::new() };
    Ok(Report { flags, context, target, probe, service, state, installed, issues, running, owners, others })
}

fn probe(flags: &Flags, target: &Target) -> Result<Result<Probe, ClientError>, CliError> {
    let patience = flags.rpc.timeout.unwrap_or(PATIENCE_MS);
    block_on(async {
        let asked = async {
            let mut client = Client::connect(target, Mode::Probe, &[Scope::Read], patience).await?;
            let status = client.call(&StatusParams::default()).await.map(|(_, status)| status);
            Ok(Probe { hello: client.hello, status })
        };
        Ok(asked.await)
    })
}

impl Report<'_> {
    fn port(&self) -> u16 {
        self.flags.port.unwrap_or_else(|| self.context.port())
    }

    fn port_source(&self) -> &'static str {
        let by_service = self.installed.as_ref().and_then(Installed::port) == Some(self.port());
        match self.flags.port {
            Some(_) => "cli",
            None if by_service && self.state.is_running() => "service args",
            None => "env/config",
        }
    }

    fn answered(&self) -> Option<&Probe> {
        self.probe.as_ref()?.as_ref().ok()
    }

    /// The status, where the gateway gave it.
    fn read(&self) -> Option<&StatusSummary> {
        self.answered()?.status.as_ref().ok()
    }

    /// Why the probe failed: the connection, or the request where one is asked for.
    fn failure(&self) -> Option<&ClientError> {
        match self.probe.as_ref()? {
            Err(error) => Some(error),
            Ok(probe) if self.flags.require_rpc => probe.status.as_ref().err(),
            Ok(_) => None,
        }
    }

    fn capability(&self) -> Capability {
        match self.probe.as_ref() {
            Some(Ok(probe)) => Capability::of(&probe.hello.auth.scopes),
            Some(Err(error)) if failure_kind(error) == "pairing-required" => Capability::PairingPending,
            Some(Err(_)) | None => Capability::Unknown,
        }
    }

    fn log_file(&self) -> String {
        let told = self.read().and_then(|status| status.log_file.clone());
        let found = told.or_else(|| newest_file(self.context).map(|file| file.display().to_string()));
        found.unwrap_or_else(|| "none yet".to_owned())
    }

    /// The configuration that the service reads, and whether it is another one than ours.
    fn service_config(&self) -> Option<(std::path::PathBuf, bool)> {
        let path = self.installed.as_ref()?.config()?;
        let differs = path != self.context.paths.config;
        Some((path, differs))
    }

    fn listening(&self) -> Vec<String> {
        match self.read() {
            Some(status) => status.listening.clone(),
            None => self.owners.iter().map(|owner| owner.address.clone()).collect(),
        }
    }

    /// Somebody else has the port.
    fn is_conflict(&self) -> bool {
        let refused = matches!(
            self.probe,
            Some(Err(ClientError::NotAGateway { .. }
                | ClientError::Timeout { .. }
                | ClientError::Closed { .. }))
        );
        refused && !self.owners.is_empty() && self.running.is_none()
    }
}

fn bind_host(context: &Context, bind: Bind) -> String {
    match bind {
        Bind::Lan => "0.0.0.0".to_owned(),
        Bind::Custom => {
            let host = context.config().and_then(|config| config.gateway.custom_bind_host.clone());
            host.unwrap_or_else(|| "unset".to_owned())
        }
        Bind::Loopback | Bind::Auto | Bind::Tailnet => "127.0.0.1".to_owned(),
    }
}

fn probe_note(bind: Bind) -> &'static str {
    match bind {
        Bind::Loopback => "Loopback-only gateway; only local clients can connect.",
        Bind::Lan => "The gateway listens on all interfaces; this command asks it by loopback.",
        Bind::Tailnet | Bind::Auto | Bind::Custom => "This command asks the gateway by loopback.",
    }
}
