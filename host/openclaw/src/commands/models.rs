//! `openclaw models`

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_protocol::{
    models::{ModelEntry, ModelsListParams},
    status::StatusParams,
};
use serde_json::json;

use crate::{
    client::{self, RpcFlags},
    context::Context,
    error::CliError,
    output::{Output, print_json, print_line, table::Table},
};

/// Flags of `openclaw models`.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    #[command(subcommand)]
    command: Option<Subcommand>,
}

#[derive(Debug, ClapSubcommand)]
enum Subcommand {
    /// List the models that the running gateway can use
    List(ListFlags),
    /// Show which model answers, and why
    Status(StatusFlags),
}

#[derive(Args, Debug)]
struct ListFlags {
    /// Only this provider
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

#[derive(Args, Debug, Default)]
struct StatusFlags {
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    match &flags.command {
        None => status(&StatusFlags::default(), context),
        Some(Subcommand::Status(flags)) => status(flags, context),
        Some(Subcommand::List(flags)) => list(flags, context),
    }
}

fn status(flags: &StatusFlags, context: &Context) -> Result<ExitCode, CliError> {
    let (_, status) = client::ask(context, &flags.rpc, &StatusParams::default())?;
    let fallbacks = context.fallback_models();
    if context.json {
        print_json(&json!({
            "configPath": context.paths.config,
            "defaultModel": context.default_model(),
            "resolvedDefault": status.model.as_ref().map(|model| &model.reference),
            "modelConfig": {"defaultSource": status.model.as_ref().map(|model| model.source)},
            "fallbacks": fallbacks,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let default = status.model.map_or_else(
        || "none (openclaw config set agents.defaults.model.primary <provider/model>)".to_owned(),
        |model| format!("{} ({})", model.reference, model.detail),
    );
    print_line(&format!(
        "Config        : {}\nDefault       : {default}\nFallbacks ({}) : {}",
        context.shown_config(),
        fallbacks.len(),
        if fallbacks.is_empty() { "-".to_owned() } else { fallbacks.join(", ") }
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn list(flags: &ListFlags, context: &Context) -> Result<ExitCode, CliError> {
    let params = ModelsListParams { provider: flags.provider.clone(), ..ModelsListParams::default() };
    let (_, answer) = client::ask(context, &flags.rpc, &params)?;
    if context.json {
        let models: Vec<_> = answer
            .models
            .iter()
            .map(|model| {
                json!({
                    "key": format!("{}/{}", model.provider, model.id),
                    "name": model.name,
                    "input": model.input.join("+"),
                    "contextWindow": model.context_window,
                    "available": model.available,
                })
            })
            .collect();
        print_json(&json!({"count": models.len(), "models": models}))?;
    } else {
        print_line(&text(&answer.models, context.output))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(models: &[ModelEntry], output: Output) -> String {
    if models.is_empty() {
        return "No models found. Add a provider: openclaw config set models.providers.<id>.baseUrl <url>"
            .to_owned();
    }
    let mut table = Table::new(&["Model", "Ctx", "Auth", "Name"]);
    for model in models {
        let context =
            model.context_window.map_or_else(|| "-".to_owned(), |tokens| format!("{}k", tokens / 1_000));
        let auth = match model.available {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        table.row([format!("{}/{}", model.provider, model.id), context, auth.to_owned(), model.name.clone()]);
    }
    table.render(output)
}
