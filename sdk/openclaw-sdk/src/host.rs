//! The one seam between a channel's code and the gateway. Owns the list of everything that such code can call; what the
//! gateway does with a call stands in `wit/`.
//!
//! Write the protocol generic over [`Host`]: on WebAssembly it runs on [`crate::gateway::Gateway`], natively on the fake
//! host of `openclaw-sdk-test`, where time is virtual and every fault can be played.

use crate::channel::Message;
use crate::events::Event;
use crate::http::{self, Answer, Request};
use crate::inbound::{Admission, AdmitError, Connection, Unreadable};
use crate::kv;
use crate::log::Level;
use crate::media::{self, Description, DownloadError, Downloaded, File};
use crate::process::{self, Process};
use crate::sockets::{self, Opening, Payload, Socket};

/// Everything that a channel's code can call. A component imports only what its code calls, and the manifest has to ask
/// for `http`, `websocket` and `process`.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread: none of these futures is ever sent to another"
)]
pub trait Host {
    /// Unix milliseconds.
    fn now_ms(&self) -> u64;

    /// Microseconds since an arbitrary point. Never goes backwards.
    fn monotonic_us(&self) -> u64;

    /// Ready after at least `ms` milliseconds. Safe to drop.
    async fn sleep(&self, ms: u64);

    /// The first event after the one with the number `acked`, which is forgotten with all before it. Call it through
    /// [`crate::events::Events`], which acknowledges in time. Safe to drop.
    async fn next_event(&self, acked: u64) -> Event;

    /// Arms a timer, which comes as [`crate::events::Occurrence::Timer`]; armed again it is replaced. At most 64, with
    /// names of at most 64 bytes.
    fn set_timer(&self, name: &str, after_ms: u64);

    /// Disarms a timer, if it is armed.
    fn cancel_timer(&self, name: &str);

    /// Sends a request and reads the whole answer, of at most [`Request::limit`] bytes. Safe to drop only where the
    /// request may be repeated.
    ///
    /// # Errors
    ///
    /// Why there is no complete answer. [`http::ErrorKind`] says whether the vendor can have seen the request.
    async fn http(&self, request: Request) -> Result<Answer, http::Error>;

    /// Opens a websocket. What arrives on it comes through [`crate::events::Events`].
    ///
    /// # Errors
    ///
    /// Only [`sockets::ErrorKind::Refused`] comes from the vendor, with its `status`.
    async fn open(&self, opening: Opening) -> Result<Socket, sockets::Error>;

    /// Sends a message on a socket. Where the manifest says so, the host sets a secret into a text on its way.
    ///
    /// # Errors
    ///
    /// [`sockets::ErrorKind::Interrupted`] means that it may have arrived; after any other kind it has not left.
    async fn send(&self, socket: Socket, payload: Payload) -> Result<(), sockets::Error>;

    /// Starts to close a socket: [`crate::events::Occurrence::Closed`] follows. `code` is 1000 or 3000 to 4999; `reason`
    /// is cut at 123 bytes.
    fn close(&self, socket: Socket, code: u16, reason: &str);

    /// The value of a key of 1 to 256 bytes, if it has one.
    ///
    /// # Errors
    ///
    /// [`kv::Error::Unavailable`] when the host cannot read now.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, kv::Error>;

    /// The entries whose keys begin with `prefix` and come after `after`: at most 256 and 1 MiB. An empty list is the end.
    ///
    /// # Errors
    ///
    /// As [`Host::get`].
    async fn scan(&self, prefix: &str, after: Option<&str>) -> Result<Vec<kv::Entry>, kv::Error>;

    /// Makes all changes, at most 128 and 1 MiB, or none. Durable when it returns.
    ///
    /// # Errors
    ///
    /// [`kv::Error::Full`] when they do not fit the quota of the manifest.
    async fn apply(&self, changes: Vec<kv::Change>) -> Result<(), kv::Error>;

    /// Sends a request and keeps the body of a success as a file, without bringing it here. `description.size` is taken from
    /// the answer where it is not set. Safe to drop: what has not come wholly is not kept.
    ///
    /// # Errors
    ///
    /// Why there is no answer, or why the gateway does not keep it.
    async fn download(&self, request: Request, description: Description)
    -> Result<Downloaded, DownloadError>;

    /// Keeps bytes as a file. `description.size` is set from them.
    ///
    /// # Errors
    ///
    /// [`media::Error::Full`] when there is no room for it.
    async fn keep(&self, description: Description, bytes: Vec<u8>) -> Result<File, media::Error>;

    /// Reads a file, for those that have to see what is in it.
    ///
    /// # Errors
    ///
    /// [`media::Error::Gone`] when there is none, [`media::Error::Invalid`] when it has more than `limit` bytes.
    async fn read(&self, handle: u64, limit: usize) -> Result<Vec<u8>, media::Error>;

    /// Drops a file before its time, unless a message under way carries it.
    ///
    /// # Errors
    ///
    /// [`media::Error::Unavailable`] when the gateway cannot write now.
    async fn forget(&self, handle: u64) -> Result<(), media::Error>;

    /// Starts the program of the `[[process]]` entry of this name. Its lines come through [`crate::events::Events`].
    ///
    /// # Errors
    ///
    /// [`process::Error::NotStarted`] says why the program cannot be run.
    async fn start(&self, name: &str) -> Result<Process, process::Error>;

    /// Writes one line, without a line break in it, to a program.
    ///
    /// # Errors
    ///
    /// [`process::Error::Ended`] when the program reads no more.
    async fn write_line(&self, process: Process, line: String) -> Result<(), process::Error>;

    /// Closes a program's input, and ends it after 2 s.
    fn stop(&self, process: Process);

    /// Hands a message over, with the place that the account has got to: at most 4 KiB, which come back as the cursor
    /// after a restart. Durable when it returns: tell the vendor only then.
    ///
    /// # Errors
    ///
    /// [`AdmitError::Invalid`] means that the message is to be skipped, [`AdmitError::Unavailable`] that it is to be tried
    /// again later.
    async fn admit(&self, message: Message, cursor: Option<Vec<u8>>) -> Result<Admission, AdmitError>;

    /// Gives something up that cannot be read: the gateway keeps it for a person, and moves the cursor past it. Durable when
    /// it returns. Call it through [`crate::inbound::set_aside`], which waits for a gateway that cannot store now.
    ///
    /// # Errors
    ///
    /// As [`Host::admit`].
    async fn set_aside(&self, what: Unreadable, cursor: Vec<u8>) -> Result<(), AdmitError>;

    /// Says what is known of the connection to the vendor: `Ready` after every completed exchange.
    fn state(&self, connection: Connection);

    /// Writes a line, cut at 4 KiB, to the plugin's own log, with at most 16 structured fields.
    fn write(&self, level: Level, message: &str, fields: &[(String, String)]);

    /// Writes a line without fields. The macros [`crate::info!`] and its like build one with them.
    fn log(&self, level: Level, message: &str) {
        self.write(level, message, &[]);
    }
}
