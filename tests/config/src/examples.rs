//! The examples in a documentation: which blocks of a page are configurations.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One block of a page that is a configuration.
#[derive(Debug)]
pub struct Example {
    /// The page, below the documentation's folder.
    pub page: String,
    /// The last heading before the block.
    pub heading: String,
    /// The configuration: the block, or the block with what was left out around it.
    pub text: String,
}

/// The root keys whose presence makes an object a configuration. `$schema` is not here, since other programs' files have
/// it, nor are the names that messages and tool calls share with old roots (`attachments`,
/// `media`, `audio`, `web`, `identity`).
const ROOTS: &[&str] = &[
    "accessGroups",
    "acp",
    "agent",
    "agents",
    "approvals",
    "auth",
    "bindings",
    "broadcast",
    "browser",
    "canvasHost",
    "channels",
    "cloudWorkers",
    "commands",
    "cron",
    "desktop",
    "diagnostics",
    "discovery",
    "env",
    "gateway",
    "hooks",
    "logging",
    "mcp",
    "memory",
    "messages",
    "meta",
    "models",
    "nodeHost",
    "plugins",
    "proxy",
    "routing",
    "secrets",
    "security",
    "session",
    "skills",
    "surfaces",
    "talk",
    "telemetry",
    "tools",
    "transcripts",
    "tts",
    "ui",
    "update",
    "wizard",
    "worktreeAcceleration",
    "worktreeRoot",
];

/// All configurations on the pages below `docs` in these folders, in the order of their names.
#[must_use]
pub fn examples(docs: &Path, folders: &[&str]) -> Vec<Example> {
    let mut pages = Vec::new();
    for folder in folders {
        collect(&docs.join(folder), &mut pages);
    }
    pages.sort();
    let mut examples = Vec::new();
    for page in pages {
        let name = page.strip_prefix(docs).unwrap().display().to_string();
        on_page(&name, &std::fs::read_to_string(&page).unwrap(), &mut examples);
    }
    examples
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

fn on_page(page: &str, text: &str, examples: &mut Vec<Example>) {
    let mut heading = String::new();
    let mut block: Option<(bool, String)> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        match (&mut block, trimmed.strip_prefix("```")) {
            (Some(_), Some(_)) => {
                if let Some((true, text)) = block.take()
                    && let Some(text) = configuration(&text)
                {
                    examples.push(Example { page: page.to_owned(), heading: heading.clone(), text });
                }
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, Some(language)) => {
                let language = language.split_whitespace().next().unwrap_or_default();
                block = Some((matches!(language, "json" | "json5" | "jsonc"), String::new()));
            }
            (None, None) => {
                if trimmed.starts_with('#') {
                    heading = trimmed.trim_start_matches('#').trim().to_owned();
                }
            }
        }
    }
}

/// The block as a whole configuration, if it is one or a part of one that can be told:
/// - an object with at least one of [`ROOTS`];
/// - the inside of such an object, without its braces;
/// - one entry of `bindings`: an object of `agentId` and `match`;
/// - a text that is no JSON5 and whose first key is one of [`ROOTS`], since a configuration was meant.
fn configuration(block: &str) -> Option<String> {
    let inside = format!("{{{block}}}");
    for text in [block, &inside] {
        if let Ok(Value::Object(map)) = json5::from_str::<Value>(text) {
            if map.keys().any(|key| ROOTS.contains(&key.as_str())) {
                return Some(text.to_owned());
            }
            let is_binding = map.len() == 2 && map.contains_key("agentId") && map.contains_key("match");
            return is_binding.then(|| format!("{{ bindings: [{text}] }}"));
        }
    }
    let code = block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let code = code.collect::<Vec<_>>().join(" ");
    let first = code.trim_start_matches(['{', ' ']).split(':').next().unwrap_or_default();
    ROOTS.contains(&first.trim().trim_matches('"')).then(|| block.to_owned())
}

/// The names of the variables that a text refers to.
#[must_use]
pub fn variables(text: &str) -> Vec<&str> {
    let names = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    names.map(|(name, _)| name).collect()
}

/// The files beside it that a text includes.
#[must_use]
pub fn included(text: &str) -> Vec<&str> {
    let words = text.split(['"', '\'']);
    words.filter(|word| word.starts_with("./") && word.contains(".json")).collect()
}
