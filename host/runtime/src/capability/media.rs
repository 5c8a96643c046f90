//! Files of an account: `openclaw:plugin/media`.
//!
//! Bytes cross here piece by piece, at the pace of the slower side; where they are kept and how many there may be is the
//! business of the [`Media`] that was made for the account. What one instance may have under way is bounded here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use openclaw_failpoints::failpoint;
use openclaw_secrets::Scrubber;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::PollSender;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, HasSelf, Source, StreamConsumer, StreamReader, StreamResult};

use super::Guest;
use super::http::{Pieces, SECRET};
use super::under_way::{Full, Held};
use crate::bindings::channel::openclaw::plugin::media;
use crate::channel::facts::Over;
use crate::error::cut;

pub use crate::bindings::channel::openclaw::plugin::media::Description as MediaDescription;
pub use crate::bindings::channel::openclaw::plugin::media::Error as MediaError;
pub use crate::bindings::channel::openclaw::plugin::types::File as MediaFile;

/// Most files of one instance under way at once.
pub(crate) const TRANSFERS: usize = 8;
/// Bytes of one piece.
const PIECE: usize = 64 << 10;
/// Pieces of a file that wait for the slower side.
pub(super) const PIECES: usize = 4;
/// What a transfer holds of the host's memory.
pub(super) const HELD: usize = PIECE * (PIECES + 1);
/// The longest silence of a body that is taken in.
const SILENCE: Duration = Duration::from_secs(60);
const MIME: usize = 127;
const NAME: usize = 255;
/// The type of what has none.
const UNKNOWN: &str = "application/octet-stream";

/// An answer of the files that is on its way.
pub type MediaAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<T, MediaError>> + Send + 'a>>;

/// The files of one account. Implemented by the host above this crate, once for each account.
pub trait Media: Send + Sync + 'static {
    /// Makes room for a file.
    fn begin(&self, description: MediaDescription) -> MediaAnswer<'_, Box<dyn MediaWriter>>;

    /// Opens a file of the account.
    fn open(&self, handle: u64) -> MediaAnswer<'_, (MediaFile, Box<dyn MediaReader>)>;

    /// Drops a file of the account, unless a message under way carries it.
    fn forget(&self, handle: u64) -> MediaAnswer<'_, ()>;
}

/// A file being taken in. Dropped before it is finished, it keeps nothing.
pub trait MediaWriter: Send {
    /// Adds a piece.
    fn write(&mut self, piece: Bytes) -> MediaAnswer<'_, ()>;

    /// Ends the file; durable when it returns `Ok`.
    fn finish(self: Box<Self>) -> MediaAnswer<'static, MediaFile>;
}

/// A file being read.
pub trait MediaReader: Send {
    /// The next piece, at most 64 KiB; `None` after the last.
    fn next(&mut self) -> MediaAnswer<'_, Option<Bytes>>;
}

/// What is under way for as long as it lives.
type Begun = (OwnedSemaphorePermit, Held);

impl Guest {
    /// Counts one more file under way.
    fn begin_transfer(&self) -> wasmtime::Result<Result<Begun, MediaError>> {
        let Ok(permit) = Arc::clone(&self.transfers).try_acquire_owned() else {
            return Ok(Err(MediaError::Unavailable(Full::AGAIN)));
        };
        Ok(match self.begin(HELD)? {
            Ok(held) => Ok((permit, held)),
            Err(Full) => Err(MediaError::Unavailable(Full::AGAIN)),
        })
    }
}

impl media::Host for Guest {}

impl media::HostWithStore<Guest> for HasSelf<Guest> {
    async fn store(
        accessor: &Accessor<Guest, Self>,
        description: MediaDescription,
        mut body: StreamReader<u8>,
    ) -> wasmtime::Result<Result<MediaFile, MediaError>> {
        let begun = accessor.with(|mut access| access.get().begin_transfer())?;
        let under_way = match begun {
            Ok(under_way) => under_way,
            Err(error) => {
                body.close_with(accessor)?;
                return Ok(Err(error));
            }
        };
        let (sender, pieces) = mpsc::channel(PIECES);
        let (drained, came) = oneshot::channel();
        let (complete, completed) = oneshot::channel();
        let task = accessor.with(|mut access| {
            let guest = access.get();
            let (media, scrubber) = (Arc::clone(&guest.media), Arc::clone(&guest.scrubber));
            let description = media_description(description, &scrubber);
            let task = guest.io.spawn(async move {
                let _under_way = under_way;
                receive(&*media, description, pieces, scrubber, async {
                    // Whoever is not there any more does not say that the file is complete.
                    drained.send(()).ok();
                    completed.await.is_ok()
                })
                .await
            });
            body.pipe(&mut access, Intake(PollSender::new(sender)))?;
            Ok::<_, wasmtime::Error>(task)
        })?;
        // Only an instance that lives gets here: what a dying one lets go of is not the end of a file.
        if came.await.is_ok() {
            complete.send(()).ok();
        }
        let stored = task.await.unwrap_or_else(|lost| {
            tracing::error!(%lost, "a plugin's file was lost inside the host");
            Err(MediaError::Unavailable(1_000))
        });
        accessor.with(|mut access| match &stored {
            Ok(_) => access.get().within(Over::Media),
            Err(MediaError::Full) => access.get().over(Over::Media),
            Err(_) => {}
        });
        Ok(stored)
    }

    async fn open(
        accessor: &Accessor<Guest, Self>,
        handle: u64,
    ) -> wasmtime::Result<Result<media::Content, MediaError>> {
        let begun = accessor.with(|mut access| {
            let guest = access.get();
            let begun = guest.begin_transfer()?;
            Ok::<_, wasmtime::Error>(begun.map(|begun| (begun, Arc::clone(&guest.media), guest.io.clone())))
        })?;
        let (under_way, media, io) = match begun {
            Ok(begun) => begun,
            Err(error) => return Ok(Err(error)),
        };
        let opened = io.spawn(async move { media.open(handle).await }).await;
        let (file, reader) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Ok(Err(error)),
            Err(lost) => {
                tracing::error!(%lost, "a plugin's file cannot be opened");
                return Ok(Err(MediaError::Unavailable(1_000)));
            }
        };
        let (sender, pieces) = mpsc::channel(PIECES);
        io.spawn(async move {
            let _under_way = under_way;
            // A reader that fails ends the stream early, which the file's size tells.
            pump(reader, |piece| sender.send(piece)).await.ok();
        });
        let body = accessor.with(|mut access| StreamReader::new(&mut access, Pieces(pieces)))?;
        Ok(Ok(media::Content { file, body }))
    }

    async fn forget(
        accessor: &Accessor<Guest, Self>,
        handle: u64,
    ) -> wasmtime::Result<Result<(), MediaError>> {
        let (held, media, io) = accessor.with(|mut access| {
            let guest = access.get();
            Ok::<_, wasmtime::Error>((guest.begin_small()?, Arc::clone(&guest.media), guest.io.clone()))
        })?;
        let forgotten = io.spawn(async move {
            let _held = held;
            media.forget(handle).await
        });
        Ok(forgotten.await.unwrap_or(Err(MediaError::Unavailable(1_000))))
    }
}

/// Hands a file on piece by piece, for as long as somebody listens.
pub(super) async fn pump<F, E>(
    mut reader: Box<dyn MediaReader>,
    take: impl Fn(Bytes) -> F,
) -> Result<(), MediaError>
where
    F: Future<Output = Result<(), E>>,
{
    while let Some(piece) = reader.next().await? {
        if take(piece).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Takes a file in: every piece that comes, until there are no more and `complete` says that this is the end.
async fn receive(
    media: &dyn Media,
    description: MediaDescription,
    mut pieces: mpsc::Receiver<Bytes>,
    scrubber: Arc<Scrubber>,
    complete: impl Future<Output = bool>,
) -> Result<MediaFile, MediaError> {
    failpoint!("runtime.media");
    let announced = description.size;
    let mut writer = media.begin(description).await?;
    let mut search = Search::new(scrubber);
    let mut size = 0_u64;
    while let Some(piece) =
        tokio::time::timeout(SILENCE, pieces.recv()).await.map_err(|_silent| MediaError::Stalled)?
    {
        if search.finds(&piece) {
            return Err(MediaError::Invalid(SECRET.to_owned()));
        }
        size += piece.len() as u64;
        writer.write(piece).await?;
    }
    if announced.is_some_and(|announced| announced != size) {
        return Err(MediaError::Invalid(format!("it has {size} bytes and not those that were announced")));
    }
    if !complete.await {
        return Err(MediaError::Gone);
    }
    writer.finish().await
}

/// Looks for secrets in what comes in pieces.
struct Search {
    scrubber: Arc<Scrubber>,
    /// The end of what was seen: a secret may go on in the next piece.
    tail: Vec<u8>,
}

impl Search {
    fn new(scrubber: Arc<Scrubber>) -> Self {
        Self { scrubber, tail: Vec::new() }
    }

    fn finds(&mut self, piece: &[u8]) -> bool {
        let keep = self.scrubber.longest().saturating_sub(1);
        // Where the two meet; the piece itself is searched where it lies.
        let met = self.tail.len();
        self.tail.extend_from_slice(piece.get(..keep.min(piece.len())).unwrap_or_default());
        let found = (met > 0 && self.scrubber.finds(&self.tail)) || self.scrubber.finds(piece);
        self.tail.truncate(met);
        self.tail.extend_from_slice(piece.get(piece.len().saturating_sub(keep)..).unwrap_or_default());
        self.tail.drain(..self.tail.len().saturating_sub(keep));
        found
    }
}

/// A description as it may be kept: a type without parameters, a name that leads nowhere, no secret and no line break in
/// either, so that both can stand in the head of a form's part.
#[must_use]
pub fn media_description(said: MediaDescription, scrubber: &Scrubber) -> MediaDescription {
    let MediaDescription { mime, name, size } = said;
    MediaDescription { mime: media_type(&mime), name: name.and_then(|name| file_name(&name, scrubber)), size }
}

/// The type without its parameters, in lower case.
fn media_type(said: &str) -> String {
    let bare = said.split(';').next().unwrap_or_default().trim();
    let word = |part: &str| {
        let mut bytes = part.bytes();
        !part.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    match bare.split_once('/') {
        Some((kind, sub)) if bare.len() <= MIME && word(kind) && word(sub) => bare.to_ascii_lowercase(),
        _ => UNKNOWN.to_owned(),
    }
}

/// A name that leads nowhere and breaks no line.
fn file_name(said: &str, scrubber: &Scrubber) -> Option<String> {
    let last = said.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = scrubber.scrub(last).chars().filter(|c| !c.is_control()).collect();
    let name = cut(shown.trim(), NAME).trim_end();
    (!matches!(name, "" | "." | "..")).then(|| name.to_owned())
}

/// Takes what a guest, or the host itself, writes into a stream.
struct Intake(PollSender<Bytes>);

impl StreamConsumer<Guest> for Intake {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, Guest>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.0.poll_reserve(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_refused)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut source = source.as_direct(store);
        let waiting = source.remaining();
        let piece = Bytes::copy_from_slice(waiting.get(..PIECE).unwrap_or(waiting));
        if piece.is_empty() {
            // There is room for the next byte.
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        source.mark_read(piece.len());
        match self.0.send_item(piece) {
            Ok(()) => Poll::Ready(Ok(StreamResult::Completed)),
            Err(_refused) => Poll::Ready(Ok(StreamResult::Dropped)),
        }
    }
}

#[cfg(test)]
mod tests {
    use openclaw_secrets::Secret;

    use super::*;

    #[test]
    fn a_type_is_two_words_and_a_name_leads_nowhere() {
        assert_eq!(media_type("Image/PNG; q=1"), "image/png");
        for bad in ["", "png", "image/", "/png", "image/p ng", "a/b/c", &format!("a/{}", "b".repeat(MIME))] {
            assert_eq!(media_type(bad), UNKNOWN, "{bad}");
        }
        let scrubber = Scrubber::new(&[Secret::from("12345:secret-value")]);
        let name = |said: &str| file_name(said, &scrubber);
        assert_eq!(name("a/b\\c.png").as_deref(), Some("c.png"));
        assert_eq!(name("of 12345:secret-value.png").as_deref(), Some("of ***.png"));
        assert_eq!(name(" a\r\nb ").as_deref(), Some("ab"));
        assert_eq!(name(&"é".repeat(200)).map(|name| name.len()), Some(254));
        assert!(["", "..", "x/.", "a/"].into_iter().all(|bad| name(bad).is_none()));
    }

    #[test]
    fn a_secret_is_found_wherever_the_pieces_part() {
        let secret = "12345:secret-value";
        let text = format!("before {secret} behind").into_bytes();
        for size in 1..text.len() {
            let mut search = Search::new(Arc::new(Scrubber::new(&[Secret::from(secret)])));
            assert!(text.chunks(size).any(|piece| search.finds(piece)), "in pieces of {size}");
        }
        let mut search = Search::new(Arc::new(Scrubber::new(&[Secret::from(secret)])));
        assert!(!b"12345:secret-12345:secret".chunks(3).any(|piece| search.finds(piece)));
    }
}
