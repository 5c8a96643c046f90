//! Builds guests and lays them out where the host's build finds them: `<folder>/<id>/{plugin.toml, config.schema.json,
//! component.wasm}`. A plugin without code yet gets no `component.wasm`. A file is written only when its bytes change, so
//! that the host is not rebuilt for nothing.

use std::path::{Path, PathBuf};

use wit_component::ComponentEncoder;

use crate::{
    cargo::{cargo, output, program_in_root, run},
    error::{AtPath, Error},
    workspace::{Guest, Kind, Plugin, root, target},
};

/// Adds the wasm targets that the toolchain lacks.
pub(crate) fn add_targets() -> Result<(), Error> {
    for target in [Kind::Channel.target(), Kind::Provider.target()] {
        let library =
            output(program_in_root("rustc").args(["--print", "target-libdir", "--target", target]))?;
        if !Path::new(library.trim()).exists() {
            run(program_in_root("rustup").args(["target", "add", target]))
                .map_err(|e| Error::Target { target: target.to_owned(), reason: e.to_string() })?;
        }
    }
    Ok(())
}

/// Builds `plugins` and lays them out below `destination`. What stands there for other plugins is removed.
pub(crate) fn build(plugins: &[Plugin], destination: &Path) -> Result<(), Error> {
    for kind in [Kind::Channel, Kind::Provider] {
        let guests = plugins.iter().filter_map(|plugin| plugin.guest.as_ref());
        // One invocation a package: built together, their features would be united, and a shim could come to import
        // what only a neighbour needs.
        for guest in guests.filter(|guest| guest.kind == kind) {
            run(&mut cargo([
                "build",
                "--profile",
                "guest",
                "--target",
                kind.target(),
                "-p",
                &guest.package,
            ]))?;
        }
    }
    std::fs::create_dir_all(destination).at(destination)?;
    remove_others(plugins, destination)?;
    plugins.iter().try_for_each(|plugin| lay_out(plugin, &destination.join(&plugin.id)))
}

fn lay_out(plugin: &Plugin, destination: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(destination).at(destination)?;
    let component = plugin.guest.as_ref().map(component).transpose()?;
    lay_file(&destination.join("component.wasm"), component)?;
    for name in ["plugin.toml", "config.schema.json"] {
        let source = plugin.folder.join(name);
        let bytes = source.exists().then(|| std::fs::read(&source).at(&source)).transpose()?;
        lay_file(&destination.join(name), bytes)?;
    }
    Ok(())
}

fn component(guest: &Guest) -> Result<Vec<u8>, Error> {
    let built = built(guest);
    let bytes = std::fs::read(&built).at(&built)?;
    match guest.kind {
        Kind::Channel => Ok(bytes),
        Kind::Provider => encode(&built, &bytes),
    }
}

/// Makes `path` hold `bytes`, or not exist.
fn lay_file(path: &Path, bytes: Option<Vec<u8>>) -> Result<(), Error> {
    match bytes {
        Some(bytes) => write_if_changed(path, &bytes),
        None if path.exists() => std::fs::remove_file(path).at(path),
        None => Ok(()),
    }
}

fn built(guest: &Guest) -> PathBuf {
    let file = format!("{}.wasm", guest.package.replace('-', "_"));
    target().join(guest.kind.target()).join("guest").join(file)
}

/// Turns a core module that carries its WIT in a custom section into a component.
fn encode(path: &Path, module: &[u8]) -> Result<Vec<u8>, Error> {
    let encoded =
        ComponentEncoder::default().validate(true).module(module).and_then(|encoder| encoder.encode());
    encoded.map_err(|e| Error::Content {
        path: path.to_owned(),
        reason: format!("the module cannot be encoded as a component: {e:#}"),
    })
}

fn remove_others(plugins: &[Plugin], destination: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(destination).at(destination)? {
        let path = entry.at(destination)?.path();
        if path.is_dir() && !plugins.iter().any(|plugin| path.ends_with(&plugin.id)) {
            std::fs::remove_dir_all(&path).at(&path)?;
        }
    }
    Ok(())
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    println!("wrote {} ({} bytes)", path.strip_prefix(root()).unwrap_or(path).display(), bytes.len());
    std::fs::write(path, bytes).at(path)
}
