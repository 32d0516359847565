//! What becomes of instances, for people and records.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Something that became of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Which, from 1 in the order of their starts.
    pub instance: u64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
    /// How many take requests after it.
    pub ready: usize,
}

/// What can become of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "instance_event", rename_all = "snake_case")]
pub enum Event {
    /// Its process was started.
    Started {
        /// The process's number.
        pid: u32,
    },
    /// It takes requests.
    Ready {
        /// Since its start, in milliseconds.
        after_ms: u64,
    },
    /// It was told to end, and gets no more requests.
    Terminating,
    /// It ended as it was told to.
    Ended,
    /// It ended, or did not come up, by itself.
    Failed {
        /// How.
        how: String,
    },
}

impl Notice {
    pub(super) fn milliseconds(time: Duration) -> u64 {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance {}  ", self.instance)?;
        match &self.event {
            Event::Started { pid } => write!(f, "started, process {pid}"),
            Event::Ready { after_ms } => write!(f, "ready after {after_ms} ms"),
            Event::Terminating => f.write_str("terminating"),
            Event::Ended => f.write_str("ended"),
            Event::Failed { how } => write!(f, "failed: {how}"),
        }?;
        write!(f, "  ({} ready)", self.ready)
    }
}
