//! Tables. On a terminal that is wide enough they have boxes and wrap their widest columns; elsewhere they are aligned
//! columns of plain text, one record a line, which other programs can read.

use super::Output;

/// The narrowest that a column may become before a table loses its boxes.
const NARROWEST: usize = 12;

/// Rows under headings.
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { headings: headings.iter().map(|heading| (*heading).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as there are headings.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| cell.replace('\n', " ")).collect());
    }

    /// The table as it is shown at `output`, without a line end after the last line.
    pub(crate) fn render(&self, output: Output) -> String {
        let mut widths: Vec<usize> = self.headings.iter().map(|heading| width(heading)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        // Each column takes two blanks and a line; one more line closes the table.
        let frame = widths.len() * 3 + 1;
        let room = output.columns.unwrap_or_default().saturating_sub(frame);
        let boxed = output.is_terminal() && narrow(&mut widths, room);
        if boxed { self.boxed(&widths) } else { self.plain(&widths) }
    }

    fn plain(&self, widths: &[usize]) -> String {
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(widths).map(|(cell, width)| pad(cell, *width));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        std::iter::once(&self.headings).chain(&self.rows).map(|row| line(row)).collect::<Vec<_>>().join("\n")
    }

    fn boxed(&self, widths: &[usize]) -> String {
        let rule = |left: char, middle: &str, right: char| {
            let bars: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
            format!("{left}{}{right}", bars.join(middle))
        };
        let mut lines = vec![rule('┌', "┬", '┐')];
        lines.extend(boxed_row(&self.headings, widths));
        lines.push(rule('├', "┼", '┤'));
        for row in &self.rows {
            lines.extend(boxed_row(row, widths));
        }
        lines.push(rule('└', "┴", '┘'));
        lines.join("\n")
    }
}

/// Takes from the widest columns until all fit into `room`, but from none below [`NARROWEST`].
fn narrow(widths: &mut [usize], room: usize) -> bool {
    let mut surplus = widths.iter().sum::<usize>().saturating_sub(room);
    while surplus > 0 {
        // Of equally wide ones the last: the first column names the row.
        let Some(widest) = widths.iter_mut().max() else { return false };
        if *widest <= NARROWEST {
            return false;
        }
        *widest -= 1;
        surplus -= 1;
    }
    true
}

/// One row as one or more lines: cells that are too long are wrapped.
fn boxed_row(cells: &[String], widths: &[usize]) -> Vec<String> {
    let wrapped: Vec<Vec<String>> =
        cells.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(1);
    let line = |number: usize| {
        let cells = wrapped.iter().zip(widths).map(|(lines, width)| {
            let text = lines.get(number).map(String::as_str).unwrap_or_default();
            format!(" {} ", pad(text, *width))
        });
        format!("│{}│", cells.collect::<Vec<_>>().join("│"))
    };
    (0..height).map(line).collect()
}

/// Breaks at blanks, and inside a word only when it is longer than the line.
pub(crate) fn wrap(text: &str, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > limit {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            if width(&line) == limit {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}

fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// Characters; what is shown here has no wide ones.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["Item", "Value"]);
        table.row(["Gateway".to_owned(), "reachable on the loopback address".to_owned()]);
        table.row(["Model".to_owned(), "demo/demo".to_owned()]);
        table
    }

    fn shown(columns: Option<usize>) -> String {
        table().render(Output { columns, color: false })
    }

    #[test]
    fn without_a_terminal_it_is_aligned_text() {
        let expected = "Item     Value\nGateway  reachable on the loopback address\nModel    demo/demo";
        assert_eq!(shown(None), expected);
        assert_eq!(shown(Some(20)), expected, "too narrow for boxes");
    }

    #[test]
    fn on_a_terminal_it_fits_and_wraps() {
        let expected = "\
┌─────────┬──────────────────────┐
│ Item    │ Value                │
├─────────┼──────────────────────┤
│ Gateway │ reachable on the     │
│         │ loopback address     │
│ Model   │ demo/demo            │
└─────────┴──────────────────────┘";
        assert_eq!(shown(Some(34)), expected);
        assert!(shown(Some(200)).lines().all(|line| width(line) < 60));
    }

    #[test]
    fn the_widest_columns_give_way() {
        let mut widths = [10, 40, 30];
        assert!(narrow(&mut widths, 50));
        assert_eq!(widths, [10, 20, 20]);
        assert!(!narrow(&mut widths, 30), "no column gets too narrow to read");
    }

    #[test]
    fn a_long_word_is_cut_to_fit() {
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
    }
}
