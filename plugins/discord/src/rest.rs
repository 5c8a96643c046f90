//! Requests to the REST API, within the limits that Discord announces. Owns the buckets of the account; never repeats a
//! request.

use std::cell::RefCell;

use openclaw_pace::{Buckets, Limits, Scope};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Answer, Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::outcome::{Refusal, accepted, result, to_ms};

/// The most that is read of an answer; the manifest grants as much.
const MAX_ANSWER: usize = 1 << 20;

/// One kind of request on one resource.
#[derive(Clone, Debug)]
pub(crate) struct Route<'a> {
    method: Method,
    /// The path with `{}` where the resource and other ids stand: what shares a limit.
    template: &'static str,
    /// The channel, server or webhook, which Discord counts separately; empty for none.
    resource: &'a str,
    path: String,
}

impl<'a> Route<'a> {
    /// A path without ids.
    pub(crate) fn fixed(method: Method, path: &'static str) -> Self {
        Self { method, template: path, resource: "", path: path.to_owned() }
    }

    /// A path with one id, for which `{}` stands in `template`.
    pub(crate) fn on(method: Method, template: &'static str, resource: &'a str) -> Self {
        Self { method, template, resource, path: template.replacen("{}", resource, 1) }
    }

    /// A path with two ids.
    pub(crate) fn on_two(method: Method, template: &'static str, resource: &'a str, id: &str) -> Self {
        Self::on(method, template, resource).with(id)
    }

    /// With the next id.
    pub(crate) fn with(self, id: &str) -> Self {
        Self { path: self.path.replacen("{}", id, 1), ..self }
    }

    /// What the buckets call it.
    fn name(&self) -> String {
        format!("{:?} {}", self.method, self.template)
    }
}

/// The limits of one account.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    buckets: RefCell<Buckets>,
}

impl Rest {
    pub(crate) const fn new() -> Self {
        Self { buckets: RefCell::new(Buckets::new()) }
    }

    /// Asks for something and reads it.
    pub(crate) async fn get<H: Host, T: DeserializeOwned>(
        &self,
        host: &H,
        route: &Route<'_>,
        timeout_ms: u64,
    ) -> Result<T, Refusal> {
        result(&self.call(host, route, Vec::new(), timeout_ms).await?)
    }

    /// Sends something, by whatever method, and reads the answer.
    pub(crate) async fn post<H: Host, T: DeserializeOwned>(
        &self,
        host: &H,
        route: &Route<'_>,
        body: &impl Serialize,
        timeout_ms: u64,
    ) -> Result<T, Refusal> {
        // These records hold nothing that JSON cannot say.
        let body = serde_json::to_vec(body).unwrap_or_else(|_| b"{}".to_vec());
        result(&self.call(host, route, body, timeout_ms).await?)
    }

    /// Does something that has no answer.
    pub(crate) async fn act<H: Host>(
        &self,
        host: &H,
        route: &Route<'_>,
        timeout_ms: u64,
    ) -> Result<(), Refusal> {
        accepted(&self.call(host, route, Vec::new(), timeout_ms).await?)
    }

    /// One request. A limit that is known beforehand is a refusal without anything sent.
    async fn call<H: Host>(
        &self,
        host: &H,
        route: &Route<'_>,
        body: Vec<u8>,
        timeout_ms: u64,
    ) -> Result<Answer, Refusal> {
        let name = route.name();
        let taken = self.buckets.borrow_mut().take(&name, route.resource, host.monotonic_us());
        if let Err(wait) = taken {
            return Err(Refusal::Limited {
                message: "Discord's rate limit is used up".to_owned(),
                retry_after_ms: Some(wait),
                everything: false,
            });
        }
        let request = Request::new("api", route.method, &route.path, timeout_ms).limit(MAX_ANSWER);
        let request = if body.is_empty() { request } else { request.json(body) };
        let answer = host.http(request).await?;
        let now = host.monotonic_us();
        let mut buckets = self.buckets.borrow_mut();
        buckets.learn(&name, route.resource, &limits(&answer), now);
        if answer.status == 429
            && let Err(Refusal::Limited { retry_after_ms: Some(wait), everything, .. }) = accepted(&answer)
        {
            let scope = if everything { Scope::Everything } else { Scope::Route };
            buckets.refused(&name, route.resource, scope, wait, now);
        }
        Ok(answer)
    }
}

fn limits(answer: &Answer) -> Limits<'_> {
    let number = |name| answer.header(name).and_then(|value| value.trim().parse().ok());
    let seconds = answer.header("x-ratelimit-reset-after").and_then(|value| value.trim().parse().ok());
    Limits {
        bucket: answer.header("x-ratelimit-bucket"),
        limit: number("x-ratelimit-limit"),
        remaining: number("x-ratelimit-remaining"),
        reset_after_ms: seconds.map(to_ms),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_sdk_test::FakeHost;
    use serde_json::{Value, json};

    use super::*;
    use crate::script::Script;

    fn route(channel: &str) -> Route<'_> {
        Route::on(Method::Post, "/channels/{}/typing", channel)
    }

    #[test]
    fn paths() {
        assert_eq!(Route::fixed(Method::Get, "/users/@me").path, "/users/@me");
        let two = Route::on_two(Method::Get, "/guilds/{}/members/{}", "7", "8");
        assert_eq!((two.path.as_str(), two.resource), ("/guilds/7/members/8", "7"));
    }

    #[test]
    fn a_used_up_limit_is_not_asked_again() {
        let headers = [
            ("X-RateLimit-Bucket", "abc"),
            ("X-RateLimit-Limit", "1"),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Reset-After", "0.5"),
        ];
        let fake =
            FakeHost::new().answers(200, &headers, json!({"id": "1"}).to_string()).says(json!({"id": "2"}));
        let rest = Rest::new();
        let ask =
            |channel: &str| fake.finish(rest.post::<_, Value>(&fake, &route(channel), &json!({}), 1_000));
        assert!(ask("1").is_ok());
        let Err(Refusal::Limited { retry_after_ms, .. }) = ask("1") else { panic!() };
        assert_eq!(retry_after_ms, Some(500));
        assert!(ask("2").is_ok(), "another channel has its own");
        assert_eq!(fake.asked().len(), 2);
    }

    #[test]
    fn a_global_refusal_stops_everything_until_its_end() {
        let body = json!({"message": "You are being rate limited.", "retry_after": 2, "global": true});
        let fake =
            FakeHost::new().answers(429, &[("X-RateLimit-Global", "true")], body.to_string()).says(json!({}));
        let rest = Rest::new();
        let ask =
            |channel: &str| fake.finish(rest.post::<_, Value>(&fake, &route(channel), &json!({}), 1_000));
        assert!(ask("1").is_err());
        assert!(ask("2").is_err());
        assert_eq!(fake.asked().len(), 1);
        fake.set_clock_us(2_000_000);
        assert!(ask("2").is_ok());
    }
}
