//! Judges a request to a webhook by the recipe of the manifest, before the component sees anything of it. Never reads a
//! body from a socket and never looks at a clock: the caller says what came and when.
//!
//! Invariants: every comparison of a secret, a code or a signature takes the same time whatever differs; a header or a name of
//! the query that stands twice counts as missing, because the two sides might read another one.

use std::fmt;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ed25519_dalek::{Signature, VerifyingKey};
use openclaw_secrets::Secret;
use ring::hmac;
use serde_json::Value;

use crate::error::GrantError;
use crate::manifest::{Challenge, Ed25519, Encoding, HmacSha256, PublicKey, SharedToken, Verify, Webhook};
use crate::secret::AccountSecrets;

/// Base64 of the standard alphabet; vendors differ about the `=`.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The longest text of a challenge that is sent back, in bytes.
const LONGEST_ECHO: usize = 1024;

/// One `[[webhook]]` entry of a manifest, resolved for one account.
#[derive(Clone)]
pub struct ResolvedWebhook {
    /// What the component calls it.
    pub name: String,
    /// Begins with `/`; lies below the account's own place on the gateway.
    pub path: String,
    /// The most bytes of a body: what is longer is refused before it is read.
    pub max_body: u64,
    methods: Vec<String>,
    recipe: Recipe,
    challenge: Option<(Challenge, Secret)>,
}

#[derive(Clone)]
enum Recipe {
    Hmac(HmacSha256, hmac::Key),
    Ed25519(Ed25519, VerifyingKey),
    Token(SharedToken, Secret),
}

impl fmt::Debug for ResolvedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolvedWebhook")
            .field("name", &self.name)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A request as it came, whole.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'r> {
    /// Upper case.
    pub method: &'r str,
    /// Decoded, in their order.
    pub query: &'r [(String, String)],
    /// Names in any case. A header whose value is not text may be left out.
    pub headers: &'r [(String, String)],
    /// Every byte.
    pub body: &'r [u8],
}

/// What a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The vendor's own: hand it to the component.
    Verified,
    /// The vendor tries the address: answer 200 with this text as `text/plain`; the component hears nothing of it.
    Challenge(String),
}

/// Why a request is not the vendor's. For the log; the caller's answer tells no more than the status.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unverified {
    /// The route has not this method.
    #[error("the route does not take this method")]
    Method,
    /// The body is longer than the route allows.
    #[error("the body is longer than the route allows")]
    TooLarge,
    /// What the recipe looks at is missing, stands twice, or cannot be read.
    #[error("{0} is missing, stands twice or cannot be read")]
    Missing(&'static str),
    /// It does not fit.
    #[error("{0} does not fit")]
    Mismatch(&'static str),
    /// It was sent too long ago, or the clocks of the two sides differ.
    #[error("the time of sending is too far from now (look at the clock of this machine)")]
    Stale,
}

impl Unverified {
    /// The HTTP status to answer with: 405, 413 or 401.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::TooLarge => 413,
            Self::Missing(_) | Self::Mismatch(_) | Self::Stale => 401,
        }
    }
}

impl ResolvedWebhook {
    /// Puts an account's section and secrets into a route.
    ///
    /// # Errors
    /// When a secret is missing or empty, or the public key is none: the route must not exist then.
    pub fn resolve(entry: &Webhook, section: &Value, secrets: &AccountSecrets) -> Result<Self, GrantError> {
        let secret = |name: &str| {
            let missing = || GrantError::SecretMissing { grant: entry.name.clone(), secret: name.to_owned() };
            // An empty key would let everybody in.
            secrets.get(name).filter(|secret| !secret.expose().is_empty()).cloned().ok_or_else(missing)
        };
        let recipe = match &entry.verify {
            Verify::HmacSha256(recipe) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret(&recipe.secret)?.expose().as_bytes());
                Recipe::Hmac(recipe.clone(), key)
            }
            Verify::Ed25519(recipe) => {
                let (key, text) = match &recipe.public_key {
                    PublicKey::Secret(name) => (name, secret(name)?.expose().to_owned()),
                    PublicKey::Config(key) => {
                        (key, section.get(key).and_then(Value::as_str).unwrap_or_default().to_owned())
                    }
                };
                let bytes = decoded(recipe.encoding, text.trim()).and_then(|bytes| bytes.try_into().ok());
                let public = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
                let problem = "is not an Ed25519 public key: copy it from the vendor's page, 32 bytes";
                Recipe::Ed25519(
                    recipe.clone(),
                    public.ok_or_else(|| GrantError::Value { key: key.clone(), problem })?,
                )
            }
            Verify::SharedToken(recipe) => Recipe::Token(recipe.clone(), secret(&recipe.secret)?),
        };
        let challenge = match &entry.challenge {
            Some(challenge) => Some((challenge.clone(), secret(&challenge.secret)?)),
            None => None,
        };
        Ok(Self {
            name: entry.name.clone(),
            path: entry.path.clone(),
            max_body: entry.max_body,
            methods: entry.allowed_methods(),
            recipe,
            challenge,
        })
    }

    /// Whether the route takes a method at all, so that a body need not be read for nothing.
    #[must_use]
    pub fn takes(&self, method: &str) -> bool {
        self.methods.iter().any(|own| own == method) || (self.challenge.is_some() && method == "GET")
    }

    /// Finds out whether the vendor sent the request. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`Unverified`] says what speaks against it; nobody may act on the request then.
    pub fn verify(&self, request: &Incoming<'_>, now: u64) -> Result<Verdict, Unverified> {
        if let Some((challenge, secret)) = &self.challenge
            && request.method == "GET"
            && request.query.iter().any(|(name, _)| *name == challenge.echo)
        {
            return answer(challenge, secret, request);
        }
        if !self.methods.iter().any(|method| method == request.method) {
            return Err(Unverified::Method);
        }
        if request.body.len() as u64 > self.max_body {
            return Err(Unverified::TooLarge);
        }
        match &self.recipe {
            Recipe::Hmac(recipe, key) => hmac_fits(recipe, key, request, now),
            Recipe::Ed25519(recipe, key) => signature_fits(recipe, key, request, now),
            Recipe::Token(recipe, secret) => token_fits(recipe, secret, request),
        }
        .map(|()| Verdict::Verified)
    }
}

fn answer(challenge: &Challenge, secret: &Secret, request: &Incoming<'_>) -> Result<Verdict, Unverified> {
    let token = only(request.query, |name| name == challenge.token)
        .ok_or(Unverified::Missing("the challenge's token"))?;
    if !secret.matches(token) {
        return Err(Unverified::Mismatch("the challenge's token"));
    }
    let echo = only(request.query, |name| name == challenge.echo).filter(|echo| echo.len() <= LONGEST_ECHO);
    echo.map(|echo| Verdict::Challenge(echo.to_owned())).ok_or(Unverified::Missing("the challenge's text"))
}

fn hmac_fits(
    recipe: &HmacSha256,
    key: &hmac::Key,
    request: &Incoming<'_>,
    now: u64,
) -> Result<(), Unverified> {
    let timestamp = match &recipe.timestamp_header {
        Some(name) => recent(request, name, recipe.max_age, now)?,
        None => "",
    };
    let written =
        header(request, &recipe.header).and_then(|value| value.strip_prefix(recipe.prefix.as_str()));
    let code = written.and_then(|written| decoded(recipe.encoding, written));
    let code = code.ok_or(Unverified::Missing("the header with the code"))?;
    // The body is put in last: what it holds is never taken for a place.
    let (before, after) = recipe.signs.split_once("{body}").unwrap_or(("", ""));
    let signed = [
        before.replace("{timestamp}", timestamp).as_bytes(),
        request.body,
        after.replace("{timestamp}", timestamp).as_bytes(),
    ]
    .concat();
    hmac::verify(key, &signed, &code).map_err(|_| Unverified::Mismatch("the code"))
}

fn signature_fits(
    recipe: &Ed25519,
    key: &VerifyingKey,
    request: &Incoming<'_>,
    now: u64,
) -> Result<(), Unverified> {
    let timestamp = recent(request, &recipe.timestamp_header, recipe.max_age, now)?;
    let signature = header(request, &recipe.signature_header)
        .and_then(|written| decoded(recipe.encoding, written))
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .ok_or(Unverified::Missing("the header with the signature"))?;
    let signed = [timestamp.as_bytes(), request.body].concat();
    key.verify_strict(&signed, &signature).map_err(|_| Unverified::Mismatch("the signature"))
}

fn token_fits(recipe: &SharedToken, secret: &Secret, request: &Incoming<'_>) -> Result<(), Unverified> {
    let written = match (&recipe.header, &recipe.query) {
        (Some(name), _) => header(request, name),
        (None, Some(wanted)) => only(request.query, |name| name == wanted),
        (None, None) => None,
    };
    let token = written.and_then(|written| written.strip_prefix(recipe.prefix.as_str()));
    let token = token.ok_or(Unverified::Missing("the token"))?;
    if secret.matches(token) { Ok(()) } else { Err(Unverified::Mismatch("the token")) }
}

/// The time of sending as it is written, once it is known to be near enough.
fn recent<'r>(request: &Incoming<'r>, name: &str, max_age: u64, now: u64) -> Result<&'r str, Unverified> {
    let written = header(request, name).ok_or(Unverified::Missing("the header with the time"))?;
    let digits = !written.is_empty() && written.bytes().all(|b| b.is_ascii_digit());
    let sent = written
        .parse::<u64>()
        .ok()
        .filter(|_| digits)
        .ok_or(Unverified::Missing("the header with the time"))?;
    if sent.abs_diff(now) > max_age { Err(Unverified::Stale) } else { Ok(written) }
}

fn header<'r>(request: &Incoming<'r>, wanted: &str) -> Option<&'r str> {
    only(request.headers, |name| name.eq_ignore_ascii_case(wanted)).map(str::trim)
}

/// The value of the one entry whose name fits.
fn only(list: &[(String, String)], fits: impl Fn(&str) -> bool) -> Option<&str> {
    let mut values = list.iter().filter(|(name, _)| fits(name)).map(|(_, value)| value.as_str());
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

fn decoded(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => BASE64.decode(text).ok(),
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
