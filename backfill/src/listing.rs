//! All keys that start with a prefix, listed page by page in ascending order.

use std::sync::Arc;

use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{self, ListOptions, Listed, Storage};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

/// Why a listing could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the keys under {prefix:?} could not be listed")]
    Store {
        /// The prefix.
        prefix: String,
        /// The cause.
        source: storage::Error,
    },
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

/// Everything under `prefix`.
///
/// Pages are fetched as the stream is read, so memory does not grow with the bucket. An error is the
/// last item.
pub fn listing(
    store: Arc<dyn Storage>,
    prefix: &str,
) -> impl Stream<Item = Result<Listed, Error>> + Send + use<> {
    let first = Some(ListOptions {
        prefix: prefix.to_owned(),
        ..ListOptions::default()
    });
    let pages = stream::try_unfold((store, first), |(store, options)| async move {
        let Some(options) = options else {
            return Ok::<_, Error>(None);
        };
        let page = store.list(options.clone()).await;
        let page = page.map_err(|source| Error::Store {
            prefix: options.prefix.clone(),
            source,
        })?;
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
                _ => Ok(listed),
            }
        })
        .take_while(move |item| {
            let goes_on = !std::mem::replace(&mut broken, item.is_err());
            std::future::ready(goes_on)
        })
}
