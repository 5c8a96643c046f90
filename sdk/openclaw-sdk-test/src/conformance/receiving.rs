//! The rules about receiving.

use std::cell::Cell;
use std::collections::BTreeSet;

use openclaw_sdk::account::Account;
use openclaw_sdk::channel::FailureKind;
use openclaw_sdk::events::Occurrence;
use openclaw_sdk::host::Host;
use openclaw_sdk::inbound::{AdmitError, Connection};
use openclaw_sdk::race::{First, race};

use super::rig::{CHARACTERS, Fault, Model as _, Of, Rig, Subject, garbage, text};

const MINUTE: u64 = 60_000;

/// Everything that is said arrives once and in order, and is acknowledged no sooner.
pub fn everything_arrives_once_and_in_order<S: Subject>() {
    let mut rig = Rig::<S>::told(5);
    rig.lives(2 * MINUTE, None);
    rig.assert_taken(5);
    assert!(rig.host.states().contains(&Connection::Ready), "{:?}", rig.host.states());
    let ids: BTreeSet<String> = rig.host.admitted().into_iter().map(|taken| taken.message.id).collect();
    assert_eq!(ids.len(), 5, "each message has an id of its own");
    rig.say([6]);
    rig.lives(2 * MINUTE, None);
    rig.assert_taken(6);
}

/// An instance that dies between a message and the next has lost none, and a new one goes on where it was.
pub fn nothing_is_lost_when_the_instance_dies<S: Subject>() {
    for first in 1..=4 {
        let mut rig = Rig::<S>::told(5);
        rig.lives(2 * MINUTE, Some(first));
        assert_eq!(rig.texts().len(), first, "the instance dies right after its message {first}");
        rig.lives(2 * MINUTE, Some(first + 1));
        rig.lives(3 * MINUTE, None);
        rig.assert_taken(5);
        if rig.host.cursor().is_some() {
            assert_eq!(rig.host.duplicates(), 0, "what the cursor covers is not taken again");
        }
    }
}

/// While the gateway stores nothing, nothing is acknowledged; when it can again, everything is there.
pub fn what_is_not_stored_is_not_acknowledged<S: Subject>() {
    let mut rig = Rig::<S>::told(3);
    for _ in 0..4 {
        rig.host = rig.host.refuses_admission(AdmitError::Unavailable(1_000));
    }
    rig.lives(3 * MINUTE, None);
    rig.assert_taken(3);
}

/// A message that the gateway calls invalid is passed, and those behind it come.
pub fn what_the_gateway_skips_holds_up_nothing<S: Subject>() {
    let mut rig = Rig::<S>::told(3);
    rig.host = rig.host.refuses_admission(AdmitError::Invalid("text".into()));
    // What is skipped may be acknowledged, so the watch over acknowledgements does not apply.
    let account = Rig::<S>::account();
    let ended = rig.host.run_for(2 * MINUTE, rig.receives(&account, None));
    assert_eq!(ended, None, "the account has ended by itself");
    assert_eq!(rig.texts(), [text(2), text(3)]);
}

/// A message that the vendor brings twice is taken once.
pub fn what_comes_again_is_taken_once<S: Subject>() {
    let mut rig = Rig::<S>::told(2);
    rig.lives(MINUTE, None);
    rig.say([1, 2]);
    rig.lives(MINUTE, None);
    rig.say([3]);
    rig.lives(2 * MINUTE, None);
    rig.assert_taken(3);
}

/// Every character arrives as it was written.
pub fn every_character_arrives<S: Subject>() {
    let mut rig = Rig::<S>::new();
    for (n, text) in (1..).zip(CHARACTERS) {
        rig.model.borrow_mut().say(n, text);
    }
    rig.lives(2 * MINUTE, None);
    assert_eq!(rig.texts(), CHARACTERS);
}

/// A refused credential ends the account, says so, and is not tried again.
pub fn a_refused_credential_waits_for_a_person<S: Subject>() {
    let rig = Rig::<S>::told(1);
    rig.fails(Of::All, Fault::Unauthorised);
    let account = Rig::<S>::account();
    let ended = rig.host.run_for(10 * MINUTE, rig.receives(&account, None));
    let failure = ended.expect("the account ends").expect_err("it ends with a failure");
    assert_eq!(failure.kind, FailureKind::Unauthorised, "{failure:?}");
    assert!(!failure.detail.is_empty(), "a person is told what to do");
    assert!(matches!(rig.host.states().last(), Some(Connection::AuthRequired(_))), "{:?}", rig.host.states());
    assert!(rig.requests() <= 3, "{} requests with a refused credential", rig.requests());
    let probed = rig.host.run_for(10_000, account.probe(&rig.host)).expect("within 10 s");
    assert_eq!(probed.expect_err("the credential is refused").kind, FailureKind::Unauthorised);
}

/// A credential that is refused after it worked ends the account within ten minutes, if it asks the vendor for anything.
pub fn a_credential_that_is_refused_later_ends_the_account_too<S: Subject>() {
    let rig = Rig::<S>::told(1);
    let account = Rig::<S>::account();
    let asked = Cell::new(0);
    let revoked = async {
        rig.host.sleep(MINUTE).await;
        rig.fails(Of::All, Fault::Unauthorised);
        asked.set(rig.requests());
        std::future::pending::<()>().await;
    };
    let lived = rig.host.run_for(11 * MINUTE, race(rig.receives(&account, None), revoked));
    rig.assert_taken(1);
    let more = rig.requests() - asked.get();
    match lived {
        Some(First::Left(Err(failure))) => {
            assert_eq!(failure.kind, FailureKind::Unauthorised, "{failure:?}");
            assert!(matches!(rig.host.states().last(), Some(Connection::AuthRequired(_))));
            assert!(more <= 5, "{more} requests with a refused credential");
        }
        None if more == 0 => {}
        other => panic!("after {more} requests: {other:?}"),
    }
}

/// While the vendor says for how long, nothing is asked; afterwards the account goes on.
pub fn a_limit_is_kept_while_receiving<S: Subject>() {
    for (wait, most) in [(Some(30), 8), (None, 60)] {
        let mut rig = Rig::<S>::told(2);
        rig.fails(Of::TheRest, Fault::Limited(wait));
        rig.lives(2 * MINUTE, None);
        // How long a refused handshake is to be waited for the contract does not tell, so that one counts less.
        let (calls, opened) = (rig.host.calls().len(), rig.host.opened().len());
        assert!(
            calls <= most && opened <= 60,
            "{calls} requests, {opened} sockets in two minutes of {wait:?}"
        );
        rig.works();
        rig.lives(6 * MINUTE, None);
        rig.assert_taken(2);
    }
}

/// A vendor that fails is asked ever less often, is told apart from a working one, and is found again within five minutes.
pub fn a_broken_vendor_is_not_hammered_and_found_again<S: Subject>() {
    for (seed, fault) in
        (1..).zip([Fault::Broken, Fault::NotSent, Fault::LostBefore, Fault::LostAfter, Fault::Silent])
    {
        let mut rig = Rig::<S>::seeded(seed);
        rig.say([1, 2]);
        rig.lives(MINUTE, None);
        rig.fails(Of::TheRest, fault.clone());
        let before = rig.requests();
        rig.say([3]);
        // The same instance sees the vendor fail and work again.
        rig.host = rig.host.restarted();
        let account = Rig::<S>::account();
        let cursor = rig.host.cursor();
        let healed = async {
            rig.host.sleep(10 * MINUTE).await;
            let asked = rig.requests() - before;
            assert!((2..=150).contains(&asked), "{asked} requests in ten minutes of {fault:?}");
            let states = rig.host.states();
            let last = states.iter().rev().find(|state| !matches!(state, Connection::Connecting));
            assert!(matches!(last, Some(Connection::Degraded(_))), "{fault:?}: {states:?}");
            rig.works();
            rig.host.sleep(5 * MINUTE).await;
        };
        let run = rig.receives(&account, cursor.as_deref());
        let lived = rig.host.run_for(20 * MINUTE, race(run, healed));
        assert!(matches!(lived, Some(First::Right(()))), "{fault:?}: the account has ended: {lived:?}");
        rig.assert_taken(3);
    }
}

/// Whatever an answer is, the account neither dies of it nor loses what comes afterwards.
pub fn garbage_is_survived<S: Subject>() {
    let cuts = (0..200).step_by(7).map(Fault::Cut);
    for fault in garbage().into_iter().map(Fault::Says).chain(cuts) {
        let mut rig = Rig::<S>::told(1);
        rig.lives(MINUTE, None);
        rig.fails(Of::TheRest, fault.clone());
        let account = Rig::<S>::account();
        let cursor = rig.host.cursor();
        rig.host = rig.host.restarted();
        let ended = rig.host.run_for(MINUTE, rig.receives(&account, cursor.as_deref()));
        assert_eq!(ended, None, "{} ends the account", shown(&fault));
        rig.host.run_for(10_000, account.probe(&rig.host));
        rig.works();
        rig.say([2]);
        rig.lives(6 * MINUTE, None);
        let texts = rig.texts();
        let last = texts.last().map(String::as_str);
        assert!(last == Some(&text(2)), "after {}: {texts:?}", shown(&fault));
    }
}

fn shown(fault: &Fault) -> String {
    match fault {
        Fault::Says(body) => String::from_utf8_lossy(body.get(..60).unwrap_or(body)).into_owned(),
        other => format!("{other:?}"),
    }
}

/// The account ends within a second after it was asked to, whatever it is at.
pub fn the_end_is_heeded<S: Subject>() {
    for fault in [None, Some(Fault::Silent), Some(Fault::Broken), Some(Fault::Limited(Some(60)))] {
        for after in [0, 3, 1_000, 20_000] {
            let rig = Rig::<S>::told(1);
            if let Some(fault) = &fault {
                rig.fails(Of::TheRest, fault.clone());
            }
            let host = rig.host.clone().refuses_admission(AdmitError::Unavailable(30_000));
            host.happens_after(after, Occurrence::Shutdown);
            let account = Rig::<S>::account();
            let ended = host.run_for(after + 1_000, rig.receives(&account, None));
            assert_eq!(ended, Some(Ok(())), "asked after {after} ms, {fault:?}");
        }
    }
}

/// A probe says who we are, or why not, within the ten seconds that the gateway waits.
pub fn a_probe_tells_who_we_are<S: Subject>() {
    let rig = Rig::<S>::new();
    let account = Rig::<S>::account();
    let probe = || rig.host.run_for(10_000, account.probe(&rig.host)).expect("within 10 s");
    let identity = probe().expect("the vendor works");
    assert!(!identity.id.is_empty());
    for fault in [Fault::NotSent, Fault::Broken, Fault::Silent, Fault::LostBefore] {
        rig.fails(Of::All, fault.clone());
        let failure = probe().expect_err("the vendor does not work");
        assert_eq!(failure.kind, FailureKind::Unavailable, "{fault:?}: {failure:?}");
    }
}
