//! A folder in which a plugin is written: `plugin.toml` and `Cargo.toml` beside each other. What every command for authors begins with.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use openclaw_authoring::{AuthoringError, Build, Built, Plan, Refreshed, Toolchain};
use openclaw_packages::{Kind, Manifest};
use serde_json::json;

use crate::{context::Context, error::CliError, output::note};

/// The folder.
#[derive(Args, Clone, Debug)]
pub(super) struct FolderFlags {
    /// The folder with plugin.toml and Cargo.toml (default: here)
    #[arg(value_hint = ValueHint::DirPath, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// A plugin that is being written.
#[derive(Debug)]
pub(super) struct Project {
    /// Absolute, without links.
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
}

impl From<AuthoringError> for CliError {
    fn from(error: AuthoringError) -> Self {
        Self::Detailed { text: error.to_string(), code: error.code(), extra: json!({}) }
    }
}

impl FolderFlags {
    /// The folder, absolute.
    pub(super) fn resolve(&self) -> Result<PathBuf, CliError> {
        let folder = self.folder.clone().unwrap_or_else(|| PathBuf::from("."));
        let absolute = folder.canonicalize().map_err(|source| CliError::File { path: folder, source })?;
        if !absolute.join("plugin.toml").is_file() {
            let text = format!(
                "{}: holds no plugin.toml (name the plugin's folder, or begin one: openclaw plugins new ID)",
                absolute.display()
            );
            return Err(CliError::Detailed { text, code: "PLUGIN_FOLDER_INVALID", extra: json!({}) });
        }
        Ok(absolute)
    }
}

impl Project {
    pub(super) fn read(folder: &Path) -> Result<Self, CliError> {
        let file = folder.join("plugin.toml");
        let text =
            std::fs::read_to_string(&file).map_err(|source| CliError::File { path: file.clone(), source })?;
        let manifest = Manifest::parse(&text, &file.display().to_string())?;
        Ok(Self { folder: folder.to_owned(), manifest })
    }

    pub(super) fn plan(&self) -> Plan {
        let plugin = &self.manifest.plugin;
        Plan {
            folder: self.folder.clone(),
            id: plugin.id.clone(),
            kind: authored(plugin.kind),
            files: self.manifest.config.iter().map(|config| config.schema.clone()).collect(),
            destination: None,
        }
    }

    /// Makes the SDK and the toolchain ready for a build.
    pub(super) fn prepare(&self, context: &Context) -> Result<(), CliError> {
        let told = |what: &str| {
            if !context.json {
                note(what);
            }
        };
        match openclaw_authoring::refresh(&self.folder)? {
            Refreshed::Current | Refreshed::Elsewhere => {}
            Refreshed::Written(None) => told("Wrote .openclaw: the SDK of this openclaw"),
            Refreshed::Written(Some(before)) => {
                told(&format!("Wrote .openclaw anew: the SDK of this openclaw (before: {before})"));
            }
        }
        Toolchain::of(&self.folder).complete(authored(self.manifest.plugin.kind), &mut |what| told(what))?;
        Ok(())
    }

    /// Builds it, with these further arguments for cargo.
    pub(super) fn build(&self, arguments: &[String], context: &Context) -> Result<Built, CliError> {
        self.prepare(context)?;
        Ok(Build::start(self.plan(), arguments, false)?.wait()?)
    }
}

/// The kind, as it decides how a plugin is built.
pub(super) fn authored(kind: Kind) -> openclaw_authoring::Kind {
    match kind {
        Kind::Channel => openclaw_authoring::Kind::Channel,
        Kind::Provider => openclaw_authoring::Kind::Provider,
    }
}
