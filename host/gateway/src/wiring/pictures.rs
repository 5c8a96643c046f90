//! The pictures that came with a message, as models are shown them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openclaw_messaging::AccountKey;
use openclaw_store::{MediaFile, Store, StoreError};
use tracing::warn;

/// Bytes of one picture, and of all of a message, that a model is shown: providers take little more.
const PICTURE: u64 = 5 << 20;
const PICTURES: u64 = 16 << 20;
/// What models can see.
const VISIBLE: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/// The pictures that came with a message, as `data:` URLs. One that is too large, or cannot be read, is left out: its
/// place in the text says that it was there.
pub(super) async fn of(store: &Store, account: &AccountKey, media: &[MediaFile]) -> Vec<String> {
    let (mut urls, mut room) = (Vec::new(), PICTURES);
    let visible = |file: &&MediaFile| VISIBLE.contains(&file.mime.as_str()) && file.size <= PICTURE;
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
