//! The methods of the Bot API that a bot for texts and files uses.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::bot::{Sent, now};
use super::{State, html};
use crate::multipart::SentFile;
use crate::server::{self, Reply};

/// UTF-16 units of a message after its markup is taken out.
const MAX_TEXT: usize = 4096;
/// UTF-16 units of what stands under a file.
const MAX_CAPTION: usize = 1024;
/// Bytes of the largest file that a bot is given.
const MAX_DOWNLOAD: usize = 20 << 20;
/// What sends a file, and the field that the file stands in.
const SENDS: [(&str, &str); 6] = [
    ("sendPhoto", "photo"),
    ("sendDocument", "document"),
    ("sendVideo", "video"),
    ("sendAnimation", "animation"),
    ("sendAudio", "audio"),
    ("sendVoice", "voice"),
];
/// The longest a poll may wait, in seconds.
const MAX_WAIT: u64 = 50;

/// What a bot may react with (Bot API, `ReactionTypeEmoji`).
const REACTIONS: &str = "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡";

type Answer = Result<Value, (u16, String)>;

impl State {
    /// Answers one call of a bot that exists.
    pub(super) async fn call(
        self: &Arc<Self>,
        token: &str,
        method: &str,
        params: &Value,
        file: Option<SentFile>,
    ) -> Response<Reply> {
        let answer = match method {
            _ if self.lock().get(token).is_none_or(|bot| bot.revoked) => {
                Err((401, "Unauthorized".to_owned()))
            }
            "getupdates" => self.get_updates(token, params).await,
            _ => {
                let answer = self.at_once(token, method, params, file);
                self.changed.notify_waiters();
                answer
            }
        };
        match answer {
            Ok(result) => server::json(200, &json!({"ok": true, "result": result})),
            Err((status, description)) => refusal(status, &description),
        }
    }

    fn at_once(&self, token: &str, method: &str, params: &Value, file: Option<SentFile>) -> Answer {
        let mut bots = self.lock();
        let Some(bot) = bots.get_mut(token) else { return Err((404, "Not Found".to_owned())) };
        match method {
            "getme" => Ok(bot.user()),
            "setwebhook" | "deletewebhook" => {
                bot.webhook = params.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
                if method == "deletewebhook" {
                    bot.webhook.clear();
                }
                if params.get("drop_pending_updates") == Some(&json!(true)) {
                    bot.updates.clear();
                }
                bot.latest_poll += u64::from(!bot.webhook.is_empty());
                Ok(json!(true))
            }
            "getwebhookinfo" => Ok(json!({
                "url": bot.webhook, "has_custom_certificate": false, "pending_update_count": bot.updates.len(),
            })),
            "setmycommands" => {
                bot.commands = params.get("commands").cloned().unwrap_or_else(|| json!([]));
                Ok(json!(true))
            }
            "deletemycommands" => {
                bot.commands = json!([]);
                Ok(json!(true))
            }
            "getmycommands" => Ok(bot.commands.clone()),
            "sendchataction" => {
                let chat_id = chat_id(params)?;
                if params.get("action").and_then(Value::as_str).is_none() {
                    return Err(bad("Bad Request: wrong parameter action in request"));
                }
                let (at, method) = (Instant::now(), "sendChatAction".to_owned());
                bot.sent.push(Sent {
                    at,
                    method,
                    chat_id,
                    text: String::new(),
                    message_id: 0,
                    params: params.clone(),
                    file: None,
                });
                Ok(json!(true))
            }
            "editmessagetext" => {
                let chat_id = chat_id(params)?;
                let text = plain_text(params, "text", MAX_TEXT)?;
                let message_id = params.get("message_id").and_then(Value::as_i64).unwrap_or_default();
                let shown = bot.visible.get_mut(&message_id).filter(|shown| shown.0 == chat_id);
                let shown = shown.ok_or_else(|| bad("Bad Request: message to edit not found"))?;
                let asked = written(params);
                if shown.2 == asked {
                    return Err(bad(NOT_MODIFIED));
                }
                *shown = (chat_id.clone(), text.clone(), asked);
                let chat = chat_id.parse::<i64>().map_or_else(|_| json!(chat_id), |id| json!(id));
                let message = json!({
                    "message_id": message_id, "from": bot.user(), "chat": {"id": chat, "type": "private"}, "date": now(),
                    "edit_date": now(), "text": text,
                });
                let (at, method, params) = (Instant::now(), "editMessageText".to_owned(), params.clone());
                bot.sent.push(Sent { at, method, chat_id, text, message_id, params, file: None });
                Ok(message)
            }
            "setmessagereaction" => {
                chat_id(params)?;
                let message_id = params.get("message_id").and_then(Value::as_i64).unwrap_or_default();
                if !(1..bot.next_message).contains(&message_id) {
                    return Err(bad("Bad Request: message to react not found"));
                }
                let emoji = params.pointer("/reaction/0/emoji").and_then(Value::as_str).map(str::to_owned);
                if emoji.as_deref().is_some_and(|emoji| !REACTIONS.split(' ').any(|known| known == emoji)) {
                    return Err(bad("Bad Request: REACTION_INVALID"));
                }
                bot.reactions.push((message_id, emoji));
                Ok(json!(true))
            }
            "getfile" => {
                let id = params.get("file_id").and_then(Value::as_str).unwrap_or_default();
                let unknown = "Bad Request: wrong file_id or the file is temporarily unavailable";
                let size = bot.files.get(id).ok_or_else(|| bad(unknown))?.len();
                if size > MAX_DOWNLOAD {
                    return Err(bad("Bad Request: file is too big"));
                }
                Ok(json!({"file_id": id, "file_unique_id": id, "file_size": size, "file_path": id}))
            }
            "sendmessage" | "sendphoto" | "senddocument" | "sendvideo" | "sendanimation" | "sendaudio"
            | "sendvoice" => {
                let chat_id = chat_id(params)?;
                let named = SENDS.iter().find(|(name, _)| name.to_ascii_lowercase() == method);
                let (name, field) = named.copied().unwrap_or(("sendMessage", ""));
                if file.as_ref().map_or("", |file| file.field.as_str()) != field {
                    return Err(bad(&format!("Bad Request: there is no {field} in the request")));
                }
                let text = match field {
                    "" => plain_text(params, "text", MAX_TEXT)?,
                    _ if params.get("caption").is_none() => String::new(),
                    _ => plain_text(params, "caption", MAX_CAPTION)?,
                };
                if params.get("message_thread_id") == Some(&json!(1)) {
                    return Err(bad("Bad Request: message thread not found"));
                }
                let message_id = bot.message_id();
                let chat = chat_id.parse::<i64>().map_or_else(|_| json!(chat_id), |id| json!(id));
                let kind = if chat_id.starts_with('-') { "supergroup" } else { "private" };
                let message = json!({
                    "message_id": message_id, "from": bot.user(), "chat": {"id": chat, "type": kind}, "date": now(),
                    "text": text,
                });
                bot.visible.insert(message_id, (chat_id.clone(), text.clone(), written(params)));
                let (at, method, params) = (Instant::now(), name.to_owned(), params.clone());
                bot.sent.push(Sent { at, method, chat_id, text, message_id, params, file });
                Ok(message)
            }
            _ => Err((404, "Not Found".to_owned())),
        }
    }

    /// Long polling. The rules are those of the vendor's own server: a positive offset confirms all before it, a
    /// negative one keeps that many of the last, and of two polls the earlier one loses.
    async fn get_updates(self: &Arc<Self>, token: &str, params: &Value) -> Answer {
        let number = |name: &str| params.get(name).and_then(Value::as_i64);
        let offset = number("offset").unwrap_or_default();
        let limit = usize::try_from(number("limit").unwrap_or(100)).unwrap_or(100).clamp(1, 100);
        let mut wait = u64::try_from(number("timeout").unwrap_or_default()).unwrap_or_default().min(MAX_WAIT);
        let (mine, mut waiting) = {
            let mut bots = self.lock();
            let Some(bot) = bots.get_mut(token) else { return Err((404, "Not Found".to_owned())) };
            if !bot.webhook.is_empty() {
                return Err((409, WEBHOOK_ACTIVE.to_owned()));
            }
            let repeated = bot.last_offset.filter(|(last, _)| *last == offset).map(|(_, at)| at.elapsed());
            if wait < 3 && repeated.is_some_and(|since| since < Duration::from_secs(3)) {
                wait = 3;
            }
            bot.last_offset = Some((offset, Instant::now()));
            let (updates, confirmed) = (&mut bot.updates, &mut bot.confirmed);
            confirm(updates, confirmed, offset);
            bot.latest_poll += 1;
            bot.polls += 1;
            bot.most_polls = bot.most_polls.max(bot.polls);
            (bot.latest_poll, Waiting { state: self, token, counted: true })
        };
        self.changed.notify_waiters();
        let deadline = Instant::now() + Duration::from_secs(wait);
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let overtaken = {
                let bots = self.lock();
                let Some(bot) = bots.get(token) else { return Err((404, "Not Found".to_owned())) };
                if bot.revoked {
                    return Err((401, "Unauthorized".to_owned()));
                }
                (bot.latest_poll != mine).then_some(bot.webhook.is_empty())
            };
            match overtaken {
                Some(true) => {
                    let delay =
                        *self.conflict_delay.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    tokio::time::sleep(delay).await;
                    return Err((409, OTHER_POLL.to_owned()));
                }
                Some(false) => return Err((409, WEBHOOK_SET.to_owned())),
                None => {}
            }
            let ready = self.lock().get_mut(token).map(|bot| bot.deliver(limit)).unwrap_or_default();
            if !ready.is_empty() || tokio::time::timeout_at(deadline, changed).await.is_err() {
                waiting.end();
                return Ok(json!(ready));
            }
        }
    }
}

/// What makes two texts the same to the vendor.
fn written(params: &Value) -> Value {
    json!([params.get("text"), params.get("parse_mode")])
}

const NOT_MODIFIED: &str = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";
const WEBHOOK_ACTIVE: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const OTHER_POLL: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
/// Confirmed updates that can be given again.
const REMEMBERED: usize = 1_000;
const WEBHOOK_SET: &str = "Conflict: terminated by setWebhook request";

fn confirm(updates: &mut VecDeque<Value>, confirmed: &mut Vec<Value>, offset: i64) {
    if offset < 0 {
        let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
        confirmed.extend(updates.drain(..updates.len().saturating_sub(keep)));
    } else {
        let is_new =
            |update: &Value| update.get("update_id").and_then(Value::as_i64).is_none_or(|id| id >= offset);
        let (new, old): (VecDeque<Value>, VecDeque<Value>) =
            std::mem::take(updates).into_iter().partition(is_new);
        *updates = new;
        confirmed.extend(old);
    }
    confirmed.drain(..confirmed.len().saturating_sub(REMEMBERED));
}

/// Counts a pending poll, also when its client goes away.
struct Waiting<'a> {
    state: &'a State,
    token: &'a str,
    counted: bool,
}

impl Waiting<'_> {
    fn end(&mut self) {
        if std::mem::take(&mut self.counted) {
            if let Some(bot) = self.state.lock().get_mut(self.token) {
                bot.polls -= 1;
            }
            self.state.changed.notify_waiters();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

fn chat_id(params: &Value) -> Result<String, (u16, String)> {
    match params.get("chat_id") {
        Some(Value::Number(id)) => Ok(id.to_string()),
        Some(Value::String(id)) if id.starts_with('@') && id.len() > 1 => Ok(id.clone()),
        Some(Value::String(id)) if id.parse::<i64>().is_ok() => Ok(id.clone()),
        Some(Value::String(id)) if !id.is_empty() => Err(bad("Bad Request: chat not found")),
        _ => Err(bad("Bad Request: chat_id is empty")),
    }
}

/// The text as people read it, or the vendor's refusal of it.
fn plain_text(params: &Value, field: &str, most: usize) -> Result<String, (u16, String)> {
    let text = params.get(field).and_then(Value::as_str).unwrap_or_default();
    let plain = match params.get("parse_mode").and_then(Value::as_str) {
        None | Some("") => text.to_owned(),
        Some(mode) if mode.eq_ignore_ascii_case("html") => {
            html::plain(text).map_err(|why| bad(&format!("Bad Request: can't parse entities: {why}")))?
        }
        Some(_) => return Err(bad("Bad Request: unsupported parse_mode")),
    };
    if plain.trim().is_empty() {
        return Err(bad("Bad Request: message text is empty"));
    }
    if plain.encode_utf16().count() > most {
        let what = if field == "text" { "message" } else { "message caption" };
        return Err(bad(&format!("Bad Request: {what} is too long")));
    }
    Ok(plain)
}

fn bad(description: &str) -> (u16, String) {
    (400, description.to_owned())
}

/// The vendor's envelope of a refusal.
pub(super) fn refusal(status: u16, description: &str) -> Response<Reply> {
    server::json(status, &json!({"ok": false, "error_code": status, "description": description}))
}

/// The answer to a method or a token that does not exist.
pub(super) fn not_found() -> Response<Reply> {
    refusal(404, "Not Found")
}
