//! Inverse DCT of the n x n lowest coefficients of a block to n x n samples (T.81, A.3.3).
//!
//! The n-point transform of the lowest n coefficients is what shrinking by an ideal low-pass filter
//! gives. With orthonormal transforms its scale is n/8. For n = 8 it is the integer transform of
//! Loeffler, Ligtenberg and Moschytz as every libjpeg has it, to the bit.

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
    if is_x86_feature_detected!("avx2") {
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
    #[expect(
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "0..=255"
    )]
    let sample = (centred.wrapping_add(128)).clamp(0, 255) as u8;
    sample
}

#[inline(always)]
fn row_1(d: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    // One eighth, rounded, in halves.
    let (twice, bias) = (2 * d.divisors[0], d.dc_bias.wrapping_add(8));
    for (&c, sample) in coefficients.iter().zip(samples) {
        *sample = level(i32::from(c).wrapping_mul(twice).wrapping_add(bias) >> 4);
    }
}

#[inline(always)]
fn row_2(d: &Dequantiser, coefficients: &[i16], samples: &mut [u8]) {
    let q: [Wrapping<i32>; 4] = std::array::from_fn(|i| Wrapping(2 * d.divisors[i]));
    let bias = Wrapping(d.dc_bias) + Wrapping(8);
    let (upper, lower) = samples.split_at_mut(samples.len() / 2);
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
        *top = [
            level((left + down_left).0 >> 4),
            level((right + down_right).0 >> 4),
        ];
        *bottom = [
            level((left - down_left).0 >> 4),
            level((right - down_right).0 >> 4),
        ];
    }
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
        let mut f = [[Wrapping(0); 4]; 4];
        for (i, &c) in c.iter().enumerate() {
            f[i / 4][i % 4] = Wrapping(i32::from(c)) * q[i];
        }
        // Down the columns; three bits of the fraction are kept.
        for x in 0..4 {
            let column = four_points([f[0][x], f[1][x], f[2][x], f[3][x]]);
            for y in 0..4 {
                f[y][x] = (column[y] + Wrapping(1 << 9)) >> 10;
            }
        }
        for (y, line) in f.iter_mut().enumerate() {
            line[0] += bias;
            let values = four_points(*line);
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
    const fn fraction(value: i32) -> Wrapping<i32> {
        Wrapping(value)
    }
    let z1 = (x[2] + x[6]) * fraction(4_433);
    let even2 = z1 - x[6] * fraction(15_137);
    let even3 = z1 + x[2] * fraction(6_270);
    let (sum, difference) = ((x[0] + x[4]) << 13, (x[0] - x[4]) << 13);
    let even = [
        sum + even3,
        difference + even2,
        difference - even2,
        sum - even3,
    ];

    let (a, b, c, d) = (x[7], x[5], x[3], x[1]);
    let z5 = (a + c + b + d) * fraction(9_633);
    let z1 = -(a + d) * fraction(7_373);
    let z2 = -(b + c) * fraction(20_995);
    let z3 = -(a + c) * fraction(16_069) + z5;
    let z4 = -(b + d) * fraction(3_196) + z5;
    let odd = [
        d * fraction(12_299) + z1 + z4,
        c * fraction(25_172) + z2 + z3,
        b * fraction(16_819) + z2 + z4,
        a * fraction(2_446) + z1 + z3,
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
            let at = y * width + block * 8;
            for (x, sample) in samples[at..at + 8].iter_mut().enumerate() {
                *sample = level(turned[x][y]);
            }
        }
    }
}
