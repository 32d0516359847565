//! The thumbnail function for IBM Code Engine: an application that handles events over HTTP, a job
//! that handles the one event in its environment, and a tool that renders local files.
//!
//! ```text
//! cli ── serve ── runtime (HTTP, admission, drain; knows events only)
//!   │      └───── handler ── cos_thumbnails::thumbnailer, the flow
//!   ├─── job ─────────┘
//!   └─── render ── cos_thumbnails::render, the flow's part that needs no store
//! ```
//!
//! [`serve`] runs the whole application in process, as the local cloud does. [`runtime`] serves any
//! other handler of events as well.

pub mod cli;
pub mod config;
mod handler;
mod job;
mod logging;
mod metrics;
mod render;
pub mod runtime;

use std::future::Future;
use std::sync::Arc;

use cos_thumbnails::config::advice;
use cos_thumbnails::object::Key;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::{ConfigError, GetOptions, Kind, S3, S3Config, Storage, with_causes};
use cos_thumbnails::thumbnailer::Thumbnailer;
use serde_json::json;
use tokio::net::TcpListener;

pub use config::Config;
use handler::Secrets;
use metrics::Metrics;
use runtime::Runtime;

/// Why the function could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client of the store could not be built.
    #[error("the store cannot be used")]
    Store(#[from] ConfigError),
    /// The runtime could not serve.
    #[error("the server cannot run")]
    Runtime(#[from] runtime::Error),
}

/// Handles the events that come to `listener` until `shutdown` is ready and no more come.
///
/// The port and the address in `config` are not looked at: the listener has them.
///
/// # Errors
/// When the store's client cannot be built or the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let store = S3::new(&config.flow.store)?;
    let thumbnailer = Arc::new(thumbnailer(&config, store.clone()));
    let version = version(&config.flow.policy);
    let metrics = Arc::new(Metrics::new(Arc::clone(&thumbnailer), Some(store.clone())));
    let probe = probe_key(&config.flow.policy);
    let secrets = Secrets {
        backfill: config.backfill_secret,
        event: config.event_secret,
    };
    let (asked, counted) = (config.flow.store, Arc::clone(&metrics));
    let handler = handler::handler(thumbnailer, secrets, counted, asked.clone());
    Runtime::new(handler)
        .in_flight(config.in_flight)
        .waiting(2 * config.in_flight)
        .deadline(config.deadline)
        .drain(config.drain)
        .drain_at_most(config.deadline)
        .version(version)
        .meter(metrics)
        .ready(move || answers(store.clone(), asked.clone(), probe.clone()))
        .serve(listener, shutdown)
        .await?;
    Ok(())
}

/// By what an audit tells whether it would make the same thumbnails of the same originals, and an experiment where
/// they would go.
fn version(policy: &Policy) -> serde_json::Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": option_env!("SOURCE_REVISION"),
        "recipes": [policy.recipes().fingerprint()],
        "limits": policy.limits_fingerprint(),
        "bucket": policy.bucket(),
        "source_prefix": policy.source_prefix(),
        "output_prefix": policy.output_prefix(),
        "failure_prefix": policy.failure_prefix(),
    })
}

/// Looked for, to see that the store answers. It is not there; if someone puts it there, that is an
/// answer, too.
fn probe_key(policy: &Policy) -> Key {
    Key::new(format!("{}.probe", policy.failure_prefix()))
}

/// Whether the store answers as it should, if only that it has too much to do: then every event is
/// told when to come again, and an instance that is not ready would get none.
///
/// By a GET, since 404 to a HEAD, whose answer has no body, may also be of another server, or of a store without
/// the bucket.
async fn answers(store: S3, config: S3Config, probe: Key) -> bool {
    let nothing = GetOptions {
        max_length: Some(0),
        ..GetOptions::default()
    };
    let Err(error) = store.get(&probe, nothing).await else {
        return true;
    };
    if matches!(
        error.kind(),
        Kind::NotFound | Kind::TooLong | Kind::Throttled
    ) {
        return true;
    }
    let what_to_do = advice(&error, &config);
    let error = with_causes(&error);
    tracing::warn!(error, what_to_do, "not ready: the store does not answer");
    false
}

fn thumbnailer(config: &Config, store: S3) -> Thumbnailer {
    let thumbnailer = Thumbnailer::new(Arc::new(store), config.flow.policy.clone());
    match config.memory_budget_bytes {
        Some(bytes) => thumbnailer.with_memory(bytes),
        None => thumbnailer,
    }
}
