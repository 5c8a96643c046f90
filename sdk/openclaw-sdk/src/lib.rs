//! openclaw-sdk.
