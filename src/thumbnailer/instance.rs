//! What a flow tells of itself: by it a sender learns which process handled an event, and what that took.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::outcome::Execution;
use crate::process;

/// One flow in one process.
#[derive(Debug)]
pub(super) struct Instance {
    name: String,
    ready_at_us: u64,
    events: AtomicU64,
}

/// An event that it has taken on.
#[derive(Debug)]
pub(super) struct Begun {
    before: u64,
    at_us: u64,
    process_cpu_us: u64,
}

impl Instance {
    pub(super) fn new() -> Self {
        Self {
            // Each has keys of its own, by chance.
            name: format!("{:016x}", RandomState::new().hash_one(std::process::id())),
            ready_at_us: now_us(),
            events: AtomicU64::new(0),
        }
    }

    pub(super) fn begin(&self) -> Begun {
        Begun {
            before: self.events.fetch_add(1, Ordering::Relaxed),
            at_us: now_us(),
            process_cpu_us: micros(process::cpu()),
        }
    }

    /// An event came to its outcome, and the picture took so much time of a processor.
    pub(super) fn end(&self, begun: &Begun, computed: Duration) -> Execution {
        Execution {
            instance: self.name.clone(),
            before: begun.before,
            ready_at_us: self.ready_at_us,
            began_at_us: begun.at_us,
            ended_at_us: now_us(),
            cpu_us: micros(computed),
            process_cpu_us: [begun.process_cpu_us, micros(process::cpu())],
            peak_bytes: process::peak_bytes(),
        }
    }
}

fn now_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, micros)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
