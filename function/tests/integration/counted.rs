//! What a runtime tells to who counts.

use std::sync::Arc;
use std::time::Duration;

use function::runtime::{Abandoned, Load, Meter, Runtime};
use http::StatusCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::http::{Connection, event, event_parts, send};
use crate::runtime::{SOON, Server, batch, gated, obey};

/// Tells what it is told.
#[derive(Debug)]
struct Teller(UnboundedSender<String>);

impl Teller {
    fn new() -> (Arc<Self>, UnboundedReceiver<String>) {
        let (sender, told) = unbounded_channel();
        (Arc::new(Self(sender)), told)
    }

    fn tell(&self, text: String) {
        // The test may have ended.
        let _ = self.0.send(text);
    }
}

impl Meter for Teller {
    fn answered(&self, status: StatusCode, _: Duration) {
        self.tell(format!("answered {}", status.as_u16()));
    }

    fn hung_up(&self) {
        self.tell("hung up".to_owned());
    }

    fn gave_way(&self) {
        self.tell("gave way".to_owned());
    }

    fn malformed(&self) {
        self.tell("malformed".to_owned());
    }

    fn abandoned(&self, events: usize, why: Abandoned) {
        self.tell(format!("{events} by {why:?}"));
    }

    fn text(&self, _: Load) -> String {
        String::new()
    }
}

/// What is told next, which is not waited for without end.
async fn next(told: &mut UnboundedReceiver<String>) -> String {
    let next = tokio::time::timeout(Duration::from_secs(30), told.recv());
    next.await.expect("something is told").unwrap()
}

#[tokio::test]
async fn a_request_whose_sender_hangs_up_is_counted_once() {
    let (meter, mut told) = Teller::new();
    let (gate, begun, handler) = gated();
    let server = Server::start(Runtime::new(handler).meter(meter)).await;
    let mut gone = Connection::open(server.address).await;
    gone.send(&event("gone", "k")).await;
    begun.notified().await;
    drop(gone);
    assert_eq!(next(&mut told).await, "hung up");
    // Its work goes on to its end, which is no answer.
    gate.add_permits(2);
    assert_eq!(send(server.address, &event("next", "k")).await.status, 200);
    assert_eq!(next(&mut told).await, "answered 200");
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_request_that_is_closed_for_another_is_not_taken_for_one_whose_sender_hung_up() {
    let (meter, mut told) = Teller::new();
    let runtime = Runtime::new(obey).max_connections(1).meter(meter);
    let server = Server::start(runtime).await;
    let (head, body) = event_parts("slow", "k");
    let head = format!("{head}content-length: {}\r\n", body.len());
    let mut slow = Connection::open(server.address).await;
    slow.send(&format!("{head}expect: 100-continue\r\n\r\n"))
        .await;
    // Its body is waited for.
    assert_eq!(slow.head().await.status, 100);
    assert_eq!(send(server.address, &event("next", "k")).await.status, 200);
    let mut both = [next(&mut told).await, next(&mut told).await];
    both.sort();
    assert_eq!(both, ["answered 200", "gave way"]);
}

#[tokio::test]
async fn events_that_have_no_outcome_are_counted() {
    for (request, abandoned) in [
        (event("e", "panic"), "1 by Panic"),
        (batch(&["k", "panic", "k2", "k3"]), "3 by Panic"),
        (batch(&["k", "k2", "hang", "k3"]), "2 by Deadline"),
        (event("e", "hang"), "1 by Deadline"),
    ] {
        let (meter, mut told) = Teller::new();
        let server = Server::start(Runtime::new(obey).deadline(SOON).meter(meter)).await;
        assert_eq!(send(server.address, &request).await.status, 503);
        assert_eq!(next(&mut told).await, abandoned);
        assert_eq!(next(&mut told).await, "answered 503");
    }
    // What failed, or was refused, has an outcome.
    let (meter, mut told) = Teller::new();
    let server = Server::start(Runtime::new(obey).meter(meter)).await;
    let answer = send(server.address, &batch(&["k", "busy", "forbidden"])).await;
    assert_eq!(answer.status, 429);
    assert_eq!(next(&mut told).await, "answered 429");
    // A member that is no event is told, though the answer is that to the others.
    let answer = send(server.address, &batch(&["k", "", "k2"])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(next(&mut told).await, "malformed");
    assert_eq!(next(&mut told).await, "answered 200");
    // Nor is a request that holds none.
    let broken = event("broken", "k").replacen("{\"", "[\"", 1);
    assert_eq!(send(server.address, &broken).await.status, 400);
    assert_eq!(next(&mut told).await, "malformed");
    assert_eq!(next(&mut told).await, "answered 400");
    assert!(told.try_recv().is_err());
}
