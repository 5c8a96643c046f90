//! The prepared shell for a vendor that sends what is new to the gateway's port. Owns the order: a request is answered
//! well only after the gateway has made its messages durable.

use std::cell::RefCell;

use crate::account::{Account, WebhookAccount};
use crate::channel::{Failure, Identity, Message, Outbound, Outcome, WebhookRequest, WebhookResponse};
use crate::events::Events;
use crate::host::Host;
use crate::inbound::{AdmitError, Connection};
use crate::log::Level;
use crate::protocol::{self, Protocol};
use crate::race::{First, race};

/// What an author writes for it. The host has verified a request by the recipe of the manifest before it comes here.
pub trait Hook: Protocol {
    /// Reads a request: the messages that it brings, and the answer to give once they are durable.
    fn take(&mut self, request: &WebhookRequest) -> Taken;
}

/// What a request brings.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// In their order; none for what is not for the gateway.
    pub messages: Vec<Message>,
    /// The answer.
    pub response: WebhookResponse,
}

/// The shell: an [`Account`] made of a protocol.
#[derive(Debug)]
pub struct Hooked<P>(RefCell<P>);

impl<P: Hook> Account for Hooked<P> {
    fn configure(config: &str) -> Result<Self, Failure> {
        P::configure(config).map(|protocol| Self(RefCell::new(protocol)))
    }

    async fn run<H: Host>(&self, host: &H, _cursor: Option<&[u8]>) -> Result<(), Failure> {
        let mut events = Events::new();
        if let First::Right(begun) = race(events.shutdown(host), protocol::begin(&self.0, host)).await {
            begun?;
            events.shutdown(host).await;
        }
        Ok(())
    }

    async fn send<H: Host>(&self, host: &H, outbound: &Outbound) -> Outcome {
        protocol::send(&self.0, host, outbound).await
    }

    async fn probe<H: Host>(&self, host: &H) -> Result<Identity, Failure> {
        protocol::identify(&self.0, host).await
    }
}

impl<P: Hook> WebhookAccount for Hooked<P> {
    async fn handle<H: Host>(&self, host: &H, request: &WebhookRequest) -> WebhookResponse {
        let Taken { messages, response } = self.0.borrow_mut().take(request);
        for message in messages {
            let id = message.id.clone();
            match host.admit(message, None).await {
                Ok(_) => {}
                Err(AdmitError::Invalid(why)) => {
                    host.log(Level::Warn, &format!("skipping message {id}: {why}"));
                }
                // The vendor comes again, with what was admitted already too: that is known then.
                Err(AdmitError::Unavailable(ms)) => {
                    host.log(
                        Level::Warn,
                        "the gateway cannot take messages now; leaving them with the vendor",
                    );
                    let seconds = ms.div_ceil(1_000).max(1).to_string();
                    return WebhookResponse {
                        status: 503,
                        headers: vec![("retry-after".into(), seconds)],
                        body: Vec::new(),
                    };
                }
            }
        }
        host.state(Connection::Ready);
        response
    }
}
