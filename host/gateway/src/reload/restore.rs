//! What happens to an edit that is refused: it is said, set aside for inspection, and undone on disk. The gateway runs on
//! with what it has in any case; the file is put back so that the next start finds it too.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_config::{ConfigError, Env, Fingerprint, Objection, Refused, Restored, tokens};
use time::OffsetDateTime;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::Turn;
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::system_events;

/// A program that writes the same bad file over and over is not fought for ever: so many times within so long.
const RESTORES: usize = 5;
const WITHIN: Duration = Duration::from_secs(60);

/// An edit that was refused.
#[derive(Debug, Clone)]
pub(crate) struct Rejection {
    /// When, in Unix milliseconds.
    pub(crate) at: u64,
    /// The words of the objections.
    pub(crate) reason: String,
    /// What is wrong in detail.
    pub(crate) details: Option<String>,
    /// Where the refused text is kept.
    pub(crate) saved: Vec<PathBuf>,
    /// The file has been put back.
    pub(crate) restored: bool,
}

/// How often something was put back lately.
#[derive(Debug, Default)]
pub(super) struct Patience(VecDeque<Instant>);

impl Patience {
    /// Whether it may be done once more now.
    fn allows(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|first| now.duration_since(*first) > WITHIN) {
            self.0.pop_front();
        }
        let allowed = self.0.len() < RESTORES;
        if allowed {
            self.0.push_back(now);
        }
        allowed
    }
}

/// Says what is wrong with an edit and puts the files back.
pub(super) async fn refuse(
    gateway: &Arc<Gateway>,
    turn: &mut Turn,
    objections: &[Objection],
    judged: Option<Fingerprint>,
) {
    let (reason, details) = (tokens(objections), details(objections));
    let said = details.clone().unwrap_or_else(|| reason.clone());
    warn!(subsystem = "gateway/reload", "config reload skipped (invalid config): {said}");
    let mut rejection = Rejection { at: now_ms(), reason, details, saved: Vec::new(), restored: false };
    let may = may_restore(&gateway.paths.config, gateway.settings.environment(), || {
        turn.patience.allows(Instant::now())
    });
    match may {
        Err(why) => warn!(subsystem = "gateway/reload", "the file is left as it is: {why}"),
        Ok(()) => {
            let (config, good, stamp) = (gateway.paths.config.clone(), turn.good.clone(), stamp());
            let restored =
                spawn_blocking(move || openclaw_config::restore(&config, judged.as_ref(), &good, &stamp));
            match restored.await {
                Ok(restored) => settle(&gateway.paths.config, &mut rejection, restored),
                Err(lost) => warn!(subsystem = "gateway/reload", "the file is not put back: {lost}"),
            }
        }
    }
    if rejection.restored {
        // What stands there now is known, and no edit.
        turn.seen = super::seen_of(&gateway.paths.config, &turn.good.loaded);
    }
    if rejection.restored {
        system_events::configuration_restored(gateway, &rejection);
    }
    gateway.reload.lock().rejected = Some(rejection);
}

/// Puts the files back that a start has refused. Call it as the only gateway of this state directory.
pub(crate) fn restore_at_start(config: &Path, environment: &dyn Env, refused: &Refused) -> Rejection {
    let (reason, details) = (tokens(&refused.objections), details(&refused.objections));
    let mut rejection = Rejection { at: now_ms(), reason, details, saved: Vec::new(), restored: false };
    match may_restore(config, environment, || true) {
        Err(why) => warn!(subsystem = "gateway/reload", "the file is left as it is: {why}"),
        Ok(()) => {
            let restored =
                openclaw_config::restore(config, refused.fingerprint.as_ref(), &refused.good, &stamp());
            settle(config, &mut rejection, restored);
        }
    }
    if !rejection.restored {
        warn!(
            subsystem = "gateway/reload",
            "running on the last good configuration instead of {} ({})",
            config.display(),
            rejection.reason
        );
    }
    rejection
}

fn may_restore(config: &Path, environment: &dyn Env, patient: impl FnOnce() -> bool) -> Result<(), String> {
    if openclaw_config::is_read_only(environment) {
        return Err("it is managed externally (OPENCLAW_CONFIG_READONLY=1)".to_owned());
    }
    if !patient() {
        return Err(format!(
            "another program keeps writing {} (put back {RESTORES} times within {} s); the gateway runs on with the \
             last good one",
            config.display(),
            WITHIN.as_secs()
        ));
    }
    Ok(())
}

/// Says what was put back, with the line that people search for.
fn settle(config: &Path, rejection: &mut Rejection, restored: Result<Vec<Restored>, ConfigError>) {
    match restored {
        Ok(restored) if restored.is_empty() => warn!(
            subsystem = "gateway/reload",
            "{} is left as it is: there was no file that could be put back",
            config.display()
        ),
        Ok(restored) => {
            rejection.restored = true;
            for Restored { file, rejected } in restored {
                let details = rejection.details.as_ref();
                let details = details
                    .map(|details| format!("; Rejected validation details: {details}."))
                    .unwrap_or_default();
                warn!(
                    subsystem = "gateway/reload",
                    "Config auto-restored from last-known-good: {} ({}){details}",
                    file.display(),
                    rejection.reason
                );
                if let Some(rejected) = rejected {
                    warn!(
                        subsystem = "gateway/reload",
                        "the refused file is kept at {} (see: openclaw config validate)",
                        rejected.display()
                    );
                    rejection.saved.push(rejected);
                }
            }
        }
        Err(error) => warn!(
            subsystem = "gateway/reload",
            code = error.code(),
            "{} is not put back: {error}; the gateway runs on with the last good one",
            config.display()
        ),
    }
}

fn details(objections: &[Objection]) -> Option<String> {
    let details: Vec<String> = objections.iter().filter_map(Objection::details).collect();
    (!details.is_empty()).then(|| details.join("; "))
}

/// Now, fit for a file name.
fn stamp() -> String {
    openclaw_config::stamp(OffsetDateTime::now_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_and_comes_back() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        for _ in 0..RESTORES {
            assert!(patience.allows(start));
        }
        assert!(!patience.allows(start + WITHIN));
        assert!(patience.allows(start + WITHIN + Duration::from_millis(1)));
    }
}
