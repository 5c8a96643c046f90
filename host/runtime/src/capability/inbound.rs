//! The way into the gateway: `openclaw:plugin/inbound`.
//!
//! Here the bounds of a message are enforced, once; what becomes of the message is the [`Inbox`]'s business.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use openclaw_failpoints::failpoint;
use openclaw_secrets::Scrubber;
use wasmtime::component::{Accessor, HasSelf};

use super::Guest;
use super::quota::Verdict;
use super::under_way::Full;
use crate::bindings::channel::openclaw::plugin::{inbound, types};
use crate::channel::facts::Over;
use crate::error::shown;

/// What became of an admitted message.
pub use crate::bindings::channel::openclaw::plugin::inbound::Admission;
/// Why a message was not admitted.
pub use crate::bindings::channel::openclaw::plugin::inbound::AdmitError;
/// What a component says of its connection to the vendor.
pub use crate::bindings::channel::openclaw::plugin::inbound::Connection;
/// Something that a component cannot read.
pub use crate::bindings::channel::openclaw::plugin::inbound::Unreadable;

const ID: usize = 256;
const NAME: usize = 1 << 10;
const TEXT: usize = 256 << 10;
const OPAQUE: usize = 4 << 10;
const RAW: usize = 64 << 10;
const ROLES: usize = 256;
const FILES: usize = 16;

/// Where messages go. Implemented by the host above this crate, once for each account.
pub trait Inbox: Send + Sync + 'static {
    /// Stores the message and the cursor in one step. Durable when it returns `Ok`.
    fn admit(
        &self,
        message: types::Message,
        cursor: Option<Vec<u8>>,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, AdmitError>> + Send + '_>>;

    /// Stores what the component cannot read and the cursor behind it in one step. Durable when it returns `Ok`.
    fn set_aside(
        &self,
        what: Unreadable,
        cursor: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AdmitError>> + Send + '_>>;
}

/// Names the field of `message` that breaks its bound.
fn out_of_bounds(message: &types::Message, cursor: Option<&[u8]>) -> Option<&'static str> {
    let id = |text: &str| !text.is_empty() && text.len() <= ID;
    let name = |text: &Option<String>| text.as_ref().is_none_or(|text| text.len() <= NAME);
    let quote = message.quote.as_ref();
    let checks = [
        (id(&message.id), "id: 1 to 256 bytes"),
        (id(&message.conversation.room), "conversation.room: 1 to 256 bytes"),
        (id(&message.sender.id), "sender.id: 1 to 256 bytes"),
        (message.conversation.thread.as_deref().is_none_or(id), "conversation.thread: 1 to 256 bytes"),
        (message.conversation.space.as_deref().is_none_or(id), "conversation.space: 1 to 256 bytes"),
        (name(&message.conversation.title), "conversation.title: at most 1 KiB"),
        (name(&message.sender.username), "sender.username: at most 1 KiB"),
        (name(&message.sender.display_name), "sender.display-name: at most 1 KiB"),
        (message.sender.roles.len() <= ROLES, "sender.roles: at most 256"),
        (message.sender.roles.iter().all(|role| id(role)), "sender.roles: 1 to 256 bytes each"),
        (message.album.as_deref().is_none_or(id), "album: 1 to 256 bytes"),
        (
            quote.is_none_or(|quote| quote.message_id.as_deref().is_none_or(id)),
            "quote.message-id: 1 to 256 bytes",
        ),
        (quote.is_none_or(|quote| name(&quote.author)), "quote.author: at most 1 KiB"),
        (quote.is_none_or(|quote| quote.text.len() <= TEXT), "quote.text: at most 256 KiB"),
        (message.text.len() <= TEXT, "text: at most 256 KiB"),
        (message.media.len() <= FILES, "media: at most 16 files"),
        (message.reply_context.len() <= OPAQUE, "reply-context: at most 4 KiB"),
        (cursor.is_none_or(|cursor| cursor.len() <= OPAQUE), "cursor: at most 4 KiB"),
    ];
    checks.into_iter().find_map(|(holds, rule)| (!holds).then_some(rule))
}

/// Names the field that a secret stands in, of those that cannot be masked: the vendor knows things again by them.
fn secret_in(message: &types::Message, cursor: Option<&[u8]>, scrubber: &Scrubber) -> Option<&'static str> {
    let conversation = &message.conversation;
    let text = |text: &Option<String>| text.as_ref().is_some_and(|text| scrubber.finds(text.as_bytes()));
    let found = [
        (scrubber.finds(message.id.as_bytes()), "id"),
        (scrubber.finds(conversation.room.as_bytes()), "conversation.room"),
        (text(&conversation.thread), "conversation.thread"),
        (text(&conversation.space), "conversation.space"),
        (scrubber.finds(message.sender.id.as_bytes()), "sender.id"),
        (message.sender.roles.iter().any(|role| scrubber.finds(role.as_bytes())), "sender.roles"),
        (text(&message.album), "album"),
        (message.quote.as_ref().is_some_and(|quote| text(&quote.message_id)), "quote.message-id"),
        (scrubber.finds(&message.reply_context), "reply-context"),
        (cursor.is_some_and(|cursor| scrubber.finds(cursor)), "cursor"),
    ];
    found.into_iter().find_map(|(found, field)| found.then_some(field))
}

/// Masks the secrets in what people and models read.
fn clean(message: &mut types::Message, scrubber: &Scrubber) {
    let clean = |text: &mut String| scrubber.mask(text);
    clean(&mut message.text);
    let names =
        [&mut message.conversation.title, &mut message.sender.username, &mut message.sender.display_name];
    names.into_iter().flatten().for_each(clean);
    if let Some(quote) = &mut message.quote {
        clean(&mut quote.text);
        quote.author.iter_mut().for_each(clean);
    }
}

/// Bytes of text that an instance may hand over in any minute, where it may hand over so many messages: 16 KiB each, and never so
/// few that the longest message does not fit.
pub(crate) fn bytes_a_minute(emits: u32) -> u32 {
    emits.saturating_mul(16 << 10).max(1 << 20)
}

/// About how many bytes a message has: those of its two long texts.
fn size(message: &types::Message) -> usize {
    message.text.len() + message.quote.as_ref().map_or(0, |quote| quote.text.len())
}

impl types::Host for Guest {}

impl inbound::Host for Guest {
    fn state(&mut self, connection: Connection) -> wasmtime::Result<()> {
        let scrub = |text: String| shown(&text, OPAQUE, &self.scrubber);
        let connection = match connection {
            Connection::Degraded(why) => Connection::Degraded(scrub(why)),
            Connection::AuthRequired(why) => Connection::AuthRequired(scrub(why)),
            plain @ (Connection::Connecting | Connection::Ready) => plain,
        };
        self.facts.send_modify(|facts| facts.connected(connection, SystemTime::now()));
        Ok(())
    }
}

impl inbound::HostWithStore<Guest> for HasSelf<Guest> {
    async fn admit(
        accessor: &Accessor<Guest, Self>,
        mut message: types::Message,
        cursor: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<Admission, AdmitError>> {
        if let Some(rule) = out_of_bounds(&message, cursor.as_deref()) {
            return Ok(Err(AdmitError::Invalid(rule.to_owned())));
        }
        let prepared = accessor.with(|mut access| {
            let guest = access.get();
            let found = secret_in(&message, cursor.as_deref(), &guest.scrubber);
            clean(&mut message, &guest.scrubber);
            found
        });
        if let Some(field) = prepared {
            return Ok(Err(holds_secret(field)));
        }
        let bytes = size(&message);
        let admitted =
            stored(accessor, bytes, |inbox| async move { inbox.admit(message, cursor).await }).await?;
        failpoint!("runtime.admitted");
        if admitted.is_ok() {
            accessor
                .with(|mut access| access.get().facts.send_modify(|facts| facts.received(SystemTime::now())));
        }
        Ok(admitted)
    }

    async fn set_aside(
        accessor: &Accessor<Guest, Self>,
        what: Unreadable,
        cursor: Vec<u8>,
    ) -> wasmtime::Result<Result<(), AdmitError>> {
        let id = what.id.as_deref();
        if id.is_some_and(|id| id.is_empty() || id.len() > ID) || cursor.len() > OPAQUE {
            let rule = "id: 1 to 256 bytes; cursor: at most 4 KiB";
            return Ok(Err(AdmitError::Invalid(rule.to_owned())));
        }
        let Unreadable { id, reason, mut raw } = what;
        let cleaned = accessor.with(|mut access| {
            let scrubber = &access.get().scrubber;
            if scrubber.finds(&cursor) || id.as_ref().is_some_and(|id| scrubber.finds(id.as_bytes())) {
                return Err(holds_secret("id or cursor"));
            }
            if scrubber.finds(&raw) {
                raw = b"(left out: a secret of this account stands in it)".to_vec();
            }
            raw.truncate(RAW);
            let reason = shown(&reason, NAME, scrubber);
            Ok(Unreadable { id, reason, raw })
        });
        let what = match cleaned {
            Ok(what) => what,
            Err(refused) => return Ok(Err(refused)),
        };
        let bytes = what.raw.len();
        stored(accessor, bytes, |inbox| async move { inbox.set_aside(what, cursor).await }).await
    }
}

fn holds_secret(field: &str) -> AdmitError {
    AdmitError::Invalid(format!("{field}: a secret of this account stands in it"))
}

/// Has the inbox store something, within the quota. Not aborted when the guest drops the call: what was begun is stored, and
/// a redelivery is a duplicate. The outer error is a trap.
async fn stored<T, F>(
    accessor: &Accessor<Guest, HasSelf<Guest>>,
    bytes: usize,
    store: impl FnOnce(Arc<dyn Inbox>) -> F,
) -> wasmtime::Result<Result<T, AdmitError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, AdmitError>> + Send + 'static,
{
    let granted = accessor.with(|mut access| {
        let guest = access.get();
        let Ok(held) = guest.begin(bytes)? else { return Ok(Err(Full::AGAIN)) };
        let now = Instant::now();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let verdict = match guest.budgets.emits.take(now) {
            Verdict::Granted(_) => guest.budgets.emitted.take_many(bytes, now),
            refused @ Verdict::Refused(_) => refused,
        };
        Ok::<_, wasmtime::Error>(match verdict {
            Verdict::Granted(_) => {
                guest.within(Over::Emits);
                Ok((Arc::clone(&guest.inbox), guest.io.clone(), held, Arc::clone(&guest.writes)))
            }
            Verdict::Refused(wait) => {
                guest.over(Over::Emits);
                Err(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
            }
        })
    })?;
    let (inbox, io, held, writes) = match granted {
        Ok(granted) => granted,
        Err(wait) => return Ok(Err(AdmitError::Unavailable(wait))),
    };
    let storing = store(inbox);
    let stored = io.spawn(async move {
        let _held = held;
        let _turn = writes.acquire().await;
        failpoint!("runtime.inbound");
        storing.await
    });
    Ok(stored.await.unwrap_or_else(|lost| {
        tracing::error!(%lost, "storing what came in failed inside the host");
        Err(AdmitError::Unavailable(1_000))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> types::Message {
        types::Message {
            id: "1".into(),
            conversation: types::Conversation {
                kind: types::ChatKind::Direct,
                space: None,
                room: "r".into(),
                thread: None,
                title: None,
            },
            sender: types::Sender {
                kind: types::SenderKind::Person,
                id: "s".into(),
                username: None,
                display_name: None,
                roles: Vec::new(),
            },
            text: String::new(),
            sent_at_ms: 0,
            mentions_self: false,
            reply_to_self: false,
            addresses_others: false,
            edited: false,
            forwarded: false,
            quote: Some(types::Quote { message_id: None, author: None, text: String::new() }),
            media: Vec::new(),
            album: None,
            reply_context: Vec::new(),
        }
    }

    #[test]
    fn every_field_of_a_message_has_a_bound() {
        let check = |change: &dyn Fn(&mut types::Message), field: Option<&str>| {
            let mut message = message();
            change(&mut message);
            let broken = out_of_bounds(&message, None).and_then(|rule| rule.split(':').next());
            assert_eq!(broken, field);
        };
        let long = |bytes: usize| "x".repeat(bytes + 1);
        check(&|_| {}, None);
        check(&|message| message.id = String::new(), Some("id"));
        check(&|message| message.id = long(ID), Some("id"));
        check(&|message| message.conversation.room = long(ID), Some("conversation.room"));
        check(&|message| message.conversation.thread = Some(long(ID)), Some("conversation.thread"));
        check(&|message| message.conversation.title = Some(long(NAME)), Some("conversation.title"));
        check(&|message| message.sender.id = long(ID), Some("sender.id"));
        check(&|message| message.sender.display_name = Some(long(NAME)), Some("sender.display-name"));
        check(&|message| message.sender.roles = vec!["r".to_owned(); ROLES + 1], Some("sender.roles"));
        check(&|message| message.sender.roles = vec![String::new()], Some("sender.roles"));
        check(&|message| message.album = Some(long(ID)), Some("album"));
        check(&|message| message.text = long(TEXT), Some("text"));
        check(&|message| message.media = vec![0; FILES + 1], Some("media"));
        check(&|message| message.reply_context = vec![0; OPAQUE + 1], Some("reply-context"));
        let quoted = |author, text| Some(types::Quote { message_id: None, author, text });
        check(&|message| message.quote = quoted(Some(long(NAME)), String::new()), Some("quote.author"));
        check(&|message| message.quote = quoted(None, long(TEXT)), Some("quote.text"));
        assert!(out_of_bounds(&message(), Some(&[0; OPAQUE + 1])).is_some());
    }
}
