//! `openclaw gateway probe`: which gateways can be reached from here, with which rights.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use openclaw_protocol::{Scope, hello::HelloOk, status::StatusParams};
use serde_json::{Value, json};

use super::capability::Capability;
use crate::{
    client::{Client, ClientError, Mode, RpcFlags, Target, UrlSource, block_on},
    context::Context,
    error::CliError,
    output::{age, print_json, print_line},
};

/// How long all of it may take when nothing else is said, in milliseconds.
const BUDGET_MS: u64 = 3000;

/// Flags of `openclaw gateway probe`.
#[derive(Args, Debug)]
pub(super) struct Flags {
    #[command(flatten)]
    rpc: RpcFlags,
    /// Another port of this machine
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

/// One gateway that was looked for.
struct Found {
    id: &'static str,
    name: &'static str,
    target: Target,
    connected: Result<(HelloOk, Result<Value, ClientError>), ClientError>,
    latency: Duration,
}

impl Found {
    fn is_reached(&self) -> bool {
        self.connected.is_ok()
    }

    fn capability(&self) -> Capability {
        match &self.connected {
            Ok((hello, _)) => Capability::of(&hello.auth.scopes),
            Err(error) if super::capability::failure_kind(error) == "pairing-required" => {
                Capability::PairingPending
            }
            Err(_) => Capability::Unknown,
        }
    }

    /// Why a read was not answered.
    fn limited(&self) -> Option<String> {
        match &self.connected {
            Ok((_, Err(error))) => Some(error.summary()),
            Ok((_, Ok(_))) | Err(_) => None,
        }
    }

    fn latency_ms(&self) -> u64 {
        u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX)
    }

    fn line(&self) -> String {
        match &self.connected {
            Ok((_, read)) => {
                let read = match read {
                    Ok(_) => "ok".to_owned(),
                    Err(error) if super::capability::failure_kind(error) == "scope-mismatch" => {
                        format!("limited - {}", error.summary())
                    }
                    Err(_) => "failed".to_owned(),
                };
                format!(
                    "  Connect: ok ({}) · Capability: {} · Read probe: {read}",
                    age::latency(self.latency_ms()),
                    self.capability().words()
                )
            }
            Err(error) => {
                format!("  Connect: failed - {} · Capability: {}", error.reason(), self.capability().words())
            }
        }
    }

    fn document(&self) -> Value {
        let hello = self.connected.as_ref().ok().map(|(hello, _)| hello);
        let (error, close) = match &self.connected {
            Ok(_) => (self.limited(), None),
            Err(error) => (Some(error.summary()), error.close()),
        };
        let read = self.connected.as_ref().ok().and_then(|(_, read)| read.as_ref().ok());
        json!({
            "id": self.id,
            "kind": self.id,
            "url": self.target.url,
            "active": true,
            "tunnel": null,
            "connect": {
                "ok": self.is_reached(),
                "rpcOk": read.is_some(),
                "scopeLimited": self.is_reached() && read.is_none(),
                "latencyMs": self.is_reached().then(|| self.latency_ms()),
                "error": error,
                "close": close.map(|(code, reason)| json!({"code": code, "reason": reason})),
            },
            "auth": {
                "role": hello.map(|hello| &hello.auth.role),
                "scopes": hello.map(|hello| hello.auth.scopes.clone()).unwrap_or_default(),
                "capability": self.capability().word(),
            },
            "server": hello.map(|hello| &hello.server),
            "self": null,
            "config": null,
            "health": null,
            "summary": read,
            "presence": null,
        })
    }
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let budget = flags.rpc.timeout.unwrap_or(BUDGET_MS);
    let begun = Instant::now();
    let targets = targets(flags, context)?;
    let found = block_on(async {
        Ok(futures::future::join_all(
            targets.into_iter().map(|(id, name, target)| look(id, name, target, budget)),
        )
        .await)
    })?;
    let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let first = found.iter().find(|found| found.is_reached());
    let warnings = warnings(&found);
    if context.json {
        print_json(&json!({
            "ok": first.is_some(),
            "degraded": first.is_some_and(|found| found.limited().is_some()),
            "capability": first.map_or(Capability::Unknown, Found::capability).word(),
            "ts": now_ms(),
            "durationMs": took,
            "timeoutMs": budget,
            "primaryTargetId": first.map(|found| found.id),
            "warnings": warnings,
            "network": {
                "localLoopbackUrl": Target::loopback(flags.port.unwrap_or_else(|| context.port()), context),
                "localTailnetUrl": null,
                "tailnetIPv4": null,
            },
            // This gateway is not announced on the network.
            "discovery": {"timeoutMs": 0, "count": 0, "beacons": []},
            "targets": found.iter().map(Found::document).collect::<Vec<_>>(),
        }))?;
    } else {
        let mut lines = vec![
            "Gateway Status".to_owned(),
            format!("Reachable: {}", if first.is_some() { "yes" } else { "no" }),
            format!("Capability: {}", first.map_or(Capability::Unknown, Found::capability).words()),
            format!("Probe budget: {budget}ms"),
            String::new(),
        ];
        if !warnings.is_empty() {
            lines.push("Warning:".to_owned());
            let words = warnings.iter().filter_map(|warning| warning.get("message")?.as_str());
            lines.extend(words.map(|words| format!("- {words}")));
            lines.push(String::new());
        }
        lines.push("Targets".to_owned());
        for found in &found {
            lines.push(format!("{} {}", found.name, found.target.url));
            lines.push(found.line());
        }
        print_line(&lines.join("\n"))?;
    }
    Ok(if first.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whom to look for: the address that is asked for, or the configured remote one and this machine's own.
fn targets(flags: &Flags, context: &Context) -> Result<Vec<(&'static str, &'static str, Target)>, CliError> {
    let chosen = Target::resolve(&flags.rpc.target, context)?;
    let local = |target: Target| match flags.port {
        Some(port) => target.with_port(port),
        None => target,
    };
    Ok(match chosen.source {
        UrlSource::Flag | UrlSource::Environment => vec![("explicit", "Explicit", chosen)],
        UrlSource::Local => vec![("localLoopback", "Local loopback", local(chosen))],
        UrlSource::Remote => {
            let own = local(Target::local(&flags.rpc.target, context)?);
            vec![("configRemote", "Remote (configured)", chosen), ("localLoopback", "Local loopback", own)]
        }
    })
}

async fn look(id: &'static str, name: &'static str, target: Target, budget: u64) -> Found {
    let begun = Instant::now();
    let opened = Client::connect(&target, Mode::Probe, &[Scope::Read], budget).await;
    let latency = begun.elapsed();
    let connected = match opened {
        Ok(mut client) => {
            let read = client.call(&StatusParams::default()).await.map(|(raw, _)| raw);
            Ok((client.hello, read))
        }
        Err(error) => Err(error),
    };
    Found { id, name, target, connected, latency }
}

fn warnings(found: &[Found]) -> Vec<Value> {
    let mut warnings = Vec::new();
    let limited: Vec<&Found> = found.iter().filter(|found| found.limited().is_some()).collect();
    if let Some(reason) = limited.first().and_then(|found| found.limited()) {
        warnings.push(json!({
            "code": "probe_scope_limited",
            "message": format!(
                "Read-probe diagnostics are limited by gateway scopes ({reason}). Connection succeeded, but read-only \
                 status calls are incomplete. Hint: pair device identity or use credentials with operator.read."
            ),
            "targetIds": limited.iter().map(|found| found.id).collect::<Vec<_>>(),
        }));
    }
    let reached: Vec<&Found> = found.iter().filter(|found| found.is_reached()).collect();
    if reached.len() > 1 {
        warnings.push(json!({
            "code": "multiple_gateways",
            "message": "Several gateways answer: commands ask the one that is configured.",
            "targetIds": reached.iter().map(|found| found.id).collect::<Vec<_>>(),
        }));
    }
    warnings
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
