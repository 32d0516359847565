//! Instances that are this test binary again, whose requests wait at a gate that the test holds.

use std::collections::HashMap;
use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use cos_thumbnails::events::{Change, Event, Operation};
use cos_thumbnails::object::{Bucket, Key, ObjectId};
use function::runtime::{Reply, Runtime};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local_cloud::{HttpClient, InstanceEvent, Instances, Notice, Program, Scaling};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

const GATE: &str = "INSTANCE_GATE";
const MANNER: &str = "INSTANCE_MANNER";

/// How an instance behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// After SIGTERM it does what it has, as the function.
    Patient,
    /// SIGTERM ends it at once, whatever it has.
    Abrupt,
    /// It never ends the body of its answers.
    Stalling,
}

/// An instance, where a test started it as one; else nothing.
#[test]
fn serves_as_an_instance() {
    let Ok(gate) = std::env::var(GATE) else {
        return;
    };
    std::thread::spawn(|| {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // The harness has begun a line.
        println!(
            "\n{}",
            json!({ "listening": listener.local_addr().unwrap() })
        );
        let manner = std::env::var(MANNER).unwrap();
        if manner == format!("{:?}", Manner::Stalling) {
            return stall(listener).await;
        }
        let handler = move |_: Event, _: function::runtime::Context| {
            let gate = gate.clone();
            async move {
                let pid = std::process::id();
                let held = async {
                    let mut gate = TcpStream::connect(&gate).await?;
                    gate.write_all(format!("{pid}\n").as_bytes()).await?;
                    gate.read_u8().await
                };
                if held.await.is_err() {
                    // The test is over, and this process about to be killed.
                    return std::future::pending().await;
                }
                Ok(Reply::from(json!({ "pid": pid })))
            }
        };
        let runtime = Runtime::new(handler).in_flight(100).drain(Duration::ZERO);
        let served = if manner == format!("{:?}", Manner::Abrupt) {
            runtime.serve(listener, std::future::pending()).await
        } else {
            let terminated = function::runtime::terminated().unwrap();
            runtime.serve(listener, terminated).await
        };
        served.unwrap();
    });
}

/// Answers with a head and a part of the body.
async fn stall(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    // An answer before its request would be none.
    stream.read_u8().await.unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
    stream.write_all(answer).await.unwrap();
    std::future::pending::<()>().await;
}

/// A request that is in an instance, until it is let go.
pub(crate) struct Held {
    pub(crate) pid: u32,
    stream: TcpStream,
}

impl Held {
    pub(crate) async fn let_go(mut self) {
        self.stream.write_u8(0).await.unwrap();
    }

    pub(crate) fn kill(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid.try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

/// A router, the gate of its instances, and what becomes of them.
pub(crate) struct Routed {
    pub(crate) instances: Instances,
    pub(crate) notices: UnboundedReceiver<Notice>,
    gate: TcpListener,
    client: HttpClient,
    pub(crate) url: String,
}

impl Routed {
    pub(crate) async fn start(scaling: Scaling) -> Self {
        Self::start_with(Manner::Patient, scaling).await
    }

    pub(crate) async fn start_with(manner: Manner, scaling: Scaling) -> Self {
        let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let program = Program {
            path: std::env::current_exe().unwrap(),
            arguments: ["gated::serves_as_an_instance", "--exact", "--nocapture"]
                .map(Into::into)
                .into(),
            variables: [
                (GATE, gate.local_addr().unwrap().to_string()),
                (MANNER, format!("{manner:?}")),
            ]
            .map(|(name, value)| (name.to_owned(), Some(value)))
            .into(),
        };
        Self::start_of(program, scaling, gate).await
    }

    pub(crate) async fn start_of(program: Program, scaling: Scaling, gate: TcpListener) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let (instances, notices) = Instances::start(listener, program, scaling);
        Self {
            instances,
            notices,
            gate,
            client: Client::builder(TokioExecutor::new()).build_http(),
            url,
        }
    }

    /// Sends one event.
    pub(crate) fn ask(&self, asked: &mut JoinSet<(StatusCode, String)>) {
        let change = Change {
            operation: Operation::Write,
            object: ObjectId {
                bucket: Bucket::new("b"),
                key: Key::new("images/a.jpg"),
            },
            etag: None,
            length: Some(1),
            content_type: None,
            endpoint: String::new(),
        };
        let (headers, body) = Event::new("id", Utc::now(), change).to_http();
        let mut request = Request::post(&self.url)
            .body(Full::<Bytes>::new(body))
            .unwrap();
        request.headers_mut().extend(headers);
        let client = self.client.clone();
        asked.spawn(async move {
            let answer = client.request(request).await.unwrap();
            let status = answer.status();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        });
    }

    /// The next request that reaches an instance.
    pub(crate) async fn held(&self) -> Held {
        let held = async {
            let (stream, _) = self.gate.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut pid = String::new();
            stream.read_line(&mut pid).await.unwrap();
            Held {
                pid: pid.trim().parse().unwrap(),
                stream: stream.into_inner(),
            }
        };
        tokio::time::timeout(Duration::from_mins(1), held)
            .await
            .unwrap()
    }

    /// Waits until an instance takes requests.
    pub(crate) async fn ready(&mut self) -> Notice {
        self.notice(|notice| matches!(notice.event, InstanceEvent::Ready { .. }))
            .await
    }

    /// What became of an instance, when this has: all else before it is passed over.
    pub(crate) async fn notice(&mut self, is: impl Fn(&Notice) -> bool) -> Notice {
        loop {
            let next = tokio::time::timeout(Duration::from_mins(1), self.notices.recv());
            let notice = next.await.unwrap().unwrap();
            if is(&notice) {
                return notice;
            }
        }
    }

    /// Ends it, and sees that nothing is left.
    pub(crate) async fn stop(mut self) {
        self.instances.stop().await;
        let (mut started, mut ended) = (0, 0);
        while let Ok(notice) = self.notices.try_recv() {
            match notice.event {
                InstanceEvent::Started { pid } => {
                    started += 1;
                    assert!(!is_alive(pid));
                }
                InstanceEvent::Ended | InstanceEvent::Failed { .. } => ended += 1,
                _ => {}
            }
        }
        assert!(started <= ended, "{started} {ended}");
    }
}

/// Whether there is such a process, and not only its exit code that nobody has asked for.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .map(|(_, after)| after.chars().next());
    !matches!(state.flatten(), None | Some('Z' | 'X'))
}

pub(crate) fn by_process(held: &[Held]) -> HashMap<u32, usize> {
    let mut count = HashMap::new();
    for held in held {
        *count.entry(held.pid).or_default() += 1;
    }
    count
}
