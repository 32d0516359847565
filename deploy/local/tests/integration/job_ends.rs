//! A fan-out by a job that is interrupted, and a cloud that is killed under its instances.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::api::Api;
use crate::client::{Running, list, put};
use crate::cloud::picture;
use crate::gated::is_alive;
use crate::job_cloud::{API_KEY, Cloud, children, settings, told};

/// Interrupts it, and waits until it has taken note of that.
fn interrupt(starter: &mut Child) -> BufReader<impl Read + use<>> {
    kill_process(Pid::from_child(starter), Signal::INT).unwrap();
    let mut stderr = BufReader::new(starter.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("backfill: stopping; "), "{line}");
    stderr
}

/// Waits until it has written a shard, or the manifest.
async fn first_shard(cloud: &Cloud, starter: &mut Child) {
    let written = async {
        while list(&cloud.client, "backfill-runs/").await.is_empty() {
            let ended = starter.try_wait().unwrap();
            assert!(ended.is_none(), "it ended without a shard: {ended:?}");
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), written).await;
    in_time.expect("it writes no shard");
}

/// Its end after that.
fn ended(starter: Child, mut stderr: impl Read) -> (Option<i32>, Value) {
    let output = starter.wait_with_output().unwrap();
    let mut rest = Vec::new();
    stderr.read_to_end(&mut rest).unwrap();
    let (code, stdout, _) = told(&Output {
        stderr: rest,
        ..output
    });
    (code, serde_json::from_str(&stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_interrupted_ends_its_instances_and_tells_what_was_done() {
    let cloud = Cloud::start().await;
    let starter = cloud.backfill(API_KEY, "--instances 3");
    let engine = Pid::from_child(&cloud.serving.child);
    let held = cloud.hold("1");
    while children(engine).iter().any(|(pid, _)| *pid != held)
        || list(&cloud.client, "backfill-runs/")
            .await
            .iter()
            .filter(|key| key.contains("/records/"))
            .count()
            < 2
    {
        tokio::task::yield_now().await;
    }
    kill_process(Pid::from_child(&starter), Signal::INT).unwrap();
    let (code, stdout, stderr) = told(&starter.wait_with_output().unwrap());
    assert_eq!(code, Some(130), "{stdout}{stderr}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(summary["ended_early"], "interrupted");
    assert_eq!(
        (&summary["finished"], &summary["failed"]),
        (&8.into(), &0.into())
    );
    let ended = async {
        while !children(engine).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), ended).await;
    in_time.expect("the instance is there still");
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_interrupted_while_its_shards_are_written_leaves_none_and_starts_nothing() {
    const MANY: usize = 400;
    let cloud = Cloud::empty(&[]);
    for n in 0..MANY {
        put(&cloud.client, &format!("many/{n:03}"), "x").await;
    }
    let mut starter = cloud.backfill(API_KEY, "--source-prefix many/ --shards 400");
    first_shard(&cloud, &mut starter).await;
    let server = Pid::from_child(&cloud.serving.child);
    kill_process(server, Signal::STOP).unwrap();
    let stderr = interrupt(&mut starter);
    kill_process(server, Signal::CONT).unwrap();
    let (code, summary) = ended(starter, stderr);
    assert_eq!(code, Some(130), "{summary}");
    assert_eq!(
        summary["ended_early"],
        "interrupted before the job run was started; its shards were removed"
    );
    assert_eq!(
        (&summary["finished"], &summary["job"]),
        (&0.into(), &Value::Null)
    );
    assert!(list(&cloud.client, "backfill-runs/").await.is_empty());
    let api = Api::new(&cloud, API_KEY).await;
    let runs = api.call(Method::GET, "job_runs", None).await.1;
    assert_eq!(runs["job_runs"], json!([]));
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_originals_there_is_no_job_run_and_nothing_is_left() {
    let cloud = Cloud::empty(&[]);
    let starter = cloud.backfill(API_KEY, "--source-prefix none/");
    let (code, stdout, stderr) = told(&starter.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&summary["pictures"], &summary["job"]),
        (&0.into(), &Value::Null)
    );
    assert!(stderr.contains("no original is selected"), "{stderr}");
    assert!(list(&cloud.client, "backfill-runs/").await.is_empty());
    let api = Api::new(&cloud, API_KEY).await;
    let runs = api.call(Method::GET, "job_runs", None).await.1;
    assert_eq!(runs["job_runs"], json!([]));
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_interrupted_twice_before_its_job_run_says_that_there_is_none_and_what_is_left()
 {
    let cloud = Cloud::empty(&[]);
    for n in 0..400 {
        put(&cloud.client, &format!("many/{n:03}"), "x").await;
    }
    let mut starter = cloud.backfill(API_KEY, "--source-prefix many/ --shards 400");
    first_shard(&cloud, &mut starter).await;
    // The store does not answer, so that the shards cannot be removed.
    let server = Pid::from_child(&cloud.serving.child);
    kill_process(server, Signal::STOP).unwrap();
    let stderr = interrupt(&mut starter);
    kill_process(Pid::from_child(&starter), Signal::INT).unwrap();
    let (code, summary) = ended(starter, stderr);
    kill_process(server, Signal::CONT).unwrap();
    assert_eq!(code, Some(130), "{summary}");
    assert_eq!(summary["job"], Value::Null);
    let why = summary["ended_early"].as_str().unwrap();
    assert!(why.contains(" before the job run was started; "), "{why}");
    let left = list(&cloud.client, "backfill-runs/").await;
    let (_, folder) = why.rsplit_once(' ').unwrap();
    assert!(
        !left.is_empty() && left.iter().all(|key| key.starts_with(folder)),
        "{why}: {left:?}"
    );
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_interrupted_twice_ends_at_once_and_says_how_to_end_its_job_run() {
    let cloud = Cloud::start().await;
    let mut starter = cloud.backfill(API_KEY, "--instances 2");
    cloud.hold("1");
    // Neither the engine nor the store answers.
    let server = Pid::from_child(&cloud.serving.child);
    kill_process(server, Signal::STOP).unwrap();
    let stderr = interrupt(&mut starter);
    kill_process(Pid::from_child(&starter), Signal::INT).unwrap();
    let (code, summary) = ended(starter, stderr);
    assert_eq!(code, Some(130), "{summary}");
    assert_eq!(summary["finished"], 0);
    let why = summary["ended_early"].as_str().unwrap();
    let name = summary["job"]["job_run"].as_str().unwrap();
    assert!(why.starts_with("interrupted twice, "), "{why}");
    let command = format!("`ibmcloud ce jobrun delete --name {name}` ends it");
    assert!(why.contains(&command), "{why}");
    kill_process(server, Signal::CONT).unwrap();
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_terminated_ends_what_it_has_begun_and_its_next_try_does_the_rest() {
    const PICTURES: usize = 150;
    let running = Running::start().await;
    let client = running.client();
    let mut originals = Vec::new();
    for n in 0..PICTURES {
        let key = format!("images/{n:03}.jpg");
        put(&client, &key, picture(1)).await;
        originals.push(json!({"key": key, "etag": "", "bytes": 1}));
    }
    let manifest = json!({
        "run": "r", "version": "0", "prefix": "runs/", "shards": 1,
        "source_prefix": "images/", "output_prefix": "thumbnails/",
        "failure_prefix": "failures/",
    });
    let shard = json!({"first": 1, "originals": originals});
    for (name, value) in [("manifest.json", manifest), ("shards/00000.json", shard)] {
        put(&client, &format!("runs/r/{name}"), value.to_string()).await;
    }
    let instance = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
        command.args([
            "backfill",
            "shard",
            "runs/r/manifest.json",
            "--in-flight",
            "2",
        ]);
        command.env_clear().envs(settings(&running.config));
        command.env("JOB_INDEX", "0").env("JOB_ARRAY_SIZE", "1");
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let first = instance();
    while list(&client, "thumbnails/").await.is_empty() {
        tokio::task::yield_now().await;
    }
    kill_process(Pid::from_child(&first), Signal::TERM).unwrap();
    let (code, stdout, stderr) = told(&first.wait_with_output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(130), ""), "{stderr}");
    let made = list(&client, "thumbnails/").await.len();
    assert!(made < 6 * PICTURES, "it was done before it was told to end");
    assert_eq!(made % 6, 0, "a picture was broken off");
    assert!(list(&client, "runs/r/records/").await.is_empty());

    for expected in ["150 pictures, of which 0 failed", "done before"] {
        let (code, stdout, stderr) = told(&instance().wait_with_output().unwrap());
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(stdout, format!("shard 0: {expected}\n"));
        assert_eq!(list(&client, "thumbnails/").await.len(), 6 * PICTURES);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_instance_of_a_job_outlives_a_cloud_that_is_killed() {
    let cloud = Cloud::empty(&[]);
    let api = Api::new(&cloud, API_KEY).await;
    // A program that does not end by itself.
    let ready = &cloud.serving.ready;
    let literal = |name: &str, value: &Value| json!({"name": name, "value": value});
    let run = json!({
        "name": "serve",
        "image_reference": "cos-thumbnails",
        "run_commands": ["/function"],
        "run_env_variables": [
            literal("COS_ENDPOINT", &ready["store"]),
            literal("COS_REGION", &ready["region"]),
            literal("COS_BUCKET", &ready["bucket"]),
            literal("BIND_ADDRESS", &"127.0.0.1".into()),
            literal("PORT", &"0".into()),
            {"type": "secret_full_reference", "reference": "cos"},
        ],
    });
    api.call(Method::POST, "job_runs", Some(&run)).await;
    let engine = Pid::from_child(&cloud.serving.child);
    let instance = loop {
        let found = children(engine).into_iter();
        let mut found = found.filter(|(_, environment)| environment.contains_key("JOB_INDEX"));
        if let Some((pid, _)) = found.next() {
            break pid.as_raw_nonzero().get().unsigned_abs();
        }
        tokio::task::yield_now().await;
    };
    // Dropped it is killed.
    drop(cloud);
    let gone = async {
        while is_alive(instance) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), gone).await;
    in_time.expect("the instance is there still");
}
