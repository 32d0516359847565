//! What a flow has carried to and from its store, whatever became of the events.

use std::sync::Arc;

use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Verdict;
use cos_thumbnails::plan::Recipe;
use cos_thumbnails::storage::Storage;
use cos_thumbnails::thumbnailer::{Carried, Error};

use super::hooked::{Hook, Hooked};
use super::parts::{noise, sized_event};
use super::{event, over, over_with, picture, policy_with, put};

#[tokio::test]
async fn the_bytes_of_an_event_that_ends_in_an_error_are_counted() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.png", picture(10)).await;
    store.reset();
    // The mark and the record, GET, five PUTs, then the mark.
    store.at(8, Hook::Fail);
    let flow = over(&store);
    let ended = flow.handle(&event("images/a.png")).await;
    assert!(matches!(ended, Err(Error::Store(_))), "{ended:?}");
    let mut written = 0;
    for size in [16, 32, 64, 128, 256] {
        let key = Key::new(format!("thumbnails/a.png/{size}.jpg"));
        written += store.head(&key).await.unwrap().length;
    }
    let expected = Carried {
        bytes_read: picture(10).len() as u64,
        bytes_written: written,
        ranged_reads: 0,
        bytes_saved: 0,
    };
    assert_eq!(flow.carried(), expected);
}

#[tokio::test]
async fn what_was_not_read_is_counted_for_each_making() {
    let (first, second) = (noise(1, true), noise(2, true));
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.jpg", first.clone()).await;
    let arrived = sized_event(&*store, "images/a.jpg").await;
    store.reset();
    // The mark and the record, the first bytes, two PUTs, then the second look.
    store.at(5, Hook::Put("images/a.jpg", second.clone()));
    let small = Recipe::standard().with_sizes(&[16, 64]).unwrap();
    let flow = over_with(&store, policy_with(small));
    let made = flow.handle(&arrived).await.unwrap();
    assert!(store.fired());
    assert_eq!(made.verdict, Verdict::Made);
    let carried = flow.carried();
    assert_eq!(carried.ranged_reads, 2);
    assert_eq!(carried.bytes_read, made.traffic.bytes_read);
    let all = (first.len() + second.len()) as u64;
    assert_eq!(carried.bytes_read + carried.bytes_saved, all);
}
