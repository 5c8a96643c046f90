//! The typing notice. It waits for no limit.

use std::cell::RefCell;

use openclaw_pace::Quiet;
use openclaw_sdk::channel::{Failure, Target};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::Method;
use openclaw_sdk::typing::notice;

use crate::rest::{Rest, Route};
use crate::send::{Dms, channel};
use crate::target;

const TIMEOUT_MS: u64 = 5_000;

/// Shows "typing…" for about ten seconds.
pub(crate) async fn notify<H: Host>(
    host: &H,
    rest: &Rest,
    dms: &Dms,
    quiet: &RefCell<Quiet>,
    target: &Target,
) -> Result<(), Failure> {
    let destination = target::parse(target)?;
    let shown = async {
        let channel = channel(host, rest, dms, destination).await?;
        rest.act(host, &Route::on(Method::Post, "/channels/{}/typing", &channel), TIMEOUT_MS).await
    };
    notice(host, quiet, async { shown.await.map_err(|refusal| refusal.failure("the typing notice")) }).await
}

#[cfg(test)]
mod tests {
    use openclaw_sdk_test::FakeHost;
    use serde_json::json;

    use openclaw_sdk::typing::QUIET;

    use super::*;
    use crate::script::Script;

    fn notify_at(fake: &FakeHost, quiet: &RefCell<Quiet>, room: &str) -> Result<(), Failure> {
        let target = Target { room: room.into(), thread: None };
        fake.finish(notify(fake, &Rest::new(), &Dms::default(), quiet, &target))
    }

    #[test]
    fn in_a_channel_and_to_a_person() {
        let fake = FakeHost::new().says_nothing().says(json!({"id": "55"})).says_nothing();
        let quiet = RefCell::new(QUIET);
        notify_at(&fake, &quiet, "42").unwrap();
        notify_at(&fake, &quiet, "user:7").unwrap();
        let paths = ["POST /channels/42/typing", "POST /users/@me/channels", "POST /channels/55/typing"];
        assert_eq!(fake.paths(), paths);
    }

    #[test]
    fn a_refused_token_is_not_hammered() {
        let mut fake = FakeHost::new();
        for _ in 0..20 {
            fake = fake.refuses(401, 0, "401: Unauthorized");
        }
        let quiet = RefCell::new(QUIET);
        for second in 0..4_000 {
            fake.set_clock_us(second * 1_000_000);
            assert!(notify_at(&fake, &quiet, "42").is_err());
        }
        assert_eq!(fake.asked().len(), 10);
    }
}
