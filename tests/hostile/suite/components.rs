//! Components out of text. A file in `wat/` is a whole component, or the parts of a core module in which it is another than
//! `channel.base` or `provider.base`: whatever export it has itself, the base's is left out.

use std::path::Path;

use crate::cases::Plugin;
use crate::compile::{leb, section};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("wat")
}

fn read(file: &str) -> String {
    let path = folder().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The component that this file is, as a whole.
pub(crate) fn whole(file: &str) -> Vec<u8> {
    wat::parse_str(read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A channel that imports these interfaces of the contract.
pub(crate) fn channel(text: &str, imports: &[&str]) -> Vec<u8> {
    let imports = imports.iter().map(|name| format!("import openclaw:plugin/{name}@0.2.0;"));
    encode(
        "channel.base",
        text,
        &format!("{} export openclaw:plugin/channel@0.2.0;", imports.collect::<String>()),
        None,
    )
}

/// The channel whose own parts stand in this file.
pub(crate) fn channel_file(file: &str) -> Vec<u8> {
    let text = read(file);
    let imports: Vec<_> =
        INTERFACES.into_iter().filter(|name| text.contains(&format!("plugin/{name}@"))).collect();
    channel(&text, &imports)
}

/// The provider whose own parts stand in this text.
pub(crate) fn provider(text: &str) -> Vec<u8> {
    encode(
        "provider.base",
        text,
        "export openclaw:plugin/provider@0.2.0; export openclaw:plugin/embeddings@0.2.0;",
        None,
    )
}

const INTERFACES: [&str; 8] = ["log", "clock", "events", "http", "websocket", "kv", "process", "inbound"];

fn encode(base: &str, text: &str, world: &str, other: Option<&str>) -> Vec<u8> {
    let name = |line: &str| {
        line.split("(export \"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
    };
    // Imports come first in a module.
    let (imports, own): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("(import"));
    let kept = read(base);
    let kept = kept
        .lines()
        .filter(|line| !name(line).is_some_and(|name| text.contains(&format!("(export \"{name}\")"))));
    let (base_imports, kept): (Vec<_>, Vec<_>) = kept.partition(|line| line.starts_with("(import"));
    let parts: Vec<&str> = imports.into_iter().chain(base_imports).chain(kept).chain(own).collect();
    let mut module =
        wat::parse_str(format!("(module\n{}\n)", parts.join("\n"))).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.2.0");
    resolve.push_dir(wit).unwrap();
    if let Some(other) = other {
        resolve.push_str("other.wit", other).unwrap();
    }
    let package =
        resolve.push_str("case.wit", &format!("package hostile:case; world case {{ {world} }}")).unwrap();
    let world = resolve.select_world(&[package], Some("case")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoded =
        ComponentEncoder::default().validate(true).module(&module).and_then(|encoder| encoder.encode());
    encoded.unwrap_or_else(|error| panic!("{error:#}"))
}

/// The manifest of the guest with another component.
pub(crate) fn guest(component: Vec<u8>) -> Plugin {
    (manifest(), component)
}

/// A manifest that grants nothing.
pub(crate) fn bare(component: Vec<u8>) -> Plugin {
    // The channel's own words stand before the first entry of what it was granted.
    let manifest = manifest();
    let kept = manifest.split("\n\n").filter(|part| {
        !["[[http]]", "[[websocket]]", "[[process]]", "[[webhook]]"].iter().any(|entry| part.contains(entry))
    });
    (kept.collect::<Vec<_>>().join("\n\n"), component)
}

fn manifest() -> String {
    std::fs::read_to_string(crate::gateway::guest("hostile").join("plugin.toml")).unwrap()
}

fn hostile() -> Vec<u8> {
    std::fs::read(crate::gateway::guest("hostile").join("component.wasm")).unwrap()
}

/// The first half of the guest.
pub(crate) fn truncated() -> Vec<u8> {
    let mut bytes = hostile();
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// The guest with a bit turned over in each of a thousand places of its code.
pub(crate) fn flipped() -> Vec<u8> {
    let mut bytes = hostile();
    let length = bytes.len();
    for place in (length / 4..length / 2).step_by(length / 4_000) {
        bytes[place] ^= 0x10;
    }
    bytes
}

/// A component that does nothing but import an empty interface of this name.
pub(crate) fn importing(name: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (import \"{name}\" (instance)))")).unwrap()
}

/// A channel that imports a function `f` of this interface as well.
pub(crate) fn beside(name: &str) -> Vec<u8> {
    let (path, version) = name.split_once('@').unwrap();
    let (package, interface) = path.split_once('/').unwrap();
    let package = format!("package {package}@{version}; interface {interface} {{ f: func(); }}");
    let world = format!("import {name}; export openclaw:plugin/channel@0.2.0;");
    encode("channel.base", &format!("(import \"{name}\" \"f\" (func))"), &world, Some(&package))
}

/// A channel beside very many instances of a core module.
fn crowded(module: &str, count: usize) -> Vec<u8> {
    let module = wat::parse_str(module).unwrap();
    // The channel without imports has one core module, so that this one is its second.
    let instances = [leb(count), [0, 1, 0].repeat(count)].concat();
    [channel("", &[]), section(1, &module), section(2, &instances)].concat()
}

pub(crate) fn many_memories(count: usize) -> Vec<u8> {
    crowded("(module (memory 1))", count)
}

pub(crate) fn many_tables(count: usize) -> Vec<u8> {
    crowded("(module (table 10 funcref))", count)
}

pub(crate) fn many_instances(count: usize) -> Vec<u8> {
    crowded("(module)", count)
}
