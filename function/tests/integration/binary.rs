//! The real binary, as a shell, a platform and a sender see it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use crate::http::{BUCKET, bare, event, send};
use serde_json::{Value, json};

/// In every secret of these tests; must be in nothing that the program writes.
pub(crate) const CANARY: &str = "canary-5f3a";

/// Nothing listens there.
const NO_STORE: &str = "http://127.0.0.1:1";

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

/// `function`, serving; killed with the test.
pub(crate) struct Serving {
    child: Child,
    log: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
}

impl Serving {
    /// Before the store at that address.
    pub(crate) fn start_at(endpoint: &str) -> Self {
        let mut command = function(&["serve", "--port", "0", "--bind-address", "127.0.0.1"]);
        command
            .env("COS_ENDPOINT", endpoint)
            .env("DRAIN_SECONDS", "0.1")
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).expect(&line);
        assert_eq!(line["message"], "listening");
        let address = line["address"].as_str().unwrap().parse().unwrap();
        Self {
            child,
            log,
            address,
        }
    }

    /// Asks it to end, and gives its exit code and the rest of its log.
    fn terminate(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn serving_outlives_bad_events_and_drains_at_sigterm() {
    let serving = Serving::start_at(NO_STORE);
    let address = serving.address;
    let foreign = event("foreign", "images/x.jpg").replace("\"pictures\"", "\"others\"");
    let endpoint = event("endpoint", "images/x.jpg")
        .replace("\"endpoint\":\"\"", "\"endpoint\":\"http://127.0.0.1:2\"");
    for (request, status) in [
        // Nothing listens at the store's address.
        (bare("GET", "/readyz"), 503),
        (bare("GET", "/healthz"), 200),
        (
            event("own", "thumbnails/a\u{2028}b\n\u{1b}[31m/16.jpg"),
            200,
        ),
        (relengthen(&foreign), 403),
        (relengthen(&endpoint), 403),
        (relengthen(&event("broken", "x").replace("{\"", "[\"")), 400),
        (event("down", "images/x.jpg"), 503),
        (event("outside", "elsewhere/x.jpg"), 200),
    ] {
        let answer = send(address, &request).await;
        assert_eq!(answer.status, status, "{request}\n{}", answer.body);
        assert!(!answer.body.contains(CANARY));
    }
    let (code, log) = serving.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        !log.contains(CANARY) && !log.contains(['\u{2028}', '\u{1b}']),
        "{log}"
    );
    let lines = json_lines(&log);
    let handled = |id: &str| {
        let of_event: Vec<_> = lines
            .iter()
            .filter(|line| line["span"]["id"] == id && line["status"].is_u64())
            .collect();
        assert_eq!(of_event.len(), 1, "one line tells how {id} ended: {log}");
        of_event[0].clone()
    };
    let own = handled("own");
    assert_eq!(own["status"], 200);
    assert_eq!(own["span"]["outcome"], "skipped: own_output");
    assert_eq!(
        own["span"]["key"],
        "thumbnails/a\\u{2028}b\\n\\u{1b}[31m/16.jpg"
    );
    assert_eq!(handled("foreign")["status"], 403);
    assert_eq!(handled("down")["status"], 503);
}

/// The request with the length that its body has now.
fn relengthen(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (head, _) = head.rsplit_once("content-length").unwrap();
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
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
