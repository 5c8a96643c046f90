//! A value that is replaced as a whole while others read it. Readers keep what they have got.

use std::sync::{Arc, PoisonError, RwLock};

/// The value that holds now.
#[derive(Debug, Default)]
pub(crate) struct Live<T>(RwLock<Arc<T>>);

impl<T> Live<T> {
    pub(crate) fn new(value: T) -> Live<T> {
        Live(RwLock::new(Arc::new(value)))
    }

    pub(crate) fn get(&self) -> Arc<T> {
        // The value is replaced in one step: a panic elsewhere cannot leave half of one.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}
