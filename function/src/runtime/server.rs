//! Connections, paths, admission and the end: everything around the answering of one request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::{BoxError, Service};

use super::admission::Admission;
use super::bodies::Bodies;
use super::connections::{Connections, Presence};
use super::descriptors;
use super::drain::Activity;
use super::receive::receive;
use super::reply::{self, Refusal, Response};
use super::{Error, Invocation, Meter, Reply, Settings};

/// How long connections may take to end after the last event.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long to wait when the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) listener: SocketAddr,
    pub(super) admission: Admission,
    pub(super) bodies: Bodies,
    /// Ends all work when the process does.
    pub(super) stop: CancellationToken,
    draining: AtomicBool,
    activity: Activity,
}

/// Who sends a request.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) peer: SocketAddr,
    pub(super) presence: Presence,
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
    let settings = Settings {
        body_timeout: settings.body_timeout.min(settings.deadline),
        max_connections: settings.max_connections.min(descriptors::connections()),
        ..settings
    };
    let stop = CancellationToken::new();
    let _stopped_at_last = stop.clone().drop_guard();
    let shared = Arc::new(Shared {
        listener: listener.local_addr().map_err(Error::Listener)?,
        admission: Admission::new(&settings),
        bodies: Bodies::new(settings.max_body_bytes),
        stop,
        draining: AtomicBool::new(false),
        activity: Activity::new(),
        settings,
    });
    let http = http(&shared.settings);
    let graceful = GracefulShutdown::new();
    let max_connections = shared.settings.max_connections;
    let connections = Connections::new(max_connections);
    let mut serving = JoinSet::new();
    let mut ended = pin!(drain(&shared, shutdown));
    loop {
        // One too many is open until the one is closed that gives way to it.
        let room = serving.len() <= max_connections;
        tokio::select! {
            (stream, peer) = accept(&listener, &connections), if room => {
                let presence = connections.open();
                let caller = Caller { peer, presence };
                let (http, watcher) = (http.clone(), graceful.watcher());
                let (shared, service) = (Arc::clone(&shared), service.clone());
                serving.spawn(connection(http, stream, caller, watcher, shared, service));
            }
            Some(_) = serving.join_next(), if !serving.is_empty() => {}
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
async fn accept(listener: &TcpListener, connections: &Connections) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                if descriptors::are_used_up(&error) {
                    connections.make_room();
                }
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

/// Serves one connection to its end, or until it has to give way.
async fn connection<S>(
    http: http1::Builder,
    stream: TcpStream,
    caller: Caller,
    watcher: Watcher,
    shared: Arc<Shared>,
    service: S,
) where
    S: Service<Invocation, Response = Reply, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    // Answers are short and written at once; a delay can only do harm.
    let _ = stream.set_nodelay(true);
    let peer = caller.peer;
    let routed = service_fn(|request| route(&shared, service.clone(), &caller, request));
    let connection = http.serve_connection(TokioIo::new(stream), routed);
    tokio::select! {
        served = watcher.watch(connection) => if let Err(error) = served {
            tracing::debug!(%peer, %error, "a connection ended early");
        },
        () = caller.presence.closed() => {
            tracing::debug!(%peer, "an idle connection gave way to a new one");
        }
    }
}

/// A request with events. Dropped before its answer, its connection has ended.
struct Asked<'a> {
    meter: Option<&'a dyn Meter>,
    presence: &'a Presence,
    begun: Instant,
}

impl<'a> Asked<'a> {
    fn begin(meter: Option<&'a dyn Meter>, presence: &'a Presence) -> Self {
        Self {
            meter,
            presence,
            begun: Instant::now(),
        }
    }

    fn answered(mut self, status: StatusCode) {
        if let Some(meter) = self.meter.take() {
            meter.answered(status, self.begun.elapsed());
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        match self.meter {
            Some(meter) if self.presence.is_closed() => meter.gave_way(),
            Some(meter) => meter.hung_up(),
            None => {}
        }
    }
}

/// Sends a request where its path says.
async fn route<S>(
    shared: &Shared,
    service: S,
    caller: &Caller,
    request: Request<Incoming>,
) -> Result<Response, Infallible>
where
    S: Service<Invocation, Response = Reply, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    let probe = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path().to_owned();
    let result = match path.as_str() {
        "/" | "/events" if request.method() == Method::POST => {
            let active = shared.activity.begin();
            let asked = Asked::begin(shared.settings.meter.as_deref(), &caller.presence);
            let result = receive(service, shared, caller, request, active).await;
            let answered = result.as_ref().map(Response::status);
            asked.answered(answered.unwrap_or_else(Refusal::status));
            result
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
        "/metrics" if let Some(meter) = &shared.settings.meter => {
            if probe {
                Ok(reply::metrics(meter.text(shared.admission.load())))
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
        let peer = caller.peer;
        tracing::warn!(%peer, path, status, why, "refused");
        refusal.response()
    }))
}
