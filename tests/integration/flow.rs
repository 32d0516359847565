//! The flow over the memory store: whatever is delivered, the end state is the newest original's.

mod admission;
mod carried;
mod failures;
mod foreign;
mod hooked;
mod parts;
mod recipes;
mod shared;

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use chrono::Utc;
use cos_thumbnails::events::{BACKFILL_RUN, Change, Event, Operation};
use cos_thumbnails::object::{Bucket, ETag, Key, ObjectId};
use cos_thumbnails::outcome::{Outcome, Reason, Verdict};
use cos_thumbnails::plan::{OnDelete, Policy, Recipe, Recipes};
use cos_thumbnails::storage::{GetOptions, ListOptions, PutOptions, Storage};
use cos_thumbnails::thumbnail::Limits;
use cos_thumbnails::thumbnailer::{self, FailureRecord, Thumbnailer};
use hooked::{Hook, Hooked};
use image::{ImageFormat, Rgb, RgbImage};

/// A picture of one colour, so that a thumbnail tells which version it shows.
fn picture(red: u8) -> Bytes {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(600, 300, Rgb([red, 0, 0]))
        .write_to(&mut file, ImageFormat::Png)
        .unwrap();
    file.into_inner().into()
}

pub(crate) fn event(key: &str) -> Event {
    let change = Change {
        operation: Operation::Write,
        object: ObjectId {
            bucket: Bucket::new("b"),
            key: Key::new(key),
        },
        etag: None,
        length: None,
        content_type: None,
        endpoint: String::new(),
    };
    Event::new("event-1", Utc::now(), change)
}

fn policy() -> Policy {
    policy_with(Recipe::standard())
}

pub(crate) fn policy_with(recipes: impl Into<Recipes>) -> Policy {
    Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipes).unwrap()
}

fn over(store: &Arc<Hooked>) -> Thumbnailer {
    over_with(store, policy())
}

fn over_with(store: &Arc<Hooked>, policy: Policy) -> Thumbnailer {
    Thumbnailer::new(Arc::clone(store) as Arc<dyn Storage>, policy)
}

async fn put(store: &dyn Storage, key: &str, body: impl Into<Bytes>) -> ETag {
    store
        .put(&Key::new(key), body.into(), PutOptions::default())
        .await
        .unwrap()
}

async fn keys(store: &dyn Storage) -> Vec<String> {
    let page = store.list(ListOptions::default()).await.unwrap();
    page.objects
        .iter()
        .map(|object| object.key.as_str().to_owned())
        .collect()
}

/// The red of the thumbnails of `path`, all six of which must stand and agree.
async fn shown(store: &dyn Storage, path: &str) -> u8 {
    let mut reds = Vec::new();
    for size in Recipe::SIZES {
        let key = Key::new(format!("thumbnails/{path}/{size}.jpg"));
        let object = store.get(&key, GetOptions::default()).await.unwrap();
        let small = image::load_from_memory(&object.body).unwrap().to_rgb8();
        assert_eq!((small.width(), small.height()), (size, size / 2));
        reds.push(small.get_pixel(size / 2, size / 4)[0]);
    }
    assert!(
        reds.iter().all(|red| red.abs_diff(reds[0]) < 8),
        "mixed set: {reds:?}"
    );
    reds[0]
}

fn pixels_made(outcome: &Outcome) -> bool {
    outcome.original.is_some() || !outcome.thumbnails.is_empty() || outcome.traffic.puts > 0
}

#[tokio::test]
async fn an_upload_becomes_six_thumbnails_and_a_duplicate_costs_no_pixel() {
    let store = Arc::new(Hooked::default());
    let flow = over(&store);
    let etag = put(&*store, "images/2024/a b.png", picture(200)).await;

    let made = flow.handle(&event("images/2024/a b.png")).await.unwrap();
    assert_eq!((made.verdict, made.reason), (Verdict::Made, None));
    assert_eq!(made.etag, Some(etag));
    assert_eq!(made.thumbnails.len(), 6);
    assert!(shown(&*store, "2024/a b.png").await.abs_diff(200) < 8);

    let again = flow.handle(&event("images/2024/a b.png")).await.unwrap();
    assert_eq!(again.verdict, Verdict::Duplicate);
    assert!(!pixels_made(&again), "{again:?}");
}

#[tokio::test]
async fn case_1_a_hundred_deliveries_at_once_render_once() {
    let store = Arc::new(Hooked::default());
    let flow = over(&store);
    put(&*store, "images/a.png", picture(9)).await;
    let arrived = event("images/a.png");
    let outcomes = futures_util::future::join_all((0..100).map(|_| flow.handle(&arrived))).await;
    let made = outcomes
        .iter()
        .filter(|o| o.as_ref().unwrap().verdict == Verdict::Made)
        .count();
    assert_eq!(made, 1);
}

#[tokio::test]
async fn case_2_an_original_replaced_at_any_step_wins() {
    // Counted over a whole run: every call that the flow makes for one fresh picture.
    let calls = {
        let store = Arc::new(Hooked::default());
        put(&*store, "images/a.png", picture(10)).await;
        store.reset();
        over(&store).handle(&event("images/a.png")).await.unwrap();
        store.calls()
    };
    assert!(calls > 8, "{calls}");
    for nth in 0..calls {
        let store = Arc::new(Hooked::default());
        put(&*store, "images/a.png", picture(10)).await;
        store.reset();
        store.at(nth, Hook::Put("images/a.png", picture(240)));
        // The last call is the second look; so one event alone ends right.
        over(&store).handle(&event("images/a.png")).await.unwrap();
        assert!(store.fired());
        assert!(
            shown(&*store, "a.png").await.abs_diff(240) < 8,
            "replaced at call {nth}"
        );
    }
}

#[tokio::test]
async fn case_3_a_deletion_at_any_step_leaves_no_orphan() {
    // The mark and the record, GET, five PUTs, the mark, the second look.
    for nth in 0..10 {
        let store = Arc::new(Hooked::default());
        put(&*store, "images/a.png", picture(10)).await;
        store.reset();
        store.at(nth, Hook::Delete("images/a.png"));
        over(&store).handle(&event("images/a.png")).await.unwrap();
        assert!(store.fired(), "no call {nth}");
        assert_eq!(
            keys(&*store).await,
            Vec::<String>::new(),
            "deleted at call {nth}"
        );
    }
}

#[tokio::test]
async fn an_original_over_the_limit_that_is_replaced_by_a_good_one_is_not_rejected() {
    let small = Limits {
        max_bytes: 10_000,
        ..Limits::default()
    };
    // GET says that it is too long; the replacement comes before the HEAD that would name it.
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.png", Bytes::from(vec![0; 20_000])).await;
    store.reset();
    store.at(3, Hook::Put("images/a.png", picture(10)));
    let flow = over_with(&store, policy().with_limits(small));
    let made = flow.handle(&event("images/a.png")).await.unwrap();
    assert!(store.fired());
    assert_eq!(made.verdict, Verdict::Made);
    assert!(!keys(&*store).await.contains(&"failures/a.png".to_owned()));
}

#[tokio::test]
async fn a_record_of_an_earlier_failure_goes_with_the_next_good_set() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.png", picture(10)).await;
    over(&store).handle(&event("images/a.png")).await.unwrap();
    // As a handler leaves it that is killed between the record and the removal of the old set.
    put(&*store, "failures/a.png", failures::earlier().to_json()).await;
    put(&*store, "images/a.png", picture(20)).await;
    over(&store).handle(&event("images/a.png")).await.unwrap();
    assert!(!keys(&*store).await.contains(&"failures/a.png".to_owned()));
}

#[tokio::test]
async fn an_original_that_never_comes_to_rest_is_left_to_the_next_delivery() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.png", picture(10)).await;
    store.reset();
    store.at_every_head_of("images/a.png");
    let error = over(&store).handle(&event("images/a.png")).await;
    assert!(
        matches!(error, Err(thumbnailer::Error::Unsettled)),
        "{error:?}"
    );
}

#[tokio::test]
async fn case_3_an_event_for_a_key_that_is_gone_is_handled() {
    let store = Arc::new(Hooked::default());
    let gone = over(&store).handle(&event("images/a.png")).await.unwrap();
    assert_eq!(
        (gone.verdict, gone.reason),
        (Verdict::Skipped, Some(Reason::Gone))
    );
}

#[tokio::test]
async fn deleting_removes_exactly_the_planned_keys_unless_removal_is_off() {
    let store = Arc::new(Hooked::default());
    for key in ["images/2024", "images/2024/b.png"] {
        put(&*store, key, picture(10)).await;
        over(&store).handle(&event(key)).await.unwrap();
    }
    store.delete(&Key::new("images/2024")).await.unwrap();

    let keep = policy().with_on_delete(OnDelete::Keep);
    let kept = Thumbnailer::new(Arc::clone(&store) as Arc<dyn Storage>, keep);
    let skipped = kept.handle(&event("images/2024")).await.unwrap();
    assert_eq!(
        (skipped.verdict, skipped.traffic.deletes),
        (Verdict::Skipped, 0)
    );
    shown(&*store, "2024").await;

    let removed = over(&store).handle(&event("images/2024")).await.unwrap();
    assert_eq!(
        (removed.verdict, removed.reason),
        (Verdict::Removed, Some(Reason::Gone))
    );
    shown(&*store, "2024/b.png").await;
    assert_eq!(keys(&*store).await.len(), 1 + 6);
}

#[tokio::test]
async fn a_set_with_a_foreign_sibling_is_made_anew() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.png", picture(10)).await;
    over(&store).handle(&event("images/a.png")).await.unwrap();
    for spoil in [
        Hook::Delete("thumbnails/a.png/16.jpg"),
        Hook::Put("thumbnails/a.png/16.jpg", Bytes::from_static(b"x")),
    ] {
        spoil.apply(&store.inner).await;
        let mended = over(&store).handle(&event("images/a.png")).await.unwrap();
        assert_eq!(mended.verdict, Verdict::Made);
        shown(&*store, "a.png").await;
    }
}

#[tokio::test]
async fn case_20_a_crash_at_any_call_is_completed_by_the_next_delivery() {
    for nth in 0..10 {
        let store = Arc::new(Hooked::default());
        put(&*store, "images/a.png", picture(10)).await;
        store.reset();
        store.at(nth, Hook::Fail);
        let first = over(&store).handle(&event("images/a.png")).await;
        assert!(
            matches!(first, Err(thumbnailer::Error::Store(ref error)) if error.is_retryable()),
            "{first:?}"
        );
        over(&store).handle(&event("images/a.png")).await.unwrap();
        shown(&*store, "a.png").await;
    }
}

#[tokio::test]
async fn case_5_what_is_no_picture_is_rejected_recorded_and_leaves_no_old_thumbnails() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.jpg", picture(10)).await;
    over(&store).handle(&event("images/a.jpg")).await.unwrap();
    for (body, reason) in [("", Reason::Empty), ("just some text", Reason::NotAPicture)] {
        let etag = put(&*store, "images/a.jpg", body).await;
        let rejected = over(&store).handle(&event("images/a.jpg")).await.unwrap();
        assert_eq!(
            (rejected.verdict, rejected.reason),
            (Verdict::Rejected, Some(reason))
        );
        assert_eq!(keys(&*store).await, ["failures/a.jpg", "images/a.jpg"]);
        let stored = store
            .get(&Key::new("failures/a.jpg"), GetOptions::default())
            .await
            .unwrap();
        let record = FailureRecord::from_json(&stored.body).unwrap();
        assert_eq!(
            (record.reason, record.etag, &*record.event_id),
            (reason, etag, "event-1")
        );
    }
    put(&*store, "images/a.jpg", picture(77)).await;
    over(&store).handle(&event("images/a.jpg")).await.unwrap();
    assert!(shown(&*store, "a.jpg").await.abs_diff(77) < 8);
    assert!(
        !keys(&*store).await.contains(&"failures/a.jpg".to_owned()),
        "record of a mended original"
    );
}

#[tokio::test]
async fn an_object_over_the_limit_is_rejected_without_being_read() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.png", picture(10)).await;
    let limits = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    let flow = Thumbnailer::new(
        Arc::clone(&store) as Arc<dyn Storage>,
        policy().with_limits(limits),
    );
    let rejected = flow.handle(&event("images/a.png")).await.unwrap();
    assert_eq!(
        (rejected.verdict, rejected.reason),
        (Verdict::Rejected, Some(Reason::TooManyBytes))
    );
    assert_eq!(rejected.traffic.bytes_read, 0);
    assert!(keys(&*store).await.contains(&"failures/a.png".to_owned()));
}

#[tokio::test]
async fn case_14_and_15_what_is_not_ours_costs_no_call() {
    let store = Arc::new(Hooked::default());
    let flow = over(&store);
    for key in [
        "thumbnails/a.png/16.jpg",
        "failures/a.png",
        "elsewhere/a.png",
        "images/",
    ] {
        assert_eq!(
            flow.handle(&event(key)).await.unwrap().verdict,
            Verdict::Skipped,
            "{key}"
        );
    }
    let mut foreign = event("images/a.png").change().clone();
    foreign.object.bucket = Bucket::new("other");
    let endpoint = Change {
        endpoint: "http://127.0.0.1:1".into(),
        ..event("images/a.png").change().clone()
    };
    for change in [foreign, endpoint] {
        let refused = flow.handle(&Event::new("id", Utc::now(), change)).await;
        assert!(
            matches!(refused, Err(thumbnailer::Error::Foreign(_))),
            "{refused:?}"
        );
    }
    assert_eq!(store.calls(), 0);
}

#[tokio::test]
async fn a_backfill_makes_anew_once_per_run() {
    let store = Arc::new(Hooked::default());
    let flow = over(&store);
    put(&*store, "images/a.png", picture(10)).await;
    flow.handle(&event("images/a.png")).await.unwrap();
    // Whatever a header carries of its name.
    for run in ["one", "two", "лето", "зима"] {
        let replayed = event("images/a.png").with_extension(BACKFILL_RUN, run);
        assert_eq!(flow.handle(&replayed).await.unwrap().verdict, Verdict::Made);
        assert_eq!(
            flow.handle(&replayed).await.unwrap().verdict,
            Verdict::Duplicate
        );
    }
    let ordinary = flow.handle(&event("images/a.png")).await.unwrap();
    assert_eq!(ordinary.verdict, Verdict::Duplicate);
}
