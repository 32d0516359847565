//! Whole runs over a store in memory, with real pictures.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use backfill::args::{self, ArgsError, Settings};
use backfill::cli::{self, Error};
use backfill::measure::Measure;
use backfill::record::{Line, Mode, Reason, Summary, Verdict};
use bytes::Bytes;
use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{GetOptions, ListOptions, Memory, PutOptions, Storage};
use jpeg_encoder::{ColorType, Encoder};

const PICTURES: u16 = 12;

pub(crate) fn jpeg(seed: u16) -> Vec<u8> {
    let (width, height) = (100 + seed, 80);
    let pixels: Vec<u8> = (0..u32::from(width) * u32::from(height) * 3)
        .map(|n| u8::try_from((n / 3 + u32::from(seed)) % 256).unwrap())
        .collect();
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 90)
        .encode(&pixels, width, height, ColorType::Rgb)
        .unwrap();
    bytes
}

/// Twelve pictures, and a text that is called one.
pub(crate) async fn store() -> Arc<dyn Storage> {
    let store = Memory::default();
    for n in 0..PICTURES {
        let key = Key::new(format!("images/2024/{n:02}.jpg"));
        store
            .put(&key, jpeg(n).into(), PutOptions::default())
            .await
            .unwrap();
    }
    let notes = Bytes::from_static(b"not a picture");
    store
        .put(&Key::new("images/notes.jpg"), notes, PutOptions::default())
        .await
        .unwrap();
    Arc::new(store)
}

pub(crate) async fn keys(store: &Arc<dyn Storage>, prefix: &str) -> BTreeSet<String> {
    let options = ListOptions {
        prefix: prefix.into(),
        ..ListOptions::default()
    };
    let page = store.list(options).await.unwrap();
    assert_eq!(page.next, None);
    page.objects
        .into_iter()
        .map(|listed| listed.key.as_str().to_owned())
        .collect()
}

/// Without a journal, unless `args` name its place.
pub(crate) fn settings(args: &str) -> Settings {
    let settings = try_settings(args).unwrap();
    Settings {
        journal: settings.journal.filter(|_| args.contains("--journal")),
        ..settings
    }
}

pub(crate) fn try_settings(args: &str) -> Result<Settings, ArgsError> {
    let args = ["backfill"].into_iter().chain(args.split_whitespace());
    args::parse(args, |name| match name {
        "COS_ENDPOINT" => Some("http://127.0.0.1:1".into()),
        "COS_REGION" => Some("eu-de".into()),
        "COS_BUCKET" => Some("b".into()),
        "COS_ACCESS_KEY_ID" => Some("id".into()),
        "COS_SECRET_ACCESS_KEY" | "BACKFILL_SECRET" => Some("canary".into()),
        _ => None,
    })
}

pub(crate) async fn run(store: &Arc<dyn Storage>, args: &str) -> Result<(u8, String), Error> {
    let mut out = Vec::new();
    let code = cli::execute(&settings(args), Arc::clone(store), &mut out).await?;
    Ok((code, String::from_utf8(out).unwrap()))
}

async fn summary(store: &Arc<dyn Storage>, args: &str) -> (u8, Summary) {
    let (code, out) = run(store, &format!("{args} --json")).await.unwrap();
    (code, serde_json::from_str(&out).unwrap())
}

fn check_all_made(code: u8, summary: &Summary) {
    assert_eq!(code, 0);
    assert_eq!(summary.finished, 13);
    assert_eq!(summary.count(Verdict::Made), 12);
    assert_eq!(summary.count(Verdict::Rejected), 1);
    assert_eq!(summary.reasons[&Reason::NotAPicture], 1);
    assert_eq!((summary.failed, summary.retries), (0, 0));
    assert_eq!(
        summary.traffic.puts,
        12 * 6 + 1,
        "the one is the failure record"
    );
    assert!(summary.traffic.bytes_read > 0 && summary.traffic.bytes_written > 0);
    let clocks = summary.clocks;
    assert!(
        clocks.paper_us.unwrap() <= clocks.end_to_end_us.unwrap(),
        "{clocks:?}"
    );
    assert!(summary.made_per_second > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_modes_in_process_make_what_the_plan_shows_and_make_it_anew() {
    let store = store().await;
    let originals = keys(&store, "images/").await;
    let key = Key::new("images/2024/03.jpg");
    let before = store.head(&key).await.unwrap();

    let (code, planned) = run(&store, "plan --json").await.unwrap();
    assert_eq!(code, 0);
    assert!(
        keys(&store, "thumbnails/").await.is_empty(),
        "a plan writes nothing"
    );
    let mut planned: Vec<serde_json::Value> = planned
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = planned.pop().unwrap();
    assert_eq!(expected["expected"]["pictures"], 13);
    assert_eq!(planned.len(), 13);
    let writes: BTreeSet<String> = planned
        .iter()
        .filter(|line| line["key"] != "images/notes.jpg")
        .flat_map(|line| line["writes"].as_array().unwrap())
        .map(|key| key.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(writes.len(), 72);

    let (code, first) = summary(&store, "--mode sequential").await;
    check_all_made(code, &first);
    assert_eq!((first.mode, first.pictures), (Mode::Sequential, 13));
    assert_eq!(keys(&store, "thumbnails/").await, writes);

    let (code, again) = summary(&store, "--mode parallel").await;
    check_all_made(code, &again);
    assert_ne!(first.run, again.run);
    assert_eq!(keys(&store, "thumbnails/").await, writes);

    assert_eq!(keys(&store, "images/").await, originals);
    assert_eq!(
        store.head(&key).await.unwrap(),
        before,
        "originals are never changed"
    );
}

fn read(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_alone_gives_the_summary_again() {
    let store = store().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let args = format!(
        "--count 5 --mode parallel --in-flight 3 --record {}",
        path.display()
    );
    let (code, shown) = summary(&store, &args).await;
    assert_eq!(code, 0);

    let lines = read(&path);
    let [Line::Run(header), pictures @ .., Line::Summary(recorded)] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(**recorded, shown);
    assert_eq!(
        (header.pictures, header.in_flight, header.mode),
        (5, 3, Mode::Parallel)
    );
    let mut measure = Measure::new(header);
    let mut seen = BTreeSet::new();
    for line in pictures {
        let Line::Picture(picture) = line else {
            panic!("{line:?}")
        };
        seen.insert(picture.key.as_str().to_owned());
        measure.add(picture);
    }
    // What it cost is by prices, which are not in the record.
    let again = Summary {
        cost: shown.cost.clone(),
        ..measure.summary(None)
    };
    assert_eq!(again, shown);
    let first_five: BTreeSet<_> = keys(&store, "images/").await.into_iter().take(5).collect();
    assert_eq!(seen, first_five);

    let error = run(&store, &args).await.unwrap_err();
    assert!(
        matches!(error, Error::Record { .. }),
        "a record is not overwritten: {error:?}"
    );
}

#[tokio::test]
async fn more_than_there_are_is_an_error_that_says_how_many_there_are() {
    let store = store().await;
    let error = run(&store, "--count 14").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "--count 14 is more than there are: 13 originals under \"images/\" are selected"
    );
    assert!(keys(&store, "thumbnails/").await.is_empty());
}

#[tokio::test]
async fn nothing_to_do_is_no_fault() {
    let store: Arc<dyn Storage> = Arc::new(Memory::default());
    let (code, summary) = summary(&store, "--mode sequential").await;
    assert_eq!((code, summary.finished), (0, 0));
    let (code, text) = run(&store, "plan").await.unwrap();
    assert_eq!(code, 0);
    assert!(text.contains("originals  0, "), "{text}");
}

#[tokio::test]
async fn a_function_that_is_not_there_fails_every_picture_by_name() {
    let store = store().await;
    let (code, text) = run(
        &store,
        "--count 2 --mode fan-out --function http://127.0.0.1:1 --retries 0",
    )
    .await
    .unwrap();
    assert_eq!(code, 1);
    assert!(
        text.contains("2 of 2 pictures: 0 made, 0 duplicate, 0 rejected, 2 failed"),
        "{text}"
    );
    assert!(
        text.contains("failed: images/2024/00.jpg: the function could not be reached"),
        "{text}"
    );
    assert!(!text.contains("paper clock"), "{text}");
}

#[tokio::test]
async fn a_plan_for_people_shows_examples_and_the_whole() {
    let store = store().await;
    let (_, text) = run(&store, "plan --mode fan-out --count 4").await.unwrap();
    assert!(text.contains("originals  4, "), "{text}");
    assert!(text.contains("up to 24 thumbnails"), "{text}");
    assert!(
        text.contains("  -> thumbnails/2024/00.jpg/512.jpg"),
        "{text}"
    );
    assert!(text.contains("and 1 more"), "{text}");
    assert!(keys(&store, "thumbnails/").await.is_empty());
}

#[tokio::test]
async fn objects_that_stay_unread_are_not_counted_as_read() {
    let store = store().await;
    let length = store
        .get(&Key::new("images/2024/00.jpg"), GetOptions::default())
        .await
        .unwrap();
    let (_, summary) = summary(&store, "--count 1 --mode sequential").await;
    assert_eq!(summary.traffic.bytes_read, length.head.length);
    assert_eq!(summary.traffic.gets, 2, "one asks for a failure record");
}
