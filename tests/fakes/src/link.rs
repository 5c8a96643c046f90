//! The line between a program and a vendor's server, which can fail in the ways in which networks do. Owns one port, which stays the
//! same however often nobody listens on it; it never looks into what it carries.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// It carries everything.
    Fair,
    /// Connections are open and come about, and nothing travels. What was sent meanwhile arrives when that is over.
    BlackHole,
    /// Nobody listens; what was open is cut.
    Refused,
    /// A proxy answers everything with this status; what was open is cut.
    Proxy(u16),
}

/// Before a port that is taken is tried again.
const AGAIN: Duration = Duration::from_millis(5);

/// A line to a server.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    /// What the line does by now.
    holds: watch::Receiver<Weather>,
    tried: Arc<AtomicUsize>,
    carrying: JoinHandle<()>,
}

impl Link {
    /// A line to the server behind `root`, which is as `http://127.0.0.1:1234`.
    ///
    /// # Errors
    /// When `root` is no such address, or there is no free port.
    pub async fn to(root: &str) -> io::Result<Self> {
        let target: SocketAddr = root
            .trim_start_matches("http://")
            .parse()
            .map_err(|error| io::Error::other(format!("{root}: {error}")))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather::Fair);
        let (told, holds) = watch::channel(Weather::Fair);
        let tried = Arc::new(AtomicUsize::new(0));
        let carrying = tokio::spawn(carry(listener, target, seen, told, Arc::clone(&tried)));
        Ok(Self { address, weather, holds, tried, carrying })
    }

    /// `http://` and the address of this end.
    #[must_use]
    pub fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `ws://` and the same.
    #[must_use]
    pub fn socket_root(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Lets the line do this; returns when it does.
    pub async fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
        // The line lives as long as its handle.
        let _ = self.holds.clone().wait_for(|holds| *holds == weather).await;
    }

    /// Connections that came about so far.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.tried.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

/// Listens while somebody is to be there.
async fn carry(
    listener: TcpListener,
    target: SocketAddr,
    mut weather: watch::Receiver<Weather>,
    told: watch::Sender<Weather>,
    tried: Arc<AtomicUsize>,
) {
    let Ok(address) = listener.local_addr() else { return };
    let (mut listener, mut connections) = (Some(listener), JoinSet::new());
    let mut holds = Weather::Fair;
    loop {
        let now = *weather.borrow_and_update();
        if now != holds {
            if matches!(now, Weather::Refused | Weather::Proxy(_)) {
                listener = listener.filter(|_| now != Weather::Refused);
                connections.shutdown().await;
            }
            // Whoever knocks at a port where nobody listens can be given just that port to knock from.
            while listener.is_none() && now != Weather::Refused {
                listener = TcpListener::bind(address).await.ok();
                tokio::time::sleep(AGAIN).await;
            }
            holds = now;
            told.send_replace(now);
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = weather.changed() => if changed.is_err() { return },
            accepted = accepted => {
                let Some((stream, _)) = accepted else { continue };
                tried.fetch_add(1, Ordering::Relaxed);
                match now {
                    Weather::Proxy(status) => drop(connections.spawn(refuse(stream, status))),
                    _ => drop(connections.spawn(relay(stream, target, weather.clone()))),
                }
            }
            // Ended ones make room.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Answers as a proxy does that lets nobody through.
async fn refuse(mut stream: TcpStream, status: u16) {
    let mut head = [0; 4096];
    if stream.read(&mut head).await.is_err() {
        return;
    }
    let page = "<html>Who are you?</html>";
    let answer = format!(
        "HTTP/1.1 {status} Proxy\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    // Who has gone does not read it.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Carries both ways while the weather is fair.
async fn relay(stream: TcpStream, target: SocketAddr, mut weather: watch::Receiver<Weather>) {
    if weather.wait_for(|weather| *weather == Weather::Fair).await.is_err() {
        return;
    }
    let Ok(vendor) = TcpStream::connect(target).await else { return };
    let _ = stream.set_nodelay(true);
    let _ = vendor.set_nodelay(true);
    let ((from_near, to_near), (from_far, to_far)) = (stream.into_split(), vendor.into_split());
    tokio::select! {
        () = pump(from_near, to_far, weather.clone()) => {}
        () = pump(from_far, to_near, weather) => {}
    }
}

/// Carries one way until that side ends.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut weather: watch::Receiver<Weather>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(read) = from.read(&mut buffer).await else { return };
        if weather.wait_for(|weather| *weather == Weather::Fair).await.is_err() {
            return;
        }
        let piece = buffer.get(..read).unwrap_or_default();
        if read == 0 || to.write_all(piece).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn says(stream: &mut TcpStream, word: &[u8; 4]) -> bool {
        stream.write_all(word).await.unwrap();
        let mut heard = [0; 4];
        let reading = stream.read_exact(&mut heard);
        let read = tokio::time::timeout(Duration::from_millis(200), reading).await;
        matches!(read, Ok(Ok(_))) && heard == *word
    }

    #[tokio::test]
    async fn each_weather_is_what_it_says() {
        let link = Link::to(&format!("http://{}", echo().await)).await.unwrap();
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        assert!(says(&mut stream, b"fair").await);
        link.set(Weather::BlackHole).await;
        assert!(!says(&mut stream, b"deaf").await);
        link.set(Weather::Fair).await;
        let mut late = [0; 4];
        stream.read_exact(&mut late).await.unwrap();
        assert_eq!(&late, b"deaf", "nothing is lost that TCP would bring later");
        link.set(Weather::Refused).await;
        assert_eq!(stream.read(&mut late).await.unwrap_or_default(), 0, "what was open is cut");
        TcpStream::connect(link.address).await.unwrap_err();
        link.set(Weather::Proxy(407)).await;
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        assert!(page.starts_with("HTTP/1.1 407 "), "{page}");
    }
}
