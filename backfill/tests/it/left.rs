//! Thumbnails left by a function that was killed before it came to remove them.

use std::collections::BTreeMap;
use std::sync::Arc;

use backfill::audit::State;
use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{GetOptions, Object, PutOptions, Storage};

use crate::audit::{put, verify};
use crate::modes::{jpeg, keys, run, store};

const ORIGINAL: &str = "images/notes.jpg";
const RECORD: &str = "failures/notes.jpg";
const SET: &str = "thumbnails/notes.jpg/";

/// The text's failure record stands, and none of its thumbnails. Gives those of the picture that was there before.
async fn rejected(store: &Arc<dyn Storage>) -> BTreeMap<String, Object> {
    put(store, ORIGINAL, jpeg(70)).await;
    run(store, "--mode sequential").await.unwrap();
    let mut set = BTreeMap::new();
    for key in keys(store, SET).await {
        let name = Key::new(key.as_str());
        let object = store.get(&name, GetOptions::default()).await;
        set.insert(key, object.unwrap());
    }
    assert_eq!(set.len(), 6);
    put(store, ORIGINAL, "not a picture").await;
    let args = "--pending-minutes 0 --repair --accept failed";
    assert_eq!(verify(store, args).await.code, 0);
    assert!(keys(store, RECORD).await.contains(RECORD));
    assert!(keys(store, SET).await.is_empty());
    set
}

/// As if whoever wrote the record had been killed before it removed these.
async fn put_back(store: &Arc<dyn Storage>, set: &BTreeMap<String, Object>) {
    for (key, object) in set {
        let options = PutOptions {
            metadata: object.head.metadata.clone(),
            ..PutOptions::default()
        };
        let key = Key::new(key.as_str());
        let put = store.put(&key, object.body.clone(), options);
        put.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thumbnails_beside_the_record_that_rejects_their_original_are_found_and_removed() {
    let store = store().await;
    let whole = rejected(&store).await;
    let mut siblings = whole.clone();
    siblings.remove("thumbnails/notes.jpg/512.jpg").unwrap();
    for (set, fast, state) in [
        (&whole, "", State::Stale),
        (&siblings, "", State::Partial),
        (&siblings, "--fast", State::Partial),
    ] {
        put_back(&store, set).await;
        let args = format!("--pending-minutes 0 --accept failed {fast}");
        let found = verify(&store, &args).await;
        assert_eq!((found.code, found.found[ORIGINAL].state), (1, state));
        let mended = verify(&store, &format!("{args} --repair")).await;
        assert_eq!((mended.code, mended.summary.well), (0, true));
        assert_eq!(mended.mended[ORIGINAL].state, State::Failed);
        assert!(keys(&store, SET).await.is_empty());
        assert!(keys(&store, RECORD).await.contains(RECORD));
    }

    put_back(&store, &whole).await;
    let args = "--pending-minutes 0 --accept failed --repair --on-delete keep";
    let kept = verify(&store, args).await;
    assert_eq!((kept.code, kept.found[ORIGINAL].state), (0, State::Failed));
    assert_eq!(keys(&store, SET).await.len(), 6);
}
