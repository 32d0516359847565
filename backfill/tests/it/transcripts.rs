//! What goes wrong at first, as one meets it who has just installed the program.

use std::path::Path;

use cos_thumbnails::object::{Bucket, Key};
use cos_thumbnails::storage::{Credentials, HmacKey, PutOptions, S3, S3Config, Storage};
use local_cloud::{Cloud, Keys, Options, Store, Subscription};
use tokio::net::TcpListener;

use crate::modes::jpeg;

#[path = "../../../tests/transcript/mod.rs"]
mod transcript;

use self::transcript::{CANARY, Shell};

/// What is typed with the settings of a store that has two pictures, and what file has its transcript.
const LINES: [(&str, &str); 18] = [
    ("no-bucket", "COS_BUCKET=nowhere backfill"),
    ("unknown-key", "COS_ACCESS_KEY_ID=nobody backfill"),
    (
        "wrong-secret",
        "COS_SECRET_ACCESS_KEY=$ANOTHERS_SECRET backfill",
    ),
    ("wrong-region", "COS_REGION=us-south backfill"),
    ("wrong-endpoint", "COS_ENDPOINT=http://127.0.0.1:1 backfill"),
    (
        "endpoint-of-no-store",
        "COS_ENDPOINT=http://[FUNCTION] backfill",
    ),
    (
        "no-permission",
        "COS_ACCESS_KEY_ID=reader COS_SECRET_ACCESS_KEY=$READERS_SECRET backfill --no-journal --retries 0 --in-flight 1",
    ),
    (
        "no-permission-repair",
        "COS_ACCESS_KEY_ID=reader COS_SECRET_ACCESS_KEY=$READERS_SECRET backfill verify --pending-minutes 0 --repair --retries 0 --in-flight 1",
    ),
    (
        "no-permission-experiment",
        "COS_ACCESS_KEY_ID=reader COS_SECRET_ACCESS_KEY=$READERS_SECRET backfill experiment run small.toml --retries 0",
    ),
    (
        "empty-prefix",
        "backfill --no-journal --source-prefix photos/ --in-flight 1",
    ),
    (
        "all-left-out",
        "backfill plan --include 'photos/**' --mode sequential",
    ),
    (
        "empty-prefix-verify",
        "backfill verify --source-prefix photos/",
    ),
    (
        "function-not-reachable",
        "backfill --no-journal --mode fan-out --function http://127.0.0.1:1 --retries 0 --in-flight 1",
    ),
    (
        "function-not-reachable-verify",
        "backfill verify --pending-minutes 0 --repair --function http://127.0.0.1:1",
    ),
    (
        "no-function",
        "backfill --no-journal --mode fan-out --function http://[STORE] --retries 0 --in-flight 1",
    ),
    ("disk-full", "backfill plan --mode sequential >/dev/full"),
    (
        "disk-full-record",
        "trap '' XFSZ; ulimit -f 1; exec backfill --mode sequential --no-journal --record run.ndjson",
    ),
    ("no-such-run", "backfill resume 20260131T120000Z-5e7f0a1b"),
];

fn shell(folder: &Path) -> Shell {
    Shell {
        program: env!("CARGO_BIN_EXE_backfill"),
        transcripts: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/transcripts"),
        folder: folder.to_owned(),
        environment: Vec::new(),
        names: Vec::new(),
    }
}

fn key(id: &str) -> HmacKey {
    HmacKey {
        access_key_id: id.to_owned(),
        secret_access_key: format!("{CANARY}-{id}"),
    }
}

#[test]
fn nothing_is_set() {
    let folder = tempfile::tempdir().unwrap();
    shell(folder.path()).compare("nothing-set", "backfill");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_transcripts_are_as_they_were_read() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let subscription = Subscription {
        bucket: "pictures".to_owned(),
        prefix: "nothing/".to_owned(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (owner, reader) = (key("owner"), key("reader"));
    let keys = Keys {
        owner: &owner,
        reader: &reader,
    };
    let started = Store::start_strict(listener, data.path(), "eu-de", subscription, keys).await;
    let (server, _outbox) = started.unwrap();
    let config = S3Config {
        endpoint: server.url(),
        region: "eu-de".to_owned(),
        bucket: Bucket::new("pictures"),
        credentials: Credentials::Hmac(owner.clone()),
    };
    let store = S3::new(&config).unwrap();
    for n in 1..=2 {
        let key = Key::new(format!("images/{n}.jpg"));
        let put = store.put(&key, jpeg(n).into(), PutOptions::default());
        put.await.unwrap();
    }
    let (cloud, _) = Cloud::start(Options::on_free_ports(), |_| None)
        .await
        .unwrap();
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let design = "name = 'small'\nmodes = ['sequential']\ncounts = [1]\nrepetitions = 1\nwarm_ups = 0\ntries = 1\n\
                  recipe = 'default'\noutput_prefix = 'experiments/small/'\n";
    std::fs::write(folder.path().join("small.toml"), design).unwrap();
    let shell = Shell {
        environment: vec![
            ("COS_ENDPOINT", config.endpoint.clone()),
            ("COS_REGION", config.region.clone()),
            ("COS_BUCKET", config.bucket.to_string()),
            ("COS_ACCESS_KEY_ID", owner.access_key_id),
            ("COS_SECRET_ACCESS_KEY", owner.secret_access_key),
            ("READERS_SECRET", reader.secret_access_key),
            ("ANOTHERS_SECRET", format!("{CANARY}-another")),
        ],
        names: vec![
            ("[STORE]", address(&config.endpoint)),
            ("[FUNCTION]", address(&cloud.function_url)),
        ],
        ..shell(folder.path())
    };
    // Off the threads that the store answers on.
    let typed = tokio::task::spawn_blocking(move || {
        for (name, line) in LINES {
            shell.compare(name, line);
        }
    });
    typed.await.unwrap();
    cloud.stop().await.unwrap();
    server.stop().await;
}
