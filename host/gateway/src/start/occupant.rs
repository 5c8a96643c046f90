//! What to say when somebody else has the port: who it is, whether it answers as a gateway and with which version, and how
//! to get rid of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ports;
use crate::error::StartError;

/// How long the occupant may take to answer. A start has to say within a second why it does not succeed.
const ANSWER: Duration = Duration::from_millis(250);
/// Most that is read of an answer.
const LONGEST: u64 = 16 * 1024;

/// The refusal of a start on a port that is taken (openclaw-compat §1.6).
pub(super) async fn refuse(place: SocketAddr) -> StartError {
    let port = place.port();
    let mut lines = vec![
        format!("Gateway failed to start: another gateway instance is already listening on ws://{place}"),
        "If the gateway is supervised, stop it with: openclaw gateway stop".to_owned(),
        ports::diagnose(port, &ports::owners(port)),
    ];
    lines.extend(answering(place).await);
    lines.extend(stop_hints());
    lines.push("Or choose another port: openclaw gateway --port <port>".to_owned());
    StartError::Occupied(lines.join("\n"))
}

/// How a service is stopped.
pub(super) fn stop_hints() -> Vec<String> {
    let service = if cfg!(target_os = "macos") {
        "launchctl bootout gui/$UID/ai.openclaw.gateway"
    } else {
        "systemctl --user stop openclaw-gateway.service"
    };
    vec!["To stop a gateway that runs as a service:".to_owned(), format!("  {service}")]
}

/// A line about the gateway that answers there, if one does.
pub(super) async fn answering(place: SocketAddr) -> Option<String> {
    #[derive(Deserialize)]
    struct Probe {
        ok: bool,
        version: Option<String>,
    }
    let place = match place.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => SocketAddr::from((Ipv4Addr::LOCALHOST, place.port())),
        _ => place,
    };
    let ask = |path| async move {
        let body = timeout(ANSWER, get(place, path)).await.ok()??;
        serde_json::from_str::<Probe>(&body).ok().filter(|probe| probe.ok)
    };
    ask("/healthz").await?;
    // Only the second probe knows the version; another program's gateway may not have it.
    let version = ask("/startupz").await.and_then(|probe| probe.version);
    let version = version.unwrap_or_else(|| "of unknown version".to_owned());
    Some(format!("A gateway answers there: OpenClaw {version} (http://{place}/healthz)."))
}

/// The body of a successful answer.
async fn get(place: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(place).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn served(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for body in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        place
    }

    #[tokio::test]
    async fn a_gateway_is_told_from_another_program() {
        let place = served(&[r#"{"ok":true,"status":"live"}"#, r#"{"ok":true,"version":"1.2.3"}"#]).await;
        let expected = format!("A gateway answers there: OpenClaw 1.2.3 (http://{place}/healthz).");
        assert_eq!(answering(place).await, Some(expected));
        assert_eq!(answering(served(&["hello"]).await).await, None);
    }
}
