use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backfill::originals::Error as ListingError;
use backfill::record::{End, Picture};
use backfill::replay::{Ended, ReplayError, backoff};
use backfill::{Replay, Target, TargetError};
use cos_thumbnails::events::{BACKFILL_RUN, Change, Event, TYPE_WRITE};
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Outcome;
use futures_util::{Stream, stream};
use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::fakes::{change, made, replay};

/// Answers by key, counts how many are under way, and lets none go on without a permit.
struct Fake {
    under_way: AtomicUsize,
    most: AtomicUsize,
    sent: Mutex<Vec<Event>>,
    gate: Semaphore,
    /// How often a key fails before it succeeds, and with what.
    faults: BTreeMap<String, (usize, StatusCode)>,
}

impl Fake {
    fn new() -> Self {
        Self {
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            sent: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            faults: BTreeMap::new(),
        }
    }

    fn with_fault(mut self, key: &str, times: usize, status: StatusCode) -> Self {
        self.faults.insert(key.into(), (times, status));
        self
    }

    fn sent_keys(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter()
            .map(|event| event.change().object.key.as_str().to_owned())
            .collect()
    }
}

#[async_trait]
impl Target for Fake {
    async fn send(&self, event: &Event) -> Result<Outcome, TargetError> {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let key = event.change().object.key.as_str();
        let before = self.sent_keys().iter().filter(|sent| *sent == key).count();
        self.sent.lock().unwrap().push(event.clone());
        // Gives every other call the chance to be under way too.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.gate.acquire().await.unwrap().forget();
        self.gate.add_permits(1);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        assert_ne!(key, "panics", "as the test wants it");
        match self.faults.get(key) {
            Some(&(times, status)) if before < times => Err(TargetError::Status {
                status,
                retry_after: (status == StatusCode::TOO_MANY_REQUESTS)
                    .then(|| Duration::from_secs(40)),
                detail: String::new(),
            }),
            _ => Ok(made(event)),
        }
    }
}

fn keys(keys: &[&str]) -> impl Stream<Item = Result<Change, ListingError>> + use<> {
    stream::iter(keys.iter().map(|key| Ok(change(key))).collect::<Vec<_>>())
}

fn numbered(count: usize) -> impl Stream<Item = Result<Change, ListingError>> {
    stream::iter((0..count).map(|n| Ok(change(&format!("images/{n:04}")))))
}

async fn run(
    replay: &Replay,
    originals: impl Stream<Item = Result<Change, ListingError>>,
    target: &Arc<Fake>,
) -> (Vec<Picture>, Result<Ended, ReplayError>) {
    let mut pictures = Vec::new();
    let result = replay
        .run(
            originals,
            Arc::clone(target) as Arc<dyn Target>,
            |picture| {
                pictures.push(picture);
                Ok(())
            },
        )
        .await;
    (pictures, result)
}

#[tokio::test]
async fn each_original_is_one_event_as_code_engine_sends_it() {
    let target = Arc::new(Fake::new());
    let (pictures, result) = run(&replay(1), keys(&["images/a b", "images/é"]), &target).await;
    result.unwrap();
    let sent = target.sent.lock().unwrap();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].id(), "backfill-run1-1");
    assert_eq!(sent[1].id(), "backfill-run1-2");
    assert_eq!(sent[0].event_type(), TYPE_WRITE);
    assert_eq!(sent[0].extension(BACKFILL_RUN).as_deref(), Some("run1"));
    assert_eq!(sent[1].change(), &change("images/é"));
    assert_eq!(pictures[1].n, 2);
    assert_eq!(pictures[1].bytes, Some(10));
    assert_eq!(pictures[1].attempts, 1);
    assert!(
        matches!(&pictures[1].end, End::Outcome(outcome) if outcome.key == Key::new("images/é"))
    );
}

#[tokio::test]
async fn one_in_flight_keeps_the_order() {
    let target = Arc::new(Fake::new());
    let (pictures, result) = run(&replay(1), numbered(50), &target).await;
    result.unwrap();
    assert_eq!(target.most.load(Ordering::SeqCst), 1);
    assert!(target.sent_keys().is_sorted());
    assert!(pictures.iter().map(|picture| picture.n).eq(1..=50));
    assert!(pictures.is_sorted_by_key(|picture| picture.submitted_us));
    for pair in pictures.windows(2) {
        assert!(
            pair[0].finished_us <= pair[1].submitted_us,
            "{pair:?} overlap"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_are_in_flight_as_allowed_and_never_more() {
    let mut target = Fake::new();
    target.gate = Semaphore::new(0);
    let target = Arc::new(target);
    let running = tokio::spawn({
        let target = Arc::clone(&target);
        async move { run(&replay(7), numbered(100), &target).await }
    });
    while target.under_way.load(Ordering::SeqCst) < 7 {
        tokio::task::yield_now().await;
    }
    target.gate.add_permits(1);
    let (pictures, result) = running.await.unwrap();
    result.unwrap();
    assert_eq!(pictures.len(), 100);
    assert_eq!(target.most.load(Ordering::SeqCst), 7);
}

#[tokio::test]
async fn what_can_succeed_later_is_tried_again_and_the_rest_is_not() {
    let target = Arc::new(
        Fake::new()
            .with_fault("refused", 99, StatusCode::FORBIDDEN)
            .with_fault("internal", 99, StatusCode::INTERNAL_SERVER_ERROR)
            .with_fault("once", 1, StatusCode::BAD_GATEWAY)
            .with_fault("twice", 2, StatusCode::SERVICE_UNAVAILABLE)
            .with_fault("ever", 99, StatusCode::GATEWAY_TIMEOUT),
    );
    let originals = ["refused", "internal", "once", "twice", "ever", "good"];
    let (pictures, result) = run(&replay(1), keys(&originals), &target).await;
    result.unwrap();
    let seen: Vec<_> = pictures
        .iter()
        .map(|picture| {
            let failed = matches!(picture.end, End::Error(_));
            (picture.key.as_str(), picture.attempts, failed)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("refused", 1, true),
            ("internal", 1, true),
            ("once", 2, false),
            ("twice", 3, false),
            ("ever", 3, true),
            ("good", 1, false),
        ]
    );
    let error = End::Error("the function answered 504 Gateway Timeout".into());
    assert_eq!(pictures[4].end, error);
    let ids: Vec<_> = target.sent.lock().unwrap()[3..6]
        .iter()
        .map(|event| event.id().to_owned())
        .collect();
    assert_eq!(
        ids[0], "backfill-run1-3",
        "a retried event keeps its id: {ids:?}"
    );
    assert!(pictures[2].submitted_us <= pictures[2].sent_us);
    assert!(pictures[2].sent_us <= pictures[2].finished_us);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_and_delays_grow_up_to_a_bound() {
    let target = Arc::new(Fake::new().with_fault("busy", 1, StatusCode::TOO_MANY_REQUESTS));
    let mut slow = replay(1);
    slow.retry = backoff(8);
    let started = Instant::now();
    let (pictures, _) = run(&slow, keys(&["busy"]), &target).await;
    let waited = started.elapsed();
    assert_eq!(pictures[0].attempts, 2);
    // 40 s as asked, then 0.2 s with up to as much again.
    assert!(
        (40_200..=40_500).contains(&waited.as_millis()),
        "{waited:?}"
    );

    let target = Arc::new(Fake::new().with_fault("down", 99, StatusCode::SERVICE_UNAVAILABLE));
    let started = Instant::now();
    let (pictures, _) = run(&slow, keys(&["down"]), &target).await;
    let waited = started.elapsed();
    assert_eq!(pictures[0].attempts, 9);
    // 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 6.4 + 10 + 10 s, each with up to as much again.
    assert!(
        (32_600..=65_300).contains(&waited.as_millis()),
        "{waited:?}"
    );
}

#[tokio::test]
async fn an_attempt_that_panics_fails_alone() {
    let target = Arc::new(Fake::new());
    let (pictures, result) = run(&replay(2), keys(&["panics", "good"]), &target).await;
    result.unwrap();
    let panicked = pictures.iter().find(|picture| picture.n == 1).unwrap();
    assert_eq!(panicked.end, End::Error("the attempt panicked".into()));
    let good = pictures.iter().find(|picture| picture.n == 2).unwrap();
    assert!(matches!(good.end, End::Outcome(_)));
}

#[tokio::test]
async fn a_stopped_run_sends_nothing_more_and_awaits_what_is_in_flight() {
    let mut target = Fake::new();
    target.gate = Semaphore::new(0);
    let target = Arc::new(target);
    let replay = replay(5);
    let stop = replay.stop.clone();
    let running = tokio::spawn({
        let target = Arc::clone(&target);
        async move { run(&replay, numbered(100), &target).await }
    });
    while target.under_way.load(Ordering::SeqCst) < 5 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    target.gate.add_permits(1);
    let (pictures, result) = running.await.unwrap();
    assert_eq!(result.unwrap(), Ended::default(), "others are left");
    assert_eq!(target.sent_keys().len(), 5);
    assert_eq!(pictures.len(), 5);
    assert!(
        pictures
            .iter()
            .all(|picture| matches!(picture.end, End::Outcome(_)))
    );
}

#[tokio::test]
async fn a_run_that_is_stopped_when_all_is_sent_leaves_nothing() {
    let mut target = Fake::new();
    target.gate = Semaphore::new(0);
    let target = Arc::new(target);
    let replay = replay(5);
    let stop = replay.stop.clone();
    let running = tokio::spawn({
        let target = Arc::clone(&target);
        async move { run(&replay, numbered(3), &target).await }
    });
    while target.under_way.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    target.gate.add_permits(1);
    let (pictures, result) = running.await.unwrap();
    let ended = Ended {
        all_sent: true,
        interrupted: 0,
    };
    assert_eq!((pictures.len(), result.unwrap()), (3, ended));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_does_not_wait_to_try_again() {
    let target = Arc::new(Fake::new().with_fault("busy", 99, StatusCode::TOO_MANY_REQUESTS));
    let replay = replay(1);
    let stop = replay.stop.clone();
    let started = Instant::now();
    let stopper = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
    };
    let ((pictures, result), ()) = tokio::join!(run(&replay, keys(&["busy"]), &target), stopper);
    assert_eq!(result.unwrap().interrupted, 1);
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!(target.sent_keys().len(), 1);
    assert_eq!(pictures[0].attempts, 1);
    assert_eq!(
        pictures[0].end,
        End::Error("interrupted while waiting to be sent".into())
    );
}

#[tokio::test]
async fn a_record_that_cannot_be_written_ends_the_run() {
    let target: Arc<dyn Target> = Arc::new(Fake::new());
    let mut handed = 0;
    let result = replay(1)
        .run(numbered(100), target, |_| {
            handed += 1;
            if handed == 3 {
                Err(io::Error::other("disk full"))
            } else {
                Ok(())
            }
        })
        .await;
    assert!(matches!(result, Err(ReplayError::Record(error)) if error.to_string() == "disk full"));
    assert_eq!(handed, 3);
}

#[tokio::test]
async fn a_listing_that_breaks_off_ends_the_run_after_what_is_in_flight() {
    let target = Arc::new(Fake::new());
    let broken = ListingError::NotAscending {
        before: Key::new("b"),
        after: Key::new("a"),
    };
    let originals = stream::iter([Ok(change("images/1")), Ok(change("images/2")), Err(broken)]);
    let (pictures, result) = run(&replay(8), originals, &target).await;
    assert_eq!(pictures.len(), 2);
    assert!(
        matches!(result, Err(ReplayError::Originals(_))),
        "{result:?}"
    );
}

/// Bears so many at once, and refuses the rest. An answer takes a second of the paused clock, by which
/// time all that may be sent has been.
struct Narrow {
    bears: usize,
    under_way: AtomicUsize,
    began: Instant,
    /// When each attempt came, and how many were under way then, itself included.
    seen: Mutex<Vec<(u64, usize)>>,
}

#[async_trait]
impl Target for Narrow {
    async fn send(&self, event: &Event) -> Result<Outcome, TargetError> {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        let at_us = u64::try_from(self.began.elapsed().as_micros()).unwrap();
        self.seen.lock().unwrap().push((at_us, now));
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if now > self.bears {
            return Err(TargetError::Status {
                status: StatusCode::TOO_MANY_REQUESTS,
                retry_after: Some(Duration::from_secs(1)),
                detail: String::new(),
            });
        }
        Ok(made(event))
    }
}

#[tokio::test(start_paused = true)]
async fn case_24_the_number_in_flight_becomes_what_the_target_bears() {
    const PICTURES: usize = 400;
    let target = Arc::new(Narrow {
        bears: 10,
        under_way: AtomicUsize::new(0),
        began: Instant::now(),
        seen: Mutex::default(),
    });
    let mut replay = replay(64);
    replay.retry = replay.retry.with_max_times(8);
    let run = run_pictures(&replay, numbered(PICTURES), &target);
    let pictures = run.await;
    assert_eq!(pictures.len(), PICTURES);
    let failed = pictures.iter().filter(|p| matches!(p.end, End::Error(_)));
    assert_eq!(failed.count(), 0);

    let mut changes: Vec<_> = pictures.iter().flat_map(|p| p.adapted.clone()).collect();
    changes.sort_by_key(|change| change.at_us);
    let limits: Vec<_> = changes.iter().map(|change| change.to).collect();
    assert_eq!(limits[..6], [32, 16, 8, 9, 10, 11], "{limits:?}");
    // From then on a saw tooth: one by one up to one too many, then down by half.
    assert!(limits.windows(2).any(|pair| pair == [11, 5]), "{limits:?}");
    assert!(
        limits[2..].iter().all(|to| (5..=11).contains(to)),
        "{limits:?}"
    );
    let settled_us = changes[2].at_us + 1;
    let seen = target.seen.lock().unwrap();
    let most = |when: fn(u64, u64) -> bool| {
        let then = seen.iter().filter(|(at_us, _)| when(*at_us, settled_us));
        then.map(|(_, under_way)| *under_way).max()
    };
    assert_eq!(
        most(|at, settled| at <= settled),
        Some(64),
        "as many as are allowed"
    );
    assert_eq!(
        most(|at, settled| at > settled),
        Some(11),
        "one too many at most"
    );
    let refused = seen.len() - PICTURES;
    println!("{refused} of {} attempts refused", seen.len());
    assert!(refused < PICTURES / 2, "{refused} attempts were refused");
}

async fn run_pictures(
    replay: &Replay,
    originals: impl Stream<Item = Result<Change, ListingError>>,
    target: &Arc<Narrow>,
) -> Vec<Picture> {
    let mut pictures = Vec::new();
    let target = Arc::clone(target) as Arc<dyn Target>;
    let run = replay.run(originals, target, |picture| {
        pictures.push(picture);
        Ok(())
    });
    run.await.unwrap();
    pictures
}
