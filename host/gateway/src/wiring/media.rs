//! Between a component's files and the store: the account is bound here, so that no component can name another one's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use openclaw_messaging::AccountKey;
use openclaw_runtime::{
    AdmitError, Media, MediaAnswer, MediaDescription, MediaError, MediaFile, MediaReader, MediaWriter, guest,
};
use openclaw_store::{self as store, MediaContent, MediaFault, MediaIntake, NewMedia, Store, StoreError};
use tracing::warn;

use crate::clock::now_ms;

/// After how long a component may try again what the store could not do, in milliseconds.
const AGAIN: u64 = 1_000;

/// The files of one account, within their quota.
pub(super) struct AccountMedia {
    store: Store,
    account: AccountKey,
    quota: u64,
}

impl AccountMedia {
    pub(super) fn new(store: Store, account: AccountKey, quota: u64) -> Self {
        Self { store, account, quota }
    }
}

impl Media for AccountMedia {
    fn begin(&self, description: MediaDescription) -> MediaAnswer<'_, Box<dyn MediaWriter>> {
        let MediaDescription { mime, name, size } = description;
        Box::pin(async move {
            let taken = self.store.take_media(&self.account, NewMedia { mime, name, size }, self.quota).await;
            let intake = taken.map_err(|fault| told(&self.account, fault))?;
            let writer: Box<dyn MediaWriter> = Box::new(Intake { intake, account: self.account.clone() });
            Ok(writer)
        })
    }

    fn open(&self, handle: u64) -> MediaAnswer<'_, (MediaFile, Box<dyn MediaReader>)> {
        Box::pin(async move {
            let opened = self.store.open_media(&self.account, handle).await;
            let opened = opened.map_err(|error| unavailable(&self.account, &error))?;
            let (file, content) = opened.ok_or(MediaError::Gone)?;
            let reader: Box<dyn MediaReader> = Box::new(Content { content, account: self.account.clone() });
            Ok((super::vendor::file(file), reader))
        })
    }

    fn forget(&self, handle: u64) -> MediaAnswer<'_, ()> {
        Box::pin(async move {
            let forgotten = self.store.forget_media(&self.account, handle).await;
            forgotten.map_err(|error| unavailable(&self.account, &error))
        })
    }
}

struct Intake {
    intake: MediaIntake,
    account: AccountKey,
}

impl MediaWriter for Intake {
    fn write(&mut self, piece: Bytes) -> MediaAnswer<'_, ()> {
        Box::pin(async move { self.intake.write(&piece).await.map_err(|fault| told(&self.account, fault)) })
    }

    fn finish(self: Box<Self>) -> MediaAnswer<'static, MediaFile> {
        let Self { intake, account } = *self;
        Box::pin(async move {
            let finished = intake.finish(now()).await;
            finished.map(super::vendor::file).map_err(|fault| told(&account, fault))
        })
    }
}

struct Content {
    content: MediaContent,
    account: AccountKey,
}

impl MediaReader for Content {
    fn next(&mut self) -> MediaAnswer<'_, Option<Bytes>> {
        Box::pin(async move {
            let piece = self.content.next().await;
            piece.map(|piece| piece.map(Bytes::from)).map_err(|error| unavailable(&self.account, &error))
        })
    }
}

/// The time as the store has it.
fn now() -> i64 {
    i64::try_from(now_ms()).unwrap_or(i64::MAX)
}

fn told(account: &AccountKey, fault: MediaFault) -> MediaError {
    match fault {
        MediaFault::Full => MediaError::Full,
        MediaFault::Store(error) => unavailable(account, &error),
    }
}

fn unavailable(account: &AccountKey, error: &StoreError) -> MediaError {
    warn!(%account, code = error.code(), "the files of an account cannot be used: {error}");
    MediaError::Unavailable(AGAIN)
}

/// Takes in a file that an operator sends along.
pub(crate) async fn attach(
    store: &Store,
    account: &AccountKey,
    quota: u64,
    new: NewMedia,
    bytes: &[u8],
) -> Result<store::MediaFile, MediaFault> {
    let mut intake = store.take_media(account, new, quota).await?;
    intake.write(bytes).await?;
    intake.finish(now()).await
}

/// What is known of the files that a message carries; one that the account does not have makes the message invalid.
pub(super) async fn carried(
    store: &Store,
    account: &AccountKey,
    message: &guest::Message,
) -> Result<Vec<store::MediaFile>, AdmitError> {
    let mut files = Vec::with_capacity(message.media.len());
    for handle in &message.media {
        let known = store.media(account, *handle).await.map_err(|error| {
            warn!(%account, code = error.code(), "the files of a message cannot be looked up: {error}");
            AdmitError::Unavailable(AGAIN)
        })?;
        let gone = || AdmitError::Invalid(format!("media: the account has no file {handle}"));
        files.push(known.ok_or_else(gone)?);
    }
    Ok(files)
}

/// Bytes of one picture, and of all of a message, that a model is shown: providers take little more.
const PICTURE: u64 = 5 << 20;
const PICTURES: u64 = 16 << 20;
/// What models can see.
const VISIBLE: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/// The pictures that came with a message, as `data:` URLs. One that is too large, or cannot be read, is left out: its
/// place in the text says that it was there.
pub(super) async fn pictures(store: &Store, account: &AccountKey, media: &[store::MediaFile]) -> Vec<String> {
    let (mut urls, mut room) = (Vec::new(), PICTURES);
    let visible = |file: &&store::MediaFile| VISIBLE.contains(&file.mime.as_str()) && file.size <= PICTURE;
    for file in media.iter().filter(visible) {
        let Some(left) = room.checked_sub(file.size) else { break };
        match whole(store, account, file.handle).await {
            Ok(Some(bytes)) => {
                room = left;
                urls.push(format!("data:{};base64,{}", file.mime, STANDARD.encode(bytes)));
            }
            Ok(None) => {}
            Err(error) => {
                warn!(%account, code = error.code(), "a picture is not shown to the model: {error}")
            }
        }
    }
    urls
}

async fn whole(store: &Store, account: &AccountKey, handle: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some((file, mut content)) = store.open_media(account, handle).await? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(usize::try_from(file.size).unwrap_or_default());
    while let Some(piece) = content.next().await? {
        bytes.extend_from_slice(&piece);
    }
    // Fewer bytes are no picture.
    Ok((bytes.len() as u64 == file.size).then_some(bytes))
}
