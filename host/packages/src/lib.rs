//! openclaw-packages.
