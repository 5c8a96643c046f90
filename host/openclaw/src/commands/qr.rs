//! `openclaw qr`: a setup code for a new device, as text and as a picture. The gateway makes the code.

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::devices::{DevicePairSetupCode, DevicePairSetupCodeParams};
use openclaw_secrets::Secret;

use crate::{
    client::{self, RpcFlags, TargetFlags},
    context::Context,
    error::CliError,
    output::{Output, clean, print_json, print_line, qr},
};

const DOWNGRADED: &str = "This Gateway URL uses plaintext ws://, so the setup code was limited for safety. Use wss:// or \
     Tailscale Serve, then generate a new code for full access.";

/// Flags of `openclaw qr`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw qr
  openclaw qr --public-url wss://gateway.example --limited
  openclaw qr --setup-code-only

Whoever has the code gets in with it, once, within ten minutes: show it to nobody else.")]
pub(crate) struct Flags {
    /// Where the device reaches the gateway (wss://…); without it, where the gateway listens
    #[arg(long, value_name = "URL", visible_alias = "url")]
    public_url: Option<String>,
    /// The device reaches the gateway at its gateway.remote.url
    #[arg(long, conflicts_with = "public_url")]
    remote: bool,
    /// Let the device do everything but administer the gateway
    #[arg(long)]
    limited: bool,
    /// Print the code alone
    #[arg(long)]
    setup_code_only: bool,
    /// Draw no picture
    #[arg(long)]
    no_ascii: bool,
    /// Shared token of the gateway
    #[arg(long, value_name = "TOKEN", conflicts_with = "password")]
    token: Option<Secret>,
    /// Shared password of the gateway
    #[arg(long, value_name = "PASSWORD")]
    password: Option<Secret>,
    /// How long to wait, in milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    timeout: Option<u64>,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let params = DevicePairSetupCodeParams {
        public_url: flags.public_url.clone(),
        prefer_remote_url: flags.remote.then_some(true),
        include_qr: None,
        bootstrap_profile: flags.limited.then(|| "limited".to_owned()),
    };
    // `--url` is the device's way here, not this command's.
    let target = TargetFlags { url: None, token: flags.token.clone(), password: flags.password.clone() };
    let (raw, made) = client::ask(context, &RpcFlags { target, timeout: flags.timeout }, &params)?;
    if context.json {
        print_json(&raw)?;
    } else if flags.setup_code_only {
        if made.access_downgraded {
            crate::output::note(DOWNGRADED);
        }
        print_line(&made.setup_code)?;
    } else {
        print_line(&text(&made, flags.no_ascii, context.output))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(made: &DevicePairSetupCode, no_picture: bool, output: Output) -> String {
    let mut lines = vec![
        output.bold("Pairing QR"),
        "Scan this with the OpenClaw mobile app (Onboarding -> Scan QR).".to_owned(),
        String::new(),
    ];
    if !no_picture {
        let picture = qr::draw(&made.setup_code, output);
        lines.push(picture.unwrap_or_else(|| "The code is too long for a picture; type it in.".to_owned()));
        lines.push(String::new());
    }
    lines.push(format!("Setup code: {}", clean(&made.setup_code)));
    lines.push(format!("Gateway: {}", clean(&made.gateway_url)));
    lines.push(format!("Auth: {}", clean(&made.auth)));
    lines.push(format!("Access: {}", clean(&made.access)));
    if made.access_downgraded {
        lines.push(output.warn(DOWNGRADED));
    }
    lines.push(format!("Source: {}", clean(&made.url_source)));
    lines.push(String::new());
    // The original asks for an approval here; this gateway needs none.
    lines.push(
        "The code lets one device in, within ten minutes and without an approval. See who came:".to_owned(),
    );
    lines.push("  openclaw devices list".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_with_what_it_gives() {
        let made = DevicePairSetupCode {
            setup_id: "id".to_owned(),
            setup_code: "eyJ1cmwiOiJ3cyJ9".to_owned(),
            gateway_url: "ws://10.0.0.5:18789".to_owned(),
            auth: "token".to_owned(),
            url_source: "gateway.bind".to_owned(),
            access: "limited".to_owned(),
            access_downgraded: true,
            expires_at_ms: 1,
        };
        let plain = Output { columns: None, color: false };
        let expected = format!(
            "Pairing QR\nScan this with the OpenClaw mobile app (Onboarding -> Scan QR).\n\n\
             Setup code: eyJ1cmwiOiJ3cyJ9\nGateway: ws://10.0.0.5:18789\nAuth: token\nAccess: limited\n{DOWNGRADED}\n\
             Source: gateway.bind\n\n\
             The code lets one device in, within ten minutes and without an approval. See who came:\n  \
             openclaw devices list"
        );
        assert_eq!(text(&made, true, plain), expected);
        let drawn = text(&made, false, plain);
        assert!(drawn.contains(&qr::draw(&made.setup_code, plain).unwrap()), "{drawn}");
    }
}
