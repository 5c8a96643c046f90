//! The REST API: what a request does, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::State;
use super::bot::{Bot, DiscordSent};
use super::fault::{LimitScope, limited, refusal, set};
use crate::server::{self, Cut, Reply};

const MAX_TEXT: usize = 2_000;
const MAX_NONCE: usize = 25;
/// Of private channels, servers and threads, what the vendor counts apart.
const BUCKET: &str = "80c17d2f203122d936070c88c8d10f33";

/// A request of a bot.
pub(super) struct Asked {
    pub(super) token: String,
    /// Method and path with `{}` for each id.
    pub(super) route: String,
    pub(super) ids: Vec<String>,
    pub(super) params: Value,
}

impl Asked {
    /// `path` is below the base.
    pub(super) fn new(method: &str, path: &str, token: String, params: Value) -> Self {
        let mut ids = Vec::new();
        let segments: Vec<&str> = path
            .split('/')
            .map(|segment| {
                if segment.is_empty() || !segment.bytes().all(|byte| byte.is_ascii_digit()) {
                    return segment;
                }
                ids.push(segment.to_owned());
                "{}"
            })
            .collect();
        Self { token, route: format!("{method} {}", segments.join("/")), ids, params }
    }
}

/// Answers a request, with the next fault of its route if there is one.
pub(super) async fn answer(state: &Arc<State>, asked: &Asked) -> Result<Response<Reply>, Cut> {
    let fault = state.with(&asked.token, |bot| {
        bot.note(&asked.route, &asked.params);
        bot.faults.get_mut(&asked.route).and_then(std::collections::VecDeque::pop_front)
    });
    state.changed.notify_waiters();
    let proper = async {
        let answer = state.with(&asked.token, |bot| {
            if bot.revoked { unauthorised() } else { act(bot, asked, &state.gateway_url()) }
        });
        state.changed.notify_waiters();
        answer.unwrap_or_else(unauthorised)
    };
    match fault.flatten() {
        Some(fault) => fault.play(proper).await,
        None => Ok(proper.await),
    }
}

/// The answer to a token that is none.
pub(super) fn unauthorised() -> Response<Reply> {
    refusal(401, 0, "401: Unauthorized")
}

fn act(bot: &mut Bot, asked: &Asked, gateway_url: &str) -> Response<Reply> {
    match asked.route.as_str() {
        "GET /gateway/bot" => server::json(
            200,
            &json!({
                "url": gateway_url, "shards": 1,
                "session_start_limit": {"total": 1000, "remaining": bot.remaining, "reset_after": 86_400_000, "max_concurrency": 1},
            }),
        ),
        "GET /users/@me" => server::json(200, &bot.user()),
        "GET /applications/@me" | "GET /oauth2/applications/@me" => {
            server::json(200, &json!({"id": bot.id.to_string(), "name": bot.username, "flags": bot.flags()}))
        }
        "POST /users/@me/channels" => {
            let Some(user) = asked.params.get("recipient_id").and_then(Value::as_str).map(str::to_owned)
            else {
                return refusal(400, 50_035, "Invalid Form Body");
            };
            let room = bot.private(&user);
            server::json(200, &bot.rooms.get(&room).cloned().unwrap_or_default())
        }
        "GET /channels/{}" => match room(bot, asked) {
            Ok(room) => server::json(200, &room),
            Err(refused) => *refused,
        },
        "POST /channels/{}/typing" => match room(bot, asked) {
            Ok(_) => {
                sent(bot, asked, None, String::new());
                let mut response = Response::new(Reply::Whole(None));
                *response.status_mut() = hyper::StatusCode::NO_CONTENT;
                response
            }
            Err(refused) => *refused,
        },
        "GET /guilds/{}/roles" => {
            let everybody = json!({"id": asked.ids.first(), "name": "@everyone", "permissions": bot.permissions.to_string()});
            server::json(200, &json!([everybody]))
        }
        "GET /guilds/{}/members/{}" => {
            server::json(200, &json!({"user": bot.user(), "roles": [], "nick": null}))
        }
        "POST /channels/{}/messages" => within_limit(bot, asked, "", message),
        // A bucket of its own.
        "PATCH /channels/{}/messages/{}" => within_limit(bot, asked, "edit ", edit),
        route if route.contains("/messages/{}/reactions/") && route.ends_with("/@me") => react(bot, asked),
        _ => refusal(404, 0, "404: Not Found"),
    }
}

/// The room of the request, if there is one and the bot sees it.
fn room(bot: &Bot, asked: &Asked) -> Result<Value, Box<Response<Reply>>> {
    let id = asked.ids.first().and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
    let found =
        bot.rooms.get(&id).cloned().ok_or_else(|| Box::new(refusal(404, 10_003, "Unknown Channel")))?;
    if bot.hidden.contains(&id) { Err(Box::new(refusal(403, 50_001, "Missing Access"))) } else { Ok(found) }
}

/// Sends or edits a message within the bucket of its channel, whose state every answer tells.
fn within_limit(
    bot: &mut Bot,
    asked: &Asked,
    bucket: &str,
    act: fn(&mut Bot, &Asked) -> Response<Reply>,
) -> Response<Reply> {
    let (limit, window) = bot.limit;
    let now = Instant::now();
    let channel = format!("{bucket}{}", asked.ids.first().map_or("", String::as_str));
    let (begun, used) =
        bot.windows.get(&channel).copied().filter(|(begun, _)| now - *begun < window).unwrap_or((now, 0));
    let left = window.saturating_sub(now - begun);
    let (mut response, used) =
        if used >= limit { (limited(LimitScope::User, left), used) } else { (act(bot, asked), used + 1) };
    bot.windows.insert(channel, (begun, used));
    headers(&mut response, bucket, (limit, limit.saturating_sub(used)), left);
    response
}

fn headers(response: &mut Response<Reply>, bucket: &str, (limit, remaining): (u32, u32), left: Duration) {
    set(response, "x-ratelimit-bucket", &format!("{}{BUCKET}", bucket.trim()));
    set(response, "x-ratelimit-limit", &limit.to_string());
    set(response, "x-ratelimit-remaining", &remaining.to_string());
    set(response, "x-ratelimit-reset-after", &format!("{:.3}", left.as_secs_f64()));
}

fn message(bot: &mut Bot, asked: &Asked) -> Response<Reply> {
    let room = match room(bot, asked) {
        Ok(room) => room,
        Err(refused) => return *refused,
    };
    let params = &asked.params;
    let text = |key: &str| params.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let content = text("content");
    if content.trim().is_empty() {
        return refusal(400, 50_006, "Cannot send an empty message");
    }
    if content.chars().count() > MAX_TEXT {
        return invalid("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.");
    }
    let nonce = text("nonce");
    if nonce.len() > MAX_NONCE {
        return invalid("nonce", "NONCE_TYPE_TOO_LONG", "Nonce is too long.");
    }
    let known = (asked.ids.first().cloned().unwrap_or_default(), nonce);
    let enforced = params.get("enforce_nonce").and_then(Value::as_bool) == Some(true) && !known.1.is_empty();
    if let Some(before) = bot.nonces.get(&known).filter(|_| enforced) {
        return server::json(200, before);
    }
    if let Some(reference) = params.get("message_reference") {
        let cited = reference.get("message_id").and_then(Value::as_str).unwrap_or_default();
        let must_exist = reference.get("fail_if_not_exists").and_then(Value::as_bool) != Some(false);
        if must_exist && !bot.messages.contains_key(cited) {
            return invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message");
        }
    }
    let id = bot.id().to_string();
    let mut message = json!({"id": id, "channel_id": known.0, "type": 0, "content": content, "author": bot.user(),
        "nonce": known.1, "flags": params.get("flags"), "mentions": [], "attachments": [], "embeds": [],
        "timestamp": "2026-01-01T00:00:00.000000+00:00", "edited_timestamp": null});
    if enforced {
        bot.nonces.insert(known, message.clone());
    }
    sent(bot, asked, Some(content), id);
    // The bot hears itself, as everybody does.
    if let (Some(guild), Some(message)) = (room.get("guild_id"), message.as_object_mut()) {
        message.insert("guild_id".to_owned(), guild.clone());
    }
    bot.tell("MESSAGE_CREATE", &message);
    server::json(200, &message)
}

/// Changes what a message of the bot's says.
fn edit(bot: &mut Bot, asked: &Asked) -> Response<Reply> {
    let room = match room(bot, asked) {
        Ok(room) => room,
        Err(refused) => return *refused,
    };
    let [channel, id] = asked.ids.as_slice() else { return refusal(404, 10_008, "Unknown Message") };
    let own = bot.user().get("id").cloned();
    let found = bot.messages.get(id).filter(|message| message.get("channel_id") == Some(&json!(channel)));
    let Some(mut message) = found.cloned() else { return refusal(404, 10_008, "Unknown Message") };
    if message.pointer("/author/id") != own.as_ref() {
        return refusal(403, 50_005, "Cannot edit a message authored by another user");
    }
    let content = asked.params.get("content").and_then(Value::as_str).unwrap_or_default().to_owned();
    if content.trim().is_empty() {
        return refusal(400, 50_006, "Cannot send an empty message");
    }
    if content.chars().count() > MAX_TEXT {
        return invalid("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.");
    }
    bot.edits.push(DiscordSent {
        at: Instant::now(),
        channel_id: channel.clone(),
        content: Some(content.clone()),
        message_id: id.clone(),
        params: asked.params.clone(),
    });
    if let Some(message) = message.as_object_mut() {
        message.insert("content".to_owned(), json!(content));
        message.insert("edited_timestamp".to_owned(), json!("2026-01-01T00:00:01.000000+00:00"));
        if let Some(guild) = room.get("guild_id") {
            message.insert("guild_id".to_owned(), guild.clone());
        }
    }
    bot.tell("MESSAGE_UPDATE", &message);
    server::json(200, &message)
}

/// Sets a reaction of the bot's, or takes it away.
fn react(bot: &mut Bot, asked: &Asked) -> Response<Reply> {
    if let Err(refused) = room(bot, asked) {
        return *refused;
    }
    let method = asked.route.split(' ').next().unwrap_or_default();
    let emoji = asked.route.rsplit('/').nth(1).unwrap_or_default();
    let message = asked.ids.get(1).cloned().unwrap_or_default();
    if !bot.messages.contains_key(&message) {
        return refusal(404, 10_008, "Unknown Message");
    }
    // Letters alone are no emoji: a custom one has a colon and its id.
    if !emoji.contains('%') {
        return refusal(400, 10_014, "Unknown Emoji");
    }
    if !matches!(method, "PUT" | "DELETE") {
        return refusal(405, 0, "405: Method Not Allowed");
    }
    bot.reactions.push((method.to_owned(), message, emoji.to_owned()));
    let mut response = Response::new(Reply::Whole(None));
    *response.status_mut() = hyper::StatusCode::NO_CONTENT;
    response
}

fn invalid(field: &str, code: &str, words: &str) -> Response<Reply> {
    let errors = json!({field: {"_errors": [{"code": code, "message": words}]}});
    server::json(400, &json!({"code": 50_035, "message": "Invalid Form Body", "errors": errors}))
}

fn sent(bot: &mut Bot, asked: &Asked, content: Option<String>, message_id: String) {
    bot.sent.push(DiscordSent {
        at: Instant::now(),
        channel_id: asked.ids.first().cloned().unwrap_or_default(),
        content,
        message_id,
        params: asked.params.clone(),
    });
}
