//! A launchd agent as text (openclaw-compat §1.12). Runs nothing.

use std::path::{Path, PathBuf};

use super::definition::{Definition, Installed};

/// The agent's label.
pub(super) fn label(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!("ai.openclaw.gateway.{profile}"),
        None => "ai.openclaw.gateway".to_owned(),
    }
}

/// Where the agent lies.
pub(super) fn plist_path(home: &Path, profile: Option<&str>) -> PathBuf {
    home.join("Library/LaunchAgents").join(format!("{}.plist", label(profile)))
}

/// Where its output goes.
pub(super) fn log_path(home: &Path) -> PathBuf {
    home.join("Library/Logs/openclaw/gateway.log")
}

/// The text of the property list.
pub(super) fn render(definition: &Definition) -> String {
    let string = |text: &str| format!("<string>{}</string>", escaped(text));
    let log = string(&log_path(&definition.home).display().to_string());
    let label = label(definition.profile.as_deref());
    let arguments: String =
        definition.command.iter().map(|word| format!("\n      {}", string(word))).collect();
    let marker = ("OPENCLAW_LAUNCHD_LABEL".to_owned(), label.clone());
    let environment: String = definition
        .environment
        .clone()
        .into_iter()
        .chain([marker])
        .map(|(name, value)| format!("\n      <key>{}</key>\n      {}", escaped(&name), string(&value)))
        .collect();
    let pairs = [
        ("Label", string(&label)),
        ("Comment", string(&definition.description())),
        ("RunAtLoad", "<true/>".to_owned()),
        ("KeepAlive", "<true/>".to_owned()),
        ("ExitTimeOut", "<integer>20</integer>".to_owned()),
        ("ProcessType", string("Interactive")),
        ("ThrottleInterval", "<integer>10</integer>".to_owned()),
        // 0o77 in decimal, as property lists have it.
        ("Umask", "<integer>63</integer>".to_owned()),
        ("ProgramArguments", format!("<array>{arguments}\n    </array>")),
        ("WorkingDirectory", string(&definition.working_directory.display().to_string())),
        ("StandardInPath", string("/dev/null")),
        ("StandardOutPath", log.clone()),
        ("StandardErrorPath", log),
        ("EnvironmentVariables", format!("<dict>{environment}\n    </dict>")),
    ];
    let body: String =
        pairs.iter().map(|(key, value)| format!("    <key>{key}</key>\n    {value}\n")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n  <dict>\n{body}  </dict>\n</plist>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Reads an agent: the strings of the two lists that matter here.
pub(super) fn parse(text: &str, source: &Path) -> Installed {
    let strings = |block: &str| -> Vec<String> {
        let parts = block.split("<string>").skip(1);
        parts.filter_map(|part| part.split_once("</string>").map(|(text, _)| plain(text))).collect()
    };
    let after = |key: &str, open: &str, close: &str| -> Option<String> {
        let (_, rest) = text.split_once(&format!("<key>{key}</key>"))?;
        let (_, rest) = rest.split_once(open)?;
        rest.split_once(close).map(|(block, _)| block.to_owned())
    };
    let command = after("ProgramArguments", "<array>", "</array>").map(|block| strings(&block));
    let environment = after("EnvironmentVariables", "<dict>", "</dict>").unwrap_or_default();
    let names = environment.split("<key>").skip(1).filter_map(|part| part.split_once("</key>"));
    let names: Vec<String> = names.map(|(name, _)| plain(name)).collect();
    Installed {
        command: command.unwrap_or_default(),
        working_directory: after("WorkingDirectory", "<string>", "</string>").map(|text| plain(&text)),
        environment: names.into_iter().zip(strings(&environment)).collect(),
        source: source.to_owned(),
    }
}

fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::super::definition::testing::sample;
    use super::*;

    #[test]
    fn the_agent_has_the_fixed_policy() {
        let text = render(&sample(None));
        for expected in [
            "<key>Label</key>\n    <string>ai.openclaw.gateway</string>",
            "<key>RunAtLoad</key>\n    <true/>",
            "<key>KeepAlive</key>\n    <true/>",
            "<key>ExitTimeOut</key>\n    <integer>20</integer>",
            "<key>ProcessType</key>\n    <string>Interactive</string>",
            "<key>ThrottleInterval</key>\n    <integer>10</integer>",
            "<key>Umask</key>\n    <integer>63</integer>",
            "<key>StandardInPath</key>\n    <string>/dev/null</string>",
            "<key>StandardOutPath</key>\n    <string>/home/me/Library/Logs/openclaw/gateway.log</string>",
            "<string>/opt/my tools/openclaw</string>",
            "<string>100% &quot;a\\b&quot; $x &lt;&amp;&gt;</string>",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
        assert_eq!(
            plist_path(Path::new("/h"), Some("work")),
            Path::new("/h/Library/LaunchAgents/ai.openclaw.gateway.work.plist")
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let definition = sample(None);
        let installed = parse(&render(&definition), Path::new("/p"));
        assert_eq!(installed.command, definition.command);
        assert_eq!(installed.environment["ODD"], definition.environment["ODD"]);
        assert_eq!(installed.working_directory.as_deref(), Some("/home/me/.openclaw"));
    }
}
