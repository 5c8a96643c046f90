//! The typing notice.

use std::cell::RefCell;

use openclaw_pace::Quiet;
use openclaw_sdk::channel::{Failure, Target};
use openclaw_sdk::host::Host;
use openclaw_sdk::typing::notice;

use crate::api::SendChatAction;
use crate::call::call;
use crate::outcome::result;
use crate::target;

const TIMEOUT_MS: u64 = 10_000;

/// Shows "typing…" for about five seconds.
pub(crate) async fn notify<H: Host>(
    host: &H,
    target: &Target,
    quiet: &RefCell<Quiet>,
) -> Result<(), Failure> {
    let destination = target::parse(target)?;
    // Unlike a message, a notice needs the number of the general topic.
    let parameters =
        SendChatAction { chat_id: &destination.chat, action: "typing", message_thread_id: destination.topic };
    let sending = async {
        let answer = call(host, "sendChatAction", &parameters, TIMEOUT_MS).await;
        result::<bool>(&answer).map(|_| ()).map_err(|refusal| refusal.failure("sendChatAction"))
    };
    notice(host, quiet, sending).await
}

#[cfg(test)]
mod tests {
    use openclaw_sdk_test::FakeHost;
    use serde_json::json;

    use openclaw_sdk::typing::QUIET;

    use super::*;
    use crate::script::Script;

    fn target(thread: Option<&str>) -> Target {
        Target { room: "-1001".into(), thread: thread.map(str::to_owned) }
    }

    #[test]
    fn the_general_topic_is_named() {
        let fake = FakeHost::new().says(json!(true));
        fake.finish(notify(&fake, &target(Some("1")), &RefCell::new(QUIET))).unwrap();
        let expected = json!({"chat_id": -1001, "action": "typing", "message_thread_id": 1});
        assert_eq!(fake.asked(), [("sendChatAction".to_owned(), expected)]);
    }

    #[test]
    fn a_refused_token_is_not_hammered() {
        let mut fake = FakeHost::new();
        for _ in 0..20 {
            fake = fake.refuses(401, "Unauthorized", None);
        }
        let quiet = RefCell::new(QUIET);
        for second in 0..4_000 {
            fake.set_clock_us(second * 1_000_000);
            assert!(fake.finish(notify(&fake, &target(None), &quiet)).is_err());
        }
        assert_eq!(fake.asked().len(), 10);
    }

    #[test]
    fn other_errors_do_not_count() {
        let fake = FakeHost::new().refuses(500, "x", None).refuses(401, "x", None).says(json!(true));
        let quiet = RefCell::new(QUIET);
        assert!(fake.finish(notify(&fake, &target(None), &quiet)).is_err());
        assert!(fake.finish(notify(&fake, &target(None), &quiet)).is_err());
        fake.set_clock_us(2_000_000);
        assert!(fake.finish(notify(&fake, &target(None), &quiet)).is_ok());
    }
}
