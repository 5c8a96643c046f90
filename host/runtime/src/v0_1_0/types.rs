//! The shapes of `types` in 0.1.0, as those of today and back. Converts alone: what today's have beyond them is empty.

use super::bindings::channel::openclaw::plugin::types as then;
use crate::bindings::channel::openclaw::plugin::types as now;

pub(super) fn message(message: then::Message) -> now::Message {
    let then::Message {
        id,
        conversation,
        sender,
        text,
        sent_at_ms,
        mentions_self,
        reply_to_self,
        edited,
        forwarded,
        quote,
        reply_context,
    } = message;
    let quote = quote.map(|then::Quote { message_id, author, text }| now::Quote { message_id, author, text });
    now::Message {
        id,
        conversation: said_in(conversation),
        sender: said_by(sender),
        text,
        sent_at_ms,
        mentions_self,
        reply_to_self,
        addresses_others: false,
        edited,
        forwarded,
        quote,
        media: Vec::new(),
        album: None,
        reply_context,
    }
}

fn said_in(conversation: then::Conversation) -> now::Conversation {
    let then::Conversation { kind, space, room, thread, title } = conversation;
    let kind = match kind {
        then::ChatKind::Direct => now::ChatKind::Direct,
        then::ChatKind::Group => now::ChatKind::Group,
        then::ChatKind::Channel => now::ChatKind::Channel,
    };
    now::Conversation { kind, space, room, thread, title }
}

fn said_by(sender: then::Sender) -> now::Sender {
    let then::Sender { kind, id, username, display_name } = sender;
    let kind = match kind {
        then::SenderKind::Person => now::SenderKind::Person,
        then::SenderKind::Bot => now::SenderKind::Bot,
        then::SenderKind::Anonymous => now::SenderKind::Anonymous,
        then::SenderKind::Myself => now::SenderKind::Myself,
    };
    now::Sender { kind, id, username, display_name, roles: Vec::new() }
}

pub(super) fn target(target: now::Target) -> then::Target {
    let now::Target { room, thread } = target;
    then::Target { room, thread }
}

pub(super) fn outbound(outbound: now::Outbound) -> then::Outbound {
    let now::Outbound { idempotency_key, target: to, text, reply_to, reply_context, silent } = outbound;
    then::Outbound { idempotency_key, target: target(to), text, reply_to, reply_context, silent }
}

pub(super) fn outcome(outcome: then::Outcome) -> now::Outcome {
    match outcome {
        then::Outcome::Sent(then::Receipt { message_ids }) => {
            now::Outcome::Sent(now::Receipt { message_ids })
        }
        then::Outcome::Retryable(why) => now::Outcome::Retryable(failure(why)),
        then::Outcome::Ambiguous(why) => now::Outcome::Ambiguous(failure(why)),
        then::Outcome::Permanent(why) => now::Outcome::Permanent(failure(why)),
        then::Outcome::Unauthorised(why) => now::Outcome::Unauthorised(failure(why)),
    }
}

pub(super) fn failure(failure: then::Failure) -> now::Failure {
    let then::Failure { kind, code, detail, retry_after_ms } = failure;
    let kind = match kind {
        then::FailureKind::Unauthorised => now::FailureKind::Unauthorised,
        then::FailureKind::Conflict => now::FailureKind::Conflict,
        then::FailureKind::RateLimited => now::FailureKind::RateLimited,
        then::FailureKind::Unavailable => now::FailureKind::Unavailable,
        then::FailureKind::Permanent => now::FailureKind::Permanent,
    };
    now::Failure { kind, code, detail, retry_after_ms }
}
