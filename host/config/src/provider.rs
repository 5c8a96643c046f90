//! Judges the sections of `models.providers` by the schemas of the plugins that speak their dialects. The host's own keys
//! are in the table of known keys; a plugin's schema says what its dialect makes of the rest.

use crate::basis::ProviderSchema;
use crate::by_schema::{Place, Schema};
use crate::json5::{Kind, Node};
use crate::path::KeyPath;
use crate::validate::Judge;

/// The dialect of a provider that says nothing and that no plugin knows by its id.
pub const DEFAULT_API: &str = "openai-completions";

pub(crate) fn check(judge: &mut Judge<'_>, models: &Node, schemas: &[ProviderSchema]) {
    let Some(providers) = models.member("providers") else { return };
    let Kind::Object(members) = &providers.value.kind else { return };
    for member in members.iter().filter(|member| matches!(member.value.kind, Kind::Object(_))) {
        let path = KeyPath::from_keys(&["models", "providers", &member.key]);
        let api = match member.value.member("api").map(|api| &api.value.kind) {
            Some(Kind::String(api)) => Some(api.as_str()),
            // A wrong type is told by the table of known keys.
            Some(_) => continue,
            None => None,
        };
        let speaks = |schema: &&ProviderSchema| match api {
            Some(api) => schema.apis.iter().any(|known| known == api),
            None => schema.known.iter().any(|known| known == &member.key),
        };
        let default =
            |schema: &&ProviderSchema| api.is_none() && schema.apis.iter().any(|known| known == DEFAULT_API);
        match schemas.iter().find(speaks).or_else(|| schemas.iter().find(default)) {
            Some(found) => {
                let Some(schema) = Schema::compile(judge, &found.schema, &path, member.value.span) else {
                    continue;
                };
                schema
                    .check(judge, &member.value.to_value(), |rest| Place::below(&path, &member.value, rest));
            }
            None => {
                let api = api.unwrap_or(DEFAULT_API);
                let message = format!("no installed plugin speaks \"{api}\" (see: openclaw plugins list)");
                judge.issue(&path, member.key_span, message);
            }
        }
    }
}
