//! Progressive scans of AC coefficients of one component: first scans (T.81, G.1.2.2).

use std::ops::Range;

use super::super::kernels::{Dequantiser, row_of_blocks};
use super::super::planes::Plane;
use super::bits::{Bits, Entropy, Window};
use super::coefficients::Coefficients;
use super::frame::Scan;
use super::huffman::{Coded, Damaged};
use super::lookup::{Run, Runs};
use super::samples::put_rows;
use super::walk::Units;
use super::zigzag::Places;

/// First scan of some AC coefficients, more of which are to come.
pub(super) struct AcKept<'a> {
    kept: &'a mut Coefficients,
    band: Band<'a>,
}

impl<'a> AcKept<'a> {
    pub(super) fn new(scan: &'a Scan, kept: &'a mut Coefficients, coded: Coded) -> Self {
        Self {
            band: Band::new(scan, kept.n, coded),
            kept,
        }
    }
}

impl Units for AcKept<'_> {
    fn restart(&mut self) {
        self.band.eob_run = 0;
    }

    fn runs_on(&self) -> bool {
        self.band.eob_run > 0
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        let size = self.kept.n * self.kept.n;
        let wide = self.kept.blocks_wide;
        let values = &mut self.kept.ac[row * wide * size..][..wide * size];
        let history = match self.kept.history.get_mut(row * wide..(row + 1) * wide) {
            Some(history) => history,
            None => &mut [],
        };
        if history.is_empty() {
            self.band.run(entropy, columns, values)
        } else {
            self.band
                .run_with_history(entropy, columns, values, history)
        }
    }
}

/// First scan of some AC coefficients, of which nothing is kept: only how far it comes is asked for.
pub(super) struct AcPassed<'a> {
    band: Band<'a>,
    /// One for each block of a row, written over and over.
    values: Vec<i16>,
}

impl<'a> AcPassed<'a> {
    /// `wide` is the scan's number of blocks across.
    pub(super) fn new(scan: &'a Scan, wide: usize, coded: Coded) -> Self {
        Self {
            band: Band::new(scan, 1, coded),
            values: vec![0; wide],
        }
    }
}

impl Units for AcPassed<'_> {
    fn restart(&mut self) {
        self.band.eob_run = 0;
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        _row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        self.band.run(entropy, columns, &mut self.values)
    }
}

/// First scan of some AC coefficients, after which no more are wanted: each row becomes samples at
/// once.
pub(super) struct AcLast<'a> {
    kept: &'a Coefficients,
    band: Band<'a>,
    dequantiser: Dequantiser,
    plane: &'a mut Plane,
    /// The row that is being decoded, and its coefficients.
    row: usize,
    values: Vec<i16>,
    samples: Vec<u8>,
}

impl<'a> AcLast<'a> {
    pub(super) fn new(
        scan: &'a Scan,
        kept: &'a Coefficients,
        coded: Coded,
        dequantiser: Dequantiser,
        plane: &'a mut Plane,
    ) -> Self {
        let count = kept.blocks_wide * kept.n * kept.n;
        let mut values = vec![0; count];
        kept.put_ac(0, &mut values);
        Self {
            kept,
            band: Band::new(scan, kept.n, coded),
            dequantiser,
            plane,
            row: 0,
            values,
            samples: vec![0; count],
        }
    }

    /// Makes the rows before `row` that the scan has not ended.
    pub(super) fn go_to(&mut self, row: usize) {
        while self.row < row {
            self.kept.put_dc(self.row, &mut self.values);
            row_of_blocks(&self.dequantiser, &self.values, &mut self.samples);
            put_rows(
                self.plane,
                self.row * self.kept.n,
                &self.samples,
                self.kept.n,
            );
            self.row += 1;
            if self.row < self.kept.blocks_high {
                self.kept.put_ac(self.row, &mut self.values);
            }
        }
    }
}

impl Units for AcLast<'_> {
    fn restart(&mut self) {
        self.band.eob_run = 0;
    }

    fn runs_on(&self) -> bool {
        self.band.eob_run > 0
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        self.go_to(row);
        self.band.run(entropy, columns, &mut self.values)
    }

    fn end_of_row(&mut self, row: usize) {
        self.go_to(row + 1);
    }
}

/// The coefficients that a scan brings.
struct Band<'a> {
    scan: &'a Scan,
    coded: Coded,
    runs: Runs,
    and_eob: bool,
    n: usize,
    /// Where in a block the coefficients are kept, by place in the zigzag sequence; for those that
    /// are not, and for those outside of the band, to which damage may lead, where DC will be put.
    places: [u8; 128],
    /// Blocks to come that get no coefficient.
    eob_run: usize,
}

impl<'a> Band<'a> {
    fn new(scan: &'a Scan, n: usize, coded: Coded) -> Self {
        /// In shorter bands the last coefficient comes often.
        const LONG: usize = 10;
        let mut places = [0; 128];
        let band = scan.first..=scan.last;
        places[band.clone()].copy_from_slice(&Places::of(n).or_dc[band]);
        let and_eob = scan.last - scan.first >= LONG;
        Self {
            and_eob,
            runs: Runs::new(&coded, scan.missing_bits, and_eob),
            scan,
            coded,
            n,
            places,
            eob_run: 0,
        }
    }

    /// Decodes neighbouring blocks of a row, of which `values` has all the kept coefficients.
    ///
    /// One loop goes through all symbols of all blocks: where a block ends cannot be predicted, so
    /// that a loop for each would cost more than the symbols.
    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        columns: Range<usize>,
        values: &mut [i16],
    ) -> Result<(), Damaged> {
        if self.and_eob {
            self.run_by::<true>(entropy, columns, values)
        } else {
            self.run_by::<false>(entropy, columns, values)
        }
    }

    fn run_by<const AND_EOB: bool>(
        &mut self,
        entropy: &mut Entropy<'_>,
        columns: Range<usize>,
        values: &mut [i16],
    ) -> Result<(), Damaged> {
        let size = self.n * self.n;
        let (first, last) = (self.scan.first, self.scan.last);
        let (mut bits, mut window) = entropy.take();
        let end = columns.end;
        let mut block = self.pass_empty(columns.start, end);
        let mut k = first;
        let mut damaged = false;
        while block < end {
            if entropy.runs_low(bits) {
                entropy.put(bits);
                entropy.fill();
                (bits, window) = entropy.take();
            }
            bits.refill(window);
            let before = bits;
            let run = self.runs.take(&mut bits);
            // No EOB follows the last coefficient: what was taken for one belongs to the next block.
            let too_far = AND_EOB && k + run.zeros() >= last;
            if run == Run::NONE || too_far {
                bits = before;
                let symbol = self.coded.take(&mut bits)?;
                match (symbol.size, symbol.run) {
                    (0, 15) => {
                        damaged |= k + 15 > last;
                        k += 16;
                    }
                    (0, run) => {
                        self.eob_run = (1 << run) + bits.receive(run) as usize;
                        block = self.pass_empty(block, end);
                        k = first;
                        continue;
                    }
                    (_, run) => {
                        k += run as usize;
                        damaged |= k > last;
                        let value = symbol.value << self.scan.missing_bits;
                        let place = usize::from(self.places[k % 128]);
                        values[block * size + place] = value as i16;
                        k += 1;
                    }
                }
            } else {
                let at = k + run.zeros();
                // An EOB alone is at `k`, which is not past the band.
                damaged |= at > last;
                let place = usize::from(self.places[at % 128]);
                values[block * size + place] = run.value();
                k += run.advance();
            }
            let ends = k > last;
            block += usize::from(ends);
            k = if ends { first } else { k };
        }
        entropy.put(bits);
        if damaged { Err(Damaged) } else { Ok(()) }
    }

    /// The first block from `block` on that gets a coefficient, or `end`.
    fn pass_empty(&mut self, block: usize, end: usize) -> usize {
        let empty = self.eob_run.min(end - block);
        self.eob_run -= empty;
        block + empty
    }

    /// The same as [`run`](Self::run), but marks in `history` which coefficients come.
    fn run_with_history(
        &mut self,
        entropy: &mut Entropy<'_>,
        columns: Range<usize>,
        values: &mut [i16],
        history: &mut [u64],
    ) -> Result<(), Damaged> {
        let size = self.n * self.n;
        for column in columns {
            if self.eob_run > 0 {
                self.eob_run -= 1;
                continue;
            }
            if entropy.runs_low(entropy.take().0) {
                entropy.fill();
            }
            let (mut bits, window) = entropy.take();
            let values = &mut values[column * size..][..size];
            history[column] |= self.block(&mut bits, window, values)?;
            entropy.put(bits);
        }
        Ok(())
    }

    /// Decodes a block that gets coefficients. Says which.
    fn block(
        &mut self,
        bits: &mut Bits,
        window: &Window,
        values: &mut [i16],
    ) -> Result<u64, Damaged> {
        let mut marks = 0;
        let mut k = self.scan.first;
        while k <= self.scan.last {
            bits.refill(window);
            let symbol = self.coded.take(bits)?;
            if symbol.size == 0 {
                if symbol.run == 15 {
                    if k + 15 > self.scan.last {
                        return Err(Damaged);
                    }
                    k += 16;
                    continue;
                }
                self.eob_run = (1 << symbol.run) - 1 + bits.receive(symbol.run) as usize;
                break;
            }
            k += symbol.run as usize;
            if k > self.scan.last {
                return Err(Damaged);
            }
            let value = symbol.value << self.scan.missing_bits;
            values[usize::from(self.places[k])] = value as i16;
            marks |= 1 << k;
            k += 1;
        }
        Ok(marks)
    }
}
