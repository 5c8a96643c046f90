//! Sends one message. Owns what is visible so far, and with it the outcome, and the nonce by which Discord knows a
//! message again: what was sent and not answered is asked for once more with the same nonce, and appears once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use openclaw_sdk::channel::{Failure, Outbound, Outcome, Receipt};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::Method;
use openclaw_sdk::protocol::partly_sent;
use openclaw_text::{Unit, split, split_lines};

use crate::api::{AllowedMentions, CreateDm, CreateMessage, Made, ReplyTo};
use crate::config::Config;
use crate::outcome::{NO_READ_HISTORY, Refusal};
use crate::rest::{Rest, Route};
use crate::snowflake;
use crate::table;
use crate::target::{self, Destination};

/// Discord's own limit. It counts characters; in UTF-16 code units a text is never shorter than that.
pub(crate) const MAX_TEXT: usize = 2_000;
/// Of one request, and of all that belong to one message. The host waits 60 s; what is still open by then it treats as
/// ambiguous itself.
const TIMEOUT_MS: u64 = 15_000;
const ALL_MS: u64 = 50_000;
/// The longest wait for a limit before the first part is visible: what takes longer the host waits for.
const PATIENCE_MS: u64 = 5_000;
/// How often a request without an answer is asked for again, and the wait before that.
const ASK_AGAIN: u32 = 2;
const ASK_AGAIN_MS: u64 = 1_000;
/// How often a limit is waited for, and the least wait: refusals count against the bot's address.
const MOST_LIMITS: u32 = 5;
const LEAST_WAIT_MS: u64 = 100;
/// The most private channels that are remembered.
const MOST_DMS: usize = 1_024;

pub(crate) const SUPPRESS_EMBEDS: u32 = 1 << 2;
const SUPPRESS_NOTIFICATIONS: u32 = 1 << 12;

/// The private channels of people, by the person's id.
pub(crate) type Dms = RefCell<BTreeMap<String, String>>;

/// Sends `outbound`.
pub(crate) async fn send<H: Host>(
    host: &H,
    rest: &Rest,
    dms: &Dms,
    outbound: &Outbound,
    config: &Config,
) -> Outcome {
    let destination = match target::parse(&outbound.target) {
        Ok(destination) => destination,
        Err(failure) => return Outcome::Permanent(failure),
    };
    let text = table::write(&outbound.text, config.tables());
    let parts: Vec<String> = split_lines(&text, config.max_lines())
        .iter()
        .flat_map(|part| split(part, MAX_TEXT, Unit::Utf16))
        .collect();
    if parts.is_empty() {
        return Outcome::Permanent(Failure::permanent("empty", "nothing of the text would be visible"));
    }
    let begun_us = host.monotonic_us();
    let channel = match channel(host, rest, dms, destination).await {
        Ok(channel) => channel,
        // Nothing is visible, whatever became of the request.
        Err(refusal @ Refusal::Broken { .. }) => {
            return Outcome::Retryable(refusal.failure("opening the private channel"));
        }
        Err(refusal) => return refusal.outcome(),
    };
    let flags = if config.suppress_embeds() { SUPPRESS_EMBEDS } else { 0 }
        | if outbound.silent { SUPPRESS_NOTIFICATIONS } else { 0 };
    let mut post = Post {
        host,
        rest,
        channel: &channel,
        flags,
        reply_to: outbound.reply_to.as_deref().and_then(id_in),
        deadline_us: begun_us.saturating_add(ALL_MS * 1_000),
    };
    let mut message_ids = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let nonce = nonce(&outbound.idempotency_key, number);
        match post.part(part, &nonce, !message_ids.is_empty()).await {
            Ok(message) => message_ids.push(message.id),
            Err(refusal) if message_ids.is_empty() => return refusal.outcome(),
            Err(refusal) => {
                return partly_sent(&refusal.failure("sending the message"), message_ids.len(), parts.len());
            }
        }
        // Only the first part is an answer.
        post.reply_to = None;
    }
    Outcome::Sent(Receipt { message_ids })
}

/// Where to post: for a person the private channel, which is made if there is none.
pub(crate) async fn channel<H: Host>(
    host: &H,
    rest: &Rest,
    dms: &Dms,
    destination: Destination,
) -> Result<String, Refusal> {
    let user = match destination {
        Destination::Channel(channel) => return Ok(channel),
        Destination::User(user) => user,
    };
    if let Some(channel) = dms.borrow().get(&user) {
        return Ok(channel.clone());
    }
    let route = Route::fixed(Method::Post, "/users/@me/channels");
    let made: Made = rest.post(host, &route, &CreateDm { recipient_id: &user }, TIMEOUT_MS).await?;
    let mut dms = dms.borrow_mut();
    if dms.len() >= MOST_DMS {
        dms.clear();
    }
    dms.insert(user, made.id.clone());
    Ok(made.id)
}

/// Discord's own number in the id of a message, as the host or an operator names it.
pub(crate) fn id_in(id: &str) -> Option<&str> {
    id.split(':').next().filter(|id| snowflake::is_id(id))
}

/// 24 characters that belong to one part of one message, of the 25 that Discord takes: FNV-1a, 128 bits, cut.
fn nonce(key: &str, part: usize) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in key.bytes().chain([0]).chain(part.to_be_bytes()) {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    format!("{:024x}", hash >> 32)
}

struct Post<'a, H> {
    host: &'a H,
    rest: &'a Rest,
    channel: &'a str,
    flags: u32,
    reply_to: Option<&'a str>,
    deadline_us: u64,
}

impl<H: Host> Post<'_, H> {
    /// Sends one part. `begun` says that others are visible: then a limit is waited for, because giving up would leave
    /// half a message.
    async fn part(&mut self, text: &str, nonce: &str, begun: bool) -> Result<Made, Refusal> {
        let mut unanswered: Option<Refusal> = None;
        let (mut asked_again, mut limits) = (0, 0);
        loop {
            let refusal = match self.once(text, nonce).await {
                Ok(made) => return Ok(made),
                Err(refusal) => refusal,
            };
            let wait = match &refusal {
                Refusal::Refused { code: NO_READ_HISTORY, .. } if self.reply_to.is_some() => {
                    self.reply_to = None;
                    continue;
                }
                Refusal::Limited { retry_after_ms: Some(wait), .. }
                    if limits < MOST_LIMITS && (begun || unanswered.is_some() || *wait <= PATIENCE_MS) =>
                {
                    (*wait).max(LEAST_WAIT_MS)
                }
                Refusal::Broken { .. } if asked_again < ASK_AGAIN => ASK_AGAIN_MS << asked_again,
                Refusal::NotSent { .. } if unanswered.is_some() && asked_again < ASK_AGAIN => {
                    ASK_AGAIN_MS << asked_again
                }
                _ => return Err(unanswered.unwrap_or(refusal)),
            };
            match refusal {
                Refusal::Limited { .. } => limits += 1,
                _ => asked_again += 1,
            }
            if matches!(refusal, Refusal::Broken { .. }) && unanswered.is_none() {
                unanswered = Some(refusal.clone());
            }
            if wait >= self.left_ms() {
                return Err(unanswered.unwrap_or(refusal));
            }
            self.host.sleep(wait).await;
        }
    }

    async fn once(&self, text: &str, nonce: &str) -> Result<Made, Refusal> {
        let route = Route::on(Method::Post, "/channels/{}/messages", self.channel);
        let body = CreateMessage {
            content: text,
            flags: self.flags,
            message_reference: self
                .reply_to
                .map(|message_id| ReplyTo { message_id, fail_if_not_exists: false }),
            allowed_mentions: AllowedMentions::SAFE,
            nonce,
            enforce_nonce: true,
        };
        self.rest.post(self.host, &route, &body, TIMEOUT_MS.min(self.left_ms().max(1))).await
    }

    fn left_ms(&self) -> u64 {
        self.deadline_us.saturating_sub(self.host.monotonic_us()) / 1_000
    }
}

#[cfg(test)]
mod tests;
