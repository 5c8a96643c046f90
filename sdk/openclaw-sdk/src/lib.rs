//! What a plugin is built on: the bindings of the contract in `wit/`, one seam to the gateway, prepared shells, and the few
//! helpers that every component needs. It never holds a secret, opens a socket or reads a file, because a component cannot.
//!
//! # A channel
//!
//! A channel speaks one chat vendor's protocol, and a component has one account of it. Enable the feature `channel` and
//! choose how the vendor tells what is new; for each way a shell is prepared, and you write the protocol as functions
//! that do no I/O:
//!
//! | the vendor | you implement | the shell |
//! |---|---|---|
//! | is asked again and again | [`protocol::Protocol`], [`long_poll::LongPoll`] | [`long_poll::LongPolling`] |
//! | calls the gateway's port | [`protocol::Protocol`], [`webhook::Hook`] | [`webhook::Hooked`] |
//! | talks over one websocket | [`websocket::Session`], [`websocket::Duties`] | [`websocket::run`] |
//! | something else | [`account::Account`] over [`host::Host`] | – |
//!
//! The shells hand messages over before they acknowledge them, wait ever longer and by lot after failures, say how the
//! connection stands, and end when they are asked to. [`export_account!`] makes a component of the outcome.
//!
//! This is a whole channel, for a vendor whose news are lines of text, and a test of it. The test runs natively, at once,
//! and on the fake host of `openclaw-sdk-test`:
//!
//! ```
//! use openclaw_sdk::channel::{ChatKind, Conversation, Failure, Identity, Message, Outbound, Sender, SenderKind};
//! use openclaw_sdk::http::{Answer, Method, Request};
//! use openclaw_sdk::long_poll::{Item, LongPoll, LongPolling};
//! use openclaw_sdk::protocol::Protocol;
//!
//! struct Lines;
//!
//! impl Protocol for Lines {
//!     fn configure(_config: &str) -> Result<Self, Failure> {
//!         Ok(Self)
//!     }
//!
//!     // `api` is an `[[http]]` entry of `plugin.toml`, which says where it is and where the token goes.
//!     fn identify(&self) -> Request {
//!         Request::new("api", Method::Get, "/me", 8_000)
//!     }
//!
//!     fn identity(&mut self, answer: &Answer) -> Result<Identity, Failure> {
//!         let id = text(answer)?.trim().to_owned();
//!         Ok(Identity { id, username: None, display_name: None, facts: Vec::new() })
//!     }
//!
//!     fn posts(&self, outbound: &Outbound) -> Result<Vec<Request>, Failure> {
//!         let post = Request::new("api", Method::Post, "/say", 20_000).query("room", &outbound.target.room);
//!         Ok(vec![post.json(outbound.text.clone().into_bytes())])
//!     }
//!
//!     fn receipt(&self, answer: &Answer) -> Result<String, Failure> {
//!         text(answer).map(str::to_owned)
//!     }
//! }
//!
//! impl LongPoll for Lines {
//!     fn poll(&self, cursor: Option<&[u8]>) -> Request {
//!         let after = cursor.and_then(|cursor| std::str::from_utf8(cursor).ok()).unwrap_or("0");
//!         Request::new("api", Method::Get, "/news", 40_000).query("after", after)
//!     }
//!
//!     // `8 ada hello` is message 8, which ada wrote. What is not understood is an item without a message.
//!     fn items(&mut self, answer: &Answer) -> Result<Vec<Item>, Failure> {
//!         let item = |line: &str| {
//!             let (id, rest) = line.split_once(' ')?;
//!             let message = rest.split_once(' ').map(|(who, text)| message(id, who, text));
//!             Some(Item { message, cursor: id.as_bytes().to_vec() })
//!         };
//!         Ok(text(answer)?.lines().filter_map(item).collect())
//!     }
//! }
//!
//! fn text(answer: &Answer) -> Result<&str, Failure> {
//!     std::str::from_utf8(&answer.body).map_err(|_| Failure::unavailable("bad_text", "the answer is no text"))
//! }
//!
//! fn message(id: &str, who: &str, text: &str) -> Message {
//!     let room = Conversation { kind: ChatKind::Direct, space: None, room: who.into(), thread: None, title: None };
//!     Message {
//!         id: id.into(),
//!         conversation: room,
//!         sender: Sender { kind: SenderKind::Person, id: who.into(), username: None, display_name: None, roles: vec![] },
//!         text: text.into(),
//!         sent_at_ms: 0,
//!         mentions_self: false,
//!         reply_to_self: false,
//!         addresses_others: false,
//!         edited: false,
//!         forwarded: false,
//!         quote: None,
//!         media: Vec::new(),
//!         album: None,
//!         reply_context: Vec::new(),
//!     }
//! }
//!
//! openclaw_sdk::export_account!(LongPolling<Lines>);
//!
//! // The test.
//! use openclaw_sdk::account::Account;
//! use openclaw_sdk_test::FakeHost;
//!
//! let account: LongPolling<Lines> = Account::configure("{}").unwrap();
//! let host = FakeHost::new().answers(200, &[], "bot").answers(502, &[], "").answers(200, &[], "8 ada hello");
//! host.until_idle(account.run(&host, None));
//! assert_eq!(host.admitted()[0].message.text, "hello");
//! assert_eq!(host.calls().last().unwrap().query, [("after".to_owned(), "8".to_owned())]);
//! ```
//!
//! State that changes while the account runs stands in the protocol itself, and in an [`account::Account`] in `Cell` and
//! `RefCell`, never borrowed across an `await`. What has to outlive the instance goes into [`host::Host::apply`].
//!
//! Then describe the vendor to the conformance suite of `openclaw-sdk-test`, which tries what goes wrong with every
//! vendor. `openclaw-text` splits texts by a vendor's unit and finds names in them, `openclaw-pace` keeps the limits that a
//! vendor announces and collects edits, [`backoff`] and [`typing`] wait.
//!
//! # A provider
//!
//! A model shim translates between the gateway's requests and one HTTP dialect. Enable the feature `provider`, implement
//! [`provider::Provider`] and [`provider::Decoder`], and call [`export_provider!`]; [`export_embeddings!`] adds vectors. A shim
//! imports nothing at all: everything in it is a pure function.
//!
//! # What a component must not do
//!
//! A component for `wasm32-wasip2` must not use what drags WASI interfaces into it beyond those that `std` needs to
//! start: no `HashMap` with the default hasher, no `std::time`, `std::thread`, `std::env` or `println!`. Blocking calls
//! trap. It keeps its thread for at most 250 ms between two awaits of the gateway.

// The bindings name this crate by its public name, so that the export macros also work in other crates.
extern crate self as openclaw_sdk;

#[doc(hidden)]
pub use wit_bindgen;

#[cfg(any(feature = "channel", feature = "provider"))]
#[doc(hidden)]
pub mod bindings;

#[cfg(feature = "channel")]
pub mod account;
pub mod backoff;
pub mod bounds;
#[cfg(feature = "channel")]
pub mod channel;
#[cfg(feature = "channel")]
pub mod events;
#[cfg(feature = "channel")]
pub mod failure;
#[cfg(feature = "channel")]
pub mod gateway;
#[cfg(feature = "channel")]
pub mod host;
#[cfg(feature = "channel")]
pub mod http;
#[cfg(feature = "channel")]
pub mod inbound;
#[cfg(feature = "channel")]
pub mod kv;
#[cfg(feature = "channel")]
pub mod log;
#[cfg(feature = "channel")]
pub mod long_poll;
#[cfg(feature = "channel")]
pub mod media;
#[cfg(feature = "channel")]
pub mod multipart;
#[cfg(feature = "channel")]
pub mod outage;
#[cfg(feature = "channel")]
pub mod process;
#[cfg(feature = "channel")]
pub mod protocol;
#[cfg(feature = "provider")]
pub mod provider;
pub mod race;
#[cfg(feature = "channel")]
pub mod sockets;
#[cfg(feature = "channel")]
pub mod typing;
#[cfg(feature = "channel")]
pub mod webhook;
#[cfg(feature = "channel")]
pub mod websocket;
