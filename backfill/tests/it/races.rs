//! What changes while it is listed, audited or mended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use backfill::audit::State;
use backfill::filter::Filter;
use backfill::originals::originals;
use bytes::Bytes;
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::storage::{
    self, GetOptions, Head, ListOptions, Memory, Object, Page, PutOptions, Storage,
};
use futures_util::TryStreamExt;

use crate::another_recipe::put_ours;
use crate::audit::{put, unreadable, verify};
use crate::modes::{jpeg, keys, run, settings};

/// A store in which something happens after some operations.
#[derive(Debug)]
struct Eventful {
    store: Memory,
    after: After,
    listed: AtomicU32,
    read: AtomicU32,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// Keys come and go between the pages of a listing, before and behind what was listed.
    Page,
    /// The original comes back after one of its thumbnails was deleted.
    Delete,
    /// The original comes back after the outputs were listed.
    Listing,
    /// A function whose recipe has one size more is at work after the mark was looked at.
    Look,
    /// Someone puts a file where a failure record was, after that was read.
    Record,
    /// The store fails when a failure record is read for the n-th time, from 0.
    Fault(u32),
}

impl Eventful {
    fn new(after: After) -> Self {
        Self {
            store: Memory::default(),
            after,
            listed: AtomicU32::new(0),
            read: AtomicU32::new(0),
        }
    }

    async fn write(&self, key: String, body: Vec<u8>) {
        let put = PutOptions::default();
        self.store
            .put(&Key::new(key), body.into(), put)
            .await
            .unwrap();
    }
}

#[async_trait]
impl Storage for Eventful {
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, storage::Error> {
        let got = self.store.get(key, options).await;
        if key.as_str() != "failures/back.jpg" {
            return got;
        }
        let number = self.read.fetch_add(1, Ordering::Relaxed);
        if self.after == After::Fault(number) {
            return Err(storage::Error::new(storage::Kind::Unavailable, "GetObject"));
        }
        if self.after == After::Record {
            self.write(key.as_str().to_owned(), b"a report".to_vec())
                .await;
        }
        got
    }
    async fn head(&self, key: &Key) -> Result<Head, storage::Error> {
        let head = self.store.head(key).await;
        if self.after == After::Look && key.as_str() == "thumbnails/other.jpg/512.jpg" {
            // As a sibling, and so without a mark.
            self.write(key.as_str().to_owned(), jpeg(3)).await;
        }
        head
    }
    async fn put(
        &self,
        key: &Key,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ETag, storage::Error> {
        self.store.put(key, body, options).await
    }
    async fn delete(&self, key: &Key) -> Result<(), storage::Error> {
        self.store.delete(key).await?;
        if self.after == After::Delete && key.as_str().starts_with("thumbnails/back.jpg/") {
            self.write("images/back.jpg".to_owned(), jpeg(1)).await;
        }
        Ok(())
    }
    async fn list(&self, options: ListOptions) -> Result<Page, storage::Error> {
        let outputs = options.prefix == "thumbnails/";
        let page = self.store.list(options).await?;
        let number = self.listed.fetch_add(1, Ordering::Relaxed);
        match self.after {
            After::Page => {
                for place in ["0", "1", "2", "3", "4"] {
                    let key = format!("images/{place}-new-{number}");
                    self.write(key, b"new".to_vec()).await;
                    let gone = Key::new(format!("images/{place}-gone-{number}"));
                    self.store.delete(&gone).await?;
                }
            }
            After::Listing if outputs => {
                self.write("images/back.jpg".to_owned(), jpeg(1)).await;
            }
            _ => {}
        }
        Ok(page)
    }
}

#[tokio::test]
async fn case_25_what_exists_throughout_is_sent_once_while_the_listing_changes() {
    let store = Eventful::new(After::Page);
    let mut throughout = Vec::new();
    for n in 0..4500 {
        let key = format!("images/{}-{n:04}", n / 1000);
        store.write(key.clone(), b"old".to_vec()).await;
        throughout.push(key);
    }
    for place in 0..5 {
        for number in 0..5 {
            let key = format!("images/{place}-gone-{number}");
            store.write(key, b"old".to_vec()).await;
        }
    }
    let policy = settings("plan").config.policy;
    let sent: Vec<_> = originals(Arc::new(store), policy, Filter::default())
        .map_ok(|change| change.object.key.as_str().to_owned())
        .try_collect()
        .await
        .unwrap();
    assert!(sent.is_sorted_by(|a, b| a < b), "none twice");
    let missed = throughout
        .iter()
        .filter(|key| sent.binary_search(key).is_err());
    assert_eq!(missed.count(), 0);
    assert!(
        sent.iter().any(|key| key.contains("new")),
        "the listing did change"
    );
    assert!(
        !sent.contains(&"images/4-gone-0".to_owned()),
        "the listing did change"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_recipe_plans_meanwhile_is_no_longer_obsolete() {
    let store: Arc<dyn Storage> = Arc::new(Eventful::new(After::Look));
    put(&store, "images/other.jpg", jpeg(1)).await;
    run(&store, "--mode sequential").await.unwrap();
    put_ours(&store, "thumbnails/other.jpg/1024.jpg", jpeg(2)).await;
    let args = "--pending-minutes 0 --repair --remove-obsolete";
    let audited = verify(&store, args).await;
    assert_eq!(audited.summary.found.of(State::Obsolete), 1);
    let repair = audited.summary.repair.unwrap();
    assert_eq!((repair.removed, repair.after.of(State::Stale)), (0, 1));
    assert_eq!(keys(&store, "thumbnails/other.jpg/").await.len(), 7);
}

/// A store that holds the thumbnails of an original that is gone.
async fn orphaned(after: After) -> Arc<dyn Storage> {
    let store: Arc<dyn Storage> = Arc::new(Eventful::new(after));
    put(&store, "images/back.jpg", jpeg(1)).await;
    put(&store, "images/other.jpg", jpeg(2)).await;
    run(&store, "--mode sequential").await.unwrap();
    store.delete(&Key::new("images/back.jpg")).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_original_that_comes_while_it_is_audited_is_no_reason_to_remove() {
    let store = orphaned(After::Listing).await;
    let args = "--pending-minutes 0 --repair --remove-orphans";
    let audited = verify(&store, args).await;
    assert_eq!(audited.summary.found.of(State::Orphaned), 0);
    assert_eq!(audited.summary.repair, None);
    assert_eq!(keys(&store, "thumbnails/back.jpg/").await.len(), 6);
    assert_eq!(verify(&store, "--pending-minutes 0").await.code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_original_that_comes_while_orphans_are_removed_gets_its_thumbnails_back() {
    let store = orphaned(After::Delete).await;
    let args = "--pending-minutes 0 --repair --remove-orphans";
    let audited = verify(&store, args).await;
    assert_eq!(audited.summary.found.of(State::Orphaned), 6);
    let repair = audited.summary.repair.unwrap();
    assert!(repair.removed > 0 && repair.replayed > 0, "{repair:?}");
    assert_eq!(keys(&store, "thumbnails/back.jpg/").await.len(), 6);
    let end = verify(&store, "--pending-minutes 0").await;
    assert_eq!(end.code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_come_in_the_place_of_an_orphaned_record_stays() {
    let store: Arc<dyn Storage> = Arc::new(Eventful::new(After::Record));
    put(&store, "images/other.jpg", jpeg(2)).await;
    put(&store, "failures/back.jpg", unreadable("images/back.jpg")).await;
    run(&store, "--mode sequential").await.unwrap();
    let args = "--pending-minutes 0 --repair --remove-orphans";
    let audited = verify(&store, args).await;
    assert_eq!(audited.summary.found.of(State::Orphaned), 1);
    let repair = audited.summary.repair.unwrap();
    assert_eq!((repair.removed, repair.after.of(State::Orphaned)), (0, 0));
    assert_eq!(keys(&store, "failures/").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_store_is_not_taken_for_absence() {
    // While it is audited, and before it is removed.
    for number in [0, 1] {
        let store: Arc<dyn Storage> = Arc::new(Eventful::new(After::Fault(number)));
        put(&store, "images/other.jpg", jpeg(2)).await;
        put(&store, "failures/back.jpg", unreadable("images/back.jpg")).await;
        run(&store, "--mode sequential").await.unwrap();
        let args = "--pending-minutes 0 --repair --remove-orphans";
        let audited = verify(&store, args).await;
        assert_eq!((audited.code, audited.summary.well), (1, false));
        let why = audited.summary.ended_early.unwrap();
        let begin = "failures/back.jpg could not be looked at: GetObject: ";
        assert!(why.starts_with(begin), "{why}");
        assert_eq!(keys(&store, "failures/").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_is_kept_in_memory_is_mended_batch_by_batch() {
    let store: Arc<dyn Storage> = Arc::new(Memory::default());
    for n in 0..10_500 {
        put(&store, &format!("images/{n:05}.txt"), "a text").await;
    }
    put(&store, "images/a.jpg", jpeg(1)).await;
    let args = "--pending-minutes 0 --repair --accept failed";
    let audited = verify(&store, args).await;
    assert_eq!((audited.code, audited.summary.well), (0, true));
    let repair = audited.summary.repair.unwrap();
    assert_eq!(audited.summary.found.of(State::Missing), 10_501);
    assert_eq!((repair.replayed, repair.failed), (10_501, 0));
    assert_eq!(repair.after.of(State::Failed), 10_500);
    assert_eq!(repair.after.of(State::Ok), 1);
    assert_eq!(repair.after.originals(), 10_501);
}
