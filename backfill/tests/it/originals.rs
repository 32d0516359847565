use std::sync::Arc;

use async_trait::async_trait;
use backfill::filter::Filter;
use backfill::originals::{Error, Extent, extent, originals};
use bytes::Bytes;
use cos_thumbnails::object::{Bucket, ETag, Key};
use cos_thumbnails::plan::{Policy, Recipe};
use cos_thumbnails::storage::{
    self, GetOptions, Head, ListOptions, Listed, Memory, Object, Page, PutOptions, Storage,
};
use futures_util::{StreamExt, TryStreamExt};

fn policy() -> Policy {
    Policy::new(
        Bucket::new("b"),
        "images/",
        "thumbnails/",
        Recipe::standard(),
    )
    .unwrap()
}

async fn put(store: &Memory, key: &str, body: &'static [u8]) {
    let body = Bytes::from_static(body);
    store
        .put(&Key::new(key), body, PutOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn all_pages_are_listed_in_order_and_only_originals() {
    let store = Memory::default();
    for n in 0..2345 {
        put(&store, &format!("images/{:04}", n * 8 % 2345), b"abc").await;
    }
    for key in ["images/", "images/2024/", "thumbnails/x", "images", "other"] {
        put(&store, key, b"").await;
    }
    let store: Arc<dyn Storage> = Arc::new(store);
    let listed: Vec<_> = originals(Arc::clone(&store), policy(), Filter::default())
        .try_collect()
        .await
        .unwrap();
    let keys: Vec<_> = listed
        .iter()
        .map(|change| change.object.key.as_str().to_owned())
        .collect();
    let expected: Vec<_> = (0..2345).map(|n| format!("images/{n:04}")).collect();
    assert_eq!(keys, expected);
    assert!(listed.iter().all(|change| {
        change.length == Some(3) && change.etag.is_some() && change.endpoint.is_empty()
    }));

    let all = extent(originals(Arc::clone(&store), policy(), Filter::default()))
        .await
        .unwrap();
    assert_eq!(
        all,
        Extent {
            pictures: 2345,
            bytes: 3 * 2345
        }
    );
    let first = extent(originals(store, policy(), Filter::default()).take(1001))
        .await
        .unwrap();
    assert_eq!(
        first,
        Extent {
            pictures: 1001,
            bytes: 3003
        }
    );
}

/// A store whose every page is the same and names itself as the next.
#[derive(Debug)]
struct Circle;

#[async_trait]
impl Storage for Circle {
    async fn get(&self, _: &Key, _: GetOptions) -> Result<Object, storage::Error> {
        unreachable!("a listing asks for nothing else")
    }
    async fn head(&self, _: &Key) -> Result<Head, storage::Error> {
        unreachable!("a listing asks for nothing else")
    }
    async fn put(&self, _: &Key, _: Bytes, _: PutOptions) -> Result<ETag, storage::Error> {
        unreachable!("a listing asks for nothing else")
    }
    async fn delete(&self, _: &Key) -> Result<(), storage::Error> {
        unreachable!("a listing asks for nothing else")
    }
    async fn list(&self, _: ListOptions) -> Result<Page, storage::Error> {
        let key = Key::new("images/1");
        let listed = Listed {
            key,
            etag: ETag::new("e"),
            length: 1,
            last_modified: None,
        };
        Ok(Page {
            objects: vec![listed],
            next: Some("again".into()),
        })
    }
}

#[tokio::test]
async fn a_listing_that_goes_in_circles_ends_with_an_error() {
    let listed: Vec<_> = originals(Arc::new(Circle), policy(), Filter::default())
        .take(3)
        .collect()
        .await;
    assert!(listed[0].is_ok());
    assert!(
        matches!(&listed[1], Err(Error::NotAscending { .. })),
        "{listed:?}"
    );
    assert_eq!(listed.len(), 2, "nothing comes after an error");
}
