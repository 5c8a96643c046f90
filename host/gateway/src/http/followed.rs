//! Answers of `/v1/responses` that a later request may go on from. Remembers the session and the open calls of each; never a
//! text. At most 500, for half an hour, in this process alone.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use openclaw_access::HttpCaller;
use openclaw_models::ToolCall;
use tokio::time::Instant;

/// Answers that are remembered. Beyond it the oldest is forgotten.
const CAPACITY: usize = 500;
/// How long.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// Bytes of calls that are kept of one answer; more are not kept at all.
const CALLS: usize = 256 << 10;

/// The answers.
#[derive(Debug, Default)]
pub(super) struct Followed {
    answers: Mutex<HashMap<String, Kept>>,
    /// Tells callers apart without keeping their credentials.
    hasher: RandomState,
}

/// Who may go on from an answer.
#[derive(Debug)]
pub(super) struct Scoped {
    credential: Vec<u8>,
    /// Behind a trusted proxy everybody may come with the same credential.
    user: Option<String>,
    agent: String,
    session: Option<Vec<u8>>,
}

impl Scoped {
    /// The caller, the agent and the session key that a request names.
    pub(super) fn new(headers: &HeaderMap, caller: &HttpCaller, agent: &str) -> Scoped {
        let bytes = |name| headers.get(name).map(|value: &http::HeaderValue| value.as_bytes().to_vec());
        Scoped {
            credential: bytes(AUTHORIZATION.as_str()).unwrap_or_default(),
            user: caller.user.clone(),
            agent: agent.to_owned(),
            session: bytes("x-openclaw-session-key"),
        }
    }
}

#[derive(Debug)]
struct Kept {
    at: Instant,
    scope: u64,
    earlier: Earlier,
}

/// What there is to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Earlier {
    pub(super) session: String,
    /// Calls that have no result yet.
    pub(super) calls: Vec<ToolCall>,
}

impl Followed {
    /// Remembers the answer `id`.
    pub(super) fn remember(&self, id: String, scope: &Scoped, session: &str, calls: &[ToolCall]) {
        let size: usize =
            calls.iter().map(|call| call.id.len() + call.name.len() + call.arguments.len()).sum();
        let calls = if size > CALLS { Vec::new() } else { calls.to_vec() };
        let earlier = Earlier { session: session.to_owned(), calls };
        let now = Instant::now();
        let mut answers = self.lock();
        if answers.len() >= CAPACITY {
            answers.retain(|_, kept| now - kept.at < LIFE);
            let oldest = answers.iter().min_by_key(|(_, kept)| kept.at).map(|(id, _)| id.clone());
            if let Some(oldest) = oldest.filter(|_| answers.len() >= CAPACITY) {
                answers.remove(&oldest);
            }
        }
        answers.insert(id, Kept { at: now, scope: self.hash(scope), earlier });
    }

    /// The answer `id`, for those who may go on from it.
    pub(super) fn find(&self, id: &str, scope: &Scoped) -> Option<Earlier> {
        let answers = self.lock();
        let kept = answers.get(id).filter(|kept| kept.at.elapsed() < LIFE)?;
        (kept.scope == self.hash(scope)).then(|| kept.earlier.clone())
    }

    fn hash(&self, scope: &Scoped) -> u64 {
        self.hasher.hash_one((&scope.credential, &scope.user, &scope.agent, &scope.session))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // Each change is one call: a panic elsewhere cannot leave half of one.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use openclaw_access::AuthMethod;

    use super::*;

    fn scope(bearer: &'static str, agent: &str) -> Scoped {
        of_user(bearer, agent, None)
    }

    fn of_user(bearer: &'static str, agent: &str, user: Option<&str>) -> Scoped {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(bearer))]);
        let caller = HttpCaller {
            method: AuthMethod::TrustedProxy,
            scopes: Vec::new(),
            user: user.map(str::to_owned),
            address: [10, 0, 0, 1].into(),
            local: false,
        };
        Scoped::new(&headers, &caller, agent)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_found_by_its_caller_for_half_an_hour() {
        let followed = Followed::default();
        let call = ToolCall { id: "c".into(), name: "f".into(), arguments: "{}".into() };
        followed.remember("resp_1".into(), &scope("Bearer a", "main"), "s", std::slice::from_ref(&call));
        let earlier = Earlier { session: "s".into(), calls: vec![call] };
        assert_eq!(followed.find("resp_1", &scope("Bearer a", "main")), Some(earlier));
        assert_eq!(followed.find("resp_2", &scope("Bearer a", "main")), None);
        assert_eq!(followed.find("resp_1", &scope("Bearer b", "main")), None);
        assert_eq!(followed.find("resp_1", &scope("Bearer a", "ops")), None);
        assert_eq!(followed.find("resp_1", &of_user("Bearer a", "main", Some("ada"))), None);
        tokio::time::advance(LIFE).await;
        assert_eq!(followed.find("resp_1", &scope("Bearer a", "main")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_kept() {
        let followed = Followed::default();
        for number in 0..=CAPACITY {
            followed.remember(number.to_string(), &scope("x", "main"), "s", &[]);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(followed.lock().len(), CAPACITY);
        assert_eq!(followed.find("0", &scope("x", "main")), None);
        assert!(followed.find(&CAPACITY.to_string(), &scope("x", "main")).is_some());
    }
}
