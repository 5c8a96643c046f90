//! The exports: each does its acts, then what a good channel does.

use std::cell::{Cell, RefCell};

use openclaw_sdk::bindings::channel::openclaw::plugin::inbound;
use openclaw_sdk::channel::{
    Channel, Edit, Failure, Identity, Outbound, Outcome, React, Reaction, Receipt, Revision, Start, Target,
    Typing, Webhook, WebhookRequest, WebhookResponse,
};
use openclaw_sdk::events::{Events, Occurrence};
use openclaw_sdk::gateway::Gateway;
use openclaw_sdk::inbound::Connection;

use crate::acts::{Done, act};
use crate::{Config, floods};

struct Hostile;

openclaw_sdk::export_channel!(Hostile);
openclaw_sdk::export_edit!(Hostile);
openclaw_sdk::export_react!(Hostile);
openclaw_sdk::export_typing!(Hostile);
openclaw_sdk::export_webhook!(Hostile);

thread_local! {
    static CONFIG: RefCell<Config> = RefCell::new(Config::default());
    static SENT: Cell<u64> = const { Cell::new(0) };
    static FRAMES: Cell<u64> = const { Cell::new(0) };
    /// What the last act came to.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// How many frames and lines came.
pub(crate) fn frames() -> u64 {
    FRAMES.get()
}

/// What the last act came to.
pub(crate) fn last() -> String {
    LAST.with_borrow(Clone::clone)
}

/// Does acts one after the other; a failure ends them.
async fn all(acts: &[String]) -> Result<String, Failure> {
    let mut came = String::new();
    for wanted in acts {
        match act(wanted).await {
            Done::Said(said) => {
                LAST.set(said.clone());
                came = said;
            }
            Done::Failed(failure) => return Err(failure),
        }
    }
    Ok(came)
}

impl Channel for Hostile {
    async fn run(start: Start) -> Result<(), Failure> {
        let config: Config = serde_json::from_str(&start.config)
            .map_err(|error| Failure::permanent("config", &error.to_string()))?;
        CONFIG.set(config.clone());
        inbound::state(&Connection::Ready);
        all(&config.run).await?;
        let mut events = Events::new();
        loop {
            match events.next(&Gateway).await {
                Occurrence::Shutdown => return Ok(()),
                Occurrence::Frame(_) | Occurrence::Line(_) => FRAMES.set(FRAMES.get() + 1),
                Occurrence::Timer(_) | Occurrence::Closed(_) | Occurrence::Exited(_) => {}
            }
        }
    }

    async fn send(outbound: Outbound) -> Outcome {
        SENT.set(SENT.get() + 1);
        let number = SENT.get();
        let mut acts = CONFIG.with_borrow(|config| config.send.clone());
        acts.extend(outbound.text.strip_prefix("do ").map(str::to_owned));
        let said = match all(&acts).await {
            Ok(said) if acts.is_empty() => format!("{number}:{}{said}", outbound.text),
            Ok(said) => said,
            Err(failure) => return Outcome::Permanent(failure),
        };
        Outcome::Sent(Receipt { message_ids: floods::split(said) })
    }

    async fn probe() -> Result<Identity, Failure> {
        let said = all(&CONFIG.with_borrow(|config| config.probe.clone())).await?;
        let facts = vec![("said".to_owned(), said.clone())];
        Ok(Identity { id: "hostile".into(), username: None, display_name: Some(said), facts })
    }
}

impl Edit for Hostile {
    async fn apply(revision: Revision) -> Outcome {
        match all(&CONFIG.with_borrow(|config| config.edit.clone())).await {
            Ok(_) => Outcome::Sent(Receipt { message_ids: vec![revision.message_id] }),
            Err(failure) => Outcome::Permanent(failure),
        }
    }
}

impl React for Hostile {
    async fn set(_: Reaction) -> Result<(), Failure> {
        all(&CONFIG.with_borrow(|config| config.react.clone())).await.map(drop)
    }
}

impl Typing for Hostile {
    async fn notify(_: Target) -> Result<(), Failure> {
        all(&CONFIG.with_borrow(|config| config.typing.clone())).await.map(drop)
    }
}

impl Webhook for Hostile {
    async fn handle(_: WebhookRequest) -> WebhookResponse {
        let came = all(&CONFIG.with_borrow(|config| config.webhook.clone())).await;
        let (status, body) = match came {
            Ok(said) => (200, said),
            Err(failure) => (500, failure.detail),
        };
        WebhookResponse { status, headers: Vec::new(), body: body.into_bytes() }
    }
}
