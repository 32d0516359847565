#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "small numbers"
)]

use super::*;

/// Values that repeat from run to run.
fn pseudorandom(mut state: u32) -> impl FnMut() -> u32 {
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn avx2_gives_the_same_bytes() {
    if !is_x86_feature_detected!("avx2") {
        return;
    }
    let mut random = pseudorandom(1);
    for round in 0..200 {
        for n in [1, 2, 4, 8] {
            let blocks = 1 + round % 23;
            let hostile = round % 4 == 0;
            let divisors: Vec<u16> = (0..n * n)
                .map(|_| {
                    if hostile {
                        random() as u16
                    } else {
                        1 + random() as u16 % 99
                    }
                })
                .collect();
            let coefficients: Vec<i16> = (0..blocks * n * n)
                .map(|_| random() as i16 >> if hostile { 0 } else { 9 })
                .collect();
            let dequantiser = Dequantiser::new(n, &divisors, round as u32 % 3);
            let mut portable = vec![0; coefficients.len()];
            row_portable(&dequantiser, &coefficients, &mut portable);
            let mut wide = vec![0; coefficients.len()];
            // SAFETY: asked for above.
            unsafe { row_avx2(&dequantiser, &coefficients, &mut wide) };
            assert_eq!(portable, wide, "n = {n}, {blocks} blocks");
        }
    }
}

/// The n-point transform in doubles, straight from its definition.
fn exact(n: usize, coefficients: &[f64]) -> Vec<f64> {
    let basis = |k: usize, x: usize| {
        let scale = if k == 0 { 1.0 } else { 2.0 } / n as f64;
        let angle = (2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / (2 * n) as f64;
        scale.sqrt() * angle.cos()
    };
    let sample = |y: usize, x: usize| -> f64 {
        (0..n * n)
            .map(|i| coefficients[i] * basis(i / n, y) * basis(i % n, x))
            .sum()
    };
    (0..n * n)
        .map(|i| 128.0 + sample(i / n, i % n) * n as f64 / 8.0)
        .collect()
}

#[test]
fn samples_are_those_of_the_definition_within_rounding() {
    let mut random = pseudorandom(2);
    for n in [1, 2, 4, 8] {
        for _ in 0..500 {
            let coefficients: Vec<i16> = (0..n * n)
                .map(|i| (random() as i16 >> 8) / (1 + i as i16 / 4))
                .collect();
            let divisors: Vec<u16> = (0..n * n).map(|i| 1 + i as u16 % 3).collect();
            let dequantiser = Dequantiser::new(n, &divisors, 0);
            let mut samples = vec![0; n * n];
            row_portable(&dequantiser, &coefficients, &mut samples);
            let products: Vec<f64> = coefficients
                .iter()
                .zip(&divisors)
                .map(|(&c, &q)| f64::from(c) * f64::from(q))
                .collect();
            for (&sample, exact) in samples.iter().zip(exact(n, &products)) {
                let error = (f64::from(sample) - exact.clamp(0.0, 255.0)).abs();
                assert!(error < 0.6, "n = {n}: {sample} for {exact}");
            }
        }
    }
}

#[test]
fn the_middle_is_taken_of_what_missing_bits_can_be() {
    // DC is 3 or 2 with one bit missing: 2.5 times 16, an eighth of it above the middle.
    let dequantiser = Dequantiser::new(1, &[16], 1);
    let mut sample = [0];
    row_of_blocks(&dequantiser, &[2], &mut sample);
    assert_eq!(sample, [133]);
}
