//! How a secret can be written down. Never calls the host.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// One way to write a secret down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As it is.
    Plain,
    /// Base64 with padding.
    Base64,
    /// Base64 for URLs.
    Base64Url,
    /// Base64 of a longer text, as basic authentication has it.
    Basic,
    /// All but letters and digits as `%XX`.
    Percent,
    /// As it stands in a JSON string.
    Json,
}

impl Spelling {
    /// All of them: what the host's scrubber promises to find.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Base64, Self::Base64Url, Self::Basic, Self::Percent, Self::Json];

    /// The secret in this spelling.
    #[must_use]
    pub fn of(self, secret: &str) -> String {
        match self {
            Self::Plain => secret.to_owned(),
            Self::Base64 => STANDARD.encode(secret),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(secret),
            Self::Basic => STANDARD.encode(format!("someone:{secret}")),
            Self::Percent => utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            Self::Json => serde_json::to_string(secret).unwrap_or_default().trim_matches('"').to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_is_another_one() {
        let spelled = Spelling::ALL.map(|spelling| spelling.of("a/b\"c+d?ef"));
        for (place, spelling) in spelled.iter().enumerate() {
            assert!(spelled.iter().skip(place + 1).all(|other| other != spelling), "{spelling}");
        }
    }
}
