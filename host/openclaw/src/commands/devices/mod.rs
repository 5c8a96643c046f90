//! `openclaw devices`: which devices may connect, and with which tokens. What a device may do is the gateway's decision;
//! here it is asked and shown (openclaw-compat §7.7).

mod approve;
mod list;
mod tokens;
mod view;

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_protocol::Scope;
use serde_json::{Value, json};

use crate::{
    client::{Client, ClientError, Mode, PATIENCE_MS, RpcFlags, Target, UrlSource, block_on},
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

pub(crate) use approve::{approve_request, is_request_id};
use view::Devices;

const HELP: &str = "\
Examples:
  openclaw devices list
  openclaw devices approve                     Show the latest request, approve nothing
  openclaw devices approve <requestId>
  openclaw devices rotate --device <deviceId> --role operator

A device is refused although it was let in before (token drift):
  1. openclaw gateway auth-token --show        The shared token that the gateway takes
  2. openclaw devices list                     Is the device there, with a token?
  3. openclaw devices rotate --device <deviceId> --role operator
  4. Still refused: openclaw devices remove <deviceId>, connect the device again,
     openclaw devices list, openclaw devices approve <requestId>
  5. Connect the device with the current shared token.

When the shared token itself is lost, type these on the gateway's machine: no token is asked for there.
Senders in chats have codes of eight characters: openclaw pairing list";

/// Flags of `openclaw devices`.
#[derive(Args, Debug)]
#[command(subcommand_required = true, arg_required_else_help = true, after_help = HELP)]
pub(crate) struct Flags {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, ClapSubcommand)]
enum Subcommand {
    /// List the devices that wait and those that are paired
    List(RpcFlags),
    /// Let a device in; without a request id only show the latest request
    Approve(approve::Flags),
    /// Turn a request down
    Reject(RejectFlags),
    /// Remove a paired device: its tokens stop working
    Remove(RemoveFlags),
    /// Give a paired device a name
    Rename(RenameFlags),
    /// Replace the token of a device
    Rotate(tokens::RotateFlags),
    /// Take the token of a device away
    Revoke(tokens::RevokeFlags),
    /// Remove every paired device
    Clear(ClearFlags),
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  openclaw devices reject 7c9e6679-7425-40de-944b-e07fc1f90ae7")]
struct RejectFlags {
    /// The request, as openclaw devices list shows it
    #[arg(value_name = "REQUEST_ID")]
    request: String,
    #[command(flatten)]
    rpc: RpcFlags,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  openclaw devices remove <deviceId>")]
struct RemoveFlags {
    /// The device, as openclaw devices list shows it
    #[arg(value_name = "DEVICE_ID")]
    device: String,
    #[command(flatten)]
    rpc: RpcFlags,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  openclaw devices rename --device <deviceId> --name \"Ada's phone\"")]
struct RenameFlags {
    /// The device, as openclaw devices list shows it
    #[arg(long, value_name = "DEVICE_ID")]
    device: Option<String>,
    /// Its name, at most 64 characters
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  openclaw devices clear --yes --pending")]
struct ClearFlags {
    /// Do it
    #[arg(long)]
    yes: bool,
    /// Turn every waiting request down as well
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    match &flags.command {
        Subcommand::List(rpc) => list::run(rpc, context),
        Subcommand::Approve(flags) => approve::run(flags, context),
        Subcommand::Reject(flags) => reject(flags, context),
        Subcommand::Remove(flags) => remove(flags, context),
        Subcommand::Rename(flags) => rename(flags, context),
        Subcommand::Rotate(flags) => tokens::rotate(flags, context),
        Subcommand::Revoke(flags) => tokens::revoke(flags, context),
        Subcommand::Clear(flags) => clear(flags, context),
    }
}

/// A gateway that is asked about devices.
struct Registry {
    target: Target,
    patience_ms: u64,
}

impl Registry {
    fn new(rpc: &RpcFlags, context: &Context) -> Result<Self, CliError> {
        Ok(Self {
            target: Target::resolve(&rpc.target, context)?,
            patience_ms: rpc.timeout.unwrap_or(PATIENCE_MS),
        })
    }

    /// Everything that waits or is paired, as it came.
    async fn list_raw(&self) -> Result<Value, ClientError> {
        self.ask(&[Scope::Pairing], "device.pair.list", json!({})).await
    }

    async fn list(&self) -> Result<Devices, ClientError> {
        Ok(view::read(&self.list_raw().await?))
    }

    /// Changes something. A device may change itself with few rights; where the gateway wants the administrator, the
    /// command asks once more as one. On the gateway's own machine it does so at once.
    async fn change(&self, scopes: &[Scope], method: &str, params: Value) -> Result<Value, ClientError> {
        if self.target.source == UrlSource::Local {
            return self.ask(&[Scope::Admin], method, params).await;
        }
        match self.ask(scopes, method, params.clone()).await {
            Err(ClientError::Request(error))
                if !scopes.contains(&Scope::Admin)
                    && (error.message.contains(" denied")
                        || error.detail_code() == Some("MISSING_SCOPE")) =>
            {
                self.ask(&[Scope::Admin], method, params).await
            }
            other => other,
        }
    }

    async fn ask(&self, scopes: &[Scope], method: &str, params: Value) -> Result<Value, ClientError> {
        let mut client = Client::connect(&self.target, Mode::Cli, scopes, self.patience_ms).await?;
        client.raw(method, params).await
    }
}

/// Names the next command where the gateway knows no such device or request.
fn explain(error: ClientError, id: &str) -> CliError {
    let ClientError::Request(refusal) = &error else { return error.into() };
    let message = refusal.message.to_ascii_lowercase();
    if message.contains("unknown requestid") {
        return CliError::invalid(format!(
            "No pending device request matches {id}. Run openclaw devices list and retry with the current request ID."
        ));
    }
    if message.contains("unknown deviceid") {
        return CliError::invalid(format!(
            "No paired device matches {id}. Run openclaw devices list to choose a paired device."
        ));
    }
    error.into()
}

/// An argument that may be blank on the command line but not on the wire.
fn given<'a>(text: &'a str, what: &str, choose: &str) -> Result<&'a str, CliError> {
    match text.trim() {
        "" => Err(CliError::invalid(format!(
            "{what} is required. Run openclaw devices list to choose {choose}."
        ))),
        text => Ok(text),
    }
}

fn reject(flags: &RejectFlags, context: &Context) -> Result<ExitCode, CliError> {
    let id = given(&flags.request, "requestId", "a pending request")?;
    let answer = simple(&flags.rpc, context, "device.pair.reject", json!({"requestId": id}), id)?;
    let device = answer.get("deviceId").and_then(Value::as_str).unwrap_or("ok");
    done(context, &answer, &format!("Rejected {}", clean(device)))
}

fn remove(flags: &RemoveFlags, context: &Context) -> Result<ExitCode, CliError> {
    let id = given(&flags.device, "deviceId", "a paired device")?;
    let answer = simple(&flags.rpc, context, "device.pair.remove", json!({"deviceId": id}), id)?;
    done(context, &answer, &format!("Removed {id}"))
}

fn rename(flags: &RenameFlags, context: &Context) -> Result<ExitCode, CliError> {
    let trimmed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    let (id, name) = (trimmed(&flags.device), trimmed(&flags.name));
    if id.is_empty() || name.is_empty() {
        return Err(CliError::invalid(
            "--device and --name are required. Run openclaw devices list to choose a paired device.",
        ));
    }
    if name.chars().count() > 64 {
        return Err(CliError::invalid("--name may have 64 characters."));
    }
    let params = json!({"deviceId": id, "label": name});
    let answer = simple(&flags.rpc, context, "device.pair.rename", params, &id)?;
    done(context, &answer, &format!("Renamed {id} → {}", clean(&name)))
}

fn simple(
    rpc: &RpcFlags,
    context: &Context,
    method: &str,
    params: Value,
    id: &str,
) -> Result<Value, CliError> {
    let registry = Registry::new(rpc, context)?;
    block_on(async {
        registry.change(&[Scope::Pairing], method, params).await.map_err(|error| explain(error, id))
    })
}

fn done(context: &Context, answer: &Value, text: &str) -> Result<ExitCode, CliError> {
    if context.json {
        print_json(answer)?
    } else {
        print_line(text)?
    }
    Ok(ExitCode::SUCCESS)
}

fn clear(flags: &ClearFlags, context: &Context) -> Result<ExitCode, CliError> {
    if !flags.yes {
        return Err(CliError::invalid("Refusing to clear pairing table without --yes"));
    }
    let registry = Registry::new(&flags.rpc, context)?;
    let (removed, rejected) = block_on(async {
        let devices = registry.list().await?;
        let mut removed = Vec::new();
        for device in devices.paired {
            let params = json!({"deviceId": device.device_id});
            registry.change(&[Scope::Pairing], "device.pair.remove", params).await?;
            removed.push(device.device_id);
        }
        let mut rejected = Vec::new();
        for request in devices.pending.into_iter().filter(|_| flags.pending) {
            let params = json!({"requestId": request.request_id});
            registry.change(&[Scope::Pairing], "device.pair.reject", params).await?;
            rejected.push(request.request_id);
        }
        Ok((removed, rejected))
    })?;
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let mut text = format!("Cleared {} paired device{}", removed.len(), plural(removed.len()));
    if flags.pending {
        text.push_str(&format!("\nRejected {} pending request{}", rejected.len(), plural(rejected.len())));
    }
    done(context, &json!({"removedDevices": removed, "rejectedPending": rejected}), &text)
}
