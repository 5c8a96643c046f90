//! Tables, which Telegram does not have (`markdown.tables` of the configuration).

use serde::Deserialize;

use super::builder::{Builder, Gap};
use super::styled::Style;

/// How tables are shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tables {
    /// As they were written.
    Off,
    /// A heading a row, and a bullet for each of its other cells.
    Bullets,
    /// Aligned, as a code block.
    #[default]
    #[serde(alias = "block")]
    Code,
}

/// The cells of a table, as plain text; the first row is the head.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn begin_row(&mut self) {
        self.rows.push(Vec::new());
    }

    pub(crate) fn begin_cell(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.push(String::new());
        }
    }

    pub(crate) fn push(&mut self, text: &str) {
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.last_mut()) {
            cell.push_str(&text.replace('\n', " "));
        }
    }

    pub(crate) fn write(&self, tables: Tables, out: &mut Builder) {
        match tables {
            Tables::Bullets => self.bullets(out),
            Tables::Code | Tables::Off => {
                out.push_styled(Style::Pre(None), &openclaw_text::aligned(&self.rows))
            }
        }
    }

    fn bullets(&self, out: &mut Builder) {
        let Some((head, rows)) = self.rows.split_first() else { return };
        for row in rows {
            let Some((first, cells)) = row.split_first() else { continue };
            out.gap(Gap::Blank);
            out.push_styled(Style::Bold, first);
            for (name, cell) in head.iter().skip(1).zip(cells).filter(|(_, cell)| !cell.is_empty()) {
                out.gap(Gap::Line);
                out.push(&format!("• {name}: {cell}"));
            }
        }
    }
}
