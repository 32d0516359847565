//! Smaller than full size: what the n x n lowest coefficients stand for.

use std::collections::BTreeSet;

use dataset::jpeg::write;

use super::super::super::planes::Effort;
use super::layouts::layouts;
use super::*;

/// Each layout at each scale gives what its coefficients stand for.
#[test]
fn every_scale_is_what_its_coefficients_stand_for() {
    for effort in [Effort::Default, Effort::Fast] {
        for (seed, samplings) in (20..).zip(SAMPLINGS) {
            let mut seen = BTreeSet::new();
            for (width, height) in [(77, 50), (30, 121)] {
                let frame = picture(width, height, samplings, seed);
                for layout in layouts(&frame) {
                    let file = write(&frame, &layout);
                    for largest in boxes(&frame) {
                        let planes = read(&file, largest, effort).unwrap();
                        seen.extend(compare(&frame, &layout, &planes));
                    }
                }
            }
            assert_eq!(seen, BTreeSet::from([1, 2, 4, 8]), "{samplings:?}");
        }
    }
}

/// A sequential file has all bits of all coefficients: nothing depends on its layout.
#[test]
fn sequential_files_give_the_same_samples_at_every_scale() {
    let frame = picture(90, 70, &[(2, 2), (1, 1), (1, 1)], 40);
    let all = layouts(&frame);
    let sequential = all
        .iter()
        .filter(|layout| layout.process != Process::Progressive);
    let files: Vec<Vec<u8>> = sequential.map(|layout| write(&frame, layout)).collect();
    for largest in boxes(&frame) {
        let first = read(&files[0], largest, Effort::Fast).unwrap();
        for file in &files[1..] {
            assert!(read(file, largest, Effort::Fast).unwrap() == first);
        }
    }
}

/// A flat picture has no AC coefficients: every scale shows its level.
#[test]
fn a_flat_picture_is_flat_at_every_scale() {
    for level in [0_u8, 1, 77, 128, 200, 255] {
        let flat = Samples {
            sampling: (1, 1),
            table: [1; 64],
            samples: vec![level; 50 * 40],
        };
        let frame = Frame::of_samples(50, 40, &[flat]);
        for layout in two_layouts(&frame) {
            let file = write(&frame, &layout);
            for largest in boxes(&frame) {
                let planes = read(&file, largest, Effort::Default).unwrap();
                assert!(
                    planes.planes[0]
                        .samples
                        .iter()
                        .all(|s| s.abs_diff(level) <= 1)
                );
            }
        }
    }
}

/// What is said to be enough is enough, and no scan after it is read.
#[test]
fn a_progressive_file_is_read_as_far_as_it_is_needed() {
    let frame = dataset::frame(3, 400, 300);
    for number in 0..6 {
        let file = write(&frame, &progressive(dataset::jpeg::photograph(number)));
        for effort in [Effort::Default, Effort::Fast] {
            let mut shares = Vec::new();
            for largest in [16, 40, 100, 200, ALL] {
                let mut reader = reader(largest, effort);
                assert_eq!(reader.advance(&file).unwrap(), Progress::Enough);
                let needed = reader.position();
                let whole = reader.finish(&file).unwrap();
                let cut = read(&file[..needed], largest, effort).unwrap();
                assert!(whole == cut, "{number} {largest}: {needed} bytes");
                shares.push(needed);
            }
            assert!(shares.is_sorted(), "{number}: {shares:?}");
            assert!(shares[0] < file.len() / 2, "{number}: {shares:?}");
        }
    }
}

/// Also where the number of lines comes after the only scan.
#[test]
fn the_number_of_lines_is_among_what_is_needed() {
    let frame = picture(40, 30, &[(1, 1)], 41);
    for layout in two_layouts(&frame) {
        let layout = Layout {
            dnl: true,
            ..layout
        };
        let file = write(&frame, &layout);
        for largest in [1, ALL] {
            let mut reader = reader(largest, Effort::Default);
            assert_eq!(reader.advance(&file).unwrap(), Progress::Enough);
            let needed = reader.position();
            let cut = read(&file[..needed], largest, Effort::Default).unwrap();
            assert!(cut == reader.finish(&file).unwrap());
        }
    }
}
