//! Reactions. Telegram has a fixed set of emoji for them.

use std::cell::RefCell;

use openclaw_pace::Quiet;
use openclaw_sdk::channel::{Failure, Reaction};
use openclaw_sdk::host::Host;
use openclaw_sdk::typing::notice;

use crate::api::{ReactionType, SetMessageReaction};
use crate::call::call;
use crate::id;
use crate::outcome::{Refusal, result};
use crate::target;

const TIMEOUT_MS: u64 = 4_500;
/// Stands for an emoji that is not among Telegram's.
const INSTEAD: &str = "👀";

/// Sets the bot's reaction to a message, or takes it away.
pub(crate) async fn react<H: Host>(
    host: &H,
    reaction: &Reaction,
    quiet: &RefCell<Quiet>,
) -> Result<(), Failure> {
    let destination = target::parse(&reaction.target)?;
    let Some(message_id) = id::number_in(&reaction.message_id) else {
        let detail = format!("`{}` is no message of Telegram's", reaction.message_id);
        return Err(Failure::permanent("invalid_message", &detail));
    };
    let set = async |emoji: Option<&str>| {
        let reaction = emoji.map(|emoji| ReactionType { kind: "emoji", emoji });
        let parameters =
            SetMessageReaction { chat_id: &destination.chat, message_id, reaction: reaction.as_slice() };
        result::<bool>(&call(host, "setMessageReaction", &parameters, TIMEOUT_MS).await).map(|_| ())
    };
    let setting = async {
        let shown = match set(reaction.emoji.as_deref()).await {
            Err(Refusal::Refused { description, .. })
                if description.contains("REACTION_INVALID") && reaction.emoji.is_some() =>
            {
                set(Some(INSTEAD)).await
            }
            shown => shown,
        };
        shown.map_err(|refusal| refusal.failure("setMessageReaction"))
    };
    notice(host, quiet, setting).await
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::Target;
    use openclaw_sdk::typing::QUIET;
    use openclaw_sdk_test::FakeHost;
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    fn run(fake: &FakeHost, emoji: Option<&str>) -> Result<(), Failure> {
        let reaction = Reaction {
            target: Target { room: "-1001".into(), thread: None },
            message_id: "7:-1001:42".into(),
            emoji: emoji.map(str::to_owned),
            instead_of: None,
        };
        fake.finish(react(fake, &reaction, &RefCell::new(QUIET)))
    }

    #[test]
    fn a_reaction_is_set_and_taken_away() {
        let fake = FakeHost::new().says(json!(true)).says(json!(true));
        run(&fake, Some("👍")).unwrap();
        run(&fake, None).unwrap();
        let set = json!({"chat_id": -1001, "message_id": 42, "reaction": [{"type": "emoji", "emoji": "👍"}]});
        let gone = json!({"chat_id": -1001, "message_id": 42, "reaction": []});
        assert_eq!(fake.asked_for("setMessageReaction"), [set, gone]);
    }

    #[test]
    fn another_stands_for_one_that_telegram_does_not_have() {
        let fake = FakeHost::new().refuses(400, "Bad Request: REACTION_INVALID", None).says(json!(true));
        run(&fake, Some("🦞")).unwrap();
        assert_eq!(fake.asked()[1].1["reaction"][0]["emoji"], INSTEAD);
        let fake = FakeHost::new().refuses(400, "Bad Request: message to react not found", None);
        assert!(run(&fake, Some("👍")).is_err());
    }
}
