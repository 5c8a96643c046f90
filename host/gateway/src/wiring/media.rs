//! Between a component's files and the store: the account is bound here, so that no component can name another one's.

use bytes::Bytes;
use openclaw_messaging::AccountKey;
use openclaw_runtime::{
    AdmitError, Media, MediaAnswer, MediaDescription, MediaError, MediaFile, MediaReader, MediaWriter, guest,
    media_description,
};
use openclaw_secrets::Scrubber;
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

/// Takes in a file that an operator sends along, described by the same rules as one of a component.
pub(crate) async fn attach(
    store: &Store,
    account: &AccountKey,
    quota: u64,
    said: MediaDescription,
    bytes: &[u8],
) -> Result<store::MediaFile, MediaFault> {
    let MediaDescription { mime, name, size } = media_description(said, &Scrubber::default());
    let mut intake = store.take_media(account, NewMedia { mime, name, size }, quota).await?;
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
