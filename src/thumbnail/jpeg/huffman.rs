//! Huffman tables (T.81, Annex C and F.2.2.3) and the lookup tables made of them for one scan.

use super::bits::Bits;

/// Codes up to this long are found by one lookup.
const LOOKUP_BITS: u32 = 10;

/// One Huffman table as a DHT segment gives it.
#[derive(Clone)]
pub(super) struct Huffman {
    /// By the next bits: the code's length in the low byte, its symbol in the high one; 0 if the code
    /// is longer than [`LOOKUP_BITS`] or there is none.
    lookup: [u16; 1 << LOOKUP_BITS],
    /// By length: the first 16 bits that are past all codes of that length.
    past: [u32; 17],
    /// By length: what is added to a code to find its symbol among `symbols`.
    offset: [i32; 17],
    symbols: [u8; 256],
}

impl Huffman {
    /// Makes the codes (T.81, C.2). `None` if there are more than their lengths allow.
    pub(super) fn new(counts: &[u8; 16], listed: &[u8]) -> Option<Self> {
        let mut symbols = [0; 256];
        symbols.get_mut(..listed.len())?.copy_from_slice(listed);
        let mut table = Self {
            lookup: [0; 1 << LOOKUP_BITS],
            past: [0; 17],
            offset: [0; 17],
            symbols,
        };
        let mut code = 0_u32;
        let mut listed = listed.iter();
        let mut index = 0;
        for (length, &count) in (1_u32..).zip(counts) {
            table.offset[length as usize] = index - code.cast_signed();
            for &symbol in listed.by_ref().take(count.into()) {
                if length <= LOOKUP_BITS {
                    let at = (code << (LOOKUP_BITS - length)) as usize;
                    let entry = u16::from_be_bytes([symbol, length.to_be_bytes()[3]]);
                    let free = table.lookup.get_mut(at..)?;
                    free.get_mut(..1 << (LOOKUP_BITS - length))?.fill(entry);
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length {
                return None;
            }
            table.past[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    /// The next symbol and its code's length in bits; length 0 if there is no such code. `next` has
    /// the coming bits at its top, at least 16 of them.
    #[inline(always)]
    pub(super) fn symbol(&self, next: u64) -> (u8, u32) {
        let entry = self.lookup[(next >> (64 - LOOKUP_BITS)) as usize];
        if entry == 0 {
            return self.long_symbol(next);
        }
        let [symbol, length] = entry.to_be_bytes();
        (symbol, length.into())
    }

    #[cold]
    fn long_symbol(&self, next: u64) -> (u8, u32) {
        let next = (next >> 48) as u32;
        for length in LOOKUP_BITS + 1..=16 {
            if next < self.past[length as usize] {
                let code = (next >> (16 - length)).cast_signed();
                let index = self.offset[length as usize].wrapping_add(code);
                return (self.symbols[index.cast_unsigned() as usize & 255], length);
            }
        }
        (0, 0)
    }
}

/// The value that `size` additional bits mean (T.81, F.2.2.1, EXTEND).
#[inline(always)]
pub(super) fn extend(bits: u32, size: u32) -> i32 {
    let negative = u32::from(bits < (1 << size) >> 1);
    bits.cast_signed() - (negative * ((1 << size) - 1)).cast_signed()
}

/// Bits by which [`Coded`] looks up: a code and its additional bits together.
pub(super) const CODED_BITS: u32 = 11;

/// By the next bits: a whole symbol with its additional bits, if both are short enough.
pub(super) struct Coded {
    entries: Box<[u32; 1 << CODED_BITS]>,
    huffman: Huffman,
}

/// A run of zeros and a value, as one symbol and its additional bits say (T.81, F.1.2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunValue {
    /// Zeros before the value; of a DC symbol always 0.
    pub(super) run: u32,
    /// Number of additional bits: 0 marks EOB, EOB runs and ZRL.
    pub(super) size: u32,
    /// The value; 0 if size is.
    pub(super) value: i32,
}

impl RunValue {
    /// Reads an entry of [`Coded`].
    #[inline(always)]
    fn of(entry: u32) -> Self {
        Self {
            run: entry >> 12 & 15,
            size: entry >> 8 & 15,
            value: entry.cast_signed() >> 16,
        }
    }
}

/// The bits are no code of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

impl Coded {
    pub(super) fn new(huffman: &Huffman) -> Self {
        let mut entries = vec![0; 1 << CODED_BITS];
        let mut at = 0_usize;
        while at < entries.len() {
            let next = (at as u64) << (64 - CODED_BITS);
            let (symbol, length) = huffman.symbol(next);
            let size = u32::from(symbol & 15);
            if length == 0 || length + size > CODED_BITS {
                at += 1;
                continue;
            }
            let each = 1_usize << (CODED_BITS - length - size);
            for bits in 0..1_u32 << size {
                // value in the high half, then run, size, total length.
                let value = extend(bits, size).cast_unsigned() << 16;
                let entry = value | u32::from(symbol >> 4) << 12 | size << 8 | (length + size);
                entries[at..at + each].fill(entry);
                at += each;
            }
        }
        Self {
            entries: boxed(entries),
            huffman: huffman.clone(),
        }
    }

    /// Takes one symbol and its additional bits. At least 32 bits must be there.
    #[inline(always)]
    pub(super) fn take(&self, bits: &mut Bits) -> Result<RunValue, Damaged> {
        let entry = self.entries[(bits.next() >> (64 - CODED_BITS)) as usize];
        if entry == 0 {
            let (symbol, length) = self.long(bits.next())?;
            bits.consume(length);
            return Ok(symbol);
        }
        bits.consume(entry & 0xff);
        Ok(RunValue::of(entry))
    }

    /// What a lookup of the low [`CODED_BITS`] bits of `next` finds, and its length in bits.
    pub(super) fn peek(&self, next: usize) -> Option<(RunValue, u32)> {
        let entry = self.entries[next % (1 << CODED_BITS)];
        (entry != 0).then_some((RunValue::of(entry), entry & 0xff))
    }

    /// What is too long for one lookup, and its length in bits. It gets the bits by value, as all
    /// that is rarely called does: what a loop lends out it cannot keep in registers.
    #[cold]
    #[inline(never)]
    fn long(&self, next: u64) -> Result<(RunValue, u32), Damaged> {
        let (symbol, length) = self.huffman.symbol(next);
        if length == 0 {
            return Err(Damaged);
        }
        let size = u32::from(symbol & 15);
        let additional = (next << length >> 1 >> (63 - size)) as u32;
        let found = RunValue {
            run: u32::from(symbol >> 4),
            size,
            value: extend(additional, size),
        };
        Ok((found, length + size))
    }
}

/// The entries of a lookup table, whose length then needs no check at each lookup.
pub(super) fn boxed<T, const N: usize>(entries: Vec<T>) -> Box<[T; N]> {
    let entries: Box<[T]> = entries.into();
    #[expect(clippy::expect_used, reason = "every caller makes N entries")]
    entries.try_into().ok().expect("N entries")
}
