//! Owns the files of an agent's workspace as its prompt has them: which ones, how much of each, and when they are read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// What every conversation is told, in this order.
const OPEN: [&str; 4] = ["AGENTS.md", "SOUL.md", "IDENTITY.md", "USER.md"];
/// Told in private alone.
const PRIVATE: &str = "MEMORY.md";
/// Characters of what is known about the person; more belongs elsewhere (original: concepts/agent-workspace).
const USER_CHARS: usize = 4_000;
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How much of a workspace a prompt holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptLimits {
    /// Characters of one file (`agents.defaults.bootstrapMaxChars`).
    pub file: usize,
    /// Characters of all (`agents.defaults.bootstrapTotalMaxChars`).
    pub total: usize,
}

impl Default for PromptLimits {
    fn default() -> Self {
        Self { file: 20_000, total: 60_000 }
    }
}

/// The files of one workspace, each under its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// For every conversation.
    pub(crate) open: Arc<str>,
    /// For private ones.
    pub(crate) private: Arc<str>,
}

/// The files of all workspaces, kept while they stay the same.
#[derive(Default)]
pub(crate) struct Workspaces {
    known: Mutex<HashMap<PathBuf, Known>>,
}

#[derive(Clone)]
struct Known {
    looked: Instant,
    stamps: Vec<Stamp>,
    limits: PromptLimits,
    files: Files,
}

/// When a file changed last, and its size; `None` for one that is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Workspaces {
    /// The files of this workspace. One that cannot be read is left out.
    pub(crate) async fn files(&self, workspace: &Path, limits: PromptLimits) -> Files {
        let known = self.lock().get(workspace).filter(|known| known.limits == limits).cloned();
        if let Some(known) = &known
            && known.looked.elapsed() < LOOK_EVERY
        {
            return known.files.clone();
        }
        let path = workspace.to_owned();
        let looked = Instant::now();
        let read = tokio::task::spawn_blocking(move || {
            let stamps = stamps(&path);
            match known {
                Some(known) if known.stamps == stamps => Known { looked, ..known },
                Some(_) | None => Known { looked, stamps, limits, files: compose(&path, limits) },
            }
        });
        let Ok(fresh) = read.await else { return Files::default() };
        let files = fresh.files.clone();
        self.lock().insert(workspace.to_owned(), fresh);
        files
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamps(workspace: &Path) -> Vec<Stamp> {
    let stamp = |name: &str| {
        let metadata = std::fs::metadata(workspace.join(name)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    OPEN.into_iter().chain([PRIVATE]).map(stamp).collect()
}

fn compose(workspace: &Path, limits: PromptLimits) -> Files {
    let mut left = limits.total;
    let mut section = |name: &str| {
        let own = if name == "USER.md" { limits.file.min(USER_CHARS) } else { limits.file };
        let allowed = own.min(left);
        let content = read(&workspace.join(name), allowed)?;
        left -= content.chars().count().min(allowed);
        Some(format!("\n\n# {name}\n\n{content}"))
    };
    let open: String = OPEN.into_iter().filter_map(&mut section).collect();
    let private = section(PRIVATE).unwrap_or_default();
    Files { open: open.into(), private: private.into() }
}

/// At most so many characters of a file; `None` for one that is blank or not there.
fn read(path: &Path, chars: usize) -> Option<String> {
    use std::io::Read;
    // No character is longer than four bytes.
    let limit = u64::try_from(chars).unwrap_or(u64::MAX).saturating_mul(4).saturating_add(4);
    let mut bytes = Vec::new();
    if let Err(error) = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
        if error.kind() != std::io::ErrorKind::NotFound {
            tracing::warn!(path = %path.display(), "a workspace file is left out of the prompt: {error}");
        }
        return None;
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    match text.char_indices().nth(chars) {
        None => Some(text.to_owned()),
        Some((end, _)) => {
            let (kept, _) = text.split_at(end);
            Some(format!(
                "{kept}\n\n[The rest of this file is left out: it is longer than {chars} characters.]"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PromptLimits = PromptLimits { file: 100, total: 150 };

    #[tokio::test]
    async fn files_stand_in_the_prompt_within_bounds() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Workspaces::default().files(dir.path(), LIMITS).await, Files::default());
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("SOUL.md", "Be kind.\n");
        write("AGENTS.md", &"é".repeat(101));
        write("IDENTITY.md", " \n");
        write("MEMORY.md", &"m".repeat(101));
        let files = Workspaces::default().files(dir.path(), LIMITS).await;
        let cut = "[The rest of this file is left out: it is longer than 100 characters.]";
        assert_eq!(
            *files.open,
            format!("\n\n# AGENTS.md\n\n{}\n\n{cut}\n\n# SOUL.md\n\nBe kind.", "é".repeat(100))
        );
        assert!(!files.private.contains(&"m".repeat(50)), "what is left of the total: {}", files.private);
        write("USER.md", &"u".repeat(USER_CHARS + 1));
        let files = Workspaces::default().files(dir.path(), PromptLimits::default()).await;
        assert!(
            files.open.contains(&"u".repeat(USER_CHARS)) && !files.open.contains(&"u".repeat(USER_CHARS + 1))
        );
        assert!(files.private.ends_with(&"m".repeat(101)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_file_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let workspaces = Workspaces::default();
        let first = workspaces.files(dir.path(), LIMITS).await;
        std::fs::write(dir.path().join("SOUL.md"), "Be kind.").unwrap();
        assert_eq!(workspaces.files(dir.path(), LIMITS).await, first, "looked at a moment ago");
        tokio::time::advance(LOOK_EVERY).await;
        assert!(workspaces.files(dir.path(), LIMITS).await.open.contains("Be kind."));
        let fewer = PromptLimits { file: 2, total: 2 };
        assert!(workspaces.files(dir.path(), fewer).await.open.contains("longer than 2 characters"));
    }
}
