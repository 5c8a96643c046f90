//! A network that is down between two moments. Owns what a request and a new socket come to while it is; what happens on
//! sockets that are open, and what the vendor says when it is reached, is the test's.

use openclaw_sdk::http::ErrorKind;
use openclaw_sdk::sockets;

use crate::vendor::{Opened, Reply};

/// What is between an account and its vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Nothing: the vendor is reached.
    Up,
    /// Everything vanishes; sockets stay open.
    BlackHole,
    /// Nobody listens, or the name is not found.
    Refused,
    /// A proxy that wants a password, or a page that wants a person to log in, answers everything with this status.
    Page(u16),
}

impl Network {
    /// What comes of a request; `None` where the vendor is reached.
    #[must_use]
    pub fn http(self) -> Option<Reply> {
        match self {
            Self::Up => None,
            Self::BlackHole => Some(Reply::Never),
            Self::Refused => Some(Reply::Fail(ErrorKind::NotSent)),
            Self::Page(status) => Some(Reply::answer(status, "<html>log in first</html>")),
        }
    }

    /// What comes of opening a socket; `None` where the vendor is reached. In a black hole the gateway gives up after ten
    /// seconds, which a test has to add: here it is told at once.
    #[must_use]
    pub fn open(self) -> Option<Opened> {
        match self {
            Self::Up => None,
            Self::BlackHole => {
                let detail = "no connection within 10000 ms".to_owned();
                let kind = sockets::ErrorKind::NotConnected;
                Some(Opened::Fail(sockets::Error { kind, status: None, detail }))
            }
            Self::Refused => Some(Opened::not_connected()),
            Self::Page(status) => Some(Opened::refused(status)),
        }
    }
}

/// When the network is not `Network::Up`, in milliseconds since the test began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Downtime {
    /// What it is then.
    pub network: Network,
    /// From when on.
    pub from: u64,
    /// The first moment after it.
    pub until: u64,
}

impl Downtime {
    /// The network at this moment.
    #[must_use]
    pub fn at(&self, now_ms: u64) -> Network {
        if self.holds(now_ms) { self.network } else { Network::Up }
    }

    /// Whether this moment is in it.
    #[must_use]
    pub fn holds(&self, now_ms: u64) -> bool {
        (self.from..self.until).contains(&now_ms)
    }
}
