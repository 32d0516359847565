//! Lanczos weights (a = 3) for one axis, between any two lengths.

use super::super::kernels::resample::{Taps, WEIGHT_BITS};

/// One axis of a plane, before and after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// How many samples there are.
    source: usize,
    /// How many of them the picture takes up; the rest of the last one lies outside.
    source_span: f64,
    /// The share of these that is shown, around the middle.
    shown: f64,
    /// How many samples the picture is to take up; so many are made, rounded up.
    target_span: f64,
    /// Whether the first sample to be made is at the picture's end.
    mirrored: bool,
}

/// Half the width of the filter, in target samples (in source samples when enlarging).
const RADIUS: usize = 3;

/// The most target samples, along one axis of one plane, for which the filter is [narrower](NARROWER).
const SMALL: f64 = 32.0;

/// How wide the filter is for small thumbnails, to its width for others: compression takes more of their
/// detail, which a sharper filter makes up for. On the 43 photographs of *Measured*, at 16 px and quality
/// 75, the mean SSIM rises from 0.9353 to 0.9368 against Lanczos and from 0.9250 to 0.9270 against the mean
/// over each pixel's area; narrower still, the PSNR falls. It goes by the axis of each plane, and for what
/// is stored as planes: JPEG, and lossy WebP. Pixels are shrunk by the full width.
const NARROWER: f64 = 0.97;

/// Entries of [`TABLE`] for one sample's width. Interpolated, they are right to 2e-6.
const STEPS: usize = 512;

/// Bits behind the point of positions within the table.
const STEP_BITS: u32 = 16;

/// Bits behind the point of the table's entries.
const TABLE_BITS: u32 = 20;

/// The right half of the filter, and a 0 behind it. Made by the compiler from additions and
/// multiplications alone, so that it is the same on every machine.
static TABLE: [i32; RADIUS * STEPS + 2] = table();

impl Axis {
    /// From `source.0` samples, of which the picture takes up `source.1`, to `target_span` samples.
    pub(super) fn new(source: (usize, f64), target_span: f64, mirrored: bool) -> Self {
        Self {
            source: source.0,
            source_span: source.1,
            shown: 1.0,
            target_span,
            mirrored,
        }
    }

    /// The same with only a share of the picture shown, around its middle. What lies beyond is not
    /// cut off before the filter, which reaches over the edge.
    pub(super) fn showing(self, shown: f64) -> Self {
        Self { shown, ..self }
    }

    /// The weights of each target sample. They add up to 1 exactly, so that areas of one colour
    /// keep it; where the filter would reach over an edge, it is cut there.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lengths are below 2^24, positions within them, and weights below 2^15"
    )]
    pub(super) fn taps(self) -> Taps {
        let scale = self.source_span * self.shown / self.target_span;
        let start = self.source_span * ((1.0 - self.shown) / 2.0);
        // Wider where there are more samples to be weighed: then nothing aliases.
        let share = if self.target_span > SMALL {
            1.0
        } else {
            NARROWER
        };
        let width = (scale * share).max(1.0);
        let radius = width * RADIUS as f64;
        let steps_per_sample = (STEPS << STEP_BITS) as f64 / width;
        let step = steps_per_sample as i32;
        let mut list: Vec<i32> = Vec::new();
        Taps::new(self.target_span.ceil() as usize, |target, weights| {
            let centre = start + (target as f64 + 0.5) * scale;
            let centre = if self.mirrored {
                self.source_span - centre
            } else {
                centre
            };
            let first = (centre - radius + 0.5).max(0.0) as u32;
            let end = ((centre + radius + 0.5) as u32).min(self.source as u32);
            list.clear();
            let mut sum = 0_i64;
            let mut at = ((f64::from(first) + 0.5 - centre) * steps_per_sample) as i32;
            list.extend((first..end).map(|_| {
                let weight = lookup(at);
                at += step;
                sum += i64::from(weight);
                weight
            }));
            // Rounding the running total, not each weight, makes them add up.
            let factor = (1_i64 << (WEIGHT_BITS + FACTOR_BITS)) / sum.max(1);
            let (mut total, mut rounded) = (1_i64 << (FACTOR_BITS - 1), 0);
            let mut start = first;
            let begin = weights.len();
            for &weight in &list {
                total += i64::from(weight) * factor;
                let weight = (total >> FACTOR_BITS) as i32 - rounded;
                rounded += weight;
                if weights.len() == begin && weight == 0 {
                    start += 1;
                } else {
                    weights.push(weight as i16);
                }
            }
            start
        })
    }
}

/// Bits behind the point of the factor by which weights are made to add up to 1: so many that, with
/// sums of up to 33 bits for 65,535 samples made into 16, it is right to more than 14.
const FACTOR_BITS: u32 = 40;

/// The filter at a position, to either side of its centre, in steps of the table.
fn lookup(position: i32) -> i32 {
    let position = position.unsigned_abs();
    let step = ((position >> STEP_BITS) as usize).min(TABLE.len() - 2);
    let part = (position & ((1 << STEP_BITS) - 1)).cast_signed();
    TABLE[step] + (((TABLE[step + 1] - TABLE[step]) * part) >> STEP_BITS)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the table has 1538 entries, none larger than 1 << TABLE_BITS"
)]
const fn table() -> [i32; RADIUS * STEPS + 2] {
    let mut table = [0; RADIUS * STEPS + 2];
    let mut n = 0;
    while n < RADIUS * STEPS {
        table[n] = (lanczos(n as f64 / STEPS as f64) * (1 << TABLE_BITS) as f64) as i32;
        n += 1;
    }
    table
}

/// sinc(x) sinc(x / 3), for 0 <= x < 3.
const fn lanczos(x: f64) -> f64 {
    sinc(x) * sinc(x / 3.0)
}

/// sin(pi x) / (pi x), for 0 <= x < 3, by its product with the terms of x.
const fn sinc(x: f64) -> f64 {
    // The Taylor series of sin(y) / y. At 3 pi its largest term is about 600, so of 53 bits more than
    // 40 are left.
    let y2 = x * x * (std::f64::consts::PI * std::f64::consts::PI);
    let (mut sum, mut term, mut n) = (1.0, 1.0, 2.0);
    while n < 60.0 {
        term *= -y2 / (n * (n + 1.0));
        sum += term;
        n += 2.0;
    }
    sum
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests may fail; lengths are small"
)]
mod tests {
    use std::f64::consts::PI;

    use proptest::prelude::*;

    use super::*;

    fn exact(x: f64) -> f64 {
        let sinc = |x: f64| {
            if x == 0.0 {
                1.0
            } else {
                (PI * x).sin() / (PI * x)
            }
        };
        if x.abs() < 3.0 {
            sinc(x) * sinc(x / 3.0)
        } else {
            0.0
        }
    }

    #[test]
    fn the_interpolated_table_is_the_filter() {
        let one = f64::from(1_u32 << TABLE_BITS);
        let samples_to_position = (STEPS << STEP_BITS) as f64;
        for n in -4000..4000 {
            let x = f64::from(n) / 1250.0;
            let found = f64::from(lookup((x * samples_to_position) as i32)) / one;
            assert!((found - exact(x)).abs() < 4e-6, "{x}: {found}");
        }
    }

    #[test]
    fn the_same_length_is_the_same_samples() {
        let taps = Axis::new((5, 5.0), 5.0, false).taps();
        for n in 0..5 {
            assert_eq!(taps.of(n), (n, &[1 << WEIGHT_BITS, 0][..]));
        }
        let mirrored = Axis::new((5, 5.0), 5.0, true).taps();
        assert_eq!(mirrored.of(0).0, 4);
    }

    #[test]
    fn a_part_is_the_same_samples_of_the_middle() {
        let half = |mirrored| Axis::new((12, 12.0), 6.0, mirrored).showing(0.5).taps();
        for n in 0..6 {
            assert_eq!(half(false).of(n), (3 + n, &[1 << WEIGHT_BITS, 0][..]));
            assert_eq!(half(true).of(n), (8 - n, &[1 << WEIGHT_BITS, 0][..]));
        }
    }

    proptest! {
        #[test]
        fn weights_are_those_of_the_filter_and_add_up_to_one(
            source in 1_usize..3000,
            partly in 0.0..0.99,
            target in 1_u32..600,
            half in any::<bool>(),
            mirrored in any::<bool>(),
        ) {
            let span = source as f64 - partly;
            let target = f64::from(target) / if half { 2.0 } else { 1.0 };
            let taps = Axis::new((source, span), target, mirrored).taps();
            prop_assert_eq!(taps.targets(), target.ceil() as usize);
            let scale = span / target;
            for n in [0, taps.targets() / 2, taps.targets() - 1] {
                let (first, weights) = taps.of(n);
                let sum: i32 = weights.iter().map(|&w| i32::from(w)).sum();
                prop_assert_eq!(sum, 1 << WEIGHT_BITS);
                let centre = (n as f64 + 0.5) * scale;
                let centre = if mirrored { span - centre } else { centre };
                let wide = if target > 32.0 { scale } else { 0.97 * scale };
                let of = |m: usize| exact((m as f64 + 0.5 - centre) / wide.max(1.0));
                let all: f64 = (0..source).map(of).sum();
                for (m, &weight) in (first..source).zip(weights) {
                    let expected = of(m) / all * f64::from(1 << WEIGHT_BITS);
                    // The running total is rounded, so both of its ends are half a unit wrong; the
                    // filter's last sample may be one more or less.
                    prop_assert!((f64::from(weight) - expected).abs() < 2.0, "{m}: {weight}, {expected}");
                }
            }
        }
    }
}
