use super::*;

fn rules(min: usize, max: usize) -> BlockRules {
    BlockRules {
        min_chars: min,
        max_chars: max,
        gather_min: 1,
        idle: Duration::from_secs(1),
        ..BlockRules::default()
    }
}

fn cutter(rules: BlockRules) -> Cutter {
    Cutter::new(rules, 100, Unit::Chars, "")
}

/// What is sent at each moment while a text is written sign by sign.
fn sent(cutter: &mut Cutter, text: &str, begin: Instant, pause: Duration) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    let mut now = begin;
    for (at, sign) in text.char_indices() {
        let end = at + sign.len_utf8();
        while let Some(block) = cutter.next(&text[..end], now) {
            all.push((u64::try_from((now - begin).as_millis()).unwrap(), block.text));
        }
        now += pause;
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_block_is_sent_when_no_other_has_come_for_a_while() {
    let mut cutter = cutter(rules(1, 50));
    let now = Instant::now();
    assert_eq!(cutter.next("One.\n\n", now), None, "it may be all of the answer");
    assert_eq!((cutter.next("One.\n\nT", now), cutter.due()), (None, Some(now + Duration::from_secs(1))));
    let later = now + Duration::from_secs(1);
    let block = cutter.next("One.\n\nTw", later).unwrap();
    assert_eq!((block.raw.as_str(), block.text.as_str()), ("One.\n\n", "One."));
    assert_eq!((cutter.next("One.\n\nTwo.", later), cutter.due()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn blocks_that_come_quickly_are_one_message_as_long_as_it_may_be() {
    let text = "One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive.";
    let begin = Instant::now();
    let quick =
        sent(&mut cutter(BlockRules { gather_max: Some(12), ..rules(1, 50) }), text, begin, Duration::ZERO);
    let texts: Vec<_> = quick.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["One.\n\nTwo.", "Three."], "the last ones wait for more, or for the end");
    let slow = sent(&mut cutter(rules(1, 50)), text, begin, Duration::from_millis(200));
    assert_eq!(slow[0], (2_200, "One.".to_owned()), "a second after it was complete");
    assert_eq!(slow.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn too_little_waits_for_the_next_block() {
    let mut cutter = cutter(BlockRules { gather_min: 8, ..rules(1, 50) });
    let now = Instant::now();
    assert_eq!(cutter.next("One.\n\nTwo", now), None);
    let later = now + Duration::from_secs(5);
    assert_eq!((cutter.next("One.\n\nTwo", later), cutter.due()), (None, None), "four are too few");
    assert_eq!(cutter.next("One.\n\nTwo.\n\nThree", later), None);
    let block = cutter.next("One.\n\nTwo.\n\nThree", later + Duration::from_secs(1)).unwrap();
    assert_eq!(block.text, "One.\n\nTwo.");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_end_where_that_is_wanted_and_then_it_is_cut() {
    let rules = BlockRules { at_end: true, ..rules(4, 10) };
    let text = "One.\n\nTwo.\n\nThree. Four.";
    assert!(sent(&mut cutter(rules), text, Instant::now(), Duration::from_secs(2)).is_empty());
    assert_eq!(rules.cut(text, 100, Unit::Chars), ["One.\n\nTwo.", "Three.", "Four."]);
    assert_eq!(rules.cut("One. Two.", 100, Unit::Chars), ["One. Two."], "short enough");
    assert_eq!(rules.cut("One. Two.", 4, Unit::Chars), ["One.", "Two."], "a message holds no more");
}

#[tokio::test(start_paused = true)]
async fn code_goes_on_behind_what_an_earlier_life_said() {
    let rules = BlockRules { prefer: Break::Newline, ..rules(1, 40) };
    let mut cutter = Cutter::new(rules, 100, Unit::Chars, "Look:\n```rs\nlet a = 1;\n");
    let now = Instant::now();
    assert_eq!(cutter.next("let b = 2;\n```\nDone. And", now), None);
    let block = cutter.next("let b = 2;\n```\nDone. And", now + Duration::from_secs(1)).unwrap();
    assert_eq!(block.text, "```rs\nlet b = 2;\n```");
}

#[tokio::test(start_paused = true)]
async fn a_reply_tag_is_not_cut_through_and_is_no_block() {
    let now = Instant::now();
    let later = now + Duration::from_secs(1);
    let mut first = cutter(rules(1, 60));
    let text = "[[reply_to_current]]\n\nYes.\n\nN";
    assert_eq!(first.next(text, now), None);
    let block = first.next(text, later).unwrap();
    assert_eq!(tags::take(&block.text, "m"), ("Yes.".to_owned(), Some("m".to_owned())));
    let mut alone = cutter(rules(1, 60));
    assert_eq!(alone.next("[[reply_to_current]]\n\nY", now), None);
    assert_eq!(alone.next("[[reply_to_current]]\n\nY", later), None, "nothing of it is visible");
    let mut within = cutter(BlockRules { gather_max: Some(1), ..rules(1, 20) });
    let text = "one two [[ reply_to: m9 ]] three four five";
    let mut blocks: Vec<String> = Vec::new();
    while let Some(block) = within.next(text, later) {
        blocks.push(block.raw);
    }
    assert!(blocks.iter().all(|raw| raw.matches("[[").count() == raw.matches("]]").count()), "{blocks:?}");
    assert_eq!(blocks[0], "one two ");
}

#[test]
fn white_space_between_two_lives_is_there_once() {
    assert_eq!((behind("One.\n\n", "\n Two"), behind("On", "e. ")), ("Two", "e. "));
}
