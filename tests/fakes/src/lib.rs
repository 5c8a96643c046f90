//! openclaw-fakes.
