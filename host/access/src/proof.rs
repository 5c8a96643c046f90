//! The proof that a client holds a device's private key (openclaw-compat §3.6). Pure: the same arguments, the same
//! verdict.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use openclaw_protocol::RpcError;
use openclaw_protocol::connect::{ConnectParams, DeviceProof};
use serde_json::json;
use sha2::{Digest, Sha256};

/// How far a signature's time may be from the gateway's, in milliseconds.
pub const CLOCK_SKEW_MS: u64 = 120_000;
/// What stands before the raw key in an Ed25519 key of the form SPKI (RFC 8410 §4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Longer texts are no key and no signature.
const MOST_TEXT: usize = 1024;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// base64 by either alphabet, padded or not.
const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const ANY_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// A device that has proven who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenDevice {
    /// Lower-case hex SHA-256 of the raw public key.
    pub id: String,
    /// base64url without padding.
    pub public_key: String,
}

/// Why a proof was not accepted, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    IdMismatch,
    Stale,
    NonceMissing,
    NonceMismatch,
    PublicKey,
    Signature,
}

impl Fault {
    fn refuse(self) -> RpcError {
        let (message, code, reason) = match self {
            Self::IdMismatch => {
                ("device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH", "device-id-mismatch")
            }
            Self::Stale => {
                ("device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale")
            }
            Self::NonceMissing => {
                ("device nonce required", "DEVICE_AUTH_NONCE_REQUIRED", "device-nonce-missing")
            }
            Self::NonceMismatch => {
                ("device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch")
            }
            Self::PublicKey => {
                ("device public key invalid", "DEVICE_AUTH_PUBLIC_KEY_INVALID", "device-public-key")
            }
            Self::Signature => {
                ("device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID", "device-signature")
            }
        };
        RpcError::invalid(message).with_details(json!({"code": code, "reason": reason}))
    }
}

/// Checks the proof in `params` against the connection's own nonce. `None` when there is no proof.
///
/// # Errors
/// The answer of §3.6 for the first check that fails. A key of 32 bytes that is no Ed25519 key is named as such; what
/// is no key at all has no id, so it is an identity mismatch.
pub fn verify_device(
    params: &ConnectParams,
    nonce: &str,
    now_ms: u64,
) -> Result<Option<ProvenDevice>, RpcError> {
    params
        .device
        .as_ref()
        .map(|proof| verify(params, proof, nonce, now_ms))
        .transpose()
        .map_err(Fault::refuse)
}

fn verify(
    params: &ConnectParams,
    proof: &DeviceProof,
    nonce: &str,
    now_ms: u64,
) -> Result<ProvenDevice, Fault> {
    let key = raw_key(&proof.public_key).ok_or(Fault::IdMismatch)?;
    let id = hex::encode(Sha256::digest(key));
    if id != proof.id {
        return Err(Fault::IdMismatch);
    }
    if now_ms.abs_diff(proof.signed_at) > CLOCK_SKEW_MS {
        return Err(Fault::Stale);
    }
    match proof.nonce.as_deref().map(str::trim) {
        None | Some("") => return Err(Fault::NonceMissing),
        Some(sent) if sent != nonce => return Err(Fault::NonceMismatch),
        Some(_) => {}
    }
    let verifying = VerifyingKey::from_bytes(&key).map_err(|_| Fault::PublicKey)?;
    let signature = signature(&proof.signature).ok_or(Fault::Signature)?;
    let signed = |text: &str| verifying.verify_strict(text.as_bytes(), &signature).is_ok();
    if signed(&payload(params, proof, Version::V3)) || signed(&payload(params, proof, Version::V2)) {
        return Ok(ProvenDevice { id, public_key: URL_SAFE_NO_PAD.encode(key) });
    }
    Err(Fault::Signature)
}

/// The forms of the signed text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Without platform and family.
    V2,
    /// With them.
    V3,
}

/// What the client has to have signed.
fn payload(params: &ConnectParams, proof: &DeviceProof, version: Version) -> String {
    let client = &params.client;
    let auth = params.auth.as_ref();
    let token = auth
        .and_then(|auth| {
            auth.token.as_deref().or(auth.device_token.as_deref()).or(auth.bootstrap_token.as_deref())
        })
        .unwrap_or_default();
    let scopes = params.scopes.as_deref().unwrap_or_default().join(",");
    let common = format!(
        "{}|{}|{}|{}|{scopes}|{}|{token}|{}",
        proof.id,
        client.id,
        client.mode,
        params.role.as_deref().unwrap_or("operator"),
        proof.signed_at,
        proof.nonce.as_deref().unwrap_or_default().trim(),
    );
    let plain = |text: Option<&str>| text.unwrap_or_default().trim().to_ascii_lowercase();
    match version {
        Version::V2 => format!("v2|{common}"),
        Version::V3 => format!(
            "v3|{common}|{}|{}",
            plain(Some(&client.platform)),
            plain(client.device_family.as_deref())
        ),
    }
}

/// The 32 bytes of a public key in one of its spellings.
fn raw_key(text: &str) -> Option<[u8; 32]> {
    if text.len() > MOST_TEXT {
        return None;
    }
    let text = text.trim();
    if let Some(body) = text.strip_prefix("-----BEGIN PUBLIC KEY-----") {
        let body: String = body.strip_suffix("-----END PUBLIC KEY-----")?.split_ascii_whitespace().collect();
        let der = ANY_STANDARD.decode(body).ok()?;
        return der.strip_prefix(&SPKI_PREFIX)?.try_into().ok();
    }
    any_base64(text)?.try_into().ok()
}

fn signature(text: &str) -> Option<Signature> {
    if text.len() > MOST_TEXT {
        return None;
    }
    Signature::from_slice(&any_base64(text.trim())?).ok()
}

fn any_base64(text: &str) -> Option<Vec<u8>> {
    ANY_URL_SAFE.decode(text).or_else(|_| ANY_STANDARD.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use ed25519_dalek::{Signer as _, SigningKey};
    use openclaw_protocol::decode;

    use super::*;

    const NOW: u64 = 1_770_000_000_000;
    const NONCE: &str = "6f1c2a3b-0000-4000-8000-000000000000";

    /// The observed frame `09-connect-device-new`.
    fn observed() -> ConnectParams {
        decode(Some(json!({"minProtocol": 4, "maxProtocol": 4,
            "client": {"id": "cli", "version": "2026.9.6", "platform": "linux", "deviceFamily": "Linux", "mode": "cli"},
            "caps": [], "auth": {"token": "peer-token-0123456789abcdef"}, "role": "operator",
            "scopes": ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.pairing",
                "operator.questions", "operator.talk.secrets"],
            "device": {"id": "f1e241126367c822fa62f39130aba9dde51e4baa63545672a612eb1390af66de",
                "publicKey": "b32whYZHPumyL4plf9qC_V3Z0HjbBWkGwHvxyvs0FpQ",
                "signature": "UNKXxftVSzrr1bHr8_3GginwXfXgQn5BJ7SnBpNjdPVk5zNXkd97PD1IrV7UaTv4FMQ6G2VnKLjxgc3xzQETBg",
                "signedAt": 1_795_331_743_838_u64, "nonce": "c409ef3b-cafa-4ac6-b1f8-f6a505c80d05"}})))
        .unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn signed(version: Version, change: impl FnOnce(&mut ConnectParams)) -> ConnectParams {
        let key = key();
        let public = key.verifying_key().to_bytes();
        let mut params = observed();
        params.device = Some(DeviceProof {
            id: hex::encode(Sha256::digest(public)),
            public_key: URL_SAFE_NO_PAD.encode(public),
            signature: String::new(),
            signed_at: NOW,
            nonce: Some(NONCE.to_owned()),
        });
        change(&mut params);
        let mut proof = params.device.clone().unwrap();
        proof.signature =
            URL_SAFE_NO_PAD.encode(key.sign(payload(&params, &proof, version).as_bytes()).to_bytes());
        params.device = Some(proof);
        params
    }

    fn code(params: &ConnectParams, now_ms: u64) -> String {
        match verify_device(params, NONCE, now_ms) {
            Ok(device) => device.map_or("none", |_| "ok").to_owned(),
            Err(error) => {
                let details = error.details.unwrap();
                format!(
                    "{} {} ({})",
                    details["code"].as_str().unwrap(),
                    details["reason"].as_str().unwrap(),
                    error.message
                )
            }
        }
    }

    #[test]
    fn the_observed_proof_is_accepted() {
        let device = verify_device(&observed(), "c409ef3b-cafa-4ac6-b1f8-f6a505c80d05", 1_795_331_743_838);
        assert_eq!(device.unwrap().unwrap().public_key, "b32whYZHPumyL4plf9qC_V3Z0HjbBWkGwHvxyvs0FpQ");
        let without = ConnectParams { device: None, ..observed() };
        assert_eq!(code(&without, NOW), "none");
    }

    #[test]
    fn both_texts_and_all_spellings_of_a_key_are_accepted() {
        assert_eq!(code(&signed(Version::V3, |_| {}), NOW), "ok");
        assert_eq!(code(&signed(Version::V2, |_| {}), NOW), "ok");
        let public = key().verifying_key().to_bytes();
        let der = STANDARD.encode([&SPKI_PREFIX[..], &public].concat());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n");
        for spelling in [STANDARD.encode(public), STANDARD.encode(public).replace('=', ""), pem] {
            let params = signed(Version::V3, |params| params.device.as_mut().unwrap().public_key = spelling);
            let device = verify_device(&params, NONCE, NOW).unwrap().unwrap();
            assert_eq!(device.public_key, URL_SAFE_NO_PAD.encode(public));
        }
    }

    #[test]
    fn the_token_in_the_text_is_the_first_that_was_sent() {
        let params = signed(Version::V3, |params| {
            let auth = params.auth.as_mut().unwrap();
            (auth.token, auth.device_token, auth.bootstrap_token) =
                (None, Some("d".into()), Some("b".into()));
        });
        let text = payload(&params, params.device.as_ref().unwrap(), Version::V3);
        assert!(text.ends_with(&format!("|{NOW}|d|{NONCE}|linux|linux")), "{text}");
        assert_eq!(code(&params, NOW), "ok");
    }

    #[test]
    fn each_fault_has_its_answer_in_the_documented_order() {
        let check =
            |params: &ConnectParams, now_ms: u64, expected: &str| assert_eq!(code(params, now_ms), expected);
        let proof = |params: &mut ConnectParams, change: fn(&mut DeviceProof)| {
            change(params.device.as_mut().unwrap())
        };
        let id = "DEVICE_AUTH_DEVICE_ID_MISMATCH device-id-mismatch (device identity mismatch)";
        let stale = "DEVICE_AUTH_SIGNATURE_EXPIRED device-signature-stale (device signature expired)";
        let missing = "DEVICE_AUTH_NONCE_REQUIRED device-nonce-missing (device nonce required)";
        let other = "DEVICE_AUTH_NONCE_MISMATCH device-nonce-mismatch (device nonce mismatch)";
        let bad = "DEVICE_AUTH_SIGNATURE_INVALID device-signature (device signature invalid)";
        let no_key = "DEVICE_AUTH_PUBLIC_KEY_INVALID device-public-key (device public key invalid)";
        let with = |change: fn(&mut DeviceProof)| signed(Version::V3, |params| proof(params, change));
        // Everything is wrong: the first check speaks.
        let all = with(|proof| {
            proof.id.clear();
            proof.signed_at = 0;
            proof.nonce = None;
        });
        check(&all, NOW, id);
        for key in ["", "x", "AAAA", "-----BEGIN PUBLIC KEY-----", &"A".repeat(2000)] {
            let mut params = signed(Version::V3, |_| {});
            params.device.as_mut().unwrap().public_key = key.to_owned();
            check(&params, NOW, id);
        }
        check(&with(|proof| proof.id = proof.id.to_uppercase()), NOW, id);
        let good = signed(Version::V3, |_| {});
        check(&good, NOW + CLOCK_SKEW_MS, "ok");
        check(&good, NOW - CLOCK_SKEW_MS, "ok");
        check(&good, NOW + CLOCK_SKEW_MS + 1, stale);
        check(&good, NOW - CLOCK_SKEW_MS - 1, stale);
        check(&with(|proof| proof.signed_at = u64::MAX), NOW, stale);
        check(&with(|proof| proof.nonce = None), NOW, missing);
        check(&with(|proof| proof.nonce = Some("  ".into())), NOW, missing);
        check(&with(|proof| proof.nonce = Some("another-connection".into())), NOW, other);
        // Signed anew with other parameters than those that were sent.
        let changes: [fn(&mut ConnectParams); 6] = [
            |params| params.role = Some("node".into()),
            |params| params.scopes.as_mut().unwrap().push("operator.pairing".into()),
            |params| params.scopes.as_mut().unwrap().reverse(),
            |params| params.auth.as_mut().unwrap().token = Some("another".into()),
            |params| params.client.id = "test".into(),
            |params| params.client.platform = "windows".into(),
        ];
        for change in changes {
            let mut params = signed(Version::V3, |_| {});
            change(&mut params);
            check(&params, NOW, bad);
        }
        let mut params = signed(Version::V3, |_| {});
        params.device.as_mut().unwrap().signature = "no signature".into();
        check(&params, NOW, bad);
        // The first form had no nonce.
        let mut params = signed(Version::V2, |_| {});
        let device = params.device.as_mut().unwrap();
        let v1 = format!(
            "v1|{}|cli|cli|operator|{}|{NOW}|peer-token-0123456789abcdef",
            device.id,
            params.scopes.as_ref().unwrap().join(",")
        );
        device.signature = URL_SAFE_NO_PAD.encode(key().sign(v1.as_bytes()).to_bytes());
        check(&params, NOW, bad);
        // 32 bytes that are no point of the curve.
        let mut no_point = [0_u8; 32];
        no_point[0] = 2;
        let mut params = signed(Version::V3, |_| {});
        let device = params.device.as_mut().unwrap();
        device.public_key = URL_SAFE_NO_PAD.encode(no_point);
        device.id = hex::encode(Sha256::digest(no_point));
        check(&params, NOW, no_key);
    }
}
