//! How many files the process may open, and what they are for. Each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

/// Files that stay free for everything but connections.
const RESERVED: usize = 256;
/// The least that is shared out, however few files there are.
const LEAST: usize = 256;
/// Connections that speak HTTP; a client keeps few, and each for a short time.
const HTTP: usize = 4096;
/// More files than this are of no use here.
const WANTED: u64 = 65_536;

/// What connections may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Files {
    /// Connections that speak HTTP.
    pub(crate) http: usize,
    /// Control-plane sessions.
    pub(crate) sessions: usize,
}

impl Files {
    /// Raises the limit of this process as far as it may, and shares it out.
    pub(crate) fn raise() -> Files {
        let limit = getrlimit(Resource::Nofile);
        // No limit at all counts as more than enough.
        let (soft, hard) = (limit.current.unwrap_or(WANTED), limit.maximum.unwrap_or(WANTED));
        let wanted = hard.min(WANTED).max(soft);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
        let files = match raised {
            Ok(()) => wanted,
            Err(error) => {
                debug!(%error, "the limit of open files stays at {soft}");
                soft
            }
        };
        Files::share(usize::try_from(files).unwrap_or(usize::MAX))
    }

    /// A quarter for HTTP, the rest for sessions, which last.
    fn share(files: usize) -> Files {
        let connections = files.saturating_sub(RESERVED).max(LEAST);
        let http = (connections / 4).min(HTTP);
        Files { http, sessions: connections - http }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_shared_out() {
        let check =
            |files, http, sessions| assert_eq!(Files::share(files), Files { http, sessions }, "{files}");
        check(64, 64, 192);
        check(1024, 192, 576);
        check(20_000, 4096, 15_648);
    }

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        Files::raise();
        let limit = getrlimit(Resource::Nofile);
        assert!(limit.current >= limit.maximum.map(|hard| hard.min(WANTED)), "{limit:?}");
    }
}
