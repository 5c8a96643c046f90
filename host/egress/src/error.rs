//! Why there is no complete answer. Owns the words; never holds a URL, a header or a body.

/// What the caller can conclude about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A rule of the host forbids this request. Nothing was sent.
    Denied,
    /// No connection came about. Nothing was sent: a second attempt is safe.
    NotSent,
    /// The request was sent, wholly or in part, and no complete answer came back.
    Interrupted,
    /// As [`ErrorKind::Interrupted`], because a deadline of [`crate::Limits`] ran out.
    Timeout,
    /// The answer is longer than [`crate::Limits::max_response`].
    TooLarge,
}

impl ErrorKind {
    /// The stable code of this kind, for logs and `--json`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Denied => "EGRESS_DENIED",
            Self::NotSent => "EGRESS_NOT_SENT",
            Self::Interrupted => "EGRESS_INTERRUPTED",
            Self::Timeout => "EGRESS_TIMEOUT",
            Self::TooLarge => "EGRESS_TOO_LARGE",
        }
    }
}

/// An exchange that did not complete. `detail` is for people and is free of URLs, host names and secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({})", kind.code())]
pub struct EgressError {
    /// What the caller can conclude.
    pub kind: ErrorKind,
    /// What happened, for people.
    pub detail: String,
}

impl EgressError {
    pub(crate) fn denied(detail: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Denied, detail: detail.into() }
    }

    pub(crate) fn not_sent(detail: impl Into<String>) -> Self {
        Self { kind: ErrorKind::NotSent, detail: detail.into() }
    }

    pub(crate) fn interrupted(detail: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Interrupted, detail: detail.into() }
    }

    pub(crate) fn timeout(detail: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Timeout, detail: detail.into() }
    }

    pub(crate) fn too_large(limit: u64) -> Self {
        Self { kind: ErrorKind::TooLarge, detail: format!("the answer is longer than {limit} bytes") }
    }
}

/// The innermost cause of `error`: the words of the operating system, which name no host.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
