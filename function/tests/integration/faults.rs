//! The whole function before a store that fails in ways of its own: it stalls, is silent, says when to come again, lets no
//! one in. Every other fault is in [`matrix`](crate::matrix).

use cos_thumbnails::thumbnailer::FailureState;

use crate::http::{bare, send};
use crate::place::{Function, NO_PICTURE, ORIGINAL, Place};
use crate::proxy::{Fault, Rule, refusal};

/// What a store says that does not have the bucket.
const NO_BUCKET: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 40\r\nconnection: close\r\n\r\n\
                         <Error><Code>NoSuchBucket</Code></Error>";

#[tokio::test]
async fn case_18_a_body_that_stalls_is_cut_and_read_again() {
    let place = Place::new().await;
    let function = Function::start(&place, "60").await;
    place.proxy.follow(Some(Rule {
        method: "GET",
        path: "/images/".to_owned(),
        nth: 0..1,
        fault: Fault::Stall(20),
    }));
    assert_eq!(function.send().await.status, 200);
    assert_eq!(place.proxy.counts().0, 1);
    assert!(place.is_right(ORIGINAL).await);
    drop(function);
    place.stop().await;
}

#[tokio::test]
async fn case_18_a_store_that_is_silent_is_answered_by_the_deadline() {
    let place = Place::new().await;
    let function = Function::start(&place, "1").await;
    place.proxy.follow(Some(Rule {
        method: "PUT",
        path: "/512.jpg".to_owned(),
        nth: 0..usize::MAX,
        fault: Fault::Hold,
    }));
    let answer = function.send().await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    let record = place.record("a.png").await;
    assert_eq!(record, None, "a silent store is no fault of the picture");
    drop(function);
    place.stop().await;
}

#[tokio::test]
async fn case_18_the_stores_retry_after_is_passed_on() {
    let place = Place::new().await;
    let function = Function::start(&place, "60").await;
    place.proxy.follow(Some(Rule {
        method: "GET",
        path: "/images/".to_owned(),
        nth: 0..usize::MAX,
        fault: refusal("503 Slow Down"),
    }));
    let answer = function.send().await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("7"))
    );
    drop(function);
    place.stop().await;
}

#[tokio::test]
async fn case_18_a_404_that_no_store_says_discards_neither_event_nor_thumbnails() {
    let place = Place::new().await;
    let function = Function::start(&place, "60").await;
    assert_eq!(function.send().await.status, 200);
    place.proxy.follow(Some(Rule {
        method: "GET",
        path: "/images/".to_owned(),
        nth: 0..usize::MAX,
        fault: refusal("404 Not Found"),
    }));
    let answer = function.send().await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(place.is_right(ORIGINAL).await);
    drop(function);
    place.stop().await;
}

#[tokio::test]
async fn it_is_ready_while_the_store_answers_and_lets_it_in() {
    let place = Place::new().await;
    for (fault, status) in [
        (None, 200),
        (Some(refusal("401 Unauthorized")), 503),
        (Some(refusal("403 Forbidden")), 503),
        // Not by a store: this would say by its code what is not there.
        (Some(refusal("404 Not Found")), 503),
        (Some(Fault::Answer(NO_BUCKET.to_owned())), 503),
    ] {
        place.proxy.follow(fault.clone().map(|fault| Rule {
            method: "GET",
            path: "/failures/".to_owned(),
            nth: 0..usize::MAX,
            fault,
        }));
        // Another one each time: an answer counts for some seconds.
        let function = Function::start(&place, "60").await;
        let answer = send(function.address, &bare("GET", "/readyz")).await;
        assert_eq!(answer.status, status, "{fault:?}: {}", answer.body);
        assert_ne!(place.proxy.counts().1, 0, "{fault:?}: the store is asked");
    }
    place.stop().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_written_is_no_success() {
    let place = Place::new().await;
    place.put(NO_PICTURE.to_vec()).await;
    let function = Function::start(&place, "60").await;
    place.proxy.follow(Some(Rule {
        method: "PUT",
        path: "/failures/".to_owned(),
        nth: 0..usize::MAX,
        fault: refusal("403 Forbidden"),
    }));
    assert_eq!(function.send().await.status, 503);
    place.proxy.follow(None);
    let answer = function.send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["verdict"], "rejected");
    let record = place.record("a.png").await.unwrap();
    assert_eq!(record.state, FailureState::Rejected);
    drop(function);
    place.stop().await;
}
