//! Compares the table of methods with the original's (openclaw-compat, appendix A; `original-methods.txt`): a method that
//! both have needs the same there and here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use openclaw_protocol::{METHODS, Permission, Scope};

/// Methods that the original does not have.
const OWN: &[&str] = &[
    "channels.restart",
    "channels.pairing.codes",
    "channels.pairing.approveCode",
    "channels.deadLetters.list",
    "channels.deadLetters.get",
    "channels.deadLetters.retry",
    "channels.deadLetters.drop",
    "channels.why",
    "plugins.status",
];

/// One method of the original.
struct Row<'a> {
    who: &'a str,
    advertised: bool,
    limited: bool,
}

/// Each line: who may call, a colon, the methods. `†` is not advertised, `§` is limited.
fn original() -> BTreeMap<&'static str, Row<'static>> {
    let text = include_str!("original-methods.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(|line| {
            let (who, names) = line.split_once(": ").unwrap();
            names.split_whitespace().map(move |name| {
                let row = Row { who, advertised: !name.contains('†'), limited: name.contains('§') };
                (name.trim_end_matches(['†', '§']), row)
            })
        })
        .collect()
}

#[test]
fn every_method_needs_what_it_needs_in_the_original() {
    let original = original();
    let mut faults = Vec::new();
    for method in METHODS {
        let Some(row) = original.get(method.name) else {
            if !OWN.contains(&method.name) {
                faults.push(format!("{}: the original has no such method", method.name));
            }
            continue;
        };
        let expected = match row.who {
            "anyone" => method.permission == Permission::Anyone,
            "dynamic" => matches!(method.permission, Permission::AtLeast(_)),
            "node" => method.permission == Permission::Node,
            scope => method.permission == Permission::Scope(Scope::parse(scope).unwrap()),
        };
        if !expected {
            faults.push(format!("{}: {} there, {:?} here", method.name, row.who, method.permission));
        }
        if method.advertised != row.advertised {
            faults.push(format!("{}: advertised {} there", method.name, row.advertised));
        }
        if method.limited != row.limited {
            faults.push(format!("{}: limited {} there", method.name, row.limited));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
