//! openclaw-egress.
