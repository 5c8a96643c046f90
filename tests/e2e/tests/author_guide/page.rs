//! What a page of the guide asks its reader to do.
//!
//! A fence `sh` holds commands, one a line; `sh terminal` a command that goes on in a terminal of its own; `text` what was printed;
//! a language with a file's name a file to write. `<!-- Ctrl-C -->` ends what goes on in the last terminal.

/// One thing to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Block {
    Commands(Vec<String>),
    Terminal(String),
    Output(String),
    File { name: String, text: String },
    CtrlC,
}

/// The things to do, in their order. What is neither a command nor a file is for reading.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line == "<!-- Ctrl-C -->" {
            blocks.push(Block::CtrlC);
        }
        let Some(head) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = body.join("\n") + "\n";
        match head.split_once(' ') {
            Some(("sh", "terminal")) => blocks.push(Block::Terminal(text.trim().to_owned())),
            Some((_, name)) => blocks.push(Block::File { name: name.to_owned(), text }),
            None if head == "sh" => blocks.push(Block::Commands(commands(&body))),
            None if head == "text" => blocks.push(Block::Output(text)),
            None => {}
        }
    }
    blocks
}

fn commands(lines: &[&str]) -> Vec<String> {
    let lines =
        lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// The first line of `expected` that `shown` does not have behind the ones before it. `…` stands for anything.
pub(crate) fn missing(expected: &str, shown: &str) -> Option<String> {
    let mut shown = shown.lines();
    let expected = expected.lines().map(str::trim).filter(|line| !line.is_empty());
    expected.filter(|wanted| !shown.any(|line| fits(wanted, line.trim()))).map(str::to_owned).next()
}

fn fits(wanted: &str, line: &str) -> bool {
    let mut parts = wanted.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    for part in parts {
        // The last one may stand anywhere behind the one before.
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || wanted.ends_with('…')
}

#[test]
fn a_page_is_read_as_its_reader_does() {
    let page = "Text.\n```sh\nls   # all\n\n# not this\npwd\n```\n```text\na … c\n```\n```rust src/lib.rs\nfn main() {}\n```\n```toml\nx = 1\n```\n```sh terminal\nserve\n```\n<!-- Ctrl-C -->\n";
    assert_eq!(
        blocks(page),
        [
            Block::Commands(vec!["ls   # all".into(), "pwd".into()]),
            Block::Output("a … c\n".into()),
            Block::File { name: "src/lib.rs".into(), text: "fn main() {}\n".into() },
            Block::Terminal("serve".into()),
            Block::CtrlC,
        ]
    );
    assert_eq!(missing("a … c\nd", "a b c\nx\nd\n"), None);
    assert_eq!(missing("d\na …", "a b c\nd\n"), Some("a …".into()));
    assert_eq!(missing("… (1 …)", "ok (1 s)"), None);
    assert_eq!(missing("ok", "ok then"), Some("ok".into()));
}
