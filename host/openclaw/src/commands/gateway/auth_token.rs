//! `openclaw gateway auth-token --show`: the shared token, for a person who has to type it somewhere.

use std::process::ExitCode;

use clap::Args;
use openclaw_config::{SecretResolver, start};

use crate::{context::Context, error::CliError, output::print_line};

/// Flags of `openclaw gateway auth-token`.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// Yes, print the secret on this terminal
    #[arg(long)]
    show: bool,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    if !flags.show {
        return Err(CliError::invalid(
            "The shared token is a secret and is printed only on request: openclaw gateway auth-token --show",
        ));
    }
    if !context.output.is_terminal() || context.json {
        return Err(CliError::invalid(
            "The shared token is printed on a terminal only, so that it does not end in a file or a log. Programs read \
             gateway.auth.token of the configuration, or OPENCLAW_GATEWAY_TOKEN.",
        ));
    }
    let config = context.config().cloned().unwrap_or_default();
    let environment = context.environment();
    let secrets = SecretResolver::new(&config, &environment, &context.paths.home);
    let auth = start::client_auth(&start::AuthFlags::default(), &config, &secrets);
    let auth = auth.map_err(|refusal| CliError::invalid(refusal.to_string()))?;
    match auth.token {
        Some(token) => print_line(token.expose())?,
        None => {
            return Err(CliError::invalid(
                "There is no shared token: neither gateway.auth.token nor OPENCLAW_GATEWAY_TOKEN is set. Set one: \
                 openclaw config set gateway.auth.token <token>",
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
