//! openclaw-e2e.
