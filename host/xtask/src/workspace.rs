//! What the workspace consists of: its root, its plugins and the packages that are built for them.

use std::path::{Path, PathBuf};

use openclaw_authoring::Kind;
use serde::Deserialize;

use crate::error::{AtPath, Error};

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    // host/xtask → host → root; both parents exist for any place that this package can stand in.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where the host's build looks for the plugins that it embeds, wherever cargo itself builds.
pub(crate) fn bundled_plugins() -> PathBuf {
    root().join("target").join("plugins")
}

/// Where the tests look for guests that are made for them.
pub(crate) fn test_plugins() -> PathBuf {
    root().join("target").join("test-plugins")
}

/// One folder with a `plugin.toml`.
#[derive(Debug)]
pub(crate) struct Plugin {
    /// The plugin's id.
    pub(crate) id: String,
    /// Where its manifest stands.
    pub(crate) folder: PathBuf,
    /// How it is built.
    pub(crate) kind: Kind,
    /// The package that its component is built from; absent for a plugin that has no code yet.
    pub(crate) guest: Option<String>,
}

/// The plugins below `folder` of the workspace, sorted by id.
pub(crate) fn plugins(folder: &str) -> Result<Vec<Plugin>, Error> {
    let folder = root().join(folder);
    let mut plugins = Vec::new();
    if !folder.exists() {
        return Ok(plugins);
    }
    for entry in std::fs::read_dir(&folder).at(&folder)? {
        let folder = entry.at(&folder)?.path();
        if folder.join("plugin.toml").exists() {
            plugins.push(plugin(folder)?);
        }
    }
    plugins.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(plugins)
}

/// The names of the packages that the program is made of, sorted.
pub(crate) fn host_packages() -> Result<Vec<String>, Error> {
    let folder = root().join("host");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).at(&folder)? {
        let manifest = entry.at(&folder)?.path().join("Cargo.toml");
        let CargoManifest { package } = read_toml(&manifest)?;
        names.push(package.name);
    }
    names.retain(|name| name != env!("CARGO_PKG_NAME"));
    names.sort();
    Ok(names)
}

#[derive(Deserialize)]
struct CargoManifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

fn plugin(folder: PathBuf) -> Result<Plugin, Error> {
    #[derive(Deserialize)]
    struct PluginManifest {
        plugin: PluginTable,
    }
    #[derive(Deserialize)]
    struct PluginTable {
        id: String,
        kind: Word,
    }
    #[derive(Clone, Copy, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Channel,
        Provider,
    }
    let PluginManifest { plugin } = read_toml(&folder.join("plugin.toml"))?;
    let cargo = folder.join("Cargo.toml");
    let guest = if cargo.exists() {
        let CargoManifest { package } = read_toml(&cargo)?;
        Some(package.name)
    } else {
        None
    };
    let kind = match plugin.kind {
        Word::Channel => Kind::Channel,
        Word::Provider => Kind::Provider,
    };
    Ok(Plugin { id: plugin.id, folder, kind, guest })
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).at(path)?;
    toml::from_str(&text).map_err(|e| Error::Content { path: path.to_owned(), reason: e.to_string() })
}
