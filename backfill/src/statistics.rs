//! What a sample says, and what two samples say of each other. Knows numbers alone.
//!
//! Quantiles are median-unbiased (Hyndman and Fan's definition 8; in `NumPy` `method="median_unbiased"`).
//! Intervals are of 95 %.

use fastrand::Rng;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::statistics::{Data, Distribution, OrderStatistics};
use statrs::stats_tests::Alternative;
use statrs::stats_tests::mannwhitneyu::{MannWhitneyUMethod, mannwhitneyu};

/// How sure an interval is.
const CONFIDENCE: f64 = 0.95;

/// Below this a p-value says that there is a difference.
pub const SIGNIFICANCE: f64 = 1.0 - CONFIDENCE;

/// Fewer values say too little for an interval by resampling.
pub const FEW: usize = 5;

/// How many times a sample is drawn anew for a bootstrap interval.
const RESAMPLES: usize = 10_000;

/// The same samples have the same intervals.
const SEED: u64 = 2021;

/// Values so many interquartile ranges beyond the quartiles are outliers (Tukey's fences).
const FENCE: f64 = 1.5;

/// From one value to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The lower one.
    pub low: f64,
    /// The upper one.
    pub high: f64,
}

/// What a sample says, in the unit of its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// How many values there are.
    pub count: usize,
    /// The median.
    pub median: f64,
    /// The mean.
    pub mean: f64,
    /// The interval of the mean by Student's t, where there are at least two values.
    pub mean_interval: Option<Interval>,
    /// Coefficient of variation: standard deviation (of a sample) over mean, where there are at least two
    /// values and the mean is not 0.
    pub variation: Option<f64>,
    /// The least value.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The first and the third quartile.
    pub quartiles: Interval,
    /// The least and the greatest value that are no outliers.
    pub whiskers: Interval,
    /// The values beyond Tukey's fences, ascending.
    pub outliers: Vec<f64>,
}

/// What two samples say of each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Median of the second over median of the first.
    pub ratio: f64,
    /// The ratio's interval: percentiles of bootstrap resamples. Absent where either sample has fewer than
    /// [`FEW`] values: what few of them can be drawn anew to is narrower than what is not known of them.
    pub interval: Option<Interval>,
    /// The two-sided p-value of Mann and Whitney's test, by the normal approximation with corrections for
    /// continuity and ties.
    pub p: f64,
}

impl Comparison {
    /// Whether a difference is shown, at a p-value that may be another than its own (see [`holm`]): neither
    /// chance alone explains it, nor does the interval hold 1. Without an interval there is none shown.
    #[must_use]
    pub fn shows_difference(&self, p: f64) -> bool {
        let beside = |interval: Interval| !(interval.low..=interval.high).contains(&1.0);
        p < SIGNIFICANCE && self.interval.is_some_and(beside)
    }
}

/// Describes a sample. None where there is no value, or one that is no finite number.
#[must_use]
pub fn describe(values: &[f64]) -> Option<Description> {
    if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let count = values.len();
    let mut data = Data::new(values.clone());
    let (median, mean) = (data.median(), data.mean()?);
    let quartiles = Interval {
        low: data.lower_quartile(),
        high: data.upper_quartile(),
    };
    let reach = FENCE * (quartiles.high - quartiles.low);
    let is_inside = |value: f64| (quartiles.low - reach..=quartiles.high + reach).contains(&value);
    let (inside, outliers): (Vec<f64>, Vec<f64>) =
        values.into_iter().partition(|value| is_inside(*value));
    let deviation = data.std_dev().filter(|_| count > 1);
    Some(Description {
        count,
        median,
        mean,
        mean_interval: deviation.and_then(|deviation| mean_interval(count, mean, deviation)),
        variation: deviation
            .filter(|_| mean != 0.0)
            .map(|deviation| deviation / mean),
        min,
        max,
        quartiles,
        whiskers: Interval {
            low: inside.first().copied().unwrap_or(min),
            high: inside.last().copied().unwrap_or(max),
        },
        outliers,
    })
}

#[expect(clippy::cast_precision_loss, reason = "no sample has 2^52 values")]
fn mean_interval(count: usize, mean: f64, deviation: f64) -> Option<Interval> {
    let count = count as f64;
    let t = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
    let reach = t.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)) * deviation / count.sqrt();
    Some(Interval {
        low: mean - reach,
        high: mean + reach,
    })
}

/// Compares the second sample with the first. None where either is empty, or has a value that is not above 0.
#[must_use]
pub fn compare(first: &[f64], second: &[f64]) -> Option<Comparison> {
    let is_fit = |sample: &[f64]| {
        !sample.is_empty() && sample.iter().all(|value| value.is_finite() && *value > 0.0)
    };
    if !is_fit(first) || !is_fit(second) {
        return None;
    }
    let is_enough = first.len().min(second.len()) >= FEW;
    let mut rng = Rng::with_seed(SEED);
    let ratios: Vec<f64> = (0..RESAMPLES)
        .map(|_| median(resample(second, &mut rng)) / median(resample(first, &mut rng)))
        .collect();
    let mut ratios = Data::new(ratios);
    // Not the exact form, which asks for samples without ties, and which statrs 0.19 gets wrong where the
    // second sample is not the smaller one.
    let (_, p) = mannwhitneyu(
        first,
        second,
        MannWhitneyUMethod::AsymptoticInclContinuityCorrection,
        Alternative::TwoSided,
    )
    .ok()?;
    let beyond = (1.0 - CONFIDENCE) / 2.0;
    Some(Comparison {
        ratio: median(second.to_vec()) / median(first.to_vec()),
        interval: is_enough.then(|| Interval {
            low: ratios.quantile(beyond),
            high: ratios.quantile(1.0 - beyond),
        }),
        p,
    })
}

fn resample(sample: &[f64], rng: &mut Rng) -> Vec<f64> {
    let drawn = (0..sample.len()).map(|_| sample[rng.usize(..sample.len())]);
    drawn.collect()
}

fn median(sample: Vec<f64>) -> f64 {
    Data::new(sample).median()
}

/// The p-values of several tests as those of one question (Holm's step-down method), in their order: the more
/// is tested, the sooner chance alone gives a small one.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "there are not 2^52 tests")]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, place) in order.into_iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        least = least.max(p_values[place] * left).min(1.0);
        adjusted[place] = least;
    }
    adjusted
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests;
