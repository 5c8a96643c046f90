//! What `split` and `split_paragraphs` promise, on examples and on many generated texts.

use openclaw_text::{Unit, length, split, split_paragraphs};

#[test]
fn examples() {
    let check = |text: &str, limit, expected: &[&str]| {
        assert_eq!(split(text, limit, Unit::Utf16), expected, "{text:?} at {limit}");
    };
    check("", 10, &[]);
    check(" \n\n ", 10, &[]);
    check("hello", 10, &["hello"]);
    check("one two\n\nthree four", 12, &["one two", "three four"]);
    check("- a\n  - nested item", 14, &["- a\n  - nested", "item"]);
    check("😀😀😀", 4, &["😀😀", "😀"]);
    check(&"x".repeat(4100), 2000, &[&"x".repeat(2000), &"x".repeat(2000), &"x".repeat(100)]);
}

#[test]
fn a_code_block_is_closed_and_opened_again() {
    let text = "```js\nlet a = 1;\nlet b = 2;\nlet c = 3;\n```\nafter";
    assert_eq!(
        split(text, 32, Unit::Chars),
        ["```js\nlet a = 1;\nlet b = 2;\n```", "```js\nlet c = 3;\n```\nafter"]
    );
}

#[test]
fn a_block_that_ends_at_the_cut_is_not_opened_again() {
    let text = "```js\nlet a = 1;\nlet b = 2;\n```\n\nafter the block";
    assert_eq!(split(text, 32, Unit::Chars), ["```js\nlet a = 1;\nlet b = 2;\n```", "after the block"]);
}

#[test]
fn a_block_near_the_end_of_a_part_moves_to_the_next() {
    let text = "some words before the code\n```\nfirst line\nsecond line\n```";
    assert_eq!(
        split(text, 40, Unit::Chars),
        ["some words before the code", "```\nfirst line\nsecond line\n```"]
    );
}

/// A small reproducible generator (splitmix64): the same texts on every run.
struct Dice(u64);

impl Dice {
    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from.get(self.roll(from.len())).copied().unwrap_or_default()
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap_or_default()
    }
}

const WORDS: [&str; 16] = [
    "a",
    "word",
    "longerword",
    " ",
    " ",
    "\n",
    "\n\n",
    ". ",
    "😀",
    "👩‍🚀",
    "e\u{301}",
    "🇩🇪",
    "漢字",
    "\r\n",
    "    ",
    "x_y*z",
];
const FENCES: [&str; 6] = ["\n```\n", "\n```js\n", "\n~~~\n", "\n````\n", "\n  ```\n", "\n``` not`a fence\n"];

fn text(dice: &mut Dice, fences: bool) -> String {
    (0..dice.roll(60))
        .map(|_| {
            let fence = fences && dice.roll(8) == 0;
            dice.pick(if fence { &FENCES } else { &WORDS })
        })
        .collect()
}

fn solid(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Every unit, every limit: parts fit, are not empty, and together are the text.
#[test]
fn without_fences_nothing_but_white_space_is_lost() {
    let mut dice = Dice(1);
    for _ in 0..4_000 {
        let text = text(&mut dice, false);
        for unit in [Unit::Utf16, Unit::Chars, Unit::Bytes] {
            let limit = 12 + dice.roll(60);
            for parts in [split(&text, limit, unit), split_paragraphs(&text, limit, unit)] {
                for part in &parts {
                    assert!(!part.trim().is_empty(), "{text:?}");
                    assert!(length(part, unit) <= limit, "{part:?} is over {limit} {unit:?} of {text:?}");
                }
                assert_eq!(solid(&parts.concat()), solid(&text));
            }
        }
    }
}

/// With fences, parts hold added fence lines: without any fence line both sides are the same, and parts still fit.
#[test]
fn with_fences_only_fence_lines_are_added() {
    let without_fences = |text: &str| solid(&text.replace(['`', '~'], " ").replace("js", ""));
    let mut dice = Dice(2);
    for _ in 0..8_000 {
        let text = text(&mut dice, true);
        let limit = 12 + dice.roll(80);
        for parts in [split(&text, limit, Unit::Utf16), split_paragraphs(&text, limit, Unit::Utf16)] {
            for part in &parts {
                assert!(!part.trim().is_empty(), "{text:?}");
                assert!(length(part, Unit::Utf16) <= limit, "{part:?} is over {limit} of {text:?}");
            }
            let joined: String = parts.join("\n");
            // An opener repeated in a part can carry its info words; the words of the text come in order all the same.
            assert!(is_subsequence(&without_fences(&text), &without_fences(&joined)), "{text:?}\n{parts:?}");
        }
    }
}

fn is_subsequence(small: &str, large: &str) -> bool {
    let mut rest = large.chars();
    small.chars().all(|wanted| rest.any(|found| found == wanted))
}

/// A well-formed block that is cut leaves every part balanced.
#[test]
fn parts_of_a_long_block_are_each_a_block() {
    let code: String = (0..200).map(|n| format!("    line({n});\n")).collect();
    for limit in [40, 64, 100, 999] {
        let parts = split(&format!("before\n\n```rust\n{code}```\n\nafter"), limit, Unit::Utf16);
        let mut lines = Vec::new();
        for part in &parts {
            assert!(length(part, Unit::Utf16) <= limit);
            assert_eq!(part.matches("```").count() % 2, 0, "{part:?}");
            lines
                .extend(part.lines().filter(|line| line.starts_with("    ")).map(|line| format!("{line}\n")));
        }
        assert_eq!(lines.concat(), code, "indentation and order survive at {limit}");
    }
}

#[test]
fn tiny_limits_make_progress() {
    for limit in 0..4 {
        let parts = split("```\n😀 ab\n```", limit, Unit::Bytes);
        assert_eq!(solid(&parts.concat()), "```😀ab```");
    }
}
