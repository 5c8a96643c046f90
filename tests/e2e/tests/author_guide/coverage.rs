//! What the documentation has to have: words about every item of the contract, and a row for each of its interfaces.

use std::fs::read_to_string;

use super::root;

const CONTRACT: &str = "wit/0.2.0";

/// Interfaces of a contract's files, each with its lines.
fn interfaces() -> Vec<(String, Vec<(usize, String)>)> {
    let mut found = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(root().join(CONTRACT)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut inside: Option<(String, Vec<(usize, String)>)> = None;
        for (number, line) in text.lines().enumerate() {
            if let Some(interface) = line.strip_prefix("interface ").and_then(|rest| rest.strip_suffix(" {"))
            {
                assert!(
                    text.lines().nth(number - 1).unwrap().starts_with("///"),
                    "{name}:{}: {interface}",
                    number + 1
                );
                inside = Some((interface.to_owned(), Vec::new()));
            } else if line == "}" {
                found.extend(inside.take());
            } else if let Some((_, lines)) = &mut inside {
                lines.push((number + 1, format!("{name}\u{0}{line}")));
            }
        }
    }
    found
}

/// A type or a function whose name says it all, or whose fields do.
const PLAIN: &[&str] = &[
    "record response",
    "record sender",
    "record failure",
    "variant payload",
    "record tool",
    "record message",
    "record model",
];

#[test]
fn every_item_of_the_contract_is_documented() {
    let mut bare = Vec::new();
    for (interface, lines) in interfaces() {
        for (at, (number, line)) in lines.iter().enumerate() {
            let (file, line) = line.split_once('\u{0}').unwrap();
            let item = line.trim();
            // Items stand four blanks in; what belongs to a record or a variant stands deeper.
            if !line.starts_with("    ") || line.starts_with("     ") {
                continue;
            }
            let keywords = ["record ", "variant ", "resource "];
            let is_type = keywords.iter().any(|keyword| item.starts_with(keyword));
            let is_function = item.contains(": func(") || item.contains(": async func(");
            if !(is_type || is_function) || PLAIN.iter().any(|plain| item.starts_with(plain)) {
                continue;
            }
            let above =
                lines[..at].last().map(|(_, line)| line.split_once('\u{0}').unwrap().1.trim().to_owned());
            let within =
                lines.get(at + 1).map(|(_, line)| line.split_once('\u{0}').unwrap().1.trim().to_owned());
            // A type whose first member is documented is told by its members.
            let told = above.is_some_and(|line| line.starts_with("///"))
                || is_type && within.is_some_and(|line| line.starts_with("///"));
            if !told {
                bare.push(format!("{file}:{number}: {interface}: {item}"));
            }
        }
    }
    assert!(bare.is_empty(), "these have no `///` line:\n  {}", bare.join("\n  "));
}

#[test]
fn every_interface_has_a_row_in_the_table() {
    let page = read_to_string(root().join("docs/plugins/capabilities.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for (interface, lines) in interfaces() {
        let row = rows.iter().find(|row| row.starts_with(&format!("| `{interface}` ")));
        let Some(row) = row else { panic!("docs/plugins/capabilities.md has no row for `{interface}`") };
        // What an interface can do is its functions; the row, or one below its name, has each of them.
        for (_, line) in lines {
            let item = line.split_once('\u{0}').unwrap().1.trim();
            let Some((name, _)) = item.split_once(": func(").or_else(|| item.split_once(": async func("))
            else {
                continue;
            };
            let name = name.trim_start_matches('%');
            assert!(row.contains(&format!("`{name}`")), "the row of `{interface}` does not have `{name}`");
        }
    }
    // And each module that the table names is there.
    for row in rows {
        for module in row.split('`').skip(1).step_by(2).filter_map(|word| word.strip_prefix("openclaw_sdk::"))
        {
            let file = module.split("::").next().unwrap();
            let source = root().join("sdk/openclaw-sdk/src").join(format!("{file}.rs"));
            let macros = read_to_string(root().join("sdk/openclaw-sdk/src/channel.rs")).unwrap();
            assert!(source.exists() || macros.contains(file), "{row}: there is no openclaw_sdk::{module}");
        }
    }
}
