//! The vendors, which outlive the gateway: one that is polled, and one with a websocket.

use std::time::Duration;

use openclaw_fakes::{DiscordTalker, FakeDiscord, FakeTelegram, Talker};
use serde_json::{Map, Value, json};

/// Accounts at the vendor that is polled. They are also those that clients send through.
pub(crate) const POLLED: usize = 8;
/// The one of them whose answers come in blocks.
pub(crate) const IN_BLOCKS: &str = "bot1";
/// Accounts at the vendor with a websocket.
const SOCKETS: usize = 2;
/// All accounts of the gateway.
pub(crate) const ACCOUNTS: usize = POLLED + SOCKETS;

/// Both.
pub(crate) struct Vendors {
    telegram: FakeTelegram,
    discord: FakeDiscord,
}

impl Vendors {
    pub(crate) async fn start() -> Self {
        let (telegram, discord) = (FakeTelegram::start().await.unwrap(), FakeDiscord::start().await.unwrap());
        for account in 0..POLLED {
            telegram.add_bot(&token(account), &format!("chaos_{account}_bot"));
        }
        for account in POLLED..ACCOUNTS {
            let id = 770_000 + u64::try_from(account).unwrap();
            discord.add_bot(&token(account), id, &format!("chaos_{account}_bot"));
            // It is tried for what it does with messages, not for how patient it is.
            discord.set_identify_gap(&token(account), Duration::ZERO);
            discord.set_limit(&token(account), 10_000, Duration::from_secs(1));
        }
        Self { telegram, discord }
    }

    /// `channels` of the configuration.
    pub(crate) fn channels(&self) -> Value {
        let accounts = |of: std::ops::Range<usize>, key: &str| -> Map<String, Value> {
            of.map(|account| (format!("bot{account}"), json!({ key: token(account) }))).collect()
        };
        let mut polled = accounts(0..POLLED, "botToken");
        // One account sends its answers in blocks.
        polled[IN_BLOCKS]["streaming"] =
            json!({ "block": { "enabled": true, "coalesce": { "minChars": 1, "idleMs": 10 } } });
        json!({
            "telegram": {
                "apiRoot": self.telegram.api_root(), "dmPolicy": "open", "allowFrom": ["*"], "accounts": polled,
            },
            "discord": {
                "apiRoot": self.discord.api_root(), "gatewayUrl": self.discord.gateway_url(),
                "dmPolicy": "open", "allowFrom": ["*"], "accounts": accounts(POLLED..ACCOUNTS, "token"),
            },
        })
    }

    /// Waits until the gateway has a session of every websocket: what is said before reaches nobody.
    pub(crate) async fn wait_for_sessions(&self, within: Duration) {
        for account in POLLED..ACCOUNTS {
            assert!(
                self.discord.wait_for_session(&token(account), within).await,
                "no session of bot{account}"
            );
        }
    }

    /// A person writes to an account.
    pub(crate) fn say(&self, account: usize, user: u64, text: &str) {
        let (token, name) = (token(account), format!("p{user}"));
        if account < POLLED {
            let talker = Talker::private(i64::try_from(user).unwrap(), &name);
            self.telegram.say(&token, &talker, text);
        } else {
            self.discord.say(&token, &DiscordTalker::private(user, &name), text);
        }
    }

    /// The messages that were sent since this was asked last.
    pub(crate) fn take_sent(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for account in 0..POLLED {
            let sent = self.telegram.take_sent(&token(account)).into_iter();
            let shown =
                sent.filter(|sent| ["sendMessage", "editMessageText"].contains(&sent.method.as_str()));
            texts.extend(shown.map(|sent| sent.text).filter(|text| !is_preview(text)));
        }
        for account in POLLED..ACCOUNTS {
            texts.extend(self.discord.take_sent(&token(account)).into_iter().filter_map(|sent| sent.content));
        }
        texts
    }

    /// Messages of which the polled vendor has not been told that they are taken over.
    pub(crate) fn unconfirmed(&self) -> u64 {
        let each = (0..POLLED).map(|account| self.telegram.unconfirmed(&token(account)));
        u64::try_from(each.sum::<usize>()).unwrap()
    }

    /// Messages that the polled vendor delivered again.
    pub(crate) fn redelivered(&self) -> u64 {
        (0..POLLED).map(|account| self.telegram.redelivered(&token(account))).sum()
    }
}

/// A message that shows an answer which is still being written says so by its last sign. It is no answer: the answer takes
/// its place, or comes beside it when the gateway lost sight of it.
fn is_preview(text: &str) -> bool {
    text.ends_with('…')
}

fn token(account: usize) -> String {
    if account < POLLED {
        format!("{}:chaos-bot-token-{account}-0123456789", 770_000 + account)
    } else {
        format!("MTAwMA.chaos.bot-token-{account}")
    }
}
