//! `--force`: ends whatever listens on the port, first asking, then insisting. Touches nobody who does not listen there,
//! and never itself.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::ports;
use crate::error::StartError;

/// How long a process has after SIGTERM (openclaw-compat §1.6).
const POLITE: Duration = Duration::from_millis(700);
/// How long all of it may take.
const ENOUGH: Duration = Duration::from_millis(2000);
const POLL: Duration = Duration::from_millis(50);

/// Ends the listeners of `port`.
///
/// # Errors
/// When one of them may not be ended by this user, or does not end.
pub(super) async fn free(port: u16) -> Result<(), StartError> {
    let begun = Instant::now();
    let own = std::process::id();
    let owners: Vec<_> = ports::owners(port).into_iter().filter(|owner| owner.pid != own).collect();
    let mut left = Vec::new();
    for owner in &owners {
        info!("force: ending pid {} {}: {} ({})", owner.pid, owner.user, owner.command, owner.address);
        left.extend(i32::try_from(owner.pid).ok().and_then(Pid::from_raw));
    }
    send(port, &left, Signal::TERM)?;
    wait(&mut left, begun + POLITE).await;
    for pid in &left {
        warn!("force: pid {} does not end; killing it", pid.as_raw_nonzero());
    }
    send(port, &left, Signal::KILL)?;
    wait(&mut left, begun + ENOUGH).await;
    if left.is_empty() {
        return Ok(());
    }
    Err(StartError::Occupied(format!(
        "Gateway failed to start: the port is not free after --force.\n{}",
        ports::diagnose(port, &ports::owners(port))
    )))
}

fn send(port: u16, pids: &[Pid], signal: Signal) -> Result<(), StartError> {
    for pid in pids {
        match kill_process(*pid, signal) {
            Ok(()) => {}
            // It ended by itself.
            Err(rustix::io::Errno::SRCH) => {}
            Err(error) => {
                let text = format!(
                    "Gateway failed to start: --force may not end pid {}: {error}\n{}",
                    pid.as_raw_nonzero(),
                    ports::diagnose(port, &ports::owners(port))
                );
                return Err(StartError::failed(text, error));
            }
        }
    }
    Ok(())
}

/// Waits until all have ended or the time is over.
async fn wait(left: &mut Vec<Pid>, until: Instant) {
    loop {
        left.retain(|pid| is_running(*pid));
        if left.is_empty() || Instant::now() >= until {
            return;
        }
        sleep(POLL).await;
    }
}

/// A process that has ended and whose parent has not asked how does not listen any more.
fn is_running(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let ended = stat.is_ok_and(|stat| {
        let state = stat.rsplit_once(") ").map(|(_, rest)| rest.starts_with(['Z', 'X']));
        state.unwrap_or(false)
    });
    !ended && test_kill_process(pid).is_ok()
}
