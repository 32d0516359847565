//! One block of a sequential scan (T.81, F.2.2): all of it is parsed, little is kept.

use super::bits::{Bits, Window};
use super::huffman::{Coded, Damaged, Huffman};
use super::lookup::{EOB, Pair, Pairs, Skips, Starts};
use super::zigzag::{NOWHERE, Places};

/// The tables for the blocks of one component.
pub(super) struct BlockTables {
    places: &'static Places,
    dc: Coded,
    ac: Coded,
    short_cuts: Option<ShortCuts>,
}

/// Tables for where not all coefficients are kept.
struct ShortCuts {
    starts: Starts,
    pairs: Pairs,
    skips: Skips,
}

impl BlockTables {
    /// For blocks of which the n x n lowest coefficients are kept.
    pub(super) fn new(n: usize, dc: &Huffman, ac: &Huffman) -> Self {
        let (dc, ac_coded) = (Coded::new(dc), Coded::new(ac));
        let short_cuts = (n < 8).then(|| ShortCuts {
            starts: Starts::new(&dc, ac, n > 1),
            pairs: Pairs::new(&ac_coded),
            skips: Skips::new(ac),
        });
        Self {
            places: Places::of(n),
            dc,
            ac: ac_coded,
            short_cuts,
        }
    }

    /// Keeps all coefficients. Says the DC difference, as the others do.
    #[inline(always)]
    pub(super) fn whole(
        &self,
        bits: &mut Bits,
        window: &Window,
        values: &mut [i16],
    ) -> Result<i16, Damaged> {
        bits.refill(window);
        let difference = self.dc.take(bits)?.value as i16;
        *bits = self.singly(*bits, window, values, 1)?;
        Ok(difference)
    }

    /// Keeps nothing but the DC coefficient, eight times the mean of the block.
    #[inline(always)]
    pub(super) fn mean(&self, bits: &mut Bits, window: &Window) -> Result<i16, Damaged> {
        let Some(short_cuts) = &self.short_cuts else {
            return self.whole(bits, window, &mut []);
        };
        let (difference, k) = self.start(short_cuts, bits, window)?;
        // 64 where the last of all coefficients has come: no end of block follows it.
        if k < 64 {
            self.skip(short_cuts, bits, window, k, Starts::SKIPS_AFTER)?;
        }
        Ok(difference)
    }

    /// Keeps some coefficients, but not all.
    #[inline(always)]
    pub(super) fn lowest<const N: usize>(
        &self,
        bits: &mut Bits,
        window: &Window,
        values: &mut [i16],
    ) -> Result<i16, Damaged> {
        let Some(short_cuts) = &self.short_cuts else {
            return self.whole(bits, window, values);
        };
        let (difference, mut k) = self.start(short_cuts, bits, window)?;
        let places = Places::of(N);
        while k <= places.last {
            let pair = short_cuts.pairs.take(bits);
            if pair == Pair::NONE {
                k = self.one(bits, values, k)?;
                bits.refill(window);
                continue;
            }
            // At most 24 + 15 + 16, so that no end of block was passed.
            for (zeros, value) in [pair.second(), pair.first()] {
                let place = places.or_dc[(k + zeros) % 64];
                values[usize::from(place) % (N * N)] = value;
            }
            k += pair.way();
            bits.refill(window);
        }
        if k < 64 {
            self.skip(short_cuts, bits, window, k, Skips::LOOKUPS)?;
        }
        Ok(difference)
    }

    /// The DC difference, and the place in the zigzag sequence that comes next; 64 or more if
    /// nothing does. Leaves the bits for [`Starts::SKIPS_AFTER`] lookups of
    /// [`Skips`], or for one symbol.
    #[inline(always)]
    fn start(
        &self,
        short_cuts: &ShortCuts,
        bits: &mut Bits,
        window: &Window,
    ) -> Result<(i16, usize), Damaged> {
        bits.refill(window);
        if let Some(start) = short_cuts.starts.take(bits) {
            return Ok(start);
        }
        let difference = self.dc.take(bits)?.value as i16;
        bits.refill(window);
        Ok((difference, 1))
    }

    /// Passes over the rest of the block, from place `k` on. There must be the bits for so many
    /// `lookups`.
    #[inline(always)]
    fn skip(
        &self,
        short_cuts: &ShortCuts,
        bits: &mut Bits,
        window: &Window,
        mut k: usize,
        mut lookups: u32,
    ) -> Result<(), Damaged> {
        loop {
            for _ in 0..lookups {
                let before = (*bits, k);
                k += short_cuts.skips.take(bits);
                if k >= 64 {
                    if k == 64 || (EOB..EOB + 64).contains(&k) {
                        return Ok(());
                    }
                    // Symbols of the next block were taken for some of this one, or there was none
                    // short enough.
                    (*bits, k) = before;
                    bits.refill(window);
                    k = self.one(bits, &mut [], k)?;
                    if k >= 64 {
                        return Ok(());
                    }
                    break;
                }
            }
            bits.refill(window);
            lookups = Skips::LOOKUPS;
        }
    }

    /// Goes on symbol by symbol to the end of the block.
    #[inline(never)]
    fn singly(
        &self,
        mut bits: Bits,
        window: &Window,
        values: &mut [i16],
        mut k: usize,
    ) -> Result<Bits, Damaged> {
        while k < 64 {
            bits.refill(window);
            k = self.one(&mut bits, values, k)?;
        }
        Ok(bits)
    }

    /// Takes one AC symbol. Says the place that comes next; at least [`EOB`] at the end.
    #[inline(always)]
    fn one(&self, bits: &mut Bits, values: &mut [i16], k: usize) -> Result<usize, Damaged> {
        let symbol = self.ac.take(bits)?;
        if symbol.size == 0 {
            return match symbol.run {
                ..15 => Ok(EOB),
                _ if k + 16 <= 64 => Ok(k + 16),
                _ => Err(Damaged),
            };
        }
        let k = k + symbol.run as usize;
        let &place = self.places.index.get(k).ok_or(Damaged)?;
        if place != NOWHERE
            && let Some(value) = values.get_mut(usize::from(place))
        {
            *value = symbol.value as i16;
        }
        Ok(k + 1)
    }
}
