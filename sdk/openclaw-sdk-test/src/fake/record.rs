//! What an account did, as the fake gateway remembers it.

use openclaw_sdk::channel::File;
use openclaw_sdk::http;
use openclaw_sdk::inbound::{Connection, Unreadable};
use openclaw_sdk::sockets::{Opening, Payload};

use super::FakeHost;
use crate::vendor::Asked;
use crate::world::{Admitted, Line};

impl FakeHost {
    /// The requests, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<Asked> {
        self.world.calls.borrow().iter().map(|(_, record)| record.clone()).collect()
    }

    /// When each request was sent, in milliseconds since the begin.
    #[must_use]
    pub fn call_times(&self) -> Vec<u64> {
        let began = self.world.began_us.get();
        self.world.calls.borrow().iter().map(|(us, _)| (us - began) / 1_000).collect()
    }

    /// Method and path of each request, as in `POST /messages`.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.calls().iter().map(|call| format!("{} {}", method(call), call.path)).collect()
    }

    /// The messages that the gateway took over.
    #[must_use]
    pub fn admitted(&self) -> Vec<Admitted> {
        self.world.admitted.borrow().clone()
    }

    /// The files that the gateway keeps, with their bytes.
    #[must_use]
    pub fn files(&self) -> Vec<(File, Vec<u8>)> {
        self.world.files.borrow().values().cloned().collect()
    }

    /// What was given up unread.
    #[must_use]
    pub fn given_up(&self) -> Vec<Unreadable> {
        self.world.asides.borrow().clone()
    }

    /// How many messages came that the gateway had already.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        self.world.duplicates.get()
    }

    /// What a start would get as its cursor.
    #[must_use]
    pub fn cursor(&self) -> Option<Vec<u8>> {
        self.world.cursor.borrow().clone()
    }

    /// The sockets that were opened.
    #[must_use]
    pub fn opened(&self) -> Vec<Opening> {
        self.world.opened.borrow().clone()
    }

    /// The messages that were sent on sockets.
    #[must_use]
    pub fn frames(&self) -> Vec<(u32, Payload)> {
        self.world.frames.borrow().clone()
    }

    /// The sockets that the account closed, and with which code.
    #[must_use]
    pub fn closed(&self) -> Vec<(u32, u16)> {
        self.world.closed.borrow().clone()
    }

    /// How long each sleep was to be.
    #[must_use]
    pub fn slept(&self) -> Vec<u64> {
        self.world.slept.borrow().clone()
    }

    /// The timers that were armed, and after how long each was to fire.
    #[must_use]
    pub fn armed(&self) -> Vec<(String, u64)> {
        self.world.armed.borrow().clone()
    }

    /// What the account said of its connection.
    #[must_use]
    pub fn states(&self) -> Vec<Connection> {
        self.world.states.borrow().clone()
    }

    /// The log.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.world.lines.borrow().clone()
    }

    /// The texts of the log.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.message).collect()
    }

    /// Milliseconds since the begin.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        self.world.elapsed_ms()
    }
}

/// The name of a request's method.
pub(crate) fn method(request: &Asked) -> &'static str {
    match request.method {
        http::Method::Get => "GET",
        http::Method::Head => "HEAD",
        http::Method::Post => "POST",
        http::Method::Put => "PUT",
        http::Method::Patch => "PATCH",
        http::Method::Delete => "DELETE",
    }
}
