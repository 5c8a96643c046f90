//! What a started gateway says: where it is, for programs in the log and for people on standard output.

use std::io::{self, IsTerminal as _};
use std::time::Instant;

use openclaw_config::Bind;
use openclaw_config::start::GatewayAuth;
use tracing::info;

use crate::process::Gateway;

/// Says where the gateway is, for programs in the log and for people on standard output.
pub(super) fn announce(gateway: &Gateway, port: u16, bind: Bind, auth: &GatewayAuth, began: Instant) {
    let pid = std::process::id();
    let (ws, web) = if gateway.tls.is_some() { ("wss", "https") } else { ("ws", "http") };
    for address in &gateway.listening {
        info!("listening on {ws}://{address} (PID {pid})");
    }
    let plugins = gateway.plugins.get().health().loaded;
    let names = if plugins.is_empty() { "none".to_owned() } else { plugins.join(", ") };
    info!(
        "http server listening ({} plugins: {names}; {:.1}s)",
        plugins.len(),
        began.elapsed().as_secs_f64()
    );
    info!("log file: {}", gateway.log.path().display());
    let model = gateway.model_choice.get();
    let mut lines = vec![
        format!("OpenClaw gateway {} is running (PID {pid}).", crate::VERSION),
        format!("  listening on {ws}://127.0.0.1:{port} (bind {})", bind.as_str()),
        format!("  API          {web}://127.0.0.1:{port}/v1 (Authorization: Bearer <token>)"),
        format!("  agent model  {} ({})", model.reference, model.detail),
        format!("  log file     {}", gateway.log.path().display()),
    ];
    if let Some(tls) = &gateway.tls {
        info!("TLS certificate sha256 {}", tls.fingerprint());
        lines.push(format!("  TLS sha256   {}", tls.fingerprint()));
    }
    if let Some(secret) = auth.secret.as_ref().filter(|_| auth.ephemeral) {
        info!(
            "no gateway token is configured: one was made up for this run and is kept in memory alone. To set one: \
             openclaw config set gateway.auth.token <token>"
        );
        // A terminal forgets; what stands behind a pipe or a service manager keeps it.
        let shown = if io::stdout().is_terminal() { secret.expose() } else { "(shown on a terminal only)" };
        lines.push(format!("  token        {shown} (made up for this run: no token is configured)"));
    }
    lines.push(format!("Try next: {} agent --message \"hello\"", own_name()));
    // Standard output may be closed; the log has said the same.
    drop(io::Write::write_all(&mut io::stdout().lock(), format!("{}\n", lines.join("\n")).as_bytes()));
}

/// How a person types this program: by its name where the shell would find it, else by its path.
fn own_name() -> String {
    let Ok(program) = std::env::current_exe() else { return "openclaw".to_owned() };
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path)
            .any(|folder| folder.join("openclaw").canonicalize().ok() == program.canonicalize().ok())
    });
    if on_path {
        return "openclaw".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    program.strip_prefix(&here).unwrap_or(&program).display().to_string()
}
