//! The packages that are part of this binary: whatever stood in `target/plugins` when it was built.

use crate::error::PackageError;
use crate::package::{Embedded, Package};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The packages that were built into this binary, by id. Empty in a binary that was built without any.
///
/// # Errors
/// When one of them does not hold together, which its build should have prevented.
pub fn bundled() -> Result<Vec<Package>, PackageError> {
    EMBEDDED.iter().map(Package::from_embedded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_package_holds_together() {
        for package in bundled().unwrap() {
            assert!(package.bundled, "{}", package.id());
            let Some(component) = &package.component else { continue };
            assert!(component.wasm.starts_with(b"\0asm"), "{}", package.id());
            assert_eq!(component.digest.len(), 64);
        }
    }
}
