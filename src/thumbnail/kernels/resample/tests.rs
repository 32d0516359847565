//! Both ways of each kernel, and what they have in common.

use proptest::prelude::*;

use super::*;

/// Weights that fit one axis of `source` samples, of any sign, with a sum of magnitudes that is
/// allowed.
fn taps(source: usize, targets: usize, longest: usize, seed: u64) -> Taps {
    let mut state = seed | 1;
    let mut next = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    Taps::new(targets, |_, weights| {
        let count = 1 + next(longest.min(source));
        let most = (3 << WEIGHT_BITS) / count;
        weights.extend((0..count).map(|_| {
            let weight = i32::try_from(next(2 * most)).unwrap() - i32::try_from(most).unwrap();
            i16::try_from(weight.clamp(-32_767, 32_767)).unwrap()
        }));
        u32::try_from(next(source - count + 1)).unwrap()
    })
}

#[test]
fn taps_are_filled_up_with_zeros() {
    let taps = Taps::new(3, |target, weights| {
        weights.extend([5, 6, 7].iter().take(target + 1));
        10
    });
    assert_eq!((taps.targets(), taps.reach()), (3, 18));
    assert_eq!(taps.of(0), (10, &[5, 0][..]));
    assert_eq!(taps.of(1), (10, &[5, 6][..]));
    assert_eq!(taps.of(2), (10, &[5, 6, 7, 0][..]));
}

#[test]
fn sums_are_rounded_and_saturate() {
    // One whole, one half and one and a half, of 8-bit samples.
    let one = 1 << WEIGHT_BITS;
    let mut target = [0; 2];
    columns(&[0_u8, 255], 2, (0, &[one, 0]), &mut target);
    assert_eq!(target, [-128 << FRACTION_BITS, 127 << FRACTION_BITS]);
    let source = [20_000, 20_000, 3, 4, 0, 0, 0, 0, 0, 0];
    let taps = Taps::new(2, |target, weights| {
        weights.extend(if target == 0 {
            [one, one]
        } else {
            [one / 2, one / 2]
        });
        if target == 0 { 0 } else { 2 }
    });
    rows(&source, &taps, &mut target);
    assert_eq!(target, [i16::MAX, 4], "3.5 is rounded up");
}

#[cfg(target_arch = "x86_64")]
proptest! {
    #[test]
    fn both_ways_give_the_same_columns(
        width in 16_usize..150,
        height in 1_usize..40,
        beyond in 0_usize..5,
        samples in prop::collection::vec(any::<i16>(), 155 * 40),
        seed in any::<u64>(),
    ) {
        prop_assume!(super::super::avx2());
        let stride = width + beyond;
        let taps = taps(height, 4, 30, seed);
        let fine = &samples[..stride * height];
        let coarse: Vec<u8> = fine.iter().map(|v| v.to_le_bytes()[0]).collect();
        for target in 0..4 {
            let (mut a, mut b) = (vec![0; width], vec![0; width]);
            portable::columns(fine, stride, taps.of(target), &mut a);
            // SAFETY: AVX2 is there.
            unsafe { avx2::columns(fine, stride, taps.of(target), &mut b) };
            prop_assert_eq!(&a, &b);
            portable::columns(&coarse, stride, taps.of(target), &mut a);
            // SAFETY: AVX2 is there.
            unsafe { avx2::columns(&coarse, stride, taps.of(target), &mut b) };
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn both_ways_give_the_same_rows(
        source in 1_usize..200,
        targets in 1_usize..100,
        longest in prop::sample::select(vec![1_usize, 8, 9, 16, 20, 24, 25, 50]),
        samples in prop::collection::vec(any::<i16>(), 300),
        seed in any::<u64>(),
    ) {
        prop_assume!(super::super::avx2());
        let taps = taps(source, targets, longest, seed);
        let (mut a, mut b) = (vec![0; targets], vec![0; targets]);
        portable::rows(&samples, &taps, &mut a);
        // SAFETY: AVX2 is there, and 300 samples are more than 200 plus the longest taps.
        unsafe { avx2::rows(&samples, &taps, &mut b) };
        prop_assert_eq!(a, b);
    }
}
