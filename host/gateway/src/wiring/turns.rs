//! Runs the turns of channel messages for messaging: what was said becomes an agent's turn, and what went wrong becomes
//! words for the person. Stores nothing: messaging does, together with the reply.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use openclaw_agents::{Agents, ChannelContext, TurnError, TurnRequest as AgentTurn};
use openclaw_messaging::{ChatKind, Message, Messaging, TurnReply, TurnRequest, TurnRunner};
use tracing::{info, warn};

/// The agents behind the channels.
pub(super) struct ChannelTurns {
    pub(super) agents: Agents,
    /// Set once messaging runs: it knows who was approved.
    pub(super) messaging: Arc<OnceLock<Messaging>>,
}

#[async_trait]
impl TurnRunner for ChannelTurns {
    async fn run(&self, turn: TurnRequest) -> TurnReply {
        let TurnRequest { inbound, account, channel_label, route, message, received_at } = turn;
        let allow_from = match self.messaging.get() {
            // Only a command asks for it.
            Some(messaging) if message.text.starts_with('/') => {
                messaging.allow_from(&account).await.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let channel = ChannelContext {
            channel: account.channel.clone(),
            label: channel_label,
            sender_id: message.sender.id,
            username: message.sender.username,
            display_name: message.sender.display_name,
            direct: message.conversation.kind == ChatKind::Direct,
            allow_from,
            quote: message.quote.map(|quote| (quote.author, quote.text)),
        };
        let request = AgentTurn {
            run_id: Some(format!("inbound-{}", inbound.0)),
            agent_id: route.agent,
            session_key: route.session_key.clone(),
            message: message.text,
            received_at,
            channel: Some(channel),
            ..AgentTurn::default()
        };
        match self.agents.run_turn(request).await {
            Ok(turn) => {
                let by = if turn.command {
                    "command".to_owned()
                } else {
                    format!("{}/{}", turn.provider, turn.model)
                };
                info!(
                    subsystem = "agent",
                    account = %account,
                    session = route.session_key,
                    "turn completed run={} model={by} duration={}ms",
                    turn.run_id,
                    turn.duration.as_millis()
                );
                TurnReply { text: Some(turn.reply).filter(|text| !text.is_empty()), session: turn.write }
            }
            Err(error) => {
                if !matches!(error, TurnError::Aborted) {
                    warn!(
                        subsystem = "agent",
                        account = %account,
                        session = route.session_key,
                        code = error.code(),
                        "turn failed: {error}"
                    );
                }
                TurnReply { text: error.user_text(), session: None }
            }
        }
    }

    fn overtakes(&self, message: &Message) -> bool {
        self.agents.overtakes(&message.text)
    }
}
