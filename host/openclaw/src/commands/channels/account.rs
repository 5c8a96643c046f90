//! Where an account stands in the configuration, and how a command changes it.

use openclaw_config::{Ask, ChangeOptions, Changed};
use openclaw_packages::Manifest;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::CliError,
    output::{age::file_stamp, note},
};

/// The account that a section without `accounts` describes.
const IMPLICIT: &str = "default";

/// The place of an account's section.
pub(super) struct Place {
    channel: String,
    account: String,
    /// The section of the channel describes an only account so far, which goes on beside a new one.
    beside_implicit: bool,
    /// The account's keys stand in the channel's section itself, as those of an only account do.
    plain: bool,
}

impl Place {
    /// Finds the place. An account named `default` has the channel's own section unless there is an `accounts`.
    ///
    /// # Errors
    /// When the name cannot be a key.
    pub(super) fn of(channel: &str, account: &str, context: &Context) -> Result<Self, CliError> {
        let word = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        if !word(account) {
            let text =
                format!("\"{account}\" is not an account's name: use at most 64 of a-z, A-Z, 0-9, - and _");
            return Err(CliError::invalid(text));
        }
        let found = context.config().and_then(|config| config.channel(channel));
        let plain = account == IMPLICIT && found.is_none_or(|channel| channel.implicit);
        let beside_implicit = !plain && found.is_some_and(|channel| channel.implicit);
        Ok(Self { channel: channel.to_owned(), account: account.to_owned(), beside_implicit, plain })
    }

    /// The dotted path of the section.
    pub(super) fn path(&self) -> String {
        self.path_of(&self.account)
    }

    fn path_of(&self, account: &str) -> String {
        match self.plain {
            true => format!("channels.{}", self.channel),
            false => format!("channels.{}.accounts.{account}", self.channel),
        }
    }

    /// What sets these keys of the account.
    ///
    /// # Errors
    /// When a key is none.
    pub(super) fn set<'k>(
        &self,
        keys: impl IntoIterator<Item = (&'k String, &'k Value)>,
    ) -> Result<Vec<Ask>, CliError> {
        let ask = |path: String, value: Value| -> Result<Ask, CliError> {
            Ok(Ask::Set { path: path.parse()?, value, replace: false })
        };
        // With the first entry of `accounts` the section would no longer be an account of its own.
        let implicit = self.beside_implicit.then(|| ask(self.path_of(IMPLICIT), json!({})));
        let keys = keys.into_iter().map(|(key, value)| ask(format!("{}.{key}", self.path()), value.clone()));
        implicit.into_iter().chain(keys).collect()
    }

    /// Whether the configuration has it.
    pub(super) fn exists(&self, context: &Context) -> bool {
        let channel = context.config().and_then(|config| config.channel(&self.channel));
        channel.is_some_and(|channel| channel.account(&self.account).is_some())
    }

    /// What holds for the account now, of its own and of its channel. A new one takes no secret over from its channel: that is
    /// another account's.
    pub(super) fn section(&self, manifest: &Manifest, context: &Context) -> Value {
        let Some(channel) = context.config().and_then(|config| config.channel(&self.channel)) else {
            return json!({});
        };
        if let Some(account) = channel.account(&self.account) {
            return account.section.clone();
        }
        let mut shared = channel.shared.clone();
        if let Value::Object(keys) = &mut shared {
            keys.retain(|key, _| !manifest.is_secret_place(key));
        }
        shared
    }
}

/// The manifest of a channel that is present.
pub(super) fn manifest_of(channel: &str, context: &Context) -> Result<Manifest, CliError> {
    openclaw_gateway::channel_manifest(&context.paths, channel).map_err(|present| CliError::Detailed {
        text: format!(
            "there is no channel `{channel}`; there are: {} (more come with: openclaw plugins install)",
            present.join(", ")
        ),
        code: "CHANNEL_UNKNOWN",
        extra: json!({ "channels": present }),
    })
}

/// Changes the file; its warnings are told.
pub(super) fn changed(asks: &[Ask], options: ChangeOptions, context: &Context) -> Result<Changed, CliError> {
    let plugins = context.plugin_schemas();
    let options = ChangeOptions { stamp: file_stamp(), ..options };
    let done = openclaw_config::change(&context.basis(&plugins), asks, &options)?;
    for warning in &done.warnings {
        note(&format!("warning: {warning}"));
    }
    Ok(done)
}
