//! A connection's stream, watched: a request's head has to be complete in time, an idle connection has an end, and a peer
//! that reads nothing is given up. Bodies are bounded by whoever reads them. What a request says is not known here, but
//! for the one contradiction that the parser above resolves silently: a length next to a transfer coding. The parser's own
//! refusals get the headers that every answer has.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::reply;

/// From the opening of a connection, and from the first byte of a later request, to the end of the head.
pub(crate) const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(60);
/// How long a peer may take nothing of what is written to it.
const STALLED: Duration = Duration::from_secs(60);

/// What a connection is doing.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The phase in the two lowest bits, above them the number of requests so far. Only the service writes it.
    state: AtomicU32,
    /// The head that was read last has both `Content-Length` and `Transfer-Encoding`.
    contradicts: AtomicBool,
}

/// It waits for a head.
const WAITING: u32 = 0;
/// A request is being answered.
const SERVING: u32 = 1;
/// Another protocol took it over.
const HANDED_OVER: u32 = 2;
/// The bits of the phase.
const PHASE: u32 = 3;

impl Progress {
    /// A head is complete. Returns whether it contradicts itself.
    pub(crate) fn serving(&self) -> bool {
        let requests = (self.state() & !PHASE).wrapping_add(PHASE + 1);
        self.state.store(requests | SERVING, Ordering::Relaxed);
        self.contradicts.swap(false, Ordering::Relaxed)
    }

    /// The answer is complete.
    pub(crate) fn waiting(&self) {
        if self.phase() == SERVING {
            self.state.store(self.state() & !PHASE, Ordering::Relaxed);
        }
    }

    /// The connection is no longer HTTP.
    pub(crate) fn handed_over(&self) {
        self.state.store(HANDED_OVER, Ordering::Relaxed);
    }

    fn state(&self) -> u32 {
        self.state.load(Ordering::Relaxed)
    }

    fn phase(&self) -> u32 {
        self.state() & PHASE
    }
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    inner: S,
    progress: Arc<Progress>,
    /// Until when the head has to be there, or its first byte.
    due: Instant,
    /// The state for which `due` holds.
    known: u32,
    /// A byte of the head has come.
    begun: bool,
    /// Since when nothing can be written.
    stalled: Option<Instant>,
    /// One timer for all of these; there is none before the first wait and after the hand-over.
    timer: Option<Pin<Box<Sleep>>>,
    lines: Lines,
    /// A refusal of the parser on its way, with what was added.
    refusal: Option<Refusal>,
}

/// An answer that no service gave.
#[derive(Debug)]
struct Refusal {
    bytes: Vec<u8>,
    written: usize,
    /// How much of it the parser knows of.
    claimed: usize,
}

impl Refusal {
    /// Recognises a refusal by what it lacks, and adds it behind the status line.
    fn of(written: &[u8]) -> Option<Refusal> {
        if !written.starts_with(b"HTTP/1.1 4") {
            return None;
        }
        let added: Vec<u8> = reply::always().collect();
        let line = written.iter().position(|&byte| byte == b'\n')? + 1;
        let (status, rest) = written.split_at_checked(line)?;
        let lacks = !rest.windows(NOSNIFF.len()).any(|window| window.eq_ignore_ascii_case(NOSNIFF));
        let bytes = [status, &added, rest].concat();
        lacks.then_some(Refusal { bytes, written: 0, claimed: written.len() })
    }
}

/// What every answer of a service has.
const NOSNIFF: &[u8] = b"x-content-type-options";

impl<S> Watched<S> {
    /// The first head is due `HEAD` after `opened`.
    pub(crate) fn new(inner: S, opened: Instant) -> (Watched<S>, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        let watched = Watched {
            inner,
            progress: Arc::clone(&progress),
            due: opened + HEAD,
            known: WAITING,
            begun: true,
            stalled: None,
            timer: None,
            lines: Lines::default(),
            refusal: None,
        };
        (watched, progress)
    }

    /// Whether `deadline` has passed; if not, the task is woken then. The timer may stand for an earlier time and goes
    /// on from there: most deadlines are replaced by later ones, and setting a timer takes a lock that all share.
    fn is_over(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return true;
            }
            timer.as_mut().reset(deadline);
        }
        false
    }
}

fn timed_out(what: &'static str) -> Poll<io::Result<()>> {
    Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)))
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let state = this.progress.state();
        match state & PHASE {
            WAITING => {}
            SERVING => return Pin::new(&mut this.inner).poll_read(cx, buf),
            _ => {
                this.timer = None;
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            }
        }
        if state != this.known {
            this.known = state;
            this.due = Instant::now() + IDLE;
            this.begun = false;
            this.lines = Lines::default();
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let read = buf.filled().get(before..).unwrap_or_default();
                if !this.begun && !read.is_empty() {
                    this.begun = true;
                    this.due = Instant::now() + HEAD;
                }
                if this.lines.read(read) {
                    this.progress.contradicts.store(true, Ordering::Relaxed);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if this.is_over(this.due, cx) => {
                timed_out(if this.begun { "the head of a request is too slow" } else { "idle" })
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// Looks at what came of writing.
    fn wrote<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        if self.progress.phase() == HANDED_OVER {
            return polled;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        if self.is_over(since + STALLED, cx) {
            let why = io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing");
            return Poll::Ready(Err(why));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// Notices a refusal of the parser by its first bytes.
    fn notice_refusal(&mut self, first: &[u8]) {
        if self.refusal.is_none() && self.progress.phase() == WAITING {
            self.refusal = Refusal::of(first);
        }
    }

    /// Writes the refusal that is on its way; ready with how much of it the parser knows of.
    fn write_refusal(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Result<usize>>> {
        let refusal = self.refusal.as_mut()?;
        loop {
            let rest = refusal.bytes.get(refusal.written..).unwrap_or_default();
            if rest.is_empty() {
                let claimed = refusal.claimed;
                self.refusal = None;
                return Some(Poll::Ready(Ok(claimed)));
            }
            match Pin::new(&mut self.inner).poll_write(cx, rest) {
                Poll::Ready(Ok(written)) if written > 0 => refusal.written += written,
                other => return Some(other),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.notice_refusal(buf);
        let polled = self.write_refusal(cx);
        let polled = polled.unwrap_or_else(|| Pin::new(&mut self.inner).poll_write(cx, buf));
        self.wrote(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.notice_refusal(bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf));
        let polled = self.write_refusal(cx);
        // An answer leaves whole: its head alone would be a packet of its own.
        let polled = polled.unwrap_or_else(|| Pin::new(&mut self.inner).poll_write_vectored(cx, bufs));
        self.wrote(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.wrote(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.wrote(polled, cx)
    }
}

/// Looks for two names at the beginning of a head's lines. Keeps no more than a name's length.
#[derive(Debug, Default)]
struct Lines {
    /// The line so far, in lower case, as far as it can still be one of the names.
    name: [u8; 18],
    length: usize,
    has_length: bool,
    has_coding: bool,
    begun: bool,
    over: bool,
}

impl Lines {
    /// Reads on; true once both were there.
    fn read(&mut self, mut bytes: &[u8]) -> bool {
        while !self.over && !bytes.is_empty() {
            let (line, rest) = match memchr::memchr(b'\n', bytes) {
                Some(end) => bytes.split_at(end + 1),
                None => (bytes, &[][..]),
            };
            self.name(line);
            if line.ends_with(b"\n") {
                // Blank lines before the first one belong to nothing.
                self.over = self.begun && self.length == 0;
                self.begun |= self.length > 0;
                self.length = 0;
            }
            bytes = rest;
        }
        self.has_length && self.has_coding
    }

    /// Reads on within a line, as far as a name may go.
    fn name(&mut self, line: &[u8]) {
        for &byte in line {
            let Some(slot) = self.name.get_mut(self.length) else { break };
            match byte {
                b'\r' | b'\n' => {}
                b':' => {
                    match self.name.get(..self.length) {
                        Some(b"content-length") => self.has_length = true,
                        Some(b"transfer-encoding") => self.has_coding = true,
                        _ => {}
                    }
                    // What follows is a value.
                    self.length = self.name.len();
                }
                other => {
                    *slot = other.to_ascii_lowercase();
                    self.length += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const SECOND: Duration = Duration::from_secs(1);

    fn stream() -> (DuplexStream, Watched<DuplexStream>, Arc<Progress>) {
        let (far, near) = duplex(64);
        let (watched, progress) = Watched::new(near, Instant::now());
        (far, watched, progress)
    }

    /// The error that ends reading, and after how many seconds.
    async fn end(watched: &mut Watched<DuplexStream>) -> (io::ErrorKind, u64) {
        let begun = Instant::now();
        let mut buffer = [0; 64];
        loop {
            if let Err(error) = watched.read(&mut buffer).await {
                return (error.kind(), begun.elapsed().as_secs());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_is_given_up_after_ten_seconds() {
        let (mut far, mut watched, _progress) = stream();
        let drip = tokio::spawn(async move {
            while far.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SECOND).await;
            }
        });
        assert_eq!(end(&mut watched).await, (io::ErrorKind::TimedOut, 10));
        drop(watched);
        drip.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_longer_and_its_next_head_again_ten_seconds() {
        let (mut far, mut watched, progress) = stream();
        assert!(!progress.serving());
        progress.waiting();
        let next = tokio::spawn(async move {
            tokio::time::sleep(30 * SECOND).await;
            far.write_all(b"G").await.unwrap();
            far
        });
        assert_eq!(end(&mut watched).await, (io::ErrorKind::TimedOut, 40));
        drop(next);
        let (_far, mut watched, progress) = stream();
        progress.serving();
        progress.waiting();
        assert_eq!(end(&mut watched).await, (io::ErrorKind::TimedOut, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_due_while_a_request_is_answered_or_after_the_hand_over() {
        for hand_over in [false, true] {
            let (_far, mut watched, progress) = stream();
            progress.serving();
            if hand_over {
                progress.handed_over();
            }
            let waited = tokio::time::timeout(3600 * SECOND, end(&mut watched)).await;
            assert!(waited.is_err(), "{waited:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_is_given_up() {
        let (_far, mut watched, progress) = stream();
        progress.serving();
        let begun = Instant::now();
        let error = watched.write_all(&[0; 1000]).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, STALLED));
    }

    #[tokio::test]
    async fn a_refusal_of_the_parser_gets_the_usual_headers_and_nothing_else_does() {
        async fn sent(text: &str, serving: bool) -> String {
            let (mut far, mut watched, progress) = stream();
            if serving {
                progress.serving();
            }
            let writing = async move {
                watched.write_all(text.as_bytes()).await.unwrap();
                drop(watched);
            };
            let mut read = String::new();
            let (_, ended) = tokio::join!(writing, far.read_to_string(&mut read));
            ended.unwrap();
            read
        }
        let refusal = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n";
        let sent_refusal = sent(refusal, false).await;
        assert!(sent_refusal.contains("Too Large\r\nx-content-type-options: nosniff\r\n"), "{sent_refusal}");
        assert!(sent_refusal.ends_with("geolocation=()\r\nconnection: close\r\n\r\n"), "{sent_refusal}");
        assert_eq!(sent(refusal, true).await, refusal);
        for whole in
            ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 404 Not Found\r\nX-Content-Type-Options: nosniff\r\n\r\n"]
        {
            assert_eq!(sent(whole, false).await, whole);
        }
    }

    #[tokio::test]
    async fn an_answer_leaves_whole_though_its_body_is_given_back_already() {
        let (_far, mut watched, progress) = stream();
        progress.serving();
        progress.waiting();
        let pieces = [io::IoSlice::new(b"HTTP/1.1 200 OK\r\n\r\n"), io::IoSlice::new(b"body")];
        let written =
            std::future::poll_fn(|cx| Pin::new(&mut watched).poll_write_vectored(cx, &pieces)).await;
        assert_eq!(written.unwrap(), 23);
    }

    #[test]
    fn a_length_beside_a_coding_is_noticed_however_the_bytes_come() {
        let check = |head: &str, expected: bool| {
            for size in [1, 7, head.len()] {
                let mut lines = Lines::default();
                let found = head.as_bytes().chunks(size).fold(false, |_, piece| lines.read(piece));
                assert_eq!(found, expected, "{head:?} in pieces of {size}");
            }
        };
        check("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", true);
        check("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH: 3\r\n\r\n", true);
        check("\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", true);
        check("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nTransfer-Encoding: x\r\n", false);
        check("POST / HTTP/1.1\r\nx: Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false);
        check("POST / HTTP/1.1\r\nContent-Length-Of: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false);
    }
}
