//! Rate limits as a vendor announces them: a bucket for each route and resource, learned from the answers, and a pause
//! for everything. Owns what is known of them; it never waits and never knows a limit that no answer told.

use std::collections::BTreeMap;

/// The most resources and routes that are remembered. Beyond that, what is full again is forgotten, then what is full
/// soonest: the vendor's refusal teaches it anew.
const MOST: usize = 1_024;

/// What one answer says of its bucket. All of it may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits<'a> {
    /// The vendor's name for the bucket; several routes may share one.
    pub bucket: Option<&'a str>,
    /// How many requests it holds when it is full.
    pub limit: Option<u32>,
    /// How many are left.
    pub remaining: Option<u32>,
    /// When it is full again.
    pub reset_after_ms: Option<u64>,
}

/// What a refusal holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This route on this resource.
    Route,
    /// Every request of this credential.
    Everything,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    limit: u32,
    remaining: u32,
    reset_us: u64,
}

/// The buckets of one credential.
#[derive(Debug, Default)]
pub struct Buckets {
    /// Which bucket a route fills, once an answer has told.
    names: BTreeMap<String, String>,
    /// By the bucket's name, or by the route while it is not known, and by the resource.
    buckets: BTreeMap<(String, String), Bucket>,
    everything_until_us: u64,
}

impl Buckets {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { names: BTreeMap::new(), buckets: BTreeMap::new(), everything_until_us: 0 }
    }

    /// Takes one request out of the bucket of `route` on `resource`.
    ///
    /// # Errors
    /// How many milliseconds to wait before asking again; nothing was taken.
    pub fn take(&mut self, route: &str, resource: &str, now_us: u64) -> Result<(), u64> {
        if self.everything_until_us > now_us {
            return Err(ms_until(self.everything_until_us, now_us));
        }
        let key = self.key(route, resource);
        let Some(bucket) = self.buckets.get_mut(&key) else { return Ok(()) };
        if bucket.reset_us <= now_us {
            // Full again. How long the new round lasts tells the next answer.
            self.buckets.remove(&key);
            return Ok(());
        }
        if bucket.remaining == 0 {
            return Err(ms_until(bucket.reset_us, now_us));
        }
        bucket.remaining -= 1;
        Ok(())
    }

    /// Notes what an answer says.
    pub fn learn(&mut self, route: &str, resource: &str, limits: &Limits<'_>, now_us: u64) {
        if let Some(name) = limits.bucket
            && self.names.get(route).is_none_or(|known| known != name)
            && (self.names.len() < MOST || self.names.contains_key(route))
        {
            self.names.insert(route.to_owned(), name.to_owned());
        }
        let (Some(remaining), Some(reset_after_ms)) = (limits.remaining, limits.reset_after_ms) else {
            return;
        };
        let reset_us = now_us.saturating_add(reset_after_ms.saturating_mul(1_000));
        let told = Bucket { limit: limits.limit.unwrap_or(remaining), remaining, reset_us };
        let key = self.key(route, resource);
        self.make_room(&key, now_us);
        let bucket = self.buckets.entry(key).or_insert(told);
        // Answers overtake each other: within one round the lower number is the later one.
        let same_round = bucket.reset_us > now_us && bucket.limit == told.limit;
        bucket.remaining = if same_round { bucket.remaining.min(remaining) } else { remaining };
        bucket.limit = told.limit;
        bucket.reset_us = reset_us;
    }

    /// Notes a refusal: nothing of `scope` before `retry_after_ms` have passed.
    pub fn refused(&mut self, route: &str, resource: &str, scope: Scope, retry_after_ms: u64, now_us: u64) {
        let until = now_us.saturating_add(retry_after_ms.saturating_mul(1_000));
        match scope {
            Scope::Everything => self.everything_until_us = self.everything_until_us.max(until),
            Scope::Route => {
                let key = self.key(route, resource);
                self.make_room(&key, now_us);
                let bucket =
                    self.buckets.entry(key).or_insert(Bucket { limit: 1, remaining: 0, reset_us: until });
                bucket.remaining = 0;
                bucket.reset_us = bucket.reset_us.max(until);
            }
        }
    }

    fn key(&self, route: &str, resource: &str) -> (String, String) {
        let name = self.names.get(route).map_or(route, String::as_str);
        (name.to_owned(), resource.to_owned())
    }

    fn make_room(&mut self, key: &(String, String), now_us: u64) {
        if self.buckets.len() < MOST || self.buckets.contains_key(key) {
            return;
        }
        self.buckets.retain(|_, bucket| bucket.reset_us > now_us);
        while self.buckets.len() >= MOST {
            let soonest = self.buckets.iter().min_by_key(|(_, bucket)| bucket.reset_us);
            let Some(soonest) = soonest.map(|(key, _)| key.clone()) else { return };
            self.buckets.remove(&soonest);
        }
    }
}

/// Rounded up: a moment too early is refused.
const fn ms_until(until_us: u64, now_us: u64) -> u64 {
    until_us.saturating_sub(now_us).div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn told(remaining: u32, reset_after_ms: u64) -> Limits<'static> {
        Limits {
            bucket: Some("b"),
            limit: Some(5),
            remaining: Some(remaining),
            reset_after_ms: Some(reset_after_ms),
        }
    }

    #[test]
    fn what_is_unknown_is_not_held_up() {
        let mut buckets = Buckets::new();
        for _ in 0..100 {
            assert_eq!(buckets.take("send", "c1", 0), Ok(()));
        }
    }

    #[test]
    fn an_empty_bucket_waits_until_it_is_full_again() {
        let mut buckets = Buckets::new();
        buckets.learn("send", "c1", &told(2, 1_500), 0);
        assert_eq!(buckets.take("send", "c1", 0), Ok(()));
        assert_eq!(buckets.take("send", "c1", 0), Ok(()));
        assert_eq!(buckets.take("send", "c1", SECOND), Err(500));
        assert_eq!(buckets.take("send", "c2", SECOND), Ok(()), "another resource has its own");
        assert_eq!(buckets.take("send", "c1", 1_499_001), Err(1), "rounded up");
        assert_eq!(buckets.take("send", "c1", 1_500_000), Ok(()));
    }

    #[test]
    fn routes_that_share_a_bucket_empty_it_together() {
        let mut buckets = Buckets::new();
        buckets.learn("send", "c1", &told(3, 1_000), 0);
        buckets.learn("edit", "c1", &told(1, 1_000), 0);
        assert_eq!(buckets.take("send", "c1", 0), Ok(()));
        assert_eq!(buckets.take("edit", "c1", 0), Err(1_000));
    }

    #[test]
    fn answers_that_overtake_each_other_give_nothing_back() {
        let mut buckets = Buckets::new();
        buckets.learn("send", "c1", &told(0, 1_000), 0);
        buckets.learn("send", "c1", &told(1, 1_000), 10);
        assert!(buckets.take("send", "c1", 20).is_err());
        buckets.learn("send", "c1", &told(4, 1_000), 2 * SECOND);
        assert_eq!(buckets.take("send", "c1", 2 * SECOND), Ok(()), "a new round counts anew");
    }

    #[test]
    fn a_refusal_holds_for_its_scope() {
        let mut buckets = Buckets::new();
        buckets.refused("send", "c1", Scope::Route, 700, 0);
        assert_eq!(buckets.take("send", "c1", 0), Err(700));
        assert_eq!(buckets.take("send", "c2", 0), Ok(()));
        buckets.refused("send", "c2", Scope::Everything, 2_000, 0);
        assert_eq!(buckets.take("probe", "", SECOND), Err(1_000));
        assert_eq!(buckets.take("send", "c1", 2 * SECOND), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut buckets = Buckets::new();
        for n in 0..3 * MOST as u64 {
            buckets.learn(&format!("r{n}"), &format!("c{n}"), &told(0, 10_000 + n), n);
            buckets.refused("send", &format!("c{n}"), Scope::Route, 10_000, n);
        }
        assert!(buckets.buckets.len() <= MOST && buckets.names.len() <= MOST);
    }
}
