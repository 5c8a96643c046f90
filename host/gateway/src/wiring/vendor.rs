//! Between a channel component's types and the host's own: field by field, nothing is decided.

use openclaw_messaging as messaging;
use openclaw_runtime::guest;

/// A message as a component admitted it, with what the host knows of its files.
pub(super) fn message(message: guest::Message, media: Vec<messaging::MediaFile>) -> messaging::Message {
    let guest::Message {
        id,
        conversation,
        sender,
        text,
        sent_at_ms,
        mentions_self,
        reply_to_self,
        addresses_others,
        edited,
        forwarded,
        quote,
        media: _,
        album,
        reply_context,
    } = message;
    messaging::Message {
        id,
        conversation: messaging::Conversation {
            kind: match conversation.kind {
                guest::ChatKind::Direct => messaging::ChatKind::Direct,
                guest::ChatKind::Group => messaging::ChatKind::Group,
                guest::ChatKind::Channel => messaging::ChatKind::Channel,
            },
            space: conversation.space,
            room: conversation.room,
            thread: conversation.thread,
            title: conversation.title,
        },
        sender: messaging::SenderInfo {
            kind: match sender.kind {
                guest::SenderKind::Person => messaging::SenderKind::Person,
                guest::SenderKind::Bot => messaging::SenderKind::Bot,
                guest::SenderKind::Anonymous => messaging::SenderKind::Anonymous,
                guest::SenderKind::Myself => messaging::SenderKind::Myself,
            },
            id: sender.id,
            username: sender.username,
            display_name: sender.display_name,
            roles: sender.roles,
        },
        text,
        sent_at_ms,
        mentions_self,
        reply_to_self,
        addresses_others,
        edited,
        forwarded,
        quote: quote.map(|quote| messaging::Quote {
            message_id: quote.message_id,
            author: quote.author,
            text: quote.text,
        }),
        media,
        album,
        reply_context,
    }
}

/// A file of the account.
pub(super) fn file(file: messaging::MediaFile) -> guest::File {
    let messaging::MediaFile { handle, mime, name, size } = file;
    guest::File { handle, mime, name, size }
}

/// A message for a component to send, and its files.
pub(super) fn outbound(outbound: messaging::Outbound) -> (guest::Outbound, Vec<guest::File>) {
    let files = outbound.media.into_iter().map(file).collect();
    let outbound = guest::Outbound {
        idempotency_key: outbound.idempotency_key,
        target: target(outbound.target),
        text: outbound.text,
        reply_to: outbound.reply_to,
        reply_context: outbound.reply_context,
        silent: outbound.silent,
    };
    (outbound, files)
}

/// What a message is to show instead.
pub(super) fn revision(revision: messaging::Revision) -> guest::Revision {
    guest::Revision {
        target: target(revision.target),
        message_id: revision.message_id,
        text: revision.text,
        reply_context: revision.reply_context,
    }
}

/// A reaction to a message.
pub(super) fn reaction(reaction: messaging::Reaction) -> guest::Reaction {
    guest::Reaction {
        target: target(reaction.target),
        message_id: reaction.message_id,
        emoji: reaction.emoji,
        instead_of: reaction.instead_of,
    }
}

/// Where something goes.
pub(super) fn target(target: messaging::Target) -> guest::Target {
    guest::Target { room: target.room, thread: target.thread }
}

/// Bytes of a vendor's id, by `types.message` of the contract.
const ID: usize = 256;

/// How a component's send ended.
pub(super) fn outcome(outcome: guest::Outcome) -> messaging::Outcome {
    match outcome {
        guest::Outcome::Sent(receipt) => {
            let mut message_ids = receipt.message_ids;
            // As long as the ids that come in: they are kept, and a component may answer with anything.
            message_ids.iter_mut().for_each(|id| id.truncate(id.floor_char_boundary(ID)));
            messaging::Outcome::Sent(messaging::Receipt { message_ids })
        }
        guest::Outcome::Retryable(why) => messaging::Outcome::Retryable(failure(why)),
        guest::Outcome::Ambiguous(why) => messaging::Outcome::Ambiguous(failure(why)),
        guest::Outcome::Permanent(why) => messaging::Outcome::Permanent(failure(why)),
        guest::Outcome::Unauthorised(why) => messaging::Outcome::Unauthorised(failure(why)),
    }
}

fn failure(failure: guest::Failure) -> messaging::Failure {
    messaging::Failure { code: failure.code, detail: failure.detail, retry_after_ms: failure.retry_after_ms }
}
