//! A fan-out by a job, from the command line that starts it to the last thumbnail, while instances are
//! killed.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use http::Method;
use rustix::process::Signal;
use serde_json::Value;

use crate::api::Api;
use crate::client::{list, put};
use crate::cloud::picture;
use crate::job_cloud::{API_KEY, Cloud, PICTURES, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_killed_is_started_again_and_each_shard_counts_once() {
    let cloud = Cloud::start().await;
    let record = tempfile::tempdir().unwrap();
    let record = record.path().join("run.ndjson");
    let args = format!("--instances 3 --shards 5 --record {}", record.display());
    let starter = cloud.backfill(API_KEY, &args);
    let (output, killed) = cloud.kill_instances("1", 1, starter);
    let (code, stdout, stderr) = told(&output);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(
        killed.len(),
        1,
        "the first try of one instance was to be killed"
    );

    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(summary["mode"], "fan-out");
    assert_eq!(
        (&summary["pictures"], &summary["finished"]),
        (&12.into(), &12.into())
    );
    assert_eq!(summary["failed"], 0);
    let job = &summary["job"];
    assert_eq!((&job["instances"], &job["shards"]), (&3.into(), &5.into()));
    assert_eq!(
        (&job["instance_retries"], &job["failed_instances"]),
        (&1.into(), &0.into())
    );
    let verdicts = summary["verdicts"].as_object().unwrap();
    let good = ["made", "duplicate"].map(|verdict| verdicts.get(verdict).and_then(Value::as_u64));
    assert_eq!(good.into_iter().flatten().sum::<u64>(), 12, "{summary}");
    assert_eq!(list(&cloud.client, "thumbnails/").await.len(), 6 * PICTURES);

    let lines = fs::read_to_string(record).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.first().unwrap()["job"], "backfill");
    assert_eq!(lines.last().unwrap()["record"], "summary");
    let pictures: Vec<_> = lines
        .iter()
        .filter(|line| line["record"] == "picture")
        .collect();
    let numbers: Vec<_> = pictures
        .iter()
        .map(|line| line["n"].as_u64().unwrap())
        .collect();
    let sorted: BTreeSet<_> = numbers.iter().copied().collect();
    assert!(
        numbers.len() == PICTURES && sorted.into_iter().eq(1..=12),
        "{numbers:?}"
    );

    let kept = list(&cloud.client, "backfill-runs/").await;
    let run = summary["run"].as_str().unwrap();
    for (what, count) in [
        ("manifest.json", 1),
        ("shards/0000", 5),
        ("records/0000", 5),
    ] {
        let start = format!("backfill-runs/{run}/{what}");
        let found = kept.iter().filter(|key| key.starts_with(&start));
        assert_eq!(found.count(), count, "{kept:?}");
    }
    let (code, said) = cloud.serving.end(Signal::TERM);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("WARN") && said.contains("an instance failed"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_an_instance_that_never_comes_to_its_end_are_told_as_failed() {
    let cloud = Cloud::start().await;
    let starter = cloud.backfill(API_KEY, "--instances 3");
    let (output, killed) = cloud.kill_instances("2", u32::MAX, starter);
    let (code, stdout, stderr) = told(&output);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert_eq!(killed.len(), 4, "one try, and three retries");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&summary["finished"], &summary["failed"]),
        (&12.into(), &4.into())
    );
    assert_eq!(summary["job"]["failed_instances"], 1);
    let failures = summary["failures"].as_array().unwrap();
    let keys: Vec<_> = failures
        .iter()
        .map(|failure| failure["key"].as_str().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "images/08.jpg",
            "images/09.jpg",
            "images/10.jpg",
            "images/11.jpg"
        ]
    );
    let error = failures[0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("instance 2 of job run backfill-"),
        "{error}"
    );
    assert!(
        error.ends_with(" failed: ContainerExitedCode137"),
        "{error}"
    );
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_token_is_told_so_and_nothing_is_started() {
    let cloud = Cloud::start().await;
    let output = cloud
        .backfill("canary-key-52", "--instances 3")
        .wait_with_output();
    let (code, stdout, stderr) = told(&output.unwrap());
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let expected = "backfill: the job run could not be started: IAM gives no token: IAM answered \
                    400: Provided API key could not be found.\n";
    assert_eq!(stderr, expected);
    assert!(list(&cloud.client, "thumbnails/").await.is_empty());
    assert!(list(&cloud.client, "backfill-runs/").await.is_empty());
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_instances_than_pictures_are_not_started_and_nothing_to_do_is_no_fault() {
    let cloud = Cloud::start().await;
    let output = cloud
        .backfill(API_KEY, "--count 2 --instances 1000")
        .wait_with_output();
    let (code, stdout, stderr) = told(&output.unwrap());
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&summary["job"]["instances"], &summary["verdicts"]["made"]),
        (&2.into(), &2.into())
    );

    let output = cloud
        .backfill(API_KEY, "--source-prefix other/")
        .wait_with_output();
    let (code, stdout, stderr) = told(&output.unwrap());
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&summary["job"], &summary["finished"]),
        (&Value::Null, &0.into())
    );
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_with_another_prefix_makes_nothing_and_says_so_for_every_picture() {
    let cloud = Cloud::start().await;
    for (args, variable) in [
        (
            "--output-prefix elsewhere/",
            "OUTPUT_PREFIX is \"thumbnails/\"",
        ),
        ("--source-prefix images/0", "SOURCE_PREFIX is \"images/\""),
    ] {
        let output = cloud.backfill(API_KEY, args).wait_with_output();
        let (code, stdout, stderr) = told(&output.unwrap());
        assert_eq!(code, Some(1), "{stdout}{stderr}");
        let summary: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(summary["failed"], summary["pictures"]);
        assert_eq!(summary["job"]["instance_retries"], 0);
        let error = summary["failures"][0]["error"].as_str().unwrap();
        assert!(
            error.starts_with(&format!("the job's {variable}, but")),
            "{error}"
        );
    }
    for prefix in ["thumbnails/", "elsewhere/"] {
        assert!(list(&cloud.client, prefix).await.is_empty());
    }
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_often_a_picture_is_tried_again_is_told_to_the_instances() {
    let cloud = Cloud::start().await;
    let output = cloud
        .backfill(API_KEY, "--count 1 --retries 3")
        .wait_with_output();
    let (code, stdout, stderr) = told(&output.unwrap());
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let api = Api::new(&cloud, API_KEY).await;
    let runs = api.call(Method::GET, "job_runs", None).await.1;
    let arguments = runs["job_runs"][0]["run_arguments"].as_array().unwrap();
    assert_eq!(arguments[2..], ["--retries", "3"]);
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

/// The largest array that Code Engine takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a thousand processes take a minute or more"]
async fn a_thousand_instances_do_a_picture_each() {
    const MANY: usize = 1000;
    let cloud = Cloud::empty(&[]);
    for n in 0..MANY {
        put(&cloud.client, &format!("images/{n:03}.jpg"), picture(1)).await;
    }
    let began = Instant::now();
    let output = cloud
        .backfill(API_KEY, "--instances 1000")
        .wait_with_output();
    let (code, stdout, stderr) = told(&output.unwrap());
    println!("{MANY} instances took {:.1?}", began.elapsed());
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    let job = &summary["job"];
    assert_eq!(
        (&job["instances"], &job["shards"]),
        (&MANY.into(), &MANY.into())
    );
    assert_eq!(
        (&summary["finished"], &summary["failed"]),
        (&MANY.into(), &0.into())
    );
    let api = Api::new(&cloud, API_KEY).await;
    let runs = api.call(Method::GET, "job_runs", None).await.1;
    let details = &runs["job_runs"][0]["status_details"];
    assert_eq!(details["succeeded_indices"], "0-999");
    assert_eq!(list(&cloud.client, "thumbnails/").await.len(), 6 * MANY);
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}
