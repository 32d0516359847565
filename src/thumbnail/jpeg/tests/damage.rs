//! Files cut short, and files with wrong bits.

use dataset::jpeg::{photograph, write};

use super::super::super::planes::{Effort, Plane};
use super::*;

/// Cuts at every so manieth byte.
const EVERY: usize = 37;

fn files() -> Vec<(Frame, Vec<u8>)> {
    let frame = picture(150, 110, &[(2, 2), (1, 1), (1, 1)], 70);
    let mut layouts = Vec::from(two_layouts(&frame));
    layouts.push(sequential(dataset::jpeg::one_by_one(3)));
    layouts.push(progressive(photograph(0)));
    for i in 0..layouts.len() {
        let mut restarting = layouts[i].clone();
        for scan in &mut restarting.scans {
            scan.restart_interval = 5;
        }
        layouts.push(restarting);
    }
    let file = |layout: &Layout| (frame.clone(), write(&frame, layout));
    layouts.iter().map(file).collect()
}

/// The rows of a plane that lie within so many rows of pixels.
fn rows(plane: &Plane, pixels: u32, height: u32) -> &[u8] {
    let rows = plane.span.1 * f64::from(pixels) / f64::from(height);
    let rows = if pixels == height {
        plane.height
    } else {
        (0..plane.height)
            .take_while(|row| (row + 1) as f64 <= rows)
            .count()
    };
    &plane.samples[..rows * plane.width]
}

/// What is called intact is what the whole file gives; so a cut that loses anything is not silent.
#[test]
fn case_6_a_cut_is_never_silent() {
    for (number, (frame, file)) in files().into_iter().enumerate() {
        for largest in boxes(&frame) {
            let whole = read(&file, largest, Effort::Default).unwrap();
            let mut before = 0;
            for end in (0..file.len()).step_by(EVERY).chain([file.len() - 1]) {
                let planes = match read(&file[..end], largest, Effort::Default) {
                    Ok(planes) => planes,
                    Err(error) => {
                        let expected = matches!(error, Error::Truncated { .. });
                        assert!(expected && before == 0, "{number} at {end}: {error:?}");
                        continue;
                    }
                };
                let intact = planes.intact_rows;
                assert!(
                    intact >= before,
                    "{number} at {end}: {intact} after {before}"
                );
                before = intact;
                for (plane, whole) in planes.planes.iter().zip(&whole.planes) {
                    assert_eq!((plane.width, plane.height), (whole.width, whole.height));
                    let same =
                        rows(plane, intact, planes.height) == rows(whole, intact, planes.height);
                    assert!(
                        same,
                        "{number} at {end}, box {largest}: {intact} rows intact"
                    );
                }
            }
            assert!(
                before > 0,
                "{number}: without the end marker nothing is lost"
            );
        }
    }
}

/// Of a sequential file, most of the rows before a cut are intact.
#[test]
fn a_cut_sequential_file_is_intact_up_to_the_cut() {
    let (_, file) = &files()[0];
    let planes = read(&file[..file.len() * 7 / 10], ALL, Effort::Default).unwrap();
    assert!(
        (40..110).contains(&planes.intact_rows),
        "{}",
        planes.intact_rows
    );
}

/// Between restart markers that are whole, everything is.
#[test]
fn what_is_lost_ends_at_the_next_restart_marker() {
    let frame = picture(160, 128, &[(1, 1)], 71);
    let scans = dataset::jpeg::sequential(1);
    let across = u16::try_from(frame.mcus().0).unwrap();
    let layout = sequential(scans.into_iter().map(|s| s.restarting(across)).collect());
    let whole = write(&frame, &layout);
    let expected = read(&whole, ALL, Effort::Default).unwrap();
    // A marker that is not one in the fourth row of blocks, whose length stays.
    let third = whole.windows(2).position(|w| w == [0xFF, 0xD2]).unwrap();
    let mut damaged = whole.clone();
    damaged[third + 6..third + 12].fill(0xAA);
    let planes = read(&damaged, ALL, Effort::Default).unwrap();
    let (good, bad) = (&expected.planes[0], &planes.planes[0]);
    let row_of_blocks = 8 * good.width;
    for row in (0..16).filter(|row| *row != 3) {
        let range = row * row_of_blocks..(row + 1) * row_of_blocks;
        assert!(good.samples[range.clone()] == bad.samples[range], "{row}");
    }
}

/// Wrong bits anywhere: planes of the right shape, or an error; never a panic.
#[test]
fn wrong_bits_do_no_harm() {
    let mut random = Random(72);
    let (mut read_on, mut refused) = (0, 0);
    for (frame, file) in files() {
        for _ in 0..60 {
            let mut damaged = file.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(file.len());
                damaged[at] ^= 1 << random.below(8);
            }
            for largest in boxes(&frame) {
                match read(&damaged, largest, Effort::Fast) {
                    Ok(planes) => {
                        assert!(planes.intact_rows <= planes.height);
                        for plane in &planes.planes {
                            assert_eq!(plane.samples.len(), plane.width * plane.height);
                        }
                        read_on += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(read_on > 100 && refused > 10, "{read_on} {refused}");
}

/// Bytes that are no JPEG after a good beginning.
#[test]
fn garbage_does_no_harm() {
    let mut random = Random(73);
    for (_, file) in files() {
        for _ in 0..40 {
            let keep = random.below(file.len());
            let mut garbage = file[..keep].to_vec();
            garbage.extend((0..600).map(|_| random.next().to_le_bytes()[0]));
            let _ = read(&garbage, ALL, Effort::Default);
            let _ = read(&garbage, 20, Effort::Fast);
        }
    }
}

/// Where the marker of each scan header is.
fn scan_headers(file: &[u8]) -> Vec<usize> {
    let pairs = file.windows(2).enumerate();
    pairs
        .filter(|(_, pair)| *pair == [0xFF, 0xDA])
        .map(|(at, _)| at)
        .collect()
}

/// A progressive file of which one scan's marker is lost, whichever it is: nothing is called intact
/// that differs. What is not read may be lost.
#[test]
fn a_lost_scan_is_never_silent() {
    for (frame, file) in files().into_iter().filter(|(_, f)| f.contains(&0xC2)) {
        for at in scan_headers(&file) {
            for other in [0, 0xD0, 0xFE] {
                let mut damaged = file.clone();
                damaged[at + 1] = other;
                for largest in boxes(&frame) {
                    let whole = read(&file, largest, Effort::Default).unwrap();
                    let Ok(planes) = read(&damaged, largest, Effort::Default) else {
                        continue;
                    };
                    if planes.planes != whole.planes {
                        assert_eq!(planes.intact_rows, 0, "{at}, {other:#x}, box {largest}");
                    }
                }
            }
        }
    }
}

/// AC coefficients that are never sent are zero: such files are as valid as others.
#[test]
fn coefficients_may_be_left_out() {
    let frame = picture(64, 64, &[(1, 1)], 74);
    let scans = vec![Scan::dc(&[0], 0, 0), Scan::ac(0, 1..=5, 0, 0)];
    let file = write(&frame, &progressive(scans));
    let planes = read(&file, ALL, Effort::Default).unwrap();
    assert_eq!(planes.intact_rows, 64);
}

/// Thirty-two bytes of a scan become zero. No checksum tells: the bits may lead to as many blocks as
/// before, or to more in a sequential scan, after which data may be left over. That is one in six here.
#[test]
fn zeroed_bytes_seldom_pass_unnoticed() {
    const ZEROED: usize = 32;
    let mut random = Random(75);
    let (mut changed, mut silent) = (0, 0);
    for (_, file) in files() {
        let first = scan_headers(&file)[0];
        for _ in 0..40 {
            let at = first + 20 + random.below(file.len() - first - 20 - ZEROED - 2);
            let mut damaged = file.clone();
            damaged[at..at + ZEROED].fill(0);
            let whole = read(&file, ALL, Effort::Default).unwrap();
            match read(&damaged, ALL, Effort::Default) {
                Ok(planes) if planes.planes != whole.planes => {
                    changed += 1;
                    silent += u32::from(planes.intact_rows == planes.height);
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    assert!(
        changed > 200 && silent * 5 <= changed,
        "{silent} of {changed}"
    );
}

/// A refinement of what never came: the scan that it refines is lost, and all of its bytes.
#[test]
fn a_missing_scan_is_noticed_by_what_refines_it() {
    let frame = picture(64, 64, &[(1, 1)], 76);
    let scans = vec![
        Scan::dc(&[0], 0, 0),
        Scan::ac(0, 6..=63, 0, 1),
        Scan::ac(0, 1..=63, 1, 0),
    ];
    let file = write(&frame, &progressive(scans));
    for largest in [16, ALL] {
        let planes = read(&file, largest, Effort::Fast).unwrap();
        assert_eq!(planes.intact_rows, 0, "{largest}");
    }
}
