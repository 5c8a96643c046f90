//! The routes by the few names under which they are counted: a path that a client makes up is never one of them.

/// A group of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/healthz` and its like.
    Probe,
    /// `/metrics`
    Metrics,
    /// `/v1/models` and one of them.
    Models,
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/responses`
    Responses,
    /// `/v1/embeddings`
    Embeddings,
    /// `/tools/invoke`
    Tools,
    /// `/hooks/*`, wherever they are configured to be.
    Hooks,
    /// `/webhooks/*`, where vendors call.
    Webhooks,
    /// An upgrade, on any path.
    Socket,
    /// Nothing that is served.
    Other,
}

impl Route {
    /// All of them.
    pub(crate) const ALL: [Route; 11] = [
        Route::Probe,
        Route::Metrics,
        Route::Models,
        Route::Chat,
        Route::Responses,
        Route::Embeddings,
        Route::Tools,
        Route::Hooks,
        Route::Webhooks,
        Route::Socket,
        Route::Other,
    ];

    /// The route of a path. Hooks are told apart by the router, since their path is configured.
    pub(crate) fn of(path: &str) -> Route {
        match path {
            "/health" | "/healthz" | "/ready" | "/readyz" | "/startup" | "/startupz" => Route::Probe,
            "/metrics" => Route::Metrics,
            "/v1/chat/completions" => Route::Chat,
            "/v1/responses" => Route::Responses,
            "/v1/embeddings" => Route::Embeddings,
            "/tools/invoke" => Route::Tools,
            _ if path == "/v1/models" || path.starts_with("/v1/models/") => Route::Models,
            _ if path.starts_with("/webhooks/") => Route::Webhooks,
            _ => Route::Other,
        }
    }

    /// The value of the label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Route::Probe => "probe",
            Route::Metrics => "metrics",
            Route::Models => "models",
            Route::Chat => "chat_completions",
            Route::Responses => "responses",
            Route::Embeddings => "embeddings",
            Route::Tools => "tools_invoke",
            Route::Hooks => "hooks",
            Route::Webhooks => "webhooks",
            Route::Socket => "websocket",
            Route::Other => "other",
        }
    }

    /// Whether a success shows that the client knows a secret.
    pub(crate) fn needs_secret(self) -> bool {
        !matches!(self, Route::Probe | Route::Socket | Route::Other)
    }
}
