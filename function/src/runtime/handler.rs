//! What a handler is, and what it is told of a request.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use cos_thumbnails::events::Event;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use tower::Service;

use super::{Failure, Reply};

/// Handles one event.
///
/// Every closure `Fn(Event, Context) -> Future<Output = Result<Reply, Failure>>` is a handler, an
/// `async` closure that borrows nothing among them. It may be called for many events at once. Its
/// future is dropped when the deadline passes, but not when the sender hangs up: who gives up too
/// early and sends again would otherwise have the same begun again and again, and never ended.
pub trait Handler: Send + Sync + 'static {
    /// Handles `event`.
    ///
    /// # Errors
    /// A [`Failure`], by which the sender learns whether to try again.
    fn call(
        &self,
        event: Event,
        context: Context,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send;
}

impl<F, Fut> Handler for F
where
    F: Fn(Event, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Failure>> + Send,
{
    fn call(
        &self,
        event: Event,
        context: Context,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send {
        self(event, context)
    }
}

/// What is known of the request that brought an event.
#[derive(Clone)]
#[non_exhaustive]
pub struct Context {
    /// Who is connected. Behind a proxy (on Code Engine: always) this is the proxy, on loopback.
    pub peer: SocketAddr,
    /// The address that the listener is bound to. Only if this is on loopback does the event come
    /// from this machine.
    pub listener: SocketAddr,
    /// When the request came. Of a batch, others were perhaps handled since.
    pub received: Instant,
    /// When the runtime answers 503 in the handler's place.
    pub deadline: Instant,
    /// When a sender should come again that finds no room: after those that are here are worked off,
    /// by how long the last ones took; 1 s to 1 min.
    pub come_again: Duration,
    headers: Arc<HeaderMap>,
}

impl Context {
    /// A context, for tests of handlers: received now. Who finds no room comes again after a second.
    #[must_use]
    pub fn new(
        peer: SocketAddr,
        listener: SocketAddr,
        deadline: Instant,
        headers: HeaderMap,
    ) -> Self {
        Self {
            peer,
            listener,
            received: Instant::now(),
            deadline,
            come_again: Duration::from_secs(1),
            headers: Arc::new(headers),
        }
    }

    /// The first header field of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    /// The token of `Authorization: Bearer` (RFC 6750, 2.1).
    #[must_use]
    pub fn bearer(&self) -> Option<&[u8]> {
        let value = self.headers.get(AUTHORIZATION)?.as_bytes();
        let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    }
}

/// Header fields are left out: they may hold secrets.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("peer", &self.peer)
            .field("listener", &self.listener)
            .field("received", &self.received)
            .field("deadline", &self.deadline)
            .field("come_again", &self.come_again)
            .finish_non_exhaustive()
    }
}

/// One event on its way to the handler: what the layers given to
/// [`Runtime::layer`](super::Runtime::layer) see.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The event.
    pub event: Event,
    /// The request that brought it.
    pub context: Context,
}

/// A [`Handler`] as a tower service.
#[derive(Debug)]
pub struct HandlerService<H>(Arc<H>);

impl<H> HandlerService<H> {
    pub(super) fn new(handler: H) -> Self {
        Self(Arc::new(handler))
    }
}

impl<H> Clone for HandlerService<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Handler> Service<Invocation> for HandlerService<H> {
    type Response = Reply;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, invocation: Invocation) -> Self::Future {
        let handler = Arc::clone(&self.0);
        Box::pin(async move { handler.call(invocation.event, invocation.context).await })
    }
}
