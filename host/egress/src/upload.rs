//! The body of a request: whole, or piece by piece with a length that is known before.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// What a request carries.
#[derive(Debug)]
pub struct Upload {
    /// Bytes that are still to be sent.
    left: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Whole(Bytes),
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

impl Upload {
    /// `length` bytes in all, as they come. An error, fewer or more bytes break the request off.
    #[must_use]
    pub const fn pieces(length: u64, pieces: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { left: length, source: Source::Pieces(pieces) }
    }

    /// Whether nothing is sent at all.
    pub(crate) const fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl From<Bytes> for Upload {
    fn from(whole: Bytes) -> Self {
        Self { left: whole.len() as u64, source: Source::Whole(whole) }
    }
}

impl From<Vec<u8>> for Upload {
    fn from(whole: Vec<u8>) -> Self {
        Bytes::from(whole).into()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match &mut self.source {
            Source::Whole(whole) => Some(Ok(std::mem::take(whole))),
            Source::Pieces(pieces) => std::task::ready!(pieces.poll_recv(cx)),
        };
        Poll::Ready(Some(match piece {
            Some(Ok(piece)) if piece.len() as u64 <= self.left => {
                self.left -= piece.len() as u64;
                Ok(Frame::data(piece))
            }
            Some(Ok(_longer)) => Err(io::Error::other("the body is longer than was announced")),
            Some(Err(error)) => Err(error),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
