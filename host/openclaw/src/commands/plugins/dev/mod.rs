//! `openclaw plugins dev`: builds a plugin, lets the running gateway load it from its folder, and does so again after each change. Shows
//! what becomes of its accounts, and what it logs.
//!
//! One build at a time: a change ends the build that is under way. The gateway loads a new component before it lets go of the old
//! one, so that a version that does not load replaces nothing.

mod follow;
mod link;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use openclaw_authoring::{AuthoringError, Build, Built};
use openclaw_packages::Kind;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::build::CargoFlags;
use super::project::{FolderFlags, Project};
use crate::{
    client::{Target, TargetFlags, block_on},
    context::Context,
    error::CliError,
    output::{age, clean, print_line},
};
use follow::Gateway;
pub(super) use link::Link;
use watch::Changes;

/// How often the gateway is asked what is new.
const LOOK: Duration = Duration::from_millis(500);
/// How long a build that is not wanted any more may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Flags of `openclaw plugins dev`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins dev
  openclaw plugins dev ./my-channel -- --offline

The gateway must run on this machine. It shows the plugin as a folder that nobody has signed. Ctrl-C ends the command;
the gateway goes on with what it has until: openclaw plugins uninstall ID")]
pub(crate) struct Flags {
    #[command(flatten)]
    folder: FolderFlags,
    #[command(flatten)]
    cargo: CargoFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    if context.json {
        return Err(CliError::invalid(
            "plugins dev shows what happens to a person (without --json; a program calls plugins build and plugins reload)",
        ));
    }
    let folder = flags.folder.resolve()?;
    let project = Project::read(&folder)?;
    let link = Link::of(&context.paths.state_dir, &project.manifest.plugin.id)?;
    let target = Target::local(&TargetFlags::default(), context)?;
    project.prepare(context)?;
    let changes = Changes::of(&folder)?;
    block_on(async {
        // Before anything is built for nothing.
        let gateway = Gateway::connect(&target, &project, context.output).await?;
        let session =
            Session { folder, arguments: &flags.cargo.arguments, link, gateway, context, build: None };
        session.follow(changes).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A build under way.
struct Running {
    group: u32,
    ended: JoinHandle<Result<Built, AuthoringError>>,
}

struct Session<'c> {
    folder: PathBuf,
    arguments: &'c [String],
    link: Link,
    gateway: Gateway,
    context: &'c Context,
    build: Option<Running>,
}

impl Session<'_> {
    async fn follow(mut self, changes: Changes) -> Result<(), CliError> {
        let ended = self.until_interrupted(changes).await;
        // However it ended: no build goes on by itself.
        self.cancel().await;
        ended?;
        print_line(&format!("\n{}", self.link.farewell()))
    }

    async fn until_interrupted(&mut self, mut changes: Changes) -> Result<(), CliError> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        self.start()?;
        loop {
            tokio::select! {
                // When the signal cannot be waited for, the system's own answer to it ends this process.
                Ok(()) = &mut interrupted => return Ok(()),
                () = changes.next() => {
                    self.cancel().await;
                    self.start()?;
                }
                built = ended(&mut self.build) => {
                    self.build = None;
                    self.use_it(built).await?;
                }
                _ = looks.tick() => self.gateway.look().await?,
            }
        }
    }

    /// Starts a build of what the folder holds now. What is wrong with it is told; the next change begins anew.
    fn start(&mut self) -> Result<(), CliError> {
        let started = Project::read(&self.folder).and_then(|project| {
            if project.manifest.plugin.id != self.link.id() {
                return Err(CliError::invalid(
                    "the plugin's id has changed (end this with Ctrl-C, and start it again)",
                ));
            }
            project.prepare(self.context)?;
            Ok(Build::start(project.plan(), self.arguments, true)?)
        });
        match started {
            Ok(build) => {
                let group = build.group();
                self.build = Some(Running { group, ended: spawn_blocking(move || build.wait()) });
                Ok(())
            }
            Err(error) => self.tell(&error),
        }
    }

    /// Tells what went wrong; the work goes on.
    fn tell(&self, error: &CliError) -> Result<(), CliError> {
        let code = match error {
            CliError::Detailed { code, .. } => format!(" [{code}]"),
            _ => String::new(),
        };
        print_line(&self.context.output.bad(&format!("{}{code}", clean(&error.to_string()))))
    }

    /// Ends the build under way, if there is one.
    async fn cancel(&mut self) {
        let Some(mut running) = self.build.take() else { return };
        signal(running.group, Signal::TERM);
        if timeout(GRACE, &mut running.ended).await.is_err() {
            signal(running.group, Signal::KILL);
            // Nothing survives that; what the build said does not matter any more.
            running.ended.await.ok();
        }
    }

    /// Has the gateway take what was built into use, and tells what became of it.
    async fn use_it(&mut self, built: Result<Built, AuthoringError>) -> Result<(), CliError> {
        let built = match built {
            Ok(built) => built,
            Err(error) => return self.tell(&error.into()),
        };
        let linked = self.link.lead_to(&built.folder)?;
        let done = self.gateway.reload().await;
        let took = age::latency(millis(built.compiled.elapsed()));
        match done {
            Ok(text) => {
                if linked {
                    print_line(&format!(
                        "The gateway loads it from {}",
                        self.context.shown(self.link.place())
                    ))?;
                }
                print_line(&format!("{text} ({took} after the compiler)"))
            }
            Err(error) => self.tell(&error.into()),
        }
    }
}

/// Waits for the end of the build under way; for ever when there is none. Cancelled, it loses nothing.
async fn ended(build: &mut Option<Running>) -> Result<Built, AuthoringError> {
    match build {
        Some(running) => (&mut running.ended).await.unwrap_or_else(|lost| {
            let cause = std::io::Error::other(lost.to_string());
            Err(AuthoringError::File { path: PathBuf::from("cargo"), cause })
        }),
        None => std::future::pending().await,
    }
}

fn signal(group: u32, signal: Signal) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        kill_process_group(group, signal).ok();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whether the plugin has accounts.
fn is_channel(project: &Project) -> bool {
    project.manifest.plugin.kind == Kind::Channel
}
