//! The tables of all failpoints.

/// Every failpoint at which a task may panic or the process die, by the part of the host that it stands in. A test passes each of them.
pub const NAMES: &[&str] = &[
    // A change of what is known of devices.
    "devices.change",
    // The gateway's periodic event.
    "gateway.tick",
    // Telling clients what changed.
    "gateway.tell",
    // Looking after sessions that nobody uses.
    "gateway.upkeep",
    // Signs of life for the service manager.
    "gateway.watchdog",
    // The loop that takes connections in, one connection, one request, a vendor's call, a hook's run.
    "http.accept",
    "http.connection",
    "http.request",
    "http.webhook",
    "http.hook",
    // The loop of the local socket, and one connection of it.
    "local.accept",
    "local.connection",
    // The threads that write the log.
    "log.write",
    // Storing a message, deciding about it, queueing its turn, the turn's task, the turn itself, the typing notice.
    "messaging.admit",
    "messaging.decide",
    "messaging.queue",
    "messaging.lane",
    "messaging.turn",
    "messaging.typing",
    // A conversation's worker, one send, and recording how it ended.
    "messaging.outbox",
    "messaging.send",
    "messaging.record",
    "messaging.upkeep",
    // Reading a provider's answer.
    "models.stream",
    // Following the configuration and the plugins' files.
    "reload.config",
    "reload.plugins",
    // A method of the control plane, and work that is done once for a key.
    "rpc.method",
    "rpc.once",
    // A turn that a client asked for, and one that an event begins.
    "turns.run",
    "turns.wake",
    // What drives an instance, a call of it, and what the host does for it beside.
    "runtime.instance",
    "runtime.call",
    "runtime.epoch",
    "runtime.http",
    "runtime.body",
    "runtime.inbound",
    "runtime.kv",
    "runtime.media",
    "runtime.process",
    "runtime.websocket",
    // A job of the reading and of the writing side, and the end of a transaction.
    "store.read",
    "store.write",
    "store.commit",
    // The task that looks after an account, its start, and following what its instance says.
    "supervisor.account",
    "supervisor.start",
    "supervisor.follow",
    // One connection of the control plane.
    "ws.connection",
];

/// Every failpoint at which the process may die, and no panic is asked for: between two steps that belong together, where no task
/// begins or ends. The chaos program kills at each of them.
pub const DEATHS: &[&str] = &[
    // A stored message, and a stored decision.
    "messaging.admitted",
    "messaging.decided",
    // A turn has its reply, and both are stored.
    "messaging.turned",
    "messaging.closed",
    // A block of an answer is stored, and its turn goes on.
    "messaging.block-stored",
    // A preview is marked as under way, its send is over, and its end is stored.
    "messaging.preview-marked",
    "messaging.preview-sent",
    "messaging.preview-recorded",
    // A send is marked as under way, and its end is stored.
    "messaging.claimed",
    "messaging.recorded",
    // Going on from the ledger, and having gone on.
    "messaging.recover",
    "messaging.recovered",
    // Before the provider is asked, and before its answer is read.
    "models.ask",
    "models.answered",
    // Before a component hears that a message is taken, that a vendor answers, and before the host hears how a send ended.
    "runtime.admitted",
    "runtime.answered",
    "runtime.sent",
    // The file is open, and what was being sent is flagged.
    "store.opened",
    "store.flagged",
    // A transaction has begun, one of its jobs is done, it is durable, and one of its jobs is answered.
    "store.begin",
    "store.wrote",
    "store.committed",
    "store.answered",
];

/// Whether one of the tables has this name. For the compiler: a name that is not there does not build.
pub const fn is_known(name: &str) -> bool {
    has(NAMES, name) || has(DEATHS, name)
}

/// Whether no panic may be asked for at this failpoint.
#[cfg(any(test, feature = "on"))]
pub(crate) fn only_dies(name: &str) -> bool {
    has(DEATHS, name)
}

const fn has(mut rest: &[&str], name: &str) -> bool {
    while let [first, others @ ..] = rest {
        if same(first.as_bytes(), name.as_bytes()) {
            return true;
        }
        rest = others;
    }
    false
}

const fn same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (more_a, more_b);
    }
    a.is_empty() && b.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_when_it_is_whole() {
        assert!(is_known("store.write") && is_known(NAMES[0]) && is_known(DEATHS[0]));
        assert!(!is_known("store.writ") && !is_known("store.writer") && !is_known(""));
    }

    #[test]
    fn no_name_stands_twice() {
        let mut names = [NAMES, DEATHS].concat();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len() + DEATHS.len());
    }
}
