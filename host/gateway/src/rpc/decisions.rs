//! `channels.why`: what became of messages. The decisions are messaging's, and so is the account of them.

use std::sync::Arc;

use openclaw_messaging::{Decided, InboundState, Step};
use openclaw_protocol::RpcError;
use openclaw_protocol::decisions::{
    ChannelsWhyParams, DecisionStep, MessageDecision, MessageDecisions, USUAL_DECISIONS,
};

use crate::clock::now_ms;
use crate::process::Gateway;

/// `channels.why`
pub(super) async fn why(
    gateway: &Arc<Gateway>,
    asked: ChannelsWhyParams,
) -> Result<MessageDecisions, RpcError> {
    let ChannelsWhyParams { message_id, channel, account_id, limit } = asked;
    let limit = limit.unwrap_or(USUAL_DECISIONS);
    let found = gateway
        .messaging
        .why(message_id.as_deref(), channel.as_deref(), account_id.as_deref(), limit)
        .await
        .map_err(|error| RpcError::unavailable(error.to_string()))?;
    Ok(MessageDecisions { ts: now_ms(), messages: found.into_iter().map(shown).collect() })
}

fn shown(decided: Decided) -> MessageDecision {
    let Decided { row, state, reason, mut steps, turn, ended, .. } = decided;
    if let (Some(turn), Some(ended)) = (turn, ended) {
        let (check, passed, found) = match turn == row.message.id {
            true => ("session.sendPolicy", false, ended),
            false => {
                let found = format!("{ended} (in the turn of message {turn})");
                ("messages.queue", state == InboundState::Done, found)
            }
        };
        steps.push(Step { check: check.to_owned(), passed, found });
    }
    let conversation = row.message.conversation;
    MessageDecision {
        message_id: row.message.id,
        channel: row.account.channel,
        account_id: row.account.account,
        chat_type: conversation.kind.as_str().to_owned(),
        room: conversation.room,
        thread_id: conversation.thread,
        sender_id: row.message.sender.id,
        at: u64::try_from(row.received_at).unwrap_or_default(),
        outcome: match state {
            InboundState::New => "undecided",
            InboundState::Queued => "queued",
            InboundState::Done => "answered",
            InboundState::Dropped => "dropped",
        }
        .to_owned(),
        reason,
        session_key: row.route.map(|route| route.session_key),
        steps: steps
            .into_iter()
            .map(|step| DecisionStep { check: step.check, passed: step.passed, found: step.found })
            .collect(),
    }
}
