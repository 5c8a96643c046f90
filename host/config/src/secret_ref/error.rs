//! Why a configured secret has no value. No variant holds a value, and none holds what a program or a file said.

use super::SecretSource;

/// Why a configured secret has no value. Each names the place and what to do.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// The variable is not set, or blank.
    #[error("environment variable {name} is not set (export {name}, or put the value at {place})")]
    MissingEnv {
        /// The variable.
        name: String,
        /// The path in the file that refers to it.
        place: String,
    },
    /// An env provider has a list of variables, and this one is not on it.
    #[error("{place} refers to {name}, which secrets.providers.{provider}.allowlist does not name")]
    NotAllowed {
        /// The variable.
        name: String,
        /// The provider.
        provider: String,
        /// The path in the file.
        place: String,
    },
    /// A reference to the original's own store.
    #[error(
        "{place} refers to a secret of source \"store\": this gateway has no store of secrets yet (put the value into \
         <state>/.env or a file and refer to it by source \"env\" or \"file\", or ask a password manager by source \
         \"exec\")"
    )]
    NoStore {
        /// The path in the file.
        place: String,
    },
    /// The provider is not there, or gives no value.
    #[error("{place} has no value: {} provider \"{provider}\", id \"{id}\": {problem}", .kind.as_str())]
    Provider {
        /// The path in the file.
        place: String,
        /// The source of the reference.
        kind: SecretSource,
        /// The name in `secrets.providers`.
        provider: String,
        /// The id of the reference.
        id: String,
        /// What is wrong, in this gateway's own words.
        problem: String,
    },
    /// The placeholder of `config get` stands where the secret was.
    #[error(
        "{place} holds the placeholder __OPENCLAW_REDACTED__ instead of a secret (openclaw config set {place} <value>)"
    )]
    Redacted {
        /// The path in the file.
        place: String,
    },
    /// Neither a string nor a reference.
    #[error("{place}: {advice}")]
    Malformed {
        /// The path in the file.
        place: String,
        /// What to write.
        advice: String,
    },
}
