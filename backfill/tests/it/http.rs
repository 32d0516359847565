//! The HTTP target against a server that answers by script.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backfill::record::End;
use backfill::target::{Http, Secret};
use backfill::{Target, TargetError};
use bytes::Bytes;
use cos_thumbnails::events::{self, Event};
use cos_thumbnails::outcome::Outcome;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fakes::{change, made, replay};

/// One answer.
#[derive(Clone)]
enum Answer {
    /// The outcome of the event that was sent.
    Made,
    /// The same, without the run having been honoured.
    RunRefused,
    Status(u16, &'static [(&'static str, &'static str)], &'static str),
    /// None at all.
    Hang,
    /// The head of a success and half a body.
    BreakOff,
    /// A body without end.
    Endless,
}

struct Received {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A server that gives one answer after another and keeps what it was asked.
struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Body = BoxBody<Bytes, std::io::Error>;

impl Server {
    async fn start(script: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::from(script.to_vec())));
        let kept = Arc::clone(&received);
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, kept) = (Arc::clone(&script), Arc::clone(&kept));
                let service = service_fn(move |request| {
                    let (script, kept) = (Arc::clone(&script), Arc::clone(&kept));
                    async move { Ok::<_, Infallible>(answer(request, &script, &kept).await) }
                });
                connections.spawn(async move {
                    // A connection that the client gave up is no fault of the server.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            received,
            serving,
        }
    }

    fn target(&self, secret: Option<&str>, timeout: Duration) -> Http {
        let url = format!("http://{}", self.address).parse().unwrap();
        Http::new(
            url,
            secret.map(|secret| Secret::new(secret).unwrap()),
            timeout,
        )
        .unwrap()
    }
}

async fn answer(
    request: Request<Incoming>,
    script: &Mutex<VecDeque<Answer>>,
    kept: &Mutex<Vec<Received>>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let event = events::parse_http(&head.headers, &body).unwrap().remove(0);
    kept.lock().unwrap().push(Received {
        method: head.method,
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body,
    });
    let full = |text: String| {
        Full::new(Bytes::from(text))
            .map_err(|never| match never {})
            .boxed()
    };
    let next = script
        .lock()
        .unwrap()
        .pop_front()
        .expect("more requests than the script has");
    match next {
        Answer::Made => Response::new(full(serde_json::to_string(&made(&event)).unwrap())),
        Answer::RunRefused => {
            let outcome = Outcome {
                run_refused: true,
                ..made(&event)
            };
            Response::new(full(serde_json::to_string(&outcome).unwrap()))
        }
        Answer::Status(status, headers, text) => {
            let mut response = Response::new(full(text.into()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        }
        Answer::Hang => std::future::pending().await,
        Answer::BreakOff => {
            let half = Ok(Frame::data(Bytes::from_static(b"{\"event_id\":")));
            let frames = [half, Err(std::io::Error::other("as the test wants it"))];
            Response::new(BodyExt::boxed(StreamBody::new(stream::iter(frames))))
        }
        Answer::Endless => {
            let frame = || Ok(Frame::data(Bytes::from(vec![b' '; 64 * 1024])));
            Response::new(BodyExt::boxed(StreamBody::new(stream::iter(
                std::iter::repeat_with(frame),
            ))))
        }
    }
}

fn event() -> Event {
    Event::new("backfill-r-1", chrono::Utc::now(), change("images/a b é"))
}

/// Long enough for any answer on loopback.
const PATIENT: Duration = Duration::from_mins(1);

async fn send(script: &[Answer], timeout: Duration) -> Result<Outcome, TargetError> {
    let server = Server::start(script).await;
    server.target(None, timeout).send(&event()).await
}

#[tokio::test]
async fn an_event_arrives_as_it_was_sent_and_its_outcome_comes_back() {
    let server = Server::start(&[Answer::Made]).await;
    let sent = event();
    let outcome = server.target(None, PATIENT).send(&sent).await.unwrap();
    assert_eq!(outcome, made(&sent));
    let received = server.received.lock().unwrap();
    assert_eq!(received[0].method, Method::POST);
    assert_eq!(received[0].path, "/events");
    let arrived = events::parse_http(&received[0].headers, &received[0].body).unwrap();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].change(), sent.change());
    assert!(!received[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn the_secret_goes_into_the_authorization_header() {
    let server = Server::start(&[Answer::Made]).await;
    server
        .target(Some("canary"), PATIENT)
        .send(&event())
        .await
        .unwrap();
    assert_eq!(
        server.received.lock().unwrap()[0].headers["authorization"],
        "Bearer canary"
    );
}

#[tokio::test]
async fn overload_says_when_to_come_back() {
    let error = send(
        &[Answer::Status(429, &[("retry-after", "3")], "busy")],
        PATIENT,
    )
    .await
    .unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(
        error.to_string(),
        "the function answered 429 Too Many Requests: busy"
    );

    let past = &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let error = send(&[Answer::Status(503, past, "")], PATIENT)
        .await
        .unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::ZERO));
}

#[tokio::test]
async fn a_function_that_comes_back_gets_the_same_event_again() {
    let server = Server::start(&[Answer::Status(503, &[], ""), Answer::Made]).await;
    let target = Arc::new(server.target(None, PATIENT));
    let mut pictures = Vec::new();
    let originals = stream::iter([Ok(change("images/a"))]);
    replay(1)
        .run(originals, target, |picture| {
            pictures.push(picture);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(pictures[0].attempts, 2);
    assert!(matches!(pictures[0].end, End::Outcome(_)));
    let received = server.received.lock().unwrap();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].headers, received[1].headers);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[0].headers["ce-backfillrun"], "run1");
}

#[tokio::test]
async fn case_24_every_picture_is_handled_by_a_function_that_fails_in_every_way() {
    const PICTURES: usize = 12;
    let past = &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let bad = [
        Answer::Status(429, &[("retry-after", "0")], "busy"),
        Answer::Status(503, past, ""),
        Answer::BreakOff,
        Answer::Status(502, &[], ""),
        Answer::Hang,
        Answer::Status(504, &[], ""),
    ];
    let mut script = vec![Answer::Made; PICTURES];
    for (n, answer) in bad.iter().enumerate() {
        script.insert(2 * n, answer.clone());
    }
    let server = Server::start(&script).await;
    let target = Arc::new(server.target(None, Duration::from_secs(2)));
    let mut replay = replay(3);
    replay.retry = replay.retry.with_max_times(bad.len());
    let originals = (0..PICTURES).map(|n| Ok(change(&format!("images/{n}"))));
    let (mut handled, mut attempts, mut adapted) = (0, 0, Vec::new());
    let run = replay.run(stream::iter(originals), target, |picture| {
        handled += usize::from(matches!(picture.end, End::Outcome(_)));
        attempts += picture.attempts as usize;
        adapted.extend(picture.adapted);
        Ok(())
    });
    run.await.unwrap();
    assert_eq!(handled, PICTURES);
    adapted.sort_by_key(|change| change.at_us);
    let limits: Vec<_> = adapted.iter().map(|change| change.to).collect();
    assert_eq!(
        limits[0], 1,
        "three at first, of which one was too many: {limits:?}"
    );
    assert_eq!(
        attempts,
        PICTURES + bad.len(),
        "each fault costs one more request"
    );
    assert_eq!(server.received.lock().unwrap().len(), attempts);
}

#[tokio::test]
async fn a_function_that_hangs_is_given_up_after_the_time_out() {
    let error = send(&[Answer::Hang], Duration::from_millis(50))
        .await
        .unwrap_err();
    assert!(matches!(error, TargetError::TimedOut(_)), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn refusals_and_faults_are_final() {
    for status in [301, 400, 401, 403, 404, 413, 415, 500] {
        let error = send(&[Answer::Status(status, &[], "no")], PATIENT)
            .await
            .unwrap_err();
        assert!(!error.is_retryable(), "{status}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
    for status in [429, 502, 503, 504] {
        let error = send(&[Answer::Status(status, &[], "")], PATIENT)
            .await
            .unwrap_err();
        assert!(error.is_retryable(), "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_can_be_asked_for_again() {
    let error = send(&[Answer::BreakOff], PATIENT).await.unwrap_err();
    assert!(matches!(error, TargetError::Transport(_)), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let error = send(&[Answer::Endless], PATIENT).await.unwrap_err();
    assert!(matches!(error, TargetError::TooLong), "{error:?}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn success_without_an_outcome_is_no_success() {
    let error = send(&[Answer::Status(200, &[], "OK")], PATIENT)
        .await
        .unwrap_err();
    assert!(matches!(error, TargetError::NotAnOutcome(_)), "{error:?}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_run_that_is_not_honoured_is_no_success() {
    let error = send(&[Answer::RunRefused], PATIENT).await.unwrap_err();
    assert!(matches!(error, TargetError::RunRefused), "{error:?}");
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("BACKFILL_SECRET"), "{error}");
}

#[tokio::test]
async fn nobody_listening_can_change() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let target = Http::new(url.parse().unwrap(), None, PATIENT).unwrap();
    let error = target.send(&event()).await.unwrap_err();
    assert!(matches!(error, TargetError::Transport(_)), "{error:?}");
    assert!(error.is_retryable());
}
