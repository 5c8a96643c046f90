//! Owns what the tests of this crate share.

use crate::ChannelContext;

/// A direct message of Ada.
pub(crate) fn channel() -> ChannelContext {
    ChannelContext {
        channel: "chat".into(),
        label: "Chat".into(),
        sender_id: "u1".into(),
        username: None,
        display_name: Some("Ada".into()),
        direct: true,
        allow_from: vec![],
        quote: None,
        heard: vec![],
        owner: false,
    }
}
