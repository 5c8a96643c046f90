//! A shim built against `openclaw:plugin@0.1.0`, for the proof that such components go on running. Its dialect is made up: a
//! request is the model and the texts, line by line; an answer is text, piece by piece.

#[cfg(target_arch = "wasm32")]
mod guest;
