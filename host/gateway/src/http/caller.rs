//! What the caller of a `/v1` route may do. Who it is, `openclaw-access` has found out before.

use std::borrow::Cow;

use http::HeaderMap;
use openclaw_models::dialect::ErrorBody;
use openclaw_protocol::Scope;

use super::authorize;
use super::server::Origin;
use crate::process::Gateway;

/// By this header a caller that no secret identifies takes less than everything (openclaw-compat §2.14).
const SCOPES: &str = "x-openclaw-scopes";

/// A caller that was let in.
#[derive(Debug)]
pub(super) struct Caller {
    scopes: Cow<'static, [Scope]>,
}

impl Caller {
    /// Checks that this caller may do what needs `scope`.
    pub(super) fn require(&self, scope: Scope) -> Result<(), ErrorBody> {
        if self.scopes.iter().any(|held| held.covers(scope)) {
            Ok(())
        } else {
            Err(ErrorBody::missing_scope(scope.as_str()))
        }
    }
}

/// Lets a caller in that may do what needs `scope`. A shared secret gives every scope.
pub(super) fn caller(
    gateway: &Gateway,
    origin: Origin,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<Caller, ErrorBody> {
    authorize(gateway, origin, headers)?;
    let caller = Caller { scopes: scopes(&gateway.auth_mode, headers) };
    caller.require(scope)?;
    Ok(caller)
}

fn scopes(auth_mode: &str, headers: &HeaderMap) -> Cow<'static, [Scope]> {
    let secret = !matches!(auth_mode, "none" | "trusted-proxy");
    match headers.get(SCOPES) {
        Some(asked) if !secret => {
            let names = asked.to_str().unwrap_or_default().split(',');
            names.filter_map(|name| Scope::parse(name.trim())).collect()
        }
        _ => Cow::Borrowed(&Scope::ALL),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_callers_without_a_secret_say_what_they_take() {
        let check = |mode: &str, header: Option<&'static str>, needed: Scope, expected: bool| {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert(SCOPES, HeaderValue::from_static(value));
            }
            let caller = Caller { scopes: scopes(mode, &headers) };
            let found = caller.require(needed);
            assert_eq!(found.is_ok(), expected, "{mode} {header:?}");
            let text = format!("missing scope: {}", needed.as_str());
            assert!(found.err().is_none_or(|refused| refused.status == 403 && refused.message == text));
        };
        check("token", Some("operator.read"), Scope::Admin, true);
        check("none", None, Scope::Admin, true);
        check("none", Some("operator.write"), Scope::Admin, false);
        check("none", Some("operator.write"), Scope::Read, true);
        check("none", Some("operator.read, operator.write"), Scope::Write, true);
        check("trusted-proxy", Some("operator.read"), Scope::Write, false);
        check("none", Some(""), Scope::Read, false);
        check("none", Some("operator.nope"), Scope::Read, false);
    }
}
