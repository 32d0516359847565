//! Huffman codes from symbol counts (T.81, annexes C and K.2).

/// The longest code that a JPEG may hold, in bits.
const LONGEST: usize = 16;

/// How long each symbol's code is, which is all that a file says of a Huffman table (T.81, B.2.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lengths {
    /// How many codes there are of 1 to 16 bits.
    pub(super) counts: [u8; LONGEST],
    /// The symbols, shortest codes first.
    pub(super) symbols: Vec<u8>,
}

/// A symbol's code, and its length in bits: 0 for symbols without a code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) bits: u16,
    pub(super) length: u8,
}

impl Lengths {
    pub(super) fn new(counts: [u8; LONGEST], symbols: &[u8]) -> Self {
        Self {
            counts,
            symbols: symbols.to_vec(),
        }
    }

    /// The lengths with which symbols that come so often take the least bits, none longer than 16,
    /// and no code all ones (K.2). Symbols that never come have none.
    pub(super) fn optimal(often: &[u32; 256]) -> Self {
        let mut nodes = vec![Node {
            often: 1,
            // The code of all ones is kept free by one symbol more than there are.
            symbols: vec![256],
        }];
        nodes.extend((0..256).filter(|s| often[*s] > 0).map(|symbol| Node {
            often: often[symbol].into(),
            symbols: vec![symbol],
        }));
        let mut length = [0_usize; 257];
        while nodes.len() > 1 {
            // The two that come least; of equals those with the highest symbol, so that the extra
            // one ends up with one of the longest codes.
            let (a, b) = (take_rarest(&mut nodes), take_rarest(&mut nodes));
            for symbol in a.symbols.iter().chain(&b.symbols) {
                length[*symbol] += 1;
            }
            nodes.push(Node {
                often: a.often + b.often,
                symbols: [a.symbols, b.symbols].concat(),
            });
        }
        let mut bits = [0_usize; 257];
        for length in length.into_iter().filter(|length| *length > 0) {
            bits[length] += 1;
        }
        shorten(&mut bits);
        // The extra symbol has one of the longest codes; it is taken away again.
        if let Some(longest) = bits.iter_mut().rev().find(|count| **count > 0) {
            *longest -= 1;
        }
        let mut symbols: Vec<u8> = (0..=255).filter(|s| often[usize::from(*s)] > 0).collect();
        symbols.sort_by_key(|symbol| length[usize::from(*symbol)]);
        let mut counts = [0; LONGEST];
        for (to, from) in counts.iter_mut().zip(&bits[1..]) {
            *to = u8::try_from(*from).unwrap_or(u8::MAX);
        }
        Self { counts, symbols }
    }

    /// The code of each symbol (annex C).
    pub(super) fn codes(&self) -> [Code; 256] {
        let mut codes = [Code::default(); 256];
        let mut symbols = self.symbols.iter();
        let mut bits = 0;
        for (length, count) in (1..).zip(self.counts) {
            for symbol in symbols.by_ref().take(count.into()) {
                codes[usize::from(*symbol)] = Code { bits, length };
                bits += 1;
            }
            bits <<= 1;
        }
        codes
    }
}

struct Node {
    often: u64,
    symbols: Vec<usize>,
}

fn take_rarest(nodes: &mut Vec<Node>) -> Node {
    let rank = |node: &Node| (node.often, usize::MAX - node.symbols[0]);
    let rarest = (0..nodes.len()).min_by_key(|i| rank(&nodes[*i]));
    nodes.swap_remove(rarest.unwrap_or(0))
}

/// Makes the longest codes 16 bits long, at the cost of some that were shorter (K.2, figure K.3).
fn shorten(bits: &mut [usize; 257]) {
    for length in (LONGEST + 1..257).rev() {
        while bits[length] > 0 {
            let shorter = (1..length - 1).rev().find(|shorter| bits[*shorter] > 0);
            let Some(shorter) = shorter else { return };
            bits[length] -= 2;
            bits[length - 1] += 1;
            bits[shorter + 1] += 2;
            bits[shorter] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn often(symbols: &[(u8, u32)]) -> [u32; 256] {
        let mut often = [0; 256];
        for (symbol, count) in symbols {
            often[usize::from(*symbol)] = *count;
        }
        often
    }

    /// What the codes leave free, in parts of 2^16: at least one code of 16 bits.
    fn free(lengths: &Lengths) -> i64 {
        let used: i64 = (1..)
            .zip(lengths.counts)
            .map(|(length, count)| i64::from(count) << (16 - length))
            .sum();
        (1 << 16) - used
    }

    #[test]
    fn one_symbol_has_one_bit() {
        let lengths = Lengths::optimal(&often(&[(7, 100)]));
        assert_eq!((lengths.counts[0], &lengths.symbols[..]), (1, &[7][..]));
        assert_eq!(lengths.codes()[7], Code { bits: 0, length: 1 });
        assert!(Lengths::optimal(&[0; 256]).symbols.is_empty());
    }

    #[test]
    fn what_comes_often_is_short_and_all_ones_stays_free() {
        let lengths = Lengths::optimal(&often(&[(1, 50), (2, 20), (3, 10), (4, 1)]));
        assert_eq!(lengths.symbols, [1, 2, 3, 4]);
        assert_eq!(lengths.counts[..5], [1, 1, 1, 1, 0]);
        assert!(free(&lengths) > 0);
        let codes = lengths.codes();
        assert_eq!((codes[4].bits, codes[4].length), (0b1110, 4));
    }

    /// Fibonacci's numbers make the deepest tree there is.
    #[test]
    fn no_code_is_longer_than_16_bits() {
        let (mut a, mut b) = (1, 1);
        let counts: Vec<(u8, u32)> = (0..40)
            .map(|symbol| {
                (a, b) = (b, a + b);
                (symbol, a)
            })
            .collect();
        let lengths = Lengths::optimal(&often(&counts));
        let coded: usize = lengths.counts.iter().map(|count| usize::from(*count)).sum();
        assert_eq!((coded, lengths.symbols.len()), (40, 40));
        assert!(free(&lengths) > 0, "{}", free(&lengths));
    }

    #[test]
    fn all_symbols_have_a_code() {
        let lengths = Lengths::optimal(&[1; 256]);
        assert_eq!(lengths.symbols.len(), 256);
        assert!(free(&lengths) > 0);
        assert!(lengths.codes().iter().all(|code| code.length > 0));
    }
}
