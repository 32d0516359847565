//! The tables that a decoder makes for the prefix codes of a lossless WebP (RFC 9649, 3): there may be
//! 65,536 groups of them, whatever the picture's size, so four megabytes can ask for more than a gibibyte.
//! Nothing is read here but the codes, and what stands before them.

use super::super::super::Stop;

/// Symbols for levels, and for lengths of what is repeated.
const GREEN: usize = 256 + 24;
const OTHERS: usize = 256;
const DISTANCES: usize = 40;

/// The longest cache of colours, in bits of its indices; each is one more symbol.
const MAX_CACHE_BITS: u32 = 11;

const MAX_SYMBOLS: usize = GREEN + (1 << MAX_CACHE_BITS);

/// Codes up to this length are looked up in a table of words, longer ones in a tree of two nodes for each
/// symbol, as `image-webp` has them.
const TABLE_BITS: usize = 10;
const TABLE_ENTRY: u64 = 4;
const TREE_NODES: u64 = 2 * 16;

/// A group beside its tables, in a list that has room to grow.
const GROUP: u64 = 2 * 5 * 64;

/// How many bytes the tables of a picture of this width and height take; or a number above `most`. The
/// data is what follows its header. `None` if it ends too early or breaks its rules, or the work is
/// stopped.
pub(super) fn table_bytes(
    bytes: &[u8],
    (mut wide, high): (u32, u32),
    most: u64,
    stop: &Stop,
) -> Option<u64> {
    let mut bits = Bits { bytes, at: 0, stop };
    let mut lengths = [0; MAX_SYMBOLS];
    let mut transforms = [false; 4];
    while bits.take(1)? == 1 {
        let kind = bits.take(2)?;
        let known = &mut transforms[kind as usize];
        if std::mem::replace(known, true) {
            return None;
        }
        match kind {
            // Predictors, and factors between colours: one for each block.
            0 | 1 => {
                let block = bits.take(3)? + 2;
                bits.skip_image(area(wide, high, block), &mut lengths)?;
            }
            // Green taken from the others.
            2 => {}
            // A palette; small ones have several indices in a pixel.
            _ => {
                let colours = bits.take(8)? + 1;
                bits.skip_image(colours.into(), &mut lengths)?;
                wide = wide.div_ceil(match colours {
                    ..=2 => 8,
                    3..=4 => 4,
                    5..=16 => 2,
                    _ => 1,
                });
            }
        }
    }
    let cached = bits.cached_colours()?;
    let groups = if bits.take(1)? == 1 {
        let block = bits.take(3)? + 2;
        bits.skip_image(area(wide, high, block), &mut lengths)? + 1
    } else {
        1
    };
    let mut total = 0;
    for _ in 0..groups {
        total += GROUP;
        for symbols in [GREEN + cached, OTHERS, OTHERS, OTHERS, DISTANCES] {
            let lengths = &mut lengths[..symbols];
            bits.read_code(lengths)?;
            total += held(lengths);
        }
        if total > most {
            break;
        }
        if stop.is_stopped() {
            return None;
        }
    }
    Some(total)
}

/// How many squares of `1 << block` pixels a side a picture has.
fn area(wide: u32, high: u32, block: u32) -> u64 {
    u64::from(wide.div_ceil(1 << block)) * u64::from(high.div_ceil(1 << block))
}

/// What the decoder holds of a code.
fn held(lengths: &[u8]) -> u64 {
    let used = lengths.iter().filter(|&&length| length > 0);
    if used.clone().count() <= 1 {
        return 0;
    }
    let longest = used.clone().max().map_or(0, |&length| usize::from(length));
    let long = used.filter(|&&length| usize::from(length) > TABLE_BITS);
    (TABLE_ENTRY << longest.min(TABLE_BITS)) + TREE_NODES * long.count() as u64
}

/// Bits of the data, the least significant one first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    stop: &'a Stop,
}

impl Bits<'_> {
    /// The next 24 bits or more, with zeros behind the end.
    fn next(&self) -> u32 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = rest.first_chunk().map_or_else(
            || {
                let digits = rest.iter().rev();
                digits.fold(0, |word, &byte| word << 8 | u32::from(byte))
            },
            |bytes| u32::from_le_bytes(*bytes),
        );
        word >> (self.at % 8)
    }

    fn pass(&mut self, count: u32) -> Option<()> {
        self.at += count as usize;
        (self.at <= 8 * self.bytes.len()).then_some(())
    }

    /// So many bits, 24 at most.
    fn take(&mut self, count: u32) -> Option<u32> {
        let next = self.next();
        self.pass(count)?;
        Some(next & ((1 << count) - 1))
    }

    /// How many colours of the picture are known by indices.
    fn cached_colours(&mut self) -> Option<usize> {
        if self.take(1)? == 0 {
            return Some(0);
        }
        let bits = self.take(4)?;
        (1..=MAX_CACHE_BITS).contains(&bits).then(|| 1 << bits)
    }

    /// Passes over the pixels of a picture within the data; says the largest number that red and green
    /// are of one of them. What is repeated is not new.
    fn skip_image(&mut self, pixels: u64, lengths: &mut [u8; MAX_SYMBOLS]) -> Option<u32> {
        let cached = self.cached_colours()?;
        let mut code = |symbols: usize| {
            let lengths = &mut lengths[..symbols];
            self.read_code(lengths)?;
            Code::new(lengths)
        };
        let green = code(GREEN + cached)?;
        let [red, blue, alpha] = [code(OTHERS)?, code(OTHERS)?, code(OTHERS)?];
        let distance = code(DISTANCES)?;
        if let ([green @ 0..256], [red], [_], [_]) = (
            &green.symbols[..],
            &red.symbols[..],
            &blue.symbols[..],
            &alpha.symbols[..],
        ) {
            // No pixel takes any bits.
            return Some(u32::from(*red) << 8 | u32::from(*green));
        }
        let (mut n, mut largest) = (0, 0);
        while n < pixels {
            let before = self.at;
            match usize::from(green.symbol(self)?) {
                level @ ..256 => {
                    let red = u32::from(red.symbol(self)?);
                    blue.symbol(self)?;
                    alpha.symbol(self)?;
                    largest = largest.max(red << 8 | u32::try_from(level).ok()?);
                    n += 1;
                }
                length @ ..GREEN => {
                    n += u64::from(self.number(u32::try_from(length - OTHERS).ok()?)?);
                    let distance = distance.symbol(self)?;
                    self.number(distance.into())?;
                }
                _ => n += 1,
            }
            // What takes no bits is the same again to the end, which may be far.
            if self.at == before {
                break;
            }
            if self.stop.is_stopped() {
                return None;
            }
        }
        Some(largest)
    }

    /// A length or a distance by its symbol, and the bits that follow it.
    fn number(&mut self, symbol: u32) -> Option<u32> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let more = (symbol - 2) >> 1;
        Some(((2 + (symbol & 1)) << more) + self.take(more)? + 1)
    }

    /// Reads the length of the code of each symbol, 0 if it has none.
    fn read_code(&mut self, lengths: &mut [u8]) -> Option<()> {
        /// In which order the lengths of the codes for lengths stand.
        const ORDER: [usize; 19] = [
            17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ];
        lengths.fill(0);
        if self.take(1)? == 1 {
            let two = self.take(1)? == 1;
            let wide = self.take(1)?;
            let symbol = self.take(1 + 7 * wide)?;
            *lengths.get_mut(symbol as usize)? = 1;
            if two {
                let length = lengths.get_mut(self.take(8)? as usize)?;
                // The same twice is no code.
                return (std::mem::replace(length, 1) == 0).then_some(());
            }
            return Some(());
        }
        let mut own = [0; 19];
        let count = self.take(4)? as usize + 4;
        for &symbol in ORDER.get(..count)? {
            own[symbol] = u8::try_from(self.take(3)?).ok()?;
        }
        let code = Code::new(&own)?;
        let mut left = lengths.len();
        if self.take(1)? == 1 {
            let bits = 2 + 2 * self.take(3)?;
            left = 2 + self.take(bits)? as usize;
            if left > lengths.len() {
                return None;
            }
        }
        let (mut at, mut before) = (0, 8);
        while at < lengths.len() && left > 0 {
            left -= 1;
            let (length, count) = match code.symbol(self)? {
                16 => (before, 3 + self.take(2)?),
                17 => (0, 3 + self.take(3)?),
                18 => (0, 11 + self.take(7)?),
                length => (u8::try_from(length).ok()?, 1),
            };
            let end = at + count as usize;
            lengths.get_mut(at..end)?.fill(length);
            at = end;
            if length > 0 {
                before = length;
            }
        }
        Some(())
    }
}

/// A canonical prefix code.
struct Code {
    /// How many codes there are of each length.
    counts: [u16; 16],
    /// Their symbols, the shortest codes first.
    symbols: Vec<u16>,
}

impl Code {
    /// `None` if no symbol has a code.
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; 16];
        let used = || (0_u16..).zip(lengths).filter(|(_, length)| **length > 0);
        used().for_each(|(_, &length)| counts[usize::from(length)] += 1);
        let mut symbols: Vec<_> = used().collect();
        symbols.sort_by_key(|(symbol, length)| (**length, *symbol));
        let symbols: Vec<u16> = symbols.into_iter().map(|(symbol, _)| symbol).collect();
        (!symbols.is_empty()).then_some(Self { counts, symbols })
    }

    /// The next symbol; the only one takes no bits.
    fn symbol(&self, bits: &mut Bits<'_>) -> Option<u16> {
        if let [symbol] = self.symbols[..] {
            return Some(symbol);
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        let mut next = bits.next();
        for (length, &count) in (1..).zip(&self.counts[1..]) {
            let count = u32::from(count);
            code |= next & 1;
            next >>= 1;
            // Codes of a length are numbers that follow each other.
            if code < first + count {
                bits.pass(length)?;
                let at = index + code.checked_sub(first)?;
                return self.symbols.get(at as usize).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transform's picture whose every pixel is a length of 1 that takes no bits.
    fn without_bits() -> Vec<u8> {
        let (mut bytes, mut at) = (Vec::new(), 0);
        let mut put = |value: u32, count: usize| {
            for bit in 0..count {
                if at % 8 == 0 {
                    bytes.push(0);
                }
                if let Some(byte) = bytes.last_mut() {
                    *byte |= u8::from(value >> bit & 1 == 1) << (at % 8);
                }
                at += 1;
            }
        };
        // Predictors for blocks of 4 x 4, no cache; codes of their own, for lengths 1 and 18.
        for (value, count) in [(1, 1), (0, 2), (0, 3), (0, 1), (0, 1), (0, 4)] {
            put(value, count);
        }
        for length in [0, 1, 0, 1] {
            put(length, 3);
        }
        put(0, 1);
        // 256 symbols without a code, then that of a length of 1, then none.
        for (value, count) in [(1, 1), (127, 7), (1, 1), (107, 7), (0, 1), (1, 1), (12, 7)] {
            put(value, count);
        }
        // The other four have one symbol.
        (0..4).for_each(|_| put(1, 4));
        bytes
    }

    #[test]
    fn pixels_that_take_no_bits_take_no_time() {
        let endless = (1 << 24, 1 << 24);
        let stop = Stop::default();
        // It ends, and then the data does.
        assert_eq!(table_bytes(&without_bits(), endless, 1 << 30, &stop), None);
    }
}
