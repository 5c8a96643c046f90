//! Who asks to be let in: what is known of a device that has proven who it is, whether it may have what it asks for unasked, and the
//! words for what a person is asked otherwise. Decides nothing about what the device has already.

use openclaw_protocol::connect::ClientInfo;
use openclaw_protocol::devices::DeviceProfile;
use openclaw_protocol::{Role, Scope};

use crate::shared::AuthMethod;

/// Characters of a client's own words that are kept.
const MOST_TEXT: usize = 128;

/// Where a client is, for the question whether its device may pair unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// On this machine, by no proxy.
    DirectLocal,
    /// A page of a gateway in a container, opened on the machine that runs it.
    BrowserContainerLocal,
    /// The command line beside a gateway in a container.
    CliContainerLocal,
    /// On this machine by its address, with the shared secret.
    SharedSecretLoopbackLocal,
    /// Elsewhere.
    Remote,
}

/// A device that has proven who it is, and what it asks for.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// Lower-case hex SHA-256 of the raw public key.
    pub device_id: String,
    /// base64url without padding.
    pub public_key: String,
    /// What connects.
    pub client: ClientInfo,
    /// As what it connects.
    pub role: Role,
    /// What it asks for, as far as this program knows it.
    pub scopes: Vec<Scope>,
    /// How it proved that it may talk to this gateway.
    pub method: AuthMethod,
    /// Where it is.
    pub locality: Locality,
    /// Where it came from.
    pub address: String,
    /// The page that it is, if it is one.
    pub origin: Option<String>,
    /// The generation of the device token that it presented.
    pub generation: Option<u32>,
    /// That token was right, and does not cover the scopes.
    pub lacks_scopes: bool,
    /// The setup code that it presented, by its id.
    pub setup_id: Option<String>,
    /// What a person whom the trusted proxy names may have without an approval.
    pub proxy_scopes: Option<Vec<Scope>>,
    /// The shared secret that the gateway has now, by [`Registry::generation_of`](crate::devices::Registry::generation_of).
    pub issuer: Option<String>,
    /// `gateway.nodes.pairing.autoApproveLocal`
    pub auto_approve_local: bool,
}

/// Why a person has to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    NotPaired,
    Role,
    Scopes,
    Metadata,
}

impl Need {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NotPaired => "not-paired",
            Self::Role => "role-upgrade",
            Self::Scopes => "scope-upgrade",
            Self::Metadata => "metadata-upgrade",
        }
    }

    pub(super) fn requirement(self) -> &'static str {
        match self {
            Self::NotPaired => "device is not approved yet",
            Self::Role => "device is asking for a higher role than currently approved",
            Self::Scopes => "device is asking for more scopes than currently approved",
            Self::Metadata => "device identity changed and must be re-approved",
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::NotPaired => "Approve this device from the pending pairing requests.",
            Self::Role => "Review the requested role upgrade, then approve the pending request.",
            Self::Scopes => "Review the requested scopes, then approve the pending upgrade.",
            Self::Metadata => "Review the refreshed device details, then approve the pending request.",
        }
    }
}

impl Newcomer {
    pub(super) fn is(&self, id: &str) -> bool {
        self.client.id == id
    }

    fn is_webchat(&self) -> bool {
        self.client.mode == "webchat" || self.client.id.starts_with("webchat")
    }

    pub(super) fn is_page(&self) -> bool {
        self.is("openclaw-control-ui") || self.is_webchat()
    }

    pub(super) fn is_native(&self) -> bool {
        matches!(
            self.client.id.as_str(),
            "openclaw-macos" | "openclaw-linux" | "openclaw-ios" | "openclaw-watchos" | "openclaw-android"
        )
    }

    /// A program that runs in a browser, whose token ends with the shared secret.
    pub(super) fn is_browser(&self) -> bool {
        self.origin.is_some() || self.is_page()
    }

    pub(super) fn profile(&self) -> DeviceProfile {
        let client = &self.client;
        DeviceProfile {
            display_name: client.display_name.as_deref().and_then(plain),
            platform: plain(&client.platform),
            device_family: client.device_family.as_deref().and_then(plain),
            client_id: Some(client.id.clone()),
            client_mode: Some(client.mode.clone()),
            browser_origin: self.origin.as_deref().and_then(plain),
            remote_ip: Some(self.address.clone()),
        }
    }

    /// Whether a device on this machine may have this unasked.
    pub(super) fn is_silent(&self, need: Need, paired: bool) -> bool {
        let page = self.origin.is_some() || self.is_page();
        if self.locality == Locality::Remote
            || (paired && self.role != Role::Operator)
            || (self.origin.is_some() && !self.is_page())
        {
            return false;
        }
        match need {
            Need::Metadata => {
                !page
                    && match self.locality {
                        Locality::DirectLocal => self.is_native() || self.is("cli"),
                        Locality::CliContainerLocal | Locality::SharedSecretLoopbackLocal => true,
                        Locality::BrowserContainerLocal | Locality::Remote => false,
                    }
            }
            Need::Scopes => {
                self.auto_approve_local
                    && matches!(self.method, AuthMethod::None | AuthMethod::Token | AuthMethod::Password)
            }
            Need::NotPaired | Need::Role => self.auto_approve_local,
        }
    }
}

/// A text of a client as people may see it: without what moves a cursor or turns the writing round, and not long.
pub(super) fn plain(text: &str) -> Option<String> {
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let text: String = text.trim().chars().filter(shown).take(MOST_TEXT).collect();
    (!text.is_empty()).then_some(text)
}
