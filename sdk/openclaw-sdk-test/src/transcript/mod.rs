//! Conversations between a channel and its vendor as data, which are played again. A file is a list of JSON objects, one a
//! line; blank lines and lines that begin with `//` are skipped. In their order:
//!
//! | line | meaning |
//! |---|---|
//! | `{"transcript": "why", "config": {…}, "cursor": "text", "run": false}` | may come first; without `run` the account receives |
//! | `{"expect": {"grant": …, "method": "GET", "path": …, "query": {…}, "body": …}, "answer": {"status": 200, "headers": {…}, "body": …}}` | the account sends this request, and gets this answer |
//! | `{"expect": {…}, "fails": "not-sent"}` | … or none: `denied`, `not-sent`, `interrupted`, `timeout`, `too-large` |
//! | `{"expect": {…}, "holds": true}` | … or the vendor keeps the request open until the transcript is over |
//! | `{"open": {"endpoint": …, "host": …, "path": …}}` | the account opens a socket |
//! | `{"frame": …}`, `{"close": 4000}` | the vendor sends a message on it, or closes it, with a code or `null` |
//! | `{"sent": …}` | the account sends a message on it |
//! | `{"admitted": {"id": …, "text": …, "conversation": {…}, …}, "cursor": …}` | the gateway takes over a message |
//! | `{"send": {"room": …, "thread": …, "text": …, "reply-to": …, "silent": true}, "outcome": {"sent": ["9"]}}` | the gateway sends one; the requests stand on the lines behind |
//! | `{"state": "ready"}` | the account says `connecting`, `ready`, `degraded` or `auth-required`, among other states |
//! | `{"ended": {"kind": "unauthorised", "code": …}}` | the account ends; `null` for an end in good order |
//!
//! What is expected may leave out what does not matter: of an object only the keys that are there are compared, and `"*"`
//! stands for anything. Bodies and frames that are JSON are written as JSON, others as text. Whatever the account does
//! beyond the transcript has no answer.

mod matching;
mod play;
mod step;

pub use play::{replay, replay_all};
