//! The status for people, in the lines and the order of openclaw-compat §7.3.2.

use std::path::Path;

use super::super::capability::remedy;
use super::{ClientError, Report, bind_host, probe_note};
use crate::service::is_secret_name;

/// Variables of a service that are shown.
const SHOWN: &str = "OPENCLAW_";
/// Lines of a failure that are shown.
const ERROR_LINES: usize = 12;

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let mut groups = vec![self.service_lines(), self.config_lines(), self.gateway_lines()];
        if let Some(probe) = self.answered() {
            groups.push(vec![
                format!("CLI version: {}", env!("CARGO_PKG_VERSION")),
                format!("Gateway version: {}", probe.hello.server.version),
            ]);
        }
        groups.extend([self.probe_lines(), self.trouble_lines(), self.other_lines()]);
        let listening = self.listening();
        let listening = (!listening.is_empty()).then(|| format!("Listening: {}", listening.join(", ")));
        let last = [
            "Troubles: run openclaw status".to_owned(),
            "Troubleshooting: https://docs.openclaw.ai/troubleshooting".to_owned(),
        ];
        groups.push(listening.into_iter().chain(last).collect());
        let groups = groups.into_iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
        groups.collect::<Vec<_>>().join("\n\n")
    }

    fn shown(&self, path: &Path) -> String {
        self.context.shown(path)
    }

    fn service_lines(&self) -> Vec<String> {
        let (loaded, not_loaded) = self.service.words();
        let word = if self.state.enabled { loaded } else { not_loaded };
        let word = match self.service.unavailable() {
            Some(_) => "the gateway runs in the foreground",
            None => word,
        };
        let mut lines = vec![
            format!("Service: {} ({word})", self.service.label()),
            format!("File logs: {}", self.log_file()),
        ];
        let Some(installed) = &self.installed else { return lines };
        lines.push(format!("Command: {}", installed.command.join(" ")));
        lines.push(format!("Service file: {}", self.shown(&installed.source)));
        if let Some(folder) = &installed.working_directory {
            lines.push(format!("Working dir: {}", self.shown(Path::new(folder))));
        }
        let variables = installed.environment.iter().filter(|(name, _)| name.starts_with(SHOWN));
        let variables: Vec<String> = variables
            .filter(|(name, _)| !is_secret_name(name))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !variables.is_empty() {
            lines.push(format!("Service env: {}", variables.join(" ")));
        }
        if !self.issues.is_empty() {
            lines.push("Service config looks out of date or non-standard.".to_owned());
            lines.extend(self.issues.iter().map(|(_, words)| format!("Service config issue: {words}")));
            lines.push("Fix: openclaw gateway install --force".to_owned());
        }
        lines
    }

    fn config_lines(&self) -> Vec<String> {
        let loaded = self.context.loaded();
        let note = match (loaded.exists, loaded.error.is_none() && loaded.report.is_valid()) {
            (false, _) => " (missing)",
            (true, false) => " (invalid)",
            (true, true) => "",
        };
        let mut lines = vec![format!("Config (cli): {}{note}", self.context.shown_config())];
        if let Some((path, _)) = self.service_config() {
            let note = if path.exists() { "" } else { " (missing)" };
            lines.push(format!("Config (service): {}{note}", self.shown(&path)));
        }
        lines.extend(loaded.report.issues.iter().map(|issue| format!("Config issue: {issue}")));
        if self.service_config().is_some_and(|(_, differs)| differs) {
            lines.push(
                "Root cause: CLI and service are using different config paths (likely a profile/state-dir mismatch)."
                    .to_owned(),
            );
            lines.push(
                "Fix: rerun `openclaw gateway install --force` from the same --profile / OPENCLAW_STATE_DIR you expect."
                    .to_owned(),
            );
        }
        lines
    }

    fn gateway_lines(&self) -> Vec<String> {
        let bind = self.context.bind();
        vec![
            format!(
                "Gateway: bind={} ({}), port={} ({})",
                bind.as_str(),
                bind_host(self.context, bind),
                self.port(),
                self.port_source()
            ),
            format!("Probe target: {}", self.target.url),
            format!("API: {}/v1", self.target.http_url()),
            format!("Probe note: {}", probe_note(bind)),
        ]
    }

    fn probe_lines(&self) -> Vec<String> {
        let mut lines = vec![format!("Runtime: {}", self.runtime())];
        if self.probe.is_none() {
            return lines;
        }
        let name = if self.flags.require_rpc { "Read probe" } else { "Connectivity probe" };
        match self.failure() {
            None => lines.extend([
                "RPC probe: ok".to_owned(),
                format!("{name}: ok"),
                format!("Capability: {}", self.capability().words()),
            ]),
            Some(error) => {
                lines.push("RPC probe: failed".to_owned());
                lines.push(format!("{name}: failed"));
                lines.push(format!("RPC target: {}", self.target.url));
                lines.extend(error.reason().lines().take(ERROR_LINES).map(|line| format!("  {line}")));
                lines.push(format!("Capability: {}", self.capability().words()));
                lines.extend(remedy(error).map(str::to_owned));
            }
        }
        lines
    }

    fn runtime(&self) -> String {
        if self.state.is_running() {
            return format!("running ({})", self.service_details());
        }
        let pid = self.read().map(|status| status.pid).or_else(|| self.running.as_ref()?.pid);
        if let Some(pid) = pid {
            let draining = self.running.as_ref().is_some_and(|running| running.draining);
            return format!("running (pid {pid}, foreground{})", if draining { ", draining" } else { "" });
        }
        match &self.probe {
            Some(Ok(_)) => "running".to_owned(),
            Some(Err(ClientError::Unreachable { .. })) => match self.service_details() {
                details if details.is_empty() => "stopped".to_owned(),
                details => format!("stopped ({details})"),
            },
            Some(Err(error)) if error.gateway_answered() => "running (it refused this client)".to_owned(),
            Some(Err(_)) => "unknown (something listens there but does not answer as a gateway)".to_owned(),
            None if self.owners.is_empty() => "stopped".to_owned(),
            None => "unknown (not asked)".to_owned(),
        }
    }

    /// What the service manager says, in the words of its own.
    fn service_details(&self) -> String {
        if self.state.missing {
            return String::new();
        }
        let state = &self.state;
        let details = [
            state.pid.map(|pid| format!("pid {pid}")),
            state.state.as_ref().map(|word| format!("state {word}")),
            state.sub_state.as_ref().map(|word| format!("sub {word}")),
            state.last_exit.map(|code| format!("last exit {code}")),
        ];
        details.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What does not fit together.
    fn trouble_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let unreachable = matches!(self.probe, Some(Err(ClientError::Unreachable { .. })));
        if self.service.unavailable().is_none() && self.state.missing && unreachable {
            lines.push("Service unit not found.".to_owned());
            lines.push("Run: openclaw gateway install".to_owned());
        }
        if self.state.enabled && !self.state.is_running() && unreachable {
            lines.push("Service is loaded but not running (likely exited immediately).".to_owned());
            lines.push(format!("Logs: {}", self.service.logs()));
        }
        if self.state.is_running() && unreachable {
            let text = format!("Gateway port {} is not listening (service appears running).", self.port());
            lines.extend([text, format!("Logs: {}", self.service.logs())]);
        }
        if self.is_conflict() {
            lines.push(openclaw_gateway::port_diagnosis(self.port(), &self.owners));
        }
        lines
    }

    fn other_lines(&self) -> Vec<String> {
        if self.others.is_empty() {
            return Vec::new();
        }
        let mut lines = vec!["Other gateway-like services detected (best effort):".to_owned()];
        lines.extend(
            self.others
                .iter()
                .map(|other| format!("- {} ({}, {})", other.label, other.scope, other.path.display())),
        );
        lines.extend(self.others.iter().map(|other| {
            let user = if other.scope == "user" { "--user " } else { "" };
            format!("Cleanup hint: systemctl {user}disable --now {}", other.label)
        }));
        lines.push(
            "Recommendation: run a single gateway per machine for most setups. One gateway serves several agents."
                .to_owned(),
        );
        lines
    }
}
