//! `openclaw plugins new`: the beginning of a plugin, which builds, passes its tests and runs as it stands.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum, ValueHint};
use openclaw_packages::{Kind, Plugin};
use serde_json::json;

use super::project::authored;
use crate::{
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// Flags of `openclaw plugins new`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins new my-channel
  openclaw plugins new my-models --kind provider --dir ~/src/my-models

It needs a Rust toolchain (https://rustup.rs) and nothing else: the SDK comes with it.")]
pub(crate) struct Flags {
    /// The plugin's id: at most 64 of a-z, 0-9 and -, beginning with a letter
    id: String,
    /// What it plugs into
    #[arg(long, value_enum, default_value_t = KindFlag::Channel)]
    kind: KindFlag,
    /// Where to write it (default: a folder with the id's name, here)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindFlag {
    /// A chat vendor
    Channel,
    /// A dialect of model APIs
    Provider,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let id = &flags.id;
    // A crate is named for it, and a crate's name begins with a letter.
    if !Plugin::is_id(id) || !id.starts_with(|first: char| first.is_ascii_lowercase()) {
        let text =
            format!("\"{id}\" is not an id (use at most 64 of a-z, 0-9 and -, and begin with a letter)");
        return Err(CliError::Detailed { text, code: "PLUGIN_ID_INVALID", extra: json!({}) });
    }
    let kind = match flags.kind {
        KindFlag::Channel => Kind::Channel,
        KindFlag::Provider => Kind::Provider,
    };
    let dir = flags.dir.clone().unwrap_or_else(|| PathBuf::from(id));
    openclaw_authoring::create(&dir, id, authored(kind))?;
    if context.json {
        let folder = dir.canonicalize().unwrap_or(dir);
        print_json(&json!({"ok": true, "id": id, "kind": kind.as_str(), "folder": folder}))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(&format!("Wrote the {} {id} into {}.", kind.as_str(), dir.display()))?;
    print_line(&format!(
        "Next:\n  cd {}\n  openclaw plugins test    Build it, run its tests, check it\n  openclaw plugins dev     Run it in your gateway, and again after each change",
        dir.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
