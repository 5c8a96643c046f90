//! Owns chat commands: which messages are commands, and which. What they do is `agents`' business.

mod answers;
mod catalog;
mod inline;
mod queue;
mod send;
mod stop;

use openclaw_models::Thinking;
use openclaw_store::{Activation, Sending};

pub(crate) use answers::{
    IDLE, NEW, NO_GROUP, NO_NAME, NO_RESTART, NOT_COMPACTED, NOTHING_TO_COMPACT, QUEUE_ALONE, RESTARTING,
    STOPPED, Status, activation_now, activation_set, compacted, owners_only, usage, whoami,
};
pub use catalog::{COMMANDS, CommandInfo};
pub(crate) use catalog::{help, list};
pub(crate) use inline::Mixed;
pub(crate) use queue::{QueueAsk, words as queue_words};
pub(crate) use send::{decided as send_decided, now as send_now};

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
    /// `/send`: whether answers are sent; alone tells it.
    Send(SendAsk),
    /// `/compact`: summarises the older part of the session; with what the summary is to be about.
    Compact(Option<String>),
    /// `/restart`: starts the gateway anew.
    Restart,
    /// `/status`
    Status,
    /// `/help`
    Help,
    /// `/commands`
    Commands,
    /// `/whoami`, `/id`
    Whoami,
    /// Directives and shortcuts beside other text, or several at once.
    Mixed(Mixed),
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
    /// Set the session's level; beside a message, that of its turn.
    Set(Thinking),
}

/// What `/send` is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendAsk {
    /// Tell what holds.
    Show,
    /// Forget the session's own word.
    Inherit,
    /// Send the session's answers, or do not.
    Set(Sending),
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
    /// What a message asks for, wherever in it; `is_model` says which words mean a model.
    pub(crate) fn read(text: &str, is_model: impl Fn(&str) -> bool) -> Option<Self> {
        match Self::parse(text) {
            Some(whole) if !whole.is_directive() => Some(whole),
            whole => match Mixed::read(text, is_model) {
                Some(mixed) if !mixed.is_bare() || mixed.asks.len() > 1 => Some(Self::Mixed(mixed)),
                Some(_) | None => whole,
            },
        }
    }

    /// Whether it may stand beside other text: what follows it is not all its own then.
    fn is_directive(&self) -> bool {
        match self {
            Self::Think(_) | Self::Model(_) | Self::Queue(_) => true,
            Self::Misspelt(info) => matches!(info.name, "think" | "model" | "queue"),
            _ => false,
        }
    }

    /// The command of a shortcut's name.
    fn shortcut(name: &str) -> Option<Self> {
        match name {
            "status" => Some(Self::Status),
            "help" => Some(Self::Help),
            "commands" => Some(Self::Commands),
            "whoami" => Some(Self::Whoami),
            _ => None,
        }
    }

    /// Reads a message that is a command as a whole. A word that is none, for instance `/start`, is text for the agent.
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
            "compact" => Self::Compact(said),
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
            "send" => match SendAsk::parse(rest) {
                Some(ask) => Self::Send(ask),
                None => Self::Misspelt(info),
            },
            "restart" => Self::Restart,
            name => return Self::shortcut(name),
        })
    }

    /// The command's entry if only the owner may give it. Asking is everybody's.
    pub(crate) fn owners(&self) -> Option<&'static CommandInfo> {
        match self {
            Self::Activation(Some(_)) => catalog::find("/activation"),
            Self::Send(SendAsk::Inherit | SendAsk::Set(_)) => catalog::find("/send"),
            Self::Restart => catalog::find("/restart"),
            _ => None,
        }
    }
}

impl ThinkAsk {
    fn parse(rest: &str) -> Option<Self> {
        match rest.to_ascii_lowercase().as_str() {
            "" => Some(Self::Show),
            "default" | "inherit" => Some(Self::Default),
            level => level.parse().ok().map(Self::Set),
        }
    }
}

impl ModelAsk {
    /// Whom a choice is for.
    const FLAGS: [&str; 6] = ["-s", "--session", "-a", "--agent", "-g", "--global"];

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
    fn what_follows_a_whole_command_is_its_own_and_what_stands_beside_a_directive_is_not() {
        let read = |text| Command::read(text, |word| word == "p/m");
        let mixed = |text| match read(text) {
            Some(Command::Mixed(mixed)) => Some((mixed.asks.len(), mixed.text)),
            _ => None,
        };
        assert_eq!(read("/new hello /think high"), Some(Command::New("hello /think high".into())));
        assert_eq!(read("/name a /status b"), Some(Command::Name(Some("a /status b".into()))));
        assert_eq!(read("/status"), Some(Command::Status));
        assert_eq!(read("/think high"), Some(Command::Think(ThinkAsk::Set(Thinking::High))));
        assert!(matches!(read("/think harder please"), Some(Command::Misspelt(_))));
        assert_eq!(read("/model q/m hi"), Some(Command::Model(ModelAsk::Choose("q/m hi".into()))));
        assert_eq!(mixed("/status please"), Some((1, "please".into())));
        assert_eq!(mixed("/think high do it"), Some((1, "do it".into())));
        assert_eq!(mixed("/model p/m hi"), Some((1, "hi".into())));
        assert_eq!(mixed("/think high /model p/m"), Some((2, String::new())));
        assert_eq!(read("hello there"), None);
    }

    #[test]
    fn deciding_about_a_group_is_the_owners() {
        let owners = |text| Command::parse(text).unwrap().owners().map(|info| info.name);
        assert_eq!(owners("/activation always"), Some("activation"));
        assert_eq!(owners("/activation"), None);
        assert_eq!(owners("/send off"), Some("send"));
        assert_eq!(owners("/send"), None);
        assert_eq!(owners("/restart"), Some("restart"));
        assert_eq!(owners("/new"), None);
    }
}
