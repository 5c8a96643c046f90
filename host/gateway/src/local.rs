//! The owner's way in: a Unix socket in the state directory. Whoever may open it owns this installation and could read
//! its secrets anyway, so no secret is asked for; that is how pairing and tokens are put right when the shared secret is
//! lost. The frames are those of the port, and nothing but the control plane is served here.
//!
//! Invariants: only the holder of the instance lock makes or removes the file; a peer of another user is turned away
//! by the kernel's word (SO_PEERCRED), whatever the file's mode has become.

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use openclaw_failpoints::failpoint;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tracing::{debug, warn};

use crate::http::reply;
use crate::panics::lived_through;
use crate::process::Gateway;
use crate::ws;

/// Bytes of a path that every system takes for a socket: `sun_path` has 104 on macOS and 108 on Linux, with the final zero.
const LONGEST_PATH: usize = 103;
/// Open connections. Commands are short; a follower or two stay.
const CONNECTIONS: usize = 64;
/// From the first byte of a request to the end of its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A pause after `accept` failed, which it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the socket of the gateway with this state directory is.
pub(crate) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("gateway.sock")
}

/// The open socket. Its file goes when it is dropped.
pub(crate) struct LocalSocket {
    listener: UnixListener,
    _file: SocketFile,
}

impl LocalSocket {
    /// Opens the socket. Only for the holder of the instance lock: what a dead gateway left behind is replaced.
    ///
    /// # Errors
    /// What stands in the way, and what to do about it. The gateway runs without it.
    pub(crate) fn open(state_dir: &Path) -> Result<LocalSocket, String> {
        let path = path(state_dir);
        let shown = path.display();
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            return Err(format!(
                "no local socket: {shown} has {length} bytes and a socket's path may have {LONGEST_PATH}. Without it, \
                 devices and tokens cannot be repaired when the shared secret is lost. Choose a shorter \
                 OPENCLAW_STATE_DIR."
            ));
        }
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(found) if found.file_type().is_socket() => {
                fs::remove_file(&path)
                    .map_err(|error| format!("no local socket: {shown} cannot be replaced: {error}"))?;
            }
            Ok(_) => return Err(format!("no local socket: {shown} is another kind of file. Move it away.")),
            Err(error) => return Err(format!("no local socket: {shown} cannot be looked at: {error}")),
        }
        let failed = |error: io::Error| format!("no local socket: {shown} cannot be opened: {error}");
        let listener = UnixListener::bind(&path).map_err(failed)?;
        // Until here the folder's mode (0700) keeps others out.
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed)?;
        let found = fs::symlink_metadata(&path).map_err(failed)?;
        let file = SocketFile { path: path.clone(), identity: (found.dev(), found.ino()) };
        Ok(LocalSocket { listener, _file: file })
    }
}

/// The socket's name in the folder.
struct SocketFile {
    path: PathBuf,
    /// Device and inode: another gateway's file of the same name is left alone.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours =
            fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            debug!(%error, "the local socket is left behind; the next gateway replaces it");
        }
    }
}

/// Serves the socket until `stop` turns true, and removes its file then. Sessions end with the others'.
pub(crate) async fn serve(socket: LocalSocket, gateway: Arc<Gateway>, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while !lived_through("taking local connections in", take_in(&socket, &slots, &gateway, &mut stop)).await {
    }
}

async fn take_in(
    socket: &LocalSocket,
    slots: &Arc<Semaphore>,
    gateway: &Arc<Gateway>,
    stop: &mut watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = socket.listener.accept() => accepted,
            _ = stop.wait_for(|&stop| stop) => return,
        };
        failpoint!("local.accept");
        match accepted {
            Ok((stream, _)) if !is_owner(&stream) => {
                warn!(
                    subsystem = "gateway/ws",
                    "a process of another user opened the local socket; turned away"
                );
            }
            Ok((stream, _)) => {
                let Ok(slot) = Arc::clone(slots).try_acquire_owned() else {
                    debug!("local connection refused: too many are open");
                    continue;
                };
                let gateway = Arc::clone(gateway);
                tokio::spawn(async move {
                    failpoint!("local.connection");
                    connection(stream, &gateway).await;
                    drop(slot);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a local connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the peer's process runs as this one does, or as root, who may do everything anyway.
fn is_owner(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn connection(stream: UnixStream, gateway: &Arc<Gateway>) {
    let service = service_fn(|mut request: http::Request<Incoming>| {
        let response = if ws::is_upgrade(request.headers()) {
            ws::upgrade_owner(gateway, &mut request)
        } else {
            reply::not_found()
        };
        std::future::ready(Ok::<_, Infallible>(reply::complete(response, None)))
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = served.await {
        debug!(%error, "local connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_file_is_private_and_goes_with_its_gateway() {
        let dir = tempfile::tempdir().unwrap();
        let socket = LocalSocket::open(dir.path()).unwrap();
        assert_eq!(mode(&path(dir.path())), 0o600);
        drop(socket);
        assert!(!path(dir.path()).exists());
    }

    #[tokio::test]
    async fn what_a_dead_gateway_left_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        drop(std::os::unix::net::UnixListener::bind(path(dir.path())).unwrap());
        assert!(path(dir.path()).exists(), "a listener that dies leaves its file");
        let first = LocalSocket::open(dir.path()).unwrap();
        let second = LocalSocket::open(dir.path()).unwrap();
        drop(first);
        assert!(path(dir.path()).exists(), "the first one's end does not take the second one's file");
        drop(second);
        fs::write(path(dir.path()), "mine").unwrap();
        let refused = LocalSocket::open(dir.path()).err().unwrap();
        assert!(refused.contains("another kind of file"), "{refused}");
        assert_eq!(fs::read_to_string(path(dir.path())).unwrap(), "mine");
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(100));
        fs::create_dir(&deep).unwrap();
        let refused = LocalSocket::open(&deep).err().unwrap();
        assert!(refused.contains("Choose a shorter OPENCLAW_STATE_DIR"), "{refused}");
    }

    #[tokio::test]
    async fn this_user_is_the_owner() {
        let (here, _there) = UnixStream::pair().unwrap();
        assert!(is_owner(&here));
    }
}
