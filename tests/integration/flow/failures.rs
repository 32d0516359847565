//! Failure records: what is tried again, how often, and what is not.

use std::collections::BTreeSet;
use std::io::{Cursor, ErrorKind};
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use cos_thumbnails::events::{BACKFILL_RUN, Event};
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::outcome::{Reason, Verdict};
use cos_thumbnails::plan::{OnDelete, Policy, Recipe};
use cos_thumbnails::storage::{GetOptions, Kind, Storage};
use cos_thumbnails::thumbnail::Limits;
use cos_thumbnails::thumbnailer::{Error, FailureRecord, FailureState};
use image::{GrayImage, ImageFormat, Luma};
use tokio::time::Instant;

use super::hooked::{Hook, Hooked};
use super::{event, keys, over, over_with, picture, policy, policy_with, put, shown};

const ORIGINAL: &str = "images/a.png";

/// A record of a version that was there before.
pub(super) fn earlier() -> FailureRecord {
    FailureRecord {
        key: Key::new(ORIGINAL),
        etag: ETag::new("earlier"),
        state: FailureState::Rejected,
        reason: Reason::NotAPicture,
        message: "not a picture".to_owned(),
        recipe: "r".to_owned(),
        limits: "l".to_owned(),
        event_id: "e".to_owned(),
        attempts: 1,
        backfill_run: None,
        time: chrono::DateTime::UNIX_EPOCH,
    }
}

async fn record(store: &Hooked) -> Option<FailureRecord> {
    let key = Key::new("failures/a.png");
    match store.inner.get(&key, GetOptions::default()).await {
        Ok(object) => Some(FailureRecord::from_json(&object.body).unwrap()),
        Err(error) if error.kind() == Kind::NotFound => None,
        Err(error) => panic!("{error}"),
    }
}

/// A picture that takes a processor for longer than [`too_slow`] waits.
pub(super) fn slow(grey: u8) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let wide = GrayImage::from_pixel(9000, 9000, Luma([grey]));
    wide.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// An event whose time is over when its picture is in work, after so many tries in all.
async fn too_slow(store: &Arc<Hooked>, tries: u32) -> Result<Verdict, Error> {
    let flow = over_with(store, twice());
    let etag = store.inner.head(&Key::new(ORIGINAL)).await.unwrap().etag;
    let counted = |record: FailureRecord| record.etag == etag && record.attempts == tries;
    loop {
        let now = Instant::now();
        let time = now..now + Duration::from_millis(20);
        let ended = flow.handle_within(&event(ORIGINAL), time).await;
        // On a busy machine it may have waited for most of that time, which does not count.
        if ended.is_ok() || record(store).await.is_some_and(counted) {
            return ended.map(|outcome| outcome.verdict);
        }
    }
}

fn twice() -> Policy {
    policy().with_max_attempts(NonZeroU32::new(2).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_8_a_picture_that_takes_too_long_is_rejected_after_its_tries() {
    let store = Arc::new(Hooked::default());
    put(&*store, ORIGINAL, picture(10)).await;
    over(&store).handle(&event(ORIGINAL)).await.unwrap();
    let slow = put(&*store, ORIGINAL, slow(20)).await;
    let first = too_slow(&store, 1).await;
    assert!(matches!(first, Err(Error::Deadline)), "{first:?}");
    let retrying = record(&store).await.unwrap();
    assert_eq!(
        (retrying.state, retrying.reason, retrying.attempts),
        (FailureState::Retrying, Reason::Stopped, 1)
    );
    assert_eq!(retrying.etag, slow);
    shown(&*store, "a.png").await;

    assert_eq!(too_slow(&store, 2).await.unwrap(), Verdict::Rejected);
    let rejected = record(&store).await.unwrap();
    assert_eq!(
        (rejected.state, rejected.attempts),
        (FailureState::Rejected, 2)
    );
    assert_eq!(keys(&*store).await, ["failures/a.png", ORIGINAL]);

    // However much time there is now.
    let again = over_with(&store, twice()).handle(&event(ORIGINAL)).await;
    let again = again.unwrap();
    assert_eq!(
        (again.verdict, again.reason, again.etag.as_ref()),
        (Verdict::Rejected, Some(Reason::Stopped), Some(&slow))
    );
    assert_eq!(again.traffic.puts, 0);
    assert!(again.traffic.bytes_read < 1000, "the record alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_in_time_ends_the_count() {
    let store = Arc::new(Hooked::default());
    put(&*store, ORIGINAL, slow(10)).await;
    too_slow(&store, 1).await.unwrap_err();
    over(&store).handle(&event(ORIGINAL)).await.unwrap();
    assert!(record(&store).await.is_none());
    put(&*store, ORIGINAL, slow(20)).await;
    too_slow(&store, 1).await.unwrap_err();
    put(&*store, ORIGINAL, slow(30)).await;
    too_slow(&store, 1).await.unwrap_err();
    let attempts = record(&store).await.unwrap().attempts;
    assert_eq!(attempts, 1, "another version has tries of its own");
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_no_fault_of_the_picture() {
    for nth in 0..10 {
        let store = Arc::new(Hooked::default());
        put(&*store, ORIGINAL, picture(10)).await;
        store.reset();
        store.at(nth, Hook::Hang);
        let ended = over(&store).handle(&event(ORIGINAL)).await;
        assert!(store.fired());
        assert!(matches!(ended, Err(Error::Deadline)), "{nth}: {ended:?}");
        assert!(record(&store).await.is_none(), "{nth}");
    }
}

#[tokio::test]
async fn what_was_rejected_is_tried_again_where_that_can_help() {
    let small = Limits {
        max_pixels: 1000,
        ..Limits::default()
    };
    let store = Arc::new(Hooked::default());
    put(&*store, ORIGINAL, "no picture").await;
    let within = || policy().with_limits(small);
    for puts in [1, 0] {
        let ended = over_with(&store, within()).handle(&event(ORIGINAL)).await;
        let ended = ended.unwrap();
        assert_eq!(ended.verdict, Verdict::Rejected);
        assert_eq!(ended.reason, Some(Reason::NotAPicture));
        assert_eq!(ended.traffic.puts, puts);
    }

    // On request, once for each request.
    let retried = event(ORIGINAL).with_extension(BACKFILL_RUN, "run");
    for (puts, attempts) in [(1, 1), (0, 1)] {
        let ended = over_with(&store, within()).handle(&retried).await.unwrap();
        assert_eq!(
            (ended.verdict, ended.traffic.puts),
            (Verdict::Rejected, puts)
        );
        assert_eq!(record(&store).await.unwrap().attempts, attempts);
    }

    // By another recipe, and within other limits.
    let sizes = Recipe::standard().with_sizes(&[32]).unwrap();
    let other = policy_with(sizes).with_limits(small);
    let ended = over_with(&store, other).handle(&event(ORIGINAL)).await;
    assert_eq!(ended.unwrap().traffic.puts, 1);
    let wider = over(&store).handle(&event(ORIGINAL)).await.unwrap();
    assert_eq!((wider.verdict, wider.traffic.puts), (Verdict::Rejected, 1));
}

#[tokio::test]
async fn where_removal_is_off_what_was_rejected_is_known_all_the_same() {
    let keep = || policy().with_on_delete(OnDelete::Keep);
    let store = Arc::new(Hooked::default());
    put(&*store, ORIGINAL, picture(10)).await;
    over_with(&store, keep())
        .handle(&event(ORIGINAL))
        .await
        .unwrap();
    put(&*store, ORIGINAL, "no picture").await;
    for puts in [1, 0] {
        let ended = over_with(&store, keep()).handle(&event(ORIGINAL)).await;
        let ended = ended.unwrap();
        assert_eq!(
            (ended.verdict, ended.traffic.puts),
            (Verdict::Rejected, puts)
        );
        assert_eq!(ended.traffic.deletes, 0);
        shown(&*store, "a.png").await;
    }
}

#[tokio::test]
async fn a_crash_between_the_record_and_the_removal_is_completed() {
    let store = Arc::new(Hooked::default());
    put(&*store, ORIGINAL, picture(10)).await;
    over(&store).handle(&event(ORIGINAL)).await.unwrap();
    put(&*store, ORIGINAL, "no picture").await;
    store.reset();
    // The mark and the record, GET, the record, the mark's DELETE, then its siblings'.
    store.at(5, Hook::Fail);
    over(&store).handle(&event(ORIGINAL)).await.unwrap_err();
    assert!(keys(&*store).await.len() > 2);
    let again = over(&store).handle(&event(ORIGINAL)).await.unwrap();
    assert_eq!(again.verdict, Verdict::Rejected);
    assert_eq!(keys(&*store).await, ["failures/a.png", ORIGINAL]);
}

#[tokio::test]
async fn a_record_stays_short_whatever_its_event_says() {
    let store = Arc::new(Hooked::default());
    put(&*store, ORIGINAL, "no picture").await;
    let told = |run: &str| {
        let change = event(ORIGINAL).change().clone();
        Event::new("ü".repeat(100_000), chrono::Utc::now(), change)
            .with_extension(BACKFILL_RUN, run)
    };
    let long = "r".repeat(100_000);
    // Another run, though its name is another only at its end, tries anew.
    let other = format!("{long}s");
    let mut runs = BTreeSet::new();
    for (run, puts) in [(&long, 1), (&long, 0), (&other, 1)] {
        let ended = over(&store).handle(&told(run)).await.unwrap();
        let (verdict, written) = (ended.verdict, ended.traffic.puts);
        assert_eq!((verdict, written), (Verdict::Rejected, puts));
        let kept = record(&store).await.unwrap();
        let run = kept.backfill_run.unwrap();
        assert_eq!((kept.event_id.chars().count(), run.len()), (1000, 64));
        runs.insert(run);
    }
    assert_eq!(runs.len(), 2, "{runs:?}");
}

#[tokio::test]
async fn a_record_that_cannot_be_written_is_an_error() {
    let store = Arc::new(Hooked::default());
    put(&*store, ORIGINAL, "no picture").await;
    store.reset();
    store.at(3, Hook::Fail);
    let ended = over(&store).handle(&event(ORIGINAL)).await;
    assert!(matches!(ended, Err(Error::Store(_))), "{ended:?}");
}

#[tokio::test]
async fn a_record_beside_a_whole_set_goes_with_the_next_event() {
    let json = String::from_utf8(earlier().to_json().to_vec()).unwrap();
    // As a later version of this program may write it.
    let unreadable = json.replace("not_a_picture", "a_reason_of_tomorrow");
    for stale in [json, unreadable] {
        let store = Arc::new(Hooked::default());
        put(&*store, ORIGINAL, picture(10)).await;
        over(&store).handle(&event(ORIGINAL)).await.unwrap();
        put(&*store, "failures/a.png", stale).await;
        let ended = over(&store).handle(&event(ORIGINAL)).await.unwrap();
        assert_eq!(ended.verdict, Verdict::Duplicate);
        assert!(record(&store).await.is_none());
    }
}

#[tokio::test]
async fn case_10_xml_is_no_picture_and_nothing_is_fetched_for_it() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/x", elsewhere.local_addr().unwrap());
    let svg = "xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"";
    let laughs = (1..10).map(|n| {
        let ten = format!("&l{};", n - 1).repeat(10);
        format!("<!ENTITY l{n} \"{ten}\">")
    });
    let laughs = laughs.collect::<Vec<_>>().concat();
    for file in [
        format!("<svg {svg}><image xlink:href=\"{url}\"/></svg>"),
        format!("<!DOCTYPE svg [<!ENTITY x SYSTEM \"{url}\">]><svg {svg}>&x;</svg>"),
        format!("<!DOCTYPE svg SYSTEM \"{url}\"><svg {svg}/>"),
        format!("<?xml version=\"1.0\"?><!DOCTYPE s [<!ENTITY l0 \"ha\">{laughs}]><s>&l9;</s>"),
    ] {
        let store = Arc::new(Hooked::default());
        put(&*store, ORIGINAL, file.clone()).await;
        let ended = over(&store).handle(&event(ORIGINAL)).await.unwrap();
        assert_eq!(ended.verdict, Verdict::Rejected, "{file}");
        let kept = record(&store).await.unwrap();
        let expected = [Reason::NotAPicture, Reason::Unsupported];
        assert!(expected.contains(&kept.reason), "{file}: {kept:?}");
    }
    let connected = elsewhere.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(connected, Err(ErrorKind::WouldBlock));
}
