//! What stands in the sources below `host/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{report, root};

/// Names that belong to plugins. `openai` is not among them: it is also the name of the `/v1` dialect. Names that are
/// common words (`signal`, `line`, `matrix`, `slack`) cannot be searched for.
const VENDORS: &[&str] = &[
    "telegram",
    "discord",
    "whatsapp",
    "imessage",
    "bluebubbles",
    "msteams",
    "mattermost",
    "ollama",
    "lmstudio",
    "lm studio",
    "lm-studio",
    "lm_studio",
    "anthropic",
    "gemini",
    "groq",
    "mistral",
    "openrouter",
    "deepseek",
];

/// A file that is longer is about more than one thing.
const LONGEST_FILE: usize = 1_000;

/// Beginnings of SQL statements.
const SQL: &[&str] =
    &["SELECT ", "INSERT INTO ", "INSERT OR ", "UPDATE OR ", "DELETE FROM ", "CREATE TABLE ", "PRAGMA "];

/// The only files that may allow unsafe code, and why.
const UNSAFE: &[(&str, &str)] = &[(
    "host/runtime/src/artifact.rs",
    "maps compiled code that this program wrote itself and has re-checked",
)];

#[test]
fn host_sources_hold_no_vendor_word() {
    let faults = lines_with(&host_files(&["rs", "toml", "json", "md"]), |_, line| {
        let line = line.to_lowercase();
        VENDORS.iter().find(|word| line.contains(**word)).map(|word| (*word).to_owned())
    });
    report(
        "Vendors' words stand below plugins/ and tests/ only.",
        &faults,
        "put the word into the plugin's manifest and read it from there; in a test or comment use a made-up channel.",
    );
}

#[test]
fn sql_stands_in_the_store_only() {
    let faults = lines_with(&host_files(&["rs"]), |file, line| {
        let elsewhere = !file.starts_with("host/store");
        SQL.iter().find(|word| elsewhere && line.contains(**word)).map(|word| word.trim().to_owned())
    });
    report("Only openclaw-store knows SQL.", &faults, "add a method to openclaw-store instead.");
}

#[test]
fn unsafe_code_is_allowed_in_named_files_only() {
    let faults = lines_with(&host_files(&["rs"]), |file, line| {
        let named = UNSAFE.iter().any(|(allowed, _)| Path::new(allowed) == file);
        (!named && line.contains("allow(unsafe_code)")).then(|| "allow(unsafe_code)".to_owned())
    });
    report(
        "Unsafe code has a named place.",
        &faults,
        "do without, or add the file and the reason to UNSAFE in tests/layers/sources.rs.",
    );
}

#[test]
fn host_files_stay_readable() {
    let too_long = host_files(&["rs"]).into_iter().filter_map(|file| {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", relative(&file).display()))
    });
    report(
        &format!("A source file has at most {LONGEST_FILE} lines."),
        &too_long.collect::<Vec<_>>(),
        "split it by concept.",
    );
}

/// `file:line: found` for each line in which `find` finds something.
fn lines_with(files: &[PathBuf], find: impl Fn(&Path, &str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let name = relative(file);
        for (number, line) in fs::read_to_string(file).unwrap().lines().enumerate() {
            if let Some(what) = find(&name, line) {
                found.push(format!("{}:{}: {what}", name.display(), number + 1));
            }
        }
    }
    found
}

fn relative(file: &Path) -> PathBuf {
    file.strip_prefix(root()).unwrap().to_owned()
}

/// All files below `host/` with one of these extensions.
fn host_files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut folders = vec![root().join("host")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn an_unpacked_sdk_is_built_as_here() {
    let here = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let unpacked = fs::read_to_string(root().join("sdk/workspace.toml")).unwrap();
    let mut section = "";
    let mut faults = Vec::new();
    for line in unpacked.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let shared = ["[workspace.package]", "[workspace.dependencies]", "[workspace.lints"]
            .map(|start| section.starts_with(start));
        if shared.contains(&true)
            && !line.is_empty()
            && !line.starts_with("# ")
            && !here.lines().any(|other| other == line)
        {
            faults.push(format!("sdk/workspace.toml: {line}"));
        }
    }
    report(
        "What the SDK is built with is the same here and where it is unpacked.",
        &faults,
        "write the line in sdk/workspace.toml as it stands in Cargo.toml.",
    );
}
