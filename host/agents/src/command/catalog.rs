//! Owns the list of chat commands as people are told of it: spellings, help, and who may give which.

/// A command as people are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandInfo {
    /// Without the slash.
    pub name: &'static str,
    /// Every spelling, with the slash.
    pub aliases: &'static [&'static str],
    /// What may follow it, for people; empty where nothing may.
    pub args: &'static str,
    /// One line.
    pub description: &'static str,
    /// `session`, `options`, `status` or `management`.
    pub category: &'static str,
    /// Only the owner may give it.
    pub owner: bool,
}

impl CommandInfo {
    /// Whether more may follow it.
    #[must_use]
    pub fn accepts_args(&self) -> bool {
        !self.args.is_empty()
    }
}

/// Categories in the order of `/help`, with their headings.
const CATEGORIES: [(&str, &str); 4] =
    [("session", "Session"), ("options", "Options"), ("status", "Status"), ("management", "Management")];

/// Every command, in the order of `/help`.
pub const COMMANDS: &[CommandInfo] = &[
    CommandInfo {
        name: "new",
        aliases: &["/new", "/reset"],
        args: "[message]",
        description: "Start a new session; what follows is its first message.",
        category: "session",
        owner: false,
    },
    CommandInfo {
        name: "stop",
        aliases: &["/stop", "/abort"],
        args: "",
        description: "Stop the turn that runs.",
        category: "session",
        owner: false,
    },
    CommandInfo {
        name: "name",
        aliases: &["/name"],
        args: "[title]",
        description: "Name the session, or show its name.",
        category: "session",
        owner: false,
    },
    CommandInfo {
        name: "compact",
        aliases: &["/compact"],
        args: "[instructions]",
        description: "Summarise the older part of the session, so that models are told less; the transcript stays.",
        category: "session",
        owner: false,
    },
    CommandInfo {
        name: "think",
        aliases: &["/think", "/thinking", "/t"],
        args: "<level|default>",
        description: "Show or set how hard models think in this session; in a message, for that message.",
        category: "options",
        owner: false,
    },
    CommandInfo {
        name: "model",
        aliases: &["/model"],
        args: "[name|default|list|status]",
        description: "Show or choose the model of this session.",
        category: "options",
        owner: false,
    },
    CommandInfo {
        name: "models",
        aliases: &["/models"],
        args: "[provider]",
        description: "List the providers, or the models of one.",
        category: "options",
        owner: false,
    },
    CommandInfo {
        name: "queue",
        aliases: &["/queue"],
        args: "<mode|default>",
        description: "Show or set what becomes of messages that come while a turn runs: steer, followup, collect or interrupt; \
                      also debounce:0.5s, cap:20, drop:summarize|old|new.",
        category: "options",
        owner: false,
    },
    CommandInfo {
        name: "activation",
        aliases: &["/activation"],
        args: "[mention|always]",
        description: "Answer in this group when named, or always.",
        category: "options",
        owner: true,
    },
    CommandInfo {
        name: "send",
        aliases: &["/send"],
        args: "[on|off|inherit]",
        description: "Send the answers of this session, or only keep them in it.",
        category: "management",
        owner: true,
    },
    CommandInfo {
        name: "status",
        aliases: &["/status"],
        args: "",
        description: "Show the model, the tokens and the session.",
        category: "status",
        owner: false,
    },
    CommandInfo {
        name: "whoami",
        aliases: &["/whoami", "/id"],
        args: "",
        description: "Show who the channel says you are.",
        category: "status",
        owner: false,
    },
    CommandInfo {
        name: "help",
        aliases: &["/help"],
        args: "",
        description: "Show the commands.",
        category: "status",
        owner: false,
    },
    CommandInfo {
        name: "commands",
        aliases: &["/commands"],
        args: "",
        description: "Show what each command does.",
        category: "status",
        owner: false,
    },
    CommandInfo {
        name: "restart",
        aliases: &["/restart"],
        args: "",
        description: "Start the gateway anew.",
        category: "management",
        owner: true,
    },
];

/// The command with this spelling, in lower case and with its slash.
pub(super) fn find(spelling: &str) -> Option<&'static CommandInfo> {
    COMMANDS.iter().find(|command| command.aliases.contains(&spelling))
}

/// What `/help` answers.
pub(crate) fn help() -> String {
    let mut lines = vec!["ℹ️ Help".to_owned()];
    for (category, heading) in CATEGORIES {
        let own = COMMANDS.iter().filter(|command| command.category == category);
        // What may follow is said once for all spellings.
        let usages = own.flat_map(|command| {
            let args = std::iter::once(command.args).chain(std::iter::repeat(""));
            command.aliases.iter().zip(args).map(|(alias, args)| usage(alias, args))
        });
        let usages = usages.collect::<Vec<_>>().join("  |  ");
        lines.extend([String::new(), heading.to_owned(), usages]);
    }
    lines.extend([String::new(), "More: /commands for what each one does".to_owned()]);
    lines.join("\n")
}

/// What `/commands` answers.
pub(crate) fn list() -> String {
    let line = |command: &CommandInfo| {
        let owner = if command.owner { " (owner)" } else { "" };
        let usage = usage(&format!("/{}", command.name), command.args);
        format!("{usage} - {}{owner}", command.description)
    };
    let lines = std::iter::once("ℹ️ Commands\n".to_owned()).chain(COMMANDS.iter().map(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn usage(alias: &str, args: &str) -> String {
    if args.is_empty() { alias.to_owned() } else { format!("{alias} {args}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_both_texts() {
        for command in COMMANDS {
            assert!(CATEGORIES.iter().any(|(category, _)| *category == command.category), "{}", command.name);
            assert!(command.aliases.iter().all(|alias| help().contains(alias)), "{}", command.name);
            assert!(list().contains(command.description), "{}", command.name);
        }
        let session = "Session\n/new [message]  |  /reset  |  /stop  |  /abort  |  /name [title]  |  /compact [instructions]\n";
        assert!(help().contains(session), "{}", help());
        assert!(
            list().contains(
                "/activation [mention|always] - Answer in this group when named, or always. (owner)"
            )
        );
    }
}
