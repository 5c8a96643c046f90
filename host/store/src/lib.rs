//! openclaw-store.
