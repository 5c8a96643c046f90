//! A disk that fails by order: the library of `tests/faulty-disk`, preloaded into the gateway, and its orders.

use std::path::{Path, PathBuf};

use crate::Home;

/// The disk below one installation's state directory.
pub struct FaultyDisk {
    library: PathBuf,
    orders: PathBuf,
    state: PathBuf,
}

impl FaultyDisk {
    /// A disk that works.
    pub fn of(home: &Home) -> Self {
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/libfaulty_disk.so");
        assert!(
            library.exists(),
            "{} is missing: run `cargo xtask test`, or `cargo build --release -p openclaw-faulty-disk`",
            library.display()
        );
        // Beside the state directory, which the orders are about.
        let orders = home.state().with_file_name("faulty-disk");
        Self { library, orders, state: home.state() }
    }

    /// What the gateway's environment needs.
    pub fn environment(&self) -> [(&str, &str); 2] {
        [("LD_PRELOAD", self.library.to_str().unwrap()), ("FAULTY_DISK", self.orders.to_str().unwrap())]
    }

    /// From now on these calls fail with this error: `write,sync` with `ENOSPC`, for what begins with `path` below the state
    /// directory.
    pub fn fail(&self, calls: &str, error: &str, path: &str) {
        self.order(&format!("{calls} {error} {}\n", self.state.join(path).display()));
    }

    /// From now on it works.
    pub fn mend(&self) {
        self.order("");
    }

    /// In one step, so that nobody reads half of it.
    fn order(&self, text: &str) {
        let draft = self.orders.with_extension("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(&draft, &self.orders).unwrap();
    }
}
