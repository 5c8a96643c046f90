//! Tables, which Discord does not show (`markdown.tables` of the configuration).

use openclaw_text::{aligned, rewrite_tables};

use crate::config::Tables;

/// Writes the tables of a text in the way that the operator wants.
pub(crate) fn write(text: &str, tables: Tables) -> String {
    match tables {
        Tables::Off => text.to_owned(),
        Tables::Code => rewrite_tables(text, |rows| format!("```\n{}```", aligned(rows))),
        Tables::Bullets => rewrite_tables(text, bullets),
    }
}

fn bullets(rows: &[Vec<String>]) -> String {
    let Some((head, rows)) = rows.split_first() else { return String::new() };
    let blocks = rows.iter().filter_map(|row| {
        let (first, cells) = row.split_first()?;
        let cells = head.iter().skip(1).zip(cells).filter(|(_, cell)| !cell.is_empty());
        let lines = cells.map(|(name, cell)| format!("\n• {name}: {cell}"));
        Some(format!("**{first}**{}", lines.collect::<String>()))
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn tables_are_shown_as_the_operator_wants() {
        let table = "so:\n\n| A | B |\n|---|---|\n| 1 | 2 |\n| 3 | |\n";
        let check = |config: &str, expected: &str| {
            assert_eq!(write(table, Config::parse(config).unwrap().tables()), expected, "{config}");
        };
        let code = "so:\n\n```\n| A   | B   |\n| --- | --- |\n| 1   | 2   |\n| 3   |     |\n```\n";
        check("{}", code);
        check(r#"{"markdown": {"tables": "code"}}"#, code);
        check(r#"{"markdown": {"tables": "block"}}"#, code);
        check(r#"{"markdown": {"tables": "bullets"}}"#, "so:\n\n**1**\n• B: 2\n\n**3**\n");
        check(r#"{"markdown": {"tables": "off"}}"#, table);
    }
}
