//! The checks of the machine and of the running gateway, after those of the configuration. Each looks at one thing and
//! returns what it found.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

use openclaw_config::{AuthMode, Bind, Config, GatewayMode, SecretError, SecretResolver, start};
use openclaw_protocol::{
    Scope,
    channels::{ChannelsStatus, ChannelsStatusParams},
    health::HealthParams,
    status::{ModelSource, StatusParams, StatusSummary, StorageFault},
};

use super::{
    configuration,
    finding::{Finding, Findings, Severity},
};
use crate::{
    client::{Client, ClientError, Mode, RpcFlags, Target, UrlSource, block_on},
    context::Context,
    error::CliError,
    service::Service,
};

const PATIENCE_MS: u64 = 10_000;

const AUTH: &str = "core/doctor/gateway-auth";
const ENVIRONMENT: &str = "core/doctor/environment";
const STATE: &str = "core/doctor/state-integrity";
const GATEWAY: &str = "core/doctor/gateway-health";
const PORT: &str = "core/doctor/gateway-port";
const SERVICE: &str = "core/doctor/gateway-service";
const CHANNELS: &str = "core/doctor/channels";
const MODEL: &str = "core/doctor/default-model";
const STORAGE: &str = "core/doctor/storage";
const PLUGINS: &str = "core/doctor/plugins";

/// Runs all checks in the order in which their findings are best mended.
pub(super) fn run(flags: &RpcFlags, context: &Context, findings: &mut Findings) -> Result<(), CliError> {
    configuration::run(context, findings);
    findings.ran(dotenv(context));
    let config = context.config().cloned().unwrap_or_default();
    let environment = context.environment();
    // One for all checks: a program that knows the secret is asked once.
    let secrets = SecretResolver::new(&config, &environment, &context.paths.home);
    findings.ran(context.config().map(|_| auth(&config, &secrets)).unwrap_or_default());
    findings.ran(bind(&config, &secrets));
    findings.ran(state_directory(&context.paths.state_dir, &context.shown(&context.paths.state_dir)));
    findings.ran(permissions(&context.paths.config, 0o600, &context.shown_config()));
    findings.ran(service(context)?);
    findings.ran(unsigned(context, &config));
    let target = match Target::resolve(&flags.target, context) {
        Ok(target) => target,
        Err(error) => {
            findings.ran([Finding::new(GATEWAY, Severity::Error, error.summary())]);
            findings.skipped += 4;
            return Ok(());
        }
    };
    match block_on(async { Ok(ask(flags, &target).await) })? {
        Ok(answers) => {
            findings.ran(answers.health);
            findings.ran(channels(&answers.channels));
            findings.ran(model(&answers.status));
            findings.ran(storage(&answers.status));
        }
        Err(error) => {
            findings.ran([unreachable(&error, &target)]);
            if matches!(error, ClientError::Unreachable { .. }) && target.source == UrlSource::Local {
                findings.ran(port(context.port()));
            }
            findings.skipped += 3;
        }
    }
    Ok(())
}

fn dotenv(context: &Context) -> impl Iterator<Item = Finding> {
    context
        .dotenv_warnings()
        .iter()
        .map(|warning| Finding::new(ENVIRONMENT, Severity::Warning, warning.clone()))
}

fn auth(config: &Config, secrets: &SecretResolver<'_>) -> Vec<Finding> {
    let auth = &config.gateway.auth;
    let mut found = Vec::new();
    for (input, place) in [(&auth.token, "gateway.auth.token"), (&auth.password, "gateway.auth.password")] {
        if let Some(Err(error)) = input.as_ref().map(|input| input.resolve(secrets, place)) {
            found.push(unresolved(&error).at(place));
        }
    }
    if auth.token.is_some() && auth.password.is_some() && auth.mode.is_none() {
        let message = "Token and password are both set, but gateway.auth.mode does not say which one counts.";
        let both = Finding::new(AUTH, Severity::Error, message).at("gateway.auth.mode");
        found.push(both.fix("Run `openclaw config set gateway.auth.mode token`."));
    }
    let is_local = config.gateway.mode != Some(GatewayMode::Remote);
    if is_local && auth.mode != Some(AuthMode::None) && !has_credential(config, secrets) {
        let message = "There is no gateway.auth.token; the gateway makes one up at each start, and this command line \
                       cannot know it.";
        let missing = Finding::new(AUTH, Severity::Warning, message).at("gateway.auth.token");
        found.push(missing.fix("Run `openclaw onboard --mode local --non-interactive --accept-risk`."));
    }
    found
}

/// Whether this machine's gateway and its clients have a shared secret; one that cannot be resolved is told apart.
fn has_credential(config: &Config, secrets: &SecretResolver<'_>) -> bool {
    let auth = start::client_auth(&start::AuthFlags::default(), config, secrets);
    auth.is_ok_and(|auth| auth.token.is_some() || auth.password.is_some())
}

fn unresolved(error: &SecretError) -> Finding {
    Finding::new(AUTH, Severity::Error, error.to_string())
}

/// The plugins that nobody answers for. Whether they run is for the running gateway to say.
fn unsigned(context: &Context, config: &Config) -> Vec<Finding> {
    let present = openclaw_gateway::present_plugins(&context.paths, config);
    let unsigned =
        present.into_iter().filter(|plugin| matches!(plugin.trust.as_str(), "unsigned" | "folder"));
    unsigned
        .map(|plugin| {
            let message = format!("The plugin {} is not signed: nobody answers for what it does.", plugin.id);
            Finding::new(PLUGINS, Severity::Warning, message)
                .at(plugin.id)
                .fix("Run `openclaw plugins doctor`, and install a signed package of it.")
        })
        .collect()
}

fn bind(config: &Config, secrets: &SecretResolver<'_>) -> Option<Finding> {
    let gateway = &config.gateway;
    let bind = gateway.bind.unwrap_or_default();
    let open = match gateway.auth.mode {
        Some(AuthMode::None) => true,
        Some(AuthMode::TrustedProxy) => false,
        Some(AuthMode::Token | AuthMode::Password) | None => !has_credential(config, secrets),
    };
    if bind == Bind::Loopback || !open {
        return None;
    }
    let message = format!("gateway.bind={} without auth; gateway start will be refused.", bind.as_str());
    let finding = Finding::new(AUTH, Severity::Error, message).at("gateway.bind");
    Some(finding.fix("Set gateway.auth.token, or run `openclaw config set gateway.bind loopback`."))
}

fn state_directory(directory: &Path, shown: &str) -> Option<Finding> {
    if !directory.exists() {
        let message = "The state directory does not exist yet; the gateway creates it.";
        return Some(Finding::new(STATE, Severity::Info, message).at(shown));
    }
    permissions(directory, 0o700, shown)
}

/// Complains about a file or directory that others can read.
fn permissions(path: &Path, wanted: u32, shown: &str) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return None;
    }
    let message = format!("Other users of this machine can reach it (mode {mode:03o}); it holds secrets.");
    Some(Finding::new(STATE, Severity::Warning, message).at(shown).fix(format!("chmod {wanted:03o} {shown}")))
}

/// The port when no gateway answers on it.
fn port(port: u16) -> Option<Finding> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let message = format!("Port {port} is already in use, and not by a gateway.");
            let taken = Finding::new(PORT, Severity::Error, message).at("gateway.port");
            Some(taken.fix("Stop the other program, or run `openclaw config set gateway.port <other>`."))
        }
        Err(error) => {
            let message = format!("Port {port} cannot be used: {error}.");
            Some(Finding::new(PORT, Severity::Error, message).at("gateway.port"))
        }
    }
}

/// The service's definition, where one is installed.
fn service(context: &Context) -> Result<Vec<Finding>, CliError> {
    let service = Service::detect(context)?;
    if service.installed().is_none() {
        return Ok(Vec::new());
    }
    let found = service.issues(context, context.port()).into_iter().map(|(_, words)| {
        let finding = Finding::new(SERVICE, Severity::Warning, format!("{}: {words}", service.name()));
        finding.fix("Run `openclaw gateway install --force`.")
    });
    Ok(found.collect())
}

/// What a gateway answered.
struct Answers {
    health: Vec<Finding>,
    channels: ChannelsStatus,
    status: StatusSummary,
}

async fn ask(flags: &RpcFlags, target: &Target) -> Result<Answers, ClientError> {
    let patience = flags.timeout.unwrap_or(PATIENCE_MS);
    let mut client = Client::connect(target, Mode::Cli, &[Scope::Read], patience).await?;
    let (_, health) = client.call(&HealthParams::default()).await?;
    let (_, status) = client.call(&StatusParams::default()).await?;
    let probe = ChannelsStatusParams { probe: Some(true), ..ChannelsStatusParams::default() };
    let (_, channels) = client.call(&probe).await?;
    let mut found: Vec<Finding> = health
        .plugins
        .errors
        .iter()
        .map(|fault| Finding::new(PLUGINS, Severity::Error, fault.error.clone()).at(fault.id.clone()))
        .collect();
    if !health.ok {
        found.push(
            Finding::new(GATEWAY, Severity::Error, "The gateway says that it is not well.")
                .fix("openclaw logs"),
        );
    }
    if let Some(refusal) = &client.refused_elsewhere {
        let message = format!("The port does not take this machine's credential: {refusal}");
        found.push(
            Finding::new(GATEWAY, Severity::Warning, message)
                .at("gateway.auth")
                .fix("Make gateway.auth.token what the gateway was started with, or restart the gateway."),
        );
    }
    Ok(Answers { health: found, channels, status })
}

fn unreachable(error: &ClientError, target: &Target) -> Finding {
    if error.gateway_answered() {
        let refused = Finding::new(
            GATEWAY,
            Severity::Error,
            format!("The gateway refused this client: {}", error.summary()),
        );
        return refused
            .at(target.url.clone())
            .fix("Compare gateway.auth.token with what the gateway was started with.");
    }
    let severity =
        if matches!(error, ClientError::Unreachable { .. }) { Severity::Warning } else { Severity::Error };
    Finding::new(GATEWAY, severity, error.summary()).at(target.url.clone()).fix("Start it: openclaw gateway")
}

fn channels(status: &ChannelsStatus) -> Vec<Finding> {
    let mut found: Vec<Finding> = status
        .status_issues
        .iter()
        .map(|issue| Finding {
            fix_hint: issue.fix.clone(),
            ..Finding::new(CHANNELS, Severity::Warning, issue.message.clone())
                .at(format!("channels.{} {}", issue.channel, issue.account_id))
        })
        .collect();
    let told = |channel: &str, account: &str| {
        status.status_issues.iter().any(|issue| issue.channel == channel && issue.account_id == account)
    };
    for (id, accounts) in &status.channel_accounts {
        for account in accounts.iter().filter(|account| !told(id, &account.account_id)) {
            let place = format!("channels.{id} {}", account.account_id);
            if account.enabled == Some(true) && account.lifecycle.as_deref() == Some("disabled") {
                let reason = account.lifecycle_reason.as_deref().unwrap_or("disabled");
                found.push(
                    Finding::new(CHANNELS, Severity::Info, format!("It does not run: {reason}")).at(place),
                );
                continue;
            }
            let Some(probe) = account.probe.as_ref().filter(|probe| !probe.ok) else { continue };
            let reason = probe.error.as_deref().unwrap_or("the vendor gave no reason");
            let message = format!("The credential does not work: {reason}");
            found.push(Finding::new(CHANNELS, Severity::Error, message).at(place));
        }
    }
    found
}

/// What the gateway says about its disk.
fn storage(status: &StatusSummary) -> Vec<Finding> {
    let found = |fault: &StorageFault| Finding::new(STORAGE, Severity::Error, fault.message.clone());
    status.storage.iter().map(found).collect()
}

fn model(status: &StatusSummary) -> Option<Finding> {
    let fix = "Run `openclaw config set agents.defaults.model.primary <provider/model>`.";
    match &status.model {
        None => {
            let none = Finding::new(MODEL, Severity::Error, "No model is configured, and none was found.");
            Some(none.at("agents.defaults.model.primary").fix(fix))
        }
        Some(model) if model.source == ModelSource::Demo => {
            let message = "Answers come from the built-in demonstration, not from a model.";
            Some(Finding::new(MODEL, Severity::Warning, message).at("agents.defaults.model.primary").fix(fix))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::channels::{AccountSnapshot, Probe};

    #[test]
    fn what_others_can_read_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let check = |mode: u32, complains: bool| {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(state_directory(directory.path(), "~/x").is_some(), complains, "{mode:o}");
        };
        check(0o700, false);
        check(0o755, true);
    }

    #[test]
    fn a_port_that_another_program_holds_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert!(port(taken).unwrap().message.contains("already in use"));
        drop(listener);
        assert_eq!(port(taken), None);
    }

    #[test]
    fn a_revoked_credential_is_an_error() {
        let account = AccountSnapshot {
            account_id: "default".to_owned(),
            probe: Some(Probe { error: Some("401 Unauthorized".to_owned()), ..Probe::default() }),
            ..AccountSnapshot::default()
        };
        let status = ChannelsStatus {
            channel_accounts: [("chat".to_owned(), vec![account])].into_iter().collect(),
            ..ChannelsStatus::default()
        };
        let found = channels(&status);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "The credential does not work: 401 Unauthorized");
    }

    #[test]
    fn an_account_that_cannot_run_yet_is_no_error() {
        let account = AccountSnapshot {
            account_id: "default".to_owned(),
            enabled: Some(true),
            lifecycle: Some("disabled".to_owned()),
            lifecycle_reason: Some("Chat is not available in this build yet".to_owned()),
            ..AccountSnapshot::default()
        };
        let status = ChannelsStatus {
            channel_accounts: [("chat".to_owned(), vec![account])].into_iter().collect(),
            ..ChannelsStatus::default()
        };
        let found = channels(&status);
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.severity, Severity::Info);
        assert_eq!(finding.message, "It does not run: Chat is not available in this build yet");
    }
}
