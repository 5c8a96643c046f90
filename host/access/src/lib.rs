//! openclaw-access.
