//! Owns what a person in a chat reads when a turn has no answer. The texts are those that were observed (peer-observed §7);
//! people search for them.

use openclaw_models::{FailureReason, ModelError, ModelsError};

use crate::TurnError;

const RATE_LIMITED: &str = "⚠️ The model request was rate-limited. Please try again in a few minutes.";
const BILLING: &str = "⚠️ API provider returned a billing error — your API key has run out of credits or has an \
                       insufficient balance. Check your provider's billing dashboard and top up or switch to a \
                       different API key.";
const FORMAT: &str = "LLM request failed: provider rejected the request schema or tool payload.";
const OVERFLOW: &str = "⚠️ Auto-compaction could not recover this turn. I kept this conversation mapped to the current \
                        session. Please try again, use /compact, or use /new to start a fresh session.\n\nTry starting a \
                        fresh session or using a model with a larger context window.";
const EMPTY: &str = "⚠️ Agent couldn't generate a response. Please try again.";
const TIMED_OUT: &str = "⚠️ Request timed out before a response was generated. Please try again, or increase \
                         `agents.defaults.timeoutSeconds` in your config.";
const WENT_WRONG: &str = "⚠️ Something went wrong while processing your request. Please try again, or use /new to start \
                          a fresh session.";

pub(crate) fn user_text(error: &TurnError) -> Option<String> {
    let text = match error {
        TurnError::Aborted => return None,
        TurnError::After { told, source } => {
            let why = user_text(source);
            why.map_or_else(|| told.clone(), |why| format!("{told}\n\n{why}"))
        }
        TurnError::Empty => EMPTY.to_owned(),
        TurnError::Timeout(_) => TIMED_OUT.to_owned(),
        TurnError::UnknownAgent(_) => format!("⚠️ {error}"),
        TurnError::Store(_) => WENT_WRONG.to_owned(),
        TurnError::Model(models) => match models.as_ref() {
            ModelsError::Unresolved(why) => format!("⚠️ {why}"),
            models => models.last().map_or_else(|| WENT_WRONG.to_owned(), model_text),
        },
    };
    Some(text)
}

fn model_text(error: &ModelError) -> String {
    let ModelError { provider, model, .. } = error;
    let http = error.status.map(|status| format!("HTTP {status}"));
    let failed = |what: &str| {
        let detail = http.as_ref().map_or_else(|| what.to_owned(), |http| format!("{what}, {http}"));
        format!(
            "⚠️ {provider}/{model} request failed ({detail}). This is usually temporary — try again shortly."
        )
    };
    match error.reason() {
        _ if error.is_long_context() => with_hint(RATE_LIMITED, error),
        FailureReason::Auth => {
            let answered = http.map_or_else(String::new, |http| format!(" (provider returned {http})"));
            format!(
                "⚠️ Authentication failed{answered}. Your provider token may have expired — try the request again in a \
                 moment. If the failure persists, re-authenticate this provider."
            )
        }
        FailureReason::Billing => BILLING.to_owned(),
        FailureReason::RateLimit => RATE_LIMITED.to_owned(),
        FailureReason::ServerError => failed("provider internal error"),
        FailureReason::Overloaded => failed("provider overloaded"),
        FailureReason::Timeout => failed("provider timeout"),
        FailureReason::Format => with_hint(FORMAT, error),
        FailureReason::ContextOverflow => OVERFLOW.to_owned(),
        FailureReason::EmptyResponse => EMPTY.to_owned(),
        FailureReason::ModelNotFound => {
            with_hint(&format!("⚠️ {provider}/{model} request failed (model not found)."), error)
        }
        FailureReason::Unknown => WENT_WRONG.to_owned(),
    }
}

fn with_hint(text: &str, error: &ModelError) -> String {
    error.hint().map_or_else(|| text.to_owned(), |hint| format!("{text}\n\n{hint}"))
}

#[cfg(test)]
mod tests {
    use openclaw_models::Failure;

    use super::*;

    #[test]
    fn people_read_the_observed_texts() {
        let check = |reason, status, message: &str, expected: &str| {
            let failure =
                Failure { reason, code: String::new(), message: message.to_owned(), retry_after_ms: None };
            let (provider, model) = ("mock".to_owned(), "mock-echo".to_owned());
            let error =
                ModelsError::Failed(ModelError { provider, model, status, failure, delivered: false });
            assert_eq!(TurnError::from(error).user_text().as_deref(), Some(expected));
        };
        check(
            FailureReason::Auth,
            Some(401),
            "no",
            "⚠️ Authentication failed (provider returned HTTP 401). Your provider token may have expired — try the \
             request again in a moment. If the failure persists, re-authenticate this provider.",
        );
        check(FailureReason::Billing, Some(402), "", BILLING);
        check(FailureReason::RateLimit, Some(429), "slow down", RATE_LIMITED);
        check(
            FailureReason::ServerError,
            Some(500),
            "",
            "⚠️ mock/mock-echo request failed (provider internal error, HTTP 500). This is usually temporary — try again \
             shortly.",
        );
        check(
            FailureReason::Timeout,
            None,
            "",
            "⚠️ mock/mock-echo request failed (provider timeout). This is usually temporary — try again shortly.",
        );
        check(FailureReason::Format, Some(400), "bad field", FORMAT);
        check(FailureReason::ContextOverflow, Some(400), "", OVERFLOW);
        check(FailureReason::EmptyResponse, None, "", EMPTY);
        check(FailureReason::Unknown, None, "", WENT_WRONG);
        assert_eq!(TurnError::Aborted.user_text(), None);
    }
}
