//! Which gateway a command asks, and with which credential.

use clap::Args;
use openclaw_config::{GatewayMode, SecretInput, SecretResolver, start};
use openclaw_secrets::Secret;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::{ClientError, stream};
use crate::context::Context;

/// The variable that replaces the configured address.
const URL_VARIABLE: &str = "OPENCLAW_GATEWAY_URL";
const TOKEN_VARIABLE: &str = "OPENCLAW_GATEWAY_TOKEN";
const PASSWORD_VARIABLE: &str = "OPENCLAW_GATEWAY_PASSWORD";

/// Which gateway to ask.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct TargetFlags {
    /// Address of the gateway (ws://…); needs --token or --password
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Shared token of the gateway
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<Secret>,
    /// Shared password of the gateway
    #[arg(long, value_name = "PASSWORD")]
    pub(crate) password: Option<Secret>,
}

/// Which gateway to ask, and how long to wait for it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct RpcFlags {
    #[command(flatten)]
    pub(crate) target: TargetFlags,
    /// How long to wait, in milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub(crate) timeout: Option<u64>,
}

/// Where an address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlSource {
    /// The gateway on this machine.
    Local,
    /// `gateway.remote.url`.
    Remote,
    /// The environment.
    Environment,
    /// The flag.
    Flag,
}

impl UrlSource {
    /// As people and programs read it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Local => "local loopback",
            Self::Remote => "config gateway.remote.url",
            Self::Environment => "env OPENCLAW_GATEWAY_URL",
            Self::Flag => "cli --url",
        }
    }
}

/// Which gateway a command asks, and with which credential.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// `ws://host:port` or `wss://host:port`.
    pub(crate) url: String,
    /// Where the address comes from.
    pub(crate) source: UrlSource,
    /// The shared token.
    pub(crate) token: Option<Secret>,
    /// The shared password.
    pub(crate) password: Option<Secret>,
    /// The configuration file, for people.
    pub(crate) config: String,
    /// `gateway.bind`, when the gateway is this machine's own.
    pub(crate) bind: Option<String>,
    /// The SHA-256 of the one certificate that is taken, in lower-case hex.
    pub(crate) pin: Option<String>,
    /// Where this device's identity and tokens are.
    pub(crate) state_dir: PathBuf,
    /// The local socket, when the target is the gateway that runs with this state directory and no flag says with which
    /// credential to ask it.
    pub(crate) socket: Option<PathBuf>,
}

impl Target {
    /// Resolves the flags, the environment and the configuration, in this order.
    ///
    /// # Errors
    /// When an address is given without a credential for it, or would carry the credential over the network in the
    /// clear.
    pub(crate) fn resolve(flags: &TargetFlags, context: &Context) -> Result<Self, ClientError> {
        let config = context.shown_config();
        let overridden = flags.url.clone().map(|url| (url, UrlSource::Flag));
        let overridden =
            overridden.or_else(|| context.variable(URL_VARIABLE).map(|url| (url, UrlSource::Environment)));
        if let Some((url, source)) = overridden {
            let (token, password) = match source {
                // The variables stand beside each other: who sets the address there sets the credential there.
                UrlSource::Environment => (
                    flags.token.clone().or_else(|| context.secret_variable(TOKEN_VARIABLE)),
                    flags.password.clone().or_else(|| context.secret_variable(PASSWORD_VARIABLE)),
                ),
                _ => (flags.token.clone(), flags.password.clone()),
            };
            if token.is_none() && password.is_none() {
                return Err(ClientError::CredentialsRequired { config });
            }
            return Self { token, password, ..Self::new(url, source, context) }.checked(context);
        }
        let configuration = context.config().cloned().unwrap_or_default();
        let environment = context.environment();
        let secrets = SecretResolver::new(&configuration, &environment, &context.paths.home);
        if let (Some(GatewayMode::Remote), Some(url)) =
            (configuration.gateway.mode, configuration.gateway.remote.url.clone())
        {
            let remote = &configuration.gateway.remote;
            let resolve =
                |flag: &Option<Secret>, input: &Option<SecretInput>, place: &str, variable: &str| {
                    // A reference that does not resolve is told by doctor; the variable may still have the value.
                    let configured = || input.as_ref()?.resolve(&secrets, place).ok().flatten();
                    flag.clone().or_else(configured).or_else(|| context.secret_variable(variable))
                };
            let token = resolve(&flags.token, &remote.token, "gateway.remote.token", TOKEN_VARIABLE);
            let password =
                resolve(&flags.password, &remote.password, "gateway.remote.password", PASSWORD_VARIABLE);
            let target = Self { token, password, ..Self::new(url, UrlSource::Remote, context) };
            return target.pinned(remote.tls_fingerprint.as_deref())?.checked(context);
        }
        if configuration.gateway.mode == Some(GatewayMode::Remote) {
            return Err(ClientError::Address(format!(
                "gateway remote mode misconfigured: gateway.remote.url missing\n\
                 Fix: openclaw config set gateway.remote.url wss://<host>, or: openclaw config set gateway.mode local\n\
                 Config: {config}"
            )));
        }
        Self::local(flags, context)
    }

    /// This machine's own gateway, whatever else is configured.
    ///
    /// # Errors
    /// When a configured secret cannot be resolved, or the port is none.
    pub(crate) fn local(flags: &TargetFlags, context: &Context) -> Result<Self, ClientError> {
        let configuration = context.config().cloned().unwrap_or_default();
        let environment = context.environment();
        let secrets = SecretResolver::new(&configuration, &environment, &context.paths.home);
        let unusable = |refusal: start::Refusal| ClientError::Address(refusal.to_string());
        let flagged = flags.token.is_some() || flags.password.is_some();
        let auth =
            start::AuthFlags { mode: None, token: flags.token.clone(), password: flags.password.clone() };
        let auth = start::client_auth(&auth, &configuration, &secrets);
        let port = start::port(None, &configuration, &environment).map_err(unusable)?;
        let running = openclaw_gateway::running_port(&context.paths);
        let port = context.running_port().unwrap_or(port);
        let socket =
            (!flagged && running == Some(port)).then(|| openclaw_gateway::local_socket(&context.paths));
        let (token, password) = match auth {
            Ok(auth) => (auth.token, auth.password),
            // What cannot be resolved is as good as lost; the local socket asks for none.
            Err(_) if socket.is_some() => (None, None),
            Err(refusal) => return Err(unusable(refusal)),
        };
        // Nobody vouches for the certificate of this machine's gateway but its file, and no other is taken.
        let certificate = openclaw_gateway::tls_certificate(&context.paths, &configuration);
        Ok(Self {
            token,
            password,
            bind: Some(context.bind().as_str().to_owned()),
            pin: certificate.and_then(|file| stream::fingerprint_of(&file)),
            socket,
            ..Self::new(Self::loopback(port, context), UrlSource::Local, context)
        })
    }

    fn new(url: String, source: UrlSource, context: &Context) -> Self {
        Self {
            url,
            source,
            token: None,
            password: None,
            config: context.shown_config(),
            bind: None,
            pin: None,
            state_dir: context.paths.state_dir.clone(),
            socket: None,
        }
    }

    /// The address of this machine's own gateway on a port.
    pub(crate) fn loopback(port: u16, context: &Context) -> String {
        loopback(port, context.config().is_some_and(|config| config.gateway.tls.enabled))
    }

    /// Another port of this machine, for commands with `--port`.
    pub(crate) fn with_port(mut self, port: u16) -> Self {
        let url = loopback(port, self.is_tls());
        if self.source == UrlSource::Local && self.url != url {
            self.url = url;
            self.socket = None;
        }
        self
    }

    /// The gateway's name among those that gave this device a token. This machine's own keeps it when its port changes.
    pub(crate) fn key(&self) -> String {
        match (self.source, self.authority()) {
            (UrlSource::Local, _) => "local".to_owned(),
            (_, Some((host, port))) => {
                format!("{}://{host}:{port}", if self.is_tls() { "wss" } else { "ws" })
            }
            (_, None) => self.url.clone(),
        }
    }

    /// The same address for HTTP.
    pub(crate) fn http_url(&self) -> String {
        let url = match self.url.strip_prefix("wss://") {
            Some(rest) => format!("https://{rest}"),
            None => self.url.replacen("ws://", "http://", 1),
        };
        url.trim_end_matches('/').to_owned()
    }

    /// Whether the address is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.url.starts_with("wss://")
    }

    /// Whether the address is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let Some((host, _)) = self.authority() else { return false };
        host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Host and port of the address.
    pub(crate) fn authority(&self) -> Option<(&str, u16)> {
        let (rest, default) = match self.url.strip_prefix("wss://") {
            Some(rest) => (rest, 443),
            None => (self.url.strip_prefix("ws://")?, 80),
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, default),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty() && !host.contains('@')).then_some((host, port))
    }

    /// The lines that tell people whom a command asked.
    pub(crate) fn details(&self) -> String {
        let mut lines =
            format!("Gateway target: {}\nSource: {}\nConfig: {}", self.url, self.source.label(), self.config);
        if let Some(bind) = &self.bind {
            lines.push_str("\nBind: ");
            lines.push_str(bind);
        }
        lines
    }

    fn pinned(self, pin: Option<&str>) -> Result<Self, ClientError> {
        let Some(pin) = pin.filter(|pin| !pin.trim().is_empty()) else { return Ok(self) };
        if !self.is_tls() {
            return Err(ClientError::Address(
                "gateway tls fingerprint requires wss:// gateway url\nFix: make gateway.remote.url a wss:// address, or: \
                 openclaw config unset gateway.remote.tlsFingerprint"
                    .to_owned(),
            ));
        }
        let Some(pin) = stream::fingerprint(pin) else {
            return Err(ClientError::Address(
                "gateway tls fingerprint must be a SHA-256 fingerprint\nFix: openclaw config set \
                 gateway.remote.tlsFingerprint <64 hexadecimal digits>"
                    .to_owned(),
            ));
        };
        Ok(Self { pin: Some(pin), ..self })
    }

    fn checked(self, context: &Context) -> Result<Self, ClientError> {
        let Some((host, _)) = self.authority() else {
            return Err(ClientError::Address(format!(
                "\"{}\" is not a gateway address. Use ws://<host>:<port> or wss://<host>:<port>, for instance \
                 ws://127.0.0.1:18789.",
                self.url
            )));
        };
        let allowed =
            context.variable("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS").is_some_and(|value| value == "1");
        if self.is_tls() || is_private(host) || allowed {
            return Ok(self);
        }
        Err(ClientError::Address(format!(
            "SECURITY ERROR: {} would send the credential over the network in the clear.\n\
             Fix: use wss://, or an SSH tunnel and ws://127.0.0.1:<port>, or set \
             OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if the network is trusted.",
            self.url
        )))
    }
}

fn loopback(port: u16, tls: bool) -> String {
    format!("{}://127.0.0.1:{port}", if tls { "wss" } else { "ws" })
}

/// Whether plain text to this host stays on this machine or in a private network.
fn is_private(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let carrier = matches!(address.octets(), [100, second, ..] if (64..128).contains(&second));
            address.is_loopback() || address.is_private() || address.is_link_local() || carrier
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => {
            let host = host.to_ascii_lowercase();
            let suffix = Path::new(&host).extension().and_then(|e| e.to_str());
            host == "localhost" || suffix == Some("local") || host.ends_with(".ts.net")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target {
            url: url.to_owned(),
            source: UrlSource::Flag,
            token: None,
            password: None,
            config: "~/.openclaw/openclaw.json".to_owned(),
            bind: None,
            pin: None,
            state_dir: PathBuf::new(),
            socket: None,
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let check =
            |url: &str, expected: Option<(&str, u16)>| assert_eq!(target(url).authority(), expected, "{url}");
        check("ws://127.0.0.1:18789", Some(("127.0.0.1", 18789)));
        check("ws://localhost:1/path?x=1", Some(("localhost", 1)));
        check("ws://[::1]:18789/", Some(("::1", 18789)));
        check("ws://[::1]", Some(("::1", 80)));
        check("ws://host", Some(("host", 80)));
        check("wss://gateway.example", Some(("gateway.example", 443)));
        check("wss://gateway.example:8443/x", Some(("gateway.example", 8443)));
        check("http://127.0.0.1:1", None);
        check("ws://user@host:1", None);
        check("ws://:1", None);
        check("ws://host:99999", None);
    }

    #[test]
    fn a_token_is_kept_for_the_gateway_that_gave_it() {
        assert_eq!(target("ws://10.0.0.1:1/path").key(), "ws://10.0.0.1:1");
        assert_eq!(target("wss://gateway.example").key(), "wss://gateway.example:443");
        let local = Target { source: UrlSource::Local, ..target("ws://127.0.0.1:1") };
        assert_eq!(local.key(), "local");
        assert!(local.is_loopback() && !target("ws://10.0.0.1:1").is_loopback());
    }

    #[test]
    fn another_port_and_http_keep_the_encryption() {
        let check = |url: &str, other: &str, http: &str| {
            let local = Target { source: UrlSource::Local, ..target(url) };
            assert_eq!(local.http_url(), http);
            assert_eq!(local.with_port(2).url, other);
        };
        check("ws://127.0.0.1:1", "ws://127.0.0.1:2", "http://127.0.0.1:1");
        check("wss://127.0.0.1:1", "wss://127.0.0.1:2", "https://127.0.0.1:1");
        assert_eq!(target("wss://far/").http_url(), "https://far");
    }

    #[test]
    fn a_pin_needs_tls() {
        let hex = "ab".repeat(32);
        assert_eq!(target("wss://far").pinned(Some(&hex)).unwrap().pin, Some(hex.clone()));
        assert!(target("ws://10.0.0.1").pinned(Some(&hex)).is_err());
        assert!(target("wss://far").pinned(Some("short")).is_err());
        assert_eq!(target("ws://10.0.0.1").pinned(None).unwrap().pin, None);
    }

    #[test]
    fn plain_text_stays_in_private_networks() {
        let check = |host: &str, expected: bool| assert_eq!(is_private(host), expected, "{host}");
        check("127.0.0.1", true);
        check("::1", true);
        check("192.168.1.2", true);
        check("100.100.1.1", true);
        check("100.128.0.1", false);
        check("box.local", true);
        check("box.tail1.ts.net", true);
        check("localhost", true);
        check("gateway.example.org", false);
        check("8.8.8.8", false);
    }
}
