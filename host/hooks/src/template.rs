//! Templates of mappings: `{{payload.items[0].name}}`, `{{name}}` for the same in the payload, `{{headers.x}}`, `{{query.x}}`,
//! `{{path}}` and `{{now}}`. What is missing is empty; what is no text is JSON. Knows no hook.

use http::HeaderMap;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What templates may name.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The body.
    pub payload: &'a Value,
    /// Of the request.
    pub headers: &'a HeaderMap,
    /// Everything behind `?`.
    pub query: &'a str,
    /// Below `hooks.path`, without slashes at the ends.
    pub path: &'a str,
}

/// Whether there is anything to fill in.
#[must_use]
pub fn is_templated(template: &str) -> bool {
    template.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}"))
}

/// Fills in.
pub(crate) fn render(template: &str, context: Context<'_>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((expression, behind)) = after.split_once("}}") else { break };
        out.push_str(before);
        out.push_str(&value(expression.trim(), context));
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Fills in; blank is nothing.
pub(crate) fn render_some(template: Option<&str>, context: Context<'_>) -> Option<String> {
    let text = render(template?, context).trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

fn value(expression: &str, context: Context<'_>) -> String {
    if let Some(name) = expression.strip_prefix("headers.") {
        let values = context.headers.get_all(name.trim()).iter();
        return values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(", ");
    }
    if let Some(name) = expression.strip_prefix("query.") {
        let pairs = url::form_urlencoded::parse(context.query.as_bytes());
        return pairs
            .filter(|(key, _)| key == name)
            .last()
            .map_or_else(String::new, |(_, value)| value.into_owned());
    }
    match expression {
        "path" => context.path.to_owned(),
        "now" => OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        _ => match find(context.payload, expression.strip_prefix("payload.").unwrap_or(expression)) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        },
    }
}

/// `a.b[0].c`
fn find<'a>(payload: &'a Value, path: &str) -> Option<&'a Value> {
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.into_iter().try_fold(payload, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_are_filled_in_as_documented() {
        let payload = json!({"a": {"b": [{"c": "x"}, 2]}, "n": null, "t": "{{path}}", "ok": true});
        let mut headers = HeaderMap::new();
        headers.insert("x-event", HeaderValue::from_static("push"));
        let context = Context { payload: &payload, headers: &headers, query: "kind=a%20b&x", path: "ci" };
        let check = |template: &str, expected: &str| assert_eq!(render(template, context), expected);
        check("{{payload.a.b[0].c}}-{{a.b[1]}}-{{ ok }}", "x-2-true");
        check("{{a.b}}", r#"[{"c":"x"},2]"#);
        check("<{{n}}{{missing.x[9]}}>", "<>");
        check("{{headers.x-event}} {{query.kind}} {{path}}", "push a b ci");
        check("{{t}}", "{{path}}");
        check("{{open", "{{open");
        assert!(render("{{now}}", context).ends_with('Z'));
        assert!(is_templated("a {{b}}") && !is_templated("a {{b"));
        assert_eq!(render_some(Some(" {{n}} "), context), None);
    }
}
