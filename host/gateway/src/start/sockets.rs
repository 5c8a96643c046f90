//! The listening sockets. They outlive a restart, so that a client that connects meanwhile waits instead of being refused;
//! a service manager may have opened them before us. Accepts nothing itself.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use listenfd::ListenFd;
use openclaw_config::start::Listen;
use tracing::debug;

use super::occupant;
use crate::error::StartError;

/// How long a port that is taken is tried again: its owner may be on its way out.
const PORT_PATIENCE: Duration = Duration::from_millis(400);
const PORT_POLL: Duration = Duration::from_millis(200);

/// The sockets of this process.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    held: Vec<TcpListener>,
    /// A service manager has opened them: they are what to listen on, whatever the configuration says.
    inherited: bool,
}

/// What the next round listens on.
#[derive(Debug)]
pub(super) struct Prepared {
    wanted: Vec<SocketAddr>,
    opened: Vec<TcpListener>,
    /// Taken by sockets of this process that the next round no longer wants.
    later: Vec<SocketAddr>,
}

impl Sockets {
    /// Takes over what a service manager has opened (`LISTEN_FDS`, the protocol of sd_listen_fds).
    ///
    /// # Errors
    /// When a passed descriptor is no TCP socket.
    pub(super) fn inherited() -> Result<Sockets, StartError> {
        let mut passed = ListenFd::from_env();
        let taken = (0..passed.len()).filter_map(|index| passed.take_tcp_listener(index).transpose());
        let held = taken.collect::<io::Result<Vec<_>>>().and_then(|held| {
            held.iter().try_for_each(|socket| socket.set_nonblocking(true))?;
            Ok(held)
        });
        let held = held.map_err(|error| {
            let text = format!(
                "Gateway failed to start: a socket that the service manager passed (LISTEN_FDS) cannot be used: {error}. \
                 Only ListenStream= with a TCP address is understood."
            );
            StartError::failed(text, error)
        })?;
        Ok(Sockets { inherited: !held.is_empty(), held })
    }

    /// Where the sockets of a service manager listen. Empty when there are none.
    pub(super) fn passed(&self) -> Vec<SocketAddr> {
        if self.inherited { self.addresses() } else { Vec::new() }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.held.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Opens what is wanted beyond what is held. Nothing that is held is touched.
    ///
    /// # Errors
    /// When another process has the port, or the system refuses.
    pub(super) async fn prepare(&self, listen: &Listen, port: u16) -> Result<Prepared, StartError> {
        let mut prepared = Prepared { wanted: Vec::new(), opened: Vec::new(), later: Vec::new() };
        if self.inherited {
            prepared.wanted = self.addresses();
            return Ok(prepared);
        }
        let held = self.addresses();
        for &address in &listen.required {
            let place = SocketAddr::new(address, port);
            prepared.wanted.push(place);
            if held.contains(&place) {
                continue;
            }
            if held.iter().any(|held| collides(*held, place)) {
                prepared.later.push(place);
            } else {
                prepared.opened.push(bind_patiently(address, port).await?);
            }
        }
        for &address in &listen.optional {
            let place = SocketAddr::new(address, port);
            prepared.wanted.push(place);
            if !held.contains(&place) {
                match bind(place) {
                    Ok(socket) => prepared.opened.push(socket),
                    Err(error) => debug!(%address, %error, "not listening on an optional address"),
                }
            }
        }
        Ok(prepared)
    }

    /// Takes over what was prepared and closes the rest.
    ///
    /// # Errors
    /// When a port that had to be closed first was taken by another process in that moment.
    pub(super) async fn adopt(&mut self, prepared: Prepared) -> Result<(), StartError> {
        self.held.retain(|socket| socket.local_addr().is_ok_and(|at| prepared.wanted.contains(&at)));
        self.held.extend(prepared.opened);
        for place in prepared.later {
            self.held.push(bind_patiently(place.ip(), place.port()).await?);
        }
        // The first one is the one to show.
        let rank = |socket: &TcpListener| {
            let at = socket.local_addr().ok();
            prepared.wanted.iter().position(|wanted| Some(*wanted) == at)
        };
        self.held.sort_by_key(|socket| rank(socket).unwrap_or(usize::MAX));
        Ok(())
    }

    /// The same sockets once more, for one round.
    ///
    /// # Errors
    /// When the process may open no more files.
    pub(super) fn hand_out(&self) -> io::Result<Vec<TcpListener>> {
        self.held.iter().map(TcpListener::try_clone).collect()
    }

    /// Frees the port.
    pub(super) fn close(&mut self) {
        self.held.clear();
    }
}

/// Whether the first socket keeps the second one from being opened.
fn collides(held: SocketAddr, wanted: SocketAddr) -> bool {
    held.port() == wanted.port()
        && held.is_ipv4() == wanted.is_ipv4()
        && (held.ip() == wanted.ip() || held.ip().is_unspecified() || wanted.ip().is_unspecified())
}

fn bind(place: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(place)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

async fn bind_patiently(address: IpAddr, port: u16) -> Result<TcpListener, StartError> {
    let begun = tokio::time::Instant::now();
    let place = SocketAddr::new(address, port);
    loop {
        match bind(place) {
            Ok(socket) => return Ok(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if begun.elapsed() >= PORT_PATIENCE {
                    return Err(occupant::refuse(place).await);
                }
                tokio::time::sleep(PORT_POLL).await;
            }
            Err(error) => {
                let text = format!(
                    "Gateway failed to start: failed to bind gateway socket on ws://{place}: {error}"
                );
                return Err(StartError::failed(text, error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn listen(addresses: &[Ipv4Addr]) -> Listen {
        Listen { required: addresses.iter().map(|at| IpAddr::V4(*at)).collect(), optional: Vec::new() }
    }

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn what_is_held_and_wanted_stays_and_the_rest_closes() {
        let port = free_port();
        let second = Ipv4Addr::new(127, 0, 0, 2);
        let mut sockets = Sockets::default();
        let prepared = sockets.prepare(&listen(&[Ipv4Addr::LOCALHOST]), port).await.unwrap();
        sockets.adopt(prepared).await.unwrap();
        let before = sockets.hand_out().unwrap();
        let prepared = sockets.prepare(&listen(&[second, Ipv4Addr::LOCALHOST]), port).await.unwrap();
        assert_eq!((prepared.opened.len(), prepared.later.len()), (1, 0), "one of them is there already");
        sockets.adopt(prepared).await.unwrap();
        let shown: Vec<String> = sockets.addresses().iter().map(|at| at.ip().to_string()).collect();
        assert_eq!(shown, ["127.0.0.2", "127.0.0.1"]);
        drop(before);
        let prepared = sockets.prepare(&listen(&[Ipv4Addr::UNSPECIFIED]), port).await.unwrap();
        assert_eq!(prepared.later.len(), 1, "its own sockets are in the way until then");
        sockets.adopt(prepared).await.unwrap();
        assert_eq!(sockets.addresses(), [SocketAddr::from(([0, 0, 0, 0], port))]);
        sockets.close();
        drop(TcpListener::bind(("0.0.0.0", port)).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_that_stays_taken_is_told_with_its_owner() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = Sockets::default().prepare(&listen(&[Ipv4Addr::LOCALHOST]), port).await.unwrap_err();
        assert_eq!(refused.exit_code(), 1);
        let text = refused.to_string();
        for expected in [
            format!(
                "Gateway failed to start: another gateway instance is already listening on ws://127.0.0.1:{port}"
            ),
            format!("Port {port} is already in use."),
            format!("- pid {} ", std::process::id()),
        ] {
            assert!(text.contains(&expected), "{text}");
        }
    }
}
