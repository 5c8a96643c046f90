//! What is shown of the three ways of an account: transport, inbound, outbound. Each can be out of order while the others are not, so
//! each has a state and a time of its own. Owns the words; what they are made of is measured elsewhere.

use openclaw_messaging::LastSend;
use openclaw_protocol::channels::{Evidence, Fact};
use openclaw_supervisor::Circuit;

/// What the facts are made of. Times are Unix milliseconds.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// An instance runs.
    pub(crate) running: bool,
    /// It says that it reaches its vendor, and there is evidence of it.
    pub(crate) connected: bool,
    /// It says so, and there is none.
    pub(crate) deaf: bool,
    /// Why it does not.
    pub(crate) reason: Option<&'a str>,
    pub(crate) transport_at: Option<u64>,
    /// Why nothing can be stored.
    pub(crate) refusal: Option<String>,
    pub(crate) inbound_at: Option<u64>,
    pub(crate) circuit: &'a Circuit,
    pub(crate) last_send: Option<&'a LastSend>,
    /// The last message that the vendor took, which the store remembers longer.
    pub(crate) outbound_at: Option<u64>,
}

/// The three facts.
pub(crate) fn evidence(seen: &Seen<'_>) -> Evidence {
    let fact = |state: &str, at: Option<u64>, reason: Option<&str>| Fact {
        state: state.to_owned(),
        at,
        reason: reason.map(str::to_owned),
    };
    let transport = match seen {
        Seen { running: false, .. } => fact("off", seen.transport_at, seen.reason),
        Seen { connected: true, .. } => fact("live", seen.transport_at, None),
        Seen { deaf: true, .. } => fact("deaf", seen.transport_at, Some("nothing was heard from the vendor")),
        _ => fact("down", seen.transport_at, seen.reason),
    };
    let inbound = match &seen.refusal {
        Some(why) => fact("refused", seen.inbound_at, Some(why)),
        None if seen.connected => fact("open", seen.inbound_at, None),
        None => fact("closed", seen.inbound_at, None),
    };
    let ended = seen.last_send.and_then(|last| u64::try_from(last.at).ok());
    let at = ended.max(seen.outbound_at);
    let unanswered = seen.last_send.and_then(|last| last.unanswered.as_deref());
    let outbound = match (seen.circuit, unanswered) {
        _ if !seen.running => fact("off", at, None),
        (Circuit::Open { reason, .. }, _) => fact("held", at, Some(reason)),
        (_, Some(why)) => fact("failing", at, Some(why)),
        (Circuit::HalfOpen { reason, .. }, None) => fact("failing", at, Some(reason)),
        (Circuit::Closed, None) => fact("open", at, None),
    };
    Evidence { transport, inbound, outbound }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn states(seen: &Seen<'_>) -> [String; 3] {
        let Evidence { transport, inbound, outbound } = evidence(seen);
        [transport.state, inbound.state, outbound.state]
    }

    #[test]
    fn each_fact_has_a_state_and_a_time_of_its_own() {
        let open =
            Circuit::Open { since: SystemTime::now(), until: SystemTime::now(), reason: "503".to_owned() };
        let bad = LastSend { at: 40, unanswered: Some("no route".to_owned()) };
        let good = LastSend { at: 40, unanswered: None };
        let well = || Seen {
            running: true,
            connected: true,
            deaf: false,
            reason: None,
            transport_at: Some(10),
            refusal: None,
            inbound_at: Some(20),
            circuit: &Circuit::Closed,
            last_send: None,
            outbound_at: Some(30),
        };
        let check = |seen: Seen<'_>, expected: [&str; 3]| assert_eq!(states(&seen), expected, "{seen:?}");
        check(well(), ["live", "open", "open"]);
        check(Seen { connected: false, deaf: true, ..well() }, ["deaf", "closed", "open"]);
        check(Seen { connected: false, reason: Some("no network"), ..well() }, ["down", "closed", "open"]);
        check(Seen { running: false, connected: false, ..well() }, ["off", "closed", "off"]);
        check(Seen { refusal: Some("disk_full".to_owned()), ..well() }, ["live", "refused", "open"]);
        check(Seen { last_send: Some(&bad), ..well() }, ["live", "open", "failing"]);
        check(Seen { last_send: Some(&bad), circuit: &open, ..well() }, ["live", "open", "held"]);
        check(Seen { last_send: Some(&good), ..well() }, ["live", "open", "open"]);
        let shown = evidence(&Seen { last_send: Some(&bad), ..well() });
        let times = [shown.transport.at, shown.inbound.at, shown.outbound.at];
        assert_eq!(
            (times, shown.outbound.reason.as_deref()),
            ([Some(10), Some(20), Some(40)], Some("no route"))
        );
        assert_eq!(evidence(&well()).outbound.at, Some(30), "what the store remembers from before the start");
    }
}
