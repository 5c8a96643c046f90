//! Programs on the host's machine for guests: `openclaw:plugin/process`.
//!
//! A guest names an entry of its manifest; program and arguments are the operator's and the manifest's
//! ([`openclaw_packages::ResolvedProcess`]), no shell reads them, and the program gets none of the gateway's environment but
//! what it needs to find files and to speak the user's language.
//!
//! One task for each process, on the host's threads. The process has a group of its own, which is killed when the task ends:
//! with the process, with a `stop`, or with the instance.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use openclaw_failpoints::failpoint;
use openclaw_packages::ResolvedProcess;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use wasmtime::component::{Accessor, HasSelf};

use super::Guest;
use super::events::{EventQueue, Occurrence};
use super::log::clean;
use super::quota::{Budget, Verdict};
use super::under_way::Full;
use crate::bindings::channel::openclaw::plugin::process;
use crate::bindings::channel::openclaw::plugin::types::{Exited, Line};

/// Lines of a guest that wait for one process.
const OUTGOING: usize = 16;
/// How long a process may take to end once its input was closed.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a process may take to end once its output has.
const LAST: Duration = Duration::from_millis(200);
/// How long a process may take to read a line.
const WRITE: Duration = Duration::from_secs(10);
/// Programs that one instance may start in a minute: a program that ends is started again, but not without a pause.
pub(crate) const STARTS: u32 = 30;
/// Bytes of a line of standard error that are logged, and lines a minute.
const ERROR_LINE: usize = 4 << 10;
const ERROR_LINES: u32 = 60;
/// All of the gateway's environment that a process gets.
const ENVIRONMENT: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// The processes of one instance. Dropping it ends them all.
pub(crate) struct Processes {
    entries: Vec<Arc<ResolvedProcess>>,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    /// The number of the newest process.
    last: u32,
    by_number: BTreeMap<u32, Entry>,
}

struct Entry {
    entry: Arc<ResolvedProcess>,
    /// `None` once its end was asked for.
    lines: Option<mpsc::Sender<(String, oneshot::Sender<()>)>>,
    task: Option<AbortHandle>,
}

impl Processes {
    pub(crate) fn new(entries: Vec<ResolvedProcess>) -> Self {
        Self { entries: entries.into_iter().map(Arc::new).collect(), running: Arc::default() }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for running in lock(&self.running).by_number.values() {
            if let Some(task) = &running.task {
                task.abort();
            }
        }
    }
}

fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    // No code panics while it holds the lock; if one ever did, the map would still be consistent.
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process's place among those of its instance; free again when dropped.
struct Place {
    number: u32,
    running: Arc<Mutex<Running>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.running).by_number.remove(&self.number);
    }
}

/// A child and all that it started; killed when dropped.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // It fails when the last of the group has ended already, which is what it is for.
            kill_process_group(id, Signal::KILL).ok();
        }
    }
}

fn spawn(entry: &ResolvedProcess) -> std::io::Result<(Group, ChildStdin, BufReader<ChildStdout>)> {
    let environment = ENVIRONMENT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let mut command = Command::new(&entry.program);
    command.args(&entry.args).env_clear().envs(environment);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
    let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let group = Group { child, id };
    match stdin.zip(stdout) {
        Some((stdin, stdout)) => Ok((group, stdin, BufReader::new(stdout))),
        None => Err(std::io::Error::other("it has no standard input or output")),
    }
}

impl Guest {
    fn start_process(&mut self, name: &str) -> Result<u32, process::Error> {
        let entry = self.processes.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| {
            process::Error::Denied(format!(
                "no program for `{name}`: the manifest has no such [[process]] entry, or the configuration does not name it"
            ))
        })?;
        let entry = &Arc::clone(entry);
        let registry = Arc::clone(&self.processes.running);
        let mut running = lock(&registry);
        if running.by_number.values().any(|other| other.entry.name == name) {
            return Err(process::Error::Denied(format!("the process `{name}` is running already")));
        }
        if let Verdict::Refused(wait) = self.budgets.starts.take(std::time::Instant::now()) {
            return Err(process::Error::Denied(format!(
                "{STARTS} programs were started in this minute; it ends in {} ms",
                wait.as_millis()
            )));
        }
        // The child belongs to the runtime of the host's I/O, on whose threads it is waited for.
        let _io = self.io.enter();
        let (mut group, stdin, stdout) = spawn(entry).map_err(|why| {
            process::Error::NotStarted(format!("the program of `{name}` could not be started: {why}"))
        })?;
        running.last = running.last.wrapping_add(1);
        let number = running.last;
        let (lines, wishes) = mpsc::channel(OUTGOING);
        let place = Place { number, running: Arc::clone(&self.processes.running) };
        let (events, max_line) =
            (Arc::clone(&self.events), usize::try_from(entry.max_line).unwrap_or(usize::MAX));
        let errors = group.child.stderr.take();
        let (label, scrubber) = (Arc::clone(&self.label), Arc::clone(&self.scrubber));
        let task = self.io.spawn(async move {
            let complaints = async {
                let Some(errors) = errors else { return };
                let mut errors = BufReader::new(errors);
                let mut budget = Budget::new(ERROR_LINES);
                while let Some(line) = next_line(&mut errors, ERROR_LINE).await {
                    if let Verdict::Granted(_) = budget.take(std::time::Instant::now()) {
                        tracing::info!(plugin = %label, process = number, "{}", clean(&line, &scrubber));
                    }
                }
                // Its end is no end of the process.
                std::future::pending::<()>().await;
            };
            let life = async {
                tokio::select! {
                    code = live(number, &mut group, stdin, stdout, wishes, max_line, &events) => code,
                    () = complaints => None,
                }
            };
            // The guest hears of this end, too: it would wait for ever.
            let code = AssertUnwindSafe(life).catch_unwind().await.unwrap_or_default();
            drop((group, place));
            events.push(Occurrence::Exited(Exited { process: number, code })).await;
        });
        let task = Some(task.abort_handle());
        running.by_number.insert(number, Entry { entry: Arc::clone(entry), lines: Some(lines), task });
        Ok(number)
    }
}

/// Where the lines of a process go, if it takes this one.
fn writable(
    running: &Running,
    process: u32,
    line: &str,
) -> Result<mpsc::Sender<(String, oneshot::Sender<()>)>, process::Error> {
    let entry = running.by_number.get(&process).ok_or(process::Error::Ended)?;
    if line.len() as u64 > entry.entry.max_line || line.contains(['\n', '\r', '\0']) {
        let most = entry.entry.max_line;
        let rule = format!("a line has at most {most} bytes, and no line break and no NUL in it");
        return Err(process::Error::Denied(rule));
    }
    entry.lines.clone().ok_or(process::Error::Ended)
}

impl process::Host for Guest {
    fn stop(&mut self, process: u32) -> wasmtime::Result<()> {
        // Without a sender the task closes the standard input.
        if let Some(entry) = lock(&self.processes.running).by_number.get_mut(&process) {
            entry.lines = None;
        }
        Ok(())
    }
}

impl process::HostWithStore<Guest> for HasSelf<Guest> {
    async fn start(
        accessor: &Accessor<Guest, Self>,
        name: String,
    ) -> wasmtime::Result<Result<u32, process::Error>> {
        accessor.with(|mut access| {
            let guest = access.get();
            let _held = guest.begin_small()?;
            Ok(guest.start_process(&name))
        })
    }

    async fn write_line(
        accessor: &Accessor<Guest, Self>,
        process: u32,
        line: String,
    ) -> wasmtime::Result<Result<(), process::Error>> {
        let (held, found) = accessor.with(|mut access| {
            let guest = access.get();
            let Ok(held) = guest.begin(line.len())? else {
                return Ok((None, Err(process::Error::Denied(Full::WORDS.to_owned()))));
            };
            let running = lock(&guest.processes.running);
            Ok::<_, wasmtime::Error>((Some(held), writable(&running, process, &line)))
        })?;
        let _held = held;
        let lines = match found {
            Ok(lines) => lines,
            Err(error) => return Ok(Err(error)),
        };
        let (written, done) = oneshot::channel();
        if lines.send((line, written)).await.is_err() || done.await.is_err() {
            return Ok(Err(process::Error::Ended));
        }
        Ok(Ok(()))
    }
}

/// The life of a process; returns its exit code. Its standard input is closed when nothing more can be written to it.
async fn live(
    number: u32,
    group: &mut Group,
    stdin: ChildStdin,
    mut stdout: BufReader<ChildStdout>,
    wishes: mpsc::Receiver<(String, oneshot::Sender<()>)>,
    max_line: usize,
    events: &EventQueue,
) -> Option<i32> {
    failpoint!("runtime.process");
    let mut feeding = std::pin::pin!(feed(stdin, wishes));
    let mut reading = std::pin::pin!(async {
        while let Some(text) = next_line(&mut stdout, max_line).await {
            events.push(Occurrence::Line(Line { process: number, text })).await;
        }
    });
    // Its output ends with it; a process that closes its output and lives on has nothing more to say. One that ended and left
    // its output to a child of its own is not waited for any longer.
    tokio::select! {
        () = &mut reading => {}
        () = &mut feeding => drop(timeout(FAREWELL, &mut reading).await),
        _ = group.child.wait() => drop(timeout(FAREWELL, &mut reading).await),
    }
    // What has not ended by now is killed with its group, and has no code.
    match timeout(LAST, group.child.wait()).await {
        Ok(Ok(status)) => status.code(),
        Ok(Err(_)) | Err(_) => None,
    }
}

/// Writes what the guest wants until it wants no more or the process does not read; the input is closed then.
async fn feed(mut stdin: ChildStdin, mut wishes: mpsc::Receiver<(String, oneshot::Sender<()>)>) {
    while let Some((mut line, written)) = wishes.recv().await {
        line.push('\n');
        let write = async {
            stdin.write_all(line.as_bytes()).await?;
            stdin.flush().await
        };
        if !matches!(timeout(WRITE, write).await, Ok(Ok(()))) {
            return;
        }
        // Nobody waits when the guest has dropped the call.
        written.send(()).ok();
    }
}

/// The next line without its end, at most `most` bytes of it; the rest of a longer one is passed over. `None` at the end.
async fn next_line(output: &mut (impl AsyncBufRead + Unpin), most: usize) -> Option<String> {
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let read = output.fill_buf().await.ok()?;
        if read.is_empty() {
            return any.then(|| text(line));
        }
        any = true;
        let end = read.iter().position(|byte| *byte == b'\n');
        let upto = end.unwrap_or(read.len());
        let room = most.saturating_sub(line.len()).min(upto);
        line.extend_from_slice(read.get(..room).unwrap_or_default());
        let used = end.map_or(upto, |end| end + 1);
        output.consume(used);
        if end.is_some() {
            return Some(text(line));
        }
    }
}

fn text(mut line: Vec<u8>) -> String {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).unwrap_or_else(|odd| String::from_utf8_lossy(odd.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_cut_at_their_bound_and_end_with_the_output() {
        let mut output: &[u8] = b"one\r\n\nlonger than five\nla\xffst";
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut output, 5).await {
            lines.push(line);
        }
        assert_eq!(lines, ["one", "", "longe", "la\u{fffd}st"]);
    }
}
