//! A cloud on a laptop: an S3 store, a notifier, the function, in this process or in instances, and Code
//! Engine's jobs, on loopback.
//!
//! ```text
//! PUT ──► store ──► event ──► notifier ──► POST /events ──► function ──► store
//!         S3, SigV4           as Code Engine sends it       as it is deployed
//!
//! POST /v2/…/job_runs ──► engine ──► backfill, a process for each index ──► store
//!      with a token of its IAM
//!
//! page ──► presigned PUT ──► store;  what becomes of each event ──► page
//! ```
//!
//! The function is the real one, over real HTTP; the store and the notifier stand in for IBM Cloud
//! Object Storage and its subscription. Nothing that is deployed depends on this package.

mod accept;
pub mod cli;
mod cloud;
mod control;
mod engine;
mod hosting;
mod identity;
mod instances;
mod letters;
mod notifier;
mod page;
mod pictures;
mod record;
mod serve;
mod show;
mod store;

pub use cloud::{Cloud, Error, Options};
pub use control::{ControlPlane, EngineOptions};
pub use hosting::Hosting;
pub use instances::{Event as InstanceEvent, Instances, Notice, Program, Scaling};
pub use notifier::{Delivery, Failure, Fate, HttpClient, Mischief, WrongMischief, deliver, notify};
pub use page::Page;
pub use store::{
    DeadLetter, Keys, Outbox, Pending, Receipts, Store, Subscription, dead_letters, replay,
};
