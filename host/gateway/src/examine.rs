//! What a gateway would say about a plugin: it is loaded as a gateway loads it, and nothing of it runs. For authors, without a
//! running gateway; touches no durable state but the artifact cache.

use openclaw_config::Paths;
use openclaw_packages::Package;

/// A plugin that a gateway would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// The optional interfaces that it exports, in the order of the contract.
    pub features: Vec<&'static str>,
    /// All that its component imports, with versions.
    pub imports: Vec<String>,
}

/// Why a gateway would not take a plugin.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct NotTaken {
    /// A stable word for scripts.
    pub code: &'static str,
    /// For people, with what to do.
    pub text: String,
}

/// Compiles the plugin's component in a process of its own, and checks its imports and exports.
///
/// # Errors
/// When a gateway would refuse it.
pub async fn examine_plugin(paths: &Paths, package: &Package) -> Result<Examined, NotTaken> {
    let loaded = match crate::wiring::runtime(paths) {
        Ok(runtime) => runtime.load(package).await,
        Err(error) => Err(error),
    };
    // The engine spreads its words over lines.
    let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plugin =
        loaded.map_err(|error| NotTaken { code: error.code(), text: one_line(error.to_string()) })?;
    let features = plugin.features();
    let exported = [
        ("send-media", features.send_media),
        ("typing", features.typing),
        ("webhook", features.webhook),
        ("embeddings", features.embeddings),
    ];
    Ok(Examined {
        features: exported.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect(),
        imports: plugin.imports().to_vec(),
    })
}
