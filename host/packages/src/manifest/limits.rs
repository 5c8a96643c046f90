//! `[limits]`: how much one instance may use. What a manifest does not say is at its default; whoever enforces a limit finds the
//! number here.

use serde::Deserialize;

use super::{Fault, range_fault};

/// `[limits]`: all of one instance, which is one account.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// Bytes of memory, all its memories together. 64 MiB; at most 1 GiB.
    pub memory: u64,
    /// HTTP requests in any minute. 600; at most 60,000.
    pub requests_per_minute: u32,
    /// Messages handed to the gateway in any minute. 600; at most 60,000.
    pub emits_per_minute: u32,
    /// Websocket connections at the same time, all endpoints together. 4; at most 64.
    pub sockets: u32,
    /// Bytes of keys and values in its store. 1 MiB; at most 256 MiB.
    pub kv_bytes: u64,
    /// Bytes of the files that it keeps. 256 MiB; at most 16 GiB.
    pub media_bytes: u64,
    /// Lines in its log in any minute. 300; at most 6,000.
    pub log_lines_per_minute: u32,
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 * MIB,
            requests_per_minute: 600,
            emits_per_minute: 600,
            sockets: 4,
            kv_bytes: MIB,
            media_bytes: 256 * MIB,
            log_lines_per_minute: 300,
        }
    }
}

impl Limits {
    /// Every limit: its key, its value and what it counts.
    #[must_use]
    pub fn all(&self) -> [(&'static str, u64, &'static str); 7] {
        [
            ("memory", self.memory, "bytes of memory"),
            ("requests-per-minute", self.requests_per_minute.into(), "HTTP requests a minute"),
            ("emits-per-minute", self.emits_per_minute.into(), "messages a minute"),
            ("sockets", self.sockets.into(), "websocket connections"),
            ("kv-bytes", self.kv_bytes, "bytes in its store"),
            ("media-bytes", self.media_bytes, "bytes of files"),
            ("log-lines-per-minute", self.log_lines_per_minute.into(), "log lines a minute"),
        ]
    }

    pub(super) fn first_fault(&self) -> Option<Fault> {
        let most = [1024 * MIB, 60_000, 60_000, 64, 256 * MIB, 16 * 1024 * MIB, 6_000];
        self.all().into_iter().zip(most).find_map(|((key, value, _), most)| {
            range_fault(format!("limits.{key}"), value, most, "state what one account needs, or leave it out")
        })
    }
}
