//! Progressive scans that refine AC coefficients of one component (T.81, G.1.2.3).

use std::ops::Range;

use super::bits::{Bits, Entropy};
use super::coefficients::Coefficients;
use super::frame::Scan;
use super::huffman::{Coded, Damaged};
use super::walk::Units;
use super::zigzag::Places;

/// Refinement of some AC coefficients: a bit for each that is other than zero, and new ones.
pub(super) struct AcRefine<'a> {
    kept: &'a mut Coefficients,
    coded: Coded,
    scan: &'a Scan,
    /// Blocks, this one included, that get no new coefficients.
    eob_run: u32,
}

impl<'a> AcRefine<'a> {
    pub(super) fn new(scan: &'a Scan, kept: &'a mut Coefficients, coded: Coded) -> Self {
        Self {
            kept,
            coded,
            scan,
            eob_run: 0,
        }
    }
}

impl Units for AcRefine<'_> {
    fn restart(&mut self) {
        self.eob_run = 0;
    }

    fn runs_on(&self) -> bool {
        self.eob_run > 0
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
        let Self {
            kept,
            coded,
            scan,
            eob_run,
        } = self;
        let size = kept.n * kept.n;
        let places = Places::of(kept.n);
        let block = row * kept.blocks_wide + column;
        let values = &mut kept.ac[block * size..][..size];
        let Some(history) = kept.history.get_mut(block) else {
            return Ok(());
        };
        let one = 1_i16 << scan.missing_bits;
        let known = *history;
        let (mut bits, window) = entropy.take();
        // Reads the correction bit of a coefficient that was other than zero before.
        let correct = |bits: &mut Bits, values: &mut [i16], k: usize| {
            bits.refill(window);
            if bits.receive(1) == 1
                && let Some(value) = values.get_mut(usize::from(places.index[k]))
            {
                *value = value.wrapping_add(if *value < 0 { -one } else { one });
            }
        };
        let mut k = scan.first;
        if *eob_run == 0 {
            while k <= scan.last {
                bits.refill(window);
                let symbol = coded.take(&mut bits)?;
                let mut zeros = symbol.run;
                match (symbol.size, symbol.run) {
                    (0, 15) | (1, _) => {}
                    (0, run) => {
                        bits.refill(window);
                        *eob_run = (1 << run) + bits.receive(run);
                        break;
                    }
                    _ => return Err(Damaged),
                }
                // Passes over `run` coefficients that are zero, and all others between.
                while k <= scan.last {
                    if known >> k & 1 == 1 {
                        correct(&mut bits, values, k);
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    k += 1;
                }
                // The coefficient, new or the last zero of a ZRL, for which there is no place.
                if k > scan.last {
                    return Err(Damaged);
                }
                if symbol.size == 1 {
                    if let Some(value) = values.get_mut(usize::from(places.index[k])) {
                        *value = if symbol.value > 0 { one } else { -one };
                    }
                    *history |= 1 << k;
                }
                k += 1;
            }
        }
        if *eob_run > 0 {
            while k <= scan.last {
                if known >> k & 1 == 1 {
                    correct(&mut bits, values, k);
                }
                k += 1;
            }
            *eob_run -= 1;
        }
        entropy.put(bits);
        Ok(())
    }
}
