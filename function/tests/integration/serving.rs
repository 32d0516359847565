//! The real binary, serving: what it logs, what it connects to.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::binary::{CANARY, NO_STORE, function, json_lines};
use crate::http::{Connection, bare, event, send};
use crate::place::{ORIGINAL, Place};
use serde_json::{Value, json};

const ARGS: [&str; 5] = ["serve", "--port", "0", "--bind-address", "127.0.0.1"];

/// `function`, serving; killed with the test.
pub(crate) struct Serving {
    child: Child,
    log: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
}

impl Serving {
    /// Before the store at that address.
    pub(crate) fn start_at(endpoint: &str) -> Self {
        let mut command = function(&ARGS);
        command.env("COS_ENDPOINT", endpoint);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        command.env("DRAIN_SECONDS", "0.1").stderr(Stdio::piped());
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

    /// Asks it to end.
    pub(crate) fn ask_to_end(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end, and gives its exit code and the rest of its log.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
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
async fn case_26_and_27_logs_hold_no_secret_and_one_object_a_line_whatever_comes() {
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
    serving.ask_to_end();
    let (code, log) = serving.ended();
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
    // The line is the outcome, as the sender had it.
    assert_eq!(
        (&own["event_id"], &own["verdict"]),
        (&json!("own"), &json!("skipped"))
    );
    assert_eq!(own["reason"], "own_output");
    assert_eq!(own["key"], "thumbnails/a\u{2028}b\n\u{1b}[31m/16.jpg");
    assert!(own["timings_us"]["total"].is_u64() && own["execution"]["before"].is_u64());
    assert_eq!(own["span"]["key"], own["key"]);
    let foreign = handled("foreign");
    assert_eq!(foreign["status"], 403);
    // Escaped once, as JSON is.
    assert_eq!(
        foreign["error"],
        "forbidden: the event is about bucket \"others\", which this function does not serve"
    );
    assert_eq!(handled("down")["status"], 503);
}

#[tokio::test]
async fn the_log_says_what_to_do_about_a_store_that_fails() {
    let serving = Serving::start_at(NO_STORE);
    let answer = send(serving.address, &event("down", "images/x.jpg")).await;
    assert_eq!(answer.status, 503);
    serving.ask_to_end();
    let lines = json_lines(&serving.ended().1);
    let of_error = |line: &&Value| line["level"] == "ERROR" && line["span"]["id"] == "down";
    let line = lines.iter().find(of_error).unwrap();
    let what_to_do = line["what_to_do"].as_str().unwrap();
    let setting = format!("COS_ENDPOINT is {NO_STORE}");
    assert!(what_to_do.contains(&setting), "{line}");
}

#[tokio::test]
async fn the_log_has_all_that_the_sender_is_told_of_a_rejected_picture() {
    let place = Place::new().await;
    place.put(b"no picture".to_vec()).await;
    let serving = Serving::start_at(&place.endpoint());
    let outcome = send(serving.address, &event("e", ORIGINAL)).await.json();
    assert_eq!(outcome["verdict"], "rejected", "{outcome}");
    assert!(outcome["message"].is_string(), "{outcome}");
    serving.ask_to_end();
    let lines = json_lines(&serving.ended().1);
    let line = lines.iter().find(|line| line["event_id"] == "e").unwrap();
    for (name, value) in outcome.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name}");
    }
    place.stop().await;
}

#[tokio::test]
async fn an_event_shows_the_secret_by_its_extension_or_as_bearer_token() {
    let mut command = function(&ARGS);
    // Which would be enough.
    command.env_remove("BACKFILL_SECRET");
    let serving = Serving::start(command);
    let by_extension = event("e", "thumbnails/x/16.jpg");
    let shown = format!("ce-eventsecret: {CANARY}\r\n");
    let with = |fields: &str| by_extension.replacen(&shown, fields, 1);
    let by_bearer = format!("authorization: Bearer {CANARY}\r\n");
    for (request, status, is_told) in [
        (with(""), 403, true),
        (with("ce-eventsecret: other\r\n"), 403, true),
        (by_extension.clone(), 200, true),
        (with(&by_bearer), 200, true),
        // As behind a Broker, which takes bodies for events.
        (with(&format!("{by_bearer}prefer: reply\r\n")), 200, false),
    ] {
        let answer = send(serving.address, &request).await;
        assert_eq!(answer.status, status, "{request}\n{}", answer.body);
        assert_eq!(
            !answer.body.is_empty(),
            is_told,
            "{request}\n{}",
            answer.body
        );
        assert!(!answer.body.contains(CANARY), "{}", answer.body);
    }
    serving.ask_to_end();
    let (_, log) = serving.ended();
    assert!(!log.contains(CANARY), "{log}");
}

#[tokio::test]
async fn an_events_lines_name_its_trace() {
    let serving = Serving::start_at(NO_STORE);
    let (own, other) = ("4bf92f3577b34da6a3ce929d0e0e4736", "1".repeat(32));
    let traceparent = |trace: &str| format!("00-{trace}-00f067aa0ba902b7-01\r\n");
    let with = |id: &str, fields: &str| {
        let request = event(id, "thumbnails/x/16.jpg");
        request.replacen("\r\n", &format!("\r\n{fields}"), 1)
    };
    let of_event = format!("ce-traceparent: {}", traceparent(own));
    let of_request = format!("traceparent: {}", traceparent(&other));
    for (id, fields) in [
        ("both", format!("{of_event}{of_request}")),
        ("request", of_request.clone()),
        ("bad", format!("ce-traceparent: 00-x\r\n{of_request}")),
        ("none", String::new()),
    ] {
        assert_eq!(send(serving.address, &with(id, &fields)).await.status, 200);
    }
    serving.ask_to_end();
    let lines = json_lines(&serving.ended().1);
    let trace = |id: &str| {
        let line = lines.iter().find(|line| line["event_id"] == id).unwrap();
        line["span"]["trace_id"].clone()
    };
    assert_eq!(trace("both"), own);
    assert_eq!(
        (trace("request"), trace("bad")),
        (json!(other), json!(other))
    );
    assert_eq!(trace("none"), Value::Null);
}

/// The request with the length that its body has now.
pub(crate) fn relengthen(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (head, _) = head.rsplit_once("content-length").unwrap();
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn case_15_no_event_makes_it_connect_anywhere() {
    let listen = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    };
    let ((elsewhere, url), (store, endpoint)) = (listen(), listen());
    let serving = Serving::start_at(&endpoint);
    let told = event("e", "images/x.jpg");
    let said = |endpoint: &str| format!("\"endpoint\":\"{endpoint}\"");
    for foreign in [
        told.replace(&said(""), &said(&url)),
        told.replace(&said(""), &said(&endpoint)),
        told.replace(&said(""), &said("169.254.169.254")),
        told.replace("\"pictures\"", "\"others\""),
        told.replace("\"pictures\"", &format!("\"{url}\"")),
        told.replace("\"pictures\"", "\"../others\""),
    ] {
        let answer = send(serving.address, &relengthen(&foreign)).await;
        assert_eq!(answer.status, 403, "{foreign}");
    }
    for listener in [elsewhere, store] {
        let connected = listener.accept().map(drop).map_err(|error| error.kind());
        assert_eq!(connected, Err(ErrorKind::WouldBlock));
    }
}

#[tokio::test]
async fn case_19_without_iam_events_come_again() {
    let mut command = function(&ARGS);
    command
        .env_remove("COS_ACCESS_KEY_ID")
        .env_remove("COS_SECRET_ACCESS_KEY")
        .env("COS_API_KEY", CANARY)
        .env("IAM_URL", NO_STORE);
    let serving = Serving::start(command);
    let answer = send(serving.address, &event("e", "images/x.jpg")).await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.body.contains(CANARY));
    serving.ask_to_end();
    let (code, log) = serving.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("IAM could not be reached"), "{log}");
    assert!(!log.contains(CANARY), "{log}");
}

/// `function` with a limit of open files that a shell sets by `ulimit`.
fn limited(ulimit: &str) -> Serving {
    let serve = function(&ARGS);
    let mut command = Command::new("/bin/sh");
    let script = format!("{ulimit} && exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(serve.get_program());
    command.args(serve.get_args()).env_clear();
    command.envs(
        serve
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    Serving::start(command)
}

#[tokio::test]
async fn more_connections_than_descriptors_keep_no_one_away() {
    let serving = limited("ulimit -n 64");
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(Connection::open(serving.address).await);
    }
    let answer = send(serving.address, &bare("GET", "/healthz")).await;
    assert_eq!(answer.status, 200);
    drop(idle);
    serving.ask_to_end();
    let (code, log) = serving.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("could not be accepted"), "{log}");
}

#[test]
fn the_limit_of_open_files_is_raised_as_far_as_it_may() {
    let serving = limited("ulimit -Sn 64");
    let limits = format!("/proc/{}/limits", serving.child.id());
    let limits = std::fs::read_to_string(limits).unwrap();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let files: Vec<_> = files.unwrap().split_whitespace().collect();
    assert_eq!(files[0], files[1], "{limits}");
}
