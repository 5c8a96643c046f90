//! `commands.list`: the words that an agent's chat takes as commands.

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `commands.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandsListParams {
    /// `text`, `native` or `both`: how a command may be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl Call for CommandsListParams {
    const METHOD: &'static str = "commands.list";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "what a chat takes as a command";
    const SHAPE: &'static [Field] = &[
        Field::optional("sessionKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("provider", Kind::NonEmpty),
        Field::optional("scope", Kind::Union(&["text", "native", "both"])),
        Field::optional("includeArgs", Kind::Bool),
    ];
    type Reply = CommandsList;
}

/// The answer to `commands.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommandsList {
    /// In the order of `/help`.
    pub commands: Vec<CommandEntry>,
}

/// One command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandEntry {
    /// Without the slash.
    pub name: String,
    /// Every spelling, with the slash.
    pub text_aliases: Vec<String>,
    /// For people.
    pub description: String,
    /// `session`, `options`, `status` or `management`.
    pub category: String,
    /// Always `native`: a part of the program.
    pub source: String,
    /// Always `text`: it is typed as a message.
    pub scope: String,
    /// Whether more may follow it.
    pub accepts_args: bool,
}
