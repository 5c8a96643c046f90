//! What the service manager is told (the protocol of sd_notify): ready, reloading, stopping, and that this process still
//! does its work. Says nothing where nobody listens, and never waits.

use std::collections::BTreeMap;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use openclaw_config::Env;
use openclaw_failpoints::failpoint;
use tracing::debug;

/// The way to the service manager, if there is one. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Notifier {
    to: Option<Arc<(UnixDatagram, SocketAddr)>>,
    /// How often it wants a sign of life.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub(super) fn new(environment: &BTreeMap<String, String>) -> Notifier {
        let Some(path) = environment.non_blank("NOTIFY_SOCKET") else { return Notifier::default() };
        let to = address(&path).and_then(|address| {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok(Arc::new((socket, address)))
        });
        match to {
            Ok(to) => Notifier { to: Some(to), watchdog: watchdog(environment) },
            Err(error) => {
                debug!(%error, "NOTIFY_SOCKET cannot be used");
                Notifier::default()
            }
        }
    }

    /// Says one thing or several, a line each.
    pub(super) fn say(&self, state: &str) {
        let Some(to) = &self.to else { return };
        let (socket, address) = to.as_ref();
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            debug!(%error, state, "the service manager was not told");
        }
    }

    /// Gives signs of life for as long as tasks run here.
    pub(super) async fn stay_alive(self) {
        let Some(period) = self.watchdog else { return };
        let mut beats = tokio::time::interval(period);
        loop {
            beats.tick().await;
            failpoint!("gateway.watchdog");
            self.say("WATCHDOG=1");
        }
    }
}

fn address(path: &str) -> std::io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = path.strip_prefix('@') {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(path)
}

/// Half of what the service manager waits, if it waits for this process.
fn watchdog(environment: &BTreeMap<String, String>) -> Option<Duration> {
    let for_us =
        environment.non_blank("WATCHDOG_PID").is_none_or(|pid| pid.trim().parse() == Ok(std::process::id()));
    let micros: u64 = environment.non_blank("WATCHDOG_USEC")?.trim().parse().ok()?;
    (for_us && micros > 0).then(|| Duration::from_micros(micros) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[(&str, &str)]) -> BTreeMap<String, String> {
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_service_manager_hears_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier =
            Notifier::new(&env(&[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "2000000")]));
        let heard = || {
            let mut text = [0; 256];
            let length = manager.recv(&mut text).unwrap();
            String::from_utf8_lossy(&text[..length]).into_owned()
        };
        notifier.say("READY=1\nSTATUS=x");
        assert_eq!(heard(), "READY=1\nSTATUS=x");
        let alive = tokio::spawn(notifier.stay_alive());
        tokio::time::sleep(Duration::from_millis(1500)).await;
        alive.abort();
        manager.set_nonblocking(true).unwrap();
        assert_eq!((heard(), heard()), ("WATCHDOG=1".to_owned(), "WATCHDOG=1".to_owned()));
        assert!(manager.recv(&mut [0; 16]).is_err(), "once each second");
    }

    #[test]
    fn another_process_may_be_the_one_that_is_watched() {
        let check = |vars: &[(&str, &str)], expected| assert_eq!(watchdog(&env(vars)), expected);
        check(&[("WATCHDOG_USEC", "3000000")], Some(Duration::from_millis(1500)));
        check(&[("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "1")], None);
        check(&[("WATCHDOG_USEC", "0")], None);
        check(&[], None);
    }
}
