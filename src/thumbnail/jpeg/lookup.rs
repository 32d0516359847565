//! Lookup tables that find several symbols at once.

use super::bits::Bits;
use super::huffman::{CODED_BITS, Coded, Huffman, boxed};

/// Bits by which [`Differences`] looks up. The table must leave room in the first cache.
const DIFFERENCE_BITS: u32 = CODED_BITS;

/// By the next bits: as many whole DC differences as they hold, up to three.
pub(super) struct Differences {
    /// From the lowest byte: bits in all, number of differences, then these, of two bytes each. All
    /// zero if the first is too long.
    entries: Box<[u64; 1 << DIFFERENCE_BITS]>,
}

/// Some DC differences, of which only `count` are meant.
pub(super) struct Some3 {
    pub(super) values: [i16; 4],
    pub(super) count: usize,
}

impl Differences {
    /// Lookups between two refills.
    pub(super) const LOOKUPS: usize = 56 / DIFFERENCE_BITS as usize;

    /// The most differences of one lookup.
    pub(super) const AT_ONCE: usize = 3;

    pub(super) fn new(coded: &Coded) -> Self {
        let mut entries = vec![0; 1 << DIFFERENCE_BITS];
        for (at, entry) in entries.iter_mut().enumerate() {
            let (mut taken, mut count) = (0, 0);
            while count < Self::AT_ONCE as u32 {
                // What follows the known bits is zero here, and not to be relied on.
                let Some((symbol, length)) = coded.peek(at << taken) else {
                    break;
                };
                if taken + length > DIFFERENCE_BITS {
                    break;
                }
                let value = symbol.value as u16;
                *entry |= u64::from(value) << (16 + 16 * count);
                taken += length;
                count += 1;
            }
            *entry |= u64::from(count << 8 | taken);
        }
        Self {
            entries: boxed(entries),
        }
    }

    /// Takes what one lookup finds; nothing if the next difference is too long for it. At least
    /// [`DIFFERENCE_BITS`] bits must be there.
    #[inline(always)]
    pub(super) fn take(&self, bits: &mut Bits) -> Some3 {
        let entry = self.entries[(bits.next() >> (64 - DIFFERENCE_BITS)) as usize];
        bits.consume((entry & 0xff) as u32);
        Some3 {
            values: [
                (entry >> 16) as i16,
                (entry >> 32) as i16,
                (entry >> 48) as i16,
                0,
            ],
            count: (entry >> 8 & 0xff) as usize,
        }
    }
}

/// By the next bits: a run of zeros and a value, and the EOB after it if there is one.
pub(super) struct Runs {
    entries: Box<[u32; 1 << CODED_BITS]>,
}

/// An entry of [`Runs`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Run(u32);

impl Run {
    /// Nothing: the symbol is too long, or an EOB of several blocks.
    pub(super) const NONE: Self = Self(0);

    /// How far the value is past the coefficient that comes next.
    #[inline(always)]
    pub(super) fn zeros(self) -> usize {
        (self.0 >> 12 & 15) as usize
    }

    /// How much is passed over, the value included: 64 more than that at an EOB.
    #[inline(always)]
    pub(super) fn advance(self) -> usize {
        self.zeros() + 1 + (self.0 >> 2 & 64) as usize
    }

    /// The value; 0 if there is only an EOB or a run of zeros.
    #[inline(always)]
    pub(super) fn value(self) -> i16 {
        (self.0 >> 16) as i16
    }
}

impl Runs {
    /// Values are multiplied by two to the power of `missing_bits`. With `and_eob` an EOB is taken with
    /// the value before it, which must then not be that of the last coefficient: no EOB follows that.
    pub(super) fn new(coded: &Coded, missing_bits: u32, and_eob: bool) -> Self {
        let entry = |at: usize| {
            let Some((symbol, length)) = coded.peek(at) else {
                return 0;
            };
            let (mut length, mut ends) = (length, false);
            match (symbol.size, symbol.run) {
                (0, 0) => ends = true,
                (0, 1..15) => return 0,
                _ => {
                    if and_eob
                        && let Some((next, more)) = coded.peek(at << length)
                        && (next.size, next.run) == (0, 0)
                        && length + more <= CODED_BITS
                    {
                        length += more;
                        ends = true;
                    }
                }
            }
            let value = u32::from((symbol.value << missing_bits) as u16);
            value << 16 | symbol.run << 12 | u32::from(ends) << 8 | length
        };
        Self {
            entries: boxed((0..1 << CODED_BITS).map(entry).collect()),
        }
    }

    /// Takes what one lookup finds. At least [`CODED_BITS`] bits must be there.
    #[inline(always)]
    pub(super) fn take(&self, bits: &mut Bits) -> Run {
        let entry = self.entries[(bits.next() >> (64 - CODED_BITS)) as usize];
        bits.consume(entry & 0xff);
        Run(entry)
    }
}

/// Bits by which [`Skips`] looks up. Eight kilobytes: more would not stay in the first cache.
const SKIP_BITS: u32 = 12;

/// By the next bits: how far as many AC symbols as they hold the codes of lead through a block, and how
/// long they are. Their values are lost, so that the last one's additional bits need not be among
/// those that are looked at.
pub(super) struct Skips {
    /// The length in the low six bits, the way above.
    entries: Box<[u16; 1 << SKIP_BITS]>,
}

/// What an EOB adds to the place in the zigzag sequence: more than any number of other symbols, of
/// which one lookup finds at most a block's worth. So a place of 64 is a block's end without EOB, and
/// one between is past it, by symbols of the next block.
pub(super) const EOB: usize = 128;

/// What is added instead if the lookup finds no whole symbol: more than any end of a block.
const NOTHING: usize = 256;

impl Skips {
    /// The most bits that one lookup passes over.
    const LONGEST: u32 = 18;

    /// Lookups between two refills.
    pub(super) const LOOKUPS: u32 = 56 / Self::LONGEST;

    pub(super) fn new(huffman: &Huffman) -> Self {
        let entry = |at: u64| {
            let next = at << (64 - SKIP_BITS);
            let (way, length) = way(huffman, next, SKIP_BITS, Self::LONGEST);
            let way = if length == 0 { NOTHING } else { way };
            (way << 6) as u16 | length as u16
        };
        Self {
            entries: boxed((0..1 << SKIP_BITS).map(entry).collect()),
        }
    }

    /// Takes what one lookup finds and says how far it leads. At least [`LONGEST`](Self::LONGEST)
    /// bits must be there.
    #[inline(always)]
    pub(super) fn take(&self, bits: &mut Bits) -> usize {
        let entry = self.entries[(bits.next() >> (64 - SKIP_BITS)) as usize];
        bits.consume(entry.into());
        usize::from(entry >> 6)
    }
}

/// How far the AC symbols whose codes are among the first `known` bits of `next` lead, and how long they
/// are with their additional bits: `longest` at most.
fn way(huffman: &Huffman, next: u64, known: u32, longest: u32) -> (usize, u32) {
    let (mut way, mut taken) = (0, 0);
    loop {
        let (symbol, length) = huffman.symbol(next << taken);
        let more = length + u32::from(symbol & 15);
        if length == 0 || taken + length > known || taken + more > longest {
            return (way, taken);
        }
        match (symbol >> 4, symbol & 15) {
            // After the last coefficient there is none: what looks like it belongs to the next block.
            (0..15, 0) if way < 63 => return (way + EOB, taken + more),
            // Past the block's end: not meant to be read like this.
            (run, _) if way + usize::from(run) >= 63 => return (way, taken),
            (run, _) => way += usize::from(run) + 1,
        }
        taken += more;
    }
}

/// Bits by which [`Starts`] looks up.
const START_BITS: u32 = 11;

/// By the next bits: the DC difference that a block of a sequential scan begins with, and what of
/// the rest of the block need not be looked at.
pub(super) struct Starts {
    /// From the lowest bit: length (8 bits), the way through the block (8), the difference (16); zero
    /// if the difference is too long.
    entries: Box<[u32; 1 << START_BITS]>,
}

impl Starts {
    /// How many lookups of [`Skips`] may follow before a refill.
    pub(super) const SKIPS_AFTER: u32 = 2;

    /// The most bits that one lookup passes over.
    const LONGEST: u32 = 56 - Self::SKIPS_AFTER * Skips::LONGEST;

    /// `keeps_ac` says that AC coefficients are wanted, so that no more than an EOB is passed over.
    pub(super) fn new(dc: &Coded, ac: &Huffman, keeps_ac: bool) -> Self {
        let entry = |at: u32| {
            let known = (at as usize) >> (START_BITS - CODED_BITS);
            let Some((first, length)) = dc.peek(known) else {
                return 0;
            };
            let next = u64::from(at) << (64 - START_BITS) << length;
            let known = START_BITS - length;
            let (mut on, mut more) = way(ac, next, known, Self::LONGEST - length);
            if keeps_ac && (on, ac.symbol(next).1) != (EOB, more) {
                (on, more) = (0, 0);
            }
            u32::from(first.value as u16) << 16 | (on as u32 + 1) << 8 | (length + more)
        };
        Self {
            entries: boxed((0..1 << START_BITS).map(entry).collect()),
        }
    }

    /// Takes what one lookup finds: the difference, and the way through the block. `None` if the
    /// difference is too long. At least [`LONGEST`](Self::LONGEST) bits must be there.
    #[inline(always)]
    pub(super) fn take(&self, bits: &mut Bits) -> Option<(i16, usize)> {
        let entry = self.entries[(bits.next() >> (64 - START_BITS)) as usize];
        bits.consume(entry);
        let found = ((entry >> 16) as i16, (entry >> 8 & 0xff) as usize);
        (entry != 0).then_some(found)
    }
}

/// By the next bits: up to two values, with the zeros before them, and the EOB after them.
pub(super) struct Pairs {
    /// From the lowest byte: length, zeros before the first value, place of the second from where the
    /// first is counted, the way through the block; then both values. All zero if the first symbol
    /// is too long.
    entries: Box<[u64; 1 << CODED_BITS]>,
}

/// An entry of [`Pairs`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair(u64);

impl Pair {
    pub(super) const NONE: Self = Self(0);

    #[inline(always)]
    pub(super) fn first(self) -> (usize, i16) {
        ((self.0 >> 8 & 0xff) as usize, (self.0 >> 32) as i16)
    }

    /// To be written before the first: without a second it is a zero at the place of that.
    #[inline(always)]
    pub(super) fn second(self) -> (usize, i16) {
        ((self.0 >> 16 & 0xff) as usize, (self.0 >> 48) as i16)
    }

    #[inline(always)]
    pub(super) fn way(self) -> usize {
        (self.0 >> 24 & 0xff) as usize
    }
}

impl Pairs {
    pub(super) fn new(coded: &Coded) -> Self {
        let entry = |at: usize| {
            let (mut way, mut taken, mut count) = (0, 0, 0);
            let (mut places, mut values) = ([0, 0], [0, 0]);
            while let Some((symbol, length)) = coded.peek(at << taken) {
                let is_end = symbol.size == 0 && symbol.run < 15;
                if taken + length > CODED_BITS || (!is_end && count == 2) {
                    break;
                }
                taken += length;
                if is_end {
                    way += EOB;
                    break;
                }
                way += symbol.run as usize + 1;
                places[count] = way - 1;
                values[count] = symbol.value as u16;
                count += 1;
            }
            if count == 1 {
                places[1] = places[0];
            }
            let fields = [taken as usize, places[0], places[1], way];
            let fields = fields.map(|field| field as u8);
            u64::from(values[1]) << 48
                | u64::from(values[0]) << 32
                | u64::from(u32::from_le_bytes(fields))
        };
        Self {
            entries: boxed((0..1 << CODED_BITS).map(entry).collect()),
        }
    }

    #[inline(always)]
    pub(super) fn take(&self, bits: &mut Bits) -> Pair {
        let entry = self.entries[(bits.next() >> (64 - CODED_BITS)) as usize];
        bits.consume((entry & 0xff) as u32);
        Pair(entry)
    }
}
