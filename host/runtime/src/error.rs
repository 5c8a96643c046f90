//! Why a plugin cannot be used. What goes wrong in a running instance is an [`crate::Exit`] instead.

use std::borrow::Cow;

use openclaw_secrets::Scrubber;

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
    /// The component takes more time or memory to compile than it may, or is not valid.
    #[error("plugin `{plugin}` cannot be compiled: {reason}. Ask its author for a smaller or newer build")]
    Compile {
        /// The plugin's id.
        plugin: String,
        /// What the compiler said, or which limit it ran into.
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
    /// The component was built against a version of the contract that this gateway does not speak.
    #[error(
        "plugin `{plugin}` was built against {built}, and this gateway speaks {spoken}: {}",
        remedy(built)
    )]
    Version {
        /// The plugin's id.
        plugin: String,
        /// What the component speaks.
        built: String,
        /// What this gateway speaks.
        spoken: &'static str,
    },
    /// The component imports a capability that its manifest does not ask for.
    #[error(
        "plugin `{plugin}` imports {import}, and its manifest does not ask for it. Add {line} to plugin.toml, or remove \
         the calls and build it again"
    )]
    NotGranted {
        /// The plugin's id.
        plugin: String,
        /// The interface.
        import: String,
        /// What plugin.toml lacks.
        line: &'static str,
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
            Self::Compile { .. } => "plugin_compile_failed",
            Self::Contract { .. } | Self::Version { .. } => "plugin_contract_mismatch",
            Self::NotGranted { .. } => "plugin_not_granted",
            Self::Engine(_) => "engine_unavailable",
        }
    }
}

/// What to do about a component of another version.
fn remedy(built: &str) -> &'static str {
    // Versions are compared part by part: 0.10.0 is later than 0.9.0.
    let parts =
        |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
    let built = built.rsplit('@').next().unwrap_or_default();
    match parts(built) > vec![0, 2, 0] {
        true => "update the gateway, or install a version of the plugin for this one",
        false => "install a newer version of the plugin, or rebuild it with the SDK of this gateway",
    }
}

/// What ended a guest, the cause before the place: whoever shows only the beginning shows what matters.
pub(crate) fn told(error: &wasmtime::Error) -> String {
    let mut chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    chain.reverse();
    chain.join(": ")
}

/// The longest prefix of `text` that has at most `limit` bytes and ends between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// A guest's words as they may be shown and kept: free of secrets, at most `limit` bytes. Scrubbed before they are cut, so that no
/// part of a secret is left at the end; what lies far beyond the limit is not looked at.
pub(crate) fn shown(text: &str, limit: usize, scrubber: &Scrubber) -> String {
    let longest = scrubber.longest();
    let looked_at = cut(text, 2 * limit + longest);
    let mut clean = scrubber.scrub(looked_at);
    if looked_at.len() < text.len() {
        // A secret may begin there and end where nobody looked.
        let whole = cut(&clean, clean.len().saturating_sub(longest)).to_owned();
        clean = Cow::Owned(whole);
    }
    cut(&clean, limit).to_owned()
}

#[cfg(test)]
mod tests {
    use openclaw_secrets::Secret;

    use super::*;

    #[test]
    fn no_part_of_a_secret_is_left_at_the_end() {
        let scrubber = Scrubber::new(&[Secret::from("12345:secret-value")]);
        assert_eq!(shown("it is 12345:secret-value", 100, &scrubber), "it is ***");
        assert_eq!(shown(&"é".repeat(100), 9, &scrubber), "é".repeat(4));
        for much in 1..60 {
            let said = shown(&"12345:secret-value".repeat(much), 100, &scrubber);
            assert!(said.chars().all(|c| c == '*') && said.len() <= 100, "{said}");
        }
    }

    #[test]
    fn the_cause_stands_before_the_place() {
        let error = wasmtime::format_err!("unreachable").context("error while executing at wasm backtrace");
        assert_eq!(told(&error), "unreachable: error while executing at wasm backtrace");
    }
}
