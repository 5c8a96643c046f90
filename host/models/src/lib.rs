//! openclaw-models.
