//! Progressive scans (T.81, Annex G.1.2 and G.2), with the coefficients that are kept from scan to
//! scan.

use std::ops::Range;

use super::bits::Entropy;
use super::frame::{Component, Frame, Scan, ScanComponent};
use super::huffman::{Coded, Damaged};
use super::walk::Units;
use super::zigzag::Places;

/// The kept coefficients of one component.
pub(super) struct Coefficients {
    pub(super) n: usize,
    pub(super) blocks_wide: usize,
    pub(super) blocks_high: usize,
    /// n * n of each block, row by row; the blocks row by row.
    pub(super) values: Vec<i16>,
    /// For each block, by place in the zigzag sequence, whether a coefficient, kept or not, is other
    /// than zero. Empty if no AC refinement is wanted.
    history: Vec<u64>,
}

impl Coefficients {
    pub(super) fn new(component: &Component, n: usize, with_history: bool) -> Self {
        let blocks = component.blocks_wide * component.blocks_high;
        Self {
            n,
            blocks_wide: component.blocks_wide,
            blocks_high: component.blocks_high,
            values: vec![0; blocks * n * n],
            history: vec![0; if with_history { blocks } else { 0 }],
        }
    }

    /// What [`new`](Self::new) will hold.
    pub(super) fn predicted_bytes(component: &Component, n: usize, with_history: bool) -> u64 {
        let blocks = component.blocks_wide as u64 * component.blocks_high as u64;
        blocks * (2 * (n * n) as u64 + if with_history { 8 } else { 0 })
    }
}

/// One component of a DC scan.
struct DcPart<'a> {
    coefficients: &'a mut Coefficients,
    /// Blocks of it in an MCU, across and down.
    h: usize,
    v: usize,
    prediction: i32,
}

impl<'a> DcPart<'a> {
    fn all(scan: &Scan, frame: &Frame, mut held: Vec<Option<&'a mut Coefficients>>) -> Vec<Self> {
        let part = |c: &ScanComponent| {
            let component = &frame.components[c.index];
            let (h, v) = if scan.interleaved() {
                (component.h, component.v)
            } else {
                (1, 1)
            };
            Some(Self {
                coefficients: held.get_mut(c.index)?.take()?,
                h,
                v,
                prediction: 0,
            })
        };
        scan.components.iter().filter_map(part).collect()
    }

    /// Index of a block's DC coefficient; `None` for the padding of the last MCUs.
    #[inline(always)]
    fn place(&self, row: usize, column: usize, block: usize) -> Option<usize> {
        let (y, x) = (
            row * self.v + block / self.h,
            column * self.h + block % self.h,
        );
        let kept = &self.coefficients;
        let inside = x < kept.blocks_wide && y < kept.blocks_high;
        inside.then(|| (y * kept.blocks_wide + x) * kept.n * kept.n)
    }
}

/// First scan of DC coefficients (T.81, G.1.2.1).
pub(super) struct DcFirst<'a> {
    parts: Vec<(DcPart<'a>, Coded)>,
    missing_bits: u32,
}

impl<'a> DcFirst<'a> {
    /// `held` has the coefficients of all components; `tables` a table for each of the scan's.
    pub(super) fn new(
        scan: &Scan,
        frame: &Frame,
        held: Vec<Option<&'a mut Coefficients>>,
        tables: Vec<Coded>,
    ) -> Self {
        Self {
            parts: DcPart::all(scan, frame, held)
                .into_iter()
                .zip(tables)
                .collect(),
            missing_bits: scan.missing_bits,
        }
    }
}

impl Units for DcFirst<'_> {
    fn restart(&mut self) {
        for (part, _) in &mut self.parts {
            part.prediction = 0;
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
            for (part, coded) in &mut self.parts {
                for block in 0..part.h * part.v {
                    bits.refill(window);
                    let difference = coded.take(&mut bits)?.value;
                    part.prediction = part.prediction.wrapping_add(difference);
                    if let Some(at) = part.place(row, column, block) {
                        let value = part.prediction << self.missing_bits;
                        part.coefficients.values[at] = value as i16;
                    }
                }
            }
        }
        entropy.put(bits);
        Ok(())
    }
}

/// Refinement of DC coefficients (T.81, G.1.2.1): one bit for each.
pub(super) struct DcRefine<'a> {
    parts: Vec<DcPart<'a>>,
    missing_bits: u32,
}

impl<'a> DcRefine<'a> {
    pub(super) fn new(scan: &Scan, frame: &Frame, held: Vec<Option<&'a mut Coefficients>>) -> Self {
        Self {
            parts: DcPart::all(scan, frame, held),
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
            for part in &mut self.parts {
                for block in 0..part.h * part.v {
                    let bit = bits.receive(1) << self.missing_bits;
                    if let Some(at) = part.place(row, column, block) {
                        part.coefficients.values[at] |= bit as i16;
                    }
                }
            }
        }
        entropy.put(bits);
        Ok(())
    }
}

/// A scan of AC coefficients of one component (T.81, G.1.2.2 and G.1.2.3).
pub(super) struct Ac<'a> {
    coefficients: &'a mut Coefficients,
    coded: Coded,
    scan: &'a Scan,
    /// Blocks, this one included, in which no more new coefficients come.
    eob_run: u32,
}

impl<'a> Ac<'a> {
    pub(super) fn new(scan: &'a Scan, coefficients: &'a mut Coefficients, coded: Coded) -> Self {
        Self {
            coefficients,
            coded,
            scan,
            eob_run: 0,
        }
    }
}

/// First scan of some AC coefficients (T.81, G.1.2.2).
pub(super) struct AcFirst<'a>(pub(super) Ac<'a>);

impl Units for AcFirst<'_> {
    fn restart(&mut self) {
        self.0.eob_run = 0;
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        let ac = &mut self.0;
        let size = ac.coefficients.n * ac.coefficients.n;
        let places = Places::of(ac.coefficients.n);
        let (first, last) = (ac.scan.first, ac.scan.last);
        let (mut bits, mut window) = entropy.take();
        for column in columns {
            if ac.eob_run > 0 {
                ac.eob_run -= 1;
                continue;
            }
            if entropy.runs_low(bits) {
                entropy.put(bits);
                entropy.fill();
                (bits, window) = entropy.take();
            }
            let block = row * ac.coefficients.blocks_wide + column;
            let values = &mut ac.coefficients.values[block * size..][..size];
            let mut history = 0;
            let mut k = first;
            while k <= last {
                bits.refill(window);
                let symbol = ac.coded.take(&mut bits)?;
                if symbol.size == 0 {
                    if symbol.run == 15 {
                        k += 16;
                        continue;
                    }
                    ac.eob_run = (1 << symbol.run) - 1 + bits.receive(symbol.run);
                    break;
                }
                k += symbol.run as usize;
                if k > last {
                    return Err(Damaged);
                }
                if let Some(value) = values.get_mut(usize::from(places.index[k])) {
                    *value = (symbol.value << ac.scan.missing_bits) as i16;
                }
                history |= 1 << k;
                k += 1;
            }
            if let Some(all) = ac.coefficients.history.get_mut(block) {
                *all |= history;
            }
        }
        entropy.put(bits);
        Ok(())
    }
}

/// Refinement of some AC coefficients (T.81, G.1.2.3).
pub(super) struct AcRefine<'a>(pub(super) Ac<'a>);

impl Units for AcRefine<'_> {
    fn restart(&mut self) {
        self.0.eob_run = 0;
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        for column in columns {
            if entropy.runs_low(entropy.take().0) {
                entropy.fill();
            }
            self.block(entropy, row, column)?;
        }
        Ok(())
    }
}

impl AcRefine<'_> {
    fn block(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        column: usize,
    ) -> Result<(), Damaged> {
        let ac = &mut self.0;
        let size = ac.coefficients.n * ac.coefficients.n;
        let places = Places::of(ac.coefficients.n);
        let block = row * ac.coefficients.blocks_wide + column;
        let values = &mut ac.coefficients.values[block * size..][..size];
        let Some(history) = ac.coefficients.history.get_mut(block) else {
            return Ok(());
        };
        let one = 1_i16 << ac.scan.missing_bits;
        let known = *history;
        let (mut bits, window) = entropy.take();
        // Reads the correction bit of a coefficient that was other than zero before.
        let correct = |bits: &mut super::bits::Bits, values: &mut [i16], k: usize| {
            bits.refill(window);
            if bits.receive(1) == 1
                && let Some(value) = values.get_mut(usize::from(places.index[k]))
            {
                *value = value.wrapping_add(if *value < 0 { -one } else { one });
            }
        };
        let mut k = ac.scan.first;
        if ac.eob_run == 0 {
            while k <= ac.scan.last {
                bits.refill(window);
                let symbol = ac.coded.take(&mut bits)?;
                let mut zeros = symbol.run;
                match (symbol.size, symbol.run) {
                    (0, 15) | (1, _) => {}
                    (0, run) => {
                        bits.refill(window);
                        ac.eob_run = (1 << run) + bits.receive(run);
                        break;
                    }
                    _ => return Err(Damaged),
                }
                // Passes over `run` coefficients that are zero, and all others between.
                while k <= ac.scan.last {
                    if known >> k & 1 == 1 {
                        correct(&mut bits, values, k);
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    k += 1;
                }
                if symbol.size == 1 {
                    if k > ac.scan.last {
                        return Err(Damaged);
                    }
                    if let Some(value) = values.get_mut(usize::from(places.index[k])) {
                        *value = if symbol.value > 0 { one } else { -one };
                    }
                    *history |= 1 << k;
                }
                k += 1;
            }
        }
        if ac.eob_run > 0 {
            while k <= ac.scan.last {
                if known >> k & 1 == 1 {
                    correct(&mut bits, values, k);
                }
                k += 1;
            }
            ac.eob_run -= 1;
        }
        entropy.put(bits);
        Ok(())
    }
}
