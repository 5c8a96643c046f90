//! Nobody gets in who is in no list (T55), through the real components: every shape of message that a vendor can tell of, under every
//! policy and every shape of list. That the policy itself holds is proven beside it, over more cases than can be sent here
//! (`host/messaging/src/policy/corpus.rs`); here it is whether the components tell it truly who said what where.
//!
//! What is allowed is said anew in each table (`may`), and knows nothing of the order of the host's checks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "bypass/polled.rs"]
mod polled;
#[path = "bypass/pushed.rs"]
mod pushed;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use openclaw_e2e::control::Connection;
use openclaw_e2e::{Home, SOON};
use openclaw_fakes::FakeOpenai;
use serde_json::{Value, json};

/// Who writes: the first is in lists by the number, the second by a group of the other channel, the third nowhere, and the
/// fourth was approved by pairing at the account `paired`, and nowhere else.
const FRIEND: u64 = 100;
const MATE: u64 = 101;
const STRANGER: u64 = 200;
const PAIRED: u64 = 300;
const PEOPLE: [u64; 4] = [FRIEND, MATE, STRANGER, PAIRED];
/// The account at which the fourth was approved.
const PAIRED_AT: &str = "paired";

/// One message, and whether it may become a turn.
struct Row {
    account: &'static str,
    what: String,
    /// The id under which the ledger has it.
    id: String,
    may: bool,
}

/// Entries of a list that let `sender` in, with what an access group means on this channel.
fn admits(list: &[&str], channel: &str, sender: &str) -> bool {
    let member = if channel == "telegram" { FRIEND } else { MATE };
    list.iter().any(|entry| match *entry {
        "*" => true,
        "accessGroup:team" => sender == member.to_string(),
        entry => entry.strip_prefix(&format!("{channel}:")).unwrap_or(entry) == sender,
    })
}

/// The group that the lists name: another member on each channel.
fn access_groups() -> Value {
    let members = json!({ "telegram": [FRIEND.to_string()], "discord": [MATE.to_string()] });
    json!({ "team": { "type": "message.senders", "members": members } })
}

/// Whether a direct message may become a turn.
fn direct(policy: &str, list: &[&str], channel: &str, account: &str, sender: u64) -> bool {
    let approved = policy == "pairing" && account == PAIRED_AT && sender == PAIRED;
    policy != "disabled" && (approved || admits(list, channel, &sender.to_string()))
}

/// Holds the table against what became of each message.
async fn check(home: &Home, model: &FakeOpenai, channel: &str, rows: &[Row]) {
    let mut client = Connection::open(home, &["operator.admin"]).await;
    let began = Instant::now();
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    let accounts: std::collections::BTreeSet<_> = rows.iter().map(|row| row.account).collect();
    let undecided = |outcome: &Value| outcome == "undecided" || outcome == "queued";
    for account in accounts {
        loop {
            let asked = json!({ "channel": channel, "accountId": account, "limit": 200 });
            let messages =
                client.call("channels.why", asked).await.unwrap()["messages"].as_array().unwrap().clone();
            let waits = messages.iter().filter(|message| undecided(&message["outcome"])).count();
            assert!(messages.len() < 200, "the table is longer than an answer");
            if waits == 0 {
                for message in messages {
                    found.insert(format!("{account} {}", message["messageId"].as_str().unwrap()), message);
                }
                break;
            }
            assert!(began.elapsed() < 6 * SOON, "{account}: {waits} wait for ever\n{}", home.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let mut wrong = Vec::new();
    let (mut let_in, mut known) = (0, 0);
    for row in rows {
        let message = found.get(&format!("{} {}", row.account, row.id));
        known += usize::from(message.is_some());
        let turned = message.is_some_and(|message| message["outcome"] == "answered");
        let_in += usize::from(turned);
        if turned != row.may {
            let Row { account, what, id, may } = row;
            let became = message.unwrap_or(&Value::Null);
            wrong.push(format!(
                "{account}: {what} ({id}), which may {}: {became}",
                if *may { "in" } else { "not" }
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are judged wrongly:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    let may = rows.iter().filter(|row| row.may).count();
    assert_eq!(let_in, may);
    assert!(may > rows.len() / 10 && may < rows.len() / 2, "the table has both: {may} of {}", rows.len());
    assert!(known > rows.len() * 4 / 5, "the components pass on what they are to: {known} of {}", rows.len());
    // Every message is its own turn: what one person says counts under no other name.
    assert!(model.chats().len() <= may + 1, "{} turns of {may}", model.chats().len());
    println!("{channel}: {} messages, {may} may in, {let_in} did", rows.len());
}
