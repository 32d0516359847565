//! Blocks of sequential scans under any Huffman tables: whatever short cuts skip, they must end where
//! the block does.

use super::super::bits::{Bits, Entropy, Window};
use super::super::block::BlockTables;
use super::super::huffman::{Damaged, Huffman};
use super::*;

/// A Huffman table and its codes: symbol, code, length.
struct Code {
    table: Huffman,
    codes: Vec<(u8, u32, u32)>,
}

impl Code {
    /// A complete code of any shape. Earlier symbols get the shorter codes.
    fn of(symbols: &[u8], random: &mut Random) -> Self {
        let mut lengths = vec![0_u8];
        while lengths.len() <= symbols.len() {
            // The longest by preference: short codes are what lookups find many of.
            let at = (0..=random.below(3)).map(|_| random.below(lengths.len()));
            let at = at.max_by_key(|&at| lengths[at] % 16).unwrap();
            if lengths[at] < 16 {
                lengths[at] += 1;
                lengths.push(lengths[at]);
            }
        }
        lengths.sort_unstable();
        // The code of ones alone belongs to no symbol (T.81, C.2).
        lengths.truncate(symbols.len());
        let mut counts = [0; 16];
        let mut codes = Vec::new();
        let (mut code, mut before) = (0_u32, lengths[0]);
        for (&symbol, &length) in symbols.iter().zip(&lengths) {
            code <<= length - before;
            before = length;
            counts[usize::from(length) - 1] += 1;
            codes.push((symbol, code, u32::from(length)));
            code += 1;
        }
        let table = Huffman::new(&counts, symbols).unwrap();
        Self { table, codes }
    }
}

/// Entropy-coded bits.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    free: u32,
}

impl Writer {
    fn put(&mut self, bits: u32, count: u32) {
        for at in (0..count).rev() {
            if self.free == 0 {
                if self.bytes.last() == Some(&0xFF) {
                    self.bytes.push(0);
                }
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            *self.bytes.last_mut().unwrap() |= u8::try_from(bits >> at & 1).unwrap() << self.free;
        }
    }

    /// A symbol and some additional bits.
    fn symbol(&mut self, (symbol, code, length): (u8, u32, u32), random: &mut Random) {
        self.put(code, length);
        let size = u32::from(symbol & 15);
        let additional = u32::try_from(random.below(1 << size)).unwrap();
        self.put(additional, size);
    }
}

fn shuffle(symbols: &mut [u8], random: &mut Random) {
    for at in 0..symbols.len() {
        symbols.swap(at, random.below(symbols.len()));
    }
}

type Read = fn(&BlockTables, &mut Bits, &Window, &mut [i16]) -> Result<i16, Damaged>;

/// The DC differences of so many blocks.
fn differences(tables: &BlockTables, data: &[u8], count: usize, read: Read) -> Vec<i16> {
    let mut entropy = Entropy::new(data);
    let mut found = Vec::new();
    for _ in 0..count {
        if entropy.runs_low(entropy.take().0) {
            entropy.fill();
        }
        let (mut bits, window) = entropy.take();
        let difference = read(tables, &mut bits, window, &mut [0; 64]);
        found.push(difference.expect("a valid block"));
        entropy.put(bits);
    }
    assert!(!entropy.overrun());
    assert!(!entropy.left_over());
    found
}

#[test]
fn short_cuts_end_where_the_block_does() {
    const BLOCKS: usize = 60;
    let mut random = Random(90);
    let mut full = 0;
    for round in 0..400 {
        let mut dc_symbols: Vec<u8> = (0..8).collect();
        let mut ac_symbols = vec![0xF0, 0xE1, 0x00, 0x01, 0xD1];
        ac_symbols.extend((0..random.below(6)).map(|i| u8::try_from(16 * i + 2 + i % 3).unwrap()));
        // In every other code, three runs of zeros and a value fill a block in few bits.
        if round % 2 == 0 {
            shuffle(&mut dc_symbols, &mut random);
            shuffle(&mut ac_symbols, &mut random);
        }
        let place = |symbol| ac_symbols.iter().position(|&s| s == symbol).unwrap();
        let filling = [0xF0, 0xF0, 0xF0, 0xE1].map(place);
        let dc = Code::of(&dc_symbols, &mut random);
        let ac = Code::of(&ac_symbols, &mut random);
        let mut writer = Writer::default();
        for _ in 0..BLOCKS {
            writer.symbol(dc.codes[random.below(dc.codes.len())], &mut random);
            let mut k = 1;
            let filled = random.below(4) == 0;
            let mut filling = filling.iter().copied().filter(|_| filled);
            while k < 64 {
                let any = random.below(ac.codes.len());
                let one = ac.codes[filling.next().unwrap_or(any)];
                let run = usize::from(one.0 >> 4);
                match one.0 {
                    0 if random.below(8) == 0 => k = 128,
                    0xF0 if k + 16 < 64 => k += 16,
                    0 | 0xF0 => continue,
                    _ if k + run < 64 => k += run + 1,
                    _ => continue,
                }
                writer.symbol(one, &mut random);
            }
            full += usize::from(k == 64);
        }
        let tables = |n| BlockTables::new(n, &dc.table, &ac.table);
        let all = |n, read: Read| differences(&tables(n), &writer.bytes, BLOCKS, read);
        let expected = all(8, BlockTables::whole);
        assert_eq!(all(1, |t, bits, window, _| t.mean(bits, window)), expected);
        assert_eq!(all(2, BlockTables::lowest::<2>), expected);
        assert_eq!(all(4, BlockTables::lowest::<4>), expected);
    }
    assert!(full > 1000, "{full}");
}

/// A run of zeros past the last coefficient is none that an encoder writes.
#[test]
fn a_run_past_the_last_coefficient_is_damage() {
    let mut random = Random(91);
    let dc = Code::of(&[0, 1], &mut random);
    let ac = Code::of(&[0xF0, 0x01, 0x00], &mut random);
    let mut writer = Writer::default();
    writer.put(dc.codes[0].1, dc.codes[0].2);
    writer.symbol(ac.codes[1], &mut random);
    for _ in 0..4 {
        writer.put(ac.codes[0].1, ac.codes[0].2);
    }
    let reads: [(usize, Read); 4] = [
        (1, |t, bits, window, _| t.mean(bits, window)),
        (2, BlockTables::lowest::<2>),
        (4, BlockTables::lowest::<4>),
        (8, BlockTables::whole),
    ];
    for (n, read) in reads {
        let tables = BlockTables::new(n, &dc.table, &ac.table);
        let entropy = Entropy::new(&writer.bytes);
        let (mut bits, window) = entropy.take();
        let read = read(&tables, &mut bits, window, &mut [0; 64]);
        assert_eq!(read, Err(Damaged), "{n}");
    }
}
