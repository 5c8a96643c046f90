//! The commands. Which method and right each needs was observed at the original's own command line.

use openclaw_protocol::Scope;
use serde_json::Value;

use super::{
    Flag, Kind, Read,
    show::{Column, Kind as Value_, Show},
};

const fn plain(heading: &'static str, at: &'static [&'static str]) -> Column {
    Column { heading, at, kind: Value_::Plain }
}

const fn time(heading: &'static str, at: &'static [&'static str]) -> Column {
    Column { heading, at, kind: Value_::Time }
}

const fn flag(name: &'static str, key: &'static str, kind: Kind, about: &'static str) -> Flag {
    Flag { name, about, key, kind }
}

const NODES: Show = Show::Rows {
    at: "/nodes",
    columns: &[
        plain("Name", &["/displayName", "/nodeId"]),
        plain("ID", &["/nodeId"]),
        plain("Platform", &["/platform"]),
        plain("Connected", &["/connected"]),
        plain("Paired", &["/paired"]),
    ],
    empty: "Known: 0 · Paired: 0 · Connected: 0",
};

const AGENT: &[Flag] = &[flag("agent", "agentId", Kind::Text, "Of this agent (default: the default agent)")];

/// The commands, in the order of the help.
pub(super) const READS: &[Read] = &[
    Read {
        path: &["agents", "list"],
        about: "List the agents",
        example: "agents list",
        method: "agents.list",
        scope: Scope::Read,
        flags: &[],
        show: Show::Rows {
            at: "/agents",
            columns: &[
                plain("ID", &["/id"]),
                plain("Name", &["/identity/name", "/name"]),
                plain("Model", &["/model/primary"]),
                plain("Workspace", &["/workspace"]),
            ],
            empty: "No agents.",
        },
    },
    Read {
        path: &["system", "presence"],
        about: "List who is connected",
        example: "system presence",
        method: "system-presence",
        scope: Scope::Read,
        flags: &[],
        show: Show::Rows {
            at: "",
            columns: &[
                plain("Host", &["/host", "/clientId"]),
                plain("Mode", &["/mode"]),
                plain("Version", &["/version"]),
                plain("Platform", &["/platform"]),
                plain("IP", &["/ip"]),
                time("Seen", &["/ts"]),
            ],
            empty: "Nobody is connected.",
        },
    },
    Read {
        path: &["system", "heartbeat", "last"],
        about: "Show the last heartbeat",
        example: "system heartbeat last",
        method: "last-heartbeat",
        scope: Scope::Read,
        flags: &[],
        show: Show::Facts {
            facts: &[
                time("Last heartbeat", &["/ts"]),
                plain("Status", &["/status"]),
                plain("Channel", &["/channel"]),
                plain("To", &["/to"]),
                plain("Text", &["/preview"]),
            ],
            empty: "There was no heartbeat yet.",
        },
    },
    Read {
        path: &["system", "event"],
        about: "Tell the agent something that it takes into account in its next turn",
        example: "system event --text \"the backup is done\"\nsystem event --text \"look at this\" --mode now",
        method: "wake",
        scope: Scope::Write,
        flags: &[
            flag("text", "text", Kind::Required, "What to tell"),
            flag("mode", "mode", Kind::Choice(&["next-heartbeat", "now"]), "When the agent shall look at it"),
            flag("session-key", "sessionKey", Kind::Text, "The session (default: the agent's main session)"),
        ],
        show: Show::Done(|_| "ok".to_owned()),
    },
    Read {
        path: &["nodes", "list"],
        about: "List the machines that are known",
        example: "nodes list",
        method: "node.list",
        scope: Scope::Read,
        flags: &[],
        show: NODES,
    },
    Read {
        path: &["nodes", "status"],
        about: "Show which machines are connected",
        example: "nodes status",
        method: "node.list",
        scope: Scope::Read,
        flags: &[],
        show: NODES,
    },
    Read {
        path: &["nodes", "pending"],
        about: "List the machines that wait to be let in",
        example: "nodes pending",
        method: "node.pair.list",
        scope: Scope::Pairing,
        flags: &[],
        show: Show::Rows {
            at: "/pending",
            columns: &[
                plain("Request", &["/requestId"]),
                plain("Name", &["/displayName", "/nodeId"]),
                plain("Platform", &["/platform"]),
                plain("IP", &["/remoteIp"]),
                time("Age", &["/ts"]),
            ],
            empty: "No pending pairing requests.",
        },
    },
    Read {
        path: &["cron", "list"],
        about: "List the scheduled jobs",
        example: "cron list\ncron list --all --json",
        method: "cron.list",
        scope: Scope::Read,
        flags: &[flag("all", "includeDisabled", Kind::Switch, "Also those that are switched off")],
        show: Show::Rows {
            at: "/jobs",
            columns: &[
                plain("ID", &["/id"]),
                plain("Name", &["/displayName", "/name"]),
                plain("Enabled", &["/enabled"]),
                time("Next", &["/nextRunAtMs", "/state/nextRunAtMs"]),
                time("Last", &["/lastRunAtMs", "/state/lastRunAtMs"]),
                plain("Status", &["/lastRunStatus", "/state/lastStatus"]),
            ],
            empty: "No cron jobs.",
        },
    },
    Read {
        path: &["cron", "status"],
        about: "Show whether the scheduler runs",
        example: "cron status",
        method: "cron.status",
        scope: Scope::Read,
        flags: &[],
        show: Show::Facts {
            facts: &[
                plain("Enabled", &["/enabled"]),
                plain("Jobs", &["/jobs"]),
                time("Next wake", &["/nextWakeAtMs"]),
            ],
            empty: "The gateway has no scheduler.",
        },
    },
    Read {
        path: &["users", "list"],
        about: "List the profiles of people",
        example: "users list",
        method: "users.list",
        scope: Scope::Read,
        flags: &[],
        show: Show::Rows {
            at: "/profiles",
            columns: &[
                plain("ID", &["/id", "/profileId"]),
                plain("Name", &["/displayName", "/name"]),
                plain("Emails", &["/emails"]),
            ],
            empty: "No users.",
        },
    },
    Read {
        path: &["hooks", "list"],
        about: "List the internal hooks",
        example: "hooks list",
        method: "hooks.status",
        scope: Scope::Read,
        flags: AGENT,
        show: Show::Rows {
            at: "/hooks",
            columns: &[
                plain("Name", &["/name"]),
                plain("Events", &["/events"]),
                plain("Ready", &["/eligible"]),
                plain("Source", &["/source"]),
                plain("Description", &["/description"]),
            ],
            empty: "No hooks found.",
        },
    },
    Read {
        path: &["skills", "list"],
        about: "List the skills of an agent",
        example: "skills list\nskills list --agent main",
        method: "skills.status",
        scope: Scope::Read,
        flags: AGENT,
        show: Show::Rows {
            at: "/skills",
            columns: &[
                plain("Name", &["/name"]),
                plain("Ready", &["/eligible"]),
                plain("Source", &["/source"]),
                plain("Description", &["/description"]),
            ],
            empty: "No skills found.",
        },
    },
    Read {
        path: &["secrets", "reload"],
        about: "Resolve the references to secrets again, without a restart",
        example: "secrets reload",
        method: "secrets.reload",
        scope: Scope::Admin,
        flags: &[],
        show: Show::Done(|answer| match answer.get("warningCount").and_then(Value::as_u64) {
            Some(count @ 1..) => format!("Secrets reloaded with {count} warning(s). See openclaw doctor."),
            _ => "Secrets reloaded.".to_owned(),
        }),
    },
    Read {
        path: &["audit"],
        about: "Show the record of what agents did",
        example: "audit\naudit --limit 20 --kind message",
        method: "audit.activity.list",
        scope: Scope::Read,
        flags: &[
            flag("agent", "agentId", Kind::Text, "Only this agent"),
            flag("kind", "kind", Kind::Text, "Only agent_run, tool_action or message"),
            flag("status", "status", Kind::Text, "Only this outcome, for instance failed"),
            flag("channel", "channel", Kind::Text, "Only this channel"),
            flag("limit", "limit", Kind::Number, "At most so many (500)"),
        ],
        show: Show::Rows {
            at: "/events",
            columns: &[
                time("Age", &["/occurredAt"]),
                plain("Action", &["/action", "/kind"]),
                plain("Status", &["/status"]),
                plain("Agent", &["/agentId"]),
                plain("Session", &["/sessionKey"]),
            ],
            empty: "No activity is recorded.",
        },
    },
    Read {
        path: &["update", "status"],
        about: "Show whether a newer version is known",
        example: "update status",
        method: "update.status",
        scope: Scope::Admin,
        flags: &[],
        show: Show::Facts {
            facts: &[
                plain("Channel", &["/effectiveChannel"]),
                plain("Newer version", &["/updateAvailable/latestVersion"]),
                plain("Installs by itself", &["/schedule/autoEnabled"]),
            ],
            empty: "Nothing is known about updates.",
        },
    },
    Read {
        path: &["gateway", "usage-cost"],
        about: "Show what the models cost",
        example: "gateway usage-cost\ngateway usage-cost --days 7 --json",
        method: "usage.cost",
        scope: Scope::Read,
        flags: &[flag("days", "days", Kind::Number, "Of the last days (30)")],
        show: Show::Facts {
            facts: &[
                plain("Days", &["/days"]),
                Column { heading: "Cost", at: &["/totals/totalCost"], kind: Value_::Dollars },
                plain("Tokens", &["/totals/totalTokens"]),
                plain("Input", &["/totals/input"]),
                plain("Output", &["/totals/output"]),
            ],
            empty: "No cost is recorded.",
        },
    },
    Read {
        path: &["gateway", "stability"],
        about: "Show what the gateway noted about itself lately",
        example: "gateway stability\ngateway stability --limit 10 --json",
        method: "diagnostics.stability",
        scope: Scope::Read,
        flags: &[
            flag("limit", "limit", Kind::Number, "At most so many"),
            flag("type", "type", Kind::Text, "Only this type, for instance model.call.error"),
        ],
        show: Show::Rows {
            at: "/events",
            columns: &[
                time("Age", &["/ts"]),
                plain("Type", &["/type"]),
                plain("Outcome", &["/outcome"]),
                plain("Reason", &["/reason"]),
                plain("Channel", &["/channel"]),
            ],
            empty: "Nothing is noted.",
        },
    },
];
