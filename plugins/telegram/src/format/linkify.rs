//! Addresses and file names in running text. Telegram makes a link of anything that looks like a domain, file names
//! included; what is meant as a file is marked as code so that it stays one.

/// A stretch of text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Plain(&'a str),
    /// A file name whose extension is also a top-level domain.
    File(&'a str),
    Link {
        text: &'a str,
        url: String,
    },
}

/// Whether Telegram follows a link there.
pub(crate) fn is_followed(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    url.starts_with('#')
        || ["http://", "https://", "tg://", "mailto:", "tel:"].iter().any(|s| lower.starts_with(s))
}

/// Extensions that are top-level domains, but in a chat nearly always files.
const FILES: [&str; 9] = ["md", "go", "py", "pl", "sh", "am", "at", "be", "cc"];

/// Top-level domains of more than two letters that are recognised without a scheme.
const DOMAINS: [&str; 14] =
    ["biz", "com", "edu", "gov", "net", "org", "pro", "web", "xxx", "aero", "asia", "coop", "info", "shop"];

/// The second letters of the country domains, by their first letter from `a` on.
const COUNTRIES: [&str; 26] = [
    "cdefgilmnoqrstuwxz",
    "abdefghijmnorstvwyz",
    "acdfghiklmnoruvwxyz",
    "ejkmoz",
    "cegrstu",
    "ijkmor",
    "abdefghilmnpqrstuwy",
    "kmnrtu",
    "delmnoqrst",
    "emop",
    "eghimnprwyz",
    "abcikrstuvy",
    "acdeghklmnopqrstuvwxyz",
    "acefgilopruz",
    "m",
    "aefghklmnrstwy",
    "a",
    "eosuw",
    "abcdeghijklmnortuvxyz",
    "cdfghjklmnortvwz",
    "agksyz",
    "aceginu",
    "fs",
    "",
    "et",
    "amw",
];

/// Cuts running text into pieces.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut plain_from = 0;
    for (start, end) in candidates(text) {
        let Some(word) = text.get(start..end) else { continue };
        let Some(piece) = classify(word) else { continue };
        if plain_from < start {
            pieces.extend(text.get(plain_from..start).map(Piece::Plain));
        }
        pieces.push(piece);
        plain_from = end;
    }
    if plain_from < text.len() {
        pieces.extend(text.get(plain_from..).map(Piece::Plain));
    }
    pieces
}

/// Words with a dot in them, without the punctuation around them.
fn candidates(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let bounds = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '|');
    let mut at = 0;
    text.split_inclusive(bounds).filter_map(move |piece| {
        let from = at;
        at += piece.len();
        let word = piece.trim_end_matches(bounds);
        let bare = word.trim_start_matches(['(', '[', '{', '\'', '“', '‘', '*', '_', '~']);
        let start = from + word.len() - bare.len();
        let bare = trim_end(bare);
        (bare.contains('.') || bare.contains("://")).then_some((start, start + bare.len()))
    })
}

/// Takes the punctuation off that ends a sentence; a closing bracket stays if it was opened in the word.
fn trim_end(word: &str) -> &str {
    let mut word = word;
    while let Some(last) = word.chars().next_back() {
        let opened = |open: char| word.matches(open).count() >= word.matches(last).count();
        let keeps = match last {
            ')' => opened('('),
            ']' => opened('['),
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '}' | '”' | '’' | '…' | '*' | '~' => false,
            _ => true,
        };
        if keeps {
            break;
        }
        word = word.get(..word.len() - last.len_utf8()).unwrap_or_default();
    }
    word
}

fn classify(word: &str) -> Option<Piece<'_>> {
    if let Some(rest) = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://")) {
        let named = rest.starts_with(|c: char| c.is_alphanumeric() || c == '[');
        return named.then(|| Piece::Link { text: word, url: word.to_owned() });
    }
    if word.contains("://") || word.contains('@') {
        return None;
    }
    if is_file(word) {
        return Some(Piece::File(word));
    }
    let host = word.split(['/', '?', '#']).next().unwrap_or(word);
    let host = host.split_once(':').map_or(host, |(name, _)| name);
    let mut labels = host.split('.');
    let domain = labels.next_back()?;
    let mut named = 0;
    for label in labels {
        let inside = label.chars().all(|c| c.is_alphanumeric() || c == '-');
        if label.is_empty() || !inside || label.starts_with('-') || label.ends_with('-') {
            return None;
        }
        named += 1;
    }
    (named > 0 && is_domain(domain)).then(|| Piece::Link { text: word, url: format!("http://{word}") })
}

fn is_file(word: &str) -> bool {
    let Some((stem, extension)) = word.rsplit_once('.') else { return false };
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    FILES.contains(&extension)
        && !name.is_empty()
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
        && folder.split('/').all(|part| !part.contains('.') || matches!(part, "." | ".."))
}

fn is_domain(label: &str) -> bool {
    let mut letters = label.bytes();
    match (letters.next(), letters.next(), letters.next()) {
        (Some(first @ b'a'..=b'z'), Some(second), None) => COUNTRIES
            .get(usize::from(first - b'a'))
            .is_some_and(|seconds| seconds.bytes().any(|known| known == second)),
        (Some(_), Some(_), Some(_)) => DOMAINS.contains(&label),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_addresses_and_files() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<String> = pieces(text)
                .into_iter()
                .filter_map(|piece| match piece {
                    Piece::Plain(_) => None,
                    Piece::File(name) => Some(format!("file {name}")),
                    Piece::Link { url, .. } => Some(url),
                })
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check("see README.md and main.rs or go.mod", &["file README.md", "http://main.rs"]);
        check("(https://a.b/c_(d)).", &["https://a.b/c_(d)"]);
        check("docs/guide.md, ./x.py!", &["file docs/guide.md", "file ./x.py"]);
        check("example.com:8080/x?y=1, a.b.org.", &["http://example.com:8080/x?y=1", "http://a.b.org"]);
        check("e.g. 1.5 v2.0 Node.js end. Next", &[]);
        check("me@example.com ftp://x.y https:// .. a..com", &[]);
        check("ünïcode.com “quoted.org”", &["http://ünïcode.com", "http://quoted.org"]);
    }
}
