//! A systemd user unit as text: written with the fixed policy of openclaw-compat §1.12, and read back. Runs nothing.

use std::path::{Path, PathBuf};

use super::definition::{Definition, Installed};

/// What the unit says besides the command and its surroundings, in the order of the file.
const POLICY: &[(&str, &str)] = &[
    ("Restart", "always"),
    ("RestartSec", "5"),
    // A refused configuration does not get better by trying again.
    ("RestartPreventExitStatus", "78"),
    ("TimeoutStopSec", "330"),
    ("TimeoutStartSec", "30"),
    ("SuccessExitStatus", "0 143"),
    ("OOMPolicy", "continue"),
    ("KillMode", "mixed"),
];

/// The unit's name.
pub(super) fn unit_name(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!("openclaw-gateway-{profile}.service"),
        None => "openclaw-gateway.service".to_owned(),
    }
}

/// Where the unit lies.
pub(super) fn unit_path(home: &Path, profile: Option<&str>) -> PathBuf {
    home.join(".config/systemd/user").join(unit_name(profile))
}

/// The text of the unit.
pub(super) fn render(definition: &Definition) -> String {
    let mut lines = vec![
        "[Unit]".to_owned(),
        format!("Description={}", percent(&definition.description())),
        "After=network-online.target".to_owned(),
        "Wants=network-online.target".to_owned(),
        "StartLimitBurst=10".to_owned(),
        "StartLimitIntervalSec=300".to_owned(),
        String::new(),
        "[Service]".to_owned(),
    ];
    // systemd replaces variables in a command line, and in it alone.
    let words: Vec<String> = definition.command.iter().map(|word| quoted(word).replace('$', "$$")).collect();
    lines.push(format!("ExecStart={}", words.join(" ")));
    lines.extend(POLICY.iter().map(|(name, value)| format!("{name}={value}")));
    lines.push(format!("WorkingDirectory={}", percent(&definition.working_directory.display().to_string())));
    lines.push(format!("EnvironmentFile=-{}", percent(&definition.environment_file.display().to_string())));
    let unit = ("OPENCLAW_SYSTEMD_UNIT".to_owned(), unit_name(definition.profile.as_deref()));
    let variables = definition.environment.clone().into_iter().chain([unit]);
    lines
        .extend(variables.map(|(name, value)| format!("Environment={}", quoted(&format!("{name}={value}")))));
    lines.extend([String::new(), "[Install]".to_owned(), "WantedBy=default.target".to_owned()]);
    lines.join("\n") + "\n"
}

/// `%` begins a specifier everywhere in a unit.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// One word as a unit has it: in quotes where systemd would otherwise split or read it differently.
fn quoted(word: &str) -> String {
    let word = percent(word);
    let plain =
        !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\'));
    if plain {
        return word;
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text + "\""
}

/// Reads a unit that this or another program has written.
pub(super) fn parse(text: &str, source: &Path) -> Installed {
    let mut installed = Installed { source: source.to_owned(), ..Installed::default() };
    let mut in_service = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_service = line == "[Service]";
        }
        let Some((name, value)) = line.split_once('=').filter(|_| in_service) else { continue };
        match name.trim() {
            "ExecStart" => {
                installed.command = words(value).iter().map(|word| word.replace("$$", "$")).collect()
            }
            "WorkingDirectory" => installed.working_directory = Some(value.trim().replace("%%", "%")),
            "Environment" => installed.environment.extend(words(value).into_iter().filter_map(|word| {
                let (name, value) = word.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })),
            _ => {}
        }
    }
    installed
}

/// The words of a value, without their quotes.
fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) => {
                let c = match characters.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some(other) => other,
                    None => '\\',
                };
                word.get_or_insert_default().push(c);
            }
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.into_iter().map(|word| word.replace("%%", "%")).collect()
}

/// What a unit lacks of the fixed policy: code and words.
pub(super) fn audit(text: &str) -> Vec<(&'static str, String)> {
    let has = |line: &str| text.lines().any(|found| found.trim() == line);
    let mut found = Vec::new();
    for (name, value) in POLICY {
        if !has(&format!("{name}={value}")) {
            found.push(("systemd-policy", format!("{name}={value} is missing or differs")));
        }
    }
    for line in ["After=network-online.target", "Wants=network-online.target"] {
        if !has(line) {
            found.push(("systemd-network-online", format!("{line} is missing")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::definition::testing::sample;
    use super::*;

    #[test]
    fn the_unit_has_the_fixed_policy() {
        let expected = "\
[Unit]
Description=OpenClaw Gateway
After=network-online.target
Wants=network-online.target
StartLimitBurst=10
StartLimitIntervalSec=300

[Service]
ExecStart=\"/opt/my tools/openclaw\" gateway --port 18789
Restart=always
RestartSec=5
RestartPreventExitStatus=78
TimeoutStopSec=330
TimeoutStartSec=30
SuccessExitStatus=0 143
OOMPolicy=continue
KillMode=mixed
WorkingDirectory=/home/me/.openclaw
EnvironmentFile=-/home/me/.openclaw/gateway.systemd.env
Environment=HOME=/home/me
Environment=\"ODD=100%% \\\"a\\\\b\\\" $x <&>\"
Environment=OPENCLAW_SYSTEMD_UNIT=openclaw-gateway.service

[Install]
WantedBy=default.target
";
        assert_eq!(render(&sample(None)), expected);
        assert!(audit(expected).is_empty());
    }

    #[test]
    fn a_profile_has_a_unit_of_its_own() {
        let text = render(&sample(Some("work")));
        assert!(text.contains("Description=OpenClaw Gateway (profile: work, v1.2.3)\n"), "{text}");
        assert!(text.contains("OPENCLAW_SYSTEMD_UNIT=openclaw-gateway-work.service\n"), "{text}");
        let path = unit_path(Path::new("/h"), Some("work"));
        assert_eq!(path, Path::new("/h/.config/systemd/user/openclaw-gateway-work.service"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut definition = sample(None);
        definition.command.extend(["", "a'b", "$HOME", "x\ny", "50%"].map(str::to_owned));
        let installed = parse(&render(&definition), Path::new("/u"));
        assert_eq!(installed.command, definition.command);
        assert_eq!(installed.working_directory.as_deref(), Some("/home/me/.openclaw"));
        assert_eq!(installed.environment["ODD"], definition.environment["ODD"]);
        assert_eq!(installed.port(), Some(18789));
    }

    #[test]
    fn a_unit_of_other_hands_is_audited() {
        let text =
            render(&sample(None)).replace("Restart=always\n", "Restart=on-failure\n").replace("Wants=", "#");
        let found: Vec<String> = audit(&text).into_iter().map(|(_, words)| words).collect();
        assert_eq!(found, ["Restart=always is missing or differs", "Wants=network-online.target is missing"]);
    }
}
