//! The body of `POST /tools/invoke` (openclaw-compat §4.9). Says what is asked for; whether there is such a tool is somebody
//! else's question.

use serde_json::{Map, Value};

/// One tool that a program asks for over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Not blank.
    pub tool: String,
    /// The agent in whose name, as the caller spelled it.
    pub agent: Option<String>,
}

impl ToolCall {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// The text of the 400, which the original words so.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let Ok(Value::Object(asked)) = serde_json::from_slice::<Value>(body) else {
            return Err("The request body must be a JSON object.".to_owned());
        };
        let tool = match text(&asked, "name")? {
            Some(name) => Some(name),
            None => text(&asked, "tool")?,
        };
        let tool = tool.ok_or("tools.invoke requires name")?;
        for field in ["action", "sessionKey", "idempotencyKey"] {
            text(&asked, field)?;
        }
        let agent = text(&asked, "agentId")?;
        if asked.get("args").is_some_and(|args| !args.is_object() && !args.is_null()) {
            return Err("args must be an object".to_owned());
        }
        Ok(Self { tool, agent })
    }
}

/// A text that may be absent or blank.
fn text(asked: &Map<String, Value>, field: &str) -> Result<Option<String>, String> {
    match asked.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)),
        Some(_) => Err(format!("{field} must be a string")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_asked_for_is_read_and_faults_have_the_known_texts() {
        let check = |body: Value, expected: Result<(&str, Option<&str>), &str>| {
            let found = ToolCall::read(body.to_string().as_bytes());
            let expected = expected
                .map(|(tool, agent)| ToolCall { tool: tool.into(), agent: agent.map(str::to_owned) })
                .map_err(str::to_owned);
            assert_eq!(found, expected, "{body}");
        };
        check(json!([]), Err("The request body must be a JSON object."));
        check(json!({"tool": " "}), Err("tools.invoke requires name"));
        check(json!({"tool": 1}), Err("tool must be a string"));
        check(json!({"name": 1, "tool": "x"}), Err("name must be a string"));
        check(json!({"tool": "x", "args": []}), Err("args must be an object"));
        check(json!({"tool": "x", "sessionKey": 1}), Err("sessionKey must be a string"));
        check(json!({"tool": "x", "name": " y ", "agentId": "main", "args": {}}), Ok(("y", Some("main"))));
        check(json!({"tool": "x", "name": null, "args": null}), Ok(("x", None)));
    }
}
