use std::time::Duration;

use cos_thumbnails::outcome::{Outcome, Timings};

use super::*;
use crate::record::{End, Key, Picture, Stage, Traffic, Verdict};

fn close(interval: Interval, least: f64, most: f64) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1e-9);
    near(interval.least, least) && interval.most.is_some_and(|bound| near(bound, most))
}

/// A picture that was in work for `ms`, sent `attempts` times.
fn picture(ms: u64, attempts: u32) -> Picture {
    let mut timings = Timings::default();
    timings.add(Stage::Total, Duration::from_millis(ms));
    let outcome = Outcome {
        event_id: String::new(),
        key: Key::new("k"),
        verdict: Verdict::Made,
        reason: None,
        message: None,
        etag: None,
        recipe: String::new(),
        original: None,
        thumbnails: Vec::new(),
        degraded: None,
        ignored: Vec::new(),
        execution: None,
        run_refused: false,
        traffic: Traffic {
            gets: 2,
            heads: 2,
            puts: 6,
            deletes: 1,
            bytes_read: 2_000_000,
            bytes_written: 50_000,
        },
        timings,
    };
    Picture {
        n: 1,
        key: Key::new("k"),
        bytes: Some(2_000_000),
        submitted_us: 0,
        sent_us: 0,
        finished_us: 0,
        attempts,
        adapted: Vec::new(),
        end: End::Outcome(Box::new(outcome)),
    }
}

fn instances() -> Place {
    Place::Instances {
        size: InstanceSize::default(),
        concurrency: 2.0,
        number: Interval::between(1.0, 10.0),
        start_up_seconds: Interval::between(1.0, 10.0),
        idle_seconds: Interval::between(59.0, 110.0),
        is_called: true,
    }
}

/// Counted once, and sent once.
fn listings(objects: u64) -> Usage {
    Usage::of_listing(objects).scaled(2.0)
}

#[test]
fn a_run_on_a_machine_costs_its_hours_and_its_requests() {
    let prices = Prices::of_this_version();
    let machine = Place::Machine { processors: 2 };
    let mut meter = Meter::new(machine, true, listings(2500));
    for _ in 0..250 {
        meter.add(&picture(100, 1));
    }
    assert_eq!(meter.pictures(), 250);
    let usage = meter.usage(Duration::from_mins(6));
    // Three pages, listed twice.
    assert_eq!(usage.get(Item::ClassA), Interval::exactly(1506.0));
    assert_eq!(usage.get(Item::ClassB), Interval::exactly(1000.0));
    assert!(close(usage.get(Item::VmHour), 0.1, 0.1));
    assert!(close(usage.get(Item::EgressGb), 0.5, 0.5));
    assert_eq!(usage.get(Item::VcpuSecond), Interval::ZERO);
    let cost = Cost::of(&usage, &prices, Free::Without);
    assert!(close(cost.get(Item::ClassA), 0.007_831_2, 0.007_831_2));
    assert!(close(cost.get(Item::ClassB), 0.000_42, 0.000_42));
    assert!(close(cost.get(Item::VmHour), 0.0099, 0.0109));
    assert!(close(cost.get(Item::EgressGb), 0.025, 0.045));
    let sum = 0.007_831_2 + 0.000_42;
    assert!(close(cost.total(), sum + 0.0349, sum + 0.0559), "{cost:?}");

    let direct = Meter::new(machine, false, listings(0)).usage(Duration::ZERO);
    assert_eq!(direct.get(Item::EgressGb), Interval::ZERO);
    assert_eq!(direct.get(Item::ClassA), Interval::exactly(2.0));
    // What is sold is a machine of two processors.
    for (processors, hours) in [(1, 0.1), (2, 0.1), (3, 0.15), (64, 3.2)] {
        let meter = Meter::new(Place::Machine { processors }, false, Usage::default());
        let usage = meter.usage(Duration::from_mins(6));
        assert!(close(usage.get(Item::VmHour), hours, hours), "{usage:?}");
    }
}

#[test]
fn what_is_read_by_a_public_endpoint_is_billed_whatever_its_port() {
    let host = |kind: &str| format!("s3.{kind}eu-de.cloud-object-storage.appdomain.cloud");
    for (kind, public) in [("", true), ("direct.", false), ("private.", false)] {
        let host = host(kind);
        for url in [
            host.clone(),
            format!("https://{host}"),
            format!("https://{host}/"),
            format!("https://{host}:443"),
            format!("https://{host}:443/"),
        ] {
            assert_eq!(is_public_endpoint(&url), public, "{url}");
        }
    }
    let other = "http://127.0.0.1:9000/s3.eu-de.cloud-object-storage.appdomain.cloud";
    assert!(!is_public_endpoint(other));
}

#[test]
fn instances_are_billed_from_their_start_up_to_their_end() {
    let mut meter = Meter::new(instances(), false, listings(100));
    for attempts in [1, 3] {
        meter.add(&picture(5000, attempts));
    }
    let usage = meter.usage(Duration::from_secs(20));
    // 10 s of pictures, two at once, in one instance; or ten instances for 20 s.
    assert!(close(
        usage.get(Item::VcpuSecond),
        60.0 + 5.0,
        1200.0 + 200.0
    ));
    assert!(close(usage.get(Item::GbSecond), 4.0 * 65.0, 4.0 * 1400.0));
    assert_eq!(usage.get(Item::HttpCall), Interval::exactly(4.0));
    assert_eq!(usage.get(Item::VmHour), Interval::ZERO);
    let none = Meter::new(instances(), false, listings(0)).usage(Duration::from_secs(20));
    assert_eq!(none.get(Item::VcpuSecond), Interval::ZERO, "nobody came up");
}

#[test]
fn instances_may_come_up_each_time_that_a_run_goes_on() {
    let mut meter = Meter::new(instances(), false, Usage::default());
    meter.add(&picture(5000, 1));
    meter.went_on();
    meter.add(&picture(5000, 1));
    let seconds = |meter: &Meter| meter.usage(Duration::from_secs(20)).get(Item::VcpuSecond);
    assert!(close(seconds(&meter), 60.0 + 5.0, 2400.0 + 200.0));
    // As many in one go.
    assert!(close(seconds(&meter.scaled(2)), 60.0 + 5.0, 1200.0 + 200.0));
}

#[test]
fn instances_that_have_more_than_they_should_are_as_many_as_was_said() {
    let seconds = |said: f64| {
        let mut place = instances();
        if let Place::Instances { number, .. } = &mut place {
            *number = Interval::exactly(said);
        }
        let mut meter = Meter::new(place, false, Usage::default());
        for _ in 0..20 {
            meter.add(&picture(5000, 1));
        }
        meter.usage(Duration::from_secs(10)).get(Item::VcpuSecond)
    };
    // Ten pictures at once, and a --max-instances of which each would have two of them.
    assert!(close(seconds(5.0), 5.0 * 60.0 + 50.0, 5.0 * 130.0));
    // One that is too small: one instance has all ten.
    assert!(close(seconds(1.0), 70.0, 130.0), "{:?}", seconds(1.0));
    // And one that is too great: nobody knows how many of them were up.
    assert!(close(seconds(50.0), 50.0 * 60.0 + 50.0, 50.0 * 130.0));
}

#[test]
fn a_free_tier_is_taken_off_once_and_never_below_nothing() {
    let prices = Prices::of_this_version();
    let used = |item, quantity| Usage::of(item, Interval::exactly(quantity));
    let usage = used(Item::VcpuSecond, 150_000.0)
        + used(Item::GbSecond, 150_000.0)
        + used(Item::ClassA, 1000.0);
    let all = Cost::of(&usage, &prices, Free::Without);
    let cost = Cost::of(&usage, &prices, Free::AMonth);
    assert!(close(all.get(Item::VcpuSecond), 5.1465, 5.1465));
    assert!(close(cost.get(Item::VcpuSecond), 1.7155, 1.7155));
    assert_eq!(cost.get(Item::GbSecond), Interval::ZERO);
    assert_eq!(cost.get(Item::ClassA), all.get(Item::ClassA));
}

#[test]
fn a_million_is_told_in_proportion_and_of_nothing_nothing() {
    let prices = Prices::of_this_version();
    let mut meter = Meter::new(instances(), false, listings(250));
    let of = |meter: &Meter| {
        // Two sessions of 6 s, each with a start of 2 s.
        let took = Took {
            all: Duration::from_secs(12),
            start_up: Duration::from_secs(4),
            sessions: 2,
        };
        Projection::of(1_000_000, (meter, Usage::default()), took, &prices)
    };
    assert_eq!(of(&meter), None);
    for _ in 0..250 {
        meter.add(&picture(200, 1));
    }
    let million = of(&meter).unwrap();
    // The instances start up once, however many pictures there are: four thousand times 8 s, and 2 s.
    assert_eq!(million.seconds, Interval::exactly(32_002.0));
    let (least, most) = (60.0 + 100_000.0, 1200.0 + 320_020.0);
    assert!(close(million.usage.get(Item::VcpuSecond), least, most));
    assert_eq!(million.usage.get(Item::HttpCall), Interval::exactly(1e6));
    let vcpu = million.cost_with_free_tier.get(Item::VcpuSecond);
    assert!(
        close(vcpu, 60.0 * 0.000_034_31, 221_220.0 * 0.000_034_31),
        "{vcpu:?}"
    );
    let json = serde_json::to_string(&million).unwrap();
    assert_eq!(serde_json::from_str::<Projection>(&json).unwrap(), million);
}

#[test]
fn figures_are_short() {
    for (number, shown) in [
        (0.0, "0"),
        (0.0078, "0.0078"),
        (0.012_345, "0.0123"),
        (0.999_9, "1"),
        (1.0, "1"),
        (12.34, "12.3"),
        (999.4, "999"),
        (999.6, "1,000"),
        (1500.0, "1,500"),
        (1_234_567.8, "1,234,568"),
    ] {
        assert_eq!(figures(Interval::exactly(number)), shown);
    }
    assert_eq!(usd(Interval::between(0.05, 0.09)), "0.05 to 0.09 USD");
    assert_eq!(usd(Interval::at_least(0.05)), "at least 0.05 USD");
    assert_eq!(usd(Interval::between(1.0, 1.000_1)), "1 USD");
}
