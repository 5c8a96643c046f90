//! The gateway that runs with a state directory, as its lock tells, and the refusal of a second one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::lock::{self, LockError, Phase, Subject};
use super::{occupant, ports};
use crate::error::StartError;

/// A gateway that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its process, where it is one of this machine's that can be seen from here.
    pub pid: Option<u32>,
    /// Where it listens.
    pub port: u16,
    /// It is on its way down.
    pub draining: bool,
    /// When it began to serve, in Unix milliseconds: another number after a restart.
    pub since: u64,
}

/// The gateway that runs with this state directory, if one does.
pub(crate) fn running(state_dir: &Path) -> Option<Running> {
    let file = lock::file(state_dir);
    let holder = lock::holder(&file)?;
    Some(Running {
        pid: lock::is_open_in(&file, holder.pid).then_some(holder.pid),
        port: holder.port,
        draining: holder.phase == Phase::Draining,
        since: holder.created_at,
    })
}

/// The refusal of a second gateway.
pub(super) async fn refuse_lock(error: LockError, state_dir: &Path) -> StartError {
    let what = |subject| match subject {
        Subject::State => format!("the state directory {}", state_dir.display()),
        Subject::Config => "this configuration".to_owned(),
    };
    match error {
        LockError::Held(subject, Some(holder)) => {
            let place = SocketAddr::from((Ipv4Addr::LOCALHOST, holder.port));
            let several = match subject {
                Subject::State => {
                    "To run a second one beside it, give it its own state: OPENCLAW_STATE_DIR=<dir> openclaw gateway \
                     --port <port>"
                }
                Subject::Config => {
                    "To run several gateways with one configuration all the same: OPENCLAW_ALLOW_MULTI_GATEWAY=1"
                }
            };
            let mut lines = vec![
                format!(
                    "Gateway failed to start: gateway already running (pid {}); another gateway instance is already \
                     listening on ws://{place} with {}",
                    holder.pid,
                    what(subject)
                ),
                "If the gateway is supervised, stop it with: openclaw gateway stop".to_owned(),
                several.to_owned(),
                ports::diagnose(holder.port, &ports::owners(holder.port)),
            ];
            lines.extend(occupant::answering(place).await);
            lines.extend(occupant::stop_hints());
            StartError::Occupied(lines.join("\n"))
        }
        LockError::Held(subject, None) => StartError::Occupied(format!(
            "Gateway failed to start: gateway already running with {}\n\
             If the gateway is supervised, stop it with: openclaw gateway stop",
            what(subject)
        )),
        LockError::Io(error) => {
            let text = format!(
                "Gateway failed to start: the lock in {} cannot be taken: {error}",
                state_dir.display()
            );
            StartError::failed(text, error)
        }
    }
}
