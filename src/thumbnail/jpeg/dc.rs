//! Progressive scans of DC coefficients (T.81, G.1.2.1).

use std::ops::Range;

use super::super::kernels::{Dequantiser, row_of_blocks};
use super::super::planes::Plane;
use super::bits::Entropy;
use super::coefficients::Coefficients;
use super::frame::{Frame, Scan, ScanComponent};
use super::huffman::{Coded, Damaged};
use super::lookup::Differences;
use super::walk::Units;

/// Where the DC coefficients of one component go.
pub(super) enum Output<'a> {
    /// They are kept for later scans.
    Kept(&'a mut Coefficients),
    /// They are all that is wanted, one sample each.
    Samples {
        plane: &'a mut Plane,
        dequantiser: Box<Dequantiser>,
        /// A row of coefficients.
        row: Vec<i16>,
    },
}

/// First scan of the DC coefficients of one component alone: the way progressive photographs begin.
pub(super) struct DcAlone<'a> {
    coded: Coded,
    differences: Differences,
    output: Output<'a>,
    prediction: i16,
    missing_bits: u32,
}

/// Differences decoded at one time: few enough to stay in the first cache, and to be within what is
/// read ahead.
const PIECE: usize = 512;

impl<'a> DcAlone<'a> {
    pub(super) fn new(scan: &Scan, coded: Coded, output: Output<'a>) -> Self {
        Self {
            differences: Differences::new(&coded),
            coded,
            output,
            prediction: 0,
            missing_bits: scan.missing_bits,
        }
    }

    /// Decodes the first differences of `found`, so many as `wanted` says.
    fn differences(
        &self,
        entropy: &mut Entropy<'_>,
        found: &mut [i16; PIECE + 4],
        wanted: usize,
    ) -> Result<(), Damaged> {
        const GROUP: usize = Differences::LOOKUPS * Differences::AT_ONCE;
        let (mut bits, mut window) = entropy.take();
        if entropy.runs_low(bits) {
            entropy.fill();
            (bits, window) = entropy.take();
        }
        let mut count = 0;
        while count + GROUP <= wanted {
            bits.refill(window);
            let mut last = 0;
            for _ in 0..Differences::LOOKUPS {
                let some = self.differences.take(&mut bits);
                // Always inside, since at most `wanted` are counted; this says so to the compiler.
                let at = count % PIECE;
                found[at..at + 4].copy_from_slice(&some.values);
                count += some.count;
                last = some.count;
            }
            if last == 0 {
                bits.refill(window);
                found[count % PIECE] = self.coded.take(&mut bits)?.value as i16;
                count += 1;
            }
        }
        for one in &mut found[count..wanted] {
            bits.refill(window);
            *one = self.coded.take(&mut bits)?.value as i16;
        }
        entropy.put(bits);
        Ok(())
    }
}

impl Units for DcAlone<'_> {
    fn restart(&mut self) {
        self.prediction = 0;
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        let mut found = [0; PIECE + 4];
        for from in columns.clone().step_by(PIECE) {
            let piece = from..columns.end.min(from + PIECE);
            let wanted = piece.len();
            self.differences(entropy, &mut found, wanted)?;
            let to = match &mut self.output {
                Output::Samples { row, .. } => &mut row[piece],
                Output::Kept(kept) => {
                    let start = row * kept.blocks_wide;
                    &mut kept.dc[start + piece.start..start + piece.end]
                }
            };
            let (mut prediction, missing_bits) = (self.prediction, self.missing_bits);
            for (to, &difference) in to.iter_mut().zip(&found) {
                prediction = prediction.wrapping_add(difference);
                *to = prediction << missing_bits;
            }
            self.prediction = prediction;
        }
        Ok(())
    }

    fn end_of_row(&mut self, row: usize) {
        if let Output::Samples {
            plane,
            dequantiser,
            row: coefficients,
        } = &mut self.output
        {
            let samples = &mut plane.samples[row * plane.width..][..plane.width];
            row_of_blocks(dequantiser, coefficients, samples);
            // What a damaged row does not get is grey.
            coefficients.fill(0);
        }
    }
}

/// One component of an interleaved DC scan.
struct DcComponent<'a> {
    /// `None` if the component needs no more.
    kept: Option<&'a mut Coefficients>,
    /// Blocks of it in an MCU, across and down.
    h: usize,
    v: usize,
    prediction: i16,
}

impl<'a> DcComponent<'a> {
    fn all(scan: &Scan, frame: &Frame, mut kept: Vec<Option<&'a mut Coefficients>>) -> Vec<Self> {
        let one = |c: &ScanComponent| {
            let component = &frame.components[c.index];
            let (h, v) = if scan.interleaved() {
                (component.h, component.v)
            } else {
                (1, 1)
            };
            Self {
                kept: kept.get_mut(c.index).and_then(Option::take),
                h,
                v,
                prediction: 0,
            }
        };
        scan.components.iter().map(one).collect()
    }

    /// A block's DC coefficient, if it is kept; the padding of the last MCUs is not.
    #[inline(always)]
    fn place(&mut self, row: usize, column: usize, x: usize, y: usize) -> Option<&mut i16> {
        let (y, x) = (row * self.v + y, column * self.h + x);
        let kept = self.kept.as_mut()?;
        let inside = x < kept.blocks_wide && y < kept.blocks_high;
        inside.then(|| &mut kept.dc[y * kept.blocks_wide + x])
    }
}

/// First scan of the DC coefficients of several components.
pub(super) struct DcInterleaved<'a> {
    components: Vec<(DcComponent<'a>, Coded)>,
    missing_bits: u32,
}

impl<'a> DcInterleaved<'a> {
    /// `kept` has the coefficients of all components; `coded` a table for each of the scan's.
    pub(super) fn new(
        scan: &Scan,
        frame: &Frame,
        kept: Vec<Option<&'a mut Coefficients>>,
        coded: Vec<Coded>,
    ) -> Self {
        Self {
            components: DcComponent::all(scan, frame, kept)
                .into_iter()
                .zip(coded)
                .collect(),
            missing_bits: scan.missing_bits,
        }
    }
}

impl Units for DcInterleaved<'_> {
    fn restart(&mut self) {
        for (component, _) in &mut self.components {
            component.prediction = 0;
        }
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        let (mut bits, mut window) = entropy.take();
        for column in columns {
            if entropy.runs_low(bits) {
                entropy.put(bits);
                entropy.fill();
                (bits, window) = entropy.take();
            }
            for (component, coded) in &mut self.components {
                for y in 0..component.v {
                    for x in 0..component.h {
                        bits.refill(window);
                        let difference = coded.take(&mut bits)?.value as i16;
                        component.prediction = component.prediction.wrapping_add(difference);
                        let value = component.prediction << self.missing_bits;
                        if let Some(dc) = component.place(row, column, x, y) {
                            *dc = value;
                        }
                    }
                }
            }
        }
        entropy.put(bits);
        Ok(())
    }
}

/// Refinement of DC coefficients: one bit for each.
pub(super) struct DcRefine<'a> {
    components: Vec<DcComponent<'a>>,
    missing_bits: u32,
}

impl<'a> DcRefine<'a> {
    /// `kept` has the coefficients of all components.
    pub(super) fn new(scan: &Scan, frame: &Frame, kept: Vec<Option<&'a mut Coefficients>>) -> Self {
        Self {
            components: DcComponent::all(scan, frame, kept),
            missing_bits: scan.missing_bits,
        }
    }
}

impl Units for DcRefine<'_> {
    fn restart(&mut self) {}

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        let (mut bits, mut window) = entropy.take();
        for column in columns {
            if entropy.runs_low(bits) {
                entropy.put(bits);
                entropy.fill();
                (bits, window) = entropy.take();
            }
            bits.refill(window);
            for component in &mut self.components {
                for y in 0..component.v {
                    for x in 0..component.h {
                        let bit = (bits.receive(1) << self.missing_bits) as i16;
                        if let Some(dc) = component.place(row, column, x, y) {
                            *dc |= bit;
                        }
                    }
                }
            }
        }
        entropy.put(bits);
        Ok(())
    }
}
