//! The vendor of the hostile accounts, which is no better than they are: what it answers is in the path that it is asked for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

/// What it was asked, as it came.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(crate) fn all(&self) -> String {
        self.0.lock().unwrap().join("\n\n")
    }

    fn note(&self, text: String) {
        let mut all = self.0.lock().unwrap();
        // A flood is not kept.
        if all.len() < 10_000 {
            all.push(text);
        }
    }
}

/// Where it answers, and what it hears.
pub(crate) struct Vendor {
    pub(crate) root: String,
    pub(crate) socket: String,
    pub(crate) heard: Heard,
}

impl Vendor {
    pub(crate) async fn start() -> Self {
        let heard = Heard::default();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", http.local_addr().unwrap());
        let seen = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = http.accept().await {
                // A client that goes away ends its own connection.
                tokio::spawn(serve(stream, seen.clone()));
            }
        });
        let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = format!("ws://{}/", sockets.local_addr().unwrap());
        let seen = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = sockets.accept().await {
                tokio::spawn(talk(stream, seen.clone()));
            }
        });
        Self { root, socket, heard }
    }
}

async fn serve(mut stream: TcpStream, heard: Heard) -> std::io::Result<()> {
    let mut rest = Vec::new();
    loop {
        let Some((head, body)) = request(&mut stream, &mut rest, &heard).await? else { return Ok(()) };
        heard.note(format!("{head}{}", String::from_utf8_lossy(&body)));
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let words: Vec<&str> = path.split('/').collect();
        let after = |word: &str| {
            let place = words.iter().position(|other| *other == word)?;
            words.get(place + 1)?.parse::<usize>().ok()
        };
        if let Some(bytes) = after("bytes") {
            answer(&mut stream, &vec![b'b'; bytes]).await?;
        } else if let Some(pause) = after("drip") {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await?;
            loop {
                stream.write_all(b"d").await?;
                tokio::time::sleep(Duration::from_millis(pause as u64)).await;
            }
        } else if let Some(pause) = after("drip-head") {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x: y\r\n").await?;
                tokio::time::sleep(Duration::from_millis(pause as u64)).await;
            }
        } else if words.contains(&"endless") {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"4000\r\n").await?;
                stream.write_all(&[b'e'; 0x4000]).await?;
                stream.write_all(b"\r\n").await?;
            }
        } else if words.contains(&"endless-head") {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream
                    .write_all(format!("x-{}: {}\r\n", "n".repeat(100), "v".repeat(1_000)).as_bytes())
                    .await?;
            }
        } else if words.contains(&"silent") {
            std::future::pending::<()>().await;
        } else if words.contains(&"redirect") {
            stream
                .write_all(
                    b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n",
                )
                .await?;
        } else if words.contains(&"echo") {
            answer(&mut stream, head.as_bytes()).await?;
        } else {
            answer(&mut stream, b"ok").await?;
        }
    }
}

/// The head and the body of the next request; nothing at the end.
async fn request(
    stream: &mut TcpStream,
    rest: &mut Vec<u8>,
    heard: &Heard,
) -> std::io::Result<Option<(String, Vec<u8>)>> {
    loop {
        if let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&rest[..end + 4]).into_owned();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if head.contains("/silent") {
                heard.note(head);
                // It reads no body either.
                std::future::pending::<()>().await;
            } else if rest.len() >= end + 4 + length {
                let body = rest[end + 4..end + 4 + length].to_vec();
                rest.drain(..end + 4 + length);
                return Ok(Some((head, body)));
            }
        }
        if stream.read_buf(rest).await? == 0 {
            return Ok(None);
        }
    }
}

async fn answer(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    // In one piece, so that no part waits for the other side to acknowledge the one before.
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await
}

/// `flood:<n>` is answered by that many messages of a KiB, `huge` by one of a MiB, `silence` by not reading any more.
async fn talk(stream: TcpStream, heard: Heard) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        let text = String::from_utf8_lossy(&message.clone().into_data()).into_owned();
        heard.note(format!("socket {text}"));
        if text == "silence" {
            std::future::pending::<()>().await;
        } else if text == "huge" {
            socket.send(Message::text("h".repeat(1 << 20))).await.ok();
        } else if let Some(count) = text.strip_prefix("flood:") {
            for _ in 0..count.parse().unwrap_or(0) {
                if socket.send(Message::text("f".repeat(1 << 10))).await.is_err() {
                    return;
                }
            }
        }
    }
}
