//! Runs a program for what it prints: within a time, up to a size, and without a terminal. Whatever the program does, the
//! caller goes on; what it says on standard error is never seen, since it may hold secrets.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How often a program that has closed its output is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);
const CHUNK: usize = 8 * 1024;

/// What a program may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// In all.
    pub(crate) timeout: Duration,
    /// Without printing anything.
    pub(crate) silence: Duration,
    /// On standard output, in bytes.
    pub(crate) most_bytes: u64,
}

/// Why there is no output. The words go behind "the program …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot be started: {0}")]
    Start(std::io::ErrorKind),
    #[error("did not end within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("printed nothing for {} ms", .0.as_millis())]
    Silent(Duration),
    #[error("printed more than {0} bytes")]
    TooMuch(u64),
    #[error("ended with exit code {0}")]
    Exit(i32),
    #[error("was ended by signal {0}")]
    Signal(i32),
}

/// Runs `command` with `input` on its standard input and returns what it printed. `input` must fit into a pipe (4 KiB).
pub(crate) fn run(mut command: Command, input: &[u8], bounds: Bounds) -> Result<Vec<u8>, RunError> {
    let began = Instant::now();
    // A group of its own, so that what the program starts ends with it and no signal of a terminal reaches it.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(|error| RunError::Start(error.kind()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read what it is asked may still answer.
        stdin.write_all(input).ok();
    }
    let outcome = collect(&mut child, began, bounds);
    match outcome {
        Ok((output, status)) => match (status.code(), status.signal()) {
            (Some(0), _) => Ok(output),
            (Some(code), _) => Err(RunError::Exit(code)),
            (None, signal) => Err(RunError::Signal(signal.unwrap_or_default())),
        },
        Err(error) => {
            end(child);
            Err(error)
        }
    }
}

fn collect(child: &mut Child, began: Instant, bounds: Bounds) -> Result<(Vec<u8>, ExitStatus), RunError> {
    let (chunks, reader) = reader(child);
    let deadline = began + bounds.timeout;
    let mut spoke = began;
    let mut output = Vec::new();
    loop {
        let now = Instant::now();
        let left = deadline.min(spoke + bounds.silence).saturating_duration_since(now);
        match chunks.recv_timeout(left) {
            Ok(chunk) => {
                spoke = Instant::now();
                output.extend_from_slice(&chunk);
                if output.len() as u64 > bounds.most_bytes {
                    return Err(RunError::TooMuch(bounds.most_bytes));
                }
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {
                return Err(RunError::Silent(bounds.silence));
            }
            Err(RecvTimeoutError::Timeout) => return Err(RunError::Timeout(bounds.timeout)),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // It has ended. A starting gateway asks for the local time zone next, which no second thread may see.
    if let Some(reader) = reader {
        reader.join().ok();
    }
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok((output, status)),
            Ok(None) if Instant::now() >= deadline => return Err(RunError::Timeout(bounds.timeout)),
            Ok(None) => std::thread::park_timeout(POLL),
            Err(error) => return Err(RunError::Start(error.kind())),
        }
    }
}

/// Reads on a thread of its own, which ends with the output or with the receiver. It holds at most one chunk.
fn reader(child: &mut Child) -> (Receiver<Vec<u8>>, Option<JoinHandle<()>>) {
    let (sender, receiver) = sync_channel(0);
    let reader = child.stdout.take().map(|mut stdout| {
        std::thread::spawn(move || {
            let mut chunk = vec![0; CHUNK];
            loop {
                match stdout.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(read) => {
                        let part = chunk.get(..read).unwrap_or_default().to_vec();
                        if sender.send(part).is_err() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        })
    });
    (receiver, reader)
}

/// Kills the program and what it started. The kernel's word that it is gone is waited for elsewhere.
fn end(mut child: Child) {
    // It may have ended by itself meanwhile.
    kill_process_group(Pid::from_child(&child), Signal::KILL).ok();
    child.kill().ok();
    std::thread::spawn(move || child.wait());
}
