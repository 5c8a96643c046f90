//! The result: a row for each figure.

use serde_json::{Value, json};

/// Collects rows and prints them once.
pub(crate) struct Table {
    filter: String,
    json: bool,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    measured: String,
    bar: String,
    /// `None` where there is no bar to hold.
    holds: Option<bool>,
}

impl Table {
    pub(crate) fn new(filter: String, json: bool) -> Self {
        Self { filter, json, rows: Vec::new() }
    }

    /// Whether a group of rows is wanted.
    pub(crate) fn wants(&self, group: &str) -> bool {
        let wanted = group.contains(&self.filter);
        if wanted {
            eprintln!("measuring: {group}");
        }
        wanted
    }

    /// A figure that must not be above `bar`.
    pub(crate) fn at_most(&mut self, what: &str, measured: f64, bar: f64, unit: &str) {
        self.push(what, measured, unit, format!("≤ {bar} {unit}"), Some(measured <= bar));
    }

    /// A figure that must not be below `bar`.
    pub(crate) fn at_least(&mut self, what: &str, measured: f64, bar: f64, unit: &str) {
        self.push(what, measured, unit, format!("≥ {bar} {unit}"), Some(measured >= bar));
    }

    /// A figure for comparison.
    pub(crate) fn note(&mut self, what: &str, measured: f64, unit: &str) {
        self.push(what, measured, unit, String::new(), None);
    }

    fn push(&mut self, what: &str, measured: f64, unit: &str, bar: String, holds: Option<bool>) {
        let measured = match measured {
            large if large >= 1_000.0 => format!("{large:.0} {unit}"),
            small if small >= 10.0 => format!("{small:.1} {unit}"),
            tiny => format!("{tiny:.3} {unit}"),
        };
        self.rows.push(Row { what: what.to_owned(), measured, bar, holds });
    }

    /// Prints all rows: a Markdown table, or JSON.
    pub(crate) fn print(&self) {
        if self.json {
            let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
            println!("{}", serde_json::to_string_pretty(&rows).unwrap());
            return;
        }
        println!("| what | measured | bar | holds |\n|---|---|---|---|");
        for row in &self.rows {
            println!("| {} | {} | {} | {} |", row.what, row.measured, row.bar, row.verdict());
        }
    }
}

impl Row {
    fn verdict(&self) -> &'static str {
        match self.holds {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        }
    }

    fn json(&self) -> Value {
        json!({ "what": self.what, "measured": self.measured, "bar": self.bar, "holds": self.holds })
    }
}
