//! Lines for the plugin's own log: `info!(host, "polling", "offset" => offset)`.

pub use crate::bindings::channel::openclaw::plugin::log::Level;

/// Writes a line at the given level through a [`crate::host::Host`], with optional `"name" => value` fields.
#[macro_export]
macro_rules! log_at {
    ($level:expr, $host:expr, $message:expr $(, $name:literal => $value:expr)* $(,)?) => {
        $crate::host::Host::write(
            $host,
            $level,
            &::std::string::ToString::to_string(&$message),
            &[$((::std::string::String::from($name), ::std::string::ToString::to_string(&$value))),*],
        )
    };
}

/// A line at level `debug`.
#[macro_export]
macro_rules! debug { ($($line:tt)*) => { $crate::log_at!($crate::log::Level::Debug, $($line)*) }; }

/// A line at level `info`.
#[macro_export]
macro_rules! info { ($($line:tt)*) => { $crate::log_at!($crate::log::Level::Info, $($line)*) }; }

/// A line at level `warn`.
#[macro_export]
macro_rules! warn { ($($line:tt)*) => { $crate::log_at!($crate::log::Level::Warn, $($line)*) }; }

/// A line at level `error`.
#[macro_export]
macro_rules! error { ($($line:tt)*) => { $crate::log_at!($crate::log::Level::Error, $($line)*) }; }
