//! The gateway: hello, identify, resume, heartbeats, close codes. Owns one connection at a time; sessions outlive it.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::State;
use super::bot::{ALL_INTENTS, PRIVILEGED, Session};

/// The largest frame that the vendor takes, in bytes.
const MAX_PAYLOAD: usize = 4_096;
/// The most frames in a minute.
const MAX_FRAMES: usize = 120;

/// What a connection is to do.
#[derive(Debug)]
pub(super) enum Command {
    Frame(String),
    Close(u16),
    /// Without a word.
    Cut,
}

/// Serves one connection to its end.
pub(super) async fn serve(state: Arc<State>, stream: Upgraded) {
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None).await;
    let (commands, orders) = mpsc::unbounded_channel();
    let mut connection =
        Connection { state: &state, socket, commands, token: None, session: None, frames: VecDeque::new() };
    let end = connection.run(orders).await;
    connection.ended(end).await;
}

/// How a connection ends.
enum End {
    /// The server closes it.
    Close(u16),
    /// The client closed it, with this code.
    Closed(Option<u16>),
    Cut,
}

struct Connection<'a> {
    state: &'a State,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    commands: mpsc::UnboundedSender<Command>,
    /// The bot, once it is known.
    token: Option<String>,
    session: Option<String>,
    /// When the last frames came.
    frames: VecDeque<Instant>,
}

impl Connection<'_> {
    async fn run(&mut self, mut orders: mpsc::UnboundedReceiver<Command>) -> End {
        let interval = self.state.heartbeat().as_millis() as u64;
        let hello = json!({"op": 10, "s": null, "t": null, "d": {"heartbeat_interval": interval}});
        if self.send(hello.to_string()).await.is_err() {
            return End::Cut;
        }
        loop {
            // Orders first: a test that closes a connection wants no more of it.
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Command::Frame(frame)) => {
                        if self.send(frame).await.is_err() {
                            return End::Cut;
                        }
                    }
                    Some(Command::Close(code)) => return End::Close(code),
                    Some(Command::Cut) | None => return End::Cut,
                },
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        if let Err(end) = self.take(text.as_str()).await {
                            return end;
                        }
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return End::Closed(frame.map(|frame| u16::from(frame.code)));
                    }
                    Some(Ok(Message::Binary(_))) => return End::Close(4002),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return End::Cut,
                },
            }
            self.state.changed.notify_waiters();
        }
    }

    async fn send(&mut self, text: String) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        self.socket.send(Message::text(text)).await
    }

    async fn take(&mut self, text: &str) -> Result<(), End> {
        let now = Instant::now();
        self.frames.retain(|at| now.duration_since(*at).as_secs() < 60);
        self.frames.push_back(now);
        if self.frames.len() > MAX_FRAMES {
            return Err(End::Close(4008));
        }
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let data = frame.get("d").cloned().unwrap_or_default();
        match frame.get("op").and_then(Value::as_u64) {
            _ if text.len() > MAX_PAYLOAD => Err(End::Close(4002)),
            None => Err(End::Close(4002)),
            Some(1) => self.heartbeat().await,
            Some(2 | 6) if self.session.is_some() => Err(End::Close(4005)),
            Some(2) => self.identify(data).await,
            Some(6) => self.resume(data).await,
            Some(3 | 4 | 8) if self.session.is_some() => Ok(()),
            Some(3 | 4 | 8) => Err(End::Close(4003)),
            Some(_) => Err(End::Close(4001)),
        }
    }

    async fn heartbeat(&mut self) -> Result<(), End> {
        let acks = match &self.token {
            Some(token) => self.state.with(token, |bot| {
                bot.heartbeats += 1;
                bot.acks
            }),
            None => Some(true),
        };
        if acks == Some(false) {
            return Ok(());
        }
        self.send(json!({"op": 11}).to_string()).await.map_err(|_| End::Cut)
    }

    async fn identify(&mut self, data: Value) -> Result<(), End> {
        let token = data.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
        let intents = data.get("intents").and_then(Value::as_u64).ok_or(End::Close(4002))?;
        let complete = ["os", "browser", "device"]
            .iter()
            .all(|key| data.pointer(&format!("/properties/{key}")).is_some_and(Value::is_string));
        if !complete {
            return Err(End::Close(4002));
        }
        let commands = self.commands.clone();
        let begun = self.state.with(&token, |bot| {
            bot.identifies.push(data.clone());
            if bot.revoked {
                return Err(End::Close(4004));
            }
            if let Some(code) = bot.refuse_identify.pop_front() {
                return Err(End::Close(code));
            }
            if intents & !ALL_INTENTS != 0 {
                return Err(End::Close(4013));
            }
            if intents & PRIVILEGED & !bot.allowed != 0 {
                return Err(End::Close(4014));
            }
            let now = Instant::now();
            let too_soon = bot.last_identify.is_some_and(|last| now.duration_since(last) < bot.identify_gap);
            if too_soon || bot.remaining == 0 {
                return Ok(None);
            }
            bot.last_identify = Some(now);
            bot.remaining -= 1;
            let id = format!("session-{}", bot.id());
            let mut session =
                Session { intents, sequence: 0, events: Vec::new(), connection: Some(commands) };
            let guilds = bot.guilds(intents);
            let unavailable: Vec<Value> =
                guilds.iter().map(|guild| json!({"id": guild.get("id"), "unavailable": true})).collect();
            session.dispatch(
                "READY",
                &json!({
                    "v": 10, "user": bot.user(), "guilds": unavailable, "session_id": id,
                    "resume_gateway_url": self.state.gateway_url(),
                    "application": {"id": bot.id.to_string(), "flags": bot.flags()},
                }),
            );
            for guild in &guilds {
                session.dispatch("GUILD_CREATE", guild);
            }
            bot.sessions.insert(id.clone(), session);
            Ok(Some(id))
        });
        match begun {
            None => Err(End::Close(4004)),
            Some(Err(end)) => Err(end),
            Some(Ok(None)) => self.invalid().await,
            Some(Ok(Some(id))) => {
                self.token = Some(token);
                self.session = Some(id);
                Ok(())
            }
        }
    }

    async fn resume(&mut self, data: Value) -> Result<(), End> {
        let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (token, id) = (text("token"), text("session_id"));
        let sequence = data.get("seq").and_then(Value::as_u64).ok_or(End::Close(4002))?;
        let commands = self.commands.clone();
        let resumed = self.state.with(&token, |bot| {
            bot.resumes.push(data.clone());
            if bot.revoked {
                return Err(End::Close(4004));
            }
            let Some(session) = bot.sessions.get_mut(&id) else { return Ok(false) };
            if sequence > session.sequence {
                return Err(End::Close(4007));
            }
            for (_, frame) in session.events.iter().filter(|(number, _)| *number > sequence) {
                let _ = commands.send(Command::Frame(frame.clone()));
            }
            session.connection = Some(commands);
            session.dispatch("RESUMED", &json!({}));
            Ok(true)
        });
        match resumed {
            None => Err(End::Close(4004)),
            Some(Err(end)) => Err(end),
            Some(Ok(false)) => self.invalid().await,
            Some(Ok(true)) => {
                self.token = Some(token);
                self.session = Some(id);
                Ok(())
            }
        }
    }

    /// Opcode 9, not resumable.
    async fn invalid(&mut self) -> Result<(), End> {
        self.send(json!({"op": 9, "d": false}).to_string()).await.map_err(|_| End::Cut)
    }

    /// Closes the socket, and the session with it where the vendor does.
    async fn ended(&mut self, end: End) {
        let keeps = match &end {
            End::Cut => true,
            // From the client these two end the session, from the server those four.
            End::Closed(code) => !matches!(code, Some(1000 | 1001)),
            End::Close(code) => !matches!(code, 4003 | 4004 | 4005 | 4007 | 4009..=4014),
        };
        if let (Some(token), Some(id)) = (&self.token, &self.session) {
            self.state.with(token, |bot| {
                let own = bot.sessions.get(id).and_then(|session| session.connection.as_ref());
                if own.is_none_or(|connection| connection.same_channel(&self.commands)) {
                    if keeps {
                        if let Some(session) = bot.sessions.get_mut(id) {
                            session.connection = None;
                        }
                    } else {
                        bot.sessions.remove(id);
                    }
                }
            });
        }
        match end {
            End::Close(code) => {
                let frame = CloseFrame { code: code.into(), reason: reason(code).into() };
                // Who is gone already does not hear it.
                let _ = self.socket.close(Some(frame)).await;
                while let Some(Ok(_)) = self.socket.next().await {}
            }
            End::Closed(_) => while let Some(Ok(_)) = self.socket.next().await {},
            End::Cut => {}
        }
        self.state.changed.notify_waiters();
    }
}

/// The vendor's words.
fn reason(code: u16) -> &'static str {
    match code {
        4001 => "Unknown opcode.",
        4002 => "Error while decoding payload.",
        4003 => "Not authenticated.",
        4004 => "Authentication failed.",
        4005 => "Already authenticated.",
        4007 => "Invalid seq.",
        4008 => "Rate limited.",
        4009 => "Session timed out.",
        4010 => "Invalid shard.",
        4011 => "Sharding required.",
        4012 => "Invalid API version.",
        4013 => "Invalid intent(s).",
        4014 => "Disallowed intent(s).",
        _ => "Unknown error.",
    }
}
