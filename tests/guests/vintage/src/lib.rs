//! A channel built against `openclaw:plugin@0.1.0`, for the proof that such components go on running. It uses every
//! interface of that version: `run` asks the grant `api` for `/poll` once, admits what it was answered as a message, and then
//! idles on a timer; `send` answers with the number of timers that have fired and the length of the text.

#[cfg(target_arch = "wasm32")]
mod guest;
