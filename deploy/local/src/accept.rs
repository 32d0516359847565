//! How the servers here take their connections.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long to wait when the system has no room for another connection: most likely it is out of file
/// descriptors, of which some will be given back.
const NO_ROOM: Duration = Duration::from_millis(50);

/// The next connection, whatever becomes of those before it. Small answers follow small requests, which
/// Nagle's algorithm would hold back.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            return stream;
        }
        tokio::time::sleep(NO_ROOM).await;
    }
}

/// Answers requests until the task is aborted, and with it every connection.
pub(crate) async fn serve<A, F, B>(listener: TcpListener, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let stream = accept(&listener).await;
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let response = answer(request);
            async move { Ok::<_, Infallible>(response.await) }
        });
        connections.spawn(async move {
            let mut http = http1::Builder::new();
            let connection = http.timer(TokioTimer::new());
            // That a client hangs up, or that a page is closed, is its own matter.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}
