//! What was built: whether it is what the sources say now, whether a gateway takes it, and whether it uses what it asks for.

use std::path::Path;

use openclaw_gateway::Examined;
use openclaw_packages::{Manifest, Package};

use super::Checked;
use super::finding::{Finding, line_of, of_package};
use crate::commands::plugins::build::examined;
use crate::{context::Context, error::CliError};

/// Beyond it a component holds more than code, or more than it needs. In bytes.
const LARGE: usize = 4 << 20;
const COMPONENT: &str = "component.wasm";
const MANIFEST: &str = "plugin.toml";

pub(super) fn review(
    folder: &Path,
    built: Option<&Path>,
    text: &str,
    manifest: &Manifest,
    checked: &mut Checked,
    context: &Context,
) -> Result<(), CliError> {
    let Some(built) = built else {
        let problem = "there is none, so that it was not looked at";
        checked.findings.push(Finding::error(
            "PLUGIN_NOT_BUILT",
            COMPONENT,
            problem,
            "openclaw plugins build",
        ));
        return Ok(());
    };
    if built != folder && std::fs::read_to_string(built.join(MANIFEST)).ok().as_deref() != Some(text) {
        let problem = "was changed since the plugin was built";
        checked.findings.push(Finding::warning(
            "PLUGIN_BUILD_STALE",
            MANIFEST,
            problem,
            "openclaw plugins build",
        ));
    }
    let package = match Package::from_folder(built) {
        Ok(package) => package,
        Err(error) => {
            checked.findings.push(of_package(&error, text));
            return Ok(());
        }
    };
    let size = package.component.as_ref().map_or(0, |component| component.wasm.len());
    if size > LARGE {
        let problem = format!("is {} KiB long", size / 1024);
        let fix = "the profile `guest` in Cargo.toml: opt-level = \"s\", lto = \"fat\", panic = \"abort\", strip = true";
        checked.findings.push(Finding::warning("PLUGIN_LARGE", COMPONENT, problem, fix));
    }
    match examined(&package, context)? {
        Ok(examined) => {
            uses(text, manifest, &examined, &mut checked.findings);
            checked.examined = Some(examined);
        }
        Err(error) => {
            let fix = "change plugin.toml or the code, then: openclaw plugins build";
            checked.findings.push(Finding::error(error.code, COMPONENT, error.text, fix));
        }
    }
    Ok(())
}

/// What is asked for and not used is shown to everybody who installs the plugin, and for nothing.
fn uses(text: &str, manifest: &Manifest, examined: &Examined, findings: &mut Vec<Finding>) {
    let imports = |interface: &str| {
        let name = format!("openclaw:plugin/{interface}@");
        examined.imports.iter().any(|import| import.starts_with(&name))
    };
    let asked = [
        ("http", !manifest.http.is_empty()),
        ("websocket", !manifest.websockets.is_empty()),
        ("process", !manifest.processes.is_empty()),
    ];
    for (interface, _) in asked.into_iter().filter(|(interface, asked)| *asked && !imports(interface)) {
        // A grant by which the host itself tries a secret needs no import.
        if interface == "http" && manifest.provider.is_some() {
            continue;
        }
        let problem = format!("{interface}[0] asks for what the component never uses");
        let finding = Finding::warning(
            "PLUGIN_GRANT_UNUSED",
            MANIFEST,
            problem,
            format!("remove the [[{interface}]] entries"),
        );
        findings.push(finding.at(line_of(text, &format!("{interface}[0]"))));
    }
    let webhook = examined.features.contains(&"webhook");
    if webhook && manifest.webhooks.is_empty() {
        let problem = "the component takes webhooks, and no route leads to it";
        findings.push(Finding::warning(
            "PLUGIN_WEBHOOK_WITHOUT_ROUTE",
            MANIFEST,
            problem,
            "add a [[webhook]] entry, or remove export_webhook!",
        ));
    }
    if !webhook && !manifest.webhooks.is_empty() {
        let problem = "webhook[0]: the component does not take webhooks, so that callers get 404";
        let finding = Finding::error(
            "PLUGIN_ROUTE_WITHOUT_WEBHOOK",
            MANIFEST,
            problem,
            "call export_webhook! in the code, or remove the [[webhook]] entries",
        );
        findings.push(finding.at(line_of(text, "webhook[0]")));
    }
}
