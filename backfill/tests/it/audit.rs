//! The audit and its repair, over a store in memory: every state provoked, seen and mended.

use std::collections::BTreeMap;
use std::sync::Arc;

use backfill::audit::report::{Line, Summary};
use backfill::audit::{Finding, State};
use backfill::cli::{self, Error};
use bytes::Bytes;
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::storage::{
    self, GetOptions, Head, ListOptions, Memory, Object, Page, PutOptions, Storage,
};

use crate::another_recipe::put_ours;
use crate::modes::{jpeg, keys, run, settings, store};

pub(crate) async fn put(store: &Arc<dyn Storage>, key: &str, body: impl Into<Bytes>) {
    let key = Key::new(key);
    let put = store.put(&key, body.into(), PutOptions::default());
    put.await.unwrap();
}

pub(crate) async fn delete(store: &Arc<dyn Storage>, key: &str) {
    store.delete(&Key::new(key)).await.unwrap();
}

/// The findings by key, what became of those that were to be mended, and the summary.
pub(crate) struct Audited {
    pub(crate) code: u8,
    pub(crate) found: BTreeMap<String, Finding>,
    pub(crate) mended: BTreeMap<String, Finding>,
    pub(crate) summary: Summary,
}

impl Audited {
    fn states(&self) -> BTreeMap<&str, State> {
        let found = self.found.iter();
        found
            .map(|(key, finding)| (key.as_str(), finding.state))
            .collect()
    }
}

pub(crate) async fn verify(store: &Arc<dyn Storage>, args: &str) -> Audited {
    let (code, out) = run(store, &format!("verify --json {args}")).await.unwrap();
    let mut audited = Audited {
        code,
        found: BTreeMap::new(),
        mended: BTreeMap::new(),
        summary: Summary::default(),
    };
    for line in out.lines() {
        match serde_json::from_str(line).unwrap() {
            Line::Audit(header) => assert_eq!(header.bucket, "b"),
            Line::Finding(finding) => {
                let key = finding.key.as_str().to_owned();
                assert!(
                    audited.found.insert(key, finding).is_none(),
                    "twice: {line}"
                );
            }
            Line::Mended(finding) => {
                audited
                    .mended
                    .insert(finding.key.as_str().to_owned(), finding);
            }
            Line::Summary(summary) => audited.summary = summary,
        }
    }
    audited
}

/// Twelve pictures with their thumbnails, and a text with its failure record.
pub(crate) async fn made() -> Arc<dyn Storage> {
    let store = store().await;
    let (code, _) = run(&store, "--mode parallel").await.unwrap();
    assert_eq!(code, 0);
    store
}

const NOW: &str = "--pending-minutes 0";

/// A failure record as another version of this program may write it.
pub(crate) fn unreadable(original: &str) -> String {
    format!(r#"{{"key":"{original}","recipe":"r","event_id":"e","reason":"one of tomorrow"}}"#)
}

/// Does to the pictures by number what the states are named after.
async fn spoil(store: &Arc<dyn Storage>) {
    let thumbnail = |n: u8, size: u16| format!("thumbnails/2024/{n:02}.jpg/{size}.jpg");
    for size in [16, 32, 64, 128, 256, 512] {
        delete(store, &thumbnail(1, size)).await;
    }
    delete(store, &thumbnail(2, 64)).await;
    // Its mark.
    delete(store, &thumbnail(3, 512)).await;
    put(store, &thumbnail(4, 16), "").await;
    put(store, "images/2024/05.jpg", jpeg(50)).await;
    put(store, &thumbnail(6, 128), "of another making").await;
    put_ours(
        store,
        &thumbnail(7, 1024),
        "of a size that was planned once",
    )
    .await;
    delete(store, "images/2024/08.jpg").await;
    for name in ["gone.jpg", "09.jpg"] {
        let record = unreadable(&format!("images/2024/{name}"));
        put(store, &format!("failures/2024/{name}"), record).await;
    }
    put(store, "failures/2024/10.jpg", "no record").await;
    put(store, "failures/2024/report.pdf", "none of ours").await;
    put(store, "thumbnails/index.html", "none of ours").await;
}

fn spoilt() -> BTreeMap<&'static str, State> {
    let mut expected = BTreeMap::from([
        ("images/2024/01.jpg", State::Missing),
        ("images/2024/02.jpg", State::Partial),
        ("images/2024/03.jpg", State::Partial),
        ("images/2024/04.jpg", State::ZeroByte),
        ("images/2024/05.jpg", State::Stale),
        ("images/2024/06.jpg", State::Mixed),
        ("images/2024/07.jpg", State::Obsolete),
        ("images/2024/09.jpg", State::Stale),
        ("images/2024/10.jpg", State::Foreign),
        ("images/notes.jpg", State::Failed),
        ("failures/2024/gone.jpg", State::Orphaned),
    ]);
    expected.extend(
        [
            "thumbnails/2024/08.jpg/16.jpg",
            "thumbnails/2024/08.jpg/32.jpg",
            "thumbnails/2024/08.jpg/64.jpg",
            "thumbnails/2024/08.jpg/128.jpg",
            "thumbnails/2024/08.jpg/256.jpg",
            "thumbnails/2024/08.jpg/512.jpg",
        ]
        .map(|key| (key, State::Orphaned)),
    );
    expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_well_but_for_the_text() {
    let store = made().await;
    let audited = verify(&store, NOW).await;
    assert_eq!(
        audited.states(),
        BTreeMap::from([("images/notes.jpg", State::Failed)])
    );
    let notes = &audited.found["images/notes.jpg"];
    assert_eq!(notes.reason, Some(Reason::NotAPicture));
    assert_eq!((audited.code, audited.summary.well), (1, false));
    assert_eq!(audited.summary.found.of(State::Ok), 12);
    assert_eq!(audited.summary.marks, 12);

    let accepted = verify(&store, "--pending-minutes 0 --accept failed").await;
    assert_eq!((accepted.code, accepted.summary.well), (0, true));
    let (code, text) = run(&store, "verify --quiet --accept failed,pending")
        .await
        .unwrap();
    assert_eq!((code, text.as_str()), (0, ""), "cron sends no mail");
    let (code, text) = run(&store, "verify --quiet").await.unwrap();
    assert_eq!(code, 1);
    assert!(
        text.contains("failed: images/notes.jpg: not_a_picture: "),
        "{text}"
    );
    assert!(
        text.contains("\nok                12  all thumbnails stand"),
        "{text}"
    );
    assert!(text.ends_with("not all is well\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_is_seen_mended_and_clean_afterwards() {
    let store = made().await;
    spoil(&store).await;
    let before = keys(&store, "").await;
    let seen = verify(&store, NOW).await;
    assert_eq!(seen.states(), spoilt());
    assert_eq!((seen.code, seen.summary.repair), (1, None));
    assert_eq!(keys(&store, "").await, before, "an audit changes nothing");
    let about = |key: &str| {
        let keys = seen.found[key].keys.iter().map(Key::as_str);
        keys.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        about("images/2024/03.jpg"),
        "thumbnails/2024/03.jpg/512.jpg"
    );
    assert_eq!(
        about("images/2024/06.jpg"),
        "thumbnails/2024/06.jpg/128.jpg"
    );
    assert_eq!(
        about("images/2024/07.jpg"),
        "thumbnails/2024/07.jpg/1024.jpg"
    );

    let mended = verify(&store, "--pending-minutes 0 --repair").await;
    assert_eq!(mended.states(), spoilt());
    let repair = mended.summary.repair.unwrap();
    assert_eq!((repair.replayed, repair.failed, repair.removed), (7, 0, 0));
    assert_eq!(repair.after.of(State::Ok), 9);
    let left = [
        (State::Failed, 1),
        (State::Obsolete, 1),
        (State::Foreign, 1),
        (State::Orphaned, 7),
    ];
    for (state, count) in left {
        assert_eq!(repair.after.of(state), count, "{state}");
    }
    assert_eq!(repair.after.originals(), 12);
    assert_eq!(mended.mended.len(), 7);
    assert!(
        mended
            .mended
            .values()
            .all(|finding| finding.state == State::Ok)
    );
    assert_eq!(mended.code, 1);

    let args = "--pending-minutes 0 --repair --remove-orphans --accept failed,obsolete,foreign";
    let cleaned = verify(&store, args).await;
    assert_eq!((cleaned.code, cleaned.summary.well), (0, true));
    assert_eq!(cleaned.summary.repair.unwrap().removed, 7);
    let end = verify(&store, NOW).await;
    let expected = BTreeMap::from([
        ("images/2024/07.jpg", State::Obsolete),
        ("images/2024/10.jpg", State::Foreign),
        ("images/notes.jpg", State::Failed),
    ]);
    assert_eq!(end.states(), expected);
    let left =
        ["2024/10.jpg", "2024/report.pdf", "notes.jpg"].map(|path| format!("failures/{path}"));
    assert_eq!(keys(&store, "failures/").await, left.into());
    let thumbnails = keys(&store, "thumbnails/").await;
    assert!(thumbnails.contains("thumbnails/index.html"));
    assert_eq!(thumbnails.len(), 11 * 6 + 2);

    let args = "--pending-minutes 0 --repair --remove-obsolete --accept failed,foreign";
    let cleaned = verify(&store, args).await;
    assert_eq!((cleaned.code, cleaned.summary.well), (0, true));
    let repair = cleaned.summary.repair.unwrap();
    assert_eq!((repair.replayed, repair.removed), (0, 1));
    assert_eq!(cleaned.mended["images/2024/07.jpg"].state, State::Ok);
    assert_eq!(keys(&store, "thumbnails/").await.len(), 11 * 6 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_young_is_pending_and_left_alone() {
    let store = made().await;
    spoil(&store).await;
    let audited = verify(&store, "--repair").await;
    for key in [
        "images/2024/01.jpg",
        "images/2024/05.jpg",
        "images/2024/06.jpg",
    ] {
        assert_eq!(audited.found[key].state, State::Pending);
        let message = audited.found[key].message.as_ref().unwrap();
        assert!(message.ends_with("younger than 10 min"), "{message}");
    }
    assert_eq!(audited.summary.repair, None, "nothing was to be mended");
    assert_eq!(audited.summary.found.of(State::Pending), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_replayed_on_request_and_a_record_that_no_longer_holds_is_none() {
    let store = made().await;
    let retried = verify(&store, "--pending-minutes 0 --repair --retry").await;
    assert_eq!(retried.summary.repair.unwrap().replayed, 1);
    assert_eq!(retried.mended["images/notes.jpg"].state, State::Failed);
    assert_eq!(retried.code, 1);

    put(&store, "images/notes.jpg", jpeg(70)).await;
    let mended = verify(&store, "--pending-minutes 0 --repair").await;
    assert_eq!(mended.states()["images/notes.jpg"], State::Missing);
    assert_eq!((mended.code, mended.summary.well), (0, true));
    assert!(keys(&store, "failures/").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_records_of_another_prefix_of_the_bucket_stay() {
    let store = made().await;
    let key = Key::new("failures/notes.jpg");
    let record = store.get(&key, GetOptions::default());
    let ours = String::from_utf8(record.await.unwrap().body.to_vec()).unwrap();
    let theirs = ours.replace("images/notes.jpg", "avatars/theirs.jpg");
    put(&store, "failures/theirs.jpg", theirs).await;
    let left = ours.replace("images/notes.jpg", "images/left.jpg");
    put(&store, "failures/left.jpg", left).await;
    for args in [
        "--repair --remove-orphans",
        "--fast --repair --remove-orphans",
    ] {
        let args = format!("--pending-minutes 0 --accept failed {args}");
        assert_eq!(verify(&store, &args).await.code, 0, "{args}");
    }
    let kept = ["failures/notes.jpg", "failures/theirs.jpg"].map(str::to_owned);
    assert_eq!(keys(&store, "failures/").await, kept.into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_place_of_a_record_and_is_none_stays_whatever_is_repaired() {
    let store = store().await;
    let planted = [
        "failures/notes.jpg",
        "failures/2024/01.jpg",
        "failures/2024/gone.jpg",
    ];
    for key in planted {
        put(&store, key, "a report").await;
    }
    let untouched = async || {
        for key in planted {
            let there = store.get(&Key::new(key), GetOptions::default()).await;
            assert_eq!(there.unwrap().body, "a report", "{key}");
        }
    };
    let args = "--pending-minutes 0 --repair --retry --remove-orphans --accept foreign";
    for _ in 0..2 {
        let audited = verify(&store, args).await;
        untouched().await;
        assert_eq!(audited.code, 1);
        let notes = &audited.mended["images/notes.jpg"];
        assert_eq!(notes.state, State::Missing);
        let message = notes.message.as_ref().unwrap();
        let told = "no failure record can be written: failures/notes.jpg holds something else";
        assert_eq!(message, told);
        let repair = audited.summary.repair.unwrap();
        assert_eq!((repair.failed, repair.removed), (0, 0));
        assert_eq!(repair.after.of(State::Foreign), 1);
        assert_eq!(repair.after.of(State::Orphaned), 0);
    }
    let found = verify(&store, NOW).await;
    let foreign = &found.found["images/2024/01.jpg"];
    assert_eq!(foreign.state, State::Foreign);
    assert_eq!(foreign.keys, [Key::new("failures/2024/01.jpg")]);
    assert!(!found.found.contains_key("failures/2024/gone.jpg"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_stay_where_there_are_no_originals_or_nothing_may_be_deleted() {
    let store = made().await;
    let thumbnails = keys(&store, "thumbnails/").await;
    let args = "--pending-minutes 0 --repair --remove-orphans --source-prefix pictures/";
    let refused = verify(&store, args).await;
    assert_eq!(refused.code, 2);
    let why = refused.summary.ended_early.unwrap();
    assert!(
        why.starts_with("there are no originals under \"pictures/\""),
        "{why}"
    );
    // The record says that its original is another prefix's.
    assert_eq!(refused.summary.found.of(State::Orphaned), 72);
    assert!(!refused.found.contains_key("failures/notes.jpg"));
    assert_eq!(keys(&store, "thumbnails/").await, thumbnails);

    for (args, why) in [
        (
            "verify --repair --remove-orphans --on-delete keep",
            "ON_DELETE=keep",
        ),
        (
            "verify --repair --remove-orphans --output-key flat",
            "OUTPUT_KEY",
        ),
        (
            "verify --repair --remove-obsolete --on-delete keep",
            "ON_DELETE=keep",
        ),
        ("verify --fast --output-key flat", "OUTPUT_KEY"),
    ] {
        let error = crate::modes::try_settings(args).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    for args in [
        "verify --remove-orphans",
        "verify --repair --fast --remove-obsolete",
    ] {
        assert!(crate::modes::try_settings(args).is_err(), "{args}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_put_under_the_key_of_a_thumbnail_is_no_orphan() {
    let store = made().await;
    delete(&store, "images/2024/08.jpg").await;
    let planted = "thumbnails/logo/128.png";
    put(&store, planted, "a logo").await;
    for fast in ["", "--fast"] {
        let args = format!("--pending-minutes 0 --accept failed --repair --remove-orphans {fast}");
        let audited = verify(&store, &args).await;
        assert!(!audited.found.contains_key(planted), "{fast}");
        assert_eq!(audited.code, 0, "{fast}");
    }
    let left = keys(&store, "thumbnails/").await;
    assert!(left.contains(planted));
    assert_eq!(left.len(), 11 * 6 + 1, "what is ours is removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_templates_are_asked_for_key_by_key() {
    let store = store().await;
    let (code, _) = run(&store, "--mode parallel --output-key flat")
        .await
        .unwrap();
    assert_eq!(code, 0);
    delete(&store, "thumbnails/2024/01_16x16.jpg").await;
    put(&store, "images/2024/05.jpg", jpeg(50)).await;
    let args = "--output-key flat --pending-minutes 0";
    let seen = verify(&store, args).await;
    let expected = BTreeMap::from([
        ("images/2024/01.jpg", State::Partial),
        ("images/2024/05.jpg", State::Stale),
        ("images/notes.jpg", State::Failed),
    ]);
    assert_eq!(seen.states(), expected);
    let (_, text) = run(&store, &format!("verify {args}")).await.unwrap();
    assert!(
        text.contains("orphaned and obsolete thumbnails cannot be told"),
        "{text}"
    );
    let mended = verify(&store, &format!("{args} --repair --accept failed")).await;
    assert_eq!(mended.code, 0);
}

/// A store whose listings of one prefix do not ascend.
#[derive(Debug)]
struct Unordered(Memory);

#[async_trait::async_trait]
impl Storage for Unordered {
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, storage::Error> {
        self.0.get(key, options).await
    }
    async fn head(&self, key: &Key) -> Result<Head, storage::Error> {
        self.0.head(key).await
    }
    async fn put(
        &self,
        key: &Key,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ETag, storage::Error> {
        self.0.put(key, body, options).await
    }
    async fn delete(&self, key: &Key) -> Result<(), storage::Error> {
        self.0.delete(key).await
    }
    async fn list(&self, options: ListOptions) -> Result<Page, storage::Error> {
        let backwards = options.prefix == "thumbnails/";
        let mut page = self.0.list(options).await?;
        if backwards {
            page.objects.reverse();
        }
        Ok(page)
    }
}

#[tokio::test]
async fn a_listing_that_does_not_ascend_is_said_and_nothing_is_mended() {
    let store: Arc<dyn Storage> = Arc::new(Unordered(Memory::default()));
    put(&store, "images/a.jpg", jpeg(1)).await;
    put(&store, "thumbnails/a.jpg/16.jpg", "1").await;
    put(&store, "thumbnails/a.jpg/32.jpg", "2").await;
    let audited = verify(&store, "--repair --pending-minutes 0").await;
    assert_eq!(audited.code, 1);
    let why = audited.summary.ended_early.unwrap();
    assert!(
        why.contains("does not ascend: thumbnails/a.jpg/16.jpg came after"),
        "{why}"
    );
    assert_eq!(keys(&store, "thumbnails/").await.len(), 2);
}

#[tokio::test]
async fn a_record_of_an_audit_is_not_overwritten() {
    let store = store().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.ndjson");
    let args = format!("verify --record {}", path.display());
    let (_, _) = run(&store, &args).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1 + 13 + 1, "{text}");
    let error = cli::execute(&settings(&args), store, &mut Vec::new()).await;
    assert!(matches!(error, Err(Error::Record { .. })), "{error:?}");
}
