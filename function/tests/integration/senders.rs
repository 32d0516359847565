//! Senders that are slow, silent, too many, or gone before they are answered.

use std::sync::Arc;
use std::time::Duration;

use crate::http::{Connection, bare, event, event_parts, send};
use crate::runtime::{SOON, Server, gated, obey};
use cos_thumbnails::events::Event;
use function::runtime::{Context, Reply, Runtime};
use serde_json::json;
use tokio::sync::{Notify, Semaphore, mpsc};

/// Long enough that no test waits for it.
const NEVER: Duration = Duration::from_mins(10);

#[tokio::test]
async fn case_17_a_header_that_never_ends_ends_the_connection() {
    let server = Server::start(Runtime::new(obey).header_timeout(SOON)).await;
    let mut connection = Connection::open(server.address).await;
    connection.send("POST / HTTP/1.1\r\nhost: f\r\n").await;
    assert!(
        !connection.rest().await.contains("200 OK"),
        "it ended, and without success"
    );
}

#[tokio::test]
async fn case_17_a_body_that_never_comes_is_answered_with_again() {
    let server = Server::start(Runtime::new(obey).body_timeout(SOON)).await;
    let (head, _) = event_parts("e", "k");
    let answer = send(
        server.address,
        &format!("{head}content-length: 9\r\n\r\n{{"),
    )
    .await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn case_17_idle_and_slow_senders_keep_no_one_away() {
    // More of each than there are connections, and than there are places.
    let runtime = Runtime::new(obey)
        .max_connections(50)
        .in_flight(1)
        .waiting(0)
        .header_timeout(NEVER)
        .body_timeout(NEVER);
    let server = Server::start(runtime).await;
    let (head, body) = event_parts("e", "k");
    let length = body.len();
    let begun = [
        String::new(),
        "POST / HTTP/1.1\r\nhost:".to_owned(),
        format!("{head}content-length: {length}\r\n\r\n{{"),
        format!("{head}transfer-encoding: chunked\r\n\r\n5\r\n{{"),
    ];
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut one = Connection::open(server.address).await;
        // It may be closed already.
        one.try_send(&begun[n % begun.len()]).await;
        slow.push(one);
        if n % 10 == 0 {
            assert_eq!(send(server.address, &event("e", "k")).await.status, 200);
        }
    }
    // Those that came last are still there, and are served once they have sent all.
    let mut last = slow.split_off(198);
    last[0].send(&body[1..]).await;
    assert_eq!(last[0].answer().await.status, 200);
    assert_eq!(slow.swap_remove(0).rest().await, "");
}

#[tokio::test]
async fn case_17_slow_senders_of_long_bodies_keep_no_one_away() {
    let runtime = Runtime::new(obey)
        .max_body_bytes(1000)
        .body_timeout(NEVER)
        .deadline(NEVER);
    let server = Server::start(runtime).await;
    let (head, body) = event_parts("e", "k");
    // Together a little more than sixteen of the longest bodies: then one of them is told to come again.
    let begun = format!("{head}content-length: 1000\r\n\r\n{}", "x".repeat(995));
    let (told, mut tell) = mpsc::unbounded_channel();
    for _ in 0..17 {
        let told = told.clone();
        let mut slow = Connection::open(server.address).await;
        slow.send(&begun).await;
        tokio::spawn(async move { told.send(slow.answer().await.status).unwrap() });
    }
    assert_eq!(tell.recv().await, Some(429));
    assert!(
        body.len() > 16 * 1000 - 16 * 995,
        "too long for what is left"
    );
    for _ in 0..20 {
        assert_eq!(send(server.address, &event("e", "k")).await.status, 200);
    }
    assert_eq!(tell.recv().await, Some(429));
}

#[tokio::test]
async fn a_body_is_not_waited_for_beyond_the_deadline() {
    let runtime = Runtime::new(obey).body_timeout(NEVER).deadline(SOON);
    let server = Server::start(runtime).await;
    let (head, _) = event_parts("e", "k");
    let begun = format!("{head}content-length: 9\r\n\r\n{{");
    assert_eq!(send(server.address, &begun).await.status, 503);
}

#[tokio::test]
async fn a_few_wait_for_a_place() {
    let (gate, begun, handler) = gated();
    let server = Server::start(Runtime::new(handler).in_flight(1).waiting(1)).await;
    let mut first = Connection::open(server.address).await;
    first.send(&event("first", "k")).await;
    begun.notified().await;
    let mut second = Connection::open(server.address).await;
    second.send(&event("second", "k")).await;
    // Whichever of the two comes first waits, so the other is shed, and exactly one is.
    let mut third = Connection::open(server.address).await;
    third.send(&event("third", "k")).await;
    let (shed, mut waits) = tokio::select! {
        answer = second.answer() => (answer, third),
        answer = third.answer() => (answer, second),
    };
    assert_eq!(shed.status, 429);
    gate.add_permits(2);
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(waits.answer().await.status, 200);
}

/// A handler that tells when it began and, by its event's id, when it ended. Each call takes a permit.
fn telling() -> (
    Arc<Semaphore>,
    Arc<Notify>,
    mpsc::UnboundedReceiver<String>,
    impl function::runtime::Handler,
) {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let (tell, told) = mpsc::unbounded_channel();
    let (gate_in, begun_in) = (Arc::clone(&gate), Arc::clone(&begun));
    let handler = move |event: Event, _: Context| {
        let (gate, begun, tell) = (Arc::clone(&gate_in), Arc::clone(&begun_in), tell.clone());
        async move {
            begun.notify_one();
            gate.acquire().await.unwrap().forget();
            tell.send(event.id().to_owned()).unwrap();
            Ok(Reply::new(&json!({})).unwrap())
        }
    };
    (gate, begun, told, handler)
}

#[tokio::test]
async fn work_goes_on_when_its_sender_hangs_up_and_keeps_its_place() {
    let (gate, begun, mut told, handler) = telling();
    let server = Server::start(Runtime::new(handler).in_flight(1).waiting(0)).await;
    let mut gone = Connection::open(server.address).await;
    gone.send(&event("gone", "k")).await;
    begun.notified().await;
    drop(gone);
    // A connection that is closed is seen to be at the latest when the next one is served.
    send(server.address, &bare("GET", "/healthz")).await;
    assert_eq!(send(server.address, &event("next", "k")).await.status, 429);
    gate.add_permits(2);
    assert_eq!(told.recv().await.unwrap(), "gone");
    while send(server.address, &event("next", "k")).await.status == 429 {}
    assert_eq!(told.recv().await.unwrap(), "next");
}

#[tokio::test]
async fn work_whose_sender_hung_up_holds_the_process_until_it_is_done() {
    let (gate, begun, mut told, handler) = telling();
    let mut server = Server::start(Runtime::new(handler).drain(SOON)).await;
    let mut gone = Connection::open(server.address).await;
    gone.send(&event("gone", "k")).await;
    begun.notified().await;
    drop(gone);
    server.shut_down();
    while send(server.address, &bare("GET", "/readyz")).await.status == 200 {}
    gate.add_permits(1);
    server.ended().await;
    assert_eq!(told.recv().await.unwrap(), "gone");
}

#[tokio::test]
async fn who_hangs_up_while_it_waits_gives_up_its_room() {
    let (gate, begun, mut told, handler) = telling();
    let server = Server::start(Runtime::new(handler).in_flight(1).waiting(1)).await;
    let (head, body) = event_parts("next", "k");
    let head = format!("{head}content-length: {}\r\n", body.len());
    // 100 where there is room, which is not taken before the body has come.
    let asks = async || {
        let mut asks = Connection::open(server.address).await;
        asks.send(&format!("{head}expect: 100-continue\r\n\r\n"))
            .await;
        (asks.head().await.status, asks)
    };
    let mut first = Connection::open(server.address).await;
    first.send(&event("first", "k")).await;
    begun.notified().await;
    let mut waits = Connection::open(server.address).await;
    waits.send(&event("waits", "k")).await;
    while asks().await.0 == 100 {}
    drop(waits);
    let mut next = loop {
        if let (100, next) = asks().await {
            break next;
        }
    };
    next.send(&body).await;
    gate.add_permits(2);
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(next.answer().await.status, 200);
    for id in ["first", "next"] {
        assert_eq!(told.recv().await.unwrap(), id);
    }
}
