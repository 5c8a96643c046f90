//! The `config.*` methods: the configuration file as it stands, without its secrets, changes of it, and its schema.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// The text that a change brings: JSON5.
const RAW: Field = Field::required("raw", Kind::NonEmpty);
const BASE_HASH: Field = Field::optional("baseHash", Kind::NonEmpty);
/// For a restart, which this gateway leaves to whoever runs it: accepted, not used.
const SESSION_KEY: Field = Field::optional("sessionKey", Kind::Text);
const DELIVERY_CONTEXT: Field = Field::optional("deliveryContext", Kind::Map);
const NOTE: Field = Field::optional("note", Kind::Text);
const RESTART_DELAY_MS: Field = Field::optional("restartDelayMs", Kind::Int(0, i64::MAX));

/// Parameters of `config.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigGetParams {}

impl Call for ConfigGetParams {
    const METHOD: &'static str = "config.get";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the configuration file, without secrets";
    const SHAPE: &'static [Field] = &[];
    type Reply = ConfigGet;
}

/// The answer to `config.get` (frame `rpc-config.get`). Secrets read `__OPENCLAW_REDACTED__`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigGet {
    /// The file.
    pub path: String,
    /// The files that it includes.
    pub included_paths: Vec<String>,
    /// Whether there is a file.
    pub exists: bool,
    /// Its text; `null` when there is none, or it is not JSON5.
    pub raw: Option<String>,
    /// What the file itself says; `null` when it is not JSON5.
    pub parsed: Value,
    /// Whether the gateway can run with it.
    pub valid: bool,
    /// What it says together with what it includes.
    pub config: Value,
    /// Changes with any of the files; a writer hands it back as `baseHash`. Without includes it is the SHA-256 of the
    /// text in hexadecimal.
    pub hash: String,
    /// What the gateway cannot run with.
    pub issues: Vec<ConfigIssue>,
    /// What keeps one part of it out, and what is probably not meant.
    pub warnings: Vec<ConfigIssue>,
    /// Older spellings, which are understood.
    pub legacy_issues: Vec<ConfigIssue>,
    /// The same as `hash`.
    pub config_revision_hash: String,
    /// The `hash` of what the gateway runs with.
    pub applied_config_hash: String,
}

/// Something that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigIssue {
    /// Dotted.
    pub path: String,
    /// For people.
    pub message: String,
}

/// Parameters of `config.set`: the whole new text of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSetParams {
    /// JSON5.
    pub raw: String,
    /// The `hash` of what the caller has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
}

impl Call for ConfigSetParams {
    const METHOD: &'static str = "config.set";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "replaces the file";
    const SHAPE: &'static [Field] = &[RAW, BASE_HASH];
    type Reply = ConfigWritten;
}

/// Parameters of `config.apply`: the whole new text of the file, to take effect at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigApplyParams {
    /// JSON5.
    pub raw: String,
    /// The `hash` of what the caller has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
}

impl Call for ConfigApplyParams {
    const METHOD: &'static str = "config.apply";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const LIMITED: bool = true;
    const PURPOSE: &'static str = "replaces the file and puts it in force";
    const SHAPE: &'static [Field] = &[RAW, BASE_HASH, SESSION_KEY, DELIVERY_CONTEXT, NOTE, RESTART_DELAY_MS];
    type Reply = ConfigWritten;
}

/// Parameters of `config.patch`: a JSON merge patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigPatchParams {
    /// An object, as JSON5: objects merge, `null` removes.
    pub raw: String,
    /// The `hash` of what the caller has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
    /// Places whose value in the patch is the whole new one, so that entries of a list may go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace_paths: Vec<String>,
}

impl Call for ConfigPatchParams {
    const METHOD: &'static str = "config.patch";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const LIMITED: bool = true;
    const PURPOSE: &'static str = "changes places of the file";
    const SHAPE: &'static [Field] = &[
        RAW,
        BASE_HASH,
        SESSION_KEY,
        DELIVERY_CONTEXT,
        NOTE,
        RESTART_DELAY_MS,
        Field::optional("replacePaths", Kind::Texts),
    ];
    type Reply = ConfigWritten;
}

/// The answer to a change (frame `14-config-patch`). The file is on the disk then, and the gateway has read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigWritten {
    /// Always true.
    pub ok: bool,
    /// The file already said all of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub noop: bool,
    /// The places that have another value now.
    pub changed_paths: Vec<String>,
    /// Those of them that only a restart makes the gateway take up. It does not restart itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_restart: Vec<String>,
    /// New faults that keep one part of the configuration out, each as `path: message`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The configuration file.
    pub path: String,
    /// What it says now, together with what it includes, without secrets.
    pub config: Value,
    /// For the next change.
    pub hash: String,
}

/// Parameters of `config.schema`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigSchemaParams {}

impl Call for ConfigSchemaParams {
    const METHOD: &'static str = "config.schema";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the schema of the file";
    const SHAPE: &'static [Field] = &[];
    type Reply = ConfigSchema;
}

/// The answer to `config.schema`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSchema {
    /// JSON Schema of the whole file.
    pub schema: Value,
    /// What a form may show, by dotted path, with `*` for any key and `[]` for any entry of a list.
    pub ui_hints: Value,
    /// The version of the gateway that made it.
    pub version: String,
    /// When it was made, as RFC 3339.
    pub generated_at: String,
}

/// Parameters of `config.schema.lookup`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigSchemaLookupParams {
    /// Dotted, with `*` for any key and `[]` for any entry of a list; `.` is the whole file.
    pub path: String,
}

impl Call for ConfigSchemaLookupParams {
    const METHOD: &'static str = "config.schema.lookup";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the schema of one place";
    const SHAPE: &'static [Field] = &[Field::required("path", Kind::NonEmpty)];
    type Reply = ConfigSchemaLookup;
}

/// The answer to `config.schema.lookup` (frame `rpc-config.schema.lookup`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSchemaLookup {
    /// The place.
    pub path: String,
    /// The schema of it without what is below.
    pub schema: Value,
    /// What a change there asks for: `none`, `hot` or `restart`.
    pub reload_kind: String,
    /// What a form may show: `{label?, help?, sensitive?, advanced}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Value>,
    /// Where the hint stands in `uiHints`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint_path: Option<String>,
    /// What may stand one step below: `{key, path, type?, required, hasChildren, hint?, hintPath?}`.
    pub children: Vec<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;
    use serde_json::json;

    #[test]
    fn what_a_change_may_carry_is_what_the_original_takes() {
        let full = json!({"raw": "{}", "baseHash": "h", "sessionKey": "s", "note": "n", "restartDelayMs": 0,
            "deliveryContext": {"channel": "c"}});
        assert_eq!(decode::<ConfigApplyParams>(Some(full.clone())).unwrap().base_hash.as_deref(), Some("h"));
        assert!(decode::<ConfigPatchParams>(Some(full.clone())).unwrap().replace_paths.is_empty());
        let error = decode::<ConfigSetParams>(Some(full)).unwrap_err().message;
        assert!(error.starts_with("invalid config.set params: at root: unexpected property "), "{error}");
        let error = decode::<ConfigPatchParams>(Some(json!({"raw": "", "replacePaths": [1]}))).unwrap_err();
        assert_eq!(
            error.message,
            "invalid config.patch params: at /raw: must not have fewer than 1 characters; \
             at /replacePaths/0: must be string"
        );
    }
}
