use std::sync::atomic::AtomicU64;

use async_trait::async_trait;
use bytes::Bytes;
use cos_thumbnails::object::{Bucket, ETag, Key};
use cos_thumbnails::storage::iam::Credential;
use cos_thumbnails::storage::{
    self, GetOptions, Head, Kind, ListOptions, Memory, Object, Page, PutOptions,
};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::engine::EngineSettings;

#[test]
fn a_job_runs_name_is_short_enough_and_ends_with_the_run() {
    let run = "20261124T205900Z-1a2b3c4d";
    assert_eq!(
        run_name("backfill", run),
        "backfill-20261124t205900z-1a2b3c4d"
    );
    let long = run_name(&"a-".repeat(40), run);
    assert!(long.len() <= MAX_NAME && !long.contains("--"), "{long}");
}

fn settings_at(url: &str) -> EngineSettings {
    EngineSettings {
        url: url.parse().unwrap(),
        project: "p".to_owned(),
        iam: url.parse().unwrap(),
        credential: Credential::token("t").unwrap(),
    }
}

fn engine_at(url: &str, retries: usize) -> Engine {
    Engine::new(&settings_at(url), backoff(retries)).unwrap()
}

/// A run of two shards, whose engine is at that address.
fn fan_out<'a>(engine: &str, store: &'a dyn Storage, stop: &'a CancellationToken) -> FanOut<'a> {
    FanOut {
        name: "backfill-r".to_owned(),
        job: "backfill",
        instances: 2,
        retries: 0,
        engine: engine_at(engine, 0),
        manifest: Manifest {
            run: "r".to_owned(),
            version: "0".to_owned(),
            prefix: "runs/".to_owned(),
            shards: 2,
            source_prefix: "images/".to_owned(),
            output_prefix: "thumbnails/".to_owned(),
            failure_prefix: "failures/".to_owned(),
        },
        store,
        stop,
        asked_for: AtomicBool::new(false),
    }
}

/// As listed.
fn originals(keys: &[&str]) -> Vec<Result<Change, originals::Error>> {
    let bucket = Bucket::new("b");
    let change = |key: &&str| originals::written(&bucket, Key::new(*key), None, Some(1));
    keys.iter().map(change).map(Ok).collect()
}

async fn keys(store: &Memory) -> Vec<String> {
    let page = store.list(ListOptions::default()).await.unwrap();
    let keys = page.objects.into_iter();
    keys.map(|listed| listed.key.as_str().to_owned()).collect()
}

/// An engine that gives these answers one after another, the last one to all further requests, and hangs up.
async fn engine(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for n in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") && !request.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            let answer = answers.get(n).or(answers.last()).unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

#[tokio::test]
async fn shards_that_cannot_all_be_written_are_removed() {
    let (store, stop) = (Memory::new(), CancellationToken::new());
    let fan_out = fan_out("http://127.0.0.1:1", &store, &stop);
    let both = originals(&["images/1.jpg", "images/2.jpg"]);
    assert!(fan_out.place(2, stream::iter(both)).await.unwrap());
    let all = ["manifest.json", "shards/00000.json", "shards/00001.json"];
    assert_eq!(keys(&store).await, all.map(|name| format!("runs/r/{name}")));
    fan_out.remove(2).await.unwrap();

    let broken = originals::Error::NotAscending {
        before: Key::new("images/1.jpg"),
        after: Key::new("images/0.jpg"),
    };
    let mut listing = originals(&["images/1.jpg"]);
    listing.push(Err(broken));
    fan_out.place(2, stream::iter(listing)).await.unwrap_err();
    assert!(keys(&store).await.is_empty());
}

#[tokio::test]
async fn what_came_since_they_were_counted_pushes_none_out_of_the_shards() {
    let (store, stop) = (Memory::new(), CancellationToken::new());
    let fan_out = fan_out("http://127.0.0.1:1", &store, &stop);
    // Three were counted.
    let now = ["0.jpg", "1.jpg", "1a.jpg", "1b.jpg", "2.jpg", "3.jpg"];
    let now = now.map(|name| format!("images/{name}"));
    let listed = originals(&now.each_ref().map(String::as_str));
    assert!(fan_out.place(3, stream::iter(listed)).await.unwrap());
    let mut placed = Vec::new();
    for shard in 0..2 {
        let key = fan_out.manifest.shard_key(shard);
        let shard: Shard = get_json(&store, &key).await.unwrap();
        assert_eq!(shard.first, placed.len() as u64 + 1);
        placed.extend(shard.originals.into_iter().map(|one| one.key.to_string()));
    }
    assert_eq!(placed, now);
}

#[test]
fn no_shard_has_more_pictures_than_an_instance_should_hold_the_records_of() {
    let job = |shards| Job {
        name: "j".to_owned(),
        instances: 100,
        shards,
        prefix: "runs/".to_owned(),
        engine: settings_at("http://127.0.0.1:1"),
    };
    for (asked, pictures, expected) in [
        (None, 0, 0),
        (None, 7, 7),
        (None, 250, 100),
        (None, 1_000_000, 100),
        (None, 1_000_001, 101),
        (None, 10_000_000_000, MAX_SHARDS),
        (Some(3), 1_000_000, 3),
        (Some(300), 7, 7),
    ] {
        assert_eq!(
            shards(&job(asked), pictures),
            expected,
            "{asked:?}, {pictures}"
        );
    }
}

const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const CONFLICT: &str = "HTTP/1.1 409 Conflict\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A store that takes everything and keeps nothing.
#[derive(Debug, Default)]
struct Nowhere(AtomicU64);

#[async_trait]
impl Storage for Nowhere {
    async fn put(&self, _: &Key, body: Bytes, _: PutOptions) -> Result<ETag, storage::Error> {
        self.0.fetch_add(body.len() as u64, Ordering::Relaxed);
        Ok(ETag::new("t"))
    }
    async fn head(&self, _: &Key) -> Result<Head, storage::Error> {
        unreachable!("shards are written alone")
    }
    async fn list(&self, _: ListOptions) -> Result<Page, storage::Error> {
        unreachable!("shards are written alone")
    }
    async fn get(&self, _: &Key, _: GetOptions) -> Result<Object, storage::Error> {
        unreachable!("shards are written alone")
    }
    async fn delete(&self, _: &Key) -> Result<(), storage::Error> {
        unreachable!("shards are written alone")
    }
}

#[tokio::test]
#[ignore = "half a minute in the dev profile, and its peak is that of its process: run alone with -- --ignored --nocapture"]
async fn a_million_originals_are_sharded_within_64_mib() {
    const MILLION: u64 = 1_000_000;
    let (store, stop) = (Nowhere::default(), CancellationToken::new());
    let mut fan_out = fan_out("http://127.0.0.1:1", &store, &stop);
    fan_out.manifest.shards = 1000;
    let bucket = Bucket::new("b");
    let listed = (0..MILLION).map(|n| {
        let (key, etag) = (Key::new(format!("images/2024/{n:08}.jpg")), ETag::new("v1"));
        Ok(originals::written(&bucket, key, Some(etag), Some(1)))
    });
    let begun = std::time::Instant::now();
    assert!(fan_out.place(MILLION, stream::iter(listed)).await.unwrap());
    let seconds = begun.elapsed().as_secs_f64();
    let peak = cos_thumbnails::process::peak_bytes().unwrap();
    println!(
        "sharded, {MILLION} keys into 1000 shards of {} bytes: {} kB at most, {seconds:.1} s, {:.0} keys/s",
        store.0.into_inner(),
        peak >> 10,
        1e6 / seconds
    );
    assert!(peak < 64 << 20, "{peak}");
}

#[tokio::test]
async fn a_job_run_whose_answer_is_lost_keeps_its_shards_and_one_that_is_refused_does_not() {
    for (retries, answers, is_unsure) in [
        (0, &[""][..], true),
        (0, &[UNAVAILABLE], true),
        (0, &[FORBIDDEN], false),
        // Taken at first perhaps, and then refused.
        (1, &[UNAVAILABLE, FORBIDDEN], true),
        // There already; but it cannot be looked at.
        (0, &[CONFLICT, FORBIDDEN], true),
        (0, &[CONFLICT, NOT_FOUND], false),
    ] {
        let (store, stop) = (Memory::new(), CancellationToken::new());
        let url = engine(answers).await;
        let mut fan_out = fan_out(&url, &store, &stop);
        fan_out.engine = engine_at(&url, retries);
        let both = originals(&["images/1.jpg", "images/2.jpg"]);
        assert!(fan_out.place(2, stream::iter(both)).await.unwrap());
        let error = fan_out.start().await.unwrap_err();
        let left = keys(&store).await.len();
        assert_eq!(left, if is_unsure { 3 } else { 0 }, "{answers:?}");
        let said = matches!(error, Error::Job(JobError::Unsure { .. }));
        assert_eq!(said, is_unsure, "{answers:?}: {error}");
        let how_to_end = "`ibmcloud ce jobrun delete --name backfill-r` ends it";
        assert_eq!(error.to_string().contains(how_to_end), is_unsure, "{error}");
        // Interrupted twice while they are removed, it says the same.
        let (details, why) = fan_out.given_up();
        let why = why.unwrap_or_default();
        assert_eq!(details.is_some(), is_unsure, "{why}");
        assert_eq!(why.contains(how_to_end), is_unsure, "{why}");
    }
}

/// Does not remove one key, nor write another.
#[derive(Debug)]
struct Stubborn(Memory);

#[async_trait::async_trait]
impl Storage for Stubborn {
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
        if key.as_str() == "runs/r/manifest.json" {
            return Err(storage::Error::new(Kind::AccessDenied, "PutObject"));
        }
        self.0.put(key, body, options).await
    }

    async fn delete(&self, key: &Key) -> Result<(), storage::Error> {
        if key.as_str() == "runs/r/shards/00000.json" {
            return Err(storage::Error::new(Kind::AccessDenied, "DeleteObject"));
        }
        self.0.delete(key).await
    }

    async fn list(&self, options: ListOptions) -> Result<Page, storage::Error> {
        self.0.list(options).await
    }
}

#[tokio::test]
async fn what_cannot_be_removed_is_told_and_the_rest_is_removed() {
    let (store, stop) = (Stubborn(Memory::new()), CancellationToken::new());
    let fan_out = fan_out("http://127.0.0.1:1", &store, &stop);
    let both = originals(&["images/1.jpg", "images/2.jpg"]);
    let error = fan_out.place(2, stream::iter(both)).await.unwrap_err();
    assert_eq!(keys(&store.0).await, ["runs/r/shards/00000.json"]);
    let told = with_causes(&error);
    assert!(told.contains(" is left below runs/r/: "), "{told}");
    assert!(
        told.contains("runs/r/manifest.json could not be written"),
        "{told}"
    );
}
