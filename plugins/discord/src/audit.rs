//! Whether the bot can do its work in a channel. Owns the arithmetic of Discord's permissions (Topics, "Permissions"):
//! roles of the server, then overwrites of the channel for everybody, for roles, and for the member.

use openclaw_sdk::host::Host;
use openclaw_sdk::http::Method;

use crate::api::{Channel, Member, Overwrite, Role};
use crate::outcome::Refusal;
use crate::rest::{Rest, Route};
use crate::rooms::Room;

const TIMEOUT_MS: u64 = 1_000;

const ADMINISTRATOR: u64 = 1 << 3;
const VIEW_CHANNEL: (u64, &str) = (1 << 10, "ViewChannel");
const SEND_MESSAGES: (u64, &str) = (1 << 11, "SendMessages");
const READ_MESSAGE_HISTORY: (u64, &str) = (1 << 16, "ReadMessageHistory");
const CONNECT: (u64, &str) = (1 << 20, "Connect");
const SPEAK: (u64, &str) = (1 << 21, "Speak");
const SEND_MESSAGES_IN_THREADS: (u64, &str) = (1 << 38, "SendMessagesInThreads");

/// What a server says about the bot; asked for once for all its channels.
#[derive(Debug, Default)]
pub(crate) struct Server {
    id: String,
    roles: Vec<Role>,
    own_roles: Vec<String>,
}

/// What is missing in a channel, if anything.
pub(crate) async fn missing<H: Host>(
    host: &H,
    rest: &Rest,
    me: &str,
    server: &mut Server,
    id: &str,
) -> Result<Vec<&'static str>, Refusal> {
    let channel = get(host, rest, id).await?;
    let Some(guild) = channel.guild_id.clone() else { return Ok(Vec::new()) };
    if server.id != guild {
        let roles = Route::on(Method::Get, "/guilds/{}/roles", &guild);
        let member = Route::on_two(Method::Get, "/guilds/{}/members/{}", &guild, me);
        let roles: Vec<Role> = rest.get(host, &roles, TIMEOUT_MS).await?;
        let member: Member = rest.get(host, &member, TIMEOUT_MS).await?;
        *server = Server { id: guild, roles, own_roles: member.roles };
    }
    let kind = channel.kind;
    // A thread has no overwrites of its own.
    let overwrites = match &channel.parent_id {
        Some(parent) if Room::is_thread(kind) => get(host, rest, parent).await?.permission_overwrites,
        _ => channel.permission_overwrites,
    };
    let has = effective(server, me, &overwrites);
    Ok(needed(kind).iter().filter(|(bit, _)| has & bit == 0).map(|(_, name)| *name).collect())
}

async fn get<H: Host>(host: &H, rest: &Rest, id: &str) -> Result<Channel, Refusal> {
    rest.get(host, &Route::on(Method::Get, "/channels/{}", id), TIMEOUT_MS).await
}

fn needed(kind: u8) -> &'static [(u64, &'static str)] {
    match kind {
        2 | 13 => &[VIEW_CHANNEL, CONNECT, SPEAK, SEND_MESSAGES, READ_MESSAGE_HISTORY],
        kind if Room::is_thread(kind) => &[VIEW_CHANNEL, SEND_MESSAGES_IN_THREADS],
        _ => &[VIEW_CHANNEL, SEND_MESSAGES],
    }
}

fn effective(server: &Server, me: &str, overwrites: &[Overwrite]) -> u64 {
    let own = |id: &str| server.own_roles.iter().any(|role| role == id);
    // The role of everybody has the id of the server.
    let roles = server.roles.iter().filter(|role| role.id == server.id || own(&role.id));
    let base = roles.fold(0, |all, role| all | bits(&role.permissions));
    if base & ADMINISTRATOR != 0 {
        return u64::MAX;
    }
    let apply = |before: u64, counts: &dyn Fn(&Overwrite) -> bool| {
        let chosen = || overwrites.iter().filter(|overwrite| counts(overwrite));
        let deny = chosen().fold(0, |all, overwrite| all | bits(&overwrite.deny));
        let allow = chosen().fold(0, |all, overwrite| all | bits(&overwrite.allow));
        before & !deny | allow
    };
    let everybody = apply(base, &|overwrite| overwrite.id == server.id);
    let by_role = apply(everybody, &|overwrite| overwrite.kind == 0 && own(&overwrite.id));
    apply(by_role, &|overwrite| overwrite.kind == 1 && overwrite.id == me)
}

/// Permissions travel as text.
fn bits(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use openclaw_sdk_test::FakeHost;
    use serde_json::{Value, json};

    use super::*;
    use crate::script::Script;

    const VIEW: u64 = 1 << 10;
    const SEND: u64 = 1 << 11;

    /// What is missing for the bot 1000, which has the role 5 of server 10.
    fn check(kind: u8, everybody: u64, role: u64, overwrites: &Value) -> Vec<&'static str> {
        let fake = FakeHost::new()
            .says(json!({"id": "20", "type": kind, "guild_id": "10", "permission_overwrites": overwrites}))
            .says(json!([{"id": "10", "permissions": everybody.to_string()}, {"id": "5", "permissions": role.to_string()},
                {"id": "6", "permissions": ADMINISTRATOR.to_string()}]))
            .says(json!({"roles": ["5"]}));
        fake.finish(missing(&fake, &Rest::new(), "1000", &mut Server::default(), "20")).unwrap()
    }

    fn overwrite(id: &str, kind: u8, allow: u64, deny: u64) -> Value {
        json!({"id": id, "type": kind, "allow": allow.to_string(), "deny": deny.to_string()})
    }

    #[test]
    fn roles_and_overwrites() {
        assert!(check(0, VIEW, SEND, &json!([])).is_empty());
        assert_eq!(check(0, VIEW, 0, &json!([])), ["SendMessages"]);
        assert!(check(0, 0, ADMINISTRATOR, &json!([overwrite("10", 0, 0, VIEW)])).is_empty());
        assert_eq!(check(0, VIEW | SEND, 0, &json!([overwrite("10", 0, 0, VIEW)])), ["ViewChannel"]);
        let back = json!([overwrite("10", 0, 0, VIEW), overwrite("5", 0, VIEW, 0)]);
        assert!(check(0, VIEW | SEND, 0, &back).is_empty());
        let own =
            json!([overwrite("5", 0, SEND, 0), overwrite("1000", 1, 0, SEND), overwrite("6", 0, 0, VIEW)]);
        assert_eq!(check(0, VIEW, 0, &own), ["SendMessages"]);
        assert_eq!(check(2, VIEW | SEND, 0, &json!([])), ["Connect", "Speak", "ReadMessageHistory"]);
    }

    #[test]
    fn a_thread_has_the_overwrites_of_its_parent() {
        let fake = FakeHost::new()
            .says(json!({"id": "30", "type": 11, "guild_id": "10", "parent_id": "20"}))
            .says(json!([{"id": "10", "permissions": (VIEW | 1 << 38).to_string()}]))
            .says(json!({"roles": []}))
            .says(json!({"id": "20", "type": 0, "guild_id": "10", "permission_overwrites": [overwrite("10", 0, 0, VIEW)]}));
        let missing =
            fake.finish(missing(&fake, &Rest::new(), "1000", &mut Server::default(), "30")).unwrap();
        assert_eq!(missing, ["ViewChannel"]);
        let asked =
            ["GET /channels/30", "GET /guilds/10/roles", "GET /guilds/10/members/1000", "GET /channels/20"];
        assert_eq!(fake.paths(), asked);
    }
}
