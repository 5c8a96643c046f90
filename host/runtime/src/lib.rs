//! openclaw-runtime.
