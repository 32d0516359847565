use std::time::Duration;

use cos_thumbnails::outcome::Timings;

use super::*;
use crate::record::Key;

/// The sample began then.
const BEGAN_US: u64 = 1_800_000_000_000_000;

/// Sent and seen by our clock, since the sample began; handled by its own.
fn picture(n: u64, sent_us: u64, seen_us: u64, execution: Option<Execution>) -> Picture {
    let mut timings = Timings::default();
    timings.add(Stage::Decode, Duration::from_micros(60));
    timings.add(Stage::Store, Duration::from_micros(30));
    timings.add(Stage::Commit, Duration::from_micros(10));
    timings.add(Stage::Total, Duration::from_micros(100));
    let outcome = Outcome {
        event_id: "e".into(),
        key: Key::new("k"),
        verdict: Verdict::Made,
        reason: None,
        message: None,
        etag: None,
        recipe: "r".into(),
        original: None,
        thumbnails: Vec::new(),
        degraded: None,
        ignored: Vec::new(),
        run_refused: false,
        traffic: Traffic {
            gets: 1,
            bytes_read: 7,
            ..Traffic::default()
        },
        timings,
        execution,
    };
    Picture {
        n,
        key: Key::new(format!("images/{n}")),
        bytes: None,
        submitted_us: sent_us,
        sent_us,
        finished_us: seen_us,
        attempts: 1,
        adapted: Vec::new(),
        end: End::Outcome(Box::new(outcome)),
    }
}

fn by(instance: &str, before: u64, began_us: u64, ahead_us: u64) -> Execution {
    let at = BEGAN_US + ahead_us + began_us;
    Execution {
        instance: instance.into(),
        before,
        ready_at_us: BEGAN_US + ahead_us + 500 - 1000 * before.min(1),
        began_at_us: at,
        ended_at_us: at + 100,
        cpu_us: 60,
        process_cpu_us: [1000 + 100 * before, 1100 + 100 * before],
        peak_bytes: Some(4096 * (before + 1)),
    }
}

fn assembled(mode: Mode, pictures: Vec<Picture>) -> Assembled {
    let began = DateTime::from_timestamp_micros(signed(BEGAN_US)).unwrap();
    assemble(1, mode, began, pictures)
}

#[test]
fn a_functions_clock_that_is_wrong_is_set_right_by_the_exchange_with_the_least_delay() {
    const HOUR: u64 = 3_600_000_000;
    // The first waits for 1000 on its way there, the second for 20 there and 20 back.
    let late = picture(1, 0, 1120, Some(by("a", 0, 1000, HOUR)));
    let quick = picture(2, 2000, 2140, Some(by("a", 1, 2020, HOUR)));
    let other = picture(3, 0, 120, Some(by("b", 4, 10, 0)));
    let all = assembled(Mode::FanOut, vec![late, quick, other]);
    let [a, b] = &all.instances[..] else {
        panic!("{:?}", all.instances)
    };
    // As far as the exchange says, and no further: the answer took 20 at most.
    assert_eq!((a.offset_us, a.offset_error_us), (signed(HOUR) - 20, 40));
    assert_eq!((b.offset_us, b.offset_error_us), (0, 10));
    assert_eq!((a.ready_us, b.ready_us), (520, -500));
    assert_eq!((a.cold, b.cold), (true, false));
    assert_eq!((a.calls, b.calls), (2, 1));
    // The cold one's start is of this sample.
    assert_eq!((a.usage.cpu_us, b.usage.cpu_us), (1200, 100));
    assert_eq!(a.usage.peak_bytes, Some(8192));
    let times = all.calls[0].times;
    assert_eq!(times.function_started_us, Some(1020));
    assert_eq!(times.made_us, Some(1080));
    assert_eq!(times.stored_us, Some(1120));
    assert_eq!(times.seen_us, 1120);
    assert_eq!(
        all.calls.iter().map(|call| call.cold).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert_eq!(
        all.calls
            .iter()
            .map(|call| call.instance)
            .collect::<Vec<_>>(),
        [Some(0), Some(0), Some(1)]
    );
    // From the first start in the function, of b, to the last thumbnails made, by a.
    assert_eq!(
        all.clocks,
        Clocks {
            end_to_end_us: Some(2140),
            paper_us: Some(2100 - 10)
        }
    );
    // Of a 40 earlier, of b 10 later.
    assert_eq!(all.paper_error_us, Some(50));
    assert_eq!((all.traffic.gets, all.traffic.bytes_read), (3, 21));
}

#[test]
fn a_cold_start_is_no_error_of_the_clock() {
    const START: u64 = 9_000_000;
    let cold = |instance, seen_us| picture(1, 0, seen_us, Some(by(instance, 0, START, 0)));
    let all = assembled(Mode::FanOut, vec![cold("a", START + 120)]);
    let [a] = &all.instances[..] else {
        panic!("{:?}", all.instances)
    };
    assert_eq!((a.offset_us, a.offset_error_us), (0, START));
    assert_eq!(all.calls[0].times.function_started_us, Some(START));
    assert_eq!(all.paper_error_us, Some(0), "by one clock");
    // Of two it is not known which of them waited, and which clock is wrong.
    let all = assembled(
        Mode::FanOut,
        vec![cold("a", START + 120), cold("b", START + 100)],
    );
    assert_eq!(all.clocks.paper_us, Some(60));
    let error = all.paper_error_us.unwrap();
    assert!((START..START + 200).contains(&error), "{error}");
    // One that was ready before and whose event waited for long is not cold by that.
    let mut waited = by("a", 0, START, 0);
    waited.ready_at_us = BEGAN_US - 1000;
    let waited = picture(1, 0, START + 120, Some(waited));
    assert!(!assembled(Mode::FanOut, vec![waited]).instances[0].cold);
}

#[test]
fn in_this_process_there_is_one_clock_and_sequential_leaves_all_storing_out() {
    // The wall clock was set back meanwhile, which does not matter.
    let first = picture(1, 0, 100, Some(by("here", 7, 0, 0)));
    let second = picture(2, 100, 205, Some(by("here", 8, 0, 0)));
    let all = assembled(Mode::Sequential, vec![first, second]);
    assert_eq!(all.instances[0].offset_us, 0);
    assert_eq!(all.paper_error_us, None);
    assert_eq!(all.calls[1].times.function_started_us, Some(105));
    assert_eq!(
        all.clocks,
        Clocks {
            end_to_end_us: Some(205),
            paper_us: Some(205 - 2 * 40)
        }
    );
    assert!(!all.instances[0].cold);
}

#[test]
fn an_instance_that_had_started_before_and_handled_nothing_is_neither_cold_nor_warm() {
    let woken = |execution: Execution| Execution {
        ready_at_us: BEGAN_US - 1_000_000,
        ..execution
    };
    let of = |execution| {
        let picture = picture(1, 0, 120, execution);
        assembled(Mode::FanOut, vec![picture]).instances
    };
    for (instances, cold, warm) in [
        (of(Some(by("a", 0, 10, 0))), true, false),
        (of(Some(by("a", 1, 10, 0))), false, true),
        (of(Some(woken(by("a", 0, 10, 0)))), false, false),
        (of(None), false, false),
    ] {
        assert_eq!(is_of(Temperature::Cold, &instances), cold, "{instances:?}");
        assert_eq!(is_of(Temperature::Warm, &instances), warm, "{instances:?}");
        assert!(is_of(Temperature::Any, &instances));
    }
}

#[test]
fn what_failed_counts_in_the_end_to_end_clock_alone_and_an_older_function_has_no_instances() {
    let failed = Picture {
        end: End::Error("no".into()),
        attempts: 3,
        ..picture(1, 0, 900, None)
    };
    let all = assembled(Mode::FanOut, vec![failed, picture(2, 50, 200, None)]);
    assert_eq!((all.failed, all.retries), (1, 2));
    assert!(all.instances.is_empty());
    assert_eq!(all.calls[1].times.function_started_us, Some(100));
    assert_eq!(
        all.clocks,
        Clocks {
            end_to_end_us: Some(900),
            paper_us: Some(60)
        }
    );
    let nothing = assembled(Mode::Parallel, Vec::new());
    assert_eq!(nothing.clocks, Clocks::default());
}
