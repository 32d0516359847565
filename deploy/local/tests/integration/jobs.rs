//! A fan-out by a job, from the command line that starts it to the last thumbnail, while instances are
//! killed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use aws_sdk_s3::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::binary::Serving;
use crate::client::{BUCKET, client, list};

const API_KEY: &str = "canary-key-51";
const PICTURES: usize = 12;

/// A cloud with pictures whose thumbnails were lost.
struct Cloud {
    serving: Serving,
    client: Client,
    _temporary: tempfile::TempDir,
}

impl Cloud {
    async fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let environment = [("IBMCLOUD_API_KEY", API_KEY)];
        let serving = Serving::start_with(temporary.path(), &["--count", "0"], &environment);
        let client = client(&serving.config);
        for n in 0..PICTURES {
            serving.upload(&format!("{n:02}.jpg")).await;
        }
        for key in list(&client, "thumbnails/").await {
            let delete = client.delete_object().bucket(BUCKET).key(key);
            delete.send().await.unwrap();
        }
        Self {
            serving,
            client,
            _temporary: temporary,
        }
    }

    fn field(&self, name: &str) -> &str {
        self.serving.ready[name].as_str().unwrap()
    }

    /// The program that starts a run by a job, with an API key.
    fn backfill(&self, api_key: &str, args: &str) -> Child {
        let config = &self.serving.config;
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
        command
            .args([
                "backfill", "--mode", "fan-out", "--job", "backfill", "--json",
            ])
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
            .env("CODE_ENGINE_URL", self.field("engine"))
            .env("CODE_ENGINE_PROJECT_ID", self.field("project_id"))
            .env("IAM_URL", self.field("engine"))
            .env("IBMCLOUD_API_KEY", api_key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Kills instances of this index, those whose number of retries is `below`, until the program ends.
    fn kill_instances(
        &self,
        index: &str,
        below: u32,
        mut starter: Child,
    ) -> (Output, HashSet<Pid>) {
        let engine = Pid::from_child(&self.serving.child);
        let mut killed = HashSet::new();
        while starter.try_wait().unwrap().is_none() {
            for (pid, environment) in children(engine) {
                let of = |name: &str| environment.get(name).map(String::as_str);
                let retries = of("JOB_INDEX_RETRY_COUNT").and_then(|n| n.parse::<u32>().ok());
                if of("JOB_INDEX") == Some(index) && retries.is_some_and(|n| n < below) {
                    // Unless it has ended by itself meanwhile.
                    if kill_process(pid, Signal::KILL).is_ok() {
                        killed.insert(pid);
                    }
                }
            }
            std::thread::yield_now();
        }
        (starter.wait_with_output().unwrap(), killed)
    }
}

/// The processes that `parent` has started, with their environment.
fn children(parent: Pid) -> Vec<(Pid, BTreeMap<String, String>)> {
    let parent = parent.as_raw_nonzero().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let pid = Pid::from_raw(path.file_name()?.to_str()?.parse().ok()?)?;
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        (fields.nth(1)? == parent).then_some(())?;
        Some((pid, environment(&path)?))
    });
    processes.collect()
}

fn environment(process: &Path) -> Option<BTreeMap<String, String>> {
    let variables = fs::read(process.join("environ")).ok()?;
    let variables = String::from_utf8(variables).ok()?;
    let pairs = variables
        .split('\0')
        .filter_map(|pair| pair.split_once('='));
    Some(
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    for secret in [API_KEY, crate::binary::CANARY, "eyJ"] {
        assert!(
            !stdout.contains(secret) && !stderr.contains(secret),
            "{stdout}{stderr}"
        );
    }
    (output.status.code(), stdout, stderr)
}

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
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
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
    let expected = "backfill: the job run could not be started: IAM gives no token: it answered 400 Bad \
                    Request: Provided API key could not be found.\n";
    assert_eq!(stderr, expected);
    assert!(list(&cloud.client, "thumbnails/").await.is_empty());
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
        (&summary["job"]["instances"], &summary["finished"]),
        (&0.into(), &0.into())
    );
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_interrupted_ends_its_instances_and_tells_what_was_done() {
    let cloud = Cloud::start().await;
    let starter = cloud.backfill(API_KEY, "--instances 3");
    let engine = Pid::from_child(&cloud.serving.child);
    // One instance that stands still keeps the job run from its end.
    let held = loop {
        let of_run = children(engine).into_iter();
        let mut second = of_run.filter(|(_, environment)| {
            environment
                .get("JOB_INDEX")
                .is_some_and(|index| index == "1")
        });
        if let Some((pid, _)) = second.next() {
            kill_process(pid, Signal::STOP).unwrap();
            break pid;
        }
        std::thread::yield_now();
    };
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
