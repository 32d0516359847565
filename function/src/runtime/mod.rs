//! A runtime for functions that handle CloudEvents about objects, in the manner of
//! `lambda_runtime`: over hyper, tokio and tower's layers. It knows events and nothing else.
//!
//! ```no_run
//! use function::runtime::{self, Reply};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), runtime::Error> {
//!     runtime::run(async |event: cos_thumbnails::events::Event, _context| {
//!         Ok(serde_json::json!({ "seen": event.id() }).into())
//!     })
//!     .await
//! }
//! ```
//!
//! It serves HTTP/1.1. `POST /` and `POST /events` are the same; `GET /healthz` says that the process
//! lives, `GET /readyz` that it is not on its way out and that what it needs does answer; `GET /version`
//! is what [`Runtime::version`] was given, `GET /metrics` what [`Runtime::meter`] has counted. What is
//! answered when is the table of `runtime/reply.rs`.

mod admission;
mod bodies;
mod connections;
mod descriptors;
mod drain;
mod handler;
mod meter;
mod ready;
mod receive;
mod reply;
mod server;
mod trace;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower::{BoxError, Layer, Service};

use ready::Readiness;

pub use descriptors::raise_descriptor_limit;
pub use handler::{Context, Handler, HandlerService, Invocation};
pub use meter::{Abandoned, Load, Meter};
pub use receive::OUTCOME;
pub(crate) use reply::{FAULT, after_deadline};
pub use reply::{Failure, Reply};
pub(crate) use trace::span;

/// Why a runtime could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `PORT` is no port.
    #[error("PORT {0:?} is no port: set a number from 0 to 65535")]
    Port(String),
    /// The address could not be bound.
    #[error("cannot listen on {address}: is another process listening there?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The listener cannot be used.
    #[error("the listener cannot be used")]
    Listener(#[source] io::Error),
    /// Signals cannot be received.
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
}

/// Serves `handler` on all interfaces at `$PORT` (8080 where it is not set, as on Code Engine) until
/// SIGTERM or SIGINT.
///
/// # Errors
/// When `PORT` is no port, it is taken, or signals cannot be received.
pub async fn run(handler: impl Handler) -> Result<(), Error> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let port = port.parse().map_err(|_| Error::Port(port))?;
    raise_descriptor_limit();
    let listener = listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await?;
    Runtime::new(handler).serve(listener, terminated()?).await
}

/// Binds `address`.
///
/// # Errors
/// [`Error::Bind`].
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Bind { address, source })
}

/// Ready when the process is asked to end: by SIGTERM, as platforms do, or SIGINT, as people do.
/// From now on neither ends the process by itself.
///
/// # Errors
/// [`Error::Signals`].
pub fn terminated() -> Result<impl Future<Output = ()> + Send, Error> {
    let mut term = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut int = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// Limits of a [`Runtime`]; its methods say what they mean.
#[derive(Debug, Clone)]
struct Settings {
    in_flight: usize,
    waiting: usize,
    max_connections: usize,
    max_header_bytes: usize,
    max_body_bytes: usize,
    header_timeout: Duration,
    body_timeout: Duration,
    deadline: Duration,
    drain: Duration,
    drain_at_most: Duration,
    version: Option<serde_json::Value>,
    meter: Option<Arc<dyn Meter>>,
    readiness: Readiness,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            in_flight: 8,
            waiting: 16,
            max_connections: 4096,
            max_header_bytes: 32 << 10,
            max_body_bytes: 1 << 20,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(10),
            deadline: Duration::from_mins(4),
            drain: Duration::from_secs(2),
            drain_at_most: Duration::from_secs(280),
            version: None,
            meter: None,
            readiness: Readiness::default(),
        }
    }
}

/// The open way to serve a handler: with other limits, own layers, own listener, own shutdown.
#[derive(Debug, Clone)]
pub struct Runtime<S> {
    service: S,
    settings: Settings,
}

impl<H: Handler> Runtime<HandlerService<H>> {
    /// A runtime with the default limits around `handler`.
    pub fn new(handler: H) -> Self {
        Self {
            service: HandlerService::new(handler),
            settings: Settings::default(),
        }
    }
}

impl<S> Runtime<S> {
    /// Requests that are handled at once; at least 1. The events of one request are handled in turn.
    /// Default 8: enough to keep two processors busy while others wait for the store.
    #[must_use]
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.settings.in_flight = requests.max(1);
        self
    }

    /// Requests that wait for one of those places; beyond them the answer is 429 at once, before the
    /// body is read. Default 16: what eight places work off in about a second.
    #[must_use]
    pub fn waiting(mut self, requests: usize) -> Self {
        self.settings.waiting = requests;
        self
    }

    /// Connections at once; beyond them the one is closed that has been idle longest, be it before a
    /// request, between two, or within one that does not come whole. At least 1, and at most as many as
    /// the limit of open files has room for when it begins to serve, see [`raise_descriptor_limit`].
    /// Default 4096, each of which costs some 10 KiB when idle.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.max_connections = connections.max(1);
        self
    }

    /// Bytes of a request's header fields; beyond them 431. Default 32 KiB.
    #[must_use]
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_header_bytes = bytes;
        self
    }

    /// Bytes of a request's body; beyond them 413. Default 1 MiB, which is a batch of some thousand
    /// events. All bodies together that are being read or wait may hold sixteen times as much; beyond
    /// that the longest one that has not come whole gives way, with 429.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_body_bytes = bytes;
        self
    }

    /// How long a connection may take to send a whole header, counted from its begin or from the
    /// answer before: so it also ends idle connections. Default 30 s.
    #[must_use]
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.settings.header_timeout = timeout;
        self
    }

    /// How long a whole body may take to arrive, which is never longer than the
    /// [deadline](Runtime::deadline); beyond it 503. Default 10 s.
    #[must_use]
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.settings.body_timeout = timeout;
        self
    }

    /// From a request's header to its answer, waiting and reading included; beyond it 503, and the
    /// handler's future is dropped. A sender that hangs up before does not end the work. Default
    /// 240 s: below the 300 s after which Code Engine gives up.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How long no event must have come or be in work before the process ends after its shutdown.
    /// Until then events are handled as ever, since a platform goes on sending for a while.
    /// Default 2 s.
    #[must_use]
    pub fn drain(mut self, quiet: Duration) -> Self {
        self.settings.drain = quiet;
        self
    }

    /// How long that may last in all. Default 280 s: Code Engine kills an instance one request
    /// time-out (300 s) after SIGTERM.
    #[must_use]
    pub fn drain_at_most(mut self, longest: Duration) -> Self {
        self.settings.drain_at_most = longest;
        self
    }

    /// What the handler is, for `GET /version`; without it there is no such path. Nothing secret.
    #[must_use]
    pub fn version(mut self, version: serde_json::Value) -> Self {
        self.settings.version = Some(version);
        self
    }

    /// What counts, for `GET /metrics`; without it there is no such path.
    #[must_use]
    pub fn meter(mut self, meter: Arc<dyn Meter>) -> Self {
        self.settings.meter = Some(meter);
        self
    }

    /// What `GET /readyz` asks, besides whether the process is on its way out: whether what events
    /// need does answer. It is asked once in five seconds at most; no answer within four is a no.
    #[must_use]
    pub fn ready<F, Fut>(mut self, question: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        self.settings.readiness = Readiness::new(question);
        self
    }

    /// Wraps a tower layer around the handler, outside all layers added before. It sees one
    /// [`Invocation`] per event. Load that it sheds is answered 429, any other error of its own 503.
    #[must_use]
    pub fn layer<L: Layer<S>>(self, layer: L) -> Runtime<L::Service> {
        Runtime {
            service: layer.layer(self.service),
            settings: self.settings,
        }
    }

    /// Serves on `listener` until `shutdown` is ready and the events have ceased, see
    /// [`Runtime::drain`].
    ///
    /// # Errors
    /// [`Error::Listener`].
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error>
    where
        S: Service<Invocation, Response = Reply, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
    {
        server::serve(self.service, self.settings, listener, shutdown).await
    }
}
