//! The threads that write lines, so that no task ever waits for a disk or a terminal. Each has a bounded queue; lines
//! that do not fit are counted, and the count is written as soon as there is room again. A panic costs the lines of one write.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use openclaw_failpoints::failpoint;

/// Lines that may wait for the disk.
const QUEUE: usize = 4096;
/// Lines that are joined into one write.
const BATCH: usize = 256;
/// How long `close` waits for the queue to empty: a terminal that nobody reads must not hold up the exit.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// How soon `close` looks again whether there is room in the queue.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// After a panic, of which a line is written in turn.
const PANIC_PAUSE: Duration = Duration::from_millis(100);

/// Where a writer thread puts whole lines.
pub(super) trait Sink: Send + 'static {
    /// Writes lines that end in a line feed.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;
    /// The line that says how many were dropped before it, with its line feed.
    fn dropped(&self, count: u64) -> String;
}

enum Job {
    Line(String),
    Close(SyncSender<()>),
}

/// The sending half. Cloning is cheap.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread. It ends when every `Writer` is gone.
    pub(super) fn spawn(name: &str, sink: impl Sink) -> io::Result<Writer> {
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        let _detached: JoinHandle<()> =
            thread::Builder::new().name(name.to_owned()).spawn(move || drain(&queue, &counter, sink))?;
        Ok(Writer { jobs, dropped })
    }

    /// Queues one line that ends in a line feed; drops and counts it when the queue is full. Never waits.
    pub(super) fn line(&self, line: String) {
        match self.jobs.try_send(Job::Line(line)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until everything queued so far is written, at most `CLOSE_WAIT`.
    pub(super) fn close(&self) {
        let deadline = Instant::now() + CLOSE_WAIT;
        let (done, wait) = mpsc::sync_channel(1);
        let mut job = Job::Close(done);
        // A full queue empties as the lines are written; there is no way to be told.
        while let Err(TrySendError::Full(back)) = self.jobs.try_send(job) {
            if Instant::now() >= deadline {
                return;
            }
            job = back;
            thread::park_timeout(LOOK_AGAIN);
        }
        match wait.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

fn drain(queue: &mpsc::Receiver<Job>, dropped: &AtomicU64, mut sink: impl Sink) {
    let mut buffer = String::new();
    while let Ok(first) = queue.recv() {
        let (mut waiting, mut lines) = (None, 0);
        for job in std::iter::once(first).chain(queue.try_iter()).take(BATCH) {
            match job {
                Job::Line(line) => {
                    buffer.push_str(&line);
                    lines += 1;
                }
                Job::Close(done) => {
                    waiting = Some(done);
                    break;
                }
            }
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        // A log that cannot be written has nowhere else to complain; the lines are counted as dropped.
        let written = catch_unwind(AssertUnwindSafe(|| {
            failpoint!("log.write");
            if lost > 0 {
                buffer.push_str(&sink.dropped(lost));
            }
            if buffer.is_empty() { Ok(()) } else { sink.write(buffer.as_bytes()) }
        }));
        if !matches!(written, Ok(Ok(()))) {
            dropped.fetch_add(lost + lines, Ordering::Relaxed);
        }
        buffer.clear();
        if written.is_err() {
            #[allow(clippy::disallowed_methods, reason = "a thread of its own")]
            thread::sleep(PANIC_PAUSE);
        }
        if let Some(done) = waiting {
            // Whoever waited has given up: the lines are written all the same.
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Gated {
        gate: mpsc::Receiver<()>,
        written: Arc<Mutex<String>>,
    }

    impl Sink for Gated {
        fn write(&mut self, lines: &[u8]) -> io::Result<()> {
            self.gate.recv().map_err(io::Error::other)?;
            self.written.lock().unwrap().push_str(std::str::from_utf8(lines).unwrap());
            Ok(())
        }

        fn dropped(&self, count: u64) -> String {
            format!("dropped {count}\n")
        }
    }

    #[test]
    fn a_stuck_sink_never_blocks_the_caller_and_the_loss_is_told() {
        let (open, gate) = mpsc::channel();
        let written = Arc::new(Mutex::new(String::new()));
        let writer = Writer::spawn("test", Gated { gate, written: Arc::clone(&written) }).unwrap();
        // More than one batch in the sink's hands plus a full queue: the rest has no place.
        let sent = QUEUE + 2 * BATCH;
        for number in 0..sent {
            writer.line(format!("{number}\n"));
        }
        for _ in 0..sent {
            open.send(()).unwrap();
        }
        // Closing waits for its turn behind all that is queued.
        writer.close();
        let text = written.lock().unwrap().clone();
        let told: u64 =
            text.lines().filter_map(|line| line.strip_prefix("dropped ")?.parse::<u64>().ok()).sum();
        let kept = text.lines().filter(|line| !line.starts_with("dropped")).count();
        assert!(told > 0, "nothing was dropped");
        assert_eq!(kept + usize::try_from(told).unwrap(), sent);
    }

    /// Fails once, by an error or by a panic.
    struct Failing {
        failed: bool,
        panics: bool,
        written: Arc<Mutex<String>>,
    }

    impl Sink for Failing {
        fn write(&mut self, lines: &[u8]) -> io::Result<()> {
            if !std::mem::replace(&mut self.failed, true) {
                assert!(!self.panics, "as asked");
                return Err(io::Error::other("no space"));
            }
            self.written.lock().unwrap().push_str(std::str::from_utf8(lines).unwrap());
            Ok(())
        }

        fn dropped(&self, count: u64) -> String {
            format!("dropped {count}\n")
        }
    }

    #[test]
    fn lines_that_could_not_be_written_are_counted_and_the_thread_goes_on() {
        for panics in [false, true] {
            let written = Arc::new(Mutex::new(String::new()));
            let sink = Failing { failed: false, panics, written: Arc::clone(&written) };
            let writer = Writer::spawn("test", sink).unwrap();
            writer.line("a\n".to_owned());
            writer.close();
            writer.line("b\n".to_owned());
            writer.close();
            assert_eq!(*written.lock().unwrap(), "b\ndropped 1\n", "panics: {panics}");
        }
    }
}
