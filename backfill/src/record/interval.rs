use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use serde::{Deserialize, Serialize};

/// A number, not below 0, that may not be known exactly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// It is not less.
    pub least: f64,
    /// It is not more; absent where nobody knows.
    pub most: Option<f64>,
}

impl Interval {
    /// Nothing.
    pub const ZERO: Self = Self::exactly(0.0);

    /// A number that is known.
    #[must_use]
    pub const fn exactly(number: f64) -> Self {
        Self::between(number, number)
    }

    /// One between two.
    #[must_use]
    pub const fn between(least: f64, most: f64) -> Self {
        Self {
            least,
            most: Some(most),
        }
    }

    /// One of which no upper bound is known.
    #[must_use]
    pub const fn at_least(least: f64) -> Self {
        Self { least, most: None }
    }

    /// What is left of it when so much is taken away, not below 0.
    #[must_use]
    pub fn less(self, taken: f64) -> Self {
        self.map(|number| (number - taken).max(0.0))
    }

    /// The quotient; without an upper bound where the divisor may be 0.
    #[must_use]
    pub fn over(self, divisor: Self) -> Self {
        let least = match divisor.most {
            Some(most) if most > 0.0 => self.least / most,
            _ => 0.0,
        };
        let most = self.most.filter(|_| divisor.least > 0.0);
        Self {
            least,
            most: most.map(|most| most / divisor.least),
        }
    }

    /// The lesser of two numbers.
    #[must_use]
    pub fn at_most(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: match (self.most, other.most) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (bound, None) | (None, bound) => bound,
            },
        }
    }

    /// The greater of two numbers.
    #[must_use]
    pub fn at_least_as(self, other: Self) -> Self {
        Self {
            least: self.least.max(other.least),
            most: self.most.zip(other.most).map(|(a, b)| a.max(b)),
        }
    }

    fn map(self, by: impl Fn(f64) -> f64) -> Self {
        Self {
            least: by(self.least),
            most: self.most.map(by),
        }
    }
}

impl Default for Interval {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Add for Interval {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            least: self.least + other.least,
            most: self.most.zip(other.most).map(|(a, b)| a + b),
        }
    }
}

impl AddAssign for Interval {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Interval {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl Mul<f64> for Interval {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        self * Self::exactly(factor)
    }
}

/// Nothing of what has an unknown price costs nothing.
impl Mul for Interval {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let none = self.most == Some(0.0) || other.most == Some(0.0);
        Self {
            least: self.least * other.least,
            most: if none {
                Some(0.0)
            } else {
                self.most.zip(other.most).map(|(a, b)| a * b)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_and_what_is_unknown_stays_so() {
        let (known, some) = (Interval::exactly(2.0), Interval::between(1.0, 4.0));
        let unknown = Interval::at_least(3.0);
        assert_eq!(known + some, Interval::between(3.0, 6.0));
        assert_eq!(known * some, Interval::between(2.0, 8.0));
        assert_eq!(some * 0.5, Interval::between(0.5, 2.0));
        assert_eq!(known + unknown, Interval::at_least(5.0));
        assert_eq!(known * unknown, Interval::at_least(6.0));
        assert_eq!(Interval::ZERO * unknown, Interval::ZERO);
        assert_eq!(some.less(2.0), Interval::between(0.0, 2.0));
        assert_eq!(unknown.less(2.0), Interval::at_least(1.0));
        assert_eq!(known.over(some), Interval::between(0.5, 2.0));
        assert_eq!(known.over(unknown), Interval::between(0.0, 2.0 / 3.0));
        assert_eq!(unknown.over(known), Interval::at_least(1.5));
        assert_eq!(known.over(Interval::ZERO).most, None);
        assert_eq!(some.at_most(known), Interval::between(1.0, 2.0));
        assert_eq!(some.at_most(unknown), Interval::between(1.0, 4.0));
        assert_eq!(some.at_least_as(known), Interval::between(2.0, 4.0));
        assert_eq!(some.at_least_as(unknown), unknown);
        let sum: Interval = [known, some, Interval::ZERO].into_iter().sum();
        assert_eq!(sum, Interval::between(3.0, 6.0));
    }
}
