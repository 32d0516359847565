//! The whole function, ended at every call to its store, by SIGTERM and by SIGKILL; under load at every fifth, or as
//! `KILL_STRIDE` says, by SIGKILL.

use tokio::task::{JoinHandle, JoinSet};

use crate::http::{Answer, bare, event, send};
use crate::place::{ORIGINAL, Place, picture};
use crate::proxy::{Fault, Rule};
use crate::serving::Serving;

#[tokio::test]
async fn case_20_sigkill_at_every_call() {
    let place = Place::new().await;
    for nth in 0..calls(&place).await {
        // Another version each time, so that there is an old set and a new one.
        place.put(picture(u8::try_from(nth * 20).unwrap())).await;
        let (serving, sending) = stopped_at(&place, nth, Fault::Hold).await;
        sending.abort();
        drop(serving);
        place.proxy.follow(None);
        let serving = Serving::start_at(&place.endpoint());
        assert_eq!(
            send(serving.address, &event("e", ORIGINAL)).await.status,
            200
        );
        assert!(place.is_right(ORIGINAL).await, "killed at call {nth}");
    }
    place.stop().await;
}

#[tokio::test]
async fn case_20_sigterm_at_every_call_drains_and_ends_with_zero() {
    let place = Place::new().await;
    for nth in 0..calls(&place).await {
        place.put(picture(u8::try_from(nth * 20).unwrap())).await;
        let (serving, sending) = stopped_at(&place, nth, Fault::Pause).await;
        serving.ask_to_end();
        while send(serving.address, &bare("GET", "/readyz")).await.status == 200 {}
        place.proxy.follow(None);
        assert_eq!(sending.await.unwrap().status, 200, "at call {nth}");
        let (code, log) = serving.ended();
        assert_eq!(code, Some(0), "{log}");
        assert!(place.is_right(ORIGINAL).await, "ended at call {nth}");
    }
    place.stop().await;
}

/// How many calls to the store a picture takes.
async fn calls(place: &Place) -> usize {
    let serving = Serving::start_at(&place.endpoint());
    place.proxy.follow(None);
    assert_eq!(
        send(serving.address, &event("e", ORIGINAL)).await.status,
        200
    );
    let calls = place.proxy.counts().1;
    assert!(calls >= 10, "{calls}");
    calls
}

/// A function whose n-th call to the store suffers that, and the sender that waits for it.
async fn stopped_at(place: &Place, nth: usize, fault: Fault) -> (Serving, JoinHandle<Answer>) {
    let serving = Serving::start_at(&place.endpoint());
    // Nothing goes on beside a call that never does.
    let end = if fault == Fault::Hold {
        usize::MAX
    } else {
        nth + 1
    };
    place.proxy.follow(Some(Rule {
        method: "",
        path: String::new(),
        nth: nth..end,
        fault,
    }));
    let address = serving.address;
    let sending = tokio::spawn(async move { send(address, &event("e", ORIGINAL)).await });
    place.proxy.holds().await;
    (serving, sending)
}

/// Different originals at once, whose calls meet the kill at different steps.
const UNDER_LOAD: usize = 8;

#[tokio::test]
async fn case_20_sigkill_under_load() {
    let place = Place::new().await;
    let originals: Vec<_> = (0..UNDER_LOAD).map(|n| format!("images/{n}.png")).collect();
    let calls = calls(&place).await * UNDER_LOAD;
    let stride = std::env::var("KILL_STRIDE").map_or(5, |stride| stride.parse().unwrap());
    let mut kills = 0;
    for nth in (0..calls).step_by(stride) {
        kills += 1;
        for original in &originals {
            let red = u8::try_from(nth * 2).unwrap();
            place.put_at(original, picture(red)).await;
        }
        let serving = Serving::start_at(&place.endpoint());
        place.proxy.follow(Some(Rule {
            method: "",
            path: String::new(),
            nth: nth..usize::MAX,
            fault: Fault::Hold,
        }));
        let sending = deliver(&serving, &originals);
        place.proxy.holds().await;
        drop((sending, serving));
        place.proxy.follow(None);
        let serving = Serving::start_at(&place.endpoint());
        for (original, status) in deliver(&serving, &originals).join_all().await {
            assert_eq!(status, 200, "{original}");
            assert!(place.is_right(&original).await, "killed at call {nth}");
        }
    }
    println!(
        "{kills} kills, {UNDER_LOAD} originals in work at each, no set taken for whole that was not"
    );
    place.stop().await;
}

/// Sends an event for each original, all at once.
fn deliver(serving: &Serving, originals: &[String]) -> JoinSet<(String, u16)> {
    let mut sending = JoinSet::new();
    for original in originals {
        let (address, original) = (serving.address, original.clone());
        sending.spawn(async move {
            let answer = send(address, &event(&original, &original)).await;
            (original, answer.status)
        });
    }
    sending
}
