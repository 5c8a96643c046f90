//! The known keys of `openclaw.json` (openclaw-compat §5.2–§5.7): one file for each section or group of sections. `unused`
//! keys are known to the original and do nothing here, so that a file written for it loads unchanged.

mod agents;
mod automation;
mod common;
mod conversations;
mod elsewhere;
mod gateway;
mod models;
mod process;
mod secrets;

use crate::shape::Shape::{self, Any, Bool, Text};
use crate::shape::{key, legacy, unused};

/// The whole file.
pub(crate) static ROOT: Shape = Shape::Object(&[
    key("$schema", Text).about("Where editors find the JSON Schema of this file."),
    unused("meta", process::META),
    key("env", secrets::ENV).about("Environment variables for the gateway."),
    unused("wizard", process::WIZARD),
    unused("diagnostics", process::DIAGNOSTICS),
    key("logging", process::LOGGING).about("The log file and the console."),
    unused("update", process::UPDATE),
    unused("telemetry", process::TELEMETRY),
    unused("browser", elsewhere::BROWSER),
    unused("ui", process::UI),
    key("secrets", secrets::SECRETS).about("Where references to secrets are resolved."),
    unused("auth", secrets::AUTH),
    key("accessGroups", conversations::ACCESS_GROUPS)
        .about("Senders by name, for `accessGroup:<name>` in allowlists."),
    unused("acp", elsewhere::ACP),
    key("models", models::MODELS).about("Model providers and their models."),
    unused("nodeHost", elsewhere::NODE_HOST),
    key("agents", agents::AGENTS).about("The agents that answer, and what they share."),
    unused("worktreeRoot", Text),
    unused("worktreeAcceleration", Bool),
    unused("tools", elsewhere::TOOLS),
    unused("security", elsewhere::SECURITY),
    key("bindings", conversations::BINDINGS).about("Which agent answers where."),
    unused("broadcast", conversations::BROADCAST),
    unused("attachments", elsewhere::ATTACHMENTS),
    key("messages", conversations::MESSAGES)
        .about("How messages of groups are heard, and answers are shown."),
    unused("tts", elsewhere::TTS),
    key("commands", conversations::COMMANDS)
        .about("What may be asked of the gateway in a chat and by signals."),
    unused("approvals", conversations::APPROVALS),
    key("session", conversations::SESSION).about("How messages find their session."),
    unused("cron", automation::CRON),
    unused("transcripts", elsewhere::TRANSCRIPTS),
    key("hooks", automation::HOOKS).about("What other programs may start over HTTP."),
    key("channels", conversations::CHANNELS)
        .about("One section for each channel, judged by the schema of the channel's plugin."),
    unused("discovery", process::DISCOVERY),
    unused("talk", elsewhere::TALK),
    key("gateway", gateway::GATEWAY).about("Where the gateway listens and who may connect."),
    unused("cloudWorkers", elsewhere::CLOUD_WORKERS),
    unused("desktop", elsewhere::DESKTOP),
    key("memory", elsewhere::MEMORY).about("What agents remember by."),
    unused("mcp", elsewhere::MCP),
    unused("skills", elsewhere::SKILLS),
    key("plugins", process::PLUGINS).about("Which plugins may run."),
    unused("surfaces", elsewhere::SURFACES),
    unused("proxy", elsewhere::PROXY),
    // Older roots.
    legacy("agent", "\"agent\" is an old spelling and is not used. Use \"agents.defaults\" instead."),
    legacy(
        "identity",
        "\"identity\" is an old spelling and is not used. Use \"agents.entries.<id>.identity\" instead.",
    ),
    legacy(
        "routing",
        "\"routing\" is an old spelling and is not used. Use \"bindings\" and \"messages\" instead.",
    ),
    unused("web", Any),
    unused("audio", Any),
    unused("canvasHost", Any),
    unused("media", Any),
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json5::Kind;
    use crate::shape::{Field, tags};

    /// Calls `visit` for each shape of the table.
    fn walk(shape: &'static Shape, visit: &mut impl FnMut(&'static Shape)) {
        visit(shape);
        let mut fields = |fields: &'static [Field]| {
            for field in fields {
                walk(&field.shape, visit);
            }
        };
        match shape {
            Shape::Object(inner) => fields(inner),
            Shape::Open(inner, rest) => {
                fields(inner);
                walk(rest, visit);
            }
            Shape::Tagged(_, variants) => variants.iter().for_each(|variant| fields(variant)),
            Shape::List(inner) | Shape::Map(inner) => walk(inner, visit),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| walk(shape, visit)),
            _ => {}
        }
    }

    #[test]
    fn no_two_alternatives_take_the_same_kind() {
        let kinds = [
            Kind::Null,
            Kind::Bool(true),
            Kind::Number(0.into()),
            Kind::String(String::new()),
            Kind::Array(Vec::new()),
            Kind::Object(Vec::new()),
        ];
        walk(&ROOT, &mut |shape| {
            if let Shape::Either(shapes) = shape {
                for kind in &kinds {
                    let taking = shapes.iter().filter(|shape| shape.takes(kind)).count();
                    assert!(taking <= 1, "{kind:?} fits {taking} of {shapes:?}");
                }
            }
        });
    }

    #[test]
    fn names_are_unique_and_every_variant_has_its_tag() {
        let unique = |fields: &[Field]| {
            for (n, field) in fields.iter().enumerate() {
                let twice = fields[n + 1..].iter().any(|other| other.name == field.name);
                assert!(!twice, "{} occurs twice", field.name);
            }
        };
        walk(&ROOT, &mut |shape| match shape {
            Shape::Object(fields) | Shape::Open(fields, _) => unique(fields),
            Shape::Tagged(tag, variants) => {
                for variant in *variants {
                    unique(variant);
                    assert!(!tags(variant, tag).is_empty(), "{tag}");
                }
            }
            _ => {}
        });
    }
}
