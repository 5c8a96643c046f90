//! Programs of the operator's choice. [`crate::host::Host`] starts them; lines that they write come through
//! [`crate::events::Events`] as `Occurrence::Line`, their end as `Occurrence::Exited`.

use crate::bindings::channel::openclaw::plugin::{process, types};

pub use process::Error;
pub use types::{Exited, Line};

/// A program that was started. Forgetting it does not end it: it ends by itself, by [`crate::host::Host::stop`], and with
/// the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u32);

impl Process {
    /// The program with the number that its events carry.
    #[must_use]
    pub const fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// The number that its events carry.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}
