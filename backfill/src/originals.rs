//! The originals of a bucket, listed page by page in ascending order of their keys.

use std::sync::Arc;

use cos_thumbnails::events::{Change, Operation};
use cos_thumbnails::object::{Bucket, ETag, Key, ObjectId};
use cos_thumbnails::plan::{Decision, Policy};
use cos_thumbnails::storage::{Listed, Storage};
use futures_util::{Stream, TryStreamExt};

use crate::listing::listing;

pub use crate::listing::Error;

/// All originals by `policy`, each as the change that its upload would have notified.
///
/// Pages are fetched as the stream is read, so memory does not grow with the bucket. What the
/// policy skips, such as folder placeholders, is no original.
pub fn originals(
    store: Arc<dyn Storage>,
    policy: Policy,
) -> impl Stream<Item = Result<Change, Error>> + Send + 'static {
    listing(store, policy.source_prefix())
        .try_filter_map(move |listed| std::future::ready(Ok(original(&policy, &listed))))
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
