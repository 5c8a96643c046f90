//! A stream that stops reading after a number of bytes, until it is opened: an unauthenticated peer cannot make the
//! gateway buffer more than that, whatever its frame headers promise.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Unlimited.
const OPEN: u64 = u64::MAX;

/// Lifts the limit of one stream.
#[derive(Debug, Clone)]
pub(super) struct Gate(Arc<AtomicU64>);

impl Gate {
    /// From now on everything may be read.
    pub(super) fn open(&self) {
        self.0.store(OPEN, Ordering::Relaxed);
    }

    /// Whether the limit was reached.
    pub(super) fn exhausted(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// The limited stream.
#[derive(Debug)]
pub(super) struct Gauge<S> {
    inner: S,
    left: Arc<AtomicU64>,
}

impl<S> Gauge<S> {
    /// Lets about `limit` bytes through: the read that crosses it still succeeds, the next one fails.
    pub(super) fn new(inner: S, limit: u64) -> (Gauge<S>, Gate) {
        let left = Arc::new(AtomicU64::new(limit));
        (Gauge { inner, left: Arc::clone(&left) }, Gate(left))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gauge<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::Error::other("too many bytes before the handshake")));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if left != OPEN {
            let read = buf.filled().len().saturating_sub(before) as u64;
            self.left.store(left.saturating_sub(read), Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gauge<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn reading_stops_at_the_limit_until_the_gate_opens() {
        let (mut far, near) = tokio::io::duplex(1024);
        let (mut stream, gate) = Gauge::new(near, 4);
        far.write_all(b"abcdefgh").await.unwrap();
        let mut four = [0; 4];
        stream.read_exact(&mut four).await.unwrap();
        assert!(stream.read_u8().await.is_err() && gate.exhausted());
        gate.open();
        stream.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"efgh");
    }
}
