use std::ops::Add;
use std::time::Duration;

/// How long some pictures took, in one or more sessions: a run has one more each time that it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Took {
    /// By the end-to-end clock, those of all sessions added.
    pub all: Duration,
    /// The part of it before work on the first one of a session began, added as well: the start of instances, which
    /// does not grow with the number of pictures. None where nothing starts.
    pub start_up: Duration,
    /// In how many sessions work began on one, of those in which instances start.
    pub sessions: u32,
}

impl Took {
    /// What `factor` times as many would take in one session, by the same machines and with the start of one session,
    /// as it was in the mean.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let working = self.all.saturating_sub(self.start_up);
        let start_up = self.start_up / self.sessions.max(1);
        Self {
            all: working.mul_f64(factor) + start_up,
            start_up,
            sessions: 1,
        }
    }
}

impl Add for Took {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            all: self.all + other.all,
            start_up: self.start_up + other.start_up,
            sessions: self.sessions.saturating_add(other.sessions),
        }
    }
}
