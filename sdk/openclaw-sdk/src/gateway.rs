//! The gateway itself as a [`Host`]. Owns no state: each call is one of the contract's.

use crate::bindings::channel::openclaw::plugin::{
    clock, events, inbound as raw_inbound, kv as raw_kv, log as raw_log, media as raw_media,
    process as raw_process, websocket,
};
use crate::channel::Message;
use crate::events::Event;
use crate::host::Host;
use crate::http::{self, Answer, Request};
use crate::inbound::{Admission, AdmitError, Connection, Unreadable};
use crate::kv;
use crate::log::Level;
use crate::media::{self, Description, DownloadError, Downloaded, File};
use crate::process::{self, Process};
use crate::sockets::{self, Opening, Payload, Socket};

/// The gateway that a component runs in. There is none natively, where every call panics: tests use the fake host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gateway;

impl Host for Gateway {
    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    fn monotonic_us(&self) -> u64 {
        clock::monotonic_us()
    }

    async fn sleep(&self, ms: u64) {
        clock::sleep(ms).await;
    }

    async fn next_event(&self, acked: u64) -> Event {
        events::next(acked).await
    }

    fn set_timer(&self, name: &str, after_ms: u64) {
        events::set_timer(name, after_ms);
    }

    fn cancel_timer(&self, name: &str) {
        events::cancel_timer(name);
    }

    async fn http(&self, request: Request) -> Result<Answer, http::Error> {
        request.send().await
    }

    async fn open(&self, opening: Opening) -> Result<Socket, sockets::Error> {
        opening.open().await
    }

    async fn send(&self, socket: Socket, payload: Payload) -> Result<(), sockets::Error> {
        websocket::send(socket.number(), payload).await
    }

    fn close(&self, socket: Socket, code: u16, reason: &str) {
        websocket::close(socket.number(), code, reason);
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, kv::Error> {
        raw_kv::get(key.to_owned()).await
    }

    async fn scan(&self, prefix: &str, after: Option<&str>) -> Result<Vec<kv::Entry>, kv::Error> {
        raw_kv::scan(prefix.to_owned(), after.map(str::to_owned), u32::MAX).await
    }

    async fn apply(&self, changes: Vec<kv::Change>) -> Result<(), kv::Error> {
        raw_kv::apply(changes).await
    }

    async fn download(
        &self,
        request: Request,
        description: Description,
    ) -> Result<Downloaded, DownloadError> {
        media::download(request, description).await
    }

    async fn keep(&self, description: Description, bytes: Vec<u8>) -> Result<File, media::Error> {
        media::keep(description, bytes).await
    }

    async fn read(&self, handle: u64, limit: usize) -> Result<Vec<u8>, media::Error> {
        media::read(handle, limit).await
    }

    async fn forget(&self, handle: u64) -> Result<(), media::Error> {
        raw_media::forget(handle).await
    }

    async fn start(&self, name: &str) -> Result<Process, process::Error> {
        raw_process::start(name.to_owned()).await.map(Process::numbered)
    }

    async fn write_line(&self, process: Process, line: String) -> Result<(), process::Error> {
        raw_process::write_line(process.number(), line).await
    }

    fn stop(&self, process: Process) {
        raw_process::stop(process.number());
    }

    async fn admit(&self, message: Message, cursor: Option<Vec<u8>>) -> Result<Admission, AdmitError> {
        raw_inbound::admit(message, cursor).await
    }

    async fn set_aside(&self, what: Unreadable, cursor: Vec<u8>) -> Result<(), AdmitError> {
        raw_inbound::set_aside(what, cursor).await
    }

    fn state(&self, connection: Connection) {
        raw_inbound::state(&connection);
    }

    fn write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        raw_log::write(level, message, fields);
    }
}
