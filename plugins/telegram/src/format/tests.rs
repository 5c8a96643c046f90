//! What the original makes of the same Markdown: its own output, as observed.

use super::*;

fn html(markdown: &str) -> String {
    with(markdown, Tables::Code)
}

fn with(markdown: &str, tables: Tables) -> String {
    let parts = parts(markdown, tables, MAX_TEXT);
    assert!(parts.len() <= 1, "{parts:?}");
    parts.into_iter().map(|part| part.html).collect()
}

#[test]
fn golden_vectors() {
    let check = |markdown: &str, expected: &str| assert_eq!(html(markdown), expected, "{markdown:?}");
    check(
        "**bold** _it_ ~~s~~ `c<d` [t](https://a.b/?q=1&r=2)",
        "<b>bold</b> <i>it</i> <s>s</s> <code>c&lt;d</code> <a href=\"https://a.b/?q=1&amp;r=2\">t</a>",
    );
    check("# Head\n\ntext", "Head\n\ntext");
    check("- a\n- b\n  - c\n1. x\n2. y", "• a\n• b\n  • c\n\n1. x\n2. y");
    check("> quote\n> more", "<blockquote>quote\nmore</blockquote>");
    check("```js\nlet a = 1 < 2;\n```", "<pre><code class=\"language-js\">let a = 1 &lt; 2;\n</code></pre>");
    check("||spoiler||", "<tg-spoiler>spoiler</tg-spoiler>");
    check(
        "see README.md and main.rs or go.mod",
        "see <code>README.md</code> and <a href=\"http://main.rs\">main.rs</a> or go.mod",
    );
    check("a & b < c > d \"q\"", "a &amp; b &lt; c &gt; d \"q\"");
    check("![alt](https://x.y/i.png)", "alt");
    check("<b>raw</b> <u>u</u>", "<b>raw</b> <u>u</u>");
    check("- [ ] todo\n- [x] done", "• [ ] todo\n• [x] done");
    check("***", "───");
    check("snake_case_name and 2*3*4", "snake_case_name and 2<i>3</i>4");
    check("https://example.com/a_b_c", "<a href=\"https://example.com/a_b_c\">https://example.com/a_b_c</a>");
    check("[bad](javascript:alert(1))", "[bad](javascript:alert(1))");
    check("line1\nline2\n\n\nline3", "line1\nline2\n\nline3");
    check("`a``b`", "<code>a``b</code>");
}

#[test]
fn a_table_can_be_left_alone() {
    let table = "| A | B |\n|---|---|\n| 1 | 2 |";
    assert_eq!(with(table, Tables::Off), table);
    assert_eq!(
        with("| A | B |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", Tables::Bullets),
        "<b>1</b>\n• B: 2\n\n<b>3</b>\n• B: 4"
    );
}

/// Transcript `58-tg-markdown`.
#[test]
fn a_whole_answer() {
    let markdown = "# Title\n**bold** _it_ `code` [link](http://127.0.0.1/x)\n- a\n- b\n\n| h1 | h2 |\n|---|---|\n| 1 | 2 |\n```py\nprint(1)\n```";
    assert_eq!(
        html(markdown),
        "Title\n\n<b>bold</b> <i>it</i> <code>code</code> <a href=\"http://127.0.0.1/x\">link</a>\n\n• a\n• b\n\n<pre><code>| h1  | h2  |\n| --- | --- |\n| 1   | 2   |\n</code></pre>\n<pre><code class=\"language-py\">print(1)\n</code></pre>"
    );
}

/// Transcript `51-tg-first-message`.
#[test]
fn the_pairing_text() {
    let text = "OpenClaw: access not configured.\n\nYour Telegram user id: 777001\nPairing code:\n```\n5FJ4ZCRN\n```\n\nAsk the bot owner to approve with:\n```\nopenclaw pairing approve telegram 5FJ4ZCRN\n```";
    assert_eq!(
        html(text),
        "OpenClaw: access not configured.\n\nYour Telegram user id: 777001\nPairing code:\n\n<pre><code>5FJ4ZCRN\n</code></pre>\nAsk the bot owner to approve with:\n\n<pre><code>openclaw pairing approve telegram 5FJ4ZCRN\n</code></pre>"
    );
}

/// Transcript `58-tg-send400parse`: an unclosed tag marks nothing.
#[test]
fn raw_tags_are_always_closed() {
    let check = |markdown: &str, expected: &str| assert_eq!(html(markdown), expected, "{markdown:?}");
    check("send400 <b>", "send400");
    check("a <b>b\n\nc", "a <b>b</b>\n\nc");
    check("a </b> c", "a &lt;/b&gt; c");
    check("**a <i>b** c</i>", "<b>a <i>b</i></b><i> c</i>");
    check(
        "<div>x</div> <level|default> /model <id>",
        "&lt;div&gt;x&lt;/div&gt; &lt;level|default&gt; /model &lt;id&gt;",
    );
    check(
        "<a href=\"https://x.y/?a=1&b=2\">x</a> <a href='javascript:1'>y</a>",
        "<a href=\"https://x.y/?a=1&amp;b=2\">x</a> &lt;a href='javascript:1'&gt;y&lt;/a&gt;",
    );
    check("<span class=\"tg-spoiler\">x</span> one<br>two", "<tg-spoiler>x</tg-spoiler> one\ntwo");
    check("<blockquote expandable>\nlong\n</blockquote>", "<blockquote expandable>\nlong</blockquote>");
}

#[test]
fn spoilers_come_in_pairs() {
    let check = |markdown: &str, expected: &str| assert_eq!(html(markdown), expected, "{markdown:?}");
    check("a || b", "a || b");
    check("if (a || b || c)", "if (a || b || c)");
    check("||a **b** c|| d", "<tg-spoiler>a <b>b</b> c</tg-spoiler> d");
    check("**||x||** y", "<b><tg-spoiler>x</tg-spoiler></b> y");
    check("`a || b` ||c||", "<code>a || b</code> <tg-spoiler>c</tg-spoiler>");
    check("||a\n\nb||", "||a\n\nb||");
}

#[test]
fn lists_and_quotes_in_each_other() {
    let check = |markdown: &str, expected: &str| assert_eq!(html(markdown), expected, "{markdown:?}");
    check("- a\n\n- b", "• a\n\n• b");
    check("3. a\n4. b\n\ntext", "3. a\n4. b\n\ntext");
    check("> - a\n> - b\n>\n> > deep\n\nout", "<blockquote>• a\n• b\n\ndeep</blockquote>\n\nout");
    check("- a\n  ```\n  x\n  ```\n- b", "• a\n<pre><code>x\n</code></pre>• b");
    check(
        "<https://x.y> <mailto:a@b.c> <me@x.org>",
        "<a href=\"https://x.y\">https://x.y</a> <a href=\"mailto:a@b.c\">mailto:a@b.c</a> <a href=\"mailto:me@x.org\">me@x.org</a>",
    );
}

#[test]
fn parts_are_cut_by_what_is_visible() {
    let text = format!("{} **{}**", "x".repeat(30), "y".repeat(30));
    let cut: Vec<String> = parts(&text, Tables::Code, 40).into_iter().map(|part| part.html).collect();
    assert_eq!(cut, [format!("{} ", "x".repeat(30)), format!("<b>{}</b>", "y".repeat(30))]);

    let fenced = format!("```rust\n{}```", "let x = 1 < 2 && 3 > 2;\n".repeat(20));
    for part in parts(&fenced, Tables::Code, 100) {
        assert!(part.html.starts_with("<pre><code class=\"language-rust\">"), "{part:?}");
        assert!(part.html.ends_with("</code></pre>"), "{part:?}");
        assert!(openclaw_text::length(&part.plain, Unit::Utf16) <= 100);
    }

    let emoji = "😀".repeat(3000);
    let lengths: Vec<usize> = parts(&emoji, Tables::Code, MAX_TEXT)
        .iter()
        .map(|part| openclaw_text::length(&part.plain, Unit::Utf16))
        .collect();
    assert_eq!(lengths, [4096, 1904]);
    assert!(parts(" \n ", Tables::Code, MAX_TEXT).is_empty());
}

/// Whatever comes in, tags are balanced and nothing panics.
#[test]
fn any_text_gives_balanced_html() {
    const BITS: [&str; 24] = [
        "**",
        "_",
        "~~",
        "`",
        "```",
        "\n",
        "\n\n",
        "||",
        "<b>",
        "</b>",
        "<a href=\"https://x.y\">",
        "</a>",
        "[x](",
        "http://a.b)",
        "> ",
        "- ",
        "1. ",
        "| a | b |\n|---|---|\n| c | d |\n",
        "😀",
        "word",
        "e\u{301}",
        "&<>\"",
        "<pre>",
        "</blockquote>",
    ];
    let mut state = 7_u64;
    let mut roll = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % sides
    };
    for _ in 0..3_000 {
        let text: String = (0..roll(40)).map(|_| BITS[roll(BITS.len())]).collect();
        for part in parts(&text, Tables::Code, 10 + roll(60)) {
            let mut open = Vec::new();
            for tag in part.html.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()) {
                match tag.strip_prefix('/') {
                    Some(name) => assert_eq!(open.pop(), Some(name), "{text:?} {}", part.html),
                    None => open.push(tag.split(' ').next().unwrap()),
                }
            }
            assert!(open.is_empty(), "{text:?} {}", part.html);
        }
    }
}
