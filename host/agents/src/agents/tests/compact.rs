//! `/compact`, from the chat to what the next turn is told.

use super::*;

/// Five turns: `said 1` to `said 5`, each answered with `ok`.
async fn talked(more: impl IntoIterator<Item = Said>) -> Fixture {
    let fixture = Fixture::new((0..5).map(|_| Said::Text("ok")).chain(more)).await;
    for number in 1..=5 {
        let turn = fixture.say(&format!("said {number}")).await.unwrap();
        fixture.agents.commit(&turn).await.unwrap();
    }
    fixture
}

#[tokio::test]
async fn the_older_part_becomes_a_summary_and_the_transcript_stays() {
    let fixture =
        talked([Said::Text("in short"), Said::Text("six!"), Said::Text("shorter"), Said::Text("eight!")])
            .await;
    let turn = fixture.say("/compact names matter").await.unwrap();
    assert!(turn.reply.contains("4 messages are a summary now, the newest 6 stay"), "{}", turn.reply);
    assert!(turn.command && turn.write.is_none());
    assert_eq!(turn.compacted, Some(crate::Compacted { before: 10, after: 8 }));
    let asked = fixture.backend.asked.lock().unwrap()[5].clone();
    assert!(asked[0].1.ends_with("in particular: names matter"), "{asked:?}");
    assert_eq!(asked[1], user("[Person]\nsaid 1\n\n[Assistant]\nok\n\n[Person]\nsaid 2\n\n[Assistant]\nok"));

    let six = fixture.say("said 6").await.unwrap();
    fixture.agents.commit(&six).await.unwrap();
    let told = fixture.asked(6);
    let first = "[Earlier in this conversation, in short]\nin short\n\n[What was said since]\nsaid 3";
    assert_eq!((told.len(), &told[0], &told[6]), (7, &user(first), &user("said 6")));
    let kept = fixture.store.transcript("agent:main:main", &six.session_id, 99, 0).await.unwrap();
    assert_eq!(kept.total, 12, "people can still read all of it");

    // Once more: the older summary is part of the newer one.
    fixture.say("/compact").await.unwrap();
    let asked = fixture.backend.asked.lock().unwrap()[7].clone();
    assert!(
        asked[1].1.starts_with("[Summary of what was said before]\nin short\n\n[Person]\nsaid 3"),
        "{asked:?}"
    );
    let settings = Settings::clone(&fixture.agents.settings());
    let agents =
        Agents::with_backend(fixture.store.clone(), Arc::<Scripted>::clone(&fixture.backend), settings);
    agents.run_turn(request("said 7")).await.unwrap();
    let told = fixture.asked(8);
    assert!(
        told[0].1.contains("in short]\nshorter\n") && told[0].1.ends_with("said 4"),
        "after a restart too: {told:?}"
    );
}

#[tokio::test]
async fn a_model_that_fails_changes_nothing_and_a_short_session_needs_nothing() {
    let fixture = talked([Said::Fails(FailureReason::Billing), Said::Text(" "), Said::Text("six!")]).await;
    for code in ["billing", "empty_response"] {
        let failed = fixture.say("/compact").await.unwrap_err();
        assert_eq!(failed.code(), code);
        assert!(failed.user_text().unwrap().starts_with("⚠️ Nothing was compacted"), "{failed:?}");
    }
    fixture.say("said 6").await.unwrap();
    assert_eq!(fixture.asked(7).len(), 11, "all of it is told");
    let short = Fixture::new([]).await;
    assert_eq!(short.say("/compact").await.unwrap().reply, command::NOTHING_TO_COMPACT);
}

#[tokio::test]
async fn a_session_that_begins_anew_has_no_summary() {
    let fixture = talked([Said::Text("in short"), Said::Text("six!")]).await;
    fixture.say("/compact").await.unwrap();
    let new = fixture.say("/new").await.unwrap();
    fixture.agents.commit(&new).await.unwrap();
    fixture.say("said 6").await.unwrap();
    assert_eq!(fixture.asked(6), [user("said 6")]);
}
