//! `openclaw onboard`
use crate::{context::Context, error::CliError};
use clap::Args;
use std::process::ExitCode;
/// x
#[derive(Args, Debug)]
pub(crate) struct Flags {}
pub(crate) fn run(_c: &Flags, _x: &Context) -> Result<ExitCode, CliError> {
    Ok(ExitCode::SUCCESS)
}
