//! The credentials of a fan-out by a job: tokens that are refused while it runs, and a trusted profile.

use std::process::{Child, Output};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::api::Api;
use crate::job_cloud::{API_KEY, Cloud, PICTURES, told};

/// Lets a held instance go on, and waits for the end of who started it.
fn ended(held: Pid, starter: Child) -> (Option<i32>, Value) {
    kill_process(held, Signal::CONT).unwrap();
    let output: Output = starter.wait_with_output().unwrap();
    let (code, stdout, stderr) = told(&output);
    let summary = serde_json::from_str(&stdout);
    (code, summary.unwrap_or_else(|_| panic!("{stdout}{stderr}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_19_a_token_that_is_revoked_while_the_job_runs_is_replaced() {
    let cloud = Cloud::start().await;
    let api = Api::new(&cloud, API_KEY).await;
    let starter = cloud.backfill(API_KEY, "--instances 2");
    let held = cloud.hold("1");
    // How the run ends can be learnt with a new one only.
    api.revoke_tokens().await;
    let (code, summary) = ended(held, starter);
    assert_eq!(code, Some(0), "{summary}");
    assert_eq!(
        (&summary["finished"], &summary["failed"]),
        (&PICTURES.into(), &0.into())
    );
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_19_where_there_is_no_other_token_it_is_said_how_to_end_the_job_run() {
    let cloud = Cloud::start().await;
    let api = Api::new(&cloud, API_KEY).await;
    let starter = cloud.backfill_with(&[("IAM_TOKEN", &api.token)], "--instances 2");
    let held = cloud.hold("1");
    api.revoke_tokens().await;
    let (code, summary) = ended(held, starter);
    assert_eq!(code, Some(1), "{summary}");
    let why = summary["ended_early"].as_str().unwrap();
    let told =
        "the job run could not be asked for: it answered 401 Unauthorized: The token is missing,";
    assert!(why.starts_with(told), "{why}");
    let name = summary["job"]["job_run"].as_str().unwrap();
    for command in ["get", "delete"] {
        let command = format!("`ibmcloud ce jobrun {command} --name {name}`");
        assert!(why.contains(&command), "{why}");
    }
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_19_a_token_that_has_ended_is_replaced_once_and_not_for_ever() {
    let cloud = Cloud::empty(&["--token-seconds", "0"]);
    let starter = cloud.backfill(API_KEY, "--instances 2");
    let (code, _, _) = told(&starter.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "there is nothing to do, and no token needed");
    cloud.serving.upload("a.jpg").await;
    let starter = cloud.backfill(API_KEY, "--instances 2");
    let (code, stdout, stderr) = told(&starter.wait_with_output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let told = "backfill: the job run could not be started: it answered 401 Unauthorized: ";
    assert!(stderr.starts_with(told), "{stderr}");
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_profile_takes_the_place_of_the_key() {
    let cloud = Cloud::start().await;
    let file = cloud.field("compute_resource_token_file");
    for profile in ["local-cloud", "Profile-local-cloud"] {
        let credential = [("IAM_PROFILE", profile), ("IAM_CR_TOKEN_FILE", file)];
        let starter = cloud.backfill_with(&credential, "--instances 2");
        let (code, stdout, stderr) = told(&starter.wait_with_output().unwrap());
        assert_eq!(code, Some(0), "{stdout}{stderr}");
    }
    for (profile, file, reason) in [
        (
            "other",
            file,
            "IAM gives no token: IAM answered 400: The compute resource token is",
        ),
        (
            "local-cloud",
            "/nonexistent",
            "IAM gives no token: the compute resource's token could not be read: No",
        ),
    ] {
        let credential = [("IAM_PROFILE", profile), ("IAM_CR_TOKEN_FILE", file)];
        let starter = cloud.backfill_with(&credential, "--instances 2");
        let (code, stdout, stderr) = told(&starter.wait_with_output().unwrap());
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains(reason), "{stderr}");
    }
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}
