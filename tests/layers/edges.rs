//! Edges between packages, from `cargo metadata`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{report, root};

/// The layers from top to bottom. An edge may only lead to a lower layer.
const LAYERS: &[&[&str]] = &[
    &["openclaw"],
    &["openclaw-gateway"],
    &["openclaw-agents", "openclaw-hooks", "openclaw-messaging", "openclaw-models", "openclaw-supervisor"],
    &[
        "openclaw-access",
        "openclaw-config",
        "openclaw-egress",
        "openclaw-packages",
        "openclaw-runtime",
        "openclaw-store",
    ],
    &["openclaw-authoring", "openclaw-failpoints", "openclaw-protocol", "openclaw-secrets"],
];

/// Edges inside a layer, and why each is worth it.
const SIBLINGS: &[(&str, &str, &str)] = &[
    ("openclaw-agents", "openclaw-models", "a turn asks a model"),
    ("openclaw-runtime", "openclaw-packages", "a manifest says what is linked and where secrets go"),
    ("openclaw-runtime", "openclaw-egress", "a component's HTTP request leaves by the one client"),
];

/// Edges that lead down and are forbidden all the same: these crates own a trait that `openclaw-gateway` wires to the
/// runtime, so that they can be tested without an engine.
const UNWIRED: &[&str] =
    &["openclaw-agents", "openclaw-messaging", "openclaw-models", "openclaw-supervisor", "openclaw"];

/// What any package may use: helpers without state, and failpoints, which are nothing in the program that people run.
const FREE: &[&str] = &["openclaw-failpoints", "openclaw-text"];

/// External packages that exactly one host package may use, and why.
const SOLE_USERS: &[(&str, &str, &str)] = &[
    ("wasmtime", "openclaw-runtime", "the engine has one owner, so that it can be replaced and audited"),
    (
        "rusqlite",
        "openclaw-store",
        "SQL has one owner, so that another engine can stand behind the same types",
    ),
    (
        // What makes a client of `hyper-util`, with which the gateway serves.
        "hyper-rustls",
        "openclaw-egress",
        "all requests leave by one client, so that limits and scrubbing hold for all",
    ),
];

#[test]
fn edges_lead_downwards() {
    let mut faults = Vec::new();
    for (package, dependencies) in host_packages() {
        let Some(from) = layer(&package) else {
            faults.push(format!("{package} stands in no layer"));
            continue;
        };
        for to in dependencies.iter().filter(|to| to.starts_with("openclaw")) {
            let sibling = SIBLINGS.iter().any(|(a, b, _)| *a == package && b == to);
            match layer(to) {
                _ if FREE.contains(&to.as_str()) => {}
                None => faults.push(format!("{package} → {to}: not a host package")),
                Some(_) if to == "openclaw-runtime" && UNWIRED.contains(&package.as_str()) => {
                    faults.push(format!("{package} → {to}: only the gateway wires the runtime"));
                }
                Some(layer) if layer < from => faults.push(format!("{package} → {to}: leads up")),
                Some(layer) if layer == from && !sibling => {
                    faults.push(format!("{package} → {to}: siblings that are not listed"));
                }
                Some(_) => {}
            }
        }
    }
    report(
        "Edges between host packages lead downwards only.",
        &faults,
        "let the lower crate own a trait and let openclaw-gateway implement it; an edge inside a layer needs a line \
         with its reason in SIBLINGS of tests/layers/edges.rs, and a decision under docs/decisions.",
    );
}

#[test]
fn every_listed_sibling_edge_is_used() {
    let packages = host_packages();
    let unused = |(from, to, _): &&(&str, &str, &str)| {
        !packages.get(*from).is_some_and(|dependencies| dependencies.iter().any(|name| name == to))
    };
    let faults: Vec<String> =
        SIBLINGS.iter().filter(unused).map(|(from, to, _)| format!("{from} → {to}")).collect();
    report(
        "The list of sibling edges is not longer than it has to be.",
        &faults,
        "delete the line from SIBLINGS in tests/layers/edges.rs.",
    );
}

#[test]
fn engine_database_and_client_have_one_owner_each() {
    let mut faults = Vec::new();
    for (package, dependencies) in host_packages() {
        for (external, owner, why) in SOLE_USERS {
            let uses = |name: &&String| *name == external || name.starts_with(&format!("{external}-"));
            if package != *owner && dependencies.iter().any(|name| uses(&name)) {
                faults.push(format!("{package} uses {external}, which belongs to {owner}: {why}"));
            }
        }
    }
    report(
        "The engine, the database and the HTTP client are each used by one package.",
        &faults,
        "add what you need to the owner's API instead.",
    );
}

fn layer(package: &str) -> Option<usize> {
    LAYERS.iter().position(|packages| packages.contains(&package))
}

/// The packages below `host/` except the build tasks, each with the names of its direct dependencies of every kind. Only
/// the fake servers are left out where tests alone use them.
fn host_packages() -> BTreeMap<String, Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let host = root().join("host");
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| {
            package["manifest_path"].as_str().is_some_and(|path| path.starts_with(host.to_str().unwrap()))
        })
        .map(|package| {
            let names = package["dependencies"].as_array().unwrap().iter();
            let fake =
                |dependency: &&Value| dependency["name"] == "openclaw-fakes" && dependency["kind"] == "dev";
            let names = names.filter(|dependency| !fake(dependency));
            let names =
                names.filter_map(|dependency| dependency["name"].as_str().map(str::to_owned)).collect();
            (package["name"].as_str().unwrap().to_owned(), names)
        })
        .filter(|(name, _)| name != "xtask")
        .collect()
}
