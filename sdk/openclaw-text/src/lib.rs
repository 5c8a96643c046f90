//! openclaw-text.
