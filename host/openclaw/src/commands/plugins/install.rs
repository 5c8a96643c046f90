//! `openclaw plugins install` and `update`: show what a plugin may reach, ask, and put it in its place.

use std::{io::Write as _, process::ExitCode};

use clap::Args;
use openclaw_packages::{Consent, Fact, Installed, PackageFile, Plan};
use serde_json::{Value, json};

use super::{fetch::Source, to_take_into_use};
use crate::{
    commands::agreed,
    context::Context,
    error::CliError,
    output::{age::now_ms, clean, print_json, print_line},
};

/// Flags of `openclaw plugins install`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins install ./my-channel                 A folder with plugin.toml and component.wasm
  openclaw plugins install my-channel-1.0.0.wasm
  openclaw plugins install https://example.org/my-channel-1.0.0.wasm
  openclaw plugins install oci://ghcr.io/example/my-channel:1.0.0
  openclaw plugins install ./my-channel --allow-unsigned --yes

The first signed package binds its id to its publisher; a later one of somebody else is refused.
OPENCLAW_REGISTRY_USERNAME and OPENCLAW_REGISTRY_PASSWORD log in to a registry that wants it.")]
pub(crate) struct Flags {
    /// A folder, a file, https://… or oci://host/repository:tag
    source: String,
    #[command(flatten)]
    consent: ConsentFlags,
}

/// Flags of `openclaw plugins update`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins update my-channel
  openclaw plugins update my-channel --from oci://ghcr.io/example/my-channel:1.1.0
  openclaw plugins update --all

An update that reaches no further than before needs no yes.")]
pub(crate) struct UpdateFlags {
    /// The plugin
    #[arg(required_unless_present = "all")]
    id: Option<String>,
    /// Every installed plugin
    #[arg(long, conflicts_with_all = ["id", "from"])]
    all: bool,
    /// Take it from elsewhere than last time
    #[arg(long, value_name = "SOURCE")]
    from: Option<String>,
    #[command(flatten)]
    consent: ConsentFlags,
}

/// What a person agrees to beforehand.
#[derive(Args, Debug)]
struct ConsentFlags {
    /// Agree to what the plugin may reach, without being asked
    #[arg(long, short)]
    yes: bool,
    /// Accept a package that nobody has signed
    #[arg(long)]
    allow_unsigned: bool,
    /// Accept an older version than was installed before
    #[arg(long)]
    allow_downgrade: bool,
    /// Accept another publisher than before: the first 16 digits of its id, or `unsigned`
    #[arg(long, value_name = "ID")]
    accept_publisher: Option<String>,
}

impl ConsentFlags {
    fn consent(&self) -> Consent {
        Consent {
            unsigned: self.allow_unsigned,
            downgrade: self.allow_downgrade,
            publisher: self.accept_publisher.clone(),
        }
    }
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let source = Source::parse(&flags.source)?;
    let package = source.fetch(context)?;
    let done = install(&package, &source, &flags.consent, true, context)?;
    report(&[done], &[], context)
}

pub(super) fn update(flags: &UpdateFlags, context: &Context) -> Result<ExitCode, CliError> {
    let installed = Installed::in_state(&context.paths.state_dir);
    let lock = installed.lock().map_err(openclaw_packages::InstallError::from)?;
    let ids: Vec<String> = match &flags.id {
        Some(id) => vec![id.clone()],
        None => lock.plugins.keys().cloned().collect(),
    };
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        let entry =
            lock.plugins.get(&id).ok_or_else(|| openclaw_packages::InstallError::Unknown(id.clone()))?;
        let from = flags.from.as_deref().unwrap_or(&entry.source);
        match update_one(&id, from, &flags.consent, context) {
            Ok(one) => done.push(one),
            // One that cannot be had keeps nothing from the others.
            Err(error) if flags.all => failed.push((id, error)),
            Err(error) => return Err(error),
        }
    }
    report(&done, &failed, context)
}

fn update_one(id: &str, from: &str, flags: &ConsentFlags, context: &Context) -> Result<Done, CliError> {
    let source = Source::parse(from)?;
    let package = source.fetch(context)?;
    if package.manifest.plugin.id != id {
        let found = clean(&package.manifest.plugin.id);
        let text = format!("{} is the plugin {found}, not {id} (install it by itself)", source.text());
        return Err(CliError::Detailed { text, code: "PLUGIN_OTHER_ID", extra: json!({}) });
    }
    install(&package, &source, flags, false, context)
}

/// What became of one package.
struct Done {
    id: String,
    before: Option<String>,
    version: String,
    publisher: Option<String>,
    changed: bool,
    digest: String,
    widened: Vec<Fact>,
    first_use: bool,
}

fn install(
    package: &PackageFile,
    source: &Source,
    flags: &ConsentFlags,
    always_ask: bool,
    context: &Context,
) -> Result<Done, CliError> {
    let id = package.manifest.plugin.id.clone();
    let bundled = openclaw_packages::bundled()?;
    if bundled.iter().any(|own| own.id() == id && own.component.is_some()) {
        let text =
            format!("{id} is part of this program already (give the plugin another id in plugin.toml)");
        return Err(CliError::Detailed { text, code: "PLUGIN_BUNDLED", extra: json!({}) });
    }
    let installed = Installed::in_state(&context.paths.state_dir);
    let change = installed.change()?;
    let plan = change.plan(package, &flags.consent())?;
    if !plan.same {
        if !context.json {
            // Whoever reads only the beginning of it has not said yes.
            writeln!(std::io::stderr(), "{}", announcement(package, source, &plan))?;
        }
        let new = plan.previous.is_none() && always_ask;
        let question = if new { "Install it?" } else { "Install it, with what is new?" };
        if (new || plan.first_use || !plan.widened.is_empty())
            && !agreed(question, flags.yes, context).map_err(|error| with_reach(error, &plan))?
        {
            return Err(CliError::Detailed {
                text: "Nothing was changed.".to_owned(),
                code: "DECLINED",
                extra: json!({}),
            });
        }
        change.install(package, &source.text(), now_ms())?;
    }
    Ok(Done {
        id,
        before: plan.previous.map(|entry| entry.version),
        version: package.manifest.plugin.version.clone(),
        publisher: package.publisher.as_ref().map(ToString::to_string),
        changed: !plan.same,
        digest: package.digest.clone(),
        widened: plan.widened,
        first_use: plan.first_use,
    })
}

/// A program that may not say yes learns what it would have said yes to.
fn with_reach(error: CliError, plan: &Plan) -> CliError {
    match error {
        CliError::Detailed { text, code, .. } => {
            let extra = json!({"widened": facts(&plan.widened), "reach": facts(plan.reach.facts())});
            CliError::Detailed { text, code, extra }
        }
        other => other,
    }
}

pub(super) fn facts(facts: &[Fact]) -> Vec<Value> {
    facts.iter().map(|fact| json!({"text": clean(&fact.to_string()), "fact": fact})).collect()
}

fn announcement(package: &PackageFile, source: &Source, plan: &Plan) -> String {
    let plugin = &package.manifest.plugin;
    let version = match &plan.previous {
        Some(before) if before.version != plugin.version => {
            format!("{} → {}", before.version, plugin.version)
        }
        _ => plugin.version.clone(),
    };
    let publisher = match (&package.publisher, plan.first_use) {
        (Some(publisher), true) => format!("signed by {publisher}, who is new here"),
        (Some(publisher), false) => format!("signed by {publisher}, as before"),
        (None, _) => "UNSIGNED: nobody answers for it".to_owned(),
    };
    let mut lines = vec![
        format!("{} ({}) {version}, {}", clean(&plugin.label), plugin.id, clean(&plugin.license)),
        format!("  from {}", clean(&source.text())),
        format!("  {publisher}"),
    ];
    let (heading, shown) = match (&plan.previous, plan.widened.is_empty()) {
        (None, _) => ("It", plan.reach.facts()),
        (Some(_), false) => ("NEW: beyond what it may do now, it", plan.widened.as_slice()),
        (Some(_), true) => ("It reaches no further than before.", &[][..]),
    };
    lines.push(heading.to_owned());
    lines.extend(shown.iter().map(|fact| format!("  - {}", clean(&fact.to_string()))));
    lines.join("\n")
}

fn report(done: &[Done], failed: &[(String, CliError)], context: &Context) -> Result<ExitCode, CliError> {
    let code = if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let restart = to_take_into_use(context).filter(|_| done.iter().any(|one| one.changed));
    if context.json {
        let plugins: Vec<Value> = done
            .iter()
            .map(|one| {
                json!({
                    "id": one.id, "version": one.version, "previousVersion": one.before, "changed": one.changed,
                    "digest": one.digest, "publisher": one.publisher, "signed": one.publisher.is_some(),
                    "firstUse": one.first_use, "widened": facts(&one.widened),
                })
            })
            .collect();
        let failed: Vec<Value> = failed
            .iter()
            .map(|(id, error)| json!({"id": id, "error": error.to_json().get("error")}))
            .collect();
        print_json(
            &json!({"ok": failed.is_empty(), "plugins": plugins, "failed": failed, "takeIntoUse": restart}),
        )?;
        return Ok(code);
    }
    for one in done {
        let line = match (&one.before, one.changed) {
            (_, false) => format!("{} {} is installed already.", one.id, one.version),
            (None, true) => format!("Installed {} {}.", one.id, one.version),
            (Some(before), true) => format!("Updated {} from {before} to {}.", one.id, one.version),
        };
        print_line(&line)?;
    }
    for (id, error) in failed {
        crate::output::note(&format!("{id}: {error}"));
    }
    if done.is_empty() && failed.is_empty() {
        print_line("No plugins are installed.")?;
    }
    if let Some(command) = restart {
        print_line(&format!("The running gateway takes it into use with: {command}"))?;
    }
    Ok(code)
}
