//! The gateway beside which a plugin is written: it is told to load it, and asked what its accounts do and what it logs.

use std::collections::BTreeMap;

use openclaw_protocol::channels::ChannelsStatusParams;
use openclaw_protocol::logs::LogsTailParams;
use openclaw_protocol::plugins::PluginsReloadParams;
use openclaw_protocol::{Call, Scope};

use super::is_channel;
use crate::commands::logs::Record;
use crate::commands::plugins::{project::Project, reload};
use crate::{
    client::{Client, ClientError, Mode, Target},
    error::CliError,
    output::{Output, clean, print_line},
};

/// How long the gateway may take to answer, in milliseconds: a reload waits for the accounts.
const PATIENCE_MS: u64 = 60_000;
/// Log lines of one look; with more, the older ones are left out.
const LINES: u32 = 500;

/// The gateway of this machine.
pub(super) struct Gateway {
    target: Target,
    client: Option<Client>,
    id: String,
    is_channel: bool,
    output: Output,
    cursor: Option<u64>,
    /// What was last told of each account.
    accounts: BTreeMap<String, String>,
    /// It did not answer the last time.
    lost: bool,
}

impl Gateway {
    pub(super) async fn connect(
        target: &Target,
        project: &Project,
        output: Output,
    ) -> Result<Self, CliError> {
        let mut gateway = Self {
            target: target.clone(),
            client: None,
            id: project.manifest.plugin.id.clone(),
            is_channel: is_channel(project),
            output,
            cursor: None,
            accounts: BTreeMap::new(),
            lost: false,
        };
        // What was logged before is not about this work.
        let tail = gateway.call(&LogsTailParams { limit: Some(1), ..LogsTailParams::default() }).await?;
        gateway.cursor = Some(tail.cursor);
        Ok(gateway)
    }

    async fn call<C: Call>(&mut self, params: &C) -> Result<C::Reply, ClientError> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(
                Client::connect(&self.target, Mode::Cli, &[Scope::Read, Scope::Admin], PATIENCE_MS).await?,
            ),
        };
        match client.call(params).await {
            Ok((_, reply)) => Ok(reply),
            Err(error) => {
                if !error.gateway_answered() {
                    self.client = None;
                }
                Err(error)
            }
        }
    }

    /// Has it look at the plugin's files. Returns what became of it.
    pub(super) async fn reload(&mut self) -> Result<String, ClientError> {
        let done = self.call(&PluginsReloadParams { plugin_id: Some(self.id.clone()) }).await?;
        Ok(reload::what(&done))
    }

    /// Tells what is new since the last look.
    pub(super) async fn look(&mut self) -> Result<(), CliError> {
        let params = LogsTailParams { cursor: self.cursor, limit: Some(LINES), max_bytes: None };
        let tail = match self.call(&params).await {
            Ok(tail) => tail,
            // Told once; the gateway may be on its way back.
            Err(_) if std::mem::replace(&mut self.lost, true) => return Ok(()),
            Err(error) => {
                return print_line(
                    &self.output.bad(&clean(&format!("the gateway does not answer: {}", error.reason()))),
                );
            }
        };
        if std::mem::replace(&mut self.lost, false) {
            print_line("The gateway answers again.")?;
        }
        self.cursor = Some(tail.cursor);
        for record in tail.lines.iter().filter_map(|line| Record::parse(line)) {
            if record.is_about(&self.id) {
                print_line(&clean_lines(&record.pretty(self.output)))?;
            }
        }
        if self.is_channel {
            self.tell_accounts().await?;
        }
        Ok(())
    }

    async fn tell_accounts(&mut self) -> Result<(), CliError> {
        let params =
            ChannelsStatusParams { channel: Some(self.id.clone()), ..ChannelsStatusParams::default() };
        // A gateway that does not know the channel yet says so: there is nothing to tell.
        let Ok(status) = self.call(&params).await else { return Ok(()) };
        for account in status.channel_accounts.get(&self.id).into_iter().flatten() {
            let state = account.lifecycle.clone().unwrap_or_default();
            let reason = account.lifecycle_reason.iter().map(|reason| format!(" ({reason})"));
            let now = format!("{state}{}", reason.collect::<String>());
            if self.accounts.get(&account.account_id) != Some(&now) {
                print_line(&clean(&format!("{} {}: {now}", self.id, account.account_id)))?;
                self.accounts.insert(account.account_id.clone(), now);
            }
        }
        Ok(())
    }
}

/// The colours that this program paints stay.
fn clean_lines(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}
