//! Reactions. Discord lets a bot have several on one message; the gateway means one.

use std::cell::RefCell;
use std::fmt::Write;

use openclaw_pace::Quiet;
use openclaw_sdk::channel::{Failure, Reaction};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::Method;
use openclaw_sdk::typing::notice;

use crate::rest::{Rest, Route};
use crate::send::{Dms, channel, id_in};
use crate::target;

const TIMEOUT_MS: u64 = 4_500;
const OWN: &str = "/channels/{}/messages/{}/reactions/{}/@me";

/// Sets the bot's reaction to a message, and takes away the one before it.
pub(crate) async fn react<H: Host>(
    host: &H,
    rest: &Rest,
    dms: &Dms,
    quiet: &RefCell<Quiet>,
    reaction: &Reaction,
) -> Result<(), Failure> {
    let destination = target::parse(&reaction.target)?;
    let Some(message) = id_in(&reaction.message_id) else {
        let detail = format!("`{}` is no message of Discord's", reaction.message_id);
        return Err(Failure::permanent("invalid_message", &detail));
    };
    let before = reaction.instead_of.as_ref().filter(|before| reaction.emoji.as_ref() != Some(before));
    let setting = async {
        let channel = channel(host, rest, dms, destination).await?;
        let changes = [(Method::Put, reaction.emoji.as_ref()), (Method::Delete, before)];
        for (method, emoji) in changes {
            if let Some(emoji) = emoji {
                let route = Route::on_two(method, OWN, &channel, message).with(&encoded(emoji));
                rest.act(host, &route, TIMEOUT_MS).await?;
            }
        }
        Ok(())
    };
    notice(host, quiet, async {
        setting.await.map_err(|refusal: crate::outcome::Refusal| refusal.failure("the reaction"))
    })
    .await
}

/// An emoji in a path: every byte that is no letter and no digit as `%XX`.
fn encoded(emoji: &str) -> String {
    let mut path = String::with_capacity(emoji.len() * 3);
    for byte in emoji.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            path.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::Target;
    use openclaw_sdk::typing::QUIET;
    use openclaw_sdk_test::FakeHost;

    use super::*;
    use crate::script::Script;

    fn run(fake: &FakeHost, emoji: Option<&str>, instead_of: Option<&str>) -> Result<(), Failure> {
        let reaction = Reaction {
            target: Target { room: "42".into(), thread: None },
            message_id: "77".into(),
            emoji: emoji.map(str::to_owned),
            instead_of: instead_of.map(str::to_owned),
        };
        fake.finish(react(fake, &Rest::new(), &Dms::default(), &RefCell::new(QUIET), &reaction))
    }

    #[test]
    fn one_takes_the_place_of_another() {
        let fake = FakeHost::new().says_nothing().says_nothing().says_nothing();
        run(&fake, Some("👀"), None).unwrap();
        run(&fake, Some("claw:7"), Some("👀")).unwrap();
        let path =
            |method: &str, emoji: &str| format!("{method} /channels/42/messages/77/reactions/{emoji}/@me");
        let expected = [path("PUT", "%F0%9F%91%80"), path("PUT", "claw%3A7"), path("DELETE", "%F0%9F%91%80")];
        assert_eq!(fake.paths(), expected);
    }

    #[test]
    fn none_takes_away_what_is_known_and_nothing_else() {
        let fake = FakeHost::new().says_nothing();
        run(&fake, None, Some("👍")).unwrap();
        run(&fake, None, None).unwrap();
        assert_eq!(fake.paths().len(), 1);
        let fake = FakeHost::new().refuses(400, 10_014, "Unknown Emoji");
        assert_eq!(run(&fake, Some("x"), None).unwrap_err().code, "10014");
    }
}
