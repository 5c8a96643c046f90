//! How an answer reads: rows, facts, or a sentence. What is missing in an answer is left out, so that an older or another
//! gateway is shown as well.

use serde_json::Value;

use crate::output::{Output, age, clean, table::Table};

/// How an answer is shown.
pub(super) enum Show {
    /// A table of the objects in a list.
    Rows {
        /// JSON pointer to the list; empty when the answer is the list.
        at: &'static str,
        columns: &'static [Column],
        /// When the list is empty.
        empty: &'static str,
    },
    /// One `label: value` a line.
    Facts {
        facts: &'static [Column],
        /// When the answer is null, or has none of them.
        empty: &'static str,
    },
    /// A sentence.
    Done(fn(&Value) -> String),
}

/// One value of an object.
pub(super) struct Column {
    pub(super) heading: &'static str,
    /// JSON pointers; the first that leads to something is shown.
    pub(super) at: &'static [&'static str],
    pub(super) kind: Kind,
}

/// What a value means.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// As it is: text, number, yes or no, a list of them.
    Plain,
    /// Unix milliseconds, past or to come.
    Time,
    /// US dollars.
    Dollars,
}

impl Show {
    /// The text for people.
    pub(super) fn text(&self, answer: &Value, output: Output, now_ms: u64) -> String {
        match self {
            Self::Done(sentence) => sentence(answer),
            Self::Rows { at, columns, empty } => {
                let rows =
                    answer.pointer(at).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                if rows.is_empty() {
                    return (*empty).to_owned();
                }
                let headings: Vec<&str> = columns.iter().map(|column| column.heading).collect();
                let mut table = Table::new(&headings);
                for row in rows {
                    table.row(
                        columns.iter().map(|column| column.of(row, now_ms).unwrap_or_else(|| "-".to_owned())),
                    );
                }
                table.render(output)
            }
            Self::Facts { facts, empty } => {
                let lines: Vec<String> = facts
                    .iter()
                    .filter_map(|fact| Some(format!("{}: {}", fact.heading, fact.of(answer, now_ms)?)))
                    .collect();
                if lines.is_empty() { (*empty).to_owned() } else { lines.join("\n") }
            }
        }
    }
}

impl Column {
    /// The value in `object`, if there is one that says something.
    fn of(&self, object: &Value, now_ms: u64) -> Option<String> {
        let value = self.at.iter().find_map(|at| object.pointer(at).filter(|value| !value.is_null()))?;
        Some(match self.kind {
            Kind::Plain => plain(value),
            Kind::Time => time(value.as_u64()?, now_ms),
            Kind::Dollars => format!("${:.2}", value.as_f64()?),
        })
        .filter(|text| !text.is_empty())
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => clean(text),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => clean(&other.to_string()),
    }
}

fn time(at_ms: u64, now_ms: u64) -> String {
    match at_ms.checked_sub(now_ms) {
        Some(ahead) if ahead >= 1_000 => format!("in {}", age::coarse(ahead / 1_000)),
        _ => age::ago(at_ms, now_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OUTPUT: Output = Output { columns: None, color: false };

    #[test]
    fn rows_show_what_there_is() {
        let show = Show::Rows {
            at: "/jobs",
            columns: &[
                Column { heading: "ID", at: &["/id"], kind: Kind::Plain },
                Column { heading: "On", at: &["/enabled"], kind: Kind::Plain },
                Column { heading: "Next", at: &["/state/next", "/next"], kind: Kind::Time },
            ],
            empty: "No jobs.",
        };
        let answer = json!({"jobs": [{"id": "a\u{7}", "enabled": true, "next": 121_000}, {"id": "b", "enabled": false}]});
        assert_eq!(show.text(&answer, OUTPUT, 1_000), "ID  On   Next\na   yes  in 2m\nb   no   -");
        assert_eq!(show.text(&json!({"jobs": []}), OUTPUT, 0), "No jobs.");
        assert_eq!(show.text(&Value::Null, OUTPUT, 0), "No jobs.");
    }

    #[test]
    fn facts_leave_out_what_is_missing() {
        let show = Show::Facts {
            facts: &[
                Column { heading: "Last", at: &["/ts"], kind: Kind::Time },
                Column { heading: "Cost", at: &["/totals/cost"], kind: Kind::Dollars },
                Column { heading: "To", at: &["/to"], kind: Kind::Plain },
            ],
            empty: "Nothing yet.",
        };
        let answer = json!({"ts": 1, "totals": {"cost": 1.5}, "to": ["a", 2]});
        assert_eq!(show.text(&answer, OUTPUT, 120_001), "Last: 2m ago\nCost: $1.50\nTo: a, 2");
        assert_eq!(show.text(&Value::Null, OUTPUT, 0), "Nothing yet.");
    }
}
