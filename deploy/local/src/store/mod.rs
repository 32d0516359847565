//! An S3 store on loopback: [`s3s`] in front of files, and an event for every acknowledged change.
//!
//! It checks what a real one checks: signatures (`SigV4`, no anonymous requests), checksums,
//! conditions, ranges, the length of keys. Its own limits: one PUT per object, no multipart uploads,
//! no versions, no access rights beyond the one key.

mod bucket;
mod s3;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cos_thumbnails::events::Event;
use cos_thumbnails::object::Bucket;
use cos_thumbnails::storage::Credentials;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::bucket::Buckets;
use self::s3::Actions;

/// How long connections have to end their requests when the store stops.
const DRAIN: Duration = Duration::from_secs(2);

/// A running store. Dropping it leaves it running; see [`Store::stop`].
#[derive(Debug)]
pub struct Store {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Store {
    /// Serves the folder `data` with one bucket, which is made if it is not there, to whoever signs
    /// with `credentials`. Every acknowledged change comes out of the receiver, in order.
    ///
    /// # Errors
    /// The folder cannot be made or read, or another store has it.
    pub fn start(
        listener: TcpListener,
        data: &Path,
        bucket: Bucket,
        credentials: &Credentials,
    ) -> io::Result<(Self, UnboundedReceiver<Event>)> {
        let buckets = Arc::new(Buckets::open(data)?);
        buckets.create(bucket);
        let (changes, events) = unbounded_channel();
        let mut builder = S3ServiceBuilder::new(Actions { buckets, changes });
        builder.set_auth(OneKey(credentials.clone()));
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(listener, builder.build(), stopped));
        Ok((
            Self {
                address,
                stop,
                server,
            },
            events,
        ))
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no new connection, lets requests under way end, for 2 s at most.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // The task ends by itself; that it panicked would have been seen before.
        let _ = self.server.await;
    }
}

/// The one key that the store takes. An unknown one has the code that S3 gives it, which
/// `s3s`'s own `SimpleAuth` does not.
struct OneKey(Credentials);

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.0.access_key_id {
            Ok(self.0.secret_access_key.clone().into())
        } else {
            Err(s3_error!(InvalidAccessKeyId))
        }
    }
}

async fn serve(
    listener: TcpListener,
    service: s3s::service::S3Service,
    mut stopped: watch::Receiver<bool>,
) {
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: some will be given back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Small answers after small requests: Nagle's algorithm would hold them back.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service.clone());
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the store ended");
            }
        });
    }
    let _ = tokio::time::timeout(DRAIN, connections.shutdown()).await;
}
