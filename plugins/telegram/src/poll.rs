//! The receiving loop. Owns the offset, which is what Telegram takes for an acknowledgement: it passes an update only
//! after the gateway has made it durable, or when there is nothing in it for the gateway.

use openclaw_sdk::backoff::Backoff;
use openclaw_sdk::channel::{Failure, Message};
use openclaw_sdk::host::Host;
use openclaw_sdk::inbound::{BLAMED, Connection, admit, set_aside};
use openclaw_sdk::log::Level;
use openclaw_sdk::outage::Outage;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::{ALLOWED_UPDATES, DeleteWebhook, GetUpdates, Update, UpdateId, User};
use crate::attachment::{self, Attachment};
use crate::call::call;
use crate::inbound::{Mapped, map};
use crate::outcome::{CONFLICT_HINT, Refusal, result, unauthorised_text};
use crate::probe::get_me;

const LIMIT: u8 = 100;
/// How long Telegram holds a poll open, in seconds.
const LONG_POLL_S: u8 = 30;
/// How long any call may take beside that: nothing that came until then says that the connection is dead.
const CALL_TIMEOUT_MS: u64 = 10_000;
/// The longest wait while Telegram is not reached. With the call before it, it is what passes at most between the return of
/// the network and the next call.
const OFFLINE_MS: u64 = 4_600;
/// The longest wait while Telegram answers and refuses.
const REFUSED_MS: u64 = 30_000;
/// An empty poll that took less than this was not held open.
const SHORT_POLL_US: u64 = 1_000_000;

/// Where this account has got to, as the gateway keeps it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cursor {
    /// The first update that has not been taken over.
    offset: i64,
    /// Another bot counts its updates from elsewhere.
    bot_id: i64,
}

/// Receives until the token is refused. `crashes` is how many instances in a row crashed at this cursor, `media_max` how many
/// bytes a file may have.
pub(crate) async fn run<H: Host>(
    host: &H,
    cursor: Option<&[u8]>,
    crashes: u32,
    media_max: u64,
) -> Result<(), Failure> {
    host.state(Connection::Connecting);
    let mut waits = Waits::new();
    let me = loop {
        match get_me(host, CALL_TIMEOUT_MS).await {
            Ok(me) => break me,
            Err(refusal) => recover(host, &refusal, "getMe", &mut waits).await?,
        }
    };
    let stored = cursor.and_then(|bytes| serde_json::from_slice::<Cursor>(bytes).ok());
    let offset = stored.filter(|cursor| cursor.bot_id == me.id).map(|cursor| cursor.offset);
    let name = me.username.as_deref().unwrap_or("a bot without a name");
    host.log(Level::Info, &format!("polling as @{name}"));
    waits.over(host);
    let mut poller = Poller {
        host,
        me,
        offset,
        limit: LIMIT,
        crashes,
        media_max,
        webhook_cleared: false,
        held_open: false,
        idle: Backoff::new(50, 1_000),
        waits,
    };
    loop {
        poller.step().await?;
    }
}

struct Poller<'a, H> {
    host: &'a H,
    me: User,
    offset: Option<i64>,
    /// How many updates to ask for: fewer after an answer that was too large to be read, because the same poll would give
    /// the same answer for ever.
    limit: u8,
    /// How many instances crashed here; none any more once an update is taken over.
    crashes: u32,
    /// Bytes of the largest file that is taken.
    media_max: u64,
    /// While a webhook is set, Telegram refuses polls.
    webhook_cleared: bool,
    /// Whether the next poll may be held open. Not before one has succeeded, so that trouble and its end are seen at
    /// once.
    held_open: bool,
    idle: Backoff,
    waits: Waits,
}

/// How long to wait after a failure: a network that is down is tried again soon, a vendor that refuses is left alone.
struct Waits {
    offline: Backoff,
    refused: Backoff,
    outage: Outage,
}

impl Waits {
    const fn new() -> Self {
        Self {
            offline: Backoff::new(1_000, OFFLINE_MS),
            refused: Backoff::new(1_000, REFUSED_MS),
            outage: Outage::new(),
        }
    }

    /// Telegram answers as it should.
    fn over<H: Host>(&mut self, host: &H) {
        self.offline.reset();
        self.refused.reset();
        if let Some((failures, s)) = self.outage.over(host.monotonic_us()) {
            host.log(Level::Info, &format!("Telegram answers again after {failures} failures in {s}s"));
        }
    }
}

impl<H: Host> Poller<'_, H> {
    /// One exchange with Telegram and all that follows from it.
    async fn step(&mut self) -> Result<(), Failure> {
        if !self.webhook_cleared {
            self.clear_webhook().await?;
        }
        let timeout = if self.held_open { LONG_POLL_S } else { 0 };
        let parameters = GetUpdates {
            offset: self.offset,
            limit: if self.crashes > 0 { 1 } else { self.limit },
            timeout,
            allowed_updates: ALLOWED_UPDATES,
        };
        let begun = self.host.monotonic_us();
        let patience_ms = u64::from(timeout) * 1_000 + CALL_TIMEOUT_MS;
        let answer = call(self.host, "getUpdates", &parameters, patience_ms).await;
        match result::<Vec<&RawValue>>(&answer) {
            Ok(updates) => {
                self.held_open = true;
                self.limit = LIMIT;
                self.waits.over(self.host);
                self.host.state(Connection::Ready);
                let before = self.offset;
                for update in updates {
                    // Boxed: an account waits nearly always, and keeps no room for this while it does.
                    if self.crashes >= BLAMED {
                        Box::pin(self.pass(update)).await;
                    } else {
                        Box::pin(self.take(update)).await;
                    }
                    self.crashes = 0;
                }
                // A server that does not hold polls open, or repeats what it cannot number, is not asked without pause.
                if self.offset != before {
                    self.idle.reset();
                } else if self.host.monotonic_us().saturating_sub(begun) < SHORT_POLL_US {
                    self.host.sleep(self.idle.exact()).await;
                }
                Ok(())
            }
            Err(refusal) => {
                self.held_open = false;
                if matches!(refusal, Refusal::Conflict { .. }) {
                    self.webhook_cleared = false;
                }
                // Over a thin line, what is long comes in no time that can be waited for.
                if refusal.is_too_large() || refusal.is_late() {
                    self.limit = (self.limit / 2).max(1);
                }
                recover(self.host, &refusal, "getUpdates", &mut self.waits).await
            }
        }
    }

    async fn clear_webhook(&mut self) -> Result<(), Failure> {
        let parameters = DeleteWebhook { drop_pending_updates: false };
        let answer = call(self.host, "deleteWebhook", &parameters, CALL_TIMEOUT_MS).await;
        match result::<bool>(&answer) {
            Ok(_) => self.webhook_cleared = true,
            Err(refusal @ Refusal::Unauthorised { .. }) => {
                return Err(unauthorised(self.host, &refusal, "deleteWebhook"));
            }
            // Mostly there is no webhook; if there is one, the poll says so, and it is tried again then.
            Err(refusal) => {
                self.webhook_cleared = true;
                let failure = refusal.failure("deleteWebhook");
                self.host.log(Level::Warn, &format!("deleteWebhook failed: {}", failure.detail));
            }
        }
        Ok(())
    }

    /// Takes over one update. Whatever is in it, the ones behind it go on.
    async fn take(&mut self, json: &RawValue) {
        let Ok(UpdateId { update_id }) = serde_json::from_str(json.get()) else {
            self.host.log(Level::Warn, "skipping an update without a number");
            return;
        };
        if self.offset.is_some_and(|offset| update_id < offset) {
            return;
        }
        let next = update_id.saturating_add(1);
        match serde_json::from_str::<Update>(json.get()) {
            Ok(update) => match map(&update, &self.me) {
                Mapped::Message(mut message, attachment) => {
                    if let Some(attachment) = attachment {
                        self.attach(&mut message, attachment).await;
                    }
                    admit(self.host, &message, Some(&self.cursor(next))).await;
                }
                Mapped::Nothing(why) => {
                    self.host.log(Level::Debug, &format!("skipping update {update_id}: {why}"))
                }
            },
            // The error names a place in the JSON, never its content.
            Err(error) => {
                self.host.log(
                    Level::Warn,
                    &format!("skipping update {update_id}, which is not understood: {error}"),
                );
            }
        }
        self.offset = Some(next);
    }

    /// Has the gateway keep the file of a message. What does not come is told in the text, which comes in any case.
    async fn attach(&self, message: &mut Message, attachment: Attachment) {
        match attachment::fetch(self.host, attachment, self.media_max).await {
            Ok(file) => message.media.push(file.handle),
            Err(why) => {
                self.host.log(Level::Warn, &format!("a file of message {} does not come: {why}", message.id));
                message.text.push_str(&format!("\n[media unavailable: {why}]"));
            }
        }
    }

    /// Passes an update that crashed the instances before this one, unread.
    async fn pass(&mut self, json: &RawValue) {
        let Ok(UpdateId { update_id }) = serde_json::from_str(json.get()) else {
            return self.host.log(Level::Warn, "skipping an update without a number");
        };
        let next = update_id.saturating_add(1);
        let raw = json.get().as_bytes();
        set_aside(self.host, Some(update_id.to_string()), raw, &self.cursor(next)).await;
        self.offset = Some(next);
    }

    fn cursor(&self, offset: i64) -> Vec<u8> {
        serde_json::to_vec(&Cursor { offset, bot_id: self.me.id }).unwrap_or_default()
    }
}

/// Says what is wrong and waits, or fails if only a person can help.
async fn recover<H: Host>(
    host: &H,
    refusal: &Refusal,
    method: &str,
    waits: &mut Waits,
) -> Result<(), Failure> {
    let offline = matches!(refusal, Refusal::NotSent { .. } | Refusal::Broken { .. });
    let backoff = if offline { &mut waits.offline } else { &mut waits.refused };
    let own = backoff.jittered(host.monotonic_us());
    let failure = refusal.failure(method);
    let kind = match refusal {
        Refusal::NotSent { .. } | Refusal::Broken { .. } => "network",
        _ => failure.code.as_str(),
    };
    let (level, behind) = waits.outage.failed(kind, host.monotonic_us());
    let (what, wait) = match refusal {
        Refusal::Unauthorised { .. } => return Err(unauthorised(host, refusal, method)),
        Refusal::Conflict { description } => (format!("Telegram {method} conflict: {description}"), own),
        Refusal::Limited { retry_after_ms, .. } => (
            format!("Telegram {method} rate-limited: {}", failure.detail),
            retry_after_ms.unwrap_or(own).max(own),
        ),
        Refusal::NotSent { .. } | Refusal::Broken { .. } => {
            (format!("Telegram network error: {}", failure.detail), own)
        }
        Refusal::Markup { .. } | Refusal::Refused { .. } | Refusal::Denied { .. } => {
            (format!("Telegram {method} failed: {}", failure.detail), own)
        }
    };
    let hint = if matches!(refusal, Refusal::Conflict { .. }) { CONFLICT_HINT } else { "" };
    host.log(level, &format!("{what}; retrying in {}s{behind}.{hint}", wait.div_ceil(1_000)));
    host.state(Connection::Degraded(format!("{what}.{hint}")));
    host.sleep(wait).await;
    Ok(())
}

fn unauthorised<H: Host>(host: &H, refusal: &Refusal, method: &str) -> Failure {
    let failure = refusal.failure(method);
    let text = match refusal {
        Refusal::Unauthorised { status, .. } => unauthorised_text(method, *status),
        _ => failure.detail.clone(),
    };
    host.log(Level::Error, &text);
    host.state(Connection::AuthRequired(text));
    failure
}

#[cfg(test)]
mod liveness;
#[cfg(test)]
mod tests;
