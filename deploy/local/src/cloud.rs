//! Store, function and notifier, started together and stopped in order.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use cos_thumbnails::config::Variable;
use cos_thumbnails::object::Bucket;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::{Credentials, HmacKey, S3Config};
use function::config::{BACKFILL_SECRET, EVENT_SECRET};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use crate::control::{ControlPlane, EngineOptions};
use crate::hosting::{Hosted, Hosting, Place};
use crate::instances::{Notice, Scaling};
use crate::notifier::{Delivery, Mischief, notify};
use crate::page::{self, Page};
use crate::store::{Store, Subscription};

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the store keeps things; a temporary folder, gone at the end, where it is `None`.
    pub data: Option<PathBuf>,
    /// Where the store and the function listen. Default 127.0.0.1.
    pub bind_address: IpAddr,
    /// The store's port; 0 takes a free one. Default 9000.
    pub store_port: u16,
    /// The function's port; 0 takes a free one. Default 8080.
    pub function_port: u16,
    /// The live page's port, on 127.0.0.1 alone; 0 takes a free one. Default 9001.
    pub page_port: u16,
    /// The bucket, made if it is not there. Default `pictures`.
    pub bucket: String,
    /// The region that requests are signed for. Default `local`.
    pub region: String,
    /// Who may use the store. Their default is known to all, and is for loopback alone.
    pub credentials: HmacKey,
    /// Code Engine's jobs and IAM.
    pub engine: EngineOptions,
    /// What goes wrong with deliveries on purpose. Default nothing.
    pub mischief: Option<Mischief>,
    /// Where the function runs. Default in this process.
    pub hosting: Hosting,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data: None,
            bind_address: Ipv4Addr::LOCALHOST.into(),
            store_port: 9000,
            function_port: 8080,
            page_port: 9001,
            bucket: "pictures".to_owned(),
            region: "local".to_owned(),
            credentials: HmacKey {
                access_key_id: "local-cloud".to_owned(),
                secret_access_key: "local-cloud-secret".to_owned(),
            },
            engine: EngineOptions::default(),
            mischief: None,
            hosting: Hosting::Here,
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
            page_port: 0,
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
        "cannot listen on {address}:{port} for the {what}; {flag} takes another port, {flag} 0 a free one"
    )]
    Listen {
        /// Who was to listen.
        what: &'static str,
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// The flag that names another.
        flag: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The store's folder cannot be made or read.
    #[error("cannot keep things in {folder}; --data names another folder")]
    Data {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Code Engine's stand-in cannot be started.
    #[error("cannot start the stand-in for Code Engine")]
    Engine(#[source] io::Error),
    /// Other hosts could use the store by a secret that everyone knows.
    #[error(
        "{0} can be reached by other hosts, and the store's secret is the known one; set \
         COS_SECRET_ACCESS_KEY"
    )]
    KnownSecret(IpAddr),
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
    /// Where all of it can be seen.
    pub page: Page,
    /// The function's URL.
    pub function_url: String,
    /// How to reach the store.
    pub store_config: S3Config,
    /// What requests to it are signed with.
    pub credentials: HmacKey,
    /// What the function makes of which originals.
    pub policy: Policy,
    /// Code Engine's jobs and IAM.
    pub control: ControlPlane,
    /// What goes wrong with deliveries on purpose.
    pub mischief: Option<Mischief>,
    /// How the function's instances are scaled, where there are any.
    pub scaling: Option<Scaling>,
    /// What becomes of the function's instances, where there are any.
    pub notices: UnboundedReceiver<Notice>,
    store: Store,
    function: Hosted,
    notifier: JoinHandle<()>,
    _temporary: Option<TempDir>,
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
        let ip = options.bind_address;
        let known = Options::default().credentials.secret_access_key;
        if !ip.is_loopback() && options.credentials.secret_access_key == known {
            return Err(Error::KnownSecret(ip));
        }
        let (store_listener, store_address) = listen(&STORE, ip, options.store_port).await?;
        let place = match options.hosting {
            Hosting::Elsewhere(url) => Place::Elsewhere(url),
            Hosting::Here => Place::Here(listen(&FUNCTION, ip, options.function_port).await?),
            Hosting::Instances { program, scaling } => {
                let listening = listen(&FUNCTION, ip, options.function_port).await?;
                Place::Instances(listening, program, scaling)
            }
        };
        // For this machine alone, wherever the store listens.
        let loopback = Ipv4Addr::LOCALHOST.into();
        let (engine_listener, _) = listen(&ENGINE, loopback, options.engine.port).await?;
        let (page_listener, page_address) = listen(&PAGE, loopback, options.page_port).await?;
        let (folder, temporary) = folder(options.data)?;
        let store_config = S3Config {
            endpoint: format!("http://{store_address}"),
            region: options.region,
            bucket: Bucket::new(&options.bucket),
            credentials: Credentials::Hmac(options.credentials.clone()),
        };
        let in_flight = place.in_flight();
        let settings = |name: &str| match name {
            "COS_ENDPOINT" => Some(store_config.endpoint.clone()),
            "COS_REGION" => Some(store_config.region.clone()),
            "COS_BUCKET" => Some(store_config.bucket.as_str().to_owned()),
            "COS_ACCESS_KEY_ID" => Some(options.credentials.access_key_id.clone()),
            "COS_SECRET_ACCESS_KEY" => Some(options.credentials.secret_access_key.clone()),
            "BIND_ADDRESS" => Some(ip.to_string()),
            // The listener has the one, and the local store knows signatures alone.
            "PORT" | "COS_API_KEY" | "COS_TRUSTED_PROFILE" => None,
            "IN_FLIGHT" => lookup(name).or_else(|| Some(in_flight.to_string())),
            // Nothing comes late here: the notifier is stopped first.
            "DRAIN_SECONDS" => lookup(name).or_else(|| Some("0".to_owned())),
            other => lookup(other),
        };
        let config = function::Config::from_lookup(settings)?;
        let policy = config.flow.policy.clone();
        let control = ControlPlane::start(
            engine_listener,
            options.engine,
            &store_config,
            &options.credentials,
            &lookup,
        )
        .map_err(Error::Engine)?;
        let subscription = Subscription {
            bucket: options.bucket,
            prefix: policy.source_prefix().to_owned(),
        };
        let (store, outbox) = Store::start_with_page(
            store_listener,
            &folder,
            &store_config.region,
            subscription,
            &options.credentials,
            &page::origins(page_address),
        )
        .await
        .map_err(|source| Error::Data { folder, source })?;
        let (function_url, events) = (place.url(), place.events());
        let scaling = place.scaling();
        let secret = |variable: Variable| lookup(variable.name).filter(|text| !text.is_empty());
        let event_secret = secret(EVENT_SECRET);
        let bearer = secret(BACKFILL_SECRET).or_else(|| event_secret.clone());
        let (function, notices) = place.start(config, settings);
        let (sender, deliveries) = unbounded_channel();
        let notifier = notify(outbox, events, event_secret, options.mischief, sender);
        let notifier = tokio::spawn(notifier);
        let of = page::Of {
            store: &store_config,
            credentials: &options.credentials,
            policy: &policy,
            function_url: &function_url,
            bearer,
        };
        let page = Page::start(page_listener, page_address, &of);
        let cloud = Self {
            page,
            function_url,
            store_config,
            credentials: options.credentials,
            policy,
            control,
            mischief: options.mischief,
            scaling,
            notices,
            store,
            function,
            notifier,
            _temporary: temporary,
        };
        Ok((cloud, deliveries))
    }

    /// Stops the page, the notifier, the function, which drains, and the store.
    ///
    /// # Errors
    /// The function ended with an error.
    pub async fn stop(self) -> Result<(), Error> {
        self.page.stop();
        self.notifier.abort();
        let ended = self.function.stop().await;
        self.store.stop().await;
        Ok(ended?)
    }
}

/// Where the store keeps things: the folder that is named, or one that goes with what is returned beside it.
fn folder(named: Option<PathBuf>) -> Result<(PathBuf, Option<TempDir>), Error> {
    if let Some(folder) = named {
        return Ok((folder, None));
    }
    let temporary = tempfile::tempdir().map_err(|source| Error::Data {
        folder: std::env::temp_dir(),
        source,
    })?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

/// What listens, and by which flag at another port.
type Listening = (&'static str, &'static str);
const STORE: Listening = ("store", "--store-port");
const ENGINE: Listening = ("engine", "--engine-port");
const PAGE: Listening = ("page", "--page-port");
const FUNCTION: Listening = ("function", "--function-port");

async fn listen(
    (what, flag): &Listening,
    address: IpAddr,
    port: u16,
) -> Result<(TcpListener, SocketAddr), Error> {
    let listening = async {
        let listener = TcpListener::bind(SocketAddr::from((address, port))).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    listening.await.map_err(|source| Error::Listen {
        what,
        address,
        port,
        flag,
        source,
    })
}
