//! The memory store as one handler sees it: each of its calls waits until the schedule lets it
//! happen, or fail.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::plan::Plan;
use cos_thumbnails::storage::{
    Error, GetOptions, Head, Kind, ListOptions, Memory, Object, Page, PutOptions, Storage,
};
use cos_thumbnails::thumbnailer::{FailureRecord, Mark};
use tokio::sync::oneshot;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    /// It fails, and nothing has happened.
    FailedBefore,
    /// It happens, but the answer is lost.
    FailedAfter,
}

/// A call that waits for its fate.
pub(super) struct Call {
    pub(super) handler: usize,
    pub(super) operation: &'static str,
    pub(super) key: Key,
    pub(super) fate: oneshot::Sender<Fate>,
}

/// Shown in a schedule: `1: PUT thumbnails/a.png/2.jpg`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.handler, self.operation, self.key)
    }
}

/// What a handler leaves out. A store that always tells it what it expects has the same effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Omission {
    /// It believes the mark without a look at the siblings.
    Siblings,
    /// It does not look at the original again at the end.
    SecondLook,
}

/// The store of one handler.
#[derive(Debug)]
pub(super) struct Stepped {
    pub(super) handler: usize,
    pub(super) store: Arc<Memory>,
    pub(super) plan: Arc<Plan>,
    pub(super) omission: Option<Omission>,
    pub(super) calls: Arc<Calls>,
    /// All that the handler has learnt so far, which is all that its next step depends on.
    pub(super) learnt: Arc<Mutex<u64>>,
    /// The version that its last GET of the original found.
    pub(super) seen: Mutex<Option<Head>>,
}

/// The calls that wait, in the order in which they were made.
#[derive(Default)]
pub(super) struct Calls(pub(super) Mutex<Vec<Call>>);

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

impl Stepped {
    /// Makes a call when the schedule says so.
    async fn call<T>(
        &self,
        operation: &'static str,
        key: &Key,
        make: impl Future<Output = Result<T, Error>>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T, Error> {
        let (fate, told) = oneshot::channel();
        self.calls.0.lock().unwrap().push(Call {
            handler: self.handler,
            operation,
            key: key.clone(),
            fate,
        });
        let lost = || Error::new(Kind::Unavailable, operation);
        let result = match told.await.unwrap() {
            Fate::Done => make.await,
            Fate::FailedBefore => Err(lost()),
            Fate::FailedAfter => make.await.and(Err(lost())),
        };
        let mut hasher = DefaultHasher::new();
        let mut learnt = self.learnt.lock().unwrap();
        let shown = result.as_ref().map(show).map_err(Error::kind);
        (*learnt, operation, key, format!("{shown:?}")).hash(&mut hasher);
        *learnt = hasher.finish();
        result
    }

    /// What HEAD tells a handler that leaves something out.
    async fn expected_head(&self, key: &Key) -> Option<Result<Head, Error>> {
        let not_found = || Error::new(Kind::NotFound, "HeadObject");
        let (mark, siblings) = self.plan.mark_and_siblings();
        match self.omission? {
            Omission::SecondLook if *key == self.plan.original => {
                Some(self.seen.lock().unwrap().clone().ok_or_else(not_found))
            }
            Omission::Siblings => {
                let n = siblings.iter().position(|sibling| sibling.key == *key)?;
                let head = self.store.head(&mark.key).await;
                Some(head.map(|head| Head {
                    etag: Mark::from_metadata(&head.metadata).unwrap().siblings[n].clone(),
                    ..head
                }))
            }
            Omission::SecondLook => None,
        }
    }
}

#[async_trait]
impl Storage for Stepped {
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, Error> {
        let get = self.store.get(key, options);
        let got = self.call("GET", key, get, content).await;
        if *key == self.plan.original {
            *self.seen.lock().unwrap() = got.as_ref().ok().map(|object| object.head.clone());
        }
        got
    }

    async fn head(&self, key: &Key) -> Result<Head, Error> {
        let head = async {
            match self.expected_head(key).await {
                Some(expected) => expected,
                None => self.store.head(key).await,
            }
        };
        self.call("HEAD", key, head, |head| {
            format!("{} {:?}", head.etag, head.metadata)
        })
        .await
    }

    async fn put(&self, key: &Key, body: Bytes, options: PutOptions) -> Result<ETag, Error> {
        let put = self.store.put(key, body, options);
        // Its tag follows from what was learnt before, but for the time in a failure record.
        self.call("PUT", key, put, |_| String::new()).await
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        let delete = self.store.delete(key);
        self.call("DELETE", key, delete, |()| String::new()).await
    }

    async fn list(&self, options: ListOptions) -> Result<Page, Error> {
        self.store.list(options).await
    }
}

/// What an object says, without the time in a failure record.
pub(super) fn content(object: &Object) -> String {
    let head = &object.head;
    match FailureRecord::from_json(&object.body) {
        Ok(record) => format!("{} {:?} {}", record.etag, record.state, record.attempts),
        Err(_) => format!("{} {:?}", head.etag, head.metadata),
    }
}
