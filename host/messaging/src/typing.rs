//! Owns when people see that an answer is being written: at once, when it begins to be written, or never (`typingMode`). What
//! becomes of a notice is nobody's business.

use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::failpoint;
use openclaw_store::{AccountKey, ChatKind, Message, Target};
use tokio::sync::watch;

use crate::answer::Aborting;
use crate::channel::Sender;

/// When it is shown that an answer is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypingMode {
    /// Not at all.
    Never,
    /// As soon as the turn begins.
    Instant,
    /// When there is something of the answer.
    Message,
}

/// What the configuration says about one agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypingRules {
    /// `None`: at once for whoever speaks to the agent, else when there is something of the answer.
    pub mode: Option<TypingMode>,
    /// How often it is shown again; `None` for the usual.
    pub every: Option<Duration>,
}

impl TypingRules {
    /// When to show it for this message. `named`: its sender speaks to the agent.
    pub(crate) fn mode_for(self, message: &Message, named: bool) -> TypingMode {
        let spoken_to = named || message.conversation.kind == ChatKind::Direct;
        let usual = if spoken_to { TypingMode::Instant } else { TypingMode::Message };
        self.mode.unwrap_or(usual)
    }
}

/// Where it is shown.
pub(crate) struct Typing {
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) account: AccountKey,
    pub(crate) target: Target,
    pub(crate) every: Duration,
}

impl Typing {
    /// Shows it and then every so often, until the result is dropped. `written` is what is written so far.
    pub(crate) fn show(self, mode: TypingMode, mut written: watch::Receiver<String>) -> Option<Aborting<()>> {
        if mode == TypingMode::Never {
            return None;
        }
        Some(Aborting(tokio::spawn(async move {
            failpoint!("messaging.typing");
            // Nobody writes any more: the turn is over.
            if mode == TypingMode::Message && written.wait_for(|text| !text.is_empty()).await.is_err() {
                return;
            }
            self.repeat().await;
        })))
    }

    async fn repeat(self) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Too late is as good as never: the next notice follows.
            let _ = tokio::time::timeout(self.every, self.sender.typing(&self.account, &self.target)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Memory};

    #[test]
    fn whoever_speaks_to_the_agent_sees_it_at_once() {
        let check = |mode, kind, named, expected| {
            let mut message = testing::message("1", "u1", "hi");
            message.conversation.kind = kind;
            let rules = TypingRules { mode, every: None };
            assert_eq!(rules.mode_for(&message, named), expected, "{mode:?} {kind:?} {named}");
        };
        check(None, ChatKind::Direct, false, TypingMode::Instant);
        check(None, ChatKind::Group, true, TypingMode::Instant);
        check(None, ChatKind::Group, false, TypingMode::Message);
        check(Some(TypingMode::Never), ChatKind::Direct, true, TypingMode::Never);
        check(Some(TypingMode::Message), ChatKind::Direct, true, TypingMode::Message);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_shown_when_there_is_something_of_the_answer() {
        let memory = Memory::new();
        let shown = || *memory.typed.borrow();
        let typing = || Typing {
            sender: Arc::<Memory>::clone(&memory),
            account: testing::account(),
            target: testing::message("1", "u1", "hi").target(),
            every: Duration::from_secs(4),
        };
        let (text, written) = watch::channel(String::new());
        assert!(typing().show(TypingMode::Never, written.clone()).is_none());
        let showing = typing().show(TypingMode::Message, written);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(shown(), 0);
        text.send_replace("Well".to_owned());
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert_eq!(shown(), 3, "at once and each four seconds");
        drop(showing);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(shown(), 3);
    }
}
