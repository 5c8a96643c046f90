//! Too many files, files without an end, and other people's.

use openclaw_sdk::bindings::channel::openclaw::plugin::{clock, http, inbound, media};
use openclaw_sdk::bindings::channel::wit_stream;
use openclaw_sdk::gateway::Gateway;
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Method, Request};
use openclaw_sdk::media::Description;
use openclaw_sdk::race::{First, both, race};

use crate::floods::message;

const PIECE: usize = 64 << 10;

/// Does what concerns files; `None` when it knows no such act.
pub(crate) async fn act(word: &str, argument: &str, number: u64) -> Option<String> {
    Some(match word {
        "file" => keep(argument.as_bytes().to_vec()).await,
        "file-flood" => flood(number).await,
        "file-endless" => endless().await,
        "file-begun" => begun(number).await,
        "file-dropped" => dropped(number).await,
        "file-read-dropped" => read_dropped(number).await,
        "file-foreign" => foreign(number).await,
        "file-announced" => announced(number).await,
        "file-pieces" => pieces(number).await,
        "file-carried" => carried(number).await,
        _ => return None,
    })
}

fn description() -> Description {
    Description { mime: "text/plain".into(), name: Some("../../etc/passwd".into()), size: None }
}

pub(crate) async fn keep(bytes: Vec<u8>) -> String {
    match Gateway.keep(description(), bytes).await {
        Ok(file) => format!("{} bytes as {}", file.size, file.name.unwrap_or_default()),
        Err(why) => format!("{why:?}"),
    }
}

/// Keeps files until there is no more room.
async fn flood(times: u64) -> String {
    for round in 0..times {
        if let Err(why) = Gateway.keep(description(), vec![1; PIECE]).await {
            return format!("{why:?} after {round}");
        }
    }
    "never refused".into()
}

/// Writes a file that has no end.
async fn endless() -> String {
    let (mut writer, reader) = wit_stream::new::<u8>();
    let writing = async move {
        let mut bytes = 0_u64;
        // What is not taken comes back: the host has let go of the stream.
        while writer.write_all(vec![2; PIECE]).await.is_empty() {
            bytes += PIECE as u64;
        }
        bytes
    };
    let (bytes, stored) = both(writing, media::store(description(), reader)).await;
    format!("{stored:?} after about {} MiB", bytes >> 20)
}

/// Begins files and brings nothing.
async fn begun(times: u64) -> String {
    let mut all = Vec::new();
    let mut refused = 0;
    for _ in 0..times {
        let (writer, reader) = wit_stream::new::<u8>();
        let mut call = Box::pin(media::store(description(), reader));
        match race(&mut call, std::future::ready(())).await {
            First::Left(_) => refused += 1,
            First::Right(()) => all.push((writer, call)),
        }
    }
    clock::sleep(50).await;
    format!("{} files under way, {refused} refused", all.len())
}

/// Begins files, writes a piece of each and lets go.
async fn dropped(times: u64) -> String {
    for _ in 0..times {
        let (mut writer, reader) = wit_stream::new::<u8>();
        let storing = media::store(description(), reader);
        let writing = async {
            writer.write_all(vec![3; PIECE]).await;
        };
        race(writing, storing).await;
    }
    // The host closes those that were let go of.
    let mut said = keep(b"the last".to_vec()).await;
    for _ in 0..20 {
        if !said.contains("Unavailable") {
            break;
        }
        clock::sleep(100).await;
        said = keep(b"the last".to_vec()).await;
    }
    said
}

/// Opens a file and lets go of it unread.
async fn read_dropped(times: u64) -> String {
    let Ok(file) = Gateway.keep(description(), vec![4; 4 * PIECE]).await else { return "not kept".into() };
    let mut opened = 0;
    while opened < times {
        match media::open(file.handle).await {
            Ok(_) => opened += 1,
            // The host closes those that were let go of.
            Err(media::Error::Unavailable(ms)) => clock::sleep(ms).await,
            Err(why) => return format!("{why:?}"),
        }
    }
    format!("opened {opened} times")
}

/// Looks for files that are others'.
async fn foreign(times: u64) -> String {
    let mut found = 0;
    for handle in (0..times).chain([u64::MAX, u64::MAX / 2 + 1]) {
        found += u64::from(media::open(handle).await.is_ok());
        Gateway.forget(handle).await.ok();
        let body = vec![http::Piece::File(handle)];
        let (grant, path) = ("elsewhere".to_owned(), "/take".to_owned());
        let method = Method::Post;
        let (host, query, headers) = (None, Vec::new(), Vec::new());
        let request = http::Request { grant, host, method, path, query, headers, body, timeout_ms: 1_000 };
        if times < 10 {
            found += u64::from(http::send(request).await.is_ok());
        }
        let stolen =
            openclaw_sdk::channel::Message { media: vec![handle], ..message("stolen", String::new()) };
        found += u64::from(inbound::admit(stolen, None).await.is_ok());
    }
    format!("{found} found")
}

/// Announces so many bytes and brings five.
async fn announced(bytes: u64) -> String {
    let (mut writer, reader) = wit_stream::new::<u8>();
    let writing = async move {
        writer.write_all(b"five!".to_vec()).await;
    };
    let description = Description { size: Some(bytes), ..description() };
    let ((), stored) = both(writing, media::store(description, reader)).await;
    format!("{stored:?}")
}

/// Sends a body of so many pieces, no two of which are bytes.
async fn pieces(times: u64) -> String {
    let Ok(file) = Gateway.keep(description(), vec![5; PIECE]).await else { return "not kept".into() };
    let request = Request::new("elsewhere", Method::Post, "/take", 3_000);
    match Gateway.http((0..times).fold(request, |request, _| request.file(file.handle))).await {
        Ok(answer) => answer.status.to_string(),
        Err(why) => format!("{:?}: {}", why.kind, why.detail),
    }
}

/// Hands over a message that carries so many files.
async fn carried(times: u64) -> String {
    let media = (0..times).collect();
    let message = openclaw_sdk::channel::Message { media, ..message("many", String::new()) };
    format!("{:?}", inbound::admit(message, None).await)
}
