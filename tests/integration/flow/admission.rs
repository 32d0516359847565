//! Admission by memory: what finds no room is not read, and nobody waits for ever.

use std::sync::Arc;

use chrono::Utc;
use cos_thumbnails::events::{Change, Event};
use cos_thumbnails::outcome::{Reason, Verdict};
use cos_thumbnails::thumbnailer::{Error, Thumbnailer};
use futures_util::FutureExt;
use futures_util::future::join_all;

use super::hooked::{Hook, Hooked};
use super::{event, keys, over, picture, put};

const MIB: u64 = 1 << 20;

/// An event whose sender says that the original is so long.
fn said_to_be(key: &str, length: u64) -> Event {
    let change = Change {
        length: Some(length),
        ..event(key).change().clone()
    };
    Event::new("event-1", Utc::now(), change)
}

fn within(store: &Arc<Hooked>, budget_bytes: u64) -> Thumbnailer {
    over(store).with_memory(budget_bytes)
}

#[tokio::test(start_paused = true)]
async fn case_22_what_finds_no_room_is_shed_before_it_is_read() {
    let store = Arc::new(Hooked::default());
    for key in ["images/a.png", "images/b.png"] {
        put(&*store, key, picture(10)).await;
    }
    store.reset();
    // The mark and the record, then the first original, which never comes.
    store.at(2, Hook::Hang);
    let flow = within(&store, 15 * MIB);
    let arrived = said_to_be("images/a.png", 100 * MIB);
    let mut first = Box::pin(flow.handle(&arrived));
    assert!((&mut first).now_or_never().is_none() && store.fired());

    let second = flow.handle(&said_to_be("images/b.png", 100 * MIB)).await;
    assert!(matches!(second, Err(Error::Busy)), "{second:?}");
    assert_eq!(store.calls(), 3 + 2, "its mark and its record alone");
    let small = flow.handle(&said_to_be("images/b.png", 10)).await.unwrap();
    assert_eq!(
        small.verdict,
        Verdict::Made,
        "for a small one there is room"
    );

    drop(first);
    let again = flow.handle(&said_to_be("images/a.png", 100 * MIB)).await;
    assert_eq!(again.unwrap().verdict, Verdict::Made);
}

#[tokio::test(start_paused = true)]
async fn what_grows_beyond_the_free_memory_gives_back_all_it_has() {
    let store = Arc::new(Hooked::default());
    for key in ["images/a.png", "images/b.png"] {
        put(&*store, key, picture(10)).await;
    }
    store.reset();
    store.at(2, Hook::Hang);
    let flow = within(&store, 16 * MIB);
    let arrived = said_to_be("images/a.png", 100 * MIB);
    let mut first = Box::pin(flow.handle(&arrived));
    assert!((&mut first).now_or_never().is_none());
    // 8 of 16 MiB are taken. Before the header of a PNG is known 4 MiB are enough; then some 6 are
    // predicted, for which there is room; and so for one of these two at a time.
    let told = ["images/a.png", "images/b.png"].map(event);
    let other = flow.handle(&told[1]).await;
    assert_eq!(other.unwrap().verdict, Verdict::Made);
    drop(first);
    let ended = join_all(told.iter().map(|told| flow.handle(told))).await;
    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
}

#[tokio::test]
async fn case_21_many_at_once_in_little_memory_all_come_to_their_end() {
    let store = Arc::new(Hooked::default());
    let names: Vec<_> = (0..24).map(|n| format!("images/{n}.png")).collect();
    for name in &names {
        put(&*store, name, picture(10)).await;
    }
    // Room for two or three of them.
    let flow = within(&store, 16 * MIB);
    let all = join_all(names.iter().map(async |name| {
        loop {
            match flow.handle(&event(name)).await {
                Err(Error::Busy) => {}
                ended => break ended.unwrap().verdict,
            }
        }
    }));
    assert!(all.await.iter().all(|verdict| *verdict == Verdict::Made));
}

#[tokio::test]
async fn case_7_what_needs_more_than_all_memory_is_rejected() {
    let store = Arc::new(Hooked::default());
    let wide = image::GrayImage::new(5000, 4000);
    let mut file = std::io::Cursor::new(Vec::new());
    wide.write_to(&mut file, image::ImageFormat::Png).unwrap();
    put(&*store, "images/a.png", file.into_inner()).await;
    let rejected = within(&store, 16 * MIB)
        .handle(&event("images/a.png"))
        .await;
    let rejected = rejected.unwrap();
    assert_eq!(
        (rejected.verdict, rejected.reason),
        (Verdict::Rejected, Some(Reason::TooMuchMemory))
    );
    assert_eq!(keys(&*store).await, ["failures/a.png", "images/a.png"]);
    // With more memory it is tried again.
    let made = within(&store, 1024 * MIB)
        .handle(&event("images/a.png"))
        .await;
    assert_eq!(made.unwrap().verdict, Verdict::Made);
}

#[tokio::test]
async fn case_7_what_is_too_long_for_one_instance_may_not_be_for_another() {
    let store = Arc::new(Hooked::default());
    let mut long = picture(10).to_vec();
    long.resize(6 << 20, 0);
    put(&*store, "images/a.png", long).await;
    let arrived = event("images/a.png");
    let small = within(&store, 16 * MIB);
    let rejected = small.handle(&arrived).await.unwrap();
    assert_eq!(rejected.reason, Some(Reason::TooManyBytes));
    let large = within(&store, 512 * MIB);
    let made = large.handle(&arrived).await.unwrap();
    assert_eq!(made.verdict, Verdict::Made);
}

#[tokio::test]
async fn an_original_that_is_longer_than_its_event_says_is_made_all_the_same() {
    let store = Arc::new(Hooked::default());
    let mut long = picture(10).to_vec();
    long.resize(6 << 20, 0);
    put(&*store, "images/a.png", long).await;
    let flow = within(&store, 512 * MIB);
    let made = flow.handle(&said_to_be("images/a.png", 10)).await;
    assert_eq!(made.unwrap().verdict, Verdict::Made);
}

#[tokio::test(start_paused = true)]
async fn where_no_other_instance_could_be_asked_none_is_refused_for_memory() {
    let store = Arc::new(Hooked::default());
    let names = ["a", "b", "c", "d"].map(|name| format!("images/{name}.png"));
    for key in &names {
        put(&*store, key, picture(10)).await;
    }
    // Less than one of them needs.
    let flow = over(&store).with_shared_memory(MIB / 4);
    let events = names.map(|key| event(&key));
    for outcome in join_all(events.iter().map(|event| flow.handle(event))).await {
        assert_eq!(outcome.unwrap().verdict, Verdict::Made);
    }
    assert_eq!(flow.admitted_bytes(), 0);
}
