//! The real binary, serving: what it logs, what it connects to.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Stdio};

use crate::binary::{CANARY, NO_STORE, function, json_lines};
use crate::http::{bare, event, send};
use serde_json::Value;

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
