//! Whether what a component says of its connection still counts. A connection can be deaf without anybody noticing: the component
//! waits for something that never comes. How long one that lives is silent at most is the manifest's to say; that nobody
//! writes is never a sign of anything.

use std::time::Duration;

use openclaw_packages::Manifest;
use openclaw_runtime::{Connection, Facts};
use openclaw_supervisor::Health;
use tokio::time::Instant;

/// How long a connection of this channel that lives is silent at most, if anybody can say so.
pub(crate) fn within(manifest: &Manifest) -> Option<Duration> {
    let seconds = manifest.channel.as_ref()?.evidence_s?;
    Some(Duration::from_secs(seconds.into()))
}

/// How long the vendor was not heard, where that is too long for a connection that is said to live.
pub(crate) fn silence(facts: &Facts, within: Option<Duration>) -> Option<Duration> {
    let silent = last_word(facts)?.elapsed();
    within.filter(|within| silent >= *within).map(|_| silent)
}

/// Whether the account can receive. What it works badly at beside that, such as a limit that it is over, is told elsewhere.
pub(crate) fn connected(facts: &Facts, within: Option<Duration>) -> bool {
    matches!(facts.connection, Connection::Ready) && silence(facts, within).is_none()
}

/// When the account is to be looked at again although nothing was heard of it.
pub(super) fn look_again(facts: &Facts, within: Option<Duration>) -> Option<Instant> {
    last_word(facts)?.checked_add(within?).filter(|at| *at > Instant::now())
}

/// When the vendor was last heard by a component that says it still hears it.
fn last_word(facts: &Facts) -> Option<Instant> {
    facts.heard.filter(|_| matches!(facts.connection, Connection::Ready))
}

/// What the supervisor is told.
pub(super) fn health(facts: &Facts, within: Option<Duration>) -> Health {
    match facts.shown() {
        Connection::Connecting => Health::Connecting,
        Connection::Degraded(why) => Health::Degraded(why),
        Connection::AuthRequired(why) => Health::AuthRequired(why),
        Connection::Ready => match within.filter(|_| silence(facts, within).is_some()) {
            Some(within) => Health::Degraded(format!(
                "nothing was heard from the vendor for {} s, which is longer than a connection that lives is silent",
                within.as_secs()
            )),
            None => Health::Ready,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    use tokio::time::advance;

    use super::*;

    fn facts(connection: Connection) -> Facts {
        Facts {
            connection,
            connection_since: SystemTime::now(),
            transport: Some(SystemTime::now()),
            heard: Some(Instant::now()),
            inbound: None,
            outbound: None,
            strikes: 0,
            over: None,
            refused: BTreeMap::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_counts_for_as_long_as_there_is_evidence_of_it() {
        let (limit, mut said) = (Some(Duration::from_secs(90)), facts(Connection::Ready));
        assert!(connected(&said, limit) && health(&said, limit) == Health::Ready);
        advance(Duration::from_secs(89)).await;
        assert!(connected(&said, limit));
        assert_eq!(look_again(&said, limit).unwrap() - Instant::now(), Duration::from_secs(1));
        advance(Duration::from_secs(1)).await;
        assert!(!connected(&said, limit) && look_again(&said, limit).is_none());
        assert!(matches!(health(&said, limit), Health::Degraded(why) if why.contains("for 90 s")));
        // Who may be silent is.
        assert!(
            connected(&said, None)
                && health(&said, None) == Health::Ready
                && look_again(&said, None).is_none()
        );
        said.heard = Some(Instant::now());
        assert!(connected(&said, limit));
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_says_that_it_receives_is_connected() {
        let limit = Some(Duration::from_secs(90));
        for connection in [
            Connection::Connecting,
            Connection::Degraded("no network".to_owned()),
            Connection::AuthRequired("renew it".to_owned()),
        ] {
            let said = facts(connection);
            assert!(!connected(&said, limit) && look_again(&said, limit).is_none());
            advance(Duration::from_secs(900)).await;
            assert!(silence(&said, limit).is_none(), "its own words say more: {said:?}");
        }
        let over = Facts { over: Some(openclaw_runtime::Over::Requests), ..facts(Connection::Ready) };
        assert!(connected(&over, limit) && matches!(health(&over, limit), Health::Degraded(_)));
    }
}
