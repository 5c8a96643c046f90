//! A Telegram Bot API server: <https://core.telegram.org/bots/api>, with the server-side rules of long polling as the
//! vendor's open-source server has them. Any number of bots; each knows nothing of the others.

mod bot;
mod fault;
mod html;
mod methods;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub use bot::{Sent, Talker};
pub use fault::Fault;

use crate::multipart;
use crate::server::{self, Cut, Handler, Reply, Server};
use bot::Bot;

/// How long the vendor lets the earlier of two polls hang before it fails it.
const CONFLICT_DELAY: Duration = Duration::from_secs(3);

/// A running Bot API server.
#[derive(Debug)]
pub struct FakeTelegram {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    bots: Mutex<HashMap<String, Bot>>,
    /// Something happened to a bot: an update, a message, a second poll.
    changed: Notify,
    conflict_delay: Mutex<Duration>,
}

impl FakeTelegram {
    /// Starts on any free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// Starts on `127.0.0.1:port`.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        let state = Arc::new(State {
            bots: Mutex::default(),
            changed: Notify::new(),
            conflict_delay: Mutex::new(CONFLICT_DELAY),
        });
        let server = Server::start(port, Arc::clone(&state)).await?;
        Ok(Self { server, state })
    }

    /// For `channels.telegram.apiRoot`.
    #[must_use]
    pub fn api_root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Makes a bot. Its id is the number before the colon of `token`. Requests with any other token are answered 404.
    pub fn add_bot(&self, token: &str, username: &str) {
        self.state.lock().insert(token.to_owned(), Bot::new(token, username));
    }

    /// The vendor refuses the token from now on: 401.
    pub fn revoke(&self, token: &str) {
        self.with(token, |bot| bot.revoked = true);
        self.state.changed.notify_waiters();
    }

    /// Undoes [`FakeTelegram::revoke`].
    pub fn restore(&self, token: &str) {
        self.with(token, |bot| bot.revoked = false);
    }

    /// Queues an update as it is, with the next `update_id` put in. Returns that id.
    pub fn inject(&self, token: &str, update: Value) -> Option<i64> {
        let id = self.with(token, |bot| bot.push(update));
        self.state.changed.notify_waiters();
        id
    }

    /// Queues a text message. Returns its `update_id`.
    pub fn say(&self, token: &str, talker: &Talker, text: &str) -> Option<i64> {
        let id = self.with(token, |bot| {
            let message = bot.message(talker, text);
            bot.push(json!({"message": message}))
        });
        self.state.changed.notify_waiters();
        id
    }

    /// A message as the vendor would tell it, for [`FakeTelegram::inject`]. It counts as said: its number is taken.
    #[must_use]
    pub fn message(&self, token: &str, talker: &Talker, text: &str) -> Option<Value> {
        self.with(token, |bot| bot.message(talker, text))
    }

    /// Gives every update that was confirmed once more, under its old number: a vendor that forgets what it was told.
    pub fn redeliver(&self, token: &str) {
        self.with(token, |bot| {
            let confirmed = std::mem::take(&mut bot.confirmed);
            bot.again.extend(confirmed);
        });
        self.state.changed.notify_waiters();
    }

    /// Queues a photo with words under it, as a person sends it. Returns its `update_id`.
    pub fn show(&self, token: &str, talker: &Talker, path: &str, bytes: &[u8], caption: &str) -> Option<i64> {
        let id = self.with(token, |bot| {
            let message = bot.photo(talker, path, bytes, caption);
            bot.push(json!({"message": message}))
        });
        self.state.changed.notify_waiters();
        id
    }

    /// Queues photos that a person sends together: a message each, with the words under the first.
    pub fn show_album(&self, token: &str, talker: &Talker, paths: &[&str], bytes: &[u8], caption: &str) {
        self.with(token, |bot| {
            let album = format!("album of {}", paths.first().unwrap_or(&"nothing"));
            for (number, path) in paths.iter().enumerate() {
                let mut message = bot.photo(talker, path, bytes, if number == 0 { caption } else { "" });
                if let Some(message) = message.as_object_mut() {
                    message.insert("media_group_id".to_owned(), json!(album));
                }
                bot.push(json!({"message": message}));
            }
        });
        self.state.changed.notify_waiters();
    }

    /// Takes a file away: it is not to be had any more.
    pub fn lose(&self, token: &str, path: &str) {
        self.with(token, |bot| bot.files.remove(path));
    }

    /// Everything the bot sent that people would see or notice (messages and chat actions), oldest first.
    #[must_use]
    pub fn sent(&self, token: &str) -> Vec<Sent> {
        self.with(token, |bot| bot.sent.clone()).unwrap_or_default()
    }

    /// The same, and forgets it: for whoever looks again and again.
    #[must_use]
    pub fn take_sent(&self, token: &str) -> Vec<Sent> {
        self.with(token, |bot| std::mem::take(&mut bot.sent)).unwrap_or_default()
    }

    /// How often an update was given to a poll that an earlier poll had been given.
    #[must_use]
    pub fn redelivered(&self, token: &str) -> u64 {
        self.with(token, |bot| bot.redelivered).unwrap_or_default()
    }

    /// The messages among [`FakeTelegram::sent`].
    #[must_use]
    pub fn messages(&self, token: &str) -> Vec<Sent> {
        self.sent(token).into_iter().filter(|sent| sent.method == "sendMessage").collect()
    }

    /// What people see now of the bot's messages, oldest first: the ids, and the texts after all edits.
    #[must_use]
    pub fn visible(&self, token: &str) -> Vec<(i64, String)> {
        let texts = |bot: &mut Bot| bot.visible.iter().map(|(id, shown)| (*id, shown.1.clone())).collect();
        self.with(token, texts).unwrap_or_default()
    }

    /// Somebody deletes a message of the bot's.
    pub fn delete(&self, token: &str, message_id: i64) {
        self.with(token, |bot| bot.visible.remove(&message_id));
    }

    /// The reactions that the bot set, oldest first: the message's id, and the emoji, or none where it took it away.
    #[must_use]
    pub fn reactions(&self, token: &str) -> Vec<(i64, Option<String>)> {
        self.with(token, |bot| bot.reactions.clone()).unwrap_or_default()
    }

    /// Waits until `found` finds what it looks for among what the bot sent; `None` when the deadline came first.
    pub async fn wait_for<R>(
        &self,
        token: &str,
        deadline: Duration,
        mut found: impl FnMut(&[Sent]) -> Option<R>,
    ) -> Option<R> {
        self.wait(deadline, || self.with(token, |bot| found(&bot.sent)).flatten()).await
    }

    /// Waits until a poll of the bot is pending; `false` when the deadline came first.
    pub async fn wait_for_poll(&self, token: &str, deadline: Duration) -> bool {
        self.wait(deadline, || (self.polls(token) > 0).then_some(())).await.is_some()
    }

    async fn wait<R>(&self, deadline: Duration, mut check: impl FnMut() -> Option<R>) -> Option<R> {
        let found = async {
            loop {
                // Armed before the check: what happens in between is not missed.
                let mut changed = std::pin::pin!(self.state.changed.notified());
                changed.as_mut().enable();
                if let Some(found) = check() {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(deadline, found).await.ok()
    }

    /// The next `times` calls of `method` (any case) go wrong like this.
    pub fn fault(&self, token: &str, method: &str, fault: Fault, times: usize) {
        let method = method.to_ascii_lowercase();
        self.with(token, |bot| {
            let queue = bot.faults.entry(method).or_default();
            queue.extend(std::iter::repeat_n(fault, times));
        });
    }

    /// Polls of the bot that are pending now.
    #[must_use]
    pub fn polls(&self, token: &str) -> usize {
        self.with(token, |bot| bot.polls).unwrap_or_default()
    }

    /// The most polls of the bot that were ever pending at once.
    #[must_use]
    pub fn most_polls(&self, token: &str) -> usize {
        self.with(token, |bot| bot.most_polls).unwrap_or_default()
    }

    /// Updates that no poll has confirmed yet.
    #[must_use]
    pub fn unconfirmed(&self, token: &str) -> usize {
        self.with(token, |bot| bot.updates.len() + bot.again.len()).unwrap_or_default()
    }

    /// The methods that were called so far, with their parameters, oldest first (at most 10,000).
    #[must_use]
    pub fn calls(&self, token: &str) -> Vec<(String, Value)> {
        self.with(token, |bot| bot.calls.iter().cloned().collect()).unwrap_or_default()
    }

    /// How long the earlier of two polls hangs before it is failed with 409 (the vendor: 3 s).
    pub fn set_conflict_delay(&self, delay: Duration) {
        *self.state.conflict_delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    fn with<R>(&self, token: &str, change: impl FnOnce(&mut Bot) -> R) -> Option<R> {
        self.state.lock().get_mut(token).map(change)
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Bot>> {
        self.bots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `POST /__ctl {"token", "text", "chat", "user", "username"}` says something; `{"token", "revoke": true}` revokes;
    /// anything else only shows what was sent.
    fn control(&self, body: &[u8]) -> Response<Reply> {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut bots = self.lock();
        let token = asked.get("token").and_then(Value::as_str);
        let token = token.map(str::to_owned).or_else(|| bots.keys().next().cloned()).unwrap_or_default();
        let Some(bot) = bots.get_mut(&token) else {
            return server::json(404, &json!({"error": "no such bot"}));
        };
        if let Some(text) = asked.get("text").and_then(Value::as_str) {
            let number = |key: &str| asked.get(key).and_then(Value::as_i64);
            let user = number("user").unwrap_or(777_001);
            let username = asked.get("username").and_then(Value::as_str).unwrap_or("alice");
            let talker = match number("chat") {
                Some(chat) if chat != user => Talker::in_group(chat, "Group", user, username),
                _ => Talker::private(user, username),
            };
            let message = bot.message(&talker, text);
            bot.push(json!({"message": message}));
        }
        if let Some(revoke) = asked.get("revoke").and_then(Value::as_bool) {
            bot.revoked = revoke;
        }
        let sent: Vec<Value> =
            bot.sent.iter().map(|sent| json!({"method": sent.method, "params": sent.params})).collect();
        let answer = json!({"sent": sent, "polls": bot.polls, "unconfirmed": bot.updates.len()});
        drop(bots);
        self.changed.notify_waiters();
        server::json(200, &answer)
    }
}

impl Handler for State {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Reply>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let path = head.uri.path();
        if path == "/__ctl" {
            return Ok(self.control(&body));
        }
        if let Some((token, path)) = path.strip_prefix("/file/bot").and_then(|rest| rest.split_once('/')) {
            let bots = self.lock();
            let file = bots.get(token).filter(|bot| !bot.revoked).and_then(|bot| bot.files.get(path));
            // The vendor does not say what is in it.
            return Ok(
                file.map_or_else(methods::not_found, |bytes| Response::new(Reply::whole(bytes.clone())))
            );
        }
        let called = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/'));
        let Some((token, method)) = called else { return Ok(methods::not_found()) };
        let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
        let form = content_type.and_then(|content_type| multipart::read(content_type, &body));
        let (params, file) = match form {
            Some((fields, files)) => (fields, files.into_iter().next()),
            None => (serde_json::from_slice(&body).unwrap_or_else(|_| json!({})), None),
        };
        // Names of methods are case-insensitive at the vendor.
        let name = method.to_ascii_lowercase();
        let fault = {
            let mut bots = self.lock();
            let Some(bot) = bots.get_mut(token) else { return Ok(methods::not_found()) };
            bot.note(method, &params);
            bot.faults.get_mut(&name).and_then(std::collections::VecDeque::pop_front)
        };
        self.changed.notify_waiters();
        match fault {
            Some(fault) => fault.play(self.call(token, &name, &params, file)).await,
            None => Ok(self.call(token, &name, &params, file).await),
        }
    }
}
