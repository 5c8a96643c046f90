//! Builds guests, as `openclaw plugins build` does, and lays them out where the host's build finds them: `<folder>/<id>/{plugin.toml,
//! config.schema.json, component.wasm}`. A plugin without code yet gets no `component.wasm`.

use std::path::Path;

use openclaw_authoring::{Build, Kind, Plan, Toolchain, lay_out};

use crate::{
    error::{AtPath, Error},
    workspace::{Plugin, root},
};

/// Adds the wasm targets that the toolchain lacks.
pub(crate) fn add_targets() -> Result<(), Error> {
    for kind in [Kind::Channel, Kind::Provider] {
        Toolchain::of(root()).complete(kind, &mut |what| println!("{what}"))?;
    }
    Ok(())
}

/// Builds `plugins` and lays them out below `destination`. What stands there for other plugins is removed.
pub(crate) fn build(plugins: &[Plugin], destination: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(destination).at(destination)?;
    remove_others(plugins, destination)?;
    for plugin in plugins {
        let schema = ["config.schema.json"].into_iter().filter(|name| plugin.folder.join(name).exists());
        let folder = destination.join(&plugin.id);
        let plan = Plan {
            folder: plugin.folder.clone(),
            id: plugin.id.clone(),
            kind: plugin.kind,
            files: schema.map(str::to_owned).collect(),
            destination: Some(folder.clone()),
        };
        // One invocation a package: built together, their features would be united, and a shim could come to import
        // what only a neighbour needs.
        match plugin.guest {
            Some(_) => drop(Build::start(plan, &[], false)?.wait()?),
            None => drop(lay_out(&plan, None, &folder)?),
        }
    }
    Ok(())
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
