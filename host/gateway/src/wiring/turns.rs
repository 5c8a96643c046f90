//! Runs the turns of channel messages for messaging: what was said becomes an agent's turn, and what went wrong becomes
//! words for the person. Stores nothing: messaging does, together with the reply.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use openclaw_agents::{
    Agents, ChannelContext, Stop, Turn, TurnEvent, TurnRequest as AgentTurn, may_be_silence,
};
use openclaw_config::{SendPlace, SessionKind};
use openclaw_messaging::{
    AccountKey, Author, ChatKind, InboundId, Message, Messaging, TurnReply, TurnRequest, TurnRunner, Writing,
};
use openclaw_store::{SessionWrite, Store};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::pictures;
use super::restarts::Restarts;
use crate::conversation;
use crate::process::Gateway;
use crate::rpc::session_events;
use crate::runs::About;
use crate::telling::Audience;
use crate::told::{self, Told};
use crate::turns::NoTurn;

/// The gateway as parts know it that are there before it.
pub(crate) type Late = Arc<OnceLock<Weak<Gateway>>>;

/// What begins the turns.
const METHOD: &str = "channel";

/// The agents behind the channels.
pub(super) struct ChannelTurns {
    pub(super) agents: Agents,
    /// Has the pictures that come with messages.
    pub(super) store: Store,
    /// Set once messaging runs: it knows who was approved.
    pub(super) messaging: Arc<OnceLock<Messaging>>,
    /// Set once there is somebody to tell.
    pub(super) gateway: Late,
    /// Those that somebody asked for in a chat.
    pub(super) restarts: Restarts,
}

impl ChannelTurns {
    fn gateway(&self) -> Option<Arc<Gateway>> {
        self.gateway.get().and_then(Weak::upgrade)
    }

    /// Why the answer of a turn is not to be sent; `None` if it is. What cannot be read is not sent either.
    async fn withheld(&self, account: &AccountKey, session: &str, chat_type: &str) -> Option<&'static str> {
        let place = SendPlace { channel: &account.channel, chat_type: Some(chat_type), session_key: session };
        conversation::withheld(&self.agents, place).await
    }

    /// Runs a turn in the lane that messaging holds; what it writes is stored later.
    async fn take(&self, request: AgentTurn) -> Result<Turn, NoTurn> {
        let Some(gateway) = self.gateway() else { return Ok(self.agents.run_turn(request).await?) };
        let about = About::of(METHOD, &request);
        let mut told = Told::new(&gateway, &about, Audience::Followers);
        let ended = told
            .follow(request, async |request, beginning| {
                beginning.tell();
                Ok(self.agents.run_turn(request).await?)
            })
            .await
            .ended();
        told.end(&ended, false).await;
        // What is to be stored is not there yet: `closed` tells of it.
        if ended.as_ref().map_or(true, |turn| turn.write.is_none()) {
            told::over(&gateway, &about, ended.as_ref().err()).await;
        }
        ended
    }
}

/// Pieces of text that may wait on their way to the preview.
const PIECES: usize = 64;

/// Runs a turn and says meanwhile what it has written.
async fn written<T>(
    mut request: AgentTurn,
    writing: &Writing,
    run: impl FnOnce(AgentTurn) -> T,
) -> Result<Turn, NoTurn>
where
    T: Future<Output = Result<Turn, NoTurn>>,
{
    if !writing.is_followed() {
        return run(request).await;
    }
    let (sink, mut pieces) = mpsc::channel(PIECES);
    request.sink = Some(sink);
    request.outset = writing.outset();
    // Nothing is seen of an answer that may still be silence.
    let mut held = Some(String::new());
    let mut turn = std::pin::pin!(run(request));
    loop {
        tokio::select! {
            biased;
            Some(piece) = pieces.recv() => match piece {
                TurnEvent::Begun { provider, model, thinking } => {
                    writing.by(Author { provider, model, thinking: thinking.to_string() });
                }
                TurnEvent::Text(text) => match &mut held {
                    Some(begin) => {
                        begin.push_str(&text);
                        if !may_be_silence(begin) {
                            writing.add(begin);
                            held = None;
                        }
                    }
                    None => writing.add(&text),
                },
                TurnEvent::Reasoning(_) => {}
            },
            ended = &mut turn => return ended,
        }
    }
}

/// The same after a restart: it is the ledger's number.
fn run_id(inbound: InboundId) -> String {
    format!("inbound-{}", inbound.0)
}

/// A reply whose text is not sent when there is a reason for that.
fn keep(reply: TurnReply, withheld: Option<&str>, account: &AccountKey) -> TurnReply {
    let Some(why) = withheld else { return reply };
    info!(subsystem = "agent", %account, "{why}");
    TurnReply { text: None, withheld: Some(why.to_owned()), ..reply }
}

#[async_trait]
impl TurnRunner for ChannelTurns {
    async fn run(&self, turn: TurnRequest) -> TurnReply {
        let TurnRequest {
            inbound,
            account,
            channel_label,
            route,
            message,
            received_at,
            heard,
            instructions,
            history_turns,
            authority,
            writing,
            said,
        } = turn;
        let allow_from = match self.messaging.get() {
            // Only a command asks for it.
            Some(messaging) if self.agents.has_command(&message.text) => {
                messaging.allow_from(&account).await.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let images = pictures::of(&self.store, &account, &message.media).await;
        let chat_type = message.conversation.kind.as_str();
        let withheld = self.withheld(&account, &route.session_key, chat_type).await;
        // What is not sent is not shown while it is written either.
        let followed = if withheld.is_some() { Writing::default() } else { writing.clone() };
        let target = message.target();
        let is_command = authority.commands && self.agents.is_command(&message.text);
        let kind = match (message.conversation.kind, &message.conversation.thread) {
            (ChatKind::Direct, _) => SessionKind::Direct,
            (ChatKind::Group | ChatKind::Channel, Some(_)) => SessionKind::Thread,
            (ChatKind::Group | ChatKind::Channel, None) => SessionKind::Group,
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
            heard: heard.into_iter().map(|heard| (heard.sender, heard.text)).collect(),
            owner: authority.owner,
        };
        let request = AgentTurn {
            run_id: Some(run_id(inbound)),
            agent_id: route.agent,
            session_key: route.session_key.clone(),
            message: message.text,
            images,
            kind: Some(kind),
            extra_system: instructions,
            history_turns,
            received_at,
            channel: Some(channel),
            plain: !authority.commands,
            said,
            ..AgentTurn::default()
        };
        match written(request, &followed, |request| self.take(request)).await {
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
                if turn.restart {
                    self.restarts.want(inbound, account.clone(), target);
                }
                let author = (!turn.command).then(|| Author {
                    provider: turn.provider,
                    model: turn.model,
                    thinking: turn.thinking.to_string(),
                });
                let text = Some(turn.reply).filter(|text| !text.is_empty());
                // Commands are answered in any case: who switched the answers off must be able to switch them on.
                let withheld = withheld.filter(|_| !turn.command && text.is_some());
                let session = turn.write;
                keep(TurnReply { text, session, author, ..TurnReply::default() }, withheld, &account)
            }
            Err(error) => {
                if !error.is_abort() {
                    warn!(
                        subsystem = "agent",
                        account = %account,
                        session = route.session_key,
                        code = error.code(),
                        "turn failed: {error}"
                    );
                }
                let failed = !error.is_abort();
                let reply = TurnReply { text: error.user_text(), failed, ..TurnReply::default() };
                keep(reply, withheld.filter(|_| !is_command && failed), &account)
            }
        }
    }

    async fn closed(&self, inbound: InboundId, write: SessionWrite, stored: bool) {
        let Some(gateway) = self.gateway() else { return };
        let about = About::new(&run_id(inbound), METHOD, "", &write.key, &write.agent);
        if let Some(asked) = self.restarts.take(inbound).filter(|_| stored) {
            asked.begin(&gateway);
        }
        if stored {
            session_events::messages(&gateway, &about, &write).await;
        }
        told::over(&gateway, &about, None).await;
    }

    fn stop(&self, inbound: InboundId) {
        self.agents.abort(Stop::Run(&run_id(inbound)));
    }

    fn overtakes(&self, message: &Message) -> bool {
        self.agents.overtakes(&message.text)
    }

    fn is_command(&self, message: &Message) -> bool {
        self.agents.is_command(&message.text)
    }

    fn has_command(&self, message: &Message) -> bool {
        self.agents.has_command(&message.text)
    }
}
