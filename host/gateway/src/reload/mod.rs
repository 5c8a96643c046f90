//! The configuration's life beside a running gateway: an edit is noticed, waited for until it is complete, judged by the
//! same rules as a command's, and then applied as one snapshot or set aside and undone. Judging is `openclaw-config`'s,
//! applying `apply`'s.
//!
//! Invariants, each with a test in the end-to-end tests: a refused edit changes nothing that runs; a file that another
//! program is still writing is not judged; one edit is applied at a time, in the order in which they were read.

mod apply;
mod facts;
mod plugins;
mod restore;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_config::{
    ConfigError, Fingerprint, Kept, KeyPath, LastGood, Loaded, Objection, Observed, Plan, ReloadMode, Source,
    diff, objections,
};
use openclaw_failpoints::failpoint;
use tokio::task::spawn_blocking;
use tracing::{debug, info, warn};

pub(crate) use facts::Facts;
pub(crate) use plugins::{Seen as SeenPlugins, watch as watch_plugins};
pub(crate) use restore::{Rejection, restore_at_start};

use crate::clock::now_ms;
use crate::live::Live;
use crate::process::Gateway;
use crate::settings::Current;
use restore::Patience;
use watch::Changes;

/// How long a file has to stay the same before it is judged, unless `gateway.reload.debounceMs` says otherwise.
const SETTLE: Duration = Duration::from_millis(300);
/// Bounds for what the configuration may ask for.
const SETTLE_BOUNDS: (u64, u64) = (50, 10_000);
/// Paths in a line of the log.
const SHOWN_PATHS: usize = 12;

/// What is remembered between two edits.
pub(crate) struct Reload {
    /// One edit at a time.
    turn: tokio::sync::Mutex<Turn>,
    /// One look at the plugins at a time, with all that follows from it. Apart from `turn`: compiling one takes seconds, and
    /// no edit waits for that.
    plugins: tokio::sync::Mutex<()>,
    facts: std::sync::Mutex<Facts>,
    /// The configuration file and everything that the last accepted one asks for.
    files: Live<Vec<PathBuf>>,
    /// What the process was started with: what differs from it and is only read there is waiting for a restart.
    boot: Arc<Current>,
}

/// What the judge of the next edit has to know.
struct Turn {
    /// The files as they were when they were judged last.
    seen: Seen,
    /// What was accepted last, applied or not.
    good: LastGood,
    patience: Patience,
}

/// Which files there were, by content.
type Seen = Vec<(PathBuf, Option<Fingerprint>)>;

/// One look at the files.
struct Look {
    seen: Seen,
    main: Observed,
}

/// What the judge said.
enum Judged {
    Accepted(Box<Loaded>),
    Refused(Vec<Objection>),
    Missing,
}

impl Reload {
    /// Begins with the configuration that the process was started with, which `rejection` may have preceded.
    pub(crate) fn new(config: &Path, boot: Arc<Current>, rejection: Option<Rejection>) -> Reload {
        let loaded = boot.loaded.clone();
        let facts = Facts { applied_at: now_ms(), rejected: rejection, ..Facts::default() };
        let seen = seen_of(config, &loaded);
        let files = Live::new(seen.iter().map(|(file, _)| file.clone()).collect());
        let turn = Turn { seen, good: LastGood { loaded }, patience: Patience::default() };
        Reload {
            turn: tokio::sync::Mutex::new(turn),
            plugins: tokio::sync::Mutex::default(),
            facts: std::sync::Mutex::new(facts),
            files,
            boot,
        }
    }

    /// What there is to tell about the configuration in force.
    pub(crate) fn facts(&self) -> Facts {
        self.lock().clone()
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, Facts> {
        // Plain facts, each whole at every moment.
        self.facts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The files that a configuration was read from.
fn seen_of(config: &Path, loaded: &Loaded) -> Seen {
    let main = (config.to_owned(), loaded.source.as_ref().map(Source::fingerprint));
    let included = loaded.report.wanted.iter().map(|file| {
        let read = loaded.report.included.iter().find(|included| included.path == *file);
        let fingerprint = match read {
            Some(included) => Some(included.source.fingerprint()),
            // It could not be read; that it is there all the same is what the next look finds.
            None => Fingerprint::of(file),
        };
        (file.clone(), fingerprint)
    });
    std::iter::once(main).chain(included).collect()
}

/// Follows the files until the gateway closes.
pub(crate) async fn watch(gateway: Arc<Gateway>) {
    let mut closing = gateway.hub.closing();
    let mut changes = Changes::new();
    loop {
        changes.follow(gateway.reload.files.get().as_ref().clone());
        // An edit that came while nothing was watched is found by looking once before waiting.
        tokio::select! {
            () = settle(&gateway) => {}
            _ = closing.wait_for(|&closing| closing) => return,
        }
        tokio::select! {
            () = changes.next() => failpoint!("reload.config"),
            _ = closing.wait_for(|&closing| closing) => return,
        }
    }
}

/// How long files have to stay the same before they are judged.
fn debounce(gateway: &Gateway) -> Duration {
    let wait = gateway.settings.config().gateway.reload.debounce_ms;
    wait.map_or(SETTLE, |ms| Duration::from_millis(ms.clamp(SETTLE_BOUNDS.0, SETTLE_BOUNDS.1)))
}

/// Waits until two looks in a row find the same, and judges that if it is new.
async fn settle(gateway: &Arc<Gateway>) {
    let wait = debounce(gateway);
    let Some(mut first) = look(gateway).await else { return };
    if first.seen == gateway.reload.turn.lock().await.seen {
        return;
    }
    loop {
        tokio::time::sleep(wait).await;
        let Some(second) = look(gateway).await else { return };
        if second.seen == first.seen {
            break;
        }
        // Somebody is still writing.
        first = second;
    }
    let mut turn = gateway.reload.turn.lock().await;
    if first.seen == turn.seen {
        return;
    }
    let began = Instant::now();
    match judge(gateway, &turn, first.main.source).await {
        Judged::Accepted(loaded) => accept(gateway, &mut turn, *loaded, began).await,
        Judged::Missing => {
            warn!(subsystem = "gateway/reload", "config reload skipped (config file not found)");
            turn.seen = first.seen;
        }
        Judged::Refused(objections) => {
            turn.seen = first.seen;
            restore::refuse(gateway, &mut turn, &objections, first.main.fingerprint).await;
        }
    }
}

impl Gateway {
    /// Looks every secret up again and puts what is found in force, as if everything about secrets had changed.
    pub(crate) async fn reload_secrets(self: &Arc<Self>) {
        // Beside an edit that is being applied, either could put back what the other one has replaced.
        let _turn = self.reload.turn.lock().await;
        let current = self.settings.current();
        apply::apply(self, &current, &current, &[KeyPath::from_keys(&["secrets"])]).await;
    }

    /// Applies the files as they are now, if they may be, without waiting for them to settle: for whoever has just
    /// written them, or was asked to read them again. A refused file is left to the watch.
    pub(crate) async fn reload(self: &Arc<Self>) {
        let mut turn = self.reload.turn.lock().await;
        let began = Instant::now();
        let Some(look) = look(self).await else { return };
        if look.seen == turn.seen {
            return;
        }
        if let Judged::Accepted(loaded) = judge(self, &turn, look.main.source).await {
            accept(self, &mut turn, *loaded, began).await;
        }
    }
}

/// Reads the files once. `None` when the reading broke off inside the host, which a later look makes up for.
async fn look(gateway: &Arc<Gateway>) -> Option<Look> {
    let files = gateway.reload.files.get().as_ref().clone();
    let looked = spawn_blocking(move || {
        let mut files = files.into_iter();
        let config = files.next()?;
        let main = Observed::read(&config);
        let mut seen = vec![(config, main.fingerprint.clone())];
        seen.extend(files.map(|file| {
            let fingerprint = Fingerprint::of(&file);
            (file, fingerprint)
        }));
        Some(Look { seen, main })
    });
    looked.await.ok().flatten()
}

/// Asks the one table of verdicts.
async fn judge(gateway: &Arc<Gateway>, turn: &Turn, source: Result<Option<Source>, ConfigError>) -> Judged {
    let source = match source {
        Ok(Some(source)) => source,
        Ok(None) => return Judged::Missing,
        Err(error) => return Judged::Refused(vec![Objection::Unreadable(error.to_string())]),
    };
    let (gateway, standing) = (Arc::clone(gateway), turn.good.standing());
    let judged = spawn_blocking(move || {
        let schemas = gateway.settings.schemas();
        let basis = gateway.settings.basis(&schemas);
        let loaded = Loaded::of(Some(source), &basis);
        // A command that was told to insist has kept its text as the good one itself.
        let vouched = openclaw_config::is_kept(basis.config, &loaded);
        let before = Some(standing).filter(|_| !vouched);
        let objections = objections(before, loaded.text(), &loaded.report);
        if objections.is_empty() { Judged::Accepted(Box::new(loaded)) } else { Judged::Refused(objections) }
    });
    judged.await.unwrap_or_else(|lost| {
        Judged::Refused(vec![Objection::Unreadable(format!("judging it broke off inside the host: {lost}"))])
    })
}

/// Takes over what was accepted, as far as it can change now.
async fn accept(gateway: &Arc<Gateway>, turn: &mut Turn, loaded: Loaded, began: Instant) {
    let before = gateway.settings.current();
    let after = Current::of(loaded);
    let paths = diff::changed_paths(&before.loaded.report.document, &after.loaded.report.document);
    turn.good = LastGood { loaded: after.loaded.clone() };
    let mode = after.config.gateway.reload.mode;
    if mode == ReloadMode::Off {
        debug!(subsystem = "gateway/reload", "gateway.reload.mode=off: the change waits for a restart");
    } else if !paths.is_empty() {
        info!(subsystem = "gateway/reload", "config change detected; evaluating reload ({})", shown(&paths));
    }
    let plan = Plan::of(&paths, &before.config, &after.config);
    let applied = matches!(mode, ReloadMode::Hybrid | ReloadMode::Hot);
    if applied {
        apply::apply(gateway, &before, &after, &paths).await;
        if !plan.hot.is_empty() {
            info!(subsystem = "gateway/reload", "config hot reload applied ({})", shown(&plan.hot));
        }
    }
    let waiting = waiting(gateway, &after);
    if !plan.restart.is_empty() && mode != ReloadMode::Off {
        warn!(
            subsystem = "gateway/reload",
            "config change requires gateway restart ({})",
            shown(&plan.restart)
        );
    }
    {
        let mut facts = gateway.reload.lock();
        if applied {
            facts.applied_at = now_ms();
            facts.apply_ms = Some(began.elapsed().as_secs_f64() * 1000.0);
        }
        facts.pending_restart = waiting;
        facts.rejected = None;
    }
    // Once it is in force: a slow disk must not hold that up.
    keep(gateway, &after).await;
    turn.seen = seen_of(&gateway.paths.config, &turn.good.loaded);
    gateway.reload.files.set(turn.seen.iter().map(|(file, _)| file.clone()).collect());
}

/// What differs from the start and is only read there.
fn waiting(gateway: &Gateway, after: &Current) -> Vec<String> {
    let boot = &gateway.reload.boot;
    let paths = diff::changed_paths(&boot.loaded.report.document, &after.loaded.report.document);
    let plan = Plan::of(&paths, &boot.config, &after.config);
    plan.restart.iter().map(ToString::to_string).collect()
}

/// Keeps a copy to go back to.
async fn keep(gateway: &Arc<Gateway>, current: &Current) {
    if openclaw_config::is_read_only(gateway.settings.environment()) {
        return;
    }
    let (config, loaded) = (gateway.paths.config.clone(), current.loaded.clone());
    match spawn_blocking(move || openclaw_config::keep(&config, &loaded)).await {
        Ok(Ok(Kept::Written | Kept::Unchanged)) => {}
        Ok(Ok(Kept::Placeholder(place))) => warn!(
            subsystem = "gateway/reload",
            "Config last-known-good promotion skipped: redacted secret placeholder at {place}"
        ),
        Ok(Err(error)) => {
            warn!(
                subsystem = "gateway/reload",
                code = error.code(),
                "no copy of the configuration is kept: {error}"
            );
        }
        Err(lost) => warn!(subsystem = "gateway/reload", "no copy of the configuration is kept: {lost}"),
    }
}

/// Keeps a copy of what the process has been started with.
pub(crate) async fn started(gateway: &Arc<Gateway>) {
    keep(gateway, &gateway.settings.current()).await;
}

fn shown(paths: &[KeyPath]) -> String {
    let mut words: Vec<String> = paths.iter().take(SHOWN_PATHS).map(ToString::to_string).collect();
    if paths.len() > SHOWN_PATHS {
        words.push(format!("and {} more", paths.len() - SHOWN_PATHS));
    }
    words.join(", ")
}
