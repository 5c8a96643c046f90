//! `commands.list`: what an agent's chat takes as a command.

use openclaw_agents::COMMANDS;
use openclaw_protocol::commands::{CommandEntry, CommandsList, CommandsListParams};

pub(super) fn list(query: &CommandsListParams) -> CommandsList {
    // Every command is typed as a message; none is one of the vendor's own.
    if query.scope.as_deref() == Some("native") {
        return CommandsList::default();
    }
    let commands = COMMANDS.iter().map(|command| CommandEntry {
        name: command.name.to_owned(),
        text_aliases: command.aliases.iter().map(|&alias| alias.to_owned()).collect(),
        description: command.description.to_owned(),
        category: command.category.to_owned(),
        source: "native".to_owned(),
        scope: "text".to_owned(),
        accepts_args: command.accepts_args(),
    });
    CommandsList { commands: commands.collect() }
}
