//! How much of each component is read: the one place where quality and speed are weighed.
//!
//! Of each block of 8 x 8 the n x n lowest coefficients are kept, n = 1, 2, 4 or 8, which give n x n
//! samples. The numbers are measured ones; what they cost and gain is in the README's *Measured*.

use super::super::ChromaSubsampling;
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
const LEAST_CHROMA_RATIO: f64 = 0.6;

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
const LEAST_REFINED_N: usize = MAX_N;

/// How many coefficients each way are kept of each component. Who asks for more than 4:2:0 wants sharp
/// edges of colour, which then is read as brightness is.
pub(super) fn sizes(
    frame: &Frame,
    colour: Colour,
    want: Want,
    output: ChromaSubsampling,
) -> Vec<usize> {
    (0..frame.components.len())
        .map(|i| {
            let chroma =
                matches!(colour, Colour::YCbCr | Colour::Ycck { .. }) && (1..3).contains(&i);
            let needed = if chroma && output == ChromaSubsampling::Quarter {
                LEAST_CHROMA_RATIO * f64::from(want.largest) / 2.0
            } else {
                least_ratio(want.effort) * f64::from(want.largest)
            };
            let (width, height) = frame.exact_size(i);
            // By the direction in which the component is coarser: at 4:1:1 colour has a quarter of the
            // samples across, and all of them down.
            let (across, down) = (f64::from(frame.width), f64::from(frame.height));
            let long_edge = across.max(down) * (width / across).min(height / down);
            [1, 2, 4]
                .into_iter()
                .find(|&n| long_edge * n as f64 / 8.0 >= needed)
                .unwrap_or(MAX_N)
        })
        .collect()
}

/// Which bits of a component's coefficients are there, and which are wanted.
#[derive(Debug, Clone)]
pub(super) struct Known {
    n: usize,
    effort: Effort,
    /// By place in the zigzag sequence: bits still missing (Al of the last scan that was decoded);
    /// `None` before the first.
    missing_bits: [Option<u32>; 64],
    /// The same by the headers of all scans, decoded or not.
    announced: [Option<u32>; 64],
}

/// What a scan says of the coefficients that are kept of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// Nothing: it has others, or repeats one that was there.
    Nothing,
    /// What comes next.
    Next,
    /// What can only follow a scan that is missing.
    Contradiction,
}

impl Known {
    pub(super) fn new(n: usize, effort: Effort) -> Self {
        Self {
            n,
            effort,
            missing_bits: [None; 64],
            announced: [None; 64],
        }
    }

    /// Whether AC refinements are wanted, for which it must be remembered which coefficients, kept or
    /// not, are other than zero.
    pub(super) fn refines_ac(&self) -> bool {
        self.n >= LEAST_REFINED_N
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

    /// What a scan says, by its header. No encoder sends a coefficient's bits out of order (T.81,
    /// G.1.1.1.2): where they seem to be, a scan was lost.
    pub(super) fn announce(&mut self, scan: &Scan) -> Says {
        let (before, after) = (Self::before(scan), Some(scan.missing_bits));
        let all_at = |bits| self.kept_of(scan).all(|k| self.announced[k] == bits);
        let says = if all_at(after) {
            Says::Nothing
        } else if all_at(before) {
            Says::Next
        } else {
            Says::Contradiction
        };
        self.announced[Self::band(scan)].fill(after);
        says
    }

    /// Whether a scan continues what has been decoded of a component.
    pub(super) fn accepts(&self, scan: &Scan) -> bool {
        let before = Self::before(scan);
        let mut kept = self.kept_of(scan).peekable();
        kept.peek().is_some() && kept.all(|k| self.missing_bits[k] == before)
    }

    /// The bits that must be missing before a scan: Ah, which is Al + 1; `None` before the first.
    fn before(scan: &Scan) -> Option<u32> {
        scan.refines.then_some(scan.missing_bits + 1)
    }

    /// Whether a scan that is [accepted](Self::accepts) brings something that is wanted.
    pub(super) fn wants(&self, scan: &Scan, dc_divisor: u16) -> bool {
        match (scan.refines, scan.first) {
            (false, _) => true,
            (true, 0) => self.wants_dc_refined(dc_divisor),
            (true, _) => self.refines_ac(),
        }
    }

    /// The coefficients of a scan that are kept.
    fn kept_of(&self, scan: &Scan) -> impl Iterator<Item = usize> + use<> {
        let kept = &Places::of(self.n).index;
        Self::band(scan).filter(|&k| kept[k] < NOWHERE)
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
        self.has_dc() && self.has_ac() && !self.wants_refinement(dc_divisor)
    }

    /// Whether all AC coefficients that are waited for are there, in what precision ever.
    pub(super) fn has_ac(&self) -> bool {
        self.awaited_ac().all(|k| self.missing_bits[k].is_some())
    }

    /// Whether what is there, or will be, is not precise enough.
    pub(super) fn wants_refinement(&self, dc_divisor: u16) -> bool {
        let refined = |k: usize| self.missing_bits[k] == Some(0);
        self.wants_dc_refined(dc_divisor) || (self.refines_ac() && !self.awaited_ac().all(refined))
    }

    /// The AC coefficients without which there is not enough.
    fn awaited_ac(&self) -> impl Iterator<Item = usize> + use<> {
        let places = Places::of(self.n);
        // Of 2 x 2 the two that are always sent together, not the diagonal one.
        let last = if self.n == 2 { 2 } else { places.last };
        (1..=last).filter(|&k| places.index[k] < NOWHERE)
    }
}
