//! How much of each component is read: the one place where quality and speed are weighed.
//!
//! Of each block of 8 x 8 the n x n lowest coefficients are kept, n = 1, 2, 4 or 8, which give n x n
//! samples. The numbers are measured ones; what they cost and gain is in the README's *Measured*.

use super::super::planes::{Colour, Effort};
use super::frame::{Frame, Scan};
use super::zigzag::{NOWHERE, Places};
use super::{MAX_N, Want};

/// The least ratio of the decoded long edge to that of the largest thumbnail.
fn least_ratio(effort: Effort) -> f64 {
    match effort {
        Effort::Default => 1.5,
        Effort::Fast => 1.2,
    }
}

/// The same for colour differences, to the long edge of the thumbnail's own, which is half. They
/// vary slowly, and a progressive file sends their AC coefficients late.
fn least_chroma_ratio(_effort: Effort) -> f64 {
    0.6
}

/// The largest step of the DC coefficient, in eighths of a level, whose last half may be left out: a
/// step of 16 moves no sample by more than half a level.
fn largest_unrefined_step(effort: Effort) -> u32 {
    match effort {
        Effort::Default => 16,
        Effort::Fast => 32,
    }
}

/// From which n on the refinements of AC coefficients are read too. Where a picture is shrunk after
/// decoding, their lack leaves the thumbnail within 40 dB and mostly 50 dB of that of all bits.
fn least_refined_n(_effort: Effort) -> usize {
    MAX_N
}

/// How many coefficients each way are kept of each component.
pub(super) fn sizes(frame: &Frame, colour: Colour, want: Want) -> Vec<usize> {
    (0..frame.components.len())
        .map(|i| {
            let chroma =
                matches!(colour, Colour::YCbCr | Colour::Ycck { .. }) && (1..3).contains(&i);
            let needed = if chroma {
                least_chroma_ratio(want.effort) * f64::from(want.largest) / 2.0
            } else {
                least_ratio(want.effort) * f64::from(want.largest)
            };
            let (width, height) = frame.exact_size(i);
            let long_edge = width.max(height);
            [1, 2, 4]
                .into_iter()
                .find(|&n| long_edge * n as f64 / 8.0 >= needed)
                .unwrap_or(MAX_N)
        })
        .collect()
}

/// Which bits of a component's coefficients are there, and which are wanted.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    n: usize,
    effort: Effort,
    /// By place in the zigzag sequence: bits still missing (Al of the last scan); `None` before the
    /// first.
    missing_bits: [Option<u32>; 64],
}

impl Progress {
    pub(super) fn new(n: usize, effort: Effort) -> Self {
        Self {
            n,
            effort,
            missing_bits: [None; 64],
        }
    }

    /// Whether AC refinements are wanted, for which it must be remembered which coefficients, kept or
    /// not, are other than zero.
    pub(super) fn refines_ac(&self) -> bool {
        self.n >= least_refined_n(self.effort)
    }

    /// The bits of the DC coefficient that are missing.
    pub(super) fn missing_dc_bits(&self) -> u32 {
        self.missing_bits[0].unwrap_or(0)
    }

    pub(super) fn has_dc(&self) -> bool {
        self.missing_bits[0].is_some()
    }

    fn band(scan: &Scan) -> std::ops::RangeInclusive<usize> {
        scan.first..=scan.last
    }

    /// Whether a scan says what is not known yet. No encoder sends a coefficient's bits twice or out
    /// of order; a scan that does is not read.
    pub(super) fn accepts(&self, scan: &Scan) -> bool {
        let before = scan.refines.then_some(scan.missing_bits + 1);
        let known = self.missing_bits[Self::band(scan)].iter();
        known.copied().all(|bits| bits == before) && (scan.first == 0 || self.keeps_any(scan))
    }

    /// Whether a scan that is [accepted](Self::accepts) brings something that is wanted.
    pub(super) fn wants(&self, scan: &Scan, dc_divisor: u16) -> bool {
        match (scan.refines, scan.first) {
            (false, _) => true,
            (true, 0) => self.wants_dc_refined(dc_divisor),
            (true, _) => self.refines_ac(),
        }
    }

    fn keeps_any(&self, scan: &Scan) -> bool {
        let places = Places::of(self.n);
        places.index[Self::band(scan)].iter().any(|&i| i < NOWHERE)
    }

    fn wants_dc_refined(&self, divisor: u16) -> bool {
        let bits = self.missing_dc_bits();
        let step = u32::from(divisor) << bits;
        bits > 0 && (self.n == MAX_N || step > largest_unrefined_step(self.effort))
    }

    pub(super) fn has_come(&mut self, scan: &Scan) {
        self.missing_bits[Self::band(scan)].fill(Some(scan.missing_bits));
    }

    /// Whether no later scan is wanted.
    pub(super) fn is_enough(&self, dc_divisor: u16) -> bool {
        let dc = self.has_dc() && !self.wants_dc_refined(dc_divisor);
        let places = Places::of(self.n);
        // Of 2 x 2 the two that are always sent together, not the diagonal one.
        let last = if self.n == 2 { 2 } else { places.last };
        let mut ac = (1..=last).filter(|&k| places.index[k] < NOWHERE);
        dc && ac.all(|k| match self.missing_bits[k] {
            None => false,
            Some(bits) => bits == 0 || !self.refines_ac(),
        })
    }
}
