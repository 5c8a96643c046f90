//! The plugins' life beside a running gateway: a file that has changed is noticed, waited for until it is complete, and
//! taken into use if it loads; then the accounts of that plugin start anew, one after the other, and no others. Which
//! plugin replaces which is `wiring`'s to say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openclaw_config::{KeyPath, LastGood, Loaded, ReloadMode};
use openclaw_failpoints::failpoint;
use openclaw_messaging::AccountKey;
use openclaw_supervisor::Status;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::apply;
use super::debounce;
use super::watch::{Changes, Facts, facts_of};
use crate::process::Gateway;
use crate::settings::Current;
use crate::wiring::{Change, account_name};

/// Files of plugins that are watched. What is beyond is found when it is asked for.
const FILES: usize = 1024;

/// What became of one plugin.
#[derive(Debug)]
pub(crate) struct Reloaded {
    pub(crate) change: Change,
    /// The accounts that were started anew, with the state that this led to.
    pub(crate) accounts: Vec<(String, Status)>,
}

/// What became of one plugin, before its accounts are started anew.
struct Swapped {
    change: Change,
    /// They have been: the verdict on their section has changed.
    renewed: bool,
}

/// What is known of the plugins' files without reading them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen(Vec<(PathBuf, Facts)>);

/// Follows the plugins' files until the gateway closes. `seen` is what was there before the gateway read any of it: what has
/// changed since is a change.
pub(crate) async fn watch(gateway: Arc<Gateway>, mut seen: Seen) {
    let mut closing = gateway.hub.closing();
    let mut changes = Changes::new();
    loop {
        changes.follow(seen.0.iter().map(|(file, _)| file.clone()).collect());
        // A change that came while nothing was watched is found by looking once before waiting.
        let mut now = look(&gateway).await;
        if now == seen {
            tokio::select! {
                () = changes.next() => {}
                _ = closing.wait_for(|&closing| closing) => return,
            }
            now = look(&gateway).await;
        }
        if now == seen {
            continue;
        }
        failpoint!("reload.plugins");
        loop {
            tokio::time::sleep(debounce(&gateway)).await;
            let again = look(&gateway).await;
            if again == now {
                break;
            }
            // Somebody is still writing.
            now = again;
        }
        seen = now;
        if gateway.settings.config().gateway.reload.mode != ReloadMode::Off {
            gateway.reload_plugins(None).await;
        }
    }
}

async fn look(gateway: &Gateway) -> Seen {
    let state_dir = gateway.paths.state_dir.clone();
    // Looking does not panic; if it did, there is nothing to tell.
    spawn_blocking(move || Seen::look(&state_dir)).await.unwrap_or_default()
}

impl Seen {
    /// Looks once. The folder itself stands for what comes into it.
    pub(crate) fn look(state_dir: &Path) -> Self {
        let folder = state_dir.join("plugins");
        let mut files = vec![folder.clone(), folder.join("plugin")];
        for entry in entries(&folder) {
            let inside = entries(&entry);
            files.push(entry);
            files.extend(inside);
        }
        files.truncate(FILES);
        let facts = |file: PathBuf| {
            let facts = facts_of(&file);
            (file, facts)
        };
        Self(files.into_iter().map(facts).collect())
    }
}

/// What a folder holds, in order; nothing for what is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).take(FILES).collect();
    entries.sort();
    entries
}

impl Gateway {
    /// Looks at the plugins' files again and takes into use what has changed: of one plugin, or of all. Returns when the
    /// accounts concerned have been started anew.
    pub(crate) async fn reload_plugins(self: &Arc<Self>, only: Option<&str>) -> BTreeMap<String, Reloaded> {
        // Whoever asks while another look is under way waits for what comes of that one.
        let _looking = self.reload.plugins.lock().await;
        let swapped = self.swap_plugins(only).await;
        let config = self.settings.config();
        let mut reloaded = BTreeMap::new();
        for (id, Swapped { change, renewed }) in swapped {
            match &change {
                Change::Kept(why) | Change::Broken(why) => {
                    warn!(subsystem = "gateway/reload", plugin = id, "the plugin was not replaced: {why}");
                }
                Change::Added => info!(subsystem = "gateway/reload", plugin = id, "the plugin is there now"),
                Change::Replaced => {
                    info!(subsystem = "gateway/reload", plugin = id, "the plugin was replaced")
                }
                Change::Removed => info!(subsystem = "gateway/reload", plugin = id, "the plugin is gone"),
            }
            let mut accounts = Vec::new();
            let concerned = config.channel(&id).filter(|_| !matches!(change, Change::Kept(_)));
            // One after the other: should the new one fail, the others still answer while somebody looks.
            for account in concerned.iter().flat_map(|channel| &channel.accounts) {
                let name = account_name(&AccountKey::new(&id, &account.id));
                let Some(handle) = self.supervisor.account(&name) else { continue };
                let status = if renewed { handle.settled().await } else { handle.renew().await };
                accounts.push((account.id.clone(), status));
            }
            reloaded.insert(id, Reloaded { change, accounts });
        }
        reloaded
    }

    /// Decides which plugins are used from now on, and judges the configuration by what they say of their sections.
    async fn swap_plugins(self: &Arc<Self>, only: Option<&str>) -> BTreeMap<String, Swapped> {
        let (state_dir, config) = (&self.paths.state_dir, self.settings.config());
        let present = self.plugins.get();
        let swap = present.renewed(state_dir, only, &config.plugins, &self.answering.runtime).await;
        // Beside an edit that is being applied, either could put back what the other one has replaced.
        let mut turn = self.reload.turn.lock().await;
        let before = self.settings.current();
        // The configuration may have changed while components were compiled.
        swap.plugins.restrict(&before.config.plugins);
        self.plugins.set(swap.plugins);
        let renewed = if swap.changes.values().all(|change| matches!(change, Change::Kept(_))) {
            None
        } else {
            self.settings.set_schemas(self.plugins.get().schemas());
            self.judge_anew(&mut turn.good, swap.providers).await
        };
        let changes = swap.changes.into_iter();
        changes
            .map(|(id, change)| {
                let is_renewed = |after: &Current| before.channel_issue(&id) != after.channel_issue(&id);
                let renewed = renewed.as_ref().is_some_and(is_renewed);
                (id, Swapped { change, renewed })
            })
            .collect()
    }

    /// Judges the configuration in force by what the plugins say of their sections now, and puts the verdict in force. An
    /// account whose section was wrong and is not any more, or the other way round, is started anew by that.
    async fn judge_anew(self: &Arc<Self>, good: &mut LastGood, providers: bool) -> Option<Current> {
        let before = self.settings.current();
        let (gateway, source) = (Arc::clone(self), before.loaded.source.clone());
        let judged = spawn_blocking(move || {
            let schemas = gateway.settings.schemas();
            Loaded::of(source, &gateway.settings.basis(&schemas))
        });
        // Judging does not panic; if it did, what was in force goes on.
        let after = Current::of(judged.await.ok()?);
        let changed = providers.then(|| KeyPath::from_keys(&["plugins"]));
        apply::apply(self, &before, &after, changed.as_slice()).await;
        *good = LastGood { loaded: after.loaded.clone() };
        Some(after)
    }
}
