//! Huffman tables made for one picture (T.81, Annexes C and K.2).

/// The longest code that a table may have.
const LONGEST: usize = 16;

/// No code is longer before lengths are limited: that would take a sum of counts, a Fibonacci
/// number, beyond 2^40.
const DEEPEST: usize = 64;

/// A Huffman table as a file has it, and the codes that follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// How many codes there are of each length, from 1 to 16.
    pub(super) lengths: [u8; LONGEST],
    /// The symbols by ascending length of their codes.
    pub(super) symbols: Vec<u8>,
}

/// A code and its length in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Code {
    pub(super) bits: u16,
    pub(super) length: u8,
}

impl Table {
    /// The best table for symbols that occur so often.
    ///
    /// One more symbol that never occurs is given the longest code, which the standard reserves:
    /// no code may consist of ones alone (K.2).
    pub(super) fn of(counts: &[u32]) -> Self {
        let mut symbols: Vec<(u32, u8)> = (0..=u8::MAX)
            .zip(counts)
            .filter(|&(_, &count)| count > 0)
            .map(|(symbol, &count)| (count, symbol))
            .collect();
        symbols.sort_unstable();
        let mut leaves = vec![0];
        leaves.extend(symbols.iter().map(|&(count, _)| u64::from(count)));
        let mut lengths = limited(depths(&leaves));
        if let Some(longest) = lengths.iter_mut().rfind(|n| **n > 0) {
            *longest -= 1;
        }
        symbols.reverse();
        Self {
            lengths,
            symbols: symbols.into_iter().map(|(_, symbol)| symbol).collect(),
        }
    }

    /// Each symbol with its code (Annex C): counted up, and doubled from one length to the next.
    pub(super) fn codes(&self) -> impl Iterator<Item = (u8, Code)> + '_ {
        let lengths = (1..).zip(self.lengths);
        let lengths = lengths.flat_map(|(length, n)| std::iter::repeat_n(length, n.into()));
        let mut next = Code::default();
        lengths.zip(&self.symbols).map(move |(length, &symbol)| {
            let code = Code {
                bits: next.bits << (length - next.length),
                length,
            };
            next = Code {
                bits: code.bits + 1,
                length,
            };
            (symbol, code)
        })
    }
}

/// How many leaves of a Huffman tree there are at each depth, for at least two leaves by ascending
/// weight.
///
/// Nodes arise by ascending weight, too, so the lightest two are always at the fronts of two
/// queues.
fn depths(leaves: &[u64]) -> [u16; DEEPEST] {
    let mut nodes: Vec<u64> = Vec::with_capacity(leaves.len());
    let mut parents = vec![0_usize; 2 * leaves.len()];
    let (mut leaf, mut node) = (0, 0);
    while leaf + node < leaves.len() + nodes.len() - 1 || nodes.is_empty() {
        let mut sum = 0;
        for _ in 0..2 {
            let take_leaf =
                leaf < leaves.len() && (node == nodes.len() || leaves[leaf] <= nodes[node]);
            if take_leaf {
                parents[leaf] = nodes.len();
                sum += leaves[leaf];
                leaf += 1;
            } else {
                parents[leaves.len() + node] = nodes.len();
                sum += nodes[node];
                node += 1;
            }
        }
        nodes.push(sum);
    }
    let mut depth = vec![0_usize; nodes.len()];
    for node in (0..nodes.len() - 1).rev() {
        depth[node] = depth[parents[leaves.len() + node]] + 1;
    }
    let mut found = [0; DEEPEST];
    for &parent in &parents[..leaves.len()] {
        found[depth[parent] + 1] += 1;
    }
    found
}

/// Shortens codes that are too long (K.2, figure K.3): of two sisters, one moves up to their
/// parent; the other takes the place beside a shorter code, which moves down by one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "256 symbols and the reserved one are never all of one length"
)]
fn limited(mut depths: [u16; DEEPEST]) -> [u8; LONGEST] {
    for depth in (LONGEST + 1..DEEPEST).rev() {
        while depths[depth] > 0 {
            let shorter = (1..depth - 1).rev().find(|&d| depths[d] > 0).unwrap_or(1);
            depths[depth] -= 2;
            depths[depth - 1] += 1;
            depths[shorter + 1] += 2;
            depths[shorter] -= 1;
        }
    }
    std::array::from_fn(|n| depths[n + 1] as u8)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codes(counts: &[u32]) -> Vec<(u8, Code)> {
        Table::of(counts).codes().collect()
    }

    #[test]
    fn frequent_symbols_have_short_codes() {
        let mut counts = [0; 256];
        (counts[7], counts[1], counts[200]) = (100, 10, 1);
        let code = |bits, length| Code { bits, length };
        assert_eq!(
            codes(&counts),
            [(7, code(0, 1)), (1, code(0b10, 2)), (200, code(0b110, 3))]
        );
        assert_eq!(codes(&[0, 0, 5]), [(2, code(0, 1))], "a symbol alone");
    }

    #[test]
    fn fibonacci_counts_are_limited_to_16_bits() {
        let mut counts = vec![1, 1];
        for n in 2..40 {
            counts.push(counts[n - 1] + counts[n - 2]);
        }
        let codes = codes(&counts);
        assert_eq!(codes.len(), 40);
        assert_eq!(codes.iter().map(|(_, c)| c.length).max(), Some(16));
    }

    proptest! {
        #[test]
        fn every_symbol_has_a_code_and_none_begins_another_or_is_all_ones(
            counts in prop::collection::vec(prop_oneof![Just(0_u32), 0..5_u32, 0..1_000_000_u32], 256),
        ) {
            prop_assume!(counts.iter().any(|&count| count > 0));
            let codes = codes(&counts);
            prop_assert_eq!(codes.len(), counts.iter().filter(|&&count| count > 0).count());
            // Kraft's sum, in units of the longest code; the reserved code takes one of them.
            let taken: u32 = codes.iter().map(|(_, c)| 1 << (16 - c.length)).sum();
            prop_assert!(taken < 1 << 16);
            for (_, code) in &codes {
                prop_assert!(u32::from(code.bits) + 1 < 1 << code.length);
            }
            for (a, b) in codes.iter().zip(&codes[1..]) {
                prop_assert!(counts[usize::from(a.0)] >= counts[usize::from(b.0)]);
                prop_assert!(a.1.length <= b.1.length);
            }
        }
    }
}
