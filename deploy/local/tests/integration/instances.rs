//! The function in processes behind the router: scaled from zero and back, never more requests in one than
//! it takes, and the failures that a client sees in the cloud, too.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use local_cloud::{InstanceEvent, Program, Scaling};
use rustix::process::Signal;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::binary::Serving;
use crate::client::{client, list, put};
use crate::cloud::picture;
use crate::gated::{Manner, Routed, by_process, is_alive};

#[tokio::test]
async fn instances_come_with_the_requests_and_go_without_and_take_no_more_than_they_may() {
    let mut routed = Routed::start(Scaling {
        max_scale: 2,
        concurrency: 2,
        buffer: Some(3),
        scale_down_delay: Duration::from_millis(20),
        ..Scaling::default()
    })
    .await;
    let mut asked = JoinSet::new();
    let mut held = Vec::new();
    // From zero to two.
    for _ in 0..3 {
        routed.ask(&mut asked);
    }
    for _ in 0..3 {
        held.push(routed.held().await);
    }
    routed.ask(&mut asked);
    held.push(routed.held().await);
    let count = by_process(&held);
    assert!(
        count.len() == 2 && count.values().all(|&requests| requests == 2),
        "{count:?}"
    );

    // Three of four wait; which of them is refused is chance.
    for _ in 0..4 {
        routed.ask(&mut asked);
    }
    let (status, body) = asked.join_next().await.unwrap().unwrap();
    assert_eq!(
        (status, body.contains("buffer is full")),
        (StatusCode::SERVICE_UNAVAILABLE, true)
    );
    for _ in 0..3 {
        held.remove(0).let_go().await;
        held.push(routed.held().await);
        let count = by_process(&held);
        assert!(count.values().all(|&requests| requests <= 2), "{count:?}");
    }
    for held in held {
        held.let_go().await;
    }
    while let Some(answered) = asked.join_next().await {
        let (status, body) = answered.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(
            count.contains_key(&pid_of(&body)),
            "a third process: {body}"
        );
    }

    // And back to zero.
    for _ in 0..2 {
        routed
            .notice(|notice| notice.event == InstanceEvent::Ended)
            .await;
    }
    for pid in count.keys() {
        assert!(!is_alive(*pid));
    }
    // And from zero again.
    routed.ask(&mut asked);
    let again = routed.held().await;
    assert!(!count.contains_key(&again.pid));
    again.let_go().await;
    assert_eq!(asked.join_next().await.unwrap().unwrap().0, StatusCode::OK);
    routed.stop().await;
}

fn pid_of(answer: &str) -> u32 {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["pid"].as_u64().unwrap().try_into().unwrap()
}

#[tokio::test]
async fn an_instance_that_is_killed_is_a_bad_gateway_and_is_replaced() {
    let mut routed = Routed::start(Scaling {
        min_scale: 1,
        max_scale: 1,
        ..Scaling::default()
    })
    .await;
    // There without any request.
    routed.ready().await;
    let mut asked = JoinSet::new();
    routed.ask(&mut asked);
    let held = routed.held().await;
    held.kill(Signal::KILL);
    let (status, body) = asked.join_next().await.unwrap().unwrap();
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::BAD_GATEWAY, "the instance broke off")
    );
    let failed = routed
        .notice(|notice| matches!(notice.event, InstanceEvent::Failed { .. }))
        .await;
    assert_eq!((failed.instance, failed.ready), (1, 0));
    let ready = routed.ready().await;
    assert_eq!((ready.instance, ready.ready), (2, 1));
    routed.ask(&mut asked);
    let again = routed.held().await;
    assert_ne!(again.pid, held.pid);
    again.let_go().await;
    assert_eq!(asked.join_next().await.unwrap().unwrap().0, StatusCode::OK);
    routed.stop().await;
}

#[tokio::test]
async fn who_is_told_to_end_first_does_what_it_has() {
    let mut routed = Routed::start(Scaling::default()).await;
    let mut asked = JoinSet::new();
    // SIGTERM from elsewhere.
    routed.ask(&mut asked);
    let held = routed.held().await;
    held.kill(Signal::TERM);
    held.let_go().await;
    assert_eq!(asked.join_next().await.unwrap().unwrap().0, StatusCode::OK);
    routed
        .notice(|notice| matches!(notice.event, InstanceEvent::Failed { .. }))
        .await;

    // And the end of all.
    routed.ask(&mut asked);
    let held = routed.held().await;
    let Routed {
        instances,
        mut notices,
        url,
        ..
    } = routed;
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/events")
        .to_owned();
    let stopping = tokio::spawn(instances.stop());
    let refused = async { while TcpStream::connect(&address).await.is_ok() {} };
    tokio::time::timeout(Duration::from_mins(1), refused)
        .await
        .unwrap();
    assert!(is_alive(held.pid));
    held.let_go().await;
    assert_eq!(asked.join_next().await.unwrap().unwrap().0, StatusCode::OK);
    stopping.await.unwrap();
    let mut last = None;
    while let Ok(notice) = notices.try_recv() {
        last = Some(notice.event);
    }
    assert_eq!(last, Some(InstanceEvent::Ended));
}

#[tokio::test]
async fn a_cold_start_takes_as_long_as_is_asked_for() {
    let mut routed = Routed::start(Scaling {
        cold_start: Duration::from_millis(300),
        ..Scaling::default()
    })
    .await;
    let mut asked = JoinSet::new();
    routed.ask(&mut asked);
    routed.held().await.let_go().await;
    assert_eq!(asked.join_next().await.unwrap().unwrap().0, StatusCode::OK);
    let ready = routed.ready().await;
    let InstanceEvent::Ready { after_ms } = ready.event else {
        unreachable!("{ready}");
    };
    assert!(after_ms >= 300, "{after_ms}");
    routed.stop().await;
}

#[tokio::test]
async fn what_does_not_come_up_is_told_and_who_waits_for_it_is_refused_in_time() {
    for (path, expected) in [
        ("/nonexistent", "it cannot be started: No such file"),
        ("/bin/true", "exit status: 0"),
    ] {
        let program = Program {
            path: PathBuf::from(path),
            arguments: Vec::new(),
            variables: Vec::new(),
        };
        let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scaling = Scaling {
            request_timeout: Duration::from_millis(200),
            ..Scaling::default()
        };
        let mut routed = Routed::start_of(program, scaling, gate).await;
        let mut asked = JoinSet::new();
        routed.ask(&mut asked);
        let failed = routed
            .notice(|notice| matches!(notice.event, InstanceEvent::Failed { .. }))
            .await;
        let InstanceEvent::Failed { how } = failed.event else {
            unreachable!("{failed}");
        };
        let silent = "it ended without saying where it listens";
        assert!(
            how.starts_with(expected) || (path == "/bin/true" && how == silent),
            "{how}"
        );
        let (status, body) = asked.join_next().await.unwrap().unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("in time"), "{body}");
        routed.stop().await;
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_gateway_timeout() {
    let routed = Routed::start(Scaling {
        request_timeout: Duration::from_secs(5),
        ..Scaling::default()
    })
    .await;
    let mut asked = JoinSet::new();
    routed.ask(&mut asked);
    let held = routed.held().await;
    assert_eq!(
        asked.join_next().await.unwrap().unwrap().0,
        StatusCode::GATEWAY_TIMEOUT
    );
    drop(held);
    routed.stop().await;
}

#[tokio::test]
async fn an_answer_whose_body_takes_too_long_is_a_gateway_timeout() {
    let mut routed = Routed::start_with(
        Manner::Stalling,
        Scaling {
            min_scale: 1,
            max_scale: 1,
            request_timeout: Duration::from_secs(2),
            ..Scaling::default()
        },
    )
    .await;
    routed.ready().await;
    let mut asked = JoinSet::new();
    routed.ask(&mut asked);
    let answered = tokio::time::timeout(Duration::from_mins(1), asked.join_next());
    let (status, body) = answered.await.unwrap().unwrap().unwrap();
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::GATEWAY_TIMEOUT, "the instance took too long")
    );
    routed.stop().await;
}

#[tokio::test]
async fn an_instance_that_is_not_needed_any_more_ends_after_its_requests() {
    let mut routed = Routed::start_with(
        Manner::Abrupt,
        Scaling {
            max_scale: 2,
            concurrency: 2,
            scale_down_delay: Duration::from_millis(20),
            ..Scaling::default()
        },
    )
    .await;
    let mut asked = JoinSet::new();
    let mut held = Vec::new();
    for _ in 0..3 {
        routed.ask(&mut asked);
        held.push(routed.held().await);
    }
    // One request in each of two, for which one instance would do.
    let count = by_process(&held);
    let of_two = held.iter().position(|held| count[&held.pid] == 2).unwrap();
    held.remove(of_two).let_go().await;
    routed
        .notice(|notice| notice.event == InstanceEvent::Terminating)
        .await;
    for held in held {
        held.let_go().await;
    }
    while let Some(answered) = asked.join_next().await {
        let (status, body) = answered.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    routed
        .notice(|notice| notice.event == InstanceEvent::Ended)
        .await;
    routed.stop().await;
}

#[tokio::test]
async fn a_request_whose_client_hung_up_has_its_place_until_it_is_done() {
    let mut routed = Routed::start(Scaling {
        min_scale: 1,
        max_scale: 1,
        concurrency: 1,
        buffer: Some(0),
        ..Scaling::default()
    })
    .await;
    routed.ready().await;
    let mut asked = JoinSet::new();
    routed.ask(&mut asked);
    let held = routed.held().await;
    asked.shutdown().await;
    // Each is a chance to see the hang-up.
    for _ in 0..50 {
        routed.ask(&mut asked);
        let answered = tokio::time::timeout(Duration::from_mins(1), asked.join_next());
        let answered = answered.await.expect("a second request is in the instance");
        let (status, body) = answered.unwrap().unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    }
    held.let_go().await;
    let done = async {
        loop {
            routed.ask(&mut asked);
            tokio::select! {
                held = routed.held() => break held,
                refused = asked.join_next() => drop(refused.unwrap().unwrap()),
            }
        }
    };
    let again = tokio::time::timeout(Duration::from_mins(1), done).await;
    again.unwrap().let_go().await;
    assert_eq!(asked.join_next().await.unwrap().unwrap().0, StatusCode::OK);
    routed.stop().await;
}

/// The process of a line such as `instance 3  started, process 4711  (0 ready)`.
fn process(line: &str) -> u32 {
    let (_, after) = line.split_once("process ").unwrap();
    after.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_function_itself_runs_in_instances() {
    let temporary = tempfile::tempdir().unwrap();
    let scaling = [
        "--max-scale",
        "3",
        "--concurrency",
        "1",
        "--scale-down-delay",
        "0.2",
    ];
    let command = [&scaling[..], &["--count", "0"]].concat();
    let serving = Serving::start(temporary.path(), &command);
    let store = client(&serving.config);
    for name in ["a", "b", "c", "d"] {
        put(&store, &format!("images/{name}.jpg"), picture(1)).await;
    }
    let lines = serving.said_each(&[
        "instance 1  started",
        "instance 1  ended",
        "images/a.jpg  made",
        "images/b.jpg  made",
        "images/c.jpg  made",
        "images/d.jpg  made",
    ]);
    let first = process(&lines[0]);
    assert!(!is_alive(first));
    assert_eq!(list(&store, "thumbnails/").await.len(), 24);

    // From zero again, by a backfill that fans out.
    let config = &serving.config;
    let done = Command::new(env!("CARGO_BIN_EXE_local-cloud"))
        .args([
            "backfill",
            "--no-journal",
            "--mode",
            "fan-out",
            "--function",
            &serving.function,
        ])
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
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let second = loop {
        let line = serving.said("instance ");
        if line.contains("started") {
            break process(&line);
        }
    };
    assert_ne!(first, second);
    assert_eq!(serving.end(Signal::TERM).0, Some(0));
    assert!(!is_alive(second));
}

#[tokio::test]
async fn no_instance_outlives_a_cloud_that_is_killed() {
    let temporary = tempfile::tempdir().unwrap();
    let command = ["--max-scale", "1", "--min-scale", "1", "--count", "0"];
    let serving = Serving::start(temporary.path(), &command);
    let instance = process(&serving.said("instance 1  started"));
    serving.said("instance 1  ready");
    // Dropped it is killed.
    drop(serving);
    let gone = async {
        while is_alive(instance) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone)
        .await
        .unwrap();
}
