//! `openclaw gateway status`: where the gateway listens and whether it answers.

use std::process::ExitCode;

use clap::Args;
use openclaw_config::Bind;
use openclaw_protocol::{
    Scope,
    hello::HelloOk,
    status::{StatusParams, StatusSummary},
};
use serde_json::{Value, json};

use crate::{
    client::{Client, ClientError, Mode, PATIENCE_MS, RpcFlags, Target, block_on},
    commands::logs::newest_file,
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// Flags of `openclaw gateway status`.
#[derive(Args, Debug)]
pub(super) struct Flags {
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
    /// Accepted for compatibility: there is nothing deeper to show
    #[arg(long, hide = true)]
    deep: bool,
}

/// What the gateway answered: to the connection, and to a request for its status.
struct Probe {
    hello: HelloOk,
    status: StatusSummary,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let mut target = Target::resolve(&flags.rpc.target, context)?;
    if let Some(port) = flags.port {
        target = target.with_port(port);
    }
    let probe = if flags.no_probe { None } else { Some(probe(flags, &target)?) };
    let report = Report { flags, context, target: &target, probe: probe.as_ref() };
    if context.json {
        print_json(&report.document())?;
    } else {
        print_line(&report.text())?;
    }
    let failed = flags.require_rpc && !matches!(probe, Some(Ok(_)));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn probe(flags: &Flags, target: &Target) -> Result<Result<Probe, ClientError>, CliError> {
    let patience = flags.rpc.timeout.unwrap_or(PATIENCE_MS);
    block_on(async {
        let asked = async {
            let mut client = Client::connect(target, Mode::Probe, &[Scope::Read], patience).await?;
            let (_, status) = client.call(&StatusParams::default()).await?;
            Ok(Probe { hello: client.hello, status })
        };
        Ok(asked.await)
    })
}

struct Report<'a> {
    flags: &'a Flags,
    context: &'a Context,
    target: &'a Target,
    probe: Option<&'a Result<Probe, ClientError>>,
}

impl Report<'_> {
    fn port(&self) -> u16 {
        self.flags.port.unwrap_or_else(|| self.context.port())
    }

    fn port_source(&self) -> &'static str {
        if self.flags.port.is_some() { "cli" } else { "env/config" }
    }

    fn answered(&self) -> Option<&Probe> {
        self.probe.and_then(|probe| probe.as_ref().ok())
    }

    fn failure(&self) -> Option<&ClientError> {
        self.probe.and_then(|probe| probe.as_ref().err())
    }

    fn log_file(&self) -> String {
        let told = self.answered().and_then(|probe| probe.status.log_file.clone());
        let found = told.or_else(|| newest_file(self.context).map(|file| file.display().to_string()));
        found.unwrap_or_else(|| "none yet".to_owned())
    }

    fn text(&self) -> String {
        let context = self.context;
        let loaded = context.loaded();
        let config_note = match (loaded.exists, loaded.error.is_none() && loaded.report.is_valid()) {
            (false, _) => " (missing)",
            (true, false) => " (invalid)",
            (true, true) => "",
        };
        let bind = context.bind();
        let mut lines = vec![
            "Service: none (the gateway runs in the foreground)".to_owned(),
            format!("File logs: {}", self.log_file()),
            String::new(),
            format!("Config (cli): {}{config_note}", context.shown_config()),
        ];
        lines.extend(loaded.report.issues.iter().map(|issue| format!("Config issue: {issue}")));
        lines.extend([
            String::new(),
            format!(
                "Gateway: bind={} ({}), port={} ({})",
                bind.as_str(),
                bind_host(context, bind),
                self.port(),
                self.port_source()
            ),
            format!("Probe target: {}", self.target.url),
            format!("API: {}/v1", http(&self.target.url)),
            format!("Probe note: {}", probe_note(bind)),
            String::new(),
        ]);
        if let Some(probe) = self.answered() {
            lines.push(format!("CLI version: {}", env!("CARGO_PKG_VERSION")));
            lines.push(format!("Gateway version: {}", probe.hello.server.version));
            lines.push(String::new());
        }
        lines.push(format!("Runtime: {}", self.runtime()));
        if let Some(probe) = self.probe {
            lines.extend(probe_lines(probe, self.target));
        }
        lines.push(String::new());
        if let Some(probe) = self.answered() {
            lines.push(format!("Listening: {}", probe.status.listening.join(", ")));
        }
        lines.push("Troubles: run openclaw status".to_owned());
        lines.push("Troubleshooting: https://docs.openclaw.ai/troubleshooting".to_owned());
        lines.join("\n")
    }

    fn runtime(&self) -> String {
        match self.probe {
            None => "unknown (not asked)".to_owned(),
            Some(Ok(probe)) => format!("running (pid {}, foreground)", probe.status.pid),
            Some(Err(ClientError::Unreachable { .. })) => "stopped".to_owned(),
            Some(Err(error)) if error.gateway_answered() => "running (it refused this client)".to_owned(),
            Some(Err(_)) => "unknown (something listens there but does not answer as a gateway)".to_owned(),
        }
    }

    fn document(&self) -> Value {
        let context = self.context;
        let loaded = context.loaded();
        let bind = context.bind();
        let issues: Vec<Value> = loaded
            .report
            .issues
            .iter()
            .map(|issue| json!({"path": issue.path, "message": issue.message}))
            .collect();
        let runtime = match self.probe {
            Some(Ok(probe)) => json!({"status": "running", "pid": probe.status.pid}),
            Some(Err(ClientError::Unreachable { .. })) => json!({"status": "stopped"}),
            Some(Err(_)) | None => json!({"status": "unknown"}),
        };
        let busy = self.probe.map(|probe| !matches!(probe, Err(ClientError::Unreachable { .. })));
        json!({
            "cli": {"version": env!("CARGO_PKG_VERSION"), "entrypoint": std::env::current_exe().ok()},
            "logFile": self.log_file(),
            "service": {"label": "none", "loaded": false, "runtime": runtime},
            "config": {"cli": {
                "path": context.paths.config,
                "exists": loaded.exists,
                "valid": loaded.error.is_none() && loaded.report.is_valid(),
                "issues": issues,
            }},
            "gateway": {
                "bindMode": bind.as_str(),
                "bindHost": bind_host(context, bind),
                "port": self.port(),
                "portSource": self.port_source(),
                "probeUrl": self.target.url,
                "probeNote": probe_note(bind),
                "version": self.answered().map(|probe| &probe.hello.server.version),
            },
            "port": {
                "port": self.port(),
                "status": busy.map(|busy| if busy { "busy" } else { "free" }),
            },
            "rpc": self.rpc(),
        })
    }

    fn rpc(&self) -> Value {
        if let Some(probe) = self.answered() {
            let capability = capability(&probe.hello.auth.scopes).replace('-', "_");
            return json!({
                "ok": true,
                "kind": "read",
                "capability": capability,
                "auth": {"role": probe.hello.auth.role, "scopes": probe.hello.auth.scopes, "capability": capability},
                "server": probe.hello.server,
                "version": probe.hello.server.version,
                "url": self.target.url,
            });
        }
        match self.failure() {
            None => Value::Null,
            Some(error) => json!({
                "ok": false,
                "kind": "read",
                "error": error.to_string(),
                "connectFailure": {"kind": failure_kind(error), "detailCode": detail_code(error)},
                "url": self.target.url,
            }),
        }
    }
}

fn probe_lines(probe: &Result<Probe, ClientError>, target: &Target) -> Vec<String> {
    match probe {
        Ok(probe) => vec![
            "RPC probe: ok".to_owned(),
            "Connectivity probe: ok".to_owned(),
            format!("Capability: {}", capability(&probe.hello.auth.scopes)),
        ],
        Err(error) => {
            let mut lines = vec!["RPC probe: failed".to_owned(), "Connectivity probe: failed".to_owned()];
            lines.push(format!("Probe target: {}", target.url));
            lines.extend(error.reason().lines().take(12).map(|line| format!("  {line}")));
            lines.push("Capability: unknown".to_owned());
            lines.extend(remedy(error).map(str::to_owned));
            lines
        }
    }
}

/// The widest thing that the connection may do.
fn capability(scopes: &[Scope]) -> &'static str {
    let holds = |scope: Scope| scopes.contains(&scope);
    if holds(Scope::Admin) {
        "admin-capable"
    } else if holds(Scope::Write) {
        "write-capable"
    } else if holds(Scope::Read) {
        "read-only"
    } else {
        "connected-no-operator-scope"
    }
}

fn detail_code(error: &ClientError) -> Option<&str> {
    match error {
        ClientError::Refused(error) | ClientError::Request(error) => error.detail_code(),
        _ => None,
    }
}

fn failure_kind(error: &ClientError) -> &'static str {
    match (error, detail_code(error)) {
        (ClientError::Refused(_), Some("PAIRING_REQUIRED")) => "pairing-required",
        (ClientError::Refused(_), Some("DEVICE_IDENTITY_REQUIRED")) => "device-identity-required",
        (ClientError::Refused(_), Some("AUTH_RATE_LIMITED")) => "rate-limited",
        (ClientError::Refused(_), Some(code)) if code.starts_with("AUTH_") => "auth-rejected",
        (ClientError::Request(_), Some("MISSING_SCOPE")) => "scope-mismatch",
        (ClientError::Refused(_) | ClientError::Request(_), _) => "gateway-rejected",
        _ => "unreachable",
    }
}

/// What to do about a failed probe.
fn remedy(error: &ClientError) -> Option<&'static str> {
    match failure_kind(error) {
        "auth-rejected" | "device-identity-required" => Some(
            "Fix: this command reads gateway.auth.token of the configuration above; a gateway that was started with \
             --token or another configuration needs --token here too.",
        ),
        "rate-limited" => Some("Fix: too many wrong credentials; wait a minute and try again."),
        "unreachable" => Some("Fix: start it with `openclaw gateway`, or see openclaw doctor."),
        _ => None,
    }
}

fn http(url: &str) -> String {
    url.replacen("ws://", "http://", 1).trim_end_matches('/').to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::RpcError;

    #[test]
    fn the_widest_scope_names_the_capability() {
        let check = |scopes: &[Scope], expected: &str| assert_eq!(capability(scopes), expected);
        check(&[Scope::Read, Scope::Admin], "admin-capable");
        check(&[Scope::Write, Scope::Read], "write-capable");
        check(&[Scope::Read], "read-only");
        check(&[], "connected-no-operator-scope");
    }

    #[test]
    fn a_refusal_is_told_from_silence() {
        let refused =
            |code: &str| ClientError::Refused(RpcError::invalid("x").with_details(json!({"code": code})));
        let check = |error: ClientError, expected: &str| assert_eq!(failure_kind(&error), expected);
        check(refused("AUTH_TOKEN_MISMATCH"), "auth-rejected");
        check(refused("AUTH_RATE_LIMITED"), "rate-limited");
        check(refused("PROTOCOL_MISMATCH"), "gateway-rejected");
        check(ClientError::Address("x".to_owned()), "unreachable");
    }
}
