//! Whatever people and a device do in whatever order, with restarts and lost answers in between: the device is never
//! left without a way in, and at most one step of a person repairs it (T50). The device is a model of the original's
//! client (openclaw-compat §3.7); registry, store and decision are the real ones.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use http::HeaderMap;
use openclaw_access::devices::{Manager, SetupProfile};
use openclaw_access::{Access, Attempt, Peer, Rules, SharedSecret};
use openclaw_protocol::Role;
use openclaw_protocol::connect::{ClientInfo, ConnectAuth, ConnectParams, DeviceProof};
use openclaw_protocol::{Scope, decode};
use openclaw_secrets::Secret;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

const NONCE: &str = "nonce";

/// Random numbers that a seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// The gateway, as far as it decides about devices.
struct World {
    store: Store,
    devices: Devices,
    access: Access,
    /// Which shared secret the gateway has.
    secret: u64,
}

fn shared(n: u64) -> String {
    format!("{n:04}-0123456789abcdef0123456789abcdef")
}

fn access(n: u64) -> Access {
    Access::new(Rules::new(SharedSecret::Token(Some(Secret::from(shared(n))))))
}

impl World {
    async fn open(path: &Path, secret: u64) -> World {
        let store = Store::open(path).await.unwrap();
        let devices = Devices::open(store.clone()).await.unwrap();
        World { store, devices, access: access(secret), secret }
    }

    async fn restart(self, path: &Path) -> World {
        self.store.close().await;
        World::open(path, self.secret).await
    }

    async fn approve_all(&self) {
        let waiting: Vec<String> = self.devices.read(|registry| {
            registry.pending(now_ms()).iter().map(|pending| pending.request_id.clone()).collect()
        });
        for id in waiting {
            let pairing = Uuid::new_v4().to_string();
            self.devices
                .manage(move |registry| registry.approve(&admin(), &id, now_ms(), &pairing))
                .await
                .unwrap()
                .unwrap();
        }
    }
}

fn admin() -> Manager {
    Manager { scopes: vec![Scope::Admin], device_id: None }
}

/// The original's client with its own key, somewhere else.
struct Client {
    key: SigningKey,
    id: String,
    /// The shared secret in its configuration, if there is one.
    configured: Option<u64>,
    stored: Option<String>,
    setup: Option<String>,
}

impl Client {
    fn new(seed: u8, configured: Option<u64>) -> Client {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let id = hex::encode(Sha256::digest(key.verifying_key().to_bytes()));
        Client { key, id, configured, stored: None, setup: None }
    }

    fn request(&self, scopes: &[Scope], auth: ConnectAuth) -> ConnectParams {
        let signed_at = now_ms();
        let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let token = auth.token.as_ref().or(auth.device_token.as_ref()).or(auth.bootstrap_token.as_ref());
        let text = format!(
            "v3|{}|openclaw-macos|ui|operator|{}|{signed_at}|{}|{NONCE}|macos|",
            self.id,
            names.join(","),
            token.map_or("", String::as_str)
        );
        let mut params: ConnectParams = decode(Some(json!({
            "minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": names,
            "client": ClientInfo {
                id: "openclaw-macos".into(), mode: "ui".into(), version: "1".into(), platform: "macos".into(),
                ..ClientInfo::default()
            },
        })))
        .unwrap();
        params.auth = Some(auth);
        params.device = Some(DeviceProof {
            id: self.id.clone(),
            public_key: URL_SAFE_NO_PAD.encode(self.key.verifying_key().to_bytes()),
            signature: URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes()).to_bytes()),
            signed_at,
            nonce: Some(NONCE.to_owned()),
        });
        params
    }

    /// One connection. What the answer says is kept, unless the answer is lost.
    async fn once(
        &mut self,
        world: &World,
        scopes: &[Scope],
        retry: bool,
        lost: bool,
    ) -> Result<(), (String, bool)> {
        let configured = self.configured.map(shared);
        let auth = ConnectAuth {
            device_token: self.stored.clone().filter(|_| configured.is_none() || retry),
            bootstrap_token: self.setup.clone().filter(|_| configured.is_none() && self.stored.is_none()),
            token: configured,
            password: None,
        };
        let params = self.request(scopes, auth);
        let peer = Peer::new([203, 0, 113, 7].into(), &HeaderMap::new());
        let attempt =
            Attempt { peer: &peer, params: &params, nonce: NONCE, now: Instant::now(), now_ms: now_ms() };
        let identified = world.devices.read(|registry| world.access.identify(&attempt, registry));
        let result = match identified {
            Ok(identified) => {
                let newcomer = *identified.newcomer.unwrap();
                world.devices.admit(newcomer).await.unwrap().result
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(grant) => {
                if !lost {
                    self.stored = grant.token.map(|issued| issued.token.expose().to_owned());
                }
                Ok(())
            }
            Err(error) => {
                let code = error.detail_code().unwrap_or(&error.message).to_owned();
                if code == "AUTH_DEVICE_TOKEN_MISMATCH" && !lost {
                    self.stored = None;
                }
                let details = error.details.unwrap_or_default();
                Err((code, details["canRetryWithDeviceToken"] == json!(true)))
            }
        }
    }

    /// A connection with the client's own second attempt.
    async fn connect(&mut self, world: &World, scopes: &[Scope], lost: bool) -> Result<(), String> {
        match self.once(world, scopes, false, lost).await {
            Ok(()) => Ok(()),
            Err((code, retry)) if retry && self.stored.is_some() => {
                self.once(world, scopes, true, lost).await.map_err(|(second, _)| format!("{code}, {second}"))
            }
            Err((code, _)) => Err(code),
        }
    }

    /// What one person does once, by what the error says. It is all they do.
    async fn repair(&mut self, world: &World, error: &str) {
        if error.contains("PAIRING_REQUIRED") || error.contains("AUTH_SCOPE_MISMATCH") {
            return world.approve_all().await;
        }
        let code = Secret::from(Uuid::new_v4().to_string());
        let (id, kept) = (Uuid::new_v4().to_string(), code.clone());
        let open = world
            .devices
            .change(move |registry| registry.open_setup(SetupProfile::Full, &id, &kept, now_ms()));
        open.await.unwrap();
        // Entering a code replaces what the client had.
        (self.configured, self.stored, self.setup) = (None, None, Some(code.expose().to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_interleavings_never_strand_a_device() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    eprintln!("seed {seed}");
    for run in 0..200_u64 {
        let mut dice = Dice(seed.wrapping_add(run.wrapping_mul(7_919)));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.sqlite");
        let mut world = World::open(&path, 0).await;
        let mut client = Client::new(run as u8, Some(0));
        let mut story = Vec::new();
        // Half of them keep the shared secret in their configuration, the others only what they were given.
        client.connect(&world, &[Scope::Read], false).await.unwrap_err();
        world.approve_all().await;
        client.connect(&world, &[Scope::Read], false).await.unwrap();
        if dice.roll(2) == 0 {
            client.configured = None;
        }
        // As long as nobody takes anything away, no step of a person is needed at all.
        let mut taken = false;
        for _ in 0..6 + dice.roll(14) {
            let step = dice.roll(if run % 2 == 0 { 7 } else { 10 });
            let lost = dice.roll(3) == 0;
            story.push((step, lost));
            match step {
                0 | 1 => {
                    let _answer = client.connect(&world, &[Scope::Read], lost).await;
                }
                2 => {
                    let id = client.id.clone();
                    let rotated = world
                        .devices
                        .manage(move |registry| registry.rotate(&admin(), &id, "operator", None, now_ms()));
                    let _removed_before = rotated.await.unwrap();
                }
                3 => {
                    // It rotates its own token; the answer may be lost.
                    let id = client.id.clone();
                    let by =
                        Manager { scopes: vec![Scope::Read, Scope::Pairing], device_id: Some(id.clone()) };
                    let rotated = world
                        .devices
                        .manage(move |registry| registry.rotate(&by, &id, "operator", None, now_ms()));
                    if let (Ok(plan), false) = (rotated.await.unwrap(), lost) {
                        client.stored = Some(plan.result.token.expose().to_owned());
                    }
                }
                4 => {
                    let _waits = client.connect(&world, &[Scope::Read, Scope::Write], lost).await;
                }
                5 => world.approve_all().await,
                6 => world = world.restart(&path).await,
                7 => {
                    taken = true;
                    let id = client.id.clone();
                    let revoked = world
                        .devices
                        .manage(move |registry| registry.revoke(&admin(), &id, "operator", now_ms()));
                    let _removed_before = revoked.await.unwrap();
                }
                8 => {
                    taken = true;
                    let id = client.id.clone();
                    let _gone_before =
                        world.devices.manage(move |registry| registry.remove(&admin(), &id)).await.unwrap();
                }
                _ => {
                    taken = true;
                    world.secret += 1;
                    world
                        .access
                        .set_rules(Rules::new(SharedSecret::Token(Some(Secret::from(shared(world.secret))))));
                }
            }
        }
        let mut answers = Vec::new();
        let mut inside = false;
        // The first answers may be what tells the client that its token is no longer good.
        for _ in 0..2 {
            match client.connect(&world, &[Scope::Read], false).await {
                Ok(()) => inside = true,
                Err(error) => answers.push(error),
            }
        }
        assert!(
            inside || taken,
            "seed {seed} run {run}: nothing was taken, and yet {answers:?} after {story:?}"
        );
        if !inside {
            client.repair(&world, answers.last().unwrap()).await;
            for _ in 0..2 {
                match client.connect(&world, &[Scope::Read], false).await {
                    Ok(()) => inside = true,
                    Err(error) => answers.push(error),
                }
            }
        }
        assert!(inside, "seed {seed} run {run}: stranded, {answers:?} after {story:?}");
        let stored = world.devices.read(|registry| {
            registry.verify_token(
                &client.id,
                Role::Operator,
                &[Scope::Read],
                client.stored.as_deref().unwrap(),
                None,
            )
        });
        assert!(stored.is_ok(), "seed {seed} run {run}: it keeps a token that is not good after {story:?}");
        world.store.close().await;
    }
}
