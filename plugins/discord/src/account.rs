//! The account: what the calls of one instance share.

use std::cell::{Cell, RefCell};

use openclaw_pace::Quiet;
use openclaw_sdk::account::{Account, EditAccount, ReactAccount, TypingAccount};
use openclaw_sdk::channel::{Failure, Identity, Outbound, Outcome, Reaction, Revision, Target};
use openclaw_sdk::host::Host;
use openclaw_sdk::typing::QUIET;

use crate::config::Config;
use crate::rest::Rest;
use crate::send::Dms;
use crate::{edit, probe, react, receive, send, typing};

pub(crate) struct Discord {
    config: Config,
    rest: Rest,
    dms: Dms,
    quiet: RefCell<Quiet>,
    /// How many instances in a row crashed where this one begins.
    crashes: Cell<u32>,
}

impl Account for Discord {
    fn configure(config: &str) -> Result<Self, Failure> {
        let config = Config::parse(config)
            .map_err(|error| Failure::permanent("config", &format!("channels.discord: {error}")))?;
        Ok(Self {
            config,
            rest: Rest::new(),
            dms: Dms::default(),
            quiet: RefCell::new(QUIET),
            crashes: Cell::new(0),
        })
    }

    fn crashed(&self, times: u32) {
        self.crashes.set(times);
    }

    async fn run<H: Host>(&self, host: &H, cursor: Option<&[u8]>) -> Result<(), Failure> {
        receive::run(host, &self.rest, &self.config, cursor, self.crashes.get()).await
    }

    async fn send<H: Host>(&self, host: &H, outbound: &Outbound) -> Outcome {
        send::send(host, &self.rest, &self.dms, outbound, &self.config).await
    }

    async fn probe<H: Host>(&self, host: &H) -> Result<Identity, Failure> {
        probe::probe(host, &self.rest, &self.config).await
    }
}

impl EditAccount for Discord {
    async fn edit<H: Host>(&self, host: &H, revision: &Revision) -> Outcome {
        edit::edit(host, &self.rest, &self.dms, revision, &self.config).await
    }
}

impl ReactAccount for Discord {
    async fn react<H: Host>(&self, host: &H, reaction: &Reaction) -> Result<(), Failure> {
        react::react(host, &self.rest, &self.dms, &self.quiet, reaction).await
    }
}

impl TypingAccount for Discord {
    async fn notify<H: Host>(&self, host: &H, target: &Target) -> Result<(), Failure> {
        typing::notify(host, &self.rest, &self.dms, &self.quiet, target).await
    }
}
