//! Turns that HTTP and the control plane ask for: through the session's lane, like a channel's, and stored when they
//! have ended well. What a turn does is `openclaw-agents`'s business.

use std::time::Duration;

use openclaw_agents::{Agents, Turn, TurnError, TurnRequest};
use openclaw_messaging::{Lane, LaneError, Lanes};
use tracing::{error, warn};

/// What a turn may take beyond its own deadline before the lane is taken from it.
const BEYOND: Duration = Duration::from_secs(5);

/// Why there is no turn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTurn {
    /// It never had the lane, or lost it.
    #[error(transparent)]
    Lane(#[from] LaneError),
    /// It failed; nothing of it is stored.
    #[error(transparent)]
    Turn(#[from] TurnError),
}

impl NoTurn {
    /// Somebody stopped it.
    pub(crate) fn is_abort(&self) -> bool {
        matches!(self, NoTurn::Turn(TurnError::Aborted))
    }

    /// It took too long.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, NoTurn::Turn(TurnError::Timeout(_)) | NoTurn::Lane(LaneError::Deadline(_)))
    }
}

/// Runs one turn and stores it. Dropping the future stops the turn, and nothing is stored then.
pub(crate) async fn run(lanes: &Lanes, agents: &Agents, request: TurnRequest) -> Result<Turn, NoTurn> {
    run_from(lanes, agents, request, || ()).await
}

/// As `run`; calls `begin` when the turn has its lane.
pub(crate) async fn run_from(
    lanes: &Lanes,
    agents: &Agents,
    request: TurnRequest,
    begin: impl FnOnce(),
) -> Result<Turn, NoTurn> {
    let session = request.session_key.clone();
    let limit = limit(agents, &request);
    let beside = !request.plain && agents.overtakes(&request.message);
    let turn = async {
        begin();
        stored(agents, request).await
    };
    // A command that stops the running turn must not wait for it.
    let turn = if beside { turn.await } else { lanes.run(&session, limit, turn).await? };
    Ok(turn?)
}

/// The same in a lane that is held already, whichever session's it is.
pub(crate) async fn run_in(lane: Lane, agents: &Agents, request: TurnRequest) -> Result<Turn, NoTurn> {
    let limit = limit(agents, &request);
    let turn = tokio::time::timeout(limit, stored(agents, request)).await;
    drop(lane);
    Ok(turn.map_err(|_| LaneError::Deadline(limit))??)
}

/// When the lane is taken from a turn.
fn limit(agents: &Agents, request: &TurnRequest) -> Duration {
    request.timeout.unwrap_or_else(|| agents.settings().timeout).saturating_add(BEYOND)
}

async fn stored(agents: &Agents, request: TurnRequest) -> Result<Turn, TurnError> {
    let session = request.session_key.clone();
    let turn = agents.run_turn(request).await;
    match &turn {
        Ok(turn) => {
            if let Err(error) = agents.commit(turn).await {
                error!(code = error.code(), session, "the turn was answered and is not stored: {error}");
            }
        }
        Err(TurnError::Aborted) => {}
        Err(failed) => warn!(subsystem = "agent", code = failed.code(), session, "turn failed: {failed}"),
    }
    turn
}
