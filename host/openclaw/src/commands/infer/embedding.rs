//! `openclaw infer embedding create`: texts as vectors, in this process.

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_gateway::{EmbedRequest, InferError};
use serde_json::{Value, json};

use crate::{
    client::block_on,
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// `openclaw infer embedding …`
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Subcommand {
    /// Turn texts into vectors; needs no gateway
    #[command(after_help = "\
Examples:
  openclaw infer embedding create --text \"friendly lobster\" --json
  openclaw infer embedding create --text one --text two --model openai/text-embedding-3-small --json")]
    Create(CreateFlags),
}

/// Flags of `openclaw infer embedding create`.
#[derive(Args, Debug)]
pub(crate) struct CreateFlags {
    /// The text; may be given several times
    #[arg(long, value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// The provider (default: memory.search.provider)
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// provider/model (default: memory.search.model)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Whose configuration counts (default: the default agent)
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
}

pub(super) fn create(flags: &CreateFlags, context: &Context) -> Result<ExitCode, CliError> {
    let model = flags.model.as_deref();
    if flags.provider.is_none() {
        model.map(super::reference).transpose()?;
    }
    let request = EmbedRequest {
        paths: context.paths.clone(),
        environment: context.environment(),
        agent: flags.agent.clone(),
        provider: flags.provider.clone(),
        model: flags.model.clone(),
        texts: flags.text.clone(),
    };
    let answer = block_on(async {
        openclaw_gateway::embed_local(request).await.map_err(|error| match error {
            InferError::Invalid(text) | InferError::Provider(text) => CliError::Invalid(text),
        })
    })?;
    let outputs = flags.text.iter().zip(&answer.vectors);
    if context.json {
        let outputs: Vec<Value> = outputs
            .map(|(text, vector)| json!({"text": text, "embedding": vector, "dimensions": vector.len()}))
            .collect();
        print_json(&json!({
            "ok": true,
            "capability": "embedding.create",
            "transport": "local",
            "provider": answer.provider,
            "model": answer.model,
            "attempts": [],
            "outputs": outputs,
        }))?;
    } else {
        print_line(&format!(
            "embedding.create via local\nprovider: {}\nmodel: {}\noutputs: {}",
            answer.provider,
            answer.model,
            answer.vectors.len()
        ))?;
        for (text, vector) in outputs {
            print_line(&format!("{text} ({} dimensions; --json shows them)", vector.len()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
