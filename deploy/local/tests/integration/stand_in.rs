//! What stands in for the function: notes every request, and answers by a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Noted {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What is done with one request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// This status, and no `Retry-After`.
    Status(u16),
    /// This status, and a `Retry-After` of so many seconds.
    After(u16, u64),
    /// None: the connection ends.
    Hangup,
    /// A 200 whose body is no outcome.
    Nonsense,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Answer>,
    noted: Vec<Noted>,
}

/// The server; it ends with this.
pub(crate) struct StandIn {
    url: String,
    state: Arc<Mutex<State>>,
    _server: JoinSet<()>,
}

impl StandIn {
    /// Answers by `script`, and after its end with 200.
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            script: script.into_iter().collect(),
            noted: Vec::new(),
        }));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&state)));
        Self {
            url,
            state,
            _server: server,
        }
    }

    /// Where events are to be posted.
    pub(crate) fn url(&self) -> http::Uri {
        self.url.parse().unwrap()
    }

    /// What came since this was asked last.
    pub(crate) fn noted(&self) -> Vec<Noted> {
        std::mem::take(&mut self.state.lock().unwrap().noted)
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(request, Arc::clone(&state)));
        connections.spawn(async move {
            // A service that fails ends the connection: that is the hang-up.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("hang up")]
struct HangUp;

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, HangUp> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut state = state.lock().unwrap();
    state.noted.push(Noted {
        method: head.method,
        target: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let mut response = Response::builder();
    let mut text = outcome();
    match state.script.pop_front() {
        None => {}
        Some(Answer::Status(status)) => response = response.status(status),
        Some(Answer::After(status, seconds)) => {
            response = response.status(status).header("retry-after", seconds);
        }
        Some(Answer::Hangup) => return Err(HangUp),
        Some(Answer::Nonsense) => "ok".clone_into(&mut text),
    }
    Ok(response.body(Full::new(text.into())).unwrap())
}

/// An outcome as the function answers it.
fn outcome() -> String {
    json!({
        "event_id": "e", "key": "k", "verdict": "skipped", "recipe": "r",
        "traffic": {
            "gets": 0, "heads": 0, "puts": 0, "deletes": 0, "bytes_read": 0, "bytes_written": 0,
        },
        "timings_us": {},
    })
    .to_string()
}
