//! What is known of one instance, with the time of the evidence: transport, inbound and outbound stay separate facts.
//!
//! Silence is no evidence: nothing here changes because nothing happened.

use std::time::SystemTime;

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
    /// The last message that was admitted.
    pub inbound: Stamp,
    /// The last message that the vendor accepted.
    pub outbound: Stamp,
    /// Times that the component kept its thread for over 250 ms.
    pub strikes: u32,
}

impl Facts {
    pub(crate) fn new(now: SystemTime) -> Self {
        Self {
            connection: Connection::Connecting,
            connection_since: now,
            transport: None,
            inbound: None,
            outbound: None,
            strikes: 0,
        }
    }

    pub(crate) fn connected(&mut self, connection: Connection, now: SystemTime) {
        if matches!(connection, Connection::Ready) {
            self.transport = Some(now);
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
