//! Runs of zeros in progressive scans, up to the end of the band and past it, which no encoder writes.

use super::*;

/// The codes of the AC table: ZRL, the end of a block, a coefficient at once, one after 14 zeros. A
/// coefficient's code is followed by its sign.
const ZRL: &str = "00";
const EOB: &str = "01";
const NEXT: &str = "10 1";
const AFTER_14: &str = "110 1";

/// A scan's band, the bits that it knows and leaves missing (Ah and Al), and its data.
type Coded<'a> = (std::ops::RangeInclusive<u8>, u8, u8, &'a [&'a str]);

/// A grey picture of one block: DC is 0, and then these scans come.
fn file(scans: &[Coded]) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, body: &[u8], data: &[u8]| {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        file.extend([0xFF, marker]);
        file.extend(length.iter().chain(body).chain(data));
    };
    segment(0xDB, &[&[0][..], &[1; 64]].concat(), &[]);
    segment(0xC2, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0], &[]);
    let table = |class: u8, lengths: [u8; 3], symbols: &[u8]| {
        [&[class << 4][..], &lengths, &[0; 13], symbols].concat()
    };
    segment(0xC4, &table(0, [1, 0, 0], &[0]), &[]);
    segment(0xC4, &table(1, [0, 3, 1], &[0xF0, 0x00, 0x01, 0xE1]), &[]);
    segment(0xDA, &[1, 1, 0, 0, 0, 0], &[0x7F]);
    for (band, known, missing, data) in scans {
        let header = [1, 1, 0, *band.start(), *band.end(), known << 4 | missing];
        segment(0xDA, &header, &bytes(&data.concat()));
    }
    file.extend([0xFF, 0xD9]);
    file
}

/// Bits as entropy-coded data: filled up with ones, and a zero byte after each 0xFF (F.1.2.3).
fn bytes(bits: &str) -> Vec<u8> {
    let bits: Vec<_> = bits.bytes().filter(|b| *b != b' ').collect();
    let byte = |bits: &[u8]| {
        (0..8).fold(0, |byte, i| {
            byte << 1 | u8::from(bits.get(i) != Some(&b'0'))
        })
    };
    let stuffed = |bits| match byte(bits) {
        0xFF => vec![0xFF, 0],
        byte => vec![byte],
    };
    bits.chunks(8).flat_map(stuffed).collect()
}

fn is_intact(scans: &[Coded], largest: u32) -> bool {
    read(&file(scans), largest, Effort::Default)
        .is_ok_and(|planes| planes.intact_rows == planes.height)
}

/// What a block may hold, and whether that is within the band.
const BLOCKS: &[(std::ops::RangeInclusive<u8>, &[&str], bool)] = &[
    (1..=63, &[ZRL, ZRL, ZRL, EOB], true),
    (1..=63, &[ZRL, ZRL, ZRL, AFTER_14], true),
    (1..=63, &[ZRL, ZRL, ZRL, ZRL], false),
    (1..=63, &[ZRL, ZRL, ZRL, NEXT, AFTER_14], false),
    (1..=16, &[ZRL], true),
    (1..=15, &[ZRL], false),
    (1..=16, &[NEXT, ZRL], false),
    (1..=15, &[AFTER_14], true),
    (1..=14, &[AFTER_14], false),
];

#[test]
fn a_run_past_the_band_of_a_first_scan_is_damage() {
    for (band, data, expected) in BLOCKS {
        // All of the coefficients, the 4 x 4 lowest of them, and with more bits to come.
        for (largest, missing) in [(ALL, 0), (2, 0), (ALL, 1)] {
            let scan = (band.clone(), 0, missing, *data);
            let found = is_intact(&[scan], largest);
            assert_eq!(
                found, *expected,
                "{band:?} {data:?}, {missing} bits missing, box {largest}"
            );
        }
    }
}

#[test]
fn a_run_past_the_band_of_a_refinement_is_damage() {
    for (band, data, expected) in BLOCKS {
        let first = (band.clone(), 0, 1, &[EOB][..]);
        let refinement = (band.clone(), 1, 0, *data);
        let found = is_intact(&[first, refinement], ALL);
        assert_eq!(found, *expected, "{band:?} {data:?}");
    }
}

/// What was other than zero before is no part of a run, and has a bit of its own in it.
#[test]
fn a_run_of_a_refinement_passes_over_what_is_known() {
    let first = (1..=16, 0, 1, &[NEXT, EOB][..]);
    let within = (1..=16, 1, 0, &[AFTER_14, "0"][..]);
    let past = (1..=16, 1, 0, &[ZRL, "0"][..]);
    assert!(is_intact(&[first.clone(), within], ALL));
    assert!(!is_intact(&[first, past], ALL));
}
