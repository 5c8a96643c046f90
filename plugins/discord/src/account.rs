//! The account: what the calls of one instance share.

use std::cell::RefCell;

use openclaw_pace::Quiet;
use openclaw_sdk::account::{Account, TypingAccount};
use openclaw_sdk::channel::{Failure, Identity, Outbound, Outcome, Target};
use openclaw_sdk::host::Host;
use openclaw_sdk::typing::QUIET;

use crate::config::Config;
use crate::rest::Rest;
use crate::send::Dms;
use crate::{probe, receive, send, typing};

pub(crate) struct Discord {
    config: Config,
    rest: Rest,
    dms: Dms,
    quiet: RefCell<Quiet>,
}

impl Account for Discord {
    fn configure(config: &str) -> Result<Self, Failure> {
        let config = Config::parse(config)
            .map_err(|error| Failure::permanent("config", &format!("channels.discord: {error}")))?;
        Ok(Self { config, rest: Rest::new(), dms: Dms::default(), quiet: RefCell::new(QUIET) })
    }

    async fn run<H: Host>(&self, host: &H, cursor: Option<&[u8]>) -> Result<(), Failure> {
        receive::run(host, &self.rest, &self.config, cursor).await
    }

    async fn send<H: Host>(&self, host: &H, outbound: &Outbound) -> Outcome {
        send::send(host, &self.rest, &self.dms, outbound, &self.config).await
    }

    async fn probe<H: Host>(&self, host: &H) -> Result<Identity, Failure> {
        probe::probe(host, &self.rest, &self.config).await
    }
}

impl TypingAccount for Discord {
    async fn notify<H: Host>(&self, host: &H, target: &Target) -> Result<(), Failure> {
        typing::notify(host, &self.rest, &self.dms, &self.quiet, target).await
    }
}
