//! Texts that a command is given as an argument, in a file or on standard input, each with its limit.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};
use openclaw_config::{MAX_BYTES, SyntaxError};

use crate::error::CliError;

/// The most that is read from standard input, in bytes.
const MOST_STDIN: usize = 1024 * 1024;

/// Where the text of `patch` and `apply` comes from: exactly one of the three.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Input {
    /// The text itself, as JSON5
    #[arg(value_name = "JSON5")]
    text: Option<String>,
    /// Read it from a file of at most 8 MiB
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Read it from standard input, at most 1 MiB
    #[arg(long)]
    stdin: bool,
}

impl Input {
    /// The text, and what to call it in a complaint.
    pub(super) fn read(&self) -> Result<(String, String), CliError> {
        match (&self.text, &self.file) {
            (Some(text), _) => Ok((text.clone(), "the argument".to_owned())),
            (None, Some(file)) => Ok((read_file(file)?, file.display().to_string())),
            (None, None) => {
                Ok((bounded(std::io::stdin().lock(), MOST_STDIN, "--stdin")?, "--stdin".to_owned()))
            }
        }
    }
}

/// The text of a file of at most 8 MiB.
pub(super) fn read_file(path: &Path) -> Result<String, CliError> {
    let file = File::open(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    bounded(file, MAX_BYTES, &path.display().to_string())
}

/// What to say about a text that is not JSON5. It names the place and never shows the text, which may hold secrets.
pub(super) fn not_json5(name: &str, error: &SyntaxError) -> CliError {
    CliError::invalid(format!("{name} is not JSON5: {error}"))
}

fn bounded(from: impl Read, most: usize, name: &str) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    from.take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| CliError::File { path: PathBuf::from(name), source })?;
    if bytes.len() > most {
        return Err(CliError::invalid(format!("{name} has more than {} MiB", most / (1024 * 1024))));
    }
    String::from_utf8(bytes).map_err(|error| {
        CliError::invalid(format!("{name} is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_or_no_text_is_refused() {
        let check = |bytes: &[u8], expected: &str| {
            let error = bounded(bytes, MOST_STDIN, "--stdin").unwrap_err().to_string();
            assert_eq!(error, expected);
        };
        check(&vec![b' '; MOST_STDIN + 1], "--stdin has more than 1 MiB");
        check(b"{\xff}", "--stdin is not UTF-8 (byte 1)");
        assert_eq!(bounded(&vec![b' '; MOST_STDIN][..], MOST_STDIN, "x").unwrap().len(), MOST_STDIN);
        let missing = read_file(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(missing.starts_with("/nowhere/at/all: "), "{missing}");
    }
}
