//! Tables for vendors that have none. Owns the recognition of tables in Markdown
//! (GitHub Flavored Markdown, "Tables") and their alignment; it leaves everything else of the text as it is.

use crate::fence::{Fence, state_after};

/// Writes rows in columns of the same width, each row on a line of its own; the first row is the head.
#[must_use]
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default().max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = widths.iter().enumerate().map(|(column, width)| {
            let cell = row.get(column).map_or("", String::as_str);
            format!(" {cell:<width$} |")
        });
        text.push('|');
        text.extend(cells);
        text.push('\n');
        if number == 0 {
            text.push('|');
            text.extend(widths.iter().map(|width| format!(" {} |", "-".repeat(*width))));
            text.push('\n');
        }
    }
    text
}

/// Replaces each table of a Markdown text by what `write` makes of its rows, the first of which is the head. What stands
/// in a code block is no table.
#[must_use]
pub fn rewrite_tables(text: &str, write: impl Fn(&[Vec<String>]) -> String) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut written = String::with_capacity(text.len());
    let mut open: Option<Fence> = None;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let table = if open.is_none() { table_at(lines.get(at..).unwrap_or_default()) } else { None };
        if let Some((rows, taken)) = table {
            written.push_str(write(&rows).trim_end_matches('\n'));
            at += taken;
            // The last line of a text need not end.
            if lines.get(at - 1).is_some_and(|last| last.ends_with('\n')) {
                written.push('\n');
            }
            continue;
        }
        (open, _) = state_after(line, open.as_ref());
        written.push_str(line);
        at += 1;
    }
    written
}

/// The table with which `lines` begin: its rows, and how many lines it has.
fn table_at(lines: &[&str]) -> Option<(Vec<Vec<String>>, usize)> {
    let [head, rule, rest @ ..] = lines else { return None };
    let (head, rule) = (cells(head)?, cells(rule)?);
    let is_rule = |cell: &String| {
        let dashes = cell.strip_prefix(':').unwrap_or(cell);
        let dashes = dashes.strip_suffix(':').unwrap_or(dashes);
        !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-')
    };
    if head.len() != rule.len() || !rule.iter().all(is_rule) {
        return None;
    }
    let columns = head.len();
    let mut rows = vec![head];
    for line in rest {
        let Some(mut row) = cells(line) else { break };
        row.resize(columns, String::new());
        rows.push(row);
    }
    let taken = rows.len() + 1;
    Some((rows, taken))
}

/// The cells of a row; `None` for a line without a bar.
fn cells(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let inner = line.strip_prefix('|').unwrap_or(line);
    let mut cells = vec![String::new()];
    let mut bars = usize::from(inner.len() < line.len());
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&'|') => {
                characters.next();
                cells.last_mut()?.push('|');
            }
            '|' => {
                bars += 1;
                if characters.peek().is_some() {
                    cells.push(String::new());
                }
            }
            other => cells.last_mut()?.push(other),
        }
    }
    (bars > 0).then(|| cells.iter().map(|cell| cell.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(rows: &[Vec<String>]) -> String {
        format!("```\n{}```", aligned(rows))
    }

    #[test]
    fn a_table_becomes_code() {
        let check = |text: &str, expected: &str| assert_eq!(rewrite_tables(text, code), expected, "{text}");
        check(
            "before\n\n| A | Long |\n|---|:--:|\n| 1 | 2 |\n| x\\|y |\n\nafter",
            "before\n\n```\n| A   | Long |\n| --- | ---- |\n| 1   | 2    |\n| x|y |      |\n```\n\nafter",
        );
        check("A | B\n--|--\n1 | 2 | 3", "```\n| A   | B   |\n| --- | --- |\n| 1   | 2   |\n```");
    }

    #[test]
    fn what_is_no_table_stays() {
        for text in [
            "",
            "a | b",
            "a | b\nc | d",
            "```\n| A | B |\n|---|---|\n```\n",
            "| A | B |\n|---|\n",
            "head\n---\n",
            "||spoiler||\n\n---\n",
        ] {
            assert_eq!(rewrite_tables(text, code), text, "{text}");
        }
    }
}
