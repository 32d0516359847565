//! The coefficients of one scan as symbols and bits (T.81, annexes F and G).

#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths and places of bits are below 64, and of additional bits only the lowest count"
)]

use super::frame::Frame;
use super::layout::{Layout, Process, Scan};

/// One step of a scan's entropy-coded data.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A symbol by a Huffman table, then the lowest `length` bits of `bits`.
    Symbol {
        /// 0 to 3: DC; 4 to 7: AC.
        table: u8,
        symbol: u8,
        length: u8,
        bits: u16,
    },
    /// Bits alone.
    Bits { length: u8, bits: u16 },
    /// A restart marker.
    Restart,
}

/// All steps of one scan.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    /// How often each symbol comes, by table.
    pub(super) often: [[u32; 256]; 8],
}

/// The places of the two Huffman tables that a component's coefficients are coded with.
pub(super) fn tables(process: Process, component: usize) -> u8 {
    let places = if process == Process::Progressive || process == Process::Extended {
        4
    } else {
        2
    };
    u8::try_from(component.min(places - 1)).unwrap_or(0)
}

/// A bit for each coefficient of each block that is not 0.
pub(super) fn nonzero(blocks: &[[i16; 64]]) -> Vec<u64> {
    let mask =
        |block: &[i16; 64]| (0..64).fold(0, |mask, k| mask | (u64::from(block[k] != 0) << k));
    blocks.iter().map(mask).collect()
}

/// Codes one scan. `nonzero` are the [`nonzero`] masks of every component.
pub(super) fn encode(frame: &Frame, layout: &Layout, scan: &Scan, nonzero: &[Vec<u64>]) -> Steps {
    let mut coder = Coder {
        steps: Steps {
            steps: Vec::new(),
            often: [[0; 256]; 8],
        },
        scan,
        longest_eob_run: if layout.process == Process::Progressive {
            layout.longest_eob_run.clamp(1, 0x7FFF)
        } else {
            1
        },
        predictions: [0; 4],
        eob_run: 0,
        eob_table: 0,
        corrections: Vec::new(),
    };
    // A scan of one component has its blocks row by row, and only those within the picture; one of
    // several has MCUs, with all the blocks that fill them up (A.2).
    let (columns, rows) = match scan.components[..] {
        [only] => {
            let (width, height) = frame.size(only);
            (width.div_ceil(8), height.div_ceil(8))
        }
        _ => frame.mcus(),
    };
    let mut until_restart = scan.restart_interval;
    for row in 0..rows {
        for column in 0..columns {
            if scan.restart_interval > 0 {
                if until_restart == 0 {
                    coder.restart();
                    until_restart = scan.restart_interval;
                }
                until_restart -= 1;
            }
            for (number, &index) in scan.components.iter().enumerate() {
                let component = &frame.components[index];
                let (h, v) = match scan.components.len() {
                    1 => (1, 1),
                    _ => (
                        usize::from(component.sampling.0),
                        usize::from(component.sampling.1),
                    ),
                };
                let across = frame.blocks(index).0;
                for y in row * v..(row + 1) * v {
                    for x in column * h..(column + 1) * h {
                        let at = y * across + x;
                        let table = tables(layout.process, index);
                        coder.block(number, table, &component.blocks[at], nonzero[index][at]);
                    }
                }
            }
        }
    }
    coder.end_of_bands();
    coder.steps
}

struct Coder<'a> {
    steps: Steps,
    scan: &'a Scan,
    longest_eob_run: u16,
    predictions: [i32; 4],
    /// Blocks whose band has ended, not yet written (G.1.2.2).
    eob_run: u16,
    eob_table: u8,
    /// Correction bits that follow the code which comes next (G.1.2.3).
    corrections: Vec<bool>,
}

impl Coder<'_> {
    /// `number` of the component within the scan; `nonzero` has a bit for each coefficient.
    fn block(&mut self, number: usize, table: u8, block: &[i16; 64], nonzero: u64) {
        let (first, last) = (*self.scan.band.start(), *self.scan.band.end());
        if first == 0 {
            if self.scan.high == 0 {
                self.dc_first(number, table, block[0]);
            } else {
                self.bits(1, (block[0] >> self.scan.low).cast_unsigned());
            }
        }
        if last > 0 {
            let first = first.max(1);
            let band = nonzero & (u64::MAX >> (63 - last)) & (u64::MAX << first);
            if self.scan.high == 0 {
                self.ac_first(4 + table, block, band, first, last);
            } else {
                self.ac_refine(4 + table, block, band, first, last);
            }
        }
    }

    fn symbol(&mut self, table: u8, symbol: u8, length: u8, bits: u16) {
        self.steps.often[usize::from(table)][usize::from(symbol)] += 1;
        self.steps.steps.push(Step::Symbol {
            table,
            symbol,
            length,
            bits,
        });
    }

    fn bits(&mut self, length: u8, bits: u16) {
        self.steps.steps.push(Step::Bits { length, bits });
    }

    /// F.1.2.1, G.1.2.1.
    fn dc_first(&mut self, number: usize, table: u8, level: i16) {
        let level = i32::from(level) >> self.scan.low;
        let difference = level - std::mem::replace(&mut self.predictions[number], level);
        let (length, bits) = magnitude(difference);
        self.symbol(table, length, length, bits);
    }

    /// F.1.2.2, G.1.2.2.
    fn ac_first(&mut self, table: u8, block: &[i16; 64], mut band: u64, first: u8, last: u8) {
        let mut next = first;
        while band != 0 {
            let k = band.trailing_zeros() as u8;
            band &= band - 1;
            let level = i32::from(block[usize::from(k)]);
            // The point transform of AC coefficients divides, towards 0 (A.4).
            let level = level.signum() * (level.abs() >> self.scan.low);
            if level == 0 {
                continue;
            }
            self.end_of_bands();
            let mut run = k - next;
            while run > 15 {
                self.symbol(table, 0xF0, 0, 0);
                run -= 16;
            }
            let (length, bits) = magnitude(level);
            self.symbol(table, (run << 4) | length, length, bits);
            next = k + 1;
        }
        if next <= last {
            self.end_of_band(table);
        }
    }

    /// G.1.2.3.
    fn ac_refine(&mut self, table: u8, block: &[i16; 64], band: u64, first: u8, last: u8) {
        let level = |k: u8| u32::from(block[usize::from(k)].unsigned_abs()) >> self.scan.low;
        // After the last coefficient that this scan makes other than 0 there is only an EOB.
        let newest = (first..=last).rev().find(|k| level(*k) == 1).unwrap_or(0);
        let mut corrections = Vec::new();
        let mut run = 0;
        for k in first..=last {
            let level = if (band >> k) & 1 == 1 { level(k) } else { 0 };
            if level == 0 {
                run += 1;
                continue;
            }
            while run > 15 && k <= newest {
                self.end_of_bands();
                self.symbol(table, 0xF0, 0, 0);
                self.corrections.append(&mut corrections);
                self.correct();
                run -= 16;
            }
            if level > 1 {
                corrections.push(level & 1 == 1);
                continue;
            }
            self.end_of_bands();
            let sign = u16::from(block[usize::from(k)] > 0);
            self.symbol(table, (run << 4) | 1, 1, sign);
            self.corrections.append(&mut corrections);
            self.correct();
            run = 0;
        }
        if run > 0 || !corrections.is_empty() {
            self.corrections.append(&mut corrections);
            self.end_of_band(table);
        }
    }

    fn end_of_band(&mut self, table: u8) {
        self.eob_table = table;
        self.eob_run += 1;
        if self.eob_run == self.longest_eob_run {
            self.end_of_bands();
        }
    }

    /// Writes the run of ended bands, if there is one, and the correction bits of its blocks.
    fn end_of_bands(&mut self) {
        if self.eob_run == 0 {
            return;
        }
        let log2 = self.eob_run.ilog2() as u8;
        self.symbol(self.eob_table, log2 << 4, log2, self.eob_run);
        self.eob_run = 0;
        self.correct();
    }

    fn correct(&mut self) {
        for bits in std::mem::take(&mut self.corrections).chunks(16) {
            let value = bits.iter().fold(0, |all, bit| (all << 1) | u16::from(*bit));
            self.bits(bits.len() as u8, value);
        }
    }

    /// F.1.1.5: predictions and runs begin anew.
    fn restart(&mut self) {
        self.end_of_bands();
        self.predictions = [0; 4];
        self.steps.steps.push(Step::Restart);
    }
}

/// Size category and additional bits of a difference or coefficient (F.1.2.1.1): a negative number
/// has its bits less one.
fn magnitude(value: i32) -> (u8, u16) {
    let length = 32 - value.unsigned_abs().leading_zeros();
    let bits = if value < 0 { value - 1 } else { value };
    (length as u8, bits.cast_unsigned() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_are_those_of_table_f_1() {
        assert_eq!(magnitude(0), (0, 0));
        assert_eq!(magnitude(1), (1, 1));
        let (length, bits) = magnitude(-1);
        assert_eq!((length, bits & 1), (1, 0));
        let (length, bits) = magnitude(-5);
        assert_eq!((length, bits & 7), (3, 0b010));
        assert_eq!(magnitude(1023).0, 10);
        assert_eq!(magnitude(-2047).0, 11);
    }

    #[test]
    fn a_mask_has_a_bit_for_each_coefficient() {
        let mut block = [0; 64];
        block[0] = 1;
        block[63] = -1;
        assert_eq!(nonzero(&[block, [0; 64]]), [1 | (1 << 63), 0]);
    }
}
