//! Embeds the packages that stand in `target/plugins/<id>/` (or in `OPENCLAW_PLUGINS_DIR`) at build time. One that has no
//! `component.wasm` is embedded without. Without the folder nothing is embedded, so that a fresh clone builds.

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
    packages.retain(|package| package.join("plugin.toml").is_file());
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
    let manifest = package.join("plugin.toml").canonicalize()?;
    let schema = package.join("config.schema.json");
    let schema =
        if schema.is_file() { without_blanks(&fs::read_to_string(schema)?) } else { "true".to_owned() };
    let mut code = String::new();
    let _infallible = writeln!(
        code,
        "    Embedded {{ id: {id:?}, manifest: include_str!({:?}), schema: {schema:?}, component: {} }},",
        manifest.display().to_string(),
        component(&package.join("component.wasm"))?,
    );
    Ok(code)
}

fn component(file: &Path) -> io::Result<String> {
    if !file.is_file() {
        return Ok("None".to_owned());
    }
    let file = file.canonicalize()?;
    let digest = hex::encode(Sha256::digest(fs::read(&file)?));
    let file = file.display().to_string();
    Ok(format!(
        "Some(crate::package::EmbeddedComponent {{ wasm: include_bytes!({file:?}), digest: {digest:?} }})"
    ))
}

/// JSON without the blanks between its tokens.
fn without_blanks(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |c: &char| {
        match (in_string, *c) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => in_string = !in_string,
            (false, c) => return !c.is_ascii_whitespace(),
            (true, _) => {}
        }
        true
    };
    json.chars().filter(keep).collect()
}
