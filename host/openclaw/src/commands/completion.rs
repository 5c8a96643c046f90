//! `openclaw completion`

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};

use crate::{cli::Cli, error::CliError};

/// Flags of `openclaw completion`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw completion bash > ~/.local/share/bash-completion/completions/openclaw
  openclaw completion zsh > ~/.zfunc/_openclaw")]
pub(crate) struct Flags {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(crate) fn run(flags: &Flags) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Cli::command(), "openclaw", &mut script);
    crate::output::print_now(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
