//! openclaw-config.
