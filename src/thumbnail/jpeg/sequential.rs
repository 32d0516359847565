//! Sequential scans (T.81, Annex F): every MCU has all coefficients of its blocks, so that a row of
//! MCUs becomes samples at once and nothing else is held.

use std::ops::Range;
use std::rc::Rc;

use super::super::kernels::{Dequantiser, row_of_blocks};
use super::super::planes::Plane;
use super::bits::Entropy;
use super::block::BlockTables;
use super::frame::{Component, Frame, Scan};
use super::huffman::Damaged;
use super::samples::put_rows;
use super::walk::Units;

/// Of one component: its tables, and the row of MCUs that is being decoded.
struct McuRow<'a> {
    plane: &'a mut Plane,
    n: usize,
    /// Blocks of it in an MCU, across and down.
    h: usize,
    v: usize,
    /// Blocks in a row of MCUs, padding included.
    blocks_wide: usize,
    tables: Rc<BlockTables>,
    dequantiser: Dequantiser,
    prediction: i16,
    /// n * n for each block of the row of MCUs, one row of blocks after the other.
    coefficients: Vec<i16>,
    samples: Vec<u8>,
}

/// What one component of a sequential scan is decoded with.
pub(super) struct Decoding<'a> {
    pub(super) plane: &'a mut Plane,
    pub(super) n: usize,
    pub(super) dequantiser: Dequantiser,
    /// Shared by the components that have the same, as Cb and Cr do: the fewer tables, the more of
    /// them stay in the first cache.
    pub(super) tables: Rc<BlockTables>,
}

/// One block of every MCU.
struct Block {
    component: usize,
    /// Where its values are among the coefficients of the component, in the row's first MCU.
    first: usize,
    /// How much further they are in the next MCU.
    step: usize,
}

impl Block {
    /// Those of one component, in the order of T.81, A.2.3.
    fn of_component((index, row): (usize, &McuRow<'_>)) -> Vec<Self> {
        let size = row.n * row.n;
        let places = (0..row.v).flat_map(|y| (0..row.h).map(move |x| (y, x)));
        places
            .map(|(y, x)| Self {
                component: index,
                first: (y * row.blocks_wide + x) * size,
                step: row.h * size,
            })
            .collect()
    }
}

/// A sequential scan.
pub(super) struct Sequential<'a> {
    rows: Vec<McuRow<'a>>,
    /// The blocks of an MCU in one list, so that one loop goes through them: where a block has only a
    /// few symbols, loops within loops took as long as these.
    blocks: Vec<Block>,
}

impl<'a> Sequential<'a> {
    /// `decodings` are of the scan's components, in its order; `wide` is its number of MCUs across.
    pub(super) fn new(
        scan: &Scan,
        frame: &Frame,
        wide: usize,
        decodings: Vec<Decoding<'a>>,
    ) -> Self {
        let row = |(decoding, component): (Decoding<'a>, &Component)| {
            let (h, v) = if scan.interleaved() {
                (component.h, component.v)
            } else {
                (1, 1)
            };
            let blocks_wide = wide * h;
            let count = blocks_wide * decoding.n * decoding.n;
            McuRow {
                plane: decoding.plane,
                n: decoding.n,
                h,
                v,
                blocks_wide,
                tables: decoding.tables,
                dequantiser: decoding.dequantiser,
                prediction: 0,
                coefficients: vec![0; count * v],
                samples: vec![0; count],
            }
        };
        let components = scan.components.iter().map(|c| &frame.components[c.index]);
        let rows: Vec<_> = decodings.into_iter().zip(components).map(row).collect();
        let blocks = rows
            .iter()
            .enumerate()
            .flat_map(Block::of_component)
            .collect();
        Self { rows, blocks }
    }

    /// What is held while decoding a row of MCUs: three bytes for each kept coefficient.
    pub(super) fn predicted_bytes(component: &Component, n: usize) -> u64 {
        3 * ((component.blocks_wide + 4) * component.v * n * n) as u64
    }
}

impl Units for Sequential<'_> {
    fn restart(&mut self) {
        for row in &mut self.rows {
            row.prediction = 0;
        }
    }

    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        _row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        let (mut bits, mut window) = entropy.take();
        for column in columns {
            if entropy.runs_low(bits) {
                entropy.put(bits);
                entropy.fill();
                (bits, window) = entropy.take();
            }
            for block in &self.blocks {
                let row = &mut self.rows[block.component];
                let values = &mut row.coefficients[block.first + column * block.step..];
                let values = &mut values[..row.n * row.n];
                let (bits, tables) = (&mut bits, &*row.tables);
                let difference = match row.n {
                    1 => tables.mean(bits, window)?,
                    2 => tables.lowest::<2>(bits, window, values)?,
                    4 => tables.lowest::<4>(bits, window, values)?,
                    _ => tables.whole(bits, window, values)?,
                };
                row.prediction = row.prediction.wrapping_add(difference);
                values[0] = row.prediction;
            }
        }
        entropy.put(bits);
        Ok(())
    }

    fn end_of_row(&mut self, row: usize) {
        for component in &mut self.rows {
            component.end_of_row(row);
        }
    }
}

impl McuRow<'_> {
    /// Makes samples of the row of MCUs and clears it for the next.
    fn end_of_row(&mut self, row: usize) {
        let one_row = self.samples.len();
        for (y, blocks) in self.coefficients.chunks_exact(one_row).enumerate() {
            let from = (row * self.v + y) * self.n;
            if from >= self.plane.height {
                break;
            }
            row_of_blocks(&self.dequantiser, blocks, &mut self.samples);
            put_rows(self.plane, from, &self.samples, self.n);
        }
        self.coefficients.fill(0);
    }
}
