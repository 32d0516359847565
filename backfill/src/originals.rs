//! The originals of a bucket, listed page by page in ascending order of their keys.

use std::sync::Arc;

use cos_thumbnails::events::{Change, Operation};
use cos_thumbnails::object::{Key, ObjectId};
use cos_thumbnails::plan::{Decision, Policy};
use cos_thumbnails::storage::{self, ListOptions, Listed, Storage};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

/// Why a listing could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the originals could not be listed")]
    Store(#[from] storage::Error),
    /// S3 lists in ascending bytewise order. One that does not could repeat or skip keys, or never
    /// end.
    #[error("the listing does not ascend: {after} came after {before}")]
    NotAscending {
        /// A key.
        before: Key,
        /// The key that followed, though it is not greater.
        after: Key,
    },
}

/// All originals by `policy`, each as the change that its upload would have notified.
///
/// Pages are fetched as the stream is read, so memory does not grow with the bucket. What the
/// policy skips, such as folder placeholders, is no original.
pub fn originals(
    store: Arc<dyn Storage>,
    policy: Policy,
) -> impl Stream<Item = Result<Change, Error>> + Send + 'static {
    let prefix = policy.source_prefix().to_owned();
    let first = Some(ListOptions {
        prefix,
        ..ListOptions::default()
    });
    let pages = stream::try_unfold((store, first), |(store, options)| async move {
        let Some(options) = options else {
            return Ok::<_, Error>(None);
        };
        let page = store.list(options.clone()).await?;
        let next = page.next.map(|token| ListOptions {
            continuation_token: Some(token),
            ..options
        });
        Ok(Some((
            stream::iter(page.objects.into_iter().map(Ok)),
            (store, next),
        )))
    });
    let mut before: Option<Key> = None;
    let mut broken = false;
    pages
        .try_flatten()
        .map(move |listed: Result<Listed, Error>| {
            let listed = listed?;
            match before.replace(listed.key.clone()) {
                Some(before) if before >= listed.key => Err(Error::NotAscending {
                    before,
                    after: listed.key,
                }),
                _ => Ok(original(&policy, listed)),
            }
        })
        // An error is the last that comes.
        .take_while(move |item| {
            let goes_on = !std::mem::replace(&mut broken, item.is_err());
            std::future::ready(goes_on)
        })
        .try_filter_map(|original| std::future::ready(Ok(original)))
}

fn original(policy: &Policy, listed: Listed) -> Option<Change> {
    let change = Change {
        operation: Operation::Write,
        object: ObjectId {
            bucket: policy.bucket().clone(),
            key: listed.key,
        },
        etag: Some(listed.etag),
        length: Some(listed.length),
        content_type: None,
        endpoint: String::new(),
    };
    match policy.decide(&change) {
        Decision::Make(_) | Decision::Reject(_) => Some(change),
        Decision::Skip(_) | Decision::Refuse(_) => None,
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
