//! Each exit code, as the program really ends with it.

use cos_thumbnails::object::Key;
use cos_thumbnails::process::Exit;
use cos_thumbnails::storage::{HmacKey, ListOptions, S3, S3Config, Storage};
use rustix::process::{Pid, Signal, kill_process};

use crate::cloud::{backfill, ended, store_alone};

/// A run that would last for an hour, interrupted when its first picture is done.
async fn interrupted(config: &S3Config) -> Option<i32> {
    let mut command = backfill(config, "--no-journal --mode sequential --rate 0.001");
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let store = S3::new(config).unwrap();
    let made = ListOptions {
        prefix: "thumbnails/".to_owned(),
        ..ListOptions::default()
    };
    while store.list(made.clone()).await.unwrap().objects.is_empty() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        tokio::task::yield_now().await;
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait());
    status.await.unwrap().unwrap().code()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_code_is_what_it_is_said_to_be() {
    let (server, config, _folder) = store_alone(2).await;
    let unknown = S3Config {
        credentials: cos_thumbnails::storage::Credentials::Hmac(HmacKey {
            access_key_id: "nobody".to_owned(),
            ..config.hmac_key().unwrap().clone()
        }),
        ..config.clone()
    };
    assert_eq!(
        interrupted(&config).await,
        Some(Exit::Interrupted.code().into())
    );
    for (exit, config, line) in [
        (Exit::Done, &config, "--no-journal"),
        (Exit::Done, &config, "verify"),
        (Exit::Failed, &unknown, "--no-journal"),
        (Exit::Failed, &config, "explain images/none.jpg"),
        (Exit::Usage, &config, "--mode serverless"),
        (Exit::Usage, &config, "--output-prefix images/small/"),
        (
            Exit::Left,
            &config,
            "--no-journal --rate 0.1 --max-duration 0s",
        ),
    ] {
        let (code, text) = ended(config, line).await;
        assert_eq!(code, Some(exit.code().into()), "{line}: {text}");
    }
    let lost = Key::new("thumbnails/000.jpg/64.jpg");
    S3::new(&config).unwrap().delete(&lost).await.unwrap();
    let (code, text) = ended(&config, "verify --pending-minutes 0").await;
    assert_eq!(code, Some(Exit::Failed.code().into()), "{text}");
    server.stop().await;
}
