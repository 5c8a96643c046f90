//! openclaw-protocol.
