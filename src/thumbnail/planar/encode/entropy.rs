//! Entropy coding (T.81, F.1.2): first into symbols, which are counted; then, by the tables that are
//! best for these counts, into bits.

use super::super::super::kernels::fdct::Coefficients;
use super::huffman::{Code, Table};
use super::tables::{MASKS, ZIGZAG};

/// Symbols of one table.
const SYMBOLS: usize = 256;

/// End of block, and a run of 16 zeros (table F.2).
const EOB: u32 = 0x00;
const ZRL: u32 = 0xf0;

/// Which pair of tables a component is coded with; there are two of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tables {
    Luminance = 0,
    Chrominance = 1,
}

/// A picture as symbols, with how often each occurs.
pub(super) struct Symbols {
    /// In the low half: a place in `counts`. In the high half: the bits to be appended, as many as
    /// the lower four bits of the symbol say.
    list: Vec<u32>,
    /// DC and AC symbols of the luminance tables, then of the chrominance tables.
    counts: Box<[u32; 4 * SYMBOLS]>,
}

impl Symbols {
    /// Room for about so many blocks.
    pub(super) fn for_blocks(blocks: usize) -> Self {
        Self {
            list: Vec::with_capacity(blocks * 12),
            counts: Box::new([0; 4 * SYMBOLS]),
        }
    }

    fn push(&mut self, place: u32, appended: u32) {
        self.list.push(place | appended << 16);
        self.counts[place as usize % (4 * SYMBOLS)] += 1;
    }

    /// Adds a block: its coefficients, which of them are not 0, and the DC coefficient of the block
    /// before it in its component.
    #[expect(clippy::cast_possible_truncation, reason = "SYMBOLS is 256")]
    pub(super) fn block(
        &mut self,
        tables: Tables,
        coefficients: &Coefficients,
        nonzero: u64,
        dc_before: i16,
    ) {
        let dc_place = tables as u32 * 2 * SYMBOLS as u32;
        let ac_place = dc_place + SYMBOLS as u32;
        let (size, appended) = magnitude(i32::from(coefficients[0]) - i32::from(dc_before));
        self.push(dc_place + size, appended);

        let columns = nonzero.to_le_bytes();
        let in_order = columns
            .iter()
            .zip(&MASKS)
            .fold(0, |mask, (&column, masks)| {
                mask | masks[usize::from(column)]
            });
        let mut left = in_order & !1;
        let mut last = 0;
        while left != 0 {
            let place = left.trailing_zeros();
            left &= left - 1;
            let mut run = place - last - 1;
            last = place;
            while run >= 16 {
                self.push(ac_place + ZRL, 0);
                run -= 16;
            }
            let coefficient = coefficients[usize::from(ZIGZAG[place as usize % ZIGZAG.len()])];
            let (size, appended) = magnitude(coefficient.into());
            self.push(ac_place + (run << 4 | size), appended);
        }
        if last != 63 {
            self.push(ac_place + EOB, 0);
        }
    }

    /// The DC and the AC table, made for these symbols.
    pub(super) fn tables(&self, tables: Tables) -> [Table; 2] {
        let counts = &self.counts[tables as usize * 2 * SYMBOLS..];
        [&counts[..SYMBOLS], &counts[SYMBOLS..2 * SYMBOLS]].map(Table::of)
    }

    /// Writes all symbols, by the tables in the order of `counts`.
    pub(super) fn write(&self, tables: &[Table], bytes: &mut Vec<u8>) {
        let mut codes = [Code::default(); 4 * SYMBOLS];
        for (codes, table) in codes.chunks_exact_mut(SYMBOLS).zip(tables) {
            for (symbol, code) in table.codes() {
                codes[usize::from(symbol)] = code;
            }
        }
        let mut bits = Bits {
            bytes,
            pending: 0,
            length: 0,
        };
        for &symbol in &self.list {
            let code = codes[symbol as usize % (4 * SYMBOLS)];
            let appended = symbol & 15;
            let all = u32::from(code.bits) << appended | symbol >> 16;
            bits.put(all, u32::from(code.length) + appended);
        }
        bits.end();
    }
}

/// How many bits a number takes, and these (F.1.2.1): negative numbers less 1, without the sign.
fn magnitude(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = (value + (value >> 31)).cast_unsigned() & ((1 << size) - 1);
    (size, bits)
}

/// Bits on their way into bytes; a 0xff is followed by a 0 (F.1.2.3).
struct Bits<'a> {
    bytes: &'a mut Vec<u8>,
    /// The last `length` bits, fewer than 32, have not been written yet.
    pending: u64,
    length: u32,
}

impl Bits<'_> {
    /// Appends at most 32 bits.
    #[inline]
    fn put(&mut self, bits: u32, length: u32) {
        self.pending = self.pending << length | u64::from(bits);
        self.length += length;
        if self.length >= 32 {
            self.length -= 32;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the older bits are written"
            )]
            let word = (self.pending >> self.length) as u32;
            // Whether no byte is 0xff: one more would carry out of it. The lowest such byte is always
            // seen; the carry out of it does not matter any more.
            if (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080 == 0 {
                self.bytes.extend_from_slice(&word.to_be_bytes());
            } else {
                self.stuffed(&word.to_be_bytes());
            }
        }
    }

    /// Rare: about one word in a hundred has such a byte.
    #[cold]
    fn stuffed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }

    /// Fills the last byte up with ones.
    fn end(mut self) {
        let fill = self.length.wrapping_neg() % 8;
        self.put((1 << fill) - 1, fill);
        while self.length > 0 {
            self.length -= 8;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the older bits are written"
            )]
            self.stuffed(&[(self.pending >> self.length) as u8]);
        }
    }
}
