//! What stands where a failure record belongs and is none of this original: it is neither replaced nor removed.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::{Outcome, Reason, Verdict};
use cos_thumbnails::plan::{OnDelete, Policy, Recipe};
use cos_thumbnails::storage::{GetOptions, Storage};
use cos_thumbnails::thumbnail::Limits;
use cos_thumbnails::thumbnailer::{Error, FailureRecord};
use tokio::time::Instant;

use super::failures::{earlier, slow};
use super::hooked::{Hook, Hooked};
use super::{event, keys, over, over_with, picture, policy, put, shown};

const ORIGINAL: &str = "images/a.png";
const RECORD: &str = "failures/a.png";

/// A file of someone else, one that is longer than records are, and the record of another deployment.
fn foreign() -> [Bytes; 4] {
    let record = FailureRecord {
        key: Key::new("photos/a.png"),
        ..earlier()
    };
    [
        Bytes::new(),
        Bytes::from_static(b"a report of ours"),
        vec![b' '; 100_000].into(),
        record.to_json(),
    ]
}

async fn is_untouched(store: &Hooked, planted: &Bytes) {
    let options = GetOptions::default();
    let there = store.inner.get(&Key::new(RECORD), options).await.unwrap();
    assert_eq!(there.body, planted);
}

/// What became of `body` beside what was planted.
async fn handled(store: &Arc<Hooked>, policy: Policy, planted: &Bytes) -> Outcome {
    let ended = over_with(store, policy).handle(&event(ORIGINAL)).await;
    is_untouched(store, planted).await;
    ended.unwrap()
}

/// The words that say that there is no record, and what to do.
const NOT_RECORDED: &str = "; no failure record was written: failures/a.png holds something else, which is left as it is; \
                            move it elsewhere, or give FAILURE_PREFIX a folder of its own";

/// Whether they are behind what else is to be said.
fn tells(outcome: &Outcome) -> bool {
    let message = outcome.message.as_deref().unwrap_or_default();
    message.len() > NOT_RECORDED.len() && message.ends_with(NOT_RECORDED)
}

#[tokio::test]
async fn thumbnails_are_made_and_found_to_stand_beside_it() {
    for planted in foreign() {
        let store = Arc::new(Hooked::default());
        put(&*store, RECORD, planted.clone()).await;
        put(&*store, ORIGINAL, picture(10)).await;
        let made = handled(&store, policy(), &planted).await;
        assert_eq!((made.verdict, made.message), (Verdict::Made, None));
        assert_eq!(made.traffic.deletes, 0);
        shown(&*store, "a.png").await;
        let again = handled(&store, policy(), &planted).await;
        assert_eq!(again.verdict, Verdict::Duplicate);
    }
}

#[tokio::test]
async fn what_is_rejected_is_answered_so_and_told_that_there_is_no_record() {
    for planted in foreign() {
        let store = Arc::new(Hooked::default());
        put(&*store, ORIGINAL, picture(10)).await;
        over(&store).handle(&event(ORIGINAL)).await.unwrap();
        put(&*store, RECORD, planted.clone()).await;
        for (body, reason) in [("", Reason::Empty), ("a text", Reason::NotAPicture)] {
            put(&*store, ORIGINAL, body).await;
            // However often: nothing of it was recorded.
            for _ in 0..2 {
                let rejected = handled(&store, policy(), &planted).await;
                let ended = (rejected.verdict, rejected.reason);
                assert_eq!(ended, (Verdict::Rejected, Some(reason)));
                assert!(tells(&rejected), "{:?}", rejected.message);
                assert_eq!(rejected.traffic.puts, 0);
                assert_eq!(keys(&*store).await, [RECORD, ORIGINAL]);
            }
        }
        let small = Limits {
            max_bytes: 3,
            ..Limits::default()
        };
        let long = handled(&store, policy().with_limits(small), &planted).await;
        assert_eq!(long.reason, Some(Reason::TooManyBytes));
        assert!(tells(&long), "{:?}", long.message);
    }
}

#[tokio::test]
async fn a_deletion_leaves_it() {
    for planted in foreign() {
        for on_delete in [OnDelete::Remove, OnDelete::Keep] {
            let store = Arc::new(Hooked::default());
            put(&*store, ORIGINAL, picture(10)).await;
            over(&store).handle(&event(ORIGINAL)).await.unwrap();
            put(&*store, RECORD, planted.clone()).await;
            Hook::Delete(ORIGINAL).apply(&store.inner).await;
            let policy = policy().with_on_delete(on_delete);
            let gone = handled(&store, policy, &planted).await;
            assert_eq!(gone.reason, Some(Reason::Gone));
            let removed = on_delete == OnDelete::Remove;
            assert_eq!(keys(&*store).await.len(), if removed { 1 } else { 7 });
        }
    }
}

#[tokio::test]
async fn a_collision_leaves_it() {
    for planted in foreign() {
        let store = Arc::new(Hooked::default());
        put(&*store, "images/b/a.png", picture(10)).await;
        put(&*store, ORIGINAL, picture(20)).await;
        put(&*store, RECORD, planted.clone()).await;
        let paper = || policy().with_recipes(Recipe::paper());
        let flow = over_with(&store, paper());
        let first = flow.handle(&event("images/b/a.png")).await;
        assert_eq!(first.unwrap().verdict, Verdict::Made);
        let second = handled(&store, paper(), &planted).await;
        assert_eq!(second.reason, Some(Reason::Collision));
        assert!(tells(&second), "{:?}", second.message);
    }
}

/// Its tries cannot be counted, so that none of them is the last one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_8_a_picture_that_takes_too_long_and_cannot_be_recorded_comes_again_and_costs_nothing()
{
    let [_, planted, ..] = foreign();
    let store = Arc::new(Hooked::default());
    put(&*store, ORIGINAL, picture(10)).await;
    over(&store).handle(&event(ORIGINAL)).await.unwrap();
    put(&*store, ORIGINAL, slow(20)).await;
    put(&*store, RECORD, planted.clone()).await;
    let once = policy().with_max_attempts(NonZeroU32::MIN);
    let flow = over_with(&store, once);
    let mut told = None;
    // On a busy machine it may have waited for most of that time, which is no try, and not so every time.
    for _ in 0..200 {
        let now = Instant::now();
        let time = now..now + Duration::from_millis(20);
        match flow.handle_within(&event(ORIGINAL), time).await {
            Err(Error::Deadline) => {}
            ended => {
                told = Some(ended);
                break;
            }
        }
    }
    let told = told.expect("it was the picture that took the time");
    let error = told.expect_err("it comes again").to_string();
    assert!(
        error.ends_with(NOT_RECORDED) && error.contains("time"),
        "{error}"
    );
    is_untouched(&store, &planted).await;
    shown(&*store, "a.png").await;
}
