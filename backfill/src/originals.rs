//! The originals of a bucket, listed page by page in ascending order of their keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cos_thumbnails::events::{Change, Operation};
use cos_thumbnails::object::{Bucket, ETag, Key, ObjectId};
use cos_thumbnails::plan::{Decision, Policy};
use cos_thumbnails::storage::{Listed, Storage};
use futures_util::{Stream, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::listing::listing;
use crate::record::{End, Picture};

pub use crate::listing::Error;

/// All originals by `policy` that `filter` wants, each as the change that its upload would have notified.
///
/// Pages are fetched as the stream is read, so memory does not grow with the bucket. What the
/// policy skips, such as folder placeholders, is no original.
pub fn originals(
    store: Arc<dyn Storage>,
    policy: Policy,
    filter: Filter,
) -> impl Stream<Item = Result<Change, Error>> + Send + 'static {
    counted(store, policy, filter, Arc::default())
}

/// The same, which adds to `objects` how many were listed for it, wanted or not.
pub(crate) fn counted(
    store: Arc<dyn Storage>,
    policy: Policy,
    filter: Filter,
    objects: Arc<AtomicU64>,
) -> impl Stream<Item = Result<Change, Error>> + Send + 'static {
    listing(store, policy.source_prefix()).try_filter_map(move |listed| {
        objects.fetch_add(1, Ordering::Relaxed);
        let wanted = is_wanted(&filter, &policy, &listed);
        let change = wanted.then(|| original(&policy, &listed)).flatten();
        std::future::ready(Ok(change))
    })
}

/// Whether an original, which is below the policy's source prefix, is wanted by a filter.
pub(crate) fn is_wanted(filter: &Filter, policy: &Policy, original: &Listed) -> bool {
    let path = original.key.as_str().strip_prefix(policy.source_prefix());
    path.is_some_and(|path| filter.wants(path, original))
}

fn original(policy: &Policy, listed: &Listed) -> Option<Change> {
    let change = change(policy.bucket(), listed);
    match policy.decide(&change) {
        Decision::Make(_) | Decision::Reject(_) => Some(change),
        Decision::Skip(_) | Decision::Refuse(_) => None,
    }
}

/// The change that the upload of an object would have notified.
pub(crate) fn change(bucket: &Bucket, listed: &Listed) -> Change {
    let (etag, length) = (listed.etag.clone(), listed.length);
    written(bucket, listed.key.clone(), Some(etag), Some(length))
}

/// The change that the upload of what is under that key would have notified, as far as it is known.
pub(crate) fn written(
    bucket: &Bucket,
    key: Key,
    etag: Option<ETag>,
    length: Option<u64>,
) -> Change {
    Change {
        operation: Operation::Write,
        object: ObjectId {
            bucket: bucket.clone(),
            key,
        },
        etag,
        length,
        content_type: None,
        endpoint: String::new(),
    }
}

/// An original, as small as it can be held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Original {
    pub(crate) key: Key,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<ETag>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
}

impl Original {
    pub(crate) fn new(change: Change) -> Self {
        Self {
            key: change.object.key,
            etag: change.etag,
            bytes: change.length,
        }
    }

    /// The bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        let etag = self.etag.as_ref().map_or(0, |etag| etag.as_str().len());
        size_of::<Self>() + self.key.len_bytes() + etag
    }

    /// It was not sent.
    pub(crate) fn failed(self, n: u64, at_us: u64, error: String) -> Picture {
        Picture {
            n,
            key: self.key,
            bytes: self.bytes,
            submitted_us: at_us,
            sent_us: at_us,
            finished_us: at_us,
            attempts: 0,
            adapted: Vec::new(),
            end: End::Error(error),
        }
    }

    /// The change that its upload would have notified.
    pub(crate) fn change(self, bucket: &Bucket) -> Change {
        written(bucket, self.key, self.etag, self.bytes)
    }
}

/// How much a selection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// How many originals.
    pub pictures: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Adds up a selection by listing it, once, before anything is sent.
///
/// # Errors
/// The listing's.
pub async fn extent(
    originals: impl Stream<Item = Result<Change, Error>> + Send,
) -> Result<Extent, Error> {
    originals
        .try_fold(Extent::default(), |extent, change| {
            std::future::ready(Ok(Extent {
                pictures: extent.pictures + 1,
                bytes: extent.bytes + change.length.unwrap_or(0),
            }))
        })
        .await
}
