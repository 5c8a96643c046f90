//! One account of a chat vendor, as its author writes it: plain `await` code over a [`Host`]. Owns the way from there to
//! the exports of a component; the traits say nothing of any protocol.
//!
//! An account is one value: what `run` learns, `send` knows. Its methods run side by side, so that state which changes
//! stands in `Cell` and `RefCell` and is never borrowed across an `await`.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread::LocalKey;

use crate::channel::{
    Failure, File, Identity, Outbound, Outcome, Reaction, Revision, Start, Target, WebhookRequest,
    WebhookResponse,
};
use crate::gateway::Gateway;
use crate::host::Host;

/// What every channel does. [`export_account!`](crate::export_account) makes a component of it.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread: none of these futures is ever sent to another"
)]
pub trait Account: Sized {
    /// Reads the account's section of the configuration: JSON that the host has validated by the plugin's schema, without
    /// the secrets.
    ///
    /// # Errors
    ///
    /// What no schema can say; the account is not started then.
    fn configure(config: &str) -> Result<Self, Failure>;

    /// Called before [`Account::run`] when instances crashed where this one begins: `times` of them in a row, without taking
    /// anything in. From 1 on, read one thing at a time. From 2 on, what comes first is likely why: give it to
    /// [`crate::inbound::set_aside`] without reading it. An account that does nothing here crashes there again.
    fn crashed(&self, times: u32) {
        let _ = times;
    }

    /// Receives until the vendor ends it for good, or [`crate::events::Occurrence::Shutdown`] asks for the end. `cursor` is
    /// what the last successful [`Host::admit`] stored.
    ///
    /// # Errors
    ///
    /// A failure is answered with a restart, unless its kind is `Unauthorised`, which waits for a person.
    async fn run<H: Host>(&self, host: &H, cursor: Option<&[u8]>) -> Result<(), Failure>;

    /// Sends one message. The host waits 60 s and takes it for ambiguous then.
    async fn send<H: Host>(&self, host: &H, outbound: &Outbound) -> Outcome;

    /// Asks the vendor whether the credential works, now. The host waits 10 s.
    ///
    /// # Errors
    ///
    /// Why it does not, or that the vendor is not reachable.
    async fn probe<H: Host>(&self, host: &H) -> Result<Identity, Failure>;
}

/// An account that can send files: `export_account!(Name, send_media)`.
#[allow(async_fn_in_trait, reason = "as Account")]
pub trait MediaAccount: Account {
    /// Sends one message with 1 to 16 files, in their order. `outbound.text` goes with them; it may be empty.
    /// [`crate::http::Request::file`] puts a file into a request.
    async fn send_media<H: Host>(&self, host: &H, outbound: &Outbound, media: &[File]) -> Outcome;
}

/// An account that can change what a message shows: `export_account!(Name, edit)`. The gateway then shows an answer while it
/// is written.
#[allow(async_fn_in_trait, reason = "as Account")]
pub trait EditAccount: Account {
    /// Replaces the whole text of one message of the account. One that shows it already is `Sent`, one that is gone is
    /// `Permanent`. Never wait for a limit in here: that is `Retryable`. The host waits 60 s, and may ask again.
    async fn edit<H: Host>(&self, host: &H, revision: &Revision) -> Outcome;
}

/// An account that can react to messages: `export_account!(Name, react)`.
#[allow(async_fn_in_trait, reason = "as Account")]
pub trait ReactAccount: Account {
    /// Sets the account's one reaction to a message, or takes it away. The host waits 10 s.
    ///
    /// # Errors
    ///
    /// The host notes it and goes on.
    async fn react<H: Host>(&self, host: &H, reaction: &Reaction) -> Result<(), Failure>;
}

/// An account that can show that an answer is being written: `export_account!(Name, typing)`.
#[allow(async_fn_in_trait, reason = "as Account")]
pub trait TypingAccount: Account {
    /// Shows it once; the host repeats the call while a turn runs.
    ///
    /// # Errors
    ///
    /// The host notes it and goes on.
    async fn notify<H: Host>(&self, host: &H, target: &Target) -> Result<(), Failure>;
}

/// An account that takes what the vendor sends to the gateway's port: `export_account!(Name, webhook)`.
#[allow(async_fn_in_trait, reason = "as Account")]
pub trait WebhookAccount: Account {
    /// Admits what a verified request brings, and answers it then: the answer tells the vendor that it may forget. The
    /// host waits 10 s.
    async fn handle<H: Host>(&self, host: &H, request: &WebhookRequest) -> WebhookResponse;
}

/// Makes a component of a type that implements [`Account`], with the optional exports `edit` ([`EditAccount`]), `react`
/// ([`ReactAccount`]), `send_media` ([`MediaAccount`]), `typing` ([`TypingAccount`]) and `webhook` ([`WebhookAccount`]):
/// `export_account!(Telegram, typing);`. Natively it makes nothing.
#[macro_export]
macro_rules! export_account {
    ($account:ty $(, $optional:ident)* $(,)?) => {
        const _: fn() = $crate::account::checked::<$account>;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            ::std::thread_local! {
                static INSTANCE: $crate::account::Instance<$account> = const { $crate::account::Instance::new() };
            }

            impl $crate::channel::Channel for Component {
                async fn run(start: $crate::channel::Start) -> ::core::result::Result<(), $crate::channel::Failure> {
                    $crate::account::Instance::run(&INSTANCE, start).await
                }
                async fn send(outbound: $crate::channel::Outbound) -> $crate::channel::Outcome {
                    $crate::account::Instance::send(&INSTANCE, outbound).await
                }
                async fn probe() -> ::core::result::Result<$crate::channel::Identity, $crate::channel::Failure> {
                    $crate::account::Instance::probe(&INSTANCE).await
                }
            }
            $crate::export_channel!(Component);
            $($crate::export_account_optional!($optional);)*
        };
    };
}

/// Part of [`export_account!`](crate::export_account).
#[doc(hidden)]
#[macro_export]
macro_rules! export_account_optional {
    (edit) => {
        impl $crate::channel::Edit for Component {
            async fn apply(revision: $crate::channel::Revision) -> $crate::channel::Outcome {
                $crate::account::Instance::edit(&INSTANCE, revision).await
            }
        }
        $crate::export_edit!(Component);
    };
    (react) => {
        impl $crate::channel::React for Component {
            async fn set(
                reaction: $crate::channel::Reaction,
            ) -> ::core::result::Result<(), $crate::channel::Failure> {
                $crate::account::Instance::react(&INSTANCE, reaction).await
            }
        }
        $crate::export_react!(Component);
    };
    (send_media) => {
        impl $crate::channel::SendMedia for Component {
            async fn send(
                outbound: $crate::channel::Outbound,
                media: ::std::vec::Vec<$crate::channel::File>,
            ) -> $crate::channel::Outcome {
                $crate::account::Instance::send_media(&INSTANCE, outbound, media).await
            }
        }
        $crate::export_send_media!(Component);
    };
    (typing) => {
        impl $crate::channel::Typing for Component {
            async fn notify(
                target: $crate::channel::Target,
            ) -> ::core::result::Result<(), $crate::channel::Failure> {
                $crate::account::Instance::notify(&INSTANCE, target).await
            }
        }
        $crate::export_typing!(Component);
    };
    (webhook) => {
        impl $crate::channel::Webhook for Component {
            async fn handle(request: $crate::channel::WebhookRequest) -> $crate::channel::WebhookResponse {
                $crate::account::Instance::handle(&INSTANCE, request).await
            }
        }
        $crate::export_webhook!(Component);
    };
}

/// Compiles where `A` is an account, so that a mistake shows natively too.
#[doc(hidden)]
pub const fn checked<A: Account>() {}

/// The account of an instance, from its start on.
#[doc(hidden)]
#[derive(Debug)]
pub struct Instance<A>(RefCell<Option<Rc<A>>>);

impl<A: Account> Instance<A> {
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    pub async fn run(key: &'static LocalKey<Self>, start: Start) -> Result<(), Failure> {
        let account = Rc::new(A::configure(&start.config)?);
        key.with(|instance| instance.0.replace(Some(Rc::clone(&account))));
        if start.crashes > 0 {
            account.crashed(start.crashes);
        }
        account.run(&Gateway, start.cursor.as_deref()).await
    }

    pub async fn send(key: &'static LocalKey<Self>, outbound: Outbound) -> Outcome {
        match Self::account(key) {
            Ok(account) => account.send(&Gateway, &outbound).await,
            Err(failure) => Outcome::Retryable(failure),
        }
    }

    pub async fn probe(key: &'static LocalKey<Self>) -> Result<Identity, Failure> {
        Self::account(key)?.probe(&Gateway).await
    }

    fn account(key: &'static LocalKey<Self>) -> Result<Rc<A>, Failure> {
        let account = key.with(|instance| instance.0.borrow().clone());
        account.ok_or_else(|| Failure::unavailable("not_started", "the account has not been started"))
    }
}

impl<A: MediaAccount> Instance<A> {
    pub async fn send_media(key: &'static LocalKey<Self>, outbound: Outbound, media: Vec<File>) -> Outcome {
        match Self::account(key) {
            Ok(account) => account.send_media(&Gateway, &outbound, &media).await,
            Err(failure) => Outcome::Retryable(failure),
        }
    }
}

impl<A: EditAccount> Instance<A> {
    pub async fn edit(key: &'static LocalKey<Self>, revision: Revision) -> Outcome {
        match Self::account(key) {
            Ok(account) => account.edit(&Gateway, &revision).await,
            Err(failure) => Outcome::Retryable(failure),
        }
    }
}

impl<A: ReactAccount> Instance<A> {
    pub async fn react(key: &'static LocalKey<Self>, reaction: Reaction) -> Result<(), Failure> {
        Self::account(key)?.react(&Gateway, &reaction).await
    }
}

impl<A: TypingAccount> Instance<A> {
    pub async fn notify(key: &'static LocalKey<Self>, target: Target) -> Result<(), Failure> {
        Self::account(key)?.notify(&Gateway, &target).await
    }
}

impl<A: WebhookAccount> Instance<A> {
    pub async fn handle(key: &'static LocalKey<Self>, request: WebhookRequest) -> WebhookResponse {
        match Self::account(key) {
            Ok(account) => account.handle(&Gateway, &request).await,
            Err(_) => WebhookResponse { status: 503, headers: Vec::new(), body: Vec::new() },
        }
    }
}

impl<A: Account> Default for Instance<A> {
    fn default() -> Self {
        Self::new()
    }
}
