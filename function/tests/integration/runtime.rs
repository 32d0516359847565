//! The runtime as a sender sees it: real connections, and every line of the table of answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::http::{Connection, bare, event, event_parts, send};
use cos_thumbnails::events::Event;
use function::runtime::{self, Context, Failure, Handler, HandlerService, Reply, Runtime};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) const SOON: Duration = Duration::from_millis(50);

/// A runtime that serves until the test stops it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), runtime::Error>>,
}

impl Server {
    pub(crate) async fn start<H: Handler>(runtime: Runtime<HandlerService<H>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, told) = oneshot::channel();
        let told = async { told.await.unwrap_or_default() };
        let task = tokio::spawn(runtime.serve(listener, told));
        Self {
            address,
            shutdown: Some(shutdown),
            task,
        }
    }

    pub(crate) fn shut_down(&mut self) {
        self.shutdown.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn ended(&mut self) {
        (&mut self.task).await.unwrap().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Does what the event's key says.
pub(crate) async fn obey(event: Event, _context: Context) -> Result<Reply, Failure> {
    let wait = Duration::from_secs(7);
    match event.change().object.key.as_str() {
        "malformed" => Err(Failure::Malformed("x".into())),
        "forbidden" => Err(Failure::Forbidden("x".into())),
        "busy" => Err(Failure::Busy(wait)),
        "unavailable" => Err(Failure::Unavailable(wait)),
        "panic" => panic!("as the key says"),
        "hang" => std::future::pending().await,
        key => Ok(Reply::new(&json!({ "key": key })).unwrap()),
    }
}

/// A handler whose every call takes a permit that the test gives, and says that it began.
pub(crate) fn gated() -> (Arc<Semaphore>, Arc<Notify>, impl Handler) {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let (gate_in, begun_in) = (Arc::clone(&gate), Arc::clone(&begun));
    let handler = move |event: Event, _: Context| {
        let (gate, begun) = (Arc::clone(&gate_in), Arc::clone(&begun_in));
        async move {
            begun.notify_one();
            gate.acquire().await.unwrap().forget();
            Ok(Reply::new(&json!({ "id": event.id() })).unwrap())
        }
    };
    (gate, begun, handler)
}

pub(crate) fn batch(keys: &[&str]) -> String {
    let entry = |key: &&str| {
        json!({
            "specversion": "1.0", "id": format!("id-{key}"),
            "type": "com.ibm.cloud.cos.document.write",
            "source": "https://cloud.ibm.com/catalog/services/cloud-object-storage/b",
            "data": { "bucket": "b", "endpoint": "", "key": key, "operation": "Object:Write" },
        })
    };
    let body = json!(keys.iter().map(entry).collect::<Vec<_>>()).to_string();
    let media_type = "application/cloudevents-batch+json";
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: f\r\ncontent-type: {media_type}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn what_the_handler_says_becomes_the_answer() {
    let server = Server::start(Runtime::new(obey)).await;
    for (key, status, retry_after) in [
        ("images/cat.jpg", 200, None),
        ("malformed", 400, None),
        ("forbidden", 403, None),
        ("busy", 429, Some("7")),
        ("unavailable", 503, Some("7")),
    ] {
        let answer = send(server.address, &event("e", key)).await;
        assert_eq!(answer.status, status, "{key}");
        assert_eq!(answer.header("retry-after"), retry_after, "{key}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let answer = send(server.address, &event("e", "images/a b+%2F.jpg")).await;
    assert_eq!(answer.json(), json!({ "key": "images/a b+%2F.jpg" }));
}

#[tokio::test]
async fn root_and_events_are_the_same_and_a_connection_is_kept() {
    let server = Server::start(Runtime::new(obey)).await;
    let mut connection = Connection::open(server.address).await;
    for path in ["/events", "/", "/events?x=y"] {
        let request = event("e", "k").replacen("/events", path, 1);
        connection.send(&request).await;
        assert_eq!(connection.answer().await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn paths_and_methods() {
    let server = Server::start(Runtime::new(obey)).await;
    for (method, path, status, allow) in [
        ("GET", "/healthz", 200, None),
        ("GET", "/readyz", 200, None),
        ("GET", "/", 405, Some("POST")),
        ("PUT", "/events", 405, Some("POST")),
        ("POST", "/healthz", 405, Some("GET, HEAD")),
        ("DELETE", "/readyz", 405, Some("GET, HEAD")),
        ("GET", "/favicon.ico", 404, None),
        ("GET", "/version", 404, None),
        ("POST", "/event", 404, None),
    ] {
        let answer = send(server.address, &bare(method, path)).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    let mut connection = Connection::open(server.address).await;
    connection.send(&bare("HEAD", "/healthz")).await;
    assert_eq!(connection.head().await.status, 200);
    connection.send(&bare("GET", "/nowhere")).await;
    let answer = connection.answer().await;
    assert!(
        answer.body.contains("/events"),
        "{} says where events go",
        answer.body
    );
}

#[tokio::test]
async fn the_version_is_what_the_program_says() {
    let version = json!({ "version": "1", "recipes": ["r"] });
    let server = Server::start(Runtime::new(obey).version(version.clone())).await;
    let answer = send(server.address, &bare("GET", "/version")).await;
    assert_eq!((answer.status, answer.json()), (200, version));
    let refused = send(server.address, &bare("POST", "/version")).await;
    assert_eq!(
        (refused.status, refused.header("allow")),
        (405, Some("GET, HEAD"))
    );
}

#[tokio::test]
async fn case_16_what_is_no_event_is_refused_for_good() {
    let server = Server::start(Runtime::new(obey)).await;
    let request = event("e", "k");
    let answer = send(
        server.address,
        &request.replace("application/json", "text/plain"),
    )
    .await;
    assert_eq!(answer.status, 415, "{}", answer.body);
    let answer = send(server.address, &request.replace("{\"", "[\"")).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.contains("line 1 column"), "{}", answer.body);
    let mut connection = Connection::open(server.address).await;
    connection.send("this is no HTTP\r\n\r\n").await;
    assert_eq!(connection.head().await.status, 400);
    assert_eq!(
        send(server.address, &request).await.status,
        200,
        "the next event is served"
    );
}

#[tokio::test]
async fn a_long_body_is_refused_declared_or_not() {
    let server = Server::start(Runtime::new(obey).max_body_bytes(1000)).await;
    let (head, _) = event_parts("e", "k");
    // The body is never sent: the declaration is enough.
    let declared = format!("{head}content-length: 1001\r\n\r\n");
    assert_eq!(send(server.address, &declared).await.status, 413);
    let piece = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let chunked = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{}",
        piece.repeat(3)
    );
    assert_eq!(send(server.address, &chunked).await.status, 413);
}

#[tokio::test]
async fn long_header_fields_are_refused() {
    let server = Server::start(Runtime::new(obey).max_header_bytes(1024)).await;
    let (head, body) = event_parts("e", "k");
    let long = format!(
        "{head}x: {}\r\ncontent-length: {}\r\n\r\n{body}",
        "x".repeat(1024),
        body.len()
    );
    let mut connection = Connection::open(server.address).await;
    connection.send(&long).await;
    assert_eq!(connection.head().await.status, 431);
}

#[tokio::test]
async fn a_panic_is_one_answer_and_the_next_event_is_served() {
    let server = Server::start(Runtime::new(obey).in_flight(1)).await;
    for _ in 0..3 {
        let answer = send(server.address, &event("e", "panic")).await;
        assert_eq!(answer.status, 503);
        assert!(answer.header("retry-after").is_some());
        assert!(
            !answer.body.contains("as the key says"),
            "the panic's text is for the log"
        );
    }
    assert_eq!(send(server.address, &event("e", "k")).await.status, 200);
}

#[tokio::test]
async fn the_deadline_ends_the_handlers_work() {
    struct Dropped(Option<oneshot::Sender<()>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).unwrap();
        }
    }
    let (dropped, seen) = oneshot::channel();
    let dropped = std::sync::Mutex::new(Some(Dropped(Some(dropped))));
    let handler = move |_: Event, _: Context| {
        let dropped = dropped.lock().unwrap().take();
        async move {
            let _dropped = dropped;
            std::future::pending().await
        }
    };
    let server = Server::start(Runtime::new(handler).deadline(SOON)).await;
    let answer = send(server.address, &event("e", "k")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    seen.await.unwrap();
}

#[tokio::test]
async fn case_22_overload_is_shed_before_the_body_is_read() {
    let (gate, begun, handler) = gated();
    let server = Server::start(Runtime::new(handler).in_flight(1).waiting(0)).await;
    let mut first = Connection::open(server.address).await;
    first.send(&event("first", "k")).await;
    begun.notified().await;
    let (head, body) = event_parts("second", "k");
    let length = body.len();
    for rest in [
        format!("content-length: {length}\r\n\r\n"),
        // The next answer would be "100 Continue", were the body wanted.
        format!("content-length: {length}\r\nexpect: 100-continue\r\n\r\n"),
        "transfer-encoding: chunked\r\n\r\n".to_owned(),
    ] {
        let answer = send(server.address, &format!("{head}{rest}")).await;
        assert_eq!(answer.status, 429, "{rest:?}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(
        send(server.address, &bare("GET", "/healthz")).await.status,
        200
    );
    gate.add_permits(2);
    assert_eq!(first.answer().await.json(), json!({ "id": "first" }));
    assert_eq!(send(server.address, &event("third", "k")).await.status, 200);
}

#[tokio::test]
async fn draining_serves_late_events_until_none_come() {
    let (gate, begun, handler) = gated();
    let mut server = Server::start(Runtime::new(handler).drain(SOON)).await;
    let mut held = Connection::open(server.address).await;
    held.send(&event("held", "k")).await;
    begun.notified().await;
    server.shut_down();
    while send(server.address, &bare("GET", "/readyz")).await.status == 200 {}
    assert_eq!(
        send(server.address, &bare("GET", "/readyz")).await.status,
        503
    );
    assert_eq!(
        send(server.address, &bare("GET", "/healthz")).await.status,
        200
    );
    gate.add_permits(1);
    // One of the two gets the permit; the other holds the process.
    let mut late = Connection::open(server.address).await;
    late.send(&event("late", "k")).await;
    gate.add_permits(1);
    assert_eq!(late.answer().await.json(), json!({ "id": "late" }));
    assert_eq!(held.answer().await.json(), json!({ "id": "held" }));
    server.ended().await;
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn draining_ends_at_last() {
    let runtime = Runtime::new(obey).drain(SOON).drain_at_most(SOON);
    let mut server = Server::start(runtime).await;
    let mut hanging = Connection::open(server.address).await;
    hanging.send(&event("e", "hang")).await;
    server.shut_down();
    server.ended().await;
    assert_eq!(hanging.rest().await, "");
}

#[tokio::test]
async fn a_batch_is_answered_as_one() {
    let server = Server::start(Runtime::new(obey)).await;
    let answer = send(server.address, &batch(&["a", "forbidden", "b"])).await;
    assert_eq!(answer.status, 200);
    let expected = json!([
        { "id": "id-a", "status": 200, "outcome": { "key": "a" } },
        { "id": "id-forbidden", "status": 403, "error": "forbidden: x" },
        { "id": "id-b", "status": 200, "outcome": { "key": "b" } },
    ]);
    assert_eq!(answer.json(), expected);
    assert_eq!(
        send(server.address, &batch(&["a", "busy"])).await.status,
        429
    );
    let answer = send(server.address, &batch(&["unavailable", "a", "busy"])).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(
        answer.json()[1]["status"],
        200,
        "the rest of the batch was handled"
    );
    assert_eq!(
        send(server.address, &batch(&["malformed", "forbidden"]))
            .await
            .status,
        400
    );
    assert_eq!(send(server.address, &batch(&[])).await.json(), json!([]));
    // A key that is none makes its member malformed, and no other.
    let answer = send(server.address, &batch(&["a", "", "b"])).await;
    let statuses = [0, 1, 2].map(|n| answer.json()[n]["status"].clone());
    assert_eq!(answer.status, 200);
    assert_eq!(json!(statuses), json!([200, 400, 200]));
    let told = answer.json()[1].clone();
    let error = told["error"].as_str().unwrap();
    assert_eq!(told["id"], "id-");
    assert!(
        error.starts_with("malformed event: event \"id-\": "),
        "{error}"
    );
    let answer = send(server.address, &batch(&["busy", ""])).await;
    assert_eq!(
        (answer.status, &answer.json()[1]["status"]),
        (429, &json!(400))
    );
    assert_eq!(send(server.address, &batch(&["", ""])).await.status, 400);
    assert_eq!(send(server.address, &batch(&[""])).await.status, 400);
}

#[tokio::test]
async fn the_events_of_a_batch_share_their_time() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = move |_: Event, context: Context| {
        let tell = tell.clone();
        async move {
            tell.send((context.received, context.deadline)).unwrap();
            Ok(Reply::new(&json!({})).unwrap())
        }
    };
    let minute = Duration::from_mins(1);
    let server = Server::start(Runtime::new(handler).deadline(minute)).await;
    let answer = send(server.address, &batch(&["a", "b"])).await;
    assert_eq!(answer.status, 200);
    let (received, deadline) = told.recv().await.unwrap();
    assert_eq!(told.recv().await.unwrap(), (received, deadline));
    assert_eq!(deadline - received, minute);
}

#[tokio::test]
async fn a_tower_layer_can_be_put_around_the_handler() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = Runtime::new(obey).layer(tower::timeout::TimeoutLayer::new(SOON));
    let server = tokio::spawn(runtime.serve(listener, std::future::pending()));
    assert_eq!(send(address, &event("e", "k")).await.status, 200);
    assert_eq!(send(address, &event("e", "forbidden")).await.status, 403);
    assert_eq!(send(address, &event("e", "hang")).await.status, 503);
    server.abort();
}

#[tokio::test]
async fn the_context_shows_no_header_but_has_them() {
    let handler = async |_: Event, context: Context| {
        let bearer = context
            .bearer()
            .map(|token| String::from_utf8(token.to_vec()).unwrap());
        let debug = format!("{context:?}");
        let loopback = context.listener.ip().is_loopback() && context.peer.ip().is_loopback();
        Ok(Reply::new(&json!({ "bearer": bearer, "debug": debug, "loopback": loopback })).unwrap())
    };
    let server = Server::start(Runtime::new(handler)).await;
    let (head, body) = event_parts("e", "k");
    let length = body.len();
    let request =
        format!("{head}authorization: bearer canary\r\ncontent-length: {length}\r\n\r\n{body}");
    let answer = send(server.address, &request).await.json();
    assert_eq!(answer["bearer"], "canary");
    assert_eq!(answer["loopback"], true);
    assert!(
        !answer["debug"].as_str().unwrap().contains("canary"),
        "{answer}"
    );
}
