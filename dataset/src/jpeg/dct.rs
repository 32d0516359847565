//! The discrete cosine transform of 8 x 8 samples (T.81, A.3.3), there and back, in floating point.

#![expect(
    clippy::cast_precision_loss,
    reason = "only places in a block are cast"
)]

/// cos(k pi / 16) for k = 0..=8. Written out: a library's cosine need not be the same everywhere.
const COS: [f32; 9] = [
    1.0,
    0.980_785_25,
    0.923_879_5,
    0.831_469_6,
    0.707_106_77,
    0.555_570_24,
    0.382_683_43,
    0.195_090_32,
    0.0,
];

/// cos(angle pi / 16), for any angle.
const fn cosine(angle: usize) -> f32 {
    match angle % 32 {
        a @ 0..=8 => COS[a],
        a @ 9..=16 => -COS[16 - a],
        a @ 17..=24 => -COS[a - 16],
        a => COS[32 - a],
    }
}

/// `EVEN[u][x]` is half of cos((2x + 1) 2u pi / 16), which is even about the middle of a row.
const EVEN: [[f32; 4]; 4] = basis(0);
/// `ODD[u][x]` is half of cos((2x + 1) (2u + 1) pi / 16), which is odd about it.
const ODD: [[f32; 4]; 4] = basis(1);

const fn basis(odd: usize) -> [[f32; 4]; 4] {
    let mut table = [[0.0; 4]; 4];
    let mut u = 0;
    while u < 4 {
        let mut x = 0;
        while x < 4 {
            let scale = if u + odd == 0 { COS[4] } else { 1.0 };
            table[u][x] = cosine((2 * x + 1) * (2 * u + odd)) * scale * 0.5;
            x += 1;
        }
        u += 1;
    }
    table
}

/// One pass over the columns of a block: all eight columns at once.
fn columns(block: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let mut out = [[0.0; 8]; 8];
    for u in 0..4 {
        let (mut even, mut odd) = ([0.0; 8], [0.0; 8]);
        for x in 0..4 {
            for i in 0..8 {
                even[i] += (block[x][i] + block[7 - x][i]) * EVEN[u][x];
                odd[i] += (block[x][i] - block[7 - x][i]) * ODD[u][x];
            }
        }
        out[2 * u] = even;
        out[2 * u + 1] = odd;
    }
    out
}

fn transposed(block: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let mut out = [[0.0; 8]; 8];
    for (y, row) in block.iter().enumerate() {
        for (x, value) in row.iter().enumerate() {
            out[x][y] = *value;
        }
    }
    out
}

/// The coefficients of a block of samples, row `v`, column `u`; the samples are centred about 0.
pub(super) fn forward(block: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    transposed(&columns(&transposed(&columns(block))))
}

/// The samples, about 0, that the `n` x `n` lowest coefficients stand for at `n/8` of the size; row by
/// row into the first `n * n` of the result. `n` is 1, 2, 4 or 8; `coefficients[8 * v + u]`.
///
/// A block of n x n has the same mean and the same waves as the one of 8 x 8 without its finer ones:
/// the orthonormal transform of n points, with the coefficients scaled by n/8.
pub(super) fn inverse(coefficients: &[f64; 64], n: usize) -> [f64; 64] {
    let wave: Vec<f64> = (0..n * n)
        .map(|i| {
            let (x, u) = ((i / n) as f64, (i % n) as f64);
            let scale = if i % n == 0 { 0.5_f64.sqrt() } else { 1.0 };
            scale * ((2.0 * x + 1.0) * u * std::f64::consts::PI / (2 * n) as f64).cos()
        })
        .collect();
    // One dimension: sqrt(2/n) sum of c(u) F(u) cos(..), F scaled by sqrt(n/8): 1/2 altogether.
    let mut rows = [0.0; 64];
    for v in 0..n {
        for x in 0..n {
            rows[v * n + x] = (0..n)
                .map(|u| coefficients[8 * v + u] * wave[x * n + u] / 2.0)
                .sum();
        }
    }
    let mut samples = [0.0; 64];
    for y in 0..n {
        for x in 0..n {
            samples[y * n + x] = (0..n)
                .map(|v| rows[v * n + x] * wave[y * n + v] / 2.0)
                .sum();
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_undoes_forward() {
        let mut block = [[0.0_f32; 8]; 8];
        for (i, sample) in block.iter_mut().flatten().enumerate() {
            *sample = ((i * 37 + i * i * 11) % 256) as f32 - 128.0;
        }
        let mut coefficients = [0.0; 64];
        for (to, from) in coefficients
            .iter_mut()
            .zip(forward(&block).iter().flatten())
        {
            *to = f64::from(*from);
        }
        let back = inverse(&coefficients, 8);
        for (back, sample) in back.iter().zip(block.iter().flatten()) {
            assert!((back - f64::from(*sample)).abs() < 1e-3, "{back} {sample}");
        }
    }

    #[test]
    fn every_scale_keeps_the_mean() {
        let mut coefficients = [0.0; 64];
        coefficients[0] = 8.0 * 50.0;
        for n in [1, 2, 4, 8] {
            let samples = inverse(&coefficients, n);
            assert!(samples[..n * n].iter().all(|s| (s - 50.0).abs() < 1e-9));
        }
    }

    /// A half of the size shows the means of 2 x 2 samples, but for how the filter weighs them.
    #[test]
    fn a_smooth_block_shrinks_to_its_means() {
        let mut block = [[0.0_f32; 8]; 8];
        for (y, row) in block.iter_mut().enumerate() {
            for (x, sample) in row.iter_mut().enumerate() {
                *sample = 5.0 * x as f32 - 3.0 * y as f32;
            }
        }
        let mut coefficients = [0.0; 64];
        for (to, from) in coefficients
            .iter_mut()
            .zip(forward(&block).iter().flatten())
        {
            *to = f64::from(*from);
        }
        let half = inverse(&coefficients, 4);
        for y in 0..4 {
            for x in 0..4 {
                let mean = 5.0 * (2 * x) as f64 + 2.5 - 3.0 * (2 * y) as f64 - 1.5;
                assert!((half[4 * y + x] - mean).abs() < 1.0);
            }
        }
    }
}
