//! A channel that means harm, for the hostile suite: what it does in which of its exports is chosen by its account's
//! configuration, so that one component serves for all the cases that need no WAT.
//!
//! Configuration: `{"run": ["trap"], "send": [], "probe": [], "edit": [], "react": [], "typing": [], "webhook": []}`. Each list holds acts, which are
//! done in their order when the export is called; an act is a word, for some with an argument behind a colon. A text to
//! be sent that begins with `do ` is an act as well. An account without acts is a good one: it idles, and answers each
//! text with how many it has been given and the text.

#[cfg(target_arch = "wasm32")]
mod acts;
#[cfg(target_arch = "wasm32")]
mod files;
#[cfg(target_arch = "wasm32")]
mod floods;
#[cfg(target_arch = "wasm32")]
mod guest;
#[cfg(target_arch = "wasm32")]
mod secrets;
mod spellings;

pub use spellings::Spelling;

use serde::Deserialize;

/// The account's configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// What `run` does before it idles.
    pub run: Vec<String>,
    /// What each `send` does before it answers.
    pub send: Vec<String>,
    /// What each `probe` does.
    pub probe: Vec<String>,
    /// What each `apply` does.
    pub edit: Vec<String>,
    /// What each `set` does.
    pub react: Vec<String>,
    /// What each `notify` does.
    pub typing: Vec<String>,
    /// What each webhook does.
    pub webhook: Vec<String>,
}
