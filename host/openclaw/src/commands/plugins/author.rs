//! `openclaw plugins pack`, `sign` and `verify`: what an author needs to hand a plugin on. They touch no installation.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use openclaw_packages::{PackageFile, PublisherKey, Reach};
use serde_json::json;

use super::{fetch::Source, install::facts};
use crate::{
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

/// The largest key file that is read, in bytes.
const LONGEST_KEY: u64 = 4096;

/// Flags of `openclaw plugins pack`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins pack ./my-channel
  openclaw plugins pack ./my-channel --out my-channel.wasm

The folder holds plugin.toml, the schema that it names, and component.wasm.")]
pub(crate) struct PackFlags {
    /// The folder
    #[arg(value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// The file to write; without it ID-VERSION.wasm, here
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
}

/// Flags of `openclaw plugins sign`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins sign my-channel-1.0.0.wasm --key ~/publisher.key --new-key   The first time: makes the key
  openclaw plugins sign my-channel-1.1.0.wasm --key ~/publisher.key

Keep the key: who installed a plugin takes updates of it from this key alone.")]
pub(crate) struct SignFlags {
    /// The package; it is signed in its place
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The file with the publisher's secret key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    key: PathBuf,
    /// Make the key first; refused when the file is there already
    #[arg(long)]
    new_key: bool,
}

/// Flags of `openclaw plugins verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins verify my-channel-1.0.0.wasm
  openclaw plugins verify oci://ghcr.io/example/my-channel:1.0.0 --json

Exits with 1 when the package does not hold together, or is not signed.")]
pub(crate) struct VerifyFlags {
    /// A file, a folder, https://… or oci://host/repository:tag
    source: String,
}

pub(super) fn pack(flags: &PackFlags, context: &Context) -> Result<ExitCode, CliError> {
    let package = PackageFile::pack(&flags.folder)?;
    let plugin = &package.manifest.plugin;
    let out =
        flags.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-{}.wasm", plugin.id, plugin.version)));
    write(&out, package.bytes(), 0o644)?;
    let size = package.bytes().len();
    if context.json {
        print_json(&json!({
            "ok": true, "file": out, "id": plugin.id, "version": plugin.version, "digest": package.digest, "bytes": size,
        }))?;
    } else {
        print_line(&format!(
            "Packed {} {} into {} ({size} bytes).",
            plugin.id,
            plugin.version,
            out.display()
        ))?;
        print_line(&format!("Sign it: openclaw plugins sign {} --key FILE", out.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn sign(flags: &SignFlags, context: &Context) -> Result<ExitCode, CliError> {
    // Before a key is made for nothing.
    let package = PackageFile::open(&flags.file)?;
    let key = if flags.new_key { make_key(&flags.key)? } else { read_key(&flags.key)? };
    let signed = package.signed(&key)?;
    write(&flags.file, signed.bytes(), 0o644)?;
    let publisher = key.publisher();
    if context.json {
        print_json(&json!({
            "ok": true, "file": flags.file, "digest": signed.digest, "publisher": publisher, "newKey": flags.new_key,
        }))?;
    } else {
        if flags.new_key {
            print_line(&format!("Made the key {}. Keep it, and keep it secret.", flags.key.display()))?;
        }
        print_line(&format!("Signed {} as {publisher}.", flags.file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn verify(flags: &VerifyFlags, context: &Context) -> Result<ExitCode, CliError> {
    let package = Source::parse(&flags.source)?.fetch(context)?;
    let plugin = &package.manifest.plugin;
    let reach = Reach::of(&package.manifest);
    let signed = package.publisher.is_some();
    if context.json {
        print_json(&json!({
            "ok": signed, "id": plugin.id, "version": plugin.version, "wit": plugin.wit, "digest": package.digest,
            "signed": signed, "publisher": package.publisher, "reach": facts(reach.facts()),
        }))?;
    } else {
        let whose = match &package.publisher {
            Some(publisher) => context.output.good(&format!("signed by {publisher}")),
            None => context.output.bad("UNSIGNED: nobody answers for it (openclaw plugins sign)"),
        };
        print_line(&format!("{} ({}) {}, {}", clean(&plugin.label), plugin.id, plugin.version, plugin.wit))?;
        print_line(&format!("  {whose}\n  sha256 {}\nIt", package.digest))?;
        for fact in reach.facts() {
            print_line(&format!("  - {}", clean(&fact.to_string())))?;
        }
    }
    Ok(if signed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn make_key(file: &Path) -> Result<PublisherKey, CliError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| CliError::invalid(format!("no random numbers: {error}")))?;
    let key = PublisherKey::from_seed(&seed);
    let text = key.to_text();
    let make = || {
        let mut open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        open.write_all(text.expose().as_bytes())?;
        open.sync_all()
    };
    make().map_err(|source| CliError::File { path: file.to_owned(), source })?;
    Ok(key)
}

fn read_key(file: &Path) -> Result<PublisherKey, CliError> {
    let failed = |source| CliError::File { path: file.to_owned(), source };
    let metadata = match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = format!("{}: there is no key (make one with --new-key)", file.display());
            return Err(CliError::Detailed { text, code: "PUBLISHER_KEY_MISSING", extra: json!({}) });
        }
        metadata => metadata.map_err(failed)?,
    };
    let invalid = || {
        let text = format!(
            "{}: is not a publisher's key (make one with: openclaw plugins sign … --new-key)",
            file.display()
        );
        CliError::Detailed { text, code: "PUBLISHER_KEY_INVALID", extra: json!({}) }
    };
    if metadata.len() > LONGEST_KEY {
        return Err(invalid());
    }
    let text = openclaw_secrets::Secret::from(std::fs::read_to_string(file).map_err(failed)?);
    PublisherKey::from_text(text.expose()).ok_or_else(invalid)
}

/// Writes a file whole or not at all.
fn write(file: &Path, bytes: &[u8], mode: u32) -> Result<(), CliError> {
    let failed = |source| CliError::File { path: file.to_owned(), source };
    let staged = file.with_extension("wasm.new");
    let write = || {
        let mut open =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&staged)?;
        open.write_all(bytes)?;
        open.sync_all()?;
        std::fs::rename(&staged, file)
    };
    write().map_err(failed)
}
