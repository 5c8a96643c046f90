//! A client of the control plane, as small as one can be.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) struct Rpc {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
}

impl Rpc {
    /// Connects as the local command line does.
    pub(crate) async fn connect(port: u16, token: &str) -> Self {
        let url = format!("ws://127.0.0.1:{port}/");
        let (socket, _) = tokio_tungstenite::connect_async_with_config(url, None, true).await.unwrap();
        let mut rpc = Self { socket, next: 0 };
        let hello = rpc.call("connect", json!({
            "minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": ["operator.admin"], "caps": [],
            "client": { "id": "cli", "version": "bench", "platform": "linux", "mode": "cli" },
            "auth": { "token": token },
        }));
        assert_eq!(hello.await["type"], "hello-ok");
        rpc
    }

    /// One request and its answer, unread: for measuring what the gateway takes, not what a parser does.
    pub(crate) async fn round_trip(&mut self, method: &str) {
        self.socket
            .send(Message::text(format!(r#"{{"type":"req","id":"x","method":"{method}","params":{{}}}}"#)))
            .await
            .unwrap();
        while let Some(message) = self.socket.next().await {
            if matches!(message.unwrap(), Message::Text(text) if text.starts_with(r#"{"type":"res""#)) {
                return;
            }
        }
        panic!("the connection ended before `{method}` was answered");
    }

    /// One request, and the payload of its first answer.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next.to_string();
        let frame = json!({ "type": "req", "id": id, "method": method, "params": params });
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
        while let Some(message) = self.socket.next().await {
            let Message::Text(text) = message.unwrap() else { continue };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == "res" && frame["id"] == id.as_str() {
                assert_eq!(frame["ok"], true, "{frame}");
                return frame["payload"].clone();
            }
        }
        panic!("the connection ended before `{method}` was answered");
    }
}
