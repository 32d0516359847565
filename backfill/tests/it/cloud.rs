//! The program against a real store and a real function, over HTTP.

use std::process::{Command, Output, Stdio};

use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{PutOptions, S3, Storage};
use local_cloud::{Cloud, Options};

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

    /// The program's exit code and output, with the settings of this cloud.
    async fn backfill(&self, args: &str) -> (Option<i32>, String) {
        let config = &self.cloud.store_config;
        let mut command = Command::new(env!("CARGO_BIN_EXE_backfill"));
        command
            .args(args.split_whitespace())
            .env_clear()
            .env("COS_ENDPOINT", &config.endpoint)
            .env("COS_REGION", &config.region)
            .env("COS_BUCKET", config.bucket.as_str())
            .env("COS_ACCESS_KEY_ID", &config.credentials.access_key_id)
            .env(
                "COS_SECRET_ACCESS_KEY",
                &config.credentials.secret_access_key,
            )
            .stdin(Stdio::null());
        // Off the threads that the function and the store answer on.
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        assert!(
            !text.contains(&config.credentials.secret_access_key),
            "{text}"
        );
        (status.code(), text)
    }
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
        text.contains("ended early: the function's recipe is "),
        "{text}"
    );
    let (code, text) = bucket.backfill("explain images/a.jpg").await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("  finding     ok\n"), "{text}");
    bucket.cloud.stop().await.unwrap();
}
