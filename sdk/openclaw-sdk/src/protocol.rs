//! A vendor's HTTP protocol as pure functions: what to ask, and what an answer means. Owns the shape of such a protocol and
//! the sending that follows from it; the prepared shells ([`crate::long_poll`], [`crate::webhook`]) add the receiving.

use std::cell::RefCell;

use crate::backoff::Backoff;
use crate::channel::{Failure, FailureKind, Identity, Outbound, Outcome, Receipt};
use crate::failure::Miss;
use crate::host::Host;
use crate::http::{Answer, Request};
use crate::inbound::Connection;
use crate::log::Level;
use crate::outage::Outage;

/// The first and the longest wait after a failure, in milliseconds; any part of it may be taken off.
pub(crate) const BACKOFF: Backoff = Backoff::new(1_000, 60_000);
/// The longest wait that a vendor may ask for before it is asked again.
const MOST_WAIT_MS: u64 = 300_000;
/// The longest wait within one message: giving up would leave half of it visible.
const PATIENCE_MS: u64 = 30_000;

/// What an author writes for a vendor that is spoken to by HTTP. No function does I/O: state is the type's own.
pub trait Protocol: Sized {
    /// Reads the account's section of the configuration: JSON that the host has validated by the plugin's schema, without
    /// the secrets.
    ///
    /// # Errors
    ///
    /// What no schema can say; the account is not started then.
    fn configure(config: &str) -> Result<Self, Failure>;

    /// The request that asks the vendor who we are: the first one, and that of each probe.
    fn identify(&self) -> Request;

    /// Reads the answer to [`Protocol::identify`].
    ///
    /// # Errors
    ///
    /// The answer is not the vendor's.
    fn identity(&mut self, answer: &Answer) -> Result<Identity, Failure>;

    /// The requests that send a message, one for each part of it, in their order.
    ///
    /// # Errors
    ///
    /// The message can never be sent, for instance because its target is none of the vendor's.
    fn posts(&self, outbound: &Outbound) -> Result<Vec<Request>, Failure>;

    /// The vendor's id of the message that an answer to one of [`Protocol::posts`] tells of.
    ///
    /// # Errors
    ///
    /// The answer is not the vendor's. The message may be visible, and is not sent again.
    fn receipt(&self, answer: &Answer) -> Result<String, Failure>;

    /// What an answer whose status is not 200 to 299 means. Vendors that keep to the usage of HTTP need nothing else.
    fn refused(&self, answer: &Answer) -> Miss {
        Miss::refused(answer)
    }
}

/// Sends a request; an answer that refuses it is a miss.
pub(crate) async fn ask<P: Protocol, H: Host>(
    protocol: &RefCell<P>,
    host: &H,
    request: Request,
) -> Result<Answer, Miss> {
    let answer = host.http(request).await?;
    if answer.is_success() { Ok(answer) } else { Err(protocol.borrow().refused(&answer)) }
}

/// Asks the vendor who we are.
pub(crate) async fn identify<P: Protocol, H: Host>(
    protocol: &RefCell<P>,
    host: &H,
) -> Result<Identity, Failure> {
    let request = protocol.borrow().identify();
    let answer = ask(protocol, host, request).await.map_err(|miss| miss.failure)?;
    protocol.borrow_mut().identity(&answer)
}

/// Asks the vendor who we are until it says so.
pub(crate) async fn begin<P: Protocol, H: Host>(protocol: &RefCell<P>, host: &H) -> Result<(), Failure> {
    host.state(Connection::Connecting);
    let (mut backoff, mut outage) = (BACKOFF, Outage::new());
    loop {
        match identify(protocol, host).await {
            Ok(identity) => {
                let name = identity.username.or(identity.display_name).unwrap_or(identity.id);
                host.log(Level::Info, &format!("connected as {name}"));
                host.state(Connection::Ready);
                return Ok(());
            }
            Err(failure) => recover(host, failure, &mut backoff, &mut outage).await?,
        }
    }
}

/// Says what is wrong and waits, or fails where only a person can help.
pub(crate) async fn recover<H: Host>(
    host: &H,
    failure: Failure,
    backoff: &mut Backoff,
    outage: &mut Outage,
) -> Result<(), Failure> {
    if failure.kind == FailureKind::Unauthorised {
        host.log(Level::Error, &failure.detail);
        host.state(Connection::AuthRequired(failure.detail.clone()));
        return Err(failure);
    }
    let own = backoff.scattered(host.monotonic_us());
    let wait = failure.retry_after_ms.map_or(own, |asked| asked.min(MOST_WAIT_MS).max(own));
    let (level, behind) = outage.failed(&failure.code, host.monotonic_us());
    host.log(level, &format!("{}; trying again in {wait} ms{behind}", failure.detail));
    host.state(Connection::Degraded(failure.detail));
    host.sleep(wait).await;
    Ok(())
}

/// Sends all parts of a message. Once one is visible a limit is waited for, and what fails is ambiguous: a second attempt
/// would repeat what is there.
pub(crate) async fn send<P: Protocol, H: Host>(
    protocol: &RefCell<P>,
    host: &H,
    outbound: &Outbound,
) -> Outcome {
    let posts = match protocol.borrow().posts(outbound) {
        Ok(posts) if !posts.is_empty() => posts,
        Ok(_) => return Outcome::Permanent(Failure::permanent("empty", "there is nothing to send")),
        Err(failure) => return Outcome::Permanent(failure),
    };
    let all = posts.len();
    let mut message_ids = Vec::new();
    let mut patience = PATIENCE_MS;
    for request in posts {
        let sent = loop {
            let sent = match ask(protocol, host, request.clone()).await {
                Ok(answer) => protocol.borrow().receipt(&answer).map_err(Miss::maybe_done),
                Err(miss) => Err(miss),
            };
            match &sent {
                Err(Miss {
                    failure: Failure { kind: FailureKind::RateLimited, retry_after_ms: Some(wait), .. },
                    maybe_done: false,
                }) if !message_ids.is_empty() && *wait <= patience => {
                    patience -= *wait;
                    host.sleep(*wait).await;
                }
                _ => break sent,
            }
        };
        match sent {
            Ok(id) => message_ids.push(id),
            Err(miss) if message_ids.is_empty() => return miss.outcome(),
            Err(miss) => return partly_sent(&miss.failure, message_ids.len(), all),
        }
    }
    Outcome::Sent(Receipt { message_ids })
}

/// The outcome of a message of which some parts are visible.
#[must_use]
pub fn partly_sent(failure: &Failure, sent: usize, all: usize) -> Outcome {
    let detail = format!("{sent} of {all} parts were sent, then: {}", failure.detail);
    Outcome::Ambiguous(Failure {
        retry_after_ms: failure.retry_after_ms,
        ..Failure::new(failure.kind, &failure.code, &detail)
    })
}
