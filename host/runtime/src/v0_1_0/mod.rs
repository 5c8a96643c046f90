//! Components that were built against `openclaw:plugin@0.1.0`. Converts types, and calls what serves the current version:
//! every grant, bound and quota is checked there and nowhere else.
//!
//! What is new in 0.2.0 never reaches these components: they cannot open what it would come from.

pub(crate) mod shim;
mod types;

use wasmtime::Store;
use wasmtime::component::{Accessor, FutureReader, HasSelf, Instance, InstancePre, Linker, StreamReader};

use crate::bindings::channel::openclaw::plugin as now;
use crate::bindings::channel_types::{Failure, Identity, Outbound, Outcome, Start, Target};
use crate::capability::Guest;
use crate::capability::http::{self, Pieces};

#[allow(missing_docs, reason = "generated; the documentation stands in wit/")]
#[allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, reason = "generated")]
mod bindings {
    pub(crate) mod channel {
        wasmtime::component::bindgen!({
            path: "../../wit/0.1.0",
            world: "channel-plugin",
            imports: { default: trappable },
            exports: { default: async | store },
        });
    }

    pub(crate) mod typing {
        wasmtime::component::bindgen!({
            path: "../../wit/0.1.0",
            world: "with-typing",
            with: { "openclaw:plugin/types@0.1.0": super::channel::openclaw::plugin::types },
            exports: { default: async | store },
        });
    }
}

use bindings::channel::exports::openclaw::plugin::channel as exported;
use bindings::channel::openclaw::plugin as then;

/// Links the capabilities of 0.1.0; `http` only where the manifest has it.
pub(crate) fn link(linker: &mut Linker<Guest>, http: bool) -> wasmtime::Result<()> {
    then::log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    then::clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    then::events::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    if http {
        then::http::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    }
    then::inbound::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    then::types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    Ok(())
}

/// Where the exports are.
#[derive(Clone)]
pub(crate) struct Indices {
    channel: bindings::channel::ChannelPluginIndices,
    pub(crate) typing: Option<bindings::typing::WithTypingIndices>,
}

/// The exports of one instance.
pub(crate) struct Exports {
    channel: bindings::channel::ChannelPlugin,
    typing: Option<bindings::typing::WithTyping>,
}

impl Indices {
    pub(crate) fn new(pre: &InstancePre<Guest>) -> wasmtime::Result<Self> {
        let channel = bindings::channel::ChannelPluginIndices::new(pre)?;
        Ok(Self { channel, typing: bindings::typing::WithTypingIndices::new(pre).ok() })
    }

    pub(crate) fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<Exports> {
        let channel = self.channel.load(&mut *store, instance)?;
        let typing = self.typing.as_ref().map(|typing| typing.load(&mut *store, instance)).transpose()?;
        Ok(Exports { channel, typing })
    }
}

impl Exports {
    pub(crate) async fn run(
        &self,
        accessor: &Accessor<Guest>,
        start: Start,
    ) -> wasmtime::Result<Result<(), Failure>> {
        let start = exported::Start { config: start.config, cursor: start.cursor };
        let ended = self.channel.openclaw_plugin_channel().call_run(accessor, start).await?;
        Ok(ended.map_err(types::failure))
    }

    pub(crate) async fn send(
        &self,
        accessor: &Accessor<Guest>,
        outbound: Outbound,
    ) -> wasmtime::Result<Outcome> {
        let outbound = types::outbound(outbound);
        self.channel.openclaw_plugin_channel().call_send(accessor, outbound).await.map(types::outcome)
    }

    pub(crate) async fn probe(
        &self,
        accessor: &Accessor<Guest>,
    ) -> wasmtime::Result<Result<Identity, Failure>> {
        let probed = self.channel.openclaw_plugin_channel().call_probe(accessor).await?;
        let probed = probed.map_err(types::failure);
        Ok(probed.map(|exported::Identity { id, username, display_name, facts }| Identity {
            id,
            username,
            display_name,
            facts,
        }))
    }

    pub(crate) async fn typing(
        &self,
        accessor: &Accessor<Guest>,
        target: Target,
    ) -> wasmtime::Result<Option<Result<(), Failure>>> {
        match &self.typing {
            None => Ok(None),
            Some(typing) => {
                let shown =
                    typing.openclaw_plugin_typing().call_notify(accessor, types::target(target)).await?;
                Ok(Some(shown.map_err(types::failure)))
            }
        }
    }
}

impl then::types::Host for Guest {}

impl then::log::Host for Guest {
    fn write(
        &mut self,
        level: then::log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            then::log::Level::Debug => now::log::Level::Debug,
            then::log::Level::Info => now::log::Level::Info,
            then::log::Level::Warn => now::log::Level::Warn,
            then::log::Level::Error => now::log::Level::Error,
        };
        now::log::Host::write(self, level, message, fields)
    }
}

impl then::clock::Host for Guest {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        now::clock::Host::now_ms(self)
    }

    fn monotonic_us(&mut self) -> wasmtime::Result<u64> {
        now::clock::Host::monotonic_us(self)
    }
}

impl then::clock::HostWithStore<Guest> for HasSelf<Guest> {
    async fn sleep(accessor: &Accessor<Guest, Self>, ms: u64) -> wasmtime::Result<()> {
        <Self as now::clock::HostWithStore<Guest>>::sleep(accessor, ms).await
    }
}

impl then::events::Host for Guest {
    fn set_timer(&mut self, name: String, after_ms: u64) -> wasmtime::Result<()> {
        now::events::Host::set_timer(self, name, after_ms)
    }

    fn cancel_timer(&mut self, name: String) -> wasmtime::Result<()> {
        now::events::Host::cancel_timer(self, name)
    }
}

impl then::events::HostWithStore<Guest> for HasSelf<Guest> {
    async fn next(accessor: &Accessor<Guest, Self>, acked: u64) -> wasmtime::Result<then::events::Event> {
        let mut acked = acked;
        loop {
            let event = <Self as now::events::HostWithStore<Guest>>::next(accessor, acked).await?;
            let occurrence = match event.occurrence {
                now::events::Occurrence::Timer(name) => then::events::Occurrence::Timer(name),
                now::events::Occurrence::Shutdown => then::events::Occurrence::Shutdown,
                now::events::Occurrence::Frame(_)
                | now::events::Occurrence::Closed(_)
                | now::events::Occurrence::Line(_)
                | now::events::Occurrence::Exited(_) => {
                    // Nothing that this component may import brings these about; passed over, they disturb nobody.
                    acked = event.sequence;
                    continue;
                }
            };
            return Ok(then::events::Event { sequence: event.sequence, occurrence });
        }
    }
}

impl then::inbound::Host for Guest {
    fn state(&mut self, connection: then::inbound::Connection) -> wasmtime::Result<()> {
        let connection = match connection {
            then::inbound::Connection::Connecting => now::inbound::Connection::Connecting,
            then::inbound::Connection::Ready => now::inbound::Connection::Ready,
            then::inbound::Connection::Degraded(why) => now::inbound::Connection::Degraded(why),
            then::inbound::Connection::AuthRequired(why) => now::inbound::Connection::AuthRequired(why),
        };
        now::inbound::Host::state(self, connection)
    }
}

impl then::inbound::HostWithStore<Guest> for HasSelf<Guest> {
    async fn admit(
        accessor: &Accessor<Guest, Self>,
        message: then::types::Message,
        cursor: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<then::inbound::Admission, then::inbound::AdmitError>> {
        let message = types::message(message);
        let admitted = <Self as now::inbound::HostWithStore<Guest>>::admit(accessor, message, cursor).await?;
        Ok(match admitted {
            Ok(now::inbound::Admission::Accepted) => Ok(then::inbound::Admission::Accepted),
            Ok(now::inbound::Admission::Duplicate) => Ok(then::inbound::Admission::Duplicate),
            Err(now::inbound::AdmitError::Invalid(rule)) => Err(then::inbound::AdmitError::Invalid(rule)),
            Err(now::inbound::AdmitError::Unavailable(ms)) => Err(then::inbound::AdmitError::Unavailable(ms)),
        })
    }
}

impl then::http::Host for Guest {}

impl then::http::HostWithStore<Guest> for HasSelf<Guest> {
    async fn send(
        accessor: &Accessor<Guest, Self>,
        request: then::http::Request,
    ) -> wasmtime::Result<Result<then::http::Response, then::http::Error>> {
        let then::http::Request { grant, method, path, query, headers, body, timeout_ms } = request;
        let method = match method {
            then::http::Method::Get => now::http::Method::Get,
            then::http::Method::Head => now::http::Method::Head,
            then::http::Method::Post => now::http::Method::Post,
            then::http::Method::Put => now::http::Method::Put,
            then::http::Method::Patch => now::http::Method::Patch,
            then::http::Method::Delete => now::http::Method::Delete,
        };
        let body = vec![now::http::Piece::Bytes(body)];
        let request =
            now::http::Request { grant, host: None, method, path, query, headers, body, timeout_ms };
        let answer = match http::exchange(accessor, request).await? {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(told(error))),
        };
        accessor.with(|mut access| {
            let body = StreamReader::new(&mut access, Pieces(answer.body))?;
            let end = answer.end;
            let end =
                FutureReader::new(
                    &mut access,
                    async move { Ok::<_, wasmtime::Error>(end.await.map_err(told)) },
                )?;
            let (status, headers) = (answer.status, answer.headers);
            Ok(Ok(then::http::Response { status, headers, body, end }))
        })
    }
}

fn told(error: now::http::Error) -> then::http::Error {
    let kind = match error.kind {
        now::http::ErrorKind::Denied => then::http::ErrorKind::Denied,
        now::http::ErrorKind::NotSent => then::http::ErrorKind::NotSent,
        now::http::ErrorKind::Interrupted => then::http::ErrorKind::Interrupted,
        now::http::ErrorKind::Timeout => then::http::ErrorKind::Timeout,
        now::http::ErrorKind::TooLarge => then::http::ErrorKind::TooLarge,
    };
    then::http::Error { kind, detail: error.detail }
}
