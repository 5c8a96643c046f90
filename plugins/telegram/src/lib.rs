//! openclaw-plugin-telegram.
