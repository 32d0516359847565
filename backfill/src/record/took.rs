use std::ops::Add;
use std::time::Duration;

/// How long some pictures took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    /// By the end-to-end clock.
    pub all: Duration,
    /// The part of it before work on the first one began: the start of instances, which does not grow with the number
    /// of pictures. None where nothing starts.
    pub start_up: Duration,
}

impl Took {
    /// What `factor` times as many would take, by the same machines and with the same start.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let working = self.all.saturating_sub(self.start_up);
        Self {
            all: working.mul_f64(factor) + self.start_up,
            ..self
        }
    }
}

impl Add for Took {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            all: self.all + other.all,
            start_up: self.start_up + other.start_up,
        }
    }
}
