//! What decides whether a gateway may start with a configuration, and with which port, addresses and credential
//! (openclaw-compat §1.2–§1.5). Every refusal has the original's words and exit code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use openclaw_secrets::Secret;

use crate::env::Env;
use crate::model::{AuthMode, Bind, Config, GatewayMode};
use crate::report::Report;
use crate::secret_ref::{REDACTED, SecretInput, present};

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
    /// Never `TrustedProxy`, which is refused for now.
    pub mode: AuthMode,
    /// The token or the password, by `mode`.
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
    env: &dyn Env,
    listen: &Listen,
) -> Result<GatewayAuth, Refusal> {
    let configured = &config.gateway.auth;
    let token = secret(&flags.token, &configured.token, "gateway.auth.token", "OPENCLAW_GATEWAY_TOKEN", env)?;
    let password = secret(
        &flags.password,
        &configured.password,
        "gateway.auth.password",
        "OPENCLAW_GATEWAY_PASSWORD",
        env,
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
        AuthMode::TrustedProxy => Err(Refusal::new(
            "GATEWAY_AUTH_UNSUPPORTED",
            vec![
                "gateway auth mode=trusted-proxy is not available in this gateway yet.".to_owned(),
                "Set gateway.auth.mode to token or password (openclaw config set gateway.auth.mode token)."
                    .to_owned(),
            ],
        )),
    }
}

/// Nobody outside this machine may reach a gateway that asks for nothing.
///
/// # Errors
/// The refusal of openclaw-compat §1.5, with hints about keys that look like a credential and are none.
pub fn bind_gate(bind: Bind, listen: &Listen, auth: &GatewayAuth, report: &Report) -> Result<(), Refusal> {
    if listen.is_loopback() || (auth.mode != AuthMode::None && auth.secret.is_some()) {
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
pub fn client_auth(flags: &AuthFlags, config: &Config, env: &dyn Env) -> Result<ClientAuth, Refusal> {
    let auth = &config.gateway.auth;
    Ok(ClientAuth {
        token: secret(&flags.token, &auth.token, "gateway.auth.token", "OPENCLAW_GATEWAY_TOKEN", env)?,
        password: secret(
            &flags.password,
            &auth.password,
            "gateway.auth.password",
            "OPENCLAW_GATEWAY_PASSWORD",
            env,
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
    env: &dyn Env,
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
        && let Some(found) = configured.resolve(env, place).map_err(|error| refuse(error.to_string()))?
    {
        return Ok(Some(found));
    }
    env.var(variable).map_or(Ok(None), |value| usable(&value, variable))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::validate;

    fn report(text: &str) -> Report {
        validate(text, &BTreeMap::new(), &BTreeMap::new())
    }

    fn config(text: &str) -> Config {
        report(text).config.unwrap()
    }

    fn env(vars: &[(&str, &str)]) -> BTreeMap<String, String> {
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn local() -> Listen {
        listen(Bind::Loopback, &Config::default(), false, None).unwrap()
    }

    #[test]
    fn the_mode_gate_has_its_three_texts() {
        let check = |exists: bool, text: &str, expected: &str| {
            let refusal = mode_gate(exists, &config(text), false).unwrap_err();
            assert_eq!((refusal.exit, refusal.lines[0].as_str()), (78, expected));
            assert!(mode_gate(exists, &config(text), true).is_ok());
        };
        check(
            false,
            "{}",
            "Missing config. Run `openclaw setup` or set gateway.mode=local (or pass --allow-unconfigured).",
        );
        check(
            true,
            "{}",
            "Gateway start blocked: existing config is missing gateway.mode. Treat this as suspicious or clobbered config. Re-run `openclaw onboard --mode local` or `openclaw setup`, set gateway.mode=local manually, or pass --allow-unconfigured.",
        );
        check(
            true,
            "{gateway: {mode: 'remote'}}",
            "Gateway start blocked: set gateway.mode=local (current: remote) or pass --allow-unconfigured.",
        );
        let refusal = mode_gate(true, &config("{}"), false).unwrap_err();
        assert!(refusal.to_string().contains("Gateway start blocked: set gateway.mode=local"));
        assert!(mode_gate(true, &config("{gateway: {mode: 'local'}}"), false).is_ok());
    }

    #[test]
    fn an_invalid_file_is_told_with_every_fault() {
        let refusal =
            validity_gate(Path::new("/c"), &report("{gateway: {port: 'abc', bogus: 1}}")).unwrap_err();
        assert_eq!(
            refusal.lines[..3],
            [
                "Invalid config at /c:",
                "- gateway.port: Invalid input: expected number, received string (line 1, column 18)",
                "- gateway: Unrecognized key: \"bogus\" (line 1, column 25)",
            ]
        );
        assert!(
            validity_gate(Path::new("/c"), &report("{channels: {x: 5}}")).is_ok(),
            "only that channel stays out"
        );
    }

    #[test]
    fn port_and_bind_follow_their_order() {
        let file = config("{gateway: {port: 2, bind: 'lan'}}");
        let vars = env(&[("OPENCLAW_GATEWAY_PORT", "3")]);
        assert_eq!(port(Some(1), &file, &vars), Ok(1));
        assert_eq!(port(None, &file, &vars), Ok(3));
        assert_eq!(port(None, &file, &env(&[])), Ok(2));
        assert_eq!(port(None, &Config::default(), &env(&[])), Ok(DEFAULT_PORT));
        assert_eq!(port(None, &file, &env(&[("OPENCLAW_GATEWAY_PORT", "x")])).unwrap_err().exit, 78);
        assert_eq!(bind(Some(Bind::Auto), &file, false), Bind::Auto);
        assert_eq!(bind(None, &file, true), Bind::Lan);
        assert_eq!(bind(None, &Config::default(), true), Bind::Auto);
        assert_eq!(bind(None, &Config::default(), false), Bind::Loopback);
    }

    #[test]
    fn bind_modes_have_their_addresses() {
        let check = |bind: Bind, text: &str, container: bool, expected: &[&str]| {
            let listen = listen(bind, &config(text), container, None).unwrap();
            let shown: Vec<String> = listen.required.iter().map(ToString::to_string).collect();
            assert_eq!(shown, expected, "{bind:?}");
        };
        check(Bind::Loopback, "{}", false, &["127.0.0.1"]);
        check(Bind::Lan, "{}", false, &["0.0.0.0"]);
        check(Bind::Auto, "{}", true, &["0.0.0.0"]);
        check(Bind::Auto, "{}", false, &["127.0.0.1"]);
        check(Bind::Tailnet, "{}", false, &["127.0.0.1"]);
        check(Bind::Custom, "{gateway: {customBindHost: '10.0.0.1'}}", false, &["10.0.0.1", "127.0.0.1"]);
        let error = |text: &str| listen(Bind::Custom, &config(text), false, None).unwrap_err().to_string();
        assert_eq!(error("{}"), "gateway.bind=custom requires gateway.customBindHost");
        assert_eq!(
            error("{gateway: {customBindHost: 'h'}}"),
            "gateway.bind=custom requires a valid IPv4 customBindHost (got h)"
        );
    }

    #[test]
    fn secrets_follow_their_order() {
        let check = |flag: Option<&str>, text: &str, vars: &[(&str, &str)], expected: Option<&str>| {
            let flags = AuthFlags { token: flag.map(Secret::from), ..AuthFlags::default() };
            let auth = auth(&flags, &config(text), &env(vars), &local()).unwrap();
            let found = auth.secret.as_ref().filter(|_| !auth.ephemeral).map(Secret::expose);
            assert_eq!(found, expected, "{flag:?} {text} {vars:?}");
        };
        let vars: &[(&str, &str)] = &[("OPENCLAW_GATEWAY_TOKEN", "from-env")];
        let file = "{gateway: {auth: {token: 'from-file'}}}";
        check(Some("flag"), file, vars, Some("flag"));
        check(None, file, vars, Some("from-file"));
        check(None, "{}", vars, Some("from-env"));
        for nothing in ["undefined", "null", " "] {
            check(Some(nothing), &file.replace("from-file", nothing), vars, Some("from-env"));
        }
        check(None, "{}", &[], None);
        check(None, "{gateway: {auth: {token: '${T}'}}}", &[("T", "by-name")], Some("by-name"));
    }

    #[test]
    fn modes_and_their_refusals() {
        let run = |text: &str| auth(&AuthFlags::default(), &config(text), &env(&[]), &local());
        assert_eq!(run("{gateway: {auth: {password: 'p'}}}").unwrap().mode, AuthMode::Password);
        let made_up = run("{}").unwrap();
        assert_eq!((made_up.mode, made_up.ephemeral), (AuthMode::Token, true));
        assert_eq!(made_up.secret.unwrap().expose().len(), 48);
        let refusal = |text: &str| run(text).unwrap_err().lines;
        assert_eq!(
            refusal("{gateway: {auth: {mode: 'password'}}}"),
            [
                "Gateway auth is set to password, but no password is configured.",
                "Set gateway.auth.password (or OPENCLAW_GATEWAY_PASSWORD), or pass --password.",
            ]
        );
        assert!(refusal("{gateway: {auth: {token: 't', password: 'p'}}}")[0].contains("are both configured"));
        assert!(refusal("{gateway: {auth: {token: '__OPENCLAW_REDACTED__'}}}")[0].contains("placeholder"));
        assert!(refusal("{gateway: {auth: {token: '${NOPE}'}}}")[0].contains("NOPE is not set"));
        assert_eq!(run("{gateway: {auth: {mode: 'trusted-proxy'}}}").unwrap_err().exit, 78);
    }

    #[test]
    fn nobody_listens_to_the_world_without_auth() {
        let gate = |text: &str| {
            let report = report(text);
            let config = report.config.clone().unwrap();
            let bind = bind(None, &config, false);
            let listen = listen(bind, &config, false, None).unwrap();
            let auth = auth(&AuthFlags::default(), &config, &env(&[]), &listen).unwrap();
            bind_gate(bind, &listen, &auth, &report)
        };
        let refusal = gate("{gateway: {bind: 'lan', token: 'x', remote: {token: 'y'}}}").unwrap_err();
        assert_eq!(
            refusal.lines,
            [
                "Refusing to bind gateway to lan without auth.",
                "Set gateway.auth.token/password (or OPENCLAW_GATEWAY_TOKEN/OPENCLAW_GATEWAY_PASSWORD) or pass --token/--password.",
                "Found \"gateway.token\" in config. Use \"gateway.auth.token\" instead.",
                "\"gateway.remote.token\" is for remote CLI calls; it does not enable local gateway auth.",
            ]
        );
        assert!(gate("{gateway: {bind: 'lan', auth: {mode: 'none', token: 'x'}}}").is_err());
        assert!(gate("{gateway: {bind: 'lan', auth: {token: 'x'}}}").is_ok());
        assert!(gate("{gateway: {auth: {mode: 'none'}}}").is_ok());
    }
}
