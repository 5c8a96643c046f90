//! What is known of one instance, with the time of the evidence: transport, inbound and outbound stay separate facts.
//!
//! Silence is no evidence: nothing here changes because nothing happened.

use std::collections::BTreeMap;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::capability::inbound::Connection;

/// When something was last seen.
pub type Stamp = Option<SystemTime>;

/// The facts of one instance since its start.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the component last said of its connection.
    pub connection: Connection,
    /// When `connection` last changed its kind.
    pub connection_since: SystemTime,
    /// The last completed exchange with the vendor.
    pub transport: Stamp,
    /// The same by the clock that nobody sets.
    pub heard: Option<Instant>,
    /// The last message that was admitted.
    pub inbound: Stamp,
    /// The last message that the vendor accepted.
    pub outbound: Stamp,
    /// Times that the component kept its thread for over 250 ms.
    pub strikes: u32,
    /// The limit that it last ran into and is not within again.
    pub over: Option<Over>,
    /// Calls that were refused because of a limit, for each limit.
    pub refused: BTreeMap<Over, u64>,
}

/// A limit of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Over {
    /// HTTP requests in a minute.
    Requests,
    /// HTTP requests at once.
    Exchanges,
    /// Messages in a minute.
    Emits,
    /// Websockets at once.
    Sockets,
    /// Bytes of its store.
    Kv,
    /// Bytes of its files.
    Media,
}

impl Over {
    /// For people: what is used up, and where the limit stands.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Requests => {
                "over its limit of HTTP requests a minute (requests-per-minute in [limits] of plugin.toml)"
            }
            Self::Exchanges => "over the limit of 128 HTTP requests at once",
            Self::Emits => {
                "over its limit of messages a minute (emits-per-minute in [limits] of plugin.toml)"
            }
            Self::Sockets => {
                "over its limit of websockets (sockets in [limits], max-connections of the endpoint)"
            }
            Self::Kv => "its store is full (kv-bytes in [limits] of plugin.toml)",
            Self::Media => "its files have no more room (media-bytes in [limits] of plugin.toml)",
        }
    }
}

impl Facts {
    pub(crate) fn new(now: SystemTime) -> Self {
        Self {
            connection: Connection::Connecting,
            connection_since: now,
            transport: None,
            heard: None,
            inbound: None,
            outbound: None,
            strikes: 0,
            over: None,
            refused: BTreeMap::new(),
        }
    }

    /// How the account does, as it is to be shown: what the component says, or the limit that it is over.
    #[must_use]
    pub fn shown(&self) -> Connection {
        match (&self.connection, self.over) {
            (Connection::Ready, Some(over)) => Connection::Degraded(over.words().to_owned()),
            (connection, _) => connection.clone(),
        }
    }

    pub(crate) fn refused(&mut self, over: Over) {
        *self.refused.entry(over).or_insert(0) += 1;
        self.over = Some(over);
    }

    /// Whether this changed anything.
    pub(crate) fn allowed(&mut self, what: Over) -> bool {
        self.over.take_if(|over| *over == what).is_some()
    }

    pub(crate) fn connected(&mut self, connection: Connection, now: SystemTime) {
        if matches!(connection, Connection::Ready) {
            (self.transport, self.heard) = (Some(now), Some(Instant::now()));
        }
        if std::mem::discriminant(&self.connection) != std::mem::discriminant(&connection) {
            self.connection_since = now;
        }
        self.connection = connection;
    }

    pub(crate) fn received(&mut self, now: SystemTime) {
        self.inbound = Some(now);
    }

    pub(crate) fn delivered(&mut self, now: SystemTime) {
        self.outbound = Some(now);
    }
}
