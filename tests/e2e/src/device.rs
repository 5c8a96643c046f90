//! A device of the tests: a key pair, and the proof that it is held (openclaw-compat §3.6). Written down here once more, so
//! that the gateway is not judged by its own code.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The device.
pub struct Device(SigningKey);

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

impl Device {
    /// One of its own for each seed.
    pub fn new(seed: u8) -> Device {
        Device(SigningKey::from_bytes(&[seed; 32]))
    }

    /// Its name.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.0.verifying_key().as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A `connect` with the proof for this nonce, signed now.
    pub fn prove(&self, connect: Value, nonce: &str) -> Value {
        self.prove_at(connect, nonce, now_ms())
    }

    /// The same, signed at another time.
    pub fn prove_at(&self, mut connect: Value, nonce: &str, signed_at: u64) -> Value {
        let params = &mut connect["params"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let scopes: Vec<String> = params["scopes"].as_array().into_iter().flatten().map(text).collect();
        let auth = &params["auth"];
        let token = ["token", "deviceToken", "bootstrapToken"].iter().map(|key| text(&auth[key]));
        let signed = format!(
            "v3|{}|{}|{}|{}|{}|{signed_at}|{}|{nonce}|{}|",
            self.id(),
            text(&params["client"]["id"]),
            text(&params["client"]["mode"]),
            text(&params["role"]),
            scopes.join(","),
            token.into_iter().find(|token| !token.is_empty()).unwrap_or_default(),
            text(&params["client"]["platform"]),
        );
        params["device"] = json!({
            "id": self.id(),
            "publicKey": URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes()),
            "signature": URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()).to_bytes()),
            "signedAt": signed_at,
            "nonce": nonce,
        });
        connect
    }
}
