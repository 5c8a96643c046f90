//! Compiles components that nobody vouches for, in a process of its own: the compiler's appetite is bounded by the kernel, so
//! that a component made to exhaust it ends that process and nothing else.
//!
//! The process is this program again, with arguments that make it call [`compile_here`]. It is told what to do over its
//! standard input: one line, then the component. What it makes lies in the artifact cache, where the asking side finds it
//! like any other artifact; what it says goes to its standard error.

use std::ffi::OsString;
use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use openclaw_packages::Kind;
use rustix::process::{Resource, Rlimit, setpriority_process, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::artifact::ArtifactCache;
use crate::engine::{self, Effort};
use crate::error::cut;

/// Bytes of one file that it may write.
const ARTIFACT: u64 = 256 << 20;
/// Threads of the process. More would want more address space than it has, on a machine with many cores.
const THREADS: &str = "4";
/// How far the process stands back behind others that want to compute.
const NICE: i32 = 5;
/// Exit codes of the process.
const FAILED: u8 = 1;
const INVALID: u8 = 2;
/// Bytes of what it says that are kept.
const WORDS: usize = 2 << 10;

/// Why there is no artifact, for people.
#[derive(Debug)]
pub(crate) enum NotCompiled {
    /// The component is not valid: the engine's own words.
    Invalid(String),
    /// The compiler ran into a limit, or could not be run.
    Failed(String),
}

impl Effort {
    /// The word in an order.
    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Quick => "quick",
        }
    }
}

/// How to start the process.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// This program.
    pub program: PathBuf,
    /// What makes it call [`compile_here`].
    pub arguments: Vec<OsString>,
    /// Bytes of address space of the process.
    pub memory: u64,
    /// How long one component may take, whether it computes or not.
    pub patience: Duration,
}

impl Compiler {
    /// With limits that the largest known component does not come near: 1 GiB, and 30 s where that one takes a second.
    #[must_use]
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self { program, arguments, memory: 1 << 30, patience: Duration::from_secs(30) }
    }

    /// Compiles `wasm` into the cache at `cache`.
    ///
    /// # Errors
    /// Why there is no artifact, for people.
    pub(crate) async fn compile(
        &self,
        kind: Kind,
        effort: Effort,
        cache: &Path,
        digest: &str,
        wasm: &[u8],
    ) -> Result<(), NotCompiled> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().current_dir("/").kill_on_drop(true);
        command.env("RAYON_NUM_THREADS", THREADS);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let broken = |error: std::io::Error| {
            NotCompiled::Failed(format!("the compiler could not be started: {error}"))
        };
        let mut child = command.spawn().map_err(broken)?;
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let (memory, patience) = (self.memory, self.patience.as_secs().max(1));
        let (kind, effort) = (kind.as_str(), effort.as_str());
        let order = format!("{kind} {effort} {digest} {memory} {patience} {}\n", cache.display());
        let exchange = async {
            let told = async {
                if let Some(mut stdin) = stdin {
                    // A process that has ended reads nothing; how it ended says more.
                    if stdin.write_all(order.as_bytes()).await.is_ok() {
                        stdin.write_all(wasm).await.ok();
                    }
                }
            };
            let heard = async {
                let mut words = Vec::new();
                if let Some(stderr) = stderr {
                    // What cannot be read is not shown.
                    stderr.take(WORDS as u64).read_to_end(&mut words).await.ok();
                }
                String::from_utf8_lossy(&words).trim().to_owned()
            };
            let ((), words, status) = tokio::join!(told, heard, child.wait());
            (words, status)
        };
        match timeout(self.patience, exchange).await {
            Err(_elapsed) => {
                let most = self.patience.as_millis();
                Err(NotCompiled::Failed(format!("compiling it took longer than {most} ms")))
            }
            Ok((_, Err(error))) => Err(broken(error)),
            Ok((_, Ok(status))) if status.success() => Ok(()),
            Ok((words, Ok(status))) => Err(match status.code() {
                Some(code) if code == i32::from(INVALID) => {
                    NotCompiled::Invalid(cut(&words, WORDS).to_owned())
                }
                Some(code) if code == i32::from(FAILED) => NotCompiled::Failed(cut(&words, WORDS).to_owned()),
                // Out of memory ends in an abort, out of time in a signal.
                _ => NotCompiled::Failed(format!(
                    "compiling it took more than {} MiB of memory or {patience} s ({status})",
                    memory >> 20
                )),
            }),
        }
    }
}

/// Does what [`Compiler`] asks for over `input`: limits this process for good, reads a component and compiles it into the
/// cache. Says on the standard error what went wrong, and returns the process's exit code: 0 for an artifact, 2 for a component
/// that is not valid, 1 for anything else. Must be the only thing that the process does.
#[must_use]
pub fn compile_here(input: impl BufRead) -> u8 {
    let (code, why) = match prepare(input) {
        Err(why) => (FAILED, why),
        Ok(order) => match order.cache.compile(&order.compiler, &order.engine, &order.digest, &order.wasm) {
            Ok(()) => return 0,
            Err(error) => (INVALID, format!("{error:#}")),
        },
    };
    // Whoever is not there to hear it knows from the code.
    writeln!(std::io::stderr(), "{why}").ok();
    code
}

/// What is to be done.
struct Order {
    /// Makes the artifact.
    compiler: wasmtime::Engine,
    /// One like it that is going to run it: the artifact is named for it.
    engine: wasmtime::Engine,
    cache: ArtifactCache,
    digest: String,
    wasm: Vec<u8>,
}

fn prepare(mut input: impl BufRead) -> Result<Order, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{error:#}");
    let mut line = String::new();
    input.by_ref().take(8 << 10).read_line(&mut line).map_err(|error| failed(&error))?;
    let mut words = line.trim_end_matches('\n').splitn(6, ' ');
    let mut word = || {
        words.next().ok_or("the order is one line: kind, effort, digest, bytes of memory, seconds and cache")
    };
    let (kind, effort) = (word()?, word()?);
    let (digest, memory, patience, cache) = (word()?, word()?, word()?, word()?);
    let number = |word: &str| word.parse::<u64>().map_err(|error| failed(&error));
    let (memory, patience) = (number(memory)?, number(patience)?);
    let efforts = [Effort::Full, Effort::Quick];
    let effort = efforts.into_iter().find(|known| known.as_str() == effort);
    let effort = effort.ok_or("the effort is full or quick")?;
    let kind = [Kind::Channel, Kind::Provider].into_iter().find(|known| known.as_str() == kind);
    let kind = kind.ok_or("the kind is channel or provider")?;
    let engine = |effort| engine::compiler(kind, effort).map_err(|error| failed(&error));
    let (compiler, engine) = (engine(effort)?, engine(Effort::Full)?);
    let limits =
        [(Resource::As, memory), (Resource::Cpu, patience), (Resource::Fsize, ARTIFACT), (Resource::Core, 0)];
    for (resource, most) in limits {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(|error| failed(&error))?;
    }
    // Whoever is being served goes first. Where the system does not have it so, the component is compiled all the same.
    setpriority_process(None, NICE).ok();
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm).map_err(|error| failed(&error))?;
    let (cache, digest) = (ArtifactCache::new(cache.into()), digest.to_owned());
    Ok(Order { compiler, engine, cache, digest, wasm })
}
