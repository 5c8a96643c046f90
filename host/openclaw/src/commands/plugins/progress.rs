//! How far a download is, for a person who watches. Elsewhere nothing is written.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// How often the line is written anew at most.
const OFTEN: Duration = Duration::from_millis(100);
const WIDTH: u64 = 24;

/// One download.
pub(super) struct Progress {
    watched: bool,
    total: Option<u64>,
    done: u64,
    written: Option<Instant>,
}

impl Progress {
    /// `quiet`: the output is for a program.
    pub(super) fn new(quiet: bool, total: Option<u64>) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { watched: !quiet && !dumb && std::io::stderr().is_terminal(), total, done: 0, written: None }
    }

    /// So many bytes more.
    pub(super) fn add(&mut self, bytes: usize) {
        self.done += bytes as u64;
        if self.watched && self.written.is_none_or(|written| written.elapsed() >= OFTEN) {
            self.written = Some(Instant::now());
            crate::output::murmur(&format!("\r{}", line(self.done, self.total)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.written.is_some() {
            // The line gives way to what comes next, without any escape sequence.
            crate::output::murmur(&format!("\r{:60}\r", ""));
        }
    }
}

fn line(done: u64, total: Option<u64>) -> String {
    let kib = done / 1024;
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let filled = (done.min(total) * WIDTH / total).min(WIDTH);
            let bar: String = (0..WIDTH).map(|n| if n < filled { '#' } else { '-' }).collect();
            format!("Downloading [{bar}] {kib}/{} KiB", total / 1024)
        }
        None => format!("Downloading {kib} KiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_up() {
        assert_eq!(line(0, Some(4096)), format!("Downloading [{}] 0/4 KiB", "-".repeat(24)));
        assert_eq!(
            line(2048, Some(4096)),
            format!("Downloading [{}{}] 2/4 KiB", "#".repeat(12), "-".repeat(12))
        );
        assert_eq!(line(9999, Some(4096)), format!("Downloading [{}] 9/4 KiB", "#".repeat(24)));
        assert_eq!(line(5000, None), "Downloading 4 KiB");
    }
}
