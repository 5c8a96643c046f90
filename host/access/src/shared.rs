//! The shared secret: one token or password for all operators.

use openclaw_secrets::Secret;

use crate::refusal::AuthReason;

/// What `gateway.auth` asks of everybody.
#[derive(Clone, Debug)]
pub enum SharedSecret {
    /// Nothing. Only sensible on loopback.
    None,
    /// The token; `None` when the mode is set and no token is.
    Token(Option<Secret>),
    /// The password; `None` when the mode is set and no password is.
    Password(Option<Secret>),
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
}

impl AuthMethod {
    /// The word in `hello-ok.auth.method`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Token => "token",
            Self::Password => "password",
        }
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
    pub(crate) fn check(&self, presented: &Presented<'_>) -> Result<AuthMethod, AuthReason> {
        let (secret, method, not_configured, missing, mismatch) = match self {
            Self::None => return Ok(AuthMethod::None),
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
        // Both are compared, so that the time does not tell which one was right.
        let right = presented.candidates().filter(|candidate| secret.matches(candidate)).count();
        if right > 0 { Ok(method) } else { Err(mismatch) }
    }

    /// Whether people chose it, so that guessing may succeed.
    pub(crate) fn is_guessable(&self) -> bool {
        matches!(self, Self::Password(_))
    }
}
