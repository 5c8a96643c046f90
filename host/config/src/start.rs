//! What decides whether a gateway may start with a configuration, and with which port, addresses and credential
//! (openclaw-compat §1.2–§1.5). Every refusal has the original's words and exit code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use openclaw_secrets::Secret;

use crate::env::Env;
use crate::model::{AuthMode, Bind, Config, GatewayMode};
use crate::report::Report;
use crate::secret_ref::{REDACTED, SecretInput, SecretResolver, present};

/// The port when nobody says otherwise.
pub const DEFAULT_PORT: u16 = 18_789;
/// `EX_CONFIG` of sysexits.h: supervisors do not restart after it.
pub const EX_CONFIG: u8 = 78;

/// Why the gateway does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .lines.join("\n"))]
pub struct Refusal {
    /// A stable word for scripts.
    pub code: &'static str,
    /// For standard error, in this order.
    pub lines: Vec<String>,
    /// The exit code.
    pub exit: u8,
}

impl Refusal {
    fn new(code: &'static str, lines: Vec<String>) -> Self {
        Self { code, lines, exit: EX_CONFIG }
    }
}

/// Credentials from the command line.
#[derive(Clone, Debug, Default)]
pub struct AuthFlags {
    /// `--auth`
    pub mode: Option<AuthMode>,
    /// `--token`
    pub token: Option<Secret>,
    /// `--password`
    pub password: Option<Secret>,
}

/// How this gateway asks its clients to prove themselves.
#[derive(Clone, Debug)]
pub struct GatewayAuth {
    /// What is asked for.
    pub mode: AuthMode,
    /// The token or the password, by `mode`; behind a trusted proxy the password of clients that come without it.
    pub secret: Option<Secret>,
    /// The secret was made up for this run: nobody knows it unless it is shown.
    pub ephemeral: bool,
}

/// The secrets that a local client may present.
#[derive(Clone, Debug, Default)]
pub struct ClientAuth {
    /// For `auth.token`.
    pub token: Option<Secret>,
    /// For `auth.password`.
    pub password: Option<Secret>,
}

/// Refuses to start on a configuration with faults that concern the gateway itself.
///
/// # Errors
/// `Invalid config at …` with one line for each fault.
pub fn validity_gate(path: &Path, report: &Report) -> Result<(), Refusal> {
    let mut lines: Vec<String> = report
        .blocking()
        .map(|issue| format!("- {issue} (line {}, column {})", issue.line, issue.column))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    lines.insert(0, format!("Invalid config at {}:", path.display()));
    lines.push("Run `openclaw config validate` to check again, or `openclaw doctor --fix`.".to_owned());
    Err(Refusal::new("CONFIG_INVALID", lines))
}

/// `gateway.mode` must be `local`: a file without it was probably clobbered, and a file with `remote` means another
/// machine.
///
/// # Errors
/// The refusals of openclaw-compat §1.4.
pub fn mode_gate(file_exists: bool, config: &Config, allow_unconfigured: bool) -> Result<(), Refusal> {
    if allow_unconfigured {
        return Ok(());
    }
    let blocked = |current: &str| {
        format!(
            "Gateway start blocked: set gateway.mode=local (current: {current}) or pass --allow-unconfigured."
        )
    };
    let lines = match (file_exists, config.gateway.mode) {
        (_, Some(GatewayMode::Local)) => return Ok(()),
        (_, Some(GatewayMode::Remote)) => vec![blocked("remote")],
        (false, None) => vec![
            "Missing config. Run `openclaw setup` or set gateway.mode=local (or pass --allow-unconfigured).".to_owned(),
            "Next: openclaw onboard --mode local".to_owned(),
        ],
        (true, None) => vec![
            "Gateway start blocked: existing config is missing gateway.mode. Treat this as suspicious or clobbered \
             config. Re-run `openclaw onboard --mode local` or `openclaw setup`, set gateway.mode=local manually, or \
             pass --allow-unconfigured."
                .to_owned(),
            blocked("unset"),
        ],
    };
    Err(Refusal::new("GATEWAY_MODE", lines))
}

/// The port: flag, `OPENCLAW_GATEWAY_PORT`, `gateway.port`, 18789.
///
/// # Errors
/// When the variable is not a port.
pub fn port(flag: Option<u16>, config: &Config, env: &dyn Env) -> Result<u16, Refusal> {
    if let Some(port) = flag.filter(|port| *port != 0) {
        return Ok(port);
    }
    match env.non_blank("OPENCLAW_GATEWAY_PORT") {
        Some(text) => match text.trim().parse() {
            Ok(port) if port != 0 => Ok(port),
            _ => {
                let line =
                    format!("Invalid OPENCLAW_GATEWAY_PORT: \"{text}\" (use a number from 1 to 65535)");
                Err(Refusal::new("GATEWAY_PORT", vec![line]))
            }
        },
        None => Ok(config.gateway.port.unwrap_or(DEFAULT_PORT)),
    }
}

/// The bind mode: flag, `gateway.bind`, loopback (in a container: auto).
#[must_use]
pub fn bind(flag: Option<Bind>, config: &Config, in_container: bool) -> Bind {
    let default = if in_container { Bind::Auto } else { Bind::Loopback };
    flag.or(config.gateway.bind).unwrap_or(default)
}

/// Addresses to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// All of these must be had; the first is the one to show.
    pub required: Vec<IpAddr>,
    /// Had where possible.
    pub optional: Vec<IpAddr>,
}

/// The addresses of a bind mode. `tailnet` is this host's Tailscale address, where it has one.
///
/// # Errors
/// When `custom` has no usable address.
pub fn listen(
    bind: Bind,
    config: &Config,
    in_container: bool,
    tailnet: Option<Ipv4Addr>,
) -> Result<Listen, Refusal> {
    let refuse = |line: String| Err(Refusal::new("GATEWAY_BIND", vec![line]));
    let primary = match bind {
        Bind::Loopback => Ipv4Addr::LOCALHOST,
        Bind::Lan => Ipv4Addr::UNSPECIFIED,
        Bind::Tailnet => tailnet.unwrap_or(Ipv4Addr::LOCALHOST),
        Bind::Auto if in_container => Ipv4Addr::UNSPECIFIED,
        Bind::Auto => Ipv4Addr::LOCALHOST,
        Bind::Custom => match config.gateway.custom_bind_host.as_deref().map(str::trim) {
            None | Some("") => {
                return refuse("gateway.bind=custom requires gateway.customBindHost".to_owned());
            }
            Some(host) => match host.parse() {
                Ok(address) => address,
                Err(_) => {
                    let line =
                        format!("gateway.bind=custom requires a valid IPv4 customBindHost (got {host})");
                    return refuse(line);
                }
            },
        },
    };
    let mut required = vec![IpAddr::V4(primary)];
    if !primary.is_unspecified() && !primary.is_loopback() {
        // Programs on this machine always find the gateway on loopback.
        required.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let optional = if primary.is_loopback() { vec![IpAddr::V6(Ipv6Addr::LOCALHOST)] } else { Vec::new() };
    Ok(Listen { required, optional })
}

impl Listen {
    /// Whether only programs on this machine can connect.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.required.iter().all(IpAddr::is_loopback)
    }
}

/// Mode and secret: flag, then configuration, then environment. In token mode on loopback without a token anywhere a
/// token is made up for this run.
///
/// # Errors
/// When the secret cannot be resolved, the mode has none, or the mode is ambiguous or not supported.
pub fn auth(
    flags: &AuthFlags,
    config: &Config,
    secrets: &SecretResolver<'_>,
    listen: &Listen,
) -> Result<GatewayAuth, Refusal> {
    let configured = &config.gateway.auth;
    let token =
        secret(&flags.token, &configured.token, "gateway.auth.token", "OPENCLAW_GATEWAY_TOKEN", secrets)?;
    let password = secret(
        &flags.password,
        &configured.password,
        "gateway.auth.password",
        "OPENCLAW_GATEWAY_PASSWORD",
        secrets,
    )?;
    let mode = match flags.mode.or(configured.mode) {
        Some(mode) => mode,
        None if configured.token.is_some() && configured.password.is_some() => {
            let line = "Invalid config: gateway.auth.token and gateway.auth.password are both configured, but \
                        gateway.auth.mode is unset. Set gateway.auth.mode to token or password.";
            return Err(Refusal::new("GATEWAY_AUTH_AMBIGUOUS", vec![line.to_owned()]));
        }
        None if password.is_some() => AuthMode::Password,
        None => AuthMode::Token,
    };
    let known = |secret| Ok(GatewayAuth { mode, secret, ephemeral: false });
    match mode {
        AuthMode::None => known(None),
        AuthMode::Password if password.is_none() => Err(Refusal::new(
            "GATEWAY_AUTH_PASSWORD",
            vec![
                "Gateway auth is set to password, but no password is configured.".to_owned(),
                "Set gateway.auth.password (or OPENCLAW_GATEWAY_PASSWORD), or pass --password.".to_owned(),
            ],
        )),
        AuthMode::Password => known(password),
        AuthMode::Token if token.is_none() && listen.is_loopback() => {
            let token = random_token().map_err(|error| {
                Refusal::new(
                    "GATEWAY_AUTH_RANDOM",
                    vec![format!("no random numbers from the system: {error}")],
                )
            })?;
            Ok(GatewayAuth { mode, secret: Some(token), ephemeral: true })
        }
        AuthMode::Token => known(token),
        AuthMode::TrustedProxy => {
            let refuse = |line: &str, advice: &str| {
                Err(Refusal::new("GATEWAY_AUTH_TRUSTED_PROXY", vec![line.to_owned(), advice.to_owned()]))
            };
            if config.gateway.trusted_proxies.is_empty() {
                return refuse(
                    "gateway auth mode=trusted-proxy requires gateway.trustedProxies to be configured with at least \
                     one proxy IP",
                    "Name the proxy: openclaw config set gateway.trustedProxies '[\"10.0.0.1\"]'",
                );
            }
            if configured.trusted_proxy.user_header.trim().is_empty() {
                return refuse(
                    "gateway auth mode=trusted-proxy requires gateway.auth.trustedProxy.userHeader, the header in \
                     which the proxy names the person",
                    "Set it: openclaw config set gateway.auth.trustedProxy.userHeader x-forwarded-user",
                );
            }
            if token.is_some() {
                return refuse(
                    "gateway auth mode=trusted-proxy and a gateway token are both configured: the token would let \
                     anybody in who knows it, without the proxy.",
                    "Remove gateway.auth.token (and OPENCLAW_GATEWAY_TOKEN), or set gateway.auth.mode to token.",
                );
            }
            known(password)
        }
    }
}

/// Nobody outside this machine may reach a gateway that asks for nothing.
///
/// # Errors
/// The refusal of openclaw-compat §1.5, with hints about keys that look like a credential and are none.
pub fn bind_gate(bind: Bind, listen: &Listen, auth: &GatewayAuth, report: &Report) -> Result<(), Refusal> {
    let asks = match auth.mode {
        AuthMode::None => false,
        AuthMode::TrustedProxy => true,
        AuthMode::Token | AuthMode::Password => auth.secret.is_some(),
    };
    if listen.is_loopback() || asks {
        return Ok(());
    }
    let mut lines = vec![
        format!("Refusing to bind gateway to {} without auth.", bind.as_str()),
        "Set gateway.auth.token/password (or OPENCLAW_GATEWAY_TOKEN/OPENCLAW_GATEWAY_PASSWORD) or pass \
         --token/--password."
            .to_owned(),
    ];
    lines.extend(
        report
            .warnings
            .iter()
            .filter(|warning| warning.path == "gateway.token")
            .map(|hint| hint.message.clone()),
    );
    if report.config.as_ref().is_some_and(|config| config.gateway.remote.token.is_some()) {
        let hint = "\"gateway.remote.token\" is for remote CLI calls; it does not enable local gateway auth.";
        lines.push(hint.to_owned());
    }
    Err(Refusal::new("GATEWAY_BIND_WITHOUT_AUTH", lines))
}

/// What a client on this machine presents to its own gateway: flag, then configuration, then environment.
///
/// # Errors
/// When a configured secret cannot be resolved.
pub fn client_auth(
    flags: &AuthFlags,
    config: &Config,
    secrets: &SecretResolver<'_>,
) -> Result<ClientAuth, Refusal> {
    let auth = &config.gateway.auth;
    Ok(ClientAuth {
        token: secret(&flags.token, &auth.token, "gateway.auth.token", "OPENCLAW_GATEWAY_TOKEN", secrets)?,
        password: secret(
            &flags.password,
            &auth.password,
            "gateway.auth.password",
            "OPENCLAW_GATEWAY_PASSWORD",
            secrets,
        )?,
    })
}

/// 24 random bytes in hexadecimal.
pub(crate) fn random_token() -> Result<Secret, getrandom::Error> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::from(hex::encode(bytes)))
}

fn secret(
    flag: &Option<Secret>,
    configured: &Option<SecretInput>,
    place: &str,
    variable: &str,
    secrets: &SecretResolver<'_>,
) -> Result<Option<Secret>, Refusal> {
    let refuse = |line: String| Refusal::new("GATEWAY_AUTH_SECRET", vec![line]);
    let usable = |text: &str, from: &str| match present(text) {
        Some(REDACTED) => Err(refuse(format!("{from} holds the placeholder {REDACTED} instead of a secret"))),
        found => Ok(found.map(Secret::from)),
    };
    if let Some(flag) = flag
        && let Some(found) = usable(flag.expose(), "the flag")?
    {
        return Ok(Some(found));
    }
    if let Some(configured) = configured
        && let Some(found) = configured.resolve(secrets, place).map_err(|error| refuse(error.to_string()))?
    {
        return Ok(Some(found));
    }
    secrets.env().var(variable).map_or(Ok(None), |value| usable(&value, variable))
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
