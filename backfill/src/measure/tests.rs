use std::time::Duration;

use cos_thumbnails::outcome::Timings;

use super::*;
use crate::record::{Key, Reason};

fn run(mode: Mode, pictures: u64) -> Run {
    Run {
        run: "r".into(),
        version: "0".into(),
        mode,
        pictures,
        bytes: 0,
        in_flight: 1,
        recipe: "recipe".into(),
        recipes: BTreeSet::new(),
        function: None,
        job: None,
        endpoint: None,
        instance: None,
        started: chrono::DateTime::UNIX_EPOCH,
    }
}

fn picture(n: u64, submitted_us: u64, finished_us: u64, end: End) -> Picture {
    Picture {
        n,
        key: Key::new(format!("images/{n}")),
        bytes: None,
        submitted_us,
        sent_us: submitted_us,
        finished_us,
        attempts: 1,
        adapted: Vec::new(),
        end,
    }
}

fn outcome(verdict: Verdict, stages: &[(Stage, u64)]) -> Outcome {
    let mut timings = Timings::default();
    for &(stage, us) in stages {
        timings.add(stage, Duration::from_micros(us));
    }
    Outcome {
        event_id: "e".into(),
        key: Key::new("k"),
        verdict,
        reason: (verdict == Verdict::Rejected).then_some(Reason::Empty),
        message: None,
        etag: None,
        recipe: "recipe".into(),
        original: None,
        thumbnails: Vec::new(),
        degraded: None,
        ignored: Vec::new(),
        run_refused: false,
        traffic: Traffic {
            gets: 1,
            puts: 6,
            bytes_read: 100,
            bytes_written: 10,
            ..Traffic::default()
        },
        timings,
        execution: None,
    }
}

fn made(stages: &[(Stage, u64)]) -> End {
    End::Outcome(Box::new(outcome(Verdict::Made, stages)))
}

fn summary(mode: Mode, pictures: &[Picture]) -> Summary {
    let mut measure = Measure::new(&run(mode, pictures.len() as u64));
    for picture in pictures {
        measure.add(picture);
    }
    measure.summary(None)
}

#[test]
fn the_number_under_way_is_followed_by_time_and_not_by_who_finishes_first() {
    let adapted = |n, at_us, from, to| Picture {
        adapted: vec![Adapted { at_us, from, to }],
        ..picture(n, 0, 1, made(&[]))
    };
    let pictures = [
        adapted(1, 30, 16, 17),
        adapted(2, 10, 64, 32),
        adapted(3, 20, 32, 16),
        picture(4, 0, 1, made(&[])),
    ];
    let expected = Adaptation {
        decreases: 2,
        increases: 1,
        least: 16,
        last: 17,
        last_us: 30,
    };
    let seen = summary(Mode::FanOut, &pictures).adaptation;
    assert_eq!(seen, Some(expected));
    assert_eq!(summary(Mode::FanOut, &pictures[3..]).adaptation, None);
}

#[test]
fn percentiles_of_known_times() {
    let pictures: Vec<_> = (1..=1000)
        .map(|n| picture(n, 0, 2 * n, made(&[(Stage::Decode, n)])))
        .collect();
    let summary = summary(Mode::Parallel, &pictures);
    let decode = Spread {
        pictures: 1000,
        p50_us: 500,
        p95_us: 950,
        p99_us: 990,
        max_us: 1000,
    };
    assert_eq!(summary.stages[&Stage::Decode], decode);
    assert_eq!((summary.answer.p50_us, summary.answer.p99_us), (1000, 1980));
    assert_eq!(summary.stages.len(), 1);
}

#[test]
fn long_times_keep_three_digits() {
    let us = 123_456_789;
    let summary = summary(
        Mode::Parallel,
        &[picture(1, 0, us, made(&[(Stage::Total, us)]))],
    );
    let p50 = summary.stages[&Stage::Total].p50_us;
    assert!(p50.abs_diff(us) <= us / 1000, "{p50}");
}

#[test]
fn each_kind_of_end_is_counted() {
    let mut retried = picture(1, 0, 10, made(&[]));
    retried.attempts = 3;
    let pictures = [
        retried,
        picture(
            2,
            0,
            10,
            End::Outcome(Box::new(outcome(Verdict::Rejected, &[]))),
        ),
        picture(3, 0, 10, End::Error("no".into())),
        picture(4, 0, 1_000_000, made(&[])),
    ];
    let summary = summary(Mode::Parallel, &pictures);
    assert_eq!(
        summary.verdicts,
        BTreeMap::from([(Verdict::Made, 2), (Verdict::Rejected, 1)])
    );
    assert_eq!(summary.reasons, BTreeMap::from([(Reason::Empty, 1)]));
    assert_eq!(
        (summary.finished, summary.failed, summary.retries),
        (4, 1, 2)
    );
    assert_eq!(summary.failures[0].key, Key::new("images/3"));
    assert_eq!((summary.traffic.gets, summary.traffic.puts), (3, 18));
    assert_eq!(
        (summary.traffic.bytes_read, summary.traffic.bytes_written),
        (300, 30)
    );
    assert_eq!(summary.answer.pictures, 3, "of those that have an outcome");
    assert!((summary.made_per_second - 2.0).abs() < 1e-9);
}

#[test]
fn failures_are_named_up_to_a_bound() {
    let pictures: Vec<_> = (1..=100)
        .map(|n| picture(n, 0, 1, End::Error("no".into())))
        .collect();
    let summary = summary(Mode::FanOut, &pictures);
    assert_eq!(
        (summary.failed, summary.failures.len()),
        (100, Summary::SHOWN_FAILURES)
    );
    assert_eq!(
        summary.clocks,
        Clocks {
            end_to_end_us: Some(1),
            paper_us: None
        }
    );
}

#[test]
fn the_sequential_paper_clock_leaves_out_all_storing() {
    // 100 us each, of which storing takes 30; 5 us between the two.
    let stages = [
        (Stage::Decode, 70),
        (Stage::Store, 20),
        (Stage::Commit, 7),
        (Stage::Recheck, 3),
        (Stage::Total, 100),
    ];
    let pictures = [
        picture(1, 50, 150, made(&stages)),
        picture(2, 155, 255, made(&stages)),
    ];
    let clocks = summary(Mode::Sequential, &pictures).clocks;
    assert_eq!(
        clocks,
        Clocks {
            end_to_end_us: Some(205),
            paper_us: Some(145)
        }
    );
}

#[test]
fn the_fan_out_paper_clock_runs_from_the_first_start_to_the_last_thumbnail_made() {
    // Sent at 0; the function began at 400 and 500, and made its thumbnails at 900 and 1150.
    let first = [
        (Stage::Decode, 500),
        (Stage::Store, 100),
        (Stage::Total, 600),
    ];
    let second = [
        (Stage::Decode, 650),
        (Stage::Store, 50),
        (Stage::Total, 700),
    ];
    let failed = End::Error("no".into());
    let pictures = [
        picture(1, 0, 1000, made(&first)),
        picture(2, 0, 1200, made(&second)),
        picture(3, 0, 9000, failed),
    ];
    let clocks = summary(Mode::FanOut, &pictures).clocks;
    assert_eq!(
        clocks,
        Clocks {
            end_to_end_us: Some(9000),
            paper_us: Some(750)
        }
    );
}

#[test]
fn a_run_that_went_on_took_the_time_that_it_was_at_work() {
    let mut measure = Measure::new(&run(Mode::Sequential, 2));
    assert_eq!(measure.took(), None);
    measure.add(&picture(1, 100, 600, made(&[])));
    measure.add_attempt(&picture(2, 600, 900, End::Error("no".into())));
    measure.resume();
    // Nothing is sent before it goes on once more, an hour later.
    measure.resume();
    let hour = 3_600_000_000;
    measure.add(&picture(3, hour, hour + 400, made(&[])));
    assert_eq!(measure.took().map(|took| took.all.as_micros()), Some(1200));
    let summary = measure.summary(None);
    assert_eq!((summary.finished, summary.failed), (2, 0));
    assert_eq!((summary.resumed, summary.sessions_us), (2, Some(1200)));
    assert_eq!(summary.clocks, Clocks::default());
}

#[test]
fn only_in_fan_out_something_starts() {
    for (mode, start_up) in [
        (Mode::Sequential, 0),
        (Mode::Parallel, 0),
        (Mode::FanOut, 400),
    ] {
        let mut measure = Measure::new(&run(mode, 2));
        measure.add(&picture(1, 0, 1000, made(&[(Stage::Total, 600)])));
        measure.add(&picture(2, 0, 1200, made(&[(Stage::Total, 700)])));
        let took = measure.took().unwrap();
        assert_eq!(took.all, Duration::from_micros(1200));
        assert_eq!(took.start_up, Duration::from_micros(start_up), "{mode:?}");
    }
}

#[test]
fn more_pictures_would_start_once_however_often_the_run_went_on() {
    let (second, hour) = (1_000_000, 3_600_000_000);
    let work = [(Stage::Total, second)];
    let mut measure = Measure::new(&run(Mode::FanOut, 2));
    measure.add(&picture(1, 0, 11 * second, made(&work)));
    // Once it went on and sent nothing: nothing started.
    measure.resume();
    measure.resume();
    measure.add(&picture(2, hour, hour + 21 * second, made(&work)));
    let took = measure.took().unwrap();
    let expected = Took {
        all: Duration::from_secs(32),
        start_up: Duration::from_secs(10 + 20),
        sessions: 2,
    };
    assert_eq!(took, expected);
    // A thousand pictures: a thousand times 1 s, and the mean of 10 s and 20 s.
    let expected = Took {
        all: Duration::from_secs(1015),
        start_up: Duration::from_secs(15),
        sessions: 1,
    };
    assert_eq!(took.scaled(500.0), expected);
}

#[test]
fn nothing_measured_has_no_clock() {
    let summary = summary(Mode::Parallel, &[]);
    assert_eq!(summary.clocks, Clocks::default());
    assert!(summary.made_per_second.abs() < f64::EPSILON);
}

#[test]
fn the_text_names_both_clocks_and_every_stage() {
    let stages = [
        (Stage::Decode, 1_234),
        (Stage::Store, 500),
        (Stage::Total, 2_000),
    ];
    let run = run(Mode::Sequential, 1);
    let mut measure = Measure::new(&run);
    measure.add(&picture(1, 0, 2_500_000, made(&stages)));
    let text = crate::report::text(&run, &measure.summary(None));
    assert!(text.contains("end-to-end clock  2.500 s"), "{text}");
    assert!(text.contains("paper clock       2.499 s"), "{text}");
    assert!(
        text.contains("1 of 1 pictures: 1 made, 0 duplicate, 0 rejected, 0 failed"),
        "{text}"
    );
    let decode = text
        .lines()
        .find(|line| line.starts_with("decode"))
        .unwrap();
    assert_eq!(
        decode.split_whitespace().collect::<Vec<_>>(),
        ["decode", "1", "1.23", "1.23", "1.23", "1.23"]
    );
    assert!(text.lines().any(|line| line.starts_with("answer")));
}
