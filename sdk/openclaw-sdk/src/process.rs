//! Programs of the operator's choice. Lines that they write come through [`crate::events::Events`] as `Occurrence::Line`, their
//! end as `Occurrence::Exited`.

use crate::bindings::channel::openclaw::plugin::{process, types};

pub use process::Error;
pub use types::{Exited, Line};

/// A program that was started. Forgetting it does not end it: it ends by itself, by [`Process::stop`], and with the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u32);

impl Process {
    /// Starts the program of the `[[process]]` entry of this name.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] says why the program cannot be run.
    pub async fn start(name: &str) -> Result<Self, Error> {
        process::start(name.to_owned()).await.map(Self)
    }

    /// The number that its events carry.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Writes one line, without a line break in it, to the program's standard input.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the program reads no more.
    pub async fn write_line(self, line: String) -> Result<(), Error> {
        process::write_line(self.0, line).await
    }

    /// Closes the program's input, and ends it after 2 s.
    pub fn stop(self) {
        process::stop(self.0);
    }
}
