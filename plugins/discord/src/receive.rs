//! Receiving: what the session's messages become, and where it is opened. The loop is the SDK's.

use std::cell::{Cell, RefCell};

use openclaw_sdk::backoff::Backoff;
use openclaw_sdk::channel::Failure;
use openclaw_sdk::host::Host;
use openclaw_sdk::http::Method;
use openclaw_sdk::inbound::{BLAMED, Connection, admit, set_aside};
use openclaw_sdk::log::Level;
use openclaw_sdk::sockets::Opening;
use openclaw_sdk::websocket::{self, Duties};

use crate::api::{Channel, GatewayBot, Message};
use crate::config::Config;
use crate::gateway::{Cursor, Dispatch, Effect, Session};
use crate::inbound::{Mapped, map};
use crate::intents::{NO_CONTENT, NO_CONTENT_FIX};
use crate::outcome::Refusal;
use crate::rest::{Rest, Route};
use crate::rooms::{Room, Rooms};

const GATEWAY_TIMEOUT_MS: u64 = 10_000;
const CHANNEL_TIMEOUT_MS: u64 = 5_000;
/// How often to ask for a channel that is not known.
const CHANNEL_ATTEMPTS: u32 = 3;

/// Receives until the account ends for good, or the host wants it to stop. `crashes` is how many instances in a row crashed at
/// this cursor.
pub(crate) async fn run<H: Host>(
    host: &H,
    rest: &Rest,
    config: &Config,
    cursor: Option<&[u8]>,
    crashes: u32,
) -> Result<(), Failure> {
    let cursor = cursor.and_then(Cursor::parse);
    // In another session other messages come.
    let blamed = cursor.as_ref().filter(|_| crashes >= BLAMED).map(|cursor| cursor.session_id.clone());
    let session = Session::new(config.intents.bits(), cursor);
    let told_hidden = Cell::new(!config.intents.message_content());
    let receiver = Receiver { rest, rooms: RefCell::default(), told_hidden, blamed: RefCell::new(blamed) };
    websocket::run(host, session, &receiver).await
}

struct Receiver<'a> {
    rest: &'a Rest,
    rooms: RefCell<Rooms>,
    /// The operator knows that Discord hides what people write, or wants it so.
    told_hidden: Cell<bool>,
    /// The session whose next message crashed the instances before this one.
    blamed: RefCell<Option<String>>,
}

impl Duties<Session> for Receiver<'_> {
    async fn opening<H: Host>(
        &self,
        host: &H,
        session: &mut Session,
        resume_at: Option<String>,
    ) -> Result<Opening, Vec<Effect>> {
        let url = match resume_at {
            Some(url) => url,
            None => self.where_to_begin(host, session).await?,
        };
        let opening = Opening::new("gateway").query("v", "10").query("encoding", "json");
        Ok(match discords_host(&url) {
            Some(host) => opening.host(host),
            None => opening,
        })
    }

    fn notice(&self, event: &Dispatch) -> bool {
        let is_message = matches!(event.event.as_str(), "MESSAGE_CREATE" | "MESSAGE_UPDATE");
        if !is_message {
            self.rooms.borrow_mut().event(&event.event, &event.data);
        }
        is_message
    }

    async fn hand_over<H: Host>(&self, host: &H, dispatch: Dispatch) {
        let blamed = self.blamed.borrow_mut().take();
        if blamed.is_some_and(|session| session == dispatch.cursor.session_id) {
            let id = dispatch.cursor.sequence.to_string();
            return set_aside(host, Some(id), dispatch.data.as_bytes(), &dispatch.cursor.to_bytes()).await;
        }
        let message: Message = match serde_json::from_str(&dispatch.data) {
            Ok(message) => message,
            // The error names a place in the JSON, never its content.
            Err(error) => {
                let line =
                    format!("skipping event {}, which is not understood: {error}", dispatch.cursor.sequence);
                return host.log(Level::Warn, &line);
            }
        };
        let edited = dispatch.event == "MESSAGE_UPDATE";
        // Mapped first without the room: most of what is skipped needs no request.
        match map(&message, edited, None, &dispatch.cursor) {
            Mapped::Message(_) => {}
            Mapped::Nothing(why) => {
                return host.log(Level::Debug, &format!("skipping message {}: {why}", message.id));
            }
            Mapped::Hidden => return self.tell_hidden(host),
        }
        let room = self.room(host, &message).await;
        if let Mapped::Message(inbound) = map(&message, edited, room.as_ref(), &dispatch.cursor) {
            admit(host, &inbound, Some(&dispatch.cursor.to_bytes())).await;
        }
    }
}

impl Receiver<'_> {
    async fn where_to_begin<H: Host>(&self, host: &H, session: &mut Session) -> Result<String, Vec<Effect>> {
        let route = Route::fixed(Method::Get, "/gateway/bot");
        match self.rest.get::<_, GatewayBot>(host, &route, GATEWAY_TIMEOUT_MS).await {
            Ok(GatewayBot { url, session_start_limit }) => {
                session.may_begin(session_start_limit)?;
                Ok(url)
            }
            Err(refusal @ Refusal::Unauthorised { .. }) => {
                Err(session.refused(refusal.failure("asking for the gateway")))
            }
            // Who does not answer here does not answer there, and waiting for both is waiting twice.
            Err(refusal) if refusal.is_silence() => {
                let failure = refusal.failure("asking for the gateway");
                Err(websocket::Session::not_opened(session, &failure.detail, host.monotonic_us()))
            }
            // The address is nearly always the same: it is not worth failing for.
            Err(refusal) => {
                let failure = refusal.failure("asking for the gateway");
                host.log(Level::Warn, &format!("{}; using the usual address", failure.detail));
                Ok(String::new())
            }
        }
    }

    fn tell_hidden<H: Host>(&self, host: &H) {
        if !self.told_hidden.replace(true) {
            host.log(Level::Warn, &format!("{NO_CONTENT} {NO_CONTENT_FIX}"));
            host.state(Connection::Degraded(NO_CONTENT.to_owned()));
        }
    }

    /// What is known of a message's channel; asked for where that decides what the message is part of.
    async fn room<H: Host>(&self, host: &H, message: &Message) -> Option<Room> {
        if let Some(room) = self.rooms.borrow().get(&message.channel_id) {
            return Some(room.clone());
        }
        if message.channel_type.is_some_and(|kind| !Room::is_thread(kind)) {
            return None;
        }
        let mut backoff = Backoff::new(500, 5_000);
        for _ in 0..CHANNEL_ATTEMPTS {
            let route = Route::on(Method::Get, "/channels/{}", &message.channel_id);
            match self.rest.get::<_, Channel>(host, &route, CHANNEL_TIMEOUT_MS).await {
                Ok(channel) => {
                    let room = Room::from(channel.clone());
                    self.rooms.borrow_mut().learn(channel);
                    return Some(room);
                }
                Err(Refusal::Limited { retry_after_ms, .. }) => {
                    host.sleep(retry_after_ms.unwrap_or_default().clamp(500, 30_000)).await;
                }
                Err(Refusal::NotSent { .. } | Refusal::Broken { .. }) => {
                    host.sleep(backoff.jittered(host.monotonic_us())).await;
                }
                Err(_) => break,
            }
        }
        host.log(
            Level::Warn,
            &format!("channel {} is not known; taking it for no thread", message.channel_id),
        );
        None
    }
}

/// The host of an address that is Discord's own; what is not is reached where the manifest says.
fn discords_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("wss://")?;
    let host = rest.split(['/', '?', ':']).next()?;
    host.ends_with(".discord.gg").then_some(host)
}

#[cfg(test)]
mod liveness;
#[cfg(test)]
mod tests;
