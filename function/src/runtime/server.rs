//! Connections, paths, admission and the end: everything around the answering of one request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;

use super::drain::Activity;
use super::pace::Pace;
use super::receive::receive;
use super::reply::{self, Refusal, Response};
use super::{Error, Invocation, Reply, Settings};

/// How long connections may take to end after the last event.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long to wait when the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Where a request came from, and when its answer is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) peer: SocketAddr,
    pub(super) listener: SocketAddr,
    pub(super) deadline: Instant,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    settings: Arc<Settings>,
    listener: SocketAddr,
    draining: AtomicBool,
    activity: Activity,
}

/// Serves `service` until `shutdown` is ready and the events have ceased.
pub(super) async fn serve<S>(
    service: S,
    settings: Settings,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error>
where
    S: Service<Invocation, Response = Reply, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    let shared = Arc::new(Shared {
        settings: Arc::new(settings),
        listener: listener.local_addr().map_err(Error::Listener)?,
        draining: AtomicBool::new(false),
        activity: Activity::new(),
    });
    let events = admit(service, &shared.settings);
    let http = http(&shared.settings);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut ended = pin!(drain(&shared, shutdown));
    loop {
        let room = connections.len() < shared.settings.max_connections;
        tokio::select! {
            (stream, peer) = accept(&listener), if room => {
                let watcher = graceful.watcher();
                let shared = Arc::clone(&shared);
                let events = events.clone();
                connections.spawn(connection(http.clone(), stream, peer, watcher, shared, events));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = &mut ended => break,
        }
    }
    drop(listener);
    // Whatever has not ended by then is cut off with the set.
    let _ = timeout(GOODBYE, graceful.shutdown()).await;
    Ok(())
}

/// Ends when the process should: some time after `shutdown`.
async fn drain(shared: &Shared, shutdown: impl Future<Output = ()>) {
    let settings = &shared.settings;
    shutdown.await;
    shared.draining.store(true, Ordering::Relaxed);
    tracing::info!("draining: not ready, but late events are still handled");
    if timeout(
        settings.drain_at_most,
        shared.activity.ceased(settings.drain),
    )
    .await
    .is_err()
    {
        tracing::warn!("events still came or were in work at the end of the longest drain");
    }
}

/// The next connection, whatever becomes of those before it.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(NO_ROOM).await;
            }
        }
    }
}

/// HTTP/1.1 with the limits on header fields. hyper answers 431 and 400 by itself.
fn http(settings: &Settings) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_header_size(settings.max_header_bytes);
    http
}

/// Serves one connection to its end.
async fn connection<S>(
    http: http1::Builder,
    stream: TcpStream,
    peer: SocketAddr,
    watcher: Watcher,
    shared: Arc<Shared>,
    events: S,
) where
    S: Service<Request<Incoming>, Response = Response, Error = Refusal> + Clone,
{
    // Answers are short and written at once; a delay can only do harm.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| route(&shared, events.clone(), peer, request));
    let connection = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// Sends a request where its path says.
async fn route<S>(
    shared: &Shared,
    events: S,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible>
where
    S: Service<Request<Incoming>, Response = Response, Error = Refusal>,
{
    let probe = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path().to_owned();
    let result = match path.as_str() {
        "/" | "/events" if request.method() == Method::POST => {
            let _active = shared.activity.begin();
            let deadline = Instant::now() + shared.settings.deadline;
            let listener = shared.listener;
            request.extensions_mut().insert(Arrival {
                peer,
                listener,
                deadline,
            });
            events.oneshot(request).await
        }
        "/" | "/events" => Err(Refusal::Method { allow: "POST" }),
        "/readyz" if probe && shared.draining.load(Ordering::Relaxed) => {
            Ok(reply::not_ready("draining"))
        }
        "/readyz" if probe && !shared.settings.readiness.is_ready().await => {
            Ok(reply::not_ready("what is needed does not answer"))
        }
        "/healthz" | "/readyz" if probe => Ok(reply::well()),
        "/version" if let Some(version) = &shared.settings.version => {
            if probe {
                Ok(reply::version(version))
            } else {
                Err(Refusal::Method { allow: "GET, HEAD" })
            }
        }
        "/healthz" | "/readyz" => Err(Refusal::Method { allow: "GET, HEAD" }),
        _ => Err(Refusal::NoSuchPath),
    };
    Ok(result.unwrap_or_else(|refusal| {
        let status = refusal.status().as_u16();
        let why = refusal.to_string();
        tracing::warn!(%peer, path, status, why = %why.escape_debug(), "refused");
        refusal.response()
    }))
}

/// The layers around the events of a request, from the outside:
///
/// ```text
/// shed load beyond in flight + waiting -> deadline -> wait for a place -> contain panics -> receive
/// ```
///
/// Only what has a place is read, so that overload costs neither memory nor a body's transfer.
fn admit<S>(
    service: S,
    settings: &Arc<Settings>,
) -> impl Service<Request<Incoming>, Response = Response, Error = Refusal, Future: Send>
+ Clone
+ Send
+ use<S>
where
    S: Service<Invocation, Response = Reply, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    let shared = Arc::clone(settings);
    let (in_flight, waiting) = (settings.in_flight, settings.waiting);
    let pace = Arc::new(Pace::default());
    let counted = Arc::clone(&pace);
    let placed = ServiceBuilder::new()
        .concurrency_limit(settings.in_flight)
        .map_response(|response: http::Response<_>| response.map(BodyExt::boxed_unsync))
        .layer(CatchPanicLayer::custom(|_| Refusal::Fault.response()))
        .service_fn(move |request| {
            let received = receive(service.clone(), Arc::clone(&shared), request);
            let (pace, begun) = (Arc::clone(&counted), Instant::now());
            async move {
                let answer = received.await;
                pace.count(begun.elapsed());
                answer
            }
        });
    ServiceBuilder::new()
        .map_err(move |error| Refusal::of(error, || pace.come_again(waiting, in_flight)))
        .load_shed()
        .concurrency_limit(settings.in_flight + settings.waiting)
        .timeout(settings.deadline)
        .service_fn(move |request| placed.clone().oneshot(request))
}
