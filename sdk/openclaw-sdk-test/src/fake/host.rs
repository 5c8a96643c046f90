//! The calls of the contract, with its bounds.

use std::future::{pending, poll_fn};
use std::task::Poll;

use openclaw_sdk::channel::{File, Message};
use openclaw_sdk::events::Event;
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{self, Answer, ErrorKind, Piece, Record, Request, too_large};
use openclaw_sdk::inbound::{Admission, AdmitError, Connection, Unreadable};
use openclaw_sdk::kv;
use openclaw_sdk::log::Level;
use openclaw_sdk::media::{self, Description, DownloadError, Downloaded};
use openclaw_sdk::process::{self, Process};
use openclaw_sdk::sockets::{self, Opening, Payload, Socket};

use super::{BEGAN_MS, FakeHost};
use crate::vendor::{Act, Asked, Opened, Reply};
use crate::world::{Admitted, Line};

/// What the gateway would refuse before it leaves.
fn forbidden(request: &Record) -> Option<&'static str> {
    let path = &request.path;
    let refused = ["host", "authorization", "cookie", "connection", "content-length", "transfer-encoding"];
    if !path.starts_with('/') || path.contains(['?', '#', '\\']) || path.chars().any(char::is_control) {
        return Some(
            "the path is not absolute below the grant, or has a character that does not belong there",
        );
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Some("the path has a segment `.` or `..`");
    }
    if request.timeout_ms == 0 || request.timeout_ms > 120_000 {
        return Some("the timeout is not between 1 and 120,000 ms");
    }
    request
        .headers
        .iter()
        .any(|(name, _)| refused.contains(&name.to_ascii_lowercase().as_str()))
        .then_some("a header is the gateway's own")
}

impl Host for FakeHost {
    fn now_ms(&self) -> u64 {
        BEGAN_MS + self.world.elapsed_ms()
    }

    fn monotonic_us(&self) -> u64 {
        self.world.now_us.get()
    }

    async fn sleep(&self, ms: u64) {
        self.world.slept.borrow_mut().push(ms);
        self.pass(ms).await;
    }

    async fn next_event(&self, acked: u64) -> Event {
        poll_fn(|_| {
            self.instance.fire(self.world.now_us.get());
            self.instance.next(acked).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn set_timer(&self, name: &str, after_ms: u64) {
        self.world.armed.borrow_mut().push((name.to_owned(), after_ms));
        let due = self.world.now_us.get().saturating_add(after_ms.saturating_mul(1_000));
        self.instance.arm(name, due, self.world.id());
    }

    fn cancel_timer(&self, name: &str) {
        self.instance.disarm(name);
    }

    async fn http(&self, request: Request) -> Result<Answer, http::Error> {
        let answer = self.exchange(request.record()).await?;
        if answer.body.len() > request.most() { Err(too_large(request.most())) } else { Ok(answer) }
    }

    async fn open(&self, opening: Opening) -> Result<Socket, sockets::Error> {
        self.world.opened.borrow_mut().push(opening.clone());
        self.turn().await;
        let number = self.instance.number(self.world.now_us.get());
        match self.world.open(number, &opening) {
            Opened::Socket(acts) => {
                self.plan(number, acts);
                Ok(Socket::numbered(number))
            }
            Opened::Fail(error) => Err(error),
            Opened::Over => pending().await,
        }
    }

    async fn send(&self, socket: Socket, payload: Payload) -> Result<(), sockets::Error> {
        self.turn().await;
        if !self.instance.is_open(socket.number()) {
            let detail = "the socket is closed".to_owned();
            return Err(sockets::Error { kind: sockets::ErrorKind::Closed, status: None, detail });
        }
        self.world.frames.borrow_mut().push((socket.number(), payload.clone()));
        let acts = self.world.frame(socket.number(), &payload);
        self.plan(socket.number(), acts);
        Ok(())
    }

    fn close(&self, socket: Socket, code: u16, reason: &str) {
        if !self.instance.is_open(socket.number()) {
            return;
        }
        self.world.closed.borrow_mut().push((socket.number(), code));
        self.instance.forget(socket.number());
        if let Some(vendor) = self.world.vendor.borrow_mut().as_mut() {
            vendor.closed(socket.number(), code);
        }
        self.plan(socket.number(), vec![Act::Close(Some(code), reason.to_owned())]);
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, kv::Error> {
        self.kv_turn().await?;
        Ok(self.world.kv.borrow().get(key).cloned())
    }

    async fn scan(&self, prefix: &str, after: Option<&str>) -> Result<Vec<kv::Entry>, kv::Error> {
        self.kv_turn().await?;
        let kv = self.world.kv.borrow();
        let found = kv
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(found.take(256).map(|(key, value)| kv::Entry { key: key.clone(), value: value.clone() }).collect())
    }

    async fn apply(&self, changes: Vec<kv::Change>) -> Result<(), kv::Error> {
        self.kv_turn().await?;
        let mut after = self.world.kv.borrow().clone();
        for change in changes {
            match change {
                kv::Change::Put(kv::Entry { key, value }) => {
                    if key.is_empty() || key.len() > 256 || value.len() > 64 << 10 {
                        return Err(kv::Error::Invalid("a key or a value breaks its bound".to_owned()));
                    }
                    after.insert(key, value);
                }
                kv::Change::Delete(key) => {
                    after.remove(&key);
                }
            }
        }
        let bytes: usize = after.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > self.world.kv_quota.get() {
            return Err(kv::Error::Full);
        }
        self.world.kv.replace(after);
        Ok(())
    }

    async fn download(
        &self,
        request: Request,
        description: Description,
    ) -> Result<Downloaded, DownloadError> {
        let answer = self.exchange(request.record()).await.map_err(DownloadError::Http)?;
        if !answer.is_success() {
            return Ok(Downloaded::Refused(answer));
        }
        self.kept(description, answer.body).map(Downloaded::File).map_err(DownloadError::Media)
    }

    async fn keep(&self, description: Description, bytes: Vec<u8>) -> Result<File, media::Error> {
        self.turn().await;
        self.kept(Description { size: None, ..description }, bytes)
    }

    async fn read(&self, handle: u64, limit: usize) -> Result<Vec<u8>, media::Error> {
        self.turn().await;
        let found = self.world.files.borrow().get(&handle).map(|(_, bytes)| bytes.clone());
        let bytes = found.ok_or(media::Error::Gone)?;
        if bytes.len() > limit { Err(media::too_long(limit)) } else { Ok(bytes) }
    }

    async fn forget(&self, handle: u64) -> Result<(), media::Error> {
        self.turn().await;
        self.world.files.borrow_mut().remove(&handle);
        Ok(())
    }

    async fn start(&self, name: &str) -> Result<Process, process::Error> {
        self.turn().await;
        let started = self.world.vendor.borrow_mut().as_mut().map(|vendor| vendor.start(name));
        let acts =
            started.unwrap_or_else(|| Err(process::Error::NotStarted("no program is scripted".into())))?;
        let number = self.instance.number(self.world.now_us.get());
        self.plan(number, acts);
        Ok(Process::numbered(number))
    }

    async fn write_line(&self, process: Process, line: String) -> Result<(), process::Error> {
        self.turn().await;
        if !self.instance.is_open(process.number()) {
            return Err(process::Error::Ended);
        }
        if line.contains('\n') {
            return Err(process::Error::Denied("a line has a line break in it".into()));
        }
        let acts = self.world.vendor.borrow_mut().as_mut().map(|vendor| vendor.line(process.number(), &line));
        self.plan(process.number(), acts.unwrap_or_default());
        Ok(())
    }

    fn stop(&self, process: Process) {
        if self.instance.is_open(process.number()) {
            self.instance.forget(process.number());
            self.plan(process.number(), vec![Act::Exit(Some(0))]);
        }
    }

    async fn admit(&self, message: Message, cursor: Option<Vec<u8>>) -> Result<Admission, AdmitError> {
        let refusal = self.world.refusals.borrow_mut().pop_front();
        let missing = || message.media.iter().find(|handle| !self.world.files.borrow().contains_key(handle));
        let broken = || {
            let unknown = missing().map(|handle| format!("media: the account has no file {handle}"));
            unknown.or_else(|| broken_bound(&message, cursor.as_deref()))
        };
        let refusal = refusal.or_else(|| broken().map(AdmitError::Invalid));
        if let Some(refusal) = refusal {
            self.turn().await;
            return Err(refusal);
        }
        let is_new = self.world.ids.borrow_mut().insert(message.id.clone());
        if cursor.is_some() {
            self.world.cursor.replace(cursor.clone());
        }
        if is_new {
            self.world.admitted.borrow_mut().push(Admitted { message, cursor });
        } else {
            self.world.duplicates.set(self.world.duplicates.get() + 1);
        }
        // Durable already: an instance that dies here has not heard of it.
        self.turn().await;
        Ok(if is_new { Admission::Accepted } else { Admission::Duplicate })
    }

    async fn set_aside(&self, what: Unreadable, cursor: Vec<u8>) -> Result<(), AdmitError> {
        let refusal = self.world.refusals.borrow_mut().pop_front();
        if let Some(refusal) = refusal {
            self.turn().await;
            return Err(refusal);
        }
        self.world.cursor.replace(Some(cursor));
        self.world.asides.borrow_mut().push(what);
        self.turn().await;
        Ok(())
    }

    fn state(&self, connection: Connection) {
        self.world.states.borrow_mut().push(connection);
    }

    fn write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let line = Line { level, message: message.to_owned(), fields: fields.to_vec() };
        self.world.lines.borrow_mut().push(line);
    }
}

impl FakeHost {
    /// What the vendor sees of a request.
    fn asked(&self, record: &Record) -> Result<Asked, String> {
        let files = self.world.files.borrow();
        let mut body = Vec::new();
        for piece in &record.body {
            match piece {
                Piece::Bytes(bytes) => body.extend_from_slice(bytes),
                Piece::File(handle) => {
                    let (_, bytes) =
                        files.get(handle).ok_or_else(|| format!("the account has no file {handle}"))?;
                    body.extend_from_slice(bytes);
                }
            }
        }
        let Record { grant, host, method, path, query, headers, timeout_ms, .. } = record.clone();
        Ok(Asked { grant, host, method, path, query, headers, body, timeout_ms })
    }

    async fn exchange(&self, record: &Record) -> Result<Answer, http::Error> {
        if let Some(why) = forbidden(record) {
            return Err(http::Error { kind: ErrorKind::Denied, detail: why.to_owned() });
        }
        let asked = match self.asked(record) {
            Ok(asked) => asked,
            Err(why) => return Err(http::Error { kind: ErrorKind::Denied, detail: why }),
        };
        self.world.calls.borrow_mut().push((self.world.now_us.get(), asked.clone()));
        self.turn().await;
        let mut reply = self.world.reply(&asked);
        let mut left = record.timeout_ms;
        let fail = |kind, detail: &str| Err(http::Error { kind, detail: detail.to_owned() });
        let timed_out = || fail(ErrorKind::Timeout, "no answer in time");
        let mut wait = self.world.latency_ms.get();
        loop {
            if wait > left {
                self.pass(left).await;
                return timed_out();
            }
            if wait > 0 {
                self.pass(wait).await;
                left -= wait;
            }
            match reply {
                Reply::After(ms, then) => {
                    wait = ms;
                    reply = *then;
                }
                Reply::Answer(answer) => return Ok(answer),
                Reply::Fail(kind) => return fail(kind, "the test wants it so"),
                Reply::Never => {
                    self.pass(left).await;
                    return timed_out();
                }
                Reply::Over => pending().await,
            }
        }
    }

    /// Keeps a file, if there is room for it.
    fn kept(&self, description: Description, bytes: Vec<u8>) -> Result<File, media::Error> {
        if description.size.is_some_and(|size| size != bytes.len() as u64) {
            return Err(media::Error::Invalid("it has another length than was announced".to_owned()));
        }
        let used: u64 = self.world.files.borrow().values().map(|(file, _)| file.size).sum();
        if used + bytes.len() as u64 > self.world.media_quota.get() {
            return Err(media::Error::Full);
        }
        Ok(self.world.take(description, bytes))
    }

    async fn kv_turn(&self) -> Result<(), kv::Error> {
        self.turn().await;
        self.world.kv_faults.borrow_mut().pop_front().map_or(Ok(()), Err)
    }
}

/// The bound of `types.message` that a message breaks, if it does.
fn broken_bound(message: &Message, cursor: Option<&[u8]>) -> Option<String> {
    let conversation = &message.conversation;
    let too_long = |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.len() > most);
    let ids = [&message.id, &conversation.room, &message.sender.id];
    if ids.iter().any(|id| id.is_empty() || id.len() > 256) {
        return Some("an id is empty or longer than 256 bytes".to_owned());
    }
    if too_long(&conversation.space, 256) || too_long(&conversation.thread, 256) {
        return Some("the space or the thread is longer than 256 bytes".to_owned());
    }
    let names = [&conversation.title, &message.sender.username, &message.sender.display_name];
    if names.into_iter().any(|name| too_long(name, 1 << 10)) {
        return Some("a name is longer than 1 KiB".to_owned());
    }
    let is_id = |id: &str| !id.is_empty() && id.len() <= 256;
    if message.sender.roles.len() > 256 || !message.sender.roles.iter().all(|role| is_id(role)) {
        return Some("there are more than 256 roles, or one is empty or longer than 256 bytes".to_owned());
    }
    if !message.album.as_deref().is_none_or(is_id) {
        return Some("the album is empty or longer than 256 bytes".to_owned());
    }
    if message.media.len() > 16 {
        return Some("there are more than 16 files".to_owned());
    }
    if message.text.len() > 256 << 10 || message.reply_context.len() > 4 << 10 {
        return Some("the text or the reply context is too long".to_owned());
    }
    cursor.is_some_and(|cursor| cursor.len() > 4 << 10).then(|| "the cursor is longer than 4 KiB".to_owned())
}
