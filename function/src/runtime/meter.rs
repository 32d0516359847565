//! What a runtime tells to who counts, for `GET /metrics`.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Counts what a runtime does, and says it in the text format of `OpenMetrics`.
pub trait Meter: fmt::Debug + Send + Sync {
    /// A request with events had this answer, so long after its header had come.
    fn answered(&self, status: StatusCode, took: Duration);

    /// A request with events had none: its sender ended the connection before.
    fn hung_up(&self);

    /// A request with events had none: its connection was closed here, before it had come whole, for another one.
    fn gave_way(&self);

    /// What came was no event, be it a whole request or a member of a batch, of which the others were handled.
    fn malformed(&self);

    /// So many events of one request had no outcome; nor had those, of the same request, that had not begun.
    fn abandoned(&self, events: usize, why: Abandoned);

    /// All that was counted, and the load of this moment, to the line `# EOF`
    /// (<https://github.com/prometheus/OpenMetrics>).
    fn text(&self, load: Load) -> String;
}

/// Why events have no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Abandoned {
    /// The handler panicked.
    Panic,
    /// The time for their request was over, or the process ends.
    Deadline,
}

/// What a runtime does at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Requests that are handled.
    pub in_flight: usize,
    /// Requests that have come whole and wait for a place.
    pub waiting: usize,
}

impl Load {
    pub(crate) fn new(in_flight: usize, waiting: usize) -> Self {
        Self { in_flight, waiting }
    }
}
