//! `${VAR}` in strings. Only names of capital letters count, so that shell fragments in prompts stay as they are.

use std::borrow::Cow;

use crate::env::Env;

/// `[A-Z_][A-Z0-9_]*`
#[must_use]
pub(crate) fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Replaces `${VAR}` by the variable and `$${VAR}` by `${VAR}`. A variable that is not set stays as it is written and
/// is reported to `missing`.
pub(crate) fn substitute<'t>(text: &'t str, env: &dyn Env, mut missing: impl FnMut(&str)) -> Cow<'t, str> {
    if !text.contains("${") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let name = from.get(2..).and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
        let Some(name) = name.filter(|name| is_variable_name(name)) else {
            out.push_str(before);
            out.push_str("${");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        let (reference, after) = from.split_at(name.len() + 3);
        if let Some(unescaped) = before.strip_suffix('$') {
            out.push_str(unescaped);
            out.push_str(reference);
        } else {
            out.push_str(before);
            match env.var(name) {
                Some(value) => out.push_str(&value),
                None => {
                    missing(name);
                    out.push_str(reference);
                }
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(text: &str, expected: &str, expected_missing: &[&str]) {
        let env =
            BTreeMap::from([("HOST".to_owned(), "h".to_owned()), ("P_1".to_owned(), "${HOST}".to_owned())]);
        let mut missing = Vec::new();
        assert_eq!(substitute(text, &env, |name| missing.push(name.to_owned())), expected);
        assert_eq!(missing, expected_missing, "{text}");
    }

    #[test]
    fn replaces_set_variables_once() {
        check("plain $HOST", "plain $HOST", &[]);
        check("http://${HOST}:${P_1}/", "http://h:${HOST}/", &[]);
        check("${NOPE}-${HOST}", "${NOPE}-h", &["NOPE"]);
        check("$${HOST} $$${HOST}", "${HOST} $${HOST}", &[]);
        check("${host} ${} ${HOST", "${host} ${} ${HOST", &[]);
        check("${a${HOST}}", "${ah}", &[]);
    }
}
