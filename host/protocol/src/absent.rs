//! Methods about things of which this gateway has none: they answer truthfully, in the shape that clients know, that
//! there is nothing. They need no types of their own: the gateway writes each answer down as it travels.

use crate::{
    method::{Method, Permission},
    scope::Scope,
    shape::{Field, Kind},
};

const fn read(name: &'static str, shape: &'static [Field], purpose: &'static str) -> Method {
    let permission = Permission::Scope(Scope::Read);
    Method { name, permission, advertised: true, limited: false, shape, purpose }
}

const fn needing(permission: Permission, row: Method) -> Method {
    Method { permission, ..row }
}

const AGENT: Field = Field::optional("agentId", Kind::NonEmpty);
const SESSION: Field = Field::optional("sessionKey", Kind::NonEmpty);

const CRON_LIST: &[Field] = &[
    Field::optional("includeDisabled", Kind::Bool),
    Field::optional("limit", Kind::Int(1, 200)),
    Field::optional("offset", Kind::Int(0, i64::MAX)),
    Field::optional("query", Kind::Text),
    Field::optional("enabled", Kind::Union(&["all", "enabled", "disabled"])),
    Field::optional("scheduleKind", Kind::Union(&["all", "at", "every", "cron", "on-exit", "stream"])),
    Field::optional("lastRunStatus", Kind::Union(&["all", "ok", "error", "skipped", "unknown"])),
    Field::optional("trigger", Kind::Union(&["all", "conditional", "unconditional"])),
    Field::optional("sortBy", Kind::Union(&["nextRunAtMs", "updatedAtMs", "name"])),
    Field::optional("sortDir", Kind::Union(&["asc", "desc"])),
    AGENT,
    SESSION,
    Field::optional("compact", Kind::Bool),
    Field::optional("includeDeliveryPreviews", Kind::Bool),
];

const AUDIT: &[Field] = &[
    AGENT,
    SESSION,
    Field::optional("runId", Kind::NonEmpty),
    Field::optional("kind", Kind::Union(&["agent_run", "tool_action", "message"])),
    Field::optional(
        "status",
        Kind::Union(&["started", "succeeded", "failed", "cancelled", "timed_out", "blocked", "unknown"]),
    ),
    Field::optional("direction", Kind::Union(&["inbound", "outbound"])),
    Field::optional("channel", Kind::NonEmpty),
    Field::optional("after", Kind::Int(0, i64::MAX)),
    Field::optional("before", Kind::Int(0, i64::MAX)),
    Field::optional("limit", Kind::Int(1, 500)),
    Field::optional("cursor", Kind::NonEmpty),
];

const COST: &[Field] = &[
    Field::optional("days", Kind::Int(1, i64::MAX)),
    Field::optional("startDate", Kind::Text),
    Field::optional("endDate", Kind::Text),
    Field::optional("mode", Kind::Union(&["utc", "gateway", "specific"])),
    Field::optional("range", Kind::Text),
    Field::optional("utcOffset", Kind::Text),
    Field::optional("timeZone", Kind::Text),
    Field::optional("agentScope", Kind::Union(&["all"])),
    AGENT,
];

const TASKS: &[Field] = &[
    // One state or a list of them.
    Field::optional("status", Kind::Any),
    AGENT,
    SESSION,
    Field::optional("limit", Kind::Int(1, 500)),
    Field::optional("cursor", Kind::Text),
];

const MEMORY: &[Field] = &[AGENT, Field::optional("probe", Kind::Bool), Field::optional("deep", Kind::Bool)];

/// Their rows.
pub const METHODS: &[Method] = &[
    read("cron.list", CRON_LIST, "scheduled jobs: none"),
    read("cron.status", &[], "the scheduler: disabled"),
    read("last-heartbeat", &[AGENT], "an agent's last heartbeat: null, since there are none"),
    read("node.list", &[], "machines that offer commands: none"),
    needing(
        Permission::Scope(Scope::Pairing),
        read("node.pair.list", &[], "machines that wait to be let in, and those that are: none"),
    ),
    needing(Permission::Node, read("skills.bins", &[], "programs that a node should have: none")),
    read("skills.status", &[AGENT, SESSION], "an agent's skills: none"),
    read("hooks.status", &[AGENT], "an agent's internal hooks: none"),
    read("tools.catalog", &[AGENT, Field::optional("includePlugins", Kind::Bool)], "tools for agents: none"),
    read(
        "tools.effective",
        &[AGENT, Field::required("sessionKey", Kind::NonEmpty)],
        "tools of one session: none",
    ),
    read("tasks.list", TASKS, "background tasks: none"),
    needing(
        Permission::AtLeast(Scope::Read),
        read("environments.list", &[], "where sessions run: this gateway alone"),
    ),
    read("users.list", &[], "profiles of people: none"),
    read("users.self", &[], "the caller's own profile: refused, since connections have none"),
    read(
        "users.prefs.get",
        &[Field::optional("keys", Kind::Texts)],
        "the caller's preferences: none are kept",
    ),
    read("audit.activity.list", AUDIT, "the record of what agents did: none is kept"),
    needing(
        Permission::Scope(Scope::Admin),
        read(
            "update.status",
            &[Field::optional("refreshCheckout", Kind::Bool)],
            "updates: none are looked for",
        ),
    ),
    read("usage.status", &[], "quotas at the model providers: none are asked for"),
    read("usage.cost", COST, "cost by day: none is recorded"),
    read("doctor.memory.status", MEMORY, "memory search: there is none"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use serde_json::json;

    #[test]
    fn what_the_originals_command_line_sends_is_accepted() {
        for (name, params) in [
            ("cron.list", json!({"includeDisabled": false, "limit": 200, "offset": 0})),
            ("doctor.memory.status", json!({"probe": false})),
            ("usage.cost", json!({"days": 30})),
            ("skills.status", json!({"agentId": "main"})),
            ("hooks.status", json!({"agentId": "main"})),
            ("audit.activity.list", json!({"limit": 50, "kind": "message"})),
        ] {
            let row = METHODS.iter().find(|row| row.name == name).unwrap();
            assert_eq!(check(name, row.shape, Some(params.clone())), Ok(params));
        }
    }
}
