//! What everybody has to present: one token or password for all operators, or a name from a trusted proxy.

use openclaw_secrets::Secret;

use crate::peer::Peer;
use crate::refusal::AuthReason;
use crate::trusted_proxy::{ProxyFault, TrustedProxy};

/// From here on a secret cannot be guessed, however many guess.
const STRONG_BITS: f64 = 128.0;

/// What `gateway.auth` asks of everybody.
#[derive(Clone, Debug)]
pub enum SharedSecret {
    /// Nothing. Only sensible on loopback.
    None,
    /// The token; `None` when the mode is set and no token is.
    Token(Option<Secret>),
    /// The password; `None` when the mode is set and no password is.
    Password(Option<Secret>),
    /// A name from a trusted proxy. A client on this machine may present the password instead, if there is one.
    Proxy(Box<TrustedProxy>, Option<Secret>),
}

/// What a client sent. The two are interchangeable on the wire: the gateway's mode alone says which secret is meant.
#[derive(Clone, Copy, Default)]
pub struct Presented<'a> {
    /// `auth.token`, or the bearer of an HTTP request.
    pub token: Option<&'a str>,
    /// `auth.password`
    pub password: Option<&'a str>,
}

/// How a client proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// Nobody asked.
    None,
    /// The shared token.
    Token,
    /// The shared password.
    Password,
    /// A name from a trusted proxy.
    TrustedProxy,
    /// A token that this device was given.
    DeviceToken,
    /// A setup code.
    BootstrapToken,
}

impl AuthMethod {
    /// The word in `hello-ok.auth.method`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Token => "token",
            Self::Password => "password",
            Self::TrustedProxy => "trusted-proxy",
            Self::DeviceToken => "device-token",
            Self::BootstrapToken => "bootstrap-token",
        }
    }

    /// Whether the client knows a secret that all operators share.
    #[must_use]
    pub fn is_shared_secret(self) -> bool {
        matches!(self, Self::Token | Self::Password)
    }
}

impl Presented<'_> {
    /// Whether there is anything to compare. Blank counts as nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates().next().is_none()
    }

    fn candidates(&self) -> impl Iterator<Item = &str> {
        [self.password, self.token].into_iter().flatten().filter(|text| !text.trim().is_empty())
    }
}

impl SharedSecret {
    /// Compares what was sent, in constant time.
    ///
    /// # Errors
    /// The reason for the refusal; missing, wrong and not configured are told apart.
    pub(crate) fn check(&self, peer: &Peer, presented: &Presented<'_>) -> Result<AuthMethod, AuthReason> {
        let (secret, method, not_configured, missing, mismatch) = match self {
            Self::None => return Ok(AuthMethod::None),
            Self::Proxy(_, password) => return proxied(peer, password.as_ref(), presented),
            Self::Token(secret) => (
                secret,
                AuthMethod::Token,
                AuthReason::TokenMissingConfig,
                AuthReason::TokenMissing,
                AuthReason::TokenMismatch,
            ),
            Self::Password(secret) => (
                secret,
                AuthMethod::Password,
                AuthReason::PasswordMissingConfig,
                AuthReason::PasswordMissing,
                AuthReason::PasswordMismatch,
            ),
        };
        let Some(secret) = secret else { return Err(not_configured) };
        if presented.is_empty() {
            return Err(missing);
        }
        if presented.hold(secret) { Ok(method) } else { Err(mismatch) }
    }

    /// The secret that clients share, if there is one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::None => None,
            Self::Token(secret) | Self::Password(secret) | Self::Proxy(_, secret) => secret.as_ref(),
        }
    }

    /// Whether guessing may succeed: people chose it, or it is too short.
    pub(crate) fn is_guessable(&self) -> bool {
        match self {
            Self::None => false,
            Self::Token(secret) => secret.as_ref().is_some_and(|secret| !is_strong(secret.expose())),
            Self::Password(_) | Self::Proxy(..) => true,
        }
    }
}

impl Presented<'_> {
    fn hold(&self, secret: &Secret) -> bool {
        // All are compared, so that the time does not tell which one was right.
        self.candidates().filter(|candidate| secret.matches(candidate)).count() > 0
    }
}

/// A proxy's word, or the password of a client that came without a proxy.
fn proxied(
    peer: &Peer,
    password: Option<&Secret>,
    presented: &Presented<'_>,
) -> Result<AuthMethod, AuthReason> {
    let fault = match &peer.user {
        Some(Ok(_)) => return Ok(AuthMethod::TrustedProxy),
        Some(Err(fault)) => fault.clone(),
        None => ProxyFault::NoConfig,
    };
    match password {
        Some(password) if peer.direct_local && !presented.is_empty() => {
            if presented.hold(password) {
                Ok(AuthMethod::Password)
            } else {
                Err(AuthReason::PasswordMismatch)
            }
        }
        _ => Err(AuthReason::Proxy(fault)),
    }
}

/// Whether a token has 128 bits if it is as random as its letters look.
fn is_strong(token: &str) -> bool {
    let has = |test: fn(&u8) -> bool| token.bytes().any(|byte| test(&byte));
    let hex = token.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    let mut alphabet = 0_u32;
    if hex {
        alphabet = 16;
    } else {
        for (present, letters) in [
            (has(u8::is_ascii_digit), 10),
            (has(u8::is_ascii_lowercase), 26),
            (has(u8::is_ascii_uppercase), 26),
            (has(|byte| !byte.is_ascii_alphanumeric()), 2),
        ] {
            alphabet += if present { letters } else { 0 };
        }
    }
    // A pattern is not random: of a random text, few letters come again and again.
    let mut seen: Vec<u8> = token.bytes().collect();
    seen.sort_unstable();
    seen.dedup();
    let length = u32::try_from(token.len()).unwrap_or(u32::MAX);
    seen.len() >= 8 && f64::from(length) * f64::from(alphabet.max(1)).log2() >= STRONG_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strong_token_has_128_bits() {
        for strong in [
            "0123456789abcdef0123456789abcdef",
            "kX9v2LmQ7tRw4ZpN8sYc3B",
            "8a1f0c9e7b3d5a2f4c6e8b0d1f3a5c7e9b2d4f6a8c0e1b3d",
        ] {
            assert!(is_strong(strong), "{strong}");
        }
        for weak in
            ["right-token", "password", "0123456789abcdef", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""]
        {
            assert!(!is_strong(weak), "{weak}");
        }
    }
}
