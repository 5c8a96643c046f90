//! Shapes that several sections share.

use crate::shape::Field;
use crate::shape::Shape::{self, Any, Bool, Either, Int, List, Map, Number, Object, Open, Text, Word};
use crate::shape::key;

/// Zero or more.
pub(super) const COUNT: Shape = Int(0, i64::MAX);
/// One or more.
pub(super) const SOME: Shape = Int(1, i64::MAX);
/// A TCP port.
pub(super) const PORT: Shape = Int(1, 65_535);
/// Any number.
pub(super) const ANY_NUMBER: Shape = Number(f64::NEG_INFINITY, f64::INFINITY);
/// A number, zero or more.
pub(super) const AMOUNT: Shape = Number(0.0, f64::INFINITY);
pub(super) const TEXTS: Shape = List(&Text);
pub(super) const TEXT_MAP: Shape = Map(&Text);
/// Ids of people and groups, which some channels write as numbers.
pub(super) const IDS: Shape = List(&Either(&[Text, ANY_NUMBER]));
/// A size such as `"2mb"` or a number of bytes, or a time such as `"30d"` or a number of milliseconds.
pub(super) const QUANTITY: Shape = Either(&[Text, ANY_NUMBER]);
/// An object that nobody here judges.
pub(super) const OPEN: Shape = Open(&[], &Any);
/// Parameters that are handed on as they are.
pub(super) const PARAMS: Shape = Map(&Any);
/// `{enabled}`
pub(super) const SWITCH: Shape = Object(&[key("enabled", Bool)]);

/// How hard a model thinks.
pub(super) const THINKING: Shape =
    Word(&["off", "minimal", "low", "medium", "high", "xhigh", "adaptive", "max", "ultra"]);

/// A model, or a model with what is tried after it.
pub(super) const MODEL_CHOICE: Shape = Either(&[
    Text,
    Object(&[
        key("primary", Text).about("The model that is asked first, as provider/model."),
        key("fallbacks", TEXTS).about("Models that are tried in this order when the first one fails."),
    ]),
]);

/// What requests from the gateway may reach.
pub(super) const SSRF_POLICY: Shape = Object(&[
    key("dangerouslyAllowPrivateNetwork", Bool),
    key("allowRfc2544BenchmarkRange", Bool),
    key("allowIpv6UniqueLocalRange", Bool),
    key("allowedHostnames", TEXTS),
    key("blockedHostnames", TEXTS),
]);

/// `{allow, deny}`
pub(super) const ALLOW_DENY: Shape = Object(&[key("allow", TEXTS), key("deny", TEXTS)]);

/// Which messages of a group an agent hears when it is not named.
pub(super) const UNMENTIONED: Shape = Word(&["user_request", "room_event"]);

/// How a direct message finds its session.
pub(super) const DM_SCOPE: Shape =
    Word(&["main", "per-peer", "per-channel-peer", "per-account-channel-peer"]);
/// How a message of a group finds its session.
pub(super) const GROUP_SCOPE: Shape = Word(&["main", "per-group"]);

/// The agent that something belongs to.
pub(super) const AGENT_ID: &[Field] = &[key("agentId", Text)];
