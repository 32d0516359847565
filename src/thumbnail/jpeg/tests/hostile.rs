//! Files that are made to do harm, and kinds that are not read.

use dataset::jpeg::{Scan, icc, sequential as one_scan, write};

use super::super::super::Limited;
use super::super::super::planes::Effort;
use super::super::MAX_SCANS;
use super::*;

/// Writes another size into the frame header.
fn claim(file: &mut [u8], width: u16, height: u16) {
    let frame = |w: &[u8]| w[0] == 0xFF && matches!(w[1], 0xC0..=0xC2);
    let at = file.windows(2).position(frame).unwrap();
    file[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    file[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
}

fn error(file: &[u8]) -> Error {
    read(file, 512, Effort::Default).unwrap_err()
}

/// A picture of 65,500 x 65,500 in some hundred bytes.
#[test]
fn case_7_a_decompression_bomb_is_refused_from_its_header() {
    let frame = picture(8, 8, &[(2, 2), (1, 1), (1, 1)], 1);
    for layout in two_layouts(&frame) {
        let mut file = write(&frame, &layout);
        assert!(file.len() < 700, "{}", file.len());
        claim(&mut file, 65_500, 65_500);
        assert!(matches!(error(&file), Error::TooLarge { .. }));
        // It needs no more than the header for it.
        let scan = file.windows(2).position(|w| w == [0xFF, 0xDA]).unwrap();
        let refused = reader(512, Effort::Default).advance(&file[..scan]);
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    }
}

#[test]
fn a_bomb_by_dnl_is_refused_too() {
    let frame = picture(8, 8, &[(1, 1)], 1);
    let [plain, _] = two_layouts(&frame);
    let layout = Layout { dnl: true, ..plain };
    let mut file = write(&frame, &layout);
    claim(&mut file, 65_500, 0);
    let dnl = file.len() - 8;
    assert_eq!(file[dnl..dnl + 2], [0xFF, 0xDC]);
    file[dnl + 4..dnl + 6].copy_from_slice(&65_500_u16.to_be_bytes());
    let refused = error(&file);
    assert!(matches!(refused, Error::TooLarge { .. }), "{refused:?}");
}

#[test]
fn pixels_and_memory_are_limited_before_any_is_taken() {
    let frame = picture(400, 400, &[(1, 1), (1, 1), (1, 1)], 2);
    let pixels = Limits {
        max_pixels: 400 * 400 - 1,
        ..Limits::default()
    };
    let memory = Limits {
        max_decoded_bytes: 600 << 10,
        ..Limits::default()
    };
    for layout in two_layouts(&frame) {
        for (limits, expected) in [(pixels, Limited::Pixels), (memory, Limited::DecodedBytes)] {
            let want = Want {
                largest: ALL,
                effort: Effort::Default,
            };
            let mut reader = Reader::new(want, limits, Stop::default());
            match reader.advance(&write(&frame, &layout)) {
                Err(Error::TooLarge { what, .. }) => assert_eq!(what, expected),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Thousands of scans, of which each would cost time: repeated, or refinements without end.
#[test]
fn case_8_thousands_of_scans_are_refused() {
    let frame = picture(64, 64, &[(1, 1)], 3);
    let mut scans = vec![Scan::dc(&[0], 0, 0)];
    scans.extend((0..3000).map(|_| Scan::ac(0, 1..=63, 1, 0)));
    let file = write(&frame, &progressive(scans));
    let refused = read(&file, ALL, Effort::Default).unwrap_err();
    let Error::TooLarge { value, limit, .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((value, limit), (MAX_SCANS + 1, MAX_SCANS));
}

/// A scan that says again what is known is passed over, and what it says is not believed.
#[test]
fn a_repeated_scan_changes_nothing() {
    let frame = picture(64, 64, &[(1, 1)], 4);
    let once = vec![
        Scan::dc(&[0], 0, 1),
        Scan::ac(0, 1..=63, 0, 1),
        Scan::dc(&[0], 1, 0),
        Scan::ac(0, 1..=63, 1, 0),
    ];
    let twice: Vec<Scan> = once[..3]
        .iter()
        .flat_map(|s| [s.clone(), s.clone()])
        .chain([once[3].clone()])
        .collect();
    let planes = |scans| read(&write(&frame, &progressive(scans)), ALL, Effort::Default).unwrap();
    assert!(planes(once) == planes(twice));
}

/// Entropy-coded data without end: bytes are passed, nothing is kept of them.
#[test]
fn data_after_the_last_mcu_is_passed_over() {
    let frame = picture(16, 16, &[(1, 1)], 5);
    let [plain, _] = two_layouts(&frame);
    let file = write(&frame, &plain);
    let mut long = file[..file.len() - 2].to_vec();
    long.resize(3 << 20, 0x55);
    long.extend([0xFF, 0xD9]);
    assert!(
        read(&long, ALL, Effort::Default).unwrap() == read(&file, ALL, Effort::Default).unwrap()
    );
}

#[test]
fn case_9_a_huge_profile_is_left_out_and_the_picture_read() {
    let frame = picture(16, 16, &[(1, 1)], 6);
    let [plain, _] = two_layouts(&frame);
    let with = |bytes: usize| {
        let layout = Layout {
            segments: icc(&vec![7; bytes], 65_519),
            ..plain.clone()
        };
        read(&write(&frame, &layout), ALL, Effort::Default).unwrap()
    };
    assert_eq!(with(60_000).icc.map(|icc| icc.len()), Some(60_000));
    assert_eq!(with(Limits::DEFAULT.max_icc_bytes as usize + 1).icc, None);
    assert_eq!(with(200 * 65_519).icc, None);
    assert_eq!(with(200 * 65_519).planes, with(100).planes);
}

#[test]
fn a_stop_ends_the_reading() {
    let frame = picture(200, 200, &[(1, 1)], 7);
    for layout in two_layouts(&frame) {
        let file = write(&frame, &layout);
        let stop = Stop::default();
        let want = Want {
            largest: ALL,
            effort: Effort::Default,
        };
        let mut reader = Reader::new(want, Limits::default(), stop.clone());
        assert_eq!(reader.advance(&file[..40]).unwrap(), Progress::NeedMore);
        stop.stop();
        assert!(matches!(reader.advance(&file), Err(Error::Stopped)));
    }
}

/// Kinds that are not read are refused by name.
#[test]
fn kinds_that_are_not_read_are_named() {
    let frame = picture(16, 16, &[(1, 1)], 8);
    let [plain, _] = two_layouts(&frame);
    let file = write(&frame, &plain);
    let at = file.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    for (marker, name) in [
        (0xC3, "lossless"),
        (0xC5, "hierarchical"),
        (0xC6, "hierarchical"),
        (0xC7, "hierarchical"),
        (0xC9, "arithmetic"),
        (0xCA, "arithmetic"),
        (0xCB, "arithmetic"),
        (0xCD, "arithmetic"),
        (0xCF, "arithmetic"),
    ] {
        let mut other = file.clone();
        other[at + 1] = marker;
        let error = error(&other);
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
    // A hierarchical picture begins with DHP, which looks like a frame header (T.81, B.3.2); so do its
    // first frames.
    let length = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
    let mut hierarchical = file.clone();
    let mut dhp = file[at..at + 2 + length].to_vec();
    dhp[1] = 0xDE;
    hierarchical.splice(at..at, dhp);
    assert!(error(&hierarchical).to_string().contains("hierarchical"));
    let mut expands = file.clone();
    expands.splice(at..at, [0xFF, 0xDF, 0, 3, 0x11]);
    assert!(error(&expands).to_string().contains("hierarchical"));
    let mut twelve_bit = file.clone();
    twelve_bit[at + 1] = 0xC1;
    twelve_bit[at + 4] = 12;
    assert!(error(&twelve_bit).to_string().contains("12-bit"));
}

/// Headers that contradict the standard or themselves. Each is an error, none a panic.
#[test]
fn impossible_headers_are_refused() {
    let frame = picture(40, 40, &[(2, 2), (1, 1), (1, 1)], 9);
    let file = write(&frame, &sequential(one_scan(3)));
    let find = |marker| file.windows(2).position(|w| w == [0xFF, marker]).unwrap();
    let (sof, dqt, dht, sos) = (find(0xC0), find(0xDB), find(0xC4), find(0xDA));
    let changes: &[(&str, &[(usize, u8)])] = &[
        ("no columns", &[(sof + 7, 0), (sof + 8, 0)]),
        ("two components", &[(sof + 9, 2)]),
        ("no component", &[(sof + 9, 0)]),
        ("a factor of 0", &[(sof + 11, 0x20)]),
        ("a factor of 5", &[(sof + 11, 0x51)]),
        ("a table number of 4", &[(sof + 12, 4)]),
        ("another frame", &[(dht + 1, 0xC0)]),
        ("a DC difference of 16 bits", &[(dht + 21, 16)]),
        ("an MCU of too many blocks", &[(sof + 11, 0x44)]),
        ("a scan of no component", &[(sos + 4, 0)]),
        ("a scan of an unknown component", &[(sos + 5, 99)]),
        ("a component twice in a scan", &[(sos + 7, 1)]),
        ("a Huffman table number of 4", &[(sos + 6, 0x44)]),
        ("a missing Huffman table", &[(sos + 6, 0x33)]),
        ("a missing quantisation table", &[(dqt + 4, 3)]),
        ("more codes than there are", &[(dht + 5, 3)]),
        ("a segment of length 0", &[(dht + 2, 0), (dht + 3, 0)]),
    ];
    for (what, bytes) in changes {
        let mut other = file.clone();
        for (at, byte) in *bytes {
            other[*at] = *byte;
        }
        let result = read(&other, ALL, Effort::Default);
        assert!(result.is_err(), "{what}");
    }
}

/// DNL: without it, with another one, with none that the frame needs.
#[test]
fn the_number_of_lines_must_be_known_and_agree() {
    let frame = picture(24, 24, &[(1, 1)], 10);
    let [plain, _] = two_layouts(&frame);
    let mut without = write(&frame, &plain);
    claim(&mut without, 24, 0);
    assert!(read(&without, ALL, Effort::Default).is_err());
    let mut late = write(&frame, &Layout { dnl: true, ..plain });
    let dnl = late.len() - 8;
    late[dnl + 5] = 0;
    assert!(read(&late, ALL, Effort::Default).is_err());
}
