//! One suite for every channel. Owns what every channel has to do whatever its vendor: lose nothing, say nothing twice,
//! hammer nobody, and end when it is asked to.
//!
//! A channel describes itself by a [`Subject`], with a model of its vendor that works; the suite makes the vendor fail,
//! kills the account, and looks. [`conformance!`](crate::conformance!) makes a test of each rule.

mod receiving;
mod rig;
mod sending;

pub use receiving::*;
pub use rig::{Model, Subject};
pub use sending::*;

/// Makes a test of each rule for a [`Subject`]: `openclaw_sdk_test::conformance!(Lobby);`
#[macro_export]
macro_rules! conformance {
    ($subject:ty) => {
        $crate::conformance!($subject:
            everything_arrives_once_and_in_order
            nothing_is_lost_when_the_instance_dies
            what_is_not_stored_is_not_acknowledged
            what_the_gateway_skips_holds_up_nothing
            what_comes_again_is_taken_once
            every_character_arrives
            a_refused_credential_waits_for_a_person
            a_credential_that_is_refused_later_ends_the_account_too
            a_limit_is_kept_while_receiving
            a_broken_vendor_is_not_hammered_and_found_again
            garbage_is_survived
            the_end_is_heeded
            a_probe_tells_who_we_are
            a_message_is_sent_while_the_account_receives
            long_texts_are_split
            every_character_leaves
            a_refused_credential_is_told_by_a_send
            a_limit_is_told_by_a_send
            a_send_that_is_lost_says_whether_it_left
            garbage_is_no_receipt
        );
    };
    ($subject:ty: $($rule:ident)*) => {
        mod conformance {
            #[allow(unused_imports, reason = "the subject may be named by a path of its own")]
            use super::*;
            $(
                #[test]
                fn $rule() {
                    $crate::conformance::$rule::<$subject>();
                }
            )*
        }
    };
}
