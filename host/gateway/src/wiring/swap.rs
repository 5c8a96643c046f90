//! What becomes of the plugins when their files have changed: which of those on disk replace the ones in use. Reads and
//! loads, and restarts nothing: that is `reload`'s.
//!
//! A loaded plugin gives way only to one that loads. What is bundled never changes while the process runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use openclaw_packages::{Kind, Package};
use openclaw_runtime::Runtime;

use super::Plugins;
use super::plugins::{Found, Unusable};

/// What became of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was not there before.
    Added,
    /// Another one is used from now on.
    Replaced,
    /// It is not there any more.
    Removed,
    /// What has come in its place cannot be used; the one from before goes on.
    Kept(String),
    /// It cannot be used, and neither could the one before.
    Broken(String),
}

/// What a look at the plugins' files led to.
#[derive(Debug, Default)]
pub(crate) struct Swap {
    /// To be used from now on.
    pub(crate) plugins: Plugins,
    /// By id; those that are not here are as they were.
    pub(crate) changes: BTreeMap<String, Change>,
    /// A provider is among those that changed.
    pub(crate) providers: bool,
}

impl Plugins {
    /// Looks at the files again. `only`: of all others nothing is taken over, whatever lies there.
    pub(crate) async fn renewed(
        &self,
        state_dir: &Path,
        only: Option<&str>,
        wanted: &openclaw_config::Plugins,
        runtime: &Runtime,
    ) -> Swap {
        let folder = state_dir.to_owned();
        let discovered = tokio::task::spawn_blocking(move || Plugins::discover(&folder)).await;
        // Reading manifests does not panic; if it did, nothing has changed.
        let mut present = discovered.unwrap_or_else(|_lost| self.clone());
        present.restrict(wanted);
        let mut swap = Swap::default();
        let meant = |id: &str| only.is_none_or(|only| only == id);
        for (id, old) in &self.found {
            if !meant(id) {
                present.found.insert(id.clone(), Arc::clone(old));
            } else if !present.found.contains_key(id) {
                swap.changed(id, Change::Removed, old);
            }
        }
        if only.is_some() {
            present.found.retain(|id, _| meant(id) || self.found.contains_key(id));
        }
        for (id, fresh) in &mut present.found {
            let old = self.found.get(id).filter(|_| meant(id));
            let change = match old {
                Some(old) => {
                    let (taken, change) = choose(old, fresh, runtime).await;
                    *fresh = taken;
                    change
                }
                None => (!self.found.contains_key(id)).then_some(Change::Added),
            };
            if let Some(change) = change {
                swap.changed(id, change, fresh);
            }
        }
        swap.plugins = present;
        swap
    }
}

impl Swap {
    fn changed(&mut self, id: &str, change: Change, found: &Found) {
        self.providers |= found.kind() == Some(Kind::Provider) && !matches!(change, Change::Kept(_));
        self.changes.insert(id.to_owned(), change);
    }
}

/// Which of the two is used from now on, and what that means.
async fn choose(old: &Arc<Found>, fresh: &Arc<Found>, runtime: &Runtime) -> (Arc<Found>, Option<Change>) {
    if old.is_bundled() && fresh.is_bundled() {
        return (Arc::clone(old), None);
    }
    if old.is_begun() && !old.has_fault() {
        // It may be on its way: what comes of that is what there is to compare with. A failure stays with it as its fault.
        old.load(runtime).await.ok();
    }
    let Some(loaded) = old.loaded() else {
        // Nothing runs of it. One that nobody uses is not loaded; one that failed is tried.
        if !old.has_fault() {
            return (Arc::clone(fresh), None);
        }
        let change = match fresh.load(runtime).await {
            Ok(_) => Some(Change::Replaced),
            Err(Unusable::SwitchedOff(_) | Unusable::Absent(_)) => None,
            Err(why) => Some(Change::Broken(why.to_string())),
        };
        return (Arc::clone(fresh), change);
    };
    let kept = |why: Option<String>| {
        old.refused().clone_from(&why);
        (Arc::clone(old), why.map(Change::Kept))
    };
    if fresh.kind().is_some() && fresh.kind() != old.kind() {
        return kept(Some("what has come in its place is of another kind".to_owned()));
    }
    match fresh.load(runtime).await {
        Ok(_) if fresh.loaded().is_some_and(|fresh| is_same(loaded, fresh)) => kept(None),
        Ok(_) => (Arc::clone(fresh), Some(Change::Replaced)),
        // Switched off, nothing of it may run, whichever it is.
        Err(Unusable::SwitchedOff(_)) => (Arc::clone(fresh), None),
        Err(why) => kept(Some(format!("what has come in its place cannot be used, and it goes on: {why}"))),
    }
}

/// Whether two packages are one and the same.
fn is_same(one: &Package, other: &Package) -> bool {
    let digest = |package: &Package| package.component.as_ref().map(|component| component.digest.clone());
    // A manifest shows all of itself: what it does not show has no effect.
    digest(one) == digest(other)
        && one.schema == other.schema
        && format!("{:?}", one.manifest) == format!("{:?}", other.manifest)
}
