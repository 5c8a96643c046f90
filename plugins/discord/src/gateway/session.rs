//! One account's session: hello, identify or resume, heartbeats, and what follows when any of it fails.
//!
//! Invariants: at most one socket is open or being opened; an identify never follows another within five seconds; a
//! session whose connection broke is resumed from the last event that was taken over, unless Discord said that it is
//! gone; a connection that does not answer a heartbeat is given up before the next one.

use openclaw_sdk::backoff::{Backoff, spread};
use openclaw_sdk::channel::Failure;
use openclaw_sdk::inbound::Connection;
use openclaw_sdk::log::Level;
use openclaw_sdk::outage::Outage;
use openclaw_sdk::websocket;
use serde_json::json;
use serde_json::value::RawValue;

use super::close::{After, after};
use super::cursor::Cursor;
use crate::api::{Frame, Hello, Ready, SessionStartLimit};

/// Any code but 1000 and 1001 leaves the session alive.
const KEEP_SESSION: u16 = 4000;
const END_SESSION: u16 = 1000;
/// From the open socket to READY or RESUMED.
const READY_MS: u64 = 30_000;
/// Discord takes one identify in five seconds.
const IDENTIFY_MS: u64 = 5_000;
/// After so many resumes in a row that led nowhere the session counts as gone.
const MAX_RESUMES: u32 = 3;
/// After so many attempts in a row to reach the address of a session it is resumed at the general one.
const MAX_RESUME_OPENS: u32 = 3;
/// After so many connections in a row that came about and led nowhere the account is left to the host. A network that is down
/// does not count: it is no fault of the account's, and is waited for here.
const MAX_ATTEMPTS: u32 = 50;
/// The longest wait while no connection comes about. With the attempt before it, it is what passes at most between the return of
/// the network and the next attempt.
const OFFLINE_MS: u64 = 4_600;
/// How soon to look again whether the host takes messages.
const PAUSE_MS: u64 = 1_000;

/// The timers: the next heartbeat; READY or RESUMED is overdue; it is time to connect.
const HEARTBEAT: &str = "heartbeat";
const READY: &str = "ready";
const CONNECT: &str = "connect";

/// An event for the account.
#[derive(Debug, PartialEq)]
pub(crate) struct Dispatch {
    /// For instance `MESSAGE_CREATE`.
    pub(crate) event: String,
    /// JSON.
    pub(crate) data: String,
    /// What to keep once the event is taken over.
    pub(crate) cursor: Cursor,
}

/// What is to be done. A socket is opened at the address of a session that is resumed, or, to begin one, where
/// `GET /gateway/bot` says.
pub(crate) type Effect = websocket::Effect<Option<String>, Dispatch>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no socket; the timer `Connect` runs.
    Waiting,
    Opening,
    /// The socket is open, and nothing has come yet.
    Hello,
    /// Identified, or resuming.
    Greeted,
    Ready,
    /// There is no socket, because the host does not take messages.
    Paused,
    Over,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Session {
    intents: u64,
    phase: Phase,
    cursor: Option<Cursor>,
    /// The last event of this connection, for heartbeats.
    sequence: Option<u64>,
    /// Milliseconds between heartbeats.
    interval: u64,
    acked: bool,
    resuming: bool,
    failed_resumes: u32,
    failed_opens: u32,
    attempts: u32,
    backoff: Backoff,
    offline: Backoff,
    outage: Outage,
    last_identify_us: Option<u64>,
}

impl Session {
    /// `intents` is what the account subscribes to, `cursor` where it has got to.
    pub(crate) const fn new(intents: u64, cursor: Option<Cursor>) -> Self {
        Self {
            intents,
            phase: Phase::Waiting,
            cursor,
            sequence: None,
            interval: 0,
            acked: true,
            resuming: false,
            failed_resumes: 0,
            failed_opens: 0,
            attempts: 0,
            backoff: Backoff::new(1_000, 30_000),
            offline: Backoff::new(1_000, OFFLINE_MS),
            outage: Outage::new(),
            last_identify_us: None,
        }
    }

    /// Whether a socket is wanted where `GET /gateway/bot` says so many sessions may be begun; if not, waits.
    pub(crate) fn may_begin(&mut self, limit: Option<SessionStartLimit>) -> Result<(), Vec<Effect>> {
        let Some(SessionStartLimit { remaining: 0, reset_after }) = limit else { return Ok(()) };
        self.phase = Phase::Waiting;
        let wait = reset_after.max(IDENTIFY_MS);
        let text = format!(
            "Discord allows no further session of this bot for {} s (its limit of a day is used up)",
            wait.div_ceil(1_000)
        );
        Err(vec![
            Effect::Log(Level::Warn, text.clone()),
            Effect::State(Connection::Degraded(text)),
            Effect::Arm(CONNECT, wait),
        ])
    }

    /// Discord refused the token before there was a socket.
    pub(crate) fn refused(&mut self, failure: Failure) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.end(failure, &mut effects);
        effects
    }

    const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Hello | Phase::Greeted | Phase::Ready)
    }

    fn take(&mut self, frame: &Frame<'_>, now_us: u64, effects: &mut Vec<Effect>) {
        match frame.op {
            0 => self.dispatch(frame, effects),
            // Beside the regular ones: its answer says nothing about theirs.
            1 => effects.push(self.heartbeat()),
            7 => self.give_up("Discord asked to reconnect", now_us, effects),
            9 => self.invalidated(frame.d.map(RawValue::get) == Some("true"), now_us, effects),
            10 if self.phase == Phase::Hello => match parse::<Hello>(frame.d) {
                Some(Hello { heartbeat_interval }) if heartbeat_interval > 0 => {
                    self.interval = heartbeat_interval;
                    self.greet(now_us, effects);
                }
                _ => self.give_up("Discord's hello has no interval", now_us, effects),
            },
            11 => {
                self.acked = true;
                if self.phase == Phase::Ready {
                    // It lasts: the next failure is a new one.
                    self.backoff.reset();
                    self.attempts = 0;
                    effects.push(Effect::State(Connection::Ready));
                }
            }
            op => effects.push(Effect::Log(Level::Debug, format!("skipping a frame with opcode {op}"))),
        }
    }

    /// Answers a hello. The first heartbeat comes at a random moment of the interval, so that bots that lost their
    /// connections together do not beat together.
    fn greet(&mut self, now_us: u64, effects: &mut Vec<Effect>) {
        self.phase = Phase::Greeted;
        effects.push(Effect::Arm(HEARTBEAT, spread(now_us, self.interval)));
        self.resuming = self.cursor.is_some();
        // The token is put in by the host on the way out.
        let frame = match &self.cursor {
            Some(cursor) => {
                self.sequence = Some(cursor.sequence);
                json!({"op": 6, "d": {"token": "", "session_id": cursor.session_id, "seq": cursor.sequence}})
            }
            None => {
                self.sequence = None;
                self.last_identify_us = Some(now_us);
                let properties = json!({"os": "linux", "browser": "openclaw", "device": "openclaw"});
                json!({"op": 2, "d": {"token": "", "intents": self.intents, "properties": properties}})
            }
        };
        effects.push(Effect::Send(frame.to_string()));
    }

    fn dispatch(&mut self, frame: &Frame<'_>, effects: &mut Vec<Effect>) {
        let (Some(event), Some(sequence)) = (&frame.t, frame.s) else {
            effects.push(Effect::Log(Level::Warn, "skipping an event without a name or a number".to_owned()));
            return;
        };
        self.sequence = Some(sequence);
        match event.as_str() {
            "READY" => {
                let Some(ready) = parse::<Ready>(frame.d) else {
                    effects.push(Effect::Log(Level::Warn, "READY is not understood".to_owned()));
                    return;
                };
                effects.push(Effect::Log(
                    Level::Info,
                    format!("connected to Discord as {}", ready.user.username),
                ));
                self.cursor = Some(Cursor {
                    session_id: ready.session_id,
                    resume_url: ready.resume_gateway_url,
                    sequence,
                    bot_id: ready.user.id,
                    bot_name: ready.user.username,
                });
                self.is_ready(effects);
            }
            "RESUMED" => {
                effects.push(Effect::Log(Level::Info, "resumed the Discord session".to_owned()));
                self.is_ready(effects);
            }
            _ => {}
        }
        let Some(cursor) = &mut self.cursor else { return };
        cursor.sequence = sequence;
        let data = frame.d.map_or("null", RawValue::get);
        effects.push(Effect::Event(Dispatch {
            event: event.clone(),
            data: data.to_owned(),
            cursor: cursor.clone(),
        }));
    }

    fn is_ready(&mut self, effects: &mut Vec<Effect>) {
        self.phase = Phase::Ready;
        self.resuming = false;
        self.failed_resumes = 0;
        // The line that says so stands in the log already.
        self.outage = Outage::new();
        effects.push(Effect::Disarm(READY));
        effects.push(Effect::State(Connection::Ready));
    }

    fn beat(&mut self, effects: &mut Vec<Effect>) {
        self.acked = false;
        effects.push(self.heartbeat());
    }

    fn heartbeat(&self) -> Effect {
        Effect::Send(json!({"op": 1, "d": self.sequence}).to_string())
    }

    /// Op 9. Where the session is gone, Discord wants a random wait of one to five seconds.
    fn invalidated(&mut self, resumable: bool, now_us: u64, effects: &mut Vec<Effect>) {
        if resumable {
            self.give_up("Discord asked to resume the session", now_us, effects);
            return;
        }
        self.cursor = None;
        self.resuming = false;
        self.hang_up(END_SESSION, effects);
        let wait = 1_000 + spread(now_us, 4_001);
        self.retry("Discord says that the session is gone", Some(wait), now_us, effects);
    }

    /// Closes the socket and connects again.
    fn give_up(&mut self, what: &str, now_us: u64, effects: &mut Vec<Effect>) {
        self.hang_up(KEEP_SESSION, effects);
        self.retry(what, None, now_us, effects);
    }

    fn hang_up(&mut self, code: u16, effects: &mut Vec<Effect>) {
        effects.push(Effect::Close(code));
        effects.push(Effect::Disarm(HEARTBEAT));
        effects.push(Effect::Disarm(READY));
        self.interval = 0;
    }

    /// Waits, and connects then.
    fn retry(&mut self, what: &str, wait: Option<u64>, now_us: u64, effects: &mut Vec<Effect>) {
        self.phase = Phase::Waiting;
        self.interval = 0;
        self.attempts += 1;
        effects.push(Effect::Disarm(HEARTBEAT));
        effects.push(Effect::Disarm(READY));
        if std::mem::take(&mut self.resuming) {
            self.failed_resumes += 1;
            if self.failed_resumes >= MAX_RESUMES {
                self.cursor = None;
                self.failed_resumes = 0;
            }
        }
        if self.attempts >= MAX_ATTEMPTS {
            let detail = format!("{what}; {MAX_ATTEMPTS} connections in a row led nowhere");
            self.end(Failure::unavailable("gateway_unreachable", &detail), effects);
            return;
        }
        let wait = wait.unwrap_or_else(|| self.backoff.jittered(now_us));
        self.wait(what, wait, now_us, effects);
    }

    /// Says why there is no connection, and lets time pass.
    fn wait(&mut self, what: &str, mut wait: u64, now_us: u64, effects: &mut Vec<Effect>) {
        self.phase = Phase::Waiting;
        if self.cursor.is_none()
            && let Some(last) = self.last_identify_us
        {
            wait = wait.max(IDENTIFY_MS.saturating_sub(now_us.saturating_sub(last) / 1_000));
        }
        let then = if self.cursor.is_some() { "resuming" } else { "beginning a new session" };
        // What follows the colon is the vendor's, and differs from time to time.
        let kind = what.split(':').next().unwrap_or_default();
        let (level, behind) = self.outage.failed(kind, now_us);
        effects.push(Effect::Log(level, format!("{what}; {then} in {wait} ms{behind}")));
        effects.push(Effect::State(Connection::Degraded(what.to_owned())));
        effects.push(Effect::Arm(CONNECT, wait));
    }

    fn connect(&mut self, effects: &mut Vec<Effect>) {
        self.phase = Phase::Opening;
        let resume_at = self.cursor.as_ref().map(|cursor| cursor.resume_url.clone());
        effects.push(Effect::Open(resume_at));
    }

    fn end(&mut self, failure: Failure, effects: &mut Vec<Effect>) {
        self.phase = Phase::Over;
        if failure.kind == openclaw_sdk::channel::FailureKind::Unauthorised {
            effects.push(Effect::Log(Level::Error, failure.detail.clone()));
            effects.push(Effect::State(Connection::AuthRequired(failure.detail.clone())));
        }
        effects.push(Effect::End(failure));
    }
}

impl websocket::Session for Session {
    type Address = Option<String>;
    type Event = Dispatch;

    /// Connects for the first time.
    fn start(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::State(Connection::Connecting)];
        self.connect(&mut effects);
        effects
    }

    /// The socket is open.
    fn opened(&mut self, _now_us: u64) -> Vec<Effect> {
        self.phase = Phase::Hello;
        self.acked = true;
        self.failed_opens = 0;
        self.offline.reset();
        vec![Effect::Arm(READY, READY_MS)]
    }

    /// There is no socket.
    fn not_opened(&mut self, why: &str, now_us: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.failed_opens += 1;
        if self.failed_opens >= MAX_RESUME_OPENS
            && let Some(cursor) = &mut self.cursor
        {
            cursor.resume_url.clear();
        }
        let wait = self.offline.jittered(now_us);
        self.wait(&format!("Discord gateway not reachable: {why}"), wait, now_us, &mut effects);
        effects
    }

    /// A text frame.
    fn frame(&mut self, text: &str, now_us: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.is_open() {
            return effects;
        }
        match serde_json::from_str::<Frame<'_>>(text) {
            Ok(frame) => self.take(&frame, now_us, &mut effects),
            // The error names a place in the JSON, never its content.
            Err(error) => effects.push(Effect::Log(
                Level::Warn,
                format!("skipping a frame that is no JSON of the gateway: {error}"),
            )),
        }
        effects
    }

    /// The socket is closed.
    fn closed(&mut self, code: Option<u16>, reason: &str, now_us: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.is_open() {
            return effects;
        }
        let what = match code {
            Some(code) => format!("Discord closed the gateway connection ({code}: {reason})"),
            None => format!("the Discord gateway connection broke off: {reason}"),
        };
        match after(code, self.intents) {
            After::Resume => self.retry(&what, None, now_us, &mut effects),
            After::Identify => {
                self.cursor = None;
                self.retry(&what, None, now_us, &mut effects);
            }
            After::End(failure) => self.end(failure, &mut effects),
        }
        effects
    }

    /// A timer has fired. One that was disarmed too late does nothing.
    fn timer(&mut self, timer: &str, idle: bool, now_us: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        match (timer, self.phase) {
            (HEARTBEAT, Phase::Greeted | Phase::Ready | Phase::Hello) if self.interval > 0 => {
                if self.acked {
                    self.beat(&mut effects);
                    effects.push(Effect::Arm(HEARTBEAT, self.interval));
                } else {
                    self.give_up("Discord did not answer a heartbeat", now_us, &mut effects);
                }
            }
            (READY, Phase::Hello | Phase::Greeted) => {
                let what = format!("Discord did not begin the session within {} s", READY_MS / 1_000);
                self.give_up(&what, now_us, &mut effects);
            }
            (CONNECT, Phase::Waiting) => self.connect(&mut effects),
            (CONNECT, Phase::Paused) if idle => self.connect(&mut effects),
            (CONNECT, Phase::Paused) => effects.push(Effect::Arm(CONNECT, PAUSE_MS)),
            _ => {}
        }
        effects
    }

    /// The host does not take messages: nothing more is read, and the session is resumed later.
    fn pause(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.is_open() {
            let text = "the gateway cannot take messages now".to_owned();
            effects.push(Effect::Log(Level::Warn, format!("{text}; leaving them with Discord")));
            effects.push(Effect::State(Connection::Degraded(text)));
            self.hang_up(KEEP_SESSION, &mut effects);
            self.phase = Phase::Paused;
            effects.push(Effect::Arm(CONNECT, PAUSE_MS));
        }
        effects
    }

    /// The account is to stop; Discord keeps the session for a while.
    fn stop(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.is_open() {
            self.hang_up(KEEP_SESSION, &mut effects);
        }
        self.phase = Phase::Over;
        effects
    }

    fn size(event: &Dispatch) -> usize {
        event.data.len()
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(data: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(data?.get()).ok()
}

#[cfg(test)]
mod tests;
