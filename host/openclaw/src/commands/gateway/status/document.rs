//! The status for programs: the keys of openclaw-compat §7.3.3.

use openclaw_config::{Basis, load};
use serde_json::{Map, Value, json};

use super::super::capability::{detail_code, failure_kind};
use super::{ClientError, Report, bind_host, probe_note};

impl Report<'_> {
    pub(super) fn document(&self) -> Value {
        let context = self.context;
        let bind = context.bind();
        let mut document = json!({
            "cli": {"version": env!("CARGO_PKG_VERSION"), "entrypoint": std::env::current_exe().ok()},
            "logFile": self.log_file(),
            "service": self.service_document(),
            "config": self.config_document(),
            "gateway": {
                "bindMode": bind.as_str(),
                "bindHost": bind_host(context, bind),
                "port": self.port(),
                "portSource": self.port_source(),
                "probeUrl": self.target.url,
                "probeNote": probe_note(bind),
                "version": self.answered().map(|probe| &probe.hello.server.version),
            },
            "port": self.port_document(),
            "rpc": self.rpc(),
            "extraServices": self.others.iter().map(|other| json!({
                "platform": std::env::consts::OS,
                "label": other.label,
                "scope": other.scope,
                "detail": other.path,
            })).collect::<Vec<_>>(),
        });
        if let (Some(host), Some(document)) = (
            context.config().and_then(|config| config.gateway.custom_bind_host.clone()),
            document.get_mut("gateway").and_then(Value::as_object_mut),
        ) {
            document.insert("customBindHost".to_owned(), json!(host));
        }
        document
    }

    fn service_document(&self) -> Value {
        let (loaded, not_loaded) = self.service.words();
        let command = self.installed.as_ref().map(|installed| {
            json!({
                "programArguments": installed.command,
                "workingDirectory": installed.working_directory,
                "environment": installed.shown_environment(),
                "sourcePath": installed.source,
            })
        });
        let issues = self.issues.iter().map(|(code, words)| json!({"code": code, "message": words}));
        json!({
            "label": self.service.label(),
            "loaded": self.state.enabled,
            "loadedText": loaded,
            "notLoadedText": not_loaded,
            "command": command,
            "runtime": self.runtime_document(),
            "configAudit": {"ok": self.issues.is_empty(), "issues": issues.collect::<Vec<_>>()},
        })
    }

    fn runtime_document(&self) -> Value {
        let pid = self.state.pid.or_else(|| self.read().map(|status| status.pid));
        let pid = pid.or_else(|| self.running.as_ref()?.pid);
        let answered = self.probe.as_ref().is_some_and(|probe| match probe {
            Ok(_) => true,
            Err(error) => error.gateway_answered(),
        });
        let stopped = match &self.probe {
            Some(Err(error)) => matches!(error, ClientError::Unreachable { .. }),
            Some(Ok(_)) => false,
            None => self.owners.is_empty(),
        };
        let status = match () {
            () if self.state.is_running() || self.running.is_some() || answered => "running",
            () if stopped => "stopped",
            () => "unknown",
        };
        let detail = self.service.unavailable().map(|reason| format!("no service manager: {reason}"));
        let entries = [
            ("state", self.state.state.as_ref().map(|state| json!(state))),
            ("subState", self.state.sub_state.as_ref().map(|state| json!(state))),
            ("pid", pid.map(|pid| json!(pid))),
            ("lastExitStatus", self.state.last_exit.map(|code| json!(code))),
            ("detail", detail.map(|detail| json!(detail))),
            (
                "missingUnit",
                (self.service.unavailable().is_none() && self.state.missing).then(|| json!(true)),
            ),
        ];
        let mut document = Map::from_iter([("status".to_owned(), json!(status))]);
        document.extend(entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        Value::Object(document)
    }

    fn config_document(&self) -> Value {
        let context = self.context;
        let loaded = context.loaded();
        let issues = loaded.report.issues.iter();
        let issues = issues.map(|issue| json!({"path": issue.path, "message": issue.message}));
        let mut document = json!({"cli": {
            "path": context.paths.config,
            "exists": loaded.exists,
            "valid": loaded.error.is_none() && loaded.report.is_valid(),
            "issues": issues.collect::<Vec<_>>(),
        }});
        if let (Some((path, differs)), Some(document)) = (self.service_config(), document.as_object_mut()) {
            let (schemas, environment) = (context.plugin_schemas(), context.environment());
            let valid =
                load(&Basis::new(&path, &schemas, &environment)).is_ok_and(|loaded| loaded.report.is_valid());
            document
                .insert("daemon".to_owned(), json!({"path": path, "exists": path.exists(), "valid": valid}));
            if differs {
                document.insert("mismatch".to_owned(), json!(true));
            }
        }
        document
    }

    fn port_document(&self) -> Value {
        let listeners = self.owners.iter().map(|owner| {
            json!({"pid": owner.pid, "user": owner.user, "command": owner.command, "address": owner.address})
        });
        let reached = match &self.probe {
            Some(probe) => !matches!(probe, Err(ClientError::Unreachable { .. })),
            None => false,
        };
        let busy = reached || !self.owners.is_empty();
        let hints = if self.is_conflict() { openclaw_gateway::port_hints(&self.owners) } else { Vec::new() };
        json!({
            "port": self.port(),
            "status": if busy { "busy" } else { "free" },
            "listeners": listeners.collect::<Vec<_>>(),
            "hints": hints,
        })
    }

    fn rpc(&self) -> Value {
        let kind = if self.flags.require_rpc { "read" } else { "connect" };
        let capability = self.capability().word();
        match (self.failure(), self.answered()) {
            (Some(error), _) => {
                let mut failure = json!({"kind": failure_kind(error)});
                if let (Some(code), Some(failure)) = (detail_code(error), failure.as_object_mut()) {
                    failure.insert("detailCode".to_owned(), json!(code));
                }
                json!({
                    "ok": false,
                    "kind": kind,
                    "capability": capability,
                    "error": error.to_string(),
                    "connectFailure": failure,
                    "url": self.target.url,
                    "timedOut": matches!(error, ClientError::Timeout { .. }),
                    "gatewayReached": error.gateway_answered(),
                })
            }
            (None, Some(probe)) => json!({
                "ok": true,
                "kind": kind,
                "capability": capability,
                "auth": {"role": probe.hello.auth.role, "scopes": probe.hello.auth.scopes, "capability": capability},
                "server": probe.hello.server,
                "version": probe.hello.server.version,
                "url": self.target.url,
            }),
            (None, None) => Value::Null,
        }
    }
}
