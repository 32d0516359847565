//! The router: a reverse proxy in front of the pool.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::pool::{BufferFull, Pool};
use crate::accept::accept;

/// Fields that are for one connection (RFC 9110, 7.6.1), beside those that `Connection` names.
const FOR_ONE_CONNECTION: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The longest answer that is passed on, in bytes. An outcome has about 2 kB.
const MAX_ANSWER_BYTES: usize = 1 << 20;

type Answer = Response<Full<Bytes>>;

/// Why there is no answer of an instance.
type Broken = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone)]
struct Router {
    pool: Arc<Pool>,
    client: Client<HttpConnector, Incoming>,
    request_timeout: Duration,
}

/// Routes what comes to `listener` until `stopped`, and then lets what is under way end.
pub(super) async fn serve(
    listener: TcpListener,
    pool: Arc<Pool>,
    request_timeout: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let router = Router {
        pool,
        client: Client::builder(TokioExecutor::new()).build(connector),
        request_timeout,
    };
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let router = router.clone();
        let service = service_fn(move |request| {
            let router = router.clone();
            async move { Ok::<_, Infallible>(router.route(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the router ended");
            }
        });
    }
    // Who comes now is refused, and does not wait in the system's backlog.
    drop(listener);
    // Every request has its own time-out.
    connections.shutdown().await;
}

impl Router {
    async fn route(&self, request: Request<Incoming>) -> Answer {
        let until = Instant::now() + self.request_timeout;
        let lease = match timeout_at(until, self.pool.acquire()).await {
            Ok(Ok(lease)) => lease,
            Ok(Err(BufferFull)) => {
                let why = "every instance is busy, and the buffer is full";
                return refuse(StatusCode::SERVICE_UNAVAILABLE, why);
            }
            Err(_) => {
                let why = "no instance had a place in time";
                return refuse(StatusCode::SERVICE_UNAVAILABLE, why);
            }
        };
        let (mut head, body) = request.into_parts();
        let mut target = Uri::builder().scheme(Scheme::HTTP);
        if let Ok(authority) = Authority::try_from(lease.address.to_string()) {
            target = target.authority(authority);
        }
        let path = head.uri.path_and_query().cloned();
        let path = path.unwrap_or(PathAndQuery::from_static("/"));
        let Ok(target) = target.path_and_query(path).build() else {
            return refuse(StatusCode::BAD_REQUEST, "the request's target is no path");
        };
        head.uri = target;
        strip(&mut head.headers);
        let exchange = self.clone().exchange(Request::from_parts(head, body));
        // A task of its own: if the client hangs up, the instance works on, and its place is taken.
        let exchange = tokio::spawn(async move {
            let answered = timeout_at(until, exchange).await;
            drop(lease);
            answered
        });
        match exchange.await {
            Ok(Ok(Ok(answer))) => answer,
            Ok(Ok(Err(error))) => {
                tracing::debug!(%error, "an instance did not answer");
                refuse(StatusCode::BAD_GATEWAY, "the instance broke off")
            }
            Ok(Err(_)) => refuse(StatusCode::GATEWAY_TIMEOUT, "the instance took too long"),
            // The task panicked, which was seen when it did.
            Err(_) => refuse(StatusCode::BAD_GATEWAY, "the router failed"),
        }
    }

    /// An instance's whole answer.
    async fn exchange(self, request: Request<Incoming>) -> Result<Answer, Broken> {
        let (mut head, body) = self.client.request(request).await?.into_parts();
        strip(&mut head.headers);
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?;
        Ok(Response::from_parts(head, Full::new(body.to_bytes())))
    }
}

/// Takes away what is for one connection only.
fn strip(fields: &mut HeaderMap) {
    let named: Vec<HeaderName> = fields
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in FOR_ONE_CONNECTION.into_iter().chain(named) {
        fields.remove(name);
    }
}

fn refuse(status: StatusCode, why: &'static str) -> Answer {
    let mut answer = Response::new(Full::from(why));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_one_connection_stays_on_it() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Own"),
            ("x-own", "1"),
            ("te", "trailers"),
            ("keep-alive", "timeout=5"),
            ("ce-id", "1"),
        ] {
            fields.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        strip(&mut fields);
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["ce-id"]);
    }
}
