//! The walk over a document and the known keys side by side: tells what does not fit, each with its place, in the
//! original's words. What is judged by a channel's schema is not its business.

use crate::basis::ChannelSchemas;
use crate::json5::{Kind, Node};
use crate::path::KeyPath;
use crate::secret_ref::SecretInput;
use crate::shape::{Field, Shape, field, nearest, tags};
use crate::validate::Judge;

impl Judge<'_> {
    pub(crate) fn check(&mut self, node: &Node, shape: &Shape, path: &KeyPath, schemas: &ChannelSchemas) {
        match (shape, &node.kind) {
            (Shape::Any, _) | (Shape::Null, Kind::Null) | (Shape::Bool, Kind::Bool(_)) => {}
            (Shape::Text, Kind::String(_)) => {}
            (Shape::Secret, Kind::String(_) | Kind::Object(_)) => self.check_secret(node, path),
            (Shape::Exactly(wanted), Kind::Bool(value)) => {
                if value != wanted {
                    self.unusable(path, node.span, format!("Invalid input: expected {wanted}"));
                }
            }
            (Shape::Int(..) | Shape::Number(..) | Shape::Positive, Kind::Number(number)) => {
                if let Some(message) = out_of_bounds(shape, number) {
                    self.unusable(path, node.span, message);
                }
            }
            (Shape::Word(words), Kind::String(word)) => {
                if !words.contains(&word.as_str()) {
                    self.unusable(path, node.span, invalid_option(words));
                }
            }
            (Shape::List(inner), Kind::Array(items)) => {
                for (n, item) in items.iter().enumerate() {
                    self.check(&item.value, inner, &path.index(n), schemas);
                }
            }
            (Shape::Map(inner), Kind::Object(members)) => {
                for member in members {
                    self.check(&member.value, inner, &path.key(&member.key), schemas);
                }
            }
            (Shape::Object(fields), Kind::Object(_)) => self.check_fields(node, fields, path, schemas),
            (Shape::Open(fields, rest), Kind::Object(_)) => {
                self.check_open(node, fields, rest, path, schemas);
            }
            (Shape::Tagged(tag, variants), Kind::Object(_)) => {
                self.check_tagged(node, tag, variants, path, schemas);
            }
            (Shape::Either(shapes), kind) if shape.takes(kind) => {
                for meant in shapes.iter().filter(|shape| shape.takes(kind)) {
                    self.check(node, meant, path, schemas);
                }
            }
            (shape, kind) => {
                let message =
                    format!("Invalid input: expected {}, received {}", shape.expected(), received(kind));
                self.unusable(path, node.span, message);
            }
        }
    }

    fn check_fields(&mut self, node: &Node, fields: &[Field], path: &KeyPath, schemas: &ChannelSchemas) {
        let Kind::Object(members) = &node.kind else { return };
        for member in members {
            let inner = path.key(&member.key);
            match field(fields, &member.key) {
                Some(Field { legacy: Some(advice), .. }) => {
                    self.warning(&inner, member.key_span, (*advice).to_owned());
                }
                Some(field) => self.check(&member.value, &field.shape, &inner, schemas),
                // Older files have the channels' sections at the root.
                None if path.steps().is_empty() && schemas.contains_key(&member.key) => {
                    self.warning(&inner, member.key_span, misplaced(&member.key));
                }
                None => {
                    let known = fields.iter().map(|field| field.name);
                    self.issue(path, member.key_span, unrecognized(&member.key, known));
                }
            }
        }
        self.check_required(node, fields, path);
    }

    fn check_open(
        &mut self,
        node: &Node,
        fields: &[Field],
        rest: &Shape,
        path: &KeyPath,
        schemas: &ChannelSchemas,
    ) {
        let Kind::Object(members) = &node.kind else { return };
        for member in members {
            let known = fields.iter().map(|field| field.name);
            let shape = match field(fields, &member.key) {
                Some(field) => &field.shape,
                None => {
                    if matches!(rest, Shape::Any) && nearest(&member.key, known.clone()).is_some() {
                        self.warning(path, member.key_span, unrecognized(&member.key, known));
                    }
                    rest
                }
            };
            self.check(&member.value, shape, &path.key(&member.key), schemas);
        }
        self.check_required(node, fields, path);
    }

    fn check_tagged(
        &mut self,
        node: &Node,
        tag: &str,
        variants: &[&'static [Field]],
        path: &KeyPath,
        schemas: &ChannelSchemas,
    ) {
        let place = path.key(tag);
        match node.member(tag).map(|member| &member.value) {
            Some(Node { kind: Kind::String(word), span }) => {
                match variants.iter().find(|fields| tags(fields, tag).contains(&word.as_str())) {
                    Some(fields) => self.check_fields(node, fields, path, schemas),
                    None => {
                        let words: Vec<&str> =
                            variants.iter().flat_map(|fields| tags(fields, tag)).copied().collect();
                        self.unusable(&place, *span, invalid_option(&words));
                    }
                }
            }
            Some(Node { kind, span }) => {
                let message = format!("Invalid input: expected string, received {}", received(kind));
                self.unusable(&place, *span, message);
            }
            None => {
                let message = "Invalid input: expected string, received undefined".to_owned();
                self.issue(&place, node.span, message);
            }
        }
    }

    fn check_required(&mut self, node: &Node, fields: &[Field], path: &KeyPath) {
        for field in fields.iter().filter(|field| field.required) {
            if node.member(field.name).is_none() {
                let message =
                    format!("Invalid input: expected {}, received undefined", field.shape.expected());
                self.issue(&path.key(field.name), node.span, message);
            }
        }
    }

    /// Text, or a reference by the grammar.
    fn check_secret(&mut self, node: &Node, path: &KeyPath) {
        if let Err(advice) = SecretInput::parse(&node.to_value()) {
            self.unusable(path, node.span, format!("Invalid input: {advice}"));
        }
    }
}

/// What is wrong with a number where a number may stand.
fn out_of_bounds(shape: &Shape, number: &serde_json::Number) -> Option<String> {
    let too_small = |least: &dyn std::fmt::Display| format!("Too small: expected number to be {least}");
    let too_big = |most: &dyn std::fmt::Display| format!("Too big: expected number to be <={most}");
    match shape {
        Shape::Int(least, most) => match number.as_i64() {
            Some(value) if value < *least => Some(too_small(&format!(">={least}"))),
            Some(value) if value > *most => Some(too_big(most)),
            Some(_) => None,
            None => Some("Invalid input: expected int, received number".to_owned()),
        },
        Shape::Number(least, most) => match number.as_f64() {
            Some(value) if value < *least => Some(too_small(&format!(">={least}"))),
            Some(value) if value > *most => Some(too_big(most)),
            Some(_) | None => None,
        },
        Shape::Positive => number.as_f64().is_some_and(|value| value <= 0.0).then(|| too_small(&">0")),
        _ => None,
    }
}

fn invalid_option(words: &[&str]) -> String {
    let options: Vec<String> = words.iter().map(|option| format!("\"{option}\"")).collect();
    format!("Invalid option: expected one of {}", options.join("|"))
}

/// The text for a channel's section at the root of the file.
pub(crate) fn misplaced(channel: &str) -> String {
    format!("\"{channel}\" is not used here. Use \"channels.{channel}\" instead.")
}

/// The text for a key that nobody knows.
pub(crate) fn unrecognized<'n>(key: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    match nearest(key, known) {
        Some(near) => format!("Unrecognized key: \"{key}\" (did you mean \"{near}\"?)"),
        None => format!("Unrecognized key: \"{key}\""),
    }
}

pub(crate) fn received(kind: &Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool(_) => "boolean",
        Kind::Number(_) => "number",
        Kind::String(_) => "string",
        Kind::Array(_) => "array",
        Kind::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use crate::basis::testing::{judged, plugins};

    fn check(text: &str, expected: &[&str]) {
        let report = judged(text, &plugins([]));
        let found: Vec<String> = report.issues.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn alternatives_are_told_together_and_the_one_that_is_meant_alone() {
        check(
            "{commands: {native: [], nativeSkills: 'on'}}",
            &[
                "commands.native: Invalid input: expected boolean or string, received array",
                "commands.nativeSkills: Invalid option: expected one of \"auto\"",
            ],
        );
        check(
            "{cron: {sessionRetention: true}, session: {maintenance: {maxDiskBytes: null}}}",
            &[
                "cron.sessionRetention: Invalid input: expected false",
                "session.maintenance.maxDiskBytes: Invalid input: expected string or number or false, received null",
            ],
        );
        check(
            "{agents: {defaults: {model: {primary: 5, fallback: []}, imageModel: 1}}}",
            &[
                "agents.defaults.model.primary: Invalid input: expected string, received number",
                "agents.defaults.model: Unrecognized key: \"fallback\" (did you mean \"fallbacks\"?)",
                "agents.defaults.imageModel: Invalid input: expected string or object, received number",
            ],
        );
    }

    #[test]
    fn the_tag_says_which_keys_there_are() {
        check(
            "{secrets: {providers: {a: {source: 'vault'}, b: {source: 'file', allowlist: []}, c: {}, d: {source: 1}}}}",
            &[
                "secrets.providers.a.source: Invalid option: expected one of \"env\"|\"file\"|\"exec\"|\"store\"",
                "secrets.providers.b.path: Invalid input: expected string, received undefined",
                "secrets.providers.b: Unrecognized key: \"allowlist\"",
                "secrets.providers.c.source: Invalid input: expected string, received undefined",
                "secrets.providers.d.source: Invalid input: expected string, received number",
            ],
        );
    }

    #[test]
    fn numbers_have_their_bounds() {
        check(
            "{diagnostics: {otel: {sampleRate: -0.5}}, agents: {defaults: {mediaMaxMb: 0, pdfMaxMb: 0.5}}}",
            &[
                "diagnostics.otel.sampleRate: Too small: expected number to be >=0",
                "agents.defaults.mediaMaxMb: Too small: expected number to be >0",
            ],
        );
        check(
            "{diagnostics: {otel: {sampleRate: 2}}, session: {reset: {atHour: 24}}}",
            &[
                "diagnostics.otel.sampleRate: Too big: expected number to be <=1",
                "session.reset.atHour: Too big: expected number to be <=23",
            ],
        );
    }

    #[test]
    fn what_all_channels_share_concerns_the_gateway() {
        let report = judged("{channels: {defaults: {groupPolicy: 5}}}", &plugins([]));
        assert_eq!(report.blocking().count(), 1);
    }

    #[test]
    fn other_keys_of_an_open_object_have_a_shape_too() {
        check(
            "{broadcast: {strategy: 'x', room: [1]}}",
            &[
                "broadcast.strategy: Invalid option: expected one of \"parallel\"|\"sequential\"",
                "broadcast.room[0]: Invalid input: expected string, received number",
            ],
        );
    }
}
