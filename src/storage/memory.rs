use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use md5::{Digest, Md5};

use super::{
    DEFAULT_CONTENT_TYPE, Error, GetOptions, Head, Kind, ListOptions, Listed, Object, Page,
    PutOptions, Storage, check_key, check_list, check_put, check_range,
};
use crate::object::{ETag, Key};

/// One bucket in memory, for tests and for rendering without a store.
///
/// It answers as S3 does: tags are the MD5 of the body in hex, conditions are judged in the order
/// of RFC 9110, 13.2.2, listings ascend bytewise, times are cut to the second. Nothing outlives it.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<Key, Stored>>,
}

#[derive(Debug, Clone)]
struct Stored {
    head: Head,
    body: Bytes,
}

impl Memory {
    /// An empty bucket.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The objects. A panic elsewhere cannot leave them half changed: every change is one insert or
    /// remove, so a poisoned lock is taken as it is.
    fn objects(&self) -> MutexGuard<'_, BTreeMap<Key, Stored>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key, operation: &'static str) -> Result<Stored, Error> {
        check_key(key, operation)?;
        self.objects()
            .get(key)
            .cloned()
            .ok_or_else(|| Error::new(Kind::NotFound, operation))
    }
}

#[async_trait]
impl Storage for Memory {
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, Error> {
        const OPERATION: &str = "GetObject";
        check_range(options.range.as_ref(), OPERATION)?;
        let Stored { head, body } = self.find(key, OPERATION)?;
        if options.if_match.is_some_and(|wanted| wanted != head.etag) {
            return Err(Error::new(Kind::PreconditionFailed, OPERATION));
        }
        if options
            .if_none_match
            .is_some_and(|known| known == head.etag)
        {
            return Err(Error::new(Kind::NotModified, OPERATION));
        }
        let range = match options.range {
            None => 0..head.length,
            Some(range) if range.start >= head.length => {
                return Err(Error::new(Kind::InvalidRange, OPERATION));
            }
            Some(range) => range.start..range.end.min(head.length),
        };
        if options
            .max_length
            .is_some_and(|most| range.end - range.start > most)
        {
            return Err(Error::new(Kind::TooLong, OPERATION));
        }
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX);
        Ok(Object {
            head,
            body: body.slice(start..end),
        })
    }

    async fn head(&self, key: &Key) -> Result<Head, Error> {
        Ok(self.find(key, "HeadObject")?.head)
    }

    async fn put(&self, key: &Key, body: Bytes, options: PutOptions) -> Result<ETag, Error> {
        check_put(key, &options, "PutObject")?;
        let etag = md5_tag(&body);
        let content_type = options
            .content_type
            .unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned());
        let head = Head {
            etag: etag.clone(),
            length: body.len() as u64,
            content_type: Some(content_type),
            metadata: options.metadata,
            last_modified: Some(now_in_seconds()),
        };
        self.objects().insert(key.clone(), Stored { head, body });
        Ok(etag)
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        check_key(key, "DeleteObject")?;
        self.objects().remove(key);
        Ok(())
    }

    /// The continuation token is the last key of the page before.
    async fn list(&self, options: ListOptions) -> Result<Page, Error> {
        let limit = check_list(&options)?;
        let ListOptions {
            prefix,
            continuation_token,
            ..
        } = options;
        let from = match continuation_token {
            Some(last) if last >= prefix => Bound::Excluded(Key::new(last)),
            _ => Bound::Included(Key::new(prefix.as_str())),
        };
        let objects = self.objects();
        let mut matching = objects
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.as_str().starts_with(&prefix))
            .map(|(key, Stored { head, .. })| Listed {
                key: key.clone(),
                etag: head.etag.clone(),
                length: head.length,
                last_modified: head.last_modified,
            });
        let listed: Vec<_> = matching.by_ref().take(limit).collect();
        let more = matching.next().is_some();
        let next = listed
            .last()
            .filter(|_| more)
            .map(|last| last.key.as_str().to_owned());
        Ok(Page {
            objects: listed,
            next,
        })
    }
}

fn md5_tag(body: &[u8]) -> ETag {
    let hex = Md5::digest(body)
        .iter()
        .fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    ETag::new(&hex)
}

fn now_in_seconds() -> SystemTime {
    let now = SystemTime::now();
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tag_is_the_md5_of_the_body() {
        let store = Memory::new();
        let key = Key::new("a");
        // RFC 1321, A.5: MD5 ("abc")
        let etag = store
            .put(&key, Bytes::from_static(b"abc"), PutOptions::default())
            .await;
        assert_eq!(etag.unwrap().as_str(), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[tokio::test]
    async fn if_match_is_judged_before_if_none_match_and_range() {
        let store = Memory::new();
        let key = Key::new("a");
        let etag = store
            .put(&key, Bytes::new(), PutOptions::default())
            .await
            .unwrap();
        let mut options = GetOptions {
            if_match: Some(ETag::new("other")),
            if_none_match: Some(etag.clone()),
            range: Some(5..6),
            max_length: None,
        };
        let kind =
            |options: GetOptions| async { store.get(&key, options).await.unwrap_err().kind() };
        assert_eq!(kind(options.clone()).await, Kind::PreconditionFailed);
        options.if_match = Some(etag);
        assert_eq!(kind(options.clone()).await, Kind::NotModified);
        options.if_none_match = None;
        assert_eq!(kind(options).await, Kind::InvalidRange);
    }
}
