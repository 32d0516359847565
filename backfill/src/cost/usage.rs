use std::collections::BTreeMap;
use std::ops::{Add, AddAssign};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Interval, Item, float};
use crate::record::{End, InstanceSize, Picture, Stage, Traffic};

/// The objects of one page of a listing, which is one request.
const PAGE: u64 = 1000;

/// The processors of the virtual machine whose hour is sold, bx2-2x8.
const PROCESSORS_OF_MACHINE: f64 = 2.0;

/// How much was used of each [`Item`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage(BTreeMap<Item, Interval>);

impl Usage {
    /// So much of one item.
    #[must_use]
    pub fn of(item: Item, quantity: Interval) -> Self {
        Self(BTreeMap::from([(item, quantity)]))
    }

    /// How much of one item.
    #[must_use]
    pub fn get(&self, item: Item) -> Interval {
        self.0.get(&item).copied().unwrap_or_default()
    }

    /// All that is used, in the order of [`Item::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Item, Interval)> {
        self.0.iter().map(|(&item, &quantity)| (item, quantity))
    }

    /// One instance of an application or a job, for so long, with its start-up: from the pull of its image
    /// on it is billed.
    #[must_use]
    pub fn of_instance(size: InstanceSize, start_up: Interval, running: Interval) -> Self {
        let seconds = start_up + running;
        Self::of(Item::VcpuSecond, seconds * size.vcpu)
            + Self::of(Item::GbSecond, seconds * size.memory_gb)
    }

    /// Requests of Object Storage. DELETE is free.
    #[must_use]
    pub fn of_requests(traffic: &Traffic) -> Self {
        let class_b = u64::from(traffic.gets) + u64::from(traffic.heads);
        Self::of(Item::ClassA, Interval::exactly(traffic.puts.into()))
            + Self::of(Item::ClassB, Interval::exactly(float(class_b)))
    }

    /// A listing of so many objects.
    #[must_use]
    pub fn of_listing(objects: u64) -> Self {
        let pages = objects.div_ceil(PAGE).max(1);
        Self::of(Item::ClassA, Interval::exactly(float(pages)))
    }

    /// So many objects that were looked at, by a HEAD or a GET.
    #[must_use]
    pub fn of_looks(objects: u64) -> Self {
        Self::of(Item::ClassB, Interval::exactly(float(objects)))
    }

    /// So many bytes that were read by a public endpoint.
    #[must_use]
    pub fn of_egress(bytes: u64) -> Self {
        Self::of(Item::EgressGb, Interval::exactly(float(bytes) / 1e9))
    }

    /// HTTP calls from outside of the project.
    #[must_use]
    pub fn of_calls(calls: u64) -> Self {
        Self::of(Item::HttpCall, Interval::exactly(float(calls)))
    }

    /// A virtual machine of so many processors, for so long. Prices are of one of two: more count in proportion, as
    /// such machines do, and one as two.
    #[must_use]
    pub fn of_machine(processors: usize, time: Interval) -> Self {
        let machines = (float(processors as u64) / PROCESSORS_OF_MACHINE).max(1.0);
        Self::of(Item::VmHour, time * (machines * 3600_f64.recip()))
    }

    /// As many times that.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let scaled = self
            .iter()
            .map(|(item, quantity)| (item, quantity * factor));
        Self(scaled.collect())
    }
}

impl AddAssign<&Usage> for Usage {
    fn add_assign(&mut self, other: &Usage) {
        for (item, quantity) in other.iter() {
            *self.0.entry(item).or_default() += quantity;
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += &other;
        self
    }
}

/// How an application, or a job, is set up in Code Engine, as far as it is billed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Application {
    /// The size of its instances.
    pub size: InstanceSize,
    /// How many of the application there are at most; of a job it is the run that says it.
    pub max_instances: u16,
}

impl Default for Application {
    /// As `deploy/code-engine/up` has it, and Code Engine: 1 vCPU, 4 GB, and 10 instances at most.
    fn default() -> Self {
        Self {
            size: InstanceSize::default(),
            max_instances: 10,
        }
    }
}

/// Where a run does its work, as far as that is billed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// In this process, on a virtual machine for as long as the run takes.
    Machine {
        /// Its processors.
        processors: usize,
    },
    /// In instances of Code Engine, each with so many pictures at once at most.
    Instances {
        /// Their size.
        size: InstanceSize,
        /// Pictures at once in each, at least 1.
        concurrency: f64,
        /// How many there are: at least one where any picture is.
        number: Interval,
        /// The start-up of one, in seconds.
        start_up_seconds: Interval,
        /// How long one stays when it has nothing more to do, in seconds.
        idle_seconds: Interval,
        /// Whether each picture is a call from outside of the project.
        is_called: bool,
    },
}

impl Place {
    /// What it is billed for when a run takes `elapsed` seconds, in which pictures were in work for `busy` seconds,
    /// those of all added, and which went on so often that it came to as many `sessions`.
    ///
    /// An instance is billed from its start-up to its end. As nobody says which of them does what, they are taken to
    /// be up for no longer than all of them all the time, and no shorter than if each always had as many pictures as
    /// it may. Where more were in work than that, it is this that is wrong, which is assumed, and not their number,
    /// which was seen or said: each had more, and all were up all the time.
    pub(super) fn usage(&self, elapsed: Interval, busy: Interval, sessions: u32) -> Usage {
        match *self {
            Self::Machine { processors } => Usage::of_machine(processors, elapsed),
            Self::Instances {
                size,
                concurrency,
                number,
                start_up_seconds,
                idle_seconds,
                ..
            } => {
                let packed = busy.least / concurrency.max(1.0);
                let most = (number * elapsed).most;
                let running = Interval {
                    least: most.map_or(packed, |most| packed.min(most)),
                    most,
                };
                let once = start_up_seconds + idle_seconds;
                // Whether they stayed until it went on, nobody says.
                let besides = Interval {
                    most: once.most.map(|most| most * f64::from(sessions)),
                    ..once
                };
                Usage::of_instance(size, besides * number, running)
            }
        }
    }
}

/// Adds up what a run uses, picture by picture. Its size does not grow with their number.
#[derive(Debug, Clone, PartialEq)]
pub struct Meter {
    place: Place,
    /// Whether the store is read by a public endpoint, from outside of its region.
    is_public: bool,
    usage: Usage,
    /// Seconds that pictures were in work, those of all added.
    busy_seconds: f64,
    pictures: u64,
    /// How often the run was begun or went on: instances may come up each time.
    sessions: u32,
}

impl Meter {
    /// Of a run for whose originals so much was used already.
    #[must_use]
    pub fn new(place: Place, is_public: bool, selecting: Usage) -> Self {
        Self {
            place,
            is_public,
            usage: selecting,
            busy_seconds: 0.0,
            pictures: 0,
            sessions: 1,
        }
    }

    /// Adds a picture that came to its end. What failed attempts used in the store is not known, and left
    /// out.
    pub fn add(&mut self, picture: &Picture) {
        let (traffic, busy) = match &picture.end {
            End::Outcome(outcome) => (outcome.traffic, outcome.timings.get(Stage::Total)),
            End::Error(_) => (Traffic::default(), None),
        };
        self.add_call(picture.attempts, &traffic, busy.unwrap_or_default());
    }

    /// Adds a picture that was sent so often, and was so long in work at last.
    pub fn add_call(&mut self, attempts: u32, traffic: &Traffic, busy: Duration) {
        self.pictures += 1;
        if let Place::Instances {
            is_called: true, ..
        } = self.place
        {
            self.usage += &Usage::of_calls(attempts.into());
        }
        self.usage += &Usage::of_requests(traffic);
        if self.is_public {
            self.usage += &Usage::of_egress(traffic.bytes_read);
        }
        self.busy_seconds += busy.as_secs_f64();
    }

    /// That of so many pictures as these, in one go.
    #[must_use]
    pub fn scaled(&self, pictures: u64) -> Self {
        let factor = float(pictures) / float(self.pictures.max(1));
        Self {
            usage: self.usage.scaled(factor),
            busy_seconds: self.busy_seconds * factor,
            pictures,
            sessions: 1,
            ..*self
        }
    }

    /// What was added counts as so many pictures. Where a run goes on, those that failed come again: what they used
    /// stays, but each is one picture.
    pub fn count_as(&mut self, pictures: u64) {
        self.pictures = pictures;
    }

    /// The run went on: where no instance stayed, they came up again, as many as before.
    pub fn went_on(&mut self) {
        self.sessions = self.sessions.saturating_add(1);
    }

    /// How many pictures were added.
    #[must_use]
    pub fn pictures(&self) -> u64 {
        self.pictures
    }

    /// What was used by then.
    #[must_use]
    pub fn usage(&self, elapsed: Duration) -> Usage {
        let elapsed = Interval::exactly(elapsed.as_secs_f64());
        let of_place = match self.place {
            Place::Instances { .. } if self.pictures == 0 => Usage::default(),
            place => place.usage(elapsed, Interval::exactly(self.busy_seconds), self.sessions),
        };
        self.usage.clone() + of_place
    }
}
