//! Turns that HTTP and the control plane ask for: through the session's lane, like a channel's, and stored when they
//! have ended well. What a turn does is `openclaw-agents`'s business, who hears of it is `told`'s.

use std::sync::Arc;
use std::time::Duration;

use openclaw_agents::{Agents, Turn, TurnError, TurnRequest};
use openclaw_messaging::{Lane, LaneError};
use openclaw_models::FinishReason;
use tracing::{error, warn};

use crate::process::Gateway;
use crate::runs::About;
use crate::telling::Audience;
use crate::told::{Beginning, Told};

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

    /// What a person in a chat reads. `None`: nothing is said.
    pub(crate) fn user_text(&self) -> Option<String> {
        match self {
            NoTurn::Turn(error) => error.user_text(),
            NoTurn::Lane(_) => None,
        }
    }

    /// A stable code for searching.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            NoTurn::Turn(error) => error.code(),
            NoTurn::Lane(LaneError::Full) => "busy",
            NoTurn::Lane(LaneError::Deadline(_)) => "timeout",
            NoTurn::Lane(LaneError::Closed) => "closed",
        }
    }

    /// It took too long.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, NoTurn::Turn(TurnError::Timeout(_)) | NoTurn::Lane(LaneError::Deadline(_)))
    }
}

/// Runs one turn, stores it and tells of it. Dropping the future stops the turn, and nothing is stored then.
pub(crate) async fn run(
    gateway: &Arc<Gateway>,
    method: &'static str,
    request: TurnRequest,
) -> Result<Turn, NoTurn> {
    let about = About::of(method, &request);
    let told = Told::new(gateway, &about, Audience::Readers);
    told.whole(request, |request, beginning| in_its_lane(gateway, request, beginning)).await
}

/// The same in a lane that is held already, whichever session's it is.
pub(crate) async fn run_in(
    lane: Lane,
    gateway: &Arc<Gateway>,
    method: &'static str,
    request: TurnRequest,
) -> Result<Turn, NoTurn> {
    let about = About::of(method, &request);
    let told = Told::new(gateway, &about, Audience::Readers);
    let agents = &gateway.agents;
    let turn = async |request: TurnRequest, beginning: Beginning| {
        storing(gateway)?;
        let limit = limit(agents, &request);
        beginning.tell();
        let turn = tokio::time::timeout(limit, stored(agents, request)).await;
        drop(lane);
        Ok(turn.map_err(|_| LaneError::Deadline(limit))??)
    };
    told.whole(request, turn).await
}

/// Runs one turn as soon as its session is free, and stores it.
pub(crate) async fn in_its_lane(
    gateway: &Gateway,
    request: TurnRequest,
    beginning: Beginning,
) -> Result<Turn, NoTurn> {
    let agents = &gateway.agents;
    let session = request.session_key.clone();
    let limit = limit(agents, &request);
    let beside = !request.plain && agents.overtakes(&request.message);
    if !beside {
        storing(gateway)?;
    }
    let turn = async {
        beginning.tell();
        stored(agents, request).await
    };
    // A command that stops the running turn must not wait for it.
    let turn = if beside { turn.await } else { gateway.messaging.lanes().run(&session, limit, turn).await? };
    Ok(turn?)
}

/// Refuses a turn that could not be stored, before a model is asked.
fn storing(gateway: &Gateway) -> Result<(), TurnError> {
    gateway.store.refusal().map_or(Ok(()), |why| Err(TurnError::Store(why)))
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

/// Why the model stopped, as clients read it.
pub(crate) fn stop_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Error => "error",
    }
}
