//! A client of the control plane for tests, over one WebSocket.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::{GATEWAY_TOKEN, Home, SOON};

/// A connection that remembers every frame that came.
pub struct Connection {
    socket: WebSocketStream<TcpStream>,
    /// Every frame that came, in order.
    pub seen: Vec<Value>,
    asked: usize,
}

impl Connection {
    /// Connects as an operator with these scopes and the shared token.
    pub async fn open(home: &Home, scopes: &[&str]) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
        let url = format!("ws://127.0.0.1:{}/", home.port());
        let socket = client_async(url, stream).await.unwrap().0;
        let mut connection = Self { socket, seen: Vec::new(), asked: 0 };
        let client = json!({"id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend"});
        let params = json!({"minProtocol": 4, "maxProtocol": 4, "client": client, "role": "operator",
            "scopes": scopes, "auth": {"token": GATEWAY_TOKEN}});
        connection.call("connect", params).await.unwrap();
        connection
    }

    /// Sends a request and returns its id.
    pub async fn ask(&mut self, method: &str, params: Value) -> String {
        self.asked += 1;
        let id = format!("r{}", self.asked);
        let request = json!({"type": "req", "id": id, "method": method, "params": params});
        self.socket.send(Message::text(request.to_string())).await.unwrap();
        id
    }

    /// Reads until a frame fits; it and all before it are in `seen`.
    pub async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(frame) = self.seen.iter().find(|frame| fits(frame)) {
            return frame.clone();
        }
        let reading = async {
            loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
                let frame: Value = serde_json::from_str(&text).unwrap();
                self.seen.push(frame.clone());
                if fits(&frame) {
                    return frame;
                }
            }
        };
        tokio::time::timeout(SOON, reading).await.expect("the frame never came")
    }

    /// The payload, or the error.
    ///
    /// # Errors
    /// The error of the answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.ask(method, params).await;
        let frame = self.until(|frame| frame["type"] == "res" && frame["id"] == id.as_str()).await;
        if frame["ok"] == true { Ok(frame["payload"].clone()) } else { Err(frame["error"].clone()) }
    }

    /// The words with which a call is refused.
    pub async fn refused(&mut self, method: &str, params: Value) -> String {
        self.call(method, params).await.unwrap_err()["message"].as_str().unwrap().to_owned()
    }

    /// Sends a message and waits for the run's last `chat` event.
    pub async fn talk(&mut self, key: &str, message: &str, run: &str) -> Value {
        let params = json!({"sessionKey": key, "message": message, "idempotencyKey": run});
        let ack = self.call("chat.send", params).await.unwrap();
        assert_eq!(ack, json!({"runId": run, "status": "started"}));
        self.end_of(run).await
    }

    /// The last `chat` event of a run.
    pub async fn end_of(&mut self, run: &str) -> Value {
        let last = |frame: &Value| {
            frame["event"] == "chat"
                && frame["payload"]["runId"] == run
                && ["final", "aborted", "error"]
                    .contains(&frame["payload"]["state"].as_str().unwrap_or_default())
        };
        self.until(last).await["payload"].clone()
    }

    /// The payloads of an event that tell of a run.
    pub fn told(&self, event: &str, run: &str) -> Vec<&Value> {
        let told = self.seen.iter().filter(|frame| frame["event"] == event);
        told.map(|frame| &frame["payload"]).filter(|payload| payload["runId"] == run).collect()
    }
}
