//! Which gateway a command asks, and with which credential.

use clap::Args;
use openclaw_config::{GatewayMode, SecretInput, SecretResolver, start};
use openclaw_secrets::Secret;
use std::{net::IpAddr, path::Path};

use super::ClientError;
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
    /// `ws://host:port`.
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
            return Self { url, source, token, password, config, bind: None }.checked(context);
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
            return Self { url, source: UrlSource::Remote, token, password, config, bind: None }
                .checked(context);
        }
        Self::local(flags, context)
    }

    /// This machine's own gateway, whatever else is configured.
    ///
    /// # Errors
    /// When a configured secret cannot be resolved, or the port is none.
    pub(crate) fn local(flags: &TargetFlags, context: &Context) -> Result<Self, ClientError> {
        let config = context.shown_config();
        let configuration = context.config().cloned().unwrap_or_default();
        let environment = context.environment();
        let secrets = SecretResolver::new(&configuration, &environment, &context.paths.home);
        let unusable = |refusal: start::Refusal| ClientError::Address(refusal.to_string());
        let auth =
            start::AuthFlags { mode: None, token: flags.token.clone(), password: flags.password.clone() };
        let auth = start::client_auth(&auth, &configuration, &secrets).map_err(unusable)?;
        let port = start::port(None, &configuration, &environment).map_err(unusable)?;
        let port = context.running_port().unwrap_or(port);
        Ok(Self {
            url: format!("ws://127.0.0.1:{port}"),
            source: UrlSource::Local,
            token: auth.token,
            password: auth.password,
            config,
            bind: Some(context.bind().as_str().to_owned()),
        })
    }

    /// Another port of this machine, for commands with `--port`.
    pub(crate) fn with_port(mut self, port: u16) -> Self {
        if self.source == UrlSource::Local {
            self.url = format!("ws://127.0.0.1:{port}");
        }
        self
    }

    /// Host and port of the address.
    pub(crate) fn authority(&self) -> Option<(&str, u16)> {
        let rest = self.url.strip_prefix("ws://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, 80),
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

    fn checked(self, context: &Context) -> Result<Self, ClientError> {
        if self.url.starts_with("wss://") {
            return Err(ClientError::Address(format!(
                "{} uses TLS, which this command line cannot speak yet. Open an SSH tunnel to the gateway's port and \
                 use ws://127.0.0.1:<port>.",
                self.url
            )));
        }
        let Some((host, _)) = self.authority() else {
            return Err(ClientError::Address(format!(
                "\"{}\" is not a gateway address. Use ws://<host>:<port>, for instance ws://127.0.0.1:18789.",
                self.url
            )));
        };
        let allowed =
            context.variable("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS").is_some_and(|value| value == "1");
        if is_private(host) || allowed {
            return Ok(self);
        }
        Err(ClientError::Address(format!(
            "SECURITY ERROR: {} would send the credential over the network in the clear. Use an SSH tunnel and \
             ws://127.0.0.1:<port>, or set OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 if the network is trusted.",
            self.url
        )))
    }
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
        check("http://127.0.0.1:1", None);
        check("ws://user@host:1", None);
        check("ws://:1", None);
        check("ws://host:99999", None);
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
