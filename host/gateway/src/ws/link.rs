//! The gateway's end of one WebSocket. What the peer sends is read and judged by the library; what we say is written
//! here, because a server's frames are not masked: their bytes can be shared by all who get them, and nothing stays
//! allocated once they are gone. Knows nothing about what is said.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use openclaw_protocol::{MAX_PAYLOAD, MAX_PREAUTH_PAYLOAD};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::outbound::Outgoing;

/// Bytes that are read at once, and what a silent client costs; messages may be longer.
const READ_BUFFER: usize = 1024;
/// Bytes that may be on their way before more frames are taken from the queue.
const ROOM: usize = 64 * 1024;
/// A frame whose text is shorter is copied: two small pieces cost more than their bytes.
const COPIED: usize = 1024;
/// Pieces that one write carries.
const PIECES: usize = 16;
/// Room for so many pieces is kept when nothing is to be written.
const KEPT: usize = 4;
/// While so many bytes of pongs wait, the peer is not read: it could make us hoard them.
const CONTROL: usize = 4096;

/// What happened on the link.
#[derive(Debug)]
pub(super) enum Happened {
    /// The peer said something.
    Message(Message),
    /// The socket takes no more at the moment.
    Stalled,
    /// Everything is written.
    Written,
}

/// One end of a WebSocket.
pub(super) struct Link<S> {
    io: S,
    context: WebSocketContext,
    /// Whole pongs, pings and close frames, which go out between two other frames.
    control: Vec<u8>,
    /// What is being written, in order.
    pieces: VecDeque<Bytes>,
    /// Bytes in `pieces`.
    pending: usize,
    unflushed: bool,
    stalled: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// A link that takes frames of [`MAX_PREAUTH_PAYLOAD`] until [`Link::trust`].
    pub(super) fn new(io: S) -> Link<S> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_PREAUTH_PAYLOAD))
            .max_frame_size(Some(MAX_PREAUTH_PAYLOAD))
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0);
        Link {
            io,
            context: WebSocketContext::new(Role::Server, Some(config)),
            control: Vec::new(),
            pieces: VecDeque::new(),
            pending: 0,
            unflushed: false,
            stalled: false,
        }
    }

    /// From now on the peer may send frames of [`MAX_PAYLOAD`].
    pub(super) fn trust(&mut self) {
        self.context.set_config(|config| {
            config.max_message_size = Some(MAX_PAYLOAD);
            config.max_frame_size = Some(MAX_PAYLOAD);
        });
    }

    /// Whether another frame should be put on its way.
    pub(super) fn has_room(&self) -> bool {
        self.pending < ROOM
    }

    /// Whether nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.pieces.is_empty() && self.control.is_empty()
    }

    /// Puts a frame from the queue on its way.
    pub(super) fn load(&mut self, frame: Outgoing) {
        let (head, tail) = frame.pieces();
        self.text(head, tail.unwrap_or_default());
    }

    /// Puts a frame with this text on its way.
    pub(super) fn say(&mut self, text: String) {
        self.text(text.into(), String::new());
    }

    fn text(&mut self, head: Bytes, tail: String) {
        self.admit_control();
        let length = head.len() + tail.len();
        let header = FrameHeader {
            is_final: true,
            opcode: OpCode::Data(Data::Text),
            mask: None,
            ..FrameHeader::default()
        };
        let copied = if head.len() < COPIED { head.len() } else { 0 };
        let mut start = Vec::with_capacity(header.len(length as u64) + copied + tail.len());
        if header.format(length as u64, &mut start).is_err() {
            // Writing to memory does not fail.
            return;
        }
        if copied > 0 {
            start.extend_from_slice(&head);
            start.extend_from_slice(tail.as_bytes());
            self.piece(start.into());
        } else {
            self.piece(start.into());
            self.piece(head);
            self.piece(tail.into());
        }
    }

    fn piece(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.pending += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// Lets the control frames out that wait, between the frames before and after them.
    fn admit_control(&mut self) {
        let waiting = std::mem::take(&mut self.control);
        self.piece(waiting.into());
    }

    /// Puts a ping on its way.
    pub(super) fn ping(&mut self) {
        self.control_frame(Message::Ping(Bytes::new()));
    }

    /// Puts a close frame on its way; nothing else can be said afterwards.
    pub(super) fn close(&mut self, frame: CloseFrame) {
        self.control_frame(Message::Close(Some(frame)));
    }

    fn control_frame(&mut self, message: Message) {
        let mut side = Control(&mut self.control);
        // It fails only when a close frame went out already; then there is nothing left to say.
        drop(self.context.write(&mut side, message));
        self.admit_control();
    }

    /// Waits for the next thing that happens. Safe to drop while it waits.
    ///
    /// # Errors
    /// When the peer has gone or broke the rules.
    pub(super) async fn next(&mut self) -> Result<Happened, Error> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Happened, Error>> {
        loop {
            let waited = !self.pieces.is_empty();
            let written = self.poll_write(cx)?;
            if written.is_pending() && !std::mem::replace(&mut self.stalled, true) {
                return Poll::Ready(Ok(Happened::Stalled));
            }
            if written.is_ready() && waited {
                self.stalled = false;
                return Poll::Ready(Ok(Happened::Written));
            }
            if written.is_ready() && !self.control.is_empty() {
                // Pongs are to be written.
                self.admit_control();
                continue;
            }
            if self.control.len() > CONTROL {
                return Poll::Pending;
            }
            let mut side = Side { io: &mut self.io, cx, control: &mut self.control };
            match self.context.read(&mut side) {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.control.is_empty() || written.is_pending() {
                        return Poll::Pending;
                    }
                }
                done => return Poll::Ready(done.map(Happened::Message)),
            }
        }
    }

    /// Writes what is on its way.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            let slices = slices.get(..count).unwrap_or_default();
            match Pin::new(&mut self.io).poll_write_vectored(cx, slices) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.written(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            self.unflushed = true;
        }
        self.pieces.shrink_to(KEPT);
        if self.unflushed {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn written(&mut self, mut count: usize) {
        self.pending = self.pending.saturating_sub(count);
        while let Some(first) = self.pieces.front_mut() {
            let part = count.min(first.len());
            first.advance(part);
            count -= part;
            if !first.is_empty() {
                return;
            }
            self.pieces.pop_front();
        }
    }

    /// Writes what is on its way, and waits until it has left.
    ///
    /// # Errors
    /// When the peer has gone.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.admit_control();
        poll_fn(|cx| self.poll_write(cx)).await
    }

    /// After a close frame of either side: waits for the other's.
    pub(super) async fn closed(&mut self) {
        // Whatever ends it, the connection has ended; the answer to the peer's close frame may still be here.
        while self.next().await.is_ok() {}
        drop(self.flush().await);
    }

    /// After a close frame to a peer that broke the rules: says that nothing follows, and reads on so that what the peer
    /// still sends does not tear the connection down before it has read the close frame.
    ///
    /// # Errors
    /// When the peer has gone.
    pub(super) async fn linger(&mut self) -> io::Result<()> {
        self.flush().await?;
        poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx)).await?;
        let mut ignored = [0; READ_BUFFER];
        loop {
            let mut ignored = ReadBuf::new(&mut ignored);
            poll_fn(|cx| Pin::new(&mut self.io).poll_read(cx, &mut ignored)).await?;
            if ignored.filled().is_empty() {
                return Ok(());
            }
        }
    }
}

/// The socket as the library reads it. What the library writes are control frames; they are kept until it is their turn.
struct Side<'a, 'cx, S> {
    io: &'a mut S,
    cx: &'a mut Context<'cx>,
    control: &'a mut Vec<u8>,
}

impl<S: AsyncRead + Unpin> Read for Side<'_, '_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut into = ReadBuf::new(into);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut into) {
            Poll::Ready(Ok(())) => Ok(into.filled().len()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S> Write for Side<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.control.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same where nothing is read.
struct Control<'a>(&'a mut Vec<u8>);

impl Read for Control<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Control<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::outbound::{Outbound, SharedEvent, Weight};
    use futures::{FutureExt, SinkExt, StreamExt};
    use serde_json::{Value, json, value::to_raw_value};
    use tokio::io::{AsyncWriteExt, DuplexStream};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::error::CapacityError;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

    type Peer = WebSocketStream<DuplexStream>;

    async fn pair(buffer: usize) -> (Link<DuplexStream>, Peer) {
        let (far, near) = tokio::io::duplex(buffer);
        (Link::new(near), WebSocketStream::from_raw_socket(far, Role::Client, None).await)
    }

    fn event(text: &str) -> Outgoing {
        let shared =
            SharedEvent::new("chat", &to_raw_value(&json!({ "text": text })).unwrap(), None).unwrap();
        let outbound = Outbound::new();
        outbound.event(&shared, Weight::Needed);
        outbound.take(true).unwrap().unwrap()
    }

    /// Drives the link until the peer has a message.
    async fn heard(link: &mut Link<DuplexStream>, peer: &mut Peer) -> Message {
        loop {
            tokio::select! {
                biased;
                message = peer.next() => return message.unwrap().unwrap(),
                happened = link.next() => { happened.unwrap(); }
            }
        }
    }

    #[tokio::test]
    async fn short_and_long_frames_arrive_whole_through_a_narrow_socket() {
        let (mut link, mut peer) = pair(100).await;
        for size in [0, 100, COPIED, 70_000] {
            let text = "x".repeat(size);
            link.load(event(&text));
            link.ping();
            link.say(json!({ "after": size }).to_string());
            let Message::Text(frame) = heard(&mut link, &mut peer).await else { panic!("no event") };
            let frame: Value = serde_json::from_str(&frame).unwrap();
            assert_eq!((frame["payload"]["text"].as_str(), &frame["seq"]), (Some(&*text), &json!(1)));
            assert!(matches!(heard(&mut link, &mut peer).await, Message::Ping(_)));
            assert_eq!(
                heard(&mut link, &mut peer).await,
                Message::text(json!({ "after": size }).to_string())
            );
        }
        link.flush().await.unwrap();
        assert!(link.pending == 0 && link.pieces.capacity() <= 2 * KEPT, "{}", link.pieces.capacity());
    }

    #[tokio::test]
    async fn a_socket_that_takes_no_more_is_reported_once_and_so_is_its_end() {
        let (mut link, mut peer) = pair(100).await;
        link.say("x".repeat(1000));
        assert!(matches!(link.next().await.unwrap(), Happened::Stalled));
        assert!(link.next().now_or_never().is_none());
        // What the peer says is heard meanwhile.
        peer.send(Message::text("hello")).await.unwrap();
        assert!(matches!(link.next().await.unwrap(), Happened::Message(Message::Text(_))));
        let reader = tokio::spawn(async move { peer.next().await.unwrap().unwrap() });
        assert!(matches!(link.next().await.unwrap(), Happened::Written));
        assert_eq!(reader.await.unwrap(), Message::text("x".repeat(1000)));
    }

    #[tokio::test]
    async fn frames_before_the_handshake_are_small() {
        let (mut link, mut peer) = pair(1 << 20).await;
        peer.send(Message::text("x".repeat(MAX_PREAUTH_PAYLOAD))).await.unwrap();
        assert!(matches!(link.next().await.unwrap(), Happened::Message(_)));
        peer.send(Message::text("x".repeat(MAX_PREAUTH_PAYLOAD + 1))).await.unwrap();
        let refused = link.next().await;
        assert!(matches!(refused, Err(Error::Capacity(CapacityError::MessageTooLong { .. }))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_trusted_peer_may_send_more() {
        let (mut link, mut peer) = pair(1 << 20).await;
        link.trust();
        peer.send(Message::text("x".repeat(MAX_PREAUTH_PAYLOAD + 1))).await.unwrap();
        assert!(matches!(link.next().await.unwrap(), Happened::Message(_)));
    }

    #[tokio::test]
    async fn pings_of_a_peer_that_does_not_read_do_not_pile_up() {
        let (mut link, mut peer) = pair(1 << 20).await;
        for _ in 0..1000 {
            peer.send(Message::Ping(Bytes::from_static(&[0; 125]))).await.unwrap();
        }
        link.say("x".repeat(2 << 20));
        let mut pings = 0;
        while let Some(happened) = link.next().now_or_never() {
            pings += usize::from(matches!(happened.unwrap(), Happened::Message(_)));
        }
        assert!(link.control.len() < 2 * CONTROL && pings < 100, "{pings}");
        // They are answered once it reads.
        let mut pongs = 0;
        while pongs < 1000 {
            pongs += usize::from(matches!(heard(&mut link, &mut peer).await, Message::Pong(_)));
        }
    }

    #[tokio::test]
    async fn a_peer_that_closes_is_answered() {
        let (mut link, mut peer) = pair(1024).await;
        let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        peer.send(Message::Close(Some(frame.clone()))).await.unwrap();
        assert!(matches!(link.next().await, Ok(Happened::Message(Message::Close(_)))));
        link.closed().await;
        drop(link);
        assert_eq!(peer.next().await.unwrap().unwrap(), Message::Close(Some(frame)));
    }

    #[tokio::test]
    async fn a_close_frame_is_read_by_a_peer_that_goes_on_sending() {
        let (mut link, peer) = pair(1 << 20).await;
        let mut far = peer.into_inner();
        // A reserved bit, and then no frame at all.
        far.write_all(&[0xF1, 0x80, 0, 0, 0, 0]).await.unwrap();
        far.write_all(&[0; 10_000]).await.unwrap();
        assert!(matches!(link.next().await, Err(Error::Protocol(_))));
        link.close(CloseFrame { code: CloseCode::Protocol, reason: "protocol error".into() });
        let peer = async {
            let mut peer: Peer = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
            let closed = peer.next().await;
            drop(peer);
            closed.unwrap().unwrap()
        };
        let (_, message) = tokio::join!(link.linger(), peer);
        assert!(matches!(message, Message::Close(Some(frame)) if frame.code == CloseCode::Protocol));
    }
}
