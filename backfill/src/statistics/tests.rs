//! The expected values are those of `SciPy` 1.17.1, `NumPy` 2.4.6 and statsmodels 0.15.0: `np.quantile(method="median_unbiased")`,
//! `stats.t.interval`, `stats.variation(ddof=1)`, `stats.mannwhitneyu(method="asymptotic")`,
//! `stats.bootstrap(method="percentile", n_resamples=200_000)`, `multipletests(method="holm")`.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const A: &[f64] = &[27.6, 31.2, 33.9, 36.4, 37.0, 41.3, 57.0];
const B: &[f64] = &[58.0, 59.4, 61.2, 62.3, 66.8, 73.8];
/// With ties, and with one value far away.
const C: &[f64] = &[2.1, 2.1, 2.3, 2.2, 2.4, 2.1, 2.2, 9.7, 2.3, 2.2];
const D: &[f64] = &[2.0, 2.2, 2.1, 2.1, 1.9, 2.0, 2.3, 2.1, 2.0, 2.2];

#[track_caller]
fn near(found: f64, expected: f64) {
    let off = (found - expected).abs();
    assert!(off <= 1e-9 * expected.abs(), "{found} is not {expected}");
}

#[test]
fn descriptions_are_those_of_scipy() {
    let expected = [
        (
            A,
            [36.4, 37.771_428_571_428_565, 28.946_585_158_184_934],
            [46.596_271_984_672_2, 0.252_623_817_062_671_2],
            [31.65, 40.583_333_333_333_33],
        ),
        (
            B,
            [61.75, 63.583_333_333_333_34, 57.451_030_305_408_864],
            [69.715_636_361_257_82, 0.091_901_903_408_724_88],
            [59.283_333_333_333_33, 67.383_333_333_333_33],
        ),
        (
            C,
            [2.2, 2.96, 1.264_404_595_900_079_8],
            [4.655_595_404_099_92, 0.800_769_909_939_728_6],
            [2.1, 2.308_333_333_333_333],
        ),
        (
            D,
            [2.1, 2.090_000_000_000_000_3, 2.004_356_112_057_823],
            [2.175_643_887_942_177_6, 0.057_283_205_729_084_44],
            [2.0, 2.2],
        ),
    ];
    for (sample, [median, mean, low], [high, variation], [first, third]) in expected {
        let found = describe(sample).unwrap();
        let interval = found.mean_interval.unwrap();
        near(found.median, median);
        near(found.mean, mean);
        near(interval.low, low);
        near(interval.high, high);
        near(found.variation.unwrap(), variation);
        near(found.quartiles.low, first);
        near(found.quartiles.high, third);
    }
}

#[test]
fn what_is_far_away_is_an_outlier_and_no_whisker() {
    let found = describe(C).unwrap();
    assert_eq!(found.outliers, [9.7]);
    assert_eq!((found.whiskers.low, found.whiskers.high), (2.1, 2.4));
    assert_eq!((found.min, found.max), (2.1, 9.7));
    assert_eq!(describe(B).unwrap().outliers, [0.0; 0]);
}

#[test]
fn of_one_value_there_is_no_spread() {
    let found = describe(&[3.0]).unwrap();
    assert_eq!(
        (found.median, found.mean, found.min, found.max),
        (3.0, 3.0, 3.0, 3.0)
    );
    assert_eq!((found.mean_interval, found.variation), (None, None));
    assert_eq!(describe(&[]), None);
    assert_eq!(describe(&[1.0, f64::NAN]), None);
    assert_eq!(describe(&[1.0, f64::INFINITY]), None);
}

#[test]
fn comparisons_are_those_of_scipy() {
    let expected = [
        (A, B, 0.003_405_235_821_294_760_4, [1.460_048, 2.126_812]),
        (C, D, 0.024_701_777_080_586_684, [0.869_565, 1.0]),
        (A, C, 0.000_710_286_541_582_528_8, [0.053_269, 0.073_718]),
        (A, A, 1.0, [0.758_242, 1.318_841]),
    ];
    for (first, second, p, [low, high]) in expected {
        let found = compare(first, second).unwrap();
        near(found.p, p);
        let off = |found: f64, expected: f64| (found / expected - 1.0).abs();
        assert!(off(found.interval.unwrap().low, low) < 0.03, "{found:?}");
        assert!(off(found.interval.unwrap().high, high) < 0.03, "{found:?}");
    }
}

#[test]
fn a_difference_is_shown_where_test_and_interval_agree() {
    let found = compare(A, B).unwrap();
    assert!(found.shows_difference(found.p));
    assert!(!found.shows_difference(0.06), "not at a p of many tests");
    // The test alone would say so.
    let found = compare(C, D).unwrap();
    assert!(found.p < SIGNIFICANCE && !found.shows_difference(found.p));
    let few = compare(&A[..FEW - 1], B).unwrap();
    assert_eq!(few.interval, None);
    assert!(
        !few.shows_difference(0.0),
        "without an interval nothing is shown"
    );
    assert!(compare(&A[..FEW], B).unwrap().interval.is_some());
    let found = compare(A, A).unwrap();
    assert!(!found.shows_difference(found.p));
    let found = compare(&[1.0; 10], &[1.0; 10]).unwrap();
    assert_eq!((found.p, found.ratio), (1.0, 1.0));
}

#[test]
fn what_is_no_time_is_not_compared() {
    assert_eq!(compare(&[], A), None);
    assert_eq!(compare(A, &[]), None);
    assert_eq!(compare(A, &[1.0, 0.0]), None);
    assert_eq!(compare(&[f64::NAN], A), None);
}

#[test]
fn many_tests_have_the_p_values_of_statsmodels() {
    let found = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (found, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        near(*found, expected);
    }
    assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
    assert_eq!(holm(&[]), [0.0; 0]);
}

fn sample() -> impl Strategy<Value = Vec<f64>> {
    vec(0.001_f64..1000.0, 1..30)
}

proptest! {
    #[test]
    fn a_description_lies_within_its_sample(values in sample()) {
        let found = describe(&values).unwrap();
        let inside = |value: f64| found.min <= value && value <= found.max;
        let of_sample = [found.whiskers.low, found.whiskers.high];
        prop_assert!(of_sample.iter().all(|value| values.contains(value)));
        prop_assert!(inside(found.median) && inside(found.quartiles.low) && inside(found.quartiles.high));
        prop_assert!(found.mean >= found.min * (1.0 - 1e-12) && found.mean <= found.max * (1.0 + 1e-12));
        prop_assert!(found.quartiles.low <= found.median && found.median <= found.quartiles.high);
        let beyond = values.iter().filter(|value| {
            **value < found.whiskers.low || **value > found.whiskers.high
        });
        prop_assert_eq!(beyond.count(), found.outliers.len());
    }

    #[test]
    fn the_order_of_a_sample_says_nothing(values in sample()) {
        let mut back = values.clone();
        back.reverse();
        prop_assert_eq!(describe(&values).unwrap().median, describe(&back).unwrap().median);
        prop_assert_eq!(describe(&values).unwrap().outliers, describe(&back).unwrap().outliers);
    }

    #[test]
    fn more_tests_make_no_p_smaller(p_values in vec(0.0_f64..=1.0, 1..20)) {
        for (adjusted, p) in holm(&p_values).into_iter().zip(&p_values) {
            prop_assert!(*p <= adjusted && adjusted <= 1.0);
        }
    }
}

proptest! {
    // Each draws ten thousand samples anew.
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// In milliseconds it is the same sample.
    #[test]
    fn the_unit_of_a_sample_says_nothing(values in sample(), other in sample()) {
        let in_ms = |values: &[f64]| values.iter().map(|value| value * 1024.0).collect::<Vec<_>>();
        let (found, scaled) = (describe(&values).unwrap(), describe(&in_ms(&values)).unwrap());
        prop_assert_eq!(found.median * 1024.0, scaled.median);
        prop_assert_eq!(found.variation, scaled.variation);
        prop_assert_eq!(compare(&values, &other), compare(&in_ms(&values), &in_ms(&other)));
    }

    #[test]
    fn what_is_compared_with_itself_is_no_different(values in sample()) {
        let found = compare(&values, &values).unwrap();
        prop_assert_eq!(found.ratio, 1.0);
        prop_assert!(found.p > 0.9 && !found.shows_difference(found.p));
    }

    #[test]
    fn which_is_first_says_nothing_but_the_direction(first in sample(), second in sample()) {
        let (there, back) = (compare(&first, &second).unwrap(), compare(&second, &first).unwrap());
        prop_assert!((there.ratio * back.ratio - 1.0).abs() < 1e-9);
        prop_assert!((there.p - back.p).abs() < 1e-9);
        if let Some(interval) = there.interval {
            prop_assert!(interval.low <= interval.high);
        }
    }
}
