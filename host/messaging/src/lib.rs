//! openclaw-messaging.
