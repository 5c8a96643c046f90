//! openclaw-secrets.
