//! What a run by a job keeps in the bucket.
//!
//! | key | what |
//! |---|---|
//! | `{prefix}{run}/manifest.json` | the run |
//! | `{prefix}{run}/shards/00007.json` | the originals of one shard |
//! | `{prefix}{run}/records/00007.ndjson` | what became of them, once all have come to their end |

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cos_thumbnails::config::{FAILURE_PREFIX, OUTPUT_PREFIX, SOURCE_PREFIX};
use cos_thumbnails::object::Key;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::{GetOptions, Kind, PutOptions, Storage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::JobError;
use crate::originals::Original;
use crate::record::Picture;

/// A run, as its instances need to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The run's id.
    pub(super) run: String,
    /// Version of the program that wrote this.
    pub(super) version: String,
    /// What all keys of the run start with.
    pub(super) prefix: String,
    /// How many shards there are, numbered from 0.
    pub(super) shards: u32,
    /// Where the originals are.
    pub(super) source_prefix: String,
    /// Where their thumbnails belong.
    pub(super) output_prefix: String,
    /// Where records of those without any belong.
    pub(super) failure_prefix: String,
}

/// Originals that one instance does.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shard {
    /// The place of the first one in the selection, from 1.
    pub(super) first: u64,
    pub(super) originals: Vec<Original>,
}

/// A line of a shard's records.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(super) enum Line {
    /// The first line. Times of the others count from `started`, by the instance's clock.
    Shard {
        shard: u32,
        started: DateTime<Utc>,
    },
    Picture(Box<Picture>),
}

impl Manifest {
    /// Why an instance that works by `policy` must not do this run.
    pub(super) fn mistake(&self, policy: &Policy) -> Option<String> {
        let pairs = [
            (SOURCE_PREFIX, policy.source_prefix(), &self.source_prefix),
            (OUTPUT_PREFIX, policy.output_prefix(), &self.output_prefix),
            (
                FAILURE_PREFIX,
                policy.failure_prefix(),
                &self.failure_prefix,
            ),
        ];
        let (variable, own, asked) = pairs.into_iter().find(|(_, own, asked)| own != asked)?;
        let name = variable.name;
        Some(format!(
            "the job's {name} is {own:?}, but the run was started with {asked:?}"
        ))
    }

    /// What the keys of this run start with.
    pub(super) fn folder(&self) -> String {
        format!("{}{}/", self.prefix, self.run)
    }

    pub(super) fn key(&self) -> Key {
        Key::new(self.folder() + "manifest.json")
    }

    pub(super) fn shard_key(&self, shard: u32) -> Key {
        Key::new(format!("{}shards/{shard:05}.json", self.folder()))
    }

    pub(super) fn records_key(&self, shard: u32) -> Key {
        Key::new(format!("{}records/{shard:05}.ndjson", self.folder()))
    }
}

pub(super) async fn put(
    store: &dyn Storage,
    key: Key,
    content_type: &str,
    body: Vec<u8>,
) -> Result<(), JobError> {
    let options = PutOptions {
        content_type: Some(content_type.to_owned()),
        ..PutOptions::default()
    };
    let put = store.put(&key, Bytes::from(body), options).await;
    let verb = "written";
    put.map(drop)
        .map_err(|source| JobError::Store { key, verb, source })
}

pub(super) async fn put_json(
    store: &dyn Storage,
    key: Key,
    value: &impl Serialize,
) -> Result<(), JobError> {
    match serde_json::to_vec(value) {
        Ok(json) => put(store, key, "application/json", json).await,
        Err(source) => Err(JobError::Format { key, source }),
    }
}

pub(super) async fn get(store: &dyn Storage, key: &Key) -> Result<Option<Bytes>, JobError> {
    match store.get(key, GetOptions::default()).await {
        Ok(object) => Ok(Some(object.body)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(source) => Err(JobError::Store {
            key: key.clone(),
            verb: "read",
            source,
        }),
    }
}

pub(super) async fn get_json<T: DeserializeOwned>(
    store: &dyn Storage,
    key: &Key,
) -> Result<T, JobError> {
    let object = store.get(key, GetOptions::default()).await;
    let object = object.map_err(|source| JobError::Store {
        key: key.clone(),
        verb: "read",
        source,
    })?;
    serde_json::from_slice(&object.body).map_err(|source| JobError::Format {
        key: key.clone(),
        source,
    })
}
