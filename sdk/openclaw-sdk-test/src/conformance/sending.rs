//! The rules about sending.

use openclaw_sdk::account::Account;
use openclaw_sdk::channel::{FailureKind, Outcome};
use openclaw_sdk::host::Host;
use openclaw_sdk::race::{First, race};

use super::rig::{CHARACTERS, Fault, Of, Rig, Subject, garbage};
use crate::outbound::outbound;

/// A message leaves at once while the account waits for what is new.
pub fn a_message_is_sent_while_the_account_receives<S: Subject>() {
    let rig = Rig::<S>::told(1);
    let account = Rig::<S>::account();
    let message = outbound(S::ROOM, "meanwhile");
    let meanwhile = async {
        rig.host.sleep(20_000).await;
        let begun = rig.host.elapsed_ms();
        let sent = account.send(&rig.host, &message).await;
        (sent, rig.host.elapsed_ms() - begun)
    };
    let both = race(rig.receives(&account, None), meanwhile);
    let Some(First::Right((sent, took))) = rig.host.run_for(60_000, both) else {
        panic!("the account ends, or the send does not");
    };
    assert!(matches!(sent, Outcome::Sent(_)), "{sent:?}");
    assert!(took < 1_000, "the send took {took} ms");
    assert_eq!(rig.visible(), ["meanwhile"]);
    rig.assert_taken(1);
}

/// A text that is too long for the vendor comes in parts of which each is short enough, and none of it is missing.
pub fn long_texts_are_split<S: Subject>() {
    let word = "word ".repeat(S::LIMIT / 2);
    for text in ["x".repeat(S::LIMIT * 2 + 10), word, "\u{1f600}".repeat(S::LIMIT + 5)] {
        let rig = Rig::<S>::new();
        let Outcome::Sent(receipt) = rig.sends(&text) else { panic!("the vendor takes every part") };
        let visible = rig.visible();
        assert!(visible.len() > 1 && receipt.message_ids.len() == visible.len(), "{receipt:?}");
        for part in &visible {
            let units: usize = part.chars().map(char::len_utf16).sum();
            assert!(units <= S::LIMIT, "a part has {units} units, and the vendor takes {}", S::LIMIT);
        }
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(letters(&visible.concat()), letters(&text));
    }
}

/// Every character leaves as it was written, and what no text should hold does no harm.
pub fn every_character_leaves<S: Subject>() {
    for text in CHARACTERS {
        let rig = Rig::<S>::new();
        let sent = rig.sends(text);
        assert!(matches!(sent, Outcome::Sent(_)), "{text:?}: {sent:?}");
        assert_eq!(rig.visible(), [*text]);
    }
    for odd in [
        "a\0b",
        "\u{1}\u{2}\u{1b}[31m",
        "\r\n\r\n",
        "   ",
        "",
        "```",
        "\\",
        "&<>\"'",
        "||",
        "[x](",
        "|a|\n|-|",
    ] {
        let rig = Rig::<S>::new();
        match rig.sends(odd) {
            Outcome::Sent(receipt) => assert_eq!(receipt.message_ids.len(), rig.visible().len(), "{odd:?}"),
            Outcome::Permanent(_) => assert!(rig.visible().is_empty(), "{odd:?}"),
            other => panic!("{odd:?}: {other:?}"),
        }
    }
}

/// A refused credential is told as such, and not tried again.
pub fn a_refused_credential_is_told_by_a_send<S: Subject>() {
    let rig = Rig::<S>::new();
    rig.fails(Of::All, Fault::Unauthorised);
    let Outcome::Unauthorised(failure) = rig.sends("x") else { panic!("the credential is refused") };
    assert_eq!(failure.kind, FailureKind::Unauthorised);
    assert_eq!(rig.requests(), 1);
}

/// A limit is told with its wait, and tried a few times at most.
pub fn a_limit_is_told_by_a_send<S: Subject>() {
    for wait in [Some(40), None] {
        let rig = Rig::<S>::new();
        rig.fails(Of::All, Fault::Limited(wait));
        let sent = rig.sends("x");
        let Outcome::Retryable(failure) = sent else { panic!("nothing is visible: {sent:?}") };
        assert_eq!(failure.kind, FailureKind::RateLimited);
        if let Some(seconds) = wait {
            assert_eq!(failure.retry_after_ms, Some(seconds * 1_000));
        }
        assert!(rig.requests() <= 8, "{} requests", rig.requests());
        assert!(rig.visible().is_empty());
    }
}

/// What became of a send is told as it is: a second attempt is offered only where nothing can be visible, and what is told
/// as sent is visible once.
pub fn a_send_that_is_lost_says_whether_it_left<S: Subject>() {
    let rig = Rig::<S>::new();
    rig.fails(Of::All, Fault::NotSent);
    let sent = rig.sends("x");
    assert!(matches!(sent, Outcome::Retryable(_)), "nothing has left: {sent:?}");
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Silent, Fault::Broken] {
        let rig = Rig::<S>::new();
        rig.fails(Of::Posts, fault.clone());
        let sent = rig.sends("x");
        assert!(matches!(sent, Outcome::Ambiguous(_)), "{fault:?}: it may have arrived: {sent:?}");
        assert!(rig.visible().len() <= 1, "{fault:?}: it is visible {} times", rig.visible().len());
    }
    // Half of a message is visible, and the rest cannot follow.
    let rig = Rig::<S>::new();
    let long = "x".repeat(S::LIMIT * 2);
    let account = Rig::<S>::account();
    let message = outbound(S::ROOM, &long);
    let breaks = async {
        while rig.visible().is_empty() {
            rig.host.sleep(1).await;
        }
        rig.fails(Of::Posts, Fault::NotSent);
        std::future::pending::<()>().await;
    };
    let both = race(account.send(&rig.host, &message), breaks);
    let Some(First::Left(sent)) = rig.host.run_for(60_000, both) else { panic!("the send ends") };
    assert!(matches!(sent, Outcome::Ambiguous(_)), "a part is visible: {sent:?}");
}

/// An answer that is none is no receipt, and no reason to send again.
pub fn garbage_is_no_receipt<S: Subject>() {
    for body in garbage() {
        let rig = Rig::<S>::new();
        rig.fails(Of::Posts, Fault::Says(body.clone()));
        let sent = rig.sends("x");
        let shown = String::from_utf8_lossy(body.get(..60).unwrap_or(&body)).into_owned();
        assert!(matches!(sent, Outcome::Ambiguous(_)), "{shown}: {sent:?}");
        assert!(rig.visible().len() <= 1, "{shown}: it is visible {} times", rig.visible().len());
    }
}
