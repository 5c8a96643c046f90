//! openclaw-gateway.
