//! Owns the files of accounts: their bytes in `media/` beside the database, and what the database knows of them. Never looks
//! into a file; who may have one, and for how much room, is the callers'.
//!
//! A file is durable before its row is, and its row is gone before it is: what a crash leaves behind is a file that no row
//! names, and the next start removes those.

mod files;
mod rows;

use std::sync::atomic::Ordering;

pub(crate) use files::Folder;
pub use files::MediaContent;
pub(crate) use rows::{Carrier, carry, uncarried};

use crate::{AccountKey, MediaFile, Store, StoreError};

/// How long a file stays in any case: whoever took it in is about to hand over the message that carries it.
const FRESH_MS: i64 = 3_600_000;
/// How long a file stays that no message carries.
const UNCARRIED_MS: i64 = 24 * FRESH_MS;

/// What is known of a file before it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMedia {
    /// The media type, in lower case and without parameters.
    pub mime: String,
    /// What to call it, without a path.
    pub name: Option<String>,
    /// Its size, where it is known.
    pub size: Option<u64>,
}

/// Why a file is not taken in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MediaFault {
    /// The account's files have no room for it.
    #[error("the files of the account have no more room (media_full)")]
    Full,
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A file that is being taken in. Dropped before it is finished, it is gone.
#[derive(Debug)]
pub struct MediaIntake {
    store: Store,
    account: AccountKey,
    quota: u64,
    new: NewMedia,
    size: u64,
    /// Bytes of the account that are coming in, this file's among them.
    incoming: files::Incoming,
    file: files::Unfinished,
}

impl MediaIntake {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `Full` when all that comes in for the account is more than its quota. After an error the intake is to be dropped.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), MediaFault> {
        let bytes = piece.len() as u64;
        if self.incoming.add(bytes) > self.quota {
            return Err(MediaFault::Full);
        }
        self.size += bytes;
        self.file.write(piece).await.map_err(MediaFault::Store)
    }

    /// Ends the file. Older ones go where it needs their room. Durable when it returns `Ok`.
    ///
    /// # Errors
    /// `Full` when no room can be made; nothing is kept and nothing gone then.
    pub async fn finish(mut self, now: i64) -> Result<MediaFile, MediaFault> {
        self.file.sync().await?;
        let (name, size) = (self.file.name().to_owned(), self.size);
        let added = self.store.add_media(&self.account, &self.new, &name, size, self.quota, now).await?;
        let (handle, gone) = added.ok_or(MediaFault::Full)?;
        self.file.keep();
        self.store.folder.remove_all(gone).await;
        let NewMedia { mime, name, .. } = self.new;
        Ok(MediaFile { handle, mime, name, size })
    }
}

impl Store {
    /// Begins to take in a file of an account, whose files have `quota` bytes of room together.
    ///
    /// # Errors
    /// `Full` when it is known already that it does not fit.
    pub async fn take_media(
        &self,
        account: &AccountKey,
        new: NewMedia,
        quota: u64,
    ) -> Result<MediaIntake, MediaFault> {
        if new.size.is_some_and(|size| size > quota) {
            return Err(MediaFault::Full);
        }
        let file = self.folder.create().await?;
        let (incoming, account) = (self.folder.incoming(account), account.clone());
        Ok(MediaIntake { store: self.clone(), account, quota, new, size: 0, incoming, file })
    }

    /// The bytes of a file of an account, and what is known of it; `None` when the account has none with this handle.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open_media(
        &self,
        account: &AccountKey,
        handle: u64,
    ) -> Result<Option<(MediaFile, MediaContent)>, StoreError> {
        let Some((known, name)) = self.find_media(account, handle).await? else { return Ok(None) };
        let content = self.folder.open(&name).await?;
        Ok(content.map(|content| (known, content)))
    }

    /// What is known of a file of an account.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn media(&self, account: &AccountKey, handle: u64) -> Result<Option<MediaFile>, StoreError> {
        Ok(self.find_media(account, handle).await?.map(|(known, _)| known))
    }

    /// Drops a file of an account, unless a message under way carries it.
    ///
    /// # Errors
    /// When nothing could be written.
    pub async fn forget_media(&self, account: &AccountKey, handle: u64) -> Result<(), StoreError> {
        let gone = self.drop_media(account, handle).await?;
        self.folder.remove_all(gone).await;
        Ok(())
    }

    /// Removes the files that a crash left behind. Runs once, at open, when nothing comes in yet.
    pub(crate) async fn sweep_media(&self) -> Result<(), StoreError> {
        let known = self.media_names().await?;
        let removed = self.folder.remove_others(known).await?;
        if removed > 0 {
            tracing::info!(files = removed, "files of messages that were cut short are removed");
        }
        Ok(())
    }
}

impl Folder {
    /// Counts what comes in for an account.
    fn incoming(&self, account: &AccountKey) -> files::Incoming {
        files::Incoming::new(self.coming(account))
    }
}

impl files::Incoming {
    /// All bytes that come in for the account, with so many more.
    fn add(&mut self, bytes: u64) -> u64 {
        self.own += bytes;
        self.all.fetch_add(bytes, Ordering::Relaxed) + bytes
    }
}
