//! The way into the gateway: `openclaw:plugin/inbound`.
//!
//! Here the bounds of a message are enforced, once; what becomes of the message is the [`Inbox`]'s business.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use wasmtime::component::{Accessor, HasSelf};

use super::Guest;
use super::quota::Verdict;
use crate::bindings::channel::openclaw::plugin::{inbound, types};
use crate::channel::facts::Over;

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
        (
            quote.is_none_or(|quote| quote.message_id.as_deref().is_none_or(id)),
            "quote.message-id: 1 to 256 bytes",
        ),
        (quote.is_none_or(|quote| name(&quote.author)), "quote.author: at most 1 KiB"),
        (quote.is_none_or(|quote| quote.text.len() <= TEXT), "quote.text: at most 256 KiB"),
        (message.text.len() <= TEXT, "text: at most 256 KiB"),
        (message.reply_context.len() <= OPAQUE, "reply-context: at most 4 KiB"),
        (cursor.is_none_or(|cursor| cursor.len() <= OPAQUE), "cursor: at most 4 KiB"),
    ];
    checks.into_iter().find_map(|(holds, rule)| (!holds).then_some(rule))
}

impl types::Host for Guest {}

impl inbound::Host for Guest {
    fn state(&mut self, connection: Connection) -> wasmtime::Result<()> {
        let scrub = |text: String| self.scrubber.scrub(crate::error::cut(&text, OPAQUE)).into_owned();
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
        message: types::Message,
        cursor: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<Admission, AdmitError>> {
        if let Some(rule) = out_of_bounds(&message, cursor.as_deref()) {
            return Ok(Err(AdmitError::Invalid(rule.to_owned())));
        }
        let admitted = stored(accessor, |inbox| async move { inbox.admit(message, cursor).await }).await;
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
        let what = accessor.with(|mut access| {
            let Unreadable { id, reason, mut raw } = what;
            raw.truncate(RAW);
            let reason = access.get().scrubber.scrub(&reason).into_owned();
            Unreadable { id, reason: crate::error::cut(&reason, NAME).to_owned(), raw }
        });
        Ok(stored(accessor, |inbox| async move { inbox.set_aside(what, cursor).await }).await)
    }
}

/// Has the inbox store something, within the quota. Not aborted when the guest drops the call: what was begun is stored, and
/// a redelivery is a duplicate.
async fn stored<T, F>(
    accessor: &Accessor<Guest, HasSelf<Guest>>,
    store: impl FnOnce(Arc<dyn Inbox>) -> F,
) -> Result<T, AdmitError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, AdmitError>> + Send + 'static,
{
    let (inbox, io) = accessor.with(|mut access| {
        let guest = access.get();
        match guest.budgets.emits.take(Instant::now()) {
            Verdict::Granted(_) => {
                guest.within(Over::Emits);
                Ok((Arc::clone(&guest.inbox), guest.io.clone()))
            }
            Verdict::Refused(wait) => {
                guest.over(Over::Emits);
                let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
                Err(AdmitError::Unavailable(wait))
            }
        }
    })?;
    io.spawn(store(inbox)).await.unwrap_or_else(|lost| {
        tracing::error!(%lost, "storing what came in failed inside the host");
        Err(AdmitError::Unavailable(1_000))
    })
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
            },
            text: String::new(),
            sent_at_ms: 0,
            mentions_self: false,
            reply_to_self: false,
            edited: false,
            forwarded: false,
            quote: Some(types::Quote { message_id: None, author: None, text: String::new() }),
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
        check(&|message| message.text = long(TEXT), Some("text"));
        check(&|message| message.reply_context = vec![0; OPAQUE + 1], Some("reply-context"));
        let quoted = |author, text| Some(types::Quote { message_id: None, author, text });
        check(&|message| message.quote = quoted(Some(long(NAME)), String::new()), Some("quote.author"));
        check(&|message| message.quote = quoted(None, long(TEXT)), Some("quote.text"));
        assert!(out_of_bounds(&message(), Some(&[0; OPAQUE + 1])).is_some());
    }
}
