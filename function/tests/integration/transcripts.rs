//! What goes wrong at first, as one meets it who has just set up the function.

use std::path::Path;

use cos_thumbnails::storage::HmacKey;
use function::runtime::Runtime;
use local_cloud::{Keys, Store, Subscription};
use serde_json::json;
use tokio::net::TcpListener;

use crate::runtime::{Server, obey};

#[path = "../../../tests/transcript/mod.rs"]
mod transcript;

use self::transcript::{CANARY, Shell};

/// What is typed where nothing is set, and what file has its transcript.
const ALONE: [(&str, &str); 4] = [
    ("nothing-set", "./function"),
    (
        "render-no-such-file",
        "./function render cat.jpg --out thumbnails",
    ),
    (
        "render-disk-full",
        "trap '' XFSZ; ulimit -f 1; exec ./function render dog.jpg --out thumbnails",
    ),
    (
        "no-such-recipes",
        "./function render dog.jpg --out thumbnails --recipes recipes.toml",
    ),
];

/// What is typed with the settings of a store, and an event in the environment, as a job has it.
const LINES: [(&str, &str); 9] = [
    (
        "port-taken",
        "BIND_ADDRESS=127.0.0.1 PORT=[PORT] ./function",
    ),
    ("no-event", "unset CE_DATA; ./function job"),
    ("unknown-key", "COS_ACCESS_KEY_ID=nobody ./function job"),
    (
        "wrong-secret",
        "COS_SECRET_ACCESS_KEY=$ANOTHERS_SECRET ./function job",
    ),
    ("wrong-region", "COS_REGION=us-south ./function job"),
    (
        "wrong-endpoint",
        "COS_ENDPOINT=http://127.0.0.1:1 ./function job",
    ),
    (
        "endpoint-of-no-store",
        "COS_ENDPOINT=http://[FUNCTION] ./function job",
    ),
    (
        "no-permission",
        "COS_ACCESS_KEY_ID=reader COS_SECRET_ACCESS_KEY=$READERS_SECRET ./function job",
    ),
    ("another-bucket", "COS_BUCKET=photos ./function job"),
];

fn shell(folder: &Path) -> Shell {
    Shell {
        program: env!("CARGO_BIN_EXE_function"),
        transcripts: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/transcripts"),
        folder: folder.to_owned(),
        environment: Vec::new(),
        names: Vec::new(),
    }
}

#[test]
fn without_any_store() {
    let folder = tempfile::tempdir().unwrap();
    let picture = dataset::pictures_within(1, 600).next().unwrap();
    std::fs::write(folder.path().join("dog.jpg"), picture.bytes).unwrap();
    for (name, line) in ALONE {
        shell(folder.path()).compare(name, line);
    }
}

fn key(id: &str) -> HmacKey {
    HmacKey {
        access_key_id: id.to_owned(),
        secret_access_key: format!("{CANARY}-{id}"),
    }
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
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    // It knows none of a store's paths.
    let another = Server::start(Runtime::new(obey)).await;
    // It is not there, so that its thumbnails are to be removed.
    let event = json!({
        "bucket": "pictures", "endpoint": "", "key": "images/cat.jpg",
        "notification": {
            "bucket_name": "pictures", "event_type": "Object:Write", "format": "2.0",
            "object_length": "10", "object_name": "images/cat.jpg", "request_id": "e1",
            "request_time": "2026-08-13T11:56:31.032Z",
        },
        "operation": "Object:Write",
    });
    let shell = Shell {
        environment: vec![
            ("COS_ENDPOINT", server.url()),
            ("COS_REGION", "eu-de".to_owned()),
            ("COS_BUCKET", "pictures".to_owned()),
            ("COS_ACCESS_KEY_ID", owner.access_key_id),
            ("COS_SECRET_ACCESS_KEY", owner.secret_access_key),
            ("READERS_SECRET", reader.secret_access_key),
            ("ANOTHERS_SECRET", format!("{CANARY}-another")),
            ("CE_DATA", event.to_string()),
            ("CE_ID", "e1".to_owned()),
            ("CE_SPECVERSION", "1.0".to_owned()),
            ("CE_TYPE", "com.ibm.cloud.cos.document.write".to_owned()),
            ("CE_TIME", "2026-08-13T11:56:31.032Z".to_owned()),
            (
                "CE_SOURCE",
                "https://cloud.ibm.com/catalog/services/cloud-object-storage/pictures".to_owned(),
            ),
            ("CONTENT_TYPE", "application/json".to_owned()),
        ],
        names: vec![
            (
                "[STORE]",
                server.url().trim_start_matches("http://").to_owned(),
            ),
            ("[PORT]", port),
            ("[FUNCTION]", another.address.to_string()),
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
    server.stop().await;
}
