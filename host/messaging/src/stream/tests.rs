use super::*;

fn shown(text: &str, blocks: bool) -> &str {
    written(text, blocks)
}

#[test]
fn the_end_of_a_text_is_never_shown() {
    let check = |text: &str, words: &str, blocks: &str| {
        assert_eq!((shown(text, false), shown(text, true)), (words, blocks), "{text:?}");
        assert!(words.len() < text.trim_end().len().max(1) && blocks.len() < text.trim_end().len().max(1));
    };
    check("", "", "");
    check("one", "on", "");
    check("one two three", "one two", "");
    check("One. Two three", "One. Two", "One.");
    check("One. Two.", "One.", "One.");
    check("One.", "One", "");
    check("One.  \n", "One", "");
    check("one\ntwo", "one", "one\n");
    check("版本3.5です。次の", "版本3.5です。次", "版本3.5です。");
    check("NO_REPLY", "NO_REPL", "");
}

#[test]
fn a_text_in_which_words_have_no_end_is_shown_all_the_same() {
    let long = "語".repeat(100);
    assert_eq!(shown(&format!("a {long}"), false).chars().count(), 101);
}

#[test]
fn what_is_followed_is_bounded_and_has_no_gaps() {
    let (writing, followed, known) = Writing::open();
    assert!(writing.is_followed() && !Writing::default().is_followed());
    for _ in 0..3 {
        writing.add(&"x".repeat(FOLLOWED / 4));
    }
    writing.add(&"y".repeat(FOLLOWED / 2));
    writing.add("z");
    assert_eq!(followed.borrow().len(), FOLLOWED / 4 * 3, "nothing behind what is left out");
    Writing::default().add("nobody hears it");
    let author = Author { provider: "p".into(), model: "m".into(), thinking: "low".into() };
    assert_eq!(known.author(), None);
    writing.by(author.clone());
    assert_eq!(known.author(), Some(author));
}
