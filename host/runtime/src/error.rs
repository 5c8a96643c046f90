//! Why a plugin cannot be used. What goes wrong in a running instance is an [`crate::Exit`] instead.

/// A component that does not load. `code` is stable, `Display` is for people.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The package has no component.
    #[error("plugin `{0}` has no component in this build")]
    Absent(String),
    /// The bytes are not a component that this engine can run.
    #[error("plugin `{plugin}` is not a valid component: {reason}. Rebuild it with `cargo xtask build`")]
    Invalid {
        /// The plugin's id.
        plugin: String,
        /// The engine's own words.
        reason: String,
    },
    /// The component and the gateway disagree about the contract.
    #[error(
        "plugin `{plugin}` does not fit this gateway's contract {contract}: {reason}. \
         Rebuild it against the SDK of this version"
    )]
    Contract {
        /// The plugin's id.
        plugin: String,
        /// The contract that this gateway speaks.
        contract: &'static str,
        /// Which import or export does not fit.
        reason: String,
    },
    /// The engine itself could not be set up.
    #[error("the WebAssembly engine could not start: {0}")]
    Engine(String),
}

impl LoadError {
    /// A stable word for scripts and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent(_) => "plugin_unavailable",
            Self::Invalid { .. } => "plugin_invalid",
            Self::Contract { .. } => "plugin_contract_mismatch",
            Self::Engine(_) => "engine_unavailable",
        }
    }
}

/// The longest prefix of `text` that has at most `limit` bytes and ends between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}
