//! An S3 store on loopback: [`s3s`] in front of an index and files, and an event for every acknowledged
//! change that is subscribed to.
//!
//! It checks what a real one checks: signatures (`SigV4`, no anonymous requests), checksums,
//! conditions, ranges, the length of keys. What it acknowledges is on the disk, and so is its event.
//! Left out: versions, access rights beyond those of one or two keys, encryption, life cycles.

mod access;
mod cors;
mod entry;
mod folder;
mod index;
mod outbox;
mod s3;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cos_thumbnails::storage::HmacKey;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::access::{Access, Strict};
use self::cors::{CrossOrigin, Rule};
use self::index::Index;
pub use self::outbox::{DeadLetter, Outbox, Pending, Receipts};
use self::s3::Actions;
use crate::accept::accept;

/// How long connections have to end their requests when the store stops.
const DRAIN: Duration = Duration::from_secs(2);

/// A running store. Dropping it leaves it running; see [`Store::stop`].
#[derive(Debug)]
pub struct Store {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

/// Which changes raise an event: those of one bucket's keys that start with a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The bucket's name.
    pub bucket: String,
    /// The keys' first characters; all keys where it is empty.
    pub prefix: String,
}

/// The keys that a store takes which is strict about them.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// Of who may do all.
    pub owner: &'a HmacKey,
    /// Of who may read and list, and nothing else, as by IBM's role Reader.
    pub reader: &'a HmacKey,
}

impl Subscription {
    fn covers(&self, bucket: &str, key: &str) -> bool {
        bucket == self.bucket && key.starts_with(&self.prefix)
    }
}

impl Store {
    /// Serves the folder `data` to whoever signs with `credentials`. The subscription's bucket is made if
    /// it is not there. `region` is what it says of its buckets; signatures may name any.
    ///
    /// # Errors
    /// The folder cannot be made or read, or another store has it.
    pub async fn start(
        listener: TcpListener,
        data: &Path,
        region: &str,
        subscription: Subscription,
        credentials: &HmacKey,
    ) -> io::Result<(Self, Outbox)> {
        Self::start_with_page(listener, data, region, subscription, credentials, &[]).await
    }

    /// The same, but signatures must name `region`, as AWS has it, and be of one of two keys.
    ///
    /// # Errors
    /// As of [`Store::start`].
    pub async fn start_strict(
        listener: TcpListener,
        data: &Path,
        region: &str,
        subscription: Subscription,
        keys: Keys<'_>,
    ) -> io::Result<(Self, Outbox)> {
        let access = Access {
            owner: keys.owner.clone(),
            strict: Some(Strict {
                region: region.to_owned(),
                reader: keys.reader.clone(),
            }),
        };
        Self::begin(listener, data, region, subscription, access, &[]).await
    }

    /// As [`Store::start`], and pages of `origins` may read and write by presigned URLs, whatever a bucket's
    /// rules are.
    pub(crate) async fn start_with_page(
        listener: TcpListener,
        data: &Path,
        region: &str,
        subscription: Subscription,
        credentials: &HmacKey,
        origins: &[String],
    ) -> io::Result<(Self, Outbox)> {
        let access = Access {
            owner: credentials.clone(),
            strict: None,
        };
        Self::begin(listener, data, region, subscription, access, origins).await
    }

    async fn begin(
        listener: TcpListener,
        data: &Path,
        region: &str,
        subscription: Subscription,
        access: Access,
        origins: &[String],
    ) -> io::Result<(Self, Outbox)> {
        let index = open(data).await?;
        let bucket = subscription.bucket.clone();
        index
            .write(move |tables| {
                if !tables.has_bucket(&bucket)? {
                    tables.create_bucket(&bucket)?;
                }
                Ok(())
            })
            .await?;
        let outbox = Outbox::new(Arc::clone(&index));
        let mut builder = S3ServiceBuilder::new(Actions {
            index: Arc::clone(&index),
            subscription,
            region: region.to_owned(),
        });
        if let Some(strict) = &access.strict {
            builder.set_access(strict.clone());
        }
        builder.set_auth(access);
        let service = CrossOrigin {
            service: builder.build(),
            index,
            own: Rule::of_own_page(origins).into(),
        };
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(listener, service, stopped));
        Ok((
            Self {
                address,
                stop,
                server,
            },
            outbox,
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

/// Events that were given up, of the store in `data`, oldest first. No store may be running on it.
///
/// # Errors
/// The folder cannot be read, or a store is using it.
pub async fn dead_letters(data: &Path) -> io::Result<Vec<DeadLetter>> {
    outbox::dead_letters(&*open_existing(data).await?)
}

/// Puts every event that was given up back among those that wait; the next start delivers them. Returns
/// how many they are. No store may be running on the folder.
///
/// # Errors
/// The folder cannot be read or written, or a store is using it.
pub async fn replay(data: &Path) -> io::Result<usize> {
    outbox::replay(&*open_existing(data).await?).await
}

/// As [`open()`], but makes nothing where nothing is.
async fn open_existing(data: &Path) -> io::Result<Arc<Index>> {
    if !Index::exists(data) {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no store has kept anything there",
        ));
    }
    open(data).await
}

async fn open(data: &Path) -> io::Result<Arc<Index>> {
    let data = data.to_owned();
    let opened = tokio::task::spawn_blocking(move || Index::open(&data)).await;
    Ok(Arc::new(opened.map_err(io::Error::other)??))
}

async fn serve(listener: TcpListener, service: CrossOrigin, mut stopped: watch::Receiver<bool>) {
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let service = service.clone();
        let service = service_fn(move |request| {
            let service = service.clone();
            async move { service.call(request).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the store ended");
            }
        });
    }
    let _ = tokio::time::timeout(DRAIN, connections.shutdown()).await;
}
