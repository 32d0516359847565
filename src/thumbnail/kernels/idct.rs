//! Inverse DCT of the n x n lowest coefficients of a block to n x n samples (T.81, A.3.3).
//!
//! The n-point transform of the lowest n coefficients is what shrinking by an ideal low-pass filter
//! gives. With orthonormal transforms its scale is n/8. For n = 8 it is the integer transform of
//! Loeffler, Ligtenberg and Moschytz as every libjpeg has it, to the bit.

#![allow(
    clippy::inline_always,
    reason = "a body becomes AVX2 code only inside of a function that is compiled for it"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples are kept within 0 to 255 before"
)]

use std::num::Wrapping;

/// What turns the kept coefficients of a component into samples.
#[derive(Debug, Clone)]
pub(crate) struct Dequantiser {
    n: usize,
    /// Row by row, n * n of them.
    divisors: [i32; 64],
    /// What is added to the DC coefficient after it is multiplied, in halves.
    dc_bias: i32,
}

impl Dequantiser {
    /// `divisors` has those of the n * n kept coefficients, row by row; n = 1, 2, 4 or 8.
    ///
    /// `missing_dc_bits` of the DC coefficient never came: the middle of what they can be is taken.
    pub(crate) fn new(n: usize, divisors: &[u16], missing_dc_bits: u32) -> Self {
        let mut all = [0; 64];
        for (to, &divisor) in all.iter_mut().zip(divisors) {
            *to = divisor.into();
        }
        Self {
            n,
            dc_bias: all[0] * ((1 << missing_dc_bits.min(13)) - 1),
            divisors: all,
        }
    }
}

/// Makes the samples of a row of blocks. Of `coefficients` each block has n * n, row by row; `samples`
/// gets n rows, each n samples for each block.
///
/// # Panics
/// If `samples` is not as long as `coefficients`.
pub(crate) fn row_of_blocks(dequantiser: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    assert_eq!(
        coefficients.len(),
        samples.len(),
        "a sample for each coefficient"
    );
    #[cfg(target_arch = "x86_64")]
    if super::avx2() {
        // SAFETY: the processor has AVX2, which is all that the function demands.
        unsafe { row_avx2(dequantiser, coefficients, samples) };
        return;
    }
    row_portable(dequantiser, coefficients, samples);
}

fn row_portable(dequantiser: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    row(dequantiser, coefficients, samples);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn row_avx2(dequantiser: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    if dequantiser.n == 2 {
        return row_2_avx2(dequantiser, coefficients, samples);
    }
    row(dequantiser, coefficients, samples);
}

#[inline(always)]
fn row(dequantiser: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    match dequantiser.n {
        1 => row_1(dequantiser, coefficients, samples),
        2 => row_2(dequantiser, coefficients, samples),
        4 => row_4(dequantiser, coefficients, samples),
        _ => row_8(dequantiser, coefficients, samples),
    }
}

/// Adds the level shift (T.81, A.3.1) and keeps within 0 to 255.
#[inline(always)]
fn level(centred: i32) -> u8 {
    centred.wrapping_add(128).clamp(0, 255) as u8
}

#[inline(always)]
fn row_1(d: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    // One eighth, rounded, in halves.
    let (twice, bias) = (2 * d.divisors[0], d.dc_bias.wrapping_add(8));
    for (&c, sample) in coefficients.iter().zip(samples) {
        *sample = level(i32::from(c).wrapping_mul(twice).wrapping_add(bias) >> 4);
    }
}

/// Twice the divisors of a block of 2 x 2, and what else is added to sixteen times each sample: half of
/// it to round, the level shift, and the bias.
#[inline(always)]
fn scale_2(d: &Dequantiser) -> ([Wrapping<i32>; 4], Wrapping<i32>) {
    let twice = std::array::from_fn(|i| Wrapping(2 * d.divisors[i]));
    (twice, Wrapping(d.dc_bias) + Wrapping(8 + (128 << 4)))
}

#[inline(always)]
fn row_2(d: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    let (upper, lower) = samples.split_at_mut(samples.len() / 2);
    blocks_2(d, coefficients, upper, lower);
}

#[inline(always)]
fn blocks_2(d: &Dequantiser, coefficients: &[i16], upper: &mut [u8], lower: &mut [u8]) {
    let (q, bias) = scale_2(d);
    let sample = |sixteenfold: Wrapping<i32>| (sixteenfold.0 >> 4).clamp(0, 255) as u8;
    let blocks = coefficients.as_chunks::<4>().0;
    let pairs = upper
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(lower.as_chunks_mut::<2>().0);
    for (c, (top, bottom)) in blocks.iter().zip(pairs) {
        let f: [Wrapping<i32>; 4] = std::array::from_fn(|i| Wrapping(i32::from(c[i])) * q[i]);
        let (left, right) = (f[0] + bias + f[1], f[0] + bias - f[1]);
        let (down_left, down_right) = (f[2] + f[3], f[2] - f[3]);
        *top = [sample(left + down_left), sample(right + down_right)];
        *bottom = [sample(left - down_left), sample(right - down_right)];
    }
}

/// [`row_2`] by eight blocks at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn row_2_avx2(d: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    use std::arch::x86_64::{
        __m128i, _mm_storeu_si128, _mm256_add_epi32, _mm256_castsi256_si128,
        _mm256_extracti128_si256, _mm256_hadd_epi32, _mm256_hsub_epi32, _mm256_loadu_si256,
        _mm256_madd_epi16, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permutevar8x32_epi32,
        _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setr_epi8, _mm256_setr_epi32,
        _mm256_shuffle_epi8, _mm256_srai_epi32,
    };
    let (upper, lower) = samples.split_at_mut(samples.len() / 2);
    let (q, bias) = scale_2(d);
    let narrow = q.map(|q| i16::try_from(q.0).ok());
    let [Some(q0), Some(q1), Some(q2), Some(q3)] = narrow else {
        return blocks_2(d, coefficients, upper, lower);
    };
    let four = |values: [i16; 4]| {
        let bytes: [[u8; 2]; 4] = values.map(i16::to_le_bytes);
        let mut all = [0; 8];
        all.copy_from_slice(bytes.as_flattened());
        _mm256_set1_epi64x(i64::from_le_bytes(all))
    };
    let (plus, minus) = (four([q0, q1, q2, q3]), four([q0, -q1, q2, -q3]));
    let bias = _mm256_set1_epi32(bias.0);
    // In each half: left of two blocks, of two more, then right likewise; for each row.
    let order = _mm256_setr_epi8(
        0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15, //
        0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15,
    );
    let halves = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let (whole, rest) = coefficients.as_chunks::<32>();
    let (upper, upper_rest) = upper.split_at_mut(whole.len() * 16);
    let (lower, lower_rest) = lower.split_at_mut(whole.len() * 16);
    let rows = upper
        .as_chunks_mut::<16>()
        .0
        .iter_mut()
        .zip(lower.as_chunks_mut::<16>().0);
    for (c, (top, bottom)) in whole.iter().zip(rows) {
        let (first, second) = c.split_at(16);
        // SAFETY: each has sixteen values, 32 bytes, and the load asks for no alignment.
        let (a, b) = unsafe {
            (
                _mm256_loadu_si256(first.as_ptr().cast()),
                _mm256_loadu_si256(second.as_ptr().cast()),
            )
        };
        let (left_a, left_b) = (_mm256_madd_epi16(a, plus), _mm256_madd_epi16(b, plus));
        let (right_a, right_b) = (_mm256_madd_epi16(a, minus), _mm256_madd_epi16(b, minus));
        let finish = |sums| _mm256_srai_epi32::<4>(_mm256_add_epi32(sums, bias));
        let upper = _mm256_packs_epi32(
            finish(_mm256_hadd_epi32(left_a, left_b)),
            finish(_mm256_hadd_epi32(right_a, right_b)),
        );
        let lower = _mm256_packs_epi32(
            finish(_mm256_hsub_epi32(left_a, left_b)),
            finish(_mm256_hsub_epi32(right_a, right_b)),
        );
        let bytes = _mm256_shuffle_epi8(_mm256_packus_epi16(upper, lower), order);
        let bytes = _mm256_permutevar8x32_epi32(bytes, halves);
        let (upper, lower): (__m128i, __m128i) = (
            _mm256_castsi256_si128(bytes),
            _mm256_extracti128_si256::<1>(bytes),
        );
        // SAFETY: both have room for sixteen bytes, and the store asks for no alignment.
        unsafe {
            _mm_storeu_si128(top.as_mut_ptr().cast(), upper);
            _mm_storeu_si128(bottom.as_mut_ptr().cast(), lower);
        }
    }
    blocks_2(d, rest, upper_rest, lower_rest);
}

/// Four-point transform times two: of x0 to x3 the factors are 1, sqrt(2) cos(pi/8), 1 and
/// sqrt(2) cos(3 pi/8), as 13-bit fractions.
#[inline(always)]
fn four_points(x: [Wrapping<i32>; 4]) -> [Wrapping<i32>; 4] {
    const BIG: Wrapping<i32> = Wrapping(10_703);
    const SMALL: Wrapping<i32> = Wrapping(4_433);
    let (even, odd) = ((x[0] + x[2]) << 13, (x[0] - x[2]) << 13);
    let outer = x[1] * BIG + x[3] * SMALL;
    let inner = x[1] * SMALL - x[3] * BIG;
    [even + outer, odd + inner, odd - inner, even - outer]
}

#[inline(always)]
fn row_4(d: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    let q: [Wrapping<i32>; 16] = std::array::from_fn(|i| Wrapping(d.divisors[i]));
    // In units of 1/16 after the first pass, as the last bits of the second would not be exact.
    let bias = Wrapping(d.dc_bias << 2);
    let width = samples.len() / 4;
    for (block, c) in coefficients.as_chunks::<16>().0.iter().enumerate() {
        let f: [_; 16] = std::array::from_fn(|i| Wrapping(i32::from(c[i])) * q[i]);
        // Down the columns; three bits of the fraction are kept.
        let columns: [_; 4] = std::array::from_fn(|x| {
            four_points([f[x], f[4 + x], f[8 + x], f[12 + x]])
                .map(|value| (value + Wrapping(1 << 9)) >> 10)
        });
        for y in 0..4 {
            let mut line = columns.map(|column| column[y]);
            line[0] += bias;
            let values = four_points(line);
            let at = y * width + block * 4;
            for (sample, value) in samples[at..at + 4].iter_mut().zip(values) {
                *sample = level(((value + Wrapping(1 << 18)) >> 19).0);
            }
        }
    }
}

/// The eight-point transform times sqrt(8), as 13-bit fractions.
#[inline(always)]
fn eight_points(x: [Wrapping<i32>; 8]) -> [Wrapping<i32>; 8] {
    let z1 = (x[2] + x[6]) * Wrapping(4_433);
    let even2 = z1 - x[6] * Wrapping(15_137);
    let even3 = z1 + x[2] * Wrapping(6_270);
    let (sum, difference) = ((x[0] + x[4]) << 13, (x[0] - x[4]) << 13);
    let even = [
        sum + even3,
        difference + even2,
        difference - even2,
        sum - even3,
    ];

    let z5 = (x[7] + x[3] + x[5] + x[1]) * Wrapping(9_633);
    let z1 = -(x[7] + x[1]) * Wrapping(7_373);
    let z2 = -(x[5] + x[3]) * Wrapping(20_995);
    let z3 = -(x[7] + x[3]) * Wrapping(16_069) + z5;
    let z4 = -(x[5] + x[1]) * Wrapping(3_196) + z5;
    let odd = [
        x[1] * Wrapping(12_299) + z1 + z4,
        x[3] * Wrapping(25_172) + z2 + z3,
        x[5] * Wrapping(16_819) + z2 + z4,
        x[7] * Wrapping(2_446) + z1 + z3,
    ];
    std::array::from_fn(|i| {
        if i < 4 {
            even[i] + odd[i]
        } else {
            even[7 - i] - odd[7 - i]
        }
    })
}

#[inline(always)]
fn row_8(d: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    let width = samples.len() / 8;
    for (block, c) in coefficients.as_chunks::<64>().0.iter().enumerate() {
        let mut f = [Wrapping(0); 64];
        for i in 0..64 {
            f[i] = Wrapping(i32::from(c[i]).wrapping_mul(d.divisors[i]));
        }
        f[0] += Wrapping(d.dc_bias / 2);
        let mut half = [Wrapping(0); 64];
        for x in 0..8 {
            let column = eight_points(std::array::from_fn(|y| f[y * 8 + x]));
            for y in 0..8 {
                half[y * 8 + x] = (column[y] + Wrapping(1 << 10)) >> 11;
            }
        }
        // The lines are turned, so that eight of them are worked on side by side.
        let mut turned = [[0; 8]; 8];
        for y in 0..8 {
            let line = eight_points(std::array::from_fn(|x| half[y * 8 + x]));
            for x in 0..8 {
                turned[x][y] = ((line[x] + Wrapping(1 << 17)) >> 18).0;
            }
        }
        for y in 0..8 {
            let line = turned.map(|column| level(column[y]));
            samples[y * width + block * 8..][..8].copy_from_slice(&line);
        }
    }
}

#[cfg(test)]
mod tests;
