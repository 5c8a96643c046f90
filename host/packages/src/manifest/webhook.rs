//! `[[webhook]]`: one route under which the vendor calls, and the recipe by which the host finds out that it was the vendor. A
//! route without a recipe would be open to everybody, so there is none.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Fault, Manifest, fault, name_fault, range_fault};
use crate::compose::path_problem;

/// The largest body that a route may ask for, in bytes.
const LARGEST_BODY: u64 = 16 * 1024 * 1024;
const DEFAULT_MAX_BODY: u64 = 1024 * 1024;
/// How old a signed request may be, in seconds.
const OLDEST: u64 = 3_600;
const DEFAULT_MAX_AGE: u64 = 300;

/// `[[webhook]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhook {
    /// What the component calls it.
    pub name: String,
    /// The path below the account's own place on the gateway.
    pub path: String,
    /// Upper case: `GET`, `POST`, `PUT`. Empty means `POST`.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Bytes of a request body.
    #[serde(default = "default_max_body")]
    pub max_body: u64,
    /// Exactly one recipe.
    pub verify: Verify,
    /// How the vendor tries the address before it uses it.
    pub challenge: Option<Challenge>,
}

/// `verify = { recipe = { … } }`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// A keyed hash of the body in a header.
    HmacSha256(HmacSha256),
    /// A signature of time and body in a header.
    Ed25519(Ed25519),
    /// The secret itself, in a header or in the query.
    SharedToken(SharedToken),
}

/// `hmac-sha256`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HmacSha256 {
    /// The header with the code.
    pub header: String,
    /// What stands before the code in the header, as `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// How the code is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// The name of a `[[secret]]`: the key.
    pub secret: String,
    /// The header with the time of sending, in Unix seconds. Without it an old request cannot be told from a new one.
    pub timestamp_header: Option<String>,
    /// What the code covers: text with `{body}` in it and, with a `timestamp-header`, `{timestamp}`.
    #[serde(default = "default_signs")]
    pub signs: String,
    /// How many seconds the time of sending may lie from now, either way.
    #[serde(default = "default_max_age")]
    pub max_age: u64,
}

/// How bytes are written in a header.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Hexadecimal, in either case.
    #[default]
    Hex,
    /// Base64 of the standard alphabet, with or without `=` at its end.
    Base64,
}

/// `ed25519`: the signature covers the time as it stands in its header, then the body.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ed25519 {
    /// The header with the signature.
    pub signature_header: String,
    /// The header with the time of sending, in Unix seconds.
    pub timestamp_header: String,
    /// How the signature and the key are written.
    #[serde(default)]
    pub encoding: Encoding,
    /// Whose signature counts.
    pub public_key: PublicKey,
    /// How many seconds the time of sending may lie from now, either way.
    #[serde(default = "default_max_age")]
    pub max_age: u64,
}

/// `public-key = { secret = "…" }` or `{ config = "…" }`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum PublicKey {
    /// The name of a `[[secret]]`.
    Secret(String),
    /// A key of the section: it is no secret.
    Config(String),
}

/// `shared-token`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SharedToken {
    /// The header with the token, unless it stands in the query.
    pub header: Option<String>,
    /// The name in the query, unless it stands in a header.
    pub query: Option<String>,
    /// What stands before the token, as `Bearer `.
    #[serde(default)]
    pub prefix: String,
    /// The name of a `[[secret]]`.
    pub secret: String,
}

/// `challenge`: a `GET` with a token of the operator's and a text to send back. The host answers it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Challenge {
    /// The name in the query of the text to send back.
    pub echo: String,
    /// The name in the query of the token.
    pub token: String,
    /// The name of a `[[secret]]`.
    pub secret: String,
}

impl Webhook {
    /// The methods that it allows, without the `GET` of a challenge.
    #[must_use]
    pub fn allowed_methods(&self) -> Vec<String> {
        if self.methods.is_empty() { vec!["POST".to_owned()] } else { self.methods.clone() }
    }
}

fn default_max_body() -> u64 {
    DEFAULT_MAX_BODY
}

fn default_max_age() -> u64 {
    DEFAULT_MAX_AGE
}

fn default_signs() -> String {
    "{body}".to_owned()
}

pub(super) fn first_fault(manifest: &Manifest) -> Option<Fault> {
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    manifest.webhooks.iter().enumerate().find_map(|(n, route)| {
        let key = |field: &str| format!("webhook[{n}].{field}");
        if !names.insert(&route.name) {
            return fault(key("name"), format!("\"{}\" occurs twice", route.name), "rename one");
        }
        if !paths.insert(&route.path) {
            return fault(
                key("path"),
                format!("\"{}\" occurs twice", route.path),
                "give each route a path of its own",
            );
        }
        let known = ["GET", "POST", "PUT"];
        if let Some(method) = route.methods.iter().find(|method| !known.contains(&method.as_str())) {
            let problem = format!("\"{method}\" is not a method that a route can have");
            return fault(key("methods"), problem, "use GET, POST, PUT");
        }
        name_fault(key("name"), &route.name)
            .or_else(|| {
                let plain = route.path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/".contains(&b));
                let problem = path_problem(&route.path)
                    .or_else(|| (!plain).then_some("holds more than A-Z, a-z, 0-9, -, ., _, ~ and /"))?;
                fault(key("path"), problem.to_owned(), "write /path")
            })
            .or_else(|| {
                range_fault(key("max-body"), route.max_body, LARGEST_BODY, "state the largest body in bytes")
            })
            .or_else(|| verify_fault(manifest, &route.verify, &key))
            .or_else(|| challenge_fault(manifest, route.challenge.as_ref()?, &key))
    })
}

fn verify_fault(manifest: &Manifest, verify: &Verify, key: &dyn Fn(&str) -> String) -> Option<Fault> {
    match verify {
        Verify::HmacSha256(recipe) => {
            let within = |field: &str| key(&format!("verify.hmac-sha256.{field}"));
            header_fault(within("header"), &recipe.header)
                .or_else(|| header_fault(within("timestamp-header"), recipe.timestamp_header.as_ref()?))
                .or_else(|| signs_fault(recipe, within("signs")))
                .or_else(|| range_fault(within("max-age"), recipe.max_age, OLDEST, "write 300"))
                .or_else(|| manifest.undeclared_secret(|| within("secret"), &recipe.secret))
        }
        Verify::Ed25519(recipe) => {
            let within = |field: &str| key(&format!("verify.ed25519.{field}"));
            header_fault(within("signature-header"), &recipe.signature_header)
                .or_else(|| header_fault(within("timestamp-header"), &recipe.timestamp_header))
                .or_else(|| range_fault(within("max-age"), recipe.max_age, OLDEST, "write 300"))
                .or_else(|| match &recipe.public_key {
                    PublicKey::Secret(name) => {
                        manifest.undeclared_secret(|| within("public-key.secret"), name)
                    }
                    PublicKey::Config(key) if key.is_empty() => {
                        fault(within("public-key.config"), "is empty".to_owned(), "name a key of the section")
                    }
                    PublicKey::Config(_) => None,
                })
        }
        Verify::SharedToken(recipe) => {
            let within = |field: &str| key(&format!("verify.shared-token.{field}"));
            if recipe.header.is_some() == recipe.query.is_some() {
                let problem = "has to stand in one place".to_owned();
                return fault(key("verify.shared-token"), problem, "name either header or query");
            }
            recipe
                .header
                .as_ref()
                .and_then(|header| header_fault(within("header"), header))
                .or_else(|| manifest.undeclared_secret(|| within("secret"), &recipe.secret))
        }
    }
}

fn signs_fault(recipe: &HmacSha256, key: String) -> Option<Fault> {
    let count = |place: &str| recipe.signs.matches(place).count();
    if count("{body}") != 1 {
        let problem = "does not contain {body} once".to_owned();
        return fault(key, problem, "write {body}, with what the vendor puts around it");
    }
    // A time that nothing vouches for would be no protection.
    if count("{timestamp}") != usize::from(recipe.timestamp_header.is_some()) {
        let problem = "and timestamp-header do not fit together".to_owned();
        return fault(key, problem, "write {timestamp} once in signs and name its header, or neither");
    }
    None
}

fn challenge_fault(
    manifest: &Manifest,
    challenge: &Challenge,
    key: &dyn Fn(&str) -> String,
) -> Option<Fault> {
    if challenge.echo.is_empty() || challenge.token.is_empty() || challenge.echo == challenge.token {
        let problem = "needs two names in the query".to_owned();
        return fault(key("challenge"), problem, "name echo and token");
    }
    manifest.undeclared_secret(|| key("challenge.secret"), &challenge.secret)
}

fn header_fault(key: String, name: &str) -> Option<Fault> {
    if http::HeaderName::from_bytes(name.as_bytes()).is_ok() {
        return None;
    }
    fault(key, format!("\"{name}\" is not a header name"), "use a-z, 0-9 and -")
}
