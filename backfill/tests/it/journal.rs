//! Runs that end early, and go on.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use backfill::cli::{self, Error};
use backfill::journal::{JournalError, Manifest};
use backfill::record::{End, Line, Summary};
use backfill::report;
use bytes::Bytes;
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::storage::{
    self, GetOptions, Head, Kind, ListOptions, Memory, Object, Page, PutOptions, Storage,
};

use crate::modes::{jpeg, run, settings, store, try_settings};

/// The folders of all runs below `runs`.
pub(crate) fn folders(runs: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(runs).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn only_folder(runs: &Path) -> PathBuf {
    let folders = folders(runs);
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

pub(crate) fn record(folder: &Path) -> Vec<Line> {
    let text = fs::read_to_string(folder.join("record.ndjson")).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// How often each key has an outcome.
pub(crate) fn outcomes(folder: &Path) -> BTreeMap<Key, usize> {
    let mut outcomes = BTreeMap::new();
    for line in record(folder) {
        if let Line::Picture(picture) = line
            && let End::Outcome(_) = picture.end
        {
            *outcomes.entry(picture.key).or_default() += 1;
        }
    }
    outcomes
}

async fn resumed(store: &Arc<dyn Storage>, folder: &Path) -> (u8, String) {
    let args = format!("resume {}", folder.display());
    run(store, &args).await.unwrap()
}

#[tokio::test]
async fn a_run_is_a_folder_with_its_environment_and_no_secret() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!(
        "--journal {} --mode sequential --count 3 --json",
        runs.path().display()
    );
    let (code, _) = run(&store, &args).await.unwrap();
    assert_eq!(code, 0);
    let folder = only_folder(runs.path());
    let manifest = Manifest::read(&folder).unwrap();
    assert_eq!(
        folder.file_name().unwrap().to_str(),
        Some(manifest.run.run.as_str())
    );
    assert_eq!(manifest.run.pictures, 3);
    assert_eq!(manifest.arguments.join(" "), args);
    assert_eq!(manifest.variables["COS_BUCKET"], "b");
    assert!(!manifest.variables.contains_key("COS_ACCESS_KEY_ID"));
    assert!(manifest.environment.processors > 0);
    assert_ne!(manifest.environment.memory_bytes, Some(0));
    let lines = record(&folder);
    assert_eq!(lines.len(), 1 + 3 + 1);
    assert!(matches!(&lines[0], Line::Run(run) if **run == manifest.run));
    assert!(matches!(&lines[4], Line::Summary(summary) if summary.finished == 3));
    for entry in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("canary"), "{text}");
    }

    // Of a run that is complete nothing is done again.
    let (code, text) = resumed(&store, &folder).await;
    assert_eq!(code, 0);
    assert!(text.contains("3 of 3 pictures: 3 made"), "{text}");
    assert!(outcomes(&folder).values().all(|&times| times == 1));
    let args = format!("resume {} --json", folder.display());
    let (_, text) = run(&store, &args).await.unwrap();
    let summary: Summary = serde_json::from_str(&text).unwrap();
    assert_eq!(summary.resumed, 2);
}

#[tokio::test]
async fn a_report_knows_where_the_store_was_however_that_was_said() {
    let store = store().await;
    for (flag, here) in [
        ("", true),
        ("--cos-endpoint http://0.0.0.0:9000", true),
        ("--cos-endpoint=https://s3.eu-de.example", false),
    ] {
        let runs = tempfile::tempdir().unwrap();
        let record = runs.path().join("run.ndjson");
        let args = format!(
            "{flag} --count 1 --record {} --journal {}/runs",
            record.display(),
            runs.path().display()
        );
        let (code, text) = run(&store, &args).await.unwrap();
        assert_eq!(code, 0, "{text}");
        for kept in [record, only_folder(&runs.path().join("runs"))] {
            let data = report::read(&[kept]).unwrap();
            assert_eq!(data.sources[0].on_loopback, here, "{flag}");
        }
    }
}

/// With a function that is not there.
async fn run_with_failures(store: &Arc<dyn Storage>, args: &str) -> (u8, String) {
    let args = format!("{args} --mode fan-out --function http://127.0.0.1:1 --retries 0");
    run(store, &args).await.unwrap()
}

#[tokio::test]
async fn more_errors_than_are_allowed_end_a_run() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!(
        "--max-errors 2 --in-flight 1 --journal {}",
        runs.path().display()
    );
    let (code, text) = run_with_failures(&store, &args).await;
    assert_eq!(code, 3);
    assert!(
        text.contains("more than 2 pictures failed (--max-errors)"),
        "{text}"
    );
    let folder = only_folder(runs.path());
    let failed = record(&folder).len() - 2;
    assert!((3..=4).contains(&failed), "{failed}");
    // What failed is tried again.
    let (code, text) = resumed(&store, &folder).await;
    assert_eq!(code, 3, "the budget is the run's: {text}");
    let args = format!("resume {} --max-errors 20", folder.display());
    let (code, text) = run(&store, &args).await.unwrap();
    assert_eq!(code, 1, "unless it is given another one: {text}");
    assert!(text.contains("13 of 13 pictures"), "{text}");
    // The last one of all is one too many, and nothing is left.
    let (code, text) = run_with_failures(&store, "--max-errors 12 --in-flight 1").await;
    assert_eq!(code, 1, "{text}");
    assert!(!text.contains("ended early"), "{text}");
    let (code, text) = run_with_failures(&store, "--max-errors 13").await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("13 of 13 pictures"), "{text}");
}

#[tokio::test]
async fn what_came_meanwhile_does_not_hide_what_was_not_sent() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!(
        "--max-errors 0 --in-flight 1 --journal {}",
        runs.path().display()
    );
    let (code, text) = run_with_failures(&store, &args).await;
    assert_eq!(code, 3, "{text}");
    let folder = only_folder(runs.path());
    for n in 0..3 {
        put(&store, &format!("images/000{n}.jpg")).await;
    }
    // As many as there were at first come to their end, and three of them were not there then.
    let args = format!("resume {} --max-errors 12", folder.display());
    let (code, text) = run(&store, &args).await.unwrap();
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("13 of 13 pictures"), "{text}");
    assert!(text.contains("ended early: more than 12"), "{text}");
    // The last one of all, again, leaves nothing.
    let args = format!("resume {} --max-errors 15", folder.display());
    let (code, text) = run(&store, &args).await.unwrap();
    assert_eq!(code, 1, "{text}");
    assert!(!text.contains("ended early"), "{text}");
}

#[tokio::test]
async fn what_waits_for_its_turn_is_left_where_a_rate_bounds_a_run() {
    let store = store().await;
    // The second of two waits for 50 s, and the run ends before.
    let args = "--no-journal --count 2 --rate 0.02 --max-duration 300ms --mode sequential";
    let (code, text) = run(&store, args).await.unwrap();
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("1 of 2 pictures"), "{text}");
}

#[tokio::test]
async fn a_run_goes_on_where_its_record_ends_even_within_a_line() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!(
        "--order random --seed 3 --journal {}",
        runs.path().display()
    );
    let (code, _) = run(&store, &args).await.unwrap();
    assert_eq!(code, 0);
    let folder = only_folder(runs.path());
    let path = folder.join("record.ndjson");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = whole.split_inclusive('\n').collect();
    // As a kill leaves it: with the run alone, with some pictures, within a line.
    for (kept, cut) in [(1, 0), (1, 5), (4, 0), (6, 40), (13, 1), (14, 0)] {
        let part = lines[..kept].concat() + &lines[kept][..cut];
        fs::write(&path, part).unwrap();
        let (code, text) = resumed(&store, &folder).await;
        assert_eq!(code, 0, "{kept}, {cut}: {text}");
        assert!(text.contains("13 of 13 pictures"), "{kept}, {cut}: {text}");
        assert!(text.contains("gone on with 1 times"), "{text}");
        assert!(!text.contains("clock  "), "{text}");
        let outcomes = outcomes(&folder);
        assert_eq!(outcomes.len(), 13);
        assert!(outcomes.values().all(|&times| times == 1), "{outcomes:?}");
        let numbers: Vec<_> = record(&folder).into_iter().filter_map(number).collect();
        let mut different = numbers.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), numbers.len(), "each event has its own id");
    }
}

fn number(line: Line) -> Option<u64> {
    match line {
        Line::Picture(picture) => Some(picture.n),
        _ => None,
    }
}

#[tokio::test]
async fn held_originals_stay_the_same_when_the_bucket_changes() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!("--sample 4 --seed 5 --journal {}", runs.path().display());
    let (code, _) = run(&store, &args).await.unwrap();
    assert_eq!(code, 0);
    let folder = only_folder(runs.path());
    let before = outcomes(&folder);
    begin_again(&folder);
    put(&store, "images/0000.jpg").await;
    let (code, _) = resumed(&store, &folder).await;
    assert_eq!(code, 0);
    assert_eq!(outcomes(&folder), before);
}

/// As a kill leaves it before anything is done.
pub(crate) fn begin_again(folder: &Path) {
    let path = folder.join("record.ndjson");
    let record = fs::read_to_string(&path).unwrap();
    fs::write(&path, record.lines().next().unwrap().to_owned() + "\n").unwrap();
}

async fn put(store: &Arc<dyn Storage>, key: &str) {
    let key = Key::new(key);
    let put = store.put(&key, jpeg(1).into(), PutOptions::default());
    put.await.unwrap();
}

#[tokio::test]
async fn a_listed_run_ends_by_its_last_key_whatever_came_meanwhile() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!("--count 5 --journal {}", runs.path().display());
    let (code, _) = run(&store, &args).await.unwrap();
    assert_eq!(code, 0);
    let folder = only_folder(runs.path());
    let before = outcomes(&folder);
    assert_eq!(before.len(), 5);
    begin_again(&folder);
    put(&store, "images/0000.jpg").await;
    put(&store, "images/2024/04.jpg.jpg").await;
    let (code, text) = resumed(&store, &folder).await;
    assert_eq!(code, 0, "{text}");
    let mut after = outcomes(&folder);
    assert_eq!(after.remove(&Key::new("images/0000.jpg")), Some(1));
    assert_eq!(after, before, "none is pushed out, and none comes behind");
    assert!(text.contains("note: originals came or went"), "{text}");
}

#[tokio::test]
async fn durations_go_back_from_when_the_command_line_was_read() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!("--newer-than 1h --journal {}", runs.path().display());
    run(&store, &args).await.unwrap();
    let folder = only_folder(runs.path());
    assert_eq!(outcomes(&folder).len(), 13);
    begin_again(&folder);
    let mut manifest = Manifest::read(&folder).unwrap();
    manifest.read += Duration::from_hours(2);
    let path = folder.join("manifest.json");
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    let (code, text) = resumed(&store, &folder).await;
    assert_eq!(code, 0, "{text}");
    assert!(outcomes(&folder).is_empty(), "{text}");
}

#[tokio::test]
async fn a_run_that_cannot_be_kept_does_nothing_first() {
    let (store, folder) = (store().await, tempfile::tempdir().unwrap());
    let (file, record) = (folder.path().join("file"), folder.path().join("record"));
    fs::write(&file, "").unwrap();
    let args = format!(
        "--count 99 --journal {}/runs --record {}",
        file.display(),
        record.display()
    );
    let error = run(&store, &args).await.unwrap_err();
    assert!(matches!(error, Error::Journal(_)), "{error:?}");
    assert!(error.to_string().contains("--no-journal"), "{error}");
    assert!(!record.exists());
    let job = "--mode fan-out --job j --code-engine-url https://h --code-engine-project-id p \
               --iam-profile p";
    let kept = |args: &str| try_settings(args).unwrap().journal;
    assert_eq!(kept(job), None, "an instance of a job has no disk");
    assert_eq!(kept(&format!("{job} --journal d")), Some("d".into()));
    assert_eq!(kept(""), Some("backfill-runs".into()));
    assert_eq!(kept("--no-journal"), None);
}

#[tokio::test]
async fn the_query_of_the_functions_url_is_not_kept() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let url = "http://127.0.0.1:1/in?key=canary";
    for function in [format!("--function {url}"), format!("--function={url}")] {
        let args = format!(
            "--mode fan-out {function} --retries 0 --count 1 --journal {}",
            runs.path().display()
        );
        let (code, text) = run(&store, &args).await.unwrap();
        assert_eq!(code, 1);
        assert!(!text.contains("canary"), "{text}");
    }
    for folder in folders(runs.path()) {
        for entry in fs::read_dir(&folder).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!text.contains("canary"), "{text}");
        }
        let resume = format!("resume {}", folder.display());
        let error = try_settings(&resume).unwrap_err().to_string();
        assert!(error.contains("--function is needed again"), "{error}");
        let (code, _) = run(&store, &format!("{resume} --function {url}"))
            .await
            .unwrap();
        assert_eq!(code, 1);
    }
}

#[tokio::test]
async fn credentials_are_those_of_now() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!(
        "--count 1 --cos-access-key-id outworn --iam-cr-token-file=outworn-file --journal {}",
        runs.path().display()
    );
    run(&store, &args).await.unwrap();
    let folder = only_folder(runs.path());
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    for kept in ["outworn", "cos-access", "token-file"] {
        assert!(!manifest.contains(kept), "{kept} in {manifest}");
    }
    let key = |args: &str| {
        let settings = try_settings(&format!("resume {}{args}", folder.display())).unwrap();
        settings
            .config
            .store
            .hmac_key()
            .unwrap()
            .access_key_id
            .clone()
    };
    assert_eq!(key(""), "id", "as its secret, from the environment");
    assert_eq!(key(" --cos-access-key-id new"), "new");
}

#[tokio::test]
async fn what_cannot_be_gone_on_with_says_so() {
    let runs = tempfile::tempdir().unwrap();
    let error = try_settings(&format!("resume {}", runs.path().join("none").display()));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("manifest.json") && error.contains("could not be read"),
        "{error}"
    );

    let store: Arc<dyn Storage> = Arc::new(Memory::default());
    let args = format!("--journal {}", runs.path().display());
    run(&store, &args).await.unwrap();
    let folder = only_folder(runs.path());
    let again = settings(&format!("resume {}", folder.display()));
    let busy = fs::File::open(folder.join("record.ndjson")).unwrap();
    busy.lock().unwrap();
    let error = cli::execute(&again, Arc::clone(&store), &mut Vec::new()).await;
    assert!(
        matches!(error, Err(Error::Journal(JournalError::InUse(_)))),
        "{error:?}"
    );
    drop(busy);

    let path = folder.join("record.ndjson");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"record\":\"another\"}\n").unwrap();
    let error = cli::execute(&again, Arc::clone(&store), &mut Vec::new()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("line 3"), "{error}");

    let mut manifest = Manifest::read(&folder).unwrap();
    manifest.run.recipe = "another".to_owned();
    let path = folder.join("manifest.json");
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    let error = cli::execute(&again, store, &mut Vec::new()).await;
    assert!(
        matches!(error, Err(Error::AnotherRecipe { .. })),
        "{error:?}"
    );
}

/// A bucket whose listing breaks off when it is listed again.
#[derive(Debug)]
struct Breaking {
    bucket: Arc<dyn Storage>,
    lists: AtomicUsize,
}

#[async_trait]
impl Storage for Breaking {
    async fn list(&self, options: ListOptions) -> Result<Page, storage::Error> {
        if options.continuation_token.is_some() {
            return Err(storage::Error::new(Kind::NotFound, "ListObjectsV2"));
        }
        let mut page = self.bucket.list(options).await?;
        if self.lists.fetch_add(1, Ordering::SeqCst) > 0 {
            page.objects.truncate(2);
            page.next = Some("next".to_owned());
        }
        Ok(page)
    }

    async fn head(&self, key: &Key) -> Result<Head, storage::Error> {
        self.bucket.head(key).await
    }
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, storage::Error> {
        self.bucket.get(key, options).await
    }
    async fn put(
        &self,
        key: &Key,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ETag, storage::Error> {
        self.bucket.put(key, body, options).await
    }
    async fn delete(&self, key: &Key) -> Result<(), storage::Error> {
        self.bucket.delete(key).await
    }
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_no_budget() {
    let store: Arc<dyn Storage> = Arc::new(Breaking {
        bucket: store().await,
        lists: AtomicUsize::new(0),
    });
    let (code, text) = run_with_failures(&store, "--max-errors 0 --in-flight 4").await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("could not be listed"), "{text}");
}

#[tokio::test]
async fn a_rate_and_a_time_bound_a_run() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!(
        "--rate 2 --max-duration 700ms --mode sequential --json --journal {}",
        runs.path().display()
    );
    let (code, text) = run(&store, &args).await.unwrap();
    let summary: Summary = serde_json::from_str(&text).unwrap();
    // At 0 and 0.5 s, however slow the machine is; a third one would be at 1 s.
    assert!((1..=2).contains(&summary.finished), "{}", summary.finished);
    assert_eq!(code, 3);
    let why = summary.ended_early.unwrap();
    assert_eq!(why, "700ms are over (--max-duration)");
    assert_eq!(summary.failed, 0, "what is begun comes to its end");
}
