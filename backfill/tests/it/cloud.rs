//! The program against a real store and a real function, over HTTP.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use cos_thumbnails::object::{Bucket as Name, Key};
use cos_thumbnails::storage::{
    Credentials, HmacKey, ListOptions, PutOptions, S3, S3Config, Storage,
};
use local_cloud::{Cloud, Options, Store, Subscription};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::modes::jpeg;

struct Bucket {
    cloud: Cloud,
    store: S3,
}

impl Bucket {
    async fn start() -> Self {
        let (cloud, _) = Cloud::start(Options::on_free_ports(), |_| None)
            .await
            .unwrap();
        let store = S3::new(&cloud.store_config).unwrap();
        Self { cloud, store }
    }

    async fn backfill(&self, args: &str) -> (Option<i32>, String) {
        ended(&self.cloud.store_config, args).await
    }
}

/// The program with the settings of a store.
pub(crate) fn backfill(config: &S3Config, args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backfill"));
    command
        .args(args.split_whitespace())
        .env_clear()
        .env("COS_ENDPOINT", &config.endpoint)
        .env("COS_REGION", &config.region)
        .env("COS_BUCKET", config.bucket.as_str())
        .env(
            "COS_ACCESS_KEY_ID",
            &config.hmac_key().unwrap().access_key_id,
        )
        .env(
            "COS_SECRET_ACCESS_KEY",
            &config.hmac_key().unwrap().secret_access_key,
        )
        .stdin(Stdio::null());
    command
}

/// Its exit code and output.
pub(crate) async fn ended(config: &S3Config, args: &str) -> (Option<i32>, String) {
    let mut command = backfill(config, args);
    // Off the threads that the function and the store answer on.
    let output = tokio::task::spawn_blocking(move || command.output());
    let Output {
        status,
        stdout,
        stderr,
    } = output.await.unwrap().unwrap();
    let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    let secret = &config.hmac_key().unwrap().secret_access_key;
    assert!(!text.contains(secret), "{text}");
    (status.code(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_delivered_is_mended_through_the_function() {
    let bucket = Bucket::start().await;
    let function = format!("--function {}", bucket.cloud.function_url);
    // Keys that do not sort as their thumbnails do, and one below another.
    let originals = [
        "images/a.jpg",
        "images/a.jpg-b.jpg",
        "images/a.jpg/16.jpg",
        "images/a b+é.jpg",
    ];
    for (n, key) in (0..).zip(originals) {
        let key = Key::new(key);
        let put = bucket
            .store
            .put(&key, jpeg(n).into(), PutOptions::default());
        put.await.unwrap();
    }
    // The events may be delivered by now or not: one way or the other it ends well.
    let args = format!("verify --pending-minutes 0 --repair {function}");
    let (code, text) = bucket.backfill(&args).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("all is well\n"), "{text}");
    let lost = Key::new("thumbnails/a.jpg/16.jpg/64.jpg");
    bucket.store.delete(&lost).await.unwrap();
    let (code, text) = bucket.backfill("verify --pending-minutes 0").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("partial: images/a.jpg/16.jpg: 1 of 6"),
        "{text}"
    );
    let (code, text) = bucket.backfill(&args).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 replayed, of which 0 failed"), "{text}");
    assert!(bucket.store.head(&lost).await.is_ok());

    let (code, text) = bucket.backfill(&format!("{args} --quality 50")).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.starts_with("backfill: the function's recipe is "),
        "{text}"
    );
    for (other, what) in [
        ("--source-prefix pictures/", "SOURCE_PREFIX is images/"),
        ("--output-prefix small/", "OUTPUT_PREFIX is thumbnails/"),
        ("--failure-prefix failed/", "FAILURE_PREFIX is failures/"),
        ("--cos-bucket others", "bucket is pictures"),
    ] {
        let (code, text) = bucket.backfill(&format!("{args} {other}")).await;
        assert_eq!(code, Some(2), "{text}");
        let why = format!("backfill: the function's {what}, not ");
        assert!(text.starts_with(&why), "{text}");
    }
    let (code, text) = bucket.backfill("explain images/a.jpg").await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("  finding     ok\n"), "{text}");
    bucket.cloud.stop().await.unwrap();
}

/// A store with `pictures` originals, which notifies nobody; its settings, and the folder that it keeps them in.
pub(crate) async fn store_alone(pictures: u16) -> (Store, S3Config, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let credentials = HmacKey {
        access_key_id: "id".to_owned(),
        secret_access_key: "canary-77".to_owned(),
    };
    let subscription = Subscription {
        bucket: "pictures".to_owned(),
        prefix: "nothing/".to_owned(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let started = Store::start(listener, folder.path(), "local", subscription, &credentials);
    let (server, _outbox) = started.await.unwrap();
    let config = S3Config {
        endpoint: server.url(),
        region: "local".to_owned(),
        bucket: Name::new("pictures"),
        credentials: Credentials::Hmac(credentials),
    };
    let store = S3::new(&config).unwrap();
    for n in 0..pictures {
        let key = Key::new(format!("images/{n:03}.jpg"));
        let put = store.put(&key, jpeg(n).into(), PutOptions::default());
        put.await.unwrap();
    }
    (server, config, folder)
}

/// A hundred times something is lost, and the repair of it is killed at a random moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_23_a_repair_that_is_killed_is_done_by_the_next() {
    const PICTURES: u16 = 12;
    const KILLS: u64 = 100;
    let (server, config, _folder) = store_alone(PICTURES).await;
    let store = S3::new(&config).unwrap();
    let mut random = fastrand::Rng::with_seed(23);
    let mut killed = 0;
    for _ in 0..KILLS {
        let outputs = ListOptions {
            prefix: "thumbnails/".to_owned(),
            ..ListOptions::default()
        };
        for listed in store.list(outputs).await.unwrap().objects {
            if random.u8(..4) == 0 {
                store.delete(&listed.key).await.unwrap();
            }
        }
        let mut child = backfill(&config, "verify --repair --pending-minutes 0 --quiet")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The moment is what is tried, not what is waited for.
        tokio::time::sleep(Duration::from_micros(random.u64(..120_000))).await;
        child.kill().unwrap();
        killed += u64::from(!child.wait().unwrap().success());
    }
    println!("{killed} of {KILLS} killed before their end");
    assert!(
        killed > KILLS / 10,
        "most ended by themselves: {killed} killed"
    );
    let (code, text) = ended(&config, "verify --repair --pending-minutes 0").await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = ended(&config, "verify --pending-minutes 0").await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("\nok                12  "), "{text}");
    server.stop().await;
}
