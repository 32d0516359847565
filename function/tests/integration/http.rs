//! HTTP by hand, so that tests can send what no client would.

use std::net::SocketAddr;
use std::time::Duration;

use crate::binary::CANARY;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing takes so long, however busy the machine is: what never comes fails, and is not waited for.
const NEVER_SO_LONG: Duration = Duration::from_mins(2);

/// The bucket that events are about.
pub(crate) const BUCKET: &str = "pictures";

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One connection.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends to a server that may have closed the connection.
    pub(crate) async fn try_send(&mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// The next answer, which says how long it is.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length = answer.header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    /// The next answer without its body.
    pub(crate) async fn head(&mut self) -> Answer {
        let status = self.line().await;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Answer {
            status,
            headers,
            body: String::new(),
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(NEVER_SO_LONG, self.0.read_line(&mut line)).await;
        read.expect("an answer").unwrap();
        assert!(
            line.ends_with("\r\n"),
            "the connection ended within {line:?}"
        );
        line.trim_end().to_owned()
    }

    /// Whatever still comes until the other side closes.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = String::new();
        // A reset is an end as well.
        let read = timeout(NEVER_SO_LONG, self.0.read_to_string(&mut rest)).await;
        let _ = read.expect("the connection's end");
        rest
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: &str) -> Answer {
    let mut connection = Connection::open(address).await;
    connection.send(request).await;
    connection.answer().await
}

/// A request without a body.
pub(crate) fn bare(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: f\r\ncontent-length: 0\r\n\r\n")
}

/// The head of a request with an event as Code Engine sends it for a subscription that shows the secret, and its body.
pub(crate) fn event_parts(id: &str, key: &str) -> (String, String) {
    let body = serde_json::json!({
        "bucket": BUCKET,
        "endpoint": "",
        "key": key,
        "notification": {
            "bucket_name": BUCKET,
            "content_type": "image/jpeg",
            "event_type": "Object:Write",
            "format": "2.0",
            "object_etag": "3cf3a49dfe06b198da72560cb3456ada",
            "object_length": "128618",
            "object_name": key,
            "request_id": id,
            "request_time": "2026-08-13T11:56:31.032Z",
        },
        "operation": "Object:Write",
    })
    .to_string();
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: f\r\ncontent-type: application/json\r\n\
         ce-specversion: 1.0\r\nce-id: {id}\r\nce-type: com.ibm.cloud.cos.document.write\r\n\
         ce-source: https://cloud.ibm.com/catalog/services/cloud-object-storage/{BUCKET}\r\n\
         ce-time: 2026-08-13T11:56:31.032Z\r\nce-eventsecret: {CANARY}\r\n"
    );
    (head, body)
}

/// A request with an event as Code Engine sends it.
pub(crate) fn event(id: &str, key: &str) -> String {
    let (head, body) = event_parts(id, key);
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}
