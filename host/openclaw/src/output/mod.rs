//! How results are shown: one JSON document, or text for people that fits where it is shown.

pub(crate) mod age;
pub(crate) mod qr;
pub(crate) mod table;

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

use crate::error::CliError;

/// Where the output goes and what it can show there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Columns, when stdout is a terminal.
    pub(crate) columns: Option<usize>,
    /// Whether colours may be used.
    pub(crate) color: bool,
}

impl Output {
    /// Looks at stdout and at `NO_COLOR` and `FORCE_COLOR`.
    pub(crate) fn detect(no_color: bool) -> Self {
        let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let columns = columns.filter(|_| std::io::stdout().is_terminal());
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = !no_color && !set("NO_COLOR") && (columns.is_some() || set("FORCE_COLOR"));
        Self { columns, color }
    }

    /// For what other programs read, too.
    pub(crate) fn plain() -> Self {
        Self { columns: None, color: false }
    }

    /// Whether a person watches.
    pub(crate) fn is_terminal(self) -> bool {
        self.columns.is_some()
    }

    /// The text in bold.
    pub(crate) fn bold(self, text: &str) -> String {
        self.painted("1", text)
    }

    /// The text in green.
    pub(crate) fn good(self, text: &str) -> String {
        self.painted("32", text)
    }

    /// The text in yellow.
    pub(crate) fn warn(self, text: &str) -> String {
        self.painted("33", text)
    }

    /// The text in red.
    pub(crate) fn bad(self, text: &str) -> String {
        self.painted("31", text)
    }

    fn painted(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Text from elsewhere, for a terminal: what would move the cursor, colour the screen or turn the writing direction becomes a
/// blank.
pub(crate) fn clean(text: &str) -> String {
    let harmless = |character: char| {
        let turns =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns { ' ' } else { character }
    };
    text.chars().map(harmless).collect()
}

/// Prints one JSON document with an indent of two.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(document).map_err(std::io::Error::from)?;
    print_line(&text)
}

/// Prints one line, or several.
pub(crate) fn print_line(text: &str) -> Result<(), CliError> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Says something beside the result, on the standard error. When nobody hears it any more, as behind `2>&1 | head`, the command
/// goes on: its result counts.
pub(crate) fn note(text: &str) {
    murmur(&format!("{text}\n"));
}

/// As [`note`], without a line end.
pub(crate) fn murmur(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to tell that nobody is left.
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).ok();
}

/// Prints without a line end, at once.
pub(crate) fn print_now(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}
