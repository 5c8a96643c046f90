//! openclaw-supervisor.
