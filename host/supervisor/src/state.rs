//! The states of an account, each with its reason and its time.

use std::time::SystemTime;

use crate::driver::Health;

/// Where an account is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Switched off by the configuration or by command.
    Disabled,
    /// Its configuration, secrets and component are being read.
    Loading,
    /// Its instance is being made.
    Starting,
    /// The instance runs and makes its connection.
    Connecting,
    /// The instance runs and can receive.
    Ready,
    /// The instance runs badly.
    Degraded,
    /// It ended and waits for its next attempt.
    Backoff,
    /// Its component must not run until a person replaces it.
    Quarantined,
    /// A person has to renew the credential. Tried again when told, and now and then by itself.
    AuthRequired,
    /// It finishes what is in flight before it ends.
    Draining,
}

impl State {
    /// The word for logs, `--json` and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Loading => "loading",
            Self::Starting => "starting",
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Backoff => "backoff",
            Self::Quarantined => "quarantined",
            Self::AuthRequired => "auth-required",
            Self::Draining => "draining",
        }
    }

    /// Whether there is an instance that takes calls.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Connecting | Self::Ready | Self::Degraded)
    }
}

/// An instance that was ended for what its code did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// When.
    pub at: SystemTime,
    /// How, for people.
    pub reason: String,
    /// A message was being sent, which may be why. It is flagged by whoever sent it and not sent again by itself.
    pub sending: bool,
    /// How many crashes in a row there were at the same place of the input while nothing was being sent: from two on,
    /// what comes next from the vendor is likely why.
    pub at_same_input: u32,
}

/// What is known of an account's life.
#[derive(Debug, Clone)]
pub struct Status {
    /// `<channel>/<account>`.
    pub account: String,
    /// Where it is.
    pub state: State,
    /// Since when.
    pub since: SystemTime,
    /// Why, where there is more to say than the state does.
    pub reason: Option<String>,
    /// When it is tried again.
    pub next_attempt: Option<SystemTime>,
    /// Failures in a row; back to zero after a stretch without one.
    pub failures: u32,
    /// How often an instance was started.
    pub starts: u64,
    /// When the present or last instance was started.
    pub started_at: Option<SystemTime>,
    /// What ended the last instance that was not asked to end.
    pub last_failure: Option<String>,
    /// How often an instance crashed.
    pub crashes: u64,
    /// The last time.
    pub last_crash: Option<Crash>,
    /// How often an instance kept its thread for too long without being ended for it at once.
    pub strikes: u64,
    /// A command has stopped it, and none has started it since.
    pub stopped: bool,
}

impl Status {
    pub(crate) fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            state: State::Loading,
            since: SystemTime::now(),
            reason: None,
            next_attempt: None,
            failures: 0,
            starts: 0,
            started_at: None,
            last_failure: None,
            crashes: 0,
            last_crash: None,
            strikes: 0,
            stopped: false,
        }
    }

    pub(crate) fn enter(&mut self, state: State, reason: Option<String>) {
        if self.state != state {
            self.since = SystemTime::now();
        }
        (self.state, self.reason, self.next_attempt) = (state, reason, None);
    }

    pub(crate) fn follow(&mut self, health: &Health) {
        match health.clone() {
            Health::Connecting => self.enter(State::Connecting, None),
            Health::Ready => self.enter(State::Ready, None),
            Health::Degraded(why) => self.enter(State::Degraded, Some(why)),
            Health::AuthRequired(why) => self.enter(State::AuthRequired, Some(why)),
        }
    }
}
