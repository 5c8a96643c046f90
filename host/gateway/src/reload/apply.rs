//! Puts an accepted configuration in force: the snapshot first, then every part that holds something of the old one. A
//! part that cannot take the new one says so in the log and keeps what it has; nobody else notices.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use openclaw_config::{Account, Channel, KeyPath};
use openclaw_messaging::AccountKey;
use tracing::warn;

use crate::process::Gateway;
use crate::settings::Current;
use crate::ws::standing;
use crate::{http, start, wiring};

/// Parts of the configuration from which the models are made.
const MODELS: &[&[&str]] =
    &[&["models"], &["agents", "defaults"], &["agents", "entries"], &["plugins"], &["env"], &["secrets"]];
/// Parts from which hooks take something.
const HOOKS: &[&[&str]] = &[&["hooks"], &["agents"], &["gateway", "auth"], &["env"], &["secrets"]];
/// Parts from which an account may take something besides its own section.
const ACCOUNTS: &[&[&str]] = &[&["env"], &["secrets"]];

pub(super) async fn apply(gateway: &Arc<Gateway>, before: &Current, after: &Current, changed: &[KeyPath]) {
    gateway.settings.replace(after.clone());
    let touched = |sections: &[&[&str]]| {
        changed.iter().any(|path| {
            let keys = path.keys();
            sections.iter().any(|section| keys.starts_with(section) || section.starts_with(&keys))
        })
    };
    let config = &after.config;
    gateway.protect_secrets();
    gateway.log.set_levels(start::log_levels(&gateway.options, config));
    if let Some(tls) = &gateway.tls {
        // The files may have been renewed, whatever the edit was about.
        tls.renew();
    }
    if touched(&[&["gateway"], &["env"], &["secrets"]]) {
        access(gateway, after);
        let proxy = &[&["gateway", "trustedProxies"][..], &["gateway", "auth", "trustedProxy"]];
        standing::recheck(gateway, touched(proxy));
    }
    if touched(HOOKS) {
        gateway.hooks.renew(&gateway.settings, &gateway.access.rules().shared);
    }
    let allowed = |gateway: &Gateway| -> BTreeMap<String, bool> {
        let plugins = gateway.plugins.get();
        let state = |id: &str| plugins.channel(id).is_some_and(|found| found.is_allowed());
        plugins.channel_ids().map(|id| (id.to_owned(), state(id))).collect()
    };
    let allowed_before = allowed(gateway);
    gateway.plugins.get().restrict(&config.plugins);
    let allowed_after = allowed(gateway);
    if touched(MODELS) {
        let choice = if touched(&[&["plugins"]]) {
            gateway.answering.renew(&gateway.settings, &gateway.plugins.get()).await
        } else {
            gateway.answering.choose(&gateway.settings, &gateway.plugins.get()).await
        };
        gateway.model_choice.set(choice);
    }
    gateway.agents.set_settings(wiring::agent_settings(&gateway.paths, config));
    let catalog = gateway.models.catalog();
    gateway.model_list.set(http::model_list(config, &catalog, &*gateway.answering.shims));
    let shared = touched(ACCOUNTS);
    let renewed = |channel: &Channel, account: &Account| {
        let old = before.config.channel(&channel.id);
        shared
            || old.and_then(|old| old.account(&account.id)) != Some(account)
            || old.is_none_or(|old| is_default(old, account) != is_default(channel, account))
            || before.channel_issue(&channel.id) != after.channel_issue(&channel.id)
            || allowed_before.get(&channel.id) != allowed_after.get(&channel.id)
    };
    accounts(gateway, before, after, renewed).await;
}

fn is_default(channel: &Channel, account: &Account) -> bool {
    channel.default_account == account.id
}

/// Takes over the shared secret, the origins and the limits; the way of proving oneself stays that of the start.
fn access(gateway: &Gateway, after: &Current) {
    let shared = match start::auth_of(&gateway.options, &gateway.settings, &after.config) {
        // A token that would be made up is one that nobody has been told.
        Ok(auth) if auth.mode.as_str() == gateway.auth_mode && !auth.ephemeral => {
            start::access::shared(&auth, &after.config)
        }
        Ok(_) => gateway.access.rules().shared.clone(),
        Err(refusal) => {
            warn!(subsystem = "gateway/reload", "clients are asked for what they were: {refusal}");
            gateway.access.rules().shared.clone()
        }
    };
    gateway.access.set_rules(start::access::rules(shared, &after.config, &gateway.listening));
}

/// Starts, renews and ends accounts as far as their own part changed, all at the same time.
async fn accounts(
    gateway: &Arc<Gateway>,
    before: &Current,
    after: &Current,
    renewed: impl Fn(&Channel, &Account) -> bool,
) {
    let mut work: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
    for channel in &before.config.channels {
        let now = after.config.channel(&channel.id);
        for account in &channel.accounts {
            if now.is_some_and(|now| now.account(&account.id).is_some()) {
                continue;
            }
            let (gateway, key) = (Arc::clone(gateway), AccountKey::new(&channel.id, &account.id));
            work.push(Box::pin(async move {
                gateway.supervisor.forget(&wiring::account_name(&key)).await;
                gateway.messaging.forget(&key);
            }));
        }
    }
    for channel in &after.config.channels {
        for account in &channel.accounts {
            let key = AccountKey::new(&channel.id, &account.id);
            if let Some(settings) = wiring::account_settings(after, &gateway.plugins.get(), channel, account)
            {
                gateway.messaging.configure(settings);
            }
            if wiring::channels_are_skipped(&gateway.settings) {
                continue;
            }
            let name = wiring::account_name(&key);
            match gateway.supervisor.account(&name) {
                // Looking after it starts it.
                None => drop(gateway.supervisor.ensure(&name)),
                Some(handle) if renewed(channel, account) => work.push(Box::pin(async move {
                    handle.renew().await;
                })),
                Some(_) => {}
            }
        }
    }
    join_all(work).await;
}
