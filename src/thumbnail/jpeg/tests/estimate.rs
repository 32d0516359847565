//! How much of a file is said to be enough before it is known.

use dataset::jpeg::{photograph, write};

use super::super::super::planes::Effort;
use super::*;

/// What is probably enough, by the first `cut` bytes; `None` also where these are.
fn estimate(file: &[u8], cut: usize, largest: u32) -> Option<usize> {
    let mut reader = reader(largest, Effort::Default);
    match reader.advance(&file[..cut]).unwrap() {
        Progress::NeedMore => reader.probably_enough(&file[..cut]),
        Progress::Enough => None,
    }
}

fn needed(file: &[u8], largest: u32) -> usize {
    let mut reader = reader(largest, Effort::Default);
    assert_eq!(reader.advance(file).unwrap(), Progress::Enough);
    reader.position()
}

/// The bytes at which a cut was tried, and the mean of estimate by need.
fn tried(file: &[u8], largest: u32) -> (usize, f64) {
    let needed = needed(file, largest);
    let (mut count, mut sum) = (0, 0.0);
    for cut in (needed / 4..needed).step_by(needed / 60) {
        // Where a scan has just begun nothing is said.
        let Some(enough) = estimate(file, cut, largest) else {
            continue;
        };
        assert!(enough > cut, "{enough} at {cut}");
        // In a picture so small and so mixed it may be short by some rows, nowhere by more.
        assert!(enough * 4 > needed * 3, "{enough} of {needed} at {cut}");
        sum += enough as f64 / needed as f64;
        count += 1;
    }
    (count, sum / count as f64)
}

#[test]
fn an_estimate_is_near_what_is_needed() {
    let frame = picture(1600, 1200, &[(2, 2), (1, 1), (1, 1)], 95);
    for number in 0..4 {
        let file = write(&frame, &progressive(photograph(number)));
        // The DC coefficients alone; and AC coefficients of luma.
        for largest in [100, 200] {
            let (count, mean) = tried(&file, largest);
            assert!(
                count > 30 && (1.0..1.6).contains(&mean),
                "{number} {largest}: {mean}"
            );
        }
    }
}

/// A file is needed to its end if it is sequential, or if all of it is asked for; and where nothing has
/// been seen, nothing is said.
#[test]
fn what_is_needed_to_its_end_has_no_estimate() {
    let frame = picture(160, 120, &[(2, 2), (1, 1), (1, 1)], 96);
    let [plain, _] = two_layouts(&frame);
    let file = write(&frame, &plain);
    assert_eq!(estimate(&file, file.len() / 2, 16), None);
    let file = write(&frame, &progressive(photograph(0)));
    assert_eq!(estimate(&file, file.len() / 2, ALL), None);
    assert_eq!(estimate(&file, 100, 16), None);
}
