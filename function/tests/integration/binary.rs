//! The real binary, as a shell, a platform and a sender see it.

use std::process::{Command, Output};

use crate::http::BUCKET;
use serde_json::{Value, json};

/// In every secret of these tests; must be in nothing that the program writes.
pub(crate) const CANARY: &str = "canary-5f3a";

/// Nothing listens there.
pub(crate) const NO_STORE: &str = "http://127.0.0.1:1";

/// The binary with nothing in its environment but a whole configuration. Nothing listens at the
/// store's address.
pub(crate) fn function(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function"));
    command
        .args(args)
        .env_clear()
        .env("COS_ENDPOINT", NO_STORE)
        .env("COS_REGION", "eu-de")
        .env("COS_BUCKET", BUCKET)
        .env("COS_ACCESS_KEY_ID", "id")
        .env("COS_SECRET_ACCESS_KEY", CANARY)
        // Not looked at beside other credentials.
        .env("CLOUD_OBJECT_STORAGE_APIKEY", CANARY)
        .env("EVENT_SECRET", CANARY)
        .env("BACKFILL_SECRET", CANARY);
    command
}

pub(crate) fn run(mut command: Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    );
    assert!(
        !stdout.contains(CANARY) && !stderr.contains(CANARY),
        "{stdout}{stderr}"
    );
    (status.code(), stdout, stderr)
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[test]
fn every_mistake_is_told_at_once_and_ends_with_two() {
    let mut command = function(&["--in-flight", "none", "--sizes", "0"]);
    command
        .env_remove("COS_BUCKET")
        .env("PORT", "web")
        .env("DRAIN_SECONDS", "soon");
    let (code, stdout, stderr) = run(command);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    for variable in ["COS_BUCKET", "PORT", "SIZES", "IN_FLIGHT", "DRAIN_SECONDS"] {
        assert!(stderr.contains(variable), "{variable} in {stderr}");
    }
    let (code, _, stderr) = run(function(&["--cos-secret-access-key", "x"]));
    assert_eq!(code, Some(2), "a secret has no flag: {stderr}");
}

#[test]
fn help_names_every_setting_and_shows_no_value() {
    for args in [&["--help"][..], &["serve", "--help"], &["job", "--help"]] {
        let (code, stdout, _) = run(function(args));
        assert_eq!(code, Some(0));
        let flow = cos_thumbnails::config::VARIABLES.iter();
        for variable in flow.chain(&function::config::VARIABLES) {
            assert!(
                stdout.contains(variable.name),
                "{} in {stdout}",
                variable.name
            );
        }
    }
    assert_eq!(run(function(&["render", "--help"])).0, Some(0));
}

fn job(id: &str, bucket: &str, key: &str) -> Command {
    let mut command = function(&["job"]);
    let data = json!({
        "bucket": bucket, "endpoint": "", "key": key,
        "notification": {
            "bucket_name": bucket, "event_type": "Object:Write", "format": "2.0",
            "object_length": "10", "object_name": key, "request_id": id,
            "request_time": "2026-08-13T11:56:31.032Z",
        },
        "operation": "Object:Write",
    });
    command
        .env("CE_DATA", data.to_string())
        .env("CE_ID", id)
        .env("CE_SPECVERSION", "1.0")
        .env("CE_TYPE", "com.ibm.cloud.cos.document.write")
        .env("CE_TIME", "2026-08-13T11:56:31.032Z")
        .env(
            "CE_SOURCE",
            format!("https://cloud.ibm.com/catalog/services/cloud-object-storage/{bucket}"),
        )
        .env("CONTENT_TYPE", "application/json");
    command
}

#[test]
fn a_job_ends_with_one_only_where_again_can_help() {
    let (code, stdout, _) = run(job("e1", BUCKET, "thumbnails/x/16.jpg"));
    let line = &json_lines(&stdout)[0];
    assert_eq!(
        (code, &line["verdict"], &line["event_id"]),
        (Some(0), &json!("skipped"), &json!("e1"))
    );

    let (code, stdout, _) = run(job("e2", "other", "images/x.jpg"));
    assert_eq!(
        (code, &json_lines(&stdout)[0]["again"]),
        (Some(0), &json!(false))
    );

    let mut broken = job("e3", BUCKET, "images/x.jpg");
    broken.env("CE_DATA", "{");
    let (code, stdout, _) = run(broken);
    assert_eq!(
        (code, &json_lines(&stdout)[0]["again"]),
        (Some(0), &json!(false))
    );

    let (code, stdout, _) = run(job("e4", BUCKET, "images/x.jpg"));
    let line = &json_lines(&stdout)[0];
    assert_eq!(
        (code, &line["again"], &line["event_id"]),
        (Some(1), &json!(true), &json!("e4"))
    );

    let mut misconfigured = job("e5", BUCKET, "images/x.jpg");
    misconfigured.env("SIZES", "none");
    let (code, stdout, stderr) = run(misconfigured);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("SIZES"), "{stderr}");

    let (code, _, stderr) = run(function(&["job"]));
    assert_eq!(code, Some(0));
    assert!(stderr.contains("CE_DATA"), "{stderr}");
}

#[test]
fn each_line_of_a_jobs_log_says_of_which_event_it_is() {
    let mut unreached = job("e1", BUCKET, "images/\"x\".jpg");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    unreached.env("CE_TRACEPARENT", format!("00-{trace}-00f067aa0ba902b7-01"));
    let (_, _, stderr) = run(unreached);
    let lines = json_lines(&stderr);
    assert_eq!(lines.last().unwrap()["event_id"], "e1", "{stderr}");
    for line in lines {
        assert_eq!(
            line["span"],
            json!({
                "name": "event", "id": "e1", "event_type": "com.ibm.cloud.cos.document.write",
                "bucket": BUCKET, "key": "images/\"x\".jpg", "trace_id": trace,
            })
        );
    }
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, stderr) = run(function(&[
        "serve",
        "--bind-address",
        "127.0.0.1",
        "--port",
        &port,
    ]));
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{stderr}"
    );
}
