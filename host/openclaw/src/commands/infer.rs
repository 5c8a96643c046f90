//! `openclaw infer`: a question to a model, without an agent. Vectors are in `embedding`.

mod embedding;

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_gateway::{InferError, InferRequest};
use openclaw_protocol::{
    Call as _, Scope,
    agent::{AgentFinal, AgentParams, RunStatus},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    client::{Client, Mode, RpcFlags, Target, block_on},
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

const PATIENCE_MS: u64 = 120_000;
const NO_TEXT: &str = "No text output returned";

/// `openclaw infer …`
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Subcommand {
    /// Text models
    #[command(subcommand)]
    Model(ModelSubcommand),
    /// Texts as vectors
    #[command(subcommand)]
    Embedding(embedding::Subcommand),
}

/// `openclaw infer model …`
#[derive(Debug, ClapSubcommand)]
pub(crate) enum ModelSubcommand {
    /// Ask one question: no session, no system prompt
    #[command(after_help = "\
Examples:
  openclaw infer model run --prompt \"hello\"
  openclaw infer model run --model openai/gpt-5 --prompt \"hello\" --json
  openclaw infer model run --prompt \"hello\" --gateway")]
    Run(RunFlags),
}

/// Flags of `openclaw infer model run`.
#[derive(Args, Debug)]
pub(crate) struct RunFlags {
    /// What to ask
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// provider/model (default: what an agent would use)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Ask in this process; needs no gateway (default)
    #[arg(long)]
    local: bool,
    /// Ask through the running gateway
    #[arg(long)]
    gateway: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// One answer, wherever it was made.
struct Answer {
    provider: String,
    model: String,
    text: String,
}

pub(crate) fn run(command: &Subcommand, context: &Context) -> Result<ExitCode, CliError> {
    let flags = match command {
        Subcommand::Model(ModelSubcommand::Run(flags)) => flags,
        Subcommand::Embedding(embedding::Subcommand::Create(flags)) => {
            return embedding::create(flags, context);
        }
    };
    if flags.local && flags.gateway {
        return Err(CliError::invalid("Pass only one of --local or --gateway."));
    }
    if flags.prompt.trim().is_empty() {
        return Err(CliError::invalid("--prompt cannot be empty or whitespace-only."));
    }
    let model = flags.model.as_deref().map(reference).transpose()?;
    let answer =
        if flags.gateway { through_gateway(flags, model, context)? } else { here(flags, model, context)? };
    let transport = if flags.gateway { "gateway" } else { "local" };
    if context.json {
        print_json(&json!({
            "ok": true,
            "capability": "model.run",
            "transport": transport,
            "provider": answer.provider,
            "model": answer.model,
            "attempts": [],
            "outputs": [{"text": answer.text, "mediaUrl": null}],
        }))?;
    } else {
        print_line(&format!(
            "model.run via {transport}\nprovider: {}\nmodel: {}\noutputs: 1\n{}",
            answer.provider, answer.model, answer.text
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Provider and model of a reference; only the first `/` separates.
fn reference(text: &str) -> Result<(&str, &str), CliError> {
    match text.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => Ok((provider, model)),
        _ => Err(CliError::invalid("Model overrides must use the form <provider/model>.")),
    }
}

fn here(flags: &RunFlags, model: Option<(&str, &str)>, context: &Context) -> Result<Answer, CliError> {
    let request = InferRequest {
        paths: context.paths.clone(),
        environment: context.environment(),
        model: flags.model.clone(),
        prompt: flags.prompt.clone(),
    };
    block_on(async {
        match openclaw_gateway::infer_local(request).await {
            Ok(answer) => Ok(Answer { provider: answer.provider, model: answer.model, text: answer.text }),
            Err(InferError::Invalid(text)) => Err(CliError::Invalid(text)),
            Err(InferError::Provider(text)) => Err(CliError::Invalid(no_text(model, &text))),
        }
    })
}

/// The provider's own words in the sentence that people search for. Who was asked without a `--model` is said by the
/// words themselves.
fn no_text(model: Option<(&str, &str)>, reason: &str) -> String {
    match model {
        Some((provider, model)) if !reason.starts_with(NO_TEXT) => {
            format!(
                "{NO_TEXT} for provider \"{provider}\" model \"{model}\": {}.",
                reason.trim_end_matches('.')
            )
        }
        _ => reason.to_owned(),
    }
}

fn through_gateway(
    flags: &RunFlags,
    model: Option<(&str, &str)>,
    context: &Context,
) -> Result<Answer, CliError> {
    let target = Target::resolve(&flags.rpc.target, context)?;
    let params = AgentParams {
        message: flags.prompt.clone(),
        idempotency_key: Uuid::new_v4().to_string(),
        provider: model.map(|(provider, _)| provider.to_owned()),
        model: model.map(|(_, model)| model.to_owned()),
        model_run: Some(true),
        ..AgentParams::default()
    };
    // Another model than the configured one is the administrator's decision.
    let scope = if model.is_some() { Scope::Admin } else { Scope::Write };
    let done: AgentFinal = block_on(async {
        let patience = flags.rpc.timeout.unwrap_or(PATIENCE_MS);
        let mut client = Client::connect(&target, Mode::Cli, &[scope], patience).await?;
        let params = serde_json::to_value(&params).map_err(std::io::Error::from)?;
        let answer = client.call_twice(AgentParams::METHOD, params, |_| {}).await?;
        Ok(serde_json::from_value(answer).map_err(std::io::Error::from)?)
    })?;
    let (payloads, meta) = done.result.map(|result| (result.payloads, result.meta)).unwrap_or_default();
    let text: String = payloads.into_iter().filter_map(|payload| payload.text).collect();
    let (provider, model) = match (&meta.agent_meta, model) {
        (Some(meta), _) => (meta.provider.clone(), meta.model.clone()),
        (None, Some((provider, model))) => (provider.to_owned(), model.to_owned()),
        (None, None) => ("default".to_owned(), "default".to_owned()),
    };
    if done.status != RunStatus::Ok || text.is_empty() {
        let reason = meta.error.unwrap_or(done.summary);
        return Err(CliError::Invalid(no_text(Some((&provider, &model)), &reason)));
    }
    Ok(Answer { provider, model, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_failures_read_as_documented() {
        assert_eq!(reference("p/m").unwrap(), ("p", "m"));
        assert_eq!(reference("router/vendor/model").unwrap(), ("router", "vendor/model"));
        assert_eq!(
            no_text(Some(("p", "m")), "401 Incorrect API key provided"),
            "No text output returned for provider \"p\" model \"m\": 401 Incorrect API key provided."
        );
        for wrong in ["m", "/m", "p/", ""] {
            let error = reference(wrong).unwrap_err().to_string();
            assert_eq!(error, "Model overrides must use the form <provider/model>.");
        }
    }
}
