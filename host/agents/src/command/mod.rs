//! Owns chat commands: which messages are commands, and which. What they do is `agents`' business.

mod answers;
mod catalog;
mod queue;
mod stop;

use openclaw_models::Thinking;
use openclaw_store::Activation;

pub(crate) use answers::{
    IDLE, NEW, NO_GROUP, NO_NAME, STOPPED, Status, activation_now, activation_set, owners_only, usage, whoami,
};
pub use catalog::{COMMANDS, CommandInfo};
pub(crate) use catalog::{help, list};
pub(crate) use queue::{QueueAsk, words as queue_words};

/// A message that is a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `/new`, `/reset`: starts the session anew; the rest of the message is its first turn.
    New(String),
    /// `/stop`, or a word that says so: ends the turn that runs.
    Stop,
    /// `/name`: names the session; without a name tells it.
    Name(Option<String>),
    /// `/model`
    Model(ModelAsk),
    /// `/think`: how hard to think; alone tells it.
    Think(ThinkAsk),
    /// `/models`: the providers, or one's models.
    Models(Option<String>),
    /// `/queue`: what waits behind a turn; alone tells it.
    Queue(QueueAsk),
    /// `/activation`: when a group is answered; alone tells it.
    Activation(Option<Activation>),
    /// `/status`
    Status,
    /// `/help`
    Help,
    /// `/commands`
    Commands,
    /// `/whoami`, `/id`
    Whoami,
    /// A command with something behind it that makes no sense.
    Misspelt(&'static CommandInfo),
}

/// What `/think` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThinkAsk {
    /// Tell how hard.
    Show,
    /// Forget the session's own level.
    Default,
    /// Set the session's level.
    Set(Thinking),
    /// Think this hard about the message behind it.
    Once(Thinking, String),
}

/// What `/model` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelAsk {
    /// Tell which one is asked.
    Show,
    /// Forget the session's own choice.
    Default,
    /// Choose one for the session.
    Choose(String),
    /// Choose one for the agent or for all: that is the configuration's.
    Configure(String),
}

impl Command {
    /// Reads a command. A word that is none, for instance `/start`, is text for the agent.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if stop::is_stop_word(text) {
            return Some(Self::Stop);
        }
        if !text.starts_with('/') {
            return None;
        }
        let end = text.find(|letter: char| letter.is_whitespace() || letter == ':').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let rest = rest.trim_start_matches(':').trim();
        // In groups people address a command: `/status@the_bot`.
        let word = word.split_once('@').map_or(word, |(word, _)| word).to_ascii_lowercase();
        let info = catalog::find(&word)?;
        if !rest.is_empty() && !info.accepts_args() {
            return None;
        }
        let said = (!rest.is_empty()).then(|| rest.to_owned());
        Some(match info.name {
            "new" => Self::New(said.unwrap_or_default()),
            "stop" => Self::Stop,
            "name" => Self::Name(said),
            "think" => match ThinkAsk::parse(rest) {
                Some(ask) => Self::Think(ask),
                None => Self::Misspelt(info),
            },
            "model" => Self::Model(ModelAsk::parse(rest)),
            "models" => Self::Models(said),
            "queue" => match QueueAsk::parse(rest) {
                Some(ask) => Self::Queue(ask),
                None => Self::Misspelt(info),
            },
            "activation" => match rest.to_ascii_lowercase().as_str() {
                "" => Self::Activation(None),
                "mention" => Self::Activation(Some(Activation::Mention)),
                "always" => Self::Activation(Some(Activation::Always)),
                _ => Self::Misspelt(info),
            },
            "status" => Self::Status,
            "help" => Self::Help,
            "commands" => Self::Commands,
            "whoami" => Self::Whoami,
            _ => return None,
        })
    }

    /// The command's entry if only the owner may give it. Asking is everybody's.
    pub(crate) fn owners(&self) -> Option<&'static CommandInfo> {
        match self {
            Self::Activation(Some(_)) => catalog::find("/activation"),
            _ => None,
        }
    }
}

impl ThinkAsk {
    fn parse(rest: &str) -> Option<Self> {
        let (level, message) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        match level.to_ascii_lowercase().as_str() {
            "" => return Some(Self::Show),
            "default" | "inherit" if message.is_empty() => return Some(Self::Default),
            _ => {}
        }
        let level = level.parse().ok()?;
        let message = message.trim();
        Some(if message.is_empty() { Self::Set(level) } else { Self::Once(level, message.to_owned()) })
    }
}

impl ModelAsk {
    fn parse(rest: &str) -> Self {
        let (mut session, mut wider, mut words) = (false, false, Vec::new());
        for word in rest.split_whitespace() {
            match word {
                "-s" | "--session" => session = true,
                "-a" | "--agent" | "-g" | "--global" => wider = true,
                word => words.push(word),
            }
        }
        let name = words.join(" ");
        match name.to_ascii_lowercase().as_str() {
            "" | "list" | "status" => Self::Show,
            "default" => Self::Default,
            _ if wider && !session => Self::Configure(name),
            _ => Self::Choose(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_are_told_of_is_a_command() {
        for command in COMMANDS {
            for alias in command.aliases {
                assert!(Command::parse(alias).is_some(), "{alias}");
                let with_args = Command::parse(&format!("{alias} more"));
                assert_eq!(with_args.is_some(), command.accepts_args(), "{alias}");
            }
        }
    }

    #[test]
    fn commands_are_whole_messages() {
        let check = |text, expected| assert_eq!(Command::parse(text), expected, "{text}");
        check("/new", Some(Command::New(String::new())));
        check(" /Reset  hello there ", Some(Command::New("hello there".into())));
        check("/stop", Some(Command::Stop));
        check("Stop", Some(Command::Stop));
        check("stop it please", None);
        check("/status@the_bot", Some(Command::Status));
        check("/status please", None);
        check("/help", Some(Command::Help));
        check("/id", Some(Command::Whoami));
        check("/start", None);
        check("what is /help", None);
        check("/activation: Always", Some(Command::Activation(Some(Activation::Always))));
        check("/activation", Some(Command::Activation(None)));
        check("/models", Some(Command::Models(None)));
        check("/name the garden", Some(Command::Name(Some("the garden".into()))));
        assert!(matches!(Command::parse("/activation never"), Some(Command::Misspelt(_))));
    }

    #[test]
    fn a_model_is_chosen_for_the_session_unless_somebody_says_otherwise() {
        let check =
            |text, expected| assert_eq!(Command::parse(text), Some(Command::Model(expected)), "{text}");
        check("/model", ModelAsk::Show);
        check("/model list", ModelAsk::Show);
        check("/model Default", ModelAsk::Default);
        check("/model p/m:free", ModelAsk::Choose("p/m:free".into()));
        check("/model -s p/m", ModelAsk::Choose("p/m".into()));
        check("/model p/m --global", ModelAsk::Configure("p/m".into()));
    }

    #[test]
    fn deciding_about_a_group_is_the_owners() {
        let owners = |text| Command::parse(text).unwrap().owners().map(|info| info.name);
        assert_eq!(owners("/activation always"), Some("activation"));
        assert_eq!(owners("/activation"), None);
        assert_eq!(owners("/new"), None);
    }
}
