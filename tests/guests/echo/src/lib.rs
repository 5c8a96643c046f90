//! openclaw-guest-echo.
