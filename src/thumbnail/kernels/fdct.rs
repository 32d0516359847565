//! The forward DCT (T.81, A.3.3) of 8 x 8 samples, and its quantisation (A.3.4), two blocks at once.
//!
//! Each of the two passes splits the eight inputs into sums and differences of mirrored pairs, from
//! which the even and the odd coefficients follow by small matrices. The cosines have 13 bits behind
//! the point, the sums are 32-bit, and each result is rounded once. Between the passes stay
//! [`PASS_BITS`] more bits than the samples have. Both passes are longer than the orthonormal
//! transform by the square root of 8, which the quantisation takes away.
//!
//! Coefficients come out column by column: that of vertical frequency v and horizontal frequency u
//! at `8 * u + v`, as the second pass leaves them without a transposition.

/// Samples of a block.
pub(in super::super) const SAMPLES: usize = 64;

/// Two blocks side by side: 8 rows of 16 samples, as [`resample`](super::resample) leaves them.
pub(in super::super) type Pair = [[i16; 16]; 8];

/// The coefficients of a block, column by column.
pub(in super::super) type Coefficients = [i16; SAMPLES];

/// Bits behind the point of the cosines.
const COSINE_BITS: u32 = 13;

/// Bits kept behind the point between the passes: with more, sums of two could leave 16 bits.
const PASS_BITS: u32 = 2;

/// sqrt(2) cos(n pi / 16), n = 0 to 7.
const COSINES: [i16; 8] = [11585, 11363, 10703, 9633, 8192, 6436, 4433, 2260];

/// How one coefficient is divided: by multiplying and shifting.
///
/// For a divisor `d` with `2^(b-1) < d <= 2^b`, the quotient of `t` below 2^15 is
/// `t * ceil(2^(15+b) / d) >> (15 + b)`, exactly: what the factor is too large by, times `t`, is
/// below `d * 2^15 / 2^(15+b)`, thus less than one more. The shift is by 16 in the first
/// multiplication's high half, and by `b - 1` in a second one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Divisors {
    half: [u16; SAMPLES],
    factor: [u16; SAMPLES],
    shift: [u16; SAMPLES],
}

impl Divisors {
    /// For quantisation values of 1 to 255, column by column.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the factor is from 2^15 to 2^16 - 1, since no divisor is 2^(b-1)"
    )]
    pub(in super::super) fn new(table: &[u8; SAMPLES]) -> Self {
        let mut divisors = Self {
            half: [0; SAMPLES],
            factor: [0; SAMPLES],
            shift: [0; SAMPLES],
        };
        for (n, &value) in table.iter().enumerate() {
            // Both passes together make coefficients eight times as large.
            let divisor = 8 * u32::from(value.max(1));
            let bits = divisor.next_power_of_two().ilog2();
            divisors.half[n] = (divisor / 2) as u16;
            divisors.factor[n] = (1_u32 << (15 + bits)).div_ceil(divisor) as u16;
            divisors.shift[n] = 1 << (16 - (bits - 1));
        }
        divisors
    }
}

/// Rounds the samples of two blocks to 8 bits, transforms and quantises them, rounding to the
/// nearest, halves away from 0. Returns for each which coefficients are not 0: bit `8 * u + v`.
pub(in super::super) fn transform(
    samples: &Pair,
    divisors: &Divisors,
    blocks: &mut [Coefficients; 2],
) -> [u64; 2] {
    #[cfg(target_arch = "x86_64")]
    if super::avx2() {
        // SAFETY: AVX2 is there.
        return unsafe { avx2::transform(samples, divisors, blocks) };
    }
    portable::transform(samples, divisors, blocks)
}

mod portable {
    use super::super::resample::FRACTION_BITS;
    use super::{COSINE_BITS, COSINES, Coefficients, Divisors, PASS_BITS, Pair, SAMPLES};

    pub(super) fn transform(
        samples: &Pair,
        divisors: &Divisors,
        blocks: &mut [Coefficients; 2],
    ) -> [u64; 2] {
        let mut nonzero = [0; 2];
        for (half, block) in blocks.iter_mut().enumerate() {
            let mut between = [[0; 8]; 8];
            for (x, column) in between.iter_mut().enumerate() {
                let inputs = std::array::from_fn(|y| rounded(samples[y][8 * half + x]).into());
                *column = pass::<{ COSINE_BITS - PASS_BITS }>(inputs);
            }
            for v in 0..8 {
                let inputs = std::array::from_fn(|x| between[x][v]);
                let outputs = pass::<{ COSINE_BITS + PASS_BITS }>(inputs);
                for (u, output) in outputs.into_iter().enumerate() {
                    block[8 * u + v] = quantise(output, divisors, 8 * u + v);
                }
            }
            nonzero[half] = (0..SAMPLES).fold(0, |mask, n| mask | u64::from(block[n] != 0) << n);
        }
        nonzero
    }

    /// A sample without its fraction, from -128 to 127.
    fn rounded(fine: i16) -> i16 {
        let sample = fine.saturating_add(1 << (FRACTION_BITS - 1)) >> FRACTION_BITS;
        sample.clamp(-128, 127)
    }

    /// One pass over eight inputs.
    fn pass<const SHIFT: u32>(inputs: [i32; 8]) -> [i32; 8] {
        let c = COSINES.map(i32::from);
        let sums: [i32; 4] = std::array::from_fn(|n| inputs[n] + inputs[7 - n]);
        let odd: [i32; 4] = std::array::from_fn(|n| inputs[n] - inputs[7 - n]);
        let (outer, inner) = (sums[0] + sums[3], sums[1] + sums[2]);
        let (outer_odd, inner_odd) = (sums[0] - sums[3], sums[1] - sums[2]);
        [
            (outer + inner) * c[4],
            odd[0] * c[1] + odd[1] * c[3] + odd[2] * c[5] + odd[3] * c[7],
            outer_odd * c[2] + inner_odd * c[6],
            odd[0] * c[3] - odd[1] * c[7] - odd[2] * c[1] - odd[3] * c[5],
            (outer - inner) * c[4],
            odd[0] * c[5] - odd[1] * c[1] + odd[2] * c[7] + odd[3] * c[3],
            outer_odd * c[6] - inner_odd * c[2],
            odd[0] * c[7] - odd[1] * c[5] + odd[2] * c[3] - odd[3] * c[1],
        ]
        .map(|sum| (sum + (1 << (SHIFT - 1))) >> SHIFT)
    }

    fn quantise(coefficient: i32, divisors: &Divisors, n: usize) -> i16 {
        let rounded = coefficient.unsigned_abs() + u32::from(divisors.half[n]);
        let high = (rounded * u32::from(divisors.factor[n])) >> 16;
        let quotient = ((high * u32::from(divisors.shift[n])) >> 16) as i16;
        if coefficient < 0 { -quotient } else { quotient }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm_storeu_si128, _mm256_abs_epi16, _mm256_add_epi16,
        _mm256_add_epi32, _mm256_adds_epi16, _mm256_broadcastsi128_si256, _mm256_castsi256_si128,
        _mm256_cmpeq_epi8, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_max_epi16, _mm256_min_epi16, _mm256_movemask_epi8, _mm256_mulhi_epu16,
        _mm256_packs_epi16, _mm256_packs_epi32, _mm256_set1_epi16, _mm256_set1_epi32,
        _mm256_setzero_si256, _mm256_sign_epi16, _mm256_srai_epi16, _mm256_srai_epi32,
        _mm256_sub_epi16, _mm256_unpackhi_epi16, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
        _mm256_unpacklo_epi16, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    };

    use super::super::resample::FRACTION_BITS;
    use super::{COSINE_BITS, COSINES, Coefficients, Divisors, PASS_BITS, Pair};

    /// The lower halves of the registers belong to the first block, the upper to the second.
    #[target_feature(enable = "avx2")]
    pub(super) fn transform(
        samples: &Pair,
        divisors: &Divisors,
        blocks: &mut [Coefficients; 2],
    ) -> [u64; 2] {
        let rows = samples.each_ref().map(|row| {
            // SAFETY: a row is as long as a register.
            let fine = unsafe { _mm256_loadu_si256(row.as_ptr().cast()) };
            let half = _mm256_set1_epi16(1 << (FRACTION_BITS - 1));
            let fine = _mm256_adds_epi16(fine, half);
            let sample = _mm256_srai_epi16::<{ FRACTION_BITS.cast_signed() }>(fine);
            let sample = _mm256_max_epi16(sample, _mm256_set1_epi16(-128));
            _mm256_min_epi16(sample, _mm256_set1_epi16(127))
        });
        let columns = transpose(pass::<{ (COSINE_BITS - PASS_BITS).cast_signed() }>(rows));
        let coefficients = pass::<{ (COSINE_BITS + PASS_BITS).cast_signed() }>(columns);
        let mut quantised = [_mm256_setzero_si256(); 8];
        for (u, result) in quantised.iter_mut().enumerate() {
            // SAFETY: 8 u + 8 is at most 64, the length of each table.
            let [half, factor, shift] =
                [&divisors.half, &divisors.factor, &divisors.shift].map(|table| unsafe {
                    let column: __m128i = _mm_loadu_si128(table.as_ptr().add(8 * u).cast());
                    _mm256_broadcastsi128_si256(column)
                });
            let rounded = _mm256_add_epi16(_mm256_abs_epi16(coefficients[u]), half);
            let quotient = _mm256_mulhi_epu16(_mm256_mulhi_epu16(rounded, factor), shift);
            *result = _mm256_sign_epi16(quotient, coefficients[u]);
            // SAFETY: 8 u + 8 is at most 64, the length of each block.
            unsafe {
                let [first, second] = blocks.each_mut().map(|b| b.as_mut_ptr().add(8 * u));
                _mm_storeu_si128(first.cast(), _mm256_castsi256_si128(*result));
                _mm_storeu_si128(second.cast(), _mm256_extracti128_si256::<1>(*result));
            }
        }
        let mut nonzero = [0; 2];
        for (n, two) in quantised.chunks_exact(2).enumerate() {
            let bytes = _mm256_packs_epi16(two[0], two[1]);
            let zero = _mm256_cmpeq_epi8(bytes, _mm256_setzero_si256());
            let mask = !_mm256_movemask_epi8(zero).cast_unsigned();
            nonzero[0] |= u64::from(mask & 0xffff) << (16 * n);
            nonzero[1] |= u64::from(mask >> 16) << (16 * n);
        }
        nonzero
    }

    /// One pass over the eight numbers at equal places of the registers.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn pass<const SHIFT: i32>(rows: [__m256i; 8]) -> [__m256i; 8] {
        let [_, c1, c2, c3, c4, c5, c6, c7] = COSINES;
        let mut sums = [_mm256_setzero_si256(); 4];
        let mut differences = sums;
        for n in 0..4 {
            sums[n] = _mm256_add_epi16(rows[n], rows[7 - n]);
            differences[n] = _mm256_sub_epi16(rows[n], rows[7 - n]);
        }
        // Sums of four may need 17 bits, so they are made of products.
        let outer = [sums[0], sums[3]];
        let inner = [sums[1], sums[2]];
        let outer_odd = _mm256_sub_epi16(outer[0], outer[1]);
        let inner_odd = _mm256_sub_epi16(inner[0], inner[1]);
        let outer = paired(outer[0], outer[1]);
        let inner = paired(inner[0], inner[1]);
        let odd = paired(outer_odd, inner_odd);
        let near = paired(differences[0], differences[1]);
        let far = paired(differences[2], differences[3]);
        [
            two::<SHIFT>(outer, (c4, c4), inner, (c4, c4)),
            two::<SHIFT>(near, (c1, c3), far, (c5, c7)),
            one::<SHIFT>(odd, (c2, c6)),
            two::<SHIFT>(near, (c3, -c7), far, (-c1, -c5)),
            two::<SHIFT>(outer, (c4, c4), inner, (-c4, -c4)),
            two::<SHIFT>(near, (c5, -c1), far, (c7, c3)),
            one::<SHIFT>(odd, (c6, -c2)),
            two::<SHIFT>(near, (c7, -c5), far, (c3, -c1)),
        ]
    }

    /// The numbers of two registers alternating, in two registers.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn paired(a: __m256i, b: __m256i) -> [__m256i; 2] {
        [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)]
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn weighted(pairs: [__m256i; 2], (a, b): (i16, i16)) -> [__m256i; 2] {
        let both = i32::from(b) << 16 | i32::from(a.cast_unsigned());
        let both = _mm256_set1_epi32(both);
        [
            _mm256_madd_epi16(pairs[0], both),
            _mm256_madd_epi16(pairs[1], both),
        ]
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn rounded<const SHIFT: i32>(sums: [__m256i; 2]) -> __m256i {
        let half = _mm256_set1_epi32(1 << (SHIFT - 1));
        _mm256_packs_epi32(
            _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(sums[0], half)),
            _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(sums[1], half)),
        )
    }

    /// The weighted sum of one pair of numbers.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn one<const SHIFT: i32>(pairs: [__m256i; 2], by: (i16, i16)) -> __m256i {
        rounded::<SHIFT>(weighted(pairs, by))
    }

    /// The weighted sum of two pairs of numbers.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn two<const SHIFT: i32>(
        a: [__m256i; 2],
        by_a: (i16, i16),
        b: [__m256i; 2],
        by_b: (i16, i16),
    ) -> __m256i {
        let (a, b) = (weighted(a, by_a), weighted(b, by_b));
        rounded::<SHIFT>([_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])])
    }

    /// Rows become columns, in each half of the registers by itself.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
        // After each step, runs of twice as many numbers of a column are together.
        let ([a0, a1], [a2, a3]) = (paired(r0, r1), paired(r2, r3));
        let ([a4, a5], [a6, a7]) = (paired(r4, r5), paired(r6, r7));
        let (b0, b1) = (_mm256_unpacklo_epi32(a0, a2), _mm256_unpackhi_epi32(a0, a2));
        let (b2, b3) = (_mm256_unpacklo_epi32(a1, a3), _mm256_unpackhi_epi32(a1, a3));
        let (b4, b5) = (_mm256_unpacklo_epi32(a4, a6), _mm256_unpackhi_epi32(a4, a6));
        let (b6, b7) = (_mm256_unpacklo_epi32(a5, a7), _mm256_unpackhi_epi32(a5, a7));
        [
            _mm256_unpacklo_epi64(b0, b4),
            _mm256_unpackhi_epi64(b0, b4),
            _mm256_unpacklo_epi64(b1, b5),
            _mm256_unpackhi_epi64(b1, b5),
            _mm256_unpacklo_epi64(b2, b6),
            _mm256_unpackhi_epi64(b2, b6),
            _mm256_unpacklo_epi64(b3, b7),
            _mm256_unpackhi_epi64(b3, b7),
        ]
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "tests may fail; indices are below 16"
)]
mod tests {
    use std::array::from_fn;
    use std::f64::consts::PI;

    use proptest::prelude::*;

    use super::super::resample::FRACTION_BITS;
    use super::*;

    fn fine(level: i16) -> i16 {
        level << FRACTION_BITS
    }

    /// The definition (T.81, A.3.3) in doubles.
    fn exact(samples: &Pair, half: usize, u: usize, v: usize) -> f64 {
        let scale = |n| if n == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let cosine = |x: usize, n: usize| ((2 * x + 1) as f64 * n as f64 * PI / 16.0).cos();
        let mut sum = 0.0;
        for (y, row) in samples.iter().enumerate() {
            for x in 0..8 {
                let level = f64::from(row[8 * half + x] >> FRACTION_BITS);
                sum += level * cosine(x, u) * cosine(y, v);
            }
        }
        sum * scale(u) * scale(v) / 4.0
    }

    #[test]
    fn a_block_of_one_level_is_its_dc_coefficient() {
        let divisors = Divisors::new(&[3; SAMPLES]);
        let mut blocks = [[1; SAMPLES]; 2];
        let samples = [from_fn(|x| fine(if x < 8 { 127 } else { -128 })); 8];
        let nonzero = transform(&samples, &divisors, &mut blocks);
        // 8 times the level, by 3: 338.67 and 341.33.
        assert_eq!((blocks[0][0], blocks[1][0]), (339, -341));
        assert_eq!(nonzero, [1, 1]);
        assert!(
            blocks
                .iter()
                .all(|block| block[1..].iter().all(|&c| c == 0))
        );
    }

    #[test]
    fn samples_beyond_8_bits_count_as_the_nearest() {
        let divisors = Divisors::new(&[1; SAMPLES]);
        let mut blocks = [[0; SAMPLES]; 2];
        let samples = [from_fn(|x| if x < 8 { i16::MAX } else { i16::MIN }); 8];
        transform(&samples, &divisors, &mut blocks);
        assert_eq!((blocks[0][0], blocks[1][0]), (127 * 8, -128 * 8));
    }

    #[test]
    fn quotients_are_exact() {
        // By a block of one level, every DC coefficient that is a multiple of 8 arises.
        for divisor in 1..=255 {
            let divisors = Divisors::new(&[divisor; SAMPLES]);
            for level in -128..128 {
                let mut blocks = [[0; SAMPLES]; 2];
                transform(&[[fine(level); 16]; 8], &divisors, &mut blocks);
                let (dc, divisor) = (i32::from(level) * 8, i32::from(divisor));
                let expected = dc.signum() * ((dc.abs() + divisor / 2) / divisor);
                assert_eq!(i32::from(blocks[0][0]), expected, "{dc} by {divisor}");
            }
        }
    }

    fn pairs() -> impl Strategy<Value = Pair> {
        prop::collection::vec(any::<i16>(), 128)
            .prop_map(|samples| from_fn(|y| from_fn(|x| samples[16 * y + x])))
    }

    proptest! {
        #[test]
        fn it_is_the_dct_to_within_rounding(
            levels in prop::collection::vec(-128_i16..128, 128),
        ) {
            let samples: Pair = from_fn(|y| from_fn(|x| fine(levels[16 * y + x])));
            let mut blocks = [[0; SAMPLES]; 2];
            transform(&samples, &Divisors::new(&[1; SAMPLES]), &mut blocks);
            for (half, block) in blocks.iter().enumerate() {
                for (n, &found) in block.iter().enumerate() {
                    let exact = exact(&samples, half, n / 8, n % 8);
                    // Half a step of the quantisation, and what the passes round.
                    prop_assert!((f64::from(found) - exact).abs() < 0.75, "{n}: {exact}");
                }
            }
        }

        #[cfg(target_arch = "x86_64")]
        #[test]
        fn both_ways_give_the_same(samples in pairs(), table in prop::array::uniform32(1_u8..)) {
            prop_assume!(super::super::avx2());
            let divisors = Divisors::new(&from_fn(|n| table[n % 32]));
            let (mut a, mut b) = ([[0; SAMPLES]; 2], [[0; SAMPLES]; 2]);
            let nonzero = portable::transform(&samples, &divisors, &mut a);
            // SAFETY: AVX2 is there.
            let same = unsafe { avx2::transform(&samples, &divisors, &mut b) };
            prop_assert_eq!(a, b);
            prop_assert_eq!(nonzero, same);
            for (block, nonzero) in a.iter().zip(nonzero) {
                for (n, &coefficient) in block.iter().enumerate() {
                    prop_assert_eq!(coefficient != 0, nonzero >> n & 1 == 1);
                }
            }
        }
    }
}
