//! openclaw-plugin-openai.
