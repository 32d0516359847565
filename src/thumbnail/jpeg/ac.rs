//! Progressive scans of AC coefficients of one component: first scans (T.81, G.1.2.2).

use std::ops::Range;

use super::super::kernels::{Dequantiser, row_of_blocks};
use super::super::planes::Plane;
use super::bits::{Bits, Entropy, Window};
use super::coefficients::Coefficients;
use super::frame::Scan;
use super::huffman::{Coded, Damaged};
use super::sequential::put_rows;
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
        self.band.run(entropy, columns, values, history)
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
        kept.put_row(0, &mut values);
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
            row_of_blocks(&self.dequantiser, &self.values, &mut self.samples);
            put_rows(
                self.plane,
                self.row * self.kept.n,
                &self.samples,
                self.kept.n,
            );
            self.row += 1;
            if self.row < self.kept.blocks_high {
                self.kept.put_row(self.row, &mut self.values);
            }
        }
    }
}

impl Units for AcLast<'_> {
    fn restart(&mut self) {
        self.band.eob_run = 0;
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        self.go_to(row);
        self.band.run(entropy, columns, &mut self.values, &mut [])
    }

    fn end_of_row(&mut self, row: usize) {
        self.go_to(row + 1);
    }
}

/// The coefficients that a scan brings.
struct Band<'a> {
    scan: &'a Scan,
    coded: Coded,
    n: usize,
    /// Blocks to come that get no coefficient.
    eob_run: u32,
}

impl<'a> Band<'a> {
    fn new(scan: &'a Scan, n: usize, coded: Coded) -> Self {
        Self {
            scan,
            coded,
            n,
            eob_run: 0,
        }
    }

    /// Decodes neighbouring blocks of a row, of which `values` has all the kept coefficients and
    /// `history`, unless it is empty, all marks.
    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        columns: Range<usize>,
        values: &mut [i16],
        history: &mut [u64],
    ) -> Result<(), Damaged> {
        let size = self.n * self.n;
        let (mut bits, mut window) = entropy.take();
        let mut column = columns.start;
        loop {
            let left = columns.end - column;
            let empty = left.min(self.eob_run as usize);
            self.eob_run -= empty as u32;
            column += empty;
            if column == columns.end {
                break;
            }
            if entropy.runs_low(bits) {
                entropy.put(bits);
                entropy.fill();
                (bits, window) = entropy.take();
            }
            let values = &mut values[column * size..][..size];
            let marks = self.block(&mut bits, window, values)?;
            if let Some(all) = history.get_mut(column) {
                *all |= marks;
            }
            column += 1;
        }
        entropy.put(bits);
        Ok(())
    }

    /// Decodes a block that gets coefficients. Says which.
    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut Bits,
        window: &Window,
        values: &mut [i16],
    ) -> Result<u64, Damaged> {
        let places = Places::of(self.n);
        let mut marks = 0;
        let mut k = self.scan.first;
        while k <= self.scan.last {
            bits.refill(window);
            let symbol = self.coded.take(bits)?;
            if symbol.size == 0 {
                if symbol.run == 15 {
                    k += 16;
                    continue;
                }
                self.eob_run = (1 << symbol.run) - 1 + bits.receive(symbol.run);
                break;
            }
            k += symbol.run as usize;
            if k > self.scan.last {
                return Err(Damaged);
            }
            if let Some(value) = values.get_mut(usize::from(places.index[k])) {
                *value = (symbol.value << self.scan.missing_bits) as i16;
            }
            marks |= 1 << k;
            k += 1;
        }
        Ok(marks)
    }
}
