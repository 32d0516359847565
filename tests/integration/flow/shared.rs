//! Templates that let originals share their thumbnails' keys: the first one's set stands as long as it does.

use std::sync::Arc;
use std::time::Duration;

use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::{Outcome, Reason, Verdict};
use cos_thumbnails::plan::Recipe;
use cos_thumbnails::storage::{GetOptions, Storage};
use cos_thumbnails::thumbnailer::{FailureRecord, FailureState, Mark, Thumbnailer};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::hooked::{Hook, Hooked};
use super::{event, keys, over_with, picture, policy_with, put};

/// Folders are dropped, so that both have the same thumbnails' keys.
const FIRST: &str = "images/x/1.png";
const SECOND: &str = "images/y/1.png";
const MARK: &str = "thumbnails/1.png.thumbnail(512, 512).jpg";

fn flow(store: &Arc<Hooked>) -> Thumbnailer {
    over_with(store, policy_with(Recipe::paper()))
}

async fn handled(flow: &Thumbnailer, key: &str) -> Outcome {
    flow.handle(&event(key)).await.unwrap()
}

async fn delete(store: &Hooked, key: &str) {
    store.inner.delete(&Key::new(key)).await.unwrap();
}

/// Whether all thumbnails stand, and are those of this original as it is now.
async fn is_set_of(store: &Hooked, original: &str) -> bool {
    let standing = keys(store).await;
    let thumbnails = standing.iter().filter(|key| key.starts_with("thumbnails/"));
    let Ok(mark) = store.inner.head(&Key::new(MARK)).await else {
        return false;
    };
    let mark = Mark::from_metadata(&mark.metadata).unwrap();
    let original = store.inner.head(&Key::new(original)).await.unwrap();
    thumbnails.count() == Recipe::SIZES.len() && mark.original_etag == original.etag
}

#[tokio::test]
async fn originals_that_share_their_thumbnails_keys_do_not_overwrite_each_other() {
    let store = Arc::new(Hooked::default());
    let flow = flow(&store);
    put(&*store, FIRST, picture(10)).await;
    put(&*store, SECOND, picture(240)).await;
    assert_eq!(handled(&flow, FIRST).await.verdict, Verdict::Made);
    let second = handled(&flow, SECOND).await;
    let ended = (second.verdict, second.reason);
    assert_eq!(ended, (Verdict::Rejected, Some(Reason::Collision)));
    assert!(is_set_of(&store, FIRST).await);

    delete(&store, SECOND).await;
    let gone = handled(&flow, SECOND).await;
    // Its record of the collision alone.
    assert_eq!((gone.verdict, gone.traffic.deletes), (Verdict::Skipped, 1));
    assert!(is_set_of(&store, FIRST).await, "the other's must stand");
}

#[tokio::test]
async fn who_was_refused_has_its_thumbnails_once_the_other_is_gone() {
    let store = Arc::new(Hooked::default());
    let flow = flow(&store);
    put(&*store, FIRST, picture(10)).await;
    put(&*store, SECOND, picture(240)).await;
    handled(&flow, FIRST).await;
    // However often: it is looked at each time.
    for _ in 0..2 {
        let refused = handled(&flow, SECOND).await;
        assert_eq!(refused.reason, Some(Reason::Collision));
    }
    let record = Key::new("failures/y/1.png");
    let kept = store
        .inner
        .get(&record, GetOptions::default())
        .await
        .unwrap();
    let kept = FailureRecord::from_json(&kept.body).unwrap();
    let (state, reason) = (FailureState::Rejected, Reason::Collision);
    assert_eq!((kept.state, kept.reason), (state, reason));

    delete(&store, FIRST).await;
    assert_eq!(handled(&flow, FIRST).await.verdict, Verdict::Removed);
    assert_eq!(handled(&flow, SECOND).await.verdict, Verdict::Made);
    assert!(is_set_of(&store, SECOND).await);
    assert!(store.inner.head(&record).await.is_err(), "nor a record");
}

/// It would otherwise find no mark, and remove what the other has written since.
#[tokio::test(start_paused = true)]
async fn the_deletion_of_one_does_not_meet_the_set_of_another() {
    let store = Arc::new(Hooked::default());
    let flow = flow(&store);
    put(&*store, SECOND, picture(240)).await;
    store.reset();
    let go_on = Arc::new(Notify::new());
    // The mark and the record, then the first original, which is gone.
    store.at(2, Hook::Wait(Arc::clone(&go_on)));
    let (gone, arrived) = (event(FIRST), event(SECOND));
    let mut removal = Box::pin(flow.handle(&gone));
    assert!((&mut removal).now_or_never().is_none() && store.fired());
    let mut making = Box::pin(flow.handle(&arrived));
    // As long as it takes, if nothing holds it.
    let made = timeout(Duration::from_secs(10), &mut making).await;
    go_on.notify_one();
    assert_eq!(removal.await.unwrap().verdict, Verdict::Skipped);
    let made = match made {
        Ok(made) => made,
        Err(_) => making.await,
    };
    assert_eq!(made.unwrap().verdict, Verdict::Made);
    assert!(is_set_of(&store, SECOND).await);
}

/// Killed between two of its deletions, a removal leaves no mark that would keep the other away, even if the event comes
/// never again.
#[tokio::test]
async fn what_a_killed_removal_leaves_keeps_no_other_away() {
    let store = Arc::new(Hooked::default());
    let flow = flow(&store);
    put(&*store, FIRST, picture(10)).await;
    handled(&flow, FIRST).await;
    delete(&store, FIRST).await;
    put(&*store, SECOND, picture(240)).await;
    store.reset();
    // The mark and the record, the original, then the DELETEs.
    store.at(3 + 2, Hook::Fail);
    flow.handle(&event(FIRST)).await.unwrap_err();
    assert_eq!(handled(&flow, SECOND).await.verdict, Verdict::Made);
    assert!(is_set_of(&store, SECOND).await);
}
