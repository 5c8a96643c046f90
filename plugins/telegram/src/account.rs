//! The account: what the calls of one instance share.

use std::cell::{Cell, RefCell};

use openclaw_pace::Quiet;
use openclaw_sdk::account::{Account, EditAccount, MediaAccount, ReactAccount, TypingAccount};
use openclaw_sdk::channel::{Failure, File, Identity, Outbound, Outcome, Reaction, Revision, Target};
use openclaw_sdk::events::Events;
use openclaw_sdk::host::Host;
use openclaw_sdk::race::{First, race};
use openclaw_sdk::typing::QUIET;

use crate::config::Config;
use crate::{edit, poll, probe, react, send, typing};

pub(crate) struct Telegram {
    config: Config,
    quiet: RefCell<Quiet>,
    /// How many instances in a row crashed where this one begins.
    crashes: Cell<u32>,
}

impl Account for Telegram {
    fn configure(config: &str) -> Result<Self, Failure> {
        let config = Config::parse(config)
            .map_err(|error| Failure::permanent("config", &format!("channels.telegram: {error}")))?;
        Ok(Self { config, quiet: RefCell::new(QUIET), crashes: Cell::new(0) })
    }

    fn crashed(&self, times: u32) {
        self.crashes.set(times);
    }

    async fn run<H: Host>(&self, host: &H, cursor: Option<&[u8]>) -> Result<(), Failure> {
        // Dropping the loop is safe anywhere: an update whose admission is under way comes again and is known then.
        match race(
            Events::new().shutdown(host),
            poll::run(host, cursor, self.crashes.get(), self.config.media_max()),
        )
        .await
        {
            First::Left(()) => Ok(()),
            First::Right(ended) => ended,
        }
    }

    async fn send<H: Host>(&self, host: &H, outbound: &Outbound) -> Outcome {
        send::send(host, outbound, &[], &self.config).await
    }

    async fn probe<H: Host>(&self, host: &H) -> Result<Identity, Failure> {
        probe::probe(host).await
    }
}

impl MediaAccount for Telegram {
    async fn send_media<H: Host>(&self, host: &H, outbound: &Outbound, media: &[File]) -> Outcome {
        send::send(host, outbound, media, &self.config).await
    }
}

impl EditAccount for Telegram {
    async fn edit<H: Host>(&self, host: &H, revision: &Revision) -> Outcome {
        edit::edit(host, revision, &self.config).await
    }
}

impl ReactAccount for Telegram {
    async fn react<H: Host>(&self, host: &H, reaction: &Reaction) -> Result<(), Failure> {
        react::react(host, reaction, &self.quiet).await
    }
}

impl TypingAccount for Telegram {
    async fn notify<H: Host>(&self, host: &H, target: &Target) -> Result<(), Failure> {
        typing::notify(host, target, &self.quiet).await
    }
}
