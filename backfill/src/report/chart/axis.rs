//! Axes whose ticks are numbers that people would choose.

#![expect(clippy::cast_precision_loss, reason = "no run has 2^52 pictures")]

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// Beyond this ratio of its ends an axis has ticks at 1, 2 and 5 and their multiples by ten.
const MANY_TIMES: f64 = 8.0;

/// An axis: linear or logarithmic, and where its ticks are.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    range: Range<f64>,
    log: bool,
    ticks: Vec<f64>,
}

impl Axis {
    /// From none to somewhat more than the last, with ticks at `counts`, which are ascending.
    pub(super) fn counts(counts: &[u64]) -> Self {
        let ticks: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
        let most = ticks.last().copied().unwrap_or(1.0);
        Self {
            range: 0.0..most * 1.04,
            log: false,
            ticks,
        }
    }

    /// From 0 to `most`, with about `number` ticks.
    pub(super) fn linear(most: f64, number: f64) -> Self {
        let range = 0.0..if most > 0.0 { most } else { 1.0 };
        Self {
            ticks: steps(range.clone(), number),
            log: false,
            range,
        }
    }

    /// Logarithmic, somewhat beyond `low` and `high`. What is less than a microsecond has no place of its own on it: it
    /// is drawn at the axis.
    pub(super) fn log(low: f64, high: f64) -> Self {
        let (low, high) = (low.max(1e-6), high.max(1e-6));
        let range = low * 0.85..high.max(low) * 1.15;
        let ticks = if high / low > MANY_TIMES {
            decades(range.clone())
        } else {
            steps(range.clone(), 6.0)
        };
        Self {
            range,
            log: true,
            ticks,
        }
    }

    /// Without ticks.
    pub(super) fn bare(most: f64) -> Self {
        Self {
            range: 0.0..most,
            log: false,
            ticks: Vec::new(),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "pixels of a chart are some hundreds; beyond that `as` ends at the greatest"
    )]
    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let scale = |value: f64| if self.log { value.ln() } else { value };
        let (start, end) = (scale(self.range.start), scale(self.range.end));
        // Logarithms of 0 are no places.
        let value = value.max(self.range.start);
        let part = (scale(value) - start) / (end - start);
        first + (part * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.clone()
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// A number of pictures as a place on an axis.
pub(super) fn count(count: u64) -> f64 {
    count as f64
}

/// About so many multiples of 1, 2 or 5 times a power of ten.
fn steps(range: Range<f64>, number: f64) -> Vec<f64> {
    let rough = (range.end - range.start) / number;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (range.start / step).ceil();
    let ticks = (0..100).map(|place| (first + f64::from(place)) * step);
    ticks.take_while(|tick| *tick <= range.end).collect()
}

fn decades(range: Range<f64>) -> Vec<f64> {
    let powers = (-6..9).map(|power| 10_f64.powi(power));
    powers
        .flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * power))
        .filter(|tick| range.contains(tick))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_at_the_end_of_a_logarithmic_axis() {
        for high in [0.0, 3.0] {
            let axis = Axis::log(0.0, high);
            assert_eq!(axis.map(&0.0, (0, 100)), 0, "{high}");
            assert!(
                axis.key_points(plotters::coord::ranged1d::BoldPoints(9))
                    .len()
                    < 100
            );
        }
    }

    #[test]
    fn ticks_are_numbers_that_people_would_choose() {
        assert_eq!(steps(0.0..10.0, 5.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(steps(21.0..36.0, 4.0), [25.0, 30.0, 35.0]);
        assert_eq!(decades(0.9..60.0), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(decades(0.01..0.1), [0.01, 0.02, 0.05]);
    }
}
