//! What this process may use of the machine.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets the process open as many files as it may: each client is one, and the usual soft limit (1024) is there for the
/// sake of programs that use `select`.
///
/// # Errors
/// The system's reason, as text for the log: the gateway runs with fewer clients then.
pub(super) fn raise_open_files() -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .map_err(|error| format!("the limit of open files stays at {:?}: {error}", limit.current))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn afterwards_the_soft_limit_is_the_hard_one() {
        raise_open_files().unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
