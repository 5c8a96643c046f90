//! Who sends a request, and whether that is enough for what it wants (openclaw-compat §2.14, §4.3). Every route that asks
//! for a credential asks here.

use std::time::Instant;

use http::HeaderMap;
use openclaw_access::{HttpCaller, HttpRefusal};
use openclaw_models::dialect::ErrorBody;
use openclaw_protocol::Scope;

use super::reply;
use super::server::Origin;
use crate::process::Gateway;

/// Lets a caller in that may do what needs `scope`. A shared secret gives every scope.
pub(super) fn caller(
    gateway: &Gateway,
    origin: Origin,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<HttpCaller, ErrorBody> {
    let caller = authorize(gateway, origin, headers)?;
    require(&caller, scope)?;
    Ok(caller)
}

/// Checks that a caller who is in may do what needs `scope`.
pub(super) fn require(caller: &HttpCaller, scope: Scope) -> Result<(), ErrorBody> {
    caller.require(scope).map_err(|_| ErrorBody::missing_scope(scope.as_str()))
}

/// Who sends a request.
pub(super) fn authorize(
    gateway: &Gateway,
    origin: Origin,
    headers: &HeaderMap,
) -> Result<HttpCaller, ErrorBody> {
    gateway.access.http(origin.0.ip(), headers, Instant::now()).map_err(|refusal| {
        gateway.metrics.refused(match refusal {
            HttpRefusal::Unauthorized => "HTTP_UNAUTHORIZED",
            HttpRefusal::RateLimited(_) => "HTTP_RATE_LIMITED",
            HttpRefusal::Origin => "HTTP_ORIGIN",
            HttpRefusal::ProxyAttribution => "HTTP_PROXY_ATTRIBUTION",
        });
        match refusal {
            HttpRefusal::Unauthorized => reply::unauthorized(),
            HttpRefusal::RateLimited(wait) => reply::locked_out(wait),
            HttpRefusal::Origin => reply::foreign_origin(),
            HttpRefusal::ProxyAttribution => reply::unattributed(refusal.message()),
        }
    })
}
