//! Embeds what an author needs: the SDK's crates, the current contract, the templates, and the versions of the libraries that
//! they were tested with. Texts alone, as they stand in the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use miniz_oxide::deflate::compress_to_vec;
use sha2::{Digest, Sha256};

/// The contract that the SDK is generated from.
const CONTRACT: &str = "wit/0.2.0";
/// What is embedded of a folder, by the ends of names.
const TEXTS: &[&str] = &[".rs", ".toml", ".md", ".wit", ".json", ".jsonl"];
/// Folders below `sdk` that are not the SDK itself: written for this repository, or embedded by themselves.
const APART: &[&str] = &["examples", "templates"];

/// The level that takes longest and makes the least.
const BEST: u8 = 10;

fn main() -> io::Result<()> {
    let root =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..").canonicalize()?;
    let mut kit = Vec::new();
    for entry in sorted(&root.join("sdk"))? {
        let apart = APART.iter().any(|name| entry.ends_with(name));
        // An author builds the crates; he does not run their tests.
        if entry.is_dir() && !apart {
            texts(&entry, &["tests", "target"], &mut kit)?;
        }
    }
    texts(&root.join(CONTRACT), &[], &mut kit)?;
    let mut templates = Vec::new();
    for kind in ["channel", "provider"] {
        texts(&root.join("sdk/templates").join(kind), &["target"], &mut templates)?;
    }
    for watched in ["sdk", CONTRACT, "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let lock = pinned(&fs::read_to_string(root.join("Cargo.lock"))?);
    let mut parts = String::new();
    for (table, base, files) in [("kit", &root, &kit), ("templates", &root.join("sdk/templates"), &templates)]
    {
        for file in files {
            let place = file.strip_prefix(base).unwrap_or(file).to_string_lossy();
            part(&mut parts, table, &place, &fs::read_to_string(file)?);
        }
    }
    part(&mut parts, "workspace", "", &fs::read_to_string(root.join("sdk/workspace.toml"))?);
    part(&mut parts, "lock", "", &lock);
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("kit"), compress_to_vec(parts.as_bytes(), BEST))?;
    println!("cargo::rustc-env=OPENCLAW_KIT_DIGEST={}", hex::encode(Sha256::digest(&parts)));
    Ok(())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    Ok(entries)
}

/// The texts below `folder`, without what stands in folders named `without`.
fn texts(folder: &Path, without: &[&str], found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in sorted(folder)? {
        if entry.is_dir() {
            if !without.iter().any(|name| entry.ends_with(name)) {
                texts(&entry, &[], found)?;
            }
        } else if TEXTS.iter().any(|end| entry.to_string_lossy().ends_with(end)) {
            found.push(entry);
        }
    }
    Ok(())
}

/// Adds a text behind a line with its table, its length in bytes and its place.
fn part(parts: &mut String, table: &str, place: &str, text: &str) {
    parts.push_str(&format!("{table} {} {place}\n{text}", text.len()));
}

/// What `Cargo.lock` says about the libraries that the SDK and the templates stand on, and about no others. Cargo writes one block for
/// each package, with blank lines between them.
fn pinned(lock: &str) -> String {
    let mut blocks: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut todo = Vec::new();
    for block in lock.split("\n\n").map(str::trim).filter(|block| block.starts_with("[[package]]")) {
        let (Some(name), Some(version)) = (value(block, "name"), value(block, "version")) else { continue };
        blocks.insert((name, version), block);
        if name.starts_with("template-")
            || matches!(name, "openclaw-sdk" | "openclaw-sdk-test" | "openclaw-text" | "openclaw-pace")
        {
            todo.push((name, version));
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(package) = todo.pop() {
        let Some(block) = blocks.get(&package).filter(|_| seen.insert(package)) else { continue };
        let lines = block.lines().skip_while(|line| *line != "dependencies = [").skip(1);
        for line in lines.take_while(|line| *line != "]") {
            let mut words = line.trim().trim_matches(|c| c == '"' || c == ',').split(' ');
            let name = words.next().unwrap_or_default();
            // The version stands there only where there are several.
            let version = words.next();
            let known = blocks
                .keys()
                .filter(|(known, at)| *known == name && version.is_none_or(|version| version == *at));
            todo.extend(known.copied());
        }
    }
    let registry =
        seen.iter().filter_map(|package| blocks.get(package)).filter(|block| block.contains("\nsource = "));
    let blocks: Vec<&str> = registry.copied().collect();
    format!(
        "# The libraries that the SDK was tested with. Cargo completes this file.\nversion = 4\n\n{}\n",
        blocks.join("\n\n")
    )
}

fn value<'b>(block: &'b str, key: &str) -> Option<&'b str> {
    let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
    line?.strip_suffix('"')
}
