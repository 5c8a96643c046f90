//! What people and devices do to the registry.

use openclaw_protocol::connect::ClientInfo;
use openclaw_protocol::{RpcError, Scope};
use serde_json::json;

use super::*;
use crate::shared::AuthMethod;

const NOW: u64 = 1_770_000_000_000;

fn registry() -> Registry {
    Registry::new(TokenKey::from_bytes([3; 32]), Vec::new())
}

fn newcomer(device: &str, scopes: &[Scope]) -> Newcomer {
    Newcomer {
        device_id: device.to_owned(),
        public_key: format!("key of {device}"),
        client: ClientInfo {
            id: "cli".into(),
            mode: "cli".into(),
            platform: "linux".into(),
            device_family: Some("Linux".into()),
            ..ClientInfo::default()
        },
        role: Role::Operator,
        scopes: scopes.to_vec(),
        method: AuthMethod::Token,
        locality: Locality::Remote,
        address: "203.0.113.7".into(),
        origin: None,
        generation: None,
        lacks_scopes: false,
        setup_id: None,
        proxy_scopes: None,
        issuer: Some("shared-1".into()),
        auto_approve_local: true,
    }
}

fn admin() -> Manager {
    Manager { scopes: vec![Scope::Admin], device_id: None }
}

/// Puts a plan in force.
fn run<T>(registry: &mut Registry, plan: Plan<T>) -> (T, Vec<Notice>) {
    registry.apply(plan.changes);
    (plan.result, plan.notices)
}

fn ask(registry: &mut Registry, who: &Newcomer, id: &str) -> Result<DeviceGrant, RpcError> {
    let plan = registry.admit(who, NOW, id);
    run(registry, plan).0
}

fn pair(registry: &mut Registry, device: &str, scopes: &[Scope]) -> Secret {
    let who = Newcomer { locality: Locality::DirectLocal, ..newcomer(device, scopes) };
    ask(registry, &who, &format!("pairing of {device}")).unwrap().token.unwrap().token
}

#[test]
fn the_four_reasons_with_their_words() {
    let check = |who: &Newcomer, reason: &str, message: &str, hint: &str| {
        let mut registry = registry();
        pair(&mut registry, "known", &[Scope::Read]);
        let error = ask(&mut registry, who, "request-1").unwrap_err();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("NOT_PAIRED", message));
        let details = error.details.unwrap();
        assert_eq!(
            (&details["code"], &details["reason"], &details["remediationHint"], &details["requestId"]),
            (&json!("PAIRING_REQUIRED"), &json!(reason), &json!(hint), &json!("request-1"))
        );
        assert_eq!(details["deviceId"], who.device_id);
        details
    };
    check(
        &newcomer("new", &[Scope::Read]),
        "not-paired",
        "pairing required: device is not approved yet",
        "Approve this device from the pending pairing requests.",
    );
    let node = Newcomer { role: Role::Node, scopes: Vec::new(), ..newcomer("known", &[]) };
    check(
        &node,
        "role-upgrade",
        "pairing required: device is asking for a higher role than currently approved",
        "Review the requested role upgrade, then approve the pending request.",
    );
    let details = check(
        &newcomer("known", &[Scope::Read, Scope::Write]),
        "scope-upgrade",
        "pairing required: device is asking for more scopes than currently approved",
        "Review the requested scopes, then approve the pending upgrade.",
    );
    assert_eq!(details["approvedRoles"], json!(["operator"]));
    assert_eq!(details["approvedScopes"], json!(["operator.read"]));
    assert_eq!(details["requestedScopes"], json!(["operator.read", "operator.write"]));
    let mut moved = newcomer("known", &[Scope::Read]);
    moved.client.platform = "Windows".into();
    check(
        &moved,
        "metadata-upgrade",
        "pairing required: device identity changed and must be re-approved",
        "Review the refreshed device details, then approve the pending request.",
    );
}

#[test]
fn what_a_device_on_this_machine_gets_unasked() {
    let check = |change: &dyn Fn(&mut Newcomer), expected: bool| {
        let mut registry = registry();
        pair(&mut registry, "known", &[Scope::Read]);
        let mut who = Newcomer { locality: Locality::DirectLocal, ..newcomer("known", &[Scope::Read]) };
        change(&mut who);
        assert_eq!(ask(&mut registry, &who, "request-1").is_ok(), expected, "{who:?}");
    };
    let more = |who: &mut Newcomer| who.scopes.push(Scope::Admin);
    check(&|_| {}, true);
    check(&|who| who.device_id = "new".into(), true);
    check(&|who| (who.device_id, who.auto_approve_local) = ("new".into(), false), false);
    check(&|who| (who.device_id, who.origin) = ("new".into(), Some("http://localhost".into())), false);
    check(
        &|who| {
            (who.device_id, who.origin) = ("new".into(), Some("http://localhost".into()));
            who.client.id = "openclaw-control-ui".into();
        },
        true,
    );
    check(&more, true);
    check(
        &|who| {
            more(who);
            who.method = AuthMethod::TrustedProxy;
        },
        false,
    );
    // A node that is added to a device always needs a person; as the device's first role it does not.
    check(&|who| who.role = Role::Node, false);
    check(&|who| (who.device_id, who.role) = ("new".into(), Role::Node), true);
    check(&|who| who.client.platform = "windows".into(), true);
    check(
        &|who| {
            who.client.platform = "windows".into();
            who.client.id = "test".into();
        },
        false,
    );
}

#[test]
fn one_live_request_for_each_device() {
    let mut registry = registry();
    let operator = newcomer("d", &[Scope::Read]);
    let node = Newcomer { role: Role::Node, scopes: Vec::new(), ..operator.clone() };
    assert!(ask(&mut registry, &operator, "a").is_err());
    assert!(ask(&mut registry, &operator, "b").is_err());
    assert_eq!(registry.pending(NOW).iter().map(|pending| &pending.request_id).collect::<Vec<_>>(), ["a"]);
    let plan = registry.admit(&node, NOW, "c");
    assert!(plan.notices.contains(&Notice::Resolved {
        request_id: "a".into(),
        device_id: "d".into(),
        approved: false
    }));
    run(&mut registry, plan).0.unwrap_err();
    // It asks for both from now on, so that neither pushes the other out.
    for who in [&operator, &node, &operator] {
        assert!(ask(&mut registry, who, "d").is_err());
        let pending = registry.pending(NOW);
        assert_eq!((pending.len(), pending[0].request_id.as_str()), (1, "c"));
        assert_eq!(pending[0].roles, [Role::Operator, Role::Node]);
    }
    assert!(registry.pending(NOW + PENDING_TTL_MS).is_empty());
    let late = registry.approve(&admin(), "c", NOW + PENDING_TTL_MS, "x").unwrap_err();
    assert_eq!(late.message, "unknown requestId");
}

#[test]
fn waiting_requests_are_bounded() {
    let mut registry = registry();
    let file = |registry: &mut Registry, n: usize, address: &str| {
        let who = Newcomer { address: address.into(), ..newcomer(&format!("device-{n}"), &[]) };
        ask(registry, &who, &format!("request-{n}")).unwrap_err().details.unwrap()
    };
    for n in 0..40 {
        file(&mut registry, n, "203.0.113.7");
    }
    assert_eq!(registry.pending(NOW).len(), 16, "of one address");
    for n in 100..400 {
        let details = file(&mut registry, n, &format!("198.51.100.{}", n % 200));
        assert_eq!(details["code"], "PAIRING_REQUIRED");
    }
    assert_eq!(registry.pending(NOW).len(), 128, "in all");
    assert!(file(&mut registry, 999, "192.0.2.1").get("requestId").is_none());
}

#[test]
fn approving_an_upgrade_changes_no_token() {
    let mut registry = registry();
    let token = pair(&mut registry, "d", &[Scope::Read]);
    let more = newcomer("d", &[Scope::Read, Scope::Write]);
    ask(&mut registry, &more, "r").unwrap_err();
    let plan = registry.approve(&admin(), "r", NOW, "x").unwrap();
    run(&mut registry, plan);
    let verify = |scopes: &[Scope]| registry.verify_token("d", Role::Operator, scopes, token.expose(), None);
    assert_eq!(verify(&[Scope::Write]), Ok(1));
    assert_eq!(verify(&[Scope::Admin]), Err(TokenFault::Scope(1)));
    let (granted, _) = {
        let plan = registry.admit(&more, NOW, "y");
        run(&mut registry, plan)
    };
    assert!(granted.unwrap().token.unwrap().token.matches(token.expose()));
}

#[test]
fn a_token_that_lacks_scopes_says_so_and_asks_for_them() {
    let mut registry = registry();
    pair(&mut registry, "d", &[Scope::Read]);
    let mut who = newcomer("d", &[Scope::Admin]);
    (who.method, who.generation, who.lacks_scopes) = (AuthMethod::DeviceToken, Some(1), true);
    let error = ask(&mut registry, &who, "r").unwrap_err();
    assert_eq!(error.detail_code(), Some("AUTH_SCOPE_MISMATCH"));
    assert_eq!(registry.pending(NOW)[0].scopes, [Scope::Admin]);
}

#[test]
fn rotating_keeps_the_old_token_until_a_new_one_is_seen() {
    let mut registry = registry();
    let first = pair(&mut registry, "d", &[Scope::Read]);
    let verify = |registry: &Registry, token: &Secret| {
        registry.verify_token("d", Role::Operator, &[Scope::Read], token.expose(), None)
    };
    let mut newest = first.clone();
    for _ in 0..3 {
        let plan = registry.rotate(&admin(), "d", "operator", None, NOW).unwrap();
        let (rotated, notices) = run(&mut registry, plan);
        assert!(!rotated.own);
        newest = rotated.token.unwrap();
        assert!(
            notices
                .iter()
                .any(|notice| matches!(notice, Notice::Invalidated { reason: "device-token-rotated", .. }))
        );
    }
    assert_eq!((verify(&registry, &first), verify(&registry, &newest)), (Ok(1), Ok(4)));
    let by = |generation| {
        let who = newcomer("d", &[Scope::Read]);
        Newcomer { method: AuthMethod::DeviceToken, generation: Some(generation), ..who }
    };
    // With the old one it is told the newest, and loses nothing.
    let told = ask(&mut registry, &by(1), "x").unwrap().token.unwrap().token;
    assert!(told.matches(newest.expose()));
    assert_eq!(verify(&registry, &first), Ok(1));
    ask(&mut registry, &by(4), "x").unwrap();
    assert_eq!((verify(&registry, &first), verify(&registry, &newest)), (Err(TokenFault::Mismatch), Ok(4)));
}

#[test]
fn revoking_and_removing_end_all_tokens_for_good() {
    let mut registry = registry();
    let first = pair(&mut registry, "d", &[Scope::Read]);
    let verify = |registry: &Registry, token: &Secret| {
        registry.verify_token("d", Role::Operator, &[], token.expose(), None)
    };
    let plan = registry.revoke(&admin(), "d", "operator", NOW).unwrap();
    assert_eq!(run(&mut registry, plan).0, NOW);
    assert_eq!(verify(&registry, &first), Err(TokenFault::Revoked));
    let mut late = newcomer("d", &[Scope::Read]);
    (late.method, late.generation) = (AuthMethod::DeviceToken, Some(1));
    let error = ask(&mut registry, &late, "x").unwrap_err();
    assert_eq!(error.detail_code(), Some("AUTH_DEVICE_TOKEN_MISMATCH"), "compared before, revoked since");
    let second = ask(&mut registry, &newcomer("d", &[Scope::Read]), "x").unwrap().token.unwrap().token;
    assert_eq!((verify(&registry, &first), verify(&registry, &second)), (Err(TokenFault::Mismatch), Ok(2)));
    let plan = registry.remove(&admin(), "d").unwrap();
    run(&mut registry, plan);
    assert_eq!(verify(&registry, &second), Err(TokenFault::NotPaired));
    let who = Newcomer { locality: Locality::DirectLocal, ..newcomer("d", &[Scope::Read]) };
    let third = ask(&mut registry, &who, "another pairing").unwrap().token.unwrap().token;
    assert_eq!(
        (verify(&registry, &first), verify(&registry, &second)),
        (Err(TokenFault::Mismatch), Err(TokenFault::Mismatch))
    );
    assert_eq!(verify(&registry, &third), Ok(1));
}

#[test]
fn who_may_manage_what() {
    let mut registry = registry();
    pair(&mut registry, "own", &[Scope::Read, Scope::Pairing]);
    pair(&mut registry, "other", &[Scope::Read]);
    pair(&mut registry, "strong", &[Scope::Admin]);
    ask(&mut registry, &newcomer("waiting", &[Scope::Write]), "r").unwrap_err();
    let own = Manager { scopes: vec![Scope::Read, Scope::Pairing], device_id: Some("own".into()) };
    let shared = Manager { device_id: None, ..own.clone() };
    let check = |result: Result<(), Denied>, expected: &str| {
        assert_eq!(result.map_err(|denied| denied.message), Err(expected.to_owned()));
    };
    let approve = |by: &Manager, id: &str| registry.approve(by, id, NOW, "x").map(drop);
    check(approve(&own, "r"), "device pairing approval denied");
    check(approve(&own, "nope"), "device pairing approval denied");
    check(approve(&admin(), "nope"), "unknown requestId");
    check(approve(&shared, "r"), "missing scope: operator.write");
    let reject = |by: &Manager, id: &str| registry.reject(by, id, NOW).map(drop);
    check(reject(&own, "r"), "device pairing rejection denied");
    check(reject(&admin(), "nope"), "unknown requestId");
    assert!(reject(&shared, "r").is_ok());
    let remove = |by: &Manager, id: &str| registry.remove(by, id).map(drop);
    check(remove(&own, "other"), "device pairing removal denied");
    check(remove(&admin(), "nope"), "unknown deviceId");
    assert!(remove(&own, "own").is_ok());
    let rename = |by: &Manager, id: &str| registry.rename(by, id, " Desk ").map(drop);
    check(rename(&own, "other"), "device pairing rename denied");
    check(rename(&admin(), "nope"), "unknown deviceId");
    assert!(rename(&own, "own").is_ok());
    let rotate = |by: &Manager, id: &str, role: &str, scopes: Option<&[Scope]>| {
        registry.rotate(by, id, role, scopes, NOW).map(|plan| plan.result)
    };
    let denied = "device token rotation denied";
    check(rotate(&own, "other", "operator", None).map(drop), denied);
    check(rotate(&shared, "strong", "operator", None).map(drop), denied);
    check(rotate(&admin(), "own", "operator", Some(&[Scope::Admin])).map(drop), denied);
    check(rotate(&admin(), "own", "node", None).map(drop), denied);
    check(rotate(&own, "own", "node", None).map(drop), denied);
    check(rotate(&admin(), "nope", "operator", None).map(drop), denied);
    assert!(rotate(&own, "own", "operator", Some(&[Scope::Read])).unwrap().own);
    let revoke = |by: &Manager, id: &str| registry.revoke(by, id, "operator", NOW).map(drop);
    check(revoke(&own, "other"), "device token revocation denied");
    check(revoke(&shared, "strong"), "device token revocation denied");
    assert!(revoke(&admin(), "strong").is_ok());
}

#[test]
fn a_setup_code_ends() {
    let mut registry = registry();
    let code = Secret::from("the-code");
    let plan = registry.open_setup(SetupProfile::Node, "s", &code, NOW);
    let (expires, _) = run(&mut registry, plan);
    let find = |role, now| registry.find_setup("the-code", "d", role, &[], now);
    assert_eq!(find(Role::Node, NOW).as_deref(), Some("s"));
    assert_eq!(find(Role::Operator, NOW), None);
    assert_eq!(find(Role::Node, expires), None);
    assert_eq!(registry.find_setup("another", "d", Role::Node, &[], NOW), None);
}

#[test]
fn no_token_shows() {
    let registry = registry();
    assert!(format!("{registry:?}").contains("TokenKey(***)"));
}
