//! Frames of the control plane, and the `connect` that every connection begins with.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::LazyLock;

use openclaw_access::verify_device;
use openclaw_protocol::connect::{ConnectParams, close_reason};
use openclaw_protocol::shape::Kind;
use openclaw_protocol::{Call, Frame, METHODS, Method, RpcError, check, decode, with_calls};
use serde_json::Value;

use super::{way, words};

/// Decodes parameters, and checks that what was understood is encoded as something that is understood the same.
fn decoded<C: Call>(params: &Option<Value>) -> String {
    match decode::<C>(params.clone()) {
        Ok(call) => {
            let encoded = serde_json::to_value(&call).expect("what was decoded is encoded");
            let again = decode::<C>(Some(encoded.clone())).expect("what was encoded is decoded");
            assert_eq!(serde_json::to_value(&again).expect("it is encoded again"), encoded);
            C::METHOD.to_owned()
        }
        Err(error) => told(&error),
    }
}

/// The text of a refusal, which is sent back: it must name what is wrong, and fit the frame that it closes with.
fn told(error: &RpcError) -> String {
    assert!(!error.message.is_empty());
    assert!(close_reason(&error.message).len() <= 120);
    error.message.clone()
}

macro_rules! readers {
    ($($params:ty),* $(,)?) => {
        /// Every method that has a parameter type, as the protocol lists them.
        const TYPED: &[(&str, fn(&Option<Value>) -> String)] = &[$((<$params>::METHOD, decoded::<$params>)),*];
    };
}

with_calls!(readers);

/// Reads parameters as those of one method, and tells what it makes of them.
fn read(method: &Method, params: &Option<Value>) -> String {
    let typed = TYPED.iter().find(|(name, _)| *name == method.name);
    typed.map_or_else(
        || match check(method.name, method.shape, params.clone()) {
            Ok(_) => method.name.to_owned(),
            Err(error) => told(&error),
        },
        |(_, read)| read(params),
    )
}

/// What clients say in frames: the frames' own words, and every method with its keys and its fixed values.
pub(super) fn frame_words() -> &'static [&'static str] {
    fn of(kind: &Kind, found: &mut BTreeSet<&'static str>) {
        match kind {
            Kind::OneOf(values) | Kind::Union(values) | Kind::BoolOr(values) => found.extend(*values),
            Kind::OrNull(kind) | Kind::List(kind, ..) => of(kind, found),
            Kind::Object(fields) => {
                for field in *fields {
                    found.insert(field.name);
                    of(&field.kind, found);
                }
            }
            _ => {}
        }
    }
    static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let mut found = BTreeSet::from_iter(words::FRAME.iter().copied());
        for method in METHODS {
            found.insert(method.name);
            of(&Kind::Object(method.shape), &mut found);
        }
        found.into_iter().collect()
    });
    &WORDS
}

/// A text message of the control plane. Its parameters are read as those of the method that it names, and as those of one
/// more: so every method is read whether or not the corpus names it.
pub(super) fn frames(input: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(input) else { return 0 };
    let frame: Frame = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(error) => return way(&["no frame", &error.to_string()]),
    };
    let encoded = serde_json::to_string(&frame).expect("a frame is encoded");
    assert_eq!(serde_json::from_str::<Frame>(&encoded).expect("it is read again"), frame);
    match frame {
        Frame::Request(request) => {
            let choice = BuildHasherDefault::<DefaultHasher>::default().hash_one(text) as usize;
            let other = read(&METHODS[choice % METHODS.len()], &request.params);
            match Method::find(&request.method).map(|method| read(method, &request.params)) {
                Some(named) if choice & (1 << 32) == 0 => way(&["request", &named]),
                _ => way(&["request", &other]),
            }
        }
        Frame::Response(response) => way(&["response", if response.ok { "ok" } else { "error" }]),
        Frame::Event(event) => way(&["event", &event.event]),
    }
}

/// The parameters of `connect`, and the proof of a device in it. Nobody can forge one.
pub(super) fn connect(input: &[u8]) -> u64 {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return 0 };
    let params = match decode::<ConnectParams>(Some(value)) {
        Ok(params) => params,
        Err(error) => return way(&["no connect", &told(&error)]),
    };
    let protocol = params.check_protocol().map_or_else(|error| told(&error), |()| "spoken".to_owned());
    let proof = match verify_device(&params, "a-nonce-of-this-connection", 1_770_000_000_000) {
        Ok(None) => "no device".to_owned(),
        Ok(Some(_)) => panic!("a proof that nobody signed was believed"),
        Err(error) => told(&error),
    };
    way(&[&protocol, &proof])
}
