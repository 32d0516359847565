//! Value noise in integers: the same on every machine, and any row can be had without the others.

/// Fractional bits of every value that this module gives.
pub(crate) const FRACTION: u32 = 8;

/// `SplitMix64` (Steele, Lea and Flood, 2014): turns a seed into a stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = u64::from(high.abs_diff(low)) + 1;
        // Below 2^32 by the modulus, so nothing is lost; wrapping puts it back above a negative low.
        #[expect(clippy::cast_possible_truncation, reason = "below 2^32 by the modulus")]
        let offset = (self.next() % span) as u32;
        low.wrapping_add_unsigned(offset)
    }
}

/// Mixes a position into 32 even bits (the finaliser is Wellons' `lowbias32`).
pub(crate) fn hash(seed: u32, x: u32, y: u32) -> u32 {
    let mut h = seed ^ x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77).rotate_left(15);
    h ^= h >> 16;
    h = h.wrapping_mul(0x7FEB_352D);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846C_A68B);
    h ^ (h >> 16)
}

/// One octave of value noise: random values on a lattice, smooth between them.
#[derive(Debug, Clone)]
pub(crate) struct Octave {
    pub(crate) seed: u32,
    /// The lattice's cell is 2 to this many pixels wide.
    cell_log2: u32,
    /// Largest deviation from 0, in sample levels.
    amplitude: i32,
    /// 3t² - 2t³ for each pixel of a cell, in 1/4096.
    smooth: Vec<i32>,
}

impl Octave {
    pub(crate) fn new(seed: u32, cell_log2: u32, amplitude: i32) -> Self {
        let cell = 1_i64 << cell_log2;
        let smooth = (0..cell)
            .map(|t| 4096 * t * t * (3 * cell - 2 * t) / (cell * cell * cell))
            .map(|s| i32::try_from(s).unwrap_or(4096))
            .collect();
        Self {
            seed,
            cell_log2,
            amplitude,
            smooth,
        }
    }

    /// Adds row `y` of this octave to `row`, in 1/2^[`FRACTION`] of a level.
    pub(crate) fn add_row(&self, row: &mut [i32], y: u32) {
        let cell_y = y >> self.cell_log2;
        let weight = self.smooth[(y & ((1 << self.cell_log2) - 1)) as usize];
        let at = |x: u32| {
            let above = self.lattice(x, cell_y);
            let below = self.lattice(x, cell_y + 1);
            above + (((below - above) * weight) >> 12)
        };
        let mut left = at(0);
        for (x, cell) in (1..).zip(row.chunks_mut(1 << self.cell_log2)) {
            let right = at(x);
            let step = right - left;
            for (value, smooth) in cell.iter_mut().zip(&self.smooth) {
                *value += left + ((step * smooth) >> 12);
            }
            left = right;
        }
    }

    /// The lattice's value at a corner, in 1/2^[`FRACTION`] of a level.
    fn lattice(&self, x: u32, y: u32) -> i32 {
        let even = (hash(self.seed, x, y) >> 16).cast_signed() - (1 << 15);
        (even * self.amplitude) >> (15 - FRACTION)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn an_octave_stays_within_its_amplitude_and_uses_it() {
        let octave = Octave::new(7, 3, 20);
        let mut seen = Vec::new();
        for y in 0..256 {
            let mut row = vec![0; 256];
            octave.add_row(&mut row, y);
            seen.extend(row);
        }
        assert!(seen.iter().all(|v| v.abs() <= 20 << FRACTION));
        assert!(seen.iter().any(|v| *v > 15 << FRACTION));
        assert!(seen.iter().any(|v| *v < -(15 << FRACTION)));
    }

    #[test]
    fn neighbours_differ_little_in_a_wide_octave() {
        let mut row = vec![0; 1024];
        Octave::new(7, 7, 100).add_row(&mut row, 3);
        let steepest = row.windows(2).map(|w| (w[1] - w[0]).abs()).max();
        assert!(steepest.unwrap() < 4 << FRACTION, "{steepest:?}");
    }

    #[test]
    fn numbers_between_reach_both_ends() {
        let mut random = Random::new(1);
        let drawn: Vec<i32> = (0..200).map(|_| random.between(-2, 3)).collect();
        assert_eq!(drawn.iter().min(), Some(&-2));
        assert_eq!(drawn.iter().max(), Some(&3));
    }
}
