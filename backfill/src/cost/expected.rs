//! What is expected of a run of which nothing was measured: by stated assumptions, as an interval.

use super::{Interval, Item, Place, Usage, float};

/// Requests that a picture waits for one after another, by the flow: its mark, the original, the thumbnails
/// at once, the mark anew, the original again.
const ROUNDS: f64 = 5.0;
/// Seconds that each of them waits. Assumed: from a store in the same building to one overseas.
const LATENCY_SECONDS: Interval = Interval::between(0.002, 0.1);
/// Seconds for each byte of the original on its way. Assumed: 100 to 10 MB/s.
const SECONDS_A_BYTE: Interval = Interval::between(1e-8, 1e-7);
/// A processor's seconds for each byte of the original. Assumed: 3 to 50 ms for a megabyte.
const CPU_SECONDS_A_BYTE: Interval = Interval::between(3e-9, 5e-8);
/// GET and HEAD requests of a picture, by the flow: mark, failure record, the original in one to three parts,
/// the original again.
const CLASS_B: Interval = Interval::between(4.0, 6.0);
/// The share of an original that is read. Assumed: of JPEGs a part, of others all.
const READ: Interval = Interval::between(0.2, 1.0);

/// Pictures at once in an instance of the application, for each vCPU, as `deploy/code-engine/up` has it.
pub const PER_VCPU: f64 = 2.0;
/// Pictures at once in an instance of a job, for each vCPU, as `backfill shard` has it.
pub const PER_VCPU_OF_JOB: f64 = 4.0;
/// From the pull of its image until an instance works. Assumed: up to the 13 s after which the first worker of
/// the paper's timelines starts.
pub const START_UP_SECONDS: Interval = Interval::between(1.0, 13.0);
/// How long an instance of the application stays when there is nothing more to do: "about a minute or more" by
/// Code Engine's documentation, of which two are assumed.
pub const IDLE_SECONDS: Interval = Interval::between(60.0, 120.0);

/// What is to be done, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// What finding out which originals are sent uses.
    pub selecting: Usage,
    /// Originals that are sent.
    pub pictures: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The most thumbnails of one, and with them its PUT requests.
    pub thumbnails_each: u64,
    /// Pictures under way at once at most.
    pub in_flight: u64,
    /// Where the thumbnails are made.
    pub place: Place,
    /// Whether the store is read by a public endpoint.
    pub is_public: bool,
}

/// What is expected of some work.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// How long it takes, in seconds.
    pub seconds: Interval,
    /// What it uses.
    pub usage: Usage,
}

impl Expected {
    /// What all of it is assumed from, for people.
    pub const ASSUMPTIONS: &str = "each picture waits 5 times for 2 to 100 ms for the store, and each MB of it takes \
                                   10 to 100 ms on its way and 3 to 50 ms of a processor";

    /// Of work of which nothing was measured.
    #[must_use]
    pub fn of(work: &Work) -> Self {
        let (pictures, bytes) = (float(work.pictures), float(work.bytes));
        let cpu = CPU_SECONDS_A_BYTE * bytes;
        let busy = LATENCY_SECONDS * (ROUNDS * pictures) + SECONDS_A_BYTE * bytes + cpu;
        let in_flight = Interval::exactly(float(work.in_flight.max(1)));
        let (at_once, processors, start_up) = match work.place {
            Place::Machine { processors } => {
                let processors = Interval::exactly(float(processors.max(1) as u64));
                (in_flight, processors, Interval::ZERO)
            }
            Place::Instances {
                size,
                concurrency,
                number,
                start_up_seconds,
                ..
            } => (
                in_flight.at_most(number * concurrency),
                number * size.vcpu,
                start_up_seconds,
            ),
        };
        let some = if work.pictures == 0 { 0.0 } else { 1.0 };
        let working = busy.over(at_once).at_least_as(cpu.over(processors));
        let seconds = (working + start_up) * some;
        let calls = match work.place {
            Place::Instances {
                is_called: true, ..
            } => work.pictures,
            _ => 0,
        };
        let mut usage = work.selecting.clone()
            + Usage::of(
                Item::ClassA,
                Interval::exactly(pictures * float(work.thumbnails_each)),
            )
            + Usage::of(Item::ClassB, CLASS_B * pictures)
            + Usage::of_calls(calls);
        if work.is_public {
            usage += &Usage::of(Item::EgressGb, READ * (bytes / 1e9));
        }
        if work.pictures > 0 {
            usage += &work.place.usage(working, busy, 1);
        }
        Self { seconds, usage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::InstanceSize;

    const MACHINE: Place = Place::Machine { processors: 2 };

    fn work(place: Place) -> Work {
        Work {
            selecting: Usage::of_listing(1000).scaled(2.0),
            pictures: 1000,
            bytes: 2_000_000_000,
            thumbnails_each: 6,
            in_flight: 8,
            place,
            is_public: false,
        }
    }

    #[test]
    fn more_at_once_take_less_time_until_the_processors_are_all_at_work() {
        let seconds = |in_flight| {
            let work = Work {
                in_flight,
                ..work(MACHINE)
            };
            let seconds = Expected::of(&work).seconds;
            [seconds.least, seconds.most.unwrap_or(f64::NAN)]
        };
        // 1000 * 5 * 2 ms + 2000 * (10 + 3) ms, and 1000 * 5 * 100 ms + 2000 * (100 + 50) ms.
        for (in_flight, expected) in [
            (1, [36.0, 800.0]),
            (8, [4.5, 100.0]),
            // Two processors have 2000 * 3 ms and 2000 * 50 ms to work.
            (64, [3.0, 50.0]),
        ] {
            for (seconds, expected) in seconds(in_flight).into_iter().zip(expected) {
                assert!((seconds - expected).abs() < 1e-6, "{in_flight}: {seconds}");
            }
        }
    }

    #[test]
    fn each_place_uses_what_is_billed_there() {
        let used = |work: &Work| {
            let usage = Expected::of(work).usage;
            let used = usage
                .iter()
                .filter(|(_, quantity)| quantity.most != Some(0.0));
            used.map(|(item, _)| item).collect::<Vec<_>>()
        };
        let machine = work(MACHINE);
        assert_eq!(used(&machine), [Item::ClassA, Item::ClassB, Item::VmHour]);
        let public = Work {
            is_public: true,
            ..machine.clone()
        };
        assert!(used(&public).contains(&Item::EgressGb));
        let usage = Expected::of(&machine).usage;
        assert_eq!(usage.get(Item::ClassA), Interval::exactly(6002.0));
        assert_eq!(usage.get(Item::ClassB), Interval::between(4000.0, 6000.0));
        let instances = work(Place::Instances {
            size: InstanceSize::default(),
            concurrency: 2.0,
            number: Interval::exactly(4.0),
            start_up_seconds: Interval::between(1.0, 10.0),
            idle_seconds: Interval::between(60.0, 120.0),
            is_called: true,
        });
        let usage = Expected::of(&instances).usage;
        assert_eq!(usage.get(Item::HttpCall), Interval::exactly(1000.0));
        assert_eq!(usage.get(Item::VmHour), Interval::ZERO);
        let vcpu = usage.get(Item::VcpuSecond);
        // Four instances, 36 s of pictures two at once; or four for 100 s.
        assert!((vcpu.least - (4.0 * 61.0 + 18.0)).abs() < 1e-6, "{vcpu:?}");
        let most = vcpu.most.unwrap_or(f64::NAN);
        assert!((most - 4.0 * (130.0 + 100.0)).abs() < 1e-6, "{vcpu:?}");
        let nothing = Work {
            selecting: Usage::of_listing(0),
            pictures: 0,
            bytes: 0,
            ..instances
        };
        assert_eq!(Expected::of(&nothing).seconds, Interval::ZERO);
        assert_eq!(used(&nothing), [Item::ClassA], "the listing");
    }
}
