//! Store, function and notifier, started together and stopped in order.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use cos_thumbnails::object::Bucket;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::{Credentials, S3Config};
use http::Uri;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::control::{ControlPlane, EngineOptions};
use crate::notifier::{Delivery, notify};
use crate::store::{Store, Subscription};

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the store keeps things; a temporary folder, gone at the end, where it is `None`.
    pub data: Option<PathBuf>,
    /// The store's port; 0 takes a free one. Default 9000.
    pub store_port: u16,
    /// The function's port; 0 takes a free one. Default 8080.
    pub function_port: u16,
    /// The bucket, made if it is not there. Default `pictures`.
    pub bucket: String,
    /// The region that requests are signed for. Default `local`.
    pub region: String,
    /// Who may use the store. No secret by default: it listens on loopback alone.
    pub credentials: Credentials,
    /// Code Engine's jobs and IAM.
    pub engine: EngineOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data: None,
            store_port: 9000,
            function_port: 8080,
            bucket: "pictures".to_owned(),
            region: "local".to_owned(),
            credentials: Credentials {
                access_key_id: "local-cloud".to_owned(),
                secret_access_key: "local-cloud-secret".to_owned(),
            },
            engine: EngineOptions::default(),
        }
    }
}

impl Options {
    /// Free ports, for tests.
    #[must_use]
    pub fn on_free_ports() -> Self {
        Self {
            store_port: 0,
            function_port: 0,
            engine: EngineOptions {
                port: 0,
                ..EngineOptions::default()
            },
            ..Self::default()
        }
    }
}

/// Why the cloud could not be started, or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port is taken, or may not be used.
    #[error(
        "cannot listen on 127.0.0.1:{port} for the {what}; {flag} takes another port, {flag} 0 a free one"
    )]
    Listen {
        /// Who was to listen.
        what: &'static str,
        /// The port.
        port: u16,
        /// The flag that names another.
        flag: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The store's folder cannot be made or read.
    #[error("cannot keep things in {folder}")]
    Data {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Code Engine's stand-in cannot be started.
    #[error("cannot start the stand-in for Code Engine")]
    Engine(#[source] io::Error),
    /// The settings make no configuration.
    #[error("{0}")]
    Config(#[from] cos_thumbnails::config::Mistakes),
    /// The function ended by itself.
    #[error("the function failed")]
    Function(#[from] function::Error),
}

/// A running cloud.
#[derive(Debug)]
pub struct Cloud {
    /// The function's URL.
    pub function_url: String,
    /// How to reach the store.
    pub store_config: S3Config,
    /// What the function makes of which originals.
    pub policy: Policy,
    /// Code Engine's jobs and IAM.
    pub control: ControlPlane,
    store: Store,
    function: JoinHandle<Result<(), function::Error>>,
    stop_function: oneshot::Sender<()>,
    notifier: JoinHandle<()>,
    _temporary: Option<tempfile::TempDir>,
}

impl Cloud {
    /// Starts store, function and notifier. What becomes of each event comes out of the receiver.
    ///
    /// # Errors
    /// A port is taken, the folder cannot be used, or `lookup`, which gives the function's further
    /// settings, gives wrong ones.
    pub async fn start(
        options: Options,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<(Self, UnboundedReceiver<Delivery>), Error> {
        let store_listener = listen("store", "--store-port", options.store_port).await?;
        let function_listener =
            listen("function", "--function-port", options.function_port).await?;
        let engine_listener = listen("engine", "--engine-port", options.engine.port).await?;
        let (folder, temporary) = if let Some(folder) = options.data {
            (folder, None)
        } else {
            let temporary = tempfile::tempdir().map_err(|source| Error::Data {
                folder: std::env::temp_dir(),
                source,
            })?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let store_address = address("store", options.store_port, &store_listener)?;
        let function_address = address("function", options.function_port, &function_listener)?;
        let store_config = S3Config {
            endpoint: format!("http://{store_address}"),
            region: options.region,
            bucket: Bucket::new(&options.bucket),
            credentials: options.credentials,
        };
        let config = function::Config::from_lookup(|name| match name {
            "COS_ENDPOINT" => Some(store_config.endpoint.clone()),
            "COS_REGION" => Some(store_config.region.clone()),
            "COS_BUCKET" => Some(store_config.bucket.as_str().to_owned()),
            "COS_ACCESS_KEY_ID" => Some(store_config.credentials.access_key_id.clone()),
            "COS_SECRET_ACCESS_KEY" => Some(store_config.credentials.secret_access_key.clone()),
            "BIND_ADDRESS" => Some(Ipv4Addr::LOCALHOST.to_string()),
            "PORT" => Some(function_address.port().to_string()),
            // One instance for all that a fan-out sends at once; Code Engine would start several.
            "IN_FLIGHT" => lookup(name).or_else(|| Some("32".to_owned())),
            // Nothing comes late here: the notifier is stopped first.
            "DRAIN_SECONDS" => lookup(name).or_else(|| Some("0".to_owned())),
            other => lookup(other),
        })?;
        let policy = config.flow.policy.clone();
        let control = ControlPlane::start(engine_listener, options.engine, &store_config, &lookup)
            .map_err(Error::Engine)?;
        let subscription = Subscription {
            bucket: options.bucket,
            prefix: policy.source_prefix().to_owned(),
        };
        let (store, outbox) = Store::start(
            store_listener,
            &folder,
            &store_config.region,
            subscription,
            &store_config.credentials,
        )
        .await
        .map_err(|source| Error::Data { folder, source })?;
        let (stop_function, stopped) = oneshot::channel();
        let shutdown = async {
            // A sender that is dropped means the same.
            let _ = stopped.await;
        };
        let function = tokio::spawn(function::serve(function_listener, config, shutdown));
        let (sender, deliveries) = unbounded_channel();
        let notifier = tokio::spawn(notify(outbox, events_uri(function_address), sender));
        let cloud = Self {
            function_url: format!("http://{function_address}"),
            store_config,
            policy,
            control,
            store,
            function,
            stop_function,
            notifier,
            _temporary: temporary,
        };
        Ok((cloud, deliveries))
    }

    /// Stops the notifier, the function, which drains, and the store.
    ///
    /// # Errors
    /// The function ended with an error.
    pub async fn stop(self) -> Result<(), Error> {
        self.notifier.abort();
        let _ = self.stop_function.send(());
        // That the task panicked was seen when it did.
        let ended = self.function.await.unwrap_or(Ok(()));
        self.store.stop().await;
        Ok(ended?)
    }
}

fn address(what: &'static str, port: u16, listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::Listen {
        what,
        port,
        flag: if what == "store" {
            "--store-port"
        } else {
            "--function-port"
        },
        source,
    })
}

async fn listen(what: &'static str, flag: &'static str, port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await
        .map_err(|source| Error::Listen {
            what,
            port,
            flag,
            source,
        })
}

#[expect(
    clippy::expect_used,
    reason = "an IPv4 address and a port make a valid URI"
)]
fn events_uri(address: SocketAddr) -> Uri {
    format!("http://{address}/events").parse().expect("a URI")
}
