use cos_thumbnails::object::{Bucket, Key};
use cos_thumbnails::storage::iam::Credential;
use cos_thumbnails::storage::{ListOptions, Memory};
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

/// A run of two shards, whose engine is at that address.
fn fan_out<'a>(engine: &str, store: &'a dyn Storage, stop: &'a CancellationToken) -> FanOut<'a> {
    let settings = EngineSettings {
        url: engine.parse().unwrap(),
        project: "p".to_owned(),
        iam: engine.parse().unwrap(),
        credential: Credential::token("t").unwrap(),
    };
    FanOut {
        name: "backfill-r".to_owned(),
        job: "backfill",
        instances: 2,
        retries: 0,
        engine: Engine::new(&settings, backoff(0)).unwrap(),
        manifest: Manifest {
            run: "r".to_owned(),
            version: "0".to_owned(),
            prefix: "runs/".to_owned(),
            shards: 2,
            source_prefix: "images/".to_owned(),
            output_prefix: "thumbnails/".to_owned(),
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

/// An engine that answers every request with `answer`, and hangs up.
async fn engine(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
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
async fn a_job_run_whose_answer_is_lost_keeps_its_shards_and_one_that_is_refused_does_not() {
    for (answer, is_unsure) in [
        ("", true),
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            true,
        ),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", false),
    ] {
        let (store, stop) = (Memory::new(), CancellationToken::new());
        let url = engine(answer).await;
        let fan_out = fan_out(&url, &store, &stop);
        let both = originals(&["images/1.jpg", "images/2.jpg"]);
        assert!(fan_out.place(2, stream::iter(both)).await.unwrap());
        let error = fan_out.start().await.unwrap_err();
        assert_eq!(keys(&store).await.len(), if is_unsure { 3 } else { 0 });
        assert_eq!(
            matches!(error, JobError::Unsure { .. }),
            is_unsure,
            "{error}"
        );
        let how_to_end = "`ibmcloud ce jobrun delete --name backfill-r` ends it";
        assert_eq!(error.to_string().contains(how_to_end), is_unsure, "{error}");
    }
}
