//! openclaw-agents.
