//! Owns the settings of the accounts that messages come from and go to. Replaced as a whole when the configuration changes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use openclaw_store::{AccountKey, Draft, MediaFile, Target};

use crate::clock::{millis, now_ms};
use crate::settings::{AccountSettings, Cut, Options};

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Accounts {
    known: Arc<RwLock<HashMap<AccountKey, Arc<AccountSettings>>>>,
}

impl Accounts {
    pub(crate) fn set(&self, settings: AccountSettings) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(settings.key.clone(), Arc::new(settings));
    }

    pub(crate) fn forget(&self, account: &AccountKey) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(account);
    }

    /// All that are known, in their order.
    pub(crate) fn keys(&self) -> Vec<AccountKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut keys: Vec<_> = known.keys().cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// The configuration names owners, be it for another channel.
    pub(crate) fn owners_named(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().any(|settings| settings.commands.owners_named)
    }

    pub(crate) fn get(&self, account: &AccountKey) -> Option<Arc<AccountSettings>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }
}

/// A message for the vendor, split into parts that fit; files go with the first. `None`: there is nothing to say or show.
pub(crate) fn draft(
    settings: &AccountSettings,
    target: Target,
    text: &str,
    media: Vec<MediaFile>,
    options: &Options,
) -> Option<Draft> {
    let (limit, unit) = (settings.text_limit, settings.text_unit);
    let mut parts = match settings.text_cut {
        Cut::Length => openclaw_text::split(text, limit, unit),
        Cut::Paragraph => openclaw_text::split_paragraphs(text, limit, unit),
    };
    if parts.is_empty() {
        if media.is_empty() {
            return None;
        }
        parts.push(String::new());
    }
    Some(Draft {
        account: settings.key.clone(),
        target,
        parts,
        batch: uuid::Uuid::new_v4().simple().to_string(),
        request_key: None,
        reply_to: None,
        reply_all: false,
        reply_context: Vec::new(),
        media,
        silent: false,
        expires_at: now_ms() + millis(options.reply_expiry),
    })
}
