//! Files of the account: pictures, recordings, documents. Their bytes stay with the gateway, which an account tells what to
//! do with them by their handles: [`Host::download`](crate::host::Host::download) brings one in without the account seeing it,
//! `message.media` hands it over, and [`Request::file`](crate::http::Request::file) sends it.

use crate::bindings::channel::openclaw::plugin::media;
use crate::bindings::channel::wit_stream;
use crate::http::{self, Answer, Request};
use crate::race::both;
use crate::wit_bindgen::rt::async_support::StreamResult;

pub use crate::channel::File;
pub use media::{Description, Error};

/// What came of a download.
#[derive(Clone, Debug)]
pub enum Downloaded {
    /// The body of a success, kept by the gateway.
    File(File),
    /// An answer that was no success, as it came.
    Refused(Answer),
}

/// Why a download came to nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum DownloadError {
    /// There is no complete answer.
    Http(http::Error),
    /// The gateway does not keep the file.
    Media(Error),
}

/// Sends a request and gives the body of its answer to the gateway.
pub(crate) async fn download(
    request: Request,
    description: Description,
) -> Result<Downloaded, DownloadError> {
    let response = request.begin().await.map_err(DownloadError::Http)?;
    if !matches!(response.head.status, 200..=299) {
        return response.collect().await.map(Downloaded::Refused).map_err(DownloadError::Http);
    }
    let announced = response.head.header("content-length").and_then(|length| length.parse().ok());
    let size = description.size.or(announced);
    let (body, end) = response.into_parts();
    let kept = media::store(Description { size, ..description }, body).await;
    match (end.await, kept) {
        (Ok(()), Ok(file)) => Ok(Downloaded::File(file)),
        (Ok(()), Err(error)) => Err(DownloadError::Media(error)),
        (Err(error), kept) => {
            if let Ok(file) = kept {
                // Half a file is none; if it cannot be dropped now, it goes by itself in a day.
                media::forget(file.handle).await.ok();
            }
            Err(DownloadError::Http(error))
        }
    }
}

/// Gives bytes of the account's own to the gateway.
pub(crate) async fn keep(description: Description, bytes: Vec<u8>) -> Result<File, Error> {
    let size = Some(bytes.len() as u64);
    let (mut writer, reader) = wit_stream::new::<u8>();
    let writing = async move {
        // The end of the stream is the end of the file; what is not taken is told by `store`.
        writer.write_all(bytes).await;
    };
    let ((), kept) = both(writing, media::store(Description { size, ..description }, reader)).await;
    kept
}

/// Reads a file of at most `limit` bytes.
pub(crate) async fn read(handle: u64, limit: usize) -> Result<Vec<u8>, Error> {
    let media::Content { file, mut body } = media::open(handle).await?;
    let size =
        usize::try_from(file.size).ok().filter(|size| *size <= limit).ok_or_else(|| too_long(limit))?;
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        bytes.reserve(size - bytes.len());
        let (result, filled) = body.read(bytes).await;
        bytes = filled;
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    // It ends early where the gateway cannot read on.
    if bytes.len() == size { Ok(bytes) } else { Err(Error::Unavailable(1_000)) }
}

/// The error for a file of more than `limit` bytes.
#[must_use]
pub fn too_long(limit: usize) -> Error {
    Error::Invalid(format!("the file has more than {limit} bytes"))
}
