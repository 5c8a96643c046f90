//! Embeds the packages that stand in `target/plugins/<id>/` (or in `OPENCLAW_PLUGINS_DIR`) at build time. Without that
//! folder nothing is embedded, so that a fresh clone builds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=OPENCLAW_PLUGINS_DIR");
    let folder = plugins_folder();
    // Cargo watches a folder with all that is in it, but takes one that is missing for one that always changes.
    let _may_be_read_only = fs::create_dir_all(&folder);
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut packages: Vec<PathBuf> = match fs::read_dir(&folder) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    packages
        .retain(|package| package.join("component.wasm").is_file() && package.join("plugin.toml").is_file());
    packages.sort();
    let mut code = String::from("static EMBEDDED: &[Embedded] = &[\n");
    for package in &packages {
        code.push_str(&entry(package)?);
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded.rs"), code)
}

fn plugins_folder() -> PathBuf {
    if let Some(folder) = env::var_os("OPENCLAW_PLUGINS_DIR") {
        return folder.into();
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    root.join("../../target/plugins")
}

fn entry(package: &Path) -> io::Result<String> {
    let id = package.file_name().unwrap_or_default().to_string_lossy();
    let wasm = package.join("component.wasm").canonicalize()?;
    let manifest = package.join("plugin.toml").canonicalize()?;
    let schema = package.join("config.schema.json");
    let digest = hex::encode(Sha256::digest(fs::read(&wasm)?));
    let mut code = String::new();
    let schema = match schema.canonicalize() {
        Ok(schema) => format!("include_str!({:?})", schema.display().to_string()),
        Err(_) => "\"true\"".to_owned(),
    };
    let _infallible = writeln!(
        code,
        "    Embedded {{ id: {id:?}, manifest: include_str!({:?}), schema: {schema}, wasm: include_bytes!({:?}), \
         digest: {digest:?} }},",
        manifest.display().to_string(),
        wasm.display().to_string(),
    );
    Ok(code)
}
