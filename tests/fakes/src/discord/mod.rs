//! A Discord: the REST API and the gateway, version 10, after <https://docs.discord.com/developers>. Any number of bots;
//! each knows nothing of the others.

mod bot;
mod fault;
mod gateway;
mod rest;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub use bot::{DiscordSent, DiscordTalker};
pub use fault::{DiscordFault, LimitScope};

use crate::server::{self, Cut, Handler, Reply, Server};
use bot::Bot;
use gateway::Command;
use rest::Asked;

/// A running Discord.
#[derive(Debug)]
pub struct FakeDiscord {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    bots: Mutex<HashMap<String, Bot>>,
    /// Something happened to a bot.
    changed: Notify,
    address: OnceLock<SocketAddr>,
    /// What the gateway's hello tells everybody.
    heartbeat: Mutex<Duration>,
    sockets: Mutex<JoinSet<()>>,
}

impl FakeDiscord {
    /// Starts on any free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// Starts on `127.0.0.1:port`.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        let state = Arc::new(State {
            bots: Mutex::default(),
            changed: Notify::new(),
            address: OnceLock::new(),
            heartbeat: Mutex::new(Duration::from_millis(41_250)),
            sockets: Mutex::default(),
        });
        let server = Server::start(port, Arc::clone(&state)).await?;
        // It is set once, here.
        let _ = state.address.set(server.address);
        Ok(Self { server, state })
    }

    /// For `channels.discord.apiRoot`.
    #[must_use]
    pub fn api_root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// For `channels.discord.gatewayUrl`; also what the bots are told.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        self.state.gateway_url()
    }

    /// Makes a bot. Any other token is refused.
    pub fn add_bot(&self, token: &str, id: u64, username: &str) {
        self.state.lock().insert(token.to_owned(), Bot::new(id, username));
    }

    /// Makes the place of `talker` known to the bot without a word being said.
    pub fn add_place(&self, token: &str, talker: &DiscordTalker) {
        self.with(token, |bot| bot.place(talker));
    }

    /// The bot may not see a room.
    pub fn hide(&self, token: &str, room: u64) {
        self.with(token, |bot| bot.hidden.push(room));
    }

    /// What everybody, and so the bot, may do on each server.
    pub fn set_permissions(&self, token: &str, bits: u64) {
        self.with(token, |bot| bot.permissions = bits);
    }

    /// The vendor refuses the token from now on.
    pub fn revoke(&self, token: &str) {
        self.with(token, |bot| bot.revoked = true);
    }

    /// Undoes [`FakeDiscord::revoke`].
    pub fn restore(&self, token: &str) {
        self.with(token, |bot| bot.revoked = false);
    }

    /// Which of the privileged intents the portal allows (all, at first).
    pub fn allow_intents(&self, token: &str, bits: u64) {
        self.with(token, |bot| bot.allowed = bits);
    }

    /// How many sessions the bot may still begin today.
    pub fn set_remaining(&self, token: &str, remaining: u64) {
        self.with(token, |bot| bot.remaining = remaining);
    }

    /// The least time between two identifies (the vendor: 5 s); who is faster is told that the session is invalid.
    pub fn set_identify_gap(&self, token: &str, gap: Duration) {
        self.with(token, |bot| bot.identify_gap = gap);
    }

    /// How many messages a channel takes in how long (5 in 5 s).
    pub fn set_limit(&self, token: &str, limit: u32, window: Duration) {
        self.with(token, |bot| bot.limit = (limit, window));
    }

    /// The interval of heartbeats of new connections (the vendor: 41.25 s).
    pub fn set_heartbeat(&self, interval: Duration) {
        *self.state.heartbeat.lock().unwrap_or_else(PoisonError::into_inner) = interval;
    }

    /// Whether heartbeats are answered.
    pub fn set_acks(&self, token: &str, acks: bool) {
        self.with(token, |bot| bot.acks = acks);
    }

    /// The next identify is refused with this close code.
    pub fn refuse_identify(&self, token: &str, code: u16) {
        self.with(token, |bot| bot.refuse_identify.push_back(code));
    }

    /// Writes to the bot. Returns the message's id.
    pub fn say(&self, token: &str, talker: &DiscordTalker, text: &str) -> Option<String> {
        self.say_with(token, talker, text, &json!({}))
    }

    /// Writes to the bot, with further fields of the message laid over what the vendor would tell.
    pub fn say_with(
        &self,
        token: &str,
        talker: &DiscordTalker,
        text: &str,
        fields: &Value,
    ) -> Option<String> {
        self.with(token, |bot| {
            let mut message = bot.message(talker, text);
            lay_over(&mut message, fields);
            bot.tell("MESSAGE_CREATE", &message);
            message.get("id").and_then(Value::as_str).map(str::to_owned)
        })
        .flatten()
    }

    /// Tells once more of a message that was said, as a new event.
    pub fn repeat(&self, token: &str, message_id: &str) {
        self.with(token, |bot| {
            let Some(message) = bot.messages.get(message_id).cloned() else { return };
            bot.tell("MESSAGE_CREATE", &message);
        });
    }

    /// Tells of a change of a message that was said, with these fields laid over it.
    pub fn update(&self, token: &str, message_id: &str, fields: &Value) {
        self.with(token, |bot| {
            let Some(mut message) = bot.messages.get(message_id).cloned() else { return };
            lay_over(&mut message, fields);
            bot.tell("MESSAGE_UPDATE", &message);
        });
    }

    /// Changes a message that was said.
    pub fn edit(&self, token: &str, message_id: &str, text: &str) {
        let edited = json!({"content": text, "edited_timestamp": "2026-01-01T00:01:00.000000+00:00"});
        self.update(token, message_id, &edited);
    }

    /// Sends a frame as it is to every connection of the bot.
    pub fn raw(&self, token: &str, frame: &str) {
        self.order(token, || Command::Frame(frame.to_owned()));
    }

    /// Opcode 7: asks to reconnect.
    pub fn reconnect(&self, token: &str) {
        self.raw(token, &json!({"op": 7, "d": null}).to_string());
    }

    /// Opcode 9: says that the session is invalid; one that cannot be resumed is forgotten.
    pub fn invalidate(&self, token: &str, resumable: bool) {
        self.raw(token, &json!({"op": 9, "d": resumable}).to_string());
        if !resumable {
            self.forget_sessions(token);
        }
    }

    /// Forgets the sessions of a bot: whoever resumes one is told that it is invalid.
    pub fn forget_sessions(&self, token: &str) {
        self.with(token, |bot| bot.sessions.clear());
    }

    /// Closes the connections of the bot with this code.
    pub fn close(&self, token: &str, code: u16) {
        self.order(token, || Command::Close(code));
    }

    /// Cuts the connections of the bot without a word.
    pub fn cut(&self, token: &str) {
        self.order(token, || Command::Cut);
    }

    fn order(&self, token: &str, command: impl Fn() -> Command) {
        self.with(token, |bot| {
            let connections = bot.sessions.values().filter_map(|session| session.connection.as_ref());
            connections.for_each(|connection: &mpsc::UnboundedSender<Command>| {
                // A connection that has just ended needs no order.
                let _ = connection.send(command());
            });
        });
    }

    /// The next `times` requests of `route` go wrong like this. A route is method and path below the base with `{}` for
    /// each id: `POST /channels/{}/messages`.
    pub fn fault(&self, token: &str, route: &str, fault: DiscordFault, times: usize) {
        self.with(token, |bot| {
            let queue = bot.faults.entry(route.to_owned()).or_default();
            queue.extend(std::iter::repeat_n(fault, times));
        });
    }

    /// Everything that people would see or notice (messages and typing notices), oldest first.
    #[must_use]
    pub fn sent(&self, token: &str) -> Vec<DiscordSent> {
        self.with(token, |bot| bot.sent.clone()).unwrap_or_default()
    }

    /// The same, and forgets it: for whoever looks again and again.
    #[must_use]
    pub fn take_sent(&self, token: &str) -> Vec<DiscordSent> {
        self.with(token, |bot| std::mem::take(&mut bot.sent)).unwrap_or_default()
    }

    /// The messages among [`FakeDiscord::sent`].
    #[must_use]
    pub fn messages(&self, token: &str) -> Vec<DiscordSent> {
        self.sent(token).into_iter().filter(|sent| sent.content.is_some()).collect()
    }

    /// What the bot edited so far, oldest first.
    #[must_use]
    pub fn edits(&self, token: &str) -> Vec<DiscordSent> {
        self.with(token, |bot| bot.edits.clone()).unwrap_or_default()
    }

    /// What people see now of the bot's messages, oldest first: the ids, and the texts after all edits.
    #[must_use]
    pub fn visible(&self, token: &str) -> Vec<(String, String)> {
        let texts = |bot: &mut Bot| {
            let text = |id: &String| {
                let message = bot.messages.get(id)?;
                Some((id.clone(), message.get("content")?.as_str()?.to_owned()))
            };
            let sent = bot.sent.iter().filter(|sent| sent.content.is_some());
            sent.filter_map(|sent| text(&sent.message_id)).collect()
        };
        self.with(token, texts).unwrap_or_default()
    }

    /// Somebody deletes a message.
    pub fn delete(&self, token: &str, message_id: &str) {
        self.with(token, |bot| bot.messages.remove(message_id));
    }

    /// The reactions that the bot changed, oldest first: `PUT` or `DELETE`, the message's id, and the emoji as in the path.
    #[must_use]
    pub fn reactions(&self, token: &str) -> Vec<(String, String, String)> {
        self.with(token, |bot| bot.reactions.clone()).unwrap_or_default()
    }

    /// The requests so far, with their parameters, oldest first (at most 10,000).
    #[must_use]
    pub fn calls(&self, token: &str) -> Vec<(String, Value)> {
        self.with(token, |bot| bot.calls.iter().cloned().collect()).unwrap_or_default()
    }

    /// What each identify said.
    #[must_use]
    pub fn identifies(&self, token: &str) -> Vec<Value> {
        self.with(token, |bot| bot.identifies.clone()).unwrap_or_default()
    }

    /// What each resume said.
    #[must_use]
    pub fn resumes(&self, token: &str) -> Vec<Value> {
        self.with(token, |bot| bot.resumes.clone()).unwrap_or_default()
    }

    /// How many heartbeats came from the bot's sessions.
    #[must_use]
    pub fn heartbeats(&self, token: &str) -> usize {
        self.with(token, |bot| bot.heartbeats).unwrap_or_default()
    }

    /// Sessions of the bot that have a connection now.
    #[must_use]
    pub fn connected(&self, token: &str) -> usize {
        let live =
            |bot: &mut Bot| bot.sessions.values().filter(|session| session.connection.is_some()).count();
        self.with(token, live).unwrap_or_default()
    }

    /// Waits until `found` finds what it looks for among what the bot sent; `None` when the deadline came first.
    pub async fn wait_for<R>(
        &self,
        token: &str,
        deadline: Duration,
        mut found: impl FnMut(&[DiscordSent]) -> Option<R>,
    ) -> Option<R> {
        self.wait(deadline, || self.state.with(token, |bot| found(&bot.sent)).flatten()).await
    }

    /// Waits until the bot has a session with a connection; `false` when the deadline came first.
    pub async fn wait_for_session(&self, token: &str, deadline: Duration) -> bool {
        self.wait(deadline, || (self.connected(token) > 0).then_some(())).await.is_some()
    }

    async fn wait<R>(&self, deadline: Duration, mut check: impl FnMut() -> Option<R>) -> Option<R> {
        let found = async {
            loop {
                // Armed before the check: what happens in between is not missed.
                let mut changed = std::pin::pin!(self.state.changed.notified());
                changed.as_mut().enable();
                if let Some(found) = check() {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(deadline, found).await.ok()
    }

    fn with<R>(&self, token: &str, change: impl FnOnce(&mut Bot) -> R) -> Option<R> {
        self.state.with(token, change)
    }
}

impl Drop for FakeDiscord {
    fn drop(&mut self) {
        self.state.sockets.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Lays the fields of one object over another.
fn lay_over(message: &mut Value, fields: &Value) {
    if let (Some(message), Some(fields)) = (message.as_object_mut(), fields.as_object()) {
        message.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Bot>> {
        self.bots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, token: &str, change: impl FnOnce(&mut Bot) -> R) -> Option<R> {
        self.lock().get_mut(token).map(change)
    }

    fn heartbeat(&self) -> Duration {
        *self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gateway_url(&self) -> String {
        self.address.get().map(|address| format!("ws://{address}/")).unwrap_or_default()
    }

    /// Takes over a connection that wants to be a websocket.
    fn upgrade(self: &Arc<Self>, mut request: Request<Incoming>) -> Response<Reply> {
        let asked_for = request.uri().query().unwrap_or_default();
        if !asked_for.split('&').any(|pair| pair == "v=10")
            || !asked_for.split('&').any(|pair| pair == "encoding=json")
        {
            return server::reply(400, "text/plain", "this gateway speaks v=10&encoding=json");
        }
        let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
            return server::reply(400, "text/plain", "no key");
        };
        let upgraded = hyper::upgrade::on(&mut request);
        let state = Arc::clone(self);
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            if let Ok(stream) = upgraded.await {
                gateway::serve(state, stream).await;
            }
        });
        let mut response = Response::new(Reply::Whole(None));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }

    /// `POST /__ctl {"token", "text", "user", "guild", "channel"}` says something; anything else only shows what was sent.
    fn control(&self, body: &[u8]) -> Response<Reply> {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut bots = self.lock();
        let token = asked.get("token").and_then(Value::as_str);
        let token = token.map(str::to_owned).or_else(|| bots.keys().next().cloned()).unwrap_or_default();
        let Some(bot) = bots.get_mut(&token) else {
            return server::json(404, &json!({"error": "no such bot"}));
        };
        if let Some(text) = asked.get("text").and_then(Value::as_str) {
            let number = |key: &str| asked.get(key).and_then(Value::as_u64);
            let user = number("user").unwrap_or(7);
            let talker = match (number("guild"), number("channel")) {
                (Some(guild), Some(channel)) => DiscordTalker::in_channel(guild, channel, user, "alice"),
                _ => DiscordTalker::private(user, "alice"),
            };
            let message = bot.message(&talker, text);
            bot.tell("MESSAGE_CREATE", &message);
        }
        let sent: Vec<&Value> = bot.sent.iter().map(|sent| &sent.params).collect();
        server::json(200, &json!({"sent": sent, "sessions": bot.sessions.len()}))
    }
}

impl Handler for State {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Reply>, Cut> {
        if request.headers().contains_key(UPGRADE) {
            return Ok(self.upgrade(request));
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        if head.uri.path() == "/__ctl" {
            return Ok(self.control(&body));
        }
        let Some(path) = head.uri.path().strip_prefix("/api/v10") else {
            return Ok(fault::refusal(404, 0, "404: Not Found"));
        };
        let header = |name| {
            head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default()
        };
        // Whoever does not say who it is in this form is not let through.
        if !header(USER_AGENT).starts_with("DiscordBot (") {
            return Ok(fault::refusal(403, 40_333, "internal network error"));
        }
        let token = header(AUTHORIZATION).strip_prefix("Bot ").unwrap_or_default().to_owned();
        let params = serde_json::from_slice(&body).unwrap_or_else(|_| json!({}));
        let asked = Asked::new(head.method.as_str(), path, token, params);
        rest::answer(&self, &asked).await
    }
}
