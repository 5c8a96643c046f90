//! `channels.*`: the accounts of the chat channels, as they run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `channels.status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelsStatusParams {
    /// Asks each vendor whether the credential works, now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<bool>,
    /// How long all probes together may take; 10,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Only this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

impl Call for ChannelsStatusParams {
    const METHOD: &'static str = "channels.status";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the accounts of the chat channels; with probe, the vendors are asked";
    const SHAPE: &'static [Field] = &[
        Field::optional("probe", Kind::Bool),
        Field::optional("timeoutMs", Kind::Int(0, 600_000)),
        Field::optional("channel", Kind::NonEmpty),
    ];
    type Reply = ChannelsStatus;
}

/// The answer to `channels.status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelsStatus {
    /// Unix milliseconds.
    pub ts: u64,
    /// In which order to show the channels.
    pub channel_order: Vec<String>,
    /// What to call them.
    pub channel_labels: BTreeMap<String, String>,
    /// The same, longer.
    #[serde(default)]
    pub channel_detail_labels: BTreeMap<String, String>,
    /// The same once more, in the order of `channel_order`.
    #[serde(default)]
    pub channel_meta: Vec<ChannelMeta>,
    /// One summary a channel: the facts of its default account.
    pub channels: BTreeMap<String, AccountSnapshot>,
    /// All accounts, by channel id.
    pub channel_accounts: BTreeMap<String, Vec<AccountSnapshot>>,
    /// Which account is meant when none is named.
    pub channel_default_account_id: BTreeMap<String, String>,
    /// What a person should look at.
    #[serde(default)]
    pub status_issues: Vec<StatusIssue>,
    /// Whether the probes ran out of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<bool>,
    /// Why the answer is not complete, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How to show a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelMeta {
    /// The channel.
    pub id: String,
    /// What to call it.
    pub label: String,
    /// The same, longer.
    pub detail_label: String,
}

/// Something about an account that a person should look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusIssue {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// What the trouble is about.
    pub kind: IssueKind,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// What the trouble is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueKind {
    /// The vendor does not deliver what the configuration expects.
    Intent,
    /// The bot may not do what it should.
    Permissions,
    /// The configuration.
    Config,
    /// The credential.
    Auth,
    /// The running account.
    Runtime,
}

/// What is known of one account. All times are Unix milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountSnapshot {
    /// The account.
    pub account_id: String,
    /// What to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the configuration wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether it has what it needs in order to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured: Option<bool>,
    /// Whether a person linked a device to it; only for channels where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<bool>,
    /// Whether an instance of its component lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// Whether the component says that it reaches the vendor, and there is evidence of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// The supervisor's state: `disabled`, `loading`, `starting`, `connecting`, `ready`, `degraded`, `backoff`,
    /// `quarantined`, `auth-required` or `draining`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_since: Option<u64>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_reason: Option<String>,
    /// When the next start is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<u64>,
    /// Whether a restart waits for running work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_pending: Option<bool>,
    /// Failed starts in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect_attempts: Option<u32>,
    /// Last start of an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_start_at: Option<u64>,
    /// Last stop of an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_stop_at: Option<u64>,
    /// Last time that the component became ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_connected_at: Option<u64>,
    /// Last completed exchange with the vendor: the evidence that the transport lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transport_activity_at: Option<u64>,
    /// Last message from the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_inbound_at: Option<u64>,
    /// Last message that the vendor took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_outbound_at: Option<u64>,
    /// Last error, free of secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How it receives, for instance `polling`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `pairing`, `allowlist`, `open` or `disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dm_policy: Option<String>,
    /// Who may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_from: Option<Vec<String>>,
    /// Where the credential comes from: `config`, `env` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_source: Option<String>,
    /// `available`, `missing` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_status: Option<String>,
    /// A vendor address other than the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The supervisor's verdict beyond the lifecycle, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_state: Option<String>,
    /// Turns that run for this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_runs: Option<u64>,
    /// Messages that may or may not have been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambiguous_sends: Option<u64>,
    /// Messages that could not be sent, or may not have been, and what could not be read. This program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<u64>,
    /// Three things that can each be out of order while the others are not. This program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What the supervisor counts of it since the gateway's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervision: Option<Supervision>,
    /// When `probe` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_probe_at: Option<u64>,
    /// What the vendor said about the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// What is known of the three ways of an account, each with the time at which that was last seen to be so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The connection to the vendor: `live`; `deaf`, it is said to live and nothing is heard; `down`; or `off`. Last seen: a poll
    /// that ended, a heartbeat that was answered.
    pub transport: Fact,
    /// Whether what the vendor has to tell is taken in: `open`; `refused`, since nothing can be stored; `closed`, since the
    /// transport is. Last seen: a message that was taken in.
    pub inbound: Fact,
    /// Whether messages go out: `open`; `failing`, the last one that was tried did not get an answer; `held`, since several
    /// did not; `off`. Last seen: a send that ended.
    pub outbound: Fact,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// See [`Evidence`].
    pub state: String,
    /// When it was last seen to be so, in Unix milliseconds; nothing: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Why it is not in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the supervisor counts of one account since the gateway's start. This program's own; all times are Unix
/// milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Supervision {
    /// `closed`: every message passes; `open`: none does, since the vendor fails; `half-open`: one at a time does, until
    /// one gets through.
    pub breaker: String,
    /// Since when it is not closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker_since: Option<u64>,
    /// When an open one lets one message try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker_until: Option<u64>,
    /// Why it is not closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker_reason: Option<String>,
    /// Starts of an instance.
    pub starts: u64,
    /// Instances that were ended for what their code did.
    pub crashes: u64,
    /// The last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_crash_at: Option<u64>,
    /// How.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_crash: Option<String>,
    /// What may have caused it: `send`, a message that was being sent and is flagged now, or `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_crash_suspect: Option<String>,
    /// Crashes in a row at the same place of its input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crashes_at_same_input: Option<u32>,
    /// How much from the vendor the component could not read and was set aside, of the newest hundred.
    #[serde(default)]
    pub set_aside: u32,
    /// Times that the component kept its thread for over 250 ms.
    pub strikes: u64,
}

/// What the vendor said about a credential.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Whether it works.
    pub ok: bool,
    /// The vendor's own code, for instance an HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Why it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long the vendor took.
    pub elapsed_ms: u64,
    /// Who the vendor says we are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<ProbeIdentity>,
}

/// Who the vendor says we are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeIdentity {
    /// The vendor's id.
    pub id: String,
    /// Without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Further facts worth showing, by the names that the component gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// Defines the parameters of a method that does something to an account or to all accounts of a channel.
macro_rules! account_call {
    ($(#[$doc:meta])* $params:ident, $method:literal, $reply:ident, $purpose:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $params {
            /// The channel.
            pub channel: String,
            /// The account; the channel's default account when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub account_id: Option<String>,
        }

        impl Call for $params {
            const METHOD: &'static str = $method;
            const SCOPE: Option<Scope> = Some(Scope::Admin);
            const PURPOSE: &'static str = $purpose;
            const SHAPE: &'static [Field] = &[
                Field::required("channel", Kind::NonEmpty),
                Field::optional("accountId", Kind::NonEmpty),
            ];
            type Reply = $reply;
        }
    };
}

account_call!(
    /// Parameters of `channels.start`.
    ChannelsStartParams,
    "channels.start",
    ChannelStarted,
    "starts an account"
);
account_call!(
    /// Parameters of `channels.stop`.
    ChannelsStopParams,
    "channels.stop",
    ChannelStopped,
    "stops an account"
);
account_call!(
    /// Parameters of `channels.restart`, which is this program's own: drains the account, drops its instance and
    /// starts a new one.
    ChannelsRestartParams,
    "channels.restart",
    ChannelRestarted,
    "stops an account and starts it anew"
);

account_call!(
    /// Parameters of `channels.logout`: stops the account and takes its credential out of the configuration file.
    ChannelsLogoutParams,
    "channels.logout",
    ChannelLoggedOut,
    "stops an account and takes its credential out of the configuration"
);

/// The answer to `channels.logout`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelLoggedOut {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// Whether the file held a credential, which is gone now.
    pub cleared: bool,
    /// The environment holds one.
    pub env_token: bool,
    /// No credential is left.
    pub logged_out: bool,
}

/// The answer to `channels.start`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelStarted {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// Whether an instance was started.
    pub started: bool,
}

/// The answer to `channels.stop`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelStopped {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// Whether an instance was stopped.
    pub stopped: bool,
}

/// The answer to `channels.restart`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelRestarted {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// Whether a new instance runs.
    pub restarted: bool,
    /// From the request to the new instance's start.
    pub duration_ms: u64,
}
