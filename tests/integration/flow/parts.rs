//! Originals of which a part is read at first.

use std::sync::Arc;

use bytes::Bytes;
use chrono::Utc;
use cos_thumbnails::events::{Change, Event};
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::{Outcome, Reason, Verdict};
use cos_thumbnails::plan::Recipe;
use cos_thumbnails::storage::Storage;
use jpeg_encoder::{ColorType, Encoder};

use super::hooked::{Hook, Hooked};
use super::{event, over, over_with, picture, policy_with, put};

const WIDTH: usize = 1600;

/// Bytes that look like chance and are the same each time.
fn chance(seed: u32) -> impl FnMut() -> u8 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    }
}

/// A JPEG of noise, so that it is long.
pub(super) fn noise(seed: u32, progressive: bool) -> Bytes {
    let mut samples = vec![0; WIDTH * 1200 * 3];
    samples.fill_with(chance(seed));
    jpeg(&samples, progressive)
}

/// A progressive JPEG that promises to be short: every block is grey in the mean, and in the upper half
/// all over; in the lower half its left and right are noise and its negative.
fn deceptive() -> Bytes {
    let mut chance = chance(1);
    let mut samples = vec![128; WIDTH * 4800 * 3];
    for block in samples[WIDTH * 2400 * 3..].chunks_exact_mut(8 * 3) {
        for i in 0..4 {
            let contrast = chance() / 2;
            block[i * 3..][..3].fill(128 + contrast);
            block[(7 - i) * 3..][..3].fill(128 - contrast);
        }
    }
    jpeg(&samples, true)
}

fn jpeg(samples: &[u8], progressive: bool) -> Bytes {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 80);
    encoder.set_progressive(progressive);
    let [width, height] = [WIDTH, samples.len() / 3 / WIDTH].map(|side| side.try_into().unwrap());
    encoder
        .encode(samples, width, height, ColorType::Rgb)
        .unwrap();
    file.into()
}

/// An event that says how long the original is, so that it may be read in parts.
pub(super) async fn sized_event(store: &dyn Storage, key: &str) -> Event {
    let length = store.head(&Key::new(key)).await.unwrap().length;
    let change = Change {
        length: Some(length),
        ..event(key).change().clone()
    };
    Event::new("event-1", Utc::now(), change)
}

#[tokio::test]
async fn of_a_progressive_jpeg_the_first_bytes_are_enough() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.jpg", noise(1, true)).await;
    // Of noise the low coefficients that larger thumbnails show are most of the file.
    let small = Recipe::standard().with_sizes(&[16, 64]).unwrap();
    let policy = || policy_with(small.clone());
    let made = over_with(&store, policy())
        .handle(&sized_event(&*store, "images/a.jpg").await)
        .await
        .unwrap();
    assert_eq!(made.verdict, Verdict::Made);
    let bytes = made.original.as_ref().unwrap().bytes;
    // The failure record, which is not there, and the first bytes.
    assert_eq!(made.traffic.gets, 2);
    assert!(made.traffic.bytes_read < bytes / 2, "{made:?}");

    let whole = over_with(&store, policy().with_first_read_percent(100));
    put(&*store, "images/b.jpg", noise(1, true)).await;
    let same = whole
        .handle(&sized_event(&*store, "images/b.jpg").await)
        .await
        .unwrap();
    assert_eq!(same.traffic.bytes_read, same.original.unwrap().bytes);
    for size in [16, 64] {
        let of = |name| Key::new(format!("thumbnails/{name}.jpg/{size}.jpg"));
        assert_eq!(
            store.head(&of("a")).await.unwrap().etag,
            store.head(&of("b")).await.unwrap().etag,
            "the same bytes from a part as from all"
        );
    }
}

/// What becomes of an original of which as little as ever is read at first.
async fn from_little(original: Bytes, largest: u32) -> Outcome {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.jpg", original).await;
    let sizes = Recipe::standard().with_sizes(&[16, largest]).unwrap();
    let policy = policy_with(sizes).with_first_read_percent(1);
    let made = over_with(&store, policy)
        .handle(&sized_event(&*store, "images/a.jpg").await)
        .await
        .unwrap();
    assert_eq!(made.verdict, Verdict::Made);
    made
}

#[tokio::test]
async fn where_the_first_bytes_are_not_enough_the_second_are_no_more_than_needed() {
    let made = from_little(noise(1, true), 200).await;
    // The failure record, which is not there, and two parts.
    assert_eq!(made.traffic.gets, 3);
    let bytes = made.original.as_ref().unwrap().bytes;
    assert!(made.traffic.bytes_read < bytes, "{made:?}");
}

#[tokio::test]
async fn where_the_estimate_was_not_enough_the_rest_is_read_and_nothing_twice() {
    let made = from_little(deceptive(), 800).await;
    // The failure record, which is not there, and three parts.
    assert_eq!(made.traffic.gets, 4);
    assert_eq!(made.traffic.bytes_read, made.original.unwrap().bytes);
}

#[tokio::test]
async fn a_baseline_jpeg_is_read_in_two_parts_and_nothing_twice() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.jpg", noise(1, false)).await;
    let made = over(&store)
        .handle(&sized_event(&*store, "images/a.jpg").await)
        .await
        .unwrap();
    assert_eq!(made.verdict, Verdict::Made);
    assert_eq!(made.traffic.gets, 3);
    assert_eq!(made.traffic.bytes_read, made.original.unwrap().bytes);
}

#[tokio::test]
async fn case_4_an_original_replaced_between_its_two_parts_is_read_anew() {
    for (replacement, verdict) in [
        (Hook::Put("images/a.jpg", noise(2, false)), Verdict::Made),
        (Hook::Put("images/a.jpg", picture(9)), Verdict::Made),
        (Hook::Delete("images/a.jpg"), Verdict::Skipped),
    ] {
        let store = Arc::new(Hooked::default());
        put(&*store, "images/a.jpg", noise(1, false)).await;
        let arrived = sized_event(&*store, "images/a.jpg").await;
        store.reset();
        // The mark and the record, the first part, then the second.
        store.at(3, replacement);
        let ended = over(&store).handle(&arrived).await.unwrap();
        assert!(store.fired());
        assert_eq!(ended.verdict, verdict);
        let standing = store.head(&Key::new("images/a.jpg")).await.ok();
        assert_eq!(ended.etag, standing.map(|head| head.etag));
    }
}

#[tokio::test]
async fn an_object_without_bytes_is_empty_however_it_is_read() {
    let store = Arc::new(Hooked::default());
    put(&*store, "images/a.jpg", Bytes::new()).await;
    let ended = over(&store).handle(&event("images/a.jpg")).await.unwrap();
    assert_eq!(ended.reason, Some(Reason::Empty));
}
