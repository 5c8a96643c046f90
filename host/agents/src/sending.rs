//! Owns whether the answers of a session are sent: what was decided about it, else what `session.sendPolicy` says. Sends nothing.

use openclaw_config::SendPlace;
use openclaw_store::{Sending, StoreError};

use crate::Agents;
use crate::agents::Inner;
use crate::settings::Settings;

/// Why nothing is sent: somebody said so in the session.
const CHOSEN: &str = "the answer is not sent: /send off in this session";
/// Why nothing is sent: the configuration says so.
const CONFIGURED: &str = "the answer is not sent: session.sendPolicy denies it";

impl Inner {
    /// Why an answer is not sent; `None` if it is.
    pub(crate) async fn withheld(
        &self,
        settings: &Settings,
        place: SendPlace<'_>,
    ) -> Result<Option<&'static str>, StoreError> {
        let decided = self.chosen.of(&self.store, place.session_key).await?.sending;
        Ok(match decided {
            Some(Sending::Allow) => None,
            Some(Sending::Deny) => Some(CHOSEN),
            None => settings.sending.denies(place).then_some(CONFIGURED),
        })
    }
}

impl Agents {
    /// Why an answer is not sent; `None` if it is.
    ///
    /// # Errors
    /// When what was decided about the session cannot be read.
    pub async fn withheld(&self, place: SendPlace<'_>) -> Result<Option<&'static str>, StoreError> {
        self.inner.withheld(&self.settings(), place).await
    }
}
