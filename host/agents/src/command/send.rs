//! Owns what follows `/send`, and how it is answered.

use openclaw_store::Sending;

use super::SendAsk;

impl SendAsk {
    /// `None`: the word makes no sense.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        match rest.to_ascii_lowercase().as_str() {
            "" => Some(Self::Show),
            "on" | "allow" => Some(Self::Set(Sending::Allow)),
            "off" | "deny" => Some(Self::Set(Sending::Deny)),
            "inherit" | "default" | "reset" => Some(Self::Inherit),
            _ => None,
        }
    }
}

/// What `/send` answers when it decided something.
pub(crate) fn decided(sending: Option<Sending>) -> String {
    match sending {
        Some(Sending::Allow) => "⚙️ Send policy set to on: answers of this session are sent.".to_owned(),
        Some(Sending::Deny) => {
            "⚙️ Send policy set to off: answers of this session are kept in it and not sent. Commands are \
                                answered."
                .to_owned()
        }
        None => "⚙️ Send policy set to inherit: as configured (session.sendPolicy).".to_owned(),
    }
}

/// What `/send` answers when it was only asked. `refusal`: why nothing is sent.
pub(crate) fn now(sending: Option<Sending>, refusal: Option<&str>) -> String {
    let now = match (sending, refusal) {
        (Some(sending), _) => {
            format!("{} (chosen for this session)", if sending == Sending::Allow { "on" } else { "off" })
        }
        (None, Some(_)) => "off, as configured (session.sendPolicy)".to_owned(),
        (None, None) => "on, as configured".to_owned(),
    };
    format!("⚙️ Send policy: {now}. Change it with /send on, /send off or /send inherit.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_command() {
        let check = |text, expected| assert_eq!(SendAsk::parse(text), expected, "{text}");
        check("", Some(SendAsk::Show));
        check("ON", Some(SendAsk::Set(Sending::Allow)));
        check("off", Some(SendAsk::Set(Sending::Deny)));
        check("inherit", Some(SendAsk::Inherit));
        check("maybe", None);
    }

    #[test]
    fn what_holds_is_told_with_where_it_comes_from() {
        assert!(now(None, None).contains(": on, as configured."));
        assert!(now(None, Some("it is denied")).contains(": off, as configured (session.sendPolicy)."));
        assert!(now(Some(Sending::Deny), Some("x")).contains(": off (chosen for this session)."));
    }
}
